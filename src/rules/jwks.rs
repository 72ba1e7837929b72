//! The client's public keys: `jwks` ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2), M14).
//!
//! Two things must not happen. A private or symmetric key must not be stored, since whoever sends one has published
//! it; and no member of a key may make the server fetch something. So the forbidden members are looked for first, at
//! any depth and whatever the type of the key ([`find_forbidden`]). Then every key must be able to do what it says:
//! [`KEY_TYPES`] lists what is supported, one row a type, and everything else is skipped, for a client may well have
//! keys that only others understand. Points are not tested for being on their curve; the library that verifies a
//! signature does that.

use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::rules::Fault;
use crate::signature;

const MAX_KEYS: usize = 16;
const MAX_KID: usize = 256;

/// Limits of an RSA modulus in bits, the lower one from
/// [RFC 7518 §3.3](https://www.rfc-editor.org/rfc/rfc7518#section-3.3).
const MODULUS_BITS: RangeInclusive<usize> = 2048..=8192;
const MIN_EXPONENT: u64 = 65_537;

/// Private and symmetric members of [RFC 7518 §6](https://www.rfc-editor.org/rfc/rfc7518#section-6) and of the keys
/// to come.
const PRIVATE_MEMBERS: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];
/// Members that name a place to fetch from: [RFC 7517 §4.6](https://www.rfc-editor.org/rfc/rfc7517#section-4.6).
const REMOTE_MEMBERS: &[&str] = &["x5u", "jku"];

const RSA_SIGNING: &[&str] = &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
const RSA_ENCRYPTION: &[&str] = &["RSA-OAEP", "RSA-OAEP-256"];
const ECDH: &[&str] = &["ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"];
const EDDSA: &[&str] = &["EdDSA"];
const ED25519: &[&str] = &["EdDSA", "Ed25519"];

const RSA: &[Member] = &[("n", Shape::Modulus), ("e", Shape::Exponent)];
const XY_32: &[Member] = &[("x", Shape::Octets(32)), ("y", Shape::Octets(32))];
const XY_48: &[Member] = &[("x", Shape::Octets(48)), ("y", Shape::Octets(48))];
const XY_66: &[Member] = &[("x", Shape::Octets(66)), ("y", Shape::Octets(66))];
const X_32: &[Member] = &[("x", Shape::Octets(32))];
const X_56: &[Member] = &[("x", Shape::Octets(56))];
const X_57: &[Member] = &[("x", Shape::Octets(57))];

/// The supported keys: [RFC 7518 §6](https://www.rfc-editor.org/rfc/rfc7518#section-6),
/// [RFC 8037 §2](https://www.rfc-editor.org/rfc/rfc8037#section-2),
/// [RFC 9864 §2.2](https://www.rfc-editor.org/rfc/rfc9864#section-2.2).
const KEY_TYPES: &[KeyType] = &[
    KeyType::new("RSA", None, RSA, RSA_SIGNING, RSA_ENCRYPTION),
    KeyType::new("EC", Some("P-256"), XY_32, &["ES256"], ECDH),
    KeyType::new("EC", Some("P-384"), XY_48, &["ES384"], ECDH),
    KeyType::new("EC", Some("P-521"), XY_66, &["ES512"], ECDH),
    KeyType::new("OKP", Some("Ed25519"), X_32, ED25519, &[]),
    KeyType::new("OKP", Some("Ed448"), X_57, EDDSA, &[]),
    KeyType::new("OKP", Some("X25519"), X_32, &[], ECDH),
    KeyType::new("OKP", Some("X448"), X_56, &[], ECDH),
];

/// Where a rule is broken, as a JSON pointer, and how.
type Located = (String, Fault);

