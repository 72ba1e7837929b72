//! Lists are in order, and their pages are complete.
//!
//! An application that walks all clients page by page, to export them or to revoke keys, must see each client once. So
//! the order is total (time of issue, then identifier), the cursor is a position and not a client that must still
//! exist, and changes between two pages move no other client.
//!
//! A database fulfils this with an index on tenant, time of issue and identifier, and with a comparison of both
//! columns against the cursor. An identifier that sorts by a language and not by its bytes is the usual fault.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::fixtures::{client, clients, id, now, renamed};
use super::subject::Subject;
use crate::client::credential::{ClientId, Digest};
use crate::client::{Client, ClientStatus};
use crate::store::{ClientQuery, ClientStore, IdleCutoffs};

/// Clients of which several were issued at the same time and others are inserted in another order than they were
/// issued.
///
/// The names contain characters that a collation for a language sorts differently from their bytes, such as `_` and
/// capital letters.
fn shuffled(start: SystemTime) -> Vec<Client> {
    let rows = [(3, "c"), (1, "b"), (2, "_"), (2, "Z"), (2, "a"), (0, "d"), (2, "-"), (2, "0"), (2, "A"), (2, "a0")];
    rows.map(|(millis, name)| client(name, start + Duration::from_millis(millis))).into()
}

/// The identifiers of clients, to compare them in a readable way.
///
/// For messages: a failed comparison then prints short names and no metadata.
fn names(clients: &[Arc<Client>]) -> Vec<&str> {
    clients.iter().map(|client| client.id.as_str()).collect()
}

/// The identifiers of clients, to compare and sort them.
fn ids<'a>(clients: impl IntoIterator<Item = &'a Arc<Client>>) -> Vec<ClientId> {
    clients.into_iter().map(|client| client.id.clone()).collect()
}

/// All pages of a query, one after the other. Fails when the pages do not come to an end.
///
/// The number of requests is bounded, so a cursor that does not advance fails the check and does not run forever.
async fn pages<S: ClientStore>(store: &Subject<S>, query: &ClientQuery, most: usize) -> Vec<Arc<Client>> {
    let mut seen: Vec<Arc<Client>> = Vec::new();
    for _ in 0..=most {
        let query = seen.last().map_or_else(|| query.clone(), |last| query.clone().after(last));
        let page = store.list(&query).await;
        assert!(page.len() <= query.page_size(), "list: a page holds no more than its limit");
        if page.is_empty() {
            return seen;
        }
        seen.extend(page);
    }
    panic!("list: pages come to an end, each starts after the last client of the page before")
}

/// The order is the time of issue and then the bytes of the identifier, also where a database has another collation.
///
/// Many clients have the same time of issue, since it has milliseconds. Without the identifier as second key, pages of
/// a database may repeat or omit them.
pub(super) async fn list_is_ordered_by_issue_and_identifier<S: ClientStore>(store: Subject<S>) {
    assert!(store.list(&ClientQuery::new()).await.is_empty(), "list: nothing where there is nobody");
    store.hold(&shuffled(now())).await;
    let listed = store.list(&ClientQuery::new()).await;
    let expected = ["d", "b", "-", "0", "A", "Z", "_", "a", "a0", "c"];
    assert_eq!(names(&listed), expected, "list: ordered by time of issue, then by the bytes of the identifier");
}

/// A list has at most as many clients as the query allows: 0, a few, more than there are, and `usize::MAX`.
///
/// A limit of the backend, such as 100 items for each request, must not show: the store asks again.
///
/// `usize::MAX` finds a store that adds one to the limit or converts it to a signed number: it would fail or return no
/// client.
pub(super) async fn list_keeps_to_its_limit<S: ClientStore>(store: Subject<S>) {
    store.hold(&clients("many", 101, now())).await;
    for (limit, expected) in [(0, 0), (1, 1), (100, 100), (101, 101), (102, 101), (usize::MAX, 101)] {
        let listed = store.list(&ClientQuery::new().with_limit(limit)).await;
        assert_eq!(listed.len(), expected, "list: at most {limit} of 101 clients");
    }
    // The default limit protects an application that forgot to set one from loading every client at once.
    assert_eq!(store.list(&ClientQuery::new()).await.len(), 100, "list: 100 clients unless a limit is given");
}

/// Owners are compared byte by byte, so one owner never sees the clients of another one with a similar name.
///
/// Owners are chosen by the application and may be any text: addresses, URLs, names in capital and small letters.
///
/// This finds a comparison that ignores case or trailing spaces, and one that treats `%` as a wildcard. Each would
/// show clients, and their metadata, to another owner.
pub(super) async fn list_selects_one_owner<S: ClientStore>(store: Subject<S>) {
    let owners = [Some("team"), None, Some("Team"), Some("team"), Some("team "), Some("tea%"), Some("team"), Some("")];
    let mut owned = clients("owned", owners.len(), now());
    for (client, owner) in owned.iter_mut().zip(owners) {
        client.owner = owner.map(Into::into);
    }
    store.hold(&owned).await;
    for (owner, expected) in [("team", 3), ("Team", 1), ("team ", 1), ("tea%", 1), ("t", 0), ("", 1)] {
        // Pages of two, so that the filter and the cursor are combined: a store may apply the owner to the first page
        // only.
        let query = ClientQuery::new().with_owner(owner).with_limit(2);
        let listed = pages(&store, &query, owners.len()).await;
        assert_eq!(listed.len(), expected, "list: the clients of exactly the owner {owner:?}");
        assert!(listed.iter().all(|client| client.owner() == Some(owner)), "list: nobody of another owner");
    }
    assert_eq!(store.list(&ClientQuery::new()).await.len(), owners.len(), "list: everybody's clients without an owner");
}

