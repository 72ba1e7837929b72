//! Gates before access control, and limits on the requests of one peer.

mod bearer_tokens;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http_body_util::Full;
use serde_json::json;
use tower_dcr::access::{Decision, Gate, Registrant, RequestHead, TokenOptions};
use tower_dcr::gate::{PeerAddress, RateLimit};
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, Registry};

use crate::common::clock::FakeClock;
use crate::trust::endpoint::{Reply, managing, minimal_and, post, posting, send};
use crate::trust::fetch::outages::Causes;

const MINUTE: Duration = Duration::from_secs(60);

/// A gate that always decides the same.
struct Always(Decision);

impl Gate for Always {
    async fn authorize(&self, _request: &RequestHead<'_>) -> Decision {
        self.0.clone()
    }
}

fn builder(access: Access) -> tower_dcr::RegistryBuilder {
    Registry::builder("https://id.example.com", access)
}

type Expected = Option<&'static str>;

/// Every decision with its status, code, challenge and wait.
fn decisions() -> Vec<(&'static str, Decision, u16, Expected, Expected, Expected)> {
    let bare = r#"Bearer realm="client registration""#;
    let invalid = r#"Bearer realm="client registration", error="invalid_token", error_description="#;
    let ambiguous = r#"Bearer realm="client registration", error="invalid_request", error_description="#;
    let scope = r#"Bearer realm="client registration", error="insufficient_scope", scope="dcr", error_description="#;
    let busy = Some("temporarily_unavailable");
    let wait = Duration::from_millis(6_001);
    let source: Arc<dyn std::error::Error + Send + Sync> =
        Arc::new(std::io::Error::other("keys.internal does not answer"));
    vec![
        ("unauthorized", Decision::Unauthorized, 401, None, Some(bare), None),
        ("invalid token", Decision::InvalidToken, 401, Some("invalid_token"), Some(invalid), None),
        ("ambiguous", Decision::AmbiguousCredentials, 400, Some("invalid_request"), Some(ambiguous), None),
        ("forbidden", Decision::Forbidden, 403, Some("access_denied"), None, None),
        (
            "scope",
            Decision::InsufficientScope { scope: "dcr".into() },
            403,
            Some("insufficient_scope"),
            Some(scope),
            None,
        ),
        ("too many", Decision::TooManyRequests { retry_after: wait }, 429, busy, None, Some("7")),
        ("throttled", Decision::Throttled { retry_after: wait, source: source.clone() }, 429, busy, None, Some("7")),
        ("unavailable", Decision::Unavailable { source }, 503, busy, None, Some("5")),
    ]
}

#[tokio::test]
async fn every_decision_has_its_reply_before_access_control_and_in_its_place() {
    for (name, decision, status, code, challenge, wait) in decisions() {
        let before = builder(Access::Open).with_registration_gate(Always(decision.clone()));
        let inside = builder(Access::custom(Always(decision)));
        for (place, builder) in [("before", before), ("in its place", inside)] {
            let name = format!("{name} {place}");
            let registry = builder.build(MemoryStore::new()).unwrap();
            let reply = post(&registry, &minimal_and(json!({}))).await;
            assert_eq!(reply.refusal(), (status, code), "{name}");
            assert_eq!(reply.header("retry-after"), wait, "{name}");
            let sent =
                reply.header("www-authenticate").map(|sent| sent.starts_with(challenge.unwrap_or("no challenge")));
            assert_eq!(sent, challenge.map(|_| true), "{name}: {:?}", reply.headers);
            assert!(!reply.document.to_string().contains("internal"), "{name}: the cause is for the operator");
            assert_eq!(registry.count().await.unwrap(), 0, "{name}");
        }
    }
}

#[tokio::test]
async fn what_a_gate_before_grants_is_ignored() {
    let generous = || Always(Decision::Allow(Registrant::new().with_owner("somebody")));
    let open = builder(Access::Open).with_registration_gate(generous()).build(MemoryStore::new()).unwrap();
    let reply = post(&open, &minimal_and(json!({}))).await;
    let client = open.client(reply.document["client_id"].as_str().unwrap()).await.unwrap().unwrap();
    assert_eq!(client.owner(), None);

    let tokens = builder(Access::Tokens).with_registration_gate(generous()).build(MemoryStore::new()).unwrap();
    assert_eq!(post(&tokens, &minimal_and(json!({}))).await.status, 401);
}

#[tokio::test]
async fn all_gates_before_are_passed_and_the_first_refusal_is_the_answer() {
    let allow = || Always(Decision::Allow(Registrant::new()));
    let builder = builder(Access::Open).with_registration_gate(allow());
    let builder = builder
        .with_registration_gate(Always(Decision::Forbidden))
        .with_registration_gate(Always(Decision::InvalidToken));
    let registry = builder.build(MemoryStore::new()).unwrap();
    assert_eq!(post(&registry, &minimal_and(json!({}))).await.status, 403);
}

/// An attempt from this address, with this token.
async fn attempt(registry: &Registry, peer: &str, token: &str) -> Reply {
    let (mut parts, body) = posting("application/json", minimal_and(json!({})).to_string()).into_parts();
    parts.extensions.insert(PeerAddress::from(peer.parse::<IpAddr>().unwrap()));
    parts.headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    parts.headers.insert("x-forwarded-for", "203.0.113.77".parse().unwrap());
    send(registry, Request::from_parts(parts, body)).await
}

