//! Initial access tokens are stored until they are removed.
//!
//! A spent or expired token stays visible, since an operator wants to see what became of it. Only its digest is
//! stored; the token itself is shown once, when it is issued.
//!
//! These checks look at the records of tokens. How an insertion spends a use is checked with the conditions of an
//! insertion, because only there the two belong to one step.

use std::time::Duration;

use super::fixtures::{HOUR, assert_same_token, client, now, spending, token};
use super::subject::Subject;
use crate::client::InitialAccessTokenRecord;
use crate::client::credential::Digest;
use crate::store::{ClientStore, InsertOutcome};

/// A token that can no longer be used is still found and listed.
///
/// The registry decides whether a token is usable, by its own time. A store that hides expired tokens decides by
/// another clock, and the operator cannot see that a token was spent.
pub(super) async fn spent_and_expired_tokens_are_found<S: ClientStore>(store: Subject<S>) {
    let now = now();
    let expired =
        InitialAccessTokenRecord { expires_at: Some(now - HOUR), ..token("expired", Some(1), now - 2 * HOUR) };
    for token in [token("usable", Some(3), now), token("spent", Some(0), now), expired] {
        // Looked for before the insertion, so that the check does not pass with tokens of an earlier run.
        assert!(store.get_token(&token.digest).await.is_none(), "get_token: None for a token that is not there");
        store.insert_token(&token).await;
        assert_same_token(store.get_token(&token.digest).await.as_ref(), &token, "get_token: also spent and expired");
    }
    assert_eq!(store.list_tokens().await.len(), 3, "list_tokens: also spent and expired ones");
}

/// The order is the time of issue and then the identifier.
///
/// An administration page shows this list. Without a total order its rows would change their places with each request.
pub(super) async fn tokens_are_listed_in_order<S: ClientStore>(store: Subject<S>) {
    assert!(store.list_tokens().await.is_empty(), "list_tokens: nothing where there is no token");
    let start = now();
    // Four tokens have the same time of issue, and their order by bytes differs from the order of a dictionary.
    let rows = [(2, "c"), (1, "a"), (1, "_"), (0, "z"), (1, "B"), (1, "-")];
    for (millis, name) in rows {
        store.insert_token(&token(name, None, start + Duration::from_millis(millis))).await;
    }
    let listed = store.list_tokens().await;
    let names: Vec<_> = listed.iter().map(|token| token.id()).collect();
    let expected = ["z", "-", "B", "_", "a", "c"];
    assert_eq!(names, expected, "list_tokens: ordered by time of issue, then by the bytes of the identifier");
}

/// A second insertion of a digest replaces the token, and its former identifier finds nothing.
///
/// An application that inserts its configured tokens at each start uses this. A second row for the same digest would
/// allow the uses of both, and a revocation by one of the identifiers would leave the other one usable.
pub(super) async fn a_token_of_the_same_digest_is_replaced<S: ClientStore>(store: Subject<S>) {
    let first = token("first", Some(0), now());
    let second = InitialAccessTokenRecord { digest: first.digest, ..token("second", Some(5), now()) };
    store.insert_token(&first).await;
    store.insert_token(&second).await;
    let found = store.get_token(&first.digest).await;
    assert_same_token(found.as_ref(), &second, "insert_token: replaces the token of the same digest");
    assert_eq!(store.list_tokens().await.len(), 1, "insert_token: replaces the token of the same digest");
    // The index by identifier has to follow the replacement.
    assert!(!store.remove_token("first").await, "remove_token: false for a token that was replaced");
    assert!(store.remove_token("second").await, "remove_token: true for the token that replaced it");
}

/// A removal returns true once; a removed token is neither found nor usable.
///
/// An operator revokes a token that has leaked. The check finds a revocation that removes the entry of the list but
/// leaves the token usable, and a comparison of identifiers that ignores case.
pub(super) async fn remove_token_is_true_once<S: ClientStore>(store: Subject<S>) {
    let (gone, stays) = (token("gone", None, now()), token("GONE", None, now()));
    store.insert_token(&gone).await;
    store.insert_token(&stays).await;
    assert!(!store.remove_token("nobody").await, "remove_token: false for a token that never was");
    assert!(store.remove_token("gone").await, "remove_token: true for a token that is there");
    assert!(!store.remove_token("gone").await, "remove_token: false for a token that is gone");
    assert!(store.get_token(&gone.digest).await.is_none(), "remove_token: a removed token is not found");
    // The revocation must also be effective for insertions, which find the token by its digest and not by its
    // identifier.
    let outcome = store.insert_with(&client("late", now()), &spending(&gone, now())).await;
    assert_eq!(outcome, InsertOutcome::TokenRefused, "insert: a removed token admits nobody");
    assert_same_token(store.get_token(&stays.digest).await.as_ref(), &stays, "remove_token: removes no other token");
    assert!(store.get_token(&Digest::of("another")).await.is_none(), "get_token: None for an unknown digest");
}
