//! Algorithms: an encrypted response needs two of them, and each asymmetric one needs a key of the client.
//!
//! There is no list of pairs here. In the table of members, a content encryption (`_enc`) directly follows its key
//! management algorithm (`_alg`), and the kind of the value says which side decrypts. A new pair is two rows of the table.
//!
//! - Reads: every member with an algorithm, `jwks`, `jwks_uri`.
//! - Changes: a missing `_enc` beside its `_alg`, and `id_token_signed_response_alg` with the switch `id-token-alg-stated`.
//! - Refuses (M15): an `_enc` alone, and an algorithm of the client without a key for it.

use super::{jwks, refuse};
use crate::error::Violations;
use crate::protocol::metadata::{
    ClientMetadata, ContentEncryption, Field, KeyManagementAlgorithm, SigningAlgorithm, ValueKind,
};
use crate::protocol::{Supported, Switch};

/// Checks and completes the algorithms
/// ([OpenID Connect Registration §2](https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata)):
/// `_enc` needs its `_alg`, which brings a default for it; and what the server encrypts for the client needs a key of
/// the client.
pub(super) fn apply(metadata: &mut ClientMetadata, supported: &Supported, violations: &mut Violations) {
    apply_pairs(metadata, violations);
    check_keys(metadata, supported, violations);
    if supported.is_on(Switch::IdTokenAlgStated) && metadata.id_token_signed_response_alg.is_none() {
        metadata.id_token_signed_response_alg = default_id_token_algorithm(supported);
    }
}

/// Checks each pair of `_alg` and `_enc` and fills in the default of `_enc`
/// ([OpenID Connect Registration §2](https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata)).
fn apply_pairs(metadata: &mut ClientMetadata, violations: &mut Violations) {
    let present = Vec::from_iter(metadata.members().map(|(member, field)| (member, !field.is_absent())));
    // The row before a content encryption is its key management algorithm; a test of the table checks it.
    let neighbours = present.iter().zip(&present[1..]);
    for ((_, alg), (member, enc)) in neighbours.filter(|(_, (member, _))| member.kind == ValueKind::ContentEncryption) {
        match (*alg, *enc, metadata.member_mut(member.name)) {
            (false, true, _) => refuse(violations, member.name, "M15", "the matching _alg member is required"),
            (true, false, Some((_, field))) => drop(field.put(None, ContentEncryption::A128CbcHs256.as_str().into())),
            _ => {}
        }
    }
}

/// Refuses an algorithm whose key the client does not have. Without this check the client would register successfully and
/// fail at its first login, which its developers do not see.
fn check_keys(metadata: &ClientMetadata, supported: &Supported, violations: &mut Violations) {
    // A fault of the keys themselves is reported already; a second violation would follow from it.
    let unclear = violations.concern("jwks") || violations.concern("jwks_uri");
    for (member, field) in metadata.members().filter(|_| !unclear) {
        let detail = match member.kind {
            ValueKind::KeyManagement => "encryption for the client needs jwks_uri, or jwks with a key for it",
            ValueKind::OwnSigning => "signing by the client needs jwks_uri, or jwks with a key for the algorithm",
            _ => continue,
        };
        let mut keyless = false;
        field.texts(&mut |text| keyless |= !is_usable(metadata, member.kind, text.value, supported));
        if keyless {
            refuse(violations, member.name, "M15", detail);
        }
    }
}

/// Whether the client has the key for a value of a member of this kind. A key at `jwks_uri` cannot be read here, so the
/// URI alone is enough; [`accepts_keys`](super::accepts_keys) judges the document where the operator wants it.
pub(super) fn is_usable(metadata: &ClientMetadata, kind: ValueKind, value: &str, supported: &Supported) -> bool {
    let wanted = supported.is_on(Switch::EncryptionKeyRequired).then_some(value);
    let has_key = || match (&metadata.jwks, kind) {
        (None, _) => metadata.jwks_uri.is_some(),
        (Some(jwks), ValueKind::OwnSigning) => jwks::can_sign(&jwks.0, Some(value)),
        (Some(jwks), _) => jwks::can_encrypt(&jwks.0, wanted),
    };
    !is_by_own_key(kind, value) || has_key()
}

/// Whether a value of a member of this kind is an algorithm whose key is the client's own.
fn is_by_own_key(kind: ValueKind, value: &str) -> bool {
    matches!(kind, ValueKind::KeyManagement | ValueKind::OwnSigning) && !is_symmetric(kind, value)
}

/// Whether a member of this kind holds an algorithm whose key is the client's own.
pub(super) fn needs_key(kind: ValueKind, field: &dyn Field) -> bool {
    let mut needed = false;
    field.texts(&mut |text| needed |= is_by_own_key(kind, text.value));
    needed
}

/// Whether a value of a member of this kind is an algorithm whose key comes from the client secret
/// ([OpenID Connect Core §10.1](https://openid.net/specs/openid-connect-core-1_0.html#Signing)).
pub(super) fn is_symmetric(kind: ValueKind, value: &str) -> bool {
    match kind {
        ValueKind::Signing | ValueKind::AssertionSigning | ValueKind::OwnSigning => {
            SigningAlgorithm::from(value).is_symmetric()
        }
        ValueKind::KeyManagement | ValueKind::RequestKeyManagement => {
            KeyManagementAlgorithm::from(value).is_symmetric()
        }
        _ => false,
    }
}

