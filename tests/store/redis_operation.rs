//! Redis in operation: a cluster, a server that stops, one that does not answer, one that loses its scripts.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use redis::{AsyncCommands as _, Client, aio::MultiplexedConnection, cmd};
use tokio::net::TcpListener;
use tower::ServiceExt as _;
use tower_dcr::credential::SecretStorage;
use tower_dcr::metadata::ClientMetadata;
use tower_dcr::store::{ClientQuery, ClientStore, IdleCutoffs, RedisStore, contract};
use tower_dcr::{Access, Registry, StoreErrorKind};

use crate::redis_server::{RedisServer, free_port};

const DOCUMENT: &str = r#"{ "redirect_uris": ["https://app.example.com/cb"] }"#;

fn registry(store: impl ClientStore) -> Registry {
    let builder = Registry::builder("https://id.example.com", Access::Open).with_secrets(SecretStorage::hashed());
    builder.build(store).unwrap()
}

fn metadata() -> ClientMetadata {
    ClientMetadata::from_json(DOCUMENT.as_bytes()).unwrap()
}

async fn connection(server: &RedisServer) -> MultiplexedConnection {
    Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
}

/// Three servers that share all slots.
struct Cluster(Vec<RedisServer>);

impl Cluster {
    async fn start() -> Self {
        let start = |_| {
            let bus = free_port().to_string();
            let options = ["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port", &bus];
            (RedisServer::start(&options), bus)
        };
        let nodes: Vec<_> = (0..3).map(start).collect();
        let ranges = [(0, 5460), (5461, 10_922), (10_923, 16_383)];
        for ((node, _), (from, to)) in nodes.iter().zip(ranges) {
            let mut connection = connection(node).await;
            let _: () =
                cmd("CLUSTER").arg("ADDSLOTSRANGE").arg(from).arg(to).query_async(&mut connection).await.unwrap();
            for (other, bus) in &nodes {
                let mut meet = cmd("CLUSTER");
                meet.arg("MEET").arg("127.0.0.1").arg(other.port()).arg(bus);
                let _: () = meet.query_async(&mut connection).await.unwrap();
            }
        }
        let cluster = Self(nodes.into_iter().map(|(node, _)| node).collect());
        cluster.settled().await;
        cluster
    }

