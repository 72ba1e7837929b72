//! Software of which there is one instance, so that whoever registers it a second time is somebody else
//! ([RFC 7591 §5](https://www.rfc-editor.org/rfc/rfc7591#section-5)).

use crate::client::Client;
use crate::config::RegistryBuilder;
use crate::credential::Digest;
use crate::error::{RegistrationError, StoreError};
use crate::metadata::ClientMetadata;
use crate::registry::Registry;
use crate::store::ClientQuery;

impl RegistryBuilder {
    /// The `software_id` of software of which there is one instance: while a client of it is registered, nobody else
    /// registers or updates to the same `software_id` and `software_version` (P5), whatever its status. Of several
    /// registrations or updates at the same moment one succeeds; the store guarantees it. Default: none.
    ///
    /// ```
    /// use tower_dcr::metadata::ClientMetadata;
    /// use tower_dcr::store::MemoryStore;
    /// use tower_dcr::{Access, Registry};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// let registry = Registry::builder("https://id.example.com", Access::Open)
    ///     .with_single_instances(["com.example.payroll"])
    ///     .build(MemoryStore::new())?;
    /// let payroll = ClientMetadata::from_json(
    ///     br#"{ "redirect_uris": ["https://app.example.com/cb"], "software_id": "com.example.payroll" }"#,
    /// )?;
    /// registry.register(payroll.clone()).await?;
    /// let error = registry.register(payroll).await.unwrap_err();
    /// assert_eq!((error.violations()[0].rule(), error.violations()[0].pointer()), ("P5", "/software_id"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_single_instances<T: Into<String>>(mut self, software_ids: impl IntoIterator<Item = T>) -> Self {
        self.single_instances = software_ids.into_iter().map(Into::into).collect();
        self
    }
}

impl Registry {
    /// What all clients of the same software have in common, where there is only one instance of it.
    pub(crate) fn instance(&self, metadata: &ClientMetadata) -> Option<Digest> {
        let software_id = metadata.software_id.as_ref().filter(|id| self.config().single_instances.contains(id))?;
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
