//! The default store: a concurrent map that is lost when the process ends.
//!
//! Clients are in a sharded map, and an ordered index beside it has their positions, so that pages and the oldest
//! unused client are found without a look at all clients. Each verb is one step because of the order in which it takes
//! locks:
//!
//! 1. the claimed nonces, which insertions, updates and removals hold until their end, so these follow one another;
//! 2. the initial access token that is spent or refunded;
//! 3. the shard of the client that is changed or removed;
//! 4. the index, for a moment, inside the lock of the shard.
//!
//! No verb waits for anything else while it holds a lock, so there is no deadlock and no lock is held over an `await`.
//! Reads and recorded uses take only steps 3 and 4.
//!
//! # What each verb promises
//!
//! An insertion, an update and a removal hold the lock of the nonces from their first comparison to their last write,
//! so two of them never decide by the same state. Each tenant has a lock of its own, so callers of other tenants do not
//! wait. No change has an `await` inside, so a caller who leaves cannot interrupt one.
//!
//! A list and a count read clients one after the other. They are not a snapshot: a client that changes meanwhile is
//! shown before or after its change, and one that stays unchanged is shown exactly once.

mod index;
mod shared;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use dashmap::DashMap;

use self::shared::Shared;
use super::{
    ClientQuery, ClientStore, IdleCutoffs, InsertConditions, InsertOutcome, Nonce, RemoveConditions, UpdateConditions,
};
use crate::client::Client;
use crate::client::InitialAccessTokenRecord;
use crate::client::credential::{ClientId, Digest};
use crate::error::StoreError;

/// Stores clients in memory. Clones share one store.
///
/// ```
/// use tower_dcr::store::{ClientQuery, ClientStore, MemoryStore};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let store = MemoryStore::new();
/// assert!(!store.is_durable());
/// assert_eq!(store.clone().count(&ClientQuery::new()).await?, 0);
/// # Ok::<(), tower_dcr::StoreError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Use it for tests, for development, and where registrations may be lost with the process. Set a limit of clients for
/// an open endpoint.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
    tenants: Arc<DashMap<String, Arc<Shared>>>,
}

