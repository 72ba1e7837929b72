//! Promises that only concurrent callers can break.
//!
//! Each check starts many callers at the same moment, on several threads, and looks at the sum of what they were
//! answered. A store that reads a value, decides and then writes is right with one caller and wrong here: two callers
//! read the same value, and both act on it. Each race is run several times, because one that goes well proves little.
//!
//! A database usually fulfils them with conditions inside the statement that writes, or with a lock on the row that
//! decides. Transactions alone are not enough: at the usual isolation level two of them read the same value, and both
//! commit.

use std::time::Duration;

use super::fixtures::{DAY, HOUR, assert_same, below, client, clients, now, renamed, spending, token};
use super::subject::{CALLERS, ROUNDS, Subject, race, times};
use crate::client::Client;
use crate::client::credential::ClientId;
use crate::store::{ClientStore, IdleCutoffs, InsertConditions, InsertOutcome, RemoveConditions};

/// Lets every caller insert a client of its own under the same conditions. Returns the outcomes of all callers.
///
/// The callers use distinct identifiers, so a refusal can only come from the condition that the race is about.
async fn rush<S: ClientStore>(store: &Subject<S>, prefix: &str, conditions: &InsertConditions) -> Vec<InsertOutcome> {
    let insert = |caller| {
        let (store, conditions) = (store.clone(), conditions.clone());
        let client = client(&format!("{prefix}-{caller}"), conditions.now);
        async move { store.insert_with(&client, &conditions).await }
    };
    race(CALLERS, insert).await
}

/// A token with one use left lets exactly one of many concurrent insertions succeed. This finds a store that reads the
/// number of uses, compares it and writes it back.
///
/// Cure: decrement in one statement that also compares, or hold a lock from the comparison to the insertion.
///
/// An initial access token for one use is handed to one developer. If two registrations succeed with it, a stolen copy
/// of the token registers a second client, and the operator sees one use.
pub(super) async fn one_use_is_spent_by_one_of_many<S: ClientStore>(store: Subject<S>) {
    for round in 0..ROUNDS {
        let token = token(&format!("once-{round}"), Some(1), now());
        store.insert_token(&token).await;
        let outcome = rush(&store, &format!("rush-{round}"), &spending(&token, now())).await;
        assert_eq!(times(&outcome, &InsertOutcome::Inserted), 1, "insert: one use of a token admits one of many");
        assert_eq!(times(&outcome, &InsertOutcome::TokenRefused), CALLERS - 1, "insert: all others are TokenRefused");
        assert_eq!(store.uses_left(&token.digest).await, 0, "insert: the use is spent");
        // The number of clients is compared too: a store may report refusals correctly and still have written the
        // clients.
        assert_eq!(store.count().await, round as u64 + 1, "count: one of many");
    }
}

/// The limit of clients is exact under concurrent insertions: as many are inserted as there was room for, all others
/// are `Full`, and the count agrees.
///
/// A count of rows before the insertion fails this: many callers count the same number. The count must be a value that
/// an insertion changes in its own step, such as a locked row or an atomic number.
///
/// A limit that is exceeded under load does not protect the storage, since the load is the attack that it is for.
pub(super) async fn many_insertions_stop_at_the_limit<S: ClientStore>(store: Subject<S>) {
    let token = token("plenty", Some(1000), now());
    store.insert_token(&token).await;
    for round in 1..=ROUNDS {
        // The limit grows by ten in each round, so every round starts from a store that is exactly full.
        let most = 10 * round as u64;
        let conditions = InsertConditions { max_clients: Some(most), ..spending(&token, now()) };
        let outcome = rush(&store, &format!("rush-{round}"), &conditions).await;
        assert_eq!(times(&outcome, &InsertOutcome::Inserted), 10, "insert: fills ten places with ten of many");
        assert_eq!(times(&outcome, &InsertOutcome::Full), CALLERS - 10, "insert: the store is Full for all others");
        assert_eq!(store.count().await, most, "count: exactly the limit");
        // A caller that is refused as `Full` must also leave the token as it was, or a busy hour spends it without
        // clients.
        let spent = 1000 - store.uses_left(&token.digest).await;
        assert_eq!(u64::from(spent), most, "insert: spends a use for every client and none for the others");
    }
}

