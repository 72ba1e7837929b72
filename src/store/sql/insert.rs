//! An insertion: a client comes in and pays, or all is undone.

use std::sync::atomic::Ordering;

use sha2::{Digest as _, Sha256};

use super::filter::{Filter, ids};
use super::statements::Statements;
use super::verbs::{Key, Written, at, bytes, int, maybe_at, text};
use super::{Backend, Step, Value};
use crate::client::credential::{ClientId, Digest};
use crate::client::{Client, RegistrationOrigin};
use crate::error::StoreError;
use crate::store::{IdleCutoffs, InsertConditions, InsertOutcome};

/// An insertion that costs something is a transaction: the client comes in, then it pays, or all is undone.
pub(super) async fn insert<B: Backend>(
    backend: &B,
    client: &Client,
    conditions: &InsertConditions,
) -> Result<InsertOutcome, StoreError> {
    let (sql, tenant, written) = (backend.statements(), bytes(backend.tenant()), Written::of(client));
    let row = row(backend.tenant(), client, &written);
    let InsertConditions { now, initial_access_token, nonces, max_clients, evict, unique_fingerprint } = conditions;
    if conditions.is_unconditional() {
        let is_in = backend.execute(&sql.add, &row).await? > 0 || backend.execute(&sql.insert, &row).await? > 0;
        return Ok(if is_in { InsertOutcome::Inserted } else { InsertOutcome::Exists });
    }
    let spent = initial_access_token.as_ref().map(|digest| [tenant, bytes(digest.as_bytes()), at(*now)]);
    let keys = Key::all(nonces);
    let keys = Vec::from_iter(keys.iter().map(|key| key.remembered(backend.tenant(), *now)));
    let within = max_clients.map(|most| [tenant, int(most)]);
    if within.is_some() {
        begin_counting(backend).await?;
    }
    let ids = Vec::from_iter(evict.iter().map(|cutoffs| ids(Some(cutoffs))));
    let evictions = evict.iter().zip(&ids).map(|(cutoffs, ids)| evicting(backend, cutoffs, client, ids.as_deref()));
    let evictions = Vec::from_iter(evictions);
    let evictions = Vec::from_iter(evictions.iter().map(|(text, filter)| Step::removing(text, &filter.values)));
    let unique = unique_fingerprint.as_ref().map(|digest| Unique::new(backend.tenant(), digest, &client.id));
    let mut steps = Vec::new();
    steps.extend(unique.iter().flat_map(|unique| unique.lock(sql)).map(|step| (InsertOutcome::FingerprintTaken, step)));
    steps.push((InsertOutcome::Exists, Step::required(&sql.insert, &row)));
    steps.extend(unique.iter().map(|unique| (InsertOutcome::FingerprintTaken, unique.check(sql))));
    if let Some(values) = &spent {
        steps.push((InsertOutcome::TokenRefused, Step::required(&sql.spend, values)));
    }
    steps.extend(keys.iter().map(|values| (InsertOutcome::Replayed, Step::required(&sql.remember, values))));
    if let Some(values) = &within {
        steps.push((InsertOutcome::Full, Step { instead: &evictions, ..Step::required(&sql.within, values) }));
    }
    let (mut refusals, steps): (Vec<_>, Vec<_>) = steps.into_iter().unzip();
    Ok(match backend.transact(&steps).await? {
        Ok(mut gone) => gone.pop().map_or(InsertOutcome::Inserted, InsertOutcome::InsertedEvicting),
        Err(failed) => refusals.swap_remove(failed),
    })
}

/// The values of the statement that inserts a client.
pub(super) fn row<'a>(tenant: &'a [u8], client: &'a Client, written: &'a Written) -> [Value<'a>; 14] {
    [
        bytes(tenant),
        text(client.id.as_str()),
        at(client.issued_at),
        maybe_at(client.last_used),
        int(client.revision),
        text(client.status.as_str()),
        Value::Bytes(client.owner().map(str::as_bytes)),
        Value::Bytes(client.fingerprint.as_ref().map(|digest| &digest.as_bytes()[..])),
        bytes(&written.record),
        Value::Text(written.registration_token.as_deref()),
        Value::Text(written.previous_token.as_deref()),
        Value::Text(written.between_token.as_deref()),
        Value::Bytes(match &client.origin {
            RegistrationOrigin::InitialAccessToken(id) => Some(id.as_bytes()),
            _ => None,
        }),
        Value::Int(client.network.map(u64::cast_signed)),
    ]
}

/// The steps that let a client have a fingerprint only where no other one has it.
pub(super) struct Unique<'a> {
    lock: [Value<'a>; 1],
    check: [Value<'a>; 3],
}

impl<'a> Unique<'a> {
    pub(super) fn new(tenant: &'a [u8], fingerprint: &'a Digest, own: &'a ClientId) -> Self {
        let digest = Sha256::new().chain_update(fingerprint.as_bytes()).chain_update(tenant).finalize();
        let number = digest.iter().take(8).fold(0, |number: i64, byte| number << 8 | i64::from(*byte));
        let check = [bytes(tenant), bytes(fingerprint.as_bytes()), text(own.as_str())];
        Self { lock: [Value::Int(Some(number))], check }
    }

    /// Comes first, so that whoever waits here holds nothing that others wait for.
    pub(super) fn lock(&'a self, sql: &'a Statements) -> Option<Step<'a>> {
        sql.lock_fingerprint.map(|text| Step::optional(text, &self.lock))
    }

    /// Comes after the write.
    pub(super) fn check(&'a self, sql: &'a Statements) -> Step<'a> {
        Step::required(&sql.unique, &self.check)
    }
}

/// The statement that removes the first client that is idle, other than the new one, whose row nobody else changes.
fn evicting<'a, B: Backend>(
    backend: &'a B,
    cutoffs: &'a IdleCutoffs,
    new: &'a Client,
    ids: Option<&'a str>,
) -> (String, Filter<'a>) {
    let sql = backend.statements();
    let filter = Filter::of(backend.tenant()).idle(cutoffs, sql, ids).without(&new.id).first(1);
    ([&*sql.expire.0, &filter.text, sql.locking[1], &sql.expire.1].concat(), filter)
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
        let steps = sql.begin_counting.iter().map(|text| Step::optional(text, values(text)));
        let _ = backend.transact(&Vec::from_iter(steps)).await?;
    }
    backend.counting().store(true, Ordering::Release);
    Ok(())
}
