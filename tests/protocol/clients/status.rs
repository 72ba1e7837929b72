//! A change of status by the operator takes effect at once, for every request of the client.

use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use serde_json::json;
use tower_dcr::audit::Operation;
use tower_dcr::authentication::ClientCredentials;
use tower_dcr::credential::ClientId;
use tower_dcr::policy::{Review, Verdict};
use tower_dcr::{Access, ClientStatus, RegistrationErrorKind};

use crate::fakes::{Fragile, Ledger};
use crate::refusals::assertions::{Challenge, assert_refused};
use crate::server::{Registered, Server, minimal, minimal_and};

const TOKEN: Option<&str> = Some("invalid_token");

fn id(client: &Registered) -> ClientId {
    ClientId::parse(client.id()).unwrap()
}

#[tokio::test]
async fn a_disabled_client_is_answered_like_an_unknown_client() {
    let server = Server::open().await;
    let client =
        server.register(&minimal_and(json!({ "post_logout_redirect_uris": ["https://app.example.com/bye"] }))).await;
    let disabled = server.registry.disable(&id(&client)).await.unwrap().unwrap();
    assert_eq!((disabled.status(), disabled.revision()), (ClientStatus::Disabled, 2));
    let unknown = Registered {
        document: json!({
            "registration_client_uri": server.endpoint() + "/unknown",
            "registration_access_token": client.token(),
        }),
    };
    let changed = minimal_and(json!({ "client_name": "Changed" }));
    let rows = [
        ("E-077 GET", server.get(&client).await, server.get(&unknown).await),
        ("E-077 PUT", server.put(&client, &changed).await, server.put(&unknown, &changed).await),
        ("E-077 DELETE", server.delete(&client).await, server.delete(&unknown).await),
    ];
    for (name, mut reply, mut nobody) in rows {
        assert_refused(name, &reply, 401, TOKEN, Challenge::InvalidToken);
        for reply in [&mut reply, &mut nobody] {
            reply.headers.remove("date");
        }
        assert_eq!((&reply.headers, reply.text()), (&nobody.headers, nobody.text()), "{name}: as an unknown client");
    }
    let stored = server.registry.client(client.id()).await.unwrap().unwrap();
    assert!(!stored.is_active());
    assert!(!stored.verify_secret(client.member("client_secret"), server.registry.now()));
    assert_eq!(stored.redirect_uri("https://app.example.com/cb"), None);
    assert_eq!(stored.post_logout_redirect_uri("https://app.example.com/bye"), None);
    assert_eq!(stored.metadata().client_name.untagged(), None, "nothing was changed");

    let enabled = server.registry.enable(&id(&client)).await.unwrap().unwrap();
    assert!(enabled.verify_secret(client.member("client_secret"), server.registry.now()));
    assert_eq!(enabled.redirect_uri("https://app.example.com/cb"), Some("https://app.example.com/cb"));
    assert_eq!(enabled.post_logout_redirect_uri("https://app.example.com/bye"), Some("https://app.example.com/bye"));
    assert_eq!(server.get(&client).await.json(), client.document, "the same secret and token as before");
}

