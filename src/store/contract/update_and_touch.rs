//! Updates follow one another by revision, and uses are recorded beside them.
//!
//! An update replaces the whole client, as [RFC 7592 §2.2](https://www.rfc-editor.org/rfc/rfc7592#section-2.2) says,
//! but only the revision that its caller has read. A use is no update: it happens far more often, raises no revision
//! and conflicts with nothing.

use super::fixtures::{HOUR, assert_same, client, now, renamed};
use super::subject::Subject;
use crate::client::Client;
use crate::store::ClientStore;

/// The next revision replaces every value of the client.
///
/// A value that the client has left out is removed, as [RFC 7592
/// §2.2](https://www.rfc-editor.org/rfc/rfc7592#section-2.2) demands.
pub(super) async fn update_replaces_the_revision_before<S: ClientStore>(store: Subject<S>) {
    let mut current = client("changing", now());
    let bystander = client("bystander", now());
    store.hold(&[current.clone(), bystander.clone()]).await;
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
    assert!(store.update(&renamed(&second, "Third")).await, "update: the next revision is accepted after conflicts");
}

/// An update that was prepared before a use does not take the use back.
pub(super) async fn update_keeps_what_touch_recorded<S: ClientStore>(store: Subject<S>) {
    let read = client("used", now());
    let used = read.issued_at + HOUR;
    store.hold(std::slice::from_ref(&read)).await;
    assert!(store.touch(&read.id, used).await, "touch: true for a client that is there");
    let written = renamed(&read, "New");
    assert!(store.update(&written).await, "update: a use since the client was read is no conflict");
    let expected = Client { last_used: Some(used), ..written };
    assert_same(store.get(&read.id).await.as_deref(), &expected, "update: keeps what touch recorded meanwhile");

    assert!(store.touch(&read.id, used + HOUR).await, "touch: true for a client that is there");
    assert!(store.update(&renamed(&expected, "Newer")).await, "update: a use since the client was read is no conflict");
    let last_used = store.get(&read.id).await.and_then(|client| client.last_used);
    assert_eq!(last_used, Some(used + HOUR), "update: keeps a later use than the one that was read");
}

/// An update of a client that was removed is a conflict, and the client stays removed.
pub(super) async fn update_never_restores_a_removed_client<S: ClientStore>(store: Subject<S>) {
    let gone = client("gone", now());
    store.hold(std::slice::from_ref(&gone)).await;
    store.remove(&gone.id).await;
    for client in [renamed(&gone, "Revenant"), renamed(&client("never", now()), "Nobody"), gone] {
        assert!(!store.update(&client).await, "update: must conflict when there is no such client");
        assert!(store.get(&client.id).await.is_none(), "update: never brings a client back");
    }
    assert_eq!(store.count().await, 0, "update: never brings a client back");
}

/// Uses may be reported in any order; the latest one stays.
pub(super) async fn touch_keeps_the_latest_use<S: ClientStore>(store: Subject<S>) {
    let client = client("used", now());
    let (early, late) = (client.issued_at, client.issued_at + HOUR);
    store.hold(std::slice::from_ref(&client)).await;
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
pub(super) async fn touch_of_an_unknown_client_is_false<S: ClientStore>(store: Subject<S>) {
    let gone = client("gone", now());
    store.hold(std::slice::from_ref(&gone)).await;
    store.remove(&gone.id).await;
    assert!(!store.touch(&gone.id, now()).await, "touch: false for a removed client");
    assert!(!store.touch(&client("never", now()).id, now()).await, "touch: false for a client that never was");
    assert_eq!(store.count().await, 0, "touch: never brings a client back");
}
