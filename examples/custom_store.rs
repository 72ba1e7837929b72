//! A store of your own: maps behind one lock, so every operation is one atomic step. The example runs the contract
//! suite over it. A store that outlives the process writes the bytes of `store::record` and returns `true` from
//! `is_durable`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tower_dcr::access::InitialAccessTokenRecord as Token;
use tower_dcr::credential::{ClientId, Digest};
use tower_dcr::store::{ClientQuery, ClientStore, IdleCutoffs, InsertConditions, InsertOutcome};
use tower_dcr::store::{Nonce, NonceCache, RemoveConditions, UpdateConditions};
use tower_dcr::{Client, StoreError};

/// All tenants behind one lock. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct LockedStore {
    tenant: String,
    tenants: Arc<Mutex<BTreeMap<String, Tenant>>>,
}

/// The part of the store that belongs to one tenant.
#[derive(Debug, Default)]
struct Tenant {
    clients: BTreeMap<ClientId, Arc<Client>>,
    tokens: Vec<Token>,
    remembered: NonceCache,
}

impl LockedStore {
    fn with<T>(&self, act: impl FnOnce(&mut Tenant) -> T) -> T {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        // No await while the lock is held: the closure is synchronous.
        act(tenants.entry(self.tenant.clone()).or_default())
    }
}

impl Tenant {
    /// The first clients that a test selects, in the order of the list.
    fn select(&self, test: impl Fn(&Client) -> bool, limit: usize) -> Vec<Arc<Client>> {
        let mut clients: Vec<_> = self.clients.values().filter(|client| test(client)).cloned().collect();
        clients.sort_by_key(|client| (client.issued_at(), client.id().clone()));
        clients.truncate(limit);
        clients
    }

    /// Whether a client other than this one has a fingerprint that must be unique.
    fn is_taken(&self, unique: Option<Digest>, own: &ClientId) -> bool {
        let Some(fingerprint) = unique else { return false };
        let same = ClientQuery::new().with_fingerprint(fingerprint);
        self.clients.values().any(|client| same.matches(client) && client.id() != own)
    }
}

impl ClientStore for LockedStore {
    fn is_durable(&self) -> bool {
        false
    }
    fn for_tenant(&self, tenant: &str) -> Self {
        Self { tenant: tenant.to_owned(), tenants: Arc::clone(&self.tenants) }
    }

    async fn get(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        Ok(self.with(|tenant| tenant.clients.get(id).cloned()))
    }
    async fn get_current(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        self.get(id).await
    }
    async fn get_by_registration_token(
        &self,
        id: &ClientId,
        token: &Digest,
    ) -> Result<Option<Arc<Client>>, StoreError> {
        let client = self.with(|tenant| tenant.clients.get(id).cloned());
        Ok(client.filter(|client| client.has_registration_token(token)))
    }
    async fn list(&self, query: &ClientQuery) -> Result<Vec<Arc<Client>>, StoreError> {
        Ok(self.with(|tenant| tenant.select(|client| query.selects(client), query.page_size())))
    }
    async fn count(&self, query: &ClientQuery) -> Result<u64, StoreError> {
        Ok(self.with(|tenant| tenant.clients.values().filter(|client| query.matches(client)).count() as u64))
    }
    async fn get_token(&self, digest: &Digest) -> Result<Option<Token>, StoreError> {
        Ok(self.with(|tenant| tenant.tokens.iter().find(|token| token.digest().matches(digest)).cloned()))
    }
    async fn list_tokens(&self) -> Result<Vec<Token>, StoreError> {
        let mut tokens = self.with(|tenant| tenant.tokens.clone());
        tokens.sort_by(|one, other| (one.issued_at(), one.id()).cmp(&(other.issued_at(), other.id())));
        Ok(tokens)
    }

