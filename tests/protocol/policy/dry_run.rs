//! The dry run: the answer of a registration without the registration.

use http::Method;
use serde_json::{Value, json};
use tower_dcr::access::{Constraints, Decision, TokenOptions};
use tower_dcr::audit::Operation;
use tower_dcr::metadata::{ClientMetadata, Extensions};
use tower_dcr::policy::{Review, Verdict};
use tower_dcr::{Access, RegistrationErrorKind};

use crate::fakes::{Always, Ledger};
use crate::policy::hosts::elsewhere;
use crate::policy::{dry, violations};
use crate::refusals::assertions::{Challenge, assert_answered, assert_refused};
use crate::server::{Registered, Server, minimal, minimal_and, send};

async fn enabled(access: Access) -> Server {
    Server::start(access, |builder| builder.with_dry_run(true)).await
}

#[tokio::test]
async fn a_dry_run_returns_what_would_be_registered() {
    let server = enabled(Access::Open).await;
    let document = minimal_and(json!({ "client_name#fr": "Appli", "grant_types": ["authorization_code", "password"] }));
    let reply = dry(&server, &document).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("location"), None);
    assert_answered("dry run", &reply);
    assert_eq!(server.count().await, 0, "nothing was stored");
    let answer = reply.json();
    assert_eq!(answer["valid"], true);

    let mut registered = server.register(&document).await.document;
    for member in [
        "client_id",
        "client_id_issued_at",
        "client_secret",
        "client_secret_expires_at",
        "registration_access_token",
        "registration_client_uri",
    ] {
        assert!(registered.as_object_mut().unwrap().remove(member).is_some(), "{member}");
    }
    assert_eq!(answer["metadata"], registered, "the same document without credentials");
}

