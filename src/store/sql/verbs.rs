//! The verbs of a store for any backend, apart from the insertion, which is in [`insert`](super::insert).
//!
//! A verb turns its arguments into values, chooses the statements, and turns rows into clients. What must be atomic is
//! left to the database: no function here reads a row, decides and then writes. The only look after a write is in
//! [`remove`], and it cannot be wrong, because revisions only grow.
//!
//! # What a failure leaves
//!
//! A verb that fails has changed nothing, or its answer was lost after the commit. These two cannot be distinguished
//! from here, so no verb is repeated after an error of the connection. The registry reports an outage, and the caller
//! decides. A verb whose future is dropped leaves the same two possibilities: a transaction without a commit is rolled
//! back, and a single statement was executed as a whole or was never sent.
//!
//! # Records and columns
//!
//! A column is the truth for what it has: the last use and the uses left are taken from the row and replace those of
//! the record. All other columns are copies of values in the record, written in the same statement, by which rows are
//! selected.

use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::filter::{Filter, ids};
use super::insert::Unique;
use super::{Backend, Found, Step, Value, millis};
use crate::client::Client;
use crate::client::InitialAccessTokenRecord;
use crate::client::credential::{ClientId, Digest};
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{ClientQuery, IdleCutoffs, Nonce, RemoveConditions, UpdateConditions, record};

/// A number; one that is too large for the column is the largest one, which means the same for limits.
pub(super) fn int(value: u64) -> Value<'static> {
    Value::Int(Some(i64::try_from(value).unwrap_or(i64::MAX)))
}

/// A time in milliseconds since 1970.
pub(super) fn at(time: SystemTime) -> Value<'static> {
    Value::Int(Some(millis(time)))
}

/// A time that may be missing.
/// `NULL` in the database. A comparison with `NULL` never holds, so a missing time is neither before nor after another.
pub(super) fn maybe_at(time: Option<SystemTime>) -> Value<'static> {
    Value::Int(time.map(millis))
}

/// A text that is compared by its bytes.
///
/// Only for values of a known alphabet, such as identifiers, statuses and digests. PostgreSQL refuses a text with the
/// character U+0000, so text of any alphabet, such as an owner, is stored as bytes.
pub(super) fn text(text: &str) -> Value<'_> {
    Value::Text(Some(text))
}

/// Bytes, which no collation changes.
pub(super) fn bytes(bytes: &[u8]) -> Value<'_> {
    Value::Bytes(Some(bytes))
}

/// The client of a row: its record with the last use of the column.
///
/// # Errors
///
/// When the record is damaged or has a newer version than this program reads.
pub(super) fn client(found: &Found) -> Result<Arc<Client>, StoreError> {
    let last_used = found.number.and_then(crate::clock::from_unix_millis);
    Ok(Arc::new(record::decode_client(&found.record)?.with_last_used(last_used)))
}

/// The clients of rows. One that cannot be read fails the call instead of being left out, since a list that is
/// silently incomplete would be worse.
/// An operator who revokes clients by a list must see all of them, or the error.
fn clients(found: &[Found]) -> Result<Vec<Arc<Client>>, StoreError> {
    found.iter().map(client).collect()
}

/// The token of a row: its record with the uses left of the column.
/// A token without a limit of uses has `NULL` there.
fn token(found: &Found) -> Result<InitialAccessTokenRecord, StoreError> {
    let uses_left = found.number.map(|uses| u32::try_from(uses).unwrap_or(u32::MAX));
    Ok(InitialAccessTokenRecord { uses_left, ..record::decode_token(&found.record)? })
}

/// One row by its primary key.
pub(super) async fn get<B: Backend>(backend: &B, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
    let values = [bytes(backend.tenant()), text(id.as_str())];
    backend.fetch(&backend.statements().get, &values).await?.first().map(client).transpose()
}

/// The database has no copies, so this is [`get`].
/// A commit is visible to every later statement of any connection, so a read after a write of another caller sees that
/// write.
pub(super) async fn get_current<B: Backend>(backend: &B, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
    get(backend, id).await
}

