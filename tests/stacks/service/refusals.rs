//! Refused callers and callers that never finish cost very little.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::{Layer as _, ServiceBuilder, ServiceExt as _, service_fn};
use tower_dcr::{Access, RegistrationLayer};
use tower_http::timeout::RequestBodyTimeoutLayer;

use crate::support::{Raw, TOKEN, listen, serve_axum, serve_hyper, serve_tonic};

/// Announces a body, sends a part of it, and then nothing.
pub(crate) async fn stall(address: SocketAddr) {
    let mut connection = Raw::connect(address).await;
    connection.send(b"POST /oidc/register HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n").await;
    connection.send(b"Content-Length: 100\r\n\r\n{\"redirect").await;
    let (status, body) = connection.answer().await;
    assert_eq!(status, "HTTP/1.1 408 Request Timeout");
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["error"], "invalid_request");
    assert!(connection.rest().await.is_empty(), "the connection ends, since the rest of the body may still come");
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up_and_stores_nothing() {
    let (listener, address, registry) = listen(Access::Open).await;
    let layers = ServiceBuilder::new()
        .layer(RequestBodyTimeoutLayer::new(Duration::from_millis(50)))
        .layer(RegistrationLayer::new(registry.clone()));
    serve_axum(listener, Router::new().layer(layers));
    stall(address).await;
    assert_eq!(registry.count().await.unwrap(), 0);
}

#[tokio::test]
async fn a_body_that_breaks_off_stores_nothing() {
    let (listener, address, registry) = listen(Access::Open).await;
    serve_axum(listener, Router::new().layer(RegistrationLayer::new(registry.clone())));
    let body = r#"{"redirect_uris":["https://app.example.com/cb"]}"#;
    let mut connection = Raw::connect(address).await;
    // All that a registration needs is there, but one byte of what was announced is not.
    let head = "POST /oidc/register HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    connection.send(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len() + 1).as_bytes()).await;
    connection.finish().await;
    let answer = String::from_utf8(connection.rest().await).unwrap();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert_eq!(registry.count().await.unwrap(), 0);
}

