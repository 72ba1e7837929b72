//! An insertion meets its conditions in the same step, and one that is refused changes nothing.
//!
//! An initial access token ([RFC 7591 §3](https://www.rfc-editor.org/rfc/rfc7591#section-3)) with a number of uses is
//! a budget, and a limit of clients is the protection of an open endpoint. Both are guarantees only if a store checks
//! and spends them in the step that inserts the client.
//!
//! The order in which a store checks the conditions is free, and so is the refusal when several apply. What is not free
//! is the result: after a refusal the store is as it was before, and no other caller has seen another state meanwhile.

use super::fixtures::{DAY, HOUR, below, client, clients, now, spending, token};
use super::subject::Subject;
use crate::client::InitialAccessTokenRecord;
use crate::store::{ClientStore, IdleCutoffs, InsertConditions, InsertOutcome, RemoveConditions};

/// An unknown, spent or expired token is refused, by the time of the caller and not by a clock of the store.
///
/// All nodes must decide by one time. A store that compares with the clock of its database would refuse a token early
/// or accept it late when clocks differ, and no test could turn the clock.
///
/// The rows have a token that expires exactly at the time of the insertion: it is refused, since a token is valid
/// before its time of expiry and not at it.
pub(super) async fn an_unusable_token_is_refused<S: ClientStore>(store: Subject<S>) {
    let now = now();
    let until = |name, time| InitialAccessTokenRecord { expires_at: Some(time), ..token(name, Some(5), now - DAY) };
    let (spent, expired, just_expired) = (token("spent", Some(0), now), until("past", now - HOUR), until("just", now));
    let lasting = until("lasting", now + HOUR);
    for token in [&spent, &expired, &just_expired, &lasting] {
        store.insert_token(token).await;
    }
    // The insertion happens two hours from now by the time of the caller, so a store that uses its own clock accepts
    // it.
    let late = spending(&lasting, now + 2 * HOUR);
    let rows = [
        ("unknown", spending(&token("unknown", None, now), now)),
        ("spent", spending(&spent, now)),
        ("expired", spending(&expired, now)),
        ("expired at this moment", spending(&just_expired, now)),
        ("expired by the time of the insertion", late),
    ];
    for (name, conditions) in rows {
        let outcome = store.insert_with(&client("refused", now), &conditions).await;
        assert_eq!(outcome, InsertOutcome::TokenRefused, "insert: a token that is {name} is refused");
    }
    assert_eq!(store.count().await, 0, "insert: adds no client when the token is refused");
    assert!(store.get(&client("refused", now).id).await.is_none(), "insert: adds no client when the token is refused");
    // Zero uses minus one must not wrap to the largest number, nor may a refused attempt take a use of the expired
    // token.
    assert_eq!(store.uses_left(&spent.digest).await, 0, "insert: a refused token is not changed");
    assert_eq!(store.uses_left(&expired.digest).await, 5, "insert: a refused token is not changed");
    let outcome = store.insert_with(&client("outcome", now), &spending(&lasting, now)).await;
    assert_eq!(outcome, InsertOutcome::Inserted, "insert: a token that expires later is accepted");
}

/// Each insertion spends one use, and after the last one the token is refused.
///
/// The stored number is what remains, so an operator sees how much of the budget is left.
///
/// This finds a store that does not write the lower number, that spends two uses with a retry of its own, or that
/// spends the first token it finds.
pub(super) async fn an_insertion_spends_one_use<S: ClientStore>(store: Subject<S>) {
    let (spent, other) = (token("three uses", Some(3), now()), token("other", Some(3), now()));
    store.insert_token(&spent).await;
    store.insert_token(&other).await;
    for (client, left) in clients("outcome", 3, now()).iter().zip([2, 1, 0]) {
        let outcome = store.insert_with(client, &spending(&spent, now())).await;
        assert_eq!(outcome, InsertOutcome::Inserted, "insert: a token with uses left is accepted");
        assert_eq!(store.uses_left(&spent.digest).await, left, "insert: spends one use");
    }
    let fourth = store.insert_with(&client("fourth", now()), &spending(&spent, now())).await;
    assert_eq!(fourth, InsertOutcome::TokenRefused, "insert: a token without uses left is refused");
    // An insertion without a token must not spend the uses of any.
    store.hold(&[client("free", now())]).await;
    assert_eq!(store.uses_left(&other.digest).await, 3, "insert: spends no other token");
    assert_eq!(store.count().await, 4, "count: the inserted clients");
}

