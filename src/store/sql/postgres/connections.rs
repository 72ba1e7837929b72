//! The connections of a PostgreSQL store: which call has one, and which gets it next.
//!
//! A pool of `sqlx` tests each connection when it comes back, which costs a round trip for each statement. A store
//! that opened its pool itself therefore keeps connections that have just answered beside the pool and hands them to
//! the next caller. The second task of this file is a connection whose state is unknown, after a timeout or a dropped
//! call: it must never be given to another caller, and closing it must not wait for a server that does not answer.
//!
//! A pool that the application passed is left as it is. It may be configured in a way that this file must not bypass,
//! and the application uses its connections too.

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, PgConnection, PgPool, Postgres, Transaction};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// A connection that was not tested for longer is tested before it is used.
pub(super) const FRESH: Duration = Duration::from_secs(1);
/// How long the server may take to answer. A call that waits longer fails, and its connection is closed.
/// Longer than a transaction waits for the locks of others, and much shorter than the minutes after which TCP reports a
/// lost peer.
const ANSWER: Duration = Duration::from_secs(10);
/// How long the server may take to answer a test.
/// A server that needs longer for an empty request is taken for lost; another connection is opened then.
const TEST: Duration = Duration::from_secs(1);
/// Every statement of a transaction sees what was committed while it waited for a lock, whatever the default of the
/// database. The server ends a transaction whose node has stopped before the commit, so that others do not wait for its
/// locks. The time is in milliseconds.
pub(super) const BEGIN: &str =
    "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = 1000";

/// The connections of a pool.
///
/// A pool tests every connection that comes back to it, which would be a round trip for each statement. A store with a
/// pool of its own hands a connection that has just answered to the next caller instead.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    /// The pool from which every connection comes, and to which it returns at last.
    pool: PgPool,
    /// Set if the store opened the pool.
    own: Option<Arc<Own>>,
}

/// What a store keeps beside a pool of its own.
#[derive(Debug)]
struct Own {
    /// As many permits as the pool has connections. A caller with a permit need not wait for the pool.
    turns: Arc<Semaphore>,
    /// How long a call waits for a connection.
    patience: Duration,
    /// Connections that have answered and are in no transaction, the last one on top.
    at_hand: Mutex<Vec<Tested>>,
}

/// A connection, and when the pool tested it.
type Tested = (PoolConnection<Postgres>, Instant);

impl Own {
    /// A panic while the lock is held leaves the list valid.
    /// It is held for a push or a pop and never while a future waits.
    fn at_hand(&self) -> MutexGuard<'_, Vec<Tested>> {
        self.at_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connections go back to their pool in a task, and there may be no runtime left to run one.
impl Drop for Own {
    fn drop(&mut self) {
        for (connection, _) in self.at_hand().drain(..) {
            // Without a runtime the pool cannot take it back; the socket is closed when the process ends.
            drop(connection.leak());
        }
    }
}

impl Connections {
    /// The connections of a pool that the application uses as well.
    pub(super) fn shared(pool: PgPool) -> Self {
        Self { pool, own: None }
    }

    /// The connections of a pool that is the store's own.
    pub(super) fn own(pool: PgPool) -> Self {
        let options = pool.options();
        let turns = Arc::new(Semaphore::new(options.get_max_connections() as usize));
        let own = Own { turns, patience: options.get_acquire_timeout(), at_hand: Mutex::default() };
        Self { pool, own: Some(Arc::new(own)) }
    }

    /// Closes a pool of the store's own. A pool of the application stays open.
    pub(super) async fn close(&self) {
        if let Some(own) = &self.own {
            // These connections would otherwise be missing in the pool, whose closing waits for all of them.
            own.at_hand().clear();
            self.pool.close().await;
        }
    }