/// Finds the row by the digest of the token, through an index, and only then compares the identifier. A lookup by the
/// identifier would read the row of an existing client before the token is compared, and its size would show in the
/// time.
pub(super) async fn get_by_registration_token<B: Backend>(
    backend: &B,
    id: &ClientId,
    token: &Digest,
) -> Result<Option<Arc<Client>>, StoreError> {
    // An index search is not of constant time. What it may show is the beginning of a digest, and no one can compute a
    // token from that.
    let token = digest_text(token);
    let values = [bytes(backend.tenant()), text(&token)];
    // A digest occurs once in practice; the query may still return several rows.
    let found = clients(&backend.fetch(&backend.statements().get_by_registration_token, &values).await?)?;
    Ok(found.into_iter().find(|client| client.id == *id))
}

/// The values of a client that are stored in another form than the program has them.
///
/// A step borrows its values, so they live here as long as the steps of one transaction.
pub(super) struct Written {
    /// The record as versioned JSON.
    pub(super) record: Vec<u8>,
    /// The digest of the current registration access token; `None` for a client without one.
    pub(super) registration_token: Option<String>,
    /// The digest of the token before it, which stays valid after a rotation, so that a client that did not receive the
    /// answer can still authenticate.
    pub(super) previous_token: Option<String>,
    /// The digest of a token that was issued between these two.
    pub(super) between_token: Option<String>,
}

impl Written {
    /// The values of one client. The digests in the columns and those in the record are of the same moment.
    pub(super) fn of(client: &Client) -> Self {
        let token = client.token.as_ref();
        Self {
            record: record::encode_client(client),
            registration_token: token.map(|token| digest_text(&token.current)),
            previous_token: token.and_then(|token| token.earlier.first()).map(digest_text),
            between_token: token.and_then(|token| token.earlier.get(1)).map(digest_text),
        }
    }
}

/// A digest as text, in the form that it has in a record, since the migration to version 2 read it from there.
///
/// Base64url without padding ([RFC 4648 §5](https://www.rfc-editor.org/rfc/rfc4648#section-5)): 43 characters for the
/// 32 bytes of SHA-256. The token itself is in no table.
fn digest_text(digest: &Digest) -> String {
    URL_SAFE_NO_PAD.encode(digest.as_bytes())
}

/// Replaces a client, as one statement or, with conditions, as one transaction. Each step stands beside the error that
/// the caller gets when that step finds and changes nothing. The lock of the fingerprint comes first, before any row is
/// locked, and its check after the write; see [`Unique`].
///
/// The revision in the condition makes lost updates impossible: of two nodes that read revision 4 and write revision 5,
/// one changes the row, and the other gets a conflict.
///
/// # Errors
///
/// A conflict when the client is unknown or has another revision; the fingerprint is taken; a nonce was claimed before;
/// or the database is not available.
pub(super) async fn update<B: Backend>(
    backend: &B,
    client: &Client,
    conditions: &UpdateConditions,
) -> Result<(), StoreError> {
    let (sql, tenant, written) = (backend.statements(), backend.tenant(), Written::of(client));
    let row = updated_row(tenant, client, &written);
    let UpdateConditions { now, nonces, release_nonces, unique_fingerprint } = conditions;
    // The usual update has no conditions and needs no transaction.
    if nonces.is_empty() && release_nonces.is_empty() && unique_fingerprint.is_none() {
        let updated = backend.execute(&sql.update, &row).await?;
        return if updated > 0 { Ok(()) } else { Err(StoreError::conflict()) };
    }
    let (nonces, released) = (Key::all(nonces), Key::all(release_nonces));
    let claimed = Vec::from_iter(nonces.iter().map(|nonce| nonce.claimed(tenant, *now)));
    let released = Vec::from_iter(released.iter().map(|nonce| nonce.named(tenant)));
    let unique = unique_fingerprint.as_ref().map(|digest| Unique::new(tenant, digest, &client.id));
    // The optional steps never refuse, so the error that stands beside them is never returned.
    let lock = unique.iter().flat_map(|unique| unique.lock(sql));
    let mut steps = Vec::from_iter(lock.map(|step| (StoreErrorKind::FingerprintTaken, step)));
    steps.push((StoreErrorKind::Conflict, Step::required(&sql.update, &row)));
    steps.extend(unique.iter().map(|unique| (StoreErrorKind::FingerprintTaken, unique.check(sql))));
    let claim = |values| (StoreErrorKind::Replayed, Step::required(&sql.claim_nonce, values));
    steps.extend(claimed.iter().map(|values| claim(values)));
    let release = |values| (StoreErrorKind::Replayed, Step::optional(&sql.release_nonce, values));
    steps.extend(released.iter().map(|values| release(values)));
    // The backend answers with the index of the step that refused. Errors and steps have the same order.
    let (refusals, steps): (Vec<_>, Vec<_>) = steps.into_iter().unzip();
    backend.transact(&steps).await?.map(drop).map_err(|failed| match refusals[failed] {
        StoreErrorKind::FingerprintTaken => StoreError::fingerprint_taken(),
        StoreErrorKind::Replayed => StoreError::replayed(),
        _ => StoreError::conflict(),
    })
}

