//! Updates and reads that race for one client, over every kind of store: every token of a reply is valid until a later
//! one is used.

use std::collections::BTreeMap;

use serde_json::Value;
use tower_dcr::credential::{Digest, SecretStorage};
use tower_dcr::metadata::ClientMetadata;
use tower_dcr::store::record::encode_client;
use tower_dcr::{Access, Client, RegistrationErrorKind, Registry};

use crate::store_under_test::{Memory, StoreUnderTest};

const CALLERS: usize = 16;
const ROUNDS: usize = 12;

fn metadata(name: &str) -> ClientMetadata {
    let mut metadata = ClientMetadata::new();
    metadata.redirect_uris = vec!["https://app.example.com/cb".to_owned()];
    metadata.client_name = name.into();
    metadata
}

/// The digests of the valid registration access tokens, in the order in which they were issued.
fn valid_tokens(client: &Client) -> Vec<String> {
    let record: Value = serde_json::from_slice(&encode_client(client)).unwrap();
    let tokens = &record["client"]["token"];
    let between = tokens["between"].as_array().into_iter().flatten();
    let all = tokens.get("previous").into_iter().chain(between).chain([&tokens["current"]]);
    all.map(|digest| digest.as_str().unwrap().to_owned()).collect()
}

fn kept(token: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Digest::of(token).as_bytes())
}

/// Sends updates and every fourth caller a read, all with one token; gives the tokens of the updates that succeeded.
async fn race(registry: &Registry, id: &str, token: &str) -> Vec<String> {
    let id = tower_dcr::credential::ClientId::parse(id).unwrap();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let (registry, id, token) = (registry.clone(), id.clone(), token.to_owned());
        callers.spawn(async move {
            if caller % 4 == 3 {
                assert!(registry.read(&id, &token).await.is_ok(), "no later token was used");
                return None;
            }
            match registry.update(&id, &token, metadata(&caller.to_string())).await {
                Ok(updated) => Some(updated.registration_access_token().unwrap().expose().to_owned()),
                Err(error) => {
                    assert_eq!(error.kind(), RegistrationErrorKind::Conflict, "{error}");
                    None
                }
            }
        });
    }
    callers.join_all().await.into_iter().flatten().collect()
}

async fn tokens_of_replies_are_valid<B: StoreUnderTest>(rotation: bool) {
    let store_under_test = B::make().await;
    let builder = Registry::builder("https://id.example.com", Access::Open);
    let registry = builder
        .with_registration_token_rotation(rotation)
        .with_secrets(SecretStorage::hashed())
        .build(store_under_test.store())
        .unwrap();
    for round in 0..ROUNDS {
        let registered = registry.register(metadata("first")).await.unwrap();
        let id = registered.client().id().clone();
        let mut token = registered.registration_access_token().unwrap().expose().to_owned();
        for again in 0..3 {
            let issued = race(&registry, id.as_str(), &token).await;
            assert!(!issued.is_empty(), "round {round}.{again}: an update succeeds");
            let valid = valid_tokens(&registry.client(id.as_str()).await.unwrap().unwrap());
            let known: BTreeMap<_, _> = issued.iter().map(|token| (kept(token), token)).collect();
            for digest in known.keys() {
                assert!(valid.contains(digest), "round {round}.{again}: a token of a reply is not valid");
            }
            for (digest, issued) in valid.iter().filter_map(|digest| known.get_key_value(digest)) {
                assert!(registry.read(&id, issued).await.is_ok(), "round {round}.{again}: no later token was used");
                let now = valid_tokens(&registry.client(id.as_str()).await.unwrap().unwrap());
                assert_eq!(now.first(), Some(digest), "round {round}.{again}: earlier tokens are no longer valid");
                token = (*issued).clone();
            }
        }
    }
    drop(registry);
    store_under_test.clear().await;
}

macro_rules! over_every_store {
    ($($name:ident over $store:ty;)+) => {
        $(mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn every_token_of_a_reply_is_valid_until_a_later_one_is_used() {
                tokens_of_replies_are_valid::<$store>(true).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn without_rotation_the_one_token_stays_valid() {
                tokens_of_replies_are_valid::<$store>(false).await;
            }
        })+
    };
}

over_every_store! { memory over Memory; }
#[cfg(feature = "sqlite")]
over_every_store! { sqlite over crate::sql::Sqlite; }
#[cfg(feature = "postgres")]
over_every_store! { postgres over crate::sql::Postgres; }
#[cfg(feature = "redis")]
over_every_store! { redis over crate::store_under_test::Redis; }
