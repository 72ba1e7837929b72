//! Software that may be registered once.
//!
//! A client that presents the `software_id` of registered software may be an imitation of it
//! ([RFC 7591 §5](https://www.rfc-editor.org/rfc/rfc7591#section-5)). The operator lists software of which there is
//! one instance. Its clients have a fingerprint, and the store refuses a second client with the same one. The store
//! decides in the step that writes, because two requests at the same time would both pass an earlier check.

use super::Registry;
use crate::client::Client;
use crate::client::credential::Digest;
use crate::error::{RegistrationError, StoreError};
use crate::protocol::metadata::ClientMetadata;
use crate::store::ClientQuery;

impl Registry {
    /// The fingerprint that all clients of this software would have; `None` unless the operator listed it as unique.
    pub(crate) fn software_fingerprint(&self, metadata: &ClientMetadata) -> Option<Digest> {
        let software_id =
            metadata.software_id.as_ref().filter(|id| self.settings().registration.unique_software.contains(id))?;
        // The line breaks separate the parts: neither member can contain one, so two different pairs never give one
        // digest.
        let version = metadata.software_version.as_deref().unwrap_or_default();
        // The prefix separates these fingerprints from those of shared registrations.
        Some(Digest::of(&format!("software\n{software_id}\n{version}")))
    }

    /// Refuses software that another client has registered. The store checks it again when it writes. This earlier
    /// check serves dry runs, and refuses before documents are fetched.
    pub(crate) async fn check_unique_software(
        &self,
        metadata: &ClientMetadata,
        own: Option<&Client>,
    ) -> Result<(), RegistrationError> {
        let Some(fingerprint) = self.software_fingerprint(metadata) else { return Ok(()) };
        // Two are enough: one may be the client that is updated.
        let query = ClientQuery::new().with_fingerprint(fingerprint).with_limit(2);
        let found = self.store().list(&query).await?;
        match found.iter().any(|client| own.is_none_or(|own| own.id != client.id)) {
            true => Err(StoreError::fingerprint_taken().into()),
            false => Ok(()),
        }
    }
}