#[tokio::test]
async fn a_limit_stands_before_open_registration_and_before_tokens() {
    for access in [Access::Open, Access::Tokens] {
        let clock = FakeClock::new();
        let limit = RateLimit::builder(2, MINUTE).with_global(4, MINUTE).with_clock(clock.clone()).build().unwrap();
        let registry = builder(access.clone()).with_registration_gate(limit).build(MemoryStore::new()).unwrap();
        let (token, _) = registry.issue_initial_access_token(TokenOptions::new()).await.unwrap();
        let rows = [
            ("first", 0, "192.0.2.1", 201, None),
            ("second", 0, "192.0.2.1", 201, None),
            ("one too many", 0, "192.0.2.1", 429, Some("30")),
            ("somebody else", 0, "2001:db8::1", 201, None),
            ("the same network", 0, "2001:db8::2", 201, None),
            ("the same network once more", 0, "2001:db8::3", 429, Some("30")),
            ("everybody together", 0, "192.0.2.3", 429, Some("15")),
            ("a little later", 15, "192.0.2.3", 201, None),
            ("a little later, all are spent again", 0, "192.0.2.4", 429, Some("15")),
            ("later", 60, "192.0.2.1", 201, None),
        ];
        let mut stored = 0;
        for (name, wait, peer, status, retry_after) in rows {
            clock.advance(Duration::from_secs(wait));
            let reply = attempt(&registry, peer, token.expose()).await;
            assert_eq!(reply.status, status, "{name} with {access:?}");
            assert_eq!(reply.header("retry-after"), retry_after, "{name} with {access:?}");
            stored += u64::from(status == 201);
            assert_eq!(registry.count().await.unwrap(), stored, "{name} with {access:?}");
        }
    }
}

#[tokio::test]
async fn attempts_with_a_wrong_token_are_counted_too() {
    let limit = RateLimit::builder(3, MINUTE).with_clock(FakeClock::new()).build().unwrap();
    let registry = builder(Access::Tokens).with_registration_gate(limit).build(MemoryStore::new()).unwrap();
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(attempt(&registry, "192.0.2.1", "guessed").await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 429]);
}

#[tokio::test]
async fn a_peer_above_the_rate_is_refused_before_the_body_is_read() {
    let limit = RateLimit::builder(1, MINUTE).build().unwrap();
    let registry = builder(Access::Open).with_registration_gate(limit).build(MemoryStore::new()).unwrap();
    assert_eq!(post(&registry, &minimal_and(json!({}))).await.status, 201);
    let request = Request::post("/oidc/register").header("content-type", "text/html").body(Full::from("<html>"));
    assert_eq!(send(&registry, request.unwrap()).await.status, 429);
}

/// A request from this address, or from an unknown address.
fn coming_from(mut request: Request<Full<bytes::Bytes>>, peer: &str) -> Request<Full<bytes::Bytes>> {
    if let Ok(address) = peer.parse::<IpAddr>() {
        request.extensions_mut().insert(PeerAddress::from(address));
    }
    request
}

fn registering() -> Request<Full<bytes::Bytes>> {
    posting("application/json", minimal_and(json!({})).to_string())
}

#[tokio::test]
async fn the_operator_sees_which_limit_was_reached_and_the_client_does_not() {
    let rows = [
        ("192.0.2.1", "the rate limit of the peer 192.0.2.1/32 is reached"),
        ("2001:db8::1", "the rate limit of the peer 2001:db8::/64 is reached"),
        ("nobody", "the rate limit of the peer is reached"),
        ("198.51.100.1", "the rate limit of all requests together is reached"),
    ];
    let limit = RateLimit::builder(1, MINUTE).with_global(3, MINUTE).with_clock(FakeClock::new()).build().unwrap();
    let causes = Causes::default();
    let builder = builder(Access::Open).with_registration_gate(limit).with_audit(causes.clone());
    let registry = builder.build(MemoryStore::new()).unwrap();
    for (peer, cause) in rows {
        let first = send(&registry, coming_from(registering(), peer)).await;
        let reply = if first.status == 201 { send(&registry, coming_from(registering(), peer)).await } else { first };
        assert_eq!(reply.refusal(), (429, Some("temporarily_unavailable")), "{peer}");
        assert!(!reply.document.to_string().contains("limit"), "{peer}: {}", reply.document);
        assert_eq!(causes.take(), [cause], "{peer}");
    }
}

#[tokio::test]
async fn a_limit_on_management_sees_every_method_and_networks_too() {
    let limit = RateLimit::builder(2, MINUTE).with_max_per_ipv6_48(3).with_clock(FakeClock::new()).build().unwrap();
    let causes = Causes::default();
    let builder = builder(Access::Open).with_management_gate(limit).with_audit(causes.clone());
    let registry = builder.build(MemoryStore::new()).unwrap();
    let registered = post(&registry, &minimal_and(json!({}))).await;
    let mut statuses = Vec::new();
    for (method, peer) in [
        (http::Method::GET, "2001:db8:1::1"),
        (http::Method::HEAD, "2001:db8:1::2"),
        (http::Method::GET, "2001:db8:1::3"),
        (http::Method::GET, "2001:db8:1:1::1"),
        (http::Method::PUT, "2001:db8:1:2::1"),
        (http::Method::DELETE, "2001:db8:1:3::1"),
        (http::Method::DELETE, "2001:db8:2::1"),
    ] {
        let request = coming_from(managing(method.clone(), &registered, ""), peer);
        statuses.push(match method {
            http::Method::HEAD => send_head(&registry, request).await,
            _ => send(&registry, request).await.status,
        });
    }
    assert_eq!(statuses, [200, 200, 429, 200, 429, 429, 204]);
    let network = "the rate limit of the network 2001:db8:1::/48 is reached";
    assert_eq!(causes.take(), ["the rate limit of the peer 2001:db8:1::/64 is reached", network, network]);
}

async fn send_head(registry: &Registry, request: Request<Full<bytes::Bytes>>) -> u16 {
    use tower::ServiceExt as _;
    registry.clone().into_service().oneshot(request).await.unwrap().status().as_u16()
}
