//! Tenants share a database and nothing else.
//!
//! A tenant is a separate registration endpoint. A client identifier, a token or a nonce of one tenant must mean
//! nothing to another one, whatever characters the name of the tenant has: a name that looks like the prefix of
//! another one, or like a pattern of the database, is a usual fault.
//!
//! An operator often runs one database for many customers. A fault here shows clients of one customer to another one,
//! so it is a disclosure and not only a wrong result.
//!
//! A store fulfils this by making the tenant a part of every key: of the primary keys, of each index, and of the
//! number of clients that it keeps. A separate table or database for each tenant is possible too, but then the name
//! needs an encoding.

use super::fixtures::{
    DAY, HOUR, assert_same, assert_same_token, below, client, clients, now, renamed, spending, token,
};
use super::subject::{CALLERS, Subject, race, times};
use crate::client::credential::Digest;
use crate::store::{ClientQuery, ClientStore, IdleCutoffs, InsertOutcome, RemoveConditions};

/// Names that a careless key or pattern mixes up: case, separators, wildcards, composed characters, prefixes.
///
/// The empty name is one of them: it is the tenant with which every store begins, and a store may take it for no
/// tenant.
const NAMES: [&str; 8] = ["", "a", "A", "a:b", "a%", "é", "https://id.example.com/a", "a b"];

/// No verb of one tenant finds, changes or removes a client of another one, also with the same identifier.
///
/// The check uses the same identifier in all tenants, so a key without the tenant is found at once.
pub(super) async fn tenants_are_isolated<S: ClientStore>(store: Subject<S>) {
    let fingerprint = Some(Digest::of("the same"));
    for name in NAMES {
        let tenant = store.for_tenant(name);
        assert_eq!(tenant.count().await, 0, "for_tenant: no client is in {name:?} yet");
        assert!(tenant.list(&ClientQuery::new()).await.is_empty(), "for_tenant: no client is in {name:?} yet");
        let mut client = renamed(&client("same", now()), &format!("of {name:?}"));
        client.fingerprint = fingerprint;
        assert!(tenant.get(&client.id).await.is_none(), "for_tenant: a client of another tenant is nobody");
        // Each verb is tried, because a store may have forgotten the tenant in the condition of only one statement.
        assert!(!tenant.touch(&client.id, now()).await, "for_tenant: a client of another tenant is nobody");
        assert!(!tenant.update(&renamed(&client, "x")).await, "for_tenant: a client of another tenant is nobody");
        assert!(!tenant.remove(&client.id).await, "for_tenant: a client of another tenant is nobody");
        let same = ClientQuery::new().with_fingerprint(Digest::of("the same"));
        assert!(tenant.list(&same).await.is_empty(), "for_tenant: no client of another tenant is listed");
        assert_eq!(
            tenant.insert(&client).await,
            InsertOutcome::Inserted,
            "for_tenant: identifiers are free in each tenant"
        );
        assert!(
            tenant.claim_nonce("jti", now() + HOUR, now()).await,
            "for_tenant: keys are remembered for each tenant"
        );
    }
    for name in NAMES {
        // Through another tenant, which shows that the name is absolute. Two nodes that build the part in different
        // ways must reach the same data.
        let tenant = store.for_tenant("somebody else").for_tenant(name);
        let found = tenant.get(&client("same", now()).id).await;
        let of_tenant = found.and_then(|found| found.metadata.client_name.untagged().map(str::to_owned));
        assert_eq!(of_tenant, Some(format!("of {name:?}")), "for_tenant: the same name is the same tenant");
        assert_eq!(tenant.count().await, 1, "for_tenant: counts for each tenant");
        assert!(!tenant.claim_nonce("jti", now() + HOUR, now()).await, "for_tenant: the same name is the same tenant");
    }
    // An application without tenants and one that uses the tenant `""` must see the same clients.
    assert_eq!(store.count().await, 1, "for_tenant: the store itself is the tenant \"\"");
}

