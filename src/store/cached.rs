//! A cache in front of a store: clients are read often and change rarely.
//!
//! [`CachedStore`] keeps what [`get`](ClientStore::get) found, a client or its absence, for a short time. Whatever
//! changes a client through this store makes it forget the client at once: a client that was deleted or disabled here
//! is never served again here, not even by a slow read that began before. Everything else goes to the store behind it,
//! so limits and lists are as exact as there.
//!
//! # How old an answer may be
//!
//! A change that another node made shows after the lifetime of an entry at the latest, counted from when the store was
//! asked: 30 seconds for a client that is there, 2 seconds for one that is not. A message is faster:
//! [`on_change`](CachedStore::on_change) calls back for each change made here, and the application carries it to the
//! other nodes, which call [`invalidate`](CachedStore::invalidate). A caller who closes the connection before the store
//! answered may leave a change that even this node sees only after the lifetime.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use std::time::Duration;
//! use tower_dcr::metadata::ClientMetadata;
//! use tower_dcr::store::{CachedStore, ClientStore, MemoryStore};
//! use tower_dcr::{Access, Registry};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! let database = MemoryStore::new();
//! let changed = Arc::new(Mutex::new(Vec::new()));
//! let tell = Arc::clone(&changed);
//! let store = CachedStore::new(database)
//!     .with_lifetime(Duration::from_secs(10))
//!     .on_change(move |tenant, id| tell.lock().unwrap().push((tenant.to_owned(), id.clone())));
//! let registry = Registry::builder("https://id.example.com", Access::Open).build(store.clone())?;
//!
//! let metadata = ClientMetadata::from_json(br#"{ "redirect_uris": ["https://app.example.com/cb"] }"#)?;
//! let id = registry.register(metadata).await?.client().id().clone();
//! assert_eq!(*changed.lock().unwrap(), [(String::new(), id.clone())]);
//!
//! // What another node does when it receives the message.
//! store.invalidate("", &id);
//! assert!(store.get(&id).await?.is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it promises
//!
//! - **A change made here is visible here at once.** After a verb returned, no later [`get`](ClientStore::get) of this
//!   node or of a clone answers with the client as it was before.
//! - **An answer has a largest age.** It is the lifetime, counted from the moment at which the store was asked.
//!   Neither a hit nor a recorded use extends it.
//! - **No refusal comes from a copy.** [`get_current`](ClientStore::get_current) and
//!   [`get_by_registration_token`](ClientStore::get_by_registration_token) always ask the store, so an old copy neither
//!   refuses a new client nor accepts a token that was removed.
//! - **An error is never cached.** A store that was unavailable for a moment is asked again by the next caller.
//! - **Memory is bounded**, whatever identifiers callers send: by the capacity, and by a table of fixed size for
//!   changes.
//!
//! A client that another node disabled may be served from here until its lifetime is over. An application that cannot
//! accept this carries the changes to the other nodes, or uses the store without a cache.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use moka::future::Cache;
use moka::ops::compute::Op;
use moka::{Entry, Expiry};

use super::{
    ClientQuery, ClientStore, IdleCutoffs, InsertConditions, InsertOutcome, RemoveConditions, UpdateConditions,
};
use crate::client::Client;
use crate::client::InitialAccessTokenRecord;
use crate::client::credential::{ClientId, Digest};
use crate::error::StoreError;

/// What an application calls for each change: tenant and client.
///
/// It is shared by all clones and tenants, so one registration is enough for a node.
type Listener = Arc<dyn Fn(&str, &ClientId) + Send + Sync>;

/// The key of an entry. It has the generation of its client: when the client changes, a new generation begins, so
/// earlier entries are not found any more, and neither is the one that a read writes that began before the change.
/// Removing the entry would not be enough, because such a read would write the old value after the removal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    tenant: Arc<str>,
    id: ClientId,
    generation: u64,
}

/// The current generations. They are a table of fixed size, indexed by a keyed hash, so memory is bounded whatever
/// identifiers callers send. Clients that share a slot lose their entries together, which costs a read.
///
/// A generation is a number that only grows. It is 64 bits wide, so it does not return to an earlier value in
/// practice.
#[derive(Debug)]
struct Generations {
    of: Vec<AtomicU64>,
    hasher: RandomState,
}

