//! Who may register.
//!
//! The access mode, the initial access tokens of the configuration, and the gates. Tokens are kept as digests, so
//! that a memory dump or a debug output does not contain them.

use crate::client::credential::{Digest, InitialAccessToken, is_bearer_token};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::hooks::access::{Access, CustomGate};

/// Who may register.
#[derive(Debug)]
pub(crate) struct AccessSettings {
    pub(crate) access: Access,
    /// The digests of the initial access tokens in the configuration.
    pub(crate) static_tokens: Vec<Digest>,
    /// Why a token in the configuration was refused. `check` reports it, since a builder method returns no error.
    pub(in crate::registry) refused_token: Option<ConfigError>,
    /// The gates that every registration passes, in this order.
    pub(crate) registration_gates: Vec<CustomGate>,
}

/// Registration is off until the operator decides who may register.
impl Default for AccessSettings {
    fn default() -> Self {
        Self { access: Access::Off, static_tokens: Vec::new(), refused_token: None, registration_gates: Vec::new() }
    }
}

impl AccessSettings {
    /// In characters. A shorter token can be guessed, since a static one never expires.
    const MIN_TOKEN: usize = 16;

    /// Adds a token. It is checked here, because only its digest is stored. An error contains its position and its
    /// length, and never its text.
    pub(in crate::registry) fn add_static_token(&mut self, token: &InitialAccessToken) {
        self.static_tokens.push(token.digest());
        if token.expose().len() < Self::MIN_TOKEN || !is_bearer_token(token.expose()) {
            let (number, length) = (self.static_tokens.len(), token.expose().chars().count());
            let found = format_args!("token number {number} with {length} characters");
            // Only the first error is reported, in the order of the configuration.
            self.refused_token.get_or_insert_with(|| ConfigErrorKind::InitialAccessToken.found(found));
        }
    }

    /// Refuses a token that is too weak or that no caller can present.
    pub(in crate::registry) fn check(&mut self) -> Result<(), ConfigError> {
        if let Some(error) = self.refused_token.take() {
            return Err(error);
        }
        // The operator believes that the token protects the endpoint, and with another access it does not.
        if !self.static_tokens.is_empty() && !matches!(self.access, Access::Tokens) {
            return Err(ConfigErrorKind::StaticTokens.found(format_args!("Access::{:?}", self.access)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check_rows;
    use super::*;

    fn add(group: &mut AccessSettings, token: &str) {
        group.add_static_token(&InitialAccessToken::new(token));
    }

    #[test]
    fn static_tokens_are_checked() {
        let weak = Some(ConfigErrorKind::InitialAccessToken);
        let rows: &[super::super::tests::Row<AccessSettings>] = &[
            ("no token", |group| group.access = Access::Open, None),
            ("16 characters", |group| add(group, "0123456789abcdef"), None),
            ("15 characters", |group| add(group, "0123456789abcde"), weak),
            ("empty", |group| add(group, ""), weak),
            ("spaces", |group| add(group, "0123 4567 89ab cdef"), weak),
            (
                "a short one after a long one",
                |group| {
                    add(group, "0123456789abcdef");
                    add(group, "short");
                },
                weak,
            ),
            (
                "a token that nobody can present",
                |group| {
                    add(group, "0123456789abcdef");
                    group.access = Access::Open;
                },
                Some(ConfigErrorKind::StaticTokens),
            ),
        ];
        check_rows(rows, |group| {
            if matches!(group.access, Access::Off) {
                group.access = Access::Tokens;
            }
            group.check()
        });
        assert!(AccessSettings::default().check().is_ok(), "the default");
    }
}
