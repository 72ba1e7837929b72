//! PostgreSQL, and databases that speak its protocol.
//!
//! Every verb is one statement or one transaction at `READ COMMITTED`. That level is enough, because conditions are
//! statements that change rows: a second transaction waits for the row lock of the first one, then evaluates its
//! condition again with the committed row. At a stricter level it would fail instead and have to be repeated, so the
//! level is set for each transaction, whatever the database's default.
//!
//! - **The limit** is a row with the count. Insertions of a tenant with a limit change it with the row of the
//!   client and so follow one another until the commit; without a limit there is no such row.
//! - **Evictions** take a row that no other transaction has locked, since this one holds the count.
//! - **A unique fingerprint** is protected by an advisory lock of the transaction.
//! - **Deadlocks and serialization failures** are retried a bounded number of times.
//!
//! Nothing depends on a session, so poolers that give each transaction another session work.
//!
//! # Locks and their order
//!
//! An insertion, an update and a removal take their locks in one order: the advisory lock of a fingerprint, the row of
//! the client, the row of the count, the row of the token, and the nonces in the order of their digests. So two of them
//! wait for one another in a line and not in a circle. An expiry begins with nonces; where that leads to a deadlock,
//! PostgreSQL ends one of the transactions, and it is retried.
//!
//! # What a failure leaves
//!
//! A connection whose state is unknown is closed, and the server then rolls back its transaction and releases its
//! locks. If a node stops between two steps, the server ends the idle transaction after a second. An answer that is
//! lost after the commit is an outage for the caller although the change has been made; it is not repeated here,
//! because a repeated insertion would find its own client.

mod connections;
mod url;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::{Connection as _, Executor as _, PgConnection, PgPool, Postgres, Row as _};

use self::connections::{BEGIN, Connections, FRESH, in_time};
use super::statements::{Dialect, Statements};
use super::{Backend, Found, Step, Taken, Value, bound, client_store, found, pending, removed};
use crate::client::Client;
use crate::client::InitialAccessTokenRecord;
use crate::client::credential::{ClientId, Digest};
use crate::error::{BoxError, StoreError};
use crate::store::{ClientQuery, IdleCutoffs, InsertConditions, InsertOutcome, RemoveConditions, UpdateConditions};

/// Keeps clients in a PostgreSQL database, for any number of nodes. Clones share it.
///
/// Every verb is one statement or one transaction at `READ COMMITTED`. What was acknowledged is as safe as the server's
/// `synchronous_commit` makes it. A transaction that fails because others ran beside it is tried again, a bounded
/// number of times. The tables live in a schema of their own and are created and brought up to date at the start, also
/// when several nodes start together.
///
/// ```no_run
/// use tower_dcr::credential::SecretStorage;
/// use tower_dcr::store::{PostgresOptions, PostgresStore};
/// use tower_dcr::{Access, Registry};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let url = "postgres://dcr@db.example.com/dcr?sslmode=verify-full";
/// let store = PostgresStore::connect(url, PostgresOptions::new()).await?;
/// let registry = Registry::builder("https://id.example.com", Access::Open)
///     .with_secrets(SecretStorage::hashed())
///     .build(store)?;
/// # let _ = registry;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct PostgresStore {
    /// The pool, and the connections that are ready beside it.
    connections: Connections,
    /// Whether statements are prepared anew each time, because a pooler knows none.
    pooler: bool,
    /// Whether a single statement is made a transaction, because by itself it might run at another isolation level
    /// than [`BEGIN`] says, or in another session than the one it was prepared in.
    wraps: bool,
    /// With the schema in front of each table, so that no `search_path` is needed, which a pooler may lose.
    statements: Arc<Statements>,
    /// The tenant as bytes; empty for the default one.
    pub(super) tenant: Arc<[u8]>,
    /// Whether the count of this tenant is known to exist; shared by clones.
    pub(super) counting: Arc<AtomicBool>,
}

/// How a [`PostgresStore`] uses its database.
///
/// ```
/// use std::time::Duration;
/// use tower_dcr::store::PostgresOptions;
///
/// let options = PostgresOptions::new().with_schema("registrations").with_acquire_timeout(Duration::from_secs(1));
/// assert!(format!("{options:?}").contains("registrations"));
/// ```
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// Checked when the store is built, since a name is inserted into the text of statements.
    schema: String,
    pooler: bool,
    /// Used by `connect` only; a pool of the application has its own.
    max_connections: u32,
    acquire_timeout: Duration,
}

