//! The registration endpoint and the client configuration endpoints: HTTP in, HTTP out, the registry in between.
//!
//! [`respond`] chooses the operation by resource and method and hands over the head and the unread body; the registry
//! decides when the body is read.

use bytes::Bytes;
use http::header::{HeaderMap, IF_MATCH};
use http::{Method, Request, StatusCode};
use http_body::Body;
use http_body_util::Full;

use super::request_body::{self, MediaType};
use super::request_id::request_id;
use super::response::{self, Reply};
use super::route::Route;
use crate::client::{Client, ClientInformation};
use crate::error::{BoxError, RegistrationError, RegistrationErrorKind};
use crate::hooks::access::RequestHead;
use crate::registry::Registry;
use crate::registry::settings::Preconditions;

/// Answers one request for one of our resources.
pub(crate) async fn respond<B>(registry: Registry, route: Route, request: Request<B>) -> Reply
where
    B: Body + Send,
    B::Error: Into<BoxError>,
{
    let (parts, body) = request.into_parts();
    let request = RequestHead::of_parts(&parts);
    let id = request_id(request.headers(), registry.settings().endpoint.request_id_header.as_deref());
    let registry = id.map_or_else(|| registry.clone(), |id| registry.within_request(id));
    let methods = route.methods(registry.settings());
    #[cfg(feature = "metrics")]
    let timer = crate::metrics::RequestTimer::begin(
        &registry.settings().runtime.tenant_name(),
        route.operation(request.method()),
    );
    let replied = dispatch(&registry, &route, &methods, request, body).await;
    #[cfg(feature = "metrics")]
    timer.finish(&replied);
    let replied = replied.unwrap_or_else(|error| refuse(&registry, &methods, &error));
    match *request.method() {
        Method::HEAD => replied.map(|_| Full::<Bytes>::default()),
        _ => replied,
    }
}

async fn dispatch<B>(
    registry: &Registry,
    route: &Route,
    methods: &[&str],
    request: RequestHead<'_>,
    body: B,
) -> Result<Reply, RegistrationError>
where
    B: Body + Send,
    B::Error: Into<BoxError>,
{
    let limit = registry.settings().endpoint.body_limit;
    let body = request_body::read(request.headers(), body, limit, accepted(registry));
    let is_meant = |client: &Client| check_precondition(registry, request.headers(), client);
    let information = match (route, request.method()) {
        (_, &Method::OPTIONS) => return Ok(response::options(methods)),
        (route, method) if !methods.contains(&method.as_str()) => {
            return Err(registry.refuse_method(route.client_id()).await);
        }
        (Route::Registration, _) => {
            let registered = registry.register_requested(request, body).await?;
            return Ok(response::information(StatusCode::CREATED, &registered));
        }
        (Route::DryRun, _) => return registry.check_requested(request, body).await.map(|run| response::checked(&run)),
        (Route::Client(id), &Method::PUT) => registry.update_requested(request, id, body, &is_meant).await?,
        (Route::Client(id), &Method::DELETE) => {
            return registry.delete_requested(request, id, &is_meant).await.map(|()| response::empty());
        }
        (Route::Client(id), _) => {
            let read = registry.read_requested(request, id).await?;
            return Ok(with_state(registry, &read));
        }
    };
    Ok(response::information(StatusCode::OK, &information))
}

/// The answer to a read, with the state of the client where updates can name it.
fn with_state(registry: &Registry, information: &ClientInformation) -> Reply {
    let reply = response::information(StatusCode::OK, information);
    match registry.settings().endpoint.preconditions {
        Preconditions::Off => reply,
        Preconditions::Optional | Preconditions::Required => response::with_etag(reply, information.client()),
    }
}

fn refuse(registry: &Registry, methods: &[&str], error: &RegistrationError) -> Reply {
    let reply = response::refusal(error, &registry.settings().endpoint.realm);
    match error.kind() {
        RegistrationErrorKind::MethodNotAllowed => response::with_allow(reply, methods),
        RegistrationErrorKind::UnsupportedMediaType => response::with_accept(reply, accepted(registry)),
        _ => reply,
    }
}

/// The media types that a document may have.
fn accepted(registry: &Registry) -> &'static [MediaType] {
    #[cfg(feature = "software-statements")]
    if registry.settings().trust.accepts_signed_requests() {
        return &[MediaType::Json, MediaType::Jwt];
    }
    let _ = registry;
    &[MediaType::Json]
}

/// Whether `If-Match` names the state in which the client is, by strong comparison
/// ([RFC 9110 §13.1.1](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1)).
fn check_precondition(registry: &Registry, headers: &HeaderMap, client: &Client) -> Result<(), RegistrationError> {
    let demanded = match registry.settings().endpoint.preconditions {
        Preconditions::Off => return Ok(()),
        Preconditions::Optional => false,
        Preconditions::Required => true,
    };
    if !headers.contains_key(IF_MATCH) {
        let missing = RegistrationError::new(RegistrationErrorKind::PreconditionRequired);
        return if demanded { Err(missing) } else { Ok(()) };
    }
    let etag = response::etag(client);
    let names_it = |value: &str| value.split(',').map(str::trim).any(|tag| tag == "*" || tag == etag);
    let named = headers.get_all(IF_MATCH).iter().filter_map(|value| value.to_str().ok()).any(names_it);
    named.then_some(()).ok_or_else(|| RegistrationError::new(RegistrationErrorKind::PreconditionFailed))
}
