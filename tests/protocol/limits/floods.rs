//! Floods of registrations at the ceiling: within its grace, an unused client is evicted by its own registrant alone.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use tower::ServiceExt as _;
use tower_dcr::Registry;
use tower_dcr::access::{Access, TokenOptions};
use tower_dcr::config::RegistryBuilder;
use tower_dcr::gate::PeerAddress;
use tower_dcr::retention::Retention;
use tower_dcr::store::{ClientQuery, MemoryStore, RegistrantKey};

use crate::fakes::FakeClock;
use crate::server::minimal;

const MINUTE: Duration = Duration::from_secs(60);
const HONEST: &str = "192.0.2.1";
const FLOOD: &str = "198.51.100.1";

fn builder(access: Access, clock: &FakeClock, retention: Retention) -> RegistryBuilder {
    let builder = Registry::builder("https://id.example.com", access).with_clock(clock.clone());
    builder.with_retention(retention)
}

/// The outcome of a registration.
#[derive(Debug)]
struct Reply {
    status: u16,
    error: Option<String>,
    retry_after: Option<u64>,
    client_id: Option<String>,
}

impl Reply {
    async fn is_registered(&self, registry: &Registry) -> bool {
        registry.client(self.client_id.as_deref().unwrap()).await.unwrap().is_some()
    }
}

/// A registration from this address, if it is one, with this initial access token.
async fn register(registry: &Registry, peer: &str, token: &str) -> Reply {
    let request = Request::post("/oidc/register").header("content-type", "application/json");
    let request = request.header("authorization", format!("Bearer {token}"));
    let mut request = request.body(Full::<Bytes>::from(minimal().to_string())).unwrap();
    if let Ok(address) = peer.parse::<IpAddr>() {
        request.extensions_mut().insert(PeerAddress::from(address));
    }
    let (parts, body) = registry.clone().into_service().oneshot(request).await.unwrap().into_parts();
    let body: Value = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap();
    let text = |member: &str| body[member].as_str().map(str::to_owned);
    let retry_after = parts.headers.get("retry-after").and_then(|wait| wait.to_str().unwrap().parse().ok());
    Reply { status: parts.status.as_u16(), error: text("error"), retry_after, client_id: text("client_id") }
}

fn assert_full(name: &str, reply: &Reply) {
    assert_eq!((reply.status, reply.error.as_deref()), (503, Some("temporarily_unavailable")), "{name}");
    assert!(reply.retry_after.is_some_and(|wait| wait > 0), "{name}");
}

#[tokio::test]
async fn by_default_a_flood_evicts_itself() {
    let clock = FakeClock::new();
    let registry = builder(Access::Open, &clock, Retention::new().with_max_clients(200));
    let registry = registry.build(MemoryStore::new()).unwrap();
    let mut honest = Vec::new();
    for number in 0..100 {
        honest.push(register(&registry, &format!("192.0.2.{number}"), "-").await);
    }
    for number in 0..1000 {
        let reply = register(&registry, &format!("198.51.100.{}", number % 256), "-").await;
        assert_eq!(reply.status, 201, "{number}: it evicts its own clients");
    }
    for (number, client) in honest.iter().enumerate() {
        assert!(client.is_registered(&registry).await, "{number}: an honest client that was not used yet");
    }
    assert_eq!(registry.count().await.unwrap(), 200);
    clock.advance(15 * MINUTE);
    clock.advance(Duration::from_secs(1));
    assert_eq!(register(&registry, "203.0.113.1", "-").await.status, 201, "after the grace");
    let mut left = 0;
    for client in &honest {
        left += usize::from(client.is_registered(&registry).await);
    }
    assert_eq!(left, 99, "the oldest clients are evicted first");
}

#[tokio::test]
async fn a_network_evicts_clients_of_its_own() {
    let rows = [
        ("the same address", HONEST, HONEST, true),
        ("the same /24", "192.0.2.1", "192.0.2.254", true),
        ("another /24", "192.0.2.1", "192.0.3.1", false),
        ("IPv4 written as IPv6", "192.0.2.1", "::ffff:192.0.2.9", true),
        ("the same /48", "2001:db8:1:2::1", "2001:db8:1:ffff::1", true),
        ("another /48", "2001:db8:1::1", "2001:db8:2::1", false),
        ("an unknown peer", HONEST, "unknown", false),
        ("after an unknown peer", "unknown", HONEST, false),
        ("both unknown", "unknown", "unknown", false),
    ];
    for (name, first, second, evicts) in rows {
        let retention = Retention::new().with_max_clients(1);
        let registry = builder(Access::Open, &FakeClock::new(), retention).build(MemoryStore::new()).unwrap();
        let client = register(&registry, first, "-").await;
        let reply = register(&registry, second, "-").await;
        assert_eq!(reply.status == 201, evicts, "{name}");
        if !evicts {
            assert_full(name, &reply);
        }
        assert_eq!(client.is_registered(&registry).await, !evicts, "{name}");
    }
}

