//! SQLite: one file, no server.
//!
//! SQLite has one writer at a time for a file. The store has one writing connection and hands it out in order, because
//! a queue in the process is fair, while SQLite's own waiting polls with pauses and may let one caller wait much
//! longer than others. Readers have connections of their own: in write-ahead mode they neither wait for the writer nor
//! block it.
//!
//! Every transaction begins with a statement that writes. So it waits for the writer before it has read anything, and
//! what it reads is never older than its own write; there is no transaction that must be repeated.
//!
//! Clients of a tenant with a limit are counted by triggers, in the same transaction as the row.
//!
//! # Several processes
//!
//! The queue orders the callers of one process. Processes that share a file wait for one another with SQLite's own lock
//! and its busy timeout. That is meant for a command of the operator beside a running server, not for many servers: a
//! file on a network file system has no reliable locks, and several machines need PostgreSQL or Redis.
//!
//! # What a failure leaves
//!
//! A commit is on the disk before it is answered. After the end of a process the next one that opens the file finds the
//! complete transactions in the log and ignores an incomplete one. On a full disk the transaction fails, the call
//! reports an outage, and reading goes on.

mod backup;
mod url;

use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant, SystemTime};

use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqliteTransactionManager;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, Executor as _, Row as _, Sqlite, SqlitePool, TransactionManager as _};

use super::statements::{Dialect, Statements};
use super::{Backend, Found, Step, Taken, Value, bound, client_store, found, pending, removed};
use crate::client::Client;
use crate::client::InitialAccessTokenRecord;
use crate::client::credential::{ClientId, Digest};
use crate::error::{BoxError, StoreError};
use crate::store::private_file;
use crate::store::unreachable::unreachable;
use crate::store::{ClientQuery, IdleCutoffs, InsertConditions, InsertOutcome, RemoveConditions, UpdateConditions};

/// Keeps clients in a SQLite database, the durable store that needs no server. Clones share it.
///
/// What was acknowledged survives the end of the process and of the machine: a commit is on disk before it is answered
/// (write-ahead log, `synchronous = FULL`). Several processes may use one file on a local disk; they wait for one
/// another up to five seconds. The tables are named `dcr_…` and are created and brought up to date at the start, so
/// the file may be one that the application has anyway.
///
/// ```
/// use tower_dcr::credential::SecretStorage;
/// use tower_dcr::store::SqliteStore;
/// use tower_dcr::{Access, Registry};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # runtime.block_on(async {
/// # let path = std::env::temp_dir().join(format!("tower-dcr-doc-{}.db", std::process::id()));
/// let store = SqliteStore::open(&path).await?;
/// let registry = Registry::builder("https://id.example.com", Access::Open)
///     .with_secrets(SecretStorage::hashed())
///     .build(store)?;
/// assert_eq!(registry.count().await?, 0);
/// # for end in ["", "-wal", "-shm"] {
/// #     let _ = std::fs::remove_file(format!("{}{end}", path.display()));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct SqliteStore {
    /// A pool of one connection.
    writer: SqlitePool,
    /// Connections that never wait for the writer. A pool of the application serves as both.
    readers: SqlitePool,
    /// Whether the pools were opened by the store, which then closes them.
    own: bool,
    /// Shared by all tenants, because the tenant is a value of each statement.
    statements: Arc<Statements>,
    /// The tenant as bytes; empty for the default one.
    pub(super) tenant: Arc<[u8]>,
    /// Whether the count of this tenant is known to exist; shared by clones.
    pub(super) counting: Arc<AtomicBool>,
}

/// The error for a path at which SQLite would open a database in memory, whose clients end with a connection.
const NO_FILE: &str = "the path names no file that can have a write-ahead log";
/// What the names of all tables begin with, since the file may have tables of the application.
const PREFIX: &str = "dcr_";
/// The number of reading connections. More would compete for the processor, since reads are short.
const READERS: u32 = 4;
/// How long a call waits for another process that writes.
/// The same time bounds the wait for the writing connection of this process. Longer than a transaction takes by far,
/// and shorter than an HTTP client usually waits.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause before a file is opened again that another process is creating.
/// Short beside the time that creating the tables takes, and long enough not to load the processor.
const PAUSE: Duration = Duration::from_millis(20);
/// The versions of the tables. A version that was released is never changed.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/sqlite/1.sql"),
    include_str!("migrations/sqlite/2.sql"),
    include_str!("migrations/sqlite/3.sql"),
];

