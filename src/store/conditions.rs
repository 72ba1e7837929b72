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
///
/// The registry fills them in from its settings and from the request. An application that inserts clients itself
/// usually takes [`unconditional`](Self::unconditional).
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
    ///
    /// For clients that the application restores or moves from another store.
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
        // `evict` alone changes nothing: an eviction needs a limit that is reached.
        let counted = self.initial_access_token.is_some() || !self.nonces.is_empty() || self.max_clients.is_some();
        !counted && self.unique_fingerprint.is_none()
    }
}

/// A text that is valid once until a time, such as the `jti` of a software statement ([RFC 7519
/// §4.1.7](https://www.rfc-editor.org/rfc/rfc7519#section-4.1.7)).
///
/// It protects against a replay: the first claim succeeds, and every later one is refused until the time is over.
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
    ///
    /// `until` is the time at which the document that carries it expires, with the tolerance for clocks that the
    /// verifier allows. An earlier time would permit a replay of a document that is still accepted.
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
///
/// It is not shared between processes: a replay to another node is found only by a store that all nodes share.
/// `MemoryStore` uses it inside its lock.
#[derive(Debug, Clone, Default)]
pub struct NonceCache {
    /// The time until which each claimed nonce is refused.
    until: HashMap<String, SystemTime>,
    /// The number of nonces above which expired ones are removed. It follows the size, so the cost of that is spread
    /// over many claims and memory stays within twice the valid nonces.
    enough: usize,
}

impl NonceCache {
    /// How many further nonces are claimed at least before expired ones are searched again.
    const FEW: usize = 1024;

    /// Claims all of these nonces, or none: false, and nothing is changed, when one of them is known and unexpired.
    ///
    /// The keys of one call are all different. The cost is a lookup for each of them, and now and then a pass over
    /// all.
    pub fn claim(&mut self, keys: &[Nonce], now: SystemTime) -> bool {
        let is_known = |nonce: &Nonce| self.until.get(&nonce.key).is_some_and(|until| *until > now);
        // All are compared before any is stored, so a refused call leaves none of its nonces behind.
        if keys.iter().any(is_known) {
            return false;
        }
        // An expired entry of the same key is replaced, with its new time.
        self.until.extend(keys.iter().map(|nonce| (nonce.key.clone(), nonce.until)));
        if self.until.len() > self.enough {
            self.expire(now);
            self.enough = 2 * self.until.len() + Self::FEW;
        }
        true
    }

    /// Releases nonces, as if they had never been claimed.
    ///
    /// A nonce that is not stored is ignored.
    pub fn forget(&mut self, keys: &[Nonce]) {
        for nonce in keys {
            self.until.remove(&nonce.key);
        }
    }

    /// Removes expired nonces. [`claim`](Self::claim) does so as well when there are many.
    ///
    /// The time of the caller decides, as everywhere in a store.
    pub fn expire(&mut self, now: SystemTime) {
        self.until.retain(|_, until| *until > now);
    }
}

/// The outcome of an insertion. Every outcome other than `Inserted` and `InsertedEvicting` has changed nothing.
///
/// A refusal is a value and not an error, because the registry answers each of them with another error of the protocol.
/// A [`StoreError`](crate::StoreError) means that the backend failed.
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
    ///
    /// The registry revokes its grants and writes an event, as for a client that expired.
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
    /// The variant, and the identifier of an evicted client.
    fn eq(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other) && self.evicted() == other.evicted()
    }
}

impl Eq for InsertOutcome {}

/// The conditions of an update.
///
/// The revision is no field here: every update names it in the client that it writes, one above the revision that it
/// replaces.
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
    ///
    /// For updates by the application, which carry no software statement.
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
    ///
    /// For a deletion by an operator, who decides about the client and not about a revision of it.
    #[must_use]
    pub fn unconditional() -> Self {
        Self::default()
    }

    /// Only at this revision, and nothing is undone.
    ///
    /// For a deletion by the client itself ([RFC 7592 §2.3](https://www.rfc-editor.org/rfc/rfc7592#section-2.3)): its
    /// token was verified at this revision, and an update since then may have rotated it.
    #[must_use]
    pub fn at_revision(revision: u64) -> Self {
        Self { revision: Some(revision), ..Self::default() }
    }

    /// Undoes an insertion completely: what its conditions spent is given back, and the evicted client is restored.
    ///
    /// The registry undoes an insertion when it could not write the event of it on the audit trail.
    #[must_use]
    pub fn undoing(conditions: InsertConditions, evicted: Option<Arc<Client>>) -> Self {
        // No revision: the new client is not known to its owner yet, so no other caller has a reason to change it.
        let InsertConditions { initial_access_token, nonces, .. } = conditions;
        Self { revision: None, refund: initial_access_token, release_nonces: nonces, restore: evicted }
    }

    /// One use is refunded to this initial access token.
    ///
    /// Has no effect on a token that was removed or whose uses are not limited.
    #[must_use]
    pub fn with_refund(mut self, initial_access_token: Digest) -> Self {
        self.refund = Some(initial_access_token);
        self
    }

    /// Whether a client may be removed at its revision.
    ///
    /// `true` without a revision. A store in memory uses it directly, and a database writes the same as a condition.
    #[must_use]
    pub fn permits(&self, client: &Client) -> bool {
        self.revision.is_none_or(|revision| client.revision == revision)
    }
}
