//! What a caller sends does not decide how long a reply, a log line or a record of the audit trail is.

use http::Method;
use serde_json::{Value, json};
use tower_dcr::access::{Decision, Registrant, TokenOptions};
use tower_dcr::audit::{FanOut, JsonLines};
use tower_dcr::policy::{Refusal, Review, Verdict};
use tower_dcr::{Access, RegistryBuilder};

use crate::audit::refusals::Log;
use crate::fakes::Always;
use crate::refusals::assertions::{Challenge, assert_refused};
use crate::server::{RequestBuilder, Server, minimal, minimal_and, send};

/// The longest body of a refusal and the longest line, in bytes.
const SHORT: usize = 2048;

fn long(count: usize) -> String {
    "a".repeat(count)
}

/// Writes the trail as JSON and, where that is built in, as log lines.
fn with_trail(builder: RegistryBuilder, log: &Log) -> RegistryBuilder {
    let sink = FanOut::new().with(JsonLines::new(log.clone()));
    #[cfg(feature = "tracing")]
    let sink = sink.with(tower_dcr::audit::TracingAudit);
    builder.with_audit(sink)
}

/// Documents with something long in them, each once as a value and where that is possible as a name.
fn documents() -> Vec<(&'static str, Value)> {
    let long = long(60_000);
    let tag = format!("client_name#x{}", "-abcdefgh".repeat(6_000));
    let key = |more: Value| {
        let mut key = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
        key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "jwks": { "keys": [key] } })
    };
    vec![
        ("language tag", json!({ tag.clone(): "A" })),
        ("language tag beside a fault", json!({ tag: "A", "scope": "\t" })),
        ("malformed language tag", json!({ format!("client_name#{long}"): "A" })),
        ("unknown member", json!({ long.clone(): long })),
        ("unknown member that is a fault of JSON", json!({ long.clone(): [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]] })),
        ("name", json!({ "client_name": long })),
        ("name in a language", json!({ "client_name#fr": long })),
        ("name of a wrong type", json!({ "client_name": [long] })),
        ("grant type beside a known one", json!({ "grant_types": ["authorization_code", long] })),
        ("grant type", json!({ "grant_types": [long] })),
        ("response type", json!({ "response_types": ["code", long] })),
        ("method", json!({ "token_endpoint_auth_method": long })),
        ("application type", json!({ "application_type": long })),
        ("subject type", json!({ "subject_type": long })),
        ("algorithm", json!({ "id_token_signed_response_alg": long })),
        ("scope", json!({ "scope": long })),
        ("scope of many tokens", json!({ "scope": "a ".repeat(30_000) })),
        ("contact", json!({ "contacts": [long] })),
        ("redirect URI", json!({ "redirect_uris": [format!("https://{long}.example/")] })),
        ("scheme", json!({ "redirect_uris": [format!("{long}:/cb")] })),
        ("logo", json!({ "logo_uri#fr": format!("https://{long}.example/") })),
        ("statement", json!({ "software_statement": long })),
        ("software", json!({ "software_id": long, "software_version": long })),
        ("key identifier", key(json!({ "kid": long }))),
        ("private member", key(json!({ "d": long }))),
        ("member of a key", key(json!({ long.clone(): { "d": 1 } }))),
        ("many faults", json!({ "contacts": vec!["\u{7}"; 16], "default_acr_values": vec!["\u{7}"; 16] })),
    ]
}

/// Requests with something long outside the body.
fn requests(server: &Server) -> Vec<(&'static str, RequestBuilder)> {
    let long = long(30_000);
    let post = || server.posting(minimal().to_string());
    let below = |rest: &str| format!("{}/{rest}", server.endpoint());
    vec![
        ("path", server.request(Method::GET, below(&long)).bearer_auth("wrong")),
        ("path without a token", server.request(Method::DELETE, below(&long))),
        ("query", server.request(Method::GET, format!("{}?client_id={long}", server.endpoint()))),
        ("request identifier", post().header("x-request-id", &long)),
        ("credentials", server.request(Method::GET, below("x")).bearer_auth(&long)),
        ("media type", server.request(Method::POST, server.endpoint()).header("content-type", &long).body("{}")),
        ("parameter", post().header("content-type", format!("application/json; charset={long}"))),
        ("method", server.request(Method::from_bytes(&[b'A'; 1000]).unwrap(), server.endpoint())),
        ("text that is no JSON", server.posting(long.clone())),
    ]
}

