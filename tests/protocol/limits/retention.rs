//! Idle clients are removed after a time or at the limit of clients, and their grants are revoked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tower_dcr::audit::Operation;
use tower_dcr::credential::ClientId;
use tower_dcr::retention::{Protect, Retention};
use tower_dcr::store::{ClientQuery, ClientStore as _, IdleCutoffs, MemoryStore};
use tower_dcr::{Access, BoxError, Client, RegistrationErrorKind, Revoke};

use crate::fakes::{FakeClock, Ledger};
use crate::refusals::assertions::{Challenge, assert_refused};
use crate::server::{Registered, Server, minimal};

pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);
pub(crate) const LATER: Option<&str> = Some("temporarily_unavailable");

/// The grants of an authorization server: the clients that they protect, and the clients whose grants were revoked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Grants {
    pub(crate) protected: Arc<Mutex<Vec<String>>>,
    revoked: Arc<Mutex<Vec<String>>>,
    failing: Arc<AtomicBool>,
    /// Shows whether a client is already removed when its grants are revoked.
    pub(crate) store: MemoryStore,
}

impl Grants {
    fn check(&self) -> Result<(), BoxError> {
        match self.failing.load(Ordering::SeqCst) {
            true => Err("the authorization server is down".into()),
            false => Ok(()),
        }
    }

    pub(crate) fn fail(&self, failing: bool) {
        self.failing.store(failing, Ordering::SeqCst);
    }

    pub(crate) fn protect(&self, client: &Registered) {
        self.protected.lock().unwrap().push(client.id().to_owned());
    }

    pub(crate) fn revoked(&self) -> Vec<String> {
        std::mem::take(&mut self.revoked.lock().unwrap())
    }
}

impl Protect for Grants {
    async fn protected(&self, idle: &[Arc<Client>]) -> Result<Vec<bool>, BoxError> {
        self.check()?;
        let protected = self.protected.lock().unwrap();
        Ok(idle.iter().map(|client| protected.iter().any(|id| id == client.id().as_str())).collect())
    }
}

impl Revoke for Grants {
    async fn revoke(&self, client: &Client) -> Result<(), BoxError> {
        assert!(self.store.get(client.id()).await.unwrap().is_none(), "the client is removed before its grants");
        self.revoked.lock().unwrap().push(client.id().to_string());
        self.check()
    }
}

/// A server whose clock, grants and audit trail the test controls.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) clock: FakeClock,
    pub(crate) grants: Grants,
    pub(crate) ledger: Ledger,
}

impl Stage {
    pub(crate) async fn new(access: Access, retention: Retention) -> Self {
        let (clock, grants, ledger) = (FakeClock::new(), Grants::default(), Ledger::default());
        let configure = (clock.clone(), grants.clone(), ledger.clone());
        let server = Server::with_store(access, grants.store.clone(), |builder| {
            let builder = builder.with_retention(retention.with_protection(grants.clone()));
            builder.with_clock(configure.0).with_revocation(configure.1).with_audit(configure.2)
        })
        .await;
        Self { server, clock, grants, ledger }
    }

    pub(crate) async fn register(&self) -> Registered {
        let client = self.server.register(&minimal()).await;
        self.clock.advance(Duration::from_secs(1));
        client
    }

    pub(crate) async fn touch(&self, client: &Registered) {
        assert!(self.server.registry.touch(&id(client)).await.unwrap());
    }

    pub(crate) async fn swept(&self, limit: usize) -> Vec<String> {
        let swept = self.server.registry.sweep(limit).await.unwrap();
        swept.iter().map(|client| client.id().to_string()).collect()
    }

    pub(crate) async fn left(&self) -> Vec<String> {
        let clients = self.server.registry.clients(&ClientQuery::new().with_limit(1000)).await.unwrap();
        clients.iter().map(|client| client.id().to_string()).collect()
    }
}

pub(crate) fn id(client: &Registered) -> ClientId {
    ClientId::parse(client.id()).unwrap()
}

pub(crate) fn ids(clients: &[&Registered]) -> Vec<String> {
    clients.iter().map(|client| client.id().to_owned()).collect()
}

#[tokio::test]
async fn a_sweep_takes_the_idle_and_spares_the_rest() {
    let stage = Stage::new(Access::Open, Retention::new().with_unused_after(DAY).with_idle_after(30 * DAY)).await;
    let [unused, used, disabled, protected] =
        [stage.register().await, stage.register().await, stage.register().await, stage.register().await];
    stage.touch(&used).await;
    stage.server.registry.disable(&id(&disabled)).await.unwrap();
    stage.grants.protect(&protected);
    stage.ledger.take();
    assert_eq!(stage.swept(10).await, ids(&[]), "no client is idle yet");
    stage.clock.advance(2 * DAY);
    let new = stage.register().await;
    assert_eq!(stage.swept(10).await, ids(&[&unused]));
    stage.clock.advance(29 * DAY);
    assert_eq!(stage.swept(1).await, ids(&[&used]), "no more than the limit");
    assert_eq!(stage.swept(10).await, ids(&[&new]));
    assert_eq!(stage.left().await, ids(&[&disabled, &protected]));
    assert_eq!(stage.grants.revoked(), ids(&[&unused, &used, &new]));
    let expired: Vec<_> = stage.ledger.take().iter().map(|entry| entry.operation).collect();
    assert_eq!(expired, [Operation::Register, Operation::Expire, Operation::Expire, Operation::Expire]);
    for client in [&unused, &used, &new] {
        assert_refused("swept", &stage.server.get(client).await, 401, Some("invalid_token"), Challenge::InvalidToken);
    }
}

