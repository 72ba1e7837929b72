//! The service that the layer makes: it answers requests for the endpoint and passes every other request through.
//!
//! Most requests are for the application, so the path is compared before anything else is done, and the code for the
//! endpoint is kept out of line. A request that passes through is not changed: neither its path nor its headers nor
//! its body, and the inner service is called in the same task.
//!
//! The service has no state of its own. Clones, which a server makes for each connection, share the registries, and
//! the switch that disables registration takes effect in all of them at once.

use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
#[cfg(feature = "cors")]
use tower_http::cors::CorsLayer;
use tower_service::Service;

use super::body::ResponseBody;
use super::endpoint;
use super::future::ResponseFuture;
use super::response;
use super::route::Route;
use super::tenants::Tenants;
use crate::error::{BoxError, RegistrationError};
use crate::registry::Registry;

/// Answers registration requests itself and passes every other request to the inner service unchanged.
///
/// It is ready when the inner service is ready, and has no error of its own: a refusal is a response. So a layer for
/// load shedding or concurrency limits above it sees the readiness of the application.
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response, StatusCode};
/// use http_body_util::Full;
/// use tower::{ServiceExt as _, service_fn};
/// use tower_dcr::store::MemoryStore;
/// use tower_dcr::{Access, RegistrationService, Registry};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let registry = Registry::builder("https://id.example.com", Access::Open).build(MemoryStore::new())?;
/// let application = service_fn(|_request: Request<Full<Bytes>>| async {
///     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
/// });
/// let service = RegistrationService::new(application, registry);
/// let passed = service.clone().oneshot(Request::get("/hello").body(Full::default())?).await?;
/// assert_eq!(passed.status(), StatusCode::OK);
/// let refused = service.oneshot(Request::get("/oidc/register").body(Full::default())?).await?;
/// assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED, "the application does not see it");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct RegistrationService<S> {
    inner: S,
    tenants: Tenants,
    #[cfg(feature = "cors")]
    cors: Option<CorsLayer>,
}

impl<S> RegistrationService<S> {
    /// Puts the registration endpoint in front of a service. Most applications use
    /// [`RegistrationLayer`](crate::RegistrationLayer) instead.
    pub fn new(inner: S, registry: Registry) -> Self {
        Self::for_tenants(inner, registry.into())
    }

    /// Puts the endpoints of several tenants in front of a service.
    pub(crate) fn for_tenants(inner: S, tenants: Tenants) -> Self {
        Self {
            inner,
            tenants,
            #[cfg(feature = "cors")]
            cors: None,
        }
    }

    /// Sets the rules for pages of other origins. They have precedence over
    /// [`Switch::AnyOrigin`](crate::Switch::AnyOrigin).
    #[cfg(feature = "cors")]
    pub(crate) fn with_cors(self, cors: Option<CorsLayer>) -> Self {
        Self { cors, ..self }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for RegistrationService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ReqBody: Body + Send + 'static,
    ReqBody::Data: Send,
    ReqBody::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // Forwarded also for requests that the endpoint answers: at this point the request is not known yet.
        self.inner.poll_ready(context)
    }

    #[inline]
    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        match self.tenants.find(&request) {
            None => ResponseFuture::pass_through(self.inner.call(request)),
            Some(Ok((registry, route))) => self.answer(registry, route, request),
            Some(Err(error)) => refuse(&error),
        }
    }
}

impl<S> RegistrationService<S> {
    /// Answers a request for the endpoint.
    // Not inlined into `call`: the instructions of the common path stay few.
    #[inline(never)]
    fn answer<F, B>(&self, registry: Registry, route: Route, request: Request<B>) -> ResponseFuture<F>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        #[cfg(feature = "cors")]
        if let Some(cors) = self.cors.clone().or_else(|| crate::http::cors::any_origin(&registry)) {
            return ResponseFuture::register(crate::http::cors::respond(&cors, registry, route, request));
        }
        ResponseFuture::register(endpoint::respond(registry, route, request))
    }
}

/// Refuses a request that does not name exactly one tenant. It belongs to no registry, so the reply has no realm and
/// the refusal is on no audit trail.
#[inline(never)]
fn refuse<F>(error: &RegistrationError) -> ResponseFuture<F> {
    ResponseFuture::register(std::future::ready(response::refusal(error, "")))
}
