//! The HTTP around a registration: conditions, HEAD, the other spellings of its URL.

use std::pin::pin;
use std::sync::atomic::Ordering;

use http::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower_dcr::Access;
use tower_dcr::config::Preconditions;

use crate::fakes::Fragile;
use crate::refusals::assertions::assert_answered;
use crate::server::{Registered, Reply, RequestBuilder, Server, minimal, minimal_and, send};

async fn server(preconditions: Preconditions) -> Server {
    Server::start(Access::Open, |builder| builder.with_preconditions(preconditions)).await
}

fn deleting(server: &Server, client: &Registered) -> RequestBuilder {
    server.request(Method::DELETE, client.uri()).bearer_auth(client.token())
}

/// A PUT and a DELETE, each of a new client that was changed once, under these `If-Match` headers.
async fn attempts(server: &Server, if_match: impl Fn(&str, &str) -> Vec<String>) -> [(Reply, Registered); 2] {
    let mut clients = Vec::new();
    for _ in 0..2 {
        let client = server.register(&minimal()).await;
        let stale = server.get(&client).await.header("etag").unwrap_or("\"none\"").to_owned();
        server.put(&client, &minimal_and(json!({ "client_name": "Once" }))).await;
        let fresh = server.get(&client).await.header("etag").unwrap_or("\"none\"").to_owned();
        clients.push((client, if_match(&fresh, &stale)));
    }
    let conditional = |request: RequestBuilder, tags: &[String]| {
        tags.iter().fold(request, |request, tag| request.header("if-match", tag))
    };
    let [(put, put_tags), (delete, delete_tags)] = <[_; 2]>::try_from(clients).unwrap();
    let changed = minimal_and(json!({ "client_name": "Twice" }));
    let put_reply = send(conditional(server.putting(&put, &changed), &put_tags)).await;
    let delete_reply = send(conditional(deleting(server, &delete), &delete_tags)).await;
    [(put_reply, put), (delete_reply, delete)]
}

#[tokio::test]
async fn if_match_must_name_the_state_of_the_client() {
    type Tags = fn(&str, &str) -> Vec<String>;
    let server = server(Preconditions::Optional).await;
    let rows: &[(&str, Tags, bool)] = &[
        ("none", |_, _| vec![], true),
        ("the state", |fresh, _| vec![fresh.to_owned()], true),
        ("any state", |_, _| vec!["*".to_owned()], true),
        ("the state in a list", |fresh, stale| vec![format!("{stale} , {fresh}")], true),
        ("the state in a second header", |fresh, stale| vec![stale.to_owned(), fresh.to_owned()], true),
        ("an older state", |_, stale| vec![stale.to_owned()], false),
        ("the state, weakly", |fresh, _| vec![format!("W/{fresh}")], false),
        ("another state", |_, _| vec!["\"x\"".to_owned()], false),
        ("the state without quotes", |fresh, _| vec![fresh.trim_matches('"').to_owned()], false),
        ("nothing", |_, _| vec![String::new()], false),
    ];
    for (name, tags, passes) in rows {
        let [(put, updated), (delete, deleted)] = attempts(&server, tags).await;
        let expected = if *passes { (200, 204) } else { (412, 412) };
        assert_eq!((put.status, delete.status), expected, "{name}");
        let client_name = if *passes { "Twice" } else { "Once" };
        assert_eq!(server.get(&updated).await.json()["client_name"], client_name, "{name}");
        let left = if *passes { 401 } else { 200 };
        assert_eq!(server.get(&deleted).await.status, left, "{name}");
    }
}

/// `If-Match` must be checked in the transaction of the deletion: another caller updates the client during it.
#[tokio::test]
async fn if_match_still_holds_when_the_client_is_removed() {
    let store = Fragile::default();
    let server = Server::with_store(Access::Open, store.clone(), |builder| builder).await;
    let client = server.register(&minimal()).await;
    let etag = server.get(&client).await.header("etag").unwrap().to_owned();
    store.pause.wanted.store(true, Ordering::SeqCst);
    let meanwhile = async {
        store.pause.reached.notified().await;
        assert_eq!(server.put(&client, &minimal_and(json!({ "client_name": "Newer" }))).await.status, 200);
        store.pause.over.notify_one();
    };
    let mut deletion = pin!(send(deleting(&server, &client).header("if-match", etag)));
    let deleted = tokio::select! {
        reply = &mut deletion => reply,
        () = meanwhile => deletion.await,
    };
    assert_eq!(deleted.status, 412, "the deletion was meant for the state before the update");
    assert_eq!(server.get(&client).await.json()["client_name"], "Newer");
}

