//! The layer.

use tower_layer::Layer;

use super::service::RegistrationService;
use super::tenants::Tenants;
use crate::registry::Registry;

/// Puts the registration endpoint in front of a service. See the [crate documentation](crate).
#[derive(Debug, Clone)]
pub struct RegistrationLayer {
    tenants: Tenants,
    #[cfg(feature = "cors")]
    cors: Option<tower_http::cors::CorsLayer>,
}

impl RegistrationLayer {
    /// Answers registration requests from this registry.
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        Self::for_tenants(registry.into())
    }

    /// Answers registration requests of several tenants, each from its own registry.
    #[must_use]
    pub fn for_tenants(tenants: Tenants) -> Self {
        Self {
            tenants,
            #[cfg(feature = "cors")]
            cors: None,
        }
    }

    /// Lets pages of other origins register and manage clients, by these rules. They apply to the registration
    /// endpoint alone; the rest of the application stays as it is. Default: none may, and all may with
    /// [`Switch::AnyOrigin`](crate::Switch::AnyOrigin).
    #[cfg(feature = "cors")]
    #[must_use]
    pub fn with_cors(mut self, cors: tower_http::cors::CorsLayer) -> Self {
        self.cors = Some(cors);
        self
    }
}

impl<S> Layer<S> for RegistrationLayer {
    type Service = RegistrationService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let service = RegistrationService::for_tenants(inner, self.tenants.clone());
        #[cfg(feature = "cors")]
        let service = service.with_cors(self.cors.clone());
        service
    }
}
