//! What RFC 7591 section 5 leaves to the operator, as policies of the kind that it describes.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tower_dcr::Access;
use tower_dcr::metadata::{GrantType, TokenEndpointAuthMethod};
use tower_dcr::policy::{Policy, Refusal, Review, Verdict};

use crate::refusals::assertions::{Challenge, assert_refused};
use crate::server::{Server, minimal_and};

const METADATA: Option<&str> = Some("invalid_client_metadata");

async fn guarded(policy: impl Policy) -> Server {
    use GrantType::{AuthorizationCode, ClientCredentials, Implicit};
    let grants = [AuthorizationCode, Implicit, ClientCredentials];
    Server::start(Access::Open, |builder| builder.with_grant_types(grants).with_policy(policy)).await
}

fn has_both(review: &Review<'_>, one: &GrantType, other: &GrantType) -> bool {
    let grants = &review.metadata().grant_types;
    grants.contains(one) && grants.contains(other)
}

/// Refuses what the clauses let a server refuse.
fn careful(review: &Review<'_>) -> Verdict {
    use GrantType::{AuthorizationCode, ClientCredentials, Implicit};
    if review.metadata().token_endpoint_auth_method == Some(TokenEndpointAuthMethod::None) {
        return Verdict::refuse(Refusal::new("X1", "no public clients").at("/token_endpoint_auth_method"));
    }
    if has_both(review, &AuthorizationCode, &Implicit) || has_both(review, &AuthorizationCode, &ClientCredentials) {
        return Verdict::refuse(Refusal::new("X2", "one registration for each grant type").at("/grant_types"));
    }
    Verdict::accept()
}

#[tokio::test]
async fn a_policy_may_refuse_public_clients_and_grants_that_go_together() {
    let server = guarded(careful).await;
    let grants = |grants: &[&str], responses: &[&str]| json!({ "grant_types": grants, "response_types": responses });
    let rows = [
        ("E-064 R7591-5-05", json!({ "token_endpoint_auth_method": "none" }), false),
        ("R7591-5-07", grants(&["authorization_code", "implicit"], &["code", "token"]), false),
        ("R7591-5-08", grants(&["authorization_code", "client_credentials"], &["code"]), false),
        ("R7591-5-07 code alone", grants(&["authorization_code"], &["code"]), true),
        ("R7591-5-07 implicit alone", grants(&["implicit"], &["token"]), true),
        ("R7591-5-08 machine alone", grants(&["client_credentials"], &[]), true),
    ];
    for (name, members, accepted) in rows {
        let (before, reply) = (server.count().await, server.post(&minimal_and(members)).await);
        match accepted {
            true => assert_eq!(reply.status, 201, "{name}: {}", reply.text()),
            false => assert_refused(name, &reply, 400, METADATA, Challenge::None),
        }
        assert_eq!(server.count().await - before, u64::from(accepted), "{name}");
    }
}

/// Lets each version of a software register once.
fn once(seen: Arc<Mutex<HashSet<(String, String)>>>) -> impl Policy {
    move |review: &Review<'_>| {
        let metadata = review.metadata();
        let software = metadata.software_id.clone().zip(metadata.software_version.clone());
        match software.is_none_or(|software| seen.lock().unwrap().insert(software)) {
            true => Verdict::accept(),
            false => Verdict::refuse(Refusal::new("X3", "this software is registered already").at("/software_id")),
        }
    }
}

#[tokio::test]
async fn a_policy_may_let_software_register_once() {
    let server = guarded(once(Arc::default())).await;
    let software = |version: &str| minimal_and(json!({ "software_id": "4NRB1", "software_version": version }));
    assert_eq!(server.post(&software("10")).await.status, 201);
    assert_refused("E-063 R7591-5-14", &server.post(&software("10")).await, 400, METADATA, Challenge::None);
    assert_eq!(server.post(&software("9")).await.status, 201, "another version, which is neither older nor newer");
    assert_eq!(server.post(&software("10.0")).await.status, 201, "R7591-2-25: versions are only equal or not");
    assert_eq!(server.count().await, 3);
}

/// A hook for everything else: what the client could not mend is a 403.
#[tokio::test]
async fn a_policy_may_refuse_for_reasons_of_its_own() {
    let server = guarded(|review: &Review<'_>| match review.metadata().client_name.untagged() {
        Some("Your Bank") => Verdict::refuse(Refusal::new("X4", "this name belongs to somebody else").forbidden()),
        _ => Verdict::accept(),
    })
    .await;
    let name = |name: &str| minimal_and(json!({ "client_name": name }));
    let reply = server.post(&name("Your Bank")).await;
    assert_refused("E-065 R7591-5-10", &reply, 403, Some("access_denied"), Challenge::None);
    let client = server.register(&name("Mine")).await;
    assert_refused(
        "R7591-5-10",
        &server.put(&client, &name("Your Bank")).await,
        403,
        Some("access_denied"),
        Challenge::None,
    );
    assert_eq!(server.get(&client).await.json()["client_name"], Value::from("Mine"));
}
