//! Identical registrations of public clients share one client, where the operator wants it.

use serde_json::{Value, json};
use tower_dcr::Access;
use tower_dcr::audit::Operation;
use tower_dcr::credential::ClientId;

use crate::fakes::{FakeClock, Ledger};
use crate::server::{Server, minimal, send};

const MANAGEMENT: [&str; 2] = ["registration_access_token", "registration_client_uri"];

fn native(port: u16) -> Value {
    json!({
        "client_name": "App",
        "token_endpoint_auth_method": "none",
        "redirect_uris": [format!("http://127.0.0.1:{port}/cb?a=b"), "com.example.app:/cb"],
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": "read write",
    })
}

fn and(mut document: Value, members: Value) -> Value {
    document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    document
}

#[tokio::test]
async fn an_identical_public_registration_shares_the_client_that_is_there() {
    let (clock, ledger) = (FakeClock::new(), Ledger::default());
    let configure = (clock.clone(), ledger.clone());
    let server = Server::start(Access::Open, |builder| {
        builder.with_shared_registrations(true).with_clock(configure.0).with_audit(configure.1)
    })
    .await;
    let first = server.post(&native(50_001)).await;
    assert_eq!(first.status, 201);
    clock.advance(std::time::Duration::from_secs(60));
    let port_free = json!({ "redirect_uris": ["com.example.app:/cb", "http://127.0.0.1/cb?a=b"] });
    let rows = [
        ("the same", native(50_001), true),
        ("another port", native(50_002), true),
        ("no port, another order", and(native(1), port_free), true),
        ("scope in another order", and(native(1), json!({ "scope": "write read" })), true),
        (
            "grants in another order",
            and(native(1), json!({ "grant_types": ["refresh_token", "authorization_code"] })),
            true,
        ),
        ("an unknown member", and(native(1), json!({ "launch_count": 7 })), true),
        ("another name", and(native(1), json!({ "client_name": "Other" })), false),
        ("another path", and(native(1), json!({ "redirect_uris": ["http://127.0.0.1/other"] })), false),
        ("another loopback host", and(native(1), json!({ "redirect_uris": ["http://localhost/cb?a=b"] })), false),
        (
            "another port elsewhere",
            and(native(1), json!({ "redirect_uris": ["https://app.example.com:8443/cb"] })),
            false,
        ),
        ("a narrower scope", and(native(1), json!({ "scope": "read" })), false),
        (
            "a client with a secret",
            and(native(1), json!({ "token_endpoint_auth_method": "client_secret_basic" })),
            false,
        ),
    ];
    for (name, document, shares) in rows {
        ledger.take();
        let before = server.count().await;
        let reply = server.post(&document).await;
        assert_eq!(
            (reply.status, reply.header("location").is_some()),
            (201, name == "a client with a secret"),
            "{name}"
        );
        let information = reply.json();
        assert_eq!(information["client_id"] == first.json()["client_id"], shares, "{name}");
        assert_eq!(information["client_id_issued_at"] == first.json()["client_id_issued_at"], shares, "{name}");
        assert_eq!(information["redirect_uris"], document["redirect_uris"], "{name}: as this caller sent them");
        assert_eq!(server.count().await - before, u64::from(!shares), "{name}");
        let audited: Vec<_> = ledger.take().iter().map(|entry| entry.operation).collect();
        assert_eq!(audited, [if shares { Operation::Reuse } else { Operation::Register }], "{name}");
        for member in MANAGEMENT {
            assert_eq!(information.get(member).is_some(), name == "a client with a secret", "{name}: {member}");
        }
    }
    for member in MANAGEMENT {
        assert_eq!(first.json().get(member), None, "a shared registration cannot be managed");
    }
    let id = ClientId::parse(first.json()["client_id"].as_str().unwrap()).unwrap();
    let client = server.registry.client(id.as_str()).await.unwrap().unwrap();
    let requested = "http://127.0.0.1:61000/cb?a=b";
    assert_eq!(client.redirect_uri(requested), Some(requested), "whatever port the first one had");

    server.registry.disable(&id).await.unwrap().unwrap();
    let again = server.post(&native(1)).await.json();
    assert_ne!(again["client_id"], first.json()["client_id"], "a disabled client is not shared");
    assert_eq!(server.post(&native(1)).await.json()["client_id"], again["client_id"]);
}

#[tokio::test]
async fn no_client_is_shared_unless_the_operator_enables_it() {
    let server = Server::open().await;
    let (first, second) = (server.register(&native(1)).await, server.register(&native(1)).await);
    assert_ne!(first.id(), second.id());
    assert_eq!(server.get(&first).await.status, 200);
}

#[tokio::test]
async fn registrations_with_a_token_are_not_shared() {
    let server = Server::start(Access::Tokens, |builder| {
        builder.with_shared_registrations(true).with_initial_access_token("ConfiguredInitialToken")
    })
    .await;
    let posting = || send(server.posting(native(1).to_string()).bearer_auth("ConfiguredInitialToken"));
    let (first, second) = (posting().await.json(), posting().await.json());
    assert_ne!(first["client_id"], second["client_id"]);
    assert!(first.get("registration_access_token").is_some());
}

#[tokio::test]
async fn a_shared_registration_that_cannot_be_audited_is_not_acknowledged() {
    let ledger = Ledger::default();
    let configure = ledger.clone();
    let server =
        Server::start(Access::Open, |builder| builder.with_shared_registrations(true).with_audit(configure)).await;
    server.post(&native(1)).await;
    ledger.fail(true);
    assert_eq!(server.post(&native(2)).await.status, 503);
    assert_eq!(server.count().await, 1);
    assert_eq!(server.post(&minimal()).await.status, 503);
    assert_eq!(server.count().await, 1);
}
