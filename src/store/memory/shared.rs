//! The data of one tenant, and the verbs that change it.
//!
//! The order of the locks is in the documentation of the parent module. The number of clients is kept beside the map,
//! because the map counts by locking all shards, and because a place below the limit must be taken before the client
//! is in the map.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::SystemTime;

use dashmap::DashMap;

use super::index::{Index, place};
use crate::client::Client;
use crate::client::InitialAccessTokenRecord;
use crate::client::credential::{ClientId, Digest};
use crate::error::StoreError;
use crate::store::{
    ClientQuery, IdleCutoffs, InsertConditions, InsertOutcome, NonceCache, RemoveConditions, UpdateConditions,
};

/// How many clients a list looks at before other tasks run, about a millisecond of work.
///
/// A list of many clients would otherwise hold a thread of the executor, and requests on it would wait.
const AT_ONCE: usize = 1024;
/// How many are looked at when one may be enough.
///
/// A search for one client usually ends with the first position, so more would be copied for nothing.
const FEW: usize = 16;

/// What belongs to one tenant.
///
/// The locks are taken in the order in which the module names them. A method that needs several takes the outer one
/// first and holds it until its last change.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// All clients by identifier. A client is replaced and never changed in place while others hold it.
    pub(super) clients: DashMap<ClientId, Arc<Client>>,
    /// The number of clients. It changes only while the client that is inserted or removed is locked.
    pub(super) places: AtomicU64,
    /// Locked last, and for a moment only.
    index: Mutex<Index>,
    /// The initial access tokens by the bytes of their digest.
    pub(super) tokens: DashMap<[u8; 32], InitialAccessTokenRecord>,
    /// The claimed nonces. Locked first, by an insertion, an update or a removal until its end.
    remembered: Mutex<NonceCache>,
}

impl Shared {
    /// Takes a place below the limit. False when all are taken.
    fn take_place(&self, max: Option<u64>) -> bool {
        let max = max.unwrap_or(u64::MAX);
        // Compared and increased in one step, so that two callers cannot take the last place.
        let below = |taken| (taken < max).then_some(taken + 1);
        self.places.fetch_update(Ordering::AcqRel, Ordering::Acquire, below).is_ok()
    }

    /// What the conditions spend stays locked until the client is inserted or refused. So it is spent exactly when the
    /// client is inserted, and a refusal is never seen by another insertion.
    ///
    /// The token is locked by its entry in the map, so insertions with other tokens wait only for the lock of the
    /// nonces. A token that is not usable is refused before anything is written.
    pub(super) fn insert(&self, client: &Client, conditions: &InsertConditions) -> InsertOutcome {
        // The first lock of every change, so that all of them take locks in the same order.
        let mut remembered = self.remembered();
        let token = conditions.initial_access_token.as_ref().map(|digest| self.tokens.get_mut(digest.as_bytes()));
        let token = token.map(|token| token.filter(|token| token.is_usable(conditions.now)));
        if matches!(token, Some(None)) {
            return InsertOutcome::TokenRefused;
        }
        // The claim is taken back below if the client is refused; no other caller sees it, because the lock is still
        // held.
        if !remembered.claim(&conditions.nonces, conditions.now) {
            return InsertOutcome::Replayed;
        }
        let outcome = self.insert_client(client, conditions);
        match (outcome.is_inserted(), token.flatten()) {
            (true, Some(mut token)) => *token = token.spent_once(),
            (true, None) => {}
            (false, _) => remembered.forget(&conditions.nonces),
        }
        outcome
    }

    /// Inserts the client, after token and nonces are known to be good.
    ///
    /// The order of the comparisons is part of the promise: a client is evicted only when nothing else can refuse.
    fn insert_client(&self, client: &Client, conditions: &InsertConditions) -> InsertOutcome {
        // No other insertion runs now, so the identifier stays free until the client is put in.
        if self.clients.contains_key(&client.id) {
            return InsertOutcome::Exists;
        }
        if self.is_taken(conditions.unique_fingerprint.as_ref(), &client.id) {
            return InsertOutcome::FingerprintTaken;
        }
        let outcome = if self.take_place(conditions.max_clients) {
            InsertOutcome::Inserted
        } else if let Some(gone) = conditions.evict.iter().find_map(|cutoffs| self.evict(cutoffs)) {
            InsertOutcome::InsertedEvicting(gone)
        } else {
            return InsertOutcome::Full;
        };
        self.put(Arc::new(client.clone()));
        outcome
    }

