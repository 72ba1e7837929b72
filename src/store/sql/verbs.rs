//! The verbs of a store, for any backend.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use super::filter::{Filter, ids};
use super::{Backend, Found, Step, Value, millis};
use crate::access::InitialAccessTokenRecord;
use crate::client::Client;
use crate::credential::{ClientId, Digest};
use crate::error::StoreError;
use crate::store::{Admission, Admitted, ClientQuery, Cutoffs, Removal, record};

fn int(value: u64) -> Value<'static> {
    Value::Int(Some(i64::try_from(value).unwrap_or(i64::MAX)))
}

fn at(time: SystemTime) -> Value<'static> {
    Value::Int(Some(millis(time)))
}

fn maybe_at(time: Option<SystemTime>) -> Value<'static> {
    Value::Int(time.map(millis))
}

fn text(text: &str) -> Value<'_> {
    Value::Text(Some(text))
}

fn bytes(bytes: &[u8]) -> Value<'_> {
    Value::Bytes(Some(bytes))
}

fn client(found: &Found) -> Result<Arc<Client>, StoreError> {
    let last_used = found.number.and_then(crate::clock::from_unix_millis);
    Ok(Arc::new(record::decode_client(&found.record)?.with_last_used(last_used)))
}

fn clients(found: &[Found]) -> Result<Vec<Arc<Client>>, StoreError> {
    found.iter().map(client).collect()
}

fn token(found: &Found) -> Result<InitialAccessTokenRecord, StoreError> {
    let uses_left = found.number.map(|uses| u32::try_from(uses).unwrap_or(u32::MAX));
    Ok(InitialAccessTokenRecord { uses_left, ..record::decode_token(&found.record)? })
}

/// An insertion that costs something is a transaction: the client comes in, then it pays, or all is undone.
pub(super) async fn insert<B: Backend>(
    backend: &B,
    client: &Client,
    admission: &Admission,
) -> Result<Admitted, StoreError> {
    let (sql, tenant, record) = (backend.statements(), bytes(backend.tenant()), record::encode_client(client));
    let fingerprint = client.fingerprint.as_ref().map(|digest| &digest.as_bytes()[..]);
    let row = [
        tenant,
        text(client.id.as_str()),
        at(client.issued_at),
        maybe_at(client.last_used),
        int(client.revision),
        text(client.status.as_str()),
        Value::Bytes(client.owner().map(str::as_bytes)),
        Value::Bytes(fingerprint),
        bytes(&record),
    ];
    let Admission { now, initial_access_token, most_clients } = admission;
    if initial_access_token.is_none() && most_clients.is_none() {
        let inserted = backend.execute(&sql.insert, &row).await?;
        return Ok(if inserted > 0 { Admitted::Inserted } else { Admitted::Exists });
    }
    let spent = initial_access_token.as_ref().map(|digest| [tenant, bytes(digest.as_bytes()), at(*now)]);
    let within = most_clients.map(|most| [tenant, int(most)]);
    if within.is_some() {
        begin_counting(backend).await?;
    }
    let mut steps = vec![(Admitted::Exists, Step { text: &sql.insert, values: &row, required: true })];
    if let Some(values) = &spent {
        steps.push((Admitted::TokenRefused, Step { text: &sql.spend, values, required: true }));
    }
    if let Some(values) = &within {
        steps.push((Admitted::Full, Step { text: &sql.within, values, required: true }));
    }
    let (refusals, steps): (Vec<_>, Vec<_>) = steps.into_iter().unzip();
    Ok(match backend.transact(&steps).await? {
        Ok(()) => Admitted::Inserted,
        Err(failed) => refusals[failed],
    })
}

/// Makes sure that the clients of the tenant are counted. They are only where there is a limit, because the count is a
/// row that every insertion would have to change.
async fn begin_counting<B: Backend>(backend: &B) -> Result<(), StoreError> {
    if backend.counting().load(Ordering::Acquire) {
        return Ok(());
    }
    let (sql, tenant) = (backend.statements(), [bytes(backend.tenant())]);
    if backend.fetch(&sql.is_counted, &tenant).await?.is_empty() {
        let values = |text: &String| if text.contains("$1") { &tenant[..] } else { &[] };
        let steps = sql.begin_counting.iter().map(|text| Step { text, values: values(text), required: false });
        let _ = backend.transact(&Vec::from_iter(steps)).await?;
    }
    backend.counting().store(true, Ordering::Release);
    Ok(())
}

pub(super) async fn get<B: Backend>(backend: &B, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
    let values = [bytes(backend.tenant()), text(id.as_str())];
    backend.fetch(&backend.statements().get, &values).await?.first().map(client).transpose()
}