/// Of many insertions of one identifier one is `Inserted`, all others find that it `Exists`, and the stored client is
/// that of the winner. This finds a store that looks for the identifier first and then overwrites.
///
/// Identifiers are random, so two registrations never have the same one by chance. An application that restores
/// clients may still insert one twice, and a request that a proxy repeats must not change the secret of the first
/// client.
pub(super) async fn one_of_many_insertions_of_an_identifier_wins<S: ClientStore>(store: Subject<S>) {
    for round in 0..ROUNDS {
        let (name, now) = (format!("same-{round}"), now());
        let insert = |caller: usize| {
            let (store, client) = (store.clone(), renamed(&client(&name, now), &caller.to_string()));
            async move { (store.insert(&client).await, client) }
        };
        let (winners, others): (Vec<_>, Vec<_>) =
            race(CALLERS, insert).await.into_iter().partition(|(outcome, _)| *outcome == InsertOutcome::Inserted);
        let [(_, winner)] = &winners[..] else { panic!("insert: one of many of an identifier, not {}", winners.len()) };
        assert!(
            others.iter().all(|(answers, _)| *answers == InsertOutcome::Exists),
            "insert: the client Exists for all others"
        );
        // The answers alone do not show an overwritten client: the last writer would be stored under the winner's
        // identifier.
        assert_same(store.get(&winner.id).await.as_deref(), winner, "insert: the one Inserted stays");
        assert_eq!(store.count().await, round as u64 + 1, "count: one of many");
    }
}

/// There is room for one client and one use of a token. Callers who are refused for another reason must not hold
/// either of them even for a moment: otherwise the one caller who may register would be refused as well.
///
/// This finds a store that reserves a place or a use first and gives it back when a later condition fails. A stream of
/// bad requests would then refuse correct ones, although the store has free capacity.
pub(super) async fn refused_insertions_block_no_other_insertion<S: ClientStore>(store: Subject<S>) {
    const ENTITLED: usize = CALLERS / 2;
    let now = now();
    let held = client("held", now);
    store.hold(std::slice::from_ref(&held)).await;
    for round in 0..ROUNDS {
        let good = token(&format!("good-{round}"), Some(1), now);
        store.insert_token(&good).await;
        let max_clients = Some(round as u64 + 2);
        let insert = |caller: usize| {
            let new = client(&format!("new-{round}-{caller}"), now);
            // One caller may register. Half of the others have an unknown token, and the rest use an identifier that
            // is taken.
            let (client, token) = match caller {
                ENTITLED => (new, good.clone()),
                _ if caller.is_multiple_of(2) => (new, token("unknown", Some(1), now)),
                _ => (held.clone(), good.clone()),
            };
            let (store, conditions) = (store.clone(), InsertConditions { max_clients, ..spending(&token, now) });
            async move { (caller, store.insert_with(&client, &conditions).await) }
        };
        for (caller, outcome) in race(CALLERS, insert).await {
            let inserted = outcome == InsertOutcome::Inserted;
            assert_eq!(
                inserted,
                caller == ENTITLED,
                "insert: a refused insertion blocks no other insertion (got {outcome:?})"
            );
        }
    }
}

/// A token that is revoked while insertions spend it stays revoked. A store that writes the whole token back with one
/// use less would restore it, and with it the right to register.
///
/// An operator removes a token because it has leaked. From then on no insertion may succeed with it, however many are
/// under way.
///
/// This finds a store that keeps the token and the number of its uses in one value, and writes that value back after
/// it has inserted the client.
pub(super) async fn spending_restores_no_removed_token<S: ClientStore>(store: Subject<S>) {
    for round in 0..ROUNDS {
        let name = format!("revoked-{round}");
        let token = token(&name, Some(1000), now());
        store.insert_token(&token).await;
        let act = |caller: usize| {
            let (store, name, conditions) = (store.clone(), name.clone(), spending(&token, now()));
            let client = client(&format!("rush-{round}-{caller}"), now());
            async move {
                // One caller in eight revokes the token, so that insertions run before, during and after the
                // revocation.
                match caller % 8 {
                    0 => store.remove_token(&name).await,
                    _ => {
                        store.insert_with(&client, &conditions).await;
                        false
                    }
                }
            }
        };
        let answers = race(CALLERS, act).await;
        assert_eq!(times(&answers, &true), 1, "remove_token: true for one of many");
        // Looked at after all callers have ended: a late write of the whole token would show here.
        assert!(store.get_token(&token.digest).await.is_none(), "insert: spending restores no removed token");
    }
}

/// Of many updates of the same revision one succeeds and the others are conflicts, so no reply with new credentials is
/// given for a change that another caller has overwritten.
///
/// Cure: the revision is a condition of the statement that writes, as in `… WHERE revision = $3 - 1`.
///
/// With rotation, each update issues a new registration access token. The loser of an overwritten update would hold a
/// token that the store does not know, and could not manage its client any more.
pub(super) async fn one_of_many_updates_of_a_revision_wins<S: ClientStore>(store: Subject<S>) {
    let mut current = client("contested", now());
    store.hold(std::slice::from_ref(&current)).await;
    for _ in 0..ROUNDS {
        let update = |caller: usize| {
            let (store, next) = (store.clone(), renamed(&current, &caller.to_string()));
            async move { store.update(&next).await.then_some(next) }
        };
        // The winner is the start of the next round, so the revisions of all rounds form one chain.
        let mut winners: Vec<Client> = race(CALLERS, update).await.into_iter().flatten().collect();
        assert_eq!(winners.len(), 1, "update: one of many of a revision, all others conflict");
        current = winners.remove(0);
        assert_same(store.get(&current.id).await.as_deref(), &current, "update: the one accepted stays");
    }
}

