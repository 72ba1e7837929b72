//! The default store: a concurrent map that forgets everything when the process ends.
//!
//! Clients lie in a sharded map; beside it an ordered index has their places, so pages and the oldest unused client
//! are found without a look at everybody. A client comes, changes and goes while its shard is locked, and the index
//! only ever inside that lock.

mod index;

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::SystemTime;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use self::index::{Index, place};
use super::{Admission, Admitted, ClientQuery, ClientStore, Cutoffs, Removal};
use crate::access::InitialAccessTokenRecord;
use crate::client::Client;
use crate::credential::{ClientId, Digest};
use crate::error::StoreError;

/// How many clients are looked at before other tasks get a turn.
const AT_ONCE: usize = 1024;

/// Keeps clients in memory. Clones share what they keep.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
    tenants: Arc<DashMap<String, Arc<Shared>>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        let shared = Arc::<Shared>::default();
        let tenants = DashMap::from_iter([(String::new(), Arc::clone(&shared))]);
        Self { shared, tenants: Arc::new(tenants) }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

/// What belongs to one tenant.
#[derive(Debug, Default)]
struct Shared {
    clients: DashMap<ClientId, Arc<Client>>,
    /// How many clients there are. Changes only while the client that comes or goes is locked.
    places: AtomicU64,
    /// Locked last, for a moment only.
    index: Mutex<Index>,
    tokens: DashMap<[u8; 32], InitialAccessTokenRecord>,
    remembered: DashMap<String, SystemTime>,
}

impl Shared {
    /// Takes a place below the limit, unless all are taken.
    fn take_place(&self, most: Option<u64>) -> bool {
        let most = most.unwrap_or(u64::MAX);
        let below = |taken| (taken < most).then_some(taken + 1);
        self.places.fetch_update(Ordering::AcqRel, Ordering::Acquire, below).is_ok()
    }

    /// The token stays locked until the client is in or refused, so its use is spent exactly when the client comes in
    /// and a refusal is in nobody's way.
    fn insert(&self, client: &Client, admission: &Admission) -> Admitted {
        let Some(digest) = &admission.initial_access_token else {
            return self.insert_client(client, admission.most_clients);
        };
        let Some(mut token) = self.tokens.get_mut(digest.as_bytes()).filter(|token| token.is_usable(admission.now))
        else {
            return Admitted::TokenRefused;
        };
        let admitted = self.insert_client(client, admission.most_clients);
        if admitted == Admitted::Inserted {
            *token = token.spent_once();
        }
        admitted
    }

    fn insert_client(&self, client: &Client, most: Option<u64>) -> Admitted {
        match self.clients.entry(client.id.clone()) {
            Entry::Occupied(_) => Admitted::Exists,
            Entry::Vacant(_) if !self.take_place(most) => Admitted::Full,
            Entry::Vacant(vacant) => {
                self.index().add(client);
                vacant.insert(Arc::new(client.clone()));
                Admitted::Inserted
            }
        }
    }

    /// Shows the clients that a query selects, in the order of the list, at most so many of them.
    async fn visit(&self, query: &ClientQuery, most: usize, mut show: impl FnMut(Arc<Client>)) {
        let (mut last, mut left) = (query.after.clone(), most);
        while left > 0 {
            let step = left.clamp(16, AT_ONCE);
            let places = self.index().places(query, last.as_ref(), step);
            for (_, id) in &places {
                let Some(client) = self.get(id).filter(|client| query.matches(client)) else { continue };
                show(client);
                left -= 1;
                if left == 0 {
                    return;
                }
            }
            if places.len() < step {
                return;
            }
            last = places.last().cloned();
            others_turn().await;
        }
    }

    async fn select(&self, query: &ClientQuery, most: usize) -> Vec<Arc<Client>> {
        let mut selected = Vec::new();
        self.visit(query, most, |client| selected.push(client)).await;
        selected
    }

    /// The idle clients by cutoffs that name whom they are about.
    fn idle_among(&self, among: &[ClientId], cutoffs: &Cutoffs) -> Vec<Arc<Client>> {
        let mut idle: Vec<_> = among.iter().filter_map(|id| self.get(id)).collect();
        idle.retain(|client| cutoffs.reach(client));
        idle.sort_unstable_by_key(|client| place(client));
        idle.dedup_by(|one, other| one.id == other.id);
        idle
    }

    fn get(&self, id: &ClientId) -> Option<Arc<Client>> {
        self.clients.get(id).map(|client| Arc::clone(&client))
    }

    fn update(&self, client: &Client) -> Result<(), StoreError> {
        let mut stored = self.clients.get_mut(&client.id).ok_or_else(StoreError::conflict)?;
        if stored.revision + 1 != client.revision {
            return Err(StoreError::conflict());
        }
        let last_used = stored.last_used.max(client.last_used);
        let client = Client { last_used, ..client.clone() };
        self.index().change(&stored, &client);
        *stored = Arc::new(client);
        Ok(())
    }

    fn touch(&self, id: &ClientId, at: SystemTime) -> bool {
        let Some(mut stored) = self.clients.get_mut(id) else { return false };
        if stored.last_used.is_none() {
            self.index().mark_used(&stored);
        }
        if stored.last_used < Some(at) {
            Arc::make_mut(&mut stored).last_used = Some(at);
        }
        true
    }

