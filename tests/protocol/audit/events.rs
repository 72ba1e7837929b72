//! The audit trail: one event for every acknowledged change and every refusal, and no secret in any.

use std::sync::{Arc, OnceLock};

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use http::Method;
use serde_json::json;
use tower_dcr::access::TokenOptions;
use tower_dcr::audit::{AuditEvent, AuditSink, Operation};
use tower_dcr::credential::ClientId;
use tower_dcr::store::{IdleCutoffs, MemoryStore};
use tower_dcr::{Access, BoxError, Client, ClientStatus, Registry, Revoke};

use crate::fakes::{Entry, Fragile, Ledger};
use crate::server::{Registered, Reply, Server, minimal, minimal_and, send};

async fn audited(access: Access) -> (Server, Ledger) {
    let ledger = Ledger::default();
    let configure = ledger.clone();
    let server = Server::start(access, |builder| builder.with_audit(configure)).await;
    (server, ledger)
}

/// Exactly one event: what was done to this client.
fn assert_done(name: &str, entries: &[Entry], operation: Operation, client_id: Option<&str>) {
    let [entry] = entries else { panic!("{name}: {entries:?}") };
    assert_eq!((entry.operation, entry.action, entry.status), (operation, operation.as_str(), None), "{name}");
    assert_eq!(entry.client_id.as_deref(), client_id, "{name}");
}

/// Exactly one event: a refusal with the status of the reply.
fn assert_refusal(name: &str, entries: &[Entry], operation: Operation, client_id: Option<&str>, reply: &Reply) {
    let [entry] = entries else { panic!("{name}: {entries:?}") };
    assert_eq!((entry.operation, entry.action), (operation, "refused"), "{name}");
    assert_eq!(entry.status, Some(reply.status), "{name}");
    assert_eq!(entry.client_id.as_deref(), client_id, "{name}");
}

#[tokio::test]
async fn every_acknowledged_change_is_one_event() {
    let (server, ledger) = audited(Access::Tokens).await;
    let (token, record) = server.registry.issue_initial_access_token(TokenOptions::new()).await.unwrap();
    assert_done("issue", &ledger.take(), Operation::IssueToken, None);
    let registering = || send(server.posting(minimal().to_string()).bearer_auth(token.expose()));
    let client = Registered::of(&registering().await);
    assert_done("register", &ledger.take(), Operation::Register, Some(client.id()));
    assert_eq!(server.get(&client).await.status, 200);
    assert_done("read", &ledger.take(), Operation::Read, Some(client.id()));
    assert_eq!(send(server.request(Method::HEAD, client.uri()).bearer_auth(client.token())).await.status, 200);
    assert_done("head", &ledger.take(), Operation::Read, Some(client.id()));
    assert_eq!(server.put(&client, &minimal()).await.status, 200);
    assert_done("update", &ledger.take(), Operation::Update, Some(client.id()));
    assert_eq!(server.delete(&client).await.status, 204);
    assert_done("delete", &ledger.take(), Operation::Delete, Some(client.id()));
    assert!(server.registry.revoke_initial_access_token(record.id()).await.unwrap());
    assert_done("revoke", &ledger.take(), Operation::RevokeToken, None);
    assert!(!server.registry.revoke_initial_access_token(record.id()).await.unwrap());
    assert_eq!(ledger.take(), [], "nothing was revoked");
}

#[tokio::test]
async fn what_the_application_does_is_on_the_trail_too() {
    let (server, ledger) = audited(Access::ManagementOnly).await;
    let document = minimal().to_string();
    let metadata = tower_dcr::metadata::ClientMetadata::from_json(document.as_bytes()).unwrap();
    let registered = server.registry.register(metadata.clone()).await.unwrap();
    let id = registered.client().id().clone();
    assert_done("register", &ledger.take(), Operation::Register, Some(id.as_str()));
    let token = registered.registration_access_token().unwrap().expose().to_owned();
    server.registry.update(&id, &token, metadata).await.unwrap();
    assert_done("update", &ledger.take(), Operation::Update, Some(id.as_str()));
    assert!(server.registry.delete(&id, "wrong").await.is_err());
    assert_eq!(ledger.take().len(), 1, "refused deletion");
    assert!(server.registry.register(Default::default()).await.is_err());
    assert_eq!(ledger.take().len(), 1, "refused registration");
    let later = server.registry.now() + std::time::Duration::from_secs(1);
    assert_eq!(server.registry.expire(&IdleCutoffs::none(later).with_unused_since(later), 9).await.unwrap().len(), 1);
    assert_done("expire", &ledger.take(), Operation::Expire, Some(id.as_str()));
}

