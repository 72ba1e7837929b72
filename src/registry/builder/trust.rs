//! Trust in documents of other parties: fetched documents, software statements, and audiences of assertions.
//!
//! All of it is off by default: a server that fetches a URL sends a request to an address that a caller chose, and a
//! server that accepts a statement gives the rights that its issuer attests.

use super::RegistryBuilder;
use crate::trust::documents::{DocumentSource, FetchDocument};
#[cfg(feature = "software-statements")]
use crate::trust::software_statement::SoftwareStatements;

impl RegistryBuilder {
    /// Further audiences that client assertions may have, for deployed clients that follow
    /// [RFC 7523 §3](https://www.rfc-editor.org/rfc/rfc7523#section-3) before its revision, such as the URL of the
    /// token endpoint. Each of these values is then accepted, alone or in an array of these values and the issuer.
    /// Each such authentication is an event `legacy_audience` of the audit trail.
    ///
    /// Default: none, because a malicious server can make a client sign an assertion for the endpoint of an honest
    /// server. [`build`](Self::build) fails with [`Switch::AudienceString`](crate::Switch::AudienceString), which
    /// `fapi2` turns on, and if no method with assertions is supported.
    #[cfg(feature = "software-statements")]
    pub fn with_legacy_audiences<T: Into<String>>(mut self, audiences: impl IntoIterator<Item = T>) -> Self {
        self.trust.legacy_audiences = audiences.into_iter().map(Into::into).collect();
        self
    }

    /// The fetcher of documents that clients name by URL, such as a `Fetcher` (feature `fetch`). Default: none, and a
    /// client whose `sector_identifier_uri` must be read is refused. An implementation must protect the internal
    /// network: the URL is the choice of an untrusted caller (server-side request forgery).
    pub fn with_document_fetcher(mut self, documents: impl FetchDocument) -> Self {
        self.trust.documents = Some(DocumentSource::new(documents));
        self
    }

    /// Whether the `jwks_uri` of a client must return a usable key set at registration and at every update. It needs
    /// [`with_document_fetcher`](Self::with_document_fetcher). Default: no, because a client may publish its keys
    /// later ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2)).
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