/// The verdict on a member of a key.
type Verdict = (&'static str, Result<(), Fault>);

/// A member of a key and what it must hold.
type Member = (&'static str, Shape);

/// Checks a key set and returns its faults with their JSON pointers below `jwks`. Nested members are reported once for
/// each member of a key, which bounds the reply by the request.
pub(crate) fn check(set: &Map<String, Value>) -> Vec<Located> {
    let keys = match read_keys(set) {
        Ok(keys) => keys,
        Err(fault) => return vec![("/keys".to_owned(), fault)],
    };
    let faults: Vec<_> = (0..keys.len()).flat_map(|index| check_key(keys, index)).collect();
    if faults.is_empty() && !keys.iter().any(is_usable) {
        let fault = Fault::new("M14", "at least one key must have a supported type, which are RSA, EC and OKP");
        return vec![("/keys".to_owned(), fault)];
    }
    faults
}

/// Whether a client with this key set, which [`check`] accepted, can sign: with any algorithm for signatures, or with
/// the given one.
pub(crate) fn can_sign(set: &Map<String, Value>, wanted: Option<&str>) -> bool {
    keys(set).any(|key| key_can_sign(key, wanted))
}

fn key_can_sign(key: &Value, wanted: Option<&str>) -> bool {
    let Some(key_type) = KeyType::of(key) else {
        return false;
    };
    let own = key.get("alg").and_then(Value::as_str);
    let agreed = |alg: &str| own.is_none_or(|own| own == alg) && wanted.is_none_or(|wanted| wanted == alg);
    key.get("use").is_none_or(|purpose| purpose == "sig")
        && key_type.signing.iter().any(|alg| agreed(alg) && signature::can_verify(key, &(*alg).into()))
}

/// Whether a client with this key set can be sent what is encrypted with an algorithm.
pub(crate) fn can_decrypt(set: &Map<String, Value>, algorithm: &str) -> bool {
    keys(set).any(|key| {
        let own = key.get("alg").and_then(Value::as_str);
        key.get("use").is_none_or(|purpose| purpose == "enc")
            && own.is_none_or(|own| own == algorithm)
            && KeyType::of(key).is_some_and(|key_type| key_type.encryption.contains(&algorithm))
    })
}

/// Whether a key of this set comes with a certificate, [RFC 7517 §4.7](https://www.rfc-editor.org/rfc/rfc7517#section-4.7).
pub(crate) fn has_certificate(set: &Map<String, Value>) -> bool {
    let mut chains = keys(set).filter_map(|key| key.get("x5c")?.as_array());
    chains.any(|chain| chain.first().is_some_and(Value::is_string))
}

fn keys(set: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    set.get("keys").and_then(Value::as_array).into_iter().flatten()
}

/// The keys of a set: [RFC 7517 §5.1](https://www.rfc-editor.org/rfc/rfc7517#section-5.1).
fn read_keys(set: &Map<String, Value>) -> Result<&[Value], Fault> {
    match set.get("keys").and_then(Value::as_array).map(Vec::as_slice) {
        None | Some([]) => Err(Fault::new("M14", "keys must be an array of 1 to 16 keys")),
        Some(keys) if keys.len() > MAX_KEYS => Err(Fault::new("M7", "there are more than 16 keys")),
        Some(keys) => Ok(keys),
    }
}

/// Checks one key of a set: what no key may have, what all keys have in common, and what its type asks for.
fn check_key(keys: &[Value], index: usize) -> Vec<Located> {
    let key = &keys[index];
    let Some(members) = key.as_object() else {
        return vec![(format!("/keys/{index}"), Fault::new("M14", "a key must be an object"))];
    };
    let forbidden = members.iter().filter_map(|(name, value)| find_forbidden(name, value));
    let common = [("kty", check_kty(key)), ("kid", check_kid(key, &keys[..index])), ("use", check_use(key, keys))];
    let broken = common.into_iter().chain(check_type(key));
    let broken = broken.filter_map(|(name, verdict)| Some((format!("/{name}"), verdict.err()?)));
    forbidden.chain(broken).map(|(pointer, fault)| (format!("/keys/{index}{pointer}"), fault)).collect()
}

/// Finds what is forbidden at or below a member. The pointer names a member of this crate's own list or stops at the
/// key: names further down are the client's and are not repeated.
fn find_forbidden(name: &str, value: &Value) -> Option<Located> {
    let at_top = forbid(name, value).map(|fault| (format!("/{name}"), fault));
    at_top.or_else(|| Some((String::new(), forbidden_below(value)?)))
}

fn forbidden_below(value: &Value) -> Option<Fault> {
    match value {
        Value::Object(members) => {
            members.iter().find_map(|(name, value)| forbid(name, value).or_else(|| forbidden_below(value)))
        }
        Value::Array(items) => items.iter().find_map(forbidden_below),
        _ => None,
    }
}

fn forbid(name: &str, value: &Value) -> Option<Fault> {
    if PRIVATE_MEMBERS.contains(&name) {
        return Some(Fault::new("M14", "private key material, send public keys only and replace this key"));
    }
    if REMOTE_MEMBERS.contains(&name) {
        return Some(Fault::new("M14", "a key must not refer to a URI, send the key itself"));
    }
    let symmetric = name == "kty" && value == "oct";
    symmetric.then_some(Fault::new("M14", "symmetric keys are not allowed, send public keys only"))
}

/// [RFC 7517 §4.1](https://www.rfc-editor.org/rfc/rfc7517#section-4.1).
fn check_kty(key: &Value) -> Result<(), Fault> {
    match key.get("kty") {
        Some(Value::String(_)) => Ok(()),
        _ => Err(Fault::new("M14", "kty must be a string")),
    }
}

/// [RFC 7517 §4.5](https://www.rfc-editor.org/rfc/rfc7517#section-4.5).
fn check_kid(key: &Value, earlier: &[Value]) -> Result<(), Fault> {
    let Some(kid) = key.get("kid") else {
        return Ok(());
    };
    let Some(text) = kid.as_str().filter(|text| !text.is_empty()) else {
        return Err(Fault::new("M14", "kid must be a string that is not empty"));
    };
    if text.chars().count() > MAX_KID {
        return Err(Fault::new("M7", "kid is longer than 256 characters"));
    }
    if earlier.iter().any(|other| other.get("kid") == Some(kid)) {
        return Err(Fault::new("M14", "kid must be unique, an earlier key has the same"));
    }
    Ok(())
}

/// [RFC 7517 §4.2](https://www.rfc-editor.org/rfc/rfc7517#section-4.2), and for sets with keys of both uses
/// [OpenID Connect Registration §2](https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata),
/// `jwks`.
fn check_use(key: &Value, keys: &[Value]) -> Result<(), Fault> {
    let stated = |purpose| keys.iter().any(|key| is_usable(key) && has_use(key, purpose));
    let has_both = [("sig", "enc"), ("enc", "sig")]
        .into_iter()
        .any(|(one, other)| stated(one) && (stated(other) || keys.iter().any(|key| is_made_for(key, other))));
    if has_use(key, "sig") || has_use(key, "enc") {
        return Ok(());
    }
    if key.get("use").is_some() {
        return Err(Fault::new("M14", "use must be sig or enc"));
    }
    if is_usable(key) && has_both {
        return Err(Fault::new("M14", "use must be given when the set has signing and encryption keys"));
    }
    Ok(())
}

fn has_use(key: &Value, purpose: &str) -> bool {
    key.get("use").is_some_and(|value| value == purpose)
}

/// Whether the type or the algorithm of a key leaves one purpose only.
fn is_made_for(key: &Value, purpose: &str) -> bool {
    let Some(key_type) = KeyType::of(key) else { return false };
    let could = |algorithms: &[&str]| algorithms.iter().any(|known| key.get("alg").is_none_or(|alg| alg == known));
    match purpose {
        "sig" => could(key_type.signing) && !could(key_type.encryption),
        _ => could(key_type.encryption) && !could(key_type.signing),
    }
}

/// Whether the server knows what to do with the key.
fn is_usable(key: &Value) -> bool {
    KeyType::of(key).is_some()
}

/// Checks the members that belong to the type of the key; a type that no row has is skipped.
fn check_type(key: &Value) -> Vec<Verdict> {
    if let Some(key_type) = KeyType::of(key) {
        return key_type.check(key);
    }
    if !KEY_TYPES.iter().any(|key_type| key_type.has_kty(key)) {
        return Vec::new();
    }
    let detail = "crv must be P-256, P-384 or P-521 for EC and Ed25519, Ed448, X25519 or X448 for OKP";
    vec![("crv", Err(Fault::new("M14", detail)))]
}

/// A row of [`KEY_TYPES`].
struct KeyType {
    kty: &'static str,
    crv: Option<&'static str>,
    members: &'static [Member],
    signing: &'static [&'static str],
    encryption: &'static [&'static str],
}