pub(super) async fn update<B: Backend>(backend: &B, client: &Client) -> Result<(), StoreError> {
    let record = record::encode_client(client);
    let values = [
        bytes(backend.tenant()),
        text(client.id.as_str()),
        int(client.revision),
        text(client.status.as_str()),
        Value::Bytes(client.owner().map(str::as_bytes)),
        Value::Bytes(client.fingerprint.as_ref().map(|digest| &digest.as_bytes()[..])),
        bytes(&record),
        maybe_at(client.last_used),
    ];
    match backend.execute(&backend.statements().update, &values).await? {
        0 => Err(StoreError::conflict()),
        _ => Ok(()),
    }
}

/// Revisions only grow, so a client that is still there after nothing was removed had another one.
pub(super) async fn remove<B: Backend>(backend: &B, id: &ClientId, removal: &Removal) -> Result<bool, StoreError> {
    let (sql, tenant) = (backend.statements(), bytes(backend.tenant()));
    let revision = removal.revision.map(|revision| i64::try_from(revision).unwrap_or(i64::MAX));
    let row = [tenant, text(id.as_str()), Value::Int(revision)];
    let removed = match &removal.refunds {
        None => backend.execute(&sql.remove, &row).await? > 0,
        Some(digest) => {
            let refund = [tenant, bytes(digest.as_bytes())];
            let steps = [
                Step { text: &sql.remove, values: &row, required: true },
                Step { text: &sql.refund, values: &refund, required: false },
            ];
            backend.transact(&steps).await?.is_ok()
        }
    };
    if !removed && removal.revision.is_some() && !backend.fetch(&sql.get, &row[..2]).await?.is_empty() {
        return Err(StoreError::conflict());
    }
    Ok(removed)
}

pub(super) async fn touch<B: Backend>(backend: &B, id: &ClientId, used: SystemTime) -> Result<bool, StoreError> {
    let values = [bytes(backend.tenant()), text(id.as_str()), at(used)];
    Ok(backend.execute(&backend.statements().touch, &values).await? > 0)
}

pub(super) async fn list<B: Backend>(backend: &B, query: &ClientQuery) -> Result<Vec<Arc<Client>>, StoreError> {
    let (sql, ids) = (backend.statements(), ids(query.idle.as_ref()));
    let filter = Filter::of(backend.tenant()).matching(query, sql.among, ids.as_deref()).page(query);
    clients(&backend.fetch(&(sql.list.clone() + &filter.text), &filter.values).await?)
}

pub(super) async fn count<B: Backend>(backend: &B, query: &ClientQuery) -> Result<u64, StoreError> {
    let (sql, ids) = (backend.statements(), ids(query.idle.as_ref()));
    let filter = Filter::of(backend.tenant()).matching(query, sql.among, ids.as_deref());
    let counted = match query.is_unfiltered() {
        true => backend.fetch(&sql.count_all, &filter.values).await?,
        false => backend.fetch(&(sql.count.clone() + &filter.text), &filter.values).await?,
    };
    Ok(counted.first().and_then(|found| found.number).map_or(0, i64::unsigned_abs))
}

pub(super) async fn expire<B: Backend>(
    backend: &B,
    cutoffs: &Cutoffs,
    limit: usize,
) -> Result<Vec<Arc<Client>>, StoreError> {
    let (sql, ids) = (backend.statements(), ids(Some(cutoffs)));
    backend.execute(&sql.forget, &[bytes(backend.tenant()), at(cutoffs.now)]).await?;
    let filter = Filter::of(backend.tenant()).idle(cutoffs, sql.among, ids.as_deref()).first(limit);
    let text = format!("{}{}{}", sql.expire.0, filter.text, sql.expire.1);
    let mut expired = clients(&backend.change(&text, &filter.values).await?)?;
    expired.sort_unstable_by(|one, other| (one.issued_at, &one.id).cmp(&(other.issued_at, &other.id)));
    Ok(expired)
}

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

pub(super) async fn get_token<B: Backend>(
    backend: &B,
    digest: &Digest,
) -> Result<Option<InitialAccessTokenRecord>, StoreError> {
    let values = [bytes(backend.tenant()), bytes(digest.as_bytes())];
    backend.fetch(&backend.statements().get_token, &values).await?.first().map(token).transpose()
}

pub(super) async fn list_tokens<B: Backend>(backend: &B) -> Result<Vec<InitialAccessTokenRecord>, StoreError> {
    let found = backend.fetch(&backend.statements().list_tokens, &[bytes(backend.tenant())]).await?;
    found.iter().map(token).collect()
}

pub(super) async fn remove_token<B: Backend>(backend: &B, id: &str) -> Result<bool, StoreError> {
    let values = [bytes(backend.tenant()), text(id)];
    Ok(backend.execute(&backend.statements().remove_token, &values).await? > 0)
}

/// A key is any text, so its digest is kept.
pub(super) async fn remember<B: Backend>(
    backend: &B,
    key: &str,
    until: SystemTime,
    now: SystemTime,
) -> Result<bool, StoreError> {
    let digest = Digest::of(key);
    let values = [bytes(backend.tenant()), bytes(digest.as_bytes()), at(until), at(now)];
    Ok(backend.execute(&backend.statements().remember, &values).await? > 0)
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::unavailable(error)
    }
}
