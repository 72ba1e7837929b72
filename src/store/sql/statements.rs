//! The SQL of every verb.
//!
//! What both databases understand is written once; `{p}` stands for the schema or prefix of the tables. Each statement
//! is made so that the database itself decides: it changes a row exactly if the condition holds, and the number of
//! changed rows is the answer. A `SELECT` before a write would need a lock or a stricter isolation level to mean
//! anything.
//!
//! The texts are built once for a store and not for each call: the driver finds a prepared statement by its text. Only
//! a list, a count, an expiry and an eviction are completed for a call, with the conditions of a `Filter`.
//!
//! The placeholders of a statement are in the order in which `verbs.rs` and `insert.rs` build its values, and `$1` is
//! the tenant in each that has a table. A statement without that condition would reach into the data of another tenant.

/// The statements of one database, with the names of its tables in place.
#[derive(Debug)]
pub(super) struct Statements {
    /// Inserts a client of a tenant whose clients are not counted; changes nothing for another tenant.
    pub(super) add: String,
    /// Inserts a client of any tenant, and counts it where clients are counted.
    pub(super) insert: String,
    /// The last use and the record of a client.
    pub(super) get: String,
    /// Finds a client by the digest of a token in the partial indexes, so that for a wrong token no row is read.
    pub(super) get_by_registration_token: String,
    /// Replaces a client if it has the revision before.
    pub(super) update: String,
    /// Removes a client, at one revision or at any, and counts it where clients are counted.
    pub(super) remove: String,
    /// Records a use unless a later one is recorded.
    pub(super) touch: String,
    /// The beginning of a query that a filter completes.
    pub(super) list: String,
    /// The beginning of a count that a filter completes.
    pub(super) count: String,
    /// The number of all clients: the row of the limit if there is one, otherwise the rows.
    pub(super) count_all: String,
    /// What stands before and after a filter, an order, a limit and the way rows are locked.
    pub(super) expire: (String, String),
    /// How rows are locked to expire them, and to evict one.
    pub(super) locking: [&'static str; 2],
    /// Deletes expired nonces.
    pub(super) expire_nonces: String,
    /// How a list of identifiers selects rows; the identifiers are one JSON array of texts.
    pub(super) ids: &'static str,
    /// Whether a client was never used, in the words of the partial indexes.
    pub(super) never_used: &'static str,
    /// Spends one use of a token that is usable at a time; finds a row also for a token without a number of uses.
    pub(super) spend: String,
    /// Refunds one use to a token that has a number of uses.
    pub(super) refund: String,
    /// Finds the row of the count if there are no more clients than a limit. It follows the insertion, which has
    /// counted the new client already.
    pub(super) within: String,
    /// Finds a row unless another client has a fingerprint.
    pub(super) unique: String,
    /// Makes transactions that need one fingerprint wait for one another, where they would otherwise run at the same
    /// time.
    pub(super) lock_fingerprint: Option<&'static str>,
    /// Finds the row of the count if the clients of a tenant are counted.
    pub(super) is_counted: String,
    /// Begins to count the clients of a tenant, in one transaction.
    pub(super) begin_counting: Vec<String>,
    /// Inserts or replaces a token.
    pub(super) put_token: String,
    /// The uses left and the record of a token.
    pub(super) get_token: String,
    /// The same of all tokens of a tenant, in order.
    pub(super) list_tokens: String,
    /// Removes a token by its identifier.
    pub(super) remove_token: String,
    /// Inserts a nonce, or replaces an expired one.
    pub(super) claim_nonce: String,
    /// Removes a nonce.
    pub(super) release_nonce: String,
}

/// The statements that the two databases do not understand alike. PostgreSQL counts clients in the statement that
/// inserts or removes them, SQLite in a trigger; only PostgreSQL locks rows.
pub(super) struct Dialect {
    /// The insertion of a client whose tenant has no count.
    pub(super) add: &'static str,
    /// The insertion that also changes the count. PostgreSQL needs a second part in the statement for that.
    pub(super) insert: &'static str,
    /// The removal, with a revision that may be `NULL` for any revision.
    pub(super) remove: &'static str,
    /// The removal of idle clients, before and after the conditions that select them.
    pub(super) expire: (&'static str, &'static str),
    /// The removal of expired nonces. It must not wait for a nonce that another transaction is claiming again.
    pub(super) expire_nonces: &'static str,
    /// Empty for a database with a single writer.
    pub(super) locking: [&'static str; 2],
    /// The databases have different functions that read a JSON array as rows; `{}` is the placeholder.
    pub(super) ids: &'static str,
    /// A generated column in PostgreSQL, an expression in SQLite; equal to the condition of the partial indexes.
    pub(super) never_used: &'static str,
    /// PostgreSQL reports changed rows, so the token without a number of uses, which is not changed, is found beside.
    pub(super) spend: &'static str,
    /// What makes other writers wait while the clients are counted for the first time; `None` with a single writer.
    pub(super) lock_clients: Option<&'static str>,
    /// The advisory lock of a unique fingerprint; `None` with a single writer.
    pub(super) lock_fingerprint: Option<&'static str>,
}

impl Statements {
    /// The statements with the prefix of the tables in place of `{p}`.
    pub(super) fn new(prefix: &str, dialect: &Dialect) -> Self {
        let named = |text: &str| text.replace("{p}", prefix);
        Self {
            add: named(dialect.add),
            insert: named(dialect.insert),
            get: named("SELECT last_used, record FROM {p}clients WHERE tenant = $1 AND id = $2"),
            get_by_registration_token: named(GET_BY_REGISTRATION_TOKEN),
            update: named(UPDATE),
            remove: named(dialect.remove),
            touch: named(TOUCH),
            list: named("SELECT last_used, record FROM {p}clients WHERE "),
            count: named("SELECT count(*) FROM {p}clients WHERE "),
            count_all: named(COUNT_ALL),
            // A filter, an order and a limit stand between the two parts, so they cannot be one text.
            expire: (named(dialect.expire.0), named(dialect.expire.1)),
            expire_nonces: named(dialect.expire_nonces),
            locking: dialect.locking,
            ids: dialect.ids,
            never_used: dialect.never_used,
            spend: named(dialect.spend),
            refund: named(REFUND),
            // `<=` and not `<`: the insertion before it has counted the new client.
            within: named("SELECT taken FROM {p}places WHERE tenant = $1 AND taken <= $2"),
            unique: named(UNIQUE),
            lock_fingerprint: dialect.lock_fingerprint,
            is_counted: named("SELECT taken FROM {p}places WHERE tenant = $1"),
            begin_counting: dialect.lock_clients.into_iter().chain([BEGIN_COUNTING]).map(named).collect(),
            put_token: named(PUT_TOKEN),
            get_token: named("SELECT uses_left, record FROM {p}tokens WHERE tenant = $1 AND digest = $2"),
            list_tokens: named("SELECT uses_left, record FROM {p}tokens WHERE tenant = $1 ORDER BY issued_at, id"),
            remove_token: named("DELETE FROM {p}tokens WHERE tenant = $1 AND id = $2"),
            claim_nonce: named(CLAIM_NONCE),
            release_nonce: named("DELETE FROM {p}remembered WHERE tenant = $1 AND key = $2"),
        }
    }
}

/// Not by the identifier: that would read the row of an existing client before the digest is compared. Three branches
/// and not one `OR`, so that each uses its own partial index.
const GET_BY_REGISTRATION_TOKEN: &str = "SELECT last_used, record FROM {p}clients
        WHERE tenant = $1 AND registration_token = $2
    UNION ALL SELECT last_used, record FROM {p}clients WHERE tenant = $1 AND previous_token = $2
    UNION ALL SELECT last_used, record FROM {p}clients WHERE tenant = $1 AND between_token = $2";

/// The revision must be the one before. A later use than the one that was read stays.
/// `$3 - 1` is the revision that the caller read, so the check and the new revision cannot contradict each other. `$8`
/// may be `NULL`, when the caller read a client that was never used: then a use that another node recorded in between
/// stays as well.
const UPDATE: &str = "UPDATE {p}clients SET revision = $3, status = $4, owner = $5, fingerprint = $6, record = $7,
    registration_token = $9, previous_token = $10, between_token = $11,
    last_used = CASE WHEN last_used > $8 THEN last_used ELSE COALESCE($8, last_used) END
    WHERE tenant = $1 AND id = $2 AND revision = $3 - 1";

/// A `SELECT` that finds a row if the condition holds, as a required step demands.
/// The client itself is left out by its identifier: an update that keeps its fingerprint is no conflict.
const UNIQUE: &str = "SELECT 1 WHERE NOT EXISTS (
    SELECT 1 FROM {p}clients WHERE tenant = $1 AND fingerprint = $2 AND id <> $3)";

/// The comparison is in the statement, so concurrent uses need no transaction.
/// The record, whose size a client determines, is not sent. Indexes change only with the first use, by which
/// the client leaves those of unused clients.
const TOUCH: &str = "UPDATE {p}clients SET last_used = CASE WHEN last_used > $3 THEN last_used ELSE $3 END
    WHERE tenant = $1 AND id = $2";

/// The first subquery is one row; the second one, which reads an index, runs only if there is none.
/// Both are equal: the count is changed in the transaction of each insertion and removal, so it is never ahead of the
/// rows or behind them.
const COUNT_ALL: &str = "SELECT COALESCE((SELECT taken FROM {p}places WHERE tenant = $1),
    (SELECT count(*) FROM {p}clients WHERE tenant = $1))";

