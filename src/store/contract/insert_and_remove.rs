//! Clients are inserted once and removed once.
//!
//! The identifier is the key of a client. A second insertion of it must not replace the first client: a collision
//! would otherwise hand one client's registration to another caller.
//!
//! These are the plainest checks, and they run first: a store that fails one of them fails most of the others, and the
//! message here is the easier one to understand. A database fulfils them with a primary key of tenant and identifier
//! whose collation compares bytes.

use super::fixtures::{assert_same, client, now, renamed};
use super::subject::Subject;
use crate::store::{ClientStore, InsertOutcome, RemoveConditions};

/// What was inserted is found at once by the next call.
///
/// This finds a store that reads from a replica behind the primary, or that keeps an earlier "unknown client" in a
/// cache. The client sends its first request right after the reply, and would be refused with `invalid_client`.
pub(super) async fn an_inserted_client_is_found<S: ClientStore>(store: Subject<S>) {
    let client = client("found", now());
    // This read comes first on purpose: a cache must not keep the absence of the client beyond the insertion.
    assert!(store.get(&client.id).await.is_none(), "get: a client that was never inserted is None");
    assert_eq!(store.insert(&client).await, InsertOutcome::Inserted, "insert: a new client is Inserted");
    assert_same(store.get(&client.id).await.as_deref(), &client, "get: what was inserted");
}

/// A second insertion of an identifier is `Exists` and changes nothing.
///
/// The number of clients stays one. A store that counts the attempt would reach its limit with repeated requests.
pub(super) async fn insert_never_replaces_a_client<S: ClientStore>(store: Subject<S>) {
    let first = client("taken", now());
    store.hold(std::slice::from_ref(&first)).await;
    let second = renamed(&first, "Usurper");
    // Also the identical client `Exists`: the reply to a repeated request must not be taken for a new registration.
    for other in [&second, &first] {
        assert_eq!(store.insert(other).await, InsertOutcome::Exists, "insert: a second client of an identifier Exists");
        assert_same(store.get(&first.id).await.as_deref(), &first, "insert: never replaces a client");
    }
    assert_eq!(store.count().await, 1, "insert: a client that Exists is not counted again");
}

/// Identifiers that differ in case, in a separator or in a trailing character are different clients.
///
/// [RFC 6749 §2.2](https://www.rfc-editor.org/rfc/rfc6749#section-2.2) makes the identifier an opaque string. The
/// default collation of some databases ignores case, and then two clients would be one.
pub(super) async fn identifiers_are_compared_byte_by_byte<S: ClientStore>(store: Subject<S>) {
    // The longest identifier that `ClientId` accepts, which a narrow column would cut.
    let longest = "x".repeat(128);
    let names = ["abc", "ABC", "aBc", "ab", "a-c", "a_c", "-", "_", "0", "00", &longest];
    let clients = names.map(|name| renamed(&client(name, now()), name));
    store.hold(&clients).await;
    for client in &clients {
        assert_same(store.get(&client.id).await.as_deref(), client, "get: identifiers that differ in a byte differ");
    }
    assert!(store.remove(&clients[0].id).await, "remove: a client that is there");
    assert_same(store.get(&clients[1].id).await.as_deref(), &clients[1], "remove: removes no other client");
}

/// A removal returns true once, and the identifier is free afterwards.
///
/// Only the caller who got true revokes the grants of the client and records the deletion, so each removal is revoked
/// and recorded once.
pub(super) async fn remove_is_true_once<S: ClientStore>(store: Subject<S>) {
    let (gone, stays) = (client("gone", now()), client("stays", now()));
    store.hold(&[gone.clone(), stays.clone()]).await;
    assert!(store.remove(&gone.id).await, "remove: true for a client that is there");
    assert!(!store.remove(&gone.id).await, "remove: false for a removed client");
    assert!(store.get(&gone.id).await.is_none(), "remove: a removed client is not found");
    assert_same(store.get(&stays.id).await.as_deref(), &stays, "remove: removes no other client");
    assert_eq!(
        store.insert(&gone).await,
        InsertOutcome::Inserted,
        "insert: the identifier of a removed client is free"
    );
}

/// A removal at a revision removes that revision only, so a DELETE cannot remove a client that was changed since.
///
/// Revisions far away and the largest number are tried too, since a column may be signed.
pub(super) async fn a_removal_is_for_one_revision<S: ClientStore>(store: Subject<S>) {
    let first = client("moved", now());
    let second = renamed(&first, "Second");
    store.hold(&[first.clone(), client("stays", now())]).await;
    assert!(store.update(&second).await, "update: the next revision is accepted");
    // The revision before, the next one, none, and one that is negative when a store reads it as a signed number.
    for revision in [1, 3, 0, u64::MAX] {
        let removed = store.remove_with(&first.id, &RemoveConditions::at_revision(revision)).await;
        assert_eq!(removed, None, "remove: must conflict at another revision");
        assert_same(store.get(&first.id).await.as_deref(), &second, "remove: a conflict changes nothing");
    }
    assert_eq!(store.count().await, 2, "remove: a conflict removes no client");
    assert_eq!(
        store.remove_with(&first.id, &RemoveConditions::at_revision(2)).await,
        Some(true),
        "remove: true at the revision meant"
    );
    assert_eq!(
        store.remove_with(&first.id, &RemoveConditions::at_revision(2)).await,
        Some(false),
        "remove: false for a removed client"
    );
    assert_eq!(store.count().await, 1, "count: one less after a removal");
}

/// The count of all clients, which a store may keep as a number, follows each insertion and removal.
///
/// The limit of clients is compared with this number. If it drifts upwards, the endpoint refuses registrations
/// although it has capacity. If it drifts downwards, the limit is exceeded.
pub(super) async fn count_follows_insertions_and_removals<S: ClientStore>(store: Subject<S>) {
    let clients = ["one", "two", "three"].map(|name| client(name, now()));
    store.hold(&clients).await;
    assert_eq!(store.count().await, 3, "count: every inserted client");
    assert!(store.update(&renamed(&clients[0], "New")).await, "update: the next revision is accepted");
    store.touch(&clients[1].id, now()).await;
    assert_eq!(store.count().await, 3, "count: the same after an update and a use");
    // Removed twice, because a removal that finds no client must not lower the number.
    store.remove(&clients[2].id).await;
    store.remove(&clients[2].id).await;
    assert_eq!(store.count().await, 2, "count: one less after a removal");
}