    /// All conditions are checked before the first change, so a refused insertion changes nothing.
    async fn insert(&self, client: &Client, conditions: &InsertConditions) -> Result<InsertOutcome, StoreError> {
        Ok(self.with(|tenant| {
            let is_full = conditions.max_clients.is_some_and(|most| tenant.clients.len() as u64 >= most);
            let mut evictable = conditions.evict.iter().filter(|_| is_full);
            let evicted = evictable.find_map(|cutoffs| tenant.select(|client| cutoffs.is_idle(client), 1).pop());
            let is_taken = tenant.is_taken(conditions.unique_fingerprint, client.id());
            let mut usable = tenant.tokens.iter_mut().filter(|token| token.is_usable(conditions.now));
            let digest = conditions.initial_access_token.as_ref();
            let token = digest.map(|digest| usable.find(|token| token.digest().matches(digest)));
            match token {
                _ if tenant.clients.contains_key(client.id()) => return InsertOutcome::Exists,
                _ if is_taken => return InsertOutcome::FingerprintTaken,
                _ if is_full && evicted.is_none() => return InsertOutcome::Full,
                Some(None) => return InsertOutcome::TokenRefused,
                // Last among the conditions, because it is the first change: a refused insertion must not spend a
                // nonce.
                _ if !tenant.remembered.claim(&conditions.nonces, conditions.now) => return InsertOutcome::Replayed,
                Some(Some(token)) => *token = token.spent_once(),
                None => {}
            }
            tenant.clients.insert(client.id().clone(), Arc::new(client.clone()));
            let evicted = evicted.and_then(|evicted| tenant.clients.remove(evicted.id()));
            evicted.map_or(InsertOutcome::Inserted, InsertOutcome::InsertedEvicting)
        }))
    }

    async fn update(&self, client: &Client, conditions: &UpdateConditions) -> Result<(), StoreError> {
        self.with(|tenant| {
            let stored = tenant.clients.get(client.id()).filter(|stored| stored.revision() + 1 == client.revision());
            let last_used = stored.ok_or_else(StoreError::conflict)?.last_used().max(client.last_used());
            if tenant.is_taken(conditions.unique_fingerprint, client.id()) {
                return Err(StoreError::fingerprint_taken());
            }
            let is_new = tenant.remembered.claim(&conditions.nonces, conditions.now);
            is_new.then_some(()).ok_or_else(StoreError::replayed)?;
            tenant.remembered.forget(&conditions.release_nonces);
            tenant.clients.insert(client.id().clone(), Arc::new(client.clone().with_last_used(last_used)));
            Ok(())
        })
    }

    async fn remove(&self, id: &ClientId, conditions: &RemoveConditions) -> Result<bool, StoreError> {
        self.with(|tenant| {
            let Some(client) = tenant.clients.get(id) else { return Ok(false) };
            if !conditions.permits(client) {
                return Err(StoreError::conflict());
            }
            let is_meant = |token: &&mut Token| conditions.refund.is_some_and(|digest| token.digest().matches(&digest));
            tenant.tokens.iter_mut().filter(is_meant).for_each(|token| *token = token.refunded_once());
            tenant.remembered.forget(&conditions.release_nonces);
            tenant.clients.extend(conditions.restore.iter().map(|client| (client.id().clone(), Arc::clone(client))));
            Ok(tenant.clients.remove(id).is_some())
        })
    }

    async fn touch(&self, id: &ClientId, at: SystemTime) -> Result<bool, StoreError> {
        let later = |client: &Arc<Client>| (**client).clone().with_last_used(client.last_used().max(Some(at)));
        Ok(self.with(|tenant| tenant.clients.get_mut(id).map(|client| *client = Arc::new(later(client))).is_some()))
    }

    async fn expire(&self, cutoffs: &IdleCutoffs, limit: usize) -> Result<Vec<Arc<Client>>, StoreError> {
        Ok(self.with(|tenant| {
            tenant.remembered.expire(cutoffs.now);
            let idle = tenant.select(|client| cutoffs.is_idle(client), limit);
            idle.iter().filter_map(|client| tenant.clients.remove(client.id())).collect()
        }))
    }

    async fn insert_token(&self, token: &Token) -> Result<(), StoreError> {
        self.with(|tenant| {
            tenant.tokens.retain(|known| !known.digest().matches(token.digest()));
            tenant.tokens.push(token.clone());
        });
        Ok(())
    }
    async fn remove_token(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.with(|tenant| tenant.tokens.extract_if(.., |token| token.id() == id).count() > 0))
    }
    async fn claim_nonce(&self, key: &str, until: SystemTime, now: SystemTime) -> Result<bool, StoreError> {
        Ok(self.with(|tenant| tenant.remembered.claim(&[Nonce::new(key, until)], now)))
    }
}

#[tokio::main]
async fn main() {
    tower_dcr::store::contract::verify(|| async { LockedStore::default() }).await;
}
