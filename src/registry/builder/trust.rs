//! What comes from somebody else: fetched documents and signed statements.

use super::RegistryBuilder;
use crate::trust::documents::{DocumentSource, FetchDocument};
#[cfg(feature = "software-statements")]
use crate::trust::software_statement::SoftwareStatements;

impl RegistryBuilder {
    /// Other audiences than the issuer that client assertions may have, for deployed clients that follow
    /// [RFC 7523 §3](https://www.rfc-editor.org/rfc/rfc7523#section-3) before its revision, such as the URL of the token
    /// endpoint. Each of these values is then accepted, alone or in an array of these values and the issuer; such an
    /// authentication is an event `legacy_audience` of the audit trail. Default: none, because a rogue server can make a
    /// client sign for the endpoint of an honest one. It is refused with
    /// [`Switch::AudienceString`](crate::Switch::AudienceString), which `fapi2` turns on, and where no method with assertions is offered.
    #[cfg(feature = "software-statements")]
    pub fn with_legacy_audiences<T: Into<String>>(mut self, audiences: impl IntoIterator<Item = T>) -> Self {
        self.trust.legacy_audiences = audiences.into_iter().map(Into::into).collect();
        self
    }

    /// What fetches the documents that clients name by URL, such as a `Fetcher` (feature `fetch`). Default: nothing,
    /// and a client whose `sector_identifier_uri` must be read is refused.
    pub fn with_document_fetcher(mut self, documents: impl FetchDocument) -> Self {
        self.trust.documents = Some(DocumentSource::new(documents));
        self
    }

    /// Whether a `jwks_uri` must lead to a usable key set when the client registers and with every update. Needs
    /// [`with_document_fetcher`](Self::with_document_fetcher). Default: no, since a client may publish its keys later
    /// ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2)).
    pub fn with_jwks_uri_checked(mut self, checked: bool) -> Self {
        self.trust.jwks_uri_checked = checked;
        self
    }

    /// Verifies software statements. Default: a statement is ignored and not returned
    /// ([RFC 7591 §3.1.1](https://www.rfc-editor.org/rfc/rfc7591#section-3.1.1)).
    #[cfg(feature = "software-statements")]
    pub fn with_software_statements(mut self, statements: SoftwareStatements) -> Self {
        self.supported.set(|supported| supported.software_statements = true);
        self.trust.statements = Some(statements);
        self
    }
}