/// A token without a number of uses is accepted again and again, and gets no number by that.
///
/// This finds a store that writes a missing number as 0 or as the largest number. The first would block the endpoint,
/// and the second would show the operator a limit that nobody set.
pub(super) async fn a_token_without_a_use_limit_is_never_spent<S: ClientStore>(store: Subject<S>) {
    let token = token("uncounted", None, now());
    store.insert_token(&token).await;
    for client in clients("outcome", 20, now()) {
        let outcome = store.insert_with(&client, &spending(&token, now())).await;
        assert_eq!(outcome, InsertOutcome::Inserted, "insert: a token without a count is accepted again and again");
    }
    let found = store.get_token(&token.digest).await;
    assert!(found.is_some_and(|found| found.uses_left.is_none()), "insert: a token without a count gets none");
}

/// At the limit an insertion is `Full`; above a limit that was lowered as well; a limit of 0 allows no client.
///
/// Clients that are pending or disabled are included in the number: the limit protects the storage.
///
/// This finds a comparison that is off by one, a limit of 0 that is taken for "no limit", and a limit that is read as
/// a signed number.
pub(super) async fn a_full_store_refuses_every_insertion<S: ClientStore>(store: Subject<S>) {
    let now = now();
    let rows = [
        (0, "early", InsertOutcome::Full, "no place at all"),
        (1, "first", InsertOutcome::Inserted, "the only place"),
        (1, "late", InsertOutcome::Full, "the only place is taken"),
        (2, "second", InsertOutcome::Inserted, "the limit was raised"),
        (1, "lower", InsertOutcome::Full, "the limit was lowered below the number of clients"),
        (0, "lowest", InsertOutcome::Full, "the limit was lowered to nothing"),
        (u64::MAX, "highest", InsertOutcome::Inserted, "the highest limit"),
    ];
    // The rows depend on each other: each limit is compared with the clients that the rows before inserted.
    for (most, name, expected, case) in rows {
        let client = client(name, now);
        assert_eq!(store.insert_with(&client, &below(most, now)).await, expected, "insert: {case}");
        let there = store.get(&client.id).await.is_some();
        assert_eq!(there, expected == InsertOutcome::Inserted, "insert: adds no client who is refused ({case})");
    }
    store.hold(&[client("unlimited", now)]).await;
    assert_eq!(store.count().await, 4, "count: the inserted clients");
}

/// Whatever the reason of a refusal, no use is spent, since the caller will try again.
///
/// A client that registers with a mistake gets an error and tries again; with a token for one use the second attempt
/// must not find it spent.
///
/// Each reason of a refusal is combined with a condition that would succeed, because a store may spend the second
/// before it compares the first.
pub(super) async fn a_refused_insertion_spends_no_use<S: ClientStore>(store: Subject<S>) {
    let now = now();
    let (good, spent) = (token("good", Some(9), now), token("spent", Some(0), now));
    let (held, new) = (client("held", now), client("new", now));
    store.insert_token(&good).await;
    store.insert_token(&spent).await;
    store.hold(std::slice::from_ref(&held)).await;
    let limited = |token, most| InsertConditions { max_clients: Some(most), ..spending(token, now) };
    // Three rounds, since a refused attempt may leave a state behind that only the next attempt meets.
    for _ in 0..3 {
        let full = store.insert_with(&new, &limited(&good, 1)).await;
        assert_eq!(full, InsertOutcome::Full, "insert: a full store admits nobody, token or not");
        let refused = store.insert_with(&new, &limited(&spent, 2)).await;
        assert_eq!(refused, InsertOutcome::TokenRefused, "insert: a spent token is refused, place or not");
        let exists = store.insert_with(&held, &limited(&good, 2)).await;
        assert_eq!(exists, InsertOutcome::Exists, "insert: a second client of an identifier Exists, paid for or not");
    }
    assert_eq!(store.uses_left(&good.digest).await, 9, "insert: spends no use when it is refused");
    assert_eq!(store.count().await, 1, "count: nobody who was refused");
    // After nine refusals the insertion with correct conditions must succeed, with the capacity that was free before.
    let outcome = store.insert_with(&new, &limited(&good, 2)).await;
    assert_eq!(outcome, InsertOutcome::Inserted, "insert: takes no place when it is refused");
    assert_eq!(store.uses_left(&good.digest).await, 8, "insert: spends one use when it admits");
}

