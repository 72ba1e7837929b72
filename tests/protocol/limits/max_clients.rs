//! Registrations at the limit of clients.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Notify;
use tower_dcr::access::TokenOptions;
use tower_dcr::audit::Operation;
use tower_dcr::credential::ClientId;
use tower_dcr::metadata::ClientMetadata;
use tower_dcr::retention::Retention;
use tower_dcr::store::ClientQuery;
use tower_dcr::{Access, BoxError, Client, Revoke};

use crate::fakes::{FakeClock, Ledger};
use crate::limits::retention::{Grants, HOUR, LATER, Stage, id, ids};
use crate::refusals::assertions::{Challenge, assert_refused};
use crate::server::{Registered, Server, minimal, send};

/// A ceiling without a grace.
fn at_most(clients: u64) -> Retention {
    Retention::new().with_max_clients(clients).with_grace(Duration::ZERO)
}

#[tokio::test]
async fn at_the_ceiling_the_oldest_unused_client_is_evicted() {
    let stage = Stage::new(Access::Open, at_most(4)).await;
    let [used, oldest, disabled, protected] =
        [stage.register().await, stage.register().await, stage.register().await, stage.register().await];
    stage.touch(&used).await;
    stage.server.registry.disable(&id(&disabled)).await.unwrap();
    stage.grants.protect(&protected);
    stage.ledger.take();
    let new = stage.register().await;
    assert_eq!(stage.left().await, ids(&[&used, &disabled, &protected, &new]));
    assert_eq!(stage.grants.revoked(), ids(&[&oldest]));
    let entries: Vec<_> = stage.ledger.take().into_iter().map(|entry| (entry.operation, entry.client_id)).collect();
    let of = |client: &Registered| Some(client.id().to_owned());
    assert_eq!(entries, [(Operation::Register, of(&new)), (Operation::Expire, of(&oldest))]);

    stage.touch(&new).await;
    let full = stage.server.post(&minimal()).await;
    assert_refused("full", &full, 503, LATER, Challenge::None);
    assert_eq!(full.header("retry-after"), Some("5"));
    assert_eq!(stage.left().await, ids(&[&used, &disabled, &protected, &new]), "no client is added or evicted");
}

#[tokio::test]
async fn those_who_must_stay_do_not_close_the_registration() {
    let stage = Stage::new(Access::Open, at_most(205)).await;
    for _ in 0..204 {
        stage.grants.protect(&stage.register().await);
    }
    let free = stage.register().await;
    let new = stage.register().await;
    assert_eq!(stage.grants.revoked(), ids(&[&free]));
    stage.grants.protect(&new);
    assert_eq!(stage.server.post(&minimal()).await.status, 503);
}

#[tokio::test]
async fn an_evicted_client_is_restored_when_the_trail_fails() {
    let (clock, ledger, grants) = (FakeClock::new(), Ledger::default(), Grants::default());
    let server = Server::with_store(Access::Open, grants.store.clone(), |builder| {
        let builder = builder.with_retention(at_most(2)).with_clock(clock.clone());
        builder.with_audit(ledger.clone()).with_revocation(grants.clone())
    })
    .await;
    let first = server.register(&minimal()).await;
    clock.advance(Duration::from_secs(1));
    let second = server.register(&minimal()).await;
    for failing in [Operation::Register, Operation::Expire] {
        ledger.take();
        ledger.fail_at(Some(failing));
        for _ in 0..3 {
            assert_refused("no trail", &server.post(&minimal()).await, 503, LATER, Challenge::None);
        }
        ledger.fail_at(None);
        assert_eq!((server.get(&first).await.status, server.get(&second).await.status), (200, 200), "{failing:?}");
        assert_eq!((server.count().await, grants.revoked()), (2, vec![]), "{failing:?}");
        let entries: Vec<_> = ledger.take().into_iter().map(|entry| (entry.operation, entry.action)).collect();
        assert!(entries.contains(&(Operation::TakeBack, "take_back")), "{entries:?}");
        assert!(!entries.contains(&(Operation::Expire, "expire")), "{entries:?}");
    }
    assert_eq!(server.post(&minimal()).await.status, 201);
    assert_eq!(grants.revoked(), ids(&[&first]));
}

