//! A JWK Set ([RFC 7517 §5](https://www.rfc-editor.org/rfc/rfc7517#section-5)): which of its keys signed a token.

use serde_json::Value;

use super::Token;
use crate::protocol::json::Object;
use crate::protocol::rules::jwks;

/// The keys of a set that can verify a signature. The others are skipped
/// ([RFC 7517 §5](https://www.rfc-editor.org/rfc/rfc7517#section-5)), and so are keys that a registration would refuse.
/// Other members of a set are ignored, and so are URLs in a key.
#[derive(Debug)]
pub(super) struct KeySet(Vec<Key>);

/// A public key with its `kid`, if it has one.
#[derive(Debug)]
struct Key {
    jwk: Value,
    id: Option<String>,
}

impl KeySet {
    /// Reads a JWK Set; `None` for an object without `keys`.
    pub(super) fn read(set: &Object) -> Option<Self> {
        let keys = set.get("keys")?.as_array()?.iter().filter_map(Key::read);
        // An unusable key is skipped and does not spoil the set: issuers publish encryption keys and new key types in it.
        Some(Self(keys.filter(|key| key.can_sign(None)).collect()))
    }

    /// The keys that may have signed this token: with its `kid`, where it has one, and for its algorithm.
    fn candidates<'a>(&'a self, token: &'a Token<'_>) -> impl Iterator<Item = &'a Key> {
        // RFC 7515 §4.1.4: `kid` is a hint. Without it every key that fits the algorithm is tried.
        let named = |key: &&Key| token.key_id().is_none_or(|wanted| key.id.as_deref() == Some(wanted));
        self.0.iter().filter(named).filter(|key| key.can_sign(Some(token.algorithm().as_str())))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of the keys signed this token.
    pub(super) fn verify(&self, token: &Token<'_>) -> bool {
        self.candidates(token).any(|key| token.is_signed_by(&key.jwk))
    }
}

impl Key {
    /// Reads a key; `None` for one that a registration would refuse.
    fn read(jwk: &Value) -> Option<Self> {
        let id = jwk.get("kid").and_then(Value::as_str).filter(|id| !id.is_empty()).map(str::to_owned);
        jwks::is_valid_key(jwk).then(|| Self { id, jwk: jwk.clone() })
    }

    /// Whether type, `use` and `alg` of the key fit signatures, or those by this algorithm.
    fn can_sign(&self, algorithm: Option<&str>) -> bool {
        jwks::key_can_sign(&self.jwk, algorithm)
    }
}