/// Clients that differ in everything that a query looks at, the first one issued at this time.
///
/// The values repeat with different periods (3, 4, 2 and 6), so no two fields select the same clients, and a filter
/// that looks at the wrong field is found.
fn varied(start: SystemTime) -> Vec<Client> {
    let mut varied = clients("varied", 24, start);
    for (number, client) in varied.iter_mut().enumerate() {
        client.owner = [None, Some("team"), Some("other")][number % 3].map(Into::into);
        client.status =
            [ClientStatus::Active, ClientStatus::Pending, ClientStatus::Disabled, ClientStatus::Active][number % 4];
        client.last_used = (number % 2 == 1).then(|| start + Duration::from_secs(1000 + number as u64));
        client.fingerprint = [None, Some("same"), Some("other")][number / 2 % 3].map(Digest::of);
    }
    varied
}

/// One query for each filter, and some with several, each with a name for the message.
///
/// The bounds lie on times that clients have, because a fault in `<` against `<=` shows only there.
fn queries(start: SystemTime) -> Vec<(&'static str, ClientQuery)> {
    let at = |seconds| start + Duration::from_secs(seconds);
    let cutoffs = IdleCutoffs::none(at(9999));
    let all = ClientQuery::new;
    vec![
        ("nothing", all()),
        ("the owner", all().with_owner("team")),
        ("pending", all().with_status(ClientStatus::Pending)),
        ("active", all().with_status(ClientStatus::Active)),
        ("disabled", all().with_status(ClientStatus::Disabled)),
        ("issued from", all().with_issued_from(at(7))),
        ("issued before", all().with_issued_before(at(7))),
        ("issued between", all().with_issued_from(at(3)).with_issued_before(at(9))),
        ("issued never", all().with_issued_from(at(9)).with_issued_before(at(9))),
        ("used from", all().with_used_from(at(1011))),
        ("used before", all().with_used_before(at(1011))),
        ("never used", all().with_never_used()),
        ("the fingerprint", all().with_fingerprint(Digest::of("same"))),
        ("another fingerprint", all().with_fingerprint(Digest::of("nobody's"))),
        ("unused and idle", all().with_idle(cutoffs.clone().with_unused_since(at(13)))),
        ("used and idle", all().with_idle(cutoffs.clone().with_idle_since(at(1013)))),
        ("idle", all().with_idle(cutoffs.clone().with_unused_since(at(13)).with_idle_since(at(1005)))),
        (
            "idle among",
            all().with_idle(cutoffs.clone().with_unused_since(at(19)).with_ids(vec![id("varied-4"), id("varied-1")])),
        ),
        ("idle by no cutoff", all().with_idle(cutoffs.clone())),
        ("fingerprint and status", all().with_fingerprint(Digest::of("other")).with_status(ClientStatus::Active)),
        ("owner, status and use", all().with_owner("team").with_status(ClientStatus::Disabled).with_never_used()),
        ("unused, idle and issued", all().with_idle(cutoffs.with_unused_since(at(13))).with_issued_from(at(5))),
    ]
}

/// Each filter selects exactly the clients that [`ClientQuery::matches`] selects, with and without pages.
///
/// The expectation is computed in memory with [`ClientQuery::matches`], which is the definition of each filter.
///
/// This finds a filter that a store forgot, that it applies after the limit, or that it combines with "or". An
/// application that disables the clients of a query would then disable others.
pub(super) async fn list_selects_by_every_filter<S: ClientStore>(store: Subject<S>) {
    let start = now();
    let varied = varied(start);
    store.hold(&varied).await;
    for (name, query) in queries(start) {
        let expected: Vec<_> =
            varied.iter().filter(|client| query.matches(client)).map(|client| client.id.clone()).collect();
        assert_eq!(ids(&store.list(&query).await), expected, "list: exactly the clients by this filter: {name}");
        // A filter that is applied after the limit gives short pages, and a caller takes a short page for the last
        // one.
        let paged = pages(&store, &query.with_limit(2), varied.len()).await;
        assert_eq!(ids(&paged), expected, "list: pages of 2 are the whole list by this filter: {name}");
    }
}

