//! The registration endpoint as a service, without a socket.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use tower_dcr::Registry;

/// A reply, received completely.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    /// Status and error code of a refusal.
    pub(crate) fn refusal(&self) -> (u16, Option<&str>) {
        (self.status, self.body["error"].as_str())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Where the first violation is.
    pub(crate) fn pointer(&self) -> Option<&str> {
        self.body["violations"][0]["pointer"].as_str()
    }
}

pub(crate) async fn send(registry: &Registry, request: Request<Full<Bytes>>) -> Reply {
    let response = registry.clone().into_service().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    assert_eq!(parts.headers["cache-control"], "no-store");
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    Reply { status: parts.status.as_u16(), headers: parts.headers, body }
}

/// A registration with this body.
pub(crate) fn posting(media_type: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let request = Request::post("/oidc/register").header("content-type", media_type);
    request.body(Full::new(body.into())).unwrap()
}

pub(crate) async fn post(registry: &Registry, document: &Value) -> Reply {
    send(registry, posting("application/json", document.to_string())).await
}

/// An update of a client by the answer to its registration.
pub(crate) async fn put(registry: &Registry, registered: &Reply, document: &Value) -> Reply {
    let mut request = managing(Method::PUT, registered, document.to_string());
    request.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    send(registry, request).await
}

pub(crate) async fn get(registry: &Registry, registered: &Reply) -> Reply {
    send(registry, managing(Method::GET, registered, "")).await
}

/// The status of a deletion.
pub(crate) async fn delete(registry: &Registry, registered: &Reply) -> u16 {
    send(registry, managing(Method::DELETE, registered, "")).await.status
}

/// A request for a registered client, with its token.
pub(crate) fn managing(method: Method, registered: &Reply, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let uri = registered.body["registration_client_uri"].as_str().unwrap();
    let token = registered.body["registration_access_token"].as_str().unwrap();
    let path = uri.split_once("://").unwrap().1.split_once('/').unwrap().1;
    let request = Request::builder().method(method).uri(format!("/{path}"));
    request.header("authorization", format!("Bearer {token}")).body(Full::new(body.into())).unwrap()
}

/// A document that is accepted, with these members on top.
pub(crate) fn minimal_and(members: Value) -> Value {
    let mut document = json!({ "redirect_uris": ["https://app.example.com/cb"] });
    document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    document
}
