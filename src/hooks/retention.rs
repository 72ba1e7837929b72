//! How long clients are kept, and how many.
//!
//! Nobody deletes the registration of a client that was tried once, so an endpoint that many may use fills up.
//! [`Retention`] says which clients go: those that were never used, those that have not been used for long, and at the
//! ceiling the oldest one that was never used, which is evicted for a new client. [`Registry::sweep`](crate::Registry::sweep) removes the
//! idle; call it from time to time, or spawn [`Registry::sweep_periodically`](crate::Registry::sweep_periodically).
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use tower_dcr::retention::{Protect, Retention};
//! use tower_dcr::store::MemoryStore;
//! use tower_dcr::{Access, BoxError, Client, Registry};
//!
//! /// Clients with a refresh token must stay.
//! struct LiveGrants;
//!
//! impl Protect for LiveGrants {
//!     async fn protected(&self, idle: &[Arc<Client>]) -> Result<Vec<bool>, BoxError> {
//!         // Ask the authorization server, once for all of them.
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
//! Somebody who registers as fast as possible must not evict the clients of others that are about to begin. So for a
//! [grace](Retention::with_grace) after its registration, 15 minutes by default, an unused client is evicted only by a
//! registration of the same registrant: with the same initial access token, for the same owner, or from the same
//! network. Any other registration is answered with 503 and `Retry-After`. A flood evicts its own clients.
//!
//! The network is that of the [`PeerAddress`] in the extensions of the request, 24 bits of an
//! IPv4 address or 48 bits of an IPv6 address. The store keeps a keyed hash of it, of 64 bits. Where the server gives no
//! address, networks are not compared. Behind a proxy that is the only peer, all clients have the same network: give the
//! address that the proxy reports.

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

/// Which clients must stay although they are idle, for instance because they hold live grants.
pub trait Protect: Send + Sync + 'static {
    /// Tells for each of these idle clients, in their order, whether it must stay.
    ///
    /// # Errors
    ///
    /// When it cannot be told. Then none of them is removed.
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

    /// Any number of clients, for ever.
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

    /// A client that was never used goes so long after its registration. Default: never.
    #[must_use]
    pub fn with_unused_after(mut self, time: Duration) -> Self {
        self.unused_after = Some(time);
        self
    }

    /// A client that was used goes so long after its last use, as far as [`touch`](crate::Registry::touch) told of
    /// uses. Default: never.
    #[must_use]
    pub fn with_idle_after(mut self, time: Duration) -> Self {
        self.idle_after = Some(time);
        self
    }

    /// How many clients there may be. When there are as many, the oldest client that was never used and is older than
    /// the [grace](Self::with_grace) is evicted for a new one, in the step that stores the new one. If there is none, it
    /// is the oldest unused client of the same registrant. If there is none either, the registration is answered with
    /// 503. Where there are more clients than the limit, because it was lowered, each new client still replaces one.
    /// Default: any number.
    #[must_use]
    pub fn with_max_clients(mut self, clients: u64) -> Self {
        self.max_clients = Some(clients);
        self
    }

    /// How long after its registration an unused client is evicted only by a registration with the same initial access
    /// token, the same owner or the same network of the peer; see the [module](self#floods). Default: 15 minutes. With
    /// [`Duration::ZERO`] every unused client may be evicted by every registration, with [`Duration::MAX`] none by any.
    ///
    /// An application that has this limit must report uses with [`touch`](crate::Registry::touch). Otherwise all its
    /// clients are unused.
    #[must_use]
    pub fn with_grace(mut self, time: Duration) -> Self {
        self.grace = time;
        self
    }

    /// The key under which networks of peers are hashed: 32 random bytes, the same on all nodes that share a store.
    /// Default: a random key for each process. Then clients that another node registered, or the same node before it
    /// was started again, count as clients of another network: for the grace they are not evicted, and the registration
    /// is answered with 503.
    #[must_use]
    pub fn with_network_key(mut self, key: [u8; 32]) -> Self {
        self.network_key = NetworkKey::Shared(key);
        self
    }

    /// Who knows which clients must stay although they are idle. For a new client at the ceiling at most the 1000 oldest
    /// that were never used are asked about. Default: nobody, so none must.
    #[must_use]
    pub fn with_protection(mut self, protect: impl Protect) -> Self {
        self.protect = Some(Protection(Arc::new(protect)));
        self
    }

    /// Who is idle at this time.
    pub(crate) fn cutoffs(&self, now: SystemTime) -> IdleCutoffs {
        let since = |after: Option<Duration>| after.and_then(|after| before(now, after));
        let (unused_since, idle_since) = (since(self.unused_after), since(self.idle_after));
        IdleCutoffs { unused_since, idle_since, ..IdleCutoffs::none(now) }
    }

    /// Which clients may be evicted at this time for a new client with these keys, in the order in which the cutoffs
    /// are tried.
    pub(crate) fn evictable(&self, now: SystemTime, keys: impl Iterator<Item = RegistrantKey>) -> Vec<IdleCutoffs> {
        if self.grace == Duration::MAX {
            return Vec::new();
        }
        let unused = |since| IdleCutoffs::none(now).with_unused_since(since);
        // Also a client that is registered at this moment, by the clock of another node.
        let Some(ahead) = now.checked_add(AHEAD) else { return Vec::new() };
        if self.grace.is_zero() {
            return vec![unused(ahead)];
        }
        let older = before(now, self.grace).map(unused);
        older.into_iter().chain(keys.map(|key| unused(ahead).with_registrant(key))).collect()
    }

    /// What is kept of the network of a peer.
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

    /// Whether somebody must be asked before a client goes.
    pub(crate) fn is_protected(&self) -> bool {
        self.protect.is_some()
    }

    /// Those of the idle clients that need not stay.
    pub(crate) async fn unprotected(&self, idle: Vec<Arc<Client>>) -> Result<Vec<Arc<Client>>, BoxError> {
        let Some(Protection(protect)) = self.protect.as_ref().filter(|_| !idle.is_empty()) else { return Ok(idle) };
        let protected = protect.protected(&idle).await?;
        if protected.len() != idle.len() {
            return Err("an answer is needed for every idle client".into());
        }
        Ok(idle.into_iter().zip(protected).filter(|(_, protected)| !protected).map(|(client, _)| client).collect())
    }
}

/// How far the clock of another node may be ahead.
const AHEAD: Duration = Duration::from_secs(24 * 3600);

/// The time so long before, unless that is before all time.
fn before(now: SystemTime, time: Duration) -> Option<SystemTime> {
    now.checked_sub(time).filter(|time| *time >= UNIX_EPOCH)
}

/// The key under which networks are hashed.
#[derive(Clone)]
enum NetworkKey {
    /// Random, for this process alone.
    Process(RandomState),
    /// The same on several nodes.
    Shared([u8; 32]),
}

impl fmt::Debug for NetworkKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("NetworkKey(..)")
    }
}

/// A [`Protect`] of the application.
#[derive(Clone)]
struct Protection(Arc<dyn ErasedProtect>);

impl fmt::Debug for Protection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Protection(..)")
    }
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Vec<bool>, BoxError>> + Send + 'a>>;

trait ErasedProtect: Send + Sync {
    fn protected<'a>(&'a self, idle: &'a [Arc<Client>]) -> Answer<'a>;
}

impl<P: Protect> ErasedProtect for P {
    fn protected<'a>(&'a self, idle: &'a [Arc<Client>]) -> Answer<'a> {
        Box::pin(Protect::protected(self, idle))
    }
}
