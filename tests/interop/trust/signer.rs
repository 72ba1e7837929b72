//! Keys made for a test, and tokens signed with them.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use rcgen::{KeyPair, PublicKeyData as _, RsaKeySize};
use serde_json::{Value, json};

/// A key, and how it signs.
#[derive(Clone)]
pub(crate) struct Signer {
    algorithm: Algorithm,
    key: EncodingKey,
    pub(crate) kid: &'static str,
    /// The public key, with `kid` and `alg`.
    pub(crate) jwk: Value,
}

impl Signer {
    pub(crate) fn es256(kid: &'static str) -> Self {
        let pair = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let (x, y) = pair.der_bytes()[1..].split_at(32);
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y), "kid": kid, "alg": "ES256" });
        Self { algorithm: Algorithm::ES256, key: EncodingKey::from_ec_der(&pair.serialize_der()), kid, jwk }
    }

    pub(crate) fn ed25519(kid: &'static str) -> Self {
        let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(pair.der_bytes()), "kid": kid, "alg": "EdDSA" });
        Self { algorithm: Algorithm::EdDSA, key: EncodingKey::from_ed_der(&pair.serialize_der()), kid, jwk }
    }

    /// The same key for every test, since it takes a while to make one.
    pub(crate) fn rsa(algorithm: Algorithm) -> Self {
        static PAIR: OnceLock<(Vec<u8>, String)> = OnceLock::new();
        let (private, modulus) = PAIR.get_or_init(|| {
            let pair = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
            // An RSAPrivateKey is the last part of its PKCS #8 form; an RSAPublicKey is n and e, each with its length.
            (pair.serialize_der()[26..].to_vec(), encode(&pair.der_bytes()[9..265]))
        });
        let jwk = json!({ "kty": "RSA", "n": modulus, "e": "AQAB", "kid": "rsa", "alg": format!("{algorithm:?}") });
        Self { algorithm, key: EncodingKey::from_rsa_der(private), kid: "rsa", jwk }
    }

    /// A key set of this key.
    pub(crate) fn jwks(&self) -> String {
        json!({ "keys": [self.jwk] }).to_string()
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": self.jwk["alg"], "kid": self.kid, "typ": "JWT" });
        self.sign_texts(&header.to_string(), &claims.to_string())
    }

    /// Signs this header and these claims exactly as they stand.
    pub(crate) fn sign_texts(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
        let signature = crypto::sign(message.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{message}.{signature}")
    }
}

/// A token under HMAC with this secret.
pub(crate) fn mac(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
    let header = json!({ "alg": format!("{algorithm:?}") });
    let message = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let key = EncodingKey::from_secret(secret.as_bytes());
    let signature = crypto::sign(message.as_bytes(), &key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// A token under HMAC with this secret and the name of a key.
pub(crate) fn hs256(secret: &[u8], kid: &str, claims: &Value) -> String {
    let header = json!({ "alg": "HS256", "kid": kid });
    let message = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let signature = crypto::sign(message.as_bytes(), &EncodingKey::from_secret(secret), Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

pub(crate) fn encode(octets: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

/// The token with another character in the middle of one of its parts.
pub(crate) fn tamper(token: &str, part: usize) -> String {
    let mut parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    let middle = parts[part].len() / 2;
    let other = if parts[part].as_bytes()[middle] == b'A' { "B" } else { "A" };
    parts[part].replace_range(middle..=middle, other);
    parts.join(".")
}
