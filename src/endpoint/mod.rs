//! The registration endpoint and the client configuration endpoints: HTTP in, HTTP out, the protocol in between.
//!
//! [`respond`] keeps the order that resists abuse: the method, then who asks, and only then the body. Nothing is
//! buffered for a caller who is refused.

mod bearer;
mod body;
pub(crate) mod reply;
mod route;

pub(crate) use bearer::is_bearer_token;
#[cfg(feature = "software-statements")]
pub(crate) use bearer::token as bearer_token;
use body::MediaType;
pub(crate) use reply::Reply;
pub(crate) use route::Route;

use bytes::Bytes;
use http::header::{HeaderMap, IF_MATCH};
use http::request::Parts;
use http::{Method, Request, StatusCode};
use http_body::Body;
use http_body_util::Full;

use crate::access::{Access, Grant};
use crate::audit::Operation;
use crate::client::{Client, Origin};
use crate::config::Preconditions;
use crate::credential::ClientId;
use crate::error::{BoxError, ErrorKind, RegistrationError};
use crate::management::Management;
use crate::metadata::Document;
use crate::registry::Registry;

/// Answers one request for one of our resources.
pub(crate) async fn respond<B>(registry: Registry, route: Route, request: Request<B>) -> Reply
where
    B: Body + Send,
    B::Error: Into<BoxError>,
{
    let (parts, body) = request.into_parts();
    let registry = registry.asked_by(&parts.headers);
    let method = parts.method.clone();
    let methods = route.methods(registry.config());
    #[cfg(feature = "metrics")]
    let underway = crate::metrics::Underway::begin(&registry.config().tenant, &route, &method);
    let replied = match (&route, &method) {
        (_, &Method::OPTIONS) => Ok(reply::options(&methods)),
        _ if !methods.contains(&method.as_str()) => Err(RegistrationError::new(ErrorKind::MethodNotAllowed)),
        (Route::Registration, _) => register(&registry, &parts, body).await,
        (Route::DryRun, _) => check(&registry, &parts, body).await,
        (Route::Client(id), &Method::PUT) => update(&registry, &parts, body, id).await,
        (Route::Client(id), &Method::DELETE) => delete(&registry, &parts, id).await,
        (Route::Client(id), _) => read(&registry, &parts, id).await,
    };
    #[cfg(feature = "metrics")]
    underway.ended(&replied);
    let replied = replied.unwrap_or_else(|error| refuse(&registry, &methods, &error));
    match method {
        Method::HEAD => replied.map(|_| Full::<Bytes>::default()),
        _ => replied,
    }
}

fn refuse(registry: &Registry, methods: &[&str], error: &RegistrationError) -> Reply {
    let reply = reply::refusal(error, &registry.config().realm);
    match error.kind() {
        ErrorKind::MethodNotAllowed => reply::with_allow(reply, methods),
        ErrorKind::UnsupportedMediaType => reply::with_accept(reply, accepted(registry)),
        _ => reply,
    }
}

async fn register<B>(registry: &Registry, parts: &Parts, body: B) -> Result<Reply, RegistrationError>
where
    B: Body + Send,
    B::Error: Into<BoxError>,
{
    let grant = registry.refusal_audited(Operation::Register, None, admit(registry, parts).await)?;
    let mut sent = Bytes::new();
    let registered = async {
        let document = document(registry, parts, body, &mut sent).await?;
        registry.register_document(document, grant.clone(), Some(parts)).await
    };
    let registered = registered.await;
    let information = registry.refusal_to_caller_audited(Operation::Register, &grant, &sent, registered)?;
    Ok(reply::information(StatusCode::CREATED, &information))
}

/// Tells what a registration would come to.
async fn check<B>(registry: &Registry, parts: &Parts, body: B) -> Result<Reply, RegistrationError>
where
    B: Body + Send,
    B::Error: Into<BoxError>,
{
    let grant = registry.refusal_audited(Operation::Check, None, admit(registry, parts).await)?;
    let mut sent = Bytes::new();
    let checked = async {
        let document = document(registry, parts, body, &mut sent).await?;
        registry.check_document(document, &grant, Some(parts)).await
    };
    let checked = checked.await;
    let checked = registry.refusal_to_caller_audited(Operation::Check, &grant, &sent, checked)?;
    Ok(reply::checked(&checked))
}

/// Whether the caller may register at all, decided before the body is read.
async fn admit(registry: &Registry, parts: &Parts) -> Result<Grant, RegistrationError> {
    if !registry.is_registration_enabled() {
        return Err(RegistrationError::new(ErrorKind::RegistrationDisabled));
    }
    for gate in &registry.config().gates_before {
        gate.admit(parts).await.granted()?;
    }
    match &registry.config().access {
        Access::Open => Ok(Grant::of(Origin::Open)),
        Access::Tokens => registry.redeem(bearer::token(parts)?).await,
        Access::Custom(gate) => gate.admit(parts).await.granted()?.within(&registry.config().tenant),
        Access::ManagementOnly | Access::Off => Err(RegistrationError::new(ErrorKind::RegistrationDisabled)),
    }
}