#[tokio::test]
async fn nothing_long_in_a_request_comes_back_or_reaches_the_trail() {
    let log = Log::default();
    #[cfg(feature = "tracing")]
    let _guard = {
        use tracing_subscriber::util::SubscriberInitExt as _;
        let writer = log.clone();
        let filter = tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).with_ansi(false);
        filter.with_writer(move || writer.clone()).set_default()
    };
    let server = Server::start(Access::Open, |builder| with_trail(builder, &log)).await;
    let posted =
        documents().into_iter().map(|(name, members)| (name, server.posting(minimal_and(members).to_string())));
    for (name, request) in Vec::from_iter(posted.chain(requests(&server))) {
        log.take();
        let reply = send(request).await;
        let refused = reply.status != 201;
        let most = if name == "many faults" { 4 * SHORT } else { SHORT };
        assert!(reply.body.len() <= most, "{name}: {} bytes, {}", reply.body.len(), reply.status);
        let trail = log.take();
        assert!(!refused || trail.contains("refused") || reply.status == 405, "{name}: {trail}");
        let longest = trail.lines().map(str::len).max().unwrap_or_default();
        assert!(longest <= most, "{name}: a line of {longest} bytes");
    }
}

#[tokio::test]
async fn a_policy_that_repeats_what_it_saw_stays_short() {
    let log = Log::default();
    let policy = |review: &Review<'_>| {
        let seen = review.metadata().policy_uri.untagged().unwrap_or_default().repeat(30);
        Verdict::refuse(Refusal::new("Z1", seen.clone()).at(format!("/{seen}")))
    };
    let server = Server::start(Access::Open, |builder| with_trail(builder, &log).with_policy(policy)).await;
    let document = minimal_and(json!({ "policy_uri": format!("https://a.example/{}", long(2000)) }));
    let reply = server.post(&document).await;
    assert_eq!(reply.json()["violations"][0]["rule"], "Z1");
    assert!(reply.body.len() <= SHORT, "{} bytes", reply.body.len());
    assert!(log.take().lines().all(|line| line.len() <= SHORT));
}

#[tokio::test]
async fn an_actor_is_named_by_the_beginning_of_a_long_name() {
    let log = Log::default();
    let server = Server::start(Access::Open, |builder| with_trail(builder, &log)).await;
    let metadata = tower_dcr::metadata::ClientMetadata::from_json(minimal().to_string().as_bytes()).unwrap();
    server.registry.with_actor(long(60_000)).register(metadata).await.unwrap();
    let trail = log.take();
    assert!(trail.contains("aaa...") && trail.lines().all(|line| line.len() <= SHORT), "{} bytes", trail.len());
}

#[tokio::test]
async fn an_owner_has_a_name_that_every_store_can_index() {
    let rows = [(256, 201), (257, 403), (60_000, 403)];
    for (length, status) in rows {
        let decision = Decision::Allow(Registrant::new().with_owner(long(length)));
        let server = Server::start(Access::custom(Always(decision)), |builder| builder).await;
        let reply = server.post(&minimal()).await;
        match status {
            201 => assert_eq!(reply.status, 201, "{length}: {}", reply.text()),
            _ => assert_refused("owner", &reply, status, Some("access_denied"), Challenge::None),
        }
        let issued = server.registry.issue_initial_access_token(TokenOptions::new().with_owner(long(length))).await;
        assert_eq!(issued.is_ok(), status == 201, "{length}");
        let tokens = server.registry.initial_access_tokens().await.unwrap();
        assert_eq!(tokens.len(), usize::from(status == 201), "{length}");
    }
}
