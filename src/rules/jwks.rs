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
pub(crate) fn can_sign(set: &Map<String, Value>, alg: Option<&str>) -> bool {
    let keys = set.get("keys").and_then(Value::as_array);
    keys.into_iter().flatten().any(|key| key_can_sign(key, alg))
}

fn key_can_sign(key: &Value, wanted: Option<&str>) -> bool {
    let Some(key_type) = KeyType::of(key) else {
        return false;
    };
    let own = key.get("alg").and_then(Value::as_str);
    let agreed = |alg: &str| own.is_none_or(|own| own == alg) && wanted.is_none_or(|wanted| wanted == alg);
    key.get("use").is_none_or(|purpose| purpose == "sig") && key_type.signing.iter().any(|alg| agreed(alg))
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
    let some = |purpose| keys.iter().any(|key| is_usable(key) && has_use(key, purpose));
    if has_use(key, "sig") || has_use(key, "enc") {
        return Ok(());
    }
    if key.get("use").is_some() {
        return Err(Fault::new("M14", "use must be sig or enc"));
    }
    if is_usable(key) && some("sig") && some("enc") {
        return Err(Fault::new("M14", "use must be given when the set has signing and encryption keys"));
    }
    Ok(())
}

fn has_use(key: &Value, purpose: &str) -> bool {
    key.get("use").is_some_and(|value| value == purpose)
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
mod tests {
    use serde_json::json;

    use super::*;

    fn encode(octets: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(octets)
    }

    /// A key of Curve25519 with more members.
    fn ed25519(more: Value) -> Value {
        with(json!({"kty": "OKP", "crv": "Ed25519", "x": encode(&[7; 32])}), more)
    }

    fn rsa(modulus: &[u8], exponent: &[u8]) -> Value {
        json!({"kty": "RSA", "n": encode(modulus), "e": encode(exponent)})
    }

    fn with(mut key: Value, more: Value) -> Value {
        key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        key
    }

    fn set(keys: Value) -> Map<String, Value> {
        json!({"keys": keys}).as_object().unwrap().clone()
    }

    /// Pointers and rules of the faults of a set.
    fn faults(keys: Value) -> Vec<(String, &'static str)> {
        check(&set(keys)).into_iter().map(|(pointer, fault)| (pointer, fault.rule)).collect()
    }

    fn pointers(keys: Value) -> Vec<String> {
        faults(keys).into_iter().map(|(pointer, _)| pointer).collect()
    }

    #[test]
    fn sets_are_refused_as_a_whole_when_no_key_can_be_used() {
        let unknown = json!({"kty": "AKP", "alg": "ML-DSA-65", "pub": "AA"});
        let cases = [
            ("no array", json!({}), "M14"),
            ("null", Value::Null, "M14"),
            ("empty", json!([]), "M14"),
            ("17 keys", vec![ed25519(json!({})); 17].into(), "M7"),
            ("unknown keys only", json!([unknown, unknown]), "M14"),
        ];
        for (name, keys, rule) in cases {
            assert_eq!(faults(keys), [("/keys".to_owned(), rule)], "{name}");
        }
        assert_eq!(check(&Map::new()).len(), 1);
        assert!(check(&set(vec![ed25519(json!({})); 16].into())).is_empty());
    }

    #[test]
    fn members_of_a_key_are_refused_where_they_stand() {
        let cases = [
            ("plain", json!({}), ""),
            ("other members", json!({"x5c": [], "key_ops": ["verify"], "ext": {"a": [{"b": 1}]}}), ""),
            ("null private member", json!({"d": null}), "/d"),
            ("private member of another type", json!({"priv": ""}), "/priv"),
            ("certificate URI", json!({"x5u": "https://h.example/"}), "/x5u"),
            ("symmetric", json!({"kty": "oct"}), "/kty"),
            ("no string as type", json!({"kty": 1}), "/kty"),
            ("unknown curve", json!({"kty": "EC", "crv": "secp256k1"}), "/crv"),
            ("curve of another type", json!({"kty": "EC"}), "/crv"),
            ("empty kid", json!({"kid": ""}), "/kid"),
            ("null kid", json!({"kid": null}), "/kid"),
            ("longest kid", json!({"kid": "ä".repeat(256)}), ""),
            ("long kid", json!({"kid": "ä".repeat(257)}), "/kid"),
            ("other use", json!({"use": "SIG"}), "/use"),
            ("null use", json!({"use": null}), "/use"),
            ("own algorithm", json!({"alg": "Ed25519"}), ""),
            ("null algorithm", json!({"alg": null}), "/alg"),
            ("algorithm of another type", json!({"alg": "ES256"}), "/alg"),
            ("padding", json!({"x": encode(&[7; 32]) + "="}), "/x"),
            ("stray bits", json!({"x": "B".repeat(43)}), "/x"),
            ("standard alphabet", json!({"x": "+".repeat(42) + "8"}), "/x"),
            ("short", json!({"x": encode(&[7; 31])}), "/x"),
            ("long", json!({"x": encode(&[0; 33])}), "/x"),
            ("no string", json!({"x": 7}), "/x"),
        ];
        for (name, more, below) in cases {
            let expected: Vec<_> = Some(format!("/keys/0{below}")).filter(|_| !below.is_empty()).into_iter().collect();
            assert_eq!(pointers(json!([ed25519(more)])), expected, "{name}");
        }
    }

    #[test]
    fn what_is_forbidden_deeper_is_reported_at_the_key() {
        let cases = [
            ("private member", json!({"ext": {"a": [1, {"k": ""}]}})),
            ("private member in a known one", json!({"x5c": [{"d": null}]})),
            ("key set URI", json!({"ext": {"jku": "https://h.example/"}})),
            ("symmetric key", json!({"ext": {"kty": "oct"}})),
            ("two below one member", json!({"ext": {"p": 1, "q": 1}})),
        ];
        for (name, more) in cases {
            assert_eq!(pointers(json!([ed25519(more)])), ["/keys/0"], "{name}");
        }
        assert_eq!(pointers(json!([{"kty": "AKP", "ext": [{"d": 1}]}])), ["/keys/0"]);
    }

    #[test]
    fn all_faults_are_reported() {
        let unknown = json!({"kty": "AKP", "d": null, "use": "x", "alg": 1});
        let keys = json!([unknown, {"kty": "RSA", "e": "AQAB="}, [], {}]);
        let expected = ["/keys/0/d", "/keys/0/use", "/keys/1/n", "/keys/1/e", "/keys/2", "/keys/3/kty"];
        assert_eq!(pointers(keys), expected);
    }

    #[test]
    fn kid_is_unique_in_the_whole_set() {
        let key = |kid: &str| ed25519(json!({"kid": kid}));
        let unknown = json!({"kty": "AKP", "kid": "a"});
        assert!(pointers(json!([key("a"), key("A"), ed25519(json!({}))])).is_empty());
        assert_eq!(pointers(json!([key("a"), unknown, key("a")])), ["/keys/1/kid", "/keys/2/kid"]);
    }

    #[test]
    fn use_is_needed_when_both_uses_are_present() {
        let [sig, enc, none] = ["sig", "enc", ""].map(|purpose| match purpose {
            "" => ed25519(json!({})),
            _ => ed25519(json!({"use": purpose})),
        });
        let unknown = json!({"kty": "AKP"});
        assert!(pointers(json!([sig, none])).is_empty());
        assert!(pointers(json!([enc, none])).is_empty());
        assert!(pointers(json!([sig, enc, unknown])).is_empty());
        assert_eq!(pointers(json!([sig, none, enc])), ["/keys/1/use"]);
    }

    #[test]
    fn rsa_numbers_stand_at_their_boundaries() {
        const F4: &[u8] = &[1, 0, 1];
        let modulus = |first: u8, octets: usize| [vec![first], vec![0xff; octets - 1]].concat();
        let cases = [
            ("2048 bits", rsa(&modulus(0x80, 256), F4), ""),
            ("2047 bits", rsa(&modulus(0x7f, 256), F4), "/n"),
            ("2048 bits after zeros", rsa(&[vec![0; 2], modulus(0x80, 256)].concat(), F4), ""),
            ("zeros do not count", rsa(&[vec![0; 128], modulus(0x80, 128)].concat(), F4), "/n"),
            ("8192 bits", rsa(&modulus(0xff, 1024), F4), ""),
            ("8193 bits", rsa(&modulus(1, 1025), F4), "/n"),
            ("zero", rsa(&[0; 256], F4), "/n"),
            ("exponent 3", rsa(&modulus(0x80, 256), &[3]), "/e"),
            ("exponent 65535", rsa(&modulus(0x80, 256), &[0xff, 0xff]), "/e"),
            ("even exponent", rsa(&modulus(0x80, 256), &[1, 0, 2]), "/e"),
            ("exponent after zeros", rsa(&modulus(0x80, 256), &[0, 0, 0, 0, 0, 0, 0, 1, 0, 1]), ""),
            ("largest exponent", rsa(&modulus(0x80, 256), &[0xff; 8]), ""),
            ("exponent too large", rsa(&modulus(0x80, 256), &[1, 0, 0, 0, 0, 0, 0, 0, 1]), "/e"),
            ("empty exponent", rsa(&modulus(0x80, 256), &[]), "/e"),
            ("a curve is another member", with(rsa(&modulus(0x80, 256), F4), json!({"crv": "P-256"})), ""),
        ];
        for (name, key, below) in cases {
            let expected: Vec<_> = Some(format!("/keys/0{below}")).filter(|_| !below.is_empty()).into_iter().collect();
            assert_eq!(pointers(json!([key])), expected, "{name}");
        }
    }

    #[test]
    fn every_curve_has_its_size_and_algorithms() {
        let cases = [
            ("EC", "P-256", 32, "ES256", "ES384"),
            ("EC", "P-384", 48, "ES384", "ES256"),
            ("EC", "P-521", 66, "ECDH-ES+A192KW", "EdDSA"),
            ("OKP", "Ed25519", 32, "EdDSA", "ECDH-ES"),
            ("OKP", "Ed448", 57, "EdDSA", "Ed25519"),
            ("OKP", "X25519", 32, "ECDH-ES", "EdDSA"),
            ("OKP", "X448", 56, "ECDH-ES+A256KW", "RSA-OAEP"),
        ];
        for (kty, crv, size, good, bad) in cases {
            let key = |size: usize, alg: &str| {
                let octets = encode(&vec![7; size]);
                json!([{"kty": kty, "crv": crv, "x": octets, "y": encode(&vec![7; if kty == "EC" { size } else { 1 }]), "alg": alg}])
            };
            assert!(pointers(key(size, good)).is_empty(), "{crv}");
            assert_eq!(pointers(key(size, bad)), ["/keys/0/alg"], "{crv}");
            assert!(pointers(key(size - 1, good)).contains(&"/keys/0/x".to_owned()), "{crv}");
        }
    }

    #[test]
    fn signing_needs_a_key_for_it() {
        let p256 = json!({"kty": "EC", "crv": "P-256", "x": encode(&[7; 32]), "y": encode(&[7; 32])});
        let x25519 = json!({"kty": "OKP", "crv": "X25519", "x": encode(&[7; 32])});
        let cases = [
            ("any", json!([p256]), None, true),
            ("its algorithm", json!([p256]), Some("ES256"), true),
            ("another algorithm", json!([p256]), Some("RS256"), false),
            ("second key", json!([x25519, p256]), Some("ES256"), true),
            ("for encryption", json!([with(p256.clone(), json!({"use": "enc"}))]), None, false),
            ("for signatures", json!([with(p256.clone(), json!({"use": "sig"}))]), None, true),
            ("algorithm for encryption", json!([with(p256.clone(), json!({"alg": "ECDH-ES"}))]), None, false),
            ("encryption asked", json!([p256]), Some("ECDH-ES"), false),
            ("curve for encryption", json!([x25519]), None, false),
            ("bound to another", json!([ed25519(json!({"alg": "EdDSA"}))]), Some("Ed25519"), false),
            ("unbound", json!([ed25519(json!({}))]), Some("Ed25519"), true),
            ("unknown key", json!([{"kty": "AKP", "alg": "ES256"}]), Some("ES256"), false),
            ("no keys", Value::Null, None, false),
        ];
        for (name, keys, alg, expected) in cases {
            assert_eq!(can_sign(&set(keys), alg), expected, "{name}");
        }
    }

    #[test]
    fn rows_of_the_corpus_about_keys_get_their_verdict() {
        for line in include_str!("../../tests/data/corpus/metadata.jsonl").lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            let Some(set) = row["body"]["jwks"].as_object() else {
                continue;
            };
            // Refused because of jwks_uri, not because of the keys.
            let expected = row["verdict"] == "accept" || row["name"] == "jwks-and-jwks-uri";
            assert_eq!(check(set).is_empty(), expected, "{}", row["name"]);
        }
    }
}
