//! The registration endpoint as a service, without a socket.

use bytes::Bytes;
use http::{HeaderValue, Method, Request};
use http_body_util::Full;
use serde_json::Value;
use tower_dcr::Registry;

use crate::common::oneshot::call;

pub(crate) use crate::common::minimal_and;
pub(crate) use crate::common::reply::Reply;

pub(crate) async fn send(registry: &Registry, request: Request<Full<Bytes>>) -> Reply {
    let reply = call(registry.clone().into_service(), request).await;
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.document.is_null(), reply.body.is_empty(), "JSON or nothing: {}", reply.text());
    reply
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
    let uri = registered.document["registration_client_uri"].as_str().unwrap();
    let token = registered.document["registration_access_token"].as_str().unwrap();
    let path = uri.split_once("://").unwrap().1.split_once('/').unwrap().1;
    let request = Request::builder().method(method).uri(format!("/{path}"));
    request.header("authorization", format!("Bearer {token}")).body(Full::new(body.into())).unwrap()
}
