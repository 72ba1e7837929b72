//! The responses of the endpoint.
//!
//! Each body is JSON or empty. No response may be stored by a cache, because most of them contain credentials or
//! reveal something about them ([RFC 7591 §3.2.1](https://www.rfc-editor.org/rfc/rfc7591#section-3.2.1)). A refusal
//! names the member and the rule and never repeats the value: a reply may be shown in a web page or a log of another
//! party, where a repeated value could be executed or read.

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, LOCATION, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::Full;

use super::request_body::MediaType;
use crate::client::Client;
use crate::client::ClientInformation;
use crate::error::{RegistrationError, RegistrationErrorKind, Violation};
use crate::protocol::json::ObjectWriter;
use crate::registry::DryRun;

/// A response of the endpoint: the whole body is known when it is made.
pub(crate) type Reply = Response<Full<Bytes>>;

/// The client information of a new client ([RFC 7591 §3.2.1](https://www.rfc-editor.org/rfc/rfc7591#section-3.2.1)),
/// with 201 and the URL of its configuration endpoint in `Location`. Without management there is no such URL, and no
/// `Location`.
pub(super) fn created(information: &ClientInformation) -> Reply {
    let mut reply = json(StatusCode::CREATED, information.to_json());
    let uri = information.registration_client_uri();
    if let Some(uri) = uri.and_then(|uri| HeaderValue::from_str(uri).ok()) {
        reply.headers_mut().insert(LOCATION, uri);
    }
    reply
}

/// The client information of a registered client
/// ([RFC 7592 §3](https://www.rfc-editor.org/rfc/rfc7592#section-3)).
pub(super) fn information(information: &ClientInformation) -> Reply {
    json(StatusCode::OK, information.to_json())
}

/// The result of a dry run. 200 and not 201, because nothing was created.
pub(super) fn dry_run(dry_run: &DryRun) -> Reply {
    json(StatusCode::OK, dry_run.to_json())
}

/// Adds the state in which the client was read. Only a GET has it: the reply to a PUT must not carry an `ETag`, because
/// the server changes the document that was sent
/// ([RFC 9110 §9.3.4](https://www.rfc-editor.org/rfc/rfc9110#section-9.3.4)).
pub(super) fn with_etag(mut reply: Reply, client: &Client) -> Reply {
    if let Ok(etag) = HeaderValue::from_str(&etag(client)) {
        reply.headers_mut().insert(ETAG, etag);
    }
    reply
}

/// The entity tag of a client: its revision in quotes, a strong validator. Every change increases the revision, so
/// two states of a client never have the same tag.
pub(super) fn etag(client: &Client) -> String {
    format!("\"{}\"", client.revision())
}

/// A reply without a body: 204, without `Content-Type`.
pub(super) fn empty() -> Reply {
    finish(StatusCode::NO_CONTENT, Full::default())
}

/// The reply to OPTIONS. It is the same for every client identifier, so it does not disclose which clients exist.
pub(super) fn options(methods: &[&str]) -> Reply {
    with_allow(empty(), methods)
}

/// Names the methods of the resource ([RFC 9110 §10.2.1](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.1)).
pub(crate) fn with_allow(mut reply: Reply, methods: &[&str]) -> Reply {
    if let Ok(methods) = HeaderValue::try_from(methods.join(", ")) {
        reply.headers_mut().insert(ALLOW, methods);
    }
    reply
}