#[tokio::test]
async fn a_dry_run_is_refused_exactly_as_the_registration_would_be() {
    let server = enabled(Access::Open).await;
    let rows = [
        ("two faults", r#"{"redirect_uris":["https://a.example/#"],"scope":" "}"#),
        ("no JSON", "{"),
        ("no object", "[]"),
        ("nothing", "{}"),
    ];
    for (name, body) in rows {
        let url = format!("{}?dry_run=true", server.endpoint());
        let dry = send(server.request(Method::POST, url).header("content-type", "application/json").body(body)).await;
        let real = send(server.posting(body)).await;
        assert_refused(name, &dry, 400, real.error().as_deref(), Challenge::None);
        assert_eq!(dry.body, real.body, "{name}");
        assert!(!violations(&dry).is_empty(), "{name}");
    }
    let text = send(server.request(Method::POST, format!("{}?dry_run=true", server.endpoint())).body("{}")).await;
    assert_refused("no type", &text, 415, Some("invalid_client_metadata"), Challenge::None);
    let large = vec![b' '; 65_537];
    let url = format!("{}?dry_run=true", server.endpoint());
    let large = send(server.request(Method::POST, url).header("content-type", "application/json").body(large)).await;
    assert_refused("large", &large, 413, Some("invalid_client_metadata"), Challenge::None);
    assert_eq!(server.count().await, 0);
}

#[tokio::test]
async fn an_unauthorized_dry_run_is_refused_and_no_token_is_spent() {
    let server = enabled(Access::Tokens).await;
    let (token, _) = server.registry.issue_initial_access_token(TokenOptions::new().with_uses(1)).await.unwrap();
    let asking = |token: Option<&str>| {
        let request = server.request(Method::POST, format!("{}?dry_run=true", server.endpoint())).json(&minimal());
        send(token.into_iter().fold(request, |request, token| request.bearer_auth(token)))
    };
    assert_refused("no token", &asking(None).await, 401, None, Challenge::Bare);
    assert_refused("wrong token", &asking(Some("x")).await, 401, Some("invalid_token"), Challenge::InvalidToken);
    for attempt in 0..3 {
        assert_eq!(asking(Some(token.expose())).await.status, 200, "attempt {attempt}");
    }
    let client = Registered::of(&send(server.posting(minimal().to_string()).bearer_auth(token.expose())).await);
    assert_refused("spent", &asking(Some(token.expose())).await, 401, Some("invalid_token"), Challenge::InvalidToken);
    assert_refused(
        "another kind of token",
        &asking(Some(client.token())).await,
        401,
        Some("invalid_token"),
        Challenge::InvalidToken,
    );
    server.registry.set_registration_enabled(false);
    assert_refused("switched off", &asking(None).await, 403, Some("access_denied"), Challenge::None);
    let closed = enabled(Access::custom(Always(Decision::Forbidden))).await;
    assert_refused("gate", &dry(&closed, &minimal()).await, 403, Some("access_denied"), Challenge::None);
}

#[tokio::test]
async fn the_query_is_read_only_where_it_is_enabled() {
    let (on, off) = (enabled(Access::Open).await, Server::open().await);
    let rows = [
        ("?dry_run=true", 200),
        ("?a=b&dry_run=true", 200),
        ("?dry_run=1", 200),
        ("?dry_run", 200),
        ("?dry_run=false&dry_run=true", 200),
        ("/?dry_run=true", 200),
        ("?dry_run=false", 201),
        ("?dry_runs=true", 201),
        ("?xdry_run=true", 201),
        ("?dry_run%3Dtrue", 201),
        ("?", 201),
    ];
    for (query, status) in rows {
        let posting = |server: &Server| {
            let request = server.request(Method::POST, format!("{}{query}", server.endpoint()));
            send(request.json(&minimal()))
        };
        let before = on.count().await;
        assert_eq!(posting(&on).await.status, status, "{query}");
        assert_eq!(on.count().await - before, u64::from(status == 201), "{query}");
        assert_eq!(posting(&off).await.status, 201, "{query} where it is off");
    }
    let client = on.register(&minimal()).await;
    let put = on.request(Method::PUT, format!("{}?dry_run=true", client.uri())).bearer_auth(client.token());
    assert_eq!(send(put.json(&minimal_and(json!({ "client_name": "App" })))).await.status, 200);
    assert_eq!(on.get(&client).await.json()["client_name"], "App", "only a registration has a dry run");
}

#[tokio::test]
async fn a_dry_run_is_one_event() {
    let ledger = Ledger::default();
    let audit = ledger.clone();
    let server = Server::start(Access::Open, |builder| builder.with_audit(audit).with_dry_run(true)).await;
    for (document, action, status) in [(minimal(), "check", None), (json!({}), "refused", Some(400))] {
        dry(&server, &document).await;
        let metadata = ClientMetadata::from_json(document.to_string().as_bytes()).unwrap();
        drop(server.registry.check(metadata).await);
        let entries = ledger.take();
        assert_eq!(entries.len(), 2, "{entries:?}");
        for entry in entries {
            assert_eq!((entry.operation, entry.action, entry.status), (Operation::Check, action, status));
            assert_eq!(entry.client_id, None);
        }
    }
    ledger.fail(true);
    let reply = dry(&server, &minimal()).await;
    assert_refused("no trail", &reply, 503, Some("temporarily_unavailable"), Challenge::None);
}

#[tokio::test]
async fn the_application_checks_without_a_switch() {
    let server = Server::start(Access::ManagementOnly, |builder| builder).await;
    let metadata = |document: Value| ClientMetadata::from_json(document.to_string().as_bytes()).unwrap();
    let checked = server.registry.check(metadata(minimal())).await.unwrap();
    assert_eq!(checked.metadata().grant_types.len(), 1, "defaults are applied");
    let broken = json!({ "redirect_uris": ["https://a.example/#", "ftp://a.example/"], "client_name": "\u{200d}" });
    let error = server.registry.check(metadata(broken)).await.unwrap_err();
    assert_eq!(error.kind(), RegistrationErrorKind::InvalidDocument);
    let found: Vec<_> = error.violations().iter().map(|it| (it.pointer(), it.rule())).collect();
    assert_eq!(found, [("/redirect_uris/0", "R7"), ("/redirect_uris/1", "R9"), ("/client_name", "M8")]);
    assert_eq!(server.count().await, 0);
}

#[tokio::test]
async fn the_limits_of_a_token_hold_for_a_dry_run_and_for_what_a_policy_replaces() {
    let widen = |review: &Review<'_>| {
        let mut metadata = review.metadata().clone();
        if metadata.client_name.untagged() == Some("wide") {
            metadata.redirect_uris.push("https://other.example.com/cb".to_owned());
        }
        Verdict::replace(metadata)
    };
    let server = Server::start(Access::Tokens, |builder| builder.with_policy(widen).with_dry_run(true)).await;
    let constraints = Constraints::new().with_redirect_hosts(["app.example.com"]);
    let options = TokenOptions::new().with_constraints(constraints);
    let (token, _) = server.registry.issue_initial_access_token(options).await.unwrap();
    let posting = |query: &str, document: &Value| {
        let request = server.request(Method::POST, format!("{}{query}", server.endpoint()));
        send(request.bearer_auth(token.expose()).json(document))
    };
    let client = Registered::of(&posting("", &minimal()).await);
    let elsewhere = json!({ "redirect_uris": ["https://other.example.com/cb"] });
    let rows = [
        ("asked for", elsewhere, "/redirect_uris/0"),
        ("replaced", minimal_and(json!({ "client_name": "wide" })), "/redirect_uris/1"),
    ];
    for (name, document, pointer) in rows {
        let replies = [
            posting("?dry_run=true", &document).await,
            posting("", &document).await,
            server.put(&client, &document).await,
        ];
        for reply in replies {
            assert_refused(name, &reply, 400, Some("invalid_redirect_uri"), Challenge::None);
            assert_eq!(violations(&reply), [(pointer.to_owned(), "C1".to_owned())], "{name}");
        }
    }
    assert_eq!(server.count().await, 1);
}

