//! The client's public keys: `jwks` ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2), M14).
//!
//! A set is refused as a whole when it publishes private or symmetric key material, when it is ambiguous, or when a key
//! of a supported type is malformed or weak ([`check`]). A key that the server cannot use is no reason to refuse: key
//! sets are shared between servers, so such a key is skipped
//! ([RFC 7517 §5](https://www.rfc-editor.org/rfc/rfc7517#section-5)). [`can_sign`] and [`can_encrypt`] say whether a
//! usable key remains for a purpose. Members that name a place to fetch from, such as `x5u`, are kept and never followed.
//!
//! The functions of this module judge a set and change nothing; [`authentication`](super::authentication) reports what they
//! find. Pointers are relative to the member `jwks`.

mod key_type;

use serde_json::{Map, Value};

use crate::error::Fault;
use crate::protocol::signature;
use key_type::KeyType;

/// The largest set, in keys. Every key is judged at registration and again when it verifies a signature.
const MAX_KEYS: usize = 16;
/// The longest key identifier, in characters.
const MAX_KID: usize = 256;

/// Members with private or symmetric key material: [RFC 7518 §6](https://www.rfc-editor.org/rfc/rfc7518#section-6), and
/// `priv` of the key types for post-quantum algorithms.
const PRIVATE_MEMBERS: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// The place of a fault, as a JSON pointer below `jwks`, and the fault.
type Located = (String, Fault);

/// Checks a key set and returns its faults with their JSON pointers below `jwks`. A set without keys has no fault of
/// its own: whether a key is needed depends on the client.
pub(crate) fn check(set: &Map<String, Value>) -> Vec<Located> {
    // A private key must not hide beside the member `keys` either: the set is stored and returned as it was sent.
    let beside = set.iter().filter(|(name, _)| *name != "keys");
    let mut faults: Vec<_> = beside.filter_map(|(name, value)| find_forbidden(name, value)).collect();
    match read_keys(set) {
        Ok(keys) => faults.extend((0..keys.len()).flat_map(|index| check_key(keys, index))),
        Err(fault) => faults.push(("/keys".to_owned(), fault)),
    }
    faults
}

/// Whether a set is well-formed and has no key.
pub(crate) fn is_without_keys(set: &Map<String, Value>) -> bool {
    read_keys(set).is_ok_and(<[Value]>::is_empty)
}

/// Whether a set that [`check`] accepted has a key for signatures: with any algorithm, or with the given one.
pub(crate) fn can_sign(set: &Map<String, Value>, wanted: Option<&str>) -> bool {
    keys(set).any(|key| key_can_sign(key, wanted))
}

/// Whether a set that [`check`] accepted has a key to encrypt for the client: with any algorithm, or with the given one.
pub(crate) fn can_encrypt(set: &Map<String, Value>, wanted: Option<&str>) -> bool {
    keys(set).any(|key| key_can_encrypt(key, wanted))
}

/// Whether a single key encrypts for the client: with any algorithm, or with the given one.
fn key_can_encrypt(key: &Value, wanted: Option<&str>) -> bool {
    let operations = ["encrypt", "wrapKey", "deriveKey", "deriveBits"];
    let algorithms = KeyType::of(key).map_or(&[][..], |key_type| key_type.encryption);
    is_for(key, "enc", &operations) && matching_algorithms(key, algorithms, wanted).next().is_some()
}

/// The positions of the usable keys that do not say what they are for, in a set with keys for signatures alone and keys
/// for encryption alone ([OpenID Connect Registration
/// §2](https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata), `jwks`).
pub(crate) fn without_use(set: &Map<String, Value>) -> Vec<usize> {
    let purposes = |key: &Value| (key_can_sign(key, None), key_can_encrypt(key, None));
    // A key for both purposes makes no set ambiguous; two kinds of special keys do.
    let has_only = |wanted| keys(set).any(|key| purposes(key) == wanted);
    if !has_only((true, false)) || !has_only((false, true)) {
        return Vec::new();
    }
    let lacking = keys(set).enumerate().filter(|(_, key)| sent(key, "use").is_none());
    lacking.filter(|(_, key)| purposes(key) != (false, false)).map(|(index, _)| index).collect()
}

