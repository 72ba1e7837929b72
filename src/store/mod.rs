//! Where registered clients are kept.
//!
//! [`ClientStore`] is the one trait between the protocol and a database. Its verbs are the smallest atomic steps that
//! the protocol needs: what a registration costs (a use of an initial access token, a place below the limit) is paid
//! in the same step that inserts the client, an update names the revision it replaces, and of many removals one is
//! told that it happened. So the limits are guarantees and not estimates.
//!
//! ```
//! use std::time::SystemTime;
//! use tower_dcr::metadata::ClientMetadata;
//! use tower_dcr::store::{ClientQuery, ClientStore, MemoryStore};
//! use tower_dcr::{Access, Registry};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let store = MemoryStore::new();
//! let registry = Registry::builder("https://id.example.com", Access::Open).build(store.clone())?;
//! let metadata = ClientMetadata::from_json(br#"{ "redirect_uris": ["https://app.example.com/cb"] }"#)?;
//! let id = registry.register(metadata).await?.client().id().clone();
//!
//! assert_eq!(store.count().await?, 1);
//! assert_eq!(store.list(&ClientQuery::new()).await?[0].id(), &id);
//! assert!(store.touch(&id, SystemTime::now()).await?);
//! assert!(store.remove(&id).await? && !store.remove(&id).await?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "store-tests")]
pub mod contract;
mod erased;
#[cfg(feature = "memory")]
mod memory;

pub(crate) use erased::ErasedStore;
#[cfg(feature = "memory")]
pub use memory::MemoryStore;

use std::future::Future;
use std::sync::Arc;
use std::time::SystemTime;

use crate::access::InitialAccessTokenRecord;
use crate::client::Client;
use crate::credential::{ClientId, Digest};
use crate::error::StoreError;

/// Keeps clients and initial access tokens.
///
/// An implementation writes plain `async fn`. Every verb is one atomic step: other callers see all of it or nothing,
/// also when the future is dropped halfway. The contract suite (`store::contract`, feature `store-tests`) proves it.
///
/// # Errors
///
/// Every verb answers [`StoreError::unavailable`] when the backend fails.
pub trait ClientStore: Send + Sync + 'static {
    /// Whether clients outlive the process. A durable store makes the builder ask how secrets are kept.
    fn is_durable(&self) -> bool;

    /// Adds a client together with what that costs. Never replaces one.
    fn insert(
        &self,
        client: &Client,
        admission: &Admission,
    ) -> impl Future<Output = Result<Admitted, StoreError>> + Send;

    /// Finds a client.
    fn get(&self, id: &ClientId) -> impl Future<Output = Result<Option<Arc<Client>>, StoreError>> + Send;

    /// Replaces the client whose revision is one lower than this one's. What [`touch`](Self::touch) recorded since
    /// stays.
    ///
    /// # Errors
    ///
    /// [`StoreError::conflict`] when the client is gone or has another revision.
    fn update(&self, client: &Client) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes a client; true for exactly one caller.
    fn remove(&self, id: &ClientId) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Records that a client was used, unless a later use is known; false when there is no such client. The revision
    /// stays.
    fn touch(&self, id: &ClientId, at: SystemTime) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// The clients that a query selects, ordered by time of issue and then by identifier.
    fn list(&self, query: &ClientQuery) -> impl Future<Output = Result<Vec<Arc<Client>>, StoreError>> + Send;

    /// How many clients there are.
    fn count(&self) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Removes at most `limit` clients that are idle by these cutoffs, those issued first before others, and forgets
    /// what [`remember`](Self::remember) need not know any more. Answers with what was removed.
    fn expire(
        &self,
        cutoffs: &Cutoffs,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Arc<Client>>, StoreError>> + Send;

    /// Adds an initial access token; one with the same digest is replaced.
    fn insert_token(&self, token: &InitialAccessTokenRecord) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Finds an initial access token, also one that is spent or expired.
    fn get_token(
        &self,
        digest: &Digest,
    ) -> impl Future<Output = Result<Option<InitialAccessTokenRecord>, StoreError>> + Send;

    /// All initial access tokens, ordered by time of issue and then by identifier.
    fn list_tokens(&self) -> impl Future<Output = Result<Vec<InitialAccessTokenRecord>, StoreError>> + Send;

    /// Removes the initial access token with this identifier; true for exactly one caller.
    fn remove_token(&self, id: &str) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Remembers a key until a time; false if it was remembered already. Protects assertions and statements with a
    /// `jti` from being replayed.
    fn remember(
        &self,
        key: &str,
        until: SystemTime,
        now: SystemTime,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

/// What the insertion of a client costs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Admission {
    /// The time now.
    pub now: SystemTime,
    /// The initial access token of which one use is spent.
    pub initial_access_token: Option<Digest>,
    /// How many clients there may be, this one included.
    pub most_clients: Option<u64>,
}

impl Admission {
    /// Nothing at all.
    #[must_use]
    pub fn free(now: SystemTime) -> Self {
        Self { now, initial_access_token: None, most_clients: None }
    }
}

/// What became of an insertion. Whatever is not `Inserted` changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Admitted {
    /// The client is there and paid for.
    Inserted,
    /// There is a client with this identifier.
    Exists,
    /// The initial access token is unknown, spent or expired.
    TokenRefused,
    /// There are as many clients as there may be.
    Full,
}

