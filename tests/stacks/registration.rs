//! The same endpoint in every stack, over HTTP/1 and HTTP/2.

use std::convert::Infallible;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::{Layer as _, service_fn};
use tower_dcr::{Access, RegistrationLayer, Registry};

use crate::support::{self, Hyper, listen, serve_axum, serve_hyper, serve_tonic, walk};

async fn hello(_request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from("hello")))
}

/// Walks through the protocol, by both versions of HTTP, and deletes its client.
async fn walk_both(name: &str, registry: &Registry) {
    let endpoint = registry.registration_endpoint().unwrap();
    for client in [Hyper::http_1(), Hyper::http_2()] {
        let name = format!("{name}, {:?}", client.version);
        walk(&name, &client, endpoint).await;
        assert_eq!(registry.count().await.unwrap(), 0, "{name}");
    }
}

#[tokio::test]
async fn clients_register_over_a_bare_hyper_server() {
    let (listener, address, registry) = listen(Access::Open).await;
    serve_hyper(listener, RegistrationLayer::new(registry.clone()).layer(service_fn(hello)));
    walk_both("hyper", &registry).await;
    for client in [Hyper::http_1(), Hyper::http_2()] {
        assert_eq!(support::get(&client, &format!("http://{address}/")).await.body, "hello");
    }
}

#[tokio::test]
async fn clients_register_over_axum() {
    let (listener, address, registry) = listen(Access::Open).await;
    let router = Router::new().route("/", get(async || "hello")).with_state(registry.clone());
    serve_axum(listener, router.layer(RegistrationLayer::new(registry.clone())));
    let name = "axum";
    walk(name, &Hyper::http_1(), registry.registration_endpoint().unwrap()).await;
    walk(name, &support::reqwest(), registry.registration_endpoint().unwrap()).await;
    assert_eq!(support::get(&Hyper::http_1(), &format!("http://{address}/")).await.body, "hello");
}

#[tokio::test]
async fn clients_register_over_tonic() {
    let (listener, _, registry) = listen(Access::Open).await;
    serve_tonic(listener, registry.clone());
    walk_both("tonic", &registry).await;
}

#[tokio::test]
async fn clients_register_at_a_service_that_axum_nests() {
    let (listener, address, registry) = listen(Access::Open).await;
    let endpoint = registry.clone().into_service();
    let router = Router::new().route("/", get(async || "hello")).nest_service("/oidc/register", endpoint);
    serve_axum(listener, router);
    walk("nest_service", &Hyper::http_1(), registry.registration_endpoint().unwrap()).await;

    let rows = [
        ("/", StatusCode::OK),
        ("/oidc/register", StatusCode::METHOD_NOT_ALLOWED),
        ("/oidc/register/", StatusCode::METHOD_NOT_ALLOWED),
        ("/oidc/register/abc", StatusCode::UNAUTHORIZED),
        ("/oidc/register/abc/", StatusCode::UNAUTHORIZED),
        ("/oidc/register/a/b", StatusCode::NOT_FOUND),
        ("/oidc/registerfoo", StatusCode::NOT_FOUND),
    ];
    for (path, status) in rows {
        let answer = support::get(&Hyper::http_1(), &format!("http://{address}{path}")).await;
        assert_eq!(answer.status, status, "{path}");
    }
}

#[tokio::test]
async fn clients_register_at_a_service_with_no_application_behind_it() {
    let (listener, address, registry) = listen(Access::Open).await;
    serve_hyper(listener, registry.clone().into_service());
    walk_both("hyper without an application", &registry).await;
    for path in ["/oidc/registerfoo", "/oidc/register/a/b", "/OIDC/REGISTER", "/oidc/register//"] {
        let answer = support::get(&Hyper::http_1(), &format!("http://{address}{path}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn the_body_limit_holds_for_a_stream_of_unknown_length_over_http_2() {
    let (listener, _, registry) = listen(Access::Open).await;
    serve_hyper(listener, RegistrationLayer::new(registry.clone()).layer(service_fn(hello)));
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    for (length, status) in [(65_536, StatusCode::CREATED), (65_537, StatusCode::PAYLOAD_TOO_LARGE)] {
        let mut document = r#"{"redirect_uris":["https://app.example.com/cb"]}"#.to_owned();
        document.push_str(&" ".repeat(length - document.len()));
        let pieces: Vec<_> = document.into_bytes().chunks(10_000).map(Bytes::copy_from_slice).collect();
        let frames = pieces.into_iter().map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
        let request = Request::post(registry.registration_endpoint().unwrap());
        let request = request.header("content-type", "application/json");
        let request = request.body(StreamBody::new(tokio_stream::iter(frames))).unwrap();
        assert_eq!(client.request(request).await.unwrap().status(), status, "{length} bytes");
    }
    assert_eq!(registry.count().await.unwrap(), 1);
}