/// Servers that ask for an initial access token.
async fn servers() -> [(&'static str, SocketAddr); 3] {
    let (listener, axum, registry) = listen(Access::Tokens).await;
    serve_axum(listener, Router::new().layer(RegistrationLayer::new(registry)));
    let (listener, hyper, registry) = listen(Access::Tokens).await;
    let inner = service_fn(async |_| Ok::<http::Response<String>, std::convert::Infallible>(http::Response::default()));
    serve_hyper(listener, RegistrationLayer::new(registry).layer(inner));
    let (listener, tonic, registry) = listen(Access::Tokens).await;
    serve_tonic(listener, registry);
    [("axum", axum), ("hyper", hyper), ("tonic", tonic)]
}

#[tokio::test]
async fn who_is_refused_is_never_asked_for_the_body() {
    let json = "Content-Type: application/json";
    let token = format!("Authorization: Bearer {TOKEN}");
    let rows = [
        ("no token", "POST /oidc/register", json.to_owned(), 100, "401 Unauthorized"),
        ("a wrong token", "POST /oidc/register", format!("{json}\r\n{token}-not"), 100, "401 Unauthorized"),
        (
            "another scheme",
            "POST /oidc/register",
            format!("{json}\r\nAuthorization: Basic YTpi"),
            100,
            "401 Unauthorized",
        ),
        ("two tokens", "POST /oidc/register", format!("{json}\r\n{token}\r\n{token}"), 100, "400 Bad Request"),
        ("another method", "PATCH /oidc/register", format!("{json}\r\n{token}"), 100, "405 Method Not Allowed"),
        ("an update without a token", "PUT /oidc/register/abc", json.to_owned(), 100, "401 Unauthorized"),
        (
            "update of an unknown client",
            "PUT /oidc/register/abc",
            format!("{json}\r\n{token}"),
            100,
            "401 Unauthorized",
        ),
        ("a read with a body", "GET /oidc/register/abc", format!("{json}\r\n{token}"), 100, "401 Unauthorized"),
        ("not JSON", "POST /oidc/register", token.clone(), 100, "415 Unsupported Media Type"),
        ("too large", "POST /oidc/register", format!("{json}\r\n{token}"), 65_537, "413 Payload Too Large"),
    ];
    for (server, address) in servers().await {
        for (name, line, headers, length, status) in &rows {
            let name = format!("{server}: {name}");
            let mut connection = Raw::connect(address).await;
            let request = format!(
                "{line} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: close\r\n{headers}\r\n\
                 Content-Length: {length}\r\n\r\n"
            );
            connection.send(request.as_bytes()).await;
            let answer = String::from_utf8(connection.rest().await).unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{name}: {answer}");
            assert!(!answer.contains("100 Continue"), "{name}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_declared_length_is_refused_before_the_body_is_asked_for() {
    let (listener, address, registry) = listen(Access::Open).await;
    // This layer hides the size hint of the body.
    let layers = ServiceBuilder::new()
        .layer(RequestBodyTimeoutLayer::new(Duration::from_secs(30)))
        .layer(RegistrationLayer::new(registry));
    serve_axum(listener, Router::new().layer(layers));
    let rows = [
        ("a byte too many", "Content-Length: 65537", "413 Payload Too Large"),
        ("1 TiB", "Content-Length: 1099511627776", "413 Payload Too Large"),
        ("1 TiB, twice", "Content-Length: 1099511627776\r\nContent-Length: 1099511627776", "413 Payload Too Large"),
        ("two lengths", "Content-Length: 10\r\nContent-Length: 11", "400 Bad Request"),
        ("more than a number holds", "Content-Length: 99999999999999999999", "400 Bad Request"),
        ("not a number", "Content-Length: ten", "400 Bad Request"),
    ];
    for (name, length, status) in rows {
        let mut connection = Raw::connect(address).await;
        let head = "POST /oidc/register HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nConnection: close";
        connection.send(format!("{head}\r\nExpect: 100-continue\r\n{length}\r\n\r\n").as_bytes()).await;
        let answer = String::from_utf8(connection.rest().await).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{name}: {answer}");
    }
}

/// A body without a size hint that must not be asked for its bytes.
struct Untouched;

impl http_body::Body for Untouched {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        panic!("the body was polled")
    }
}

#[tokio::test]
async fn a_length_that_cannot_be_is_refused_without_a_server_that_checks_it() {
    let rows: &[(&str, &[&str], u16, &str)] = &[
        ("1 TiB", &["1099511627776"], 413, "invalid_client_metadata"),
        ("1 TiB, twice in one header", &["1099511627776, 1099511627776"], 413, "invalid_client_metadata"),
        ("more than a number holds", &["99999999999999999999"], 413, "invalid_client_metadata"),
        ("two lengths", &["10", "11"], 400, "invalid_request"),
        ("two lengths in one header", &["10, 11"], 400, "invalid_request"),
        ("no number", &["ten"], 400, "invalid_request"),
        ("a negative number", &["-1"], 400, "invalid_request"),
        ("an empty header", &[""], 400, "invalid_request"),
    ];
    for (name, lengths, status, error) in rows {
        let endpoint = crate::support::registry("https://id.example.com", Access::Open).into_service();
        let request = http::Request::post("/oidc/register").header("content-type", "application/json");
        let request = lengths.iter().fold(request, |request, length| request.header("content-length", *length));
        let response = endpoint.oneshot(request.body(Untouched).unwrap()).await.unwrap();
        assert_eq!(response.status(), *status, "{name}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"], *error, "{name}");
        assert!(body["error_description"].is_string(), "{name}");
    }
}

#[tokio::test]
async fn who_may_register_is_asked_for_the_body() {
    let body = json!({ "redirect_uris": ["https://app.example.com/cb"] }).to_string();
    for (server, address) in servers().await {
        let mut connection = Raw::connect(address).await;
        let request = format!(
            "POST /oidc/register HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Type: application/json\r\n\
             Authorization: Bearer {TOKEN}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        connection.send(request.as_bytes()).await;
        assert_eq!(connection.head().await, "HTTP/1.1 100 Continue\r\n\r\n", "{server}");
        connection.send(body.as_bytes()).await;
        assert_eq!(connection.answer().await.0, "HTTP/1.1 201 Created", "{server}");
    }
}
