//! The layer: what is configured once and makes a service around each application.
//!
//! A layer holds no state of its own: every service that it makes shares the registries, so several routers in one
//! process can have the endpoint. Put it around the finished router. A fallback that a framework adds later would
//! otherwise answer in its place.

#[cfg(feature = "cors")]
use tower_http::cors::CorsLayer;
use tower_layer::Layer;

use super::service::RegistrationService;
use super::tenants::Tenants;
use crate::registry::Registry;

/// Puts the registration endpoint in front of a service. See the [crate documentation](crate).
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response, StatusCode};
/// use http_body_util::Full;
/// use tower::{ServiceBuilder, ServiceExt as _};
/// use tower_dcr::store::MemoryStore;
/// use tower_dcr::{Access, RegistrationLayer, Registry};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let registry = Registry::builder("https://id.example.com", Access::ManagementOnly).build(MemoryStore::new())?;
/// let service = ServiceBuilder::new().layer(RegistrationLayer::new(registry)).service_fn(
///     async |_request: Request<Full<Bytes>>| {
///         Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
///     },
/// );
/// let refused = service.clone().oneshot(Request::post("/oidc/register").body(Full::default())?).await?;
/// assert_eq!(refused.status(), StatusCode::FORBIDDEN, "nobody may register");
/// let passed = service.oneshot(Request::post("/anything/else").body(Full::default())?).await?;
/// assert_eq!(passed.status(), StatusCode::OK);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct RegistrationLayer {
    tenants: Tenants,
    #[cfg(feature = "cors")]
    cors: Option<CorsLayer>,
}

impl RegistrationLayer {
    /// Answers registration requests from this registry.
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        Self::for_tenants(registry.into())
    }

    /// Answers registration requests of several tenants, each with its own registry. The request decides which tenant
    /// is meant; see [`Tenants`] for the ways to decide it and for requests that are ambiguous.
    #[must_use]
    pub fn for_tenants(tenants: Tenants) -> Self {
        Self {
            tenants,
            #[cfg(feature = "cors")]
            cors: None,
        }
    }

    /// Lets pages of other origins register and manage clients, by the rules of a
    /// [`CorsLayer`](crate::cors::CorsLayer). The rules apply to the registration endpoint alone; the rest of the
    /// application stays as it is. Default: no page of another origin may, and every page may with
    /// [`Switch::AnyOrigin`](crate::Switch::AnyOrigin).
    #[cfg(feature = "cors")]
    #[must_use]
    pub fn with_cors(mut self, cors: CorsLayer) -> Self {
        self.cors = Some(cors);
        self
    }
}

impl<S> Layer<S> for RegistrationLayer {
    type Service = RegistrationService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        // Clones of registries are pointers, so a service for each connection costs little.
        let service = RegistrationService::for_tenants(inner, self.tenants.clone());
        #[cfg(feature = "cors")]
        let service = service.with_cors(self.cors.clone());
        service
    }
}
