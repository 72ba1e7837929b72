//! The types of keys that the server can use, one row for each, and the members that a key of a type must have.
//!
//! A row says which algorithms fit the type, so the same table decides whether a key is well-formed and what it can be used
//! for. A type without a row is unknown: its keys are skipped and not refused.

use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::error::Fault;
use crate::protocol::signature;

/// Limits of an RSA modulus in bits, the lower one from
/// [RFC 7518 §3.3](https://www.rfc-editor.org/rfc/rfc7518#section-3.3).
const MODULUS_BITS: RangeInclusive<usize> = 2048..=8192;
/// The smallest RSA exponent. Smaller ones have known attacks with weak padding, and no deployed library creates them.
const MIN_EXPONENT: u64 = 65_537;

// The names of algorithms and the members of keys that several rows share.
const RSA_SIGNING: &[&str] = &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
const RSA_ENCRYPTION: &[&str] = &["RSA-OAEP", "RSA-OAEP-256"];
const ECDH: &[&str] = &["ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"];
const ED25519: &[&str] = &["EdDSA", "Ed25519"];
const EDDSA: &[&str] = &["EdDSA"];

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

/// A member of a key and what it must hold.
type Member = (&'static str, Shape);

/// A row of [`KEY_TYPES`].
pub(super) struct KeyType {
    /// The value of `kty`.
    kty: &'static str,
    /// The value of `crv`, for a type with curves.
    crv: Option<&'static str>,
    /// The members that a public key of the type has, beyond those of every key.
    members: &'static [Member],
    /// The `alg` values for signatures.
    pub(super) signing: &'static [&'static str],
    /// The `alg` values for encryption.
    pub(super) encryption: &'static [&'static str],
}

impl KeyType {
    /// One row of the table.
    const fn new(
        kty: &'static str,
        crv: Option<&'static str>,
        members: &'static [Member],
        signing: &'static [&'static str],
        encryption: &'static [&'static str],
    ) -> Self {
        Self { kty, crv, members, signing, encryption }
    }

    /// The type of a key; `None` for a key that the server cannot use.
    pub(super) fn of(key: &Value) -> Option<&'static Self> {
        let text = |name| key.get(name).and_then(Value::as_str);
        let (kty, crv) = (text("kty")?, text("crv"));
        KEY_TYPES.iter().find(|row| row.kty == kty && (row.crv.is_none() || row.crv == crv))
    }

    /// Whether keys with this `kty` name a curve in `crv`.
    pub(super) fn has_curves(kty: &str) -> bool {
        KEY_TYPES.iter().any(|row| row.kty == kty && row.crv.is_some())
    }

    /// The members that break a rule, by name. An empty name means the key as a whole.
    pub(super) fn check(&self, key: &Value) -> Vec<(&'static str, Fault)> {
        let broken = self.members.iter().filter_map(|(name, shape)| Some((*name, shape.check(key.get(name)).err()?)));
        // The point is judged only where both coordinates are well-formed: a second fault would follow from the first.
        let mut faults: Vec<_> = broken.collect();
        if faults.is_empty() && !self.has_point(key) {
            faults.push(("", Fault::new("M14", "x and y must be a point on the curve")));
        }
        faults
    }

    /// Whether the coordinates are a point of the curve. Only a build with a cryptographic library can check that; without
    /// one every key passes. A point off the curve would expose the private key of the other side in a key agreement
    /// ([RFC 8725 §3.4](https://www.rfc-editor.org/rfc/rfc8725#section-3.4)).
    fn has_point(&self, key: &Value) -> bool {
        self.kty != "EC" || self.signing.iter().any(|alg| signature::can_verify(key, &(*alg).into()))
    }
}

/// The condition on the octets of a member, after base64url.
enum Shape {
    /// Exactly this many octets: a coordinate of a curve.
    Octets(usize),
    /// An RSA modulus.
    Modulus,
    /// An RSA public exponent.
    Exponent,
}

impl Shape {
    /// Checks a member. Padding and stray bits are refused, because two spellings of one key have different thumbprints.
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

/// Whether a public exponent is odd, not too small, and fits into 64 bits.
fn is_exponent(number: &[u8]) -> bool {
    let value = number.iter().fold(0, |value, octet| value << 8 | u64::from(*octet));
    significant_bits(number) <= 64 && value >= MIN_EXPONENT && value % 2 == 1
}
