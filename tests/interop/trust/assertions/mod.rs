//! `private_key_jwt`: a client that signs with its own key authenticates once per assertion.

mod audiences;
mod every_cause;
mod registered_keys;
mod shared_secrets;

use std::collections::HashMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use tower_dcr::authentication::{AuthenticationCause, ClientCredentials};
use tower_dcr::documents::FetchDocument;
use tower_dcr::metadata::ClientMetadata;
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, BoxError, Registry};

use crate::trust::signer::{Signer, hs256, tamper};

const BASE: &str = "https://id.example.com";
pub(crate) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What is published, by URL; nothing else can be fetched.
struct Published(HashMap<&'static str, String>);

impl FetchDocument for Published {
    async fn fetch(&self, url: &str) -> Result<Bytes, BoxError> {
        self.0.get(url).map(|document| document.clone().into()).ok_or_else(|| "nothing there".into())
    }
}

fn registry(published: Published) -> Registry {
    let builder = Registry::builder(BASE, Access::Open).with_document_fetcher(published);
    builder.build(MemoryStore::new()).unwrap()
}

async fn register(registry: &Registry, members: Value) -> String {
    let mut document =
        json!({ "redirect_uris": ["https://a.example/cb"], "token_endpoint_auth_method": "private_key_jwt" });
    document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let metadata = ClientMetadata::from_json(document.to_string().as_bytes()).unwrap();
    registry.register(metadata).await.unwrap().client().id().to_string()
}

async fn status(registry: &Registry, form: &[(&str, &str)]) -> u16 {
    let authenticated = registry.authenticate_request(&HeaderMap::new(), form.iter().copied()).await;
    authenticated.map_or_else(|error| error.status(), |_| 200)
}

fn now(registry: &Registry) -> u64 {
    registry.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) fn claims(registry: &Registry, client: &str, changes: Value) -> Value {
    let mut claims = json!({ "iss": client, "sub": client, "aud": BASE, "exp": now(registry) + 60, "jti": "once" });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    claims
}

#[tokio::test]
async fn an_assertion_is_the_clients_own_for_this_server_and_short() {
    let registry = registry(Published(HashMap::new()));
    let (signer, stranger) = (Signer::es256("a"), Signer::es256("a"));
    let jwks = json!({ "jwks": { "keys": [signer.jwk] } });
    let (client, other) = (register(&registry, jwks.clone()).await, register(&registry, jwks).await);
    let now = now(&registry);
    let rows = [
        ("good", json!({}), 200),
        ("the same jti again", json!({}), 401),
        ("no jti", json!({ "jti": null }), 401),
        ("no end", json!({ "exp": null, "jti": "4" }), 401),
        ("expired", json!({ "exp": now - 60, "jti": "5" }), 401),
        ("ends in a day", json!({ "exp": now + 86_400, "jti": "6" }), 401),
        ("not yet", json!({ "nbf": now + 600, "jti": "7" }), 401),
        ("no audience", json!({ "aud": null, "jti": "8" }), 401),
        ("for another server", json!({ "aud": "https://other.example", "jti": "9" }), 401),
        ("issued by another", json!({ "iss": other, "jti": "10" }), 401),
        ("without a subject", json!({ "sub": null, "jti": "11" }), 401),
        ("of an unknown client", json!({ "iss": "x", "sub": "x", "jti": "12" }), 401),
    ];
    for (name, changes, expected) in rows {
        let assertion = signer.sign(&claims(&registry, &client, changes));
        let form = [("client_assertion_type", TYPE), ("client_assertion", &*assertion)];
        assert_eq!(status(&registry, &form).await, expected, "{name}");
    }
    let fresh = |jti: &str| claims(&registry, &client, json!({ "jti": jti }));
    let good = signer.sign(&fresh("20"));
    let headers = [
        ("none", json!({ "alg": "none" }).to_string()),
        ("critical", json!({ "alg": "ES256", "crit": ["x"] }).to_string()),
    ];
    let forged = [
        ("another key", stranger.sign(&fresh("21"))),
        ("tampered claims", tamper(&signer.sign(&fresh("22")), 1)),
        ("tampered signature", tamper(&signer.sign(&fresh("23")), 2)),
        ("HMAC with the public key", hs256(signer.jwks().as_bytes(), "a", &fresh("24"))),
        ("no token", "x".to_owned()),
    ];
    let signed = headers.map(|(name, header)| (name, signer.sign_texts(&header, &fresh("25").to_string())));
    for (name, assertion) in forged.into_iter().chain(signed) {
        let form = [("client_assertion_type", TYPE), ("client_assertion", &*assertion)];
        assert_eq!(status(&registry, &form).await, 401, "{name}");
    }
    type Row<'a> = (&'a str, Vec<(&'a str, &'a str)>, u16);
    let forms: [Row<'_>; 6] = [
        ("no type", vec![("client_assertion", &good)], 400),
        ("another type", vec![("client_assertion_type", "saml2"), ("client_assertion", &good)], 401),
        (
            "another client_id",
            vec![("client_id", &other), ("client_assertion_type", TYPE), ("client_assertion", &good)],
            401,
        ),
        (
            "a secret beside it",
            vec![("client_secret", "x"), ("client_assertion_type", TYPE), ("client_assertion", &good)],
            400,
        ),
        ("no assertion", vec![("client_id", &client)], 401),
        (
            "its own client_id",
            vec![("client_id", &client), ("client_assertion_type", TYPE), ("client_assertion", &good)],
            200,
        ),
    ];
    for (name, form, expected) in forms {
        assert_eq!(status(&registry, &form).await, expected, "{name}");
    }
    let header = HeaderMap::from_iter([(http::header::AUTHORIZATION, HeaderValue::from_static("Basic YTpi"))]);
    let both = ClientCredentials::read(&header, [("client_assertion_type", TYPE), ("client_assertion", &good)]);
    assert_eq!(both.unwrap_err().cause(), AuthenticationCause::AmbiguousCredentials);
    let read =
        ClientCredentials::read(&HeaderMap::new(), [("client_assertion_type", TYPE), ("client_assertion", &good)]);
    assert!(!format!("{:?}", read.unwrap()).contains(&good[good.len() - 20..]), "an assertion shows nothing");
}

