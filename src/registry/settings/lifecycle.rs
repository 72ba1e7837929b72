//! How long secrets and clients are kept, and in which form secrets are stored.
//!
//! The form of secrets is checked against the store and against the supported algorithms, because a wrong choice
//! shows only when a client needs its secret, long after it registered.

use std::time::Duration;

use crate::client::credential::SecretStorage;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::hooks::retention::Retention;
use crate::hooks::revocation::Revocation;
use crate::protocol::Supported;

/// The form of secrets in a store that loses them when the process ends.
static IN_MEMORY: SecretStorage = SecretStorage::InMemory;

/// How long secrets and clients are kept.
#[derive(Debug, Default)]
pub(crate) struct LifecycleSettings {
    pub(crate) retention: Retention,
    pub(crate) revocation: Option<Revocation>,
    /// `None` if secrets do not expire.
    pub(crate) secret_lifetime: Option<Duration>,
    /// `None` until the operator chooses; a durable store needs a choice.
    pub(in crate::registry) secrets: Option<SecretStorage>,
}

impl LifecycleSettings {
    /// In which form client secrets are stored.
    pub(crate) fn secrets(&self) -> &SecretStorage {
        self.secrets.as_ref().unwrap_or(&IN_MEMORY)
    }

    /// Refuses secrets that expire at once, that a durable store would hold as text, and that a supported algorithm
    /// cannot use.
    pub(in crate::registry) fn check(&self, is_durable: bool, supported: &Supported) -> Result<(), ConfigError> {
        if let Some(lifetime) = self.secret_lifetime.filter(|lifetime| lifetime.as_secs() == 0) {
            return Err(ConfigErrorKind::SecretLifetime.found(format_args!("{lifetime:?}")));
        }
        // A copy of the database must not contain secrets that can be used.
        if is_durable && matches!(self.secrets(), SecretStorage::InMemory) {
            return Err(ConfigErrorKind::Secrets.into());
        }
        // A symmetric signature needs the text of the secret, and a digest does not give it back.
        match (self.secrets(), supported.symmetric_algorithm()) {
            (SecretStorage::Hashed, Some(name)) => Err(ConfigErrorKind::SymmetricAlgorithms.value(name)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Row, check_rows, supported};
    use super::*;
    use crate::protocol::metadata::SigningAlgorithm;

    fn hashed(group: &mut LifecycleSettings) {
        group.secrets = Some(SecretStorage::hashed());
    }

    fn in_memory(group: &mut LifecycleSettings) {
        group.secrets = Some(SecretStorage::InMemory);
    }

    #[test]
    fn secrets_are_valid_for_a_second_at_least() {
        let rows: &[Row<LifecycleSettings>] = &[
            ("defaults", |_| {}, None),
            ("a second", |group| group.secret_lifetime = Some(Duration::from_secs(1)), None),
            (
                "less than a second",
                |group| group.secret_lifetime = Some(Duration::from_millis(999)),
                Some(ConfigErrorKind::SecretLifetime),
            ),
            ("zero", |group| group.secret_lifetime = Some(Duration::ZERO), Some(ConfigErrorKind::SecretLifetime)),
        ];
        check_rows(rows, |group| group.check(false, &supported()));
    }

    #[test]
    fn a_durable_store_needs_a_choice_of_secret_storage() {
        let rows: &[Row<LifecycleSettings>] = &[
            ("no choice", |_| {}, Some(ConfigErrorKind::Secrets)),
            ("in memory", in_memory, Some(ConfigErrorKind::Secrets)),
            ("hashed", hashed, None),
        ];
        check_rows(rows, |group| group.check(true, &supported()));
    }

    #[test]
    fn a_digest_is_not_enough_for_symmetric_algorithms() {
        let supported = Supported { signing_algorithms: vec![SigningAlgorithm::Hs256], ..supported() };
        let rows: &[Row<LifecycleSettings>] = &[
            ("no choice", |_| {}, None),
            ("in memory", in_memory, None),
            ("hashed", hashed, Some(ConfigErrorKind::SymmetricAlgorithms)),
        ];
        check_rows(rows, |group| group.check(false, &supported));
    }
}
