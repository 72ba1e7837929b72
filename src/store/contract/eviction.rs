//! At the limit of clients an idle client is evicted and the new client is inserted, in one step.
//!
//! An open endpoint fills with clients that registered once and never came back. Eviction lets new clients register
//! without a person who cleans up. It deletes registrations, so the checks are strict: the first idle client in the
//! order of the list is evicted, never a used, disabled or young one; none is evicted for a client that is refused;
//! and a removal that undoes the insertion restores it, because the registry undoes an insertion that it could not put
//! on the audit trail.
//!
//! A store fulfils them by searching the idle client, removing it and inserting the new one in one transaction, with
//! the condition evaluated again on the locked row. The number of clients does not change, so the limit is never
//! exceeded in between.

use std::collections::BTreeSet;
use std::time::SystemTime;

use super::fixtures::{DAY, HOUR, assert_same, below, client, clients, nonce, now, token};
use super::subject::{CALLERS, POLLS, ROUNDS, Subject, abandon, race, times};
use crate::client::credential::ClientId;
use crate::client::{Client, ClientStatus};
use crate::store::{ClientQuery, ClientStore, IdleCutoffs, InsertConditions, InsertOutcome, RemoveConditions};

/// At most so many clients; at the limit, one that was never used and was issued more than an hour ago is evicted.
///
/// These are the conditions of an endpoint with eviction switched on, reduced to what the checks need.
fn evicting_above(most: usize, now: SystemTime) -> InsertConditions {
    InsertConditions { evict: vec![IdleCutoffs::none(now).with_unused_since(now - HOUR)], ..below(most as u64, now) }
}

/// The outcome of an insertion that evicted this client.
pub(super) fn evicting(evicted: &Client) -> InsertOutcome {
    InsertOutcome::InsertedEvicting(std::sync::Arc::new(evicted.clone()))
}

/// The first idle client in the order of the list is evicted and returned, and cutoffs that name clients choose only
/// among these.
///
/// Returned is the whole client with its last values, since the registry revokes its grants and records it.
///
/// This finds a store that evicts in the order of its table or of its index, and one that answers with the identifier
/// only. The wrong order deletes a client that was idle for a shorter time, and without the values the registry cannot
/// revoke the right grants.
pub(super) async fn the_first_idle_client_is_evicted<S: ClientStore>(store: Subject<S>) {
    let now = now();
    let mut old = clients("old", 4, now - DAY);
    // The two oldest are protected, one by its status and one by its use, so the third is the first that may be
    // evicted.
    old[0].status = ClientStatus::Disabled;
    store.hold(&old).await;
    store.touch(&old[1].id, now - HOUR / 2).await;
    let young = client("young", now - HOUR / 2);
    store.hold(std::slice::from_ref(&young)).await;
    let new = clients("new", 5, now);
    // Below the limit an eviction would delete a registration without need.
    let outcome = store.insert_with(&new[0], &evicting_above(6, now)).await;
    assert_eq!(outcome, InsertOutcome::Inserted, "insert: evicts no client below the limit");
    for (new, gone) in new[1..].iter().zip(&old[2..]) {
        let outcome = store.insert_with(new, &evicting_above(6, now)).await;
        assert_eq!(outcome, evicting(gone), "insert: evicts the first client that is idle");
        let InsertOutcome::InsertedEvicting(returned) = outcome else { return };
        assert_same(Some(&*returned), gone, "insert: returns the evicted client");
        assert!(store.get(&gone.id).await.is_none(), "insert: the evicted client is removed");
        assert_same(store.get(&new.id).await.as_deref(), new, "insert: the new client is there");
        assert_eq!(store.count().await, 6, "count: one client was inserted for one evicted");
    }
    // All clients that are left are protected or as new as this one, so the limit must refuse.
    let full = store.insert_with(&new[3], &evicting_above(6, now)).await;
    assert_eq!(full, InsertOutcome::Full, "insert: evicts no used, young or disabled client");
    let left = store.list(&ClientQuery::new()).await;
    let left: Vec<_> = left.iter().map(|client| client.id.as_str()).collect();
    assert_eq!(left, ["old-0", "old-1", "young", "new-0", "new-1", "new-2"], "list: exactly those that are there");
    evicts_only_named_clients(&store, [&young, &old[1], &old[0]], &new[3..]).await;
}