#[tokio::test]
async fn the_registered_algorithm_and_the_published_keys_decide() {
    let (es256, ed25519) = (Signer::es256("e"), Signer::ed25519("d"));
    let url = "https://client.example.com/jwks";
    let both = json!({ "keys": [es256.jwk, ed25519.jwk] }).to_string();
    let registry = registry(Published(HashMap::from([(url, both)])));
    let one = register(&registry, json!({ "jwks_uri": url, "token_endpoint_auth_signing_alg": "ES256" })).await;
    let any = register(&registry, json!({ "jwks_uri": url })).await;
    let gone = register(&registry, json!({ "jwks_uri": "https://client.example.com/gone" })).await;
    let rows = [
        ("the registered algorithm", &one, &es256, 200),
        ("another algorithm", &one, &ed25519, 401),
        ("no algorithm registered", &any, &ed25519, 200),
        ("keys that cannot be fetched", &gone, &es256, 503),
    ];
    for (number, (name, client, signer, expected)) in rows.into_iter().enumerate() {
        let assertion = signer.sign(&claims(&registry, client, json!({ "jti": number.to_string() })));
        let form = [("client_assertion_type", TYPE), ("client_assertion", &*assertion)];
        assert_eq!(status(&registry, &form).await, expected, "{name}");
    }
    let id = tower_dcr::credential::ClientId::parse(&any).unwrap();
    registry.disable(&id).await.unwrap();
    let assertion = es256.sign(&claims(&registry, &any, json!({ "jti": "disabled" })));
    let form = [("client_assertion_type", TYPE), ("client_assertion", &*assertion)];
    assert_eq!(status(&registry, &form).await, 400, "a disabled client");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_present_an_assertion_one_gets_in() {
    let registry = registry(Published(HashMap::new()));
    let signer = Signer::ed25519("a");
    let client = register(&registry, json!({ "jwks": { "keys": [signer.jwk] } })).await;
    let assertion = signer.sign(&claims(&registry, &client, json!({})));
    let form = [("client_assertion_type", TYPE), ("client_assertion", &*assertion)];
    let answers = futures_util::future::join_all((0..32).map(|_| status(&registry, &form))).await;
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");
}

#[tokio::test]
async fn an_assertion_of_an_inactive_client_is_not_spent() {
    let registry = registry(Published(HashMap::new()));
    let signer = Signer::es256("a");
    let client = register(&registry, json!({ "jwks": { "keys": [signer.jwk] } })).await;
    let id = tower_dcr::credential::ClientId::parse(&client).unwrap();
    let assertion = signer.sign(&claims(&registry, &client, json!({})));
    let form = [("client_assertion_type", TYPE), ("client_assertion", &*assertion)];
    registry.disable(&id).await.unwrap();
    assert_eq!(status(&registry, &form).await, 400, "a disabled client");
    registry.enable(&id).await.unwrap();
    assert_eq!(status(&registry, &form).await, 200, "the same assertion, once the client is active");
    assert_eq!(status(&registry, &form).await, 401, "spent");
}
