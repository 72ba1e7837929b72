//! Software of which there is one instance, so that whoever registers it a second time is somebody else
//! ([RFC 7591 §5](https://www.rfc-editor.org/rfc/rfc7591#section-5)).

use super::Registry;
use crate::client::Client;
use crate::client::credential::Digest;
use crate::error::{RegistrationError, StoreError};
use crate::protocol::metadata::ClientMetadata;
use crate::store::ClientQuery;

impl Registry {
    /// What all clients of the same software have in common, where there is only one instance of it.
    pub(crate) fn instance(&self, metadata: &ClientMetadata) -> Option<Digest> {
        let software_id =
            metadata.software_id.as_ref().filter(|id| self.settings().registration.unique_software.contains(id))?;
        let version = metadata.software_version.as_deref().unwrap_or_default();
        Some(Digest::of(&format!("software\n{software_id}\n{version}")))
    }

    /// Refuses software that another client is. The store checks it once more when it writes; this look comes earlier,
    /// for a dry run and before anything is fetched.
    pub(crate) async fn check_instance(
        &self,
        metadata: &ClientMetadata,
        own: Option<&Client>,
    ) -> Result<(), RegistrationError> {
        let Some(instance) = self.instance(metadata) else { return Ok(()) };
        let query = ClientQuery::new().with_fingerprint(instance).with_limit(2);
        let found = self.store().list(&query).await?;
        match found.iter().any(|client| own.is_none_or(|own| own.id != client.id)) {
            true => Err(StoreError::fingerprint_taken().into()),
            false => Ok(()),
        }
    }
}
