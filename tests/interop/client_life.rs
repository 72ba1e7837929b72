//! The life of one client, from its initial access token to its end, and its records in the audit trail.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderMap;
use openidconnect::core::CoreClientAuthMethod;
use openidconnect::{AccessToken, RegistrationUrl};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower_dcr::access::{Constraints, TokenOptions};
use tower_dcr::audit::JsonLines;
use tower_dcr::authentication::ClientCredentials;
use tower_dcr::credential::ClientId;
use tower_dcr::policy::{Review, Verdict};
use tower_dcr::retention::Retention;
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, RegistrationLayer, Registry};

use crate::common::clock::FakeClock;
use crate::openidconnect_client::{http_client, request};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A log file in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn lines(&self) -> Vec<Value> {
        let log = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[tokio::test]
async fn the_audit_trail_records_every_step_of_a_client_once() {
    let (clock, log) = (FakeClock::new(), Log::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let builder = Registry::builder(format!("http://{}", listener.local_addr().unwrap()), Access::Tokens);
    let registry = builder
        .with_policy(|_: &Review<'_>| Verdict::hold())
        .with_retention(Retention::new().with_unused_after(DAY).with_idle_after(30 * DAY))
        .with_audit(JsonLines::new(log.clone()))
        .with_clock(clock.clone())
        .build(MemoryStore::new())
        .unwrap();
    let application = axum::Router::new().layer(RegistrationLayer::new(registry.clone()));
    tokio::spawn(async move { axum::serve(listener, application).await });

    // An operator hands out a token, and a client registers with it.
    let limits = Constraints::new().with_redirect_hosts(["rp.example.com"]);
    let options = TokenOptions::new().with_uses(1).with_owner("team").with_constraints(limits);
    let operator = registry.with_actor("alice");
    let (token, record) = operator.issue_initial_access_token(options).await.unwrap();
    let endpoint = RegistrationUrl::new(registry.registration_endpoint().unwrap().to_owned()).unwrap();
    let response = request("https://rp.example.com/cb")
        .set_initial_access_token(Some(AccessToken::new(token.expose().to_owned())))
        .set_token_endpoint_auth_method(Some(CoreClientAuthMethod::ClientSecretPost))
        .register_async(&endpoint, &http_client())
        .await
        .unwrap();
    let id = ClientId::parse(response.client_id().as_str()).unwrap();
    let secret = response.client_secret().unwrap().secret();
    let form = [("client_id", id.as_str()), ("client_secret", secret)];
    let credentials = ClientCredentials::read(&HeaderMap::new(), form).unwrap();
    assert!(registry.authenticate(&credentials).await.is_err(), "not approved yet");

    // It is approved and gets tokens for some days, until it is not used any more.
    clock.advance(DAY / 2);
    assert!(operator.approve(&id).await.unwrap().is_some_and(|client| client.is_active()));
    for _ in 0..3 {
        clock.advance(DAY);
        let client = registry.authenticate(&credentials).await.unwrap();
        assert_eq!(client.redirect_uri("https://rp.example.com/cb"), Some("https://rp.example.com/cb"));
        assert!(registry.touch(client.id()).await.unwrap());
    }
    let last_used = FakeClock::START + 3 * DAY.as_secs() + DAY.as_secs() / 2;
    for _ in 0..29 {
        clock.advance(DAY);
        assert!(registry.sweep(10).await.unwrap().is_empty(), "not idle for long enough");
    }
    clock.advance(2 * DAY);
    assert_eq!(registry.sweep(10).await.unwrap().len(), 1);
    assert!(registry.sweep(10).await.unwrap().is_empty());
    assert!(registry.authenticate(&credentials).await.is_err());

    let (lines, refused): (Vec<_>, Vec<_>) = log.lines().into_iter().partition(|line| line["outcome"] == "done");
    let refused: Vec<_> = refused.iter().map(|line| &line["operation"]).collect();
    assert_eq!(refused, ["authenticate", "authenticate"], "before it is approved and after it expired");
    let done_lines: Vec<_> =
        lines.iter().map(|line| json!([line["operation"], line["actor"], line["status"]])).collect();
    let expected = [
        json!(["issue_token", "alice", null]),
        json!(["register", null, "pending"]),
        json!(["approve", "alice", "active"]),
        json!(["first_use", null, "active"]),
        json!(["expire", null, "active"]),
    ];
    assert_eq!(done_lines, expected);
    for line in &lines[1..] {
        assert_eq!((&line["client_id"], &line["owner"]), (&json!(id.as_str()), &json!("team")), "{line}");
        assert_eq!(line["initial_access_token_id"], record.id(), "{line}");
    }
    assert_eq!(lines[2]["previous_status"], "pending");
    assert_eq!(lines[4]["last_used"], "2026-06-01T08:26:40.000Z", "used last at {last_used}");
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(!log.contains(secret) && !log.contains(token.expose()), "no secret is on the trail");
}
