//! Secrets as keys: `client_secret_jwt`, and what an application signs under the secret of a client.

use std::time::Duration;

use http::HeaderMap;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tower_dcr::authentication::AuthenticationCause as Cause;
use tower_dcr::credential::SecretStorage;
use tower_dcr::metadata::{ClientMetadata, SigningAlgorithm, TokenEndpointAuthMethod};
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, ConfigErrorKind, Registry, RegistryBuilder};

use crate::common::clock::FakeClock;
use crate::trust::assertions::{TYPE, claims};
use crate::trust::signer::{Signer, mac};

const BASE: &str = "https://id.example.com";
const LIFETIME: Duration = Duration::from_secs(3600);

fn builder() -> RegistryBuilder {
    use TokenEndpointAuthMethod::{ClientSecretBasic, ClientSecretJwt, PrivateKeyJwt};
    Registry::builder(BASE, Access::Open).with_auth_methods([ClientSecretBasic, ClientSecretJwt, PrivateKeyJwt])
}

/// The identifier and the secret of a new client.
async fn register(registry: &Registry, members: Value) -> (String, String) {
    let mut document = json!({ "redirect_uris": ["https://a.example/cb"] });
    document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let metadata = ClientMetadata::from_json(document.to_string().as_bytes()).unwrap();
    let registered = registry.register(metadata).await.unwrap();
    let secret = registered.client_secret().map(|secret| secret.expose().to_owned());
    (registered.client().id().to_string(), secret.unwrap_or_default())
}

/// Why an assertion is refused; none if the client is authenticated.
async fn refusal(registry: &Registry, assertion: &str) -> Option<Cause> {
    let form = [("client_assertion_type", TYPE), ("client_assertion", assertion)];
    registry.authenticate_request(&HeaderMap::new(), form).await.err().map(|error| error.cause())
}

