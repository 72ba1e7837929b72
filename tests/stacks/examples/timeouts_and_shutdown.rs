//! What a client can hold of the examples' servers, and how these end: the helper that all of them share.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use futures_util::future::join_all;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Duration, timeout};

use crate::examples::{self, Example};
use crate::support::{PATIENCE, Raw, dial, eventually, reqwest, walk};

const BODY: &str = r#"{"redirect_uris":["https://app.example.com/cb"]}"#;

/// No test takes this long.
const NEVER: &str = "600";

/// Every example that serves, with the flags for open registration.
const EXAMPLES: &[(&str, &[&str])] = &[
    ("server", &[]),
    ("hyper", &[]),
    #[cfg(feature = "cors")]
    ("layered", &[]),
    ("admin", &["--admin-token", "the-token-of-the-operator", "--open"]),
    ("tenants", &[]),
    ("tonic", &[]),
];

/// Sends the head of a registration and waits until the server asks for the body, so it has begun.
async fn begin(example: &Example) -> Raw {
    let mut connection = Raw::connect(example.address()).await;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        example.path(),
        BODY.len()
    );
    connection.send(head.as_bytes()).await;
    assert_eq!(connection.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    connection.send(&BODY.as_bytes()[..10]).await;
    connection
}

/// Waits until the port is closed.
async fn refuses(address: SocketAddr) {
    eventually("a refused connection", async || TcpStream::connect(address).await.err()).await;
}

#[tokio::test]
async fn a_request_that_has_begun_survives_both_signals() {
    for (name, options) in EXAMPLES {
        for signal in ["TERM", "INT"] {
            let name_of_case = format!("{name}, {signal}");
            let example = Example::start(name, options);
            let mut connection = begin(&example).await;
            example.signal(signal);
            refuses(example.address()).await;
            connection.send(&BODY.as_bytes()[10..]).await;
            assert_eq!(connection.answer().await.0, "HTTP/1.1 201 Created", "{name_of_case}");
            assert_eq!(example.exit().await.code(), Some(0), "{name_of_case}");
        }
    }
}

#[tokio::test]
async fn the_drain_is_bounded() {
    let waits = ["--body-timeout", NEVER, "--request-timeout", NEVER];
    let example = Example::start("server", &[&waits[..], &["--drain-timeout", "0.1"]].concat());
    let connection = begin(&example).await;
    example.signal("TERM");
    assert_eq!(example.exit().await.code(), Some(0));
    assert!(connection.rest_or_reset().await.is_empty());
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let waits = ["--body-timeout", NEVER, "--request-timeout", NEVER, "--drain-timeout", NEVER];
    for [first, second] in [["TERM", "TERM"], ["INT", "INT"], ["TERM", "INT"]] {
        let example = Example::start("server", &waits);
        let connection = begin(&example).await;
        example.signal(first);
        refuses(example.address()).await;
        example.signal(second);
        assert_eq!(example.exit().await.code(), Some(1), "{first}, {second}: a request was cut");
        assert!(connection.rest_or_reset().await.is_empty(), "{first}, {second}");
    }
}