impl PostgresOptions {
    /// The schema `tower_dcr`, no pooler in between, at most 10 connections, and 3 seconds to wait for one.
    #[must_use]
    pub fn new() -> Self {
        Self {
            schema: "tower_dcr".to_owned(),
            pooler: false,
            max_connections: 10,
            acquire_timeout: Duration::from_secs(3),
        }
    }

    /// The schema of the tables: 1 to 63 of `a-z 0-9 _`, beginning with no digit. It is created if it is missing.
    /// Default: `tower_dcr`.
    #[must_use]
    pub fn with_schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// Whether the connections lead through a pooler that gives each transaction another session and does not know
    /// prepared statements, such as PgBouncer before 1.21. Each verb is then a transaction and prepares its statements
    /// anew, at the price of more round trips. Default: false.
    #[must_use]
    pub fn with_transaction_pooler(mut self, pooler: bool) -> Self {
        self.pooler = pooler;
        self
    }

    /// How many connections [`PostgresStore::connect`] opens at most. Default: 10.
    #[must_use]
    pub fn with_max_connections(mut self, connections: u32) -> Self {
        self.max_connections = connections;
        self
    }

    /// How long a call waits for a connection of [`PostgresStore::connect`] before it fails. Default: 3 seconds.
    #[must_use]
    pub fn with_acquire_timeout(mut self, timeout: Duration) -> Self {
        self.acquire_timeout = timeout;
        self
    }
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// How often a transaction is tried that fails because of concurrent ones. With growing pauses these are 0.25 seconds.
/// A caller waits for them, so they are few: a database that is too busy shall answer with an outage.
const ATTEMPTS: u32 = 8;
/// The advisory lock of a migration, in any database: the name of the crate as a number.
/// Advisory locks have one namespace for a database, so a number that another program uses by chance makes both wait,
/// and nothing worse.
const MIGRATION_LOCK: i64 = 0x746f_7765_7264_6372;
/// The versions of the tables. A version that was released is never changed.
/// A correction is one more version, because tables of the old one exist.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/postgres/1.sql"),
    include_str!("migrations/postgres/2.sql"),
    include_str!("migrations/postgres/3.sql"),
];

/// A client is counted in the same statement that inserts or removes it, if clients are counted. Triggers would do the
/// same, but an operator who restores or repairs tables would run them as well.
///
/// - `add` has no `RETURNING`, since the number of changed rows is enough. It is refused in the statement itself where
///   a count exists, so an insertion without conditions needs no query before it.
/// - A part of a statement (`WITH`) that changes rows runs exactly once, also when nothing reads its result. All parts
///   see the same snapshot, so the second one learns from `RETURNING` and not from the table.
/// - `expire` locks the rows that it selects. A row that was used in between is checked again with its new value before
///   it is deleted, so the use spares the client.
/// - `expire_nonces` skips a nonce that a transaction has locked: that transaction is claiming it again.
const DIALECT: Dialect = Dialect {
    add: "INSERT INTO {p}clients (tenant, id, issued_at, last_used, revision, status, owner, fingerprint, record,
            registration_token, previous_token, between_token, initial_access_token, network)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14
        WHERE NOT EXISTS (SELECT 1 FROM {p}places WHERE tenant = $1)
        ON CONFLICT DO NOTHING",
    insert: "WITH added AS (
            INSERT INTO {p}clients (tenant, id, issued_at, last_used, revision, status, owner, fingerprint, record,
            registration_token, previous_token, between_token, initial_access_token, network)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING RETURNING 1),
        placed AS (UPDATE {p}places SET taken = taken + 1 WHERE tenant = $1 AND EXISTS (SELECT 1 FROM added))
        SELECT 1 FROM added",
    remove: "WITH deleted AS (
            DELETE FROM {p}clients WHERE tenant = $1 AND id = $2 AND revision = COALESCE($3, revision) RETURNING 1),
        freed AS (UPDATE {p}places SET taken = taken - 1 WHERE tenant = $1 AND EXISTS (SELECT 1 FROM deleted))
        SELECT 1 FROM deleted",
    expire: (
        "WITH idle AS (SELECT id FROM {p}clients WHERE ",
        "),
        deleted AS (
            DELETE FROM {p}clients USING idle WHERE clients.tenant = $1 AND clients.id = idle.id
            RETURNING clients.last_used, clients.record),
        freed AS (
            UPDATE {p}places SET taken = taken - (SELECT count(*) FROM deleted)
            WHERE tenant = $1 AND EXISTS (SELECT 1 FROM deleted))
        SELECT last_used, record FROM deleted",
    ),
    expire_nonces: "DELETE FROM {p}remembered WHERE tenant = $1 AND key IN (
            SELECT key FROM {p}remembered WHERE tenant = $1 AND until <= $2 FOR UPDATE SKIP LOCKED)",
    // An expiry waits for rows that other transactions change. An eviction holds the count, for which these may wait,
    // so it takes a row that no transaction has locked.
    locking: [" FOR UPDATE", " FOR UPDATE SKIP LOCKED"],
    ids: "id IN (SELECT json_array_elements_text({}::json))",
    never_used: "never_used",
    spend: "WITH spent AS (
            UPDATE {p}tokens SET uses_left = uses_left - 1 WHERE tenant = $1 AND digest = $2
            AND uses_left > 0 AND (expires_at IS NULL OR expires_at > $3) RETURNING 1)
        SELECT 1 FROM spent UNION ALL
        SELECT 1 FROM {p}tokens WHERE tenant = $1 AND digest = $2
            AND uses_left IS NULL AND (expires_at IS NULL OR expires_at > $3)",
    lock_clients: Some("LOCK TABLE {p}clients IN SHARE ROW EXCLUSIVE MODE"),
    // Two transactions that ask whether a fingerprint is free would not see each other's client.
    lock_fingerprint: Some("SELECT pg_advisory_xact_lock($1)"),
};

