//! A nonce is claimed with the change that it belongs to, or not at all.
//!
//! The `jti` of a software statement ([RFC 7591 §2.3](https://www.rfc-editor.org/rfc/rfc7591#section-2.3)) that may be
//! used once is claimed by the insertion. If the claim were a step of its own, a refused registration would use the
//! statement up, or a replayed statement would register two clients.
//!
//! A store fulfils this by claiming nonces in the transaction that writes the client. All nonces of a call are
//! compared before the first is written, or the transaction is rolled back when one is known.
//!
//! The reverse is checked as well: an undo releases the nonces of its own insertion, and only together with the
//! removal. A release that is a step of its own would open a moment in which the statement can be replayed.

use super::fixtures::{HOUR, assert_same, below, claiming, client, clients, nonce, now, renamed, spending, token};
use super::subject::{CALLERS, ROUNDS, Subject, race, times};
use crate::error::StoreErrorKind;
use crate::store::{ClientStore, InsertConditions, InsertOutcome, RemoveConditions, UpdateConditions};

/// An insertion claims all of its nonces; one that is known refuses it, and then none of the others is claimed.
///
/// A document may have several statements, so there may be several nonces.
///
/// This finds a store that claims the nonces one after the other and stops at the first that is known, so that the
/// earlier ones stay claimed. The caller could not use the statement any more, although it registered no client.
///
/// Later rows come back to the same nonces: after their time they are accepted again, and a nonce that stood beside a
/// known one is accepted at once.
pub(super) async fn an_insertion_claims_its_nonces<S: ClientStore>(store: Subject<S>) {
    let (now, good) = (now(), token("good", Some(9), now()));
    store.insert_token(&good).await;
    let [first, second, third, fourth] = &clients("user", 4, now)[..] else { return };
    let paying = |keys: &[&str], at| InsertConditions {
        max_clients: Some(3),
        ..InsertConditions { nonces: claiming(keys, at).nonces, ..spending(&good, at) }
    };
    let outcome = store.insert_with(first, &paying(&["one", "two"], now)).await;
    assert_eq!(outcome, InsertOutcome::Inserted, "insert: new keys are accepted");
    // The known nonce alone, and before and after a new one, because the order decides what is claimed first.
    for keys in [&["one"][..], &["two"], &["three", "one"], &["two", "three"]] {
        let replayed = store.insert_with(second, &paying(keys, now)).await;
        assert_eq!(replayed, InsertOutcome::Replayed, "insert: a key that was used is Replayed, also beside others");
    }
    assert!(store.get(&second.id).await.is_none(), "insert: adds no client whose key was used");
    assert_eq!(store.uses_left(&good.digest).await, 8, "insert: a key that was used spends no use of a token");
    let outcome = store.insert_with(second, &paying(&["three"], now)).await;
    assert_eq!(outcome, InsertOutcome::Inserted, "insert: a key that came beside a used one is not used up");
    // There is one space of nonces, whichever verb claims them: a statement that was used must be refused everywhere.
    assert!(!store.claim_nonce("one", now + HOUR, now).await, "claim_nonce: a key that an insertion used up is known");
    assert!(store.claim_nonce("four", now + HOUR, now).await, "claim_nonce: a key that nobody used is not known");
    let replayed = store.insert_with(third, &paying(&["four"], now)).await;
    assert_eq!(replayed, InsertOutcome::Replayed, "insert: a key that was remembered is Replayed");
    let outcome = store.insert_with(third, &paying(&["one"], now + HOUR)).await;
    assert_eq!(outcome, InsertOutcome::Inserted, "insert: an expired nonce is valid again");
    // The limit is checked beside the nonces, and a refusal by it must release them.
    let full = store.insert_with(fourth, &paying(&["five"], now)).await;
    assert_eq!(full, InsertOutcome::Full, "insert: a new nonce does not raise the limit");
    assert!(store.claim_nonce("five", now + HOUR, now).await, "insert: a refused insertion claims no nonce");
}

/// An insertion that is refused for another reason claims no nonce, so the caller can try again with the same
/// statement.
///
/// This finds a store that claims before it compares the other conditions. A caller with a mistake in one registration
/// would lose the statement, which the publisher of the software signs only once.
pub(super) async fn a_refused_insertion_claims_no_nonce<S: ClientStore>(store: Subject<S>) {
    let (now, spent) = (now(), token("spent", Some(0), now()));
    let held = client("held", now);
    store.insert_token(&spent).await;
    store.hold(std::slice::from_ref(&held)).await;
    let new = client("new", now);
    let rows = [
        (InsertOutcome::Exists, &held, InsertConditions::unconditional(now)),
        (InsertOutcome::TokenRefused, &new, spending(&spent, now)),
        (InsertOutcome::Full, &new, below(1, now)),
    ];
    for (expected, client, conditions) in rows {
        // The same nonce in each row: the first row that claims it makes the next one fail.
        let conditions = InsertConditions { nonces: vec![nonce("jti", now)], ..conditions };
        assert_eq!(store.insert_with(client, &conditions).await, expected, "insert: refused with a new key");
    }
    let outcome = store.insert_with(&new, &claiming(&["jti"], now)).await;
    assert_eq!(outcome, InsertOutcome::Inserted, "insert: a refused insertion claims no nonce");
}