impl KeyType {
    const fn new(
        kty: &'static str,
        crv: Option<&'static str>,
        members: &'static [Member],
        signing: &'static [&'static str],
        encryption: &'static [&'static str],
    ) -> Self {
        Self { kty, crv, members, signing, encryption }
    }

    fn of(key: &Value) -> Option<&'static Self> {
        KEY_TYPES.iter().find(|key_type| key_type.has_kty(key) && key_type.has_crv(key))
    }

    fn has_kty(&self, key: &Value) -> bool {
        key.get("kty").is_some_and(|kty| kty == self.kty)
    }

    fn has_crv(&self, key: &Value) -> bool {
        self.crv.is_none_or(|crv| key.get("crv").is_some_and(|own| own == crv))
    }

    fn check(&self, key: &Value) -> Vec<Verdict> {
        let members = self.members.iter().map(|(name, shape)| (*name, shape.check(key.get(name))));
        members.chain([("alg", self.check_alg(key.get("alg")))]).collect()
    }

    /// [RFC 7517 §4.4](https://www.rfc-editor.org/rfc/rfc7517#section-4.4).
    fn check_alg(&self, alg: Option<&Value>) -> Result<(), Fault> {
        let mut algorithms = self.signing.iter().chain(self.encryption);
        if alg.is_none_or(|alg| algorithms.any(|known| alg == known)) {
            return Ok(());
        }
        Err(Fault::new("M14", "alg must be a supported algorithm that fits the type of the key"))
    }
}