#[tokio::test]
async fn a_revocation_that_is_dropped_is_reported() {
    /// Never completes.
    struct Endless(Arc<Notify>);

    impl Revoke for Endless {
        async fn revoke(&self, _: &Client) -> Result<(), BoxError> {
            self.0.notify_one();
            std::future::pending().await
        }
    }

    let (reached, ledger) = (Arc::new(Notify::new()), Ledger::default());
    let server = Server::start(Access::Open, |builder| {
        let builder = builder.with_retention(at_most(1)).with_audit(ledger.clone());
        builder.with_revocation(Endless(Arc::clone(&reached)))
    })
    .await;
    let first = server.register(&minimal()).await;
    let registry = server.registry.clone();
    let metadata = ClientMetadata::from_json(minimal().to_string().as_bytes()).unwrap();
    let caller = tokio::spawn(async move { registry.register(metadata).await });
    reached.notified().await;
    ledger.take();
    caller.abort();
    assert!(caller.await.is_err_and(|error| error.is_cancelled()));
    let entries = ledger.take();
    let steps: Vec<_> =
        entries.iter().map(|entry| (entry.operation, entry.client_id.as_deref(), entry.status)).collect();
    assert_eq!(steps, [(Operation::Revoke, Some(first.id()), Some(500))]);
}

#[tokio::test]
async fn a_new_client_is_safe_for_its_grace() {
    let stage = Stage::new(Access::Open, Retention::new().with_max_clients(1).with_grace(HOUR)).await;
    let first = stage.register().await;
    assert_eq!(stage.server.post(&minimal()).await.status, 503);
    assert_eq!(stage.left().await, ids(&[&first]));
    stage.clock.advance(HOUR);
    let second = stage.register().await;
    assert_eq!(stage.left().await, ids(&[&second]));
}

#[tokio::test]
async fn a_full_store_spends_no_use_of_a_token() {
    let stage = Stage::new(Access::Tokens, at_most(1)).await;
    let (token, _) = stage.server.registry.issue_initial_access_token(TokenOptions::new().with_uses(2)).await.unwrap();
    let posting = || send(stage.server.posting(minimal().to_string()).bearer_auth(token.expose()));
    let uses_left = || async { stage.server.registry.initial_access_tokens().await.unwrap()[0].uses_left() };
    stage.touch(&Registered::of(&posting().await)).await;
    assert_refused("full", &posting().await, 503, LATER, Challenge::None);
    assert_eq!(uses_left().await, Some(1));
    let used = stage.left().await;
    assert!(stage.server.registry.remove(&ClientId::parse(&used[0]).unwrap()).await.unwrap());
    assert_eq!(posting().await.status, 201);
    assert_eq!((uses_left().await, stage.server.count().await), (Some(0), 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_registrations_at_the_ceiling_stay_below_it() {
    let server = Server::start(Access::Open, |builder| builder.with_retention(at_most(10))).await;
    for _ in 0..10 {
        server.register(&minimal()).await;
    }
    let document = minimal();
    let statuses = join_all((0..64).map(|_| async { server.post(&document).await.status })).await;
    let mut counts = BTreeMap::new();
    for status in statuses {
        *counts.entry(status).or_insert(0) += 1;
    }
    assert!(counts.keys().all(|status| [201, 503].contains(status)) && counts[&201] >= 10, "{counts:?}");
    assert_eq!(server.count().await, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn at_the_ceiling_each_registration_evicts_one_client() {
    let retention = at_most(10).with_protection(Grants::default());
    for retention in [at_most(10), retention] {
        let server = Server::start(Access::Tokens, |builder| builder.with_retention(retention)).await;
        let (plenty, _) = server.registry.issue_initial_access_token(TokenOptions::new().with_uses(10)).await.unwrap();
        let (token, _) = server.registry.issue_initial_access_token(TokenOptions::new().with_uses(1)).await.unwrap();
        let post = |token: &str| send(server.posting(minimal().to_string()).bearer_auth(token));
        for _ in 0..10 {
            assert_eq!(post(plenty.expose()).await.status, 201);
        }
        let before = server.registry.clients(&ClientQuery::new()).await.unwrap();
        let replies = join_all((0..64).map(|_| post(token.expose()))).await;
        assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
        let after = server.registry.clients(&ClientQuery::new()).await.unwrap();
        let stayed = before.iter().filter(|client| after.iter().any(|other| other.id() == client.id()));
        assert_eq!((stayed.count(), after.len()), (9, 10), "one came, so one went");
    }
}

#[tokio::test]
async fn a_registration_does_not_fail_because_of_the_grants_of_an_evicted_client() {
    let server = {
        let grants = Grants::default();
        grants.fail(true);
        let store = grants.store.clone();
        let retention = at_most(1);
        Server::with_store(Access::Open, store, |builder| builder.with_retention(retention).with_revocation(grants))
            .await
    };
    let first = server.register(&minimal()).await;
    let second = server.register(&minimal()).await;
    assert_eq!((server.get(&first).await.status, server.get(&second).await.status), (401, 200));
}
