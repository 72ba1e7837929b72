//! Updates follow one another by revision, and uses are recorded beside them.
//!
//! An update replaces the whole client, as [RFC 7592 §2.2](https://www.rfc-editor.org/rfc/rfc7592#section-2.2) says,
//! but only the revision that its caller has read. A use is no update: it happens far more often, raises no revision
//! and conflicts with nothing.
//!
//! A store fulfils this with a condition on the revision in the statement that writes the client, and with a column
//! for the last use that both verbs only move forward. The number of changed rows distinguishes an update from a
//! conflict.

use super::fixtures::{HOUR, assert_same, client, now, renamed};
use super::subject::Subject;
use crate::client::Client;
use crate::store::ClientStore;

/// The next revision replaces every value of the client.
///
/// A value that the client has left out is removed, as [RFC 7592
/// §2.2](https://www.rfc-editor.org/rfc/rfc7592#section-2.2) demands.
///
/// This finds a store that merges the new values into the old ones, and one whose statement has no condition on the
/// identifier.
pub(super) async fn update_replaces_the_revision_before<S: ClientStore>(store: Subject<S>) {
    let mut current = client("changing", now());
    let bystander = client("bystander", now());
    store.hold(&[current.clone(), bystander.clone()]).await;
    // Several updates in a row: a store may accept the first one and then compare with the revision that it started
    // from.
    for name in ["Second", "Third", "Fourth"] {
        current = renamed(&current, name);
        assert!(store.update(&current).await, "update: the next revision is accepted");
        assert_same(store.get(&current.id).await.as_deref(), &current, "update: replaces the whole client");
    }
    assert_same(store.get(&bystander.id).await.as_deref(), &bystander, "update: changes nobody else");
}

/// Any revision other than the next one is a conflict and changes nothing.
///
/// Also for the same revision: an update that is sent twice by a proxy must not take place twice.
///
/// A store that accepts any higher revision loses the update between them. One that accepts a lower revision restores
/// values that the client has replaced, such as a redirect URI or a key that is not safe any more.
pub(super) async fn update_conflicts_with_any_other_revision<S: ClientStore>(store: Subject<S>) {
    let first = client("moved", now());
    let second = renamed(&first, "Second");
    store.hold(std::slice::from_ref(&first)).await;
    assert!(store.update(&second).await, "update: the next revision is accepted");
    for (revision, name) in [(1, "one back"), (2, "the same again"), (4, "one skipped"), (0, "zero"), (90, "far away")]
    {
        let other = Client { revision, ..renamed(&second, name) };
        assert!(!store.update(&other).await, "update: must conflict when the revision is {name}");
        assert_same(store.get(&first.id).await.as_deref(), &second, "update: a conflict changes nothing");
    }
    // A conflict must not block the revision: the caller who reads the client again has to succeed.
    assert!(store.update(&renamed(&second, "Third")).await, "update: the next revision is accepted after conflicts");
}

/// An update that was prepared before a use does not take the use back.
///
/// This finds a store that writes the last use of the client that the caller passed. The client would look unused
/// again and could be evicted while it is in use.
pub(super) async fn update_keeps_what_touch_recorded<S: ClientStore>(store: Subject<S>) {
    let read = client("used", now());
    let used = read.issued_at + HOUR;
    store.hold(std::slice::from_ref(&read)).await;
    assert!(store.touch(&read.id, used).await, "touch: true for a client that is there");
    let written = renamed(&read, "New");
    assert!(store.update(&written).await, "update: a use since the client was read is no conflict");
    let expected = Client { last_used: Some(used), ..written };
    assert_same(store.get(&read.id).await.as_deref(), &expected, "update: keeps what touch recorded meanwhile");

    // The second time the caller has read an earlier use, so the two times are compared and not only checked for
    // presence.
    assert!(store.touch(&read.id, used + HOUR).await, "touch: true for a client that is there");
    assert!(store.update(&renamed(&expected, "Newer")).await, "update: a use since the client was read is no conflict");
    let last_used = store.get(&read.id).await.and_then(|client| client.last_used);
    assert_eq!(last_used, Some(used + HOUR), "update: keeps a later use than the one that was read");
}

/// An update of a client that was removed is a conflict, and the client stays removed.
///
/// A store that writes with an "insert or replace" fails this. A restored client has valid credentials, although its
/// owner was told that it is deleted.
pub(super) async fn update_never_restores_a_removed_client<S: ClientStore>(store: Subject<S>) {
    let gone = client("gone", now());
    store.hold(std::slice::from_ref(&gone)).await;
    store.remove(&gone.id).await;
    // The next revision of a removed client, an identifier that was never stored, and the removed client itself.
    for client in [renamed(&gone, "Revenant"), renamed(&client("never", now()), "Nobody"), gone] {
        assert!(!store.update(&client).await, "update: must conflict when there is no such client");
        assert!(store.get(&client.id).await.is_none(), "update: never brings a client back");
    }
    assert_eq!(store.count().await, 0, "update: never brings a client back");
}

/// Uses may be reported in any order; the latest one stays.
///
/// Several nodes report uses, and their reports may overtake each other. A store that writes the last report makes an
/// active client look idle.
pub(super) async fn touch_keeps_the_latest_use<S: ClientStore>(store: Subject<S>) {
    let client = client("used", now());
    let (early, late) = (client.issued_at, client.issued_at + HOUR);
    store.hold(std::slice::from_ref(&client)).await;
    // Late and repeated reports change nothing, and must still return true: the client is registered.
    for (at, latest) in [(early, early), (late, late), (early, late), (late, late)] {
        assert!(store.touch(&client.id, at).await, "touch: true for a client that is there, news or not");
        let last_used = store.get(&client.id).await.and_then(|client| client.last_used);
        assert_eq!(last_used, Some(latest), "touch: keeps the latest use");
    }
}

/// A use changes neither the revision nor another value.
///
/// If a use raised the revision, a busy client could never be updated: each update would be a conflict.
pub(super) async fn touch_changes_nothing_else<S: ClientStore>(store: Subject<S>) {
    let client = client("used", now());
    let bystander = self::client("bystander", now());
    store.hold(&[client.clone(), bystander.clone()]).await;
    store.touch(&client.id, client.issued_at + HOUR).await;
    let expected = Client { last_used: Some(client.issued_at + HOUR), ..client };
    assert_same(store.get(&expected.id).await.as_deref(), &expected, "touch: records the use and nothing else");
    assert_same(store.get(&bystander.id).await.as_deref(), &bystander, "touch: changes nobody else");
}

/// A use of an unknown or removed client returns false and adds no client.
///
/// False means that the client is not registered. A store that inserts a row for the use would count a client that does
/// not exist.
pub(super) async fn touch_of_an_unknown_client_is_false<S: ClientStore>(store: Subject<S>) {
    let gone = client("gone", now());
    store.hold(std::slice::from_ref(&gone)).await;
    store.remove(&gone.id).await;
    assert!(!store.touch(&gone.id, now()).await, "touch: false for a removed client");
    assert!(!store.touch(&client("never", now()).id, now()).await, "touch: false for a client that never was");
    assert_eq!(store.count().await, 0, "touch: never brings a client back");
}
