//! SQLite and PostgreSQL.
//!
//! Both have the same tables and run the same verbs, so the verbs are written once, for a [`Backend`] that runs
//! statements. A backend knows its connections, its transactions and its errors; `statements.rs` has the SQL that both
//! understand, and a `Dialect` the few statements that differ.
//!
//! # The tables
//!
//! A client is a row: its record (versioned JSON, see [`record`](crate::store::record)), and beside it the values by
//! which clients are selected and ordered. Two values are stored in their column alone and not in the record, because
//! they change often and independently of it: the last use of a client, so that recording one does not rewrite the
//! record, and the number of uses that a token has left.
//!
//! Every table and every index begins with the tenant. Owners, tenants, tokens and nonces are bytes and not text, so
//! no collation of a database compares them in its own way; identifiers are text with the collation of bytes.
//!
//! # How a verb is one step
//!
//! A verb is one statement wherever that is possible, since a statement is atomic without a transaction and costs one
//! round trip. Otherwise it is a list of [`Step`]s that [`Backend::transact`] runs in one transaction. A condition is
//! a statement that changes or finds a row if the condition holds, such as `UPDATE tokens SET uses_left = uses_left -
//! 1 … AND uses_left > 0`: the database checks and spends in one go, and a lock on that row makes a second caller wait
//! for the first one. The first required step that finds no row undoes the transaction, and its index says which
//! condition failed.
//!
//! # What one statement must guarantee
//!
//! The two databases isolate transactions differently. SQLite has one writer, so a transaction runs alone. PostgreSQL
//! runs transactions beside one another at `READ COMMITTED`, where each statement sees what was committed before it
//! began. The steps are written for the weaker one: no step relies on what an earlier `SELECT` returned, unless a lock
//! that the transaction holds keeps it true.
//!
//! # Which index serves which verb
//!
//! | index | verb |
//! | --- | --- |
//! | primary key (tenant, identifier) | `get`, `update`, `remove`, `touch` |
//! | issue (tenant, issue, identifier) | `list` and its cursor |
//! | never used (partial) | expiry and eviction of unused clients |
//! | owner, fingerprint (partial) | a list of them, the check of uniqueness |
//! | registration tokens (three, partial) | `get_by_registration_token` |
//! | unused by owner, token, network (partial) | eviction for one registrant |
//!
//! An index is partial where most rows have no value for it, so that these rows cost no writes there. No index has the
//! last use, which would have to be rewritten with every use of a client.

mod filter;
mod insert;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
mod statements;
mod verbs;

#[cfg(feature = "postgres")]
pub use postgres::{PostgresOptions, PostgresStore};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;

use std::future::Future;
use std::sync::Arc;

use sqlx::query::Query;
use sqlx::{ColumnIndex, Database, Decode, Encode, Row, Type};

use self::statements::Statements;
use crate::client::Client;
use crate::clock::unix_millis as millis;
use crate::error::StoreError;

/// A value of a statement, in the three types that all columns have. Borrowed, because a verb is given references.
#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    /// A number, a time in milliseconds since 1970, or a hash whose bits are taken as a signed number.
    Int(Option<i64>),
    /// A text of a known alphabet.
    Text(Option<&'a str>),
    /// A digest, a record, or a text of any alphabet.
    Bytes(Option<&'a [u8]>),
}

/// A row that a statement finds: a number (the last use, the uses left, or a count) and a record, which is empty for a
/// count.
struct Found {
    /// The first column; `None` for `NULL`.
    number: Option<i64>,
    /// The second column. It is decoded outside of the driver, so that its errors are those of the record.
    record: Vec<u8>,
}

/// A statement of a transaction.
struct Step<'a> {
    /// The SQL, with `$1`, `$2` and so on for its values.
    text: &'a str,
    /// As many values as placeholders.
    values: &'a [Value<'a>],
    /// Whether the transaction is undone when the statement finds or changes no row.
    required: bool,
    /// What is tried then, one after the other, before the transaction is undone: an eviction when the limit is
    /// reached.
    instead: &'a [Self],
    /// Whether the statement returns clients that it removes.
    removes: bool,
}