/// One statement for both kinds of insertion, since the triggers count.
const INSERT: &str =
    "INSERT INTO {p}clients (tenant, id, issued_at, last_used, revision, status, owner, fingerprint, record,
            registration_token, previous_token, between_token, initial_access_token, network)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING";

/// Rows are never locked, since there is one writer.
const DIALECT: Dialect = Dialect {
    add: INSERT,
    insert: INSERT,
    remove: "DELETE FROM {p}clients WHERE tenant = $1 AND id = $2 AND revision = COALESCE($3, revision)",
    expire: (
        "DELETE FROM {p}clients WHERE tenant = $1 AND id IN (SELECT id FROM {p}clients WHERE ",
        ") RETURNING last_used, record",
    ),
    expire_nonces: "DELETE FROM {p}remembered WHERE tenant = $1 AND until <= $2",
    locking: ["", ""],
    ids: "id IN (SELECT value FROM json_each({}))",
    never_used: "last_used IS NULL",
    spend: "UPDATE {p}tokens SET uses_left = uses_left - 1 WHERE tenant = $1 AND digest = $2
        AND (uses_left IS NULL OR uses_left > 0) AND (expires_at IS NULL OR expires_at > $3)",
    lock_clients: None,
    lock_fingerprint: None,
};

impl SqliteStore {
    /// Opens the database file that a URL names, as [`open`](Self::open) does: `sqlite:clients.db` or
    /// `sqlite://clients.db` in the working directory, `sqlite:///var/lib/dcr/clients.db` or
    /// `sqlite:/var/lib/dcr/clients.db` by an absolute path. Spaces may be written as they are; `%`, `?` and `#` in the
    /// name of a file are written `%25`, `%3F` and `%23`. With the parameter
    /// `mode=rw` the file must be there; `mode=rwc` creates a missing one, as no parameter does.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and when the URL may mean something else to another program: a host, a database in
    /// memory, other parameters, a fragment, a directory. The error says how to write it.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let url::Location { path, create } = url::location(url).map_err(StoreError::unavailable)?;
        Self::open_file(&path, create).await
    }

    /// Opens a database file, creates it if it is missing, and brings its tables up to date. The path is taken as it
    /// is, whatever characters it has.
    ///
    /// The file, its log and its index belong to their owner alone (mode 0600), whatever the umask. Wider rights of a
    /// file that is there already are taken away. Where other users need the file, open a pool and use
    /// [`from_pool`](Self::from_pool), which changes no rights.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or written, its rights cannot be taken away, its tables are newer than this
    /// version of the crate, or it cannot have a write-ahead log: an empty path, `:memory:` and what begins with
    /// `file:` name databases that may end with their connection.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_file(path.as_ref(), true).await
    }

    /// Opens the file in this order: its rights first, while SQLite has not written to it; then the writer, which
    /// switches the file to a write-ahead log; the readers last, since a reader of a new file would find no tables.
    async fn open_file(path: &Path, create: bool) -> Result<Self, StoreError> {
        if path.as_os_str().is_empty() || path.as_os_str() == ":memory:" || path.to_string_lossy().starts_with("file:")
        {
            return Err(StoreError::unavailable(NO_FILE));
        }
        let place = || format!("the SQLite database {}", path.display());
        prepare(path, create).map_err(|error| unreachable(place(), error))?;
        // `FULL` and not `NORMAL`: in write-ahead mode the latter loses the last commits when the power fails, and with
        // them clients that were told that they are registered.
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(create)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = |most| {
            SqlitePoolOptions::new().max_connections(most).acquire_timeout(BUSY_TIMEOUT).test_before_acquire(false)
        };
        let writer = retry_while_busy(|| pool(1).connect_with(options.clone())).await;
        let writer = writer.map_err(|error| unreachable(place(), error))?;
        if journal_mode(&writer).await.map_err(StoreError::unavailable)? != "wal" {
            return Err(StoreError::unavailable(NO_FILE));
        }
        Self::migrated(writer, pool(READERS).connect_lazy_with(options), true).await
    }

    /// Uses a pool of the application, for reading and for writing, and brings the tables up to date.
    ///
    /// Durability is then what the pool's connections are set to: use a write-ahead log, `synchronous = FULL` and a
    /// busy timeout. An in-memory database works only with a pool of one connection that never ends.
    ///
    /// # Errors
    ///
    /// When the database cannot be written, or its tables are newer than this version of the crate.
    pub async fn from_pool(pool: SqlitePool) -> Result<Self, StoreError> {
        Self::migrated(pool.clone(), pool, false).await
    }

    /// The store over two pools, after its tables are up to date.
    /// Before that no statement of a verb may run, because it names columns that a later version has added.
    async fn migrated(writer: SqlitePool, readers: SqlitePool, own: bool) -> Result<Self, StoreError> {
        migrate(&writer).await.map_err(StoreError::unavailable)?;
        let statements = Arc::new(Statements::new(PREFIX, &DIALECT));
        Ok(Self { writer, readers, own, statements, tenant: Arc::default(), counting: Arc::default() })
    }
}

