//! An insertion as one statement or one transaction.
//!
//! Without conditions a plain `INSERT … ON CONFLICT DO NOTHING` is enough. With conditions the steps of the
//! transaction have an order that matters: first the lock of a unique fingerprint, so that a caller who waits for it
//! holds nothing else; then the row of the client, which reserves the identifier and with which the count changes; then
//! what few callers share (a token, nonces); last the check of the limit, because only an insertion that meets all
//! other conditions may evict a client.
//!
//! The count is the reason for the two kinds of insertion. A tenant without a limit has no count, and its insertions
//! have no row in common, so they run at the same time. The first insertion with a limit creates the count, and from
//! then on each insertion and removal of that tenant changes it, on all nodes.
//!
//! # Evictions
//!
//! When the limit is reached, the step of the limit is not refused at once: its alternatives are tried in order. Each
//! removes the first client that is idle by one kind of cutoffs, and the first alternative that finds a client ends the
//! search. One insertion evicts at most one client. If an operator has lowered the limit below the number of clients,
//! an insertion therefore replaces a client, and the number does not grow.
//!
//! # What a failure leaves
//!
//! A refusal, an error and a dropped future leave nothing behind: no client, no use spent, no nonce claimed, and no
//! client evicted. Only the count of a tenant stays once it was begun, which is correct with or without the insertion.

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

/// Inserts a client.
///
/// Without conditions this is one statement. With conditions it is one transaction: the row is inserted first, because
/// that reserves the identifier, then each condition is a statement that must find or change a row. The first one that
/// does not undoes the transaction, and its place in the list says which refusal that is.
///
/// # Errors
///
/// When the database is not available. A refusal is an outcome and no error.
pub(super) async fn insert<B: Backend>(
    backend: &B,
    client: &Client,
    conditions: &InsertConditions,
) -> Result<InsertOutcome, StoreError> {
    let (sql, written) = (backend.statements(), Written::of(client));
    let row = row(backend.tenant(), client, &written);
    if conditions.is_unconditional() {
        // The first statement inserts nothing for a tenant whose clients are counted, the second one counts.
        let is_inserted = backend.execute(&sql.add, &row).await? > 0 || backend.execute(&sql.insert, &row).await? > 0;
        return Ok(if is_inserted { InsertOutcome::Inserted } else { InsertOutcome::Exists });
    }
    // In a transaction of its own, which commits before this insertion: the lock on the table must be short.
    if conditions.max_clients.is_some() {
        begin_counting(backend).await?;
    }
    // The steps borrow texts and values, so all of these live until the transaction ends.
    let nonces = Key::all(&conditions.nonces);
    let values = Values::of(backend.tenant(), client, conditions, &nonces);
    let ids = Vec::from_iter(conditions.evict.iter().map(|cutoffs| ids(Some(cutoffs))));
    let evictions = conditions.evict.iter().zip(&ids);
    let evictions = evictions.map(|(cutoffs, ids)| evicting(backend, cutoffs, client, ids.as_deref()));
    let evictions = Vec::from_iter(evictions);
    let evictions = Vec::from_iter(evictions.iter().map(|(text, filter)| Step::removing(text, &filter.values)));
    let steps = values.steps(sql, &row, &evictions);
    let (mut refusals, steps): (Vec<_>, Vec<_>) = steps.into_iter().unzip();
    Ok(match backend.transact(&steps).await? {
        Ok(mut evicted) => evicted.pop().map_or(InsertOutcome::Inserted, InsertOutcome::InsertedEvicting),
        Err(failed) => refusals.swap_remove(failed),
    })
}

/// The values of the conditions of an insertion, which its steps borrow.
struct Values<'a> {
    /// The digest of the initial access token of which one use is spent, and the time at which it must be valid.
    spent: Option<[Value<'a>; 3]>,
    /// The nonces that must be new, in the order of their digests.
    claimed: Vec<[Value<'a>; 4]>,
    /// The largest number of clients, with the new one.
    limit: Option<[Value<'a>; 2]>,
    /// The fingerprint that no other client may have.
    unique: Option<Unique<'a>>,
}

impl<'a> Values<'a> {
    /// A condition that is not set has no values, and later no step.
    fn of(tenant: &'a [u8], client: &'a Client, conditions: &'a InsertConditions, nonces: &'a [Key]) -> Self {
        let InsertConditions { now, initial_access_token, max_clients, unique_fingerprint, .. } = conditions;
        Self {
            spent: initial_access_token.as_ref().map(|digest| [bytes(tenant), bytes(digest.as_bytes()), at(*now)]),
            claimed: nonces.iter().map(|nonce| nonce.claimed(tenant, *now)).collect(),
            limit: max_clients.map(|max| [bytes(tenant), int(max)]),
            unique: unique_fingerprint.as_ref().map(|digest| Unique::new(tenant, digest, &client.id)),
        }
    }

    /// The steps of the transaction, each with the outcome if it finds and changes nothing. The lock of the fingerprint
    /// comes first and the check of the limit last; the documentation of this file says why.
    fn steps(
        &'a self,
        sql: &'a Statements,
        row: &'a [Value<'a>],
        evictions: &'a [Step<'a>],
    ) -> Vec<(InsertOutcome, Step<'a>)> {
        let mut steps = Vec::new();
        let lock = self.unique.iter().flat_map(|unique| unique.lock(sql));
        steps.extend(lock.map(|step| (InsertOutcome::FingerprintTaken, step)));
        // The row before the conditions that cost: a repeated identifier is refused before a use is spent or a nonce
        // claimed, and the row lock of the identifier makes a second insertion of it wait here.
        steps.push((InsertOutcome::Exists, Step::required(&sql.insert, row)));
        steps.extend(self.unique.iter().map(|unique| (InsertOutcome::FingerprintTaken, unique.check(sql))));
        if let Some(values) = &self.spent {
            steps.push((InsertOutcome::TokenRefused, Step::required(&sql.spend, values)));
        }
        let claim = |values| (InsertOutcome::Replayed, Step::required(&sql.claim_nonce, values));
        steps.extend(self.claimed.iter().map(|values| claim(values)));
        if let Some(values) = &self.limit {
            // Its alternatives are the evictions, so it comes last: a transaction that another condition refuses shall
            // not have locked the row of an idle client.
            steps.push((InsertOutcome::Full, Step { instead: evictions, ..Step::required(&sql.within, values) }));
        }
        steps
    }
}

