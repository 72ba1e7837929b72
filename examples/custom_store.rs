//! A store of your own: maps behind one lock, so every verb is one step. Running it runs the contract suite over it.
//! One that outlives the process writes what `store::record` makes and is durable.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tower_dcr::access::InitialAccessTokenRecord as Token;
use tower_dcr::credential::{ClientId, Digest};
use tower_dcr::store::{Admission, Admitted, ClientQuery, ClientStore, Cutoffs, Removal};
use tower_dcr::{Client, StoreError};

#[derive(Debug, Clone, Default)]
pub(crate) struct LockedStore {
    tenant: String,
    tenants: Arc<Mutex<BTreeMap<String, Tenant>>>,
}

#[derive(Debug, Default)]
struct Tenant {
    clients: BTreeMap<ClientId, Arc<Client>>,
    tokens: Vec<Token>,
    remembered: BTreeMap<String, SystemTime>,
}

impl LockedStore {
    fn with<T>(&self, act: impl FnOnce(&mut Tenant) -> T) -> T {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        act(tenants.entry(self.tenant.clone()).or_default())
    }
}

/// The first clients that a test selects, in the order of the list.
fn select(tenant: &Tenant, test: impl Fn(&Client) -> bool, limit: usize) -> Vec<Arc<Client>> {
    let mut clients: Vec<_> = tenant.clients.values().filter(|client| test(client)).cloned().collect();
    clients.sort_by(|one, other| (one.issued_at(), one.id()).cmp(&(other.issued_at(), other.id())));
    clients.truncate(limit);
    clients
}

impl ClientStore for LockedStore {
    fn is_durable(&self) -> bool {
        false
    }

    fn for_tenant(&self, tenant: &str) -> Self {
        Self { tenant: tenant.to_owned(), tenants: Arc::clone(&self.tenants) }
    }

    async fn insert(&self, client: &Client, admission: &Admission) -> Result<Admitted, StoreError> {
        Ok(self.with(|tenant| {
            if tenant.clients.contains_key(client.id()) {
                return Admitted::Exists;
            }
            if admission.most_clients.is_some_and(|most| tenant.clients.len() as u64 >= most) {
                return Admitted::Full;
            }
            if let Some(digest) = &admission.initial_access_token {
                let is_meant = |token: &&mut Token| token.digest().matches(digest) && token.is_usable(admission.now);
                let Some(token) = tenant.tokens.iter_mut().find(is_meant) else { return Admitted::TokenRefused };
                *token = token.spent_once();
            }
            tenant.clients.insert(client.id().clone(), Arc::new(client.clone()));
            Admitted::Inserted
        }))
    }

    async fn get(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        Ok(self.with(|tenant| tenant.clients.get(id).cloned()))
    }

    async fn update(&self, client: &Client) -> Result<(), StoreError> {
        self.with(|tenant| {
            let is_before = |stored: &&mut Arc<Client>| stored.revision() + 1 == client.revision();
            let stored = tenant.clients.get_mut(client.id()).filter(is_before).ok_or_else(StoreError::conflict)?;
            let last_used = stored.last_used().max(client.last_used());
            *stored = Arc::new(client.clone().with_last_used(last_used));
            Ok(())
        })
    }

    async fn remove(&self, id: &ClientId, removal: &Removal) -> Result<bool, StoreError> {
        self.with(|tenant| {
            let Some(client) = tenant.clients.get(id) else { return Ok(false) };
            if !removal.permits(client) {
                return Err(StoreError::conflict());
            }
            let is_meant = |token: &&mut Token| removal.refunds.is_some_and(|digest| token.digest().matches(&digest));
            tenant.tokens.iter_mut().filter(is_meant).for_each(|token| *token = token.refunded_once());
            Ok(tenant.clients.remove(id).is_some())
        })
    }

    async fn touch(&self, id: &ClientId, at: SystemTime) -> Result<bool, StoreError> {
        let used = |client: &Client| client.clone().with_last_used(client.last_used().max(Some(at)));
        let touch = |client: &mut Arc<Client>| *client = Arc::new(used(client));
        Ok(self.with(|tenant| tenant.clients.get_mut(id).map(touch).is_some()))
    }

    async fn list(&self, query: &ClientQuery) -> Result<Vec<Arc<Client>>, StoreError> {
        Ok(self.with(|tenant| select(tenant, |client| query.selects(client), query.page_size())))
    }

    async fn count(&self, query: &ClientQuery) -> Result<u64, StoreError> {
        Ok(self.with(|tenant| tenant.clients.values().filter(|client| query.matches(client)).count() as u64))
    }

    async fn expire(&self, cutoffs: &Cutoffs, limit: usize) -> Result<Vec<Arc<Client>>, StoreError> {
        Ok(self.with(|tenant| {
            tenant.remembered.retain(|_, until| *until > cutoffs.now);
            let idle = select(tenant, |client| cutoffs.reach(client), limit);
            tenant.clients.retain(|id, _| idle.iter().all(|client| client.id() != id));
            idle
        }))
    }

    async fn insert_token(&self, token: &Token) -> Result<(), StoreError> {
        self.with(|tenant| {
            tenant.tokens.retain(|known| !known.digest().matches(token.digest()));
            tenant.tokens.push(token.clone());
            tenant.tokens.sort_by(|one, other| (one.issued_at(), one.id()).cmp(&(other.issued_at(), other.id())));
        });
        Ok(())
    }

    async fn get_token(&self, digest: &Digest) -> Result<Option<Token>, StoreError> {
        Ok(self.with(|tenant| tenant.tokens.iter().find(|token| token.digest().matches(digest)).cloned()))
    }

    async fn list_tokens(&self) -> Result<Vec<Token>, StoreError> {
        Ok(self.with(|tenant| tenant.tokens.clone()))
    }

    async fn remove_token(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.with(|tenant| tenant.tokens.extract_if(.., |token| token.id() == id).count() > 0))
    }

    async fn remember(&self, key: &str, until: SystemTime, now: SystemTime) -> Result<bool, StoreError> {
        Ok(self.with(|tenant| {
            let is_over = tenant.remembered.get(key).is_none_or(|until| *until <= now);
            is_over.then(|| tenant.remembered.insert(key.to_owned(), until)).is_some()
        }))
    }
}

#[tokio::main]
async fn main() {
    tower_dcr::store::contract::verify(|| async { LockedStore::default() }).await;
}
