//! Which documents and signatures of others the registry reads: fetched documents, software statements, assertions.
//!
//! Nothing is fetched and no signature is trusted unless the operator configures it.

use crate::error::{ConfigError, ConfigErrorKind};
#[cfg(feature = "software-statements")]
use crate::protocol::{Supported, Switch};
use crate::trust::documents::DocumentSource;
#[cfg(feature = "software-statements")]
use crate::trust::jwt::KeySets;
#[cfg(feature = "software-statements")]
use crate::trust::software_statement::SoftwareStatements;

/// Which documents and signatures of others the registry reads.
#[derive(Debug, Default)]
pub(crate) struct TrustSettings {
    /// `None` if no document is fetched.
    pub(crate) documents: Option<DocumentSource>,
    /// Whether the key set at a `jwks_uri` is read at every registration and update.
    pub(crate) jwks_uri_checked: bool,
    /// The keys at the `jwks_uri` of clients; set by `check_signatures` if documents are fetched.
    #[cfg(feature = "software-statements")]
    pub(crate) published_keys: Option<KeySets>,
    #[cfg(feature = "software-statements")]
    pub(crate) statements: Option<SoftwareStatements>,
    /// Audiences of client assertions besides the issuer.
    #[cfg(feature = "software-statements")]
    pub(crate) legacy_audiences: Vec<String>,
}

impl TrustSettings {
    /// Refuses a check of key sets that cannot be fetched.
    pub(in crate::registry) fn check(&self) -> Result<(), ConfigError> {
        match self.jwks_uri_checked && self.documents.is_none() {
            true => Err(ConfigErrorKind::Documents.into()),
            false => Ok(()),
        }
    }
}

#[cfg(feature = "software-statements")]
impl TrustSettings {
    /// Refuses legacy audiences that cannot have an effect, since the operator believes that they have one. Then it
    /// prepares the cache of published keys.
    pub(in crate::registry) fn check_signatures(&mut self, supported: &Supported) -> Result<(), ConfigError> {
        if let Some(first) = self.legacy_audiences.first() {
            let has_no_effect = supported.is_on(Switch::AudienceString) || !supported.has_assertions();
            if has_no_effect || self.legacy_audiences.iter().any(String::is_empty) {
                return Err(ConfigErrorKind::LegacyAudiences.value(first));
            }
        }
        // Once for the whole registry: all requests share the cache, which bounds how often a key set is fetched.
        self.published_keys = self.documents.clone().map(KeySets::new);
        Ok(())
    }

    /// Whether a request may be one signed token instead of a JSON object.
    pub(crate) fn accepts_signed_requests(&self) -> bool {
        self.statements.as_ref().is_some_and(SoftwareStatements::accepts_signed_requests)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Row, check_rows};
    use super::*;
    use crate::trust::documents::{DocumentError, FetchDocument};

    struct NoDocuments;

    impl FetchDocument for NoDocuments {
        async fn fetch(&self, _url: &str) -> Result<bytes::Bytes, crate::BoxError> {
            Err(DocumentError::rejected("no documents").into())
        }
    }

    #[test]
    fn key_sets_are_checked_only_if_documents_are_fetched() {
        let rows: &[Row<TrustSettings>] = &[
            ("defaults", |_| {}, None),
            ("a check without a fetcher", |group| group.jwks_uri_checked = true, Some(ConfigErrorKind::Documents)),
            (
                "a check with a fetcher",
                |group| {
                    group.jwks_uri_checked = true;
                    group.documents = Some(DocumentSource::new(NoDocuments));
                },
                None,
            ),
        ];
        check_rows(rows, |group| group.check());
    }

    #[cfg(feature = "software-statements")]
    #[test]
    fn legacy_audiences_need_assertions_without_the_switch_that_forbids_them() {
        use super::super::tests::supported;

        let refused = Some(ConfigErrorKind::LegacyAudiences);
        let rows: &[Row<TrustSettings>] = &[
            ("defaults", |_| {}, None),
            ("an audience", |group| group.legacy_audiences.push("https://id.example.com/token".to_owned()), None),
            ("an empty audience", |group| group.legacy_audiences = vec!["a".to_owned(), String::new()], refused),
        ];
        check_rows(rows, |group| group.check_signatures(&supported()));
        let with_audience: &[Row<TrustSettings>] =
            &[("an audience", |group| group.legacy_audiences.push("https://id.example.com/token".to_owned()), refused)];
        let switches = supported().switches.set(Switch::AudienceString, true);
        let supported_with_switch = Supported { switches, ..supported() };
        check_rows(with_audience, |group| group.check_signatures(&supported_with_switch));
        let without_assertions = Supported { auth_methods: Vec::new(), ..supported() };
        check_rows(with_audience, |group| group.check_signatures(&without_assertions));
    }
}
