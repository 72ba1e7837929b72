//! The verbs of a store for any backend, apart from the insertion, which is in [`insert`](super::insert).
//!
//! A verb turns its arguments into values, chooses the statements, and turns rows into clients. What must be atomic is
//! left to the database: no function here reads a row, decides and then writes. The only look after a write is in
//! [`remove`], and it cannot be wrong, because revisions only grow.

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
pub(super) fn maybe_at(time: Option<SystemTime>) -> Value<'static> {
    Value::Int(time.map(millis))
}

/// A text that is compared by its bytes.
pub(super) fn text(text: &str) -> Value<'_> {
    Value::Text(Some(text))
}

/// Bytes, which no collation changes.
pub(super) fn bytes(bytes: &[u8]) -> Value<'_> {
    Value::Bytes(Some(bytes))
}

/// The client of a row: its record with the last use of the column.
pub(super) fn client(found: &Found) -> Result<Arc<Client>, StoreError> {
    let last_used = found.number.and_then(crate::clock::from_unix_millis);
    Ok(Arc::new(record::decode_client(&found.record)?.with_last_used(last_used)))
}

/// The clients of rows. One that cannot be read fails the call instead of being left out, since a list that is
/// silently incomplete would be worse.
fn clients(found: &[Found]) -> Result<Vec<Arc<Client>>, StoreError> {
    found.iter().map(client).collect()
}

/// The token of a row: its record with the uses left of the column.
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
    let token = digest_text(token);
    let values = [bytes(backend.tenant()), text(&token)];
    // A digest occurs once in practice; the query may still return several rows.
    let found = clients(&backend.fetch(&backend.statements().get_by_registration_token, &values).await?)?;
    Ok(found.into_iter().find(|client| client.id == *id))
}

/// The values of a client that are stored in another form than the program has them.
pub(super) struct Written {
    pub(super) record: Vec<u8>,
    pub(super) registration_token: Option<String>,
    pub(super) previous_token: Option<String>,
    pub(super) between_token: Option<String>,
}

impl Written {
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
fn digest_text(digest: &Digest) -> String {
    URL_SAFE_NO_PAD.encode(digest.as_bytes())
}

/// Replaces a client, as one statement or, with conditions, as one transaction. Each step stands beside the error that
/// the caller gets when that step finds and changes nothing. The lock of the fingerprint comes first, before any row is
/// locked, and its check after the write; see [`Unique`].
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
    let lock = unique.iter().flat_map(|unique| unique.lock(sql));
    let mut steps = Vec::from_iter(lock.map(|step| (StoreErrorKind::FingerprintTaken, step)));
    steps.push((StoreErrorKind::Conflict, Step::required(&sql.update, &row)));
    steps.extend(unique.iter().map(|unique| (StoreErrorKind::FingerprintTaken, unique.check(sql))));
    let claim = |values| (StoreErrorKind::Replayed, Step::required(&sql.claim_nonce, values));
    steps.extend(claimed.iter().map(|values| claim(values)));
    let release = |values| (StoreErrorKind::Replayed, Step::optional(&sql.release_nonce, values));
    steps.extend(released.iter().map(|values| release(values)));
    let (refusals, steps): (Vec<_>, Vec<_>) = steps.into_iter().unzip();
    backend.transact(&steps).await?.map(drop).map_err(|failed| match refusals[failed] {
        StoreErrorKind::FingerprintTaken => StoreError::fingerprint_taken(),
        StoreErrorKind::Replayed => StoreError::replayed(),
        _ => StoreError::conflict(),
    })
}

/// The values of the statement that replaces a client. The time of issue and the registrant are not among them: an
/// update never changes them.
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
pub(super) async fn touch<B: Backend>(backend: &B, id: &ClientId, used: SystemTime) -> Result<bool, StoreError> {
    let values = [bytes(backend.tenant()), text(id.as_str()), at(used)];
    Ok(backend.execute(&backend.statements().touch, &values).await? > 0)
}

/// One page by the index of the order. The cursor is compared as a pair, so the database begins in the middle of the
/// index and skips nothing.
pub(super) async fn list<B: Backend>(backend: &B, query: &ClientQuery) -> Result<Vec<Arc<Client>>, StoreError> {
    let (sql, ids) = (backend.statements(), ids(query.idle.as_ref()));
    let filter = Filter::of(backend.tenant()).matching(query, sql, ids.as_deref()).page(query);
    clients(&backend.fetch(&(sql.list.clone() + &filter.text), &filter.values).await?)
}

/// All clients of a tenant are counted by the row of the limit if there is one; a filter counts rows.
pub(super) async fn count<B: Backend>(backend: &B, query: &ClientQuery) -> Result<u64, StoreError> {
    let (sql, ids) = (backend.statements(), ids(query.idle.as_ref()));
    let filter = Filter::of(backend.tenant()).matching(query, sql, ids.as_deref());
    let counted = match query.is_unfiltered() {
        true => backend.fetch(&sql.count_all, &filter.values).await?,
        false => backend.fetch(&(sql.count.clone() + &filter.text), &filter.values).await?,
    };
    Ok(counted.first().and_then(|found| found.number).map_or(0, i64::unsigned_abs))
}

/// Deletes expired nonces and idle clients in one transaction. The idle clients are selected and deleted in one
/// statement, so a use that is recorded at that moment either comes first and spares the client, or finds no row.
pub(super) async fn expire<B: Backend>(
    backend: &B,
    cutoffs: &IdleCutoffs,
    limit: usize,
) -> Result<Vec<Arc<Client>>, StoreError> {
    let (sql, ids) = (backend.statements(), ids(Some(cutoffs)));
    let filter = Filter::of(backend.tenant()).idle(cutoffs, sql, ids.as_deref()).first(limit);
    let text = [&*sql.expire.0, &filter.text, sql.locking[0], &sql.expire.1].concat();
    let over = [bytes(backend.tenant()), at(cutoffs.now)];
    let steps = [Step::optional(&sql.expire_nonces, &over), Step::removing(&text, &filter.values)];
    let mut expired = backend.transact(&steps).await?.unwrap_or_default();
    // `RETURNING` promises no order.
    expired.sort_unstable_by(|one, other| (one.issued_at, &one.id).cmp(&(other.issued_at, &other.id)));
    Ok(expired)
}

/// One statement that inserts or replaces.
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
    digest: Digest,
    until: SystemTime,
}

impl Key {
    /// In the order of their digests, which is the same for all callers. Two transactions that claim the same two
    /// nonces in different orders would each wait for the other one.
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
pub(super) async fn claim_nonce<B: Backend>(
    backend: &B,
    key: &str,
    until: SystemTime,
    now: SystemTime,
) -> Result<bool, StoreError> {
    let key = Key { digest: Digest::of(key), until };
    Ok(backend.execute(&backend.statements().claim_nonce, &key.claimed(backend.tenant(), now)).await? > 0)
}
