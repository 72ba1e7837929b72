//! The handle: what the protocol does, free of HTTP.
//!
//! The registration endpoint and the application use the same operations, so what one of them refuses, the other
//! cannot do either.
//!
//! ```
//! use tower_dcr::metadata::ClientMetadata;
//! use tower_dcr::store::MemoryStore;
//! use tower_dcr::{Access, ErrorKind, Registry};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let registry = Registry::builder("https://id.example.com", Access::ManagementOnly).build(MemoryStore::new())?;
//! let mut metadata = ClientMetadata::new();
//! metadata.redirect_uris = vec!["https://app.example.com/cb".to_owned()];
//! let registered = registry.register(metadata.clone()).await?;
//! let id = registered.client().id().clone();
//! let token = registered.registration_access_token().unwrap().expose().to_owned();
//!
//! metadata.client_name = "App".into();
//! let updated = registry.update(&id, &token, metadata).await?;
//! assert_eq!(updated.client().metadata().client_name.untagged(), Some("App"));
//!
//! registry.delete(&id, &token).await?;
//! assert_eq!(registry.read(&id, &token).await.unwrap_err().kind(), ErrorKind::InvalidToken);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod host;
mod lifecycle;
mod manage;
mod register;
mod retention;
mod reuse;
mod secrets;
mod settle;
mod tokens;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

pub use host::Stats;
pub use settle::Checked;

use crate::access::{Access, Grant};
use crate::audit::{AuditEvent, Context, Operation, RequestedClient};
use crate::client::Client;
use crate::config::{Config, RegistryBuilder};
use crate::credential::{ClientId, ClientSecret, RegistrationAccessToken};
use crate::error::{ErrorKind, RegistrationError};
use crate::information::ClientInformation;
use crate::store::ErasedStore;

/// How often an operation starts again when somebody else changed the client meanwhile.
const ATTEMPTS: usize = 4;

/// The handle on all registered clients. Clones are cheap and share everything.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
    context: Context,
}

struct Inner {
    config: Config,
    store: Box<dyn ErasedStore>,
    open_for_registration: AtomicBool,
}

impl Registry {
    /// Begins to build a registry for the server at this base URL, with a decision on who may register.
    ///
    /// The base URL is `https` (or `http` on loopback), may have a path, and is where clients reach the endpoint; it is
    /// never taken from a request.
    pub fn builder(base_url: impl Into<String>, access: Access) -> RegistryBuilder {
        RegistryBuilder::new(base_url.into(), access)
    }

    pub(crate) fn new(config: Config, store: Box<dyn ErasedStore>) -> Self {
        let inner = Inner { config, store, open_for_registration: AtomicBool::new(true) };
        Self { inner: Arc::new(inner), context: Context::default() }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.inner.config
    }

    pub(crate) fn store(&self) -> &dyn ErasedStore {
        &*self.inner.store
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// The same registry; what it does from here is told apart on the audit trail.
    pub(crate) fn in_context(&self, context: Context) -> Self {
        Self { context, ..self.clone() }
    }

    /// The issuer identifier of the authorization server
    /// ([`with_issuer`](RegistryBuilder::with_issuer)).
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.config().issuer
    }

    /// The URL for `registration_endpoint` in the server's metadata
    /// ([RFC 8414 §2](https://www.rfc-editor.org/rfc/rfc8414#section-2)); none while nobody can register.
    #[must_use]
    pub fn registration_endpoint(&self) -> Option<&str> {
        self.is_registration_enabled().then_some(&*self.config().endpoint)
    }

    /// Whether new clients can register at present.
    #[must_use]
    pub fn is_registration_enabled(&self) -> bool {
        let possible = !matches!(self.config().access, Access::Off | Access::ManagementOnly);
        possible && self.inner.open_for_registration.load(Ordering::Relaxed)
    }

    /// Switches registration off, or on again, while the server runs. Meanwhile a registration is answered with 403
    /// and registered clients are managed as before.
    pub fn set_registration_enabled(&self, enabled: bool) {
        self.inner.open_for_registration.store(enabled, Ordering::Relaxed);
    }

    /// The time by the registry's clock.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.config().clock.now()
    }

    fn information(
        &self,
        client: Arc<Client>,
        secret: Option<ClientSecret>,
        token: Option<RegistrationAccessToken>,
    ) -> ClientInformation {
        let uri = token.is_some().then(|| format!("{}/{}", self.config().endpoint, client.id));
        ClientInformation::new(client, secret, token, uri)
    }

    pub(crate) fn audit(&self, event: &AuditEvent<'_>) -> Result<(), RegistrationError> {
        let event = event.within(self.now(), &self.config().tenant, &self.context);
        let recorded = self.config().audit.record(&event);
        recorded.map_err(|source| RegistrationError::new(ErrorKind::Unavailable).caused_by(source))
    }

    /// Puts a refusal on the audit trail. It stays a refusal when that fails. A revocation that failed is there already.
    pub(crate) fn refusal_audited<T>(
        &self,
        operation: Operation,
        named: Option<&ClientId>,
        done: Result<T, RegistrationError>,
    ) -> Result<T, RegistrationError> {
        done.inspect_err(|error| {
            if operation == Operation::Revoke || error.kind() != ErrorKind::RevocationFailed {
                drop(self.audit(&AuditEvent::refused(operation, named, error)));
            }
        })
    }

    /// As [`refusal_audited`](Self::refusal_audited), for a registration or a dry run by somebody who was let in. `sent`
    /// is the body of the request, as far as it arrived.
    pub(crate) fn refusal_to_caller_audited<T>(
        &self,
        operation: Operation,
        grant: &Grant,
        sent: &[u8],
        done: Result<T, RegistrationError>,
    ) -> Result<T, RegistrationError> {
        done.inspect_err(|error| {
            let requested = RequestedClient::read(sent);
            drop(self.audit(&AuditEvent::refused_to(operation, grant, error).requesting(requested.as_ref())));
        })
    }

    /// As [`refusal_audited`](Self::refusal_audited), for an update over HTTP.
    pub(crate) fn refused_update_audited<T>(
        &self,
        id: &ClientId,
        sent: &[u8],
        done: Result<T, RegistrationError>,
    ) -> Result<T, RegistrationError> {
        done.inspect_err(|error| {
            let requested = RequestedClient::read(sent);
            let event = AuditEvent::refused(Operation::Update, Some(id), error);
            drop(self.audit(&event.requesting(requested.as_ref())));
        })
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Registry")
            .field("endpoint", &self.config().endpoint)
            .field("access", &self.config().access)
            .finish_non_exhaustive()
    }
}