/// A refusal as JSON, with the headers that its status needs: `WWW-Authenticate` for credentials, `Retry-After` if
/// the caller should try again later. `realm` is empty if no registry was found.
pub(crate) fn refusal(error: &RegistrationError, realm: &str) -> Reply {
    // The statuses of errors are constants of this crate, so the conversion does not fail.
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut reply = match error_json(error) {
        Some(body) => json(status, body),
        // No error code, hence no JSON: the challenge says everything.
        None => finish(status, Full::default()),
    };
    let headers = reply.headers_mut();
    if let Some(challenge) = challenge(error, realm) {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    if let Some(wait) = error.retry_after() {
        headers.insert(RETRY_AFTER, whole_seconds(wait).into());
    }
    reply
}

/// The JSON object of a refusal ([RFC 7591 §3.2.2](https://www.rfc-editor.org/rfc/rfc7591#section-3.2.2)), with all
/// violations beside the standard members. `None` if the request had no credentials, where
/// [RFC 6750 §3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1) advises against an error code.
fn error_json(error: &RegistrationError) -> Option<Vec<u8>> {
    let mut object = ObjectWriter::new();
    object.member("error", error.code()?.as_str());
    object.member("error_description", &error.to_string());
    if !error.violations().is_empty() {
        object.member("violations", &Vec::from_iter(error.violations().iter().map(WireViolation::from)));
    }
    Some(object.finish())
}

/// A violation as a reply shows it: where it is, which rule it breaks, and a fixed text. The value itself is left
/// out.
#[derive(serde::Serialize)]
struct WireViolation<'a> {
    pointer: &'a str,
    rule: &'static str,
    detail: &'a str,
}

impl<'a> From<&'a Violation> for WireViolation<'a> {
    fn from(violation: &'a Violation) -> Self {
        Self { pointer: violation.pointer(), rule: violation.rule(), detail: violation.detail() }
    }
}

/// Names the media types and codings that are accepted
/// ([RFC 9110 §15.5.16](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.16)).
pub(super) fn with_accept(mut reply: Reply, accepted: &[MediaType]) -> Reply {
    for media_type in accepted {
        reply.headers_mut().append(ACCEPT, HeaderValue::from_static(media_type.name()));
    }
    reply.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    reply
}

/// The value of `Retry-After` in whole seconds
/// ([RFC 9110 §10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)), at least 1. It is rounded up: a
/// client that came a moment too early would be refused again.
fn whole_seconds(wait: Duration) -> u64 {
    let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    seconds.max(1)
}

/// The challenge of a 401, and of a 400 or 403 about credentials
/// ([RFC 6750 §3](https://www.rfc-editor.org/rfc/rfc6750#section-3)). A request without credentials gets a challenge
/// without an error code, since it is not wrong but only anonymous. Other refusals have no challenge: it would make a
/// client request a new token, which does not help.
fn challenge(error: &RegistrationError, realm: &str) -> Option<HeaderValue> {
    let challenge = match (error.kind(), error.code()) {
        (RegistrationErrorKind::MissingCredentials, _) => format!("Bearer realm=\"{realm}\""),
        (
            RegistrationErrorKind::InvalidToken
            | RegistrationErrorKind::AmbiguousCredentials
            | RegistrationErrorKind::InsufficientScope,
            Some(code),
        ) => {
            let scope = error.scope().map(|scope| format!(", scope=\"{scope}\"")).unwrap_or_default();
            format!("Bearer realm=\"{realm}\", error=\"{code}\"{scope}, error_description=\"{error}\"")
        }
        _ => return None,
    };
    // The realm and every description are checked to be printable ASCII without quotes, so this is always a value.
    HeaderValue::try_from(challenge).ok()
}

/// The reply to a request for another path: 404, for a service without an application behind it. It has no details,
/// so it does not show which paths exist.
pub(crate) fn not_found() -> Reply {
    json(
        StatusCode::NOT_FOUND,
        br#"{"error":"invalid_request","error_description":"this path is not defined"}"#.to_vec(),
    )
}

/// A reply with a JSON body.
fn json(status: StatusCode, body: Vec<u8>) -> Reply {
    let mut reply = finish(status, Full::from(body));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

/// A reply with the headers that every reply of the endpoint has.
fn finish(status: StatusCode, body: Full<Bytes>) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    never_cached(reply.headers_mut());
    reply
}

/// Forbids every cache to store the response ([RFC 6749 §5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)),
/// and every browser to guess another media type.
pub(crate) fn never_cached(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