/// `RS256`, the default of the standard, or the first algorithm of a server that does not support it.
fn default_id_token_algorithm(supported: &Supported) -> Option<SigningAlgorithm> {
    let default = SigningAlgorithm::Rs256;
    if supported.signs_with(&default) { Some(default) } else { supported.signing_algorithms.first().cloned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Applies the rule to a document, and returns the document and the members with a violation.
    fn applied(document: &str, on: &[Switch]) -> (ClientMetadata, Vec<String>) {
        let mut metadata = ClientMetadata::from_json(document.as_bytes()).unwrap();
        let mut violations = Violations::default();
        apply(&mut metadata, &Supported::with_switches(on), &mut violations);
        (metadata, violations.iter().map(|violation| violation.pointer().to_owned()).collect())
    }

    #[test]
    fn every_content_encryption_needs_its_algorithm_and_gets_a_default_from_it() {
        let bare = ClientMetadata::default();
        let names = bare
            .members()
            .filter(|(member, _)| member.kind == ValueKind::ContentEncryption)
            .map(|(member, _)| member.name);
        let mut pairs = 0;
        for enc in names {
            let alg = enc.replace("_enc", "_alg").replace("_algry", "_encry");
            let (_, broken) = applied(&format!(r#"{{"{enc}":"A256GCM"}}"#), &[]);
            assert_eq!(broken, [format!("/{enc}")], "{enc} alone");
            let keys = r#""jwks_uri":"https://a.example/jwks""#;
            let (metadata, broken) = applied(&format!(r#"{{{keys},"{alg}":"ECDH-ES"}}"#), &[]);
            assert!(broken.is_empty(), "{alg}: {broken:?}");
            assert!(metadata.to_json().contains(&format!(r#""{enc}":"A128CBC-HS256""#)), "{enc} by default");
            let (_, broken) = applied(&format!(r#"{{"{alg}":"ECDH-ES"}}"#), &[]);
            let for_the_client = alg != "request_object_encryption_alg";
            assert_eq!(!broken.is_empty(), for_the_client, "{alg} without keys");
            let (_, broken) = applied(&format!(r#"{{"{alg}":"dir"}}"#), &[]);
            assert!(broken.is_empty(), "{alg} with the secret");
            pairs += 1;
        }
        assert_eq!(pairs, 6);
    }

    #[test]
    fn signing_by_the_client_needs_its_keys() {
        let alg = r#""backchannel_authentication_request_signing_alg":"ES256""#;
        assert_eq!(applied(&format!("{{{alg}}}"), &[]).1.len(), 1);
        // The base point of the curve.
        let (x, y) = ("axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY", "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU");
        for (purpose, broken) in [("sig", 0), ("enc", 1)] {
            let jwk = format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}","use":"{purpose}"}}"#);
            let document = format!(r#"{{{alg},"jwks":{{"keys":[{jwk}]}}}}"#);
            assert_eq!(applied(&document, &[]).1.len(), broken, "a key for {purpose}");
        }
        assert!(applied(&format!(r#"{{{alg},"jwks_uri":"https://a.example/jwks"}}"#), &[]).1.is_empty());
    }

    #[test]
    fn encryption_needs_a_key_for_it_and_one_for_the_algorithm_where_the_switch_is_on() {
        let octets = "A".repeat(43);
        let broken = |key: &str, alg: &str, on| {
            let jwks = format!(r#"{{"keys":[{{"kty":"EC","crv":"P-256","x":"{octets}","y":"{octets}"{key}}}]}}"#);
            applied(&format!(r#"{{"jwks":{jwks},"id_token_encrypted_response_alg":"{alg}"}}"#), on).1.len()
        };
        const ON: &[Switch] = &[Switch::EncryptionKeyRequired];
        let rows = [
            ("a key", "", "ECDH-ES", 0, 0),
            ("a key of another type", "", "RSA-OAEP", 0, 1),
            ("a key for signatures", r#","use":"sig""#, "ECDH-ES", 1, 1),
            ("a key that verifies", r#","key_ops":["verify"]"#, "ECDH-ES", 1, 1),
            ("a key for another algorithm", r#","alg":"ECDH-ES+A128KW""#, "ECDH-ES", 0, 1),
            ("the secret", "", "dir", 0, 0),
        ];
        for (name, key, alg, off, on) in rows {
            assert_eq!(broken(key, alg, &[]), off, "{name}, switch off");
            assert_eq!(broken(key, alg, ON), on, "{name}, switch on");
        }
    }

    #[test]
    fn the_algorithm_of_id_tokens_is_stated_where_the_switch_is_on() {
        let algorithm = |on: &[Switch]| applied("{}", on).0.id_token_signed_response_alg;
        assert_eq!(algorithm(&[]), None);
        assert_eq!(algorithm(&[Switch::IdTokenAlgStated]), Some(SigningAlgorithm::Rs256));
    }
}
