//! A key that registers is a key that works: every type of key, every algorithm, every profile, with fresh keys.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaKeyPair};
use http::HeaderMap;
use serde_json::{Value, json};
use tower_dcr::metadata::ClientMetadata;
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, Profile, Registry};

use crate::trust::assertions::{TYPE, claims};
use crate::trust::signer::encode;

const BASE: &str = "https://id.example.com";
const ALGORITHMS: [&str; 11] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"];
const RSA: &[&str] = &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
const EDWARDS: &[&str] = &["EdDSA", "Ed25519"];

/// A key as it registers, and the algorithms that it can sign with.
struct Key {
    name: &'static str,
    jwk: Value,
    algorithms: &'static [&'static str],
    private: Private,
}

enum Private {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    /// No one can sign with it.
    None,
}

impl Key {
    fn rsa(name: &'static str, change: impl Fn(&mut Vec<u8>, &mut Vec<u8>), works: bool) -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = signature::RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        let (mut n, mut e) = (public.n, public.e);
        change(&mut n, &mut e);
        let jwk = json!({ "kty": "RSA", "n": encode(&n), "e": encode(&e) });
        Self { name, jwk, algorithms: if works { RSA } else { &[] }, private: Private::Rsa(pair) }
    }

    fn ec(
        name: &'static str,
        algorithms: &'static [&'static str],
        implementation: &'static EcdsaSigningAlgorithm,
    ) -> Self {
        let pair = EcdsaKeyPair::generate(implementation).unwrap();
        let point = &pair.public_key().as_ref()[1..];
        let (x, y) = point.split_at(point.len() / 2);
        let jwk = json!({ "kty": "EC", "crv": name, "x": encode(x), "y": encode(y) });
        Self { name, jwk, algorithms, private: Private::Ec(pair) }
    }

    fn ed25519() -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref()) });
        Self { name: "Ed25519", jwk, algorithms: EDWARDS, private: Private::Ed(pair) }
    }

    fn unusable(name: &'static str, octets: usize) -> Self {
        let jwk = json!({ "kty": "OKP", "crv": name, "x": encode(&vec![7; octets]) });
        Self { name, jwk, algorithms: &[], private: Private::None }
    }

    fn sign(&self, algorithm: &str, claims: &Value) -> String {
        let header = json!({ "alg": algorithm }).to_string();
        let message = format!("{}.{}", encode(header.as_bytes()), encode(claims.to_string().as_bytes()));
        let octets = match &self.private {
            Private::Rsa(pair) => {
                let mut octets = vec![0; pair.public_modulus_len()];
                let padding: &'static dyn signature::RsaEncoding = match algorithm {
                    "RS384" => &signature::RSA_PKCS1_SHA384,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    "PS256" => &signature::RSA_PSS_SHA256,
                    "PS384" => &signature::RSA_PSS_SHA384,
                    "PS512" => &signature::RSA_PSS_SHA512,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                pair.sign(padding, &SystemRandom::new(), message.as_bytes(), &mut octets).unwrap();
                octets
            }
            Private::Ec(pair) => pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec(),
            Private::Ed(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
            Private::None => vec![7; 114],
        };
        format!("{message}.{}", encode(&octets))
    }
}

