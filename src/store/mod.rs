//! Where registered clients are kept.
//!
//! [`ClientStore`] is the one trait between the protocol and a database. Its verbs are the smallest atomic steps that
//! the protocol needs: what a registration costs (a use of an initial access token, a place below the limit, a key that
//! counts once, a fingerprint that must be unique) is paid in the same step that inserts the client, an update names the revision it replaces, and of many
//! removals one is told that it happened. So the limits are guarantees and not estimates.
//!
//! ```
//! use std::time::SystemTime;
//! use tower_dcr::metadata::ClientMetadata;
//! use tower_dcr::store::{ClientQuery, ClientStore, MemoryStore, RemoveConditions};
//! use tower_dcr::{Access, Registry};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let store = MemoryStore::new();
//! let registry = Registry::builder("https://id.example.com", Access::Open).build(store.clone())?;
//! let metadata = ClientMetadata::from_json(br#"{ "redirect_uris": ["https://app.example.com/cb"] }"#)?;
//! let id = registry.register(metadata).await?.client().id().clone();
//!
//! assert_eq!(store.count(&ClientQuery::new()).await?, 1);
//! assert_eq!(store.list(&ClientQuery::new()).await?[0].id(), &id);
//! assert!(store.touch(&id, SystemTime::now()).await?);
//! assert!(store.for_tenant("another").get(&id).await?.is_none());
//! assert!(store.remove(&id, &RemoveConditions::new()).await? && !store.remove(&id, &RemoveConditions::new()).await?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "cache")]
mod cached;
mod conditions;
#[cfg(feature = "store-tests")]
pub mod contract;
mod erased;
#[cfg(feature = "memory")]
mod memory;
pub(crate) mod private_file;
mod query;
pub mod record;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
mod unreachable;

pub use crate::client::RegistrantKey;
#[cfg(feature = "cache")]
pub use cached::CachedStore;
pub use conditions::{InsertConditions, InsertOutcome, Nonce, NonceCache, RemoveConditions, UpdateConditions};
pub(crate) use erased::ErasedStore;
#[cfg(feature = "memory")]
pub use memory::MemoryStore;
pub use query::{ClientQuery, IdleCutoffs};
#[cfg(feature = "redis")]
pub use redis::{RedisOptions, RedisStore};
#[cfg(feature = "sqlite")]
pub use sql::SqliteStore;
#[cfg(feature = "postgres")]
pub use sql::{PostgresOptions, PostgresStore};
/// The database driver whose pools [`SqliteStore::from_pool`] and [`PostgresStore::from_pool`] take, in the version
/// that this crate uses.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use sqlx;

use std::future::Future;
use std::sync::Arc;
use std::time::SystemTime;

use crate::client::Client;
use crate::client::InitialAccessTokenRecord;
use crate::client::credential::{ClientId, Digest};
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

    /// The part of this store that belongs to a tenant: the same database, but clients, tokens, remembered keys and
    /// limits of its own. The name is absolute, so a part of a part is the part of that name; `""` is the one that
    /// every store begins as.
    #[must_use]
    fn for_tenant(&self, tenant: &str) -> Self
    where
        Self: Sized;

    /// Adds a client together with what that costs. Never replaces one.
    fn insert(
        &self,
        client: &Client,
        conditions: &InsertConditions,
    ) -> impl Future<Output = Result<InsertOutcome, StoreError>> + Send;

    /// Finds a client. A cache may answer with a copy, as old as it promises; see [`get_current`](Self::get_current).
    fn get(&self, id: &ClientId) -> impl Future<Output = Result<Option<Arc<Client>>, StoreError>> + Send;

    /// Finds a client as it is now. A store that keeps copies asks the store behind it; any other store answers as
    /// [`get`](Self::get) does.
    fn get_current(&self, id: &ClientId) -> impl Future<Output = Result<Option<Arc<Client>>, StoreError>> + Send;

    /// Finds a client as it is now, if this is the digest of a valid registration access token of it. `None`
    /// for a wrong token and for an unknown client alike.
    ///
    /// Anybody may send a wrong token, so both must take the same time: compare the digest before the record of the
    /// client is read or decoded, whose size the time would show. [`Client::has_registration_token`] compares it where
    /// nothing is decoded. Never answered from a copy: a client that another node deleted must not read its secret.
    fn get_by_registration_token(
        &self,
        id: &ClientId,
        token: &Digest,
    ) -> impl Future<Output = Result<Option<Arc<Client>>, StoreError>> + Send;

    /// Replaces the client whose revision is one lower than this one's, together with what that costs. What
    /// [`touch`](Self::touch) recorded since stays.
    ///
    /// # Errors
    ///
    /// [`StoreError::conflict`] when the client is gone or has another revision, [`StoreError::replayed`] when a key is
    /// remembered already, [`StoreError::fingerprint_taken`] when another client has the fingerprint that must be unique.
    /// Then nothing is changed.
    fn update(
        &self,
        client: &Client,
        conditions: &UpdateConditions,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes a client; true for exactly one caller, false when there is no such client. What the removal gives back
    /// is given back in the same step: the use of a token if the token is still there and its uses are counted, and
    /// keys, which are forgotten.
    ///
    /// # Errors
    ///
    /// [`StoreError::conflict`] when the client has another revision than the one that is meant.
    fn remove(
        &self,
        id: &ClientId,
        conditions: &RemoveConditions,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Records that a client was used, unless a later use is known; false when there is no such client. The revision
    /// stays.
    fn touch(&self, id: &ClientId, at: SystemTime) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// The clients that a query selects, ordered by time of issue and then by identifier.
    fn list(&self, query: &ClientQuery) -> impl Future<Output = Result<Vec<Arc<Client>>, StoreError>> + Send;

    /// How many clients a query selects, whatever it says about pages. [`ClientQuery::new`] counts all of them, which
    /// must be fast.
    fn count(&self, query: &ClientQuery) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Removes at most `limit` clients that are idle by these cutoffs, those issued first before others, and forgets
    /// what [`claim_nonce`](Self::claim_nonce) need not know any more. Answers with what was removed, in the order of the list.
    /// It may remove fewer at a time than there are, but none only when there is none.
    fn expire(
        &self,
        cutoffs: &IdleCutoffs,
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

    /// Remembers a key until a time; false if it was remembered already, also by an insertion or an update that it was
    /// part of. Protects assertions with a `jti` from being replayed.
    fn claim_nonce(
        &self,
        key: &str,
        until: SystemTime,
        now: SystemTime,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Ends the work with the database, at the end of a shutdown: what is to be written is written, connections of the
    /// store's own are closed. All clones and tenants end with it, and a verb that is called later fails. Default:
    /// nothing to do.
    fn close(&self) -> impl Future<Output = Result<(), StoreError>> + Send {
        async { Ok(()) }
    }
}
