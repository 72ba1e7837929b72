//! Every reason to refuse a read, an update or a deletion, by its number in the table of errors.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use http::Method;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};
use tower_dcr::Access;
use tower_dcr::access::TokenOptions;
use tower_dcr::config::Preconditions;
use tower_dcr::store::IdleCutoffs;

use crate::fakes::Fragile;
use crate::refusals::assertions::{CANARY, Challenge, assert_answered, assert_refused};
use crate::refusals::documents::broken_members;
use crate::server::{FORBIDDEN, Registered, Reply, Server, minimal, minimal_and, send};

const METADATA: Option<&str> = Some("invalid_client_metadata");
const REQUEST: Option<&str> = Some("invalid_request");
const MANAGED: [Method; 4] = [Method::GET, Method::HEAD, Method::PUT, Method::DELETE];

/// A server with two clients.
async fn two_clients() -> (Server, Registered, Registered) {
    let server = Server::open().await;
    let (one, other) = (server.register(&minimal()).await, server.register(&minimal()).await);
    (server, one, other)
}

/// A request of any method under these `Authorization` headers; an update brings a document that would be accepted.
async fn ask(server: &Server, method: Method, uri: &str, authorization: &[String]) -> Reply {
    let request = server.request(method.clone(), uri);
    let request = if method == Method::PUT { request.json(&minimal()) } else { request };
    send(authorization.iter().fold(request, |request, value| request.header(AUTHORIZATION, value))).await
}

#[tokio::test]
async fn a_request_without_the_clients_own_token_is_refused() {
    let (server, client, other) = two_clients().await;
    let (initial, _) = server.registry.issue_initial_access_token(TokenOptions::new()).await.unwrap();
    let query = format!("{}?access_token={}", client.uri(), client.token());
    let basic = format!("Basic {}:{}", client.id(), client.member("client_secret"));
    let bearer = |token: &str| vec![format!("Bearer {token}")];
    let (missing, invalid) = ((401, None, Challenge::Bare), (401, Some("invalid_token"), Challenge::InvalidToken));
    let twice = (400, REQUEST, Challenge::InvalidRequest);
    let long = format!("{}/{}", server.endpoint(), "a".repeat(129));
    let own = client.uri();
    let rows = [
        ("E-073 no header", own, vec![], missing),
        ("E-074 malformed", own, vec![format!("Bearer {CANARY} x")], invalid),
        ("E-074 unknown", own, bearer(CANARY), invalid),
        ("E-075 another client's", own, bearer(other.token()), invalid),
        ("E-076 no such client", &format!("{}/{CANARY}", server.endpoint()), bearer(client.token()), invalid),
        ("E-078 client credentials", own, vec![basic], missing),
        ("E-078 initial access token", own, bearer(initial.expose()), invalid),
        ("E-078 token in the query", &query, vec![], missing),
        ("two headers", own, [bearer(client.token()), bearer(client.token())].concat(), twice),
        ("E-100 undecodable", &format!("{}/%ff%00", server.endpoint()), bearer(client.token()), invalid),
        ("E-100 slash", &format!("{}/a%2Fb", server.endpoint()), bearer(client.token()), invalid),
        ("E-100 NUL", &format!("{own}%00"), bearer(client.token()), invalid),
        ("E-100 over-long", &long, bearer(client.token()), invalid),
        ("E-100 without a token", &long, vec![], missing),
    ];
    let before = server.get(&client).await;
    for (name, uri, authorization, (status, code, challenge)) in rows {
        for method in MANAGED {
            let name = format!("{name}, {method}");
            let reply = ask(&server, method.clone(), uri, &authorization).await;
            match method {
                Method::HEAD => assert_eq!((reply.status, reply.body.len()), (status, 0), "E-097 {name}"),
                _ => assert_refused(&name, &reply, status, code, challenge),
            }
            assert!(!reply.text().contains(client.token()), "{name}");
        }
    }
    let after = server.get(&client).await;
    assert_eq!((before.body, before.headers["etag"].clone()), (after.body, after.headers["etag"].clone()));
    assert_eq!(server.get(&other).await.status, 200, "a wrong URL does not cost the other client its token");
}

