//! A nonce is known from its claim until it expires.
//!
//! This is the protection against replay for assertions with a `jti` ([RFC 7523
//! §3](https://www.rfc-editor.org/rfc/rfc7523#section-3)): the first claim returns true, any other one false until the
//! time that the first claim named.
//!
//! The registry decides what a key is made of, for example of the issuer and the `jti` together. A store compares keys
//! as bytes and knows nothing about their parts.
//!
//! A database fulfils this with one statement: an insertion that, on an existing key, replaces the time only if the
//! stored one is over. The number of changed rows is the answer. The checks of this file use one caller; the races and
//! the dropped calls are in files of their own.

use super::fixtures::{HOUR, client, now};
use super::subject::Subject;
use crate::store::{ClientStore, IdleCutoffs};

/// The time of the first claim holds. A repeated claim does not extend it, or a client that repeats itself would never
/// be accepted again.
///
/// This finds a store that overwrites the time with each claim, one that compares the time with its own clock, and one
/// that treats a claim at the exact time of expiry as a replay.
pub(super) async fn a_nonce_is_claimed_once_until_it_expires<S: ClientStore>(store: Subject<S>) {
    let now = now();
    let until = now + HOUR;
    assert!(store.claim_nonce("jti", until, now).await, "claim_nonce: true the first time");
    // The rows try a later time, an earlier one, and a claim that is made when half of the time has passed.
    for (again, at) in [(until, now), (now + 9 * HOUR, now), (now, now), (until, until - HOUR / 2)] {
        assert!(!store.claim_nonce("jti", again, at).await, "claim_nonce: false until the time is over");
    }
    assert!(
        store.claim_nonce("jti", until + HOUR, until).await,
        "claim_nonce: true again at that time, not moved by repeats"
    );
    // The new claim starts a lifetime of its own, with the same protection as the first one.
    assert!(!store.claim_nonce("jti", until + HOUR, until).await, "claim_nonce: false until the new time is over");
    assert!(
        store.claim_nonce("jti", until + 9 * HOUR, until + 2 * HOUR).await,
        "claim_nonce: true again after the time"
    );
}

/// A nonce is any text, also an empty one, a long one, and one with U+0000 or wildcards of a database.
///
/// An issuer chooses its `jti`, and two that differ only in case or normalization are different ([RFC 7519
/// §4.1.7](https://www.rfc-editor.org/rfc/rfc7519#section-4.1.7)).
///
/// If two texts were one key, the second statement would be refused as a replay although it was never used. If a store
/// cut its keys at U+0000 or at the width of a column, an attacker could block the statement of another party with a
/// key that begins alike.
pub(super) async fn nonces_are_compared_byte_by_byte<S: ClientStore>(store: Subject<S>) {
    let (now, long) = (now(), "k".repeat(4096));
    // Two long keys that differ in the last byte only: a column that cuts its values makes them equal.
    let longer = format!("{long}k");
    let keys =
        ["jti", "JTI", "jti ", " jti", "", "é", "e\u{301}", "🦀", "a\0b", "a", "%", "*", "'", "\n", &long, &longer];
    for key in keys {
        assert!(store.claim_nonce(key, now + HOUR, now).await, "claim_nonce: {key:?} is another key than those before");
    }
    for key in keys {
        assert!(!store.claim_nonce(key, now + HOUR, now).await, "claim_nonce: {key:?} is known by now");
    }
    // Stores with one space of keys must separate nonces and clients.
    assert!(store.get(&client("jti", now).id).await.is_none(), "claim_nonce: a key is no client");
}

/// An expiry removes nonces only after their time, or it would open the door to a replay.
///
/// Expiry is also called for its effect on clients, with no cutoff for them. Nonces are cleaned up by the time that
/// the caller passes, as everywhere.
pub(super) async fn expire_keeps_unexpired_nonces<S: ClientStore>(store: Subject<S>) {
    let now = now();
    assert!(store.claim_nonce("short", now + HOUR, now).await, "claim_nonce: true the first time");
    assert!(store.claim_nonce("long", now + 9 * HOUR, now).await, "claim_nonce: true the first time");
    store.expire(&IdleCutoffs::none(now + 2 * HOUR), usize::MAX).await;
    let later = now + 2 * HOUR;
    assert!(!store.claim_nonce("long", now + 9 * HOUR, later).await, "expire: keeps nonces before its time is over");
    assert!(store.claim_nonce("short", now + 9 * HOUR, later).await, "claim_nonce: true again after the time");
}
