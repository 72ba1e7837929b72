//! A fingerprint that must be unique belongs to at most one client.
//!
//! An operator may allow one registration for each software. The fingerprint of the software is then a condition of
//! insertion and update. A look before the write is not enough: two callers look at the same moment and both write.
//!
//! A unique index alone is not a solution, because the condition belongs to the call: without it several clients may
//! have one fingerprint. A database locks the fingerprint for the length of the transaction and looks for it after
//! that. A store in memory looks inside the lock that every change holds.

use std::time::SystemTime;

use super::fixtures::{DAY, HOUR, below, client, clients, nonce, now, renamed, spending, token};
use super::subject::{CALLERS, ROUNDS, Subject, race, times};
use crate::client::credential::Digest;
use crate::client::{Client, ClientStatus};
use crate::error::StoreErrorKind;
use crate::store::{ClientStore, IdleCutoffs, InsertConditions, InsertOutcome, UpdateConditions};

/// A client with the fingerprint of this text.
fn with_fingerprint(text: &str, client: Client) -> Client {
    Client { fingerprint: Some(Digest::of(text)), ..client }
}

/// The condition that no other client has the fingerprint of this text.
fn unique(text: &str) -> Option<Digest> {
    Some(Digest::of(text))
}

/// A taken fingerprint refuses an insertion before anything is spent, claimed or evicted. A disabled client keeps its
/// fingerprint; another tenant has its own.
///
/// Disabled clients are included, because an operator disables a software so that it cannot register again.
///
/// This finds a store that checks the fingerprint after it has spent a use or evicted a client, and one that searches
/// only active clients.
///
/// It also checks the reverse: without the condition several clients may have the fingerprint, and after the last of
/// them is removed it is free.
pub(super) async fn a_fingerprint_that_is_taken_is_refused<S: ClientStore>(store: Subject<S>) {
    let (now, good) = (now(), token("good", Some(9), now()));
    store.insert_token(&good).await;
    let first = with_fingerprint("one", client("first", now - DAY));
    let only = |text| InsertConditions { unique_fingerprint: unique(text), ..InsertConditions::unconditional(now) };
    assert_eq!(
        store.insert_with(&first, &only("one")).await,
        InsertOutcome::Inserted,
        "insert: a fingerprint that is free"
    );
    let second = with_fingerprint("one", client("second", now));
    let evict = vec![IdleCutoffs::none(now).with_unused_since(now - HOUR)];
    let paying = InsertConditions {
        nonces: vec![nonce("jti", now)],
        unique_fingerprint: unique("one"),
        ..InsertConditions { evict, max_clients: Some(1), ..spending(&good, now) }
    };
    // The condition alone, beside others below the limit, and beside others at the limit, where a store could evict
    // the holder of the fingerprint to satisfy the condition.
    for conditions in [&only("one"), &InsertConditions { max_clients: Some(9), ..paying.clone() }, &paying] {
        let outcome = store.insert_with(&second, conditions).await;
        assert_eq!(outcome, InsertOutcome::FingerprintTaken, "insert: a fingerprint that is taken is refused");
        assert!(store.get(&second.id).await.is_none(), "insert: adds no client whose fingerprint is taken");
        assert!(store.get(&first.id).await.is_some(), "insert: evicts no client for a refused one");
    }
    assert_eq!(store.uses_left(&good.digest).await, 9, "insert: spends no use when the fingerprint is taken");
    assert!(store.claim_nonce("jti", now + HOUR, now).await, "insert: claims no nonce when the fingerprint is taken");
    let other = with_fingerprint("two", client("other", now));
    assert_eq!(
        store.insert_with(&other, &only("two")).await,
        InsertOutcome::Inserted,
        "insert: another fingerprint is free"
    );
    // Uniqueness is a condition of a call and no property of the data: an operator may switch it on for an existing
    // store.
    let plain = store.insert(&second).await;
    assert_eq!(plain, InsertOutcome::Inserted, "insert: without the condition a fingerprint may be that of several");
    store.remove(&first.id).await;
    a_disabled_client_keeps_its_fingerprint(&store, second, now).await;
}

/// The last client with the fingerprint is disabled: it keeps the fingerprint until it is removed, in its tenant.
///
/// Otherwise a software that an operator has disabled could register again at once, under another identifier.
async fn a_disabled_client_keeps_its_fingerprint<S: ClientStore>(store: &Subject<S>, second: Client, now: SystemTime) {
    let only = |text| InsertConditions { unique_fingerprint: unique(text), ..InsertConditions::unconditional(now) };
    let disabled = Client { status: ClientStatus::Disabled, ..renamed(&second, "Disabled") };
    assert!(store.update(&disabled).await, "update: the next revision is accepted");
    let third = with_fingerprint("one", client("third", now));
    let outcome = store.insert_with(&third, &only("one")).await;
    assert_eq!(outcome, InsertOutcome::FingerprintTaken, "insert: also a disabled client has its fingerprint");
    // Tenants must not learn from a refusal which software another tenant has registered.
    let elsewhere = store.for_tenant("elsewhere").insert_with(&third, &only("one")).await;
    assert_eq!(elsewhere, InsertOutcome::Inserted, "for_tenant: fingerprints of its own");
    store.remove(&second.id).await;
    assert_eq!(store.insert_with(&third, &only("one")).await, InsertOutcome::Inserted, "remove: frees the fingerprint");
}