/// Whether a single key verifies signatures: with any algorithm, or with the given one.
pub(crate) fn key_can_sign(key: &Value, wanted: Option<&str>) -> bool {
    let algorithms = KeyType::of(key).map_or(&[][..], |key_type| key_type.signing);
    let is_verifiable = |alg: &&str| signature::can_verify(key, &(*alg).into());
    is_for(key, "sig", &["verify"]) && matching_algorithms(key, algorithms, wanted).any(|alg| is_verifiable(&alg))
}

/// Whether a single key breaks no rule of its own. In a set at a URL a key that breaks one is skipped, because the owner
/// of the set may publish it for other servers.
#[cfg(feature = "software-statements")]
pub(crate) fn is_valid_key(key: &Value) -> bool {
    check_key(std::slice::from_ref(key), 0).is_empty()
}

/// `use` ([RFC 7517 §4.2](https://www.rfc-editor.org/rfc/rfc7517#section-4.2)) and `key_ops`
/// ([§4.3](https://www.rfc-editor.org/rfc/rfc7517#section-4.3)) permit a purpose unless they name another one.
fn is_for(key: &Value, purpose: &str, operations: &[&str]) -> bool {
    let by_use = sent(key, "use").is_none_or(|own| own == purpose);
    let named = |own: &Value| own.as_str().is_some_and(|own| operations.contains(&own));
    let by_operation = match key.get("key_ops") {
        None | Some(Value::Null) => true,
        Some(own) => own.as_array().is_some_and(|own| own.iter().any(named)),
    };
    by_use && by_operation
}

/// The algorithms of a type of key that are wanted and that the key itself permits, if it names one
/// ([RFC 7517 §4.4](https://www.rfc-editor.org/rfc/rfc7517#section-4.4)).
fn matching_algorithms<'a>(
    key: &'a Value,
    algorithms: &'static [&'static str],
    wanted: Option<&'a str>,
) -> impl Iterator<Item = &'static str> + use<'a> {
    let own = sent(key, "alg");
    let agreed = move |alg: &&str| own.is_none_or(|own| own == alg) && wanted.is_none_or(|wanted| wanted == *alg);
    algorithms.iter().copied().filter(agreed)
}

/// The value of `kid`, `use` or `alg`; `null` and the empty string mean that it was not sent, as in the document itself.
fn sent<'a>(key: &'a Value, name: &str) -> Option<&'a Value> {
    key.get(name).filter(|value| !value.is_null() && *value != "")
}

/// Whether a key of this set comes with a certificate, [RFC 7517 §4.7](https://www.rfc-editor.org/rfc/rfc7517#section-4.7).
pub(crate) fn has_certificate(set: &Map<String, Value>) -> bool {
    // The chain itself is not verified here: the host compares the certificate of a connection with it.
    let mut chains = keys(set).filter_map(|key| key.get("x5c")?.as_array());
    chains.any(|chain| chain.first().is_some_and(Value::is_string))
}

/// The keys of a set; none where it is malformed, which [`check`] has reported.
fn keys(set: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    read_keys(set).into_iter().flatten()
}

/// The keys of a set: [RFC 7517 §5.1](https://www.rfc-editor.org/rfc/rfc7517#section-5.1).
fn read_keys(set: &Map<String, Value>) -> Result<&[Value], Fault> {
    match set.get("keys") {
        None if set.is_empty() => Ok(&[]),
        Some(Value::Array(keys)) if keys.len() > MAX_KEYS => Err(Fault::new("M7", "there are more than 16 keys")),
        Some(Value::Array(keys)) => Ok(keys),
        _ => Err(Fault::new("M14", "keys must be an array of at most 16 keys")),
    }
}

