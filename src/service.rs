//! The service that the layer makes, and the endpoint as a service of its own.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::body::ResponseBody;
use crate::endpoint::{self, Reply, Route};
use crate::error::{BoxError, RegistrationError};
use crate::future::ResponseFuture;
use crate::registry::Registry;
use crate::tenants::Tenants;

/// Answers registration requests itself and passes every other request on as it is.
///
/// It is ready when the inner service is, and never fails by itself: a refusal is a response.
#[derive(Debug, Clone)]
pub struct RegistrationService<S> {
    inner: S,
    tenants: Tenants,
    #[cfg(feature = "cors")]
    cors: Option<tower_http::cors::CorsLayer>,
}

impl<S> RegistrationService<S> {
    /// Puts the registration endpoint in front of a service.
    pub fn new(inner: S, registry: Registry) -> Self {
        Self::for_tenants(inner, registry.into())
    }

    pub(crate) fn for_tenants(inner: S, tenants: Tenants) -> Self {
        Self {
            inner,
            tenants,
            #[cfg(feature = "cors")]
            cors: None,
        }
    }

    #[cfg(feature = "cors")]
    pub(crate) fn with_cors(self, cors: Option<tower_http::cors::CorsLayer>) -> Self {
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
    /// Kept out of `call`, so that what passes through does not pay for it.
    #[inline(never)]
    fn answer<F, B>(&self, registry: Registry, route: Route, request: Request<B>) -> ResponseFuture<F>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        #[cfg(feature = "cors")]
        if let Some(cors) = self.cors.clone().or_else(|| crate::cors::any_origin(&registry)) {
            return ResponseFuture::register(crate::cors::respond(&cors, registry, route, request));
        }
        ResponseFuture::register(endpoint::respond(registry, route, request))
    }
}

/// Refuses a request before it is known which registry would answer it.
#[inline(never)]
fn refuse<F>(error: &RegistrationError) -> ResponseFuture<F> {
    ResponseFuture::register(std::future::ready(endpoint::reply::refusal(error, "")))
}

/// The registration endpoint without an application behind it: for `nest_service`, for a bare hyper server, for tests.
///
/// It answers below the configured path, and also where a router that mounted it took the path away. Everything else
/// is 404.
///
/// ```
/// use http::{Request, StatusCode};
/// use http_body_util::Full;
/// use tower::ServiceExt as _;
/// use tower_dcr::store::MemoryStore;
/// use tower_dcr::{Access, Registry};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let registry = Registry::builder("https://id.example.com", Access::Open).build(MemoryStore::new())?;
/// let request = Request::post("/oidc/register")
///     .header("content-type", "application/json")
///     .body(Full::<bytes::Bytes>::from(r#"{ "redirect_uris": ["https://app.example.com/cb"] }"#))?;
/// let response = registry.into_service().oneshot(request).await?;
/// assert_eq!(response.status(), StatusCode::CREATED);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct EndpointService {
    registry: Registry,
}

impl Registry {
    /// The registration endpoint as a service of its own.
    #[must_use]
    pub fn into_service(self) -> EndpointService {
        EndpointService { registry: self }
    }
}

impl<ReqBody> Service<Request<ReqBody>> for EndpointService
where
    ReqBody: Body + Send + 'static,
    ReqBody::Data: Send,
    ReqBody::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let registry = self.registry.clone();
        let route = Route::find_mounted(registry.config(), &request);
        Box::pin(async move {
            let reply = match route {
                Some(route) => respond(registry, route, request).await,
                None => endpoint::reply::not_found(),
            };
            Ok(reply.map(ResponseBody::register))
        })
    }
}

/// Answers a request where no layer stands between.
async fn respond<B>(registry: Registry, route: Route, request: Request<B>) -> Reply
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    #[cfg(feature = "cors")]
    if let Some(cors) = crate::cors::any_origin(&registry) {
        return crate::cors::respond(&cors, registry, route, request).await;
    }
    endpoint::respond(registry, route, request).await
}
