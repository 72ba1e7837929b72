//! Redis as a store.
//!
//! # How a verb is one step
//!
//! Redis runs a Lua script as a whole: no other command runs meanwhile. So each verb that changes something is one
//! script, and a caller who leaves can cancel it only before it begins. `MULTI` would not do, because it cannot decide
//! by what it reads, and `WATCH` would need a connection for each call. A script is sent by its digest, and loaded
//! where it is missing.
//!
//! A cluster demands that a script is given all keys that it uses. That is no problem for a client, but the victim of
//! an eviction is not known before: the store asks for some idle clients, gives their keys to the script, and the
//! script evicts the first one that is unchanged. If all of them have changed, the store asks again.
//!
//! # What a failure leaves
//!
//! An error of the connection leaves all of a verb or nothing of it, and the caller does not know which. The store
//! never repeats the request. After a failover a replica may lack the last changes, but it has no half of one, because
//! Redis replicates the writes of a script together.
//!
//! # Time
//!
//! Expiry of tokens and nonces is decided by the time that the caller passes, also in scripts. The clock of Redis only
//! deletes nonces whose time is over by more than a minute, so that they need no expiry of their own.
//!
//! # The keys
//!
//! All keys of a tenant share a hash tag, `{prefix:tenant}:…`. A cluster therefore keeps a tenant on one node, where
//! one script may use all of its keys, and spreads tenants over the nodes.
//!
//! | key | type | content |
//! | --- | --- | --- |
//! | `client:ID` | string | a line for the scripts, then the record; see `value.rs` |
//! | `index` | sorted set | rows by which clients are found; see `keys.rs` |
//! | `tokens` | hash | record, uses left and expiry of each initial access token |
//! | `remembered:DIGEST` | string with a lifetime | until when a nonce is claimed |
//!
//! The index is one sorted set whose scores are all 0, so Redis keeps its rows in the order of their bytes. A row
//! begins with what a client can be found by and ends with its time of issue and identifier. A page of a list is then
//! a range of rows, or is merged from a few ranges, and a client is added to all of its orders with one command.
//!
//! # What Redis may lose
//!
//! Redis answers before its disk or its replicas have a change, unless it is configured otherwise: see
//! `docs/stores.md` for what `appendfsync` and replication mean for clients that were told that they are registered.
//!
//! ```no_run
//! use tower_dcr::credential::SecretStorage;
//! use tower_dcr::store::RedisStore;
//! use tower_dcr::{Access, Registry};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let store = RedisStore::connect("redis://127.0.0.1:6379").await?.with_prefix("id.example.com");
//! let registry = Registry::builder("https://id.example.com", Access::Open)
//!     .with_secrets(SecretStorage::hashed())
//!     .build(store)?;
//! # Ok(())
//! # }
//! ```

mod connection;
mod keys;
mod options;
mod script;
mod select;
mod url;
mod value;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use redis::{Cmd, FromRedisValue, ScriptInvocation};

use self::connection::Connection;
use self::keys::{Keys, Rows};
pub use self::options::RedisOptions;
use super::{
    ClientQuery, ClientStore, IdleCutoffs, InsertConditions, InsertOutcome, Nonce, RemoveConditions, UpdateConditions,
    record,
};
use crate::client::Client;
use crate::client::InitialAccessTokenRecord;
use crate::client::credential::{ClientId, Digest};
use crate::error::StoreError;

/// How many clients are read or removed with one request. Redis serves no other caller meanwhile, so this bounds how
/// long they wait.
const BATCH: usize = 100;
/// How many idle clients are sorted before the first of them are removed. The rows of last uses are in the order of
/// the use and not of the issue, so they must be sorted here; this bounds the memory for that.
const WINDOW: isize = 10_000;
/// How often an insertion asks for idle clients again, after others have changed all that it was given.
/// Each round means that another caller made progress. The bound ends the search when the store is busy with evictions.
const ROUNDS: usize = 64;
/// How much longer Redis keeps a nonce than asked, because its clock and that of the caller may differ. The script
/// decides by the time of the caller; the lifetime only cleans up.
const GRACE: Duration = Duration::from_secs(60);
/// The longest lifetime that is given to Redis, in milliseconds: a thousand years. Redis refuses larger ones.
const LONGEST: u64 = 1000 * 366 * 24 * 3600 * 1000;