impl<'a> Step<'a> {
    /// A condition of the transaction.
    /// The statement is written so that a row is found or changed exactly if the condition holds.
    fn required(text: &'a str, values: &'a [Value<'a>]) -> Self {
        Self { text, values, required: true, instead: &[], removes: false }
    }

    /// A statement that may change nothing, such as the refund to a token that was removed meanwhile.
    fn optional(text: &'a str, values: &'a [Value<'a>]) -> Self {
        Self { required: false, ..Self::required(text, values) }
    }

    /// A statement that removes clients and returns them.
    fn removing(text: &'a str, values: &'a [Value<'a>]) -> Self {
        Self { required: false, removes: true, ..Self::required(text, values) }
    }
}

/// The clients that the steps of a transaction removed, or the index of the step that found nothing.
type Taken = Result<Vec<Arc<Client>>, usize>;

/// The client of a removed row. If its record cannot be read, the transaction fails and the client stays: its grants
/// could not be revoked, since the caller would not learn which client was removed.
fn removed<R: Row>(row: &R) -> sqlx::Result<Arc<Client>>
where
    usize: ColumnIndex<R>,
    Option<i64>: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    Vec<u8>: for<'r> Decode<'r, R::Database> + Type<R::Database>,
{
    verbs::client(&found(row)?).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// Runs statements on one database, for one tenant.
///
/// A backend never interprets a statement: it binds values, runs the text, and reports rows. What it adds is the order
/// of writers, retries where the database reports a conflict of transactions, and limits of time.
trait Backend: Sync {
    /// The statements with the names of the tables.
    fn statements(&self) -> &Statements;
    /// The tenant, as it is stored.
    fn tenant(&self) -> &[u8];

    /// Whether it is known that the clients of the tenant are counted. Once they are, they stay so, which saves a
    /// query for each insertion.
    fn counting(&self) -> &std::sync::atomic::AtomicBool;

    /// Runs a statement that reads, and returns its rows.
    /// The statement must change nothing, because it may run on a connection that is for reading.
    fn fetch(&self, text: &str, values: &[Value<'_>]) -> impl Future<Output = Result<Vec<Found>, StoreError>> + Send;

    /// Runs a statement that writes, and returns how many rows it changed.
    /// It is atomic without a transaction, also when the future is dropped.
    fn execute(&self, text: &str, values: &[Value<'_>]) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Runs all steps in one transaction, in their order, or none of them.
    ///
    /// `Ok(Err(index))` when the required step of this index found no row; everything before it is undone then. `Err`
    /// when the database failed: the transaction was not committed, or the answer to its commit was lost.
    fn transact(&self, steps: &[Step<'_>]) -> impl Future<Output = Result<Taken, StoreError>> + Send;
}

/// A statement with its values. They are always bound and never a part of the text, so no value can become SQL.
fn bound<'q, D>(text: &'q str, values: &[Value<'q>]) -> Query<'q, D, D::Arguments<'q>>
where
    D: Database,
    Option<i64>: Encode<'q, D> + Type<D>,
    Option<&'q str>: Encode<'q, D> + Type<D>,
    Option<&'q [u8]>: Encode<'q, D> + Type<D>,
{
    values.iter().fold(sqlx::query(text), |query, value| match *value {
        Value::Int(value) => query.bind(value),
        Value::Text(value) => query.bind(value),
        Value::Bytes(value) => query.bind(value),
    })
}

/// Reads a row.
fn found<R: Row>(row: &R) -> sqlx::Result<Found>
where
    usize: ColumnIndex<R>,
    Option<i64>: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    Vec<u8>: for<'r> Decode<'r, R::Database> + Type<R::Database>,
{
    // Columns are read by their positions. All statements that find rows have the number first.
    let record = if row.len() > 1 { row.try_get(1)? } else { Vec::new() };
    Ok(Found { number: row.try_get(0)?, record })
}

/// The tables were written by a newer version of the program, which this one could damage.
#[derive(Debug)]
struct NewerSchema {
    found: i64,
    known: i64,
}

impl std::fmt::Display for NewerSchema {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { found, known } = self;
        write!(formatter, "the tables have version {found}, but this program knows {known} at most")
    }
}

impl std::error::Error for NewerSchema {}

/// The versions of the tables that are still to come, in order: number and statements.
///
/// The version of a migration is its position, beginning with 1, so a released migration is never removed or reordered.
///
/// # Errors
///
/// When the tables have a version that this program does not know. It refuses to start: a statement of an older program
/// would leave newer columns empty, and the newer program would take that for the truth.
fn pending<'a>(migrations: &'a [&'a str], version: i64) -> Result<impl Iterator<Item = (i64, &'a str)>, NewerSchema> {
    let known = migrations.len() as i64;
    if version > known {
        return Err(NewerSchema { found: version, known });
    }
    Ok((1..).zip(migrations.iter().copied()).filter(move |(number, _)| *number > version))
}

/// Implements the store for a backend by forwarding each verb to the function of that name. A blanket implementation
/// for all backends is not possible, because `ClientStore` is public and foreign types may implement it.
macro_rules! client_store {
    ($store:ty) => {
        impl $crate::store::ClientStore for $store {
            // Also for a database in memory that an application passes as a pool: the store cannot know it, and durable
            // is the answer that demands more care with secrets.
            fn is_durable(&self) -> bool {
                true
            }

            fn for_tenant(&self, tenant: &str) -> Self {
                // The flag belongs to one tenant: another one may have no count.
                Self { tenant: tenant.as_bytes().into(), counting: std::sync::Arc::default(), ..self.clone() }
            }

            async fn close(&self) -> Result<(), StoreError> {
                self.shut_down().await
            }

            async fn insert(&self, client: &Client, conditions: &InsertConditions) -> Result<InsertOutcome, StoreError> {
                $crate::store::sql::insert::insert(self, client, conditions).await
            }

            client_store! { @verbs
                get(id: &ClientId) -> Option<Arc<Client>>;
                get_current(id: &ClientId) -> Option<Arc<Client>>;
                get_by_registration_token(id: &ClientId, token: &Digest) -> Option<Arc<Client>>;
                update(client: &Client, conditions: &UpdateConditions) -> ();
                remove(id: &ClientId, conditions: &RemoveConditions) -> bool;
                touch(id: &ClientId, at: SystemTime) -> bool;
                list(query: &ClientQuery) -> Vec<Arc<Client>>;
                count(query: &ClientQuery) -> u64;
                expire(cutoffs: &IdleCutoffs, limit: usize) -> Vec<Arc<Client>>;
                insert_token(token: &InitialAccessTokenRecord) -> ();
                get_token(digest: &Digest) -> Option<InitialAccessTokenRecord>;
                list_tokens() -> Vec<InitialAccessTokenRecord>;
                remove_token(id: &str) -> bool;
                claim_nonce(key: &str, until: SystemTime, now: SystemTime) -> bool;
            }
        }
    };
    (@verbs $($verb:ident($($name:ident: $type:ty),*) -> $answer:ty;)+) => {
        $(async fn $verb(&self, $($name: $type),*) -> Result<$answer, StoreError> {
            $crate::store::sql::verbs::$verb(self, $($name),*).await
        })+
    };
}
use client_store;
