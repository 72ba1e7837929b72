//! Requests that no honest client sends.

use http::Method;
use http::header::{AUTHORIZATION, HeaderValue};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::refusals::assertions::{Challenge, assert_refused};
use crate::server::{Registered, Server, minimal, minimal_and, send};

const METADATA: Option<&str> = Some("invalid_client_metadata");
const JSON_HEAD: &str = "POST /oidc/register HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";

#[tokio::test]
async fn a_document_that_ends_too_early_is_refused_wherever_it_ends() {
    let server = Server::open().await;
    let document =
        minimal_and(json!({ "client_name": "A", "contacts": ["a\\u0062"], "default_max_age": 1 })).to_string();
    for end in 0..document.len() {
        let reply = send(server.posting(document[..end].to_owned())).await;
        assert_refused(&document[..end], &reply, 400, METADATA, Challenge::None);
    }
    assert_eq!(server.count().await, 0);
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_before_it_was_sent() {
    const PIECE: usize = 64 << 10;
    let server = Server::open().await;
    let piece = vec![b' '; PIECE];
    let rows: [(&str, String, Vec<u8>, usize); 2] = [
        ("10 MiB with a length", format!("{JSON_HEAD}content-length: {}\r\n\r\n", 160 * PIECE), piece.clone(), 160),
        (
            "100 MiB without a length",
            format!("{JSON_HEAD}transfer-encoding: chunked\r\n\r\n"),
            [format!("{PIECE:x}\r\n").as_bytes(), &piece, b"\r\n"].concat(),
            1600,
        ),
    ];
    for (name, head, piece, count) in rows {
        let pieces = std::iter::once(head.into_bytes()).chain(std::iter::repeat_n(piece, count));
        let (reply, taken) = server.raw_pieces(pieces).await;
        assert_refused(name, &reply, 413, METADATA, Challenge::None);
        assert!(taken < count * PIECE, "{name}: all of it was taken");
        assert_eq!(server.count().await, 0, "{name}");
    }
}

#[tokio::test]
async fn the_body_limit_is_exact_with_and_without_a_length() {
    let server = Server::open().await;
    for (length, status) in [(65_536, 201), (65_537, 413)] {
        let mut body = minimal().to_string();
        body.push_str(&" ".repeat(length - body.len()));
        assert_eq!(send(server.posting(body.clone())).await.status, status, "{length} bytes with a length");
        let chunked = format!(
            "{JSON_HEAD}connection: close\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"
        );
        assert_eq!(server.raw(chunked.as_bytes()).await.status, status, "{length} bytes without a length");
    }
}

#[tokio::test]
async fn a_body_that_never_arrives_registers_nothing() {
    let server = Server::open().await;
    let document = minimal().to_string();
    for (name, framing) in [
        ("E-015 shorter than its length", format!("content-length: {}\r\n\r\n{document}", document.len() + 1)),
        ("E-015 no last chunk", format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n{document}\r\n", document.len())),
    ] {
        let mut stream = TcpStream::connect(server.address().await).await.unwrap();
        stream.write_all(format!("{JSON_HEAD}{framing}").as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{name}: {answer}");
        assert_eq!(server.count().await, 0, "{name}");
    }
    assert_eq!(server.post(&minimal()).await.status, 201, "the server goes on");
}

#[tokio::test]
async fn unusual_methods_get_an_answer_and_do_nothing() {
    let server = Server::open().await;
    let client = server.register(&minimal()).await;
    let own = format!("/oidc/register/{}", client.id());
    let body = minimal().to_string();
    for method in ["TRACE", "QUERY", "PATCH", "FOO", "LOCK", "PROPFIND", "post", "Get", "M-SEARCH"] {
        for path in ["/oidc/register", &own] {
            let name = format!("{method} {path}");
            let request = format!(
                "{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                client.token(),
                body.len()
            );
            let reply = server.raw(request.as_bytes()).await;
            assert_refused(&name, &reply, 405, Some("invalid_request"), Challenge::None);
            assert!(reply.header("allow").is_some(), "{name}");
        }
    }
    assert_eq!(server.count().await, 1);
    assert_eq!(server.get(&client).await.json(), client.document);
}

#[tokio::test]
async fn no_authorization_header_is_too_strange() {
    let server = Server::open().await;
    let client = server.register(&minimal()).await;
    let long = "A".repeat(60_000);
    let rows: &[&[u8]] = &[
        b"",
        b"Bearer",
        b"Bearer\t",
        b"Bearer \xff\xfe",
        b"\xff",
        b"bearer\xa0x",
        b"Bearer  a b",
        b"Bearer ====",
        b"Bearer \"x\"",
        b"Bearer a,b",
        b"Bearer %00",
        b"Basic",
        b"Basic =",
        b"Basic \xc3\xa9",
        b"Digest x=\"y",
        b",",
        b"Bearer,Bearer x",
        b": x",
        b"Bearer: x",
        b"Token token=x",
        b"Negotiate",
        long.as_bytes(),
        &[b"Bearer ", long.as_bytes()].concat(),
    ];
    for value in rows {
        let name = String::from_utf8_lossy(&value[..value.len().min(20)]);
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let request = server.request(method.clone(), client.uri());
            let reply = send(request.header(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap())).await;
            assert!(matches!(reply.status, 400 | 401), "{method} with {name:?}: {}", reply.status);
            assert!(reply.header("www-authenticate").is_some(), "{method} with {name:?}");
        }
        let reply = send(server.posting(minimal().to_string()).header(AUTHORIZATION, *value)).await;
        assert_eq!(reply.status, 201, "registration with {name:?}");
    }
    assert_eq!(server.get(&client).await.json(), client.document);
}

#[tokio::test]
async fn nothing_in_a_request_moves_the_url_of_a_client() {
    let server = Server::open().await;
    let body = minimal().to_string();
    let rows = [
        ("Host", "/oidc/register", "host: evil.example\r\n"),
        ("X-Forwarded-Host", "/oidc/register", "host: a\r\nx-forwarded-host: evil.example\r\n"),
        ("X-Forwarded-Proto", "/oidc/register", "host: a\r\nx-forwarded-proto: gopher\r\nx-forwarded-port: 1\r\n"),
        ("X-Forwarded-Prefix", "/oidc/register", "host: a\r\nx-forwarded-prefix: /evil.example\r\n"),
        ("Forwarded", "/oidc/register", "host: a\r\nforwarded: host=evil.example;proto=https\r\n"),
        ("X-Original-URL", "/oidc/register", "host: a\r\nx-original-url: /evil.example\r\n"),
        ("absolute target", "http://evil.example/oidc/register", "host: evil.example\r\n"),
    ];
    for (name, target, headers) in rows {
        let request = format!(
            "POST {target} HTTP/1.1\r\n{headers}connection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let reply = server.raw(request.as_bytes()).await;
        let client = Registered::of(&reply);
        assert_eq!(client.uri(), format!("{}/{}", server.endpoint(), client.id()), "{name}");
        assert_eq!(reply.header("location"), Some(client.uri()), "{name}");
        assert!(!format!("{reply:?}").contains("evil.example"), "{name}: {reply:?}");
    }
}