/// The values of the statement that replaces a client. The time of issue and the registrant are not among them: an
/// update never changes them.
/// The initial access token and the network of the registration are facts of its past.
fn updated_row<'a>(tenant: &'a [u8], client: &'a Client, written: &'a Written) -> [Value<'a>; 11] {
    [
        bytes(tenant),
        text(client.id.as_str()),
        int(client.revision),
        text(client.status.as_str()),
        Value::Bytes(client.owner().map(str::as_bytes)),
        Value::Bytes(client.fingerprint.as_ref().map(|digest| &digest.as_bytes()[..])),
        bytes(&written.record),
        maybe_at(client.last_used),
        Value::Text(written.registration_token.as_deref()),
        Value::Text(written.previous_token.as_deref()),
        Value::Text(written.between_token.as_deref()),
    ]
}

/// Removes a client. The delete is the required first step; everything that is given back follows in the same
/// transaction and only if a row was deleted. If none was, the client is unknown or has another revision: revisions
/// only grow and a removed client never returns with an old one, so a client that is still there had another revision.
///
/// What is given back depends on the conditions: one use of the initial access token, nonces, and the client that was
/// evicted for the removed one. That is how a registration is undone whose response could not be built. Since all of it
/// follows the delete, an undo that runs twice gives back once.
///
/// # Errors
///
/// A conflict when the client has another revision than the condition; or the database is not available.
pub(super) async fn remove<B: Backend>(
    backend: &B,
    id: &ClientId,
    conditions: &RemoveConditions,
) -> Result<bool, StoreError> {
    let (sql, tenant) = (backend.statements(), bytes(backend.tenant()));
    let revision = conditions.revision.map(|revision| i64::try_from(revision).unwrap_or(i64::MAX));
    let row = [tenant, text(id.as_str()), Value::Int(revision)];
    let refund = conditions.refund.as_ref().map(|digest| [tenant, bytes(digest.as_bytes())]);
    let nonces = Key::all(&conditions.release_nonces);
    let released = Vec::from_iter(nonces.iter().map(|nonce| nonce.named(backend.tenant())));
    let mut steps = vec![Step::required(&sql.remove, &row)];
    steps.extend(refund.iter().map(|values| Step::optional(&sql.refund, values)));
    steps.extend(released.iter().map(|values| Step::optional(&sql.release_nonce, values)));
    let written = conditions.restore.as_deref().map(Written::of);
    let restored = conditions.restore.as_deref().zip(written.as_ref());
    let restored = restored.map(|(client, written)| super::insert::row(backend.tenant(), client, written));
    steps.extend(restored.iter().map(|values| Step::optional(&sql.insert, values)));
    // An optional insertion: the evicted client may have been registered again in the meantime, and then that one
    // stays.
    let removed = match &steps[..] {
        // A plain removal is one statement.
        [alone] => backend.execute(alone.text, alone.values).await? > 0,
        steps => backend.transact(steps).await?.is_ok(),
    };
    if !removed && conditions.revision.is_some() && !backend.fetch(&sql.get, &row[..2]).await?.is_empty() {
        return Err(StoreError::conflict());
    }
    Ok(removed)
}

