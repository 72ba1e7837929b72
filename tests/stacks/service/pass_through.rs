//! A request for another path passes the layer unchanged, and so does its response.

use std::convert::Infallible;
use std::fmt::Write as _;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::routing::any;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, Request, Response, Uri, Version};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_tungstenite::tungstenite::Message;
use tower::{Layer as _, service_fn};
use tower_dcr::{Access, RegistrationLayer};

use crate::support::{Raw, dial, listen, serve_axum, serve_hyper};

/// Answers with every detail of the request that the layer could have changed.
async fn echo<B: Body<Error: std::fmt::Debug>>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned();
    Ok(Response::new(Full::from(
        json!({
            "method": parts.method.as_str(),
            "target": parts.uri.to_string(),
            "version": format!("{:?}", parts.version),
            "headers": fields(&parts.headers),
            "body": hex(&Sha256::digest(body.to_bytes())),
            "trailers": trailers.as_ref().map(fields),
        })
        .to_string(),
    )))
}

/// Names and values, each as often and in the order as it came.
fn fields(headers: &HeaderMap) -> Vec<(&str, String)> {
    headers.iter().map(|(name, value)| (name.as_str(), hex(value.as_bytes()))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Paths similar to the endpoint's, with queries that a parser would normalise.
const TARGETS: &[&str] = &[
    "/oidc/registerfoo",
    "/oidc/registerfoo?client_id=abc",
    "/OIDC/REGISTER",
    "/Oidc/Register?A=b&a=B",
    "/oidc/register/a/b",
    "/oidc/register/a/b/?x=%zz&&=y&+",
    "/oidc/register//",
    "/oidc/register//?",
    "/oidc/register//a?client_id=%2e%2e/",
    "/oidc/register/../register",
    "/oidc/./register",
    "/oidc//register",
    "//oidc/register",
    "/oidc%2Fregister",
    "/oidc/%72egister",
    "/oidc/register;a=b",
    "/oidc/register%2F",
    "/oidc/register%00",
    "/oidc/regist",
    "/oidc?a=/oidc/register",
    "/?",
    "/",
];

/// Bodies with everything but UTF-8 in them, and none.
fn bodies() -> [(&'static str, Vec<u8>); 3] {
    [("no body", Vec::new()), ("a byte", vec![0xff]), ("100 000 bytes", (0..100_000).map(|n| n as u8).collect())]
}

/// A server with the bare application and one with the layer around it.
async fn two_servers() -> [std::net::SocketAddr; 2] {
    let (bare, bare_address, _) = listen(Access::Open).await;
    serve_hyper(bare, service_fn(echo::<Incoming>));
    let (layered, layered_address, registry) = listen(Access::Open).await;
    serve_hyper(layered, RegistrationLayer::new(registry).layer(service_fn(echo::<Incoming>)));
    [bare_address, layered_address]
}

/// Status, headers except the date, and body.
fn parse(response: &[u8]) -> (Vec<String>, Value) {
    let text = std::str::from_utf8(response).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let head = head.lines().filter(|line| !line.starts_with("date:")).map(str::to_owned).collect();
    (head, serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {text}")))
}

#[tokio::test]
async fn a_request_near_our_paths_arrives_over_http_1_byte_for_byte() {
    let addresses = two_servers().await;
    let absolute = ["http://other.example/oidc/registerfoo?a", "http://id.example.com//oidc/register"];
    for target in TARGETS.iter().chain(&absolute) {
        for (about, body) in bodies() {
            let name = format!("{target} with {about}");
            let mut request = format!(
                "PROPFIND {target} HTTP/1.1\r\nHost: id.example.com\r\nX-Twice: b\r\nx-twice:  a \r\nX-Empty:\r\n\
                 Authorization: Bearer one\r\nAuthorization: Basic two\r\nX-Bytes: "
            )
            .into_bytes();
            request.extend(b"\xe9\xff\r\nX-Twice: b\r\nConnection: close\r\n");
            request.extend(format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len()).bytes());
            request.extend(&body);

            let mut answers = Vec::new();
            for address in addresses {
                let mut connection = Raw::connect(address).await;
                connection.send(&request).await;
                answers.push(parse(&connection.rest().await));
            }
            let (head, echoed) = &answers[1];
            assert_eq!((head, echoed), (&answers[0].0, &answers[0].1), "{name}: bare and layered");
            assert_eq!(head[0], "HTTP/1.1 200 OK", "{name}");
            assert_eq!((&echoed["method"], &echoed["target"]), (&json!("PROPFIND"), &json!(target)), "{name}");
            assert_eq!(echoed["body"], hex(&Sha256::digest(&body)), "{name}");
            let fields = echoed["headers"].as_array().unwrap();
            let named = |name: &str| fields.iter().filter(|field| field[0] == name).map(|field| &field[1]).collect();
            let (twice, bytes): (Vec<_>, Vec<_>) = (named("x-twice"), named("x-bytes"));
            assert_eq!(twice, [&hex(b"b"), &hex(b"a"), &hex(b"b")], "{name}");
            assert_eq!(bytes, ["e9ff"], "{name}");
        }
    }
}

#[tokio::test]
async fn a_request_near_our_paths_arrives_over_http_2_byte_for_byte() {
    let mut clients = Vec::new();
    for address in two_servers().await {
        let stream = TokioIo::new(dial(address).await);
        let (client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        clients.push(client);
    }
    for target in TARGETS {
        for (about, body) in bodies() {
            let name = format!("{target} with {about}");
            let uri = format!("http://id.example.com{target}");
            let request = Request::post(&uri)
                .header("x-twice", "b")
                .header("x-twice", "a")
                .header("authorization", "Bearer one")
                .header("authorization", "Basic two")
                .header("content-type", "application/json")
                .body(Full::<Bytes>::from(body.clone()))
                .unwrap();
            let mut answers = Vec::new();
            for client in &mut clients {
                let (mut parts, body) = client.send_request(request.clone()).await.unwrap().into_parts();
                assert_eq!(parts.version, Version::HTTP_2, "{name}");
                parts.headers.remove("date");
                let body: Value = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap();
                answers.push((parts.status, parts.headers, body));
            }
            assert_eq!(answers[1], answers[0], "{name}: bare and layered");
            assert_eq!(answers[1].2["target"], uri.parse::<Uri>().unwrap().to_string(), "{name}");
            assert_eq!(answers[1].2["body"], hex(&Sha256::digest(&body)), "{name}");
        }
    }
}

#[tokio::test]
async fn chunks_and_trailers_arrive_over_http_1() {
    let mut answers = Vec::new();
    for address in two_servers().await {
        let mut connection = Raw::connect(address).await;
        connection.send(b"POST /oidc/registerfoo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTrailer: x-sum\r\n").await;
        connection.send(b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n").await;
        answers.push(parse(&connection.rest().await));
    }
    assert_eq!(answers[1], answers[0]);
    assert_eq!(answers[1].1["body"], hex(&Sha256::digest(b"abcde")));
    assert_eq!(answers[1].1["trailers"], json!([["x-sum", hex(b"5")]]));
}

#[tokio::test]
async fn a_stream_with_trailers_passes_over_http_2_frame_by_frame() {
    let (listener, address, registry) = listen(Access::Open).await;
    let back = service_fn(async |request: Request<Incoming>| Ok::<_, Infallible>(Response::new(request.into_body())));
    serve_hyper(listener, RegistrationLayer::new(registry).layer(back));
    let stream = TokioIo::new(dial(address).await);
    let (mut client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);

    let (sender, receiver) = mpsc::channel::<Result<Frame<Bytes>, Infallible>>(1);
    let request = Request::post(format!("http://{address}/oidc/registerfoo"));
    let request = request.body(StreamBody::new(ReceiverStream::new(receiver))).unwrap();
    let mut body = client.send_request(request).await.unwrap().into_body();
    // Each frame comes back before the next one is sent, so nothing on the way collects them.
    for text in ["one", "two", "three"] {
        sender.send(Ok(Frame::data(Bytes::from_static(text.as_bytes())))).await.unwrap();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), text);
    }
    let mut trailers = HeaderMap::new();
    trailers.append("grpc-status", "0".parse().unwrap());
    trailers.append("x-twice", "a".parse().unwrap());
    trailers.append("x-twice", "b".parse().unwrap());
    sender.send(Ok(Frame::trailers(trailers.clone()))).await.unwrap();
    drop(sender);
    assert_eq!(body.frame().await.unwrap().unwrap().into_trailers().unwrap(), trailers);
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_websocket_opens_and_speaks_behind_the_layer() {
    let paths = ["/ws", "/oidc/registerfoo", "/oidc/register/a/ws"];
    let upgrade = async |upgrade: WebSocketUpgrade| {
        upgrade.on_upgrade(async |mut socket| {
            while let Some(Ok(message)) = socket.recv().await {
                if socket.send(message).await.is_err() {
                    return;
                }
            }
        })
    };
    let router = paths.iter().fold(Router::new(), |router, path| router.route(path, any(upgrade)));
    let (listener, address, registry) = listen(Access::Open).await;
    serve_axum(listener, router.layer(RegistrationLayer::new(registry)));
    for path in paths {
        let stream = dial(address).await;
        let opened = tokio_tungstenite::client_async(format!("ws://{address}{path}"), stream).await;
        let (mut socket, response) = opened.unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(response.status(), http::StatusCode::SWITCHING_PROTOCOLS, "{path}");
        for message in [Message::text("hello"), Message::binary(vec![0, 255]), Message::text("")] {
            socket.send(message.clone()).await.unwrap();
            assert_eq!(socket.next().await.unwrap().unwrap(), message, "{path}");
        }
        socket.close(None).await.unwrap();
    }
}

#[tokio::test]
async fn an_endpoint_that_is_off_leaves_its_paths_to_the_application() {
    let (listener, address, registry) = listen(Access::Off).await;
    serve_hyper(listener, RegistrationLayer::new(registry).layer(service_fn(echo::<Incoming>)));
    for target in ["/oidc/register", "/oidc/register/", "/oidc/register/abc", "/oidc/register?client_id=abc"] {
        let mut connection = Raw::connect(address).await;
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        connection.send(request.as_bytes()).await;
        assert_eq!(parse(&connection.rest().await).1["target"], target, "{target}");
    }
}