#[tokio::test]
async fn a_sweep_looks_beyond_pages_of_protected_clients() {
    let stage = Stage::new(Access::Open, Retention::new().with_unused_after(DAY)).await;
    for _ in 0..205 {
        stage.grants.protect(&stage.register().await);
    }
    let free = [stage.register().await, stage.register().await];
    stage.clock.advance(2 * DAY);
    assert_eq!(stage.swept(10).await, ids(&[&free[0], &free[1]]));
    assert_eq!(stage.server.count().await, 205);
}

#[tokio::test]
async fn no_client_is_removed_while_the_protected_clients_are_unknown() {
    let stage = Stage::new(Access::Open, Retention::new().with_unused_after(DAY).with_max_clients(1)).await;
    let client = stage.register().await;
    stage.clock.advance(2 * DAY);
    stage.grants.fail(true);
    let error = stage.server.registry.sweep(10).await.unwrap_err();
    assert_eq!(error.kind(), RegistrationErrorKind::Unavailable);
    assert_refused("limit reached", &stage.server.post(&minimal()).await, 503, LATER, Challenge::None);
    assert_eq!(stage.left().await, ids(&[&client]));
}

#[tokio::test]
async fn grants_end_with_their_client_by_every_kind_of_removal() {
    let stage = Stage::new(Access::Open, Retention::new().with_unused_after(DAY).with_max_clients(5)).await;
    let registry = &stage.server.registry;
    let [deleted, released, removed, expired, swept] = [
        stage.register().await,
        stage.register().await,
        stage.register().await,
        stage.register().await,
        stage.register().await,
    ];
    assert_eq!(stage.server.delete(&deleted).await.status, 204);
    assert_eq!(stage.grants.revoked(), ids(&[&deleted]));
    registry.delete(&id(&released), released.token()).await.unwrap();
    assert_eq!(stage.grants.revoked(), ids(&[&released]));
    assert!(registry.remove(&id(&removed)).await.unwrap());
    assert_eq!(stage.grants.revoked(), ids(&[&removed]));
    let cutoffs = IdleCutoffs::none(registry.now()).with_unused_since(registry.now()).with_ids(vec![id(&expired)]);
    assert_eq!(registry.expire(&cutoffs, 10).await.unwrap().len(), 1);
    assert_eq!(stage.grants.revoked(), ids(&[&expired]));
    stage.clock.advance(2 * DAY);
    assert_eq!(stage.swept(10).await, ids(&[&swept]));
    assert_eq!(stage.grants.revoked(), ids(&[&swept]));
    assert_eq!(stage.server.delete(&deleted).await.status, 401);
    assert!(!registry.remove(&id(&removed)).await.unwrap());
    assert_eq!(stage.grants.revoked(), ids(&[]), "once for each client");
}

/// The client is removed as it asked, so DELETE succeeds; the operator finds the failure in the trail and the calls.
#[tokio::test]
async fn grants_that_cannot_be_revoked_are_reported_and_the_client_stays_removed() {
    let stage = Stage::new(Access::Open, Retention::new().with_unused_after(DAY).with_max_clients(4)).await;
    let registry = &stage.server.registry;
    let [deleted, released, removed, swept] =
        [stage.register().await, stage.register().await, stage.register().await, stage.register().await];
    stage.ledger.take();
    stage.grants.fail(true);
    let assert_told = |operation, client: &Registered| {
        let entries = stage.ledger.take();
        let steps: Vec<_> = entries.iter().map(|entry| (entry.operation, entry.status)).collect();
        assert_eq!(steps, [(operation, None), (Operation::Revoke, Some(500))], "{entries:?}");
        assert!(entries.iter().all(|entry| entry.client_id.as_deref() == Some(client.id())), "{entries:?}");
        assert!(entries[1].shown.contains("the authorization server is down"), "{entries:?}");
    };
    let reply = stage.server.delete(&deleted).await;
    assert_eq!((reply.status, reply.text().as_str()), (204, ""));
    assert_told(Operation::Delete, &deleted);
    let failed = registry.delete(&id(&released), released.token()).await.unwrap_err();
    assert_eq!(failed.kind(), RegistrationErrorKind::RevocationFailed);
    assert_told(Operation::Delete, &released);
    assert_eq!(registry.remove(&id(&removed)).await.unwrap_err().kind(), RegistrationErrorKind::RevocationFailed);
    assert_told(Operation::Remove, &removed);
    let cutoffs = IdleCutoffs::none(registry.now()).with_unused_since(registry.now());
    assert_eq!(registry.expire(&cutoffs, 10).await.unwrap_err().kind(), RegistrationErrorKind::RevocationFailed);
    assert_told(Operation::Expire, &swept);
    assert_eq!(stage.server.count().await, 0);
    for client in [&deleted, &released, &removed, &swept] {
        assert_eq!(stage.server.get(client).await.status, 401);
    }
}

