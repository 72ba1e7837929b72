//! What an initial access token limits its clients to: at registration, and at every update after it.

use serde_json::{Value, json};
use tower_dcr::access::{Constraints, Decision, Registrant, TokenOptions};
use tower_dcr::metadata::{GrantType, TokenEndpointAuthMethod};
use tower_dcr::{Access, ErrorCode};

use crate::fakes::Always;
use crate::refusals::assertions::{Challenge, assert_refused};
use crate::server::{Registered, Reply, Server, minimal, minimal_and, send};

const METADATA: &str = "invalid_client_metadata";
const REDIRECT: &str = "invalid_redirect_uri";

/// The members of the reply that must have these values, or the code and the places of the refusal.
type Verdict = Result<Value, (&'static str, &'static [&'static str])>;

async fn post(server: &Server, constraints: &Constraints, document: &Value) -> Reply {
    let options = TokenOptions::new().with_uses(1).with_constraints(constraints.clone());
    let (token, record) = server.registry.issue_initial_access_token(options).await.unwrap();
    assert_eq!(record.constraints(), constraints);
    send(server.posting(document.to_string()).bearer_auth(token.expose())).await
}

fn assert_verdict(name: &str, reply: &Reply, status: u16, verdict: &Verdict) {
    match verdict {
        Ok(members) => {
            assert_eq!(reply.status, status, "{name}: {}", reply.text());
            for (member, value) in members.as_object().unwrap() {
                assert_eq!(&reply.json()[member], value, "{name}: {member}");
            }
        }
        Err((code, places)) => {
            let name = if status == 201 { &format!("E-006 {name}") } else { name };
            assert_refused(name, reply, 400, Some(code), Challenge::None);
            let violations = reply.json()["violations"].clone();
            let found: Vec<_> = violations.as_array().unwrap().iter().map(|found| found["pointer"].clone()).collect();
            assert_eq!(found, *places, "{name}: {}", reply.text());
        }
    }
}

fn rows() -> Vec<(&'static str, Constraints, Value, Verdict)> {
    let none = Constraints::new;
    let hosts = || none().with_redirect_hosts(["app.example.com", "[::1]"]);
    let scopes = || none().with_scopes(["read", "write"]);
    let grants = || none().with_grant_types([GrantType::AuthorizationCode]);
    let methods = || none().with_auth_methods([TokenEndpointAuthMethod::None]);
    let software = || none().with_software_id("the app");
    let uris = |uris: &[&str]| json!({ "redirect_uris": uris });
    vec![
        ("free", none(), minimal(), Ok(json!({ "token_endpoint_auth_method": "client_secret_basic" }))),
        ("host", hosts(), minimal(), Ok(minimal())),
        ("host, any port", hosts(), uris(&["https://APP.example.com:8443/", "http://[::1]:9/"]), Ok(json!({}))),
        ("another host", hosts(), uris(&["https://a.example/"]), Err((REDIRECT, &["/redirect_uris/0"]))),
        ("below the host", hosts(), uris(&["https://x.app.example.com/"]), Err((REDIRECT, &["/redirect_uris/0"]))),
        (
            "host as user",
            hosts(),
            uris(&["https://app.example.com@a.example/"]),
            Err((REDIRECT, &["/redirect_uris/0"])),
        ),
        ("host as scheme", hosts(), uris(&["app.example.com:/cb"]), Err((REDIRECT, &["/redirect_uris/0"]))),
        ("host after a scheme", hosts(), uris(&["my.app://app.example.com/"]), Err((REDIRECT, &["/redirect_uris/0"]))),
        (
            "one host of many",
            hosts(),
            uris(&["https://app.example.com/cb", "http://127.0.0.1/cb", "https://app.example.com/#x"]),
            Err((REDIRECT, &["/redirect_uris/1", "/redirect_uris/2"])),
        ),
        (
            "host after logging out",
            hosts(),
            minimal_and(json!({ "post_logout_redirect_uris": ["https://a.example/"] })),
            Err((METADATA, &["/post_logout_redirect_uris/0"])),
        ),
        ("scope", scopes(), minimal_and(json!({ "scope": "write" })), Ok(json!({ "scope": "write" }))),
        ("wider scope", scopes(), minimal_and(json!({ "scope": "admin read" })), Ok(json!({ "scope": "read" }))),
        ("no scope", scopes(), minimal(), Ok(json!({ "scope": "read write" }))),
        ("another scope", scopes(), minimal_and(json!({ "scope": "admin" })), Err((METADATA, &["/scope"]))),
        ("another case", scopes(), minimal_and(json!({ "scope": "Read" })), Err((METADATA, &["/scope"]))),
        ("two spaces", scopes(), minimal_and(json!({ "scope": " read  write" })), Ok(json!({ "scope": "read write" }))),
        ("no grammar", scopes(), minimal_and(json!({ "scope": "read\twrite" })), Err((METADATA, &["/scope"]))),
        (
            "wider grants",
            grants(),
            minimal_and(json!({ "grant_types": ["authorization_code", "refresh_token"] })),
            Ok(json!({ "grant_types": ["authorization_code"] })),
        ),
        (
            "other grants",
            grants(),
            minimal_and(json!({ "grant_types": ["client_credentials"] })),
            Err((METADATA, &["/grant_types"])),
        ),
        ("method", methods(), minimal_and(json!({ "token_endpoint_auth_method": "none" })), Ok(json!({}))),
        ("no method", methods(), minimal(), Err((METADATA, &["/token_endpoint_auth_method"]))),
        ("software", software(), minimal_and(json!({ "software_id": "the app" })), Ok(json!({}))),
        ("no software", software(), minimal(), Err((METADATA, &["/software_id"]))),
        (
            "other software",
            software(),
            minimal_and(json!({ "software_id": "an app" })),
            Err((METADATA, &["/software_id"])),
        ),
        (
            "everything at once",
            hosts().with_software_id("the app").with_scopes(["read"]),
            json!({ "redirect_uris": ["https://a.example/"], "scope": "write" }),
            Err((REDIRECT, &["/redirect_uris/0", "/scope", "/software_id"])),
        ),
    ]
}

#[tokio::test]
async fn a_token_limits_what_its_client_registers() {
    let server = Server::start(Access::Tokens, |builder| builder).await;
    for (name, constraints, document, verdict) in rows() {
        let before = server.count().await;
        let reply = post(&server, &constraints, &document).await;
        assert_verdict(name, &reply, 201, &verdict);
        assert_eq!(server.count().await - before, u64::from(verdict.is_ok()), "{name}: clients stored");
    }
}

#[tokio::test]
async fn a_client_cannot_outgrow_its_token_by_an_update() {
    let server = Server::start(Access::Tokens, |builder| builder).await;
    let lawful = minimal_and(json!({
        "token_endpoint_auth_method": "none", "software_id": "the app", "scope": "read",
        "grant_types": ["authorization_code"],
    }));
    for (name, constraints, document, verdict) in rows() {
        let client = Registered::of(&post(&server, &constraints, &lawful).await);
        let reply = server.put(&client, &document).await;
        assert_verdict(name, &reply, 200, &verdict);
        if verdict.is_err() {
            assert_eq!(server.get(&client).await.json(), client.document, "{name}: the registration is untouched");
        }
        let again = server.put(&client, &document).await;
        assert_verdict(name, &again, 200, &verdict);
    }
}

#[tokio::test]
async fn a_server_that_refuses_what_it_does_not_offer_refuses_what_a_token_does_not_permit() {
    let server = Server::start(Access::Tokens, |builder| builder.with_unoffered_refused(true)).await;
    let limits = Constraints::new().with_scopes(["read"]).with_grant_types([GrantType::AuthorizationCode]);
    let rows = [
        ("scope", json!({ "scope": "read write" }), "/scope"),
        ("grants", json!({ "grant_types": ["authorization_code", "refresh_token"] }), "/grant_types"),
    ];
    for (name, members, place) in rows {
        let reply = post(&server, &limits, &minimal_and(members)).await;
        assert_refused(name, &reply, 400, Some(METADATA), Challenge::None);
        assert_eq!(reply.json()["violations"][0]["pointer"], place, "{name}");
    }
    assert_eq!(server.count().await, 0);
}

#[tokio::test]
async fn a_refused_document_spends_no_use() {
    let server = Server::start(Access::Tokens, |builder| builder).await;
    let options = TokenOptions::new().with_uses(1).with_constraints(Constraints::new().with_software_id("the app"));
    let (token, _) = server.registry.issue_initial_access_token(options).await.unwrap();
    let posting = |document: Value| send(server.posting(document.to_string()).bearer_auth(token.expose()));
    assert_eq!(posting(minimal()).await.status, 400);
    assert_eq!(posting(minimal_and(json!({ "software_id": "the app" }))).await.status, 201);
}

#[tokio::test]
async fn a_gate_limits_and_the_owner_stays() {
    let limits = Constraints::new().with_redirect_hosts(["app.example.com"]);
    let grant = Registrant::new().with_owner("team").with_constraints(limits.clone());
    let server = Server::start(Access::custom(Always(Decision::Allow(grant))), |builder| builder).await;
    let other = json!({ "redirect_uris": ["https://a.example/"], "owner": "somebody else" });
    assert_eq!(server.post(&other).await.status, 400);
    let client = server.register(&minimal_and(json!({ "owner": "somebody else" }))).await;
    assert_eq!(server.put(&client, &other).await.status, 400);
    assert_eq!(server.put(&client, &minimal_and(json!({ "owner": "somebody else" }))).await.status, 200);
    let stored = server.registry.client(client.id()).await.unwrap().unwrap();
    assert_eq!((stored.owner(), stored.constraints()), (Some("team"), &limits));
}

#[tokio::test]
async fn a_token_that_permits_no_registration_is_not_issued() {
    let server = Server::start(Access::Tokens, |builder| builder).await;
    let (options, zero) = (TokenOptions::new, std::time::Duration::ZERO);
    let rows = [
        ("no use", options().with_uses(0), false),
        ("no time", options().with_lifetime(zero), false),
        ("neither", options().with_uses(0).with_lifetime(zero), false),
        ("one use", options().with_uses(1), true),
        ("a moment", options().with_lifetime(std::time::Duration::from_millis(1)), true),
    ];
    for (name, options, issued) in rows {
        let refused = server.registry.issue_initial_access_token(options).await.err();
        let actual = refused.map(|error| (error.status(), error.code(), error.violations()[0].rule()));
        assert_eq!(actual, (!issued).then_some((400, Some(ErrorCode::InvalidRequest), "C4")), "{name}");
    }
    assert_eq!(server.registry.initial_access_tokens().await.unwrap().len(), 2, "nothing else is kept");
}
