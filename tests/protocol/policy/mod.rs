//! The operator's policy: its input, and that its verdict holds for every operation.

mod clients;
mod dry_run;
pub(crate) mod hosts;
mod unique_software;

use std::sync::{Arc, Mutex};

use http::Method;
use serde_json::{Value, json};
use tower_dcr::access::{Decision, Registrant, TokenOptions};
use tower_dcr::metadata::{ClientMetadata, GrantType, TokenEndpointAuthMethod};
use tower_dcr::policy::{Policy, Refusal, Review, Verdict};
use tower_dcr::{Access, Client, ClientStatus};

use crate::fakes::{Always, Fragile, Ledger};
use crate::refusals::assertions::{CANARY, Challenge, assert_refused};
use crate::server::{Registered, Reply, Server, minimal, minimal_and, send};

/// A server with open registration and this policy.
pub(crate) async fn reviewed(policy: impl Policy) -> Server {
    Server::start(Access::Open, |builder| builder.with_policy(policy).with_dry_run(true)).await
}

pub(crate) async fn dry(server: &Server, document: &Value) -> Reply {
    let request = server.request(Method::POST, format!("{}?dry_run=true", server.endpoint()));
    send(request.header("content-type", "application/json").body(document.to_string())).await
}

/// The violations of a refusal, as pointers and rules.
pub(crate) fn violations(reply: &Reply) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let body = reply.json();
    let violations = body["violations"].as_array().unwrap_or_else(|| panic!("no violations: {body}"));
    violations.iter().map(|violation| (text(&violation["pointer"]), text(&violation["rule"]))).collect()
}

/// Asserts that a document is refused by POST, by a dry run, by PUT and by the application's own calls, with the same
/// violations, and that nothing is stored or changed.
pub(crate) async fn assert_refused_everywhere(
    name: &str,
    server: &Server,
    accepted: &Value,
    refused: &Value,
    (status, code): (u16, &str),
    expected: &[(&str, &str)],
) {
    let expected: Vec<_> = expected.iter().map(|(pointer, rule)| (pointer.to_string(), rule.to_string())).collect();
    let client = server.register(accepted).await;
    let (before, count) = (server.get(&client).await.json(), server.count().await);
    let replies = [
        ("POST", server.post(refused).await),
        ("dry run", dry(server, refused).await),
        ("PUT", server.put(&client, refused).await),
    ];
    for (door, reply) in replies {
        let name = format!("{name}, {door}");
        assert_refused(&name, &reply, status, Some(code), Challenge::None);
        assert_eq!(violations(&reply), expected, "{name}");
    }
    let stored = server.registry.client(client.id()).await.unwrap().unwrap();
    let metadata = ClientMetadata::from_json(refused.to_string().as_bytes()).unwrap();
    let error = server.registry.update(stored.id(), client.token(), metadata).await.unwrap_err();
    let found: Vec<_> = error.violations().iter().map(|it| (it.pointer().to_owned(), it.rule().to_owned())).collect();
    assert_eq!((error.status(), found), (status, expected), "{name}, Registry::update");
    assert_eq!(server.get(&client).await.json(), before, "{name}: the client is as it was");
    assert_eq!(server.count().await, count, "{name}: nothing was stored");
    assert_eq!(server.delete(&client).await.status, 204, "{name}");
}

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Policy for Seen {
    async fn review(&self, review: &Review<'_>) -> Verdict {
        let request = review.request().map(|parts| {
            let agent = parts.headers().get("x-asker").map(|agent| agent.to_str().unwrap());
            format!("{} {} {}", parts.method(), parts.uri().path(), agent.unwrap_or("-"))
        });
        let grants = review.metadata().grant_types.iter().map(GrantType::as_str).collect::<Vec<_>>().join("+");
        self.0.lock().unwrap().push(format!(
            "{} {:?} {} {} by {} was {:?}{}",
            review.operation(),
            review.origin(),
            review.owner().unwrap_or("-"),
            grants,
            request.as_deref().unwrap_or("application"),
            review.registered().map(Client::revision),
            if review.is_dry_run() { " dry" } else { "" },
        ));
        assert!(!format!("{review:?}").contains("Bearer"), "{review:?}");
        Verdict::accept()
    }
}

