//! The endpoint as a service of its own.
//!
//! Not every server needs a layer: axum's `nest_service` mounts a service at a path, a server may only register
//! clients, and a test needs no application.
//!
//! It uses the same `Route` and the same `endpoint` as the layer, so both give the same replies. The only difference
//! is that a router may have removed the prefix of the path before this service sees the request.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::body::ResponseBody;
use super::endpoint;
use super::response::{self, Reply};
use super::route::Route;
use crate::error::BoxError;
use crate::registry::Registry;

/// The registration endpoint without an application behind it: for `nest_service`, for a bare hyper server, for tests.
///
/// It answers below the configured path. If a router that mounted it removed the path, it answers at the rest too.
/// Every other request is answered with 404.
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
    /// The registration endpoint as a service of its own. Every protocol failure is a response, so its error is
    /// [`Infallible`].
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
        // There is no inner service to wait for, and the store is reached only by the future.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let registry = self.registry.clone();
        // Found here and not in the future: a request for another path is refused without reading its body.
        let route = Route::find_mounted(registry.settings(), &request);
        Box::pin(async move {
            let reply = match route {
                Some(route) => respond(registry, route, request).await,
                None => response::not_found(),
            };
            Ok(reply.map(ResponseBody::register))
        })
    }
}

/// Answers a request. If [`Switch::AnyOrigin`](crate::Switch::AnyOrigin) is on, the rules for other origins are
/// applied, because no layer around this service could apply them to the endpoint alone.
async fn respond<B>(registry: Registry, route: Route, request: Request<B>) -> Reply
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    #[cfg(feature = "cors")]
    if let Some(cors) = crate::http::cors::any_origin(&registry) {
        return crate::http::cors::respond(&cors, registry, route, request).await;
    }
    endpoint::respond(registry, route, request).await
}
