//! The orders in which clients are looked for, so that a page costs what it shows and not what there is.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::SystemTime;

use crate::client::{Client, Status};
use crate::credential::ClientId;
use crate::store::ClientQuery;

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
    }

    fn add_details(&mut self, client: &Client) {
        if is_unused(client) {
            self.unused.insert(place(client));
        }
        if let Some(fingerprint) = &client.fingerprint {
            self.by_fingerprint.entry(*fingerprint.as_bytes()).or_default().insert(place(client));
        }
    }

    fn remove_details(&mut self, client: &Client) {
        if is_unused(client) {
            self.unused.remove(&place(client));
        }
        let Some(fingerprint) = client.fingerprint.as_ref().map(|fingerprint| fingerprint.as_bytes()) else { return };
        let Some(same) = self.by_fingerprint.get_mut(fingerprint) else { return };
        same.remove(&place(client));
        if same.is_empty() {
            self.by_fingerprint.remove(fingerprint);
        }
    }

    /// At most so many places after the last one, in the order that leaves out most of what the query does not select.
    pub(super) fn places(&self, query: &ClientQuery, last: Option<&Place>, most: usize) -> Vec<Place> {
        let unused_only = query.idle.as_ref().filter(|cutoffs| cutoffs.idle_since.is_none());
        if unused_only.is_some_and(|cutoffs| cutoffs.unused_since.is_none()) {
            return Vec::new();
        }
        let places = match &query.fingerprint {
            Some(fingerprint) => self.by_fingerprint.get(fingerprint.as_bytes()),
            None => Some(if unused_only.is_some() { &self.unused } else { &self.all }),
        };
        let ends = [query.issued_before, unused_only.and_then(|cutoffs| cutoffs.unused_since)];
        let end = ends.into_iter().flatten().min();
        let from = match (last, query.issued_from.and_then(first_at)) {
            (Some(last), first) if first.as_ref().is_none_or(|first| last >= first) => Bound::Excluded(last.clone()),
            (_, Some(first)) => Bound::Included(first),
            _ => Bound::Unbounded,
        };
        let places = places.into_iter().flat_map(|places| places.range((from.clone(), Bound::Unbounded)));
        places.take_while(|(issued_at, _)| end.is_none_or(|end| *issued_at < end)).take(most).cloned().collect()
    }
}

/// A disabled client stays, used or not.
fn is_unused(client: &Client) -> bool {
    client.last_used.is_none() && client.status != Status::Disabled
}

/// The place before which nobody stands who was issued at this time: no identifier is less than `-`.
fn first_at(time: SystemTime) -> Option<Place> {
    Some((time, ClientId::parse("-")?))
}
