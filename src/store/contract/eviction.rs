//! Where there is no room, one that is idle goes and the new client comes, in one step.

use std::collections::BTreeSet;
use std::time::SystemTime;

use super::fixtures::{DAY, HOUR, assert_same, below, client, clients, nonce, now, renamed, token};
use super::subject::{CALLERS, POLLS, ROUNDS, Subject, abandon, race, times};
use crate::client::credential::ClientId;
use crate::client::{Client, ClientStatus, RegistrationOrigin};
use crate::store::{
    ClientQuery, ClientStore, IdleCutoffs, InsertConditions, InsertOutcome, RegistrantKey, RemoveConditions,
};

/// Below this number of clients, or in the place of one that was never used and issued more than an hour ago.
fn crowding(most: usize, now: SystemTime) -> InsertConditions {
    InsertConditions { evict: vec![IdleCutoffs::none(now).with_unused_since(now - HOUR)], ..below(most as u64, now) }
}

fn in_place_of(gone: &Client) -> InsertOutcome {
    InsertOutcome::InsertedEvicting(std::sync::Arc::new(gone.clone()))
}

pub(super) async fn the_first_idle_client_makes_room<S: ClientStore>(store: Subject<S>) {
    let now = now();
    let mut old = clients("old", 4, now - DAY);
    old[0].status = ClientStatus::Disabled;
    store.hold(&old).await;
    store.touch(&old[1].id, now - HOUR / 2).await;
    let young = client("young", now - HOUR / 2);
    store.hold(std::slice::from_ref(&young)).await;
    for client in &old {
        assert!(store.get(&client.id).await.is_some(), "get: a client that was inserted");
    }
    let new = clients("new", 5, now);
    let outcome = store.insert_with(&new[0], &crowding(6, now)).await;
    assert_eq!(outcome, InsertOutcome::Inserted, "insert: nobody goes while there is room");
    for (new, gone) in new[1..].iter().zip(&old[2..]) {
        let outcome = store.insert_with(new, &crowding(6, now)).await;
        assert_eq!(outcome, in_place_of(gone), "insert: the first client that is idle makes room");
        let InsertOutcome::InsertedEvicting(told) = outcome else { return };
        assert_same(Some(&*told), gone, "insert: tells who made room");
        assert!(store.get(&gone.id).await.is_none(), "insert: whoever made room is gone");
        assert_same(store.get(&new.id).await.as_deref(), new, "insert: the new client is there");
        assert_eq!(store.count().await, 6, "count: one came for one who went");
    }
    let full = store.insert_with(&new[3], &crowding(6, now)).await;
    assert_eq!(full, InsertOutcome::Full, "insert: used, young and disabled clients make no room");
    let left = store.list(&ClientQuery::new()).await;
    let left: Vec<_> = left.iter().map(|client| client.id.as_str()).collect();
    assert_eq!(left, ["old-0", "old-1", "young", "new-0", "new-1", "new-2"], "list: exactly those that are there");

    let later = now + DAY;
    let idle =
        IdleCutoffs::none(later).with_idle_since(now).with_ids(vec![young.id, old[1].id.clone(), old[0].id.clone()]);
    let conditions = InsertConditions { evict: vec![idle], ..below(6, later) };
    let outcome = store.insert_with(&new[4], &conditions).await;
    assert_eq!(outcome, in_place_of(&old[1]), "insert: whoever is idle by the cutoffs makes room, among those named");
    assert_eq!(
        store.insert_with(&new[3], &conditions).await,
        InsertOutcome::Full,
        "insert: nobody else among them is idle"
    );
}