/// A list finds a client by its present values and no longer by its former ones, so no index is left behind.
///
/// Each index entry has to be removed by the former value and added by the new one. A store that computes the former
/// entry from the new client leaves the old entry behind.
///
/// An old entry makes a list return a client that the query does not select, and blocks a fingerprint that is free
/// again.
pub(super) async fn list_follows_changes_of_a_client<S: ClientStore>(store: Subject<S>) {
    let print = |text| Some(Digest::of(text));
    let before = Client { status: ClientStatus::Pending, fingerprint: print("before"), ..client("changing", now()) };
    store.hold(&[before.clone(), client("bystander", now())]).await;
    let after = Client { status: ClientStatus::Active, fingerprint: print("after"), ..renamed(&before, "After") };
    assert!(store.update(&after).await, "update: the next revision is accepted");
    // The first use moves the client between the indexes of unused and used clients.
    store.touch(&before.id, now()).await;
    let with_fingerprint = |text| ClientQuery::new().with_fingerprint(Digest::of(text));
    let rows = [
        ("the fingerprint before", with_fingerprint("before"), 0),
        ("the fingerprint after", with_fingerprint("after"), 1),
        ("the status before", ClientQuery::new().with_status(ClientStatus::Pending), 0),
        ("never used", ClientQuery::new().with_never_used().with_status(ClientStatus::Active), 1),
        ("used", ClientQuery::new().with_used_from(UNIX_EPOCH), 1),
    ];
    for (name, query, expected) in rows {
        assert_eq!(store.list(&query).await.len(), expected, "list: follows updates and uses: {name}");
    }
    store.remove(&before.id).await;
    assert!(store.list(&with_fingerprint("after")).await.is_empty(), "list: nobody who was removed");
}

/// A count equals the length of the list for every filter, and ignores page and limit.
///
/// Administration pages show the count beside the list, and a difference would look like lost clients.
pub(super) async fn count_equals_the_list<S: ClientStore>(store: Subject<S>) {
    let start = now();
    let varied = varied(start);
    store.hold(&varied).await;
    for (name, query) in queries(start) {
        let listed = store.list(&query).await.len() as u64;
        assert_eq!(store.count_of(&query).await, listed, "count: equals the list by this filter: {name}");
        // A position in the middle and a limit of one: if the count used either of them, it would differ from the
        // list.
        let page = query.after(&varied[3]).with_limit(1);
        assert_eq!(store.count_of(&page).await, listed, "count: ignores pages, by this filter: {name}");
    }
}

/// Pages of any size show all clients, each once, in the order of the list.
///
/// Several clients have the same time of issue, and each page size cuts between other pairs of them. A cursor that has
/// only the time would omit or repeat the clients of that time.
///
/// The list without a limit is the expectation, which another check compares with a fixed order.
pub(super) async fn pages_are_complete_and_repeat_no_client<S: ClientStore>(store: Subject<S>) {
    let clients = shuffled(now());
    store.hold(&clients).await;
    let whole = ids(&store.list(&ClientQuery::new()).await);
    // The last size is larger than the list, so that a page that is not full is tried as well.
    for limit in 1..=clients.len() + 1 {
        let paged = pages(&store, &ClientQuery::new().with_limit(limit), clients.len()).await;
        assert_eq!(ids(&paged), whole, "list: pages of {limit} are the whole list");
    }
}

/// Clients that are inserted and removed between two pages, the last one of the page before included, neither hide nor
/// repeat another client.
///
/// An offset as cursor fails this: it shifts with every insertion and removal.
pub(super) async fn pages_stay_complete_under_concurrent_changes<S: ClientStore>(store: Subject<S>) {
    let start = now();
    let stay = clients("stay", 12, start);
    let go = clients("go", 12, start);
    store.hold(&stay).await;
    store.hold(&go).await;
    let mut seen: Vec<Arc<Client>> = Vec::new();
    for turn in 0..go.len() {
        let first = ClientQuery::new().with_limit(3);
        let query = seen.last().map_or_else(|| first.clone(), |last| first.clone().after(last));
        seen.extend(store.list(&query).await);
        // One insertion before the position and one near it: both must leave the position of every other client
        // unchanged.
        let come = [start - Duration::from_secs(1), start + Duration::from_secs(turn as u64 / 2)];
        let come = come.map(|issued_at| client(&format!("come-{turn}-{}", u8::from(issued_at < start)), issued_at));
        store.hold(&come).await;
        // The client that the next page starts after, if it may go, or else one that is still to come.
        let last = seen.last().filter(|last| last.id.as_str().starts_with("go"));
        store.remove(last.map_or(&go[go.len() - 1 - turn].id, |last| &last.id)).await;
    }
    let query = seen.last().map_or_else(ClientQuery::new, |last| ClientQuery::new().after(last));
    seen.extend(store.list(&query).await);
    assert!(seen.is_sorted_by_key(|client| (client.issued_at, client.id.clone())), "list: pages keep the order");
    // Clients that came or went meanwhile may be seen or not. Those that were present all the time must be seen once.
    let mut distinct = ids(&seen);
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), seen.len(), "list: pages repeat no client under concurrent changes");
    for client in &stay {
        assert!(distinct.contains(&client.id), "list: pages show {} who was there all the time", client.id);
    }
}