#[tokio::test]
async fn a_policy_sees_the_caller_and_the_complete_document() {
    let seen = Seen::default();
    let policy = seen.clone();
    let server = Server::start(Access::Tokens, |builder| builder.with_policy(policy).with_dry_run(true)).await;
    let (token, record) =
        server.registry.issue_initial_access_token(TokenOptions::new().with_owner("team-a")).await.unwrap();
    let origin = format!("InitialAccessToken(\"{}\") team-a authorization_code", record.id());

    let request = server.posting(minimal().to_string()).bearer_auth(token.expose()).header("x-asker", "a");
    let client = Registered::of(&send(request).await);
    assert_eq!(seen.take(), [format!("register {origin} by POST /oidc/register a was None")]);

    let request =
        server.request(Method::POST, format!("{}?dry_run=true", server.endpoint())).bearer_auth(token.expose());
    assert_eq!(send(request.json(&minimal())).await.status, 200);
    assert_eq!(seen.take(), [format!("register {origin} by POST /oidc/register - was None dry")]);

    assert_eq!(send(server.putting(&client, &minimal()).header("x-asker", "b")).await.status, 200);
    let path = format!("/oidc/register/{}", client.id());
    assert_eq!(seen.take(), [format!("update {origin} by PUT {path} b was Some(1)")]);

    let metadata = ClientMetadata::from_json(minimal().to_string().as_bytes()).unwrap();
    let stored = server.registry.client(client.id()).await.unwrap().unwrap();
    server.registry.update(stored.id(), client.token(), metadata.clone()).await.unwrap();
    assert_eq!(seen.take(), [format!("update {origin} by application was Some(2)")]);

    server.registry.register(metadata.clone()).await.unwrap();
    server.registry.check(metadata).await.unwrap();
    let application = "register Application - authorization_code by application was None";
    assert_eq!(seen.take(), [application.to_owned(), format!("{application} dry")]);

    assert_eq!(server.get(&client).await.status, 200);
    assert_eq!(server.put(&client, &json!({})).await.status, 400);
    assert_eq!(server.delete(&client).await.status, 204);
    assert_eq!(seen.take(), [""; 0], "a read, a deletion and what the rules refuse are no reviews");
}

#[tokio::test]
async fn a_policy_sees_what_the_gate_granted() {
    let seen = Seen::default();
    let policy = seen.clone();
    let gate = Access::custom(Always(Decision::Allow(Registrant::new().with_owner("alice"))));
    let server = Server::start(gate, |builder| builder.with_policy(policy)).await;
    let client = server.register(&minimal()).await;
    server.put(&client, &minimal()).await;
    let seen = seen.take();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|seen| seen.contains(" Gate alice authorization_code by ")), "{seen:?}");
}

/// Does what the name of the client says.
fn obedient(review: &Review<'_>) -> Verdict {
    let replace = |change: fn(&mut ClientMetadata)| {
        let mut metadata = review.metadata().clone();
        change(&mut metadata);
        Verdict::replace(metadata)
    };
    match review.metadata().client_name.untagged().unwrap_or_default() {
        "refuse" => Verdict::refuse(Refusal::new("X1", format!("not {}", "this one"))),
        "refuse name" => Verdict::refuse(Refusal::new("X2", "another name").at("/client_name")),
        "refuse redirect" => Verdict::refuse(Refusal::new("X3", "another place").at("/redirect_uris/0")),
        "forbid" => Verdict::refuse(Refusal::new("X4", "nobody from there").forbidden()),
        "refuse twice" => {
            ["/client_name", "/redirect_uris"].map(|at| Refusal::new("X5", "\"no\"").at(at)).into_iter().collect()
        }
        "fail" => Verdict::fail(format!("ldap.internal refused {CANARY}")),
        "break" => replace(|metadata| metadata.redirect_uris.push("https://app.example.com/#x".to_owned())),
        "widen" => replace(|metadata| metadata.grant_types.push(GrantType::Password)),
        "hold" => Verdict::hold(),
        "rename and hold" => replace(|metadata| metadata.client_name = "renamed".into()).and_hold(),
        "rename" => replace(|metadata| metadata.client_name = "renamed".into()),
        "strip" => replace(|metadata| {
            metadata.grant_types.clear();
            metadata.response_types.clear();
        }),
        _ => Verdict::accept(),
    }
}