/// What the octets of a member must be.
enum Shape {
    /// This many: a coordinate of a curve.
    Octets(usize),
    /// An RSA modulus.
    Modulus,
    /// An RSA public exponent.
    Exponent,
}

impl Shape {
    fn check(&self, value: Option<&Value>) -> Result<(), Fault> {
        let Some(octets) = value.and_then(Value::as_str).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()) else {
            return Err(Fault::new("M14", "the value must be a base64url string without padding and stray bits"));
        };
        match self {
            Self::Octets(size) if octets.len() != *size => {
                Err(Fault::new("M14", "the value must have exactly as many octets as the curve asks for"))
            }
            Self::Modulus if !MODULUS_BITS.contains(&significant_bits(&octets)) => {
                Err(Fault::new("M14", "the modulus must have 2048 to 8192 bits"))
            }
            Self::Exponent if !is_exponent(&octets) => {
                Err(Fault::new("M14", "the exponent must be odd, at least 65537 and less than 2^64"))
            }
            _ => Ok(()),
        }
    }
}

/// The length of a big-endian number without its leading zeros.
fn significant_bits(number: &[u8]) -> usize {
    let start = number.iter().take_while(|octet| **octet == 0).count();
    let digits = &number[start..];
    digits.first().map_or(0, |first| digits.len() * 8 - first.leading_zeros() as usize)
}

fn is_exponent(number: &[u8]) -> bool {
    let value = number.iter().fold(0, |value, octet| value << 8 | u64::from(*octet));
    significant_bits(number) <= 64 && value >= MIN_EXPONENT && value % 2 == 1
}

#[cfg(test)]
mod tests;