impl Generations {
    /// The number of slots: more than the default capacity, so few clients share one; 128 KiB in all.
    ///
    /// A larger table would lower the number of clients that are invalidated together, which is small already.
    const MANY: usize = 16_384;

    /// Every client is in its first generation.
    fn new() -> Self {
        // The key of the hash is random for each process, so a caller cannot choose identifiers that share a slot with
        // a client.
        let of = std::iter::repeat_with(AtomicU64::default).take(Self::MANY).collect();
        Self { of, hasher: RandomState::new() }
    }

    /// The generation of a client, which it may share with clients of the same slot. Both tenant and identifier are
    /// hashed, since tenants may have clients of the same identifier.
    fn of(&self, tenant: &str, id: &ClientId) -> &AtomicU64 {
        let hash = self.hasher.hash_one((tenant, id));
        &self.of[usize::try_from(hash % Self::MANY as u64).unwrap_or(0)]
    }
}

/// What the store answered for a client, and when it was asked.
///
/// The absence of a client is an answer too: without it, requests with invented identifiers would all reach the
/// database.
#[derive(Debug, Clone)]
struct Answer {
    found: Option<Arc<Client>>,
    asked: Instant,
}

/// How long an answer is valid. It is counted from when the store was asked, not from when the answer came or was last
/// written: otherwise a client that is used all the time would be served from a copy without end.
#[derive(Debug, Clone, Copy)]
struct Lifetimes {
    present: Duration,
    absent: Duration,
}

impl Lifetimes {
    /// How long an answer is still valid.
    ///
    /// Never `None`, which would be an entry without an end. Zero removes the entry at once.
    fn left(self, answer: &Answer, now: Instant) -> Option<Duration> {
        let lifetime = if answer.found.is_some() { self.present } else { self.absent };
        // Saturating: an answer that arrived after its lifetime is already over and must not be used.
        Some(lifetime.saturating_sub(now.saturating_duration_since(answer.asked)))
    }
}

impl Expiry<Key, Answer> for Lifetimes {
    fn expire_after_create(&self, _: &Key, answer: &Answer, now: Instant) -> Option<Duration> {
        self.left(answer, now)
    }

    // The same as for a new entry. A recorded use writes the entry, and that must not extend its life.
    fn expire_after_update(&self, _: &Key, answer: &Answer, now: Instant, _: Option<Duration>) -> Option<Duration> {
        self.left(answer, now)
    }
}

/// Caches the clients that were read last. Clones and the parts for tenants share one cache.
///
/// Give the registry this store, and make every change of clients through it. A program that writes to the database
/// directly calls [`invalidate`](Self::invalidate) afterwards.
#[derive(Clone)]
pub struct CachedStore<S> {
    store: S,
    tenant: Arc<str>,
    lifetimes: Lifetimes,
    capacity: u64,
    answers: Cache<Key, Answer>,
    generations: Arc<Generations>,
    listener: Option<Listener>,
}

impl<S: fmt::Debug> fmt::Debug for CachedStore<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the entries: they are many and contain personal data.
        let mut shown = formatter.debug_struct("CachedStore");
        shown.field("store", &self.store).field("lifetimes", &self.lifetimes).field("capacity", &self.capacity);
        shown.finish_non_exhaustive()
    }
}

impl<S: ClientStore> CachedStore<S> {
    /// A cache for 10 000 clients in front of this store.
    ///
    /// A client is cached for 30 seconds and the absence of one for 2 seconds. The cache allocates as it fills.
    #[must_use]
    pub fn new(store: S) -> Self {
        let lifetimes = Lifetimes { present: Duration::from_secs(30), absent: Duration::from_secs(2) };
        let capacity = 10_000;
        Self {
            store,
            tenant: "".into(),
            lifetimes,
            capacity,
            answers: empty(lifetimes, capacity),
            generations: Arc::new(Generations::new()),
            listener: None,
        }
    }

    /// How long a client is served from the cache, which is how long a change on another node may stay unseen.
    /// Default: 30 seconds.
    ///
    /// Zero switches the cache off for clients that exist. Set it before the store is used, since the cache is
    /// emptied.
    #[must_use]
    pub fn with_lifetime(mut self, present: Duration) -> Self {
        self.lifetimes.present = present;
        self.emptied()
    }

