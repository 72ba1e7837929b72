//! How long clients are kept, and how many.
//!
//! Most clients never delete their registration, so the store of an open endpoint grows without end. [`Retention`] decides
//! which clients are removed: those that were never used, those that have not been used for a long time, and at the
//! maximum number of clients the oldest one that was never used, which is evicted for a new client.
//! [`Registry::sweep`](crate::Registry::sweep) removes idle clients; call it from time to time, or spawn
//! [`Registry::sweep_periodically`](crate::Registry::sweep_periodically).
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use tower_dcr::retention::{Protect, Retention};
//! use tower_dcr::store::MemoryStore;
//! use tower_dcr::{Access, BoxError, Client, Registry};
//!
//! /// Protects clients with a refresh token.
//! struct LiveGrants;
//!
//! impl Protect for LiveGrants {
//!     async fn protected(&self, idle: &[Arc<Client>]) -> Result<Vec<bool>, BoxError> {
//!         // Ask the authorization server with one request for all clients.
//!         Ok(vec![false; idle.len()])
//!     }
//! }
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! const DAY: Duration = Duration::from_secs(24 * 3600);
//! let retention = Retention::new()
//!     .with_unused_after(DAY)
//!     .with_idle_after(180 * DAY)
//!     .with_max_clients(10_000)
//!     .with_protection(LiveGrants);
//! let builder = Registry::builder("https://id.example.com", Access::Open).with_retention(retention);
//! let registry = builder.build(MemoryStore::new())?;
//! assert!(registry.sweep(100).await?.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Floods
//!
//! An attacker that registers as fast as possible must not evict new clients of other registrants before their first use.
//! So for a [grace](Retention::with_grace) period after its registration, 15 minutes by default, an unused client is
//! evicted only by a registration of the same registrant: with the same initial access token, for the same owner, or from
//! the same network. Any other registration is answered with 503 and `Retry-After`. A flood evicts its own clients.
//!
//! The network is that of the [`PeerAddress`] in the extensions of the request: 24 bits of an IPv4 address or 48 bits of
//! an IPv6 address. The store keeps a keyed hash of it, of 64 bits. If the server inserts no address, networks are not
//! compared. Behind a proxy all clients have the network of the proxy: insert the address that the proxy reports.

use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};

use super::access::peer::PeerAddress;
use crate::client::Client;
use crate::error::BoxError;
use crate::store::{IdleCutoffs, RegistrantKey};

/// Protects idle clients from removal, for instance because they hold valid grants.
pub trait Protect: Send + Sync + 'static {
    /// Returns for each of these idle clients, in their order, whether it is protected.
    ///
    /// # Errors
    ///
    /// When this cannot be decided. Then none of them is removed.
    fn protected(&self, idle: &[Arc<Client>]) -> impl Future<Output = Result<Vec<bool>, BoxError>> + Send;
}

/// How long clients are kept, and how many. A disabled client is always kept, so that it stays disabled.
#[derive(Debug, Clone)]
pub struct Retention {
    unused_after: Option<Duration>,
    idle_after: Option<Duration>,
    pub(crate) max_clients: Option<u64>,
    grace: Duration,
    network_key: NetworkKey,
    protect: Option<Protection>,
}

impl Default for Retention {
    fn default() -> Self {
        Self::new()
    }
}

impl Retention {
    const GRACE: Duration = Duration::from_secs(15 * 60);

    /// Keeps any number of clients without a time limit.
    #[must_use]
    pub fn new() -> Self {
        Self {
            unused_after: None,
            idle_after: None,
            max_clients: None,
            grace: Self::GRACE,
            network_key: NetworkKey::Process(RandomState::new()),
            protect: None,
        }
    }

    /// A client that was never used is removed this long after its registration. Default: never.
    #[must_use]
    pub fn with_unused_after(mut self, time: Duration) -> Self {
        self.unused_after = Some(time);
        self
    }

    /// A client that was used is removed this long after its last use, as reported with
    /// [`touch`](crate::Registry::touch). Default: never.
    #[must_use]
    pub fn with_idle_after(mut self, time: Duration) -> Self {
        self.idle_after = Some(time);
        self
    }

    /// The maximum number of clients. When it is reached, the oldest client that was never used and is older than the
    /// [grace](Self::with_grace) period is evicted for a new one, in the step that stores the new one. If there is none,
    /// the oldest unused client of the same registrant is evicted. If there is none either, the registration is answered
    /// with 503. If there are more clients than the limit, because it was lowered, each new client still replaces one.
    /// Default: no limit.
    ///
    /// An application that sets this limit must report uses with [`touch`](crate::Registry::touch). Otherwise all its
    /// clients are unused.
    #[must_use]
    pub fn with_max_clients(mut self, clients: u64) -> Self {
        self.max_clients = Some(clients);
        self
    }

    /// How long after its registration an unused client is evicted only by a registration with the same initial access
    /// token, the same owner or the same network of the peer; see the [module](self#floods). Default: 15 minutes. With
    /// [`Duration::ZERO`] every registration may evict every unused client, with [`Duration::MAX`] none may evict any.
    #[must_use]
    pub fn with_grace(mut self, time: Duration) -> Self {
        self.grace = time;
        self
    }