pub(super) async fn nobody_makes_room_for_itself_or_for_the_refused<S: ClientStore>(store: Subject<S>) {
    let (now, spent) = (now(), token("spent", Some(0), now()));
    let (old, new) = (client("old", now - DAY), client("new", now));
    store.insert_token(&spent).await;
    store.hold(std::slice::from_ref(&old)).await;
    store.claim_nonce("used", now + HOUR, now).await;
    let room = IdleCutoffs::none(now).with_unused_since(now + HOUR);
    let full = |most| InsertConditions { evict: vec![room.clone()], ..below(most, now) };
    let rows = [
        (InsertOutcome::TokenRefused, &new, InsertConditions { initial_access_token: Some(spent.digest), ..full(1) }),
        (InsertOutcome::Replayed, &new, InsertConditions { nonces: vec![nonce("used", now)], ..full(1) }),
        (InsertOutcome::Exists, &old, full(1)),
    ];
    for (expected, client, conditions) in rows {
        assert_eq!(store.insert_with(client, &conditions).await, expected, "insert: refused, room or not");
        assert_same(store.get(&old.id).await.as_deref(), &old, "insert: nobody makes room for one who is refused");
    }
    store.touch(&old.id, now).await;
    assert_eq!(
        store.insert_with(&new, &full(1)).await,
        InsertOutcome::Full,
        "insert: a client makes no room for itself"
    );
    store.remove(&old.id).await;
    assert_eq!(
        store.insert_with(&new, &full(0)).await,
        InsertOutcome::Full,
        "insert: a client makes no room for itself"
    );
    assert_eq!(store.count().await, 0, "count: nobody");
}

pub(super) async fn a_removal_brings_who_made_room_back<S: ClientStore>(store: Subject<S>) {
    let now = now();
    let mut old = clients("old", 2, now - DAY);
    old[0].owner = Some("alice".into());
    let new = client("new", now);
    store.hold(&old).await;
    let conditions = crowding(2, now);
    let InsertOutcome::InsertedEvicting(gone) = store.insert_with(&new, &conditions).await else {
        panic!("insert: the first client that is idle makes room")
    };
    let undo = RemoveConditions::undoing(conditions.clone(), Some(gone));
    let elsewhere = RemoveConditions { revision: Some(2), ..undo.clone() };
    assert_eq!(store.remove_with(&new.id, &elsewhere).await, None, "remove: must conflict at another revision");
    assert!(store.get(&old[0].id).await.is_none(), "remove: a conflict brings nobody back");
    assert_eq!(store.remove_with(&new.id, &undo).await, Some(true), "remove: true for a client that is there");
    assert_same(store.get(&old[0].id).await.as_deref(), &old[0], "remove: brings the client back that made room");
    assert_eq!(store.count().await, 2, "remove: the client that comes back takes the place");
    let hers = store.list(&ClientQuery::new().with_owner("alice")).await;
    assert_eq!(hers.len(), 1, "list: also a client that came back");
    assert_eq!(
        store.insert_with(&new, &below(2, now)).await,
        InsertOutcome::Full,
        "remove: the limit holds afterwards"
    );
    let again = store.insert_with(&new, &conditions).await;
    assert_eq!(again, in_place_of(&old[0]), "insert: a client that came back makes room again");
    store.remove(&new.id).await;
    assert_eq!(store.remove_with(&new.id, &undo).await, Some(false), "remove: false for a client that is gone");
    assert!(store.get(&old[0].id).await.is_none(), "remove: of nobody brings nobody back");
}

pub(super) async fn a_lowered_limit_lets_one_come_for_one_who_goes<S: ClientStore>(store: Subject<S>) {
    let now = now();
    let old = clients("old", 5, now - DAY);
    store.hold(&old).await;
    let outcome = store.insert_with(&client("new", now), &crowding(2, now)).await;
    assert_eq!(outcome, in_place_of(&old[0]), "insert: above the limit one makes room for one");
    assert_eq!(store.count().await, 5, "count: no more than before");
    assert_eq!(
        store.insert_with(&client("late", now), &below(2, now)).await,
        InsertOutcome::Full,
        "insert: the limit holds"
    );
}

