//! The handle on all registered clients, which the application and the endpoint share.
//!
//! A [`Registry`] is a pointer to the state that [`RegistryBuilder::build`] made, and a context. The context holds
//! the request identifier and the actor that this handle adds to its events on the audit trail. Settings do not
//! change after `build`; the only state beside the store is the switch of [`Registry::set_registration_enabled`].

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

/// How often an operation starts again after another request changed the same client. The number is bounded: a caller
/// that always loses the race gets 409 and no endless loop.
pub(super) const ATTEMPTS: usize = 4;

/// The handle on all registered clients. Clones are cheap and share the store, the settings and the registration
/// switch. It is `Send` and `Sync`; no method needs `&mut self`.
#[derive(Clone)]
pub struct Registry {
    pub(super) inner: Arc<Inner>,
    context: Context,
}

/// The state that all clones share.
pub(super) struct Inner {
    settings: Settings,
    pub(super) store: Box<dyn ErasedStore>,
    /// Read with relaxed ordering: the switch guards no other memory, and a request that is under way may still
    /// finish.
    open_for_registration: AtomicBool,
}

impl Registry {
    /// Begins to build a registry for the server at this base URL. `access` decides who may register and has no
    /// default, so that no server is open by accident.
    ///
    /// The base URL is `https` (or `http` on loopback), may have a path, and is the address at which clients find the
    /// server. It is never taken from a request, because a caller chooses the `Host` header.
    pub fn builder(base_url: impl Into<String>, access: Access) -> RegistryBuilder {
        RegistryBuilder::new(base_url.into(), access)
    }

    /// A registry with checked settings; [`RegistryBuilder::build`] is the only caller.
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

    /// The same registry with another context for its events on the audit trail.
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
    /// ([RFC 8414 §2](https://www.rfc-editor.org/rfc/rfc8414#section-2)). `None` while registration is disabled:
    /// metadata should not advertise an endpoint that refuses every request.
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

    /// Disables or enables registration while the server runs. While it is disabled, a registration is answered with
    /// 403, and registered clients can still read, update and delete their registration. The switch is not stored:
    /// after a restart registration is enabled, and other processes on the same store are not affected.
    pub fn set_registration_enabled(&self, enabled: bool) {
        self.inner.open_for_registration.store(enabled, Ordering::Relaxed);
    }

    /// The current time of the registry's clock, which tests can replace (`RegistryBuilder::with_clock`).
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.settings().runtime.clock.now()
    }

    /// The client information of a reply ([RFC 7592 §3](https://www.rfc-editor.org/rfc/rfc7592#section-3)).
    /// `registration_client_uri` is present only together with a token, because it is of no use without one.
    pub(super) fn information(
        &self,
        client: Arc<Client>,
        secret: Option<ClientSecret>,
        token: Option<RegistrationAccessToken>,
    ) -> ClientInformation {
        // From the configured URL and the canonical path, also if the request used an alias or another host.
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
            // Settings may contain keys and tokens, so only these two are shown.
            .finish_non_exhaustive()
    }
}
