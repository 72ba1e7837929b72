//! Cross-origin requests to the endpoint: the endpoint inside the operator's `CorsLayer`.
//!
//! A `CorsLayer` around the whole application would open all of it, so this one is put around the endpoint alone. It
//! is built for each request, because the resource and its methods differ. Without this feature, and without rules,
//! no reply has a header of CORS, so a browser blocks pages of other origins.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderName, IF_MATCH, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Method, Request, StatusCode};
use http_body::Body;
use tower_http::cors::{Any, CorsLayer};
use tower_layer::Layer as _;
use tower_service::Service;

use super::response::Reply;
use super::route::Route;
use super::{endpoint, response};
use crate::error::BoxError;
use crate::protocol::Switch;
use crate::registry::Registry;

/// One resource of the endpoint, as a service that a `CorsLayer` can wrap for one request.
struct Resource {
    registry: Registry,
    route: Route,
}

impl<B> Service<Request<B>> for Resource
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Reply;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let reply = endpoint::respond(self.registry.clone(), self.route.clone(), request);
        Box::pin(async move { Ok(reply.await) })
    }
}

/// The rules of [`Switch::AnyOrigin`]: a page of any origin may register and manage clients. Cookies are not allowed,
/// and the endpoint reads none: a page needs the token that it received.
pub(crate) fn any_origin(registry: &Registry) -> Option<CorsLayer> {
    let headers = [AUTHORIZATION, CONTENT_TYPE, IF_MATCH, HeaderName::from_static("mcp-protocol-version")];
    let methods = [Method::GET, Method::POST, Method::PUT, Method::DELETE];
    registry.settings().supported.is_on(Switch::AnyOrigin).then(|| {
        // No `allow_credentials`: with it, `Any` would let every page act with the cookies of its visitor.
        CorsLayer::new().allow_origin(Any).allow_methods(methods).allow_headers(headers).expose_headers([
            ETAG,
            LOCATION,
            RETRY_AFTER,
            WWW_AUTHENTICATE,
        ])
    })
}

/// Answers a request under the rules of a `CorsLayer`. The layer answers a preflight itself, before access control,
/// because a browser sends no credentials with it
/// ([Fetch §4.8](https://fetch.spec.whatwg.org/#cors-preflight-fetch)). Its status and headers are then set to those
/// of every reply to OPTIONS, so that a preflight does not differ from another OPTIONS.
pub(crate) fn respond<B>(
    cors: &CorsLayer,
    registry: Registry,
    route: Route,
    request: Request<B>,
) -> impl Future<Output = Reply> + Send + 'static
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let methods = route.methods(registry.settings());
    let is_options = *request.method() == Method::OPTIONS;
    let response = cors.layer(Resource { registry, route }).call(request);
    async move {
        let Ok(mut reply) = response.await;
        // The reply to a preflight comes from the layer, which does not set these headers.
        response::never_cached(reply.headers_mut());
        if !is_options {
            return reply;
        }
        *reply.status_mut() = StatusCode::NO_CONTENT;
        response::with_allow(reply, &methods)
    }
}
