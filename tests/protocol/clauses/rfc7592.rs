//! RFC 7592 clause by clause, where no other test proves it: managing a registration.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use tower_dcr::access::TokenOptions;
use tower_dcr::metadata::GrantType;
use tower_dcr::store::{IdleCutoffs, MemoryStore};
use tower_dcr::{Access, Registry};

use crate::refusals::assertions::{Challenge, assert_refused};
use crate::server::{Registered, Server, minimal, minimal_and, send};

const METADATA: Option<&str> = Some("invalid_client_metadata");
const TOKEN: Option<&str> = Some("invalid_token");

/// The tests serve plain HTTP on loopback; behind an `https` base URL every URL that is handed out is `https`.
#[tokio::test]
async fn the_url_of_a_client_is_https_and_is_used_as_it_stands() {
    let registry = Registry::builder("https://id.example.com/realm", Access::Open).build(MemoryStore::new()).unwrap();
    let service = registry.into_service();
    let post = Request::post("/oidc/register").header("content-type", "application/json");
    let post = post.body(Full::<Bytes>::from(minimal().to_string())).unwrap();
    let reply = service.clone().oneshot(post).await.unwrap();
    assert_eq!(reply.status(), StatusCode::CREATED);
    let location = reply.headers()["location"].to_str().unwrap().to_owned();
    let document: Value = serde_json::from_slice(&reply.into_body().collect().await.unwrap().to_bytes()).unwrap();
    let uri = document["registration_client_uri"].as_str().unwrap();
    assert_eq!(uri, location);
    let expected = format!("https://id.example.com/realm/oidc/register/{}", document["client_id"].as_str().unwrap());
    assert_eq!(uri, expected, "R7592-B-04");

    let path = uri.strip_prefix("https://id.example.com/realm").unwrap();
    let token = document["registration_access_token"].as_str().unwrap();
    let get =
        Request::get(path).header("authorization", format!("Bearer {token}")).body(Full::<Bytes>::default()).unwrap();
    let reply = service.oneshot(get).await.unwrap();
    assert_eq!(reply.status(), StatusCode::OK, "R7592-B-02");
}

#[tokio::test]
async fn an_update_is_one_json_object() {
    let server = Server::open().await;
    let client = server.register(&minimal()).await;
    for (name, body) in [("array", "[]"), ("string", "\"x\""), ("number", "1"), ("null", "null"), ("nothing", "")] {
        let request = server.request(Method::PUT, client.uri()).bearer_auth(client.token());
        let reply = send(request.header("content-type", "application/json").body(body)).await;
        assert_refused(&format!("E-082 {name}"), &reply, 400, METADATA, Challenge::None);
    }
    assert_eq!(server.get(&client).await.json(), client.document);
}

#[tokio::test]
async fn keys_change_their_place_in_an_update() {
    let server = Server::open().await;
    let keys =
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] });
    let client = server.register(&minimal_and(json!({ "jwks": keys }))).await;
    assert_eq!(client.document["jwks"], keys);
    let uri = minimal_and(json!({ "jwks_uri": "https://app.example.com/keys" }));
    let updated = server.put(&client, &uri).await.json();
    assert_eq!((updated.get("jwks"), &updated["jwks_uri"]), (None, &uri["jwks_uri"]), "R7591-2-21");
    let both = minimal_and(json!({ "jwks_uri": "https://app.example.com/keys", "jwks": keys }));
    assert_refused("R7591-2-21", &server.put(&client, &both).await, 400, METADATA, Challenge::None);
}

/// An update cannot set what a registration refuses.
#[tokio::test]
async fn an_update_gains_nothing_that_a_registration_would_refuse() {
    let server = Server::open().await;
    let client = server.register(&minimal()).await;
    let asked = minimal_and(json!({ "grant_types": ["authorization_code", "client_credentials", "implicit"] }));
    let updated = server.put(&client, &asked).await;
    assert_eq!((updated.status, &updated.json()["grant_types"]), (200, &json!(["authorization_code"])), "HARD-16");
    let only = minimal_and(json!({ "grant_types": ["client_credentials"] }));
    assert_refused("HARD-16", &server.put(&client, &only).await, 400, METADATA, Challenge::None);

    let both = [GrantType::AuthorizationCode, GrantType::ClientCredentials];
    let server = Server::start(Access::Open, |builder| builder.with_grant_types(both)).await;
    let public = server.register(&minimal_and(json!({ "token_endpoint_auth_method": "none" }))).await;
    let machine = minimal_and(json!({ "token_endpoint_auth_method": "none", "grant_types": ["client_credentials"] }));
    assert_refused("R6749-4.4-01", &server.put(&public, &machine).await, 400, METADATA, Challenge::None);
    assert_eq!(server.get(&public).await.json(), public.document);
}

