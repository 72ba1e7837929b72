//! A caller may drop its call at any moment: the future is dropped after some polls, and the step was taken as a whole
//! or not at all.
//!
//! A server drops the future of a request when the client closes the connection or when a timeout expires. A store
//! that takes its step in several awaited parts would then leave a half: a spent use without a client, or a client
//! without its index. The backend may still be at work for a caller who left, so each check first looks, then makes
//! the same call again. After that it is known what happened, and all numbers must agree.
//!
//! A database fulfils this with one statement, or with a transaction that is rolled back when its handle is dropped. A
//! store that has to finish a step of several parts runs it in a task of its own, which the caller only waits for.

use super::fixtures::{
    DAY, HOUR, assert_same, assert_same_token, below, client, clients, now, renamed, spending, token,
};
use super::subject::{POLLS, Subject, abandon};
use crate::client::Client;
use crate::store::{ClientStore, IdleCutoffs, InsertConditions, InsertOutcome, RemoveConditions};

/// A cancelled insertion has inserted the client and spent the use, or neither.
///
/// Two statements without a transaction fail this, and so does a transaction whose connection goes back to its pool
/// while the server still has it open: the next caller would work inside it.
///
/// A use that is spent without a client locks out a developer. A client without a spent use is a registration that the
/// operator did not allow.
///
/// Each round drops the call one poll later than the round before, and then repeats it. At the end the number of
/// clients, the uses of the token and the limit must agree.
pub(super) async fn a_cancelled_insertion_is_atomic<S: ClientStore>(store: Subject<S>) {
    let (now, plenty) = (now(), token("plenty", Some(100), now()));
    store.insert_token(&plenty).await;
    let limited = |most: usize| InsertConditions { max_clients: Some(most as u64), ..spending(&plenty, now) };
    let conditions = limited(POLLS + 1);
    for polls in 1..=POLLS {
        let client = client(&format!("abandoned-{polls}"), now);
        abandon(store.insert_with(&client, &conditions), polls).await;
        // The state is read before the second call, because that call could complete a half that the first one left.
        if let Some(found) = store.get(&client.id).await {
            assert_same(Some(&*found), &client, "insert: dropped halfway, the client is whole or not there");
        }
        let again = store.insert_with(&client, &conditions).await;
        let settled = matches!(again, InsertOutcome::Inserted | InsertOutcome::Exists);
        assert!(settled, "insert: dropped halfway, it takes no place without a client (got {again:?})");
        assert_same(store.get(&client.id).await.as_deref(), &client, "insert: once more settles it");
    }
    assert_eq!(store.count().await, POLLS as u64, "count: every client once");
    let left = store.uses_left(&plenty.digest).await;
    assert_eq!(left, 100 - POLLS as u32, "insert: dropped halfway, it spends a use only with the client");
    // The number that the store keeps must equal the number of its clients: neither above, which would waste capacity,
    // nor below, which would exceed the limit.
    let beyond = store.insert_with(&client("last", now), &limited(POLLS)).await;
    assert_eq!(beyond, InsertOutcome::Full, "insert: dropped halfway, it takes a place with the client");
    let last = store.insert_with(&client("last", now), &conditions).await;
    assert_eq!(last, InsertOutcome::Inserted, "insert: dropped halfway, it takes a place only with the client");
}

/// After a cancelled update the client is entirely the old one or entirely the new one.
///
/// A client whose record is new and whose index entries are old would not be found by its owner any more.
pub(super) async fn a_cancelled_update_is_atomic<S: ClientStore>(store: Subject<S>) {
    for polls in 1..=POLLS {
        let old = client(&format!("abandoned-{polls}"), now());
        let (new, newer) = (renamed(&old, "New"), renamed(&old, "Again"));
        store.hold(std::slice::from_ref(&old)).await;
        abandon(store.update(&new), polls).await;
        let found = store.get(&old.id).await;
        let is_old = found.as_ref().is_some_and(|found| found.revision == old.revision);
        let expected = if is_old { &old } else { &new };
        assert_same(found.as_deref(), expected, "update: dropped halfway, the client is the old or the new one");
        // Either the first update took place, and this one conflicts, or it did not, and this one takes its revision.
        let expected = if store.update(&newer).await { &newer } else { &new };
        assert_same(store.get(&old.id).await.as_deref(), expected, "update: once more settles it");
    }
    assert_eq!(store.count().await, POLLS as u64, "count: every client once");
}

