//! The orders in which clients are looked for, so that a page costs what it shows and not what there is.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::SystemTime;

use crate::client::credential::{ClientId, Digest};
use crate::client::{Client, ClientStatus};
use crate::store::{ClientQuery, IdleCutoffs, RegistrantKey};

/// Where a client stands in a list: by its time of issue, then by its identifier.
pub(super) type Place = (SystemTime, ClientId);

pub(super) fn place(client: &Client) -> Place {
    (client.issued_at, client.id.clone())
}

/// All clients in the order of lists, and those of them that are looked for most.
#[derive(Debug, Default)]
pub(super) struct Index {
    all: BTreeSet<Place>,
    /// Those that were never used and may go when there is no room.
    unused: BTreeSet<Place>,
    /// The same ones, by their registrants.
    unused_by: BTreeMap<RegistrantKey, BTreeSet<Place>>,
    by_fingerprint: BTreeMap<[u8; 32], BTreeSet<Place>>,
}

impl Index {
    pub(super) fn add(&mut self, client: &Client) {
        self.all.insert(place(client));
        self.add_details(client);
    }

    pub(super) fn remove(&mut self, client: &Client) {
        self.all.remove(&place(client));
        self.remove_details(client);
    }

    /// A client changed; its place in the list never does.
    pub(super) fn change(&mut self, before: &Client, after: &Client) {
        self.remove_details(before);
        self.add_details(after);
    }

    /// A client was used for the first time.
    pub(super) fn mark_used(&mut self, client: &Client) {
        self.unused.remove(&place(client));
        for key in client.registrant_keys() {
            remove_from(&mut self.unused_by, &key, client);
        }
    }

    /// Whether a client other than this one has the fingerprint.
    pub(super) fn is_taken(&self, fingerprint: &Digest, own: &ClientId) -> bool {
        let same = self.by_fingerprint.get(fingerprint.as_bytes());
        same.is_some_and(|same| same.iter().any(|(_, id)| id != own))
    }

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

    fn remove_details(&mut self, client: &Client) {
        if is_unused(client) {
            self.mark_used(client);
        }
        if let Some(fingerprint) = &client.fingerprint {
            remove_from(&mut self.by_fingerprint, fingerprint.as_bytes(), client);
        }
    }

    /// At most so many places after the last one, in the order that leaves out most of what the query does not select.
    pub(super) fn places(&self, query: &ClientQuery, last: Option<&Place>, max: usize) -> Vec<Place> {
        let unused_only = query.idle.as_ref().filter(|cutoffs| cutoffs.idle_since.is_none());
        if unused_only.is_some_and(|cutoffs| cutoffs.unused_since.is_none()) {
            return Vec::new();
        }
        let places = match (&query.fingerprint, unused_only) {
            (Some(fingerprint), _) => self.by_fingerprint.get(fingerprint.as_bytes()),
            (None, Some(IdleCutoffs { registrant: Some(key), .. })) => self.unused_by.get(key),
            (None, Some(_)) => Some(&self.unused),
            (None, None) => Some(&self.all),
        };
        let ends = [query.issued_before, unused_only.and_then(|cutoffs| cutoffs.unused_since)];
        let end = ends.into_iter().flatten().min();
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
fn remove_from<K: Ord>(sets: &mut BTreeMap<K, BTreeSet<Place>>, key: &K, client: &Client) {
    let Some(set) = sets.get_mut(key) else { return };
    set.remove(&place(client));
    if set.is_empty() {
        sets.remove(key);
    }
}

/// A disabled client stays, used or not.
fn is_unused(client: &Client) -> bool {
    client.last_used.is_none() && client.status != ClientStatus::Disabled
}

/// The place before which nobody stands who was issued at this time: no identifier is less than `-`.
fn first_at(time: SystemTime) -> Option<Place> {
    Some((time, ClientId::parse("-")?))
}