/// One statement that changes the column of the last use, not the record. The comparison is in the statement, so the
/// later of two concurrent uses stays.
///
/// The revision does not change, so a use never makes an update fail. True also if a later use is recorded: the client
/// is there, which is what the caller asks.
pub(super) async fn touch<B: Backend>(backend: &B, id: &ClientId, used: SystemTime) -> Result<bool, StoreError> {
    let values = [bytes(backend.tenant()), text(id.as_str()), at(used)];
    Ok(backend.execute(&backend.statements().touch, &values).await? > 0)
}

/// One page by the index of the order. The cursor is compared as a pair, so the database begins in the middle of the
/// index and skips nothing.
///
/// A page is one statement and therefore one snapshot. Two pages are two snapshots; see the order of `Filter::page` for
/// why that neither skips nor repeats a client.
pub(super) async fn list<B: Backend>(backend: &B, query: &ClientQuery) -> Result<Vec<Arc<Client>>, StoreError> {
    let (sql, ids) = (backend.statements(), ids(query.idle.as_ref()));
    let filter = Filter::of(backend.tenant()).matching(query, sql, ids.as_deref()).page(query);
    clients(&backend.fetch(&(sql.list.clone() + &filter.text), &filter.values).await?)
}

/// All clients of a tenant are counted by the row of the limit if there is one; a filter counts rows.
/// The cursor and the size of a page are ignored: a page does not change how many clients there are.
pub(super) async fn count<B: Backend>(backend: &B, query: &ClientQuery) -> Result<u64, StoreError> {
    let (sql, ids) = (backend.statements(), ids(query.idle.as_ref()));
    let filter = Filter::of(backend.tenant()).matching(query, sql, ids.as_deref());
    let counted = match query.is_unfiltered() {
        // The values are the tenant alone then, which is all that this statement takes.
        true => backend.fetch(&sql.count_all, &filter.values).await?,
        false => backend.fetch(&(sql.count.clone() + &filter.text), &filter.values).await?,
    };
    Ok(counted.first().and_then(|found| found.number).map_or(0, i64::unsigned_abs))
}

/// Deletes expired nonces and idle clients in one transaction. The idle clients are selected and deleted in one
/// statement, so a use that is recorded at that moment either comes first and spares the client, or finds no row.
///
/// `limit` bounds the clients of one call and so the time for which their rows are locked. The answer has every client
/// that was removed, since the caller revokes their grants. If the transaction fails, all clients and nonces are still
/// there, and the next call finds them again.
pub(super) async fn expire<B: Backend>(
    backend: &B,
    cutoffs: &IdleCutoffs,
    limit: usize,
) -> Result<Vec<Arc<Client>>, StoreError> {
    let (sql, ids) = (backend.statements(), ids(Some(cutoffs)));
    let filter = Filter::of(backend.tenant()).idle(cutoffs, sql, ids.as_deref()).first(limit);
    let text = [&*sql.expire.0, &filter.text, sql.locking[0], &sql.expire.1].concat();
    let over = [bytes(backend.tenant()), at(cutoffs.now)];
    // The nonces come first. In SQLite the first statement of a transaction must take the lock for writing, and a
    // `DELETE` does that also when it finds no row.
    let steps = [Step::optional(&sql.expire_nonces, &over), Step::removing(&text, &filter.values)];
    let mut expired = backend.transact(&steps).await?.unwrap_or_default();
    // `RETURNING` promises no order.
    expired.sort_unstable_by(|one, other| (one.issued_at, &one.id).cmp(&(other.issued_at, &other.id)));
    Ok(expired)
}

