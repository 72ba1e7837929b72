//! The default store: a concurrent map that forgets everything when the process ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::{Admission, Admitted, ClientQuery, ClientStore, Cutoffs};
use crate::access::InitialAccessTokenRecord;
use crate::client::Client;
use crate::credential::{ClientId, Digest};
use crate::error::StoreError;

/// Keeps clients in memory. Clones share what they keep.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    clients: DashMap<ClientId, Arc<Client>>,
    /// How many clients there are. Changes only while the client that comes or goes is locked.
    places: AtomicU64,
    tokens: DashMap<[u8; 32], InitialAccessTokenRecord>,
    remembered: DashMap<String, SystemTime>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
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
                vacant.insert(Arc::new(client.clone()));
                Admitted::Inserted
            }
        }
    }

    /// The clients that a test selects, in the order of the list.
    fn select(&self, test: impl Fn(&Client) -> bool, limit: usize) -> Vec<Arc<Client>> {
        let clients = self.clients.iter().filter(|client| test(client));
        let mut selected: Vec<_> = clients.map(|client| Arc::clone(client.value())).collect();
        selected.sort_unstable_by(|one, other| (one.issued_at, &one.id).cmp(&(other.issued_at, &other.id)));
        selected.truncate(limit);
        selected
    }

    fn remove_if(&self, id: &ClientId, test: impl Fn(&Client) -> bool) -> Option<Arc<Client>> {
        let removed = self.clients.remove_if(id, |_, client| {
            let goes = test(client);
            self.places.fetch_sub(u64::from(goes), Ordering::AcqRel);
            goes
        });
        removed.map(|(_, client)| client)
    }
}

impl ClientStore for MemoryStore {
    fn is_durable(&self) -> bool {
        false
    }

    async fn insert(&self, client: &Client, admission: &Admission) -> Result<Admitted, StoreError> {
        Ok(self.shared.insert(client, admission))
    }

    async fn get(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        Ok(self.shared.clients.get(id).map(|client| Arc::clone(&client)))
    }

    async fn update(&self, client: &Client) -> Result<(), StoreError> {
        let mut stored = self.shared.clients.get_mut(&client.id).ok_or_else(StoreError::conflict)?;
        if stored.revision + 1 != client.revision {
            return Err(StoreError::conflict());
        }
        let last_used = stored.last_used.max(client.last_used);
        *stored = Arc::new(Client { last_used, ..client.clone() });
        Ok(())
    }

    async fn remove(&self, id: &ClientId) -> Result<bool, StoreError> {
        Ok(self.shared.remove_if(id, |_| true).is_some())
    }

    async fn touch(&self, id: &ClientId, at: SystemTime) -> Result<bool, StoreError> {
        let Some(mut stored) = self.shared.clients.get_mut(id) else { return Ok(false) };
        if stored.last_used < Some(at) {
            Arc::make_mut(&mut stored).last_used = Some(at);
        }
        Ok(true)
    }

    async fn list(&self, query: &ClientQuery) -> Result<Vec<Arc<Client>>, StoreError> {
        Ok(self.shared.select(|client| query.selects(client), query.page_size()))
    }

    async fn count(&self) -> Result<u64, StoreError> {
        Ok(self.shared.places.load(Ordering::Acquire))
    }

    async fn expire(&self, cutoffs: &Cutoffs, limit: usize) -> Result<Vec<Arc<Client>>, StoreError> {
        self.shared.remembered.retain(|_, until| *until > cutoffs.now);
        let idle = self.shared.select(|client| cutoffs.reach(client), limit);
        let still = idle.iter().filter_map(|client| self.shared.remove_if(&client.id, |client| cutoffs.reach(client)));
        Ok(still.collect())
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
