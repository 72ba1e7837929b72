//! Under which conditions a client is inserted, updated or removed, and the outcome.
//!
//! The conditions travel with the call, because a store must check and spend them in the same step: the registry could
//! check a token and insert a client one after the other, but between the two another caller may have spent the token.
//! Each kind of change has its own struct, each with `unconditional`; a new condition is a new field, and every store
//! fails to compile or to pass the contract suite until it is enforced.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::IdleCutoffs;
use crate::client::Client;
use crate::client::credential::{ClientId, Digest};

/// The conditions of an insertion. All that are set must hold, or the client is not inserted and nothing is changed.
///
/// ```
/// use std::time::SystemTime;
/// use tower_dcr::store::{InsertConditions, Nonce};
///
/// let now = SystemTime::now();
/// let mut conditions = InsertConditions::unconditional(now);
/// assert!(conditions.is_unconditional());
/// conditions.max_clients = Some(1000);
/// conditions.nonces.push(Nonce::new("jti of a software statement", now));
/// assert!(!conditions.is_unconditional());
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct InsertConditions {
    /// The time by which tokens and nonces are valid or expired.
    pub now: SystemTime,
    /// The digest of the initial access token of which one use is spent. It must be stored, unexpired and not spent.
    pub initial_access_token: Option<Digest>,
    /// The nonces that are claimed, all different. Each must be new.
    pub nonces: Vec<Nonce>,
    /// How many clients of the tenant there may be, this one included. `None`: no limit, and then a store need not
    /// count.
    pub max_clients: Option<u64>,
    /// Which client may be evicted when the limit is reached. The cutoffs are tried one after the other: the first
    /// client that is idle by them, in the order of the list, is evicted in the same step, never the new client
    /// itself. Empty: no client may be evicted.
    pub evict: Vec<IdleCutoffs>,
    /// The fingerprint that no other client of the tenant may have, whatever its status. It is that of the new client.
    pub unique_fingerprint: Option<Digest>,
}

impl InsertConditions {
    /// No conditions: only another client with the identifier prevents the insertion.
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

    /// Whether there are no conditions, so that a store may insert with one plain statement.
    #[must_use]
    pub fn is_unconditional(&self) -> bool {
        let counted = self.initial_access_token.is_some() || !self.nonces.is_empty() || self.max_clients.is_some();
        !counted && self.unique_fingerprint.is_none()
    }
}

/// A text that is valid once until a time, such as the `jti` of a software statement ([RFC 7519
/// §4.1.7](https://www.rfc-editor.org/rfc/rfc7519#section-4.1.7)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Nonce {
    /// Any text, compared byte by byte. A store may keep its digest instead.
    pub key: String,
    /// Until when a second claim is refused. Afterwards what carried the nonce has expired by itself.
    pub until: SystemTime,
}

impl Nonce {
    /// A nonce that is refused a second time until `until`.
    pub fn new(key: impl Into<String>, until: SystemTime) -> Self {
        Self { key: key.into(), until }
    }
}

/// Claimed nonces in memory, for stores that have no database.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use tower_dcr::store::{Nonce, NonceCache};
///
/// let now = SystemTime::now();
/// let jti = Nonce::new("jti", now + Duration::from_secs(60));
/// let mut nonces = NonceCache::default();
/// assert!(nonces.claim(std::slice::from_ref(&jti), now));
/// assert!(!nonces.claim(std::slice::from_ref(&jti), now), "a replay");
/// assert!(nonces.claim(std::slice::from_ref(&jti), jti.until), "it has expired");
/// ```
#[derive(Debug, Clone, Default)]
pub struct NonceCache {
    until: HashMap<String, SystemTime>,
    /// The number of nonces above which expired ones are removed. It follows the size, so the cost of that is spread
    /// over many claims and memory stays within twice the valid nonces.
    enough: usize,
}

impl NonceCache {
    const FEW: usize = 1024;

    /// Claims all of these nonces, or none: false, and nothing is changed, when one of them is known and unexpired.
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

