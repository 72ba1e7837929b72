//! SQLite and PostgreSQL. Both keep the same tables and run the same verbs, so the verbs are written once, for a
//! [`Backend`] that runs statements; a backend knows its connections, its transactions and its errors.
//!
//! A client is a row: its record, and beside it what is selected and ordered by. The last use stands in its column
//! alone as the truth, so that recording one does not rewrite the client; so do the uses that a token has left.

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

/// A value of a statement.
#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Int(Option<i64>),
    Text(Option<&'a str>),
    Bytes(Option<&'a [u8]>),
}

/// What a statement finds: a number, and a record beside it unless it only counts.
struct Found {
    number: Option<i64>,
    record: Vec<u8>,
}

/// A statement of a transaction.
struct Step<'a> {
    text: &'a str,
    values: &'a [Value<'a>],
    /// Whether the transaction is given up when the statement finds or changes no row.
    required: bool,
    /// What is tried then, one after the other, before the transaction is given up.
    instead: &'a [Self],
    /// Whether what it finds are clients that go.
    removes: bool,
}

impl<'a> Step<'a> {
    fn required(text: &'a str, values: &'a [Value<'a>]) -> Self {
        Self { text, values, required: true, instead: &[], removes: false }
    }

    fn optional(text: &'a str, values: &'a [Value<'a>]) -> Self {
        Self { required: false, ..Self::required(text, values) }
    }

    fn removing(text: &'a str, values: &'a [Value<'a>]) -> Self {
        Self { required: false, removes: true, ..Self::required(text, values) }
    }
}

/// The clients that the steps of a transaction removed, or which step found nothing.
type Taken = Result<Vec<Arc<Client>>, usize>;

/// The client of a row. Of one that cannot be read nobody may be told that it is gone, so a transaction that removes it
/// fails.
fn removed<R: Row>(row: &R) -> sqlx::Result<Arc<Client>>
where
    usize: ColumnIndex<R>,
    Option<i64>: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    Vec<u8>: for<'r> Decode<'r, R::Database> + Type<R::Database>,
{
    verbs::client(&found(row)?).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// Runs statements on one database, for one tenant.
trait Backend: Sync {
    fn statements(&self) -> &Statements;
    fn tenant(&self) -> &[u8];

    /// Whether it is known that the clients of the tenant are counted.
    fn counting(&self) -> &std::sync::atomic::AtomicBool;

    /// What a query finds.
    fn fetch(&self, text: &str, values: &[Value<'_>]) -> impl Future<Output = Result<Vec<Found>, StoreError>> + Send;

    /// How many rows a statement changes.
    fn execute(&self, text: &str, values: &[Value<'_>]) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Takes all steps in one transaction, or none.
    fn transact(&self, steps: &[Step<'_>]) -> impl Future<Output = Result<Taken, StoreError>> + Send;
}

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

fn found<R: Row>(row: &R) -> sqlx::Result<Found>
where
    usize: ColumnIndex<R>,
    Option<i64>: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    Vec<u8>: for<'r> Decode<'r, R::Database> + Type<R::Database>,
{
    let record = if row.len() > 1 { row.try_get(1)? } else { Vec::new() };
    Ok(Found { number: row.try_get(0)?, record })
}

/// The schema of a database is newer than the program.
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

/// The versions of the schema that are still to come, in order: number and statements.
fn pending<'a>(migrations: &'a [&'a str], version: i64) -> Result<impl Iterator<Item = (i64, &'a str)>, NewerSchema> {
    let known = migrations.len() as i64;
    if version > known {
        return Err(NewerSchema { found: version, known });
    }
    Ok((1..).zip(migrations.iter().copied()).filter(move |(number, _)| *number > version))
}

/// Implements the store for a backend.
macro_rules! client_store {
    ($store:ty) => {
        impl $crate::store::ClientStore for $store {
            fn is_durable(&self) -> bool {
                true
            }

            fn for_tenant(&self, tenant: &str) -> Self {
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