    /// The pool, for migrations.
    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// A connection for one call. Waits at most the acquire timeout.
    pub(super) async fn lease(&self) -> sqlx::Result<Lease> {
        let Some(own) = &self.own else {
            return Ok(Lease::of(self.tested().await?, None));
        };
        timeout(own.patience, self.next(own)).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    /// A connection from the pool, which has tested it.
    async fn tested(&self) -> sqlx::Result<Tested> {
        Ok((self.pool.acquire().await?, Instant::now()))
    }

    /// The connection that answered last if that was a moment ago, otherwise one from the pool. The permit is awaited
    /// first, so callers get their turns in order.
    async fn next(&self, own: &Arc<Own>) -> sqlx::Result<Lease> {
        // Tokio gives permits in the order of the requests, so no caller is passed over.
        let turn = Arc::clone(&own.turns).acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
        // The last one on top: a small number of connections stays in use and fresh, and the pool closes the others.
        let at_hand = own.at_hand().pop();
        let tested = match at_hand {
            Some(tested) if tested.1.elapsed() < FRESH => tested,
            stale => {
                stale.into_iter().for_each(|(connection, _)| return_if_alive(connection));
                self.tested().await?
            }
        };
        Ok(Lease::of(tested, Some((Arc::clone(own), turn))))
    }
}

/// A connection in use. When it is dropped without [`give_back`](Self::give_back), its state may be unknown. The future
/// of the caller was dropped while a transaction began: the server may have begun it, and the next caller would work in
/// a transaction that is never committed. Or the server did not answer in time. In both cases it is closed. Otherwise
/// it returns to the pool after a test.
pub(super) struct Lease {
    /// The connection; `None` after it was given back.
    tested: Option<Tested>,
    /// The list to which it returns, and the permit, which is released after that.
    own: Option<(Arc<Own>, OwnedSemaphorePermit)>,
    /// When the caller received the connection.
    since: Instant,
    /// Whether `BEGIN` was sent and its answer is missing.
    begins: bool,
}

impl Lease {
    /// A connection from now on in use.
    fn of(tested: Tested, own: Option<(Arc<Own>, OwnedSemaphorePermit)>) -> Self {
        Self { tested: Some(tested), own, since: Instant::now(), begins: false }
    }

    /// The connection, for a statement without a transaction.
    pub(super) fn connection(&mut self) -> sqlx::Result<&mut PgConnection> {
        self.tested.as_mut().map(|(connection, _)| &mut **connection).ok_or(sqlx::Error::PoolClosed)
    }

    /// Begins a transaction. If the future is dropped meanwhile, the connection is marked as unknown.
    pub(super) async fn begin(&mut self) -> sqlx::Result<Transaction<'_, Postgres>> {
        self.begins = true;
        let (connection, _) = self.tested.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        let transaction = connection.begin_with(BEGIN).await?;
        self.begins = false;
        Ok(transaction)
    }

    /// Returns a connection that answered and is in no transaction.
    /// It keeps the time of its last test, so a connection that is used without a pause is tested again after a second,
    /// too.
    pub(super) fn give_back(mut self) {
        if let Some((own, _)) = &self.own {
            own.at_hand().extend(self.tested.take());
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some((mut connection, _)) = self.tested.take() else { return };
        let is_unknown = self.begins || self.since.elapsed() >= ANSWER;
        match self.own {
            // Detached and dropped: the socket closes at once. The closing message of the protocol would wait for a
            // server that is lost.
            Some(_) if is_unknown => drop(connection.detach()),
            Some(_) => return_if_alive(connection),
            None if is_unknown => connection.close_on_drop(),
            None => {}
        }
    }
}

/// Returns a connection to its pool if the server answers on it, and drops it otherwise. The pool would close a dead
/// connection with the closing message of the protocol, which may wait without end for a lost peer where the connection
/// uses TLS, and the pool could open no other connection in its place meanwhile.
fn return_if_alive(mut connection: PoolConnection<Postgres>) {
    let Ok(runtime) = Handle::try_current() else { return drop(connection.leak()) };
    runtime.spawn(async move {
        let answer = timeout(TEST, connection.ping()).await;
        if !answer.is_ok_and(|answer| answer.is_ok()) {
            drop(connection.detach());
        }
    });
}

/// Limits how long the server may take to answer. A call that is later fails as an outage.
/// Dropping `work` does not stop the server, so the change may still be made; the connection is closed for that reason.
pub(super) async fn in_time<T>(work: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    let late = |_| Err(sqlx::Error::Io(io::ErrorKind::TimedOut.into()));
    timeout(ANSWER, work).await.unwrap_or_else(late)
}