/// After a cancelled removal the client is there or not, and its capacity and its use were given back or not,
/// together.
///
/// A removed client whose capacity was not freed makes the limit smaller with each cancelled request, until the
/// endpoint accepts no registration.
///
/// The token starts without uses, so its number of uses is the number of refunds so far.
pub(super) async fn a_cancelled_removal_is_atomic<S: ClientStore>(store: Subject<S>) {
    let token = token("refunded", Some(0), now());
    store.insert_token(&token).await;
    for polls in 1..=POLLS {
        let client = client(&format!("abandoned-{polls}"), now());
        store.hold(std::slice::from_ref(&client)).await;
        let conditions = RemoveConditions::unconditional().with_refund(token.digest);
        abandon(store.remove_with(&client.id, &conditions), polls).await;
        if let Some(found) = store.get(&client.id).await {
            assert_same(Some(&*found), &client, "remove: dropped halfway, the client is unchanged or removed");
        }
        store.remove_with(&client.id, &conditions).await;
        assert!(store.get(&client.id).await.is_none(), "remove: once more settles it");
        // One refund for each client so far: the second removal must not refund again after the first one completed.
        let given_back = store.uses_left(&token.digest).await;
        assert_eq!(given_back, polls as u32, "remove: dropped halfway, it refunds the use with the client");
    }
    assert_eq!(store.count().await, 0, "count: nobody who was removed");
    let only = store.insert_with(&client("only", now()), &below(1, now())).await;
    assert_eq!(only, InsertOutcome::Inserted, "remove: dropped halfway, it frees capacity");
    let beyond = store.insert_with(&client("beyond", now()), &below(1, now())).await;
    assert_eq!(beyond, InsertOutcome::Full, "remove: dropped halfway, it frees capacity only once");
}

/// The use of a token is refunded exactly once, however often the cancelled removal is repeated.
///
/// The token has as many uses as there are rounds, so a lost refund shows in the round in which it is lost.
pub(super) async fn a_cancelled_removal_refunds_its_token_with_the_client<S: ClientStore>(store: Subject<S>) {
    let (now, token) = (now(), token("refunded", Some(POLLS as u32), now()));
    store.insert_token(&token).await;
    let refund = RemoveConditions::unconditional().with_refund(token.digest);
    for polls in 1..=POLLS {
        let client = client(&format!("abandoned-{polls}"), now);
        assert_eq!(
            store.insert_with(&client, &spending(&token, now)).await,
            InsertOutcome::Inserted,
            "insert: there is a use left"
        );
        abandon(store.remove_with(&client.id, &refund), polls).await;
        store.remove_with(&client.id, &refund).await;
        assert!(store.get(&client.id).await.is_none(), "remove: once more settles it");
        let left = store.uses_left(&token.digest).await;
        assert_eq!(left, POLLS as u32, "remove: dropped halfway, it refunds the use exactly once");
    }
}

/// A cancelled use is recorded or not; the client stays complete.
///
/// A use is recorded on the path of every token request, so it is dropped more often than any other call.
///
/// If the store keeps the last use twice, in the record and in an index, the two could disagree after a dropped call.
/// The client would then be listed as unused and evicted although it is in use.
///
/// The whole client is compared and not only its last use, since a store may rewrite the record for it.
pub(super) async fn a_cancelled_touch_is_atomic<S: ClientStore>(store: Subject<S>) {
    for polls in 1..=POLLS {
        let unused = client(&format!("abandoned-{polls}"), now());
        let used = Client { last_used: Some(unused.issued_at + HOUR), ..unused.clone() };
        store.hold(std::slice::from_ref(&unused)).await;
        abandon(store.touch(&unused.id, unused.issued_at + HOUR), polls).await;
        let found = store.get(&unused.id).await;
        let is_used = found.as_ref().is_some_and(|found| found.last_used.is_some());
        let expected = if is_used { &used } else { &unused };
        assert_same(found.as_deref(), expected, "touch: dropped halfway, the use is known or it is not");
        assert!(store.touch(&unused.id, unused.issued_at + HOUR).await, "touch: true for a client that is there");
        assert_same(store.get(&unused.id).await.as_deref(), &used, "touch: once more settles it");
    }
}

