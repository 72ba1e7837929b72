//! How client secrets are stored decides whether a reply shows the secret again, never whether the secret is valid.

use http::Method;
use serde_json::{Value, json};
use tower_dcr::credential::{SealingKeys, SecretStorage};
use tower_dcr::store::record::{decode_client, encode_client};
use tower_dcr::store::{ClientStore as _, InsertConditions, MemoryStore};
use tower_dcr::{Access, Client};

use crate::server::{Registered, Server, minimal, send};

const OLD: &str = "old:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const NEW: &str = "new:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

fn sealed(keys: &str) -> SecretStorage {
    SecretStorage::sealed(SealingKeys::parse(keys).unwrap())
}

async fn server(store: &MemoryStore, secrets: SecretStorage) -> Server {
    Server::with_store(Access::Open, store.clone(), |builder| builder.with_secrets(secrets)).await
}

/// The record of a client as a database would hold it.
async fn record(store: &MemoryStore, client: &Registered) -> String {
    let id = tower_dcr::credential::ClientId::parse(client.id()).unwrap();
    String::from_utf8(encode_client(&store.get(&id).await.unwrap().unwrap())).unwrap()
}

/// A reply that departs from RFC 7592 §3, which `send` would not let pass.
async fn without_secret(request: crate::server::RequestBuilder) -> Value {
    let reply = request.send().await;
    assert_eq!(reply.status, 200);
    reply.json()
}

#[tokio::test]
async fn a_sealed_secret_is_shown_again_and_is_not_in_the_record() {
    let store = MemoryStore::new();
    let server = server(&store, sealed(NEW)).await;
    let client = server.register(&minimal()).await;
    let secret = client.member("client_secret");
    for reply in [server.get(&client).await, server.put(&client, &minimal()).await] {
        let again = Registered::of(&reply);
        assert_eq!(again.member("client_secret"), secret);
        assert_eq!(again.document["client_secret_expires_at"], 0);
    }
    let record = record(&store, &client).await;
    assert!(record.contains(r#""sealed":{"key":"new""#) && !record.contains(secret), "{record}");
}

#[tokio::test]
async fn an_update_takes_the_secret_to_the_newest_key() {
    let store = MemoryStore::new();
    let before = server(&store, sealed(OLD)).await;
    let client = before.register(&minimal()).await;
    let during = server(&store, sealed(&format!("{NEW}\n{OLD}"))).await;
    let path = client.uri().strip_prefix(&before.url("")).unwrap().to_owned();
    let request = |server: &Server, method| server.request(method, server.url(&path)).bearer_auth(client.token());
    assert_eq!(send(request(&during, Method::GET)).await.json()["client_secret"], client.document["client_secret"]);
    assert!(record(&store, &client).await.contains(r#""key":"old""#), "a read changes nothing");
    let put = request(&during, Method::PUT).header("content-type", "application/json").body(minimal().to_string());
    assert_eq!(send(put).await.json()["client_secret"], client.document["client_secret"]);
    assert!(record(&store, &client).await.contains(r#""key":"new""#), "an update seals under the newest key");
    let after = server(&store, sealed(NEW)).await;
    assert_eq!(send(request(&after, Method::GET)).await.json()["client_secret"], client.document["client_secret"]);
    let without = server(&store, sealed(OLD)).await;
    let reply = send(request(&without, Method::GET)).await;
    assert_eq!(reply.status, 503, "a secret that does not open is a fault of the server: {}", reply.text());
    assert_eq!(reply.error().as_deref(), Some("temporarily_unavailable"));
}

#[tokio::test]
async fn a_hashed_secret_is_shown_once_and_still_compared() {
    let store = MemoryStore::new();
    let server = server(&store, SecretStorage::hashed()).await;
    let client = server.register(&minimal()).await;
    let secret = client.member("client_secret");
    assert_eq!(client.document["client_secret_expires_at"], 0);
    let stating = |secret: &str| json!({ "redirect_uris": ["https://app.example.com/cb"], "client_secret": secret });
    for request in [
        server.request(Method::GET, client.uri()).bearer_auth(client.token()),
        server.putting(&client, &minimal()),
        server.putting(&client, &stating(secret)),
    ] {
        let reply = without_secret(request).await;
        for member in ["client_secret", "client_secret_expires_at"] {
            assert!(reply.get(member).is_none(), "{member} in {reply}");
        }
        assert_eq!(reply["token_endpoint_auth_method"], "client_secret_basic");
    }
    let refused = server.put(&client, &stating("another")).await;
    assert_eq!((refused.status, refused.error().as_deref()), (400, Some("invalid_client_metadata")));
    let found = server.registry.client(client.id()).await.unwrap().unwrap();
    assert!(
        found.verify_secret(secret, server.registry.now()) && !found.verify_secret("another", server.registry.now())
    );
    assert!(!record(&store, &client).await.contains("sealed"));
}

#[tokio::test]
async fn a_client_that_begins_to_need_a_secret_sees_it_also_when_it_is_hashed() {
    let server = server(&MemoryStore::new(), SecretStorage::hashed()).await;
    let mut document = minimal();
    document["token_endpoint_auth_method"] = "none".into();
    let public = server.register(&document).await;
    assert!(public.document.get("client_secret").is_none());
    let confidential = Registered::of(&server.put(&public, &minimal()).await);
    let secret = confidential.member("client_secret").to_owned();
    let found = server.registry.client(public.id()).await.unwrap().unwrap();
    assert!(found.verify_secret(&secret, server.registry.now()));
}

#[tokio::test]
async fn swapped_secrets_do_not_open() {
    let store = MemoryStore::new();
    let server = server(&store, sealed(NEW)).await;
    let (one, other) = (server.register(&minimal()).await, server.register(&minimal()).await);
    let (mut mine, theirs): (Value, Value) = (
        serde_json::from_str(&record(&store, &one).await).unwrap(),
        serde_json::from_str(&record(&store, &other).await).unwrap(),
    );
    mine["client"]["secret"] = theirs["client"]["secret"].clone();
    let swapped: Client = decode_client(mine.to_string().as_bytes()).unwrap();
    let elsewhere = MemoryStore::new();
    elsewhere.insert(&swapped, &InsertConditions::unconditional(swapped.issued_at())).await.unwrap();
    let another = self::server(&elsewhere, sealed(NEW)).await;
    let path = one.uri().strip_prefix(&server.url("")).unwrap().to_owned();
    let reply = send(another.request(Method::GET, another.url(&path)).bearer_auth(one.token())).await;
    assert_eq!(reply.status, 503, "{}", reply.text());
}