#[tokio::test]
async fn the_first_use_of_many_is_one_event_and_later_ones_are_none() {
    let ledger = Ledger::default();
    let configure = ledger.clone();
    let server = Server::with_store(Access::Open, Fragile::default(), |builder| builder.with_audit(configure)).await;
    let client = server.register(&minimal()).await;
    let id = ClientId::parse(client.id()).unwrap();
    ledger.take();
    for touched in join_all((0..64).map(|_| server.registry.touch(&id))).await {
        assert!(touched.unwrap());
    }
    assert_done("first use", &ledger.take(), Operation::FirstUse, Some(client.id()));
    assert!(server.registry.touch(&id).await.unwrap());
    assert_eq!(ledger.take(), [], "used before");
    assert!(!server.registry.touch(&ClientId::parse("nobody").unwrap()).await.unwrap());
    assert_eq!(ledger.take(), [], "no client was used");
}

#[tokio::test]
async fn a_use_that_cannot_be_recorded_on_the_trail_is_a_use() {
    let (server, ledger) = audited(Access::Open).await;
    let client = server.register(&minimal()).await;
    ledger.fail(true);
    assert!(server.registry.touch(&ClientId::parse(client.id()).unwrap()).await.unwrap());
    assert!(server.registry.client(client.id()).await.unwrap().unwrap().last_used().is_some());
}

/// A revocation that never completes.
struct Stuck;

