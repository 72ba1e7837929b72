//! Fakes of what an operator plugs in: an audit sink, a gate and a store that fail when a test wants it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use tokio::sync::Notify;
use tower_dcr::access::{Decision, Gate, InitialAccessTokenRecord, RequestHead};
use tower_dcr::audit::{AuditEvent, AuditSink, Operation};
use tower_dcr::credential::{ClientId, Digest};
use tower_dcr::store::{
    ClientQuery, ClientStore, IdleCutoffs, InsertConditions, InsertOutcome, MemoryStore, RemoveConditions,
    UpdateConditions,
};
use tower_dcr::{BoxError, Client, StoreError};

pub(crate) use crate::common::clock::FakeClock;

/// One event of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) operation: Operation,
    pub(crate) action: &'static str,
    pub(crate) client_id: Option<String>,
    pub(crate) status: Option<u16>,
    /// The whole event as `Debug` shows it.
    pub(crate) shown: String,
}

/// An audit trail in memory, which fails on request of the test.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    entries: Arc<Mutex<Vec<Entry>>>,
    failing: Arc<AtomicBool>,
    failing_at: Arc<Mutex<Option<Operation>>>,
}

impl Ledger {
    pub(crate) fn fail(&self, failing: bool) {
        self.failing.store(failing, Ordering::SeqCst);
    }

    /// Fails for what is done by this operation.
    pub(crate) fn fail_at(&self, operation: Option<Operation>) {
        *self.failing_at.lock().unwrap() = operation;
    }

    /// What was recorded since the last time.
    pub(crate) fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut self.entries.lock().unwrap())
    }
}

impl AuditSink for Ledger {
    async fn record(&self, event: &AuditEvent<'_>) -> Result<(), BoxError> {
        let fails_here = *self.failing_at.lock().unwrap() == Some(event.operation()) && event.refusal().is_none();
        if fails_here || self.failing.load(Ordering::SeqCst) {
            return Err("the disk of the audit trail is full".into());
        }
        self.entries.lock().unwrap().push(Entry {
            operation: event.operation(),
            action: event.action(),
            client_id: event.client_id().map(ToString::to_string),
            status: event.refusal().map(tower_dcr::audit::Refusal::status),
            shown: format!("{event:?} {:?}", event.refusal()),
        });
        Ok(())
    }
}

/// A gate that always decides the same.
#[derive(Debug, Clone)]
pub(crate) struct Always(pub(crate) Decision);

impl Gate for Always {
    async fn authorize(&self, _request: &RequestHead<'_>) -> Decision {
        self.0.clone()
    }
}

/// A store that can be taken down, and whose clients can seem to be changed by another caller all the time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fragile {
    inner: MemoryStore,
    pub(crate) down: Arc<AtomicBool>,
    pub(crate) contended: Arc<AtomicBool>,
    /// Lists no clients, as a read before the other writers would.
    pub(crate) blind: Arc<AtomicBool>,
    pub(crate) pause: Arc<Pause>,
}

/// Holds one removal up until a test has done something else meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    pub(crate) wanted: AtomicBool,
    pub(crate) reached: Notify,
    pub(crate) over: Notify,
}

impl Fragile {
    fn check(&self) -> Result<(), StoreError> {
        match self.down.load(Ordering::SeqCst) {
            true => Err(StoreError::unavailable("connection to db.internal:5432 refused")),
            false => Ok(()),
        }
    }
}

impl ClientStore for Fragile {
    fn is_durable(&self) -> bool {
        false
    }

    fn for_tenant(&self, tenant: &str) -> Self {
        Self { inner: self.inner.for_tenant(tenant), ..self.clone() }
    }

    async fn insert(&self, client: &Client, admission: &InsertConditions) -> Result<InsertOutcome, StoreError> {
        self.check()?;
        self.inner.insert(client, admission).await
    }

    async fn get(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        self.check()?;
        self.inner.get(id).await
    }

    async fn get_current(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        self.get(id).await
    }

    async fn get_by_registration_token(
        &self,
        id: &ClientId,
        token: &Digest,
    ) -> Result<Option<Arc<Client>>, StoreError> {
        self.check()?;
        self.inner.get_by_registration_token(id, token).await
    }

    async fn update(&self, client: &Client, replacement: &UpdateConditions) -> Result<(), StoreError> {
        self.check()?;
        if self.contended.load(Ordering::SeqCst) {
            return Err(StoreError::conflict());
        }
        self.inner.update(client, replacement).await
    }

    async fn remove(&self, id: &ClientId, removal: &RemoveConditions) -> Result<bool, StoreError> {
        self.check()?;
        if self.pause.wanted.swap(false, Ordering::SeqCst) {
            self.pause.reached.notify_one();
            self.pause.over.notified().await;
        }
        self.inner.remove(id, removal).await
    }

    async fn touch(&self, id: &ClientId, at: SystemTime) -> Result<bool, StoreError> {
        self.check()?;
        // Lets other tasks read the client before the use is recorded.
        tokio::task::yield_now().await;
        self.inner.touch(id, at).await
    }

    async fn list(&self, query: &ClientQuery) -> Result<Vec<Arc<Client>>, StoreError> {
        self.check()?;
        match self.blind.load(Ordering::SeqCst) {
            true => Ok(Vec::new()),
            false => self.inner.list(query).await,
        }
    }

    async fn count(&self, query: &ClientQuery) -> Result<u64, StoreError> {
        self.check()?;
        self.inner.count(query).await
    }

    async fn expire(&self, cutoffs: &IdleCutoffs, limit: usize) -> Result<Vec<Arc<Client>>, StoreError> {
        self.check()?;
        self.inner.expire(cutoffs, limit).await
    }

    async fn insert_token(&self, token: &InitialAccessTokenRecord) -> Result<(), StoreError> {
        self.check()?;
        self.inner.insert_token(token).await
    }

    async fn get_token(&self, digest: &Digest) -> Result<Option<InitialAccessTokenRecord>, StoreError> {
        self.check()?;
        self.inner.get_token(digest).await
    }

    async fn list_tokens(&self) -> Result<Vec<InitialAccessTokenRecord>, StoreError> {
        self.check()?;
        self.inner.list_tokens().await
    }

    async fn remove_token(&self, id: &str) -> Result<bool, StoreError> {
        self.check()?;
        self.inner.remove_token(id).await
    }

    async fn claim_nonce(&self, key: &str, until: SystemTime, now: SystemTime) -> Result<bool, StoreError> {
        self.check()?;
        self.inner.claim_nonce(key, until, now).await
    }
}
