//! What the cache promises beyond the suite: it saves reads of the store, and never serves a client that it knows to
//! be changed.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tower_dcr::access::InitialAccessTokenRecord;
use tower_dcr::authentication::{AuthenticationErrorKind, ClientCredentials};
use tower_dcr::credential::{ClientId, Digest};
use tower_dcr::metadata::{ClientMetadata, TokenEndpointAuthMethod};
use tower_dcr::store::{
    CachedStore, ClientQuery, ClientStore, IdleCutoffs, InsertConditions, InsertOutcome, MemoryStore, RemoveConditions,
    UpdateConditions,
};
use tower_dcr::{Access, Client, RegistrationErrorKind, Registry, StoreError, StoreErrorKind};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(3600);

/// A store that counts its reads, and can delay them after they have read, or fail them.
#[derive(Clone)]
struct Probe {
    inner: MemoryStore,
    watch: Arc<Watch>,
}

struct Watch {
    reads: AtomicUsize,
    fails: AtomicBool,
    holds: AtomicBool,
    held: Notify,
    gate: Semaphore,
}

impl Probe {
    fn new() -> Self {
        let watch = Watch {
            reads: AtomicUsize::new(0),
            fails: AtomicBool::new(false),
            holds: AtomicBool::new(false),
            held: Notify::new(),
            gate: Semaphore::new(0),
        };
        Self { inner: MemoryStore::new(), watch: Arc::new(watch) }
    }

    fn reads(&self) -> usize {
        self.watch.reads.load(Ordering::SeqCst)
    }

    fn fail(&self, fails: bool) {
        self.watch.fails.store(fails, Ordering::SeqCst);
    }

    /// From now on reads wait before they return their result.
    fn hold(&self) {
        self.watch.holds.store(true, Ordering::SeqCst);
    }

    /// Waits until a read is delayed.
    async fn held(&self) {
        self.watch.held.notified().await;
    }

    /// Continues one delayed read; later reads are not delayed.
    fn release(&self) {
        self.watch.holds.store(false, Ordering::SeqCst);
        self.watch.gate.add_permits(1);
    }
}

impl ClientStore for Probe {
    fn is_durable(&self) -> bool {
        false
    }

    fn for_tenant(&self, tenant: &str) -> Self {
        Self { inner: self.inner.for_tenant(tenant), watch: Arc::clone(&self.watch) }
    }

    async fn insert(&self, client: &Client, conditions: &InsertConditions) -> Result<InsertOutcome, StoreError> {
        self.inner.insert(client, conditions).await
    }

    async fn get(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        self.watch.reads.fetch_add(1, Ordering::SeqCst);
        let found = self.inner.get(id).await;
        if self.watch.holds.load(Ordering::SeqCst) {
            self.watch.held.notify_one();
            self.watch.gate.acquire().await.unwrap().forget();
        }
        match self.watch.fails.load(Ordering::SeqCst) {
            true => Err(StoreError::unavailable("the database is away")),
            false => found,
        }
    }

    /// Reads that no cache may answer are not counted.
    async fn get_current(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        self.inner.get_current(id).await
    }

    async fn get_by_registration_token(
        &self,
        id: &ClientId,
        token: &Digest,
    ) -> Result<Option<Arc<Client>>, StoreError> {
        self.inner.get_by_registration_token(id, token).await
    }

    async fn update(&self, client: &Client, conditions: &UpdateConditions) -> Result<(), StoreError> {
        self.inner.update(client, conditions).await
    }

    async fn remove(&self, id: &ClientId, conditions: &RemoveConditions) -> Result<bool, StoreError> {
        self.inner.remove(id, conditions).await
    }

    async fn touch(&self, id: &ClientId, at: SystemTime) -> Result<bool, StoreError> {
        self.inner.touch(id, at).await
    }

    async fn list(&self, query: &ClientQuery) -> Result<Vec<Arc<Client>>, StoreError> {
        self.inner.list(query).await
    }

    async fn count(&self, query: &ClientQuery) -> Result<u64, StoreError> {
        self.inner.count(query).await
    }