/// Which clients to list.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ClientQuery {
    /// Only those of this owner.
    pub owner: Option<Arc<str>>,
    /// Only those after this one in the order of the list: the last one of the page before.
    pub after: Option<(SystemTime, ClientId)>,
    /// At most so many. Default: 100.
    pub limit: Option<usize>,
}

impl ClientQuery {
    const LIMIT: usize = 100;

    /// The first clients of all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// At most so many clients.
    #[must_use]
    pub fn with_limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Only clients of this owner.
    #[must_use]
    pub fn with_owner(mut self, owner: impl Into<Arc<str>>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// The page after the one that ended with this client.
    #[must_use]
    pub fn after(mut self, last: &Client) -> Self {
        self.after = Some((last.issued_at, last.id.clone()));
        self
    }

    /// How many clients a page holds at most.
    #[must_use]
    pub fn page_size(&self) -> usize {
        self.limit.unwrap_or(Self::LIMIT)
    }

    /// Whether the query selects this client, its place among the pages included.
    #[must_use]
    pub fn selects(&self, client: &Client) -> bool {
        let owned = self.owner.as_deref().is_none_or(|owner| client.owner() == Some(owner));
        let after = |(issued_at, id): &(SystemTime, ClientId)| (client.issued_at, &client.id) > (*issued_at, id);
        owned && self.after.as_ref().is_none_or(after)
    }
}

/// When a client counts as idle.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Cutoffs {
    /// The time now.
    pub now: SystemTime,
    /// Never used and issued before this time.
    pub unused_since: Option<SystemTime>,
    /// Last used before this time.
    pub idle_since: Option<SystemTime>,
    /// Clients to keep in any case.
    pub protected: Vec<ClientId>,
}

impl Cutoffs {
    /// No client is idle.
    #[must_use]
    pub fn none(now: SystemTime) -> Self {
        Self { now, unused_since: None, idle_since: None, protected: Vec::new() }
    }

    /// Clients that were never used are idle when they were issued before this time.
    #[must_use]
    pub fn with_unused_since(mut self, time: SystemTime) -> Self {
        self.unused_since = Some(time);
        self
    }

    /// Clients that were used are idle when that was before this time.
    #[must_use]
    pub fn with_idle_since(mut self, time: SystemTime) -> Self {
        self.idle_since = Some(time);
        self
    }

    /// These clients are never idle.
    #[must_use]
    pub fn with_protected(mut self, clients: Vec<ClientId>) -> Self {
        self.protected = clients;
        self
    }

    /// Whether a client is idle.
    #[must_use]
    pub fn reach(&self, client: &Client) -> bool {
        let idle = match client.last_used {
            Some(used) => self.idle_since.is_some_and(|since| used < since),
            None => self.unused_since.is_some_and(|since| client.issued_at < since),
        };
        idle && !self.protected.contains(&client.id)
    }
}
