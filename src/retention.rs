//! How long clients are kept, and how many.
//!
//! Nobody deletes the registration of a client that was tried once, so an endpoint that many may use fills up.
//! [`Retention`] says which clients go: those that were never used, those that have not been used for long, and at the
//! ceiling the oldest one that was never used, to make room. [`Registry::sweep`](crate::Registry::sweep) removes the
//! idle; call it from time to time, or spawn [`Registry::keep_swept`](crate::Registry::keep_swept).
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

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::client::Client;
use crate::config::RegistryBuilder;
use crate::error::BoxError;
use crate::store::Cutoffs;

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
#[derive(Debug, Clone, Default)]
pub struct Retention {
    unused_after: Option<Duration>,
    idle_after: Option<Duration>,
    pub(crate) max_clients: Option<u64>,
    grace: Duration,
    protect: Option<Protection>,
}

impl Retention {
    /// Any number of clients, for ever.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
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

    /// How many clients there may be. Above it the oldest client that was never used makes room for a new one, in the
    /// step that stores that one; when there is none, the registration is answered with 503. Where there are more clients
    /// than that, because it was lowered, one still comes for one who goes. Default: any number.
    #[must_use]
    pub fn with_max_clients(mut self, clients: u64) -> Self {
        self.max_clients = Some(clients);
        self
    }

    /// How long a new client is safe from having to make room, so that a flood of registrations does not wash away
    /// those who are about to begin. Default: not at all. With [`Duration::MAX`] nobody ever makes room.
    #[must_use]
    pub fn with_grace(mut self, time: Duration) -> Self {
        self.grace = time;
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
    pub(crate) fn cutoffs(&self, now: SystemTime) -> Cutoffs {
        let since = |after: Option<Duration>| after.and_then(|after| before(now, after));
        let (unused_since, idle_since) = (since(self.unused_after), since(self.idle_after));
        Cutoffs { unused_since, idle_since, ..Cutoffs::none(now) }
    }

    /// Who may have to make room at this time; `None` for nobody.
    pub(crate) fn room_cutoffs(&self, now: SystemTime) -> Option<Cutoffs> {
        // Without a grace even a client that comes at this moment, by the clock of another node.
        let since = if self.grace.is_zero() { now.checked_add(AHEAD) } else { before(now, self.grace) };
        Some(Cutoffs::none(now).with_unused_since(since?))
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

impl RegistryBuilder {
    /// How long clients are kept, and how many. Default: any number, for ever.
    pub fn with_retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// How many clients there may be. Above it a registration is answered with 503, whoever is idle; see
    /// [`Retention::with_max_clients`] for a ceiling at which the oldest unused client makes room. Default: any number.
    pub fn with_most_clients(mut self, clients: u64) -> Self {
        self.retention = self.retention.with_max_clients(clients).with_grace(Duration::MAX);
        self
    }
}