    async fn expire(&self, cutoffs: &IdleCutoffs, limit: usize) -> Result<Vec<Arc<Client>>, StoreError> {
        self.inner.expire(cutoffs, limit).await
    }

    async fn insert_token(&self, token: &InitialAccessTokenRecord) -> Result<(), StoreError> {
        self.inner.insert_token(token).await
    }

    async fn get_token(&self, digest: &Digest) -> Result<Option<InitialAccessTokenRecord>, StoreError> {
        self.inner.get_token(digest).await
    }

    async fn list_tokens(&self) -> Result<Vec<InitialAccessTokenRecord>, StoreError> {
        self.inner.list_tokens().await
    }

    async fn remove_token(&self, id: &str) -> Result<bool, StoreError> {
        self.inner.remove_token(id).await
    }

    async fn claim_nonce(&self, key: &str, until: SystemTime, now: SystemTime) -> Result<bool, StoreError> {
        self.inner.claim_nonce(key, until, now).await
    }
}

fn metadata(name: &str) -> ClientMetadata {
    let mut metadata = ClientMetadata::new();
    metadata.redirect_uris = vec!["https://app.example.com/cb".to_owned()];
    metadata.client_name = name.into();
    metadata.token_endpoint_auth_method = Some(TokenEndpointAuthMethod::ClientSecretPost);
    metadata
}

fn registry(store: impl ClientStore) -> Registry {
    Registry::builder("https://id.example.com", Access::Open).build(store).unwrap()
}

fn name(client: Option<Arc<Client>>) -> Option<String> {
    client.and_then(|client| client.metadata().client_name.untagged().map(str::to_owned))
}

/// A database, a cache before it, and a client named "first" that was registered past the cache.
struct Setting {
    probe: Probe,
    cached: CachedStore<Probe>,
    /// Changes clients as another node does.
    elsewhere: Registry,
    /// Changes clients as this node does.
    here: Registry,
    id: ClientId,
    token: String,
    secret: String,
}

impl Setting {
    async fn new() -> Self {
        Self::with_lifetime(LONG).await
    }

    async fn with_lifetime(lifetime: Duration) -> Self {
        let probe = Probe::new();
        let cached = CachedStore::new(probe.clone()).with_lifetime(lifetime).with_absent_lifetime(lifetime);
        let elsewhere = registry(probe.inner.clone());
        let here = registry(cached.clone());
        let registered = elsewhere.register(metadata("first")).await.unwrap();
        let token = registered.registration_access_token().unwrap().expose().to_owned();
        let id = registered.client().id().clone();
        let secret = registered.client_secret().unwrap().expose().to_owned();
        Self { probe, cached, elsewhere, here, id, token, secret }
    }

    async fn get(&self) -> Option<String> {
        name(self.cached.get(&self.id).await.unwrap())
    }

    /// Begins a read that has read the present client and returns it later.
    async fn slow_read(&self) -> tokio::task::JoinHandle<Option<String>> {
        self.probe.hold();
        let (cached, id) = (self.cached.clone(), self.id.clone());
        let read = tokio::spawn(async move { name(cached.get(&id).await.unwrap()) });
        self.probe.held().await;
        read
    }
}

#[tokio::test]
async fn a_client_is_read_once() {
    let setting = Setting::new().await;
    for _ in 0..10 {
        assert_eq!(setting.get().await.as_deref(), Some("first"));
    }
    assert_eq!(setting.probe.reads(), 1);
}

#[tokio::test]
async fn an_unknown_client_is_read_from_the_store_once() {
    let setting = Setting::new().await;
    let nobody = ClientId::generate().unwrap();
    for _ in 0..10 {
        assert!(setting.cached.get(&nobody).await.unwrap().is_none());
    }
    assert_eq!(setting.probe.reads(), 1);
}

