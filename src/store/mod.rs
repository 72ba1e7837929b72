//! Where registered clients are stored.
//!
//! [`ClientStore`] is the one trait between the protocol and a database. Its verbs are the smallest atomic steps that
//! the protocol needs. Everything that a registration is conditional on is checked and spent in the step that inserts
//! the client: a use of an initial access token, the limit of clients, a nonce that is valid once, a fingerprint that
//! must be unique. An update names the revision that it replaces, and of many removals one returns true. So limits are
//! guarantees and not estimates, on one node and on many.
//!
//! | store | stored in | how a verb is one step |
//! | --- | --- | --- |
//! | [`MemoryStore`] | the process | locks in a fixed order |
//! | `SqliteStore` | one file | one transaction of the only writing connection |
//! | `PostgresStore` | a server | one statement, or one transaction whose row locks are the conditions |
//! | `RedisStore` | a server or a cluster | one Lua script |
//! | `CachedStore` | a cache in front of another store | the store behind it |
//!
//! # What is one step
//!
//! Other callers see all of a step or nothing of it, and so does the database after a caller has left or a node has
//! stopped. Each verb is one step:
//!
//! - [`insert`](ClientStore::insert): the comparison of all conditions, the use of the token, the nonces, the
//!   eviction, the client. Refused: nothing is changed.
//! - [`update`](ClientStore::update): the comparison of the revision and the fingerprint, the nonces, the client and
//!   its index entries. Refused: nothing is changed.
//! - [`remove`](ClientStore::remove): the comparison of the revision, the client, the refund, the released nonces,
//!   the restored client. Refused: nothing is changed.
//! - [`touch`](ClientStore::touch): the comparison with the stored use, the last use. Refused: an earlier use
//!   changes nothing.
//! - [`expire`](ClientStore::expire): for each client: the cutoffs and its removal. Refused: a client that is used
//!   in time stays.
//! - [`claim_nonce`](ClientStore::claim_nonce): the comparison with the stored time, the nonce. Refused: the time of
//!   the first claim stays.
//!
//! Reads are no part of a step. The registry reads a client, decides, and writes with the revision that it has read; a
//! change between the two is a conflict, and the registry starts again or refuses the request.
//!
//! A store of your own implements the trait in one file; `examples/custom_store.rs` is one, and the contract suite
//! (feature `store-tests`) proves that it keeps the promises.
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
//! assert!(store.remove(&id, &RemoveConditions::unconditional()).await? && !store.remove(&id, &RemoveConditions::unconditional()).await?);
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