/// Checks one key of a set: forbidden members, the members that all keys have, and the members of its type.
fn check_key(keys: &[Value], index: usize) -> Vec<Located> {
    let key = &keys[index];
    let Some(members) = key.as_object() else {
        return vec![(format!("/keys/{index}"), Fault::new("M14", "a key must be an object"))];
    };
    let forbidden = members.iter().filter_map(|(name, value)| find_forbidden(name, value));
    let common = [
        ("kty", check_kty(key)),
        ("kid", check_kid(key, &keys[..index])),
        ("use", check_text(key, "use")),
        ("alg", check_text(key, "alg")),
        ("crv", check_crv(key)),
    ];
    let broken = common.into_iter().filter_map(|(name, verdict)| Some((name, verdict.err()?)));
    let typed = KeyType::of(key).map(|key_type| key_type.check(key)).unwrap_or_default();
    let broken = broken.chain(typed).map(|(name, fault)| match name {
        "" => (String::new(), fault),
        name => (format!("/{name}"), fault),
    });
    forbidden.chain(broken).map(|(pointer, fault)| (format!("/keys/{index}{pointer}"), fault)).collect()
}

/// Finds private or symmetric key material at or below a member, and reports it once. The pointer names a member of this
/// crate's own list or stops above it: names further down are the client's and are not repeated.
fn find_forbidden(name: &str, value: &Value) -> Option<Located> {
    let at_top = forbid(name, value).map(|fault| (format!("/{name}"), fault));
    at_top.or_else(|| Some((String::new(), forbidden_below(value)?)))
}

/// Finds forbidden key material at any depth. The reader limits the depth of a document, so the recursion is bounded.
fn forbidden_below(value: &Value) -> Option<Fault> {
    match value {
        Value::Object(members) => {
            members.iter().find_map(|(name, value)| forbid(name, value).or_else(|| forbidden_below(value)))
        }
        Value::Array(items) => items.iter().find_map(forbidden_below),
        _ => None,
    }
}

/// Refuses a member with private key material, or the type of a symmetric key.
fn forbid(name: &str, value: &Value) -> Option<Fault> {
    if PRIVATE_MEMBERS.contains(&name) {
        return Some(Fault::new("M14", "private key material, send public keys only and replace this key"));
    }
    let symmetric = name == "kty" && value == "oct";
    symmetric.then_some(Fault::new("M14", "symmetric keys are not allowed, send public keys only"))
}

/// The type of a key is required: [RFC 7517 §4.1](https://www.rfc-editor.org/rfc/rfc7517#section-4.1).
fn check_kty(key: &Value) -> Result<(), Fault> {
    match key.get("kty") {
        Some(Value::String(_)) => Ok(()),
        _ => Err(Fault::new("M14", "kty must be a string")),
    }
}

/// A member that is a string where it is present.
fn check_text(key: &Value, name: &str) -> Result<(), Fault> {
    match sent(key, name) {
        None | Some(Value::String(_)) => Ok(()),
        Some(_) => Err(Fault::new("M14", "the value must be a string")),
    }
}

/// A key identifier names one key ([RFC 7517 §4.5](https://www.rfc-editor.org/rfc/rfc7517#section-4.5)); keys of
/// different type or purpose may share it.
fn check_kid(key: &Value, earlier: &[Value]) -> Result<(), Fault> {
    check_text(key, "kid")?;
    let Some(kid) = sent(key, "kid") else { return Ok(()) };
    if kid.as_str().is_some_and(|kid| kid.chars().count() > MAX_KID) {
        return Err(Fault::new("M7", "kid is longer than 256 characters"));
    }
    // A rotation publishes the old and the new key under different identifiers. Two keys that differ in nothing but
    // their numbers would make the choice of the key depend on their order.
    let is_like = |other: &Value| ["kid", "kty", "use", "alg"].iter().all(|name| sent(other, name) == sent(key, name));
    match earlier.iter().any(is_like) {
        true => Err(Fault::new("M14", "an earlier key has the same kid, and the same kty, use and alg")),
        false => Ok(()),
    }
}

/// The curve is required for the types EC and OKP:
/// [RFC 7518 §6.2.1.1](https://www.rfc-editor.org/rfc/rfc7518#section-6.2.1.1).
fn check_crv(key: &Value) -> Result<(), Fault> {
    let has_curves = key.get("kty").and_then(Value::as_str).is_some_and(KeyType::has_curves);
    match key.get("crv") {
        Some(Value::String(_)) => Ok(()),
        _ if !has_curves => Ok(()),
        _ => Err(Fault::new("M14", "crv must be a string for the key types EC and OKP")),
    }
}

#[cfg(test)]
mod tests;