/// Keeps clients in Redis 6.2 or newer, or in a Redis Cluster. Clones share a connection.
///
/// Every verb that changes something is one Lua script, so it is done as a whole or not. A call fails instead of
/// waiting while Redis cannot be reached: after two seconds to connect, or five seconds without an answer. How much of
/// what was acknowledged survives the end of the server depends on its configuration (`appendfsync`, replication).
#[derive(Clone)]
pub struct RedisStore {
    /// Shared by all clones and tenants.
    connection: Connection,
    /// The names of the keys of one tenant.
    keys: Keys,
}

/// Without the connection, whose settings may have a password.
impl fmt::Debug for RedisStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RedisStore").field("keys", &self.keys).finish_non_exhaustive()
    }
}

/// An error of the driver as an outage.
/// An error that a script reports is one too: the request of the client is not at fault.
fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::unavailable(error)
}

impl RedisStore {
    /// Connects to a server: `redis://USER:PASSWORD@HOST:PORT/DATABASE`, `rediss://…` for TLS (feature `redis-tls`;
    /// certificate and name are always verified), or `unix:///PATH/OF/SOCKET?db=DATABASE`; to a cluster by some of its
    /// nodes, `redis+cluster://HOST:PORT,HOST:PORT` or `rediss+cluster://…`.
    ///
    /// # Errors
    ///
    /// When the URL is none or has a parameter that is not understood, asks for TLS without the feature, or the server
    /// cannot be reached within two seconds or is not the one that its certificate names. No error has the password.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::connect_with(url, &RedisOptions::new()).await
    }

    /// Connects to a server with certificates of the caller's.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), and when there are certificates that cannot be read or that the URL does not use.
    pub async fn connect_with(url: &str, options: &RedisOptions) -> Result<Self, StoreError> {
        if let Some(nodes) = url::nodes(url) {
            return Self::connect_cluster_with(&Vec::from_iter(nodes.iter().map(String::as_str)), options).await;
        }
        Connection::to_server(url, options).await.map(Self::new)
    }

    /// Connects to a cluster of which some nodes are named.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), when no node can be reached within two seconds, and when the URLs differ in more
    /// than the node.
    pub async fn connect_cluster(urls: &[&str]) -> Result<Self, StoreError> {
        Self::connect_cluster_with(urls, &RedisOptions::new()).await
    }

    /// Connects to a cluster with certificates of the caller's.
    ///
    /// # Errors
    ///
    /// As [`connect_cluster`](Self::connect_cluster), and when there are certificates that cannot be read.
    pub async fn connect_cluster_with(urls: &[&str], options: &RedisOptions) -> Result<Self, StoreError> {
        Connection::to_cluster(urls, options).await.map(Self::new)
    }

    /// A store with the default prefix.
    fn new(connection: Connection) -> Self {
        Self { connection, keys: Keys::new("tower-dcr", "") }
    }

    /// What all keys begin with, so that several registries share a database. Default: `tower-dcr`. Begins with the
    /// default tenant, so call it before [`for_tenant`](ClientStore::for_tenant).
    #[must_use]
    pub fn with_prefix(mut self, prefix: &str) -> Self {
        self.keys = Keys::new(prefix, "");
        self
    }

    /// Inserts a client without conditions, with a short script that checks nothing but the identifier.
    /// It sends and runs less than the script for conditions does.
    async fn add(&self, client: &Client) -> Result<InsertOutcome, StoreError> {
        let mut script = script::ADD.key(self.keys.client(client.id.as_str()));
        script.key(self.keys.index()).arg(value::write(client));
        index_rows(&mut script, client);
        Ok(if self.run(&script).await? { InsertOutcome::Inserted } else { InsertOutcome::Exists })
    }

    /// Inserts a client under conditions. If the limit is reached, the first of these candidates that is unchanged is
    /// evicted. The script checks all conditions before it changes anything, since Redis has no rollback.
    ///
    /// # Errors
    ///
    /// When Redis fails, or gives an answer that is not one of the script's.
    async fn insert_among(
        &self,
        client: &Client,
        conditions: &InsertConditions,
        candidates: &[Arc<Client>],
    ) -> Result<InsertOutcome, StoreError> {
        let mut script = script::INSERT.key(self.keys.client(client.id.as_str()));
        // The order of keys and arguments is that of the script.
        script.key(self.keys.index()).key(self.keys.tokens());
        script.arg(value::write(client)).arg(keys::time(conditions.now)).arg(text(conditions.max_clients));
        script.arg(digest_text(conditions.initial_access_token.as_ref())).arg(conditions.nonces.len());
        script.arg(unique_kind(conditions.unique_fingerprint.as_ref()));
        self.claim(&mut script, &conditions.nonces, conditions.now);
        for candidate in candidates {
            self.meant(&mut script, candidate);
        }
        index_rows(&mut script, client);
        Ok(match &*self.run::<String>(&script).await? {
            // Words, and a number only for an eviction: the position of the candidate, beginning with 1 as in Lua.
            "inserted" => InsertOutcome::Inserted,
            "exists" => InsertOutcome::Exists,
            "refused" => InsertOutcome::TokenRefused,
            "replayed" => InsertOutcome::Replayed,
            "full" => InsertOutcome::Full,
            "taken" => InsertOutcome::FingerprintTaken,
            number => {
                let evicted = number.parse().ok().and_then(|number: usize| candidates.get(number.checked_sub(1)?));
                let evicted = evicted.ok_or_else(|| StoreError::unavailable("the script gave no answer"))?;
                InsertOutcome::InsertedEvicting(Arc::clone(evicted))
            }
        })
    }

    /// Gives a script a client as it was read: its key, its revision and its last use. The script acts only if both
    /// are unchanged, so a client that was used in between is not removed.
    /// An update changes the revision and a use the last use, so the two together show any change.
    pub(super) fn meant(&self, script: &mut ScriptInvocation<'_>, client: &Client) {
        script.key(self.keys.client(client.id.as_str())).arg(client.revision).arg(keys::last_use(client));
    }

    /// Gives a script nonces: their keys, the time of expiry and the lifetime.
    /// One key and two arguments for each, which is the ratio on which the scripts rely.
    fn claim(&self, script: &mut ScriptInvocation<'_>, nonces: &[Nonce], now: SystemTime) {
        for Nonce { key, until } in nonces {
            // A nonce that has expired already is claimed for the grace period only.
            let lifetime = until.duration_since(now).unwrap_or_default().saturating_add(GRACE);
            // Without the limit a time that is far in the future would be an error of Redis in the middle of a script.
            let lifetime = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX).min(LONGEST);
            script.key(self.keys.remembered(key)).arg(keys::time(*until)).arg(lifetime);
        }
    }

    /// Runs a script; the driver loads it where it is missing.
    /// A server that was restarted has no scripts; it refuses the digest before it runs anything, so that repeat is
    /// safe.
    async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, StoreError> {
        script.invoke_async(&mut self.connection.clone()).await.map_err(unavailable)
    }

    /// Runs a command that only reads.
    /// One command is one snapshot, and it is never repeated either.
    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        command.query_async(&mut self.connection.clone()).await.map_err(unavailable)
    }
}

