//! A caller may hang up at any moment: its future is dropped after some polls, and the step was taken or it was not.
//!
//! A backend may still be at work for a caller who left. So each check first looks, then does the same once more: after
//! that it is settled what happened, and the account must be right.

use super::sample::{assert_same, below, client, now, renamed, spending, token};
use super::subject::{Subject, abandon};
use crate::store::{Admission, Admitted, ClientStore, Removal};

/// After how many polls a future is dropped at the latest.
const POLLS: usize = 16;

pub(super) async fn an_abandoned_insertion_is_whole<S: ClientStore>(store: Subject<S>) {
    let (now, plenty) = (now(), token("plenty", Some(100), now()));
    store.insert_token(&plenty).await;
    let limited = |most: usize| Admission { most_clients: Some(most as u64), ..spending(&plenty, now) };
    let admission = limited(POLLS + 1);
    for polls in 1..=POLLS {
        let client = client(&format!("abandoned-{polls}"), now);
        abandon(store.admit(&client, &admission), polls).await;
        if let Some(found) = store.get(&client.id).await {
            assert_same(Some(&*found), &client, "insert: dropped halfway, the client is whole or not there");
        }
        let again = store.admit(&client, &admission).await;
        let settled = matches!(again, Admitted::Inserted | Admitted::Exists);
        assert!(settled, "insert: dropped halfway, it takes no place without a client (got {again:?})");
        assert_same(store.get(&client.id).await.as_deref(), &client, "insert: once more settles it");
    }
    assert_eq!(store.count().await, POLLS as u64, "count: every client once");
    let left = store.uses_left(&plenty.digest).await;
    assert_eq!(left, 100 - POLLS as u32, "insert: dropped halfway, it spends a use only with the client");
    let beyond = store.admit(&client("last", now), &limited(POLLS)).await;
    assert_eq!(beyond, Admitted::Full, "insert: dropped halfway, it takes a place with the client");
    let last = store.admit(&client("last", now), &admission).await;
    assert_eq!(last, Admitted::Inserted, "insert: dropped halfway, it takes a place only with the client");
}

pub(super) async fn an_abandoned_update_is_whole<S: ClientStore>(store: Subject<S>) {
    for polls in 1..=POLLS {
        let old = client(&format!("abandoned-{polls}"), now());
        let (new, newer) = (renamed(&old, "New"), renamed(&old, "Again"));
        store.hold(std::slice::from_ref(&old)).await;
        abandon(store.update(&new), polls).await;
        let found = store.get(&old.id).await;
        let is_old = found.as_ref().is_some_and(|found| found.revision == old.revision);
        let expected = if is_old { &old } else { &new };
        assert_same(found.as_deref(), expected, "update: dropped halfway, the client is the old or the new one");
        let expected = if store.update(&newer).await { &newer } else { &new };
        assert_same(store.get(&old.id).await.as_deref(), expected, "update: once more settles it");
    }
    assert_eq!(store.count().await, POLLS as u64, "count: every client once");
}

pub(super) async fn an_abandoned_removal_is_whole<S: ClientStore>(store: Subject<S>) {
    let token = token("refunded", Some(0), now());
    store.insert_token(&token).await;
    for polls in 1..=POLLS {
        let client = client(&format!("abandoned-{polls}"), now());
        store.hold(std::slice::from_ref(&client)).await;
        let removal = Removal::new().with_refund(token.digest);
        abandon(store.remove_as(&client.id, &removal), polls).await;
        if let Some(found) = store.get(&client.id).await {
            assert_same(Some(&*found), &client, "remove: dropped halfway, the client is whole or gone");
        }
        store.remove_as(&client.id, &removal).await;
        assert!(store.get(&client.id).await.is_none(), "remove: once more settles it");
        let given_back = store.uses_left(&token.digest).await;
        assert_eq!(given_back, polls as u32, "remove: dropped halfway, it gives the use back with the client");
    }
    assert_eq!(store.count().await, 0, "count: nobody who was removed");
    let only = store.admit(&client("only", now()), &below(1, now())).await;
    assert_eq!(only, Admitted::Inserted, "remove: dropped halfway, it gives the place back");
    let beyond = store.admit(&client("beyond", now()), &below(1, now())).await;
    assert_eq!(beyond, Admitted::Full, "remove: dropped halfway, it gives the place back only once");
}