/// A day later cutoffs name a young, a used and a disabled client: the used one is the only one that is idle by them.
///
/// The names are the answer of a hook of the application, which may protect clients. An eviction outside the names
/// would ignore that hook.
async fn evicts_only_named_clients<S: ClientStore>(store: &Subject<S>, named: [&Client; 3], new: &[Client]) {
    let (now, later) = (new[0].issued_at, new[0].issued_at + DAY);
    let ids = named.iter().map(|client| client.id.clone()).collect();
    let idle = IdleCutoffs::none(later).with_idle_since(now).with_ids(ids);
    let conditions = InsertConditions { evict: vec![idle], ..below(6, later) };
    let outcome = store.insert_with(&new[1], &conditions).await;
    assert_eq!(outcome, evicting(named[1]), "insert: evicts a named client that is idle by the cutoffs");
    let full = store.insert_with(&new[0], &conditions).await;
    assert_eq!(full, InsertOutcome::Full, "insert: no other named client is idle");
}

/// No client is evicted if the insertion is refused for another reason, and the new client is not its own victim.
///
/// Otherwise an attacker without a valid token could empty the store: each refused attempt would cost a client.
///
/// Each row has another reason of refusal, and in each the old client could be evicted. It must be the same client
/// afterwards, with all its values.
pub(super) async fn no_client_is_evicted_for_itself_or_for_a_refused_client<S: ClientStore>(store: Subject<S>) {
    let (now, spent) = (now(), token("spent", Some(0), now()));
    let (old, new) = (client("old", now - DAY), client("new", now));
    store.insert_token(&spent).await;
    store.hold(std::slice::from_ref(&old)).await;
    store.claim_nonce("used", now + HOUR, now).await;
    // The cutoff is in the future, so even the new client is idle by it. A store that inserts first could evict it.
    let room = IdleCutoffs::none(now).with_unused_since(now + HOUR);
    let full = |most| InsertConditions { evict: vec![room.clone()], ..below(most, now) };
    let rows = [
        (InsertOutcome::TokenRefused, &new, InsertConditions { initial_access_token: Some(spent.digest), ..full(1) }),
        (InsertOutcome::Replayed, &new, InsertConditions { nonces: vec![nonce("used", now)], ..full(1) }),
        (InsertOutcome::Exists, &old, full(1)),
    ];
    for (expected, client, conditions) in rows {
        assert_eq!(
            store.insert_with(client, &conditions).await,
            expected,
            "insert: refused, whether a client could be evicted or not"
        );
        assert_same(store.get(&old.id).await.as_deref(), &old, "insert: evicts no client for a refused one");
    }
    // Now the only other client is protected by its use, and the new client is the only one that the cutoffs select.
    store.touch(&old.id, now).await;
    assert_eq!(store.insert_with(&new, &full(1)).await, InsertOutcome::Full, "insert: evicts no client for itself");
    store.remove(&old.id).await;
    // With a limit of 0 there is no other client either.
    assert_eq!(store.insert_with(&new, &full(0)).await, InsertOutcome::Full, "insert: evicts no client for itself");
    assert_eq!(store.count().await, 0, "count: nobody");
}

/// A removal that undoes the insertion restores the evicted client with it, once, within the limit and in all indexes.
///
/// The restored client must again be found by its owner and be evictable, so its index entries are restored as well.
///
/// Without the restoration, a failure of the audit trail would delete a client of another owner, and the trail would
/// show neither change.
pub(super) async fn a_removal_restores_the_evicted_client<S: ClientStore>(store: Subject<S>) {
    let now = now();
    let mut old = clients("old", 2, now - DAY);
    old[0].owner = Some("alice".into());
    let new = client("new", now);
    store.hold(&old).await;
    let conditions = evicting_above(2, now);
    let InsertOutcome::InsertedEvicting(gone) = store.insert_with(&new, &conditions).await else {
        panic!("insert: evicts the first client that is idle")
    };
    let undo = RemoveConditions::undoing(conditions.clone(), Some(gone));
    // A conflict must have no effect: a restored client beside the new one would exceed the limit.
    let elsewhere = RemoveConditions { revision: Some(2), ..undo.clone() };
    assert_eq!(store.remove_with(&new.id, &elsewhere).await, None, "remove: must conflict at another revision");
    assert!(store.get(&old[0].id).await.is_none(), "remove: a conflict restores no client");
    assert_eq!(store.remove_with(&new.id, &undo).await, Some(true), "remove: true for a client that is there");
    assert_same(store.get(&old[0].id).await.as_deref(), &old[0], "remove: restores the evicted client");
    assert_eq!(store.count().await, 2, "remove: the restored client is included in the limit");
    // The index by owner is a structure of its own in most stores, and a restoration may forget it.
    let hers = store.list(&ClientQuery::new().with_owner("alice")).await;
    assert_eq!(hers.len(), 1, "list: also a restored client");
    assert_eq!(
        store.insert_with(&new, &below(2, now)).await,
        InsertOutcome::Full,
        "remove: the limit holds afterwards"
    );
    // The same for the index of clients that may be evicted.
    let again = store.insert_with(&new, &conditions).await;
    assert_eq!(again, evicting(&old[0]), "insert: a restored client is evicted again");
    // This removal is not an undo. The undo that follows finds no client, so it must not restore one either.
    store.remove(&new.id).await;
    assert_eq!(store.remove_with(&new.id, &undo).await, Some(false), "remove: false for a removed client");
    assert!(store.get(&old[0].id).await.is_none(), "remove: of an unknown client restores no client");
}