/// Of many removals one returns true, so the grants of a client are revoked once and its capacity is freed once.
///
/// The registry revokes the grants of a client and writes an event for the caller who got true. If two got it, the
/// trail would show two deletions; if none did, the grants would stay.
pub(super) async fn one_of_many_removals_is_true<S: ClientStore>(store: Subject<S>) {
    for round in 0..ROUNDS {
        let client = client(&format!("gone-{round}"), now());
        store.hold(std::slice::from_ref(&client)).await;
        let remove = |_| {
            let (store, id) = (store.clone(), client.id.clone());
            async move { store.remove(&id).await }
        };
        assert_eq!(times(&race(CALLERS, remove).await, &true), 1, "remove: true for one of many");
    }
    // Capacity that is freed twice would raise the limit. This shows as more than ten insertions.
    let outcome = rush(&store, "after", &below(10, now())).await;
    assert_eq!(times(&outcome, &InsertOutcome::Inserted), 10, "remove: gives a place back once, however many ask");
}

/// An update or a recorded use that is under way during a removal never restores the client. [RFC 7592
/// §2.3](https://www.rfc-editor.org/rfc/rfc7592#section-2.3) makes a deleted client unusable at once.
///
/// A store that writes a client with an "insert or replace" fails this.
///
/// A client that is restored by a late write has valid credentials, but its owner and the audit trail know it as
/// deleted.
///
/// The callers are removals, uses and updates in a ratio of one, one and six, so that updates are under way before and
/// after the removal.
pub(super) async fn a_removal_survives_concurrent_updates<S: ClientStore>(store: Subject<S>) {
    for round in 0..ROUNDS {
        let client = client(&format!("gone-{round}"), now());
        store.hold(std::slice::from_ref(&client)).await;
        let act = |caller: usize| {
            let (store, next) = (store.clone(), renamed(&client, &caller.to_string()));
            async move {
                match caller % 8 {
                    0 => (store.remove(&next.id).await, false),
                    1 => {
                        store.touch(&next.id, now()).await;
                        (false, false)
                    }
                    _ => (false, store.update(&next).await),
                }
            }
        };
        let (removed, updated): (Vec<_>, Vec<_>) = race(CALLERS, act).await.into_iter().unzip();
        assert_eq!(times(&removed, &true), 1, "remove: true for one of many");
        // None succeeds if the removal was first; otherwise one does and the removal follows it.
        assert!(times(&updated, &true) <= 1, "update: one of many of a revision, all others conflict");
        assert!(store.get(&client.id).await.is_none(), "update, touch: never restore a removed client");
        assert_eq!(store.count().await, 0, "update, touch: never restore a removed client");
    }
}

/// A use that is recorded during an update stays recorded, and the update succeeds: a busy client must not lose its
/// update to its own traffic, nor expire because its use was overwritten.
///
/// A store that writes the last use of the client that the caller passed fails this: that value was read some time
/// ago. The later of the stored and the passed use must stay.
pub(super) async fn updates_lose_no_use<S: ClientStore>(store: Subject<S>) {
    for round in 0..ROUNDS {
        let start = client(&format!("used-{round}"), now());
        store.hold(std::slice::from_ref(&start)).await;
        let act = |caller: usize| {
            let (store, start) = (store.clone(), start.clone());
            async move {
                if caller.is_multiple_of(2) {
                    let touched = store.touch(&start.id, start.issued_at + Duration::from_secs(caller as u64)).await;
                    assert!(touched, "touch: true for a client that is there");
                    return false;
                }
                let Some(read) = store.get(&start.id).await else { panic!("get: a client that is there") };
                store.update(&renamed(&read, &caller.to_string())).await
            }
        };
        let updates = times(&race(CALLERS, act).await, &true) as u64;
        let Some(found) = store.get(&start.id).await else { panic!("get: a client that is there") };
        // Only even callers record a use, so the largest even number below the number of callers is the latest.
        let latest = start.issued_at + Duration::from_secs(CALLERS as u64 - 2);
        assert_eq!(found.last_used, Some(latest), "update, touch: no use is lost between them");
        assert_eq!(found.revision, 1 + updates, "update, touch: the revision counts the updates");
    }
}