/// There are more callers than idle clients and more idle clients than uses of the token.
pub(super) async fn as_many_make_room_as_come<S: ClientStore>(store: Subject<S>) {
    const IDLE: usize = 24;
    for (round, uses) in (0..ROUNDS).zip([1, 7, 20, 100].into_iter().cycle()) {
        let now = now();
        let token = token(&format!("few-{round}"), Some(uses), now);
        store.insert_token(&token).await;
        store.hold(&clients(&format!("idle-{round}"), IDLE, now - DAY)).await;
        let conditions = InsertConditions { initial_access_token: Some(token.digest), ..crowding(IDLE, now) };
        let insert = |caller: usize| {
            let (store, conditions) = (store.clone(), conditions.clone());
            let client = client(&format!("rush-{round}-{caller}"), conditions.now);
            async move { (store.insert_with(&client, &conditions).await, client.id) }
        };
        let told = race(CALLERS, insert).await;
        let gone: Vec<&ClientId> = told.iter().filter_map(|(outcome, _)| outcome.evicted()).collect();
        let distinct: BTreeSet<_> = gone.iter().collect();
        let expected = IDLE.min(uses as usize);
        assert_eq!(gone.len(), expected, "insert: as many make room as there are uses or idle clients");
        assert_eq!(distinct.len(), expected, "insert: each makes room for one");
        let outcome: Vec<_> = told.iter().map(|(outcome, _)| outcome.clone()).collect();
        assert_eq!(times(&outcome, &InsertOutcome::Inserted), 0, "insert: nobody comes without room");
        assert_eq!(store.count().await, IDLE as u64, "count: exactly the limit");
        assert_eq!(store.uses_left(&token.digest).await, uses - expected as u32, "insert: a use for each who came");
        for (outcome, id) in &told {
            assert_eq!(store.get(id).await.is_some(), outcome.is_inserted(), "insert: tells truly who came");
        }
        for id in gone {
            assert!(store.get(id).await.is_none(), "insert: tells truly who made room");
        }
        for client in store.list(&ClientQuery::new().with_limit(IDLE)).await {
            store.remove(&client.id).await;
        }
    }
}

/// Clients that are removed, updated and used at the same moment make room once or not at all.
pub(super) async fn making_room_and_other_changes_exclude_each_other<S: ClientStore>(store: Subject<S>) {
    for round in 0..ROUNDS {
        let now = now();
        let idle = clients(&format!("idle-{round}"), CALLERS / 2, now - DAY);
        store.hold(&idle).await;
        let act = |caller: usize| {
            let (store, conditions, target) = (store.clone(), crowding(CALLERS / 2, now), idle[caller / 2].id.clone());
            let client = client(&format!("rush-{round}-{caller}"), now);
            async move {
                match caller % 4 {
                    0 => store.touch(&target, now).await.then_some(target),
                    2 => store.remove(&target).await.then_some(target),
                    _ => store.insert_with(&client, &conditions).await.evicted().cloned(),
                }
            }
        };
        let mut changed: Vec<_> = race(CALLERS, act).await.into_iter().flatten().collect();
        let changes = changed.len();
        changed.sort();
        changed.dedup();
        assert_eq!(changed.len(), changes, "insert: makes room of nobody who was used or removed before");
        let there = store.list(&ClientQuery::new().with_limit(2 * CALLERS)).await;
        assert!(there.len() <= CALLERS / 2, "insert: the limit holds");
        assert_eq!(store.count().await, there.len() as u64, "count: those who are there");
        for client in there {
            store.remove(&client.id).await;
        }
    }
}

pub(super) async fn an_abandoned_insertion_makes_room_or_not<S: ClientStore>(store: Subject<S>) {
    let now = now();
    let plenty = token("plenty", Some(100), now);
    store.insert_token(&plenty).await;
    store.hold(&clients("old", POLLS, now - DAY)).await;
    for polls in 1..=POLLS {
        let new = client(&format!("abandoned-{polls}"), now);
        let key = nonce(&format!("jti-{polls}"), now);
        let conditions = InsertConditions {
            nonces: vec![key],
            ..InsertConditions { initial_access_token: Some(plenty.digest), ..crowding(POLLS, now) }
        };
        abandon(store.insert_with(&new, &conditions), polls).await;
        let again = store.insert_with(&new, &conditions).await;
        let settled =
            matches!(again, InsertOutcome::InsertedEvicting(_) | InsertOutcome::Exists | InsertOutcome::Replayed);
        assert!(settled, "insert: dropped halfway, nobody went without the client (got {again:?})");
        assert_same(store.get(&new.id).await.as_deref(), &new, "insert: once more settles it");
        assert_eq!(store.count().await, POLLS as u64, "insert: dropped halfway, one comes and one goes or nothing");
        let left = 100 - store.uses_left(&plenty.digest).await;
        assert_eq!(left, polls as u32, "insert: dropped halfway, it spends a use only with the client");
    }
}