/// Sends the head of an update and waits until the server, which has authorized the caller by then, asks for the body.
async fn begun_update(server: &Server, client: &Registered, if_match: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address().await).await.unwrap();
    let head = format!(
        "PUT /oidc/register/{} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nexpect: 100-continue\r\n\
         authorization: Bearer {}\r\n{if_match}content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        client.id(),
        client.token(),
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

async fn finished_update(mut stream: TcpStream, body: &str) -> u16 {
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer["HTTP/1.1 ".len()..][..3].parse().unwrap()
}

#[tokio::test]
async fn of_two_updates_meant_for_one_state_the_second_is_refused() {
    let server = Server::open().await;
    let document = |name: &str| minimal_and(json!({ "client_name": name })).to_string();
    let (one, two) = (document("one"), document("two"));
    for (name, conditional, status, left) in [("conditional", true, 412, "one"), ("unconditional", false, 200, "two")] {
        let client = server.register(&minimal()).await;
        let etag = server.get(&client).await.header("etag").unwrap().to_owned();
        let if_match = if conditional { format!("if-match: {etag}\r\n") } else { String::new() };
        let first = begun_update(&server, &client, &if_match, &one).await;
        let second = begun_update(&server, &client, &if_match, &two).await;
        assert_eq!(finished_update(first, &one).await, 200, "{name}");
        assert_eq!(finished_update(second, &two).await, status, "{name}");
        assert_eq!(server.get(&client).await.json()["client_name"], left, "{name}");
    }
}

#[tokio::test]
async fn an_update_that_began_before_a_deletion_ends_like_one_that_came_after_it() {
    let server = Server::open().await;
    let client = server.register(&minimal()).await;
    let body = minimal().to_string();
    let update = begun_update(&server, &client, "", &body).await;
    assert_eq!(server.delete(&client).await.status, 204);
    assert_eq!(finished_update(update, &body).await, 401);
    assert_eq!(server.count().await, 0);
}

#[tokio::test]
async fn only_a_read_carries_the_state_and_it_changes_with_every_update() {
    let server = server(Preconditions::Optional).await;
    let created = server.post(&minimal()).await;
    let client = Registered::of(&created);
    assert_answered("E-102 registration", &created);
    assert_eq!(created.header("etag"), None, "after registration");
    let mut seen = Vec::new();
    for round in 0..3 {
        let read = server.get(&client).await;
        let etag = read.header("etag").unwrap().to_owned();
        assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 2, "{etag} is no strong entity tag");
        assert_eq!(server.get(&client).await.header("etag"), Some(&*etag), "a read changes nothing");
        assert!(!seen.contains(&etag), "{etag} in round {round}");
        seen.push(etag);
        let updated = server.put(&client, &client.own()).await;
        assert_answered("E-102 update", &updated);
        assert_eq!((updated.status, updated.header("etag")), (200, None), "after an update");
    }
}

#[tokio::test]
async fn a_server_can_insist_on_if_match() {
    let server = server(Preconditions::Required).await;
    let client = server.register(&minimal()).await;
    let etag = server.get(&client).await.header("etag").unwrap().to_owned();
    let put = server.put(&client, &minimal()).await;
    assert_eq!((put.status, server.delete(&client).await.status), (428, 428));
    let stale = send(server.putting(&client, &minimal()).header("if-match", "\"0\"")).await;
    assert_eq!(stale.status, 412);
    assert_eq!(send(server.putting(&client, &minimal()).header("if-match", &etag)).await.status, 200);
    assert_eq!(send(deleting(&server, &client).header("if-match", "*")).await.status, 204);
}

#[tokio::test]
async fn a_server_can_ignore_if_match() {
    let server = server(Preconditions::Off).await;
    let client = server.register(&minimal()).await;
    assert_eq!(server.get(&client).await.header("etag"), None);
    assert_eq!(send(server.putting(&client, &minimal()).header("if-match", "\"x\"")).await.status, 200);
    assert_eq!(send(deleting(&server, &client).header("if-match", "\"x\"")).await.status, 204);
}