/// An operator may lower the limit. Then an insertion evicts one client and not all that are too many.
///
/// One request must not delete many registrations. The surplus shrinks by expiry or by the operator, who knows why the
/// limit was lowered.
pub(super) async fn above_a_lowered_limit_an_insertion_evicts_one_client<S: ClientStore>(store: Subject<S>) {
    let now = now();
    let old = clients("old", 5, now - DAY);
    store.hold(&old).await;
    let outcome = store.insert_with(&client("new", now), &evicting_above(2, now)).await;
    assert_eq!(outcome, evicting(&old[0]), "insert: above the limit an insertion evicts one client");
    assert_eq!(store.count().await, 5, "count: no more than before");
    assert_eq!(
        store.insert_with(&client("late", now), &below(2, now)).await,
        InsertOutcome::Full,
        "insert: the limit holds"
    );
}

/// There are more callers than idle clients, and more idle clients than uses of the token, so each of the three bounds
/// the others in some round.
///
/// A store that evicts in one step and inserts in another has fewer clients than the limit at some moment, and another
/// caller may take that place.
///
/// A client that two callers report as evicted means that two clients took one place. Each answer is compared with the
/// store in both directions: no client without an answer, and no answer without a client.
///
/// The token has 1, 7, 20 or 100 uses in turn, against 24 idle clients and 64 callers. The smallest number decides how
/// many insertions succeed.
pub(super) async fn as_many_clients_are_evicted_as_inserted<S: ClientStore>(store: Subject<S>) {
    const IDLE: usize = 24;
    for (round, uses) in (0..ROUNDS).zip([1, 7, 20, 100].into_iter().cycle()) {
        let now = now();
        let token = token(&format!("few-{round}"), Some(uses), now);
        store.insert_token(&token).await;
        store.hold(&clients(&format!("idle-{round}"), IDLE, now - DAY)).await;
        let conditions = InsertConditions { initial_access_token: Some(token.digest), ..evicting_above(IDLE, now) };
        let insert = |caller: usize| {
            let (store, conditions) = (store.clone(), conditions.clone());
            let client = client(&format!("rush-{round}-{caller}"), conditions.now);
            async move { (store.insert_with(&client, &conditions).await, client.id) }
        };
        let returned = race(CALLERS, insert).await;
        let gone: Vec<&ClientId> = returned.iter().filter_map(|(outcome, _)| outcome.evicted()).collect();
        let distinct: BTreeSet<_> = gone.iter().collect();
        let expected = IDLE.min(uses as usize);
        assert_eq!(gone.len(), expected, "insert: evicts as many clients as there are uses or idle clients");
        assert_eq!(distinct.len(), expected, "insert: evicts each client once");
        let outcome: Vec<_> = returned.iter().map(|(outcome, _)| outcome.clone()).collect();
        assert_eq!(times(&outcome, &InsertOutcome::Inserted), 0, "insert: inserts no client above the limit");
        assert_eq!(store.count().await, IDLE as u64, "count: exactly the limit");
        assert_eq!(
            store.uses_left(&token.digest).await,
            uses - expected as u32,
            "insert: spends a use for each inserted client"
        );
        for (outcome, id) in &returned {
            assert_eq!(
                store.get(id).await.is_some(),
                outcome.is_inserted(),
                "insert: reports exactly the inserted clients"
            );
        }
        for id in gone {
            assert!(store.get(id).await.is_none(), "insert: reports exactly the evicted clients");
        }
        remove_all(&store, IDLE).await;
    }
}

/// Removes all clients at the end of a round.
///
/// The number must be at least the number of clients, since one page is read.
async fn remove_all<S: ClientStore>(store: &Subject<S>, most: usize) {
    for client in store.list(&ClientQuery::new().with_limit(most)).await {
        store.remove(&client.id).await;
    }
}