#[tokio::test]
async fn a_refusal_holds_at_every_door() {
    let server = reviewed(obedient).await;
    let metadata = (400, "invalid_client_metadata");
    let redirect = (400, "invalid_redirect_uri");
    type Row = (&'static str, (u16, &'static str), &'static [(&'static str, &'static str)]);
    let rows: [Row; 6] = [
        ("refuse", metadata, &[("", "X1")]),
        ("refuse name", metadata, &[("/client_name", "X2")]),
        ("refuse redirect", redirect, &[("/redirect_uris/0", "X3")]),
        ("forbid", (403, "access_denied"), &[("", "X4")]),
        ("refuse twice", metadata, &[("/client_name", "X5"), ("/redirect_uris", "X5")]),
        ("break", redirect, &[("/redirect_uris/1", "R7")]),
    ];
    for (name, reply, violations) in rows {
        let refused = minimal_and(json!({ "client_name": name }));
        let case = if reply.0 == 403 { format!("E-065 {name}") } else { name.to_owned() };
        assert_refused_everywhere(&case, &server, &minimal(), &refused, reply, violations).await;
    }
}

#[tokio::test]
async fn a_replacement_goes_through_the_rules_and_is_what_the_reply_says() {
    let server = reviewed(obedient).await;
    let client = server.register(&minimal()).await;
    let rows = [
        ("rename", json!({ "client_name": "renamed" })),
        ("widen", json!({ "grant_types": ["authorization_code"] })),
        ("strip", json!({ "grant_types": ["authorization_code"], "response_types": ["code"] })),
    ];
    for (name, expected) in rows {
        let document = minimal_and(json!({ "client_name": name }));
        let registered = server.register(&document).await;
        let updated = Registered::of(&server.put(&client, &document).await);
        let checked = dry(&server, &document).await;
        assert_eq!(checked.status, 200, "{name}");
        for (member, value) in expected.as_object().unwrap() {
            assert_eq!(&registered.document[member], value, "{name}, POST");
            assert_eq!(&updated.document[member], value, "{name}, PUT");
            assert_eq!(&checked.json()["metadata"][member], value, "{name}, dry run");
            assert_eq!(&server.get(&registered).await.json()[member], value, "{name}, stored");
        }
    }
}

#[tokio::test]
async fn a_policy_that_fails_is_an_outage_and_not_a_refusal() {
    let ledger = Ledger::default();
    let audit = ledger.clone();
    let server = Server::start(Access::Open, |builder| builder.with_policy(obedient).with_audit(audit)).await;
    let client = server.register(&minimal()).await;
    let document = minimal_and(json!({ "client_name": "fail" }));
    ledger.take();
    for (door, reply) in [("POST", server.post(&document).await), ("PUT", server.put(&client, &document).await)] {
        assert_refused(door, &reply, 503, Some("temporarily_unavailable"), Challenge::None);
        assert_eq!(reply.header("retry-after"), Some("5"), "{door}");
    }
    assert_eq!(ledger.take().iter().map(|entry| entry.status).collect::<Vec<_>>(), [Some(503); 2]);
    assert_eq!(server.count().await, 1);
    assert_eq!(server.get(&client).await.json()["client_name"], Value::Null);
}

#[tokio::test]
async fn a_refusal_does_not_cost_a_use_of_the_token() {
    let server = Server::start(Access::Tokens, |builder| builder.with_policy(obedient)).await;
    let (token, _) = server.registry.issue_initial_access_token(TokenOptions::new().with_uses(1)).await.unwrap();
    let posting = |name: &str| {
        let document = minimal_and(json!({ "client_name": name }));
        send(server.posting(document.to_string()).bearer_auth(token.expose()))
    };
    assert_eq!(posting("refuse").await.status, 400);
    assert_eq!(posting("fail").await.status, 503);
    assert_eq!(posting("accept").await.status, 201);
    assert_eq!(posting("accept").await.status, 401);
}