/// One statement that inserts or replaces.
/// A token that is replaced has the uses of the new record: the operator states how often it may be used from now on.
pub(super) async fn insert_token<B: Backend>(backend: &B, token: &InitialAccessTokenRecord) -> Result<(), StoreError> {
    let record = record::encode_token(token);
    let values = [
        bytes(backend.tenant()),
        bytes(token.digest.as_bytes()),
        text(&token.id),
        at(token.issued_at),
        maybe_at(token.expires_at),
        Value::Int(token.uses_left.map(i64::from)),
        bytes(&record),
    ];
    backend.execute(&backend.statements().put_token, &values).await?;
    Ok(())
}

/// One row by its primary key.
pub(super) async fn get_token<B: Backend>(
    backend: &B,
    digest: &Digest,
) -> Result<Option<InitialAccessTokenRecord>, StoreError> {
    let values = [bytes(backend.tenant()), bytes(digest.as_bytes())];
    backend.fetch(&backend.statements().get_token, &values).await?.first().map(token).transpose()
}

/// All rows of the tenant, ordered by the statement.
/// The answer is not paged, because operators issue these tokens and a tenant has few of them.
pub(super) async fn list_tokens<B: Backend>(backend: &B) -> Result<Vec<InitialAccessTokenRecord>, StoreError> {
    let found = backend.fetch(&backend.statements().list_tokens, &[bytes(backend.tenant())]).await?;
    found.iter().map(token).collect()
}

/// One statement; it changes a row for exactly one caller.
pub(super) async fn remove_token<B: Backend>(backend: &B, id: &str) -> Result<bool, StoreError> {
    let values = [bytes(backend.tenant()), text(id)];
    Ok(backend.execute(&backend.statements().remove_token, &values).await? > 0)
}

/// A nonce as it is stored. A nonce is any text of any length, so its digest is stored.
pub(super) struct Key {
    /// SHA-256 of the text: 32 bytes, whatever a client sends as `jti`, so the size of the index has a bound.
    digest: Digest,
    /// The time of expiry. From then on the nonce may be claimed again.
    until: SystemTime,
}

impl Key {
    /// In the order of their digests, which is the same for all callers. Two transactions that claim the same two
    /// nonces in different orders would each wait for the other one.
    /// PostgreSQL would find that deadlock after a second and end one of the two.
    pub(super) fn all(keys: &[Nonce]) -> Vec<Self> {
        let mut keys: Vec<_> =
            keys.iter().map(|nonce| Self { digest: Digest::of(&nonce.key), until: nonce.until }).collect();
        // The same order for all callers prevents deadlocks.
        keys.sort_unstable_by_key(|key| *key.digest.as_bytes());
        keys
    }

    /// The values of the statement that releases a nonce.
    pub(super) fn named<'a>(&'a self, tenant: &'a [u8]) -> [Value<'a>; 2] {
        [bytes(tenant), bytes(self.digest.as_bytes())]
    }

    /// The values of the statement that claims a nonce.
    pub(super) fn claimed<'a>(&'a self, tenant: &'a [u8], now: SystemTime) -> [Value<'a>; 4] {
        [bytes(tenant), bytes(self.digest.as_bytes()), at(self.until), at(now)]
    }
}

/// One statement that inserts the nonce, or replaces one that has expired. It changes no row if the nonce is valid.
///
/// So of any number of concurrent callers with the same nonce exactly one gets true. A replay does not extend the time,
/// since no row changes.
pub(super) async fn claim_nonce<B: Backend>(
    backend: &B,
    key: &str,
    until: SystemTime,
    now: SystemTime,
) -> Result<bool, StoreError> {
    let key = Key { digest: Digest::of(key), until };
    Ok(backend.execute(&backend.statements().claim_nonce, &key.claimed(backend.tenant(), now)).await? > 0)
}