/// Stores clients, initial access tokens and nonces.
///
/// An implementation writes plain `async fn`. Every verb is one atomic step: other callers see all of it or nothing,
/// also when the future is dropped before it is ready, as a server does when a client closes its connection. The
/// contract suite (`store::contract`, feature `store-tests`) proves it.
///
/// Time is an argument: whether a token has expired or a client is idle follows from the time that the caller passes,
/// never from a clock of the store, so that all nodes decide alike and tests can turn the clock.
///
/// Clones of a store share one database, and so do the parts for tenants.
///
/// # Errors
///
/// Every verb returns [`StoreError::unavailable`] when the backend fails. The registry answers the request with 503: a
/// client that the store could not find because of an outage is never reported as unknown, since it would register
/// again.
///
/// `examples/custom_store.rs` is a complete implementation. The documentation of the module shows how the verbs are
/// called.
pub trait ClientStore: Send + Sync + 'static {
    /// Whether clients outlive the process. With a durable store the builder demands a decision how client secrets are
    /// stored ([`SecretStorage`](crate::credential::SecretStorage)).
    ///
    /// It must be constant. A store in memory returns false, also when an application saves its content by other
    /// means.
    fn is_durable(&self) -> bool;

    /// The part of this store that belongs to a tenant: the same database, but clients, tokens, nonces and limits of
    /// its own. A tenant is any text, compared byte by byte. The name is absolute, so the part of a part is the part of
    /// that name; `""` is the tenant with which every store begins.
    ///
    /// It is called for each tenant once, when its registry is built, and makes no request to the database.
    #[must_use]
    fn for_tenant(&self, tenant: &str) -> Self
    where
        Self: Sized;

    /// Inserts a client under conditions; never replaces one.
    ///
    /// In one step: the identifier must be free, the initial access token usable, each nonce new, the fingerprint
    /// unique and the limit not reached, or an idle client is evicted. Then one use is spent, the nonces are claimed
    /// and the client is there. An insertion that any condition refuses changes nothing, and holds nothing that another
    /// insertion could miss meanwhile. Where several conditions refuse, any of them may be returned.
    ///
    /// The registry has validated the client before. The store compares nothing in it but the identifier and, if the
    /// conditions name one, the fingerprint.
    fn insert(
        &self,
        client: &Client,
        conditions: &InsertConditions,
    ) -> impl Future<Output = Result<InsertOutcome, StoreError>> + Send;

    /// Finds a client. A cache may answer with a copy, as old as it promises; see [`get_current`](Self::get_current).
    ///
    /// Disabled and pending clients are found as well, and those whose secret has expired: the registry decides what
    /// they may do.
    fn get(&self, id: &ClientId) -> impl Future<Output = Result<Option<Arc<Client>>, StoreError>> + Send;

    /// Finds a client as it is now. A store that holds copies asks the store behind it; any other store answers as
    /// [`get`](Self::get) does. A refusal is decided by this verb: a client that is told `invalid_client` because of an
    /// old copy would register again.
    fn get_current(&self, id: &ClientId) -> impl Future<Output = Result<Option<Arc<Client>>, StoreError>> + Send;

    /// Finds a client as it is now, if this is the digest of a valid registration access token of it. `None` for a
    /// wrong token and for an unknown client alike.
    ///
    /// An attacker may send any token, so both cases must take the same time: compare the digest before the record of
    /// the client is read or decoded, since the time of that depends on its size.
    /// [`Client::has_registration_token`] compares it where nothing is decoded. Never answered from a copy: after a
    /// client was deleted on another node, its token must not read its secret any more.
    fn get_by_registration_token(
        &self,
        id: &ClientId,
        token: &Digest,
    ) -> impl Future<Output = Result<Option<Arc<Client>>, StoreError>> + Send;

    /// Replaces the client whose revision is one lower than this one's, under conditions.
    ///
    /// In one step: the revision must be the one before, the fingerprint unique and each nonce new; then the client is
    /// replaced, nonces are claimed, and others are released. The last use is the later one of the stored client and of
    /// this one, so a use that [`touch`](Self::touch) recorded meanwhile stays.
    ///
    /// # Errors
    ///
    /// [`StoreError::conflict`] when the client is removed or has another revision, [`StoreError::replayed`] when a
    /// nonce is known already, [`StoreError::fingerprint_taken`] when another client has the fingerprint that must be
    /// unique. Then nothing is changed.
    ///
    /// The identifier, the time of issue and the origin of a client never change, so indexes by them need no update.
    fn update(
        &self,
        client: &Client,
        conditions: &UpdateConditions,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes a client; true for exactly one caller, false when there is no such client.
    ///
    /// In the same step the use of a token is refunded (if the token is there and its uses are limited), nonces are
    /// released, and an evicted client is restored, which undoes an insertion completely.
    ///
    /// # Errors
    ///
    /// [`StoreError::conflict`] when the client has another revision than the conditions name. Then nothing is changed.
    fn remove(
        &self,
        id: &ClientId,
        conditions: &RemoveConditions,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Records that a client was used at this time, unless a later use is recorded; false when there is no such client.
    ///
    /// The revision stays: a use conflicts with no update, and it happens often, so it should not rewrite the client.
    fn touch(&self, id: &ClientId, at: SystemTime) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// The clients that a query selects, ordered by time of issue and then by the bytes of the identifier, at most
    /// [`ClientQuery::page_size`] of them. The page after a client begins after its position, whether that client is
    /// still there or not.
    fn list(&self, query: &ClientQuery) -> impl Future<Output = Result<Vec<Arc<Client>>, StoreError>> + Send;

    /// How many clients a query selects; position and limit of the page are ignored. [`ClientQuery::new`] counts all of
    /// them, which must be fast.
    fn count(&self, query: &ClientQuery) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Removes at most `limit` clients that are idle by these cutoffs, those that were issued first before others, and
    /// deletes expired nonces. Returns the removed clients, in the order of the list.
    ///
    /// It may remove fewer than `limit` with one call, so that one call does not hold up others for long, but none only
    /// when no client is idle. A client that is used at the same moment is either removed or used, never both.
    ///
    /// Each client is at least a step of its own: if the call is dropped, some idle clients are removed and others are
    /// not, but each of them completely.
    fn expire(
        &self,
        cutoffs: &IdleCutoffs,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Arc<Client>>, StoreError>> + Send;

    /// Stores an initial access token; one with the same digest is replaced, its identifier included.
    ///
    /// The whole token is one step: it is never visible without its number of uses or its time of expiry.
    fn insert_token(&self, token: &InitialAccessTokenRecord) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Finds an initial access token by the digest of its text, also one that is spent or expired.
    ///
    /// The registry decides by its own time whether the token is usable. The insertion decides again, in its step.
    fn get_token(
        &self,
        digest: &Digest,
    ) -> impl Future<Output = Result<Option<InitialAccessTokenRecord>, StoreError>> + Send;

    /// All initial access tokens, ordered by time of issue and then by identifier.
    ///
    /// There is no page: initial access tokens are issued by an operator and are few.
    fn list_tokens(&self) -> impl Future<Output = Result<Vec<InitialAccessTokenRecord>, StoreError>> + Send;

    /// Removes the initial access token with this identifier; true for exactly one caller. An insertion that spends it
    /// at the same moment never restores it.
    ///
    /// Clients that were registered with it stay.
    fn remove_token(&self, id: &str) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Claims a nonce until a time; false if it is claimed already, also by an insertion or an update.
    ///
    /// This is the protection of assertions with a `jti` against replay
    /// ([RFC 7523 §3](https://www.rfc-editor.org/rfc/rfc7523#section-3)). The time of the first claim holds. A key is
    /// any text, compared byte by byte.
    ///
    /// The comparison and the claim are one step: of many callers with one nonce exactly one gets true.
    fn claim_nonce(
        &self,
        key: &str,
        until: SystemTime,
        now: SystemTime,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Ends the work with the database, at the end of a shutdown: pending data is written, connections of the store's
    /// own are closed. All clones and tenants are closed with it, and a verb that is called later fails. Default:
    /// returns at once.
    ///
    /// Call it after the server has stopped to accept requests and the registry is not used any more.
    fn close(&self) -> impl Future<Output = Result<(), StoreError>> + Send {
        async { Ok(()) }
    }
}
