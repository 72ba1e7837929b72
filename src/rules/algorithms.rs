//! Encryption comes in pairs: a key management algorithm and a content encryption algorithm.

use super::refuse;
use crate::error::Violations;
use crate::metadata::{ClientMetadata, ContentEncryption};

/// Checks and completes the pairs
/// ([OpenID Connect Registration §2](https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata)):
/// the second needs the first, the first brings a default for the second, and what the server encrypts for the client
/// needs a key of the client.
pub(super) fn settle(metadata: &mut ClientMetadata, violations: &mut Violations) {
    let has_keys = metadata.jwks.is_some() || metadata.jwks_uri.is_some();
    let pairs = [
        (
            "id_token_encrypted_response",
            metadata.id_token_encrypted_response_alg.is_some(),
            &mut metadata.id_token_encrypted_response_enc,
            true,
        ),
        (
            "userinfo_encrypted_response",
            metadata.userinfo_encrypted_response_alg.is_some(),
            &mut metadata.userinfo_encrypted_response_enc,
            true,
        ),
        (
            "request_object_encryption",
            metadata.request_object_encryption_alg.is_some(),
            &mut metadata.request_object_encryption_enc,
            false,
        ),
    ];
    for (prefix, alg, enc, for_the_client) in pairs {
        match (alg, &enc) {
            (false, Some(_)) => {
                refuse(violations, &format!("{prefix}_enc"), "M15", "the matching _alg member is required")
            }
            (true, None) => *enc = Some(ContentEncryption::A128CbcHs256),
            _ => {}
        }
        if alg && for_the_client && !has_keys {
            refuse(violations, &format!("{prefix}_alg"), "M15", "encryption for the client needs jwks or jwks_uri");
        }
    }
}