/// Half of the callers update the client, the others remove the revision that they read: of all of them one succeeds.
///
/// A DELETE with an outdated registration access token must not remove a client whose token has just been rotated.
///
/// If both succeeded, the reply to the update would have credentials of a client that does not exist, and the use of
/// the token would be refunded for a client that its owner still configures.
pub(super) async fn a_removal_at_a_revision_and_an_update_exclude_each_other<S: ClientStore>(store: Subject<S>) {
    let token = token("refunded", Some(1000), now());
    store.insert_token(&token).await;
    let mut removals = 0;
    for round in 0..ROUNDS {
        let start = client(&format!("contested-{round}"), now());
        store.hold(std::slice::from_ref(&start)).await;
        let act = |caller: usize| {
            let (store, next) = (store.clone(), renamed(&start, &caller.to_string()));
            let conditions = RemoveConditions::at_revision(1).with_refund(token.digest);
            async move {
                match caller.is_multiple_of(2) {
                    true => (store.remove_with(&next.id, &conditions).await == Some(true), false),
                    false => (false, store.update(&next).await),
                }
            }
        };
        let (removed, updated): (Vec<_>, Vec<_>) = race(CALLERS, act).await.into_iter().unzip();
        let (removed, updated) = (times(&removed, &true), times(&updated, &true));
        assert_eq!(removed + updated, 1, "remove, update: of all at one revision one wins");
        assert_eq!(store.get(&start.id).await.is_some(), updated == 1, "remove, update: what was answered is so");
        removals += removed as u32;
        // The refund is part of the same step: a removal that conflicts must not refund, and one that succeeds refunds
        // once.
        let given_back = store.uses_left(&token.digest).await - 1000;
        assert_eq!(given_back, removals, "remove: gives one use back for each client that it removes");
    }
}

/// What one caller of the expiry race did: a recorded use with its answer, or the clients that an expiry removed.
enum Answer {
    Touched(ClientId, bool),
    Expired(Vec<ClientId>),
}

/// Every second client is used while idle clients are removed two at a time, so both are after the same clients. A
/// client whose use was confirmed must not be removed as idle.
///
/// A store that selects idle clients and then removes them by identifier fails this. The condition must be evaluated
/// again in the step that removes.
///
/// An active client that is deleted as idle cannot obtain tokens any more, and its users cannot log in until a person
/// registers it again.
pub(super) async fn expire_spares_clients_that_are_used_in_time<S: ClientStore>(store: Subject<S>) {
    for round in 0..ROUNDS {
        let now = now();
        let idle = clients(&format!("idle-{round}"), CALLERS, now - DAY);
        store.hold(&idle).await;
        let cutoffs = IdleCutoffs::none(now).with_unused_since(now - HOUR).with_idle_since(now - HOUR);
        let act = |caller: usize| {
            let (store, cutoffs, id) = (store.clone(), cutoffs.clone(), idle[caller].id.clone());
            async move {
                if caller.is_multiple_of(2) {
                    let touched = store.touch(&id, now).await;
                    return Answer::Touched(id, touched);
                }
                let expired = store.expire(&cutoffs, 2).await;
                Answer::Expired(expired.iter().map(|client| client.id.clone()).collect())
            }
        };
        let answers = race(CALLERS, act).await;
        let mut expired: Vec<&ClientId> = Vec::new();
        for ids in &answers {
            let Answer::Expired(ids) = ids else { continue };
            expired.extend(ids);
        }
        for answers in &answers {
            let Answer::Touched(id, touched) = answers else { continue };
            // Both orders are correct. Only a use that was confirmed for a client that is then missing is a fault.
            let there = store.get(id).await.is_some();
            assert_eq!(there, *touched, "expire: spares a client that was used in time, and touch returns the truth");
            assert_ne!(there, expired.contains(&id), "expire: returns exactly the removed clients");
        }
        // A client that two calls report would be revoked and recorded on the audit trail twice.
        let removals = expired.len();
        expired.sort();
        expired.dedup();
        assert_eq!(expired.len(), removals, "expire: reports a removal once");
        for client in &idle {
            store.remove(&client.id).await;
        }
    }
}

/// Of many concurrent claims of one nonce exactly one returns true. An assertion that is replayed at the same moment
/// on two nodes must not be accepted twice.
///
/// A store that looks for the key and then writes it fails this. Cure: an insertion that fails on an existing key,
/// with the expiry as a condition of the same statement.
///
/// The second race of each round claims the same nonce after its time. A store must replace the expired entry for one
/// caller only.
pub(super) async fn one_of_many_claims_of_a_nonce_wins<S: ClientStore>(store: Subject<S>) {
    for round in 0..ROUNDS {
        let (key, now) = (format!("jti-{round}"), now());
        // Once for a key that is new, once for one whose time is over.
        for at in [now, now + 2 * HOUR] {
            let remember = |_| {
                let (store, key) = (store.clone(), key.clone());
                async move { store.claim_nonce(&key, at + HOUR, at).await }
            };
            assert_eq!(times(&race(CALLERS, remember).await, &true), 1, "claim_nonce: true for one of many");
        }
    }
}