#[tokio::test]
async fn many_callers_who_miss_a_client_ask_the_store_once() {
    let setting = Setting::new().await;
    setting.probe.hold();
    let mut callers = JoinSet::new();
    for _ in 0..64 {
        let (cached, id) = (setting.cached.clone(), setting.id.clone());
        callers.spawn(async move { name(cached.get(&id).await.unwrap()) });
    }
    setting.probe.held().await;
    setting.probe.release();
    for answer in callers.join_all().await {
        assert_eq!(answer.as_deref(), Some("first"));
    }
    assert_eq!(setting.probe.reads(), 1);
}

#[tokio::test]
async fn a_change_made_here_shows_at_once() {
    let setting = Setting::new().await;
    let (id, token) = (&setting.id, &*setting.token);
    assert_eq!(setting.get().await.as_deref(), Some("first"));
    setting.here.update(id, token, metadata("second")).await.unwrap();
    assert_eq!(setting.get().await.as_deref(), Some("second"));
    setting.here.delete(id, token).await.unwrap();
    assert_eq!(setting.get().await, None);
    let registered = setting.here.register(metadata("another")).await.unwrap();
    assert_eq!(name(setting.cached.get(registered.client().id()).await.unwrap()).as_deref(), Some("another"));
}

#[tokio::test]
async fn an_expired_client_is_removed_at_once() {
    let setting = Setting::new().await;
    assert_eq!(setting.get().await.as_deref(), Some("first"));
    let cutoffs = IdleCutoffs::none(SystemTime::now()).with_unused_since(SystemTime::now() + LONG);
    assert_eq!(setting.cached.expire(&cutoffs, 1).await.unwrap().len(), 1);
    assert_eq!(setting.get().await, None);
}

#[tokio::test]
async fn a_slow_read_brings_no_removed_client_back() {
    let setting = Setting::new().await;
    let read = setting.slow_read().await;
    assert!(setting.cached.remove(&setting.id, &RemoveConditions::unconditional()).await.unwrap());
    setting.probe.release();
    assert_eq!(read.await.unwrap().as_deref(), Some("first"), "it began when the client was there");
    assert_eq!(setting.get().await, None);
}

#[tokio::test]
async fn a_client_disabled_here_is_disabled_at_once() {
    let setting = Setting::new().await;
    let is_active = async || setting.cached.get(&setting.id).await.unwrap().unwrap().is_active();
    assert!(is_active().await);
    setting.here.disable(&setting.id).await.unwrap();
    assert!(!is_active().await);
    setting.here.read(&setting.id, &setting.token).await.expect_err("a disabled client proves nothing");
    setting.here.enable(&setting.id).await.unwrap();
    assert!(is_active().await);
}

#[tokio::test]
async fn a_slow_read_does_not_undo_an_update() {
    let setting = Setting::new().await;
    let first = setting.probe.inner.get(&setting.id).await.unwrap().unwrap();
    let twin = MemoryStore::new();
    twin.insert(&first, &InsertConditions::unconditional(SystemTime::now())).await.unwrap();
    registry(twin.clone()).update(&setting.id, &setting.token, metadata("second")).await.unwrap();
    let second = twin.get(&setting.id).await.unwrap().unwrap();

    let read = setting.slow_read().await;
    setting.cached.update(&second, &UpdateConditions::unconditional(SystemTime::now())).await.unwrap();
    setting.probe.release();
    assert_eq!(read.await.unwrap().as_deref(), Some("first"), "it began when the client was the old one");
    assert_eq!(setting.get().await.as_deref(), Some("second"));
}

#[tokio::test]
async fn a_conflict_error_says_that_the_client_was_changed() {
    let setting = Setting::new().await;
    let first = setting.cached.get(&setting.id).await.unwrap().unwrap();
    setting.elsewhere.update(&setting.id, &setting.token, metadata("second")).await.unwrap();
    assert!(setting.cached.update(&first, &UpdateConditions::unconditional(SystemTime::now())).await.is_err());
    assert_eq!(setting.get().await.as_deref(), Some("second"));
}