/// Creates the database file with mode 0600 before SQLite does, and removes wider rights of files that exist. SQLite
/// gives the log and its index the rights of the database. Without `create` a file that is missing is an error.
///
/// A file that SQLite creates has the rights of the umask, often readable by all users, and a change afterwards would
/// leave a moment in which another user can open it. Clients' metadata and sealed secrets are in it.
fn prepare(path: &Path, create: bool) -> io::Result<()> {
    let found = match create {
        true => private_file::create(path).map(drop),
        false => std::fs::metadata(path).map(|_| ()),
    };
    match found {
        // An existing file is the usual case; its rights are checked below.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    for end in ["", "-wal", "-shm"] {
        let mut name = OsString::from(path);
        name.push(end);
        private_file::restrict(name.as_ref())?;
    }
    Ok(())
}

/// Opens a file, which for a new one includes the switch to a write-ahead log. SQLite does not apply its busy timeout
/// to that switch: of several processes that start together all but one get an error that the file is locked. They try
/// again.
/// The wait ends after the busy timeout, so a file that stays locked is an error and no endless start.
async fn retry_while_busy<F: Future<Output = sqlx::Result<SqlitePool>>>(
    open: impl Fn() -> F,
) -> sqlx::Result<SqlitePool> {
    let begun = Instant::now();
    loop {
        match open().await {
            Err(error) if is_busy(&error) && begun.elapsed() < BUSY_TIMEOUT => tokio::time::sleep(PAUSE).await,
            done => return done,
        }
    }
}

/// `SQLITE_BUSY` or one of its [kinds](https://www.sqlite.org/rescode.html#busy).
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    // The low byte is the primary code; extended codes add the kind above it.
    code.is_some_and(|code| code & 0xff == 5)
}

/// The journal mode that the file has now, which need not be the one that was asked for.
/// SQLite refuses the switch without an error, for example where the file system has no shared memory. Without the log
/// readers would block the writer, so the store does not start.
async fn journal_mode(pool: &SqlitePool) -> sqlx::Result<String> {
    pool.fetch_one("PRAGMA journal_mode").await?.try_get(0)
}

/// Brings the tables up to date in one transaction. `BEGIN IMMEDIATE` makes several processes that start together wait
/// for the first one, and the others then find the work done.
/// SQLite changes tables in a transaction like rows, so a process that ends in the middle leaves the version before.
async fn migrate(writer: &SqlitePool) -> Result<(), BoxError> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    let table = format!("CREATE TABLE IF NOT EXISTS {PREFIX}migrations (version INTEGER NOT NULL PRIMARY KEY) STRICT");
    (&mut *transaction).execute(table.as_str()).await?;
    let version = format!("SELECT max(version) FROM {PREFIX}migrations");
    let version: Option<i64> = (&mut *transaction).fetch_one(version.as_str()).await?.try_get(0)?;
    for (number, text) in pending(MIGRATIONS, version.unwrap_or(0))? {
        (&mut *transaction).execute(text.replace("{p}", PREFIX).as_str()).await?;
        let done = format!("INSERT INTO {PREFIX}migrations (version) VALUES ({number})");
        (&mut *transaction).execute(done.as_str()).await?;
    }
    Ok(transaction.commit().await?)
}

