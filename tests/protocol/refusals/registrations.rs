//! Every reason to refuse a registration whatever the document, by its number in the table of errors.

use std::sync::atomic::Ordering;
use std::time::Duration;

use http::Method;
use http::header::AUTHORIZATION;
use serde_json::json;
use tower_dcr::Access;
use tower_dcr::access::{Decision, TokenOptions};

use crate::fakes::{Always, FakeClock, Fragile};
use crate::refusals::assertions::{CANARY, Challenge, assert_answered, assert_refused};
use crate::server::{Server, minimal, minimal_and, send};

const METADATA: Option<&str> = Some("invalid_client_metadata");
const REDIRECT: Option<&str> = Some("invalid_redirect_uri");
const TOKEN: Option<&str> = Some("invalid_token");

#[tokio::test]
async fn a_protected_endpoint_refuses_a_caller_without_an_initial_access_token() {
    let clock = FakeClock::new();
    let turned = clock.clone();
    let server = Server::start(Access::Tokens, |builder| builder.with_clock(turned)).await;
    let issue = |options| async { server.registry.issue_initial_access_token(options).await.unwrap() };
    let valid = issue(TokenOptions::new()).await.0.expose().to_owned();
    let (spent, _) = issue(TokenOptions::new().with_uses(1)).await;
    let (expired, _) = issue(TokenOptions::new().with_lifetime(Duration::from_secs(60))).await;
    let (revoked, record) = issue(TokenOptions::new()).await;
    assert!(server.registry.revoke_initial_access_token(record.id()).await.unwrap());
    let bearer = |token: &str| format!("Bearer {token}");
    let posting = |headers: &[String]| {
        let request = server.posting(minimal().to_string());
        send(headers.iter().fold(request, |request, value| request.header(AUTHORIZATION, value)))
    };
    let registered = posting(&[bearer(spent.expose())]).await;
    assert_eq!(registered.status, 201);
    let management = registered.json()["registration_access_token"].as_str().unwrap().to_owned();
    clock.advance(Duration::from_secs(61));

    let (missing, invalid) = ((401, None, Challenge::Bare), (401, TOKEN, Challenge::InvalidToken));
    let twice = (400, Some("invalid_request"), Challenge::InvalidRequest);
    let rows = [
        ("E-001 no header", vec![], missing),
        ("E-001 empty header", vec![String::new()], missing),
        ("E-002 Basic", vec![format!("Basic {CANARY}")], missing),
        ("E-002 Digest", vec![format!("Digest username={CANARY}")], missing),
        ("E-002 DPoP", vec![format!("DPoP {CANARY}")], missing),
        ("E-003 no token", vec!["Bearer".to_owned()], invalid),
        ("E-003 illegal characters", vec![format!("Bearer {CANARY}{{}}")], invalid),
        ("E-003 two tokens", vec![format!("Bearer {CANARY} {CANARY}")], invalid),
        ("E-004 unknown", vec![bearer(CANARY)], invalid),
        ("E-004 expired", vec![bearer(expired.expose())], invalid),
        ("E-004 revoked", vec![bearer(revoked.expose())], invalid),
        ("E-004 used up", vec![bearer(spent.expose())], invalid),
        ("E-007 two headers", vec![bearer(&valid), bearer(&valid)], twice),
        ("E-007 two schemes", vec![bearer(&valid), "Basic YTpi".to_owned()], twice),
        ("E-009 registration access token", vec![bearer(&management)], invalid),
    ];
    let mut unknown = None;
    for (name, headers, (status, code, challenge)) in rows {
        let reply = posting(&headers).await;
        assert_refused(name, &reply, status, code, challenge);
        if name.starts_with("E-004") {
            assert_eq!(*unknown.get_or_insert(reply.body.clone()), reply.body, "{name}: one text for all causes");
        }
    }
    assert_eq!(server.count().await, 1);
    assert_eq!(posting(&[bearer(&valid)]).await.status, 201);
}