#[tokio::test]
async fn a_slow_read_of_an_unknown_client_hides_no_client() {
    let setting = Setting::new().await;
    let client = setting.probe.inner.get(&setting.id).await.unwrap().unwrap();
    assert!(setting.probe.inner.remove(&setting.id, &RemoveConditions::unconditional()).await.unwrap());
    let read = setting.slow_read().await;
    let outcome = setting.cached.insert(&client, &InsertConditions::unconditional(SystemTime::now())).await.unwrap();
    assert_eq!(outcome, InsertOutcome::Inserted);
    setting.probe.release();
    assert_eq!(read.await.unwrap(), None, "it began when the client was not there");
    assert_eq!(setting.get().await.as_deref(), Some("first"));
}

#[tokio::test]
async fn a_slow_read_does_not_outlast_an_invalidation_by_another_node() {
    let setting = Setting::new().await;
    let read = setting.slow_read().await;
    setting.elsewhere.delete(&setting.id, &setting.token).await.unwrap();
    setting.cached.invalidate("", &setting.id);
    setting.probe.release();
    assert_eq!(read.await.unwrap().as_deref(), Some("first"), "it began when the client was there");
    assert_eq!(setting.get().await, None);
}

#[tokio::test]
async fn a_slow_read_loses_no_use() {
    let setting = Setting::new().await;
    let read = setting.slow_read().await;
    let used = SystemTime::now();
    assert!(setting.cached.touch(&setting.id, used).await.unwrap());
    setting.probe.release();
    read.await.unwrap();
    let client = setting.cached.get(&setting.id).await.unwrap().unwrap();
    assert_eq!(client.last_used(), Some(used));
}

#[tokio::test]
async fn a_use_costs_no_further_read() {
    let setting = Setting::new().await;
    for second in 1..10 {
        assert_eq!(setting.get().await.as_deref(), Some("first"));
        let used = SystemTime::now() + Duration::from_secs(second);
        assert!(setting.cached.touch(&setting.id, used).await.unwrap());
        let client = setting.cached.get(&setting.id).await.unwrap().unwrap();
        assert_eq!(client.last_used(), Some(used));
    }
    assert_eq!(setting.probe.reads(), 1);
}

#[tokio::test]
async fn a_use_of_a_removed_client_returns_that_it_does_not_exist() {
    let setting = Setting::new().await;
    assert_eq!(setting.get().await.as_deref(), Some("first"));
    setting.elsewhere.delete(&setting.id, &setting.token).await.unwrap();
    assert!(!setting.cached.touch(&setting.id, SystemTime::now()).await.unwrap());
    assert_eq!(setting.get().await, None);
}

#[tokio::test]
async fn a_change_made_elsewhere_shows_after_invalidate() {
    let setting = Setting::new().await;
    assert_eq!(setting.get().await.as_deref(), Some("first"));
    setting.elsewhere.update(&setting.id, &setting.token, metadata("second")).await.unwrap();
    assert_eq!(setting.get().await.as_deref(), Some("first"), "not invalidated yet");
    setting.cached.invalidate("another tenant", &setting.id);
    assert_eq!(setting.get().await.as_deref(), Some("first"), "that was another client");
    setting.cached.for_tenant("another tenant").invalidate("", &setting.id);
    assert_eq!(setting.get().await.as_deref(), Some("second"), "every view of a cache can invalidate");
}

/// The verdict does not depend on how fast this runs: an answer that was asked for later than the bound must be new,
/// and one that was asked for earlier may be either.
#[tokio::test]
async fn a_change_made_elsewhere_shows_within_the_lifetime() {
    let lifetime = Duration::from_millis(50);
    let setting = Setting::with_lifetime(lifetime).await;
    let nobody = ClientId::generate().unwrap();
    assert_eq!(setting.get().await.as_deref(), Some("first"));
    assert!(setting.cached.get(&nobody).await.unwrap().is_none());
    let answered = Instant::now();
    setting.elsewhere.update(&setting.id, &setting.token, metadata("second")).await.unwrap();
    loop {
        let asked = Instant::now();
        // A hit does not extend the lifetime of an old copy.
        assert!(setting.cached.touch(&setting.id, SystemTime::now()).await.unwrap());
        if setting.get().await.as_deref() == Some("second") {
            break;
        }
        assert!(asked.duration_since(answered) <= lifetime, "a client that is older than promised");
    }
    loop {
        let (asked, before) = (Instant::now(), setting.probe.reads());
        setting.cached.get(&nobody).await.unwrap();
        if setting.probe.reads() > before {
            break;
        }
        assert!(asked.duration_since(answered) <= lifetime, "no copy is older than its lifetime");
    }
}