#[tokio::test]
async fn the_hosts_of_a_token_limit_all_urls_that_receive_user_data() {
    let server = Server::start(Access::Tokens, |builder| builder.with_extensions(Extensions::ALL).with_dry_run(true));
    let server = server.await;
    let constraints = Constraints::new().with_redirect_hosts(["app.example.com"]);
    let options = TokenOptions::new().with_constraints(constraints);
    let (token, _) = server.registry.issue_initial_access_token(options).await.unwrap();
    let posting = |document: &Value| send(server.posting(document.to_string()).bearer_auth(token.expose()));
    for (pointer, good, bad) in elsewhere("APP.example.com", "app.example.com.evil.example") {
        let client = Registered::of(&posting(&good).await);
        for reply in [posting(&bad).await, server.put(&client, &bad).await] {
            assert_refused(pointer, &reply, 400, Some("invalid_client_metadata"), Challenge::None);
            assert_eq!(violations(&reply), [(pointer.to_owned(), "C1".to_owned())], "{pointer}");
        }
    }
    let read = json!({ "jwks_uri": "https://keys.example/jwks", "logo_uri": "https://pages.example/" });
    assert_eq!(posting(&minimal_and(read)).await.status, 201, "documents and pages");
}

#[tokio::test]
async fn the_hosts_of_a_token_say_nothing_about_members_that_are_unknown() {
    let server = Server::start(Access::Tokens, |builder| builder).await;
    let constraints = Constraints::new().with_redirect_hosts(["app.example.com"]);
    let options = TokenOptions::new().with_constraints(constraints);
    let (token, _) = server.registry.issue_initial_access_token(options).await.unwrap();
    let document = minimal_and(json!({ "claims_redirect_uris": ["https://other.example.com/"] }));
    let reply = send(server.posting(document.to_string()).bearer_auth(token.expose())).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert!(reply.json().get("claims_redirect_uris").is_none());
}