impl MemoryStore {
    /// An empty store.
    ///
    /// It is the part of the tenant `""`. Other tenants are made when they are first named.
    #[must_use]
    pub fn new() -> Self {
        let shared = Arc::<Shared>::default();
        // The default tenant is in the map too, so that `for_tenant("")` finds the same data.
        let tenants = DashMap::from_iter([(String::new(), Arc::clone(&shared))]);
        Self { shared, tenants: Arc::new(tenants) }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl ClientStore for MemoryStore {
    /// False: everything is lost with the process, so secrets may stay in memory as they are.
    fn is_durable(&self) -> bool {
        false
    }

    /// A tenant is made when it is first named, and stays until the process ends.
    fn for_tenant(&self, tenant: &str) -> Self {
        // `entry` locks the shard, so two callers who name a new tenant at the same moment get the same one.
        let shared = Arc::clone(&self.tenants.entry(tenant.to_owned()).or_default());
        Self { shared, tenants: Arc::clone(&self.tenants) }
    }

    /// Holds the locks of nonces and token until the client is in the map, so all conditions are one step.
    async fn insert(&self, client: &Client, conditions: &InsertConditions) -> Result<InsertOutcome, StoreError> {
        Ok(self.shared.insert(client, conditions))
    }

    /// Takes the lock of one shard for a moment.
    async fn get(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        Ok(self.shared.get(id))
    }

    /// The same as `get`: there are no copies.
    async fn get_current(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        self.get(id).await
    }

    /// The digest is compared in constant time; the client is shared and not copied.
    async fn get_by_registration_token(
        &self,
        id: &ClientId,
        token: &Digest,
    ) -> Result<Option<Arc<Client>>, StoreError> {
        // Nothing is decoded here, so the time does not depend on the size of the client.
        Ok(self.shared.get(id).filter(|client| client.has_registration_token(token)))
    }

    /// One step under the lock of the nonces and of the client.
    async fn update(&self, client: &Client, conditions: &UpdateConditions) -> Result<(), StoreError> {
        self.shared.update(client, conditions)
    }

    /// One step, with the refund, the released nonces and the restored client.
    async fn remove(&self, id: &ClientId, conditions: &RemoveConditions) -> Result<bool, StoreError> {
        self.shared.remove(id, conditions)
    }

    /// Takes no lock of the tenant as a whole, since it happens with every use of a client.
    async fn touch(&self, id: &ClientId, at: SystemTime) -> Result<bool, StoreError> {
        Ok(self.shared.touch(id, at))
    }

    /// Walks the index that has the fewest candidates, and lets other tasks run between two steps.
    async fn list(&self, query: &ClientQuery) -> Result<Vec<Arc<Client>>, StoreError> {
        Ok(self.shared.select(query, query.page_size()).await)
    }

    /// A number for all clients, a walk for a filter.
    async fn count(&self, query: &ClientQuery) -> Result<u64, StoreError> {
        // The number is kept, so the usual count looks at no client.
        if query.is_unfiltered() {
            return Ok(self.shared.places.load(Ordering::Acquire));
        }
        // The position of a page does not belong to a count.
        let (mut count, query) = (0, ClientQuery { after: None, ..query.clone() });
        self.shared.visit(&query, usize::MAX, |_| count += 1).await;
        Ok(count)
    }

    /// Each client is removed in a step of its own, so an expiry does not block registrations.
    async fn expire(&self, cutoffs: &IdleCutoffs, limit: usize) -> Result<Vec<Arc<Client>>, StoreError> {
        self.shared.remembered().expire(cutoffs.now);
        let query = ClientQuery::new().with_idle(cutoffs.clone());
        loop {
            let idle = match &cutoffs.ids {
                Some(ids) => self.shared.idle_with_ids(ids, cutoffs),
                None => self.shared.select(&query, limit).await,
            };
            // The condition is evaluated again under the lock of the client: it may have been used since it was
            // selected.
            let still = |client: &Arc<Client>| self.shared.remove_if(&client.id, |client| cutoffs.is_idle(client));
            let expired: Vec<_> = idle.iter().filter_map(still).take(limit).collect();
            // Clients that were idle a moment ago may be removed or used by now; then other clients may be idle.
            if !expired.is_empty() || idle.is_empty() || limit == 0 {
                return Ok(expired);
            }
        }
    }

    /// Replaces the token with the same digest in one step.
    async fn insert_token(&self, token: &InitialAccessTokenRecord) -> Result<(), StoreError> {
        self.shared.tokens.insert(*token.digest.as_bytes(), token.clone());
        Ok(())
    }

    async fn get_token(&self, digest: &Digest) -> Result<Option<InitialAccessTokenRecord>, StoreError> {
        Ok(self.shared.tokens.get(digest.as_bytes()).map(|token| token.clone()))
    }

    async fn list_tokens(&self) -> Result<Vec<InitialAccessTokenRecord>, StoreError> {
        let mut tokens: Vec<_> = self.shared.tokens.iter().map(|token| token.clone()).collect();
        // The map has no order, and the identifier makes the order total.
        tokens.sort_unstable_by(|one, other| (one.issued_at, &one.id).cmp(&(other.issued_at, &other.id)));
        Ok(tokens)
    }

    /// True for one of several callers, because the map removes an entry once.
    async fn remove_token(&self, id: &str) -> Result<bool, StoreError> {
        // Tokens are few and found by their digest; a second index for the identifier would not pay.
        let found = self.shared.tokens.iter().find(|token| &*token.id == id).map(|token| *token.key());
        // Compared again inside the lock: a token with another identifier may have replaced this one since.
        Ok(found.is_some_and(|digest| self.shared.tokens.remove_if(&digest, |_, token| &*token.id == id).is_some()))
    }

    /// Takes the same lock as an insertion, so a nonce is claimed once by whichever verb is first.
    async fn claim_nonce(&self, key: &str, until: SystemTime, now: SystemTime) -> Result<bool, StoreError> {
        Ok(self.shared.remembered().claim(&[Nonce::new(key, until)], now))
    }
}