pub(super) async fn an_abandoned_removal_brings_who_made_room_back<S: ClientStore>(store: Subject<S>) {
    let now = now();
    let old = client("old", now - DAY);
    store.hold(std::slice::from_ref(&old)).await;
    for polls in 1..=POLLS {
        let new = client(&format!("abandoned-{polls}"), now);
        let conditions = crowding(1, now);
        assert_eq!(
            store.insert_with(&new, &conditions).await,
            in_place_of(&old),
            "insert: whoever came back makes room again"
        );
        let undo = RemoveConditions::undoing(conditions, Some(std::sync::Arc::new(old.clone())));
        abandon(store.remove_with(&new.id, &undo), polls).await;
        store.remove_with(&new.id, &undo).await;
        assert!(store.get(&new.id).await.is_none(), "remove: once more settles it");
        let back = store.get(&old.id).await;
        assert_same(back.as_deref(), &old, "remove: dropped halfway, one goes and one comes back or nothing");
        assert_eq!(store.count().await, 1, "count: one came back for one who went");
    }
    let beyond = store.insert_with(&client("beyond", now), &below(1, now)).await;
    assert_eq!(beyond, InsertOutcome::Full, "remove: whoever came back takes a place");
}

/// Which clients a registration may evict: those older than an hour, then those with one of these keys.
fn within_grace(most: u64, keys: &[RegistrantKey], now: SystemTime) -> InsertConditions {
    let older = IdleCutoffs::none(now).with_unused_since(now - HOUR);
    let own = keys.iter().map(|key| IdleCutoffs::none(now).with_unused_since(now + HOUR).with_registrant(key.clone()));
    InsertConditions { evict: [older].into_iter().chain(own).collect(), ..below(most, now) }
}

fn by_token(name: &str, token: &str, issued_at: SystemTime) -> Client {
    Client { origin: RegistrationOrigin::InitialAccessToken(token.into()), ..client(name, issued_at) }
}

fn by_owner(name: &str, owner: &str, issued_at: SystemTime) -> Client {
    Client { owner: Some(owner.into()), ..client(name, issued_at) }
}

fn by_network(name: &str, network: u64, issued_at: SystemTime) -> Client {
    Client { network: Some(network), ..client(name, issued_at) }
}

pub(super) async fn a_young_client_is_evicted_by_its_registrant_alone<S: ClientStore>(store: Subject<S>) {
    let now = now();
    let young = [
        by_token("by-token", "T", now - HOUR / 2),
        by_owner("by-owner", "O", now - HOUR / 3),
        by_network("by-network", u64::MAX, now - HOUR / 4),
        by_network("used", 7, now - HOUR / 2),
        Client { status: ClientStatus::Disabled, ..by_network("disabled", 8, now - HOUR / 2) },
    ];
    store.hold(&young).await;
    store.touch(&young[3].id, now).await;
    let keys = |keys: &[RegistrantKey]| within_grace(5, keys, now);
    let token = |id: &str| RegistrantKey::InitialAccessToken(id.into());
    let owner = |owner: &str| RegistrantKey::Owner(owner.into());
    let network = RegistrantKey::Network;
    let refused = [
        ("nothing in common", keys(&[])),
        ("another token", keys(&[token("t"), token("T "), token("O")])),
        ("another owner", keys(&[owner("o"), owner("T")])),
        ("another network", keys(&[network(0), network(1), network(u64::MAX >> 1)])),
        ("the network of a used client", keys(&[network(7)])),
        ("the network of a disabled client", keys(&[network(8)])),
    ];
    for (name, conditions) in &refused {
        let outcome = store.insert_with(&client("new", now), conditions).await;
        assert_eq!(outcome, InsertOutcome::Full, "insert: evicts no young client for {name}");
    }
    let listed = ClientQuery::new().with_idle(keys(&[owner("O")]).evict[1].clone());
    assert_eq!(store.list(&listed).await.len(), 1, "list: the unused clients of a registrant");
    let rows = [
        (keys(&[token("T"), owner("O")]), &young[0]),
        (keys(&[token("T"), network(u64::MAX)]), &young[2]),
        (keys(&[token("T"), owner("O"), network(u64::MAX)]), &young[1]),
    ];
    for (number, (conditions, evicted)) in rows.iter().enumerate() {
        let new = client(&format!("new-{number}"), now);
        let outcome = store.insert_with(&new, conditions).await;
        assert_eq!(outcome, in_place_of(evicted), "insert: evicts the unused client of the registrant");
        assert!(store.get(&evicted.id).await.is_none(), "insert: an evicted client is gone");
    }
    let later = now + 2 * HOUR;
    let outcome = store.insert_with(&client("later", later), &within_grace(5, &[network(0)], later)).await;
    assert_eq!(outcome, in_place_of(&client("new-0", now)), "insert: evicts the oldest client after its grace");
}

