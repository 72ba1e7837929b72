//! A JSON Web Token: parsed strictly, and verified with one key at a time.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::protocol::json::{Object, read::read as read_object};
use crate::protocol::metadata::SigningAlgorithm;
use crate::protocol::signature::{PublicKey, verify_mac};

/// A token in compact serialization ([RFC 7515 §7.1](https://www.rfc-editor.org/rfc/rfc7515#section-7.1)) that has been
/// read but not verified.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    /// Header and payload with the dot between them: the input of the signature.
    signed: &'a str,
    signature: Vec<u8>,
    header: Object,
    claims: Object,
    algorithm: SigningAlgorithm,
}

impl<'a> Token<'a> {
    /// Reads a token whose algorithm is a signature algorithm with a public key.
    ///
    /// # Errors
    ///
    /// The reason, which contains no value of the token.
    pub(crate) fn read(text: &'a str) -> Result<Self, &'static str> {
        let token = Self::read_any(text)?;
        match token.algorithm.is_symmetric() {
            true => Err(NO_PUBLIC_KEY),
            false => Ok(token),
        }
    }

    /// As [`read`](Self::read), for a token that may also be authenticated with a client secret.
    pub(crate) fn read_any(text: &'a str) -> Result<Self, &'static str> {
        const PARTS: &str = "three base64url parts, separated by dots, are expected";
        // Split from the end, so that a fourth part is in the payload, where a dot is not base64url.
        let (signed, signature) = text.rsplit_once('.').ok_or(PARTS)?;
        let (header, claims) = signed.split_once('.').ok_or(PARTS)?;
        let [header, claims, signature] = [header, claims, signature].map(decode);
        let header = object(&header.ok_or(PARTS)?).ok_or("the header is not one unambiguous JSON object")?;
        let claims = object(&claims.ok_or(PARTS)?).ok_or("the payload is not one unambiguous JSON object")?;
        let signature = signature.ok_or(PARTS)?;
        let algorithm = header.get("alg").and_then(Value::as_str).map(SigningAlgorithm::from);
        // `none` is not a listed algorithm, so an unsigned token is refused here.
        let algorithm =
            algorithm.filter(|algorithm| !matches!(algorithm, SigningAlgorithm::Other(_))).ok_or(NO_PUBLIC_KEY)?;
        // RFC 7515 §4.1.11: a recipient must refuse a critical parameter that it does not support. This one supports none.
        if header.contains_key("crit") {
            return Err("a critical header parameter is not understood");
        }
        if header.get("kid").is_some_and(|kid| !kid.is_string()) {
            return Err("kid must be a string");
        }
        Ok(Self { signed, signature, header, claims, algorithm })
    }

    /// The header `alg`, which is a supported algorithm.
    pub(crate) fn algorithm(&self) -> &SigningAlgorithm {
        &self.algorithm
    }

    /// The header `kid`, if there is one.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.header.get("kid").and_then(Value::as_str)
    }

    /// Whether there is a header of this name.
    pub(crate) fn has_header(&self, name: &str) -> bool {
        self.header.contains_key(name)
    }

    /// Whether this is the `typ` of the token, without regard to case; the prefix `application/` may be omitted
    /// ([RFC 7515 §4.1.9](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.9)).
    pub(crate) fn has_type(&self, media_type: &str) -> bool {
        let bare = |name: &str| {
            let name = name.to_ascii_lowercase();
            name.strip_prefix("application/").map(str::to_owned).unwrap_or(name)
        };
        self.header.get("typ").and_then(Value::as_str).is_some_and(|own| bare(own) == bare(media_type))
    }

    /// The claims. They are not to be trusted before the signature is verified.
    pub(crate) fn claims(&self) -> &Object {
        &self.claims
    }

    /// Replaces each of these claims that is a number by its text, as it is written in the payload. A parsed number does
    /// not preserve it: 1.10 is read as 1.1.
    pub(crate) fn write_numbers_as_text(&mut self, names: &[&str]) {
        if !names.iter().any(|name| self.claims.get(*name).is_some_and(Value::is_number)) {
            return;
        }
        let payload = self.signed.split_once('.').and_then(|(_, payload)| decode(payload)).unwrap_or_default();
        let written: HashMap<String, &RawValue> = serde_json::from_slice(&payload).unwrap_or_default();
        for name in names {
            if let (Some(claim @ Value::Number(_)), Some(text)) = (self.claims.get_mut(*name), written.get(*name)) {
                *claim = text.get().into();
            }
        }
    }

    /// The claims, without the rest of the token.
    pub(crate) fn into_claims(self) -> Object {
        self.claims
    }

    /// A claim that is a string.
    pub(crate) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }

    /// Whether the signature was made with this JSON Web Key. False for a key that does not fit the algorithm.
    pub(super) fn is_signed_by(&self, key: &Value) -> bool {
        let key = PublicKey::read(key, &self.algorithm);
        key.is_some_and(|key| key.verify(self.signed.as_bytes(), &self.signature))
    }

    /// Whether the signature is a message authentication code with this client secret. Compared in constant time.
    pub(crate) fn is_authenticated_by(&self, secret: &str) -> bool {
        verify_mac(secret.as_bytes(), &self.algorithm, self.signed.as_bytes(), &self.signature)
    }
}

const NO_PUBLIC_KEY: &str = "alg is not a signature algorithm with a public key";

/// Strict base64url without padding. An empty part is refused, because a signature of no bytes is a missing one.
fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok().filter(|octets| !octets.is_empty())
}

/// One JSON object without duplicate names, since two parsers may read a duplicate differently.
fn object(octets: &[u8]) -> Option<Object> {
    read_object(octets).ok()
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
            ("a message authentication code", token(r#"{"alg":"HS256"}"#, "{}"), false),
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
    fn a_number_becomes_the_text_that_was_written() {
        let rows = [
            ("1.10", "1.10"),
            ("2.0", "2.0"),
            ("1e2", "1e2"),
            ("-0", "-0"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            (r#""1.10""#, "1.10"),
        ];
        for (written, expected) in rows {
            let claims = format!(r#"{{"software\u005fversion": {written} , "iat": 5}}"#);
            let text = token(r#"{"alg":"ES256"}"#, &claims);
            let mut token = Token::read(&text).unwrap();
            token.write_numbers_as_text(&["software_id", "software_version"]);
            assert_eq!(token.text("software_version"), Some(expected), "{written}");
            assert!(token.claims()["iat"].is_number());
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