/// The same for an update; the fingerprint that the client has itself is free for it.
///
/// Without this a client could register as one software and turn into another one with its first update.
///
/// The client may keep its own fingerprint, give it up, and find it taken when it comes back: each of these follows
/// the stored values and not those of the first insertion.
pub(super) async fn an_update_to_a_fingerprint_that_is_taken_is_refused<S: ClientStore>(store: Subject<S>) {
    let now = now();
    let (holder, changing) = (with_fingerprint("one", client("holder", now)), client("changing", now));
    store.hold(&[holder.clone(), changing.clone()]).await;
    let with_key = |text| UpdateConditions {
        nonces: vec![nonce("jti", now)],
        unique_fingerprint: unique(text),
        ..UpdateConditions::unconditional(now)
    };
    let moved = with_fingerprint("one", renamed(&changing, "Moved"));
    let refused = store.update_with(&moved, &with_key("one")).await;
    assert_eq!(refused, Err(StoreErrorKind::FingerprintTaken), "update: a fingerprint that is taken is refused");
    let found = store.get(&changing.id).await;
    assert_eq!(found.map(|found| found.revision), Some(1), "update: a taken fingerprint changes nothing");
    // The conflict is reported although the nonce is new and the fingerprint free: a stale caller must read the client
    // again.
    let stale = Client { revision: 9, ..moved.clone() };
    let stale =
        store.update_with(&stale, &UpdateConditions { unique_fingerprint: unique("two"), ..with_key("two") }).await;
    assert_eq!(stale, Err(StoreErrorKind::Conflict), "update: must conflict at another revision");
    // This update claims the nonce of the refused one, which shows that a refusal claims none.
    let own = renamed(&holder, "Renamed");
    assert_eq!(store.update_with(&own, &with_key("one")).await, Ok(()), "update: its own fingerprint is free");
    // After the holder gives the fingerprint up it must be free at once, also in an index of its own.
    let away = Client { fingerprint: None, ..renamed(&own, "Away") };
    assert!(store.update(&away).await, "update: the next revision is accepted");
    let free = UpdateConditions { unique_fingerprint: unique("one"), ..UpdateConditions::unconditional(now) };
    assert_eq!(store.update_with(&moved, &free).await, Ok(()), "update: a fingerprint that was given up is free");
    let back = with_fingerprint("one", renamed(&away, "Back"));
    let refused = store.update_with(&back, &free).await;
    assert_eq!(refused, Err(StoreErrorKind::FingerprintTaken), "update: a fingerprint that was moved to is taken");
}

/// Half of the callers insert, the others update a client that is there: one of all gets the fingerprint.
///
/// At the usual isolation level of a database neither transaction sees the row of the other one, so each finds the
/// fingerprint free. Cure: a lock on the fingerprint before the write, and the look after it.
///
/// If the winner is a new client, it is removed at the end of the round. If it is an updated one, it keeps the
/// fingerprint, and the next round uses another text.
///
/// Insertions and updates take part together, because a store may protect each of them and not the two against each
/// other.
pub(super) async fn one_of_many_of_a_unique_fingerprint_wins<S: ClientStore>(store: Subject<S>) {
    let mut held = clients("held", CALLERS / 2, now());
    store.hold(&held).await;
    for round in 0..ROUNDS {
        let (now, text) = (now(), format!("software-{round}"));
        let act = |caller: usize| {
            let (store, unique_fingerprint) = (store.clone(), unique(&text));
            let held = with_fingerprint(&text, renamed(&held[caller / 2], &text));
            let new = with_fingerprint(&text, client(&format!("new-{round}-{caller}"), now));
            async move {
                if caller.is_multiple_of(2) {
                    let conditions = InsertConditions { unique_fingerprint, ..below(u64::MAX, now) };
                    return (store.insert_with(&new, &conditions).await, new);
                }
                let conditions = UpdateConditions { unique_fingerprint, ..UpdateConditions::unconditional(now) };
                match store.update_with(&held, &conditions).await {
                    Ok(()) => (InsertOutcome::Inserted, held),
                    Err(_) => (InsertOutcome::FingerprintTaken, held),
                }
            }
        };
        let (answers, clients): (Vec<_>, Vec<_>) = race(CALLERS, act).await.into_iter().unzip();
        assert_eq!(
            times(&answers, &InsertOutcome::Inserted),
            1,
            "insert, update: one of many has a unique fingerprint"
        );
        assert_eq!(
            times(&answers, &InsertOutcome::FingerprintTaken),
            CALLERS - 1,
            "insert, update: it is taken for all others"
        );
        let winner = answers.iter().zip(clients).find(|(answers, _)| **answers == InsertOutcome::Inserted);
        let Some((_, winner)) = winner else { return };
        match held.iter_mut().find(|held| held.id == winner.id) {
            Some(held) => *held = winner,
            None => assert!(store.remove(&winner.id).await, "remove: true for a client that is there"),
        }
    }
}