#[tokio::test]
async fn a_token_and_an_owner_evict_clients_of_their_own() {
    let retention = Retention::new().with_max_clients(1);
    let builder = builder(Access::Tokens, &FakeClock::new(), retention);
    let builder = builder.with_initial_access_token("StaticTokenNumberOne");
    let builder = builder.with_initial_access_token("StaticTokenNumberTwo");
    let registry = builder.build(MemoryStore::new()).unwrap();
    let issue = async |owner: Option<&str>| {
        let options = owner.into_iter().fold(TokenOptions::new(), TokenOptions::with_owner);
        registry.issue_initial_access_token(options).await.unwrap().0.expose().to_owned()
    };
    let (plain, other) = (issue(None).await, issue(None).await);
    let (alice, alice_again, bob) = (issue(Some("alice")).await, issue(Some("alice")).await, issue(Some("bob")).await);
    let one = "StaticTokenNumberOne".to_owned();
    let two = "StaticTokenNumberTwo".to_owned();
    let rows = [
        ("the same token", &plain, &plain, true),
        ("another token", &plain, &other, false),
        ("the same owner", &alice, &alice_again, true),
        ("another owner", &alice, &bob, false),
        ("an owner and none", &alice, &plain, false),
        ("one of several configured tokens", &one, &two, false),
    ];
    for (name, first, second, evicts) in rows {
        for client in registry.clients(&ClientQuery::new()).await.unwrap() {
            registry.remove(client.id()).await.unwrap();
        }
        assert_eq!(register(&registry, HONEST, first).await.status, 201, "{name}");
        let reply = register(&registry, FLOOD, second).await;
        assert_eq!(reply.status, if evicts { 201 } else { 503 }, "{name}");
    }
}

#[tokio::test]
async fn the_grace_is_what_the_operator_says() {
    let rows = [
        ("none", Duration::ZERO, 0, true),
        ("a minute, at once", MINUTE, 0, false),
        ("a minute, later", MINUTE, 61, true),
        ("for ever", Duration::MAX, 1 << 30, false),
    ];
    for (name, grace, wait, evicts) in rows {
        let clock = FakeClock::new();
        let retention = Retention::new().with_max_clients(1).with_grace(grace);
        let registry = builder(Access::Open, &clock, retention).build(MemoryStore::new()).unwrap();
        assert_eq!(register(&registry, HONEST, "-").await.status, 201, "{name}");
        clock.advance(Duration::from_secs(wait));
        assert_eq!(register(&registry, FLOOD, "-").await.status, if evicts { 201 } else { 503 }, "{name}");
    }
}

/// The stored hash of a network, as two nodes with these keys compute it.
async fn networks(keys: [Option<[u8; 32]>; 2]) -> [Option<RegistrantKey>; 2] {
    let mut kept = Vec::new();
    for key in keys {
        let retention = Retention::new().with_max_clients(9);
        let retention = key.into_iter().fold(retention, Retention::with_network_key);
        let registry = builder(Access::Open, &FakeClock::new(), retention).build(MemoryStore::new()).unwrap();
        register(&registry, HONEST, "-").await;
        kept.push(registry.clients(&ClientQuery::new()).await.unwrap()[0].registrant_keys().next());
    }
    [kept[0].clone(), kept[1].clone()]
}

#[tokio::test]
async fn nodes_know_a_network_of_each_other_by_a_shared_key() {
    let [one, other] = networks([Some([7; 32]), Some([7; 32])]).await;
    assert!(one.is_some() && one == other, "one key: {one:?} {other:?}");
    let [one, other] = networks([Some([7; 32]), Some([8; 32])]).await;
    assert_ne!(one, other, "another key");
    let [one, other] = networks([None, None]).await;
    assert_ne!(one, other, "a random key for each process");
}

#[tokio::test]
async fn without_a_ceiling_nothing_is_kept_of_the_network() {
    let registry = builder(Access::Open, &FakeClock::new(), Retention::new()).build(MemoryStore::new()).unwrap();
    register(&registry, HONEST, "-").await;
    assert_eq!(registry.clients(&ClientQuery::new()).await.unwrap()[0].registrant_keys().count(), 0);
}