#[tokio::test]
async fn a_client_that_waits_manages_itself_and_does_nothing_else() {
    let server = Server::start(Access::Open, |builder| builder.with_policy(|_: &Review<'_>| Verdict::hold())).await;
    let client = server.register(&minimal()).await;
    let stored = || async { server.registry.client(client.id()).await.unwrap().unwrap() };
    let authenticated = async || {
        let secret = client.member("client_secret");
        let header = format!("Basic {}", STANDARD.encode(format!("{}:{secret}", client.id())));
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(&header).unwrap())]);
        let credentials = ClientCredentials::read(&headers, []).unwrap();
        server.registry.authenticate(&credentials).await.is_ok()
    };
    let read = server.get(&client).await.json();
    let updated = server.put(&client, &minimal_and(json!({ "client_name": "New" }))).await;
    assert_eq!((updated.status, &read), (200, &client.document));
    for (name, document) in [("POST", &client.document), ("GET", &read), ("PUT", &updated.json())] {
        assert_eq!(document["status"], "pending", "{name}: a client that waits sees its status");
    }
    let waiting = stored().await;
    assert_eq!((waiting.status(), waiting.metadata().client_name.untagged()), (ClientStatus::Pending, Some("New")));
    assert!(!waiting.verify_secret(client.member("client_secret"), server.registry.now()));
    assert_eq!(waiting.redirect_uri("https://app.example.com/cb"), None);
    assert!(!authenticated().await);
    assert_eq!(server.registry.enable(&id(&client)).await.unwrap().unwrap().status(), ClientStatus::Pending);

    assert_eq!(server.registry.approve(&id(&client)).await.unwrap().unwrap().status(), ClientStatus::Active);
    assert!(stored().await.redirect_uri("https://app.example.com/cb").is_some() && authenticated().await);
    assert_eq!(server.get(&client).await.json().get("status"), None, "an active client has no status in its replies");
    let second = server.register(&minimal()).await;
    assert_eq!(server.delete(&second).await.status, 204);
}

#[tokio::test]
async fn a_status_changes_where_it_may_and_is_audited_once() {
    let ledger = Ledger::default();
    let configure = ledger.clone();
    let server = Server::start(Access::Open, |builder| builder.with_audit(configure)).await;
    let id = id(&server.register(&minimal()).await);
    ledger.take();
    let registry = &server.registry;
    let rows = [
        ("approve an active one", registry.approve(&id).await, ClientStatus::Active, 1, None),
        ("enable an active one", registry.enable(&id).await, ClientStatus::Active, 1, None),
        ("disable", registry.disable(&id).await, ClientStatus::Disabled, 2, Some(Operation::Disable)),
        ("disable again", registry.disable(&id).await, ClientStatus::Disabled, 2, None),
        ("approve a disabled one", registry.approve(&id).await, ClientStatus::Disabled, 2, None),
        ("enable", registry.enable(&id).await, ClientStatus::Active, 3, Some(Operation::Enable)),
    ];
    let mut expected = Vec::new();
    for (name, client, status, revision, operation) in rows {
        let client = client.unwrap().unwrap();
        assert_eq!((client.status(), client.revision()), (status, revision), "{name}");
        expected.extend(operation);
    }
    let entries = ledger.take();
    assert_eq!(entries.iter().map(|entry| entry.operation).collect::<Vec<_>>(), expected);
    assert!(entries.iter().all(|entry| entry.client_id.as_deref() == Some(id.as_str()) && entry.status.is_none()));
    let nobody = ClientId::parse("nobody").unwrap();
    assert!(registry.disable(&nobody).await.unwrap().is_none());
    assert!(registry.enable(&nobody).await.unwrap().is_none());
    assert!(registry.approve(&nobody).await.unwrap().is_none());
    assert!(!registry.remove(&nobody).await.unwrap());
    assert!(ledger.take().is_empty());
}

#[tokio::test]
async fn what_was_reviewed_is_what_is_approved() {
    let ledger = Ledger::default();
    let configure = ledger.clone();
    let hold = |_: &Review<'_>| Verdict::hold();
    let server = Server::start(Access::Open, |builder| builder.with_policy(hold).with_audit(configure)).await;
    let client = server.register(&minimal()).await;
    let id = id(&client);
    let reviewed = server.registry.client(id.as_str()).await.unwrap().unwrap().revision();
    assert_eq!(server.put(&client, &minimal_and(json!({ "client_name": "Another" }))).await.status, 200);
    ledger.take();

    let error = server.registry.approve_revision(&id, reviewed).await.unwrap_err();
    assert_eq!(error.kind(), RegistrationErrorKind::Conflict);
    let waiting = server.registry.client(id.as_str()).await.unwrap().unwrap();
    assert_eq!((waiting.status(), waiting.revision()), (ClientStatus::Pending, reviewed + 1));
    let approved = server.registry.approve_revision(&id, waiting.revision()).await.unwrap().unwrap();
    assert_eq!((approved.status(), approved.revision()), (ClientStatus::Active, reviewed + 2));
    let again = server.registry.approve_revision(&id, reviewed).await.unwrap().unwrap();
    assert_eq!(again.revision(), approved.revision(), "an approved client is not changed");
    let nobody = ClientId::parse("nobody").unwrap();
    assert!(server.registry.approve_revision(&nobody, 1).await.unwrap().is_none());
    let recorded: Vec<_> = ledger.take().iter().map(|entry| (entry.operation, entry.status)).collect();
    assert_eq!(recorded, [(Operation::Approve, Some(409)), (Operation::Approve, None)]);
}

