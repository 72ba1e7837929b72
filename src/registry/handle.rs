//! The handle on all registered clients, which the application and the endpoint share.
//!
//! A [`Registry`] is a pointer to what [`RegistryBuilder::build`] made, and the context in which this handle acts: the
//! request and the person that its events on the audit trail name.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use super::builder::RegistryBuilder;
use super::settings::Settings;
use crate::client::credential::{ClientSecret, RegistrationAccessToken};
use crate::client::{Client, ClientInformation};
use crate::hooks::access::Access;
use crate::hooks::audit::Context;
use crate::store::ErasedStore;

/// How often an operation starts again when somebody else changed the client meanwhile.
pub(super) const ATTEMPTS: usize = 4;

/// The handle on all registered clients. Clones are cheap and share everything.
#[derive(Clone)]
pub struct Registry {
    pub(super) inner: Arc<Inner>,
    context: Context,
}

/// What all handles share.
pub(super) struct Inner {
    settings: Settings,
    pub(super) store: Box<dyn ErasedStore>,
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

    pub(crate) fn new(settings: Settings, store: Box<dyn ErasedStore>) -> Self {
        let inner = Inner { settings, store, open_for_registration: AtomicBool::new(true) };
        Self { inner: Arc::new(inner), context: Context::default() }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
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
        self.settings().endpoint.issuer()
    }

    /// The URL for `registration_endpoint` in the server's metadata
    /// ([RFC 8414 §2](https://www.rfc-editor.org/rfc/rfc8414#section-2)); none while nobody can register.
    #[must_use]
    pub fn registration_endpoint(&self) -> Option<&str> {
        self.is_registration_enabled().then_some(&*self.settings().endpoint.url)
    }

    /// Whether new clients can register at present.
    #[must_use]
    pub fn is_registration_enabled(&self) -> bool {
        let possible = !matches!(self.settings().access.access, Access::Off | Access::ManagementOnly);
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
        self.settings().runtime.clock.now()
    }

    pub(super) fn information(
        &self,
        client: Arc<Client>,
        secret: Option<ClientSecret>,
        token: Option<RegistrationAccessToken>,
    ) -> ClientInformation {
        let uri = token.is_some().then(|| format!("{}/{}", self.settings().endpoint.url, client.id));
        ClientInformation::new(client, secret, token, uri)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Registry")
            .field("endpoint", &self.settings().endpoint.url)
            .field("access", &self.settings().access.access)
            .finish_non_exhaustive()
    }
}