#[tokio::test]
async fn the_reason_why_a_token_is_refused_is_not_visible() {
    let (server, client, other) = two_clients().await;
    let deleted = server.register(&minimal()).await;
    assert_eq!(server.delete(&deleted).await.status, 204);
    let expired = server.register(&minimal()).await;
    for kept in [&client, &other] {
        let id = tower_dcr::credential::ClientId::parse(kept.id()).unwrap();
        assert!(server.registry.touch(&id).await.unwrap());
    }
    let cutoffs = IdleCutoffs::none(SystemTime::now()).with_unused_since(SystemTime::now() + Duration::from_secs(60));
    assert_eq!(server.registry.expire(&cutoffs, 10).await.unwrap().len(), 1);
    let path = |id: &str| format!("/oidc/register/{id}");
    let rows = [
        ("E-074 wrong token", path(client.id()), "wrong"),
        ("E-074 malformed token", path(client.id()), "{}"),
        ("E-075 token of another client", path(client.id()), other.token()),
        ("E-076 unknown client", path("unknown"), client.token()),
        ("E-093 deleted client", path(deleted.id()), deleted.token()),
        ("E-077 expired client", path(expired.id()), expired.token()),
        ("E-100 undecodable identifier", path("%ff"), client.token()),
        ("E-100 over-long identifier", path(&"a".repeat(500)), client.token()),
    ];
    for method in ["GET", "HEAD", "PUT", "DELETE"] {
        let mut first: Option<String> = None;
        for (name, path, token) in &rows {
            let body = minimal().to_string();
            let request = format!(
                "{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            let answer = without_date(&server.raw_text(request.as_bytes()).await);
            assert!(answer.starts_with("HTTP/1.1 401 "), "{method}, {name}: {answer}");
            assert_eq!(*first.get_or_insert(answer.clone()), answer, "{method}, {name}");
        }
    }
}

/// A reply without the one header that may differ.
fn without_date(reply: &str) -> String {
    reply.split_inclusive("\r\n").filter(|line| !line.to_ascii_lowercase().starts_with("date:")).collect()
}

#[tokio::test]
async fn a_broken_update_is_refused_and_the_record_stays() {
    let server = Server::open().await;
    let client = server.register(&minimal_and(json!({ "client_name": "Kept" }))).await;
    let before = server.get(&client).await;
    let mut rows: Vec<(String, Vec<u8>, u16, Option<&str>)> = vec![
        ("E-082 empty".into(), vec![], 400, METADATA),
        ("E-082 no JSON".into(), CANARY.into(), 400, METADATA),
        ("E-082 duplicate".into(), format!(r#"{{"{CANARY}":1,"{CANARY}":2}}"#).into(), 400, METADATA),
        ("E-082 too large".into(), vec![b' '; 65_537], 413, METADATA),
        ("E-087 no redirection URI".into(), b"{}".to_vec(), 400, Some("invalid_redirect_uri")),
        (
            "E-086 redirection URI".into(),
            br#"{"redirect_uris":["javascript:x"]}"#.to_vec(),
            400,
            Some("invalid_redirect_uri"),
        ),
    ];
    let credentials = [("E-083", "client_id"), ("E-084", "client_secret")];
    for (row, member) in credentials.into_iter().chain(FORBIDDEN.map(|member| ("E-085", member))) {
        let document = minimal_and(json!({ member: CANARY }));
        rows.push((format!("{row} {member}"), document.to_string().into(), 400, METADATA));
    }
    for (name, members) in broken_members() {
        rows.push((format!("E-086 {name}"), minimal_and(members).to_string().into(), 400, METADATA));
    }
    for (name, body, status, code) in rows {
        let request = server.request(Method::PUT, client.uri()).bearer_auth(client.token());
        let reply = send(request.header("content-type", "application/json").body(body)).await;
        assert_refused(&name, &reply, status, code, Challenge::None);
        let after = server.get(&client).await;
        assert_eq!(
            (after.body, after.headers["etag"].clone()),
            (before.body.clone(), before.headers["etag"].clone()),
            "{name}"
        );
    }
    let request = server.request(Method::PUT, client.uri()).bearer_auth(client.token());
    let reply = send(request.header("content-type", "text/plain").body(minimal().to_string())).await;
    assert_refused("E-082 media type", &reply, 415, METADATA, Challenge::None);
    assert_eq!(reply.header("accept"), Some("application/json"));
}

/// The caller is authenticated before the document is read.
#[tokio::test]
async fn a_broken_update_with_a_wrong_token_is_about_the_token() {
    let (server, client, _) = two_clients().await;
    for (name, content_type, body) in [
        ("no JSON", "application/json", "{"),
        ("media type", "text/plain", "x"),
        ("accepted", "application/json", "{}"),
    ] {
        let request = server.request(Method::PUT, client.uri()).bearer_auth("wrong");
        let reply = send(request.header("content-type", content_type).body(body)).await;
        assert_refused(name, &reply, 401, Some("invalid_token"), Challenge::InvalidToken);
    }
}

#[tokio::test]
async fn a_condition_that_fails_is_a_refusal_like_others() {
    let optional = Server::open().await;
    let required = Server::start(Access::Open, |builder| builder.with_preconditions(Preconditions::Required)).await;
    let stale = |request: crate::server::RequestBuilder| request.header("if-match", "\"0\"");
    let as_it_is = |request: crate::server::RequestBuilder| request;
    type Change<'a> = &'a dyn Fn(crate::server::RequestBuilder) -> crate::server::RequestBuilder;
    let rows: [(&str, &Server, Change<'_>, u16); 2] =
        [("E-089 stale", &optional, &stale, 412), ("E-090 missing", &required, &as_it_is, 428)];
    for (name, server, change, status) in rows {
        let client = server.register(&minimal()).await;
        let deleting = server.request(Method::DELETE, client.uri()).bearer_auth(client.token());
        for request in [server.putting(&client, &minimal()), deleting] {
            assert_refused(name, &send(change(request)).await, status, REQUEST, Challenge::None);
        }
        assert_eq!(server.get(&client).await.json(), client.document, "{name}");
    }
}

#[tokio::test]
async fn a_lost_race_and_a_failing_store_are_never_a_401() {
    let store = Fragile::default();
    let server = Server::with_store(Access::Open, store.clone(), |builder| builder).await;
    let client = server.register(&minimal()).await;
    store.contended.store(true, Ordering::SeqCst);
    assert_refused("E-091", &server.put(&client, &minimal()).await, 409, REQUEST, Challenge::None);
    store.contended.store(false, Ordering::SeqCst);

    store.down.store(true, Ordering::SeqCst);
    for method in MANAGED {
        let name = format!("E-099 {method}");
        let reply = ask(&server, method.clone(), client.uri(), &[format!("Bearer {}", client.token())]).await;
        assert_eq!(reply.header("retry-after"), Some("5"), "{name}");
        match method {
            Method::HEAD => assert_eq!((reply.status, reply.body.len()), (503, 0), "{name}"),
            _ => assert_refused(&name, &reply, 503, Some("temporarily_unavailable"), Challenge::None),
        }
    }
    store.down.store(false, Ordering::SeqCst);
    assert_eq!(server.get(&client).await.json(), client.document, "nothing was lost");
}

#[tokio::test]
async fn a_deletion_is_answered_with_nothing() {
    let (server, client, _) = two_clients().await;
    let deleted = server.delete(&client).await;
    assert_eq!((deleted.status, deleted.body.len(), deleted.header("content-type")), (204, 0, None), "E-092");
    assert_answered("E-092", &deleted);
    let again = server.delete(&client).await;
    assert_refused("E-093", &again, 401, Some("invalid_token"), Challenge::InvalidToken);
}

#[tokio::test]
async fn a_client_knows_five_methods_whether_it_exists_or_not() {
    const ALLOW: &str = "GET, HEAD, PUT, DELETE, OPTIONS";
    let (server, client, _) = two_clients().await;
    let mut preflights = Vec::new();
    for uri in [client.uri(), &format!("{}/unknown", server.endpoint())] {
        for method in [Method::POST, Method::PATCH, Method::TRACE, Method::from_bytes(b"FOO").unwrap()] {
            let name = format!("E-095 {method} {uri}");
            let reply = send(server.request(method, uri)).await;
            assert_refused(&name, &reply, 405, REQUEST, Challenge::None);
            assert_eq!(reply.header("allow"), Some(ALLOW), "{name}");
        }
        let mut reply = send(server.request(Method::OPTIONS, uri)).await;
        assert_eq!((reply.status, reply.body.len(), reply.header("allow")), (204, 0, Some(ALLOW)), "E-096 {uri}");
        assert_answered("E-096", &reply);
        reply.headers.remove("date");
        preflights.push(format!("{:?}", reply.headers));
    }
    assert_eq!(preflights[0], preflights[1], "E-096: the same answer for a client that does not exist");
    assert_eq!(server.get(&client).await.json(), Value::clone(&client.document));
}