/// Gives a script the rows of a client as `ZADD` takes them, score and row in turns. They come last, because their
/// number differs.
fn index_rows(script: &mut ScriptInvocation<'_>, client: &Client) {
    for row in keys::rows(client).into_iter().chain(keys::last_use_row(client)) {
        script.arg(0).arg(row);
    }
}

/// A number for a script; the empty text is none.
/// A script compares it with `''`, because arguments of Redis have no `nil`.
fn text(number: Option<u64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

/// What the rows of a fingerprint that must be unique begin with; the empty text is none.
fn unique_kind(fingerprint: Option<&Digest>) -> String {
    fingerprint.map(keys::fingerprint_kind).unwrap_or_default()
}

/// A digest for a script; the empty text is none.
fn digest_text(digest: Option<&Digest>) -> String {
    digest.map(keys::hex).unwrap_or_default()
}

impl ClientStore for RedisStore {
    // Clients outlive the process of the application. Whether they outlive that of Redis is its configuration.
    fn is_durable(&self) -> bool {
        true
    }

    fn for_tenant(&self, tenant: &str) -> Self {
        Self { connection: self.connection.clone(), keys: self.keys.for_tenant(tenant) }
    }

    /// A store that is full is asked which clients may be evicted, and then once more with their keys, because a
    /// script must be given all keys that it uses. If all of them are evicted or used by then, the store is asked
    /// again.
    async fn insert(&self, client: &Client, conditions: &InsertConditions) -> Result<InsertOutcome, StoreError> {
        if conditions.is_unconditional() {
            return self.add(client).await;
        }
        let mut candidates = Vec::new();
        for _ in 0..ROUNDS {
            // The first round has no candidates: most insertions need no eviction, and a question before each would
            // cost a round trip.
            let outcome = self.insert_among(client, conditions, &candidates).await?;
            if outcome != InsertOutcome::Full {
                return Ok(outcome);
            }
            candidates = self.first_evictable(&conditions.evict).await?;
            // No client is idle, so another round could not evict one either.
            if candidates.is_empty() {
                break;
            }
        }
        Ok(InsertOutcome::Full)
    }

    async fn get(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        Ok(self.read([id.as_str()]).await?.pop())
    }

    /// The store has no copies, so this is `get`.
    async fn get_current(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        self.get(id).await
    }

    /// The script compares the digest with the first line of the client and reads no more before it is right. A client
    /// that an earlier version wrote has no digests in its line; then they are compared here.
    async fn get_by_registration_token(
        &self,
        id: &ClientId,
        token: &Digest,
    ) -> Result<Option<Arc<Client>>, StoreError> {
        let mut script = script::GET_BY_TOKEN.key(self.keys.client(id.as_str()));
        let value: Option<Vec<u8>> = self.run(script.arg(keys::hex(token))).await?;
        let client = value.map(|value| value::read(&value)).transpose()?;
        // Compared also where the script has done it: the record is what decides.
        Ok(client.filter(|client| client.has_registration_token(token)))
    }

    async fn update(&self, client: &Client, conditions: &UpdateConditions) -> Result<(), StoreError> {
        // Revision 0 has none before it, so no stored client can be the one that was read.
        let before = client.revision.checked_sub(1).ok_or_else(StoreError::conflict)?;
        let mut script = script::UPDATE.key(self.keys.client(client.id.as_str()));
        script.key(self.keys.index()).arg(value::write(client)).arg(before).arg(keys::time(conditions.now));
        script.arg(conditions.nonces.len()).arg(unique_kind(conditions.unique_fingerprint.as_ref()));
        script.arg(keys::place_of(client));
        self.claim(&mut script, &conditions.nonces, conditions.now);
        for released in &conditions.release_nonces {
            script.key(self.keys.remembered(&released.key));
        }
        match &*self.run::<String>(&script).await? {
            "updated" => Ok(()),
            "replayed" => Err(StoreError::replayed()),
            "taken" => Err(StoreError::fingerprint_taken()),
            // An unknown client and another revision are the same conflict.
            _ => Err(StoreError::conflict()),
        }
    }

    /// One script for one client. What is given back follows in the script, if the client was removed.
    async fn remove(&self, id: &ClientId, conditions: &RemoveConditions) -> Result<bool, StoreError> {
        let mut script = script::REMOVE.key(self.keys.index());
        script.key(self.keys.tokens()).key(self.keys.client(id.as_str()));
        script.arg(digest_text(conditions.refund.as_ref())).arg(1).arg(u8::from(conditions.restore.is_some()));
        script.arg(conditions.revision.map_or_else(|| "*".to_owned(), |revision| revision.to_string())).arg("*");
        if let Some(restored) = &conditions.restore {
            script.key(self.keys.client(restored.id.as_str())).arg(value::write(restored));
            index_rows(&mut script, restored);
        }
        for released in &conditions.release_nonces {
            script.key(self.keys.remembered(&released.key));
        }
        match self.run::<Vec<u8>>(&script).await?[..] {
            [script::CHANGED] => Err(StoreError::conflict()),
            [answer] => Ok(answer == script::REMOVED),
            _ => Err(StoreError::unavailable("the script gave no answer")),
        }
    }

    /// The script changes the first bytes of the value, not the record, and the rows of a client that is not disabled.
    async fn touch(&self, id: &ClientId, at: SystemTime) -> Result<bool, StoreError> {
        let mut script = script::TOUCH.key(self.keys.client(id.as_str()));
        self.run(script.key(self.keys.index()).arg(keys::time(at))).await
    }

    async fn list(&self, query: &ClientQuery) -> Result<Vec<Arc<Client>>, StoreError> {
        self.select(query, query.page_size()).await
    }

    /// Where the rows of the index are exactly the selected clients, Redis counts them without reading clients.
    async fn count(&self, query: &ClientQuery) -> Result<u64, StoreError> {
        if keys::is_exact(query) {
            return self.count_places(&Rows::around(query)).await;
        }
        // The position of a page does not change how many clients there are.
        let all = ClientQuery { after: None, ..query.clone() };
        Ok(self.select(&all, usize::MAX).await?.len() as u64)
    }

    /// Reads idle clients and removes those that are unchanged with one script, at most as many as a script may keep
    /// Redis busy with. So the caller learns of each removed client. Clients that cannot be read are skipped: they
    /// stay, since their grants could not be revoked.
    ///
    /// One call returns after the first batch in which a client was removed, so it is short, and the caller calls
    /// again. A batch of which nothing could be removed is passed, or clients that cannot be read would hide all
    /// others.
    async fn expire(&self, cutoffs: &IdleCutoffs, limit: usize) -> Result<Vec<Arc<Client>>, StoreError> {
        let mut expired = Vec::new();
        for places in self.idle_places(cutoffs, WINDOW).await?.chunks(BATCH) {
            let mut idle = self.readable(places).await?;
            idle.retain(|client| cutoffs.is_idle(client));
            idle.truncate(limit);
            expired = self.remove_unchanged(idle).await?;
            if !expired.is_empty() {
                break;
            }
        }
        Ok(expired)
    }

    /// The uses and the expiry are fields beside the record, so `insert.lua` decides without reading JSON.
    async fn insert_token(&self, token: &InitialAccessTokenRecord) -> Result<(), StoreError> {
        let mut script = script::INSERT_TOKEN.key(self.keys.tokens());
        script.arg(keys::hex(&token.digest)).arg(&*token.id).arg(record::encode_token(token));
        script.arg(text(token.uses_left.map(u64::from))).arg(token.expires_at.map(keys::time).unwrap_or_default());
        self.run(&script).await
    }

    /// Record and uses of one token.
    async fn get_token(&self, digest: &Digest) -> Result<Option<InitialAccessTokenRecord>, StoreError> {
        let digest = keys::hex(digest);
        let mut command = redis::cmd("HMGET");
        command.arg(self.keys.tokens()).arg(format!("{digest}:record")).arg(format!("{digest}:uses"));
        let (record, uses): (Option<Vec<u8>>, Option<String>) = self.ask(&command).await?;
        record.map(|record| select::token(&record, uses.as_deref())).transpose()
    }

    /// All tokens are in one hash and read at once, so the list is a snapshot. There are few: operators issue them.
    async fn list_tokens(&self) -> Result<Vec<InitialAccessTokenRecord>, StoreError> {
        let fields: HashMap<String, Vec<u8>> = self.ask(redis::cmd("HGETALL").arg(self.keys.tokens())).await?;
        let uses = |digest: &str| std::str::from_utf8(fields.get(&format!("{digest}:uses"))?).ok();
        let records = fields.iter().filter_map(|(field, record)| Some((field.strip_suffix(":record")?, record)));
        let tokens = records.map(|(digest, record)| select::token(record, uses(digest)));
        let mut tokens = tokens.collect::<Result<Vec<_>, _>>()?;
        // A hash has no order.
        tokens.sort_unstable_by(|one, other| (one.issued_at, &one.id).cmp(&(other.issued_at, &other.id)));
        Ok(tokens)
    }

    /// True for exactly one of several concurrent callers.
    async fn remove_token(&self, id: &str) -> Result<bool, StoreError> {
        self.run(script::REMOVE_TOKEN.key(self.keys.tokens()).arg(id)).await
    }

    /// A script and not `SET NX`, which would compare with the clock of Redis.
    async fn claim_nonce(&self, key: &str, until: SystemTime, now: SystemTime) -> Result<bool, StoreError> {
        let mut script = script::CLAIM_NONCE.arg(keys::time(now));
        self.claim(&mut script, &[Nonce::new(key, until)], now);
        self.run(&script).await
    }
}