/// Initial access tokens, nonces and the limit of clients are separate for each tenant.
///
/// A full tenant must not keep other tenants from registering clients, and a token issued for one endpoint must not
/// open another one.
pub(super) async fn tokens_and_limits_belong_to_a_tenant<S: ClientStore>(store: Subject<S>) {
    let (one, two) = (store.for_tenant("one"), store.for_tenant("two"));
    let now = now();
    let token = token("token", Some(5), now);
    one.insert_token(&token).await;
    assert!(two.get_token(&token.digest).await.is_none(), "for_tenant: a token of another tenant is none");
    assert!(two.list_tokens().await.is_empty(), "for_tenant: a token of another tenant is none");
    assert!(!two.remove_token(&token.id).await, "for_tenant: a token of another tenant is none");
    let client = client("client", now);
    let refused = two.insert_with(&client, &spending(&token, now)).await;
    assert_eq!(refused, InsertOutcome::TokenRefused, "for_tenant: a token of another tenant admits nobody");
    // Both tenants have a limit of one. A limit over the whole database would refuse the second tenant.
    for tenant in [&one, &two] {
        assert_eq!(
            tenant.insert_with(&client, &below(1, now)).await,
            InsertOutcome::Inserted,
            "for_tenant: a limit of its own"
        );
        let late = renamed(&super::fixtures::client("late", now), "Late");
        assert_eq!(
            tenant.insert_with(&late, &below(1, now)).await,
            InsertOutcome::Full,
            "for_tenant: a limit of its own"
        );
    }
    // The digest of the other tenant's token is passed on purpose: the refund must look for it in its own tenant only.
    let refund = RemoveConditions::unconditional().with_refund(token.digest);
    assert_eq!(two.remove_with(&client.id, &refund).await, Some(true), "remove: true for a client that is there");
    assert_same_token(
        one.get_token(&token.digest).await.as_ref(),
        &token,
        "remove: refunds no token of another tenant",
    );
    assert_same(one.get(&client.id).await.as_deref(), &client, "remove: removes no client of another tenant");
}

/// An expiry removes idle clients and expired nonces of its own tenant only.
///
/// Tenants may have different retention periods, and their expiry runs at different times.
///
/// This finds an expiry without the tenant in its condition, which would delete the clients of a customer by the
/// retention period of another one.
///
/// The clients have the same identifiers and times in both tenants, so only the tenant distinguishes them.
pub(super) async fn a_tenant_expires_alone<S: ClientStore>(store: Subject<S>) {
    let (one, two) = (store.for_tenant("one"), store.for_tenant("two"));
    let old = clients("old", 3, now() - DAY);
    for tenant in [&one, &two] {
        tenant.hold(&old).await;
    }
    let cutoffs = IdleCutoffs::none(now()).with_unused_since(now());
    assert_eq!(one.expire(&cutoffs, usize::MAX).await.len(), 3, "expire: the idle of the tenant");
    assert_eq!(two.count().await, 3, "expire: no client of another tenant");
    assert_eq!(store.count().await, 0, "for_tenant: counts for each tenant");
}

/// Concurrent insertions fill each tenant exactly to its own limit.
///
/// This finds a counter that tenants share. It would let one tenant use the capacity of another one, or block it.
pub(super) async fn tenants_reach_their_limits_independently<S: ClientStore>(store: Subject<S>) {
    let now = now();
    let tenants = ["one", "two"].map(|name| store.for_tenant(name));
    // The identifiers occur once in each tenant, so a shared key would also show as `Exists`.
    let insert = |caller: usize| {
        let tenant = tenants[caller % 2].clone();
        let client = client(&format!("rush-{}", caller / 2), now);
        async move { (caller % 2, tenant.insert_with(&client, &below(10, now)).await) }
    };
    let outcome = race(CALLERS, insert).await;
    for (number, tenant) in tenants.iter().enumerate() {
        assert_eq!(
            times(&outcome, &(number, InsertOutcome::Inserted)),
            10,
            "insert: each tenant has a limit of ten clients"
        );
        assert_eq!(tenant.count().await, 10, "count: exactly the limit of each tenant");
    }
}