    /// Releases nonces, as if they had never been claimed.
    pub fn forget(&mut self, keys: &[Nonce]) {
        for nonce in keys {
            self.until.remove(&nonce.key);
        }
    }

    /// Removes expired nonces. [`claim`](Self::claim) does so as well when there are many.
    pub fn expire(&mut self, now: SystemTime) {
        self.until.retain(|_, until| *until > now);
    }
}

/// The outcome of an insertion. Every outcome other than `Inserted` and `InsertedEvicting` has changed nothing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum InsertOutcome {
    /// The client is inserted, and all conditions are spent.
    Inserted,
    /// The client is inserted, all conditions are spent, and this client was evicted.
    InsertedEvicting(Arc<Client>),
    /// There is a client with this identifier.
    Exists,
    /// The initial access token is unknown, spent or expired.
    TokenRefused,
    /// A nonce is claimed already.
    Replayed,
    /// The limit is reached, and no client may be evicted.
    Full,
    /// Another client has the fingerprint that must be unique.
    FingerprintTaken,
}

impl InsertOutcome {
    /// Whether the client was inserted.
    #[must_use]
    pub fn is_inserted(&self) -> bool {
        matches!(self, Self::Inserted | Self::InsertedEvicting(_))
    }

    /// The identifier of the client that was evicted.
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

/// The conditions of an update.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UpdateConditions {
    /// The time now.
    pub now: SystemTime,
    /// The nonces that are claimed. Each must be new.
    pub nonces: Vec<Nonce>,
    /// The nonces that are released, as if they had never been claimed. An update that undoes another one names those
    /// that the other one claimed.
    pub release_nonces: Vec<Nonce>,
    /// The fingerprint that no other client may have, whatever its status. It is that of the updated client.
    pub unique_fingerprint: Option<Digest>,
}

impl UpdateConditions {
    /// No conditions other than the revision.
    #[must_use]
    pub fn unconditional(now: SystemTime) -> Self {
        Self { now, nonces: Vec::new(), release_nonces: Vec::new(), unique_fingerprint: None }
    }
}

/// How a client is removed. The last three fields undo an insertion and are applied only if the client is removed.
///
/// ```
/// use tower_dcr::store::RemoveConditions;
///
/// assert_eq!(RemoveConditions::unconditional().revision, None);
/// assert_eq!(RemoveConditions::at_revision(3).revision, Some(3));
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RemoveConditions {
    /// Only if the client has this revision; another one is a conflict.
    pub revision: Option<u64>,
    /// The initial access token to which one use is refunded, as if the client had never been registered.
    pub refund: Option<Digest>,
    /// The nonces that are released, likewise.
    pub release_nonces: Vec<Nonce>,
    /// The evicted client that is restored, likewise.
    pub restore: Option<Arc<Client>>,
}

impl RemoveConditions {
    /// At any revision, and nothing is undone.
    #[must_use]
    pub fn unconditional() -> Self {
        Self::default()
    }

    /// Only at this revision, and nothing is undone.
    #[must_use]
    pub fn at_revision(revision: u64) -> Self {
        Self { revision: Some(revision), ..Self::default() }
    }

    /// Undoes an insertion completely: what its conditions spent is given back, and the evicted client is restored.
    #[must_use]
    pub fn undoing(conditions: InsertConditions, evicted: Option<Arc<Client>>) -> Self {
        let InsertConditions { initial_access_token, nonces, .. } = conditions;
        Self { revision: None, refund: initial_access_token, release_nonces: nonces, restore: evicted }
    }

    /// One use is refunded to this initial access token.
    #[must_use]
    pub fn with_refund(mut self, initial_access_token: Digest) -> Self {
        self.refund = Some(initial_access_token);
        self
    }

    /// Whether a client may be removed at its revision.
    #[must_use]
    pub fn permits(&self, client: &Client) -> bool {
        self.revision.is_none_or(|revision| client.revision == revision)
    }
}
