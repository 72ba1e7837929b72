//! What is decided about a registration beyond the rules of the protocol.
//!
//! The policy of the application, and two options about clients that resemble each other. `check` finds a
//! `software_id` that no document can contain, since a list with such an entry protects nothing.

use crate::error::{ConfigError, ConfigErrorKind};
use crate::hooks::policy::Reviewer;
use crate::protocol::rules::text;

/// What is decided about a registration beyond the rules of the protocol.
#[derive(Debug, Default)]
pub(crate) struct RegistrationSettings {
    pub(crate) policy: Option<Reviewer>,
    /// Whether identical public clients share one registration.
    pub(crate) shared: bool,
    /// The `software_id` of software that may be registered once.
    pub(crate) unique_software: Vec<String>,
}

impl RegistrationSettings {
    /// In bytes, as for the member of a client.
    const MAX_SOFTWARE_ID: usize = 256;

    /// Refuses a `software_id` that no client can register: the operator believes that it is unique.
    pub(in crate::registry) fn check(&self) -> Result<(), ConfigError> {
        let is_registrable = |id: &String| !id.is_empty() && text::check(id, Self::MAX_SOFTWARE_ID).is_ok();
        match self.unique_software.iter().find(|id| !is_registrable(id)) {
            Some(id) => Err(ConfigErrorKind::UniqueSoftware.value(id)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Row, check_rows};
    use super::*;

    #[test]
    fn unique_software_is_software_that_can_be_registered() {
        let rows: &[Row<RegistrationSettings>] = &[
            ("defaults", |_| {}, None),
            ("shared registrations", |group| group.shared = true, None),
            ("a software_id", |group| group.unique_software.push("com.example.payroll".to_owned()), None),
            ("256 bytes", |group| group.unique_software.push("x".repeat(256)), None),
            ("257 bytes", |group| group.unique_software.push("x".repeat(257)), Some(ConfigErrorKind::UniqueSoftware)),
            (
                "empty after a valid one",
                |group| group.unique_software = vec!["a".to_owned(), String::new()],
                Some(ConfigErrorKind::UniqueSoftware),
            ),
            (
                "control character",
                |group| group.unique_software.push("a\u{7}".to_owned()),
                Some(ConfigErrorKind::UniqueSoftware),
            ),
        ];
        check_rows(rows, |group| group.check());
    }
}