    /// As with [`insert`](Self::insert), the token is locked before the client.
    fn remove(&self, id: &ClientId, removal: &Removal) -> Result<bool, StoreError> {
        let token = removal.refunds.as_ref().and_then(|digest| self.tokens.get_mut(digest.as_bytes()));
        let mut conflict = false;
        let removed = self.remove_if(id, |client| {
            conflict = !removal.permits(client);
            !conflict
        });
        match (removed, token) {
            (Some(_), Some(mut token)) => *token = token.refunded_once(),
            (None, _) if conflict => return Err(StoreError::conflict()),
            (None, _) => return Ok(false),
            (Some(_), None) => {}
        }
        Ok(true)
    }

    fn remove_if(&self, id: &ClientId, test: impl FnOnce(&Client) -> bool) -> Option<Arc<Client>> {
        let removed = self.clients.remove_if(id, |_, client| {
            let goes = test(client);
            if goes {
                self.places.fetch_sub(1, Ordering::AcqRel);
                self.index().remove(client);
            }
            goes
        });
        removed.map(|(_, client)| client)
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets other tasks run before this one goes on.
async fn others_turn() {
    let mut waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl ClientStore for MemoryStore {
    fn is_durable(&self) -> bool {
        false
    }

    fn for_tenant(&self, tenant: &str) -> Self {
        let shared = Arc::clone(&self.tenants.entry(tenant.to_owned()).or_default());
        Self { shared, tenants: Arc::clone(&self.tenants) }
    }

    async fn insert(&self, client: &Client, admission: &Admission) -> Result<Admitted, StoreError> {
        Ok(self.shared.insert(client, admission))
    }

    async fn get(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        Ok(self.shared.get(id))
    }

    async fn update(&self, client: &Client) -> Result<(), StoreError> {
        self.shared.update(client)
    }

    async fn remove(&self, id: &ClientId, removal: &Removal) -> Result<bool, StoreError> {
        self.shared.remove(id, removal)
    }

    async fn touch(&self, id: &ClientId, at: SystemTime) -> Result<bool, StoreError> {
        Ok(self.shared.touch(id, at))
    }

    async fn list(&self, query: &ClientQuery) -> Result<Vec<Arc<Client>>, StoreError> {
        Ok(self.shared.select(query, query.page_size()).await)
    }

    async fn count(&self, query: &ClientQuery) -> Result<u64, StoreError> {
        if query.is_unfiltered() {
            return Ok(self.shared.places.load(Ordering::Acquire));
        }
        let (mut count, query) = (0, ClientQuery { after: None, ..query.clone() });
        self.shared.visit(&query, usize::MAX, |_| count += 1).await;
        Ok(count)
    }

    async fn expire(&self, cutoffs: &Cutoffs, limit: usize) -> Result<Vec<Arc<Client>>, StoreError> {
        self.shared.remembered.retain(|_, until| *until > cutoffs.now);
        let query = ClientQuery::new().with_idle(cutoffs.clone());
        loop {
            let idle = match &cutoffs.among {
                Some(among) => self.shared.idle_among(among, cutoffs),
                None => self.shared.select(&query, limit).await,
            };
            let still = |client: &Arc<Client>| self.shared.remove_if(&client.id, |client| cutoffs.reach(client));
            let expired: Vec<_> = idle.iter().filter_map(still).take(limit).collect();
            // Whoever was idle a moment ago may be gone or used by now; then there may be others.
            if !expired.is_empty() || idle.is_empty() || limit == 0 {
                return Ok(expired);
            }
        }
    }

    async fn insert_token(&self, token: &InitialAccessTokenRecord) -> Result<(), StoreError> {
        self.shared.tokens.insert(*token.digest.as_bytes(), token.clone());
        Ok(())
    }

    async fn get_token(&self, digest: &Digest) -> Result<Option<InitialAccessTokenRecord>, StoreError> {
        Ok(self.shared.tokens.get(digest.as_bytes()).map(|token| token.clone()))
    }

    async fn list_tokens(&self) -> Result<Vec<InitialAccessTokenRecord>, StoreError> {
        let mut tokens: Vec<_> = self.shared.tokens.iter().map(|token| token.clone()).collect();
        tokens.sort_unstable_by(|one, other| (one.issued_at, &one.id).cmp(&(other.issued_at, &other.id)));
        Ok(tokens)
    }

    async fn remove_token(&self, id: &str) -> Result<bool, StoreError> {
        let found = self.shared.tokens.iter().find(|token| &*token.id == id).map(|token| *token.key());
        Ok(found.is_some_and(|digest| self.shared.tokens.remove_if(&digest, |_, token| &*token.id == id).is_some()))
    }

    async fn remember(&self, key: &str, until: SystemTime, now: SystemTime) -> Result<bool, StoreError> {
        match self.shared.remembered.entry(key.to_owned()) {
            Entry::Occupied(known) if *known.get() > now => Ok(false),
            known => {
                known.insert(until);
                Ok(true)
            }
        }
    }
}