fn keys() -> Vec<Key> {
    let even = |n: &mut Vec<u8>, _: &mut Vec<u8>| *n.last_mut().unwrap() &= 0xFE;
    let large = |_: &mut Vec<u8>, e: &mut Vec<u8>| *e = vec![1, 0, 0, 0, 0, 1];
    let zeros = |n: &mut Vec<u8>, e: &mut Vec<u8>| {
        n.insert(0, 0);
        e.insert(0, 0);
    };
    vec![
        Key::rsa("RSA", |_, _| {}, true),
        Key::rsa("RSA written with leading zeros", zeros, true),
        Key::rsa("RSA with an even modulus", even, false),
        Key::rsa("RSA with an exponent of 41 bits", large, false),
        Key::ec("P-256", &["ES256"], &signature::ECDSA_P256_SHA256_FIXED_SIGNING),
        Key::ec("P-384", &["ES384"], &signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        Key::ec("P-521", &["ES512"], &signature::ECDSA_P521_SHA512_FIXED_SIGNING),
        Key::ed25519(),
        Key::unusable("Ed448", 57),
        Key::unusable("X25519", 32),
    ]
}

async fn register(registry: &Registry, key: &Key, bound: Option<&str>, registered: Option<&str>) -> Option<String> {
    let mut jwk = key.jwk.clone();
    bound.inspect(|alg| jwk["alg"] = json!(alg));
    let mut document = json!({
        "redirect_uris": ["https://a.example/cb"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": { "keys": [jwk] },
    });
    registered.inspect(|alg| document["token_endpoint_auth_signing_alg"] = json!(alg));
    let metadata = ClientMetadata::from_json(document.to_string().as_bytes()).unwrap();
    registry.register(metadata).await.ok().map(|registered| registered.client().id().to_string())
}

/// The algorithms by which this client authenticates.
async fn working(registry: &Registry, key: &Key, client: &str) -> Vec<&'static str> {
    let mut working = Vec::new();
    for algorithm in ALGORITHMS {
        let assertion = key.sign(algorithm, &claims(registry, client, json!({ "jti": algorithm })));
        let form = [("client_assertion_type", TYPE), ("client_assertion", &*assertion)];
        if registry.authenticate_request(&HeaderMap::new(), form).await.is_ok() {
            working.push(algorithm);
        }
    }
    working
}

#[tokio::test]
async fn every_key_that_registers_authenticates_by_exactly_the_algorithms_that_are_offered_and_fit() {
    let keys = keys();
    let choices: Vec<_> = std::iter::once(None).chain(ALGORITHMS.map(Some)).collect();
    let mut registrations = 0;
    for profile in Profile::ALL {
        let registry = Registry::builder(BASE, Access::Open).with_profile(*profile).with_audit(());
        let registry = registry.build(MemoryStore::new()).unwrap();
        let offered: &[&str] =
            if *profile == Profile::Fapi2 { &["PS256", "ES256", "EdDSA", "Ed25519"] } else { &ALGORITHMS };
        for key in &keys {
            let pairs = choices.iter().flat_map(|bound| choices.iter().map(move |registered| (*bound, *registered)));
            for (bound, registered) in pairs.filter(|(one, other)| one.is_none() || other.is_none() || one == other) {
                let fits = |alg: &&str| key.algorithms.contains(alg) && offered.contains(alg);
                let asked = |alg: &&str| [bound, registered].iter().all(|choice| choice.is_none_or(|one| one == *alg));
                let expected: Vec<_> = ALGORITHMS.into_iter().filter(fits).filter(asked).collect();
                let name = format!("{profile}: {}, alg {bound:?}, registered {registered:?}", key.name);
                let client = register(&registry, key, bound, registered).await;
                assert_eq!(client.is_some(), !expected.is_empty(), "{name}: registration");
                let Some(client) = client else { continue };
                assert_eq!(working(&registry, key, &client).await, expected, "{name}");
                registrations += 1;
            }
        }
    }
    assert!(registrations > 100, "{registrations}");
}

#[tokio::test]
async fn an_algorithm_that_is_not_offered_any_more_is_not_accepted_either() {
    let store = MemoryStore::new();
    let oauth = Registry::builder(BASE, Access::Open).build(store.clone()).unwrap();
    let fapi2 = Registry::builder(BASE, Access::Open).with_profile(Profile::Fapi2).build(store).unwrap();
    let key = Key::rsa("RSA", |_, _| {}, true);
    let client = register(&oauth, &key, None, Some("RS256")).await.unwrap();
    assert_eq!(working(&oauth, &key, &client).await, ["RS256"]);
    assert!(working(&fapi2, &key, &client).await.is_empty());
}
