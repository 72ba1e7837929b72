//! Idle clients are removed, by the cutoffs and by nothing else.
//!
//! Expiry deletes registrations without a person who looks at them, so these checks are strict about its limits: a
//! client at the very time of the cutoff stays, a disabled client stays, and the caller learns of each removed client,
//! because it revokes their grants and writes them on the audit trail.
//!
//! A database fulfils this with a statement that selects the idle clients in order, up to a limit, and removes them
//! under the same condition. The values that it returns are those of the removed rows, not those that it selected.

use std::sync::Arc;
use std::time::Duration;

use super::fixtures::{DAY, HOUR, assert_same, client, clients, now, renamed};
use super::subject::Subject;
use crate::client::{Client, ClientStatus};
use crate::store::{ClientQuery, ClientStore, IdleCutoffs};

const ALL: usize = usize::MAX;
/// The smallest difference of two times that every store keeps.
const MOMENT: Duration = Duration::from_millis(1);

/// The identifiers of clients, to compare them in a readable way.
fn names(clients: &[Arc<Client>]) -> Vec<&str> {
    clients.iter().map(|client| client.id.as_str()).collect()
}

/// A client that was never used is idle if it was issued before `unused_since`; one issued at that time is not.
///
/// The comparison is strict: a client that was issued exactly at the cutoff is not idle.
///
/// The check has one client on each side of the cutoff and one on it, a millisecond apart, so a store that rounds
/// times or compares with "or equal" is found.
pub(super) async fn expire_removes_unused_clients_by_time_of_issue<S: ClientStore>(store: Subject<S>) {
    let since = now() - DAY;
    // Its last use is older than the cutoff. It stays, because the cutoff is for clients that were never used.
    let used_long_ago = Client { last_used: Some(since - DAY), ..client("used", since - 2 * DAY) };
    let rows = [client("old", since - MOMENT), client("at-the-cutoff", since), client("new", since + MOMENT)];
    store.hold(&rows).await;
    store.hold(&[used_long_ago]).await;
    assert!(store.expire(&IdleCutoffs::none(now()), ALL).await.is_empty(), "expire: removes nobody without a cutoff");
    let expired = store.expire(&IdleCutoffs::none(now()).with_unused_since(since), ALL).await;
    assert_eq!(names(&expired), ["old"], "expire: who was never used and was issued before the time");
    let left = store.list(&ClientQuery::new()).await;
    assert_eq!(names(&left), ["used", "at-the-cutoff", "new"], "expire: keeps everybody else");
}

/// A used client is idle if its last use was before `idle_since`, however long ago it was issued.
///
/// A cutoff for used clients alone does not make unused ones idle, and the reverse.
pub(super) async fn expire_removes_used_clients_by_last_use<S: ClientStore>(store: Subject<S>) {
    let since = now() - DAY;
    let issued = since - 30 * DAY;
    let used = |name, at| Client { last_used: Some(at), ..client(name, issued) };
    let rows = [used("idle", since - MOMENT), used("at-the-cutoff", since), client("never", issued)];
    store.hold(&rows).await;
    store.hold(&[client("touched", issued)]).await;
    // An earlier use than the recorded one must not move the client across the cutoff.
    store.touch(&rows[0].id, since - 2 * MOMENT).await;
    store.touch(&client("touched", issued).id, since + MOMENT).await;
    let expired = store.expire(&IdleCutoffs::none(now()).with_idle_since(since), ALL).await;
    assert_eq!(names(&expired), ["idle"], "expire: who was last used before the time");
    // With both cutoffs a client is idle by the one that applies to it, and never by the other one.
    let both = IdleCutoffs::none(now()).with_idle_since(since + HOUR).with_unused_since(since);
    let expired = store.expire(&both, ALL).await;
    assert_eq!(names(&expired), ["at-the-cutoff", "never", "touched"], "expire: by either cutoff");
}

/// With `ids` no other client is removed, not even with an empty list. Identifiers may be unknown or occur twice.
///
/// The registry uses this after it has asked a hook which of the idle clients are protected. Any other client may be
/// one that the hook has never seen.
///
/// This finds a store that takes an empty list for "no restriction", which is what many query builders do. It would
/// delete exactly the clients that the hook protects.
pub(super) async fn expire_removes_only_the_named_clients<S: ClientStore>(store: Subject<S>) {
    let old = clients("old", 6, now() - DAY);
    store.hold(&old).await;
    store.hold(&[client("new", now())]).await;
    store.touch(&old[4].id, now()).await;
    let unused = IdleCutoffs::none(now()).with_unused_since(now() - HOUR);
    let among = |numbers: &[usize]| numbers.iter().map(|number| old[*number].id.clone()).collect::<Vec<_>>();
    let nobody = store.expire(&unused.clone().with_ids(Vec::new()), ALL).await;
    assert!(nobody.is_empty(), "expire: removes no client of an empty list of identifiers");
    // Out of order, one twice, one used, one too new and one unknown: none of them may change which clients are
    // removed.
    let mut meant = among(&[5, 3, 4, 2, 3]);
    meant.extend([client("new", now()).id, client("nobody", now()).id]);
    let expired = store.expire(&unused.clone().with_ids(meant.clone()), 2).await;
    assert_eq!(names(&expired), ["old-2", "old-3"], "expire: the first idle ones of those it may take");
    let expired = store.expire(&unused.clone().with_ids(meant), ALL).await;
    assert_eq!(names(&expired), ["old-5"], "expire: the idle ones of those it may take");
    let left = store.list(&ClientQuery::new()).await;
    assert_eq!(names(&left), ["old-0", "old-1", "old-4", "new"], "expire: keeps everybody else");
}