    /// Waits until every node knows the owner of each slot.
    async fn settled(&self) {
        for node in &self.0 {
            let mut connection = connection(node).await;
            let settled = async {
                loop {
                    let info: String = cmd("CLUSTER").arg("INFO").query_async(&mut connection).await.unwrap();
                    if info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3") {
                        return;
                    }
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(Duration::from_secs(60), settled).await.expect("the cluster settles");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cluster_of_three_nodes_keeps_the_contract() {
    let cluster = Cluster::start().await;
    let urls: Vec<_> = cluster.0.iter().map(RedisServer::url).collect();
    let store = RedisStore::connect_cluster(&[&*urls[0]]).await.unwrap();
    let mut number = 0;
    contract::verify(|| {
        number += 1;
        std::future::ready(store.clone().with_prefix(&format!("check-{number}")))
    })
    .await;

    for tenant in 0..32 {
        registry(store.for_tenant(&tenant.to_string())).register(metadata()).await.unwrap();
    }
    for node in &cluster.0 {
        let keys: u64 = cmd("DBSIZE").query_async(&mut connection(node).await).await.unwrap();
        assert!(keys > 0, "tenants are spread over all nodes");
    }
}

/// Sends a request to the endpoint: a registration, or a read with a token.
async fn send(registry: &Registry, read: Option<(&str, &str)>) -> http::Response<Bytes> {
    let request = match read {
        Some((id, token)) => {
            Request::get(format!("/oidc/register/{id}")).header(AUTHORIZATION, format!("Bearer {token}"))
        }
        None => Request::post("/oidc/register").header(CONTENT_TYPE, "application/json"),
    };
    let body = if read.is_some() { "" } else { DOCUMENT };
    let response = registry.clone().into_service().oneshot(request.body(Full::<Bytes>::from(body)).unwrap()).await;
    let (head, body) = response.unwrap().into_parts();
    http::Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_is_away_the_answer_is_503_and_afterwards_all_is_as_before() {
    let mut server = RedisServer::durable();
    let registry = registry(RedisStore::connect(&server.url()).await.unwrap());
    let registered = registry.register(metadata()).await.unwrap();
    let (id, token) = (registered.client().id().as_str(), registered.registration_access_token().unwrap().expose());
    for _ in 0..3 {
        server.kill();
        for read in [None, Some((id, token)), Some((id, "wrong")), None] {
            let response = send(&registry, read).await;
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{read:?}: {:?}", response.body());
            assert!(response.headers().contains_key(RETRY_AFTER), "{read:?}");
        }
        server.restart();
        // The first one may still find the connection that broke.
        let _ = send(&registry, Some((id, token))).await;
        assert_eq!(send(&registry, Some((id, token))).await.status(), StatusCode::OK);
        assert_eq!(send(&registry, None).await.status(), StatusCode::CREATED);
    }
    assert_eq!(registry.count().await.unwrap(), 4, "only clients with a 201 reply");
}

#[tokio::test]
async fn a_server_that_is_not_there_or_says_nothing_or_nonsense_is_an_error() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_url = format!("redis://{}", silent.local_addr().unwrap());
    let nonsense = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nonsense_url = format!("redis://{}", nonsense.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = nonsense.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let nobody = format!("redis://127.0.0.1:{}", free_port());
    for url in [&*silent_url, &*nonsense_url, &*nobody, "redis://", "nonsense", ""] {
        let connected = tokio::time::timeout(Duration::from_secs(30), RedisStore::connect(url)).await.expect("in time");
        let error = connected.expect_err(url);
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{url}");
        let clustered = tokio::time::timeout(Duration::from_secs(30), RedisStore::connect_cluster(&[url])).await;
        assert_eq!(clustered.expect("in time").expect_err(url).kind(), StoreErrorKind::Unavailable, "{url}");
    }
}

#[tokio::test]
async fn scripts_that_redis_forgot_are_loaded_again() {
    let server = RedisServer::start(&[]);
    let registry = registry(RedisStore::connect(&server.url()).await.unwrap());
    let mut connection = connection(&server).await;
    for count in 1..=3 {
        let _: () = cmd("SCRIPT").arg("FLUSH").query_async(&mut connection).await.unwrap();
        registry.register(metadata()).await.unwrap();
        assert_eq!(registry.count().await.unwrap(), count);
    }
}

#[tokio::test]
async fn a_removed_client_leaves_no_key_behind() {
    let server = RedisServer::start(&[]);
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let registry = registry(store.clone());
    let mut ids = Vec::new();
    for number in 0..6 {
        let registered = registry.register(metadata()).await.unwrap();
        let (id, token) = (registered.client().id(), registered.registration_access_token().unwrap().expose());
        for _ in 0..number {
            registry.update(id, token, metadata()).await.unwrap();
            registry.touch(id).await.unwrap();
        }
        if number % 2 == 0 {
            registry.disable(id).await.unwrap();
            registry.touch(id).await.unwrap();
            registry.enable(id).await.unwrap();
        }
        let listed = registry.clients(&ClientQuery::new()).await.unwrap();
        assert_eq!(listed.len(), number + 1, "whatever became of a client, it is there once");
        assert_eq!(registry.count().await.unwrap(), listed.len() as u64);
        ids.push((id.clone(), token.to_owned()));
    }
    for (id, token) in &ids[..3] {
        registry.delete(id, token).await.unwrap();
    }
    let later = SystemTime::now() + Duration::from_secs(60);
    let cutoffs = IdleCutoffs::none(later).with_idle_since(later).with_unused_since(later);
    assert_eq!(store.expire(&cutoffs, usize::MAX).await.unwrap().len(), 3);
    assert_eq!(store.count(&ClientQuery::new()).await.unwrap(), 0);
    let (_, record) = registry.issue_initial_access_token(tower_dcr::access::TokenOptions::new()).await.unwrap();
    assert!(registry.revoke_initial_access_token(record.id()).await.unwrap());
    let mut connection = connection(&server).await;
    let left: Vec<String> = connection.keys("*").await.unwrap();
    for key in left {
        // The first use of a client is cached for a while.
        let lifetime: i64 = connection.pttl(&key).await.unwrap();
        assert!(key.contains(":remembered:") && lifetime > 0, "{key} stays for {lifetime} ms");
    }
}

#[tokio::test]
async fn what_is_remembered_ends_by_itself_and_not_too_early() {
    let server = RedisServer::start(&[]);
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let mut connection = connection(&server).await;
    let now = SystemTime::now();
    let far = now + Duration::from_secs(3600 * 24 * 365 * 100_000);
    for (until, millis) in [(now, 0), (now + Duration::from_secs(90), 90_000), (far, 3_600_000)] {
        assert!(store.claim_nonce("jti", until, now).await.unwrap(), "{millis}");
        let keys: Vec<String> = connection.keys("*").await.unwrap();
        let [key] = &keys[..] else { panic!("one key, not {keys:?}") };
        let left: i64 = connection.pttl(key).await.unwrap();
        assert!(left > millis, "{left} of {millis}");
        let _: () = connection.del(key).await.unwrap();
    }
}