/// A removal with a refund gives exactly one use back, and only with the client; it restores no removed token and
/// gives no number of uses to a token that has none.
///
/// The refund belongs to the undo of a registration that could not be recorded on the audit trail. A plain deletion by
/// the client refunds nothing, or a token for one use would register without end.
///
/// A refund without the removal of a client would allow one registration more than the operator granted. A token that
/// the refund restores would undo a revocation.
///
/// An expired token gets its use back too: whether it is usable is decided when it is used, and its number of uses
/// stays correct for the operator.
pub(super) async fn a_removal_refunds_one_use<S: ClientStore>(store: Subject<S>) {
    let now = now();
    let counted = token("counted", Some(1), now - DAY);
    let expired = InitialAccessTokenRecord { expires_at: Some(now - HOUR), ..token("expired", Some(1), now - DAY) };
    let free = token("free", None, now);
    for token in [&counted, &expired, &free] {
        store.insert_token(token).await;
    }
    let paid = client("paid", now);
    let refund = RemoveConditions::unconditional().with_refund(counted.digest);
    let elsewhere = RemoveConditions { revision: Some(2), ..refund.clone() };
    assert_eq!(
        store.insert_with(&paid, &spending(&counted, now)).await,
        InsertOutcome::Inserted,
        "insert: one use is left"
    );
    assert_eq!(store.remove_with(&paid.id, &elsewhere).await, None, "remove: must conflict at another revision");
    assert_eq!(store.uses_left(&counted.digest).await, 0, "remove: a conflict refunds no use");
    assert_eq!(store.remove_with(&paid.id, &refund).await, Some(true), "remove: true for a client that is there");
    assert_eq!(store.uses_left(&counted.digest).await, 1, "remove: refunds the use");
    assert_eq!(store.remove_with(&paid.id, &refund).await, Some(false), "remove: false for a removed client");
    assert_eq!(store.uses_left(&counted.digest).await, 1, "remove: refunds the use only once");
    let again = store.insert_with(&client("again", now), &spending(&counted, now)).await;
    assert_eq!(again, InsertOutcome::Inserted, "remove: a refunded use is valid");

    let goners = clients("gone", 4, now);
    store.hold(&goners).await;
    for (client, digest) in goners.iter().zip([expired.digest, free.digest, token("unknown", None, now).digest]) {
        let removed = store.remove_with(&client.id, &RemoveConditions::unconditional().with_refund(digest)).await;
        assert_eq!(removed, Some(true), "remove: true whatever became of the token");
    }
    store.remove(&goners[3].id).await;
    assert_eq!(store.uses_left(&expired.digest).await, 2, "remove: refunds the use to an expired token too");
    assert_eq!(store.uses_left(&counted.digest).await, 0, "remove: refunds no use unless a refund is named");
    let free = store.get_token(&free.digest).await;
    assert!(free.is_some_and(|free| free.uses_left.is_none()), "remove: a token without a count gets none");
    assert_eq!(store.list_tokens().await.len(), 3, "remove: restores no token");
}

/// Below the limit there is room for exactly as many clients as were removed or have expired.
///
/// A store that keeps the number of clients beside them may forget one of the ways in which a client is removed. Then
/// the endpoint fills up for ever, or the limit stops protecting it.
///
/// The clients are removed in both ways, and after each the limit must accept exactly as many as were removed and
/// refuse the next one.
pub(super) async fn a_removal_and_an_expiry_free_capacity<S: ClientStore>(store: Subject<S>) {
    let now = now();
    let old = clients("old", 3, now - DAY);
    let new = clients("new", 4, now);
    store.hold(&old).await;
    store.remove(&old[0].id).await;
    store.remove(&old[0].id).await;
    // The client was removed twice, and only the first call removed anything, so one place is free and not two.
    let outcome = store.insert_with(&new[0], &below(3, now)).await;
    assert_eq!(outcome, InsertOutcome::Inserted, "remove: frees capacity");
    assert_eq!(
        store.insert_with(&new[1], &below(3, now)).await,
        InsertOutcome::Full,
        "remove: frees capacity only once"
    );

    let cutoffs = IdleCutoffs::none(now).with_unused_since(now - HOUR);
    assert_eq!(store.expire(&cutoffs, 10).await.len(), 2, "expire: removes idle clients");
    for client in &new[1..3] {
        let outcome = store.insert_with(client, &below(3, now)).await;
        assert_eq!(outcome, InsertOutcome::Inserted, "expire: frees capacity");
    }
    assert_eq!(
        store.insert_with(&new[3], &below(3, now)).await,
        InsertOutcome::Full,
        "expire: frees capacity only once for each client"
    );
}