    /// How long the cache answers that there is no such client. Short, because a client that was registered on another
    /// node must be usable soon. Default: 2 seconds.
    ///
    /// Zero switches it off. The cost is a read of the database for every request with an unknown identifier.
    #[must_use]
    pub fn with_absent_lifetime(mut self, absent: Duration) -> Self {
        self.lifetimes.absent = absent;
        self.emptied()
    }

    /// The number of clients that are cached, of all tenants together. Default: 10 000.
    ///
    /// Beyond it the entries that are used least are dropped. The memory of an entry is that of its client, whose size
    /// the endpoint limits with the size of a document.
    #[must_use]
    pub fn with_capacity(mut self, clients: u64) -> Self {
        self.capacity = clients;
        self.emptied()
    }

    /// Calls back with the tenant and the client whenever this store may have changed one, so that other nodes can be
    /// told. It must not block, and it is called once the change is done, also for one that failed halfway.
    ///
    /// A second call replaces the first listener. A message may be lost or repeated between nodes: a lost one costs at
    /// most the lifetime, and a repeated one costs a read.
    #[must_use]
    pub fn on_change(mut self, listener: impl Fn(&str, &ClientId) + Send + Sync + 'static) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }

    /// Forgets a client of a tenant (`""` is the default tenant), because another node reported a change. A read that
    /// is under way will not bring back what it found.
    pub fn invalidate(&self, tenant: &str, id: &ClientId) {
        // The entry itself is not removed. It cannot be found any more, and the cache drops it when its lifetime is
        // over.
        self.generations.of(tenant, id).fetch_add(1, Ordering::AcqRel);
    }

    /// The cache without entries, for new settings: entries keep the lifetime they were written with.
    fn emptied(self) -> Self {
        Self { answers: empty(self.lifetimes, self.capacity), ..self }
    }

    /// The key of a client in its present generation.
    ///
    /// The generation is read before the store is asked. If the client changes meanwhile, the answer is written under
    /// a key that nobody looks for any more.
    fn key(&self, id: &ClientId) -> Key {
        let generation = self.generations.of(&self.tenant, id).load(Ordering::Acquire);
        Key { tenant: Arc::clone(&self.tenant), id: id.clone(), generation }
    }

    /// Announces a change of a client that begins now.
    ///
    /// The value has to live until the store has answered. Bind it to a name: `let _ =` would drop it at once.
    fn change<'a>(&'a self, id: &'a ClientId) -> Change<'a, S> {
        Change { store: self, id }
    }
}

/// A cache with these settings.
fn empty(lifetimes: Lifetimes, capacity: u64) -> Cache<Key, Answer> {
    Cache::builder().max_capacity(capacity).expire_after(lifetimes).build()
}

/// A change of a client that is under way. When it is dropped, after an answer, an error or because the caller left,
/// the client may be another one, so in each case its entry is invalidated and the listener is called.
///
/// It is invalidated at the end and not at the start, because a read between the two would cache the old client again.
struct Change<'a, S: ClientStore> {
    store: &'a CachedStore<S>,
    id: &'a ClientId,
}

impl<S: ClientStore> Drop for Change<'_, S> {
    fn drop(&mut self) {
        self.store.invalidate(&self.store.tenant, self.id);
        if let Some(listener) = &self.store.listener {
            listener(&self.store.tenant, self.id);
        }
    }
}

impl<S: ClientStore> ClientStore for CachedStore<S> {
    fn is_durable(&self) -> bool {
        self.store.is_durable()
    }

    fn for_tenant(&self, tenant: &str) -> Self {
        Self {
            store: self.store.for_tenant(tenant),
            tenant: tenant.into(),
            lifetimes: self.lifetimes,
            capacity: self.capacity,
            answers: self.answers.clone(),
            generations: Arc::clone(&self.generations),
            listener: self.listener.clone(),
        }
    }

    async fn insert(&self, client: &Client, conditions: &InsertConditions) -> Result<InsertOutcome, StoreError> {
        // Also an insertion invalidates: the absence of the client may be cached.
        let _change = self.change(&client.id);
        let outcome = self.store.insert(client, conditions).await?;
        // The evicted client was changed by this call as well, and it is known only now.
        if let Some(gone) = outcome.evicted() {
            drop(self.change(gone));
        }
        Ok(outcome)
    }