#[tokio::test]
async fn a_wrong_token_learns_nothing_from_conditions() {
    let server = server(Preconditions::Required).await;
    let client = server.register(&minimal()).await;
    for if_match in [None, Some("\"1\""), Some("\"0\""), Some("*")] {
        let request = server.request(Method::DELETE, client.uri()).bearer_auth("wrong");
        let request = if_match.into_iter().fold(request, |request, tag| request.header("if-match", tag));
        assert_eq!(send(request).await.status, 401, "{if_match:?}");
    }
}

#[tokio::test]
async fn head_is_a_read_without_its_body() {
    let server = Server::open().await;
    let client = server.register(&minimal()).await;
    for (name, token) in [("right token", client.token()), ("wrong token", "wrong")] {
        let ask = |method| send(server.request(method, client.uri()).bearer_auth(token));
        let (get, head) = (ask(Method::GET).await, ask(Method::HEAD).await);
        assert_eq!(head.status, get.status, "{name}");
        assert!(head.body.is_empty(), "{name}: {}", head.text());
        for header in ["content-type", "cache-control", "pragma", "etag", "www-authenticate"] {
            assert_eq!(head.header(header), get.header(header), "{name}: {header}");
        }
        // It may be left out, but it must not say anything else (RFC 9110 section 8.6).
        let length = head.header("content-length");
        assert!(length.is_none() || length == get.header("content-length"), "{name}: content-length {length:?}");
    }
}

#[tokio::test]
async fn a_read_may_name_the_client_in_the_query() {
    let server = Server::open().await;
    let client = server.register(&minimal()).await;
    let ask = |query: String, token: &str| {
        let url = format!("{}{query}", server.endpoint());
        send(server.request(Method::GET, url).bearer_auth(token.to_owned()))
    };
    let read = ask(format!("?client_id={}", client.id()), client.token()).await;
    assert_eq!((read.status, read.json()), (200, client.document.clone()));
    let rows = [
        ("slash before the query", format!("/?client_id={}", client.id()), client.token(), 200),
        ("another parameter first", format!("?a=b&client_id={}", client.id()), client.token(), 200),
        ("wrong token", format!("?client_id={}", client.id()), "wrong", 401),
        ("unknown client", "?client_id=unknown".to_owned(), client.token(), 401),
        ("no identifier", "?client_id=".to_owned(), client.token(), 401),
        ("no such parameter", "?client=x".to_owned(), client.token(), 405),
    ];
    for (name, query, token, status) in rows {
        assert_eq!(ask(query, token).await.status, status, "{name}");
    }
    let url = format!("{}?client_id={}", server.endpoint(), client.id());
    let put = server.request(Method::PUT, &url).bearer_auth(client.token()).json(&minimal());
    assert_eq!(send(put).await.status, 405, "only reads are for the client in the query");
}

#[tokio::test]
async fn a_slash_at_the_end_changes_nothing_and_causes_no_redirect() {
    let server = Server::open().await;
    let post = server.request(Method::POST, server.endpoint() + "/").json(&minimal());
    let created = send(post).await;
    assert_eq!(created.status, 201);
    let client = Registered::of(&created);
    assert_eq!(client.uri(), format!("{}/{}", server.endpoint(), client.id()), "the one canonical form");
    let slashed = client.uri().to_owned() + "/";
    let ask = |method| server.request(method, &slashed).bearer_auth(client.token());
    assert_eq!(send(ask(Method::GET)).await.json(), client.document);
    assert_eq!(send(ask(Method::PUT).json(&minimal())).await.status, 200);
    assert_eq!(send(ask(Method::DELETE)).await.status, 204);
}

#[tokio::test]
async fn deeper_and_other_paths_belong_to_the_application() {
    let server = Server::open().await;
    for path in ["/oidc/registerx", "/oidc/register/a/b", "/oidc/register//", "/oidc", "/OIDC/register", "/x"] {
        let reply = send(server.request(Method::POST, server.url(path)).json(&minimal())).await;
        assert_eq!((reply.status, reply.header("cache-control")), (404, None), "E-101 {path}");
    }
    let reply = send(server.request(Method::GET, server.url("/"))).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "the application"));
    assert_eq!(reply.header("cache-control"), None);
    assert_eq!(server.count().await, 0);
}