#[tokio::test]
async fn a_failure_is_returned_to_all_waiting_callers_and_is_not_cached() {
    let setting = Setting::new().await;
    setting.probe.fail(true);
    setting.probe.hold();
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let (cached, id) = (setting.cached.clone(), setting.id.clone());
        callers.spawn(async move { cached.get(&id).await.map(drop).map_err(|error| error.kind()) });
    }
    setting.probe.held().await;
    setting.probe.release();
    for answer in callers.join_all().await {
        assert_eq!(answer, Err(StoreErrorKind::Unavailable));
    }
    assert_eq!(setting.probe.reads(), 1);
    setting.probe.fail(false);
    assert_eq!(setting.get().await.as_deref(), Some("first"));
}

#[tokio::test]
async fn the_listener_gets_every_possible_change_of_a_client() {
    let probe = Probe::new();
    let changes = Arc::new(Mutex::new(Vec::new()));
    let recorder = Arc::clone(&changes);
    let listen = move |tenant: &str, id: &ClientId| recorder.lock().unwrap().push((tenant.to_owned(), id.clone()));
    let cached = CachedStore::new(probe.clone()).on_change(listen).for_tenant("acme");
    let registry = registry(cached.clone());
    let registered = registry.register(metadata("first")).await.unwrap();
    let (id, token) = (registered.client().id(), registered.registration_access_token().unwrap().expose());
    let mut expected = 0;
    let mut told_once = |verb: &str| {
        expected += 1;
        assert_eq!(*changes.lock().unwrap(), vec![("acme".to_owned(), id.clone()); expected], "{verb}");
    };
    told_once("insert");
    registry.update(id, token, metadata("second")).await.unwrap();
    told_once("update");
    cached.touch(id, SystemTime::now()).await.unwrap();
    cached.get(id).await.unwrap();
    assert!(cached.update(registered.client(), &UpdateConditions::unconditional(SystemTime::now())).await.is_err());
    told_once("update that met a conflict, but not touch and get");
    let cutoffs = IdleCutoffs::none(SystemTime::now()).with_idle_since(SystemTime::now() + LONG);
    assert_eq!(cached.expire(&cutoffs, 1).await.unwrap().len(), 1);
    told_once("expire");
    assert!(!cached.remove(id, &RemoveConditions::unconditional()).await.unwrap());
    told_once("remove");
}

#[tokio::test]
async fn tenants_share_the_cache_and_no_client() {
    let setting = Setting::new().await;
    let (one, two) = (setting.cached.for_tenant("one"), setting.cached.for_tenant("two"));
    let client = setting.probe.inner.get(&setting.id).await.unwrap().unwrap();
    assert!(one.get(&setting.id).await.unwrap().is_none());
    assert_eq!(
        two.insert(&client, &InsertConditions::unconditional(SystemTime::now())).await.unwrap(),
        InsertOutcome::Inserted
    );
    assert!(one.get(&setting.id).await.unwrap().is_none());
    assert!(two.get(&setting.id).await.unwrap().is_some());
    assert!(one.for_tenant("two").get(&setting.id).await.unwrap().is_some());
    assert_eq!(setting.probe.reads(), 2, "once for each tenant");
}