    /// Of many callers who miss the same client, one asks the store and all get its answer, so a popular client whose
    /// entry expires does not cause a burst of reads.
    ///
    /// A read that fails returns the error to all callers who wait for it, and nothing is cached.
    async fn get(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        let ask = async {
            // Taken before the store is asked: a change during the read must not make the answer younger than it is.
            let asked = Instant::now();
            self.store.get(id).await.map(|found| Answer { found, asked })
        };
        let answer = self.answers.try_get_with(self.key(id), ask).await;
        answer.map(|answer| answer.found).map_err(StoreError::unavailable)
    }

    async fn get_current(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        self.store.get_current(id).await
    }

    /// Reads through: what a client learns or does with its token must not come from a copy.
    async fn get_by_registration_token(
        &self,
        id: &ClientId,
        token: &Digest,
    ) -> Result<Option<Arc<Client>>, StoreError> {
        self.store.get_by_registration_token(id, token).await
    }

    async fn update(&self, client: &Client, conditions: &UpdateConditions) -> Result<(), StoreError> {
        // Bound before the call, so that it is dropped also when the caller leaves while the store is working.
        let _change = self.change(&client.id);
        self.store.update(client, conditions).await
    }

    async fn remove(&self, id: &ClientId, conditions: &RemoveConditions) -> Result<bool, StoreError> {
        let _change = self.change(id);
        // The restored client may be cached as absent.
        let _restored = conditions.restore.as_ref().map(|client| self.change(&client.id));
        self.store.remove(id, conditions).await
    }

    /// Writes the use into the cached answer, since otherwise each use would cost another read. If there is no cached
    /// answer, a read may be under way that missed the use; and if the cached answer says that there is no client, it
    /// is wrong. In both cases the entry is invalidated.
    async fn touch(&self, id: &ClientId, at: SystemTime) -> Result<bool, StoreError> {
        // The store first: a use that the store did not record must not appear in the cache.
        let touched = self.store.touch(id, at).await?;
        let write = async |kept: Option<Entry<Key, Answer>>| match kept.map(Entry::into_value) {
            Some(Answer { found: Some(client), asked }) if touched && client.last_used < Some(at) => {
                let used = Client { last_used: Some(at), ..(*client).clone() };
                Op::Put(Answer { found: Some(Arc::new(used)), asked })
            }
            // An older use than the cached one changes nothing, as in the store.
            _ => Op::Nop,
        };
        let kept = self.answers.entry(self.key(id)).and_compute_with(write).await.into_entry();
        let is_written = touched && kept.is_some_and(|kept| kept.into_value().found.is_some());
        // The entry was missing or contradicts the store, so a read that is under way must not be cached either.
        if !is_written {
            self.invalidate(&self.tenant, id);
        }
        Ok(touched)
    }

    async fn list(&self, query: &ClientQuery) -> Result<Vec<Arc<Client>>, StoreError> {
        self.store.list(query).await
    }

    async fn count(&self, query: &ClientQuery) -> Result<u64, StoreError> {
        self.store.count(query).await
    }

    async fn expire(&self, cutoffs: &IdleCutoffs, limit: usize) -> Result<Vec<Arc<Client>>, StoreError> {
        // Only the removed clients are invalidated, so an expiry does not empty the cache.
        let expired = self.store.expire(cutoffs, limit).await?;
        expired.iter().for_each(|client| drop(self.change(&client.id)));
        Ok(expired)
    }

    async fn insert_token(&self, token: &InitialAccessTokenRecord) -> Result<(), StoreError> {
        self.store.insert_token(token).await
    }

    async fn get_token(&self, digest: &Digest) -> Result<Option<InitialAccessTokenRecord>, StoreError> {
        self.store.get_token(digest).await
    }

    async fn list_tokens(&self) -> Result<Vec<InitialAccessTokenRecord>, StoreError> {
        self.store.list_tokens().await
    }

    async fn remove_token(&self, id: &str) -> Result<bool, StoreError> {
        self.store.remove_token(id).await
    }

    async fn claim_nonce(&self, key: &str, until: SystemTime, now: SystemTime) -> Result<bool, StoreError> {
        self.store.claim_nonce(key, until, now).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.store.close().await
    }
}
