//! Whose young clients an insertion may evict.
//!
//! A client that was issued a short time ago and was never used is within its grace period: only an insertion by the
//! same registrant may evict it, which is a registration with the same initial access token, for the same owner or from
//! the same network. Otherwise one caller who registers many clients would evict the clients that others have just
//! registered, before these could be used. The conditions name the registrant in
//! [`IdleCutoffs::registrant`], and these checks prove that a store compares that key exactly, follows it through
//! updates, and holds it under races.
//!
//! A store keeps the keys of a client beside it: the initial access token and the owner as text, the network as a
//! number of 64 bits. A client may have several keys, and an insertion may evict it by any of them.

use std::collections::BTreeSet;
use std::time::SystemTime;

use super::eviction::evicting;
use super::fixtures::{HOUR, below, client, now, renamed};
use super::subject::{CALLERS, ROUNDS, Subject, race};
use crate::client::credential::ClientId;
use crate::client::{Client, ClientStatus, RegistrationOrigin};
use crate::store::{ClientQuery, ClientStore, IdleCutoffs, InsertConditions, InsertOutcome, RegistrantKey};

/// Which clients an insertion may evict: those older than an hour, then those of a registrant with one of these keys.
///
/// This is the order that the registry uses: clients beyond their grace period first, then those of the registrant
/// itself.
fn within_grace(most: u64, keys: &[RegistrantKey], now: SystemTime) -> InsertConditions {
    let older = IdleCutoffs::none(now).with_unused_since(now - HOUR);
    let own = keys.iter().map(|key| IdleCutoffs::none(now).with_unused_since(now + HOUR).with_registrant(key.clone()));
    InsertConditions { evict: [older].into_iter().chain(own).collect(), ..below(most, now) }
}

/// The registrant with this initial access token.
fn token(id: &str) -> RegistrantKey {
    RegistrantKey::InitialAccessToken(id.into())
}

/// The registrant that is this owner.
fn owner(owner: &str) -> RegistrantKey {
    RegistrantKey::Owner(owner.into())
}

/// A client that was registered with this initial access token.
fn by_token(name: &str, token: &str, issued_at: SystemTime) -> Client {
    Client { origin: RegistrationOrigin::InitialAccessToken(token.into()), ..client(name, issued_at) }
}

/// A client of this owner.
fn by_owner(name: &str, owner: &str, issued_at: SystemTime) -> Client {
    Client { owner: Some(owner.into()), ..client(name, issued_at) }
}

/// A client that was registered from this network, which is a keyed hash of it.
fn by_network(name: &str, network: u64, issued_at: SystemTime) -> Client {
    Client { network: Some(network), ..client(name, issued_at) }
}

/// A young client is evicted by an insertion with the same key only, in the order in which the conditions name the
/// keys. After the grace period the oldest client is evicted for any registrant.
///
/// This finds a store that ignores the registrant and evicts the first unused client. An attacker with one token could
/// then evict every client that was registered within the last hour.
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
    // The used and the disabled client have registrant keys as well, and must be protected from them.
    store.touch(&young[3].id, now).await;
    refuses_other_registrants(&store, now).await;
    let (keys, network) = (|keys: &[RegistrantKey]| within_grace(5, keys, now), RegistrantKey::Network);
    // A list by the same cutoffs must agree with the eviction, since an operator looks at the list to understand it.
    let listed = ClientQuery::new().with_idle(keys(&[owner("O")]).evict[1].clone());
    assert_eq!(store.list(&listed).await.len(), 1, "list: the unused clients of a registrant");
    // The first row evicts the client of the token. In the later rows its key matches no client, and the search must
    // continue with the next key.
    let rows = [
        (keys(&[token("T"), owner("O")]), &young[0]),
        (keys(&[token("T"), network(u64::MAX)]), &young[2]),
        (keys(&[token("T"), owner("O"), network(u64::MAX)]), &young[1]),
    ];
    for (number, (conditions, evicted)) in rows.iter().enumerate() {
        let new = client(&format!("new-{number}"), now);
        let outcome = store.insert_with(&new, conditions).await;
        assert_eq!(outcome, evicting(evicted), "insert: evicts the unused client of the registrant");
        assert!(store.get(&evicted.id).await.is_none(), "insert: an evicted client is gone");
    }
    // Two hours later the grace period of every client is over, so the key of the registrant is not needed.
    let later = now + 2 * HOUR;
    let outcome = store.insert_with(&client("later", later), &within_grace(5, &[network(0)], later)).await;
    assert_eq!(outcome, evicting(&client("new-0", now)), "insert: evicts the oldest client after its grace");
}

/// Keys that resemble those of the young clients, or are those of clients that may not be evicted.
///
/// A network is a hash of 64 bits, so a store that keeps it as a signed or shortened number confuses two networks. The
/// rows with the largest number find this.
///
/// The texts of one kind of key are tried as another kind: an owner with the name of a token is another registrant.
async fn refuses_other_registrants<S: ClientStore>(store: &Subject<S>, now: SystemTime) {
    let network = RegistrantKey::Network;
    let refused = [
        ("nothing in common", vec![]),
        ("another token", vec![token("t"), token("T "), token("O")]),
        ("another owner", vec![owner("o"), owner("T")]),
        ("another network", vec![network(0), network(1), network(u64::MAX >> 1)]),
        ("the network of a used client", vec![network(7)]),
        ("the network of a disabled client", vec![network(8)]),
    ];
    for (name, keys) in refused {
        let outcome = store.insert_with(&client("new", now), &within_grace(5, &keys, now)).await;
        assert_eq!(outcome, InsertOutcome::Full, "insert: evicts no young client for {name}");
    }
}

/// An update and an enabled client keep their registrant; a used client is never evicted.
///
/// An index that loses a client with an update protects it for ever, and one that keeps a disabled client lets it be
/// evicted: its software could register again.
pub(super) async fn registrant_keys_follow_every_change<S: ClientStore>(store: Subject<S>) {
    let now = now();
    let mut current = by_network("changing", 9, now);
    store.hold(std::slice::from_ref(&current)).await;
    let conditions = within_grace(1, &[RegistrantKey::Network(9)], now);
    // To disabled and back, since the client leaves the index and must enter it again with the same key.
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

/// Two registrants insert at the same moment: each evicts its own clients, as many as it inserts.
///
/// Without the condition in the step that removes, two registrants that search at the same moment could take a client
/// from each other.
pub(super) async fn registrants_evict_only_their_own_clients_at_once<S: ClientStore>(store: Subject<S>) {
    const HELD: usize = 24;
    for round in 0..ROUNDS {
        let now = now();
        let mut held = Vec::new();
        for number in 0..HELD {
            // Three quarters belong to the first registrant.
            // The numbers differ so that an exchange of the two registrants shows in the result.
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
        let returned = race(CALLERS, insert).await;
        for (network, own) in [(0, HELD * 3 / 4), (1, HELD / 4)] {
            let returned = returned.iter().filter(|(caller, _)| *caller == network);
            let evicted: BTreeSet<_> = returned.filter_map(|(_, outcome)| outcome.evicted()).collect();
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