/// The values of the statement that inserts a client, in the order of its columns.
///
/// Both databases have the same columns in the same order, so the array has no names. A new column is appended to it,
/// to both insertions of the dialects, and to a new version of the tables.
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

/// The steps that let a client have a fingerprint only if no other client has it.
///
/// An index with `UNIQUE` cannot do this, because shared registrations may have the same fingerprint on purpose:
/// uniqueness is a condition of the call. So the write is followed by a look for another client. In PostgreSQL two
/// transactions would not see each other's row at that moment, so they first take an advisory lock of the fingerprint;
/// SQLite has one writer.
pub(super) struct Unique<'a> {
    /// The number of the advisory lock.
    lock: [Value<'a>; 1],
    /// The tenant, the fingerprint, and the client that may have it.
    check: [Value<'a>; 3],
}

impl<'a> Unique<'a> {
    /// The lock is a 64-bit number made from the fingerprint and the tenant. Fingerprints that share a number wait for
    /// one another, which costs time and nothing else.
    pub(super) fn new(tenant: &'a [u8], fingerprint: &'a Digest, own: &'a ClientId) -> Self {
        // The fingerprint has a fixed length, so no two pairs of fingerprint and tenant are the same text. An advisory
        // lock has one namespace for the whole database, so the tenant must be a part of it.
        let digest = Sha256::new().chain_update(fingerprint.as_bytes()).chain_update(tenant).finalize();
        let number = digest.iter().take(8).fold(0, |number: i64, byte| number << 8 | i64::from(*byte));
        let check = [bytes(tenant), bytes(fingerprint.as_bytes()), text(own.as_str())];
        Self { lock: [Value::Int(Some(number))], check }
    }

    /// The first step, so that a caller who waits here holds nothing that others wait for.
    pub(super) fn lock(&'a self, sql: &'a Statements) -> Option<Step<'a>> {
        sql.lock_fingerprint.map(|text| Step::optional(text, &self.lock))
    }

    /// Comes after the write, so that it sees the rows of transactions that committed while this one waited.
    pub(super) fn check(&'a self, sql: &'a Statements) -> Step<'a> {
        Step::required(&sql.unique, &self.check)
    }
}

/// The statement that removes the first idle client, other than the new one. PostgreSQL skips rows that another
/// transaction has locked: this transaction holds the count, for which that one may wait, so waiting for its row could
/// be a deadlock.
/// If all idle clients are locked, none is found, and the insertion is refused because the limit is reached.
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

/// Makes sure that the clients of the tenant are counted. They are counted only for tenants with a limit, because the
/// count is one row that each insertion would have to change, and insertions would then follow one another for
/// nothing. In PostgreSQL the table is locked for that moment, so that no concurrent insertion is missed.
///
/// The flag `counting` only saves the query. It is not shared between nodes, and the row of the database decides: a
/// node that does not know the flag looks for the row, and an insertion without conditions does so in its statement.
async fn begin_counting<B: Backend>(backend: &B) -> Result<(), StoreError> {
    if backend.counting().load(Ordering::Acquire) {
        return Ok(());
    }
    let (sql, tenant) = (backend.statements(), [bytes(backend.tenant())]);
    if backend.fetch(&sql.is_counted, &tenant).await?.is_empty() {
        // The lock of the table takes no value, and a driver refuses a value without a placeholder.
        let values = |text: &String| if text.contains("$1") { &tenant[..] } else { &[] };
        let steps = sql.begin_counting.iter().map(|text| Step::optional(text, values(text)));
        let _ = backend.transact(&Vec::from_iter(steps)).await?;
    }
    // After the commit: a flag that is set before a failed transaction would leave the tenant without a count.
    backend.counting().store(true, Ordering::Release);
    Ok(())
}