/// Reads and changes with the token of a client use the store, so a change by another node is visible at once.
#[tokio::test]
async fn what_a_token_reads_and_changes_is_never_a_copy() {
    let setting = Setting::new().await;
    let (id, token) = (&setting.id, &*setting.token);
    let fill = async || assert!(setting.cached.get(id).await.unwrap().is_some());
    let kind = |refused: Result<_, tower_dcr::RegistrationError>| refused.map(drop).unwrap_err().kind();

    fill().await;
    setting.elsewhere.update(id, token, metadata("second")).await.unwrap();
    let read = setting.here.read(id, token).await.unwrap();
    assert_eq!(read.client().metadata().client_name.untagged(), Some("second"));
    assert_eq!(read.client_secret().unwrap().expose(), setting.secret, "the secret that is valid");

    fill().await;
    setting.elsewhere.disable(id).await.unwrap();
    assert_eq!(kind(setting.here.read(id, token).await), RegistrationErrorKind::InvalidToken, "a GET after disabling");
    assert_eq!(kind(setting.here.update(id, token, metadata("third")).await), RegistrationErrorKind::InvalidToken);
    setting.elsewhere.enable(id).await.unwrap();

    fill().await;
    setting.elsewhere.delete(id, token).await.unwrap();
    assert!(setting.cached.get(id).await.unwrap().is_some(), "the copy is still there");
    assert_eq!(kind(setting.here.read(id, token).await), RegistrationErrorKind::InvalidToken, "a GET shows no secret");
    assert_eq!(kind(setting.here.update(id, token, metadata("third")).await), RegistrationErrorKind::InvalidToken);
    assert_eq!(setting.here.delete(id, token).await.unwrap_err().kind(), RegistrationErrorKind::InvalidToken);
}

/// A stale copy is disabled already, or missing; the change by the operator is made in the store nevertheless.
#[tokio::test]
async fn what_an_operator_does_is_never_decided_by_a_copy() {
    let setting = Setting::new().await;
    let id = &setting.id;
    setting.elsewhere.disable(id).await.unwrap();
    assert!(!setting.cached.get(id).await.unwrap().unwrap().is_active());
    setting.elsewhere.enable(id).await.unwrap();
    setting.here.disable(id).await.unwrap();
    assert!(!setting.probe.inner.get(id).await.unwrap().unwrap().is_active(), "disabled in the database");

    let late = setting.probe.inner.get(id).await.unwrap().unwrap();
    setting.elsewhere.remove(id).await.unwrap();
    setting.cached.invalidate("", id);
    assert!(setting.cached.get(id).await.unwrap().is_none());
    setting.probe.inner.insert(&late, &InsertConditions::unconditional(SystemTime::now())).await.unwrap();
    assert!(setting.here.remove(id).await.unwrap(), "it is there, whatever the copy says");
    assert_eq!(setting.probe.inner.count(&ClientQuery::new()).await.unwrap(), 0);
}

/// A client whose secret another node renewed does not get `invalid_client`, after which it would register again.
#[tokio::test]
async fn credentials_are_refused_by_the_store_and_not_by_a_copy() {
    let setting = Setting::new().await;
    let nobody = setting.here.authenticate(&credentials("nobody", "secret")).await;
    assert_eq!(nobody.unwrap_err().kind(), AuthenticationErrorKind::InvalidClient);
    let client = setting.probe.inner.get(&setting.id).await.unwrap().unwrap();
    setting.probe.inner.remove(&setting.id, &RemoveConditions::unconditional()).await.unwrap();
    assert!(setting.cached.get(&setting.id).await.unwrap().is_none());
    setting.probe.inner.insert(&client, &InsertConditions::unconditional(SystemTime::now())).await.unwrap();
    let registered = credentials(setting.id.as_str(), &setting.secret);
    setting.here.authenticate(&registered).await.expect("it is registered, whatever the copy says");
    let wrong = credentials(setting.id.as_str(), "wrong");
    let refused = setting.here.authenticate(&wrong).await.unwrap_err();
    assert_eq!(refused.kind(), AuthenticationErrorKind::InvalidClient);
}

fn credentials(id: &str, secret: &str) -> ClientCredentials {
    let form = [("client_id", id), ("client_secret", secret)];
    ClientCredentials::read(&http::HeaderMap::new(), form).unwrap()
}
