//! The registration endpoint and the client configuration endpoints: HTTP in, HTTP out, the registry in between.
//!
//! [`respond`] takes a request that is for one of the resources of [`Route`]. It chooses the operation by resource
//! and method, and gives the head of the request and the unread body to the registry, which decides when the body is
//! read and records the outcome. Nothing here decides about a registration.
//!
//! The order matters for safety. The route and the method are known before the registry is called; the registry
//! checks access before it reads the body; and the outcome is recorded before the reply is made. So a caller without
//! rights cannot make this server read, and a reply with credentials is never sent without an event.

use bytes::Bytes;
use http::header::{HeaderMap, IF_MATCH};
use http::{Method, Request};
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

/// Answers one request for one of the resources. It never fails: every refusal is a response. If the future is
/// dropped, a change that the store has acknowledged stays and is recorded; see
/// [`ResponseFuture`](super::ResponseFuture).
pub(crate) async fn respond<B>(registry: Registry, route: Route, request: Request<B>) -> Reply
where
    B: Body + Send,
    B::Error: Into<BoxError>,
{
    let (parts, body) = request.into_parts();
    let request = RequestHead::of_parts(&parts);
    let id = request_id(request.headers(), registry.settings().endpoint.request_id_header.as_deref());
    let registry = id.map_or_else(|| registry.clone(), |id| registry.within_request(id));
    // Computed once, so that `Allow` and the dispatch below cannot disagree.
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
        // A HEAD has the headers of a GET and no body (RFC 9110 §9.3.2). hyper would remove the body; a test service
        // or another server may not.
        Method::HEAD => replied.map(|_| Full::<Bytes>::default()),
        _ => replied,
    }
}

/// Answers what needs no operation of the registry: OPTIONS, and a method that the resource does not have. The registry
/// records the second, because a scan for methods often precedes an attack.
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
    match request.method() {
        // Without credentials: browsers send none with a preflight, and the reply depends on the configuration alone.
        &Method::OPTIONS => Ok(response::options(methods)),
        method if !methods.contains(&method.as_str()) => Err(registry.refuse_method(route.client_id()).await),
        _ => operate(registry, route, request, body).await,
    }
}

/// Runs the operation of the resource and the method. The body is a future here: the registry awaits it after access
/// control, so that a caller without rights cannot make the server read.
async fn operate<B>(
    registry: &Registry,
    route: &Route,
    request: RequestHead<'_>,
    body: B,
) -> Result<Reply, RegistrationError>
where
    B: Body + Send,
    B::Error: Into<BoxError>,
{
    let headers = request.headers();
    let body = request_body::read(headers, body, registry.settings().endpoint.body_limit, accepted(registry));
    let precondition = |client: &Client| check_precondition(registry, headers, client);
    match (route, request.method()) {
        (Route::Registration, _) => {
            let registered = registry.register_requested(request, body).await?;
            Ok(response::created(&registered))
        }
        (Route::DryRun, _) => {
            let dry_run = registry.check_requested(request, body).await?;
            Ok(response::dry_run(&dry_run))
        }
        (Route::Client(id), &Method::PUT) => {
            let updated = registry.update_requested(request, id, body, &precondition).await?;
            Ok(response::information(&updated))
        }
        (Route::Client(id), &Method::DELETE) => {
            registry.delete_requested(request, id, &precondition).await?;
            // 204 as RFC 7592 §2.3 demands.
            Ok(response::empty())
        }
        // GET and HEAD: the other methods of the resource are above.
        (Route::Client(id), _) => {
            let read = registry.read_requested(request, id).await?;
            Ok(with_state(registry, &read))
        }
    }
}

/// The reply to a read. It has an `ETag` if updates can name the state of the client.
fn with_state(registry: &Registry, information: &ClientInformation) -> Reply {
    let reply = response::information(information);
    match registry.settings().endpoint.preconditions {
        Preconditions::Off => reply,
        Preconditions::Optional | Preconditions::Required => response::with_etag(reply, information.client()),
    }
}

/// The reply to a refused request. A 405 needs `Allow`
/// ([RFC 9110 §15.5.6](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.6)), and a 415 names the accepted media
/// types in `Accept` ([RFC 9110 §15.5.16](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.16)).
fn refuse(registry: &Registry, methods: &[&str], error: &RegistrationError) -> Reply {
    let reply = response::refusal(error, &registry.settings().endpoint.realm);
    match error.kind() {
        RegistrationErrorKind::MethodNotAllowed => response::with_allow(reply, methods),
        RegistrationErrorKind::UnsupportedMediaType => response::with_accept(reply, accepted(registry)),
        _ => reply,
    }
}

/// The media types that a document may have.
#[cfg(feature = "software-statements")]
fn accepted(registry: &Registry) -> &'static [MediaType] {
    match registry.settings().trust.accepts_signed_requests() {
        true => &[MediaType::Json, MediaType::Jwt],
        false => &[MediaType::Json],
    }
}

/// The media types that a document may have.
#[cfg(not(feature = "software-statements"))]
fn accepted(_registry: &Registry) -> &'static [MediaType] {
    &[MediaType::Json]
}

/// Refuses an update or a deletion if `If-Match` does not name the current state of the client, by strong comparison
/// ([RFC 9110 §13.1.1](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1)). A weak tag (`W/"1"`) never matches.
/// `*` matches every client that exists. The caller is authorized before this runs, so a 412 discloses nothing to
/// others.
///
/// # Errors
///
/// 428 without `If-Match` if it is required, and 412 if it names another state.
fn check_precondition(registry: &Registry, headers: &HeaderMap, client: &Client) -> Result<(), RegistrationError> {
    let is_required = match registry.settings().endpoint.preconditions {
        Preconditions::Off => return Ok(()),
        Preconditions::Optional => false,
        Preconditions::Required => true,
    };
    if !headers.contains_key(IF_MATCH) {
        // 428 prevents lost updates: a client that did not read the latest state cannot overwrite it (RFC 6585 §3).
        let missing = RegistrationError::new(RegistrationErrorKind::PreconditionRequired);
        return if is_required { Err(missing) } else { Ok(()) };
    }
    let etag = response::etag(client);
    // Splitting at commas is safe: the tag of a client is a number in quotes and contains none.
    let names_it = |value: &str| value.split(',').map(str::trim).any(|tag| tag == "*" || tag == etag);
    let named = headers.get_all(IF_MATCH).iter().filter_map(|value| value.to_str().ok()).any(names_it);
    named.then_some(()).ok_or_else(|| RegistrationError::new(RegistrationErrorKind::PreconditionFailed))
}