/// Beginnings of requests that do not go on.
const STALLED: &[(&str, &[u8])] = &[
    ("nothing", b""),
    ("a byte", b"P"),
    ("a part of a line", b"POST /oidc/regi"),
    ("a part of a head", b"POST /oidc/register HTTP/1.1\r\nHost: a\r\nContent-"),
    ("a part of an HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM"),
    ("an HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    // An empty SETTINGS frame, and HEADERS for stream 1 that end neither the head nor the stream.
    ("a part of an HTTP/2 head", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\0\0\0\0\x01\x83"),
    ("half a head after a request", b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHo"),
    ("nothing after a request", b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"),
];

#[tokio::test]
async fn a_stalled_head_is_ended() {
    for (name, options) in EXAMPLES {
        let example = Example::start(name, &[options, &["--header-timeout", "0.2"][..]].concat());
        let ends = STALLED.iter().map(async |(stalled, bytes)| {
            let mut connection = Raw::connect(example.address()).await;
            connection.send(bytes).await;
            let end = timeout(PATIENCE, connection.rest_or_reset()).await;
            assert!(end.is_ok(), "{name}: {stalled}: the connection is still there");
        });
        join_all(ends).await;
        walk(name, &reqwest(), &example.endpoint).await;
    }
}

#[tokio::test]
async fn a_stalled_head_does_not_hold_up_the_shutdown() {
    let example = Example::start("server", &["--header-timeout", NEVER, "--drain-timeout", NEVER]);
    let mut connections = Vec::new();
    for (stalled, bytes) in STALLED {
        let mut connection = Raw::connect(example.address()).await;
        connection.send(bytes).await;
        if stalled.ends_with("after a request") {
            assert_eq!(connection.answer().await.1, b"hello\n");
        }
        connections.push(connection);
    }
    example.signal("TERM");
    assert_eq!(example.exit().await.code(), Some(0));
}

#[tokio::test]
async fn a_body_that_arrives_byte_by_byte_is_ended() {
    for (name, options) in EXAMPLES {
        let example = Example::start(name, &[options, &["--request-timeout", "0.3"][..]].concat());
        let stream = dial(example.address()).await;
        let (mut answer, mut request) = stream.into_split();
        let path = example.path();
        let drips = tokio::spawn(async move {
            let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n");
            let mut sent = request.write_all(format!("{head}Content-Length: 60000\r\n\r\n").as_bytes()).await;
            while sent.is_ok() {
                sent = request.write_all(b" ").await;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        let mut bytes = vec![0; 4096];
        let length = timeout(PATIENCE, answer.read(&mut bytes)).await.expect("an answer in time").unwrap();
        let text = String::from_utf8_lossy(&bytes[..length]);
        assert!(text.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{name}: {text}");
        let body: Value = serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!(body["error"], "invalid_request", "{name}");
        drop(answer);
        timeout(PATIENCE, drips).await.expect("the connection ends").unwrap();
    }
}

#[tokio::test]
async fn a_client_that_reads_no_response_is_ended() {
    let example = Example::start("server", &["--write-timeout", "0.2"]);
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(example.address()).await.unwrap();
    let requests = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000);
    // Until the buffers on the way are full nothing stands still; then the server must end it.
    let ended = timeout(PATIENCE, async { while stream.write_all(&requests).await.is_ok() {} }).await;
    assert!(ended.is_ok(), "the server still waits for its reader");
    walk("another client", &reqwest(), &example.endpoint).await;
}

#[tokio::test]
async fn an_old_connection_takes_no_more_requests() {
    let example = Example::start("server", &["--max-connection-age", "0.2"]);
    let mut stream = dial(example.address()).await;
    // Each answer is read before the next request, so the connection is never idle for long and never behind.
    let ended = eventually("the end of the connection", async || {
        stream.write_all(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").await.ok();
        let read = stream.read(&mut [0; 4096]).await;
        matches!(read, Ok(0) | Err(_)).then_some(())
    });
    ended.await;
}

#[tokio::test]
async fn an_http_2_client_that_opens_no_window_is_ended() {
    let example = Example::start("server", &["--max-connection-age", "0.2", "--request-timeout", "0.2"]);
    let stream = TokioIo::new(dial(example.address()).await);
    let mut client = http2::Builder::new(TokioExecutor::new());
    let (mut client, connection) = client.initial_stream_window_size(1).handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::get(format!("http://{}/hello", example.address()));
    let request = request.body(Full::<bytes::Bytes>::default()).unwrap();
    let mut body = client.send_request(request).await.unwrap().into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, "h", "one byte is all that the window lets through");
    // The byte is never released, so no more can come.
    let _held = (body, client);
    let _ = timeout(PATIENCE, connection).await.expect("the server ends it");
}

#[tokio::test]
async fn connections_above_the_maximum_wait() {
    let example = Example::start("server", &["--max-connections", "2"]);
    let (first, _second) = (begin(&example).await, begin(&example).await);
    let mut third = Raw::connect(example.address()).await;
    third.send(b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    let answered = timeout(Duration::from_millis(200), third.head()).await;
    assert!(answered.is_err(), "a third connection is served: {answered:?}");
    drop(first);
    let answer = String::from_utf8(third.rest().await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn a_server_without_file_descriptors_serves_again_when_it_has_some() {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 24 && exec \"$0\" \"$@\""]).arg(examples::path("server"));
    command.stderr(Stdio::null());
    let example = Example::start_as("server", command, &["--header-timeout", NEVER]);
    let mut connections = Vec::new();
    for _ in 0..32 {
        connections.push(dial(example.address()).await);
    }
    let mut last = Raw::connect(example.address()).await;
    last.send(b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    let answered = timeout(Duration::from_millis(200), last.head()).await;
    assert!(answered.is_err(), "there were descriptors left: {answered:?}");
    drop(connections);
    assert!(last.rest().await.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn a_head_has_a_largest_size_and_number_of_fields() {
    let example = Example::start("server", &[]);
    let rows = [
        ("a long target", format!("/hello?{}", "a".repeat(20_000)), String::new(), &["414", "431"][..]),
        ("a long field", "/hello".to_owned(), format!("X: {}\r\n", "a".repeat(20_000)), &["431"]),
        ("many fields", "/hello".to_owned(), "X: a\r\n".repeat(100), &["431"]),
        ("a usual head", "/hello".to_owned(), "X: a\r\n".repeat(40), &["200"]),
    ];
    for (name, target, fields, statuses) in rows {
        let mut connection = Raw::connect(example.address()).await;
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
        connection.send(request.as_bytes()).await;
        let head = connection.head().await;
        assert!(statuses.contains(&&head[9..12]), "{name}: {head}");
    }
    let stream = TokioIo::new(dial(example.address()).await);
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get(format!("http://{}/hello", example.address())).header("x", "a".repeat(20_000));
    let refused = client.send_request(request.body(Full::<bytes::Bytes>::default()).unwrap()).await;
    assert!(refused.is_err() || refused.unwrap().status() == 431, "a long field over HTTP/2");
}
