//! Many requests at once: limits are guarantees, and every client is always in one state.

use std::collections::{BTreeMap, HashSet};
use std::future::Future;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tower_dcr::Access;
use tower_dcr::access::TokenOptions;

use crate::fakes::Ledger;
use crate::server::{Registered, Server, minimal, minimal_and, send};

/// How often each status occurs among replies.
async fn statuses(replies: impl IntoIterator<Item = impl Future<Output = u16>>) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for status in join_all(replies).await {
        *counts.entry(status).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_registrations_at_once_are_a_hundred_clients() {
    let server = Server::open().await;
    let document = minimal();
    let clients = join_all((0..100).map(|_| server.register(&document))).await;
    for member in ["client_id", "client_secret", "registration_access_token", "registration_client_uri"] {
        let values: HashSet<_> = clients.iter().map(|client| client.member(member)).collect();
        assert_eq!(values.len(), 100, "{member}");
    }
    assert_eq!(server.count().await, 100);
    for reply in join_all(clients.iter().map(|client| server.get(client))).await {
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_deletions_exactly_one_happens() {
    let server = Server::open().await;
    for round in 0..5 {
        let client = server.register(&minimal()).await;
        let counts = statuses((0..20).map(|_| async { server.delete(&client).await.status })).await;
        assert_eq!(counts, BTreeMap::from([(204, 1), (401, 19)]), "round {round}");
    }
    assert_eq!(server.count().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_documents_never_mix() {
    let server = Server::open().await;
    let client = server.register(&document("first")).await;
    let documents = [document("first"), document("second")];
    let whole: Vec<Value> = documents.iter().map(|document| whole(&client, document)).collect();
    let updates = (0..50).map(|number| {
        let (server, client, document) = (&server, &client, &documents[number % 2]);
        async move {
            let reply = server.put(client, document).await;
            assert!(matches!(reply.status, 200 | 409), "{}: {}", reply.status, reply.text());
            if reply.status == 200 {
                assert_eq!(reply.json(), self::whole(client, document), "the reply is about the update itself");
            }
        }
    });
    let reads = (0..50).map(|_| async {
        let read = server.get(&client).await;
        assert_eq!(read.status, 200, "{}", read.text());
        assert!(whole.contains(&read.json()), "a mixture: {}", read.text());
    });
    tokio::join!(join_all(updates), join_all(reads));
    assert!(whole.contains(&server.get(&client).await.json()));
}

/// A document in which every member contains this name.
fn document(which: &str) -> Value {
    let uri = |page: &str| format!("https://{which}.example.com/{page}");
    json!({
        "redirect_uris": [uri("cb"), uri("cb2")], "client_name": which, "client_name#fr": format!("le {which}"),
        "client_uri": uri(""), "logo_uri": uri("logo"), "tos_uri": uri("tos"), "policy_uri": uri("policy"),
        "contacts": [format!("{which}@example.com")], "scope": which, "software_id": which, "software_version": which,
    })
}

/// The client information when exactly this document is registered.
fn whole(client: &Registered, document: &Value) -> Value {
    let mut whole = client.document.clone();
    whole.as_object_mut().unwrap().extend(document.as_object().unwrap().clone());
    whole
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_update_never_brings_a_deleted_client_back() {
    let server = Server::open().await;
    for round in 0..10 {
        let client = server.register(&minimal()).await;
        let updates = join_all((0..10).map(|_| async {
            let reply = server.put(&client, &minimal()).await;
            assert!(matches!(reply.status, 200 | 401 | 409), "round {round}: {}", reply.status);
        }));
        let (_, deleted) = tokio::join!(updates, server.delete(&client));
        assert_eq!(deleted.status, 204, "round {round}");
        assert_eq!(server.get(&client).await.status, 401, "round {round}");
    }
    assert_eq!(server.count().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_client_limit_is_exact() {
    let server = Server::start(Access::Open, |builder| builder.with_max_clients(10)).await;
    let document = minimal();
    let counts = statuses((0..64).map(|_| async { server.post(&document).await.status })).await;
    assert_eq!(counts, BTreeMap::from([(201, 10), (503, 54)]));
    assert_eq!(server.count().await, 10);
    let listed = server.registry.clients(&tower_dcr::store::ClientQuery::new()).await.unwrap();
    let client = listed[0].id().as_str();
    assert_eq!(listed.len(), 10);
    assert!(!client.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_deletion_permits_a_registration_below_the_limit() {
    let server = Server::start(Access::Open, |builder| builder.with_max_clients(1)).await;
    let client = server.register(&minimal()).await;
    assert_eq!(server.post(&minimal()).await.status, 503);
    assert_eq!(server.delete(&client).await.status, 204);
    assert_eq!(server.post(&minimal()).await.status, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_token_for_one_registration_registers_one_client() {
    let server = Server::start(Access::Tokens, |builder| builder).await;
    let (token, _) = server.registry.issue_initial_access_token(TokenOptions::new().with_uses(1)).await.unwrap();
    let body = minimal().to_string();
    let counts = statuses(
        (0..64).map(|_| async { send(server.posting(body.clone()).bearer_auth(token.expose())).await.status }),
    )
    .await;
    assert_eq!(counts, BTreeMap::from([(201, 1), (401, 63)]));
    assert_eq!(server.count().await, 1);
    assert_eq!(server.registry.initial_access_tokens().await.unwrap()[0].uses_left(), Some(0));
}

#[tokio::test]
async fn registration_is_switched_off_and_on_while_clients_are_managed() {
    let server = Server::open().await;
    let client = server.register(&minimal()).await;
    assert_eq!(server.registry.registration_endpoint(), Some(&*server.endpoint()));
    server.registry.set_registration_enabled(false);
    assert_eq!(server.registry.registration_endpoint(), None);
    assert_eq!(server.post(&minimal()).await.status, 403);
    assert_eq!(server.get(&client).await.status, 200);
    assert_eq!(server.put(&client, &client.own()).await.status, 200);
    assert_eq!(server.delete(&client).await.status, 204);
    server.registry.set_registration_enabled(true);
    assert_eq!(server.post(&minimal()).await.status, 201);
}

#[tokio::test]
async fn what_cannot_be_audited_did_not_happen() {
    let ledger = Ledger::default();
    let configure = ledger.clone();
    let server = Server::start(Access::Open, |builder| {
        builder.with_audit(configure).with_registration_token_rotation(true).with_max_clients(2)
    })
    .await;
    let client = server.register(&minimal_and(json!({ "client_name": "Before" }))).await;
    ledger.fail(true);
    let changed = minimal_and(json!({ "client_name": "After", "token_endpoint_auth_method": "none" }));
    for (name, reply) in [
        ("register", server.post(&minimal()).await),
        ("read", server.get(&client).await),
        ("update", server.put(&client, &changed).await),
    ] {
        assert_eq!((reply.status, reply.error().as_deref()), (503, Some("temporarily_unavailable")), "{name}");
        assert_eq!(reply.header("retry-after"), Some("5"), "{name}");
    }
    assert_eq!(server.count().await, 1, "nothing was registered");
    assert_eq!(server.put(&client, &json!({})).await.status, 400, "a refusal stays a refusal");
    ledger.fail(false);
    let read = server.get(&client).await;
    assert_eq!((read.status, read.json()), (200, client.document.clone()), "the old document, token and secret");
    assert_eq!(server.post(&minimal()).await.status, 201, "the registration taken back left its place");
}

#[tokio::test]
async fn a_registration_taken_back_gives_the_use_of_its_token_back() {
    let ledger = Ledger::default();
    let configure = ledger.clone();
    let server = Server::start(Access::Tokens, |builder| builder.with_audit(configure)).await;
    let (token, _) = server.registry.issue_initial_access_token(TokenOptions::new().with_uses(1)).await.unwrap();
    let posting = || send(server.posting(minimal().to_string()).bearer_auth(token.expose()));
    ledger.fail(true);
    assert_eq!(posting().await.status, 503);
    ledger.fail(false);
    assert_eq!(posting().await.status, 201, "the client did nothing wrong and tries again, as Retry-After says");
}

/// As the documentation of `AuditSink` says: a deletion cannot be taken back.
#[tokio::test]
async fn a_deletion_that_cannot_be_audited_is_not_acknowledged() {
    let ledger = Ledger::default();
    let configure = ledger.clone();
    let server = Server::start(Access::Open, |builder| builder.with_audit(configure)).await;
    let client = server.register(&minimal()).await;
    ledger.fail(true);
    assert_eq!(server.delete(&client).await.status, 503);
    ledger.fail(false);
    assert_eq!(server.get(&client).await.status, 401);
}