    /// The index comes first: until the client is in the map, no other caller changes it.
    ///
    /// The number of clients already includes it.
    fn put(&self, client: Arc<Client>) {
        self.index().add(&client);
        self.clients.insert(client.id.clone(), client);
    }

    /// Whether another client has a fingerprint that must be unique. No other insertion or update runs at this moment,
    /// because each holds the lock of the nonces.
    fn is_taken(&self, unique: Option<&Digest>, own: &ClientId) -> bool {
        unique.is_some_and(|fingerprint| self.index().is_taken(fingerprint, own))
    }

    /// Removes the first idle client; its place stays taken, for the new client.
    ///
    /// The condition is evaluated again under the lock of the client, since a use may be recorded at any moment.
    fn evict(&self, cutoffs: &IdleCutoffs) -> Option<Arc<Client>> {
        let take_idle = |id: &ClientId| self.take_out(id, |client| cutoffs.is_idle(client));
        if let Some(ids) = &cutoffs.ids {
            return self.idle_with_ids(ids, cutoffs).iter().find_map(|client| take_idle(&client.id));
        }
        let (query, mut last) = (ClientQuery::new().with_idle(cutoffs.clone()), None);
        loop {
            // The lock of the index is released before a client is locked. All changes lock a client before the index,
            // so the reverse order could deadlock.
            let places = self.index().places(&query, last.as_ref(), FEW);
            let found = places.iter().find_map(|(_, id)| take_idle(id));
            if found.is_some() || places.len() < FEW {
                return found;
            }
            last = places.last().cloned();
        }
    }