/// A token without a number of uses stays without one.
/// A token that was removed in the meantime gets nothing back; no row changes, and that is no failure.
const REFUND: &str = "UPDATE {p}tokens SET uses_left = uses_left + 1
    WHERE tenant = $1 AND digest = $2 AND uses_left IS NOT NULL";

/// `WHERE true` tells SQLite that `ON CONFLICT` does not belong to a join. Two nodes that begin at the same moment
/// insert one row.
/// The second one changes nothing, so the count of the first one, which others may have changed by then, stays.
const BEGIN_COUNTING: &str = "INSERT INTO {p}places (tenant, taken)
    SELECT $1, (SELECT count(*) FROM {p}clients WHERE tenant = $1) WHERE true
    ON CONFLICT (tenant) DO NOTHING";

/// Inserts a token, or replaces all values of the one with the same digest.
const PUT_TOKEN: &str = "INSERT INTO {p}tokens (tenant, digest, id, issued_at, expires_at, uses_left, record)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (tenant, digest) DO UPDATE SET id = excluded.id, issued_at = excluded.issued_at,
        expires_at = excluded.expires_at, uses_left = excluded.uses_left, record = excluded.record";

/// A conflict with an expired nonce replaces its time; with a valid one it changes no row, which is the answer.
/// The row lock of the conflict makes a second caller wait for the first one. If that one rolls back, the second one
/// inserts the nonce; otherwise it evaluates the condition with the committed time.
const CLAIM_NONCE: &str = "INSERT INTO {p}remembered AS known (tenant, key, until) VALUES ($1, $2, $3)
    ON CONFLICT (tenant, key) DO UPDATE SET until = excluded.until WHERE known.until <= $4";