impl PostgresStore {
    /// Opens a pool of connections for a URL and brings the tables up to date:
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full`, or `postgresql://…`, or
    /// `postgres:///DATABASE?host=/run/postgresql` for a socket.
    ///
    /// `sslmode` is that of [libpq](https://www.postgresql.org/docs/current/libpq-ssl.html) and needs the feature
    /// `postgres-tls`: `verify-full` (TLS with the certificate and the name of the server verified, by what the
    /// operating system trusts and the file `sslrootcert`), `verify-ca`, `require` (TLS without verification unless
    /// `sslrootcert` is there) or `disable`. `prefer`, the default, and `allow` may mean plain text; they are accepted
    /// for sockets and loopback only.
    ///
    /// # Errors
    ///
    /// When the URL is none or has a parameter that is not understood, leaves plain text to another machine open, or
    /// asks for TLS without the feature; when the server cannot be reached, cannot be verified, or its tables are newer
    /// than this version of the crate. No error has the password.
    pub async fn connect(url: &str, options: PostgresOptions) -> Result<Self, StoreError> {
        let server: PgConnectOptions = url::options(url)?;
        url::check_files(url)?;
        let pool = PgPoolOptions::new()
            .max_connections(options.max_connections)
            .acquire_timeout(options.acquire_timeout)
            .test_before_acquire(false)
            .before_acquire(|connection, met| {
                Box::pin(async move { Ok(met.idle_for < FRESH || connection.ping().await.is_ok()) })
            });
        // The first connection is made here, where a wrong address is reported at once. The pool would retry until the
        // acquire timeout and then report only that.
        // The pool opens the others when they are needed, so a start does not load the server with ten connections.
        let first = async { PgConnection::connect_with(&server).await?.close().await };
        in_time(first).await.map_err(|error| url::failed(&server, error))?;
        Self::of(Connections::own(pool.connect_lazy_with(server)), options).await
    }

    /// Uses a pool of the application and brings the tables up to date.
    ///
    /// # Errors
    ///
    /// When the name of the schema is none, the server cannot be reached, or its tables are newer than this version of
    /// the crate.
    pub async fn from_pool(pool: PgPool, options: PostgresOptions) -> Result<Self, StoreError> {
        Self::of(Connections::shared(pool), options).await
    }

    /// The store over connections, after its tables are up to date.
    /// It asks the database once for its default isolation level; where that is `READ COMMITTED`, single statements
    /// need no transaction of their own.
    async fn of(connections: Connections, options: PostgresOptions) -> Result<Self, StoreError> {
        let PostgresOptions { schema, pooler, .. } = options;
        if !is_schema(&schema) {
            let message = format!("the name of the schema must be 1 to 63 of a-z, 0-9 and _, found {schema:?}");
            return Err(StoreError::unavailable(message));
        }
        // The name is checked above: it is inserted into the statements of the migration as well.
        migrate(connections.pool(), &schema).await.map_err(StoreError::unavailable)?;
        let reads_committed = in_time(reads_committed(connections.pool())).await;
        let wraps = pooler || !reads_committed.map_err(StoreError::unavailable)?;
        let statements = Arc::new(Statements::new(&format!("\"{schema}\"."), &DIALECT));
        Ok(Self { connections, pooler, wraps, statements, tenant: Arc::default(), counting: Arc::default() })
    }