    /// Shows the clients that a query selects, in the order of the list, at most so many of them.
    ///
    /// The positions are copied from the index in steps, so the lock is held for a moment only and other tasks run
    /// between two steps.
    ///
    /// The walk starts after the position of the query. It ends when enough clients were shown or when a step finds
    /// fewer positions than it asked for.
    pub(super) async fn visit(&self, query: &ClientQuery, max: usize, mut show: impl FnMut(Arc<Client>)) {
        let (mut last, mut left) = (query.after.clone(), max);
        while left > 0 {
            let step = left.clamp(FEW, AT_ONCE);
            let places = self.index().places(query, last.as_ref(), step);
            for (_, id) in &places {
                // The client may have been removed or changed since its position was read, so it is compared here
                // again.
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

    /// The clients that a query selects, at most so many.
    pub(super) async fn select(&self, query: &ClientQuery, max: usize) -> Vec<Arc<Client>> {
        let mut selected = Vec::new();
        self.visit(query, max, |client| selected.push(client)).await;
        selected
    }

    /// The idle clients among these identifiers, in the order of the list.
    ///
    /// The identifiers may be unknown or occur twice. The result has each idle client once.
    pub(super) fn idle_with_ids(&self, ids: &[ClientId], cutoffs: &IdleCutoffs) -> Vec<Arc<Client>> {
        let mut idle: Vec<_> = ids.iter().filter_map(|id| self.get(id)).collect();
        idle.retain(|client| cutoffs.is_idle(client));
        idle.sort_unstable_by_key(|client| place(client));
        idle.dedup_by(|one, other| one.id == other.id);
        idle
    }

    /// The client with this identifier. The lock of its shard is released before this returns.
    pub(super) fn get(&self, id: &ClientId) -> Option<Arc<Client>> {
        self.clients.get(id).map(|client| Arc::clone(&client))
    }

    /// The nonces are locked before the client, as in [`insert`](Self::insert).
    ///
    /// The comparisons come before the claim, so a conflict leaves the nonces as they were.
    pub(super) fn update(&self, client: &Client, conditions: &UpdateConditions) -> Result<(), StoreError> {
        let mut remembered = self.remembered();
        let mut stored = self.clients.get_mut(&client.id).ok_or_else(StoreError::conflict)?;
        if stored.revision + 1 != client.revision {
            return Err(StoreError::conflict());
        }
        if self.is_taken(conditions.unique_fingerprint.as_ref(), &client.id) {
            return Err(StoreError::fingerprint_taken());
        }
        if !remembered.claim(&conditions.nonces, conditions.now) {
            return Err(StoreError::replayed());
        }
        remembered.forget(&conditions.release_nonces);
        // A use may have been recorded after the caller read the client.
        let last_used = stored.last_used.max(client.last_used);
        let client = Client { last_used, ..client.clone() };
        self.index().change(&stored, &client);
        *stored = Arc::new(client);
        Ok(())
    }

    /// Only the first use changes the index, so a busy client causes no work there.
    ///
    /// The lock of the client is held while the index changes, so an eviction sees both values or neither.
    pub(super) fn touch(&self, id: &ClientId, at: SystemTime) -> bool {
        let Some(mut stored) = self.clients.get_mut(id) else { return false };
        if stored.last_used.is_none() {
            self.index().mark_used(&stored);
        }
        // A late report changes nothing. `make_mut` copies the client only if another caller still reads it.
        if stored.last_used < Some(at) {
            Arc::make_mut(&mut stored).last_used = Some(at);
        }
        true
    }

    /// As with [`insert`](Self::insert), what is given back is locked before the client.
    ///
    /// A token that was removed meanwhile is not restored: its refund has no effect.
    pub(super) fn remove(&self, id: &ClientId, conditions: &RemoveConditions) -> Result<bool, StoreError> {
        let mut remembered = self.remembered();
        let token = conditions.refund.as_ref().and_then(|digest| self.tokens.get_mut(digest.as_bytes()));
        // Read inside the lock, because "no such client" and "another revision" are different answers.
        let mut conflict = false;
        let removed = self.remove_if(id, |client| {
            conflict = !conditions.permits(client);
            !conflict
        });
        if removed.is_none() {
            return if conflict { Err(StoreError::conflict()) } else { Ok(false) };
        }
        remembered.forget(&conditions.release_nonces);
        if let Some(mut token) = token {
            *token = token.refunded_once();
        }
        if let Some(client) = &conditions.restore {
            // Restored even above the limit: the client was there before, and its place went to the removed one.
            self.places.fetch_add(1, Ordering::AcqRel);
            self.put(Arc::clone(client));
        }
        Ok(true)
    }

    /// Removes a client if the test holds while it is locked, and frees its place.
    ///
    /// The number of clients is lowered while the client is still locked, so no caller sees it removed and still
    /// counted.
    ///
    /// The test sees the client as it is now and may refuse, so the caller's decision and the removal are one step.
    pub(super) fn remove_if(&self, id: &ClientId, test: impl FnOnce(&Client) -> bool) -> Option<Arc<Client>> {
        self.take_out(id, |client| {
            let goes = test(client);
            if goes {
                self.places.fetch_sub(1, Ordering::AcqRel);
            }
            goes
        })
    }

    /// Removes a client whose place stays taken.
    ///
    /// Used by an eviction, whose new client takes the place, and by [`remove_if`](Self::remove_if), which frees it.
    fn take_out(&self, id: &ClientId, test: impl FnOnce(&Client) -> bool) -> Option<Arc<Client>> {
        let taken = self.clients.remove_if(id, |_, client| {
            // The test and both changes happen under the lock of the shard, so a use that is recorded at the same
            // moment comes before or after all of them.
            let goes = test(client);
            if goes {
                self.index().remove(client);
            }
            goes
        });
        taken.map(|(_, client)| client)
    }

    /// A panic while the lock is held leaves the map of nonces valid, so a poisoned lock is used on.
    pub(super) fn remembered(&self) -> MutexGuard<'_, NonceCache> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`remembered`](Self::remembered).
    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets other tasks run before this one continues, so a long list does not block the executor.
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