/// An update and an enabled client keep what they have in common with others; a used client is never evicted.
pub(super) async fn what_a_registrant_has_follows_every_change<S: ClientStore>(store: Subject<S>) {
    let now = now();
    let mut current = by_network("changing", 9, now);
    store.hold(std::slice::from_ref(&current)).await;
    let conditions = within_grace(1, &[RegistrantKey::Network(9)], now);
    for (status, evictable) in
        [(ClientStatus::Disabled, false), (ClientStatus::Pending, true), (ClientStatus::Active, true)]
    {
        current = Client { status, ..renamed(&current, status.as_str()) };
        assert!(store.update(&current).await, "update: the next revision is accepted");
        let found = store.list(&ClientQuery::new().with_idle(conditions.evict[1].clone())).await;
        assert_eq!(found.len(), usize::from(evictable), "update: keeps the registrant of a client that is {status}");
    }
    assert!(store.touch(&current.id, now).await, "touch: true for a client that is there");
    assert!(store.update(&renamed(&current, "Used")).await, "update: a use since the client was read is no conflict");
    let full = store.insert_with(&client("new", now), &conditions).await;
    assert_eq!(full, InsertOutcome::Full, "insert: evicts no used client");
}

/// Two registrants at once: each evicts its own clients, as many as it inserts.
pub(super) async fn registrants_evict_only_their_own_clients_at_once<S: ClientStore>(store: Subject<S>) {
    const HELD: usize = 24;
    for round in 0..ROUNDS {
        let now = now();
        let mut held = Vec::new();
        for number in 0..HELD {
            // Three quarters belong to the first registrant.
            held.push(by_network(&format!("held-{round}-{number}"), u64::from(number % 4 == 0), now));
        }
        store.hold(&held).await;
        let insert = |caller: usize| {
            let network = caller as u64 % 2;
            let store = store.clone();
            let conditions = within_grace(HELD as u64, &[RegistrantKey::Network(network)], now);
            let client = client(&format!("rush-{round}-{caller}"), now);
            async move { (network, store.insert_with(&client, &conditions).await) }
        };
        let told = race(CALLERS, insert).await;
        for (network, own) in [(0, HELD * 3 / 4), (1, HELD / 4)] {
            let told = told.iter().filter(|(caller, _)| *caller == network);
            let evicted: BTreeSet<_> = told.filter_map(|(_, outcome)| outcome.evicted()).collect();
            assert_eq!(evicted.len(), own, "insert: a registrant evicts its own clients, each once");
            let own = |id: &ClientId| held.iter().any(|held| held.id == *id && held.network == Some(network));
            assert!(evicted.into_iter().all(own), "insert: a registrant evicts no client of another one");
        }
        assert_eq!(store.count().await, HELD as u64, "count: exactly the limit");
        for client in store.list(&ClientQuery::new().with_limit(HELD)).await {
            store.remove(&client.id).await;
        }
    }
}