/// A disabled client is never idle: without its record the same software could register again.
///
/// The clients cover both ways to become disabled, with the insertion and with an update, and the way back. A store
/// that keeps an index of candidates has to follow each of them.
pub(super) async fn expire_keeps_disabled_clients<S: ClientStore>(store: Subject<S>) {
    let old = now() - 9 * DAY;
    let with = |name: &str, status, last_used| Client { status, last_used, ..client(name, old) };
    let (long_ago, changed) = (Some(old + DAY), with("changed", ClientStatus::Active, None));
    store
        .hold(&[
            with("disabled-unused", ClientStatus::Disabled, None),
            with("disabled-idle", ClientStatus::Disabled, long_ago),
        ])
        .await;
    store.hold(&[with("pending", ClientStatus::Pending, None), with("active", ClientStatus::Active, long_ago)]).await;
    store.hold(&[changed.clone(), with("enabled", ClientStatus::Disabled, None)]).await;
    assert!(
        store.update(&Client { status: ClientStatus::Disabled, ..renamed(&changed, "Disabled") }).await,
        "update: works"
    );
    let enabled =
        Client { status: ClientStatus::Active, ..renamed(&with("enabled", ClientStatus::Disabled, None), "Enabled") };
    assert!(store.update(&enabled).await, "update: works");
    // The widest cutoffs: every client that is not disabled is idle by them.
    let cutoffs = IdleCutoffs::none(now()).with_unused_since(now()).with_idle_since(now());
    let listed = store.list(&ClientQuery::new().with_idle(cutoffs.clone())).await;
    assert_eq!(names(&listed), ["active", "enabled", "pending"], "list: a disabled client is never idle");
    let unused = ClientQuery::new().with_idle(IdleCutoffs::none(now()).with_unused_since(now()));
    assert_eq!(names(&store.list(&unused).await), ["enabled", "pending"], "list: the unused alone");
    // Also a name does not make a disabled client idle, or a hook could delete what an operator has blocked.
    let named = cutoffs.clone().with_ids(vec![changed.id.clone()]);
    assert!(store.expire(&named, ALL).await.is_empty(), "expire: a disabled client is never idle, named or not");
    let expired = store.expire(&cutoffs, ALL).await;
    assert_eq!(names(&expired), ["active", "enabled", "pending"], "expire: a disabled client is never idle");
    assert_eq!(store.count().await, 3, "expire: keeps the disabled");
}

/// The limit is kept, and of more idle clients those that were issued first are removed.
///
/// So that repeated calls with a small limit work through all idle clients, in an order that an operator can predict.
///
/// Three clients have the same time of issue, so the order by identifier is checked as well.
pub(super) async fn expire_removes_the_oldest_clients_first<S: ClientStore>(store: Subject<S>) {
    let start = now() - DAY;
    let rows = [(3, "c"), (1, "b"), (2, "z"), (2, "Z"), (0, "d"), (2, "_")];
    store.hold(&rows.map(|(seconds, name)| client(name, start + Duration::from_secs(seconds)))).await;
    let cutoffs = IdleCutoffs::none(now()).with_unused_since(now());
    assert!(store.expire(&cutoffs, 0).await.is_empty(), "expire: removes nobody with a limit of 0");
    // The calls of `Subject::expire` together reach the limit, whatever a store removes with one call.
    for expected in [["d", "b"], ["Z", "_"], ["z", "c"]] {
        let expired = store.expire(&cutoffs, 2).await;
        assert_eq!(names(&expired), expected, "expire: in the order of the list, no more than the limit");
    }
    assert!(store.expire(&cutoffs, 2).await.is_empty(), "expire: removes nobody when nobody is left");
}

/// Each removed client is returned once, with its last values.
///
/// A client that is removed and not returned would keep its grants and be missing on the audit trail.
///
/// Afterwards the client must be missing everywhere: for a read, for a removal and in the number of clients.
pub(super) async fn expire_returns_the_removed_clients<S: ClientStore>(store: Subject<S>) {
    let mut old = client("old", now() - DAY);
    old.owner = Some("team".into());
    store.hold(&[old.clone(), client("new", now())]).await;
    let cutoffs = IdleCutoffs::none(now()).with_unused_since(now() - HOUR);
    let expired = store.expire(&cutoffs, ALL).await;
    assert_eq!(expired.len(), 1, "expire: returns the removed clients, and only them");
    // The whole client, because the event and the revocation need its owner and its origin after it is removed.
    assert_same(expired.first().map(|client| &**client), &old, "expire: returns the removed clients");
    assert!(store.get(&old.id).await.is_none(), "expire: who was removed is not found");
    assert!(!store.remove(&old.id).await, "remove: false for a client that expired");
    assert_eq!(store.count().await, 1, "count: without those who expired");
}