    /// The key with which networks of peers are hashed: 32 random bytes, the same on all nodes that share a store.
    /// Default: a random key for each process. Then a client that another node registered, or the same node before a
    /// restart, belongs to a different network: within the grace period it is not evicted, and the registration is
    /// answered with 503.
    #[must_use]
    pub fn with_network_key(mut self, key: [u8; 32]) -> Self {
        self.network_key = NetworkKey::Shared(key);
        self
    }

    /// Asks the application before an idle client is removed or evicted. For an eviction at most the 1000 oldest clients
    /// that were never used are asked about. Default: no client is protected.
    #[must_use]
    pub fn with_protection(mut self, protect: impl Protect) -> Self {
        self.protect = Some(Protection(Arc::new(protect)));
        self
    }

    /// The times of registration and last use before which a client is idle at this time.
    pub(crate) fn cutoffs(&self, now: SystemTime) -> IdleCutoffs {
        let since = |after: Option<Duration>| after.and_then(|after| before(now, after));
        let (unused_since, idle_since) = (since(self.unused_after), since(self.idle_after));
        IdleCutoffs { unused_since, idle_since, ..IdleCutoffs::none(now) }
    }

    /// Which clients may be evicted at this time for a new client with these registrant keys. The store tries the cutoffs
    /// in this order: first clients of every registrant that are past the grace period, then those of the same registrant.
    pub(crate) fn evictable(&self, now: SystemTime, keys: impl Iterator<Item = RegistrantKey>) -> Vec<IdleCutoffs> {
        if self.grace == Duration::MAX {
            return Vec::new();
        }
        let unused = |since| IdleCutoffs::none(now).with_unused_since(since);
        // Another node may register a client at this moment, and its clock may be ahead of this one.
        let Some(ahead) = now.checked_add(AHEAD) else { return Vec::new() };
        if self.grace.is_zero() {
            return vec![unused(ahead)];
        }
        let older = before(now, self.grace).map(unused);
        older.into_iter().chain(keys.map(|key| unused(ahead).with_registrant(key))).collect()
    }

    /// What is stored of the network of a peer. A hash of 64 bits is enough to compare networks, and without the key it
    /// does not disclose addresses to a reader of the store.
    pub(crate) fn network_hash(&self, peer: PeerAddress) -> u64 {
        let network = peer.network().to_string();
        match &self.network_key {
            NetworkKey::Process(state) => state.hash_one(network),
            NetworkKey::Shared(key) => {
                let digest = Sha256::new().chain_update(key).chain_update(network).finalize();
                digest.iter().take(8).fold(0, |hash: u64, byte| hash << 8 | u64::from(*byte))
            }
        }
    }

    /// Whether the application must be asked before a client is removed.
    pub(crate) fn is_protected(&self) -> bool {
        self.protect.is_some()
    }

    /// Those of the idle clients that are not protected.
    ///
    /// # Errors
    ///
    /// The error of the application, or an answer that does not have one value for each client.
    pub(crate) async fn unprotected(&self, idle: Vec<Arc<Client>>) -> Result<Vec<Arc<Client>>, BoxError> {
        let Some(Protection(protect)) = self.protect.as_ref().filter(|_| !idle.is_empty()) else { return Ok(idle) };
        let protected = protect.protected(&idle).await?;
        // `zip` would end with the shorter list, and a client would be removed without an answer for it.
        if protected.len() != idle.len() {
            return Err("an answer is needed for every idle client".into());
        }
        Ok(idle.into_iter().zip(protected).filter(|(_, protected)| !protected).map(|(client, _)| client).collect())
    }
}

/// How far the clock of another node may be ahead.
const AHEAD: Duration = Duration::from_secs(24 * 3600);

/// The time this long before now; `None` before 1970, which stores cannot represent.
fn before(now: SystemTime, time: Duration) -> Option<SystemTime> {
    now.checked_sub(time).filter(|time| *time >= UNIX_EPOCH)
}

/// The key with which networks are hashed.
#[derive(Clone)]
enum NetworkKey {
    /// Random, for this process alone.
    Process(RandomState),
    /// The same on all nodes that share a store.
    Shared([u8; 32]),
}

impl fmt::Debug for NetworkKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key is a secret: with it a hash can be tested against every network.
        formatter.write_str("NetworkKey(..)")
    }
}

/// A [`Protect`] of the application without its type.
#[derive(Clone)]
struct Protection(Arc<dyn ErasedProtect>);

impl fmt::Debug for Protection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Protection(..)")
    }
}

/// The answer of a [`Protect`], boxed.
type Answer<'a> = Pin<Box<dyn Future<Output = Result<Vec<bool>, BoxError>> + Send + 'a>>;

trait ErasedProtect: Send + Sync {
    fn protected<'a>(&'a self, idle: &'a [Arc<Client>]) -> Answer<'a>;
}

impl<P: Protect> ErasedProtect for P {
    fn protected<'a>(&'a self, idle: &'a [Arc<Client>]) -> Answer<'a> {
        Box::pin(Protect::protected(self, idle))
    }
}