#[tokio::test]
async fn of_two_policies_the_first_refusal_is_the_answer_and_the_next_sees_the_replacement() {
    let seen = Seen::default();
    let server = reviewed(obedient.and_then(seen.clone())).await;
    let named = |name: &str| minimal_and(json!({ "client_name": name }));
    for (name, status, shown) in [("accept", 201, 1), ("refuse", 400, 0), ("fail", 503, 0), ("break", 400, 0)] {
        assert_eq!(server.post(&named(name)).await.status, status, "{name}");
        assert_eq!(seen.take().len(), shown, "{name}");
    }
    // What the first one stripped has its defaults again, when the next one sees it.
    assert_eq!(server.register(&named("strip")).await.document["grant_types"], json!(["authorization_code"]));
    assert!(seen.take()[0].contains(" authorization_code by "));

    // Two calls of the builder are two policies, too.
    let server = Server::start(Access::Open, |builder| {
        let renamed = |review: &Review<'_>| {
            let refused = review.metadata().client_name.untagged() == Some("renamed");
            let reasons = refused.then(|| Refusal::new("X9", "that name is taken"));
            async move { reasons.into_iter().collect::<Verdict>() }
        };
        builder.with_policy(obedient).with_policy(renamed)
    })
    .await;
    let reply = server.post(&named("rename")).await;
    assert_refused("renamed", &reply, 400, Some("invalid_client_metadata"), Challenge::None);
    assert_eq!(violations(&reply), [(String::new(), "X9".to_owned())]);
    assert_eq!(server.register(&named("other")).await.member("client_name"), "other");
}

#[tokio::test]
async fn an_update_is_reviewed_again_when_the_client_changed_meanwhile() {
    let (seen, store) = (Seen::default(), Fragile::default());
    let (policy, fragile) = (seen.clone(), store.clone());
    let server = Server::with_store(Access::Open, store, |builder| builder.with_policy(policy)).await;
    let client = server.register(&minimal()).await;
    seen.take();
    fragile.contended.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(server.put(&client, &minimal()).await.status, 409);
    assert_eq!(seen.take().len(), 4, "once for each attempt");
}

async fn status(server: &Server, client: &Registered) -> ClientStatus {
    server.registry.client(client.id()).await.unwrap().unwrap().status()
}

#[tokio::test]
async fn a_client_that_is_held_waits_with_its_credentials() {
    let server = reviewed(obedient).await;
    let held = minimal_and(json!({ "client_name": "hold" }));
    let client = server.register(&held).await;
    assert_eq!(status(&server, &client).await, ClientStatus::Pending);
    assert_eq!(dry(&server, &held).await.json()["status"], "pending");
    assert_eq!(dry(&server, &minimal()).await.json()["status"], "active");

    let stored = server.registry.client(client.id()).await.unwrap().unwrap();
    assert!(!stored.verify_secret(client.member("client_secret"), server.registry.now()), "it may do nothing");
    assert_eq!(stored.redirect_uri("https://app.example.com/cb"), None, "it may do nothing");
    assert_eq!(server.get(&client).await.status, 200, "it may read");
    assert_eq!(server.put(&client, &minimal()).await.status, 200, "it may update");
    assert_eq!(status(&server, &client).await, ClientStatus::Pending, "an update approves no client");
    assert_eq!(server.delete(&client).await.status, 204, "it may go");
}

#[tokio::test]
async fn an_update_that_is_held_waits_for_approval_again() {
    let server = reviewed(obedient).await;
    let client = server.register(&minimal()).await;
    assert_eq!(status(&server, &client).await, ClientStatus::Active);
    let updated = server.put(&client, &minimal_and(json!({ "client_name": "rename and hold" }))).await;
    assert_eq!((updated.status, Registered::of(&updated).member("client_name")), (200, "renamed"));
    assert_eq!(status(&server, &client).await, ClientStatus::Pending);
}