/// After a cancelled expiry each client is complete or removed; none is marked and left.
///
/// A store may remove fewer clients than were asked for, but each removed one must be returned by a call that
/// completed, or not be removed.
pub(super) async fn a_cancelled_expiry_is_atomic<S: ClientStore>(store: Subject<S>) {
    let now = now();
    let cutoffs = IdleCutoffs::none(now).with_unused_since(now - HOUR);
    for polls in 1..=POLLS {
        let idle = clients(&format!("idle-{polls}"), 3, now - DAY);
        store.hold(&idle).await;
        abandon(store.expire(&cutoffs, usize::MAX), polls).await;
        for client in &idle {
            if let Some(found) = store.get(&client.id).await {
                assert_same(Some(&*found), client, "expire: dropped halfway, a client is unchanged or removed");
            }
        }
        // The second call must also find what the first one had selected and not removed: a mark that stays would hide
        // clients.
        store.expire(&cutoffs, usize::MAX).await;
        assert_eq!(store.count().await, 0, "expire: once more settles it");
    }
    // No client is left, so a limit of one must accept exactly one.
    let only = store.insert_with(&client("only", now), &below(1, now)).await;
    assert_eq!(only, InsertOutcome::Inserted, "expire: dropped halfway, it frees capacity");
    let beyond = store.insert_with(&client("beyond", now), &below(1, now)).await;
    assert_eq!(beyond, InsertOutcome::Full, "expire: dropped halfway, it frees capacity only once for each client");
}

/// After a cancelled insertion of a token it is there with all its values or not at all. A token without its number of
/// uses would be unlimited.
///
/// The removal of the token is dropped in the same way: a token that is found by its digest and is missing in the list
/// could not be revoked by an operator.
pub(super) async fn a_cancelled_token_insertion_is_atomic<S: ClientStore>(store: Subject<S>) {
    for polls in 1..=POLLS {
        let token = token(&format!("abandoned-{polls}"), Some(3), now());
        abandon(store.insert_token(&token), polls).await;
        if let Some(found) = store.get_token(&token.digest).await {
            assert_same_token(Some(&found), &token, "insert_token: dropped halfway, the token is whole or not there");
        }
        store.insert_token(&token).await;
        // The token is reachable by its digest and in the list. A store with two keys may have written only one of
        // them.
        let listed = store.list_tokens().await;
        assert_eq!(listed.len(), 1, "insert_token: dropped halfway, it leaves one token and not two");
        assert_same_token(listed.first(), &token, "insert_token: once more settles it");
        abandon(store.remove_token(&token.id), polls).await;
        if let Some(found) = store.get_token(&token.digest).await {
            assert_same_token(Some(&found), &token, "remove_token: dropped halfway, the token is unchanged or removed");
        }
        store.remove_token(&token.id).await;
        assert!(store.get_token(&token.digest).await.is_none(), "remove_token: once more settles it");
        assert!(store.list_tokens().await.is_empty(), "remove_token: once more settles it");
    }
}

/// A cancelled claim has recorded the nonce with its time of expiry, or nothing. A nonce without a time would never be
/// valid again.
///
/// The claim is repeated with the same time, and the nonce must be free again exactly at that time.
pub(super) async fn a_cancelled_claim_is_atomic<S: ClientStore>(store: Subject<S>) {
    let now = now();
    for polls in 1..=POLLS {
        let key = format!("abandoned-{polls}");
        abandon(store.claim_nonce(&key, now + HOUR, now), polls).await;
        // The answer of this call depends on whether the dropped one completed. Both are correct, so it is not
        // compared.
        store.claim_nonce(&key, now + HOUR, now).await;
        assert!(!store.claim_nonce(&key, now + HOUR, now).await, "claim_nonce: once more settles it");
        assert!(
            store.claim_nonce(&key, now + 9 * HOUR, now + HOUR).await,
            "claim_nonce: dropped halfway, it keeps the time"
        );
    }
}
