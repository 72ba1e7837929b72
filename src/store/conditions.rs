//! What a change of a client costs, what it gives back, and what became of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::IdleCutoffs;
use crate::client::Client;
use crate::client::credential::{ClientId, Digest};

/// What the insertion of a client costs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct InsertConditions {
    /// The time now.
    pub now: SystemTime,
    /// The initial access token of which one use is spent.
    pub initial_access_token: Option<Digest>,
    /// The keys that are used up, each another one.
    pub nonces: Vec<Nonce>,
    /// How many clients there may be, this one included.
    pub max_clients: Option<u64>,
    /// Which client may be evicted when there are as many clients as there may be. The cutoffs are tried one after the
    /// other: the first client that is idle by them, in the order of the list, is evicted in the same step. Never the
    /// new client itself. Empty if no client may be evicted.
    pub evict: Vec<IdleCutoffs>,
    /// The fingerprint that no other client may have, whatever its status. It is that of the new client.
    pub unique_fingerprint: Option<Digest>,
}

impl InsertConditions {
    /// Nothing at all.
    #[must_use]
    pub fn unconditional(now: SystemTime) -> Self {
        Self {
            now,
            initial_access_token: None,
            nonces: Vec::new(),
            max_clients: None,
            evict: Vec::new(),
            unique_fingerprint: None,
        }
    }

    /// Whether the insertion costs nothing, so that only another client with the identifier can be in its way.
    #[must_use]
    pub fn is_unconditional(&self) -> bool {
        let counted = self.initial_access_token.is_some() || !self.nonces.is_empty() || self.max_clients.is_some();
        !counted && self.unique_fingerprint.is_none()
    }
}

/// A key that counts once, such as the `jti` of a software statement.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Nonce {
    /// Any text.
    pub key: String,
    /// Until when it is remembered.
    pub until: SystemTime,
}

impl Nonce {
    /// A key that is remembered until this time.
    pub fn new(key: impl Into<String>, until: SystemTime) -> Self {
        Self { key: key.into(), until }
    }
}

/// Keys that count once, as a store in memory remembers them.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use tower_dcr::store::{Nonce, NonceCache};
///
/// let now = SystemTime::now();
/// let jti = Nonce::new("jti", now + Duration::from_secs(60));
/// let mut keys = NonceCache::default();
/// assert!(keys.claim(std::slice::from_ref(&jti), now));
/// assert!(!keys.claim(std::slice::from_ref(&jti), now), "it counts once");
/// assert!(keys.claim(std::slice::from_ref(&jti), jti.until), "its time is over");
/// ```
#[derive(Debug, Clone, Default)]
pub struct NonceCache {
    until: HashMap<String, SystemTime>,
    /// When there are more, those go whose time is over.
    enough: usize,
}

impl NonceCache {
    const FEW: usize = 1024;

    /// Remembers keys and answers true; false, and nothing is changed, when one of them is remembered already.
    pub fn claim(&mut self, keys: &[Nonce], now: SystemTime) -> bool {
        let is_known = |nonce: &Nonce| self.until.get(&nonce.key).is_some_and(|until| *until > now);
        if keys.iter().any(is_known) {
            return false;
        }
        self.until.extend(keys.iter().map(|nonce| (nonce.key.clone(), nonce.until)));
        if self.until.len() > self.enough {
            self.expire(now);
            self.enough = 2 * self.until.len() + Self::FEW;
        }
        true
    }

    /// Forgets keys, as if they had never been used.
    pub fn forget(&mut self, keys: &[Nonce]) {
        for nonce in keys {
            self.until.remove(&nonce.key);
        }
    }

    /// Forgets keys whose time is over. It also happens by itself when there are many.
    pub fn expire(&mut self, now: SystemTime) {
        self.until.retain(|_, until| *until > now);
    }
}

/// What became of an insertion. Whatever is neither `Inserted` nor `InsertedEvicting` changed nothing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum InsertOutcome {
    /// The client is there and paid for.
    Inserted,
    /// The client is there and paid for, and this one is gone, which made room.
    InsertedEvicting(Arc<Client>),
    /// There is a client with this identifier.
    Exists,
    /// The initial access token is unknown, spent or expired.
    TokenRefused,
    /// A key is remembered already.
    Replayed,
    /// There are as many clients as there may be, and none of them may be evicted.
    Full,
    /// Another client has the fingerprint that must be unique.
    FingerprintTaken,
}

impl InsertOutcome {
    /// Whether the client is there.
    #[must_use]
    pub fn is_inserted(&self) -> bool {
        matches!(self, Self::Inserted | Self::InsertedEvicting(_))
    }

    /// The identifier of the client that made room.
    #[must_use]
    pub fn evicted(&self) -> Option<&ClientId> {
        match self {
            Self::InsertedEvicting(evicted) => Some(&evicted.id),
            _ => None,
        }
    }
}

/// Clients are the same when their identifiers are.
impl PartialEq for InsertOutcome {
    fn eq(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other) && self.evicted() == other.evicted()
    }
}

impl Eq for InsertOutcome {}

/// What the update of a client costs, and what it gives back.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UpdateConditions {
    /// The time now.
    pub now: SystemTime,
    /// The keys that are used up.
    pub nonces: Vec<Nonce>,
    /// The keys that are forgotten, as if they had never been used.
    pub release_nonces: Vec<Nonce>,
    /// The fingerprint that no other client may have, whatever its status. It is that of the updated client.
    pub unique_fingerprint: Option<Digest>,
}

impl UpdateConditions {
    /// Nothing at all.
    #[must_use]
    pub fn unconditional(now: SystemTime) -> Self {
        Self { now, nonces: Vec::new(), release_nonces: Vec::new(), unique_fingerprint: None }
    }
}

/// How a client is removed.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RemoveConditions {
    /// Only if the client has this revision.
    pub revision: Option<u64>,
    /// The initial access token to which one use is given back, as if the client had never been registered.
    pub refund: Option<Digest>,
    /// The keys that are forgotten, likewise.
    pub release_nonces: Vec<Nonce>,
    /// The client that made room, which comes back, likewise.
    pub restore: Option<Arc<Client>>,
}

impl RemoveConditions {
    /// Whatever the revision, and nothing is given back.
    #[must_use]
    pub fn unconditional() -> Self {
        Self::default()
    }

    /// Only if the client has this revision.
    #[must_use]
    pub fn at_revision(revision: u64) -> Self {
        Self { revision: Some(revision), ..Self::default() }
    }

    /// All that an insertion cost is given back, the client included that made room.
    #[must_use]
    pub fn undoing(conditions: InsertConditions, evicted: Option<Arc<Client>>) -> Self {
        let InsertConditions { initial_access_token, nonces, .. } = conditions;
        Self { revision: None, refund: initial_access_token, release_nonces: nonces, restore: evicted }
    }

    /// One use is given back to this initial access token.
    #[must_use]
    pub fn with_refund(mut self, initial_access_token: Digest) -> Self {
        self.refund = Some(initial_access_token);
        self
    }

    /// Whether the client may be removed at its revision.
    #[must_use]
    pub fn permits(&self, client: &Client) -> bool {
        self.revision.is_none_or(|revision| client.revision == revision)
    }
}