#[tokio::test]
async fn what_one_of_two_policies_holds_is_held() {
    let hold = |_: &Review<'_>| Verdict::hold();
    let named = |name: &str| minimal_and(json!({ "client_name": name }));
    for (name, first, next) in [
        ("accept", reviewed(hold.and_then(obedient)).await, reviewed(obedient.and_then(hold)).await),
        ("rename", reviewed(hold.and_then(obedient)).await, reviewed(obedient.and_then(hold)).await),
        ("rename and hold", reviewed(obedient.and_then(obedient)).await, reviewed(obedient).await),
    ] {
        for server in [first, next] {
            let client = server.register(&named(name)).await;
            assert_eq!(status(&server, &client).await, ClientStatus::Pending, "{name}");
        }
    }
    let server = reviewed(hold.and_then(obedient)).await;
    assert_eq!(server.post(&named("refuse")).await.status, 400, "a refusal is no hold");
    assert_eq!(server.count().await, 0);
}

#[tokio::test]
async fn a_closure_is_enough_for_what_an_operator_may_demand() {
    fn unless(broken: bool, rule: &'static str, pointer: &str) -> Verdict {
        broken.then(|| Refusal::new(rule, "this server wants it otherwise").at(pointer)).into_iter().collect()
    }
    let one_grant = |review: &Review<'_>| {
        let grants = &review.metadata().grant_types;
        let both = grants.contains(&GrantType::AuthorizationCode) && grants.contains(&GrantType::Implicit);
        unless(both, "R7591-5-07", "/grant_types")
    };
    let no_double_role = |review: &Review<'_>| {
        let grants = &review.metadata().grant_types;
        let both = grants.contains(&GrantType::AuthorizationCode) && grants.contains(&GrantType::ClientCredentials);
        unless(both, "R7591-5-08", "/grant_types")
    };
    let no_public = |review: &Review<'_>| {
        let public = review.metadata().token_endpoint_auth_method == Some(TokenEndpointAuthMethod::None);
        unless(public, "R7591-5-05", "/token_endpoint_auth_method")
    };
    let server = Server::start(Access::Open, |builder| {
        let grants = [GrantType::AuthorizationCode, GrantType::Implicit, GrantType::ClientCredentials];
        let policy = one_grant.and_then(no_double_role).and_then(no_public);
        builder.with_grant_types(grants).with_policy(policy).with_dry_run(true)
    })
    .await;
    let rows = [
        (
            "R7591-5-07",
            json!({ "grant_types": ["authorization_code", "implicit"], "response_types": ["code", "id_token"] }),
            "/grant_types",
        ),
        ("R7591-5-08", json!({ "grant_types": ["authorization_code", "client_credentials"] }), "/grant_types"),
        ("R7591-5-05", json!({ "token_endpoint_auth_method": "none" }), "/token_endpoint_auth_method"),
    ];
    for (rule, members, pointer) in rows {
        let case = if rule == "R7591-5-05" { "E-064 public clients" } else { rule };
        let (reply, expected) = ((400, "invalid_client_metadata"), [(pointer, rule)]);
        assert_refused_everywhere(case, &server, &minimal(), &minimal_and(members), reply, &expected).await;
    }
}

#[tokio::test]
async fn a_pending_client_is_approved_only_by_the_operator() {
    let server = reviewed(obedient).await;
    let held = minimal_and(json!({ "client_name": "hold" }));
    let client = server.register(&held).await;
    let id = server.registry.client(client.id()).await.unwrap().unwrap().id().clone();
    for round in ["registration", "update"] {
        assert_eq!(status(&server, &client).await, ClientStatus::Pending, "{round}");
        let approved = server.registry.approve(&id).await.unwrap().unwrap();
        assert_eq!(approved.status(), ClientStatus::Active, "{round}");
        assert!(approved.verify_secret(client.member("client_secret"), server.registry.now()), "{round}");
        assert_eq!(approved.redirect_uri("https://app.example.com/cb"), Some("https://app.example.com/cb"), "{round}");
        assert_eq!(server.get(&client).await.json()["client_secret"], client.member("client_secret"), "{round}");
        assert_eq!(server.put(&client, &minimal()).await.status, 200, "{round}");
        assert_eq!(status(&server, &client).await, ClientStatus::Active, "{round}: it needs no new approval");
        assert_eq!(server.put(&client, &held).await.status, 200, "{round}");
    }
}