#[tokio::test]
async fn a_deletion_revokes_grants_even_when_it_cannot_be_audited() {
    let stage = Stage::new(Access::Open, Retention::new()).await;
    let client = stage.register().await;
    stage.ledger.fail(true);
    assert_eq!(stage.server.delete(&client).await.status, 503);
    assert_eq!(stage.grants.revoked(), ids(&[&client]));
}

#[tokio::test]
async fn a_task_sweeps_whenever_it_wakes() {
    let stage = Stage::new(Access::Open, Retention::new().with_unused_after(DAY)).await;
    let (asleep, wake) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let sleep = {
        let (asleep, wake) = (Arc::clone(&asleep), Arc::clone(&wake));
        move |time: Duration| {
            assert_eq!(time, HOUR);
            let (asleep, wake) = (Arc::clone(&asleep), Arc::clone(&wake));
            async move {
                asleep.notify_one();
                wake.notified().await;
            }
        }
    };
    let registry = stage.server.registry.clone();
    let task = tokio::spawn(async move { registry.sweep_periodically(HOUR, 1, sleep).await });
    asleep.notified().await;
    let clients = [stage.register().await, stage.register().await];
    stage.clock.advance(2 * DAY);
    stage.grants.fail(true);
    wake.notify_one();
    asleep.notified().await;
    assert_eq!(stage.left().await, ids(&[&clients[0], &clients[1]]), "a sweep that fails ends nothing");
    stage.grants.fail(false);
    for left in [&clients[1..], &[]] {
        wake.notify_one();
        asleep.notified().await;
        assert_eq!(stage.left().await, ids(&left.iter().collect::<Vec<_>>()));
    }
    let entries: Vec<_> = stage.ledger.take().iter().map(|entry| (entry.operation, entry.status)).collect();
    let [register, expire] = [(Operation::Register, None), (Operation::Expire, None)];
    assert_eq!(entries, [register, register, (Operation::Expire, Some(503)), expire, expire]);
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn an_update_renews_a_secret_whose_time_is_up_and_no_other() {
    let clock = FakeClock::new();
    let turned = clock.clone();
    let server =
        Server::start(Access::Open, |builder| builder.with_clock(turned).with_client_secret_lifetime(10 * DAY)).await;
    let client = server.register(&minimal()).await;
    let secret = client.member("client_secret").to_owned();
    let verifies = async |secret: &str| {
        let stored = server.registry.client(client.id()).await.unwrap().unwrap();
        stored.verify_secret(secret, server.registry.now())
    };
    clock.advance(9 * DAY - HOUR);
    let kept = server.put(&client, &client.own()).await.json();
    assert_eq!(kept, client.document, "a tenth of its time is left");
    clock.advance(HOUR);
    assert_eq!(server.get(&client).await.json(), client.document, "a read renews nothing");
    assert!(verifies(&secret).await);
    for (name, wait) in [("nearly expired", Duration::ZERO), ("expired", 11 * DAY)] {
        clock.advance(wait);
        let before = server.get(&client).await.json();
        let sent = Registered { document: before.clone() }.own();
        let renewed = server.put(&client, &sent).await;
        assert_eq!(
            renewed.status,
            200,
            "{name}: the old secret in the document is still the client's: {}",
            renewed.text()
        );
        let renewed = renewed.json();
        assert_ne!(renewed["client_secret"], before["client_secret"], "{name}");
        let expires_at = FakeClock::START + renewed_after(&clock) + 10 * DAY.as_secs();
        assert_eq!(renewed["client_secret_expires_at"], expires_at, "{name}");
        assert_eq!(server.get(&client).await.json(), renewed, "{name}: a reply that got lost can be read again");
        assert!(verifies(renewed["client_secret"].as_str().unwrap()).await, "{name}");
        assert!(!verifies(before["client_secret"].as_str().unwrap()).await, "{name}");
    }
}

fn renewed_after(clock: &FakeClock) -> u64 {
    use tower_dcr::Clock as _;
    let start = std::time::UNIX_EPOCH + Duration::from_secs(FakeClock::START);
    clock.now().duration_since(start).unwrap().as_secs()
}