/// Clients that are removed, updated and used at the same moment are evicted once or not at all.
///
/// A client that was confirmed as used must not be evicted in the same moment, and one that was removed cannot be
/// evicted, or one place would be given to two clients.
///
/// The number of clients that the store keeps is compared with the list, because a removal and an eviction of the same
/// client might both change it.
pub(super) async fn evictions_and_other_changes_exclude_each_other<S: ClientStore>(store: Subject<S>) {
    for round in 0..ROUNDS {
        let now = now();
        let idle = clients(&format!("idle-{round}"), CALLERS / 2, now - DAY);
        store.hold(&idle).await;
        let act = |caller: usize| {
            let (store, conditions, target) =
                (store.clone(), evicting_above(CALLERS / 2, now), idle[caller / 2].id.clone());
            let client = client(&format!("rush-{round}-{caller}"), now);
            async move {
                // Half of the callers insert and may evict any idle client. Each of the others uses or removes one of
                // them.
                match caller % 4 {
                    0 => store.touch(&target, now).await.then_some(target),
                    2 => store.remove(&target).await.then_some(target),
                    _ => store.insert_with(&client, &conditions).await.evicted().cloned(),
                }
            }
        };
        let mut changed: Vec<_> = race(CALLERS, act).await.into_iter().flatten().collect();
        let changes = changed.len();
        // Each client may be changed by one caller only. A second change of the same client is a duplicate here.
        changed.sort();
        changed.dedup();
        assert_eq!(changed.len(), changes, "insert: evicts no client that was used or removed before");
        // The list is read with a limit above the expected number, so a surplus client is not hidden by the page.
        let there = store.list(&ClientQuery::new().with_limit(2 * CALLERS)).await;
        assert!(there.len() <= CALLERS / 2, "insert: the limit holds");
        assert_eq!(store.count().await, there.len() as u64, "count: those who are there");
        for client in there {
            store.remove(&client.id).await;
        }
    }
}

/// A cancelled insertion has evicted one client and inserted the other, or neither.
///
/// A store that evicts first and is dropped before it inserts has deleted a client for nothing.
///
/// The token and a nonce are part of each call, so a store that commits the eviction and the conditions in different
/// transactions is found too.
pub(super) async fn a_cancelled_insertion_evicts_only_with_its_client<S: ClientStore>(store: Subject<S>) {
    let now = now();
    let plenty = token("plenty", Some(100), now);
    store.insert_token(&plenty).await;
    store.hold(&clients("old", POLLS, now - DAY)).await;
    for polls in 1..=POLLS {
        let new = client(&format!("abandoned-{polls}"), now);
        let key = nonce(&format!("jti-{polls}"), now);
        let conditions = InsertConditions {
            nonces: vec![key],
            ..InsertConditions { initial_access_token: Some(plenty.digest), ..evicting_above(POLLS, now) }
        };
        abandon(store.insert_with(&new, &conditions), polls).await;
        let again = store.insert_with(&new, &conditions).await;
        // The first call may have completed in the backend although its future was dropped. Then the client exists, or
        // its nonce is claimed; every other answer means that a part of the step was taken.
        let settled =
            matches!(again, InsertOutcome::InsertedEvicting(_) | InsertOutcome::Exists | InsertOutcome::Replayed);
        assert!(settled, "insert: dropped halfway, evicts no client without the new one (got {again:?})");
        assert_same(store.get(&new.id).await.as_deref(), &new, "insert: once more settles it");
        assert_eq!(store.count().await, POLLS as u64, "insert: dropped halfway, inserts and evicts one client or none");
        let left = 100 - store.uses_left(&plenty.digest).await;
        assert_eq!(left, polls as u32, "insert: dropped halfway, it spends a use only with the client");
    }
}

/// A cancelled removal has removed one client and restored the other, or neither.
///
/// An undo runs while the request already fails, so it is likely that the connection closes meanwhile. The evicted
/// client belongs to another party, who must not lose it for that.
///
/// Each round evicts the same client again, so a restoration that is incomplete in one round fails the next one.
pub(super) async fn a_cancelled_removal_restores_the_evicted_client<S: ClientStore>(store: Subject<S>) {
    let now = now();
    let old = client("old", now - DAY);
    store.hold(std::slice::from_ref(&old)).await;
    for polls in 1..=POLLS {
        let new = client(&format!("abandoned-{polls}"), now);
        let conditions = evicting_above(1, now);
        assert_eq!(
            store.insert_with(&new, &conditions).await,
            evicting(&old),
            "insert: a restored client is evicted again"
        );
        let undo = RemoveConditions::undoing(conditions, Some(std::sync::Arc::new(old.clone())));
        abandon(store.remove_with(&new.id, &undo), polls).await;
        store.remove_with(&new.id, &undo).await;
        assert!(store.get(&new.id).await.is_none(), "remove: once more settles it");
        let back = store.get(&old.id).await;
        assert_same(back.as_deref(), &old, "remove: dropped halfway, removes one client and restores one or none");
        assert_eq!(store.count().await, 1, "count: one client was restored for one removed");
    }
    // After all rounds the number that the store keeps must still agree with its clients.
    let beyond = store.insert_with(&client("beyond", now), &below(1, now)).await;
    assert_eq!(beyond, InsertOutcome::Full, "remove: a restored client is included in the limit");
}