fn sealed() -> SecretStorage {
    use tower_dcr::credential::SealingKeys;
    SecretStorage::sealed(SealingKeys::parse("a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap())
}

#[tokio::test]
async fn an_assertion_under_the_secret_authenticates_its_client() {
    let method = json!({ "token_endpoint_auth_method": "client_secret_jwt" });
    for (name, secrets) in [("in memory", SecretStorage::InMemory), ("sealed", sealed())] {
        let clock = FakeClock::new();
        let builder = builder().with_secrets(secrets).with_clock(clock.clone()).with_client_secret_lifetime(LIFETIME);
        let registry = builder.build(MemoryStore::new()).unwrap();
        let (client, secret) = register(&registry, method.clone()).await;
        let (other, other_secret) = register(&registry, method.clone()).await;
        let fresh = |jti: &str| claims(&registry, &client, json!({ "jti": jti }));
        let hs256 = mac(Algorithm::HS256, &secret, &fresh("1"));
        let rows = [
            ("HS256", hs256.clone(), None),
            ("HS256 again", hs256, Some(Cause::ReplayedAssertion)),
            ("HS384", mac(Algorithm::HS384, &secret, &fresh("2")), None),
            ("HS512", mac(Algorithm::HS512, &secret, &fresh("3")), None),
            (
                "the secret of another client",
                mac(Algorithm::HS256, &other_secret, &fresh("4")),
                Some(Cause::BadSignature),
            ),
            ("a key of its own", Signer::es256("a").sign(&fresh("5")), Some(Cause::WrongMethod)),
            (
                "for another server",
                {
                    let claims = claims(&registry, &client, json!({ "jti": "6", "aud": "https://other.example" }));
                    mac(Algorithm::HS256, &secret, &claims)
                },
                Some(Cause::WrongAudience),
            ),
            (
                "about another client",
                {
                    let claims = claims(&registry, &client, json!({ "jti": "7", "iss": other }));
                    mac(Algorithm::HS256, &secret, &claims)
                },
                Some(Cause::WrongSubject),
            ),
            (
                "of an unknown client",
                { mac(Algorithm::HS256, &secret, &claims(&registry, "nobody", json!({ "jti": "8" }))) },
                Some(Cause::UnknownClient),
            ),
        ];
        for (row, assertion, expected) in rows {
            assert_eq!(refusal(&registry, &assertion).await, expected, "{name}: {row}");
        }
        clock.advance(LIFETIME);
        let late = mac(Algorithm::HS256, &secret, &fresh("9"));
        assert_eq!(refusal(&registry, &late).await, Some(Cause::ExpiredSecret), "{name}: expired");
    }
}

#[tokio::test]
async fn the_registered_algorithm_and_method_bind_an_assertion_under_the_secret() {
    let registry = builder().build(MemoryStore::new()).unwrap();
    let hs512 =
        json!({ "token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_signing_alg": "HS512" });
    let (client, secret) = register(&registry, hs512).await;
    let (basic, basic_secret) =
        register(&registry, json!({ "token_endpoint_auth_method": "client_secret_basic" })).await;
    let of = |client: &str, jti: &str| claims(&registry, client, json!({ "jti": jti }));
    let rows = [
        ("registered", mac(Algorithm::HS512, &secret, &of(&client, "1")), None),
        ("another", mac(Algorithm::HS256, &secret, &of(&client, "2")), Some(Cause::WrongAlgorithm)),
        ("a client of Basic", mac(Algorithm::HS256, &basic_secret, &of(&basic, "3")), Some(Cause::WrongMethod)),
    ];
    for (name, assertion, expected) in rows {
        assert_eq!(refusal(&registry, &assertion).await, expected, "{name}");
    }
}

#[test]
fn what_needs_the_text_of_a_secret_or_a_key_is_not_offered_without_it() {
    use SigningAlgorithm::{Hs256, Rs256};
    use TokenEndpointAuthMethod::{ClientSecretBasic, PrivateKeyJwt};
    let open = || Registry::builder(BASE, Access::Open);
    let rows = [
        ("client_secret_jwt, hashed", builder().with_secrets(SecretStorage::hashed()), Some("client_secret_jwt")),
        (
            "HS256, hashed",
            open().with_signing_algorithms([Rs256, Hs256]).with_secrets(SecretStorage::hashed()),
            Some("HS256"),
        ),
        (
            "private_key_jwt without an algorithm for it",
            open().with_auth_methods([PrivateKeyJwt]).with_signing_algorithms([Hs256, "ES256K".into()]),
            Some("private_key_jwt"),
        ),
        ("private_key_jwt is not in the default then", open().with_signing_algorithms([Hs256]), None),
        (
            "legacy audiences without assertions",
            open().with_auth_methods([ClientSecretBasic]).with_legacy_audiences(["https://id.example.com/token"]),
            Some("https://id.example.com/token"),
        ),
        ("an empty legacy audience", open().with_legacy_audiences([""]), Some("with_legacy_audiences")),
        ("an issuer that is no URL", open().with_issuer("issuer"), Some("issuer")),
    ];
    for (name, builder, named) in rows {
        let error = builder.build(MemoryStore::new()).err().map(|error| error.to_string());
        match named {
            Some(named) => assert!(error.as_deref().is_some_and(|text| text.contains(named)), "{name}: {error:?}"),
            None => assert_eq!(error, None, "{name}"),
        }
    }
    let error = builder().with_secrets(SecretStorage::hashed()).build(MemoryStore::new()).unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::SymmetricAlgorithms);
    assert!(error.to_string().contains("SecretStorage::sealed"), "it says what to do: {error}");
}

#[tokio::test]
async fn the_application_reads_the_secret_to_sign_under_it_until_it_expires() {
    let clock = FakeClock::new();
    let builder = builder().with_signing_algorithms([SigningAlgorithm::Rs256, SigningAlgorithm::Hs256]);
    let builder = builder.with_clock(clock.clone()).with_client_secret_lifetime(LIFETIME).with_secrets(sealed());
    let registry = builder.build(MemoryStore::new()).unwrap();
    let (id, secret) = register(&registry, json!({ "id_token_signed_response_alg": "HS256" })).await;
    let client = async || registry.client(&id).await.unwrap().unwrap();
    let exposed = async || {
        let exposed = registry.dangerously_expose_client_secret(&*client().await).unwrap();
        exposed.map(|secret| secret.expose().to_owned())
    };
    assert_eq!(exposed().await, Some(secret));
    let client_id = client().await.id().clone();
    registry.disable(&client_id).await.unwrap();
    assert_eq!(exposed().await, None, "disabled");
    registry.enable(&client_id).await.unwrap();
    clock.advance(LIFETIME);
    assert_eq!(exposed().await, None, "expired");

    let hashed = Registry::builder(BASE, Access::Open).with_secrets(SecretStorage::hashed());
    let hashed = hashed.build(MemoryStore::new()).unwrap();
    let (id, _) = register(&hashed, json!({})).await;
    let client = hashed.client(&id).await.unwrap().unwrap();
    assert!(hashed.dangerously_expose_client_secret(&client).unwrap().is_none(), "only a digest is kept");
}