#[tokio::test]
async fn a_deleted_client_is_unknown_at_every_endpoint() {
    let server = Server::open().await;
    let client = server.register(&minimal()).await;
    let kept = server.registry.client(client.id()).await.unwrap().unwrap();
    assert!(kept.verify_secret(client.member("client_secret"), server.registry.now()));
    assert_eq!(server.delete(&client).await.status, 204);
    assert!(
        server.registry.client(client.id()).await.unwrap().is_none(),
        "R7592-2.3-02: the token endpoint finds no client"
    );
    assert!(!server.registry.touch(kept.id()).await.unwrap());
    for reply in [server.get(&client).await, server.put(&client, &minimal()).await, server.delete(&client).await] {
        assert_refused("R7592-2.3-02", &reply, 401, TOKEN, Challenge::InvalidToken);
    }
    let next = server.register(&minimal()).await;
    assert_ne!(next.id(), client.id(), "an identifier is never issued again");
    let url = next.uri().to_owned();
    let reply = send(server.request(Method::GET, url).bearer_auth(client.token())).await;
    assert_refused("R7592-2.1-07: the orphan opens nothing", &reply, 401, TOKEN, Challenge::InvalidToken);
}

/// A registration access token is one of exactly 256 random bits, and no part of the request chooses it.
#[tokio::test]
async fn no_member_of_a_request_asks_for_new_credentials() {
    let server = Server::open().await;
    let client = server.register(&minimal()).await;
    let asking =
        minimal_and(json!({ "rotate": true, "rotate_secret": true, "client_secret": null, "renew": "secret" }));
    let updated = server.put(&client, &asking).await;
    assert_eq!((updated.status, updated.json()), (200, client.document.clone()), "R7592-A.1-04");
}

#[tokio::test]
async fn each_token_opens_only_its_own_endpoint() {
    let server = Server::start(Access::Tokens, |builder| builder).await;
    let (initial, _) = server.registry.issue_initial_access_token(TokenOptions::new()).await.unwrap();
    let posting = |token: &str| send(server.posting(minimal().to_string()).bearer_auth(token));
    let client = Registered::of(&posting(initial.expose()).await);
    let invalid = (401, TOKEN, Challenge::InvalidToken);
    let rows = [
        ("R7592-A-02 RAT at registration", posting(client.token()).await, invalid),
        ("R6749-2.2-01 client_id at registration", posting(client.id()).await, invalid),
        ("secret at registration", posting(client.member("client_secret")).await, invalid),
    ];
    for (name, reply, (status, code, challenge)) in rows {
        assert_refused(name, &reply, status, code, challenge);
    }
    for (name, token) in [
        ("R7592-A-02 IAT at the client", initial.expose()),
        ("R6749-2.2-01 client_id at the client", client.id()),
        ("R7592-A-03 secret at the client", client.member("client_secret")),
    ] {
        let reply = send(server.request(Method::GET, client.uri()).bearer_auth(token)).await;
        assert_refused(name, &reply, 401, TOKEN, Challenge::InvalidToken);
    }
    assert_eq!(server.count().await, 1);
}

#[tokio::test]
async fn a_removal_by_the_operator_takes_effect_at_once() {
    let server = Server::open().await;
    let client = server.register(&minimal()).await;
    let later = server.registry.now() + std::time::Duration::from_secs(1);
    let removed = server.registry.expire(&IdleCutoffs::none(later).with_unused_since(later), 10).await.unwrap();
    assert_eq!(removed.len(), 1);
    for reply in [server.get(&client).await, server.put(&client, &minimal()).await, server.delete(&client).await] {
        assert_refused("R7592-5-06, R7591-5-06", &reply, 401, TOKEN, Challenge::InvalidToken);
    }
}

/// No property of a client is derived from its HTTP headers.
#[tokio::test]
async fn nothing_is_read_into_the_headers_of_a_request() {
    let server = Server::open().await;
    let mut replies = Vec::new();
    for agent in ["curl/8", "Mozilla/5.0 (iPhone)", "okhttp/4", ""] {
        let request =
            server.posting(minimal().to_string()).header("user-agent", agent).header("origin", "https://spa.example");
        let mut document = send(request).await.json();
        for own in [
            "client_id",
            "client_secret",
            "client_id_issued_at",
            "registration_access_token",
            "registration_client_uri",
        ] {
            document.as_object_mut().unwrap().remove(own);
        }
        replies.push(document);
    }
    assert!(replies.iter().all(|reply| *reply == replies[0]), "R6749-2.1-01: {replies:?}");
}
