//! The orders in which clients are searched, so that a page costs as much as it shows and not as much as there is.
//!
//! An index of its own is kept for what happens often: all clients for pages, unused clients for eviction and expiry,
//! unused clients by registrant for eviction within the grace period, and fingerprints for shared or unique
//! registrations. Other filters walk all clients. Used clients have no index by last use, because each use would have
//! to move an entry.
//!
//! All sets have the same order, that of a list. So a page, the first client to evict and the next ones to expire are
//! each found by a walk that starts at a position, without a search through all clients.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::SystemTime;

use crate::client::credential::{ClientId, Digest};
use crate::client::{Client, ClientStatus};
use crate::store::{ClientQuery, IdleCutoffs, RegistrantKey};

/// The position of a client in a list: its time of issue, then its identifier.
///
/// The identifier makes it unique. Each set has a copy of it, so an order can be walked without a lock on any client.
pub(super) type Place = (SystemTime, ClientId);

/// The position of a client.
pub(super) fn place(client: &Client) -> Place {
    (client.issued_at, client.id.clone())
}

/// All clients in the order of lists, and those of them that are looked for most.
///
/// A client is in `all` from its insertion to its removal. Whether it is in another set follows from its values alone,
/// so an entry is removed by the values with which it was added.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Every client, in the order of lists.
    all: BTreeSet<Place>,
    /// Clients that were never used and are not disabled: those that may be evicted or expire by `unused_since`.
    unused: BTreeSet<Place>,
    /// The same clients, by each of their registrant keys.
    unused_by: BTreeMap<RegistrantKey, BTreeSet<Place>>,
    /// Clients by their fingerprint, of which several may have the same one.
    by_fingerprint: BTreeMap<[u8; 32], BTreeSet<Place>>,
}

impl Index {
    /// Adds a new client to all indexes.
    pub(super) fn add(&mut self, client: &Client) {
        self.all.insert(place(client));
        self.add_details(client);
    }

    /// Removes a client from all indexes. It must have the values with which it was added.
    ///
    /// An entry with other values would stay in its set and be found although no such client is stored.
    pub(super) fn remove(&mut self, client: &Client) {
        self.all.remove(&place(client));
        self.remove_details(client);
    }

    /// A client changed; its place in the list never does.
    pub(super) fn change(&mut self, before: &Client, after: &Client) {
        // First the old entries and then the new ones: both may be the same entry.
        self.remove_details(before);
        self.add_details(after);
    }

    /// A client was used for the first time.
    ///
    /// Later uses change no index, so this is called once in the life of most clients.
    pub(super) fn mark_used(&mut self, client: &Client) {
        self.unused.remove(&place(client));
        for key in client.registrant_keys() {
            remove_from(&mut self.unused_by, &key, client);
        }
    }

    /// Whether a client other than this one has the fingerprint.
    pub(super) fn is_taken(&self, fingerprint: &Digest, own: &ClientId) -> bool {
        let same = self.by_fingerprint.get(fingerprint.as_bytes());
        // The client's own entry is no obstacle: an update may keep its fingerprint.
        same.is_some_and(|same| same.iter().any(|(_, id)| id != own))
    }

    /// Adds a client to the indexes that depend on values that can change.
    ///
    /// A client of several registrant keys is in the set of each, so an eviction by any of them finds it.
    fn add_details(&mut self, client: &Client) {
        if is_unused(client) {
            self.unused.insert(place(client));
            for key in client.registrant_keys() {
                self.unused_by.entry(key).or_default().insert(place(client));
            }
        }
        if let Some(fingerprint) = &client.fingerprint {
            self.by_fingerprint.entry(*fingerprint.as_bytes()).or_default().insert(place(client));
        }
    }

    /// Removes a client from the indexes that depend on values that can change.
    fn remove_details(&mut self, client: &Client) {
        // A used client has left these sets with its first use.
        if is_unused(client) {
            self.mark_used(client);
        }
        if let Some(fingerprint) = &client.fingerprint {
            remove_from(&mut self.by_fingerprint, fingerprint.as_bytes(), client);
        }
    }

    /// At most `max` positions after the last one, from the index that has the fewest clients that the query does not
    /// select. The caller still compares each client with the query.
    pub(super) fn places(&self, query: &ClientQuery, last: Option<&Place>, max: usize) -> Vec<Place> {
        let unused_only = query.idle.as_ref().filter(|cutoffs| cutoffs.idle_since.is_none());
        // Without a cutoff for unused clients none of them is idle.
        if unused_only.is_some_and(|cutoffs| cutoffs.unused_since.is_none()) {
            return Vec::new();
        }
        // The fingerprint first: few clients share one, so this is the shortest walk.
        let places = match (&query.fingerprint, unused_only) {
            (Some(fingerprint), _) => self.by_fingerprint.get(fingerprint.as_bytes()),
            (None, Some(IdleCutoffs { registrant: Some(key), .. })) => self.unused_by.get(key),
            (None, Some(_)) => Some(&self.unused),
            (None, None) => Some(&self.all),
        };
        // The index is ordered by issue, so the walk ends at the earlier of the two bounds.
        let ends = [query.issued_before, unused_only.and_then(|cutoffs| cutoffs.unused_since)];
        let end = ends.into_iter().flatten().min();
        // The later of the two starts: the end of the page before, or the first time of issue that the query selects.
        let from = match (last, query.issued_from.and_then(first_at)) {
            (Some(last), first) if first.as_ref().is_none_or(|first| last >= first) => Bound::Excluded(last.clone()),
            (_, Some(first)) => Bound::Included(first),
            _ => Bound::Unbounded,
        };
        let places = places.into_iter().flat_map(|places| places.range((from.clone(), Bound::Unbounded)));
        places.take_while(|(issued_at, _)| end.is_none_or(|end| *issued_at < end)).take(max).cloned().collect()
    }
}

/// Removes a client from one of several sets, and the set when it is empty.
///
/// Without the second step, the map would grow with each registrant that ever registered a client.
fn remove_from<K: Ord>(sets: &mut BTreeMap<K, BTreeSet<Place>>, key: &K, client: &Client) {
    let Some(set) = sets.get_mut(key) else { return };
    set.remove(&place(client));
    if set.is_empty() {
        sets.remove(key);
    }
}

/// A disabled client is never evicted and never expires, used or not.
///
/// The two conditions are those of `IdleCutoffs::is_idle` that do not depend on a time.
fn is_unused(client: &Client) -> bool {
    client.last_used.is_none() && client.status != ClientStatus::Disabled
}

/// The position before all clients that were issued at this time: no identifier is less than `-`.
fn first_at(time: SystemTime) -> Option<Place> {
    Some((time, ClientId::parse("-")?))
}