#[tokio::test]
async fn a_status_change_that_cannot_be_audited_never_enables_a_client() {
    let ledger = Ledger::default();
    let configure = ledger.clone();
    let server = Server::start(Access::Open, |builder| builder.with_audit(configure)).await;
    let id = id(&server.register(&minimal()).await);
    let status = || async { server.registry.client(id.as_str()).await.unwrap().unwrap().status() };
    ledger.fail(true);
    assert_eq!(server.registry.disable(&id).await.unwrap_err().kind(), RegistrationErrorKind::Unavailable);
    assert_eq!(status().await, ClientStatus::Disabled);
    assert_eq!(server.registry.enable(&id).await.unwrap_err().kind(), RegistrationErrorKind::Unavailable);
    assert_eq!(status().await, ClientStatus::Disabled);
    ledger.fail(false);
    assert_eq!(server.registry.enable(&id).await.unwrap().unwrap().status(), ClientStatus::Active);
}

#[tokio::test]
async fn a_store_that_fails_is_an_error_and_changes_nothing() {
    let (store, ledger) = (Fragile::default(), Ledger::default());
    let configure = ledger.clone();
    let server = Server::with_store(Access::Open, store.clone(), |builder| builder.with_audit(configure)).await;
    let id = id(&server.register(&minimal()).await);
    ledger.take();
    store.contended.store(true, Ordering::SeqCst);
    assert_eq!(server.registry.disable(&id).await.unwrap_err().kind(), RegistrationErrorKind::Conflict);
    store.down.store(true, Ordering::SeqCst);
    assert_eq!(server.registry.disable(&id).await.unwrap_err().kind(), RegistrationErrorKind::Unavailable);
    assert_eq!(server.registry.remove(&id).await.unwrap_err().kind(), RegistrationErrorKind::Unavailable);
    let refused: Vec<_> = ledger.take().iter().map(|entry| (entry.operation, entry.status)).collect();
    let expected = [(Operation::Disable, Some(409)), (Operation::Disable, Some(503)), (Operation::Remove, Some(503))];
    assert_eq!(refused, expected);
    store.down.store(false, Ordering::SeqCst);
    assert_eq!(server.registry.client(id.as_str()).await.unwrap().unwrap().status(), ClientStatus::Active);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn disabling_wins_over_the_updates_around_it() {
    let server = Server::open().await;
    for round in 0..10 {
        let client = server.register(&minimal()).await;
        let id = id(&client);
        let updates = futures_util::future::join_all((0..10).map(|_| async {
            let reply = server.put(&client, &minimal()).await;
            assert!(matches!(reply.status, 200 | 401 | 409), "round {round}: {}", reply.status);
        }));
        let (_, disabled) = tokio::join!(updates, server.registry.disable(&id));
        assert!(disabled.is_ok(), "round {round}: a client that changes itself does not keep the operator out");
        let stored = server.registry.client(client.id()).await.unwrap().unwrap();
        assert_eq!(stored.status(), ClientStatus::Disabled, "round {round}");
        assert_eq!(server.get(&client).await.status, 401, "round {round}");
    }
}