/// The same for an update, which also releases nonces when it undoes another update.
///
/// An update with a software statement is a use of it as a registration is. Without this condition a statement for one
/// use could be sent again with each update.
pub(super) async fn an_update_claims_its_nonces<S: ClientStore>(store: Subject<S>) {
    let now = now();
    let first = client("changing", now);
    let [second, third, fourth] = [("Second", 2), ("Third", 3), ("Fourth", 4)]
        .map(|(name, revision)| crate::client::Client { revision, ..renamed(&first, name) });
    let with = |key: &str| UpdateConditions { nonces: vec![nonce(key, now)], ..UpdateConditions::unconditional(now) };
    store.hold(std::slice::from_ref(&first)).await;
    let skipped = store.update_with(&third, &with("one")).await;
    assert_eq!(skipped, Err(StoreErrorKind::Conflict), "update: must conflict at another revision, new key or not");
    assert_eq!(store.update_with(&second, &with("one")).await, Ok(()), "update: a conflict claims no nonce");
    let replayed = store.update_with(&third, &with("one")).await;
    assert_eq!(replayed, Err(StoreErrorKind::Replayed), "update: a key that was used is Replayed");
    assert_same(store.get(&first.id).await.as_deref(), &second, "update: a used key changes nothing");
    assert!(!store.claim_nonce("one", now + HOUR, now).await, "claim_nonce: a key that an update used up is known");
    // The undo is itself an update: it needs the next revision, and a conflict must leave the claim in place.
    let undo = UpdateConditions { release_nonces: vec![nonce("one", now)], ..UpdateConditions::unconditional(now) };
    let conflict = store.update_with(&second, &undo).await;
    assert_eq!(conflict, Err(StoreErrorKind::Conflict), "update: must conflict at another revision");
    let replayed = store.update_with(&third, &with("one")).await;
    assert_eq!(replayed, Err(StoreErrorKind::Replayed), "update: a conflict keeps nonces");
    assert_eq!(store.update_with(&third, &undo).await, Ok(()), "update: the next revision is accepted");
    assert_eq!(store.update_with(&fourth, &with("one")).await, Ok(()), "update: a released nonce is valid again");
}

/// A removal that undoes an insertion releases its nonces, with the client and once.
///
/// A registration that was undone must not use the statement up: the developer would have to ask for another one.
pub(super) async fn a_removal_releases_nonces<S: ClientStore>(store: Subject<S>) {
    let (now, conditions) = (now(), claiming(&["one", "two"], now()));
    let used = client("used", now);
    assert_eq!(store.insert_with(&used, &conditions).await, InsertOutcome::Inserted, "insert: new keys are accepted");
    let undo = RemoveConditions::undoing(conditions.clone(), None);
    // A conflict that released nonces would permit a replay while the client is still registered.
    let elsewhere = RemoveConditions { revision: Some(2), ..undo.clone() };
    assert_eq!(store.remove_with(&used.id, &elsewhere).await, None, "remove: must conflict at another revision");
    let replayed = store.insert_with(&client("new", now), &conditions).await;
    assert_eq!(replayed, InsertOutcome::Replayed, "remove: a conflict keeps nonces");
    assert_eq!(store.remove_with(&used.id, &undo).await, Some(true), "remove: true for a client that is there");
    let again = store.insert_with(&client("again", now), &conditions).await;
    assert_eq!(again, InsertOutcome::Inserted, "remove: released nonces are valid again");
    // A repeated undo must not release the nonces again, since the second client holds them now.
    assert_eq!(store.remove_with(&used.id, &undo).await, Some(false), "remove: false for a removed client");
    let replayed = store.insert_with(&client("new", now), &conditions).await;
    assert_eq!(replayed, InsertOutcome::Replayed, "remove: of nobody keeps nonces");
}

/// Insertions and an update that claim the same nonce at the same moment: one succeeds.
///
/// A statement for one use that is sent to all nodes of a cluster at the same moment registers one client.
///
/// One caller updates, so a store that guards insertions and updates with different locks is found.
pub(super) async fn a_nonce_is_accepted_from_one_of_many<S: ClientStore>(store: Subject<S>) {
    let mut renewed = client("changing", now());
    store.hold(std::slice::from_ref(&renewed)).await;
    for round in 0..ROUNDS {
        let (now, key) = (now(), format!("jti-{round}"));
        renewed = renamed(&renewed, &key);
        // One of the callers updates, the others insert.
        let act = |caller: usize| {
            let (store, conditions, renewed) = (store.clone(), claiming(&[&key], now), renewed.clone());
            let client = client(&format!("rush-{round}-{caller}"), now);
            async move {
                if caller > 0 {
                    return store.insert_with(&client, &conditions).await;
                }
                let conditions = UpdateConditions { nonces: conditions.nonces, ..UpdateConditions::unconditional(now) };
                match store.update_with(&renewed, &conditions).await {
                    Ok(()) => InsertOutcome::Inserted,
                    Err(_) => InsertOutcome::Replayed,
                }
            }
        };
        let answers = race(CALLERS, act).await;
        assert_eq!(
            times(&answers, &InsertOutcome::Inserted),
            1,
            "insert, update: a nonce is accepted from one of many"
        );
        assert_eq!(times(&answers, &InsertOutcome::Replayed), CALLERS - 1, "insert, update: all others are Replayed");
        // If the update won, the client has the new revision and the same update conflicts. If it lost, the update
        // takes place now.
        let updated = store.get(&renewed.id).await.is_some_and(|found| found.revision == renewed.revision);
        assert_eq!(store.update(&renewed).await, !updated, "update: a used key changes nothing");
    }
}
