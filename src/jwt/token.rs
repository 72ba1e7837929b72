//! One token, cut and read, its signature checked with one key after the other.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

use crate::metadata::{Object, SigningAlgorithm, read_object};

/// A token in compact serialization ([RFC 7515 §7.1](https://www.rfc-editor.org/rfc/rfc7515#section-7.1)) that has been
/// read but not verified.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    /// Header and payload as they are signed.
    signed: &'a str,
    signature: Vec<u8>,
    header: Object,
    claims: Object,
    algorithm: SigningAlgorithm,
}

impl<'a> Token<'a> {
    /// Reads a token whose algorithm is a signature algorithm with a public key.
    pub(crate) fn read(text: &'a str) -> Result<Self, &'static str> {
        const PARTS: &str = "three base64url parts, separated by dots, are expected";
        let (signed, signature) = text.rsplit_once('.').ok_or(PARTS)?;
        let (header, claims) = signed.split_once('.').ok_or(PARTS)?;
        let [header, claims, signature] = [header, claims, signature].map(decode);
        let header = object(&header.ok_or(PARTS)?).ok_or("the header is not one unambiguous JSON object")?;
        let claims = object(&claims.ok_or(PARTS)?).ok_or("the payload is not one unambiguous JSON object")?;
        let signature = signature.ok_or(PARTS)?;
        let algorithm = header.get("alg").and_then(Value::as_str).map(SigningAlgorithm::from);
        let algorithm = algorithm.filter(has_public_key);
        let algorithm = algorithm.ok_or("alg is not a signature algorithm with a public key")?;
        // Whoever does not understand a critical parameter must refuse the token, and none is understood here.
        if header.contains_key("crit") {
            return Err("a critical header parameter is not understood");
        }
        if header.get("kid").is_some_and(|kid| !kid.is_string()) {
            return Err("kid must be a string");
        }
        Ok(Self { signed, signature, header, claims, algorithm })
    }

    pub(crate) fn algorithm(&self) -> &SigningAlgorithm {
        &self.algorithm
    }

    pub(crate) fn key_id(&self) -> Option<&str> {
        self.header.get("kid").and_then(Value::as_str)
    }

    /// Whether this is the `typ` of the token; `application/` may be left out
    /// ([RFC 7515 §4.1.9](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.9)).
    pub(super) fn has_type(&self, media_type: &str) -> bool {
        let bare = |name: &str| {
            let name = name.to_ascii_lowercase();
            name.strip_prefix("application/").map(str::to_owned).unwrap_or(name)
        };
        self.header.get("typ").and_then(Value::as_str).is_some_and(|own| bare(own) == bare(media_type))
    }

    pub(crate) fn claims(&self) -> &Object {
        &self.claims
    }

    pub(crate) fn into_claims(self) -> Object {
        self.claims
    }

    /// A claim that is a string.
    pub(crate) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }

    /// Whether the signature is from this key. The library is named, not looked up, since its look-up can panic where
    /// another crate switches a second library on.
    pub(super) fn is_signed_by(&self, key: &DecodingKey) -> bool {
        let Some(algorithm) = implementation(&self.algorithm) else { return false };
        let verifier = (DEFAULT_PROVIDER.verifier_factory)(&algorithm, key);
        verifier.is_ok_and(|verifier| verifier.verify(self.signed.as_bytes(), &self.signature).is_ok())
    }
}

fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok().filter(|octets| !octets.is_empty())
}

fn object(octets: &[u8]) -> Option<Object> {
    read_object(octets).ok()
}

/// How the library calls an algorithm; none for what it cannot verify.
pub(super) fn implementation(algorithm: &SigningAlgorithm) -> Option<Algorithm> {
    Some(match algorithm {
        SigningAlgorithm::Rs256 => Algorithm::RS256,
        SigningAlgorithm::Rs384 => Algorithm::RS384,
        SigningAlgorithm::Rs512 => Algorithm::RS512,
        SigningAlgorithm::Ps256 => Algorithm::PS256,
        SigningAlgorithm::Ps384 => Algorithm::PS384,
        SigningAlgorithm::Ps512 => Algorithm::PS512,
        SigningAlgorithm::Es256 => Algorithm::ES256,
        SigningAlgorithm::Es384 => Algorithm::ES384,
        SigningAlgorithm::EdDsa | SigningAlgorithm::Ed25519 => Algorithm::EdDSA,
        _ => return None,
    })
}

/// A registered algorithm that is neither `none` nor HMAC.
fn has_public_key(algorithm: &SigningAlgorithm) -> bool {
    algorithm.is_listed() && !algorithm.as_str().starts_with("HS")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, claims: &str) -> String {
        format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_token_is_read_strictly_before_anything_is_verified() {
        let good = r#"{"alg":"ES256"}"#;
        let rows = [
            ("plain", token(good, "{}"), true),
            ("with a key identifier", token(r#"{"alg":"ES256","kid":"a","typ":"JWT"}"#, "{}"), true),
            ("with keys of its own", token(r#"{"alg":"ES256","jku":"https://h.example/","jwk":{}}"#, "{}"), true),
            ("none", token(r#"{"alg":"none"}"#, "{}"), false),
            ("HMAC", token(r#"{"alg":"HS256"}"#, "{}"), false),
            ("unknown algorithm", token(r#"{"alg":"es256"}"#, "{}"), false),
            ("no algorithm", token("{}", "{}"), false),
            ("algorithm of another type", token(r#"{"alg":["ES256"]}"#, "{}"), false),
            ("two algorithms", token(r#"{"alg":"none","alg":"ES256"}"#, "{}"), false),
            ("critical", token(r#"{"alg":"ES256","crit":["exp"],"exp":1}"#, "{}"), false),
            ("critical, empty", token(r#"{"alg":"ES256","crit":[]}"#, "{}"), false),
            ("key identifier of another type", token(r#"{"alg":"ES256","kid":1}"#, "{}"), false),
            ("two claims of one name", token(good, r#"{"iss":"a","iss":"b"}"#), false),
            ("claims are an array", token(good, "[]"), false),
            ("claims are text", token(good, "x"), false),
            ("header is an array", token("[]", "{}"), false),
            ("two parts", token(good, "{}").replace(".c2ln", ""), false),
            ("four parts", token(good, "{}") + ".c2ln", false),
            ("no signature", token(good, "{}").replace("c2ln", ""), false),
            ("padding", token(good, "{}").replace("c2ln", "c2k="), false),
            ("stray bits", token(good, "{}").replace("c2ln", "c2l"), false),
            ("white space", token(good, "{}") + "\n", false),
            ("JSON serialization", r#"{"payload":"e30","signatures":[]}"#.to_owned(), false),
            ("nothing", String::new(), false),
            ("dots", "..".to_owned(), false),
        ];
        for (name, text, read) in rows {
            assert_eq!(Token::read(&text).is_ok(), read, "{name}");
        }
    }

    #[test]
    fn a_type_is_compared_without_case_and_prefix() {
        let text = token(r#"{"alg":"ES256","typ":"application/AT+jwt"}"#, "{}");
        let token = Token::read(&text).unwrap();
        assert!(token.has_type("at+jwt") && token.has_type("application/at+JWT"));
        assert!(!token.has_type("jwt"));
    }
}