    /// Closes the connections that are the store's own.
    /// Waits for calls that have a connection. A pool of the application stays open, since others use it.
    pub(super) async fn shut_down(&self) -> Result<(), StoreError> {
        self.connections.close().await;
        Ok(())
    }

    /// Runs an attempt again while it fails because of concurrent transactions. Nothing happened then, so repeating is
    /// safe; an error of the connection is never retried, since the change may have been committed.
    /// Each attempt takes a connection of its own, so no caller holds one during a pause.
    async fn retry<T, F: Future<Output = sqlx::Result<T>>>(&self, attempt: impl Fn() -> F) -> sqlx::Result<T> {
        for number in 1..ATTEMPTS {
            match attempt().await {
                // The pause doubles each time, so that the competing transactions spread out.
                Err(error) if is_concurrency_failure(&error) => {
                    tokio::time::sleep(Duration::from_millis(1 << number)).await
                }
                done => return done,
            }
        }
        attempt().await
    }

    /// Finds rows with one statement. Where that is a transaction, it has the right isolation level, and behind a
    /// pooler one session in which the statement is prepared and run.
    async fn rows(&self, text: &str, values: &[Value<'_>]) -> sqlx::Result<Vec<PgRow>> {
        let mut lease = self.connections.lease().await?;
        let answer = in_time(async {
            if !self.wraps {
                return bound::<Postgres>(text, values).fetch_all(lease.connection()?).await;
            }
            let mut transaction = lease.begin().await?;
            let rows = bound::<Postgres>(text, values).persistent(!self.pooler).fetch_all(&mut *transaction).await?;
            transaction.commit().await?;
            Ok(rows)
        })
        .await?;
        lease.give_back();
        Ok(answer)
    }

    /// Changes rows with one statement, as [`rows`](Self::rows) finds them.
    async fn changes(&self, text: &str, values: &[Value<'_>]) -> sqlx::Result<u64> {
        let mut lease = self.connections.lease().await?;
        let answer = in_time(async {
            if !self.wraps {
                return Ok(bound::<Postgres>(text, values).execute(lease.connection()?).await?.rows_affected());
            }
            let mut transaction = lease.begin().await?;
            let done = bound::<Postgres>(text, values).persistent(!self.pooler).execute(&mut *transaction).await?;
            transaction.commit().await?;
            Ok(done.rows_affected())
        })
        .await?;
        lease.give_back();
        Ok(answer)
    }

    /// Runs the steps in one transaction. The connection is given back only after the server answered the commit or
    /// the rollback; in any other case its state is unknown and it is closed.
    ///
    /// The limit of time is for all steps together, and it includes waiting for locks of other transactions.
    async fn transaction(&self, steps: &[Step<'_>]) -> sqlx::Result<Taken> {
        let mut lease = self.connections.lease().await?;
        let answer = in_time(async {
            let mut transaction = lease.begin().await?;
            let mut removed_clients = Vec::new();
            for (index, step) in steps.iter().enumerate() {
                let mut rows = self.step(&mut transaction, step, &mut removed_clients).await?;
                for instead in step.instead {
                    if rows == 0 {
                        rows = self.step(&mut transaction, instead, &mut removed_clients).await?;
                    }
                }
                if rows == 0 && step.required {
                    transaction.rollback().await?;
                    return Ok(Err(index));
                }
            }
            transaction.commit().await?;
            Ok(Ok(removed_clients))
        })
        .await?;
        lease.give_back();
        Ok(answer)
    }

    /// Runs one step and returns how many rows it found or changed. Removed clients are added to the list.
    /// PostgreSQL reports found and changed rows alike, so only a step that removes clients must be fetched.
    async fn step(
        &self,
        connection: &mut PgConnection,
        step: &Step<'_>,
        removed_clients: &mut Vec<Arc<Client>>,
    ) -> sqlx::Result<usize> {
        let query = bound::<Postgres>(step.text, step.values).persistent(!self.pooler);
        if !step.removes {
            return Ok(query.execute(connection).await?.rows_affected() as usize);
        }
        let rows = query.fetch_all(connection).await?;
        removed_clients.extend(rows.iter().map(removed).collect::<sqlx::Result<Vec<_>>>()?);
        Ok(rows.len())
    }
}

/// Lower case only, so that the name means the same with and without quotes. Statements quote it, because it may be a
/// keyword of SQL.
fn is_schema(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=63).contains(&name.len()) && name.bytes().all(plain) && !name.as_bytes()[0].is_ascii_digit()
}

/// A serialization failure or a deadlock: nothing happened, and another attempt may succeed ([PostgreSQL
/// §13.5](https://www.postgresql.org/docs/current/mvcc-serialization-failure-handling.html)).
fn is_concurrency_failure(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    // `serialization_failure`, which compatible databases report also at this level, and `deadlock_detected`.
    matches!(code.as_deref(), Some("40001" | "40P01"))
}

/// Brings the tables up to date. It looks first, so that a node whose tables are up to date needs no rights to create
/// any. The lock belongs to the transaction and not to the session, so it works through a pooler. Where it locks
/// nothing, creating a table twice fails, and the node starts at its next attempt.
async fn migrate(pool: &PgPool, schema: &str) -> Result<(), BoxError> {
    let current = in_time(async { version(&mut *pool.acquire().await?, schema).await }).await?;
    if pending(MIGRATIONS, current)?.next().is_none() {
        return Ok(());
    }
    let mut transaction = pool.begin_with(BEGIN).await?;
    // Nodes that start together wait here; all but the first one then find the work done.
    let lock = format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
    (&mut *transaction).execute(lock.as_str()).await?;
    // `CREATE SCHEMA IF NOT EXISTS` needs the right to create a schema even where it exists.
    let exists = format!("SELECT 1 FROM pg_namespace WHERE nspname = '{schema}'");
    if (&mut *transaction).fetch_all(exists.as_str()).await?.is_empty() {
        (&mut *transaction).execute(format!("CREATE SCHEMA \"{schema}\"").as_str()).await?;
    }
    // Not `SELECT` and then `CREATE`: databases that ignore advisory locks let two nodes come here together.
    let table = format!("CREATE TABLE IF NOT EXISTS \"{schema}\".migrations (version BIGINT NOT NULL PRIMARY KEY)");
    (&mut *transaction).execute(table.as_str()).await?;
    // Read again under the lock: another node may have done the work while this one waited.
    let current = version(&mut transaction, schema).await?;
    for (number, text) in pending(MIGRATIONS, current)? {
        (&mut *transaction).execute(text.replace("{p}", &format!("\"{schema}\".")).as_str()).await?;
        let done = format!("INSERT INTO \"{schema}\".migrations (version) VALUES ({number})");
        (&mut *transaction).execute(done.as_str()).await?;
    }
    Ok(transaction.commit().await?)
}

/// Whether a single statement runs at the isolation level that [`BEGIN`] sets.
/// An operator may have set another default for the database or the role.
async fn reads_committed(pool: &PgPool) -> sqlx::Result<bool> {
    let level: String = pool.fetch_one("SHOW transaction_isolation").await?.try_get(0)?;
    Ok(level == "read committed")
}

/// The version of the tables; 0 if there are none.
/// Reading a missing table would be an error that also ends the transaction, so the catalog is asked first.
async fn version(connection: &mut PgConnection, schema: &str) -> sqlx::Result<i64> {
    let exists = format!(
        "SELECT 1 FROM information_schema.tables WHERE table_schema = '{schema}' AND table_name = 'migrations'"
    );
    if (&mut *connection).fetch_all(exists.as_str()).await?.is_empty() {
        return Ok(0);
    }
    let version = format!("SELECT COALESCE(max(version), 0) FROM \"{schema}\".migrations");
    connection.fetch_one(version.as_str()).await?.try_get(0)
}

impl Backend for PostgresStore {
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
        // A statement that only reads can fail with a serialization failure too, where the database is stricter.
        let rows = self.retry(|| self.rows(text, values)).await;
        let found = rows.and_then(|rows| rows.iter().map(found).collect());
        found.map_err(StoreError::unavailable)
    }

    async fn execute(&self, text: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        self.retry(|| self.changes(text, values)).await.map_err(StoreError::unavailable)
    }

    async fn transact(&self, steps: &[Step<'_>]) -> Result<Taken, StoreError> {
        self.retry(|| self.transaction(steps)).await.map_err(StoreError::unavailable)
    }
}

client_store!(PostgresStore);