impl Backend for SqliteStore {
    fn statements(&self) -> &Statements {
        &self.statements
    }

    fn tenant(&self) -> &[u8] {
        &self.tenant
    }

    fn counting(&self) -> &AtomicBool {
        &self.counting
    }

    async fn fetch(&self, text: &str, values: &[Value<'_>]) -> Result<Vec<Found>, StoreError> {
        // Not on the writing connection: a list would make every registration wait.
        let rows = bound::<Sqlite>(text, values).fetch_all(&self.readers).await;
        let found = rows.and_then(|rows| rows.iter().map(found).collect());
        found.map_err(StoreError::unavailable)
    }

    async fn execute(&self, text: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        let mut lease = self.lease().await.map_err(StoreError::unavailable)?;
        let done = bound::<Sqlite>(text, values).execute(&mut *lease).await;
        done.map(|done| done.rows_affected()).map_err(StoreError::unavailable)
    }

    async fn transact(&self, steps: &[Step<'_>]) -> Result<Taken, StoreError> {
        self.transaction(steps).await.map_err(StoreError::unavailable)
    }
}

impl SqliteStore {
    /// Runs the steps. The first one always writes, so it waits for its turn before anything is read, as `BEGIN
    /// IMMEDIATE` would; that statement itself is not used, because this driver may leave a transaction open when its
    /// future is dropped.
    async fn transaction(&self, steps: &[Step<'_>]) -> sqlx::Result<Taken> {
        let mut lease = self.lease().await?;
        // A plain `BEGIN` takes no lock; the first step does.
        let mut transaction = lease.begin().await?;
        let mut removed_clients = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            let mut rows = take(&mut transaction, step, &mut removed_clients).await?;
            // The alternatives are tried only while nothing was found.
            for instead in step.instead {
                if rows == 0 {
                    rows = take(&mut transaction, instead, &mut removed_clients).await?;
                }
            }
            if rows == 0 && step.required {
                // Awaited and not left to the drop, so that the next caller finds the connection ready.
                transaction.rollback().await?;
                return Ok(Err(index));
            }
        }
        transaction.commit().await?;
        Ok(Ok(removed_clients))
    }

    /// Writes the log into the database file, so that a copy of that file is complete, and closes the connections that
    /// are the store's own. While another process reads, a part of the log stays; the last one to close writes it.
    pub(super) async fn shut_down(&self) -> Result<(), StoreError> {
        // Readers first: a reader that is open keeps a part of the log from being written back.
        if self.own {
            self.readers.close().await;
        }
        let mut lease = self.lease().await.map_err(StoreError::unavailable)?;
        (&mut *lease).execute("PRAGMA wal_checkpoint(TRUNCATE)").await.map_err(StoreError::unavailable)?;
        // The pool waits for this connection when it closes.
        drop(lease);
        if self.own {
            self.writer.close().await;
        }
        Ok(())
    }

    /// A connection that writes, outside of any transaction. SQLite ends a transaction by itself when its commit
    /// fails, as on a full disk; the driver does not notice that and would make later transactions parts of one that is
    /// never committed. Such a connection is closed.
    async fn lease(&self) -> sqlx::Result<PoolConnection<Sqlite>> {
        loop {
            let lease = self.writer.acquire().await?;
            if SqliteTransactionManager::get_transaction_depth(&lease) == 0 {
                return Ok(lease);
            }
            lease.close().await?;
        }
    }
}

/// Runs one step and returns how many rows it found or changed. Removed clients are added to the list.
async fn take(
    connection: &mut sqlx::SqliteConnection,
    step: &Step<'_>,
    removed_clients: &mut Vec<Arc<Client>>,
) -> sqlx::Result<usize> {
    // The driver reports rows and changes by different calls, so a step that reads or removes is fetched.
    let query = bound::<Sqlite>(step.text, step.values);
    if !step.removes && !step.text.starts_with("SELECT") {
        return Ok(query.execute(connection).await?.rows_affected() as usize);
    }
    let rows = query.fetch_all(connection).await?;
    if step.removes {
        removed_clients.extend(rows.iter().map(removed).collect::<sqlx::Result<Vec<_>>>()?);
    }
    Ok(rows.len())
}

client_store!(SqliteStore);
