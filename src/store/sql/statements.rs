//! The SQL of every verb. What both databases say alike stands here once; `{p}` is the prefix of the tables.

/// The statements of one database, with the names of its tables in place.
#[derive(Debug)]
pub(super) struct Statements {
    /// Inserts a client of a tenant whose clients are not counted.
    pub(super) add: String,
    /// Inserts a client of any tenant.
    pub(super) insert: String,
    pub(super) get: String,
    /// Finds the clients of a digest by its index, so that a wrong one is found nowhere and reads no client.
    pub(super) get_by_registration_token: String,
    pub(super) update: String,
    pub(super) remove: String,
    pub(super) touch: String,
    /// Begins a query that a filter completes.
    pub(super) list: String,
    /// Likewise.
    pub(super) count: String,
    pub(super) count_all: String,
    /// Stands around a filter, an order, a limit and how rows are locked.
    pub(super) expire: (String, String),
    /// How rows are locked to expire, and to make room.
    pub(super) locking: [&'static str; 2],
    pub(super) expire_nonces: String,
    /// How a list of identifiers selects, the identifiers being one JSON array of texts.
    pub(super) ids: &'static str,
    /// Whether a client was never used, as the index of those says it.
    pub(super) never_used: &'static str,
    pub(super) spend: String,
    pub(super) refund: String,
    /// Finds a row while there are no more clients than this.
    pub(super) within: String,
    /// Finds a row unless another client has a fingerprint.
    pub(super) unique: String,
    /// Makes transactions that ask for one fingerprint wait for one another, where they would otherwise run at once.
    pub(super) lock_fingerprint: Option<&'static str>,
    pub(super) is_counted: String,
    /// Begins to count the clients of a tenant, in one transaction.
    pub(super) begin_counting: Vec<String>,
    pub(super) put_token: String,
    pub(super) get_token: String,
    pub(super) list_tokens: String,
    pub(super) remove_token: String,
    pub(super) claim_nonce: String,
    pub(super) release_nonce: String,
}

/// What the databases do not say alike.
pub(super) struct Dialect {
    pub(super) add: &'static str,
    pub(super) insert: &'static str,
    pub(super) remove: &'static str,
    pub(super) expire: (&'static str, &'static str),
    pub(super) expire_nonces: &'static str,
    pub(super) locking: [&'static str; 2],
    pub(super) ids: &'static str,
    pub(super) never_used: &'static str,
    pub(super) spend: &'static str,
    pub(super) lock_clients: Option<&'static str>,
    pub(super) lock_fingerprint: Option<&'static str>,
}

impl Statements {
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
            expire: (named(dialect.expire.0), named(dialect.expire.1)),
            expire_nonces: named(dialect.expire_nonces),
            locking: dialect.locking,
            ids: dialect.ids,
            never_used: dialect.never_used,
            spend: named(dialect.spend),
            refund: named(REFUND),
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

/// Not by the identifier: that would read the row of a client that exists before the digest is compared.
const GET_BY_REGISTRATION_TOKEN: &str = "SELECT last_used, record FROM {p}clients
        WHERE tenant = $1 AND registration_token = $2
    UNION ALL SELECT last_used, record FROM {p}clients WHERE tenant = $1 AND previous_token = $2
    UNION ALL SELECT last_used, record FROM {p}clients WHERE tenant = $1 AND between_token = $2";

/// The revision must be the one before; a later use than the one that was read stays.
const UPDATE: &str = "UPDATE {p}clients SET revision = $3, status = $4, owner = $5, fingerprint = $6, record = $7,
    registration_token = $9, previous_token = $10, between_token = $11,
    last_used = CASE WHEN last_used > $8 THEN last_used ELSE COALESCE($8, last_used) END
    WHERE tenant = $1 AND id = $2 AND revision = $3 - 1";

const UNIQUE: &str = "SELECT 1 WHERE NOT EXISTS (
    SELECT 1 FROM {p}clients WHERE tenant = $1 AND fingerprint = $2 AND id <> $3)";

const TOUCH: &str = "UPDATE {p}clients SET last_used = CASE WHEN last_used > $3 THEN last_used ELSE $3 END
    WHERE tenant = $1 AND id = $2";

const COUNT_ALL: &str = "SELECT COALESCE((SELECT taken FROM {p}places WHERE tenant = $1),
    (SELECT count(*) FROM {p}clients WHERE tenant = $1))";

const REFUND: &str = "UPDATE {p}tokens SET uses_left = uses_left + 1
    WHERE tenant = $1 AND digest = $2 AND uses_left IS NOT NULL";

const BEGIN_COUNTING: &str = "INSERT INTO {p}places (tenant, taken)
    SELECT $1, (SELECT count(*) FROM {p}clients WHERE tenant = $1) WHERE true
    ON CONFLICT (tenant) DO NOTHING";

const PUT_TOKEN: &str = "INSERT INTO {p}tokens (tenant, digest, id, issued_at, expires_at, uses_left, record)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (tenant, digest) DO UPDATE SET id = excluded.id, issued_at = excluded.issued_at,
        expires_at = excluded.expires_at, uses_left = excluded.uses_left, record = excluded.record";

const CLAIM_NONCE: &str = "INSERT INTO {p}remembered AS known (tenant, key, until) VALUES ($1, $2, $3)
    ON CONFLICT (tenant, key) DO UPDATE SET until = excluded.until WHERE known.until <= $4";
