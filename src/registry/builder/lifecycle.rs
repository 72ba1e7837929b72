//! How long secrets and clients are kept, how many there are, and which of them share or exclude each other.
//!
//! Limits protect an open endpoint: without them a caller can register clients until the database is full
//! ([RFC 7591 §5](https://www.rfc-editor.org/rfc/rfc7591#section-5)).

use std::time::Duration;

use super::RegistryBuilder;
use crate::client::credential::SecretStorage;
use crate::hooks::retention::Retention;
use crate::hooks::revocation::Revocation;
use crate::hooks::revocation::Revoke;

impl RegistryBuilder {
    /// How long clients are kept, and how many. Default: any number, for ever.
    pub fn with_retention(mut self, retention: Retention) -> Self {
        self.lifecycle.retention = retention;
        self
    }

    /// The largest number of clients. At this number a registration is answered with 503, also if clients are idle; see
    /// [`Retention::with_max_clients`] for a ceiling at which the oldest unused client is evicted. Default: any number.
    pub fn with_max_clients(mut self, clients: u64) -> Self {
        // A grace without an end: no client may be evicted, so the limit refuses.
        self.lifecycle.retention = self.lifecycle.retention.with_max_clients(clients).with_grace(Duration::MAX);
        self
    }

    /// What revokes the grants of a removed client: its tokens and authorization codes
    /// ([RFC 7592 §2.3](https://www.rfc-editor.org/rfc/rfc7592#section-2.3)). Default: nothing is revoked, because
    /// the registry does not know the grants of the application.
    pub fn with_revocation(mut self, revoke: impl Revoke) -> Self {
        self.lifecycle.revocation = Some(Revocation::new(revoke));
        self
    }

    /// How long a client secret is valid, at least one second; the reply states its end as
    /// `client_secret_expires_at`. An update replaces a secret that has expired or has less than a tenth of this time
    /// left. A read never replaces it, because the reply to a GET may get lost. Default: it does not expire.
    pub fn with_client_secret_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifecycle.secret_lifetime = Some(lifetime);
        self
    }

    /// The form in which client secrets are stored. Default: plain text for a store in memory. A durable store has no
    /// default, because the operator must choose whether a copy of the database may be enough to recover secrets.
    pub fn with_secrets(mut self, secrets: SecretStorage) -> Self {
        self.lifecycle.secrets = Some(secrets);
        self
    }

    /// Whether a public client (`none`) of an anonymous caller ([`Access::Open`](crate::Access::Open)) shares the
    /// registration of an identical client. Default: no.
    ///
    /// The reply is 201 with the `client_id` and `client_id_issued_at` of the registered client and the metadata as
    /// this caller sent it. The two can differ only in the order of values and in the ports of loopback redirection
    /// URIs ([RFC 8252 §7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3)). Other callers use the same client,
    /// so no reply has a registration access token, also not the first one. A disabled client is not shared.
    pub fn with_shared_registrations(mut self, reuse: bool) -> Self {
        self.registration.shared = reuse;
        self
    }

    /// The `software_id` of software of which there is one instance. While a client of it is registered, no other
    /// client can register with, or change to, the same `software_id` and `software_version` (P5), whatever its
    /// status. Of several registrations or updates at the same moment one succeeds; the store guarantees it. Default:
    /// none.
    ///
    /// ```
    /// use tower_dcr::metadata::ClientMetadata;
    /// use tower_dcr::store::MemoryStore;
    /// use tower_dcr::{Access, Registry};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// let registry = Registry::builder("https://id.example.com", Access::Open)
    ///     .with_unique_software(["com.example.payroll"])
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
    pub fn with_unique_software<T: Into<String>>(mut self, software_ids: impl IntoIterator<Item = T>) -> Self {
        self.registration.unique_software = software_ids.into_iter().map(Into::into).collect();
        self
    }
}