async fn read(registry: &Registry, parts: &Parts, id: &str) -> Result<Reply, RegistrationError> {
    let (id, token) = registry.refusal_audited(Operation::Read, None, credentials(registry, parts, id).await)?;
    let information = registry.read(&id, token).await?;
    let reply = reply::information(StatusCode::OK, &information);
    Ok(match registry.config().preconditions {
        Preconditions::Off => reply,
        Preconditions::Optional | Preconditions::Required => reply::with_etag(reply, information.client()),
    })
}

async fn update<B>(registry: &Registry, parts: &Parts, body: B, id: &str) -> Result<Reply, RegistrationError>
where
    B: Body + Send,
    B::Error: Into<BoxError>,
{
    let (id, token) = registry.refusal_audited(Operation::Update, None, credentials(registry, parts, id).await)?;
    let mut sent = Bytes::new();
    let updated = async {
        let caller = registry.authorize(&id, token, Management::Update).await?;
        let document = document(registry, parts, body, &mut sent).await?;
        let is_meant = |client: &Client| check_precondition(registry, &parts.headers, client);
        registry.update_document(caller, document, Some(parts), &is_meant).await
    };
    let updated = updated.await;
    let information = registry.refused_update_audited(&id, &sent, updated)?;
    Ok(reply::information(StatusCode::OK, &information))
}

async fn delete(registry: &Registry, parts: &Parts, id: &str) -> Result<Reply, RegistrationError> {
    let (id, token) = registry.refusal_audited(Operation::Delete, None, credentials(registry, parts, id).await)?;
    let deleted = async {
        let caller = registry.authorize(&id, token, Management::Delete).await?;
        registry.delete_if(caller, &|client| check_precondition(registry, &parts.headers, client)).await
    };
    match deleted.await {
        // The client is gone, as it wanted; what is left is the server's own affair and on its audit trail.
        Err(error) if error.kind() == ErrorKind::RevocationFailed => {}
        deleted => registry.refusal_audited(Operation::Delete, Some(&id), deleted)?,
    }
    Ok(reply::empty())
}

/// The client that a request names, and the token that it presents, once the gates let the request pass. What cannot be
/// an identifier is answered like a client that does not exist.
async fn credentials<'a>(
    registry: &Registry,
    parts: &'a Parts,
    id: &str,
) -> Result<(ClientId, &'a str), RegistrationError> {
    for gate in &registry.config().management_gates {
        gate.admit(parts).await.granted()?;
    }
    let token = bearer::token(parts)?;
    let id = ClientId::parse(id).ok_or_else(|| RegistrationError::new(ErrorKind::InvalidToken))?;
    Ok((id, token))
}

/// The document of a request. Its text is left in `sent`, so that a refusal can say on the audit trail what was asked.
async fn document<B>(
    registry: &Registry,
    parts: &Parts,
    body: B,
    sent: &mut Bytes,
) -> Result<Document, RegistrationError>
where
    B: Body + Send,
    B::Error: Into<BoxError>,
{
    let (media_type, body) = body::read(&parts.headers, body, registry.config().body_limit, accepted(registry)).await?;
    *sent = body.clone();
    match media_type {
        MediaType::Json => Document::read(&body, registry.config().offer.known()),
        #[cfg(feature = "software-statements")]
        MediaType::Jwt => registry.open_request(&body).await,
    }
}

/// What a document may come as.
fn accepted(registry: &Registry) -> &'static [MediaType] {
    match registry.config() {
        #[cfg(feature = "software-statements")]
        config if config.takes_signed_requests() => &[MediaType::Json, MediaType::Jwt],
        _ => &[MediaType::Json],
    }
}

/// Whether `If-Match` names the state in which the client is, by strong comparison
/// ([RFC 9110 §13.1.1](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1)).
fn check_precondition(registry: &Registry, headers: &HeaderMap, client: &Client) -> Result<(), RegistrationError> {
    let demanded = match registry.config().preconditions {
        Preconditions::Off => return Ok(()),
        Preconditions::Optional => false,
        Preconditions::Required => true,
    };
    if !headers.contains_key(IF_MATCH) {
        let missing = RegistrationError::new(ErrorKind::PreconditionRequired);
        return if demanded { Err(missing) } else { Ok(()) };
    }
    let etag = reply::etag(client);
    let names_it = |value: &str| value.split(',').map(str::trim).any(|tag| tag == "*" || tag == etag);
    let named = headers.get_all(IF_MATCH).iter().filter_map(|value| value.to_str().ok()).any(names_it);
    named.then_some(()).ok_or_else(|| RegistrationError::new(ErrorKind::PreconditionFailed))
}