impl Revoke for Stuck {
    async fn revoke(&self, _client: &Client) -> Result<(), BoxError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn an_expired_client_is_on_the_trail_when_its_revocation_is_not_awaited() {
    let ledger = Ledger::default();
    let configure = ledger.clone();
    let server = Server::start(Access::Open, |builder| builder.with_audit(configure).with_revocation(Stuck)).await;
    for _ in 0..3 {
        server.register(&minimal()).await;
    }
    ledger.take();
    let later = server.registry.now() + std::time::Duration::from_secs(1);
    let cutoffs = IdleCutoffs::none(later).with_unused_since(later);
    assert!(server.registry.expire(&cutoffs, 9).now_or_never().is_none(), "it waits for the revocation");
    assert_eq!(server.count().await, 0);
    let recorded: Vec<_> = ledger.take().iter().map(|entry| (entry.operation, entry.status)).collect();
    let (expired, revoked) = recorded.split_at(3);
    assert_eq!(expired, [(Operation::Expire, None); 3]);
    assert_eq!(revoked, [(Operation::Revoke, Some(500)); 3], "and that their grants may be left");
}

/// A trail that is full of one update, at the moment when the operator disables the client.
#[derive(Debug, Clone, Default)]
struct Interrupted(Arc<OnceLock<Registry>>);

impl AuditSink for Interrupted {
    async fn record(&self, event: &AuditEvent<'_>) -> Result<(), BoxError> {
        let Some(operator) = self.0.get().filter(|_| event.operation() == Operation::Update) else { return Ok(()) };
        let disabled = operator.disable(event.client_id().unwrap()).now_or_never().unwrap();
        assert_eq!(disabled.unwrap().unwrap().status(), ClientStatus::Disabled);
        Err("the disk is full".into())
    }
}

#[tokio::test]
async fn an_update_is_taken_back_although_the_operator_came_between() {
    let (store, trail) = (MemoryStore::new(), Interrupted::default());
    let operator = Registry::builder("https://id.example.com", Access::Open).build(store.clone()).unwrap();
    let server = Server::with_store(Access::Open, store, |builder| builder.with_audit(trail.clone())).await;
    let client = server.register(&minimal_and(json!({ "client_name": "Old" }))).await;
    trail.0.set(operator.clone()).unwrap();
    let reply = server.put(&client, &minimal_and(json!({ "client_name": "New" }))).await;
    assert_eq!(reply.status, 503);
    let found = operator.client(client.id()).await.unwrap().unwrap();
    assert_eq!(found.status(), ClientStatus::Disabled, "what the operator did stays");
    assert_eq!(found.metadata().client_name.untagged(), Some("Old"));
}

#[tokio::test]
async fn every_refused_registration_is_one_event() {
    let (server, ledger) = audited(Access::Tokens).await;
    let (token, _) = server.registry.issue_initial_access_token(TokenOptions::new()).await.unwrap();
    ledger.take();
    let rows = [
        ("no token", None, "{}", 401),
        ("wrong token", Some("wrong"), "{}", 401),
        ("no JSON", Some(token.expose()), "{", 400),
        ("two faults", Some(token.expose()), r#"{"redirect_uris":["a:"],"scope":" "}"#, 400),
    ];
    for (name, token, body, status) in rows {
        let request = server.posting(body);
        let reply = send(token.into_iter().fold(request, |request, token| request.bearer_auth(token))).await;
        assert_eq!(reply.status, status, "{name}");
        assert_refusal(name, &ledger.take(), Operation::Register, None, &reply);
    }
    server.registry.set_registration_enabled(false);
    let reply = server.post(&minimal()).await;
    assert_refusal("switched off", &ledger.take(), Operation::Register, None, &reply);
}

#[tokio::test]
async fn every_refused_look_or_change_is_one_event() {
    let (server, ledger) = audited(Access::Open).await;
    let (client, gone) = (server.register(&minimal()).await, server.register(&minimal()).await);
    assert_eq!(server.delete(&gone).await.status, 204);
    let unknown = format!("{}/unknown", server.endpoint());
    let undecodable = format!("{}/%ff", server.endpoint());
    ledger.take();
    let rows = [
        ("no token", client.uri(), None, None),
        ("wrong token", client.uri(), Some("wrong"), Some(client.id())),
        ("deleted client", gone.uri(), Some(gone.token()), Some(gone.id())),
        ("unknown client", &unknown, Some(client.token()), Some("unknown")),
        ("undecodable", &undecodable, Some(client.token()), None),
    ];
    let operations =
        [(Method::GET, Operation::Read), (Method::PUT, Operation::Update), (Method::DELETE, Operation::Delete)];
    for (name, uri, token, named) in rows {
        for (method, operation) in &operations {
            let name = format!("{method}, {name}");
            let request = server.request(method.clone(), uri).header("content-type", "application/json").body("{}");
            let reply = send(token.iter().fold(request, |request, token| request.bearer_auth(token))).await;
            assert_eq!(reply.status, 401, "{name}");
            assert_refusal(&name, &ledger.take(), *operation, named, &reply);
        }
    }
    let reply = server.put(&client, &json!({})).await;
    assert_refusal("broken update", &ledger.take(), Operation::Update, Some(client.id()), &reply);
    let reply = send(server.putting(&client, &minimal()).header("if-match", "\"0\"")).await;
    assert_refusal("stale update", &ledger.take(), Operation::Update, Some(client.id()), &reply);
}

#[tokio::test]
async fn what_is_neither_a_change_nor_a_refusal_leaves_no_event() {
    let (server, ledger) = audited(Access::Open).await;
    let client = server.register(&minimal()).await;
    ledger.take();
    for uri in [server.endpoint(), client.uri().to_owned(), server.url("/")] {
        send(server.request(Method::OPTIONS, uri)).await;
    }
    assert!(server.registry.client(client.id()).await.unwrap().is_some());
    assert_eq!(ledger.take(), []);
}

/// Calls every operation once, accepted and refused, and returns every credential that occurred.
async fn everything(server: &Server) -> Vec<String> {
    let (token, _) = server.registry.issue_initial_access_token(TokenOptions::new()).await.unwrap();
    let client = Registered::of(&send(server.posting(minimal().to_string()).bearer_auth(token.expose())).await);
    let mut credentials = vec![token.expose().to_owned(), "PresentedButWrong".to_owned(), "ChosenSecret".to_owned()];
    let wrong = send(server.posting("{}").bearer_auth("PresentedButWrong")).await;
    assert_eq!(wrong.status, 401);
    let wrong = send(server.request(Method::GET, client.uri()).bearer_auth("PresentedButWrong")).await;
    assert_eq!(wrong.status, 401);
    let chosen = server.put(&client, &minimal_and(json!({ "client_secret": "ChosenSecret" }))).await;
    assert_eq!(chosen.status, 400);
    assert_eq!(server.get(&client).await.status, 200);
    let updated = Registered::of(&server.put(&client, &minimal()).await);
    for client in [&client, &updated] {
        credentials.extend([client.token().to_owned(), client.member("client_secret").to_owned()]);
    }
    assert_eq!(server.delete(&updated).await.status, 204);
    credentials
}

fn assert_silent(name: &str, shown: &str, credentials: &[String]) {
    assert!(!shown.is_empty(), "{name}: nothing was captured");
    for credential in credentials {
        assert!(!shown.contains(credential.as_str()), "{name} shows {credential}: {shown}");
    }
}

#[tokio::test]
async fn no_event_and_no_debug_output_shows_a_credential() {
    let ledger = Ledger::default();
    let (configure, store) = (ledger.clone(), MemoryStore::new());
    let server = Server::with_store(Access::Tokens, store.clone(), |builder| {
        builder
            .with_audit(configure)
            .with_registration_token_rotation(true)
            .with_initial_access_token("ConfiguredInitialToken")
    })
    .await;
    let mut credentials = everything(&server).await;
    credentials.push("ConfiguredInitialToken".to_owned());
    let events = ledger.take();
    assert_eq!(events.len(), 8, "{events:?}");
    assert_silent("events", &format!("{events:?}"), &credentials);

    let metadata = tower_dcr::metadata::ClientMetadata::from_json(minimal().to_string().as_bytes()).unwrap();
    let information = server.registry.register(metadata.clone()).await.unwrap();
    let id = information.client().id();
    let token = information.registration_access_token().unwrap().expose();
    credentials.extend([token.to_owned(), information.client_secret().unwrap().expose().to_owned()]);
    let (initial, record) = server.registry.issue_initial_access_token(TokenOptions::new()).await.unwrap();
    credentials.push(initial.expose().to_owned());
    assert_silent("information", &format!("{information:?} {:?}", information.client()), &credentials);
    assert_silent("store", &format!("{store:?}"), &credentials);
    assert_silent("initial token", &format!("{initial:?} {record:?}"), &credentials);
    assert_silent(
        "registry",
        &format!("{:?} {:?}", server.registry, server.registry.clone().into_service()),
        &credentials,
    );
    let error = server.registry.update(id, "PresentedButWrong", metadata).await.unwrap_err();
    assert_silent("error", &format!("{error:?} {error}"), &credentials);
}

#[cfg(feature = "tracing")]
#[tokio::test]
async fn the_log_shows_every_event_and_no_credential() {
    use std::io::Write;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::util::SubscriberInitExt as _;

    #[derive(Debug, Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing_subscriber::filter::LevelFilter::TRACE);
    let guard = subscriber.with_writer(move || writer.clone()).set_default();
    let server = Server::start(Access::Tokens, |builder| builder.with_registration_token_rotation(true)).await;
    let credentials = everything(&server).await;
    drop(guard);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let ours = log.lines().filter(|line| line.contains("tower_dcr::audit")).count();
    assert_eq!(ours, 8, "{log}");
    assert_silent("log", &log, &credentials);
}