#[tokio::test]
async fn a_token_outside_the_header_is_ignored() {
    let server = Server::start(Access::Tokens, |builder| builder).await;
    let (token, _) = server.registry.issue_initial_access_token(TokenOptions::new()).await.unwrap();
    let query = format!("{}?access_token={}", server.endpoint(), token.expose());
    let reply = send(server.request(Method::POST, query).json(&minimal())).await;
    assert_refused("query", &reply, 401, None, Challenge::Bare);
    let reply = server.post(&minimal_and(json!({ "access_token": token.expose() }))).await;
    assert_refused("body", &reply, 401, None, Challenge::Bare);
    assert_eq!(server.count().await, 0);
}

#[tokio::test]
async fn a_refused_document_does_not_cost_a_use_of_the_token() {
    let server = Server::start(Access::Tokens, |builder| builder).await;
    let (token, _) = server.registry.issue_initial_access_token(TokenOptions::new().with_uses(1)).await.unwrap();
    let posting = |body: String| send(server.posting(body).bearer_auth(token.expose()));
    assert_refused("broken", &posting("{".to_owned()).await, 400, METADATA, Challenge::None);
    assert_refused("refused", &posting("{}".to_owned()).await, 400, REDIRECT, Challenge::None);
    assert_eq!(posting(minimal().to_string()).await.status, 201);
}

#[tokio::test]
async fn registration_can_be_closed_slowed_down_or_broken() {
    let fragile = Fragile::default();
    fragile.down.store(true, Ordering::SeqCst);
    let wait = Duration::from_secs(7);
    let gate = |decision| Access::custom(Always(decision));
    let store = Fragile::default();
    let start = |access| Server::with_store(access, store.clone(), |builder| builder);
    let switched_off = start(Access::Open).await;
    switched_off.registry.set_registration_enabled(false);
    let busy = Some("temporarily_unavailable");
    let denied = Some("access_denied");
    let rows = [
        ("E-066 switched off", switched_off, 403, denied, Challenge::None, None),
        ("E-066 only management", start(Access::ManagementOnly).await, 403, denied, Challenge::None, None),
        ("gate: forbidden", start(gate(Decision::Forbidden)).await, 403, denied, Challenge::None, None),
        ("gate: unauthorized", start(gate(Decision::Unauthorized)).await, 401, None, Challenge::Bare, None),
        (
            "E-067 too many",
            start(gate(Decision::TooManyRequests { retry_after: wait })).await,
            429,
            busy,
            Challenge::None,
            Some("7"),
        ),
        (
            "E-069 store down",
            Server::with_store(Access::Open, fragile.clone(), |builder| builder).await,
            503,
            busy,
            Challenge::None,
            Some("5"),
        ),
        (
            "E-069 store down before the token is looked up",
            Server::with_store(Access::Tokens, fragile.clone(), |builder| builder).await,
            503,
            busy,
            Challenge::None,
            Some("5"),
        ),
    ];
    for (name, server, status, code, challenge, retry_after) in rows {
        let reply = send(server.posting(minimal().to_string()).bearer_auth(CANARY)).await;
        assert_refused(name, &reply, status, code, challenge);
        assert_eq!(reply.header("retry-after"), retry_after, "{name}");
        assert!(!reply.text().contains("db.internal"), "{name}: the cause is for the operator");
        fragile.down.store(false, Ordering::SeqCst);
        assert_eq!(server.count().await, 0, "{name}");
        fragile.down.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn the_registration_endpoint_knows_two_methods() {
    for access in [Access::Open, Access::Tokens, Access::ManagementOnly] {
        let server = Server::start(access.clone(), |builder| builder).await;
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::PATCH, Method::TRACE] {
            let name = format!("E-071 {method} with {access:?}");
            let reply = send(server.request(method.clone(), server.endpoint())).await;
            assert_eq!(reply.header("allow"), Some("POST, OPTIONS"), "{name}");
            match method {
                Method::HEAD => assert_eq!((reply.status, reply.body.len()), (405, 0), "{name}"),
                _ => assert_refused(&name, &reply, 405, Some("invalid_request"), Challenge::None),
            }
        }
        let reply = send(server.request(Method::OPTIONS, server.endpoint())).await;
        assert_eq!((reply.status, reply.body.len()), (204, 0), "E-072 with {access:?}");
        assert_eq!(reply.header("allow"), Some("POST, OPTIONS"), "E-072 with {access:?}");
        assert_eq!(reply.header("content-type"), None, "E-072 with {access:?}");
        assert_answered("E-072", &reply);
    }
}
