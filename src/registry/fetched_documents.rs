//! Documents that metadata names by URL and that decide about a registration.
//!
//! A `sector_identifier_uri` must list the redirection URIs ([OpenID Connect Registration
//! §5](https://openid.net/specs/openid-connect-registration-1_0.html#SectorIdentifierValidation)).
//! A `jwks_uri` is read only if the operator wants it.
//!
//! A sector identifier joins hosts into one pairwise subject. If it were not verified, a client could name the sector
//! of another party and correlate its users. Fetching sends a request to an address that the caller chose, so the
//! fetcher protects the internal network, and these checks run after all others.

use bytes::Bytes;

use super::Registry;
use crate::error::{ErrorCode, RegistrationError};
use crate::protocol::metadata::ClientMetadata;
use crate::trust::documents::{self, DocumentError};

impl Registry {
    /// Reads the documents that metadata names, and refuses metadata that contradicts them.
    pub(crate) async fn check_documents(&self, metadata: &ClientMetadata) -> Result<(), RegistrationError> {
        if let Some(uri) = &metadata.sector_identifier_uri {
            let document = self.document("sector_identifier_uri", uri).await?;
            documents::check_sector(&document, metadata)?;
        }
        if let Some(uri) = metadata.jwks_uri.as_ref().filter(|_| self.settings().trust.jwks_uri_checked) {
            let document = self.document("jwks_uri", uri).await?;
            documents::check_keys(&document, metadata, &self.settings().supported)?;
        }
        Ok(())
    }

    /// Fetches one document. The reply never says why it could not be read: an attacker could explore the network of
    /// this server by the different replies. The cause is on the audit trail.
    async fn document(&self, member: &'static str, uri: &str) -> Result<Bytes, RegistrationError> {
        let reply = |error| DocumentError::reply(error, ErrorCode::InvalidClientMetadata, &format!("/{member}"), "M18");
        // Refused, because an unverified sector would let a client choose the pairwise subjects of another one.
        let Some(documents) = &self.settings().trust.documents else {
            return Err(reply(DocumentError::rejected("no source of documents is configured").into()));
        };
        documents.fetch(uri).await.map_err(reply)
    }
}
