//! Client authentication: which methods are supported, and what each of them needs.
//!
//! A method that the client cannot use is refused at registration: one that signs needs a key or a secret, one with a
//! certificate needs a subject or a certificate. This module also decides whether a client receives a secret, so that a
//! secret exists only where something uses it.
//!
//! - Reads: `token_endpoint_auth_method`, its signing algorithm, the keys and the members about certificates.
//! - Changes: removes a `jwks` without keys.
//! - Refuses (M11, M14, X1): a method that is not supported or lacks its credential, and a key set with a fault.

use super::{algorithms, jwks, refuse};
use crate::error::Fault;
use crate::error::{ErrorCode, Violation, Violations};
use crate::protocol::metadata::{ClientMetadata, SigningAlgorithm, TokenEndpointAuthMethod, ValueKind};
use crate::protocol::{Supported, Switch};

/// What a client must have to use a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// A client secret.
    Secret,
    /// A client secret under which assertions are signed.
    AssertionSecret,
    /// A public key under which assertions are verified.
    AssertionKey,
    /// One statement about the subject of a certificate.
    CertificateSubject,
    /// A certificate of the client's own.
    Certificate,
    /// No credential: a public client.
    Nothing,
}

/// What each method needs: [RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2),
/// [OpenID Connect Core §9](https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication),
/// [RFC 8705 §2](https://www.rfc-editor.org/rfc/rfc8705#section-2). A method without a row
/// is treated as one with a secret, which is the default of the standard.
const METHODS: &[(TokenEndpointAuthMethod, Needs)] = &[
    (TokenEndpointAuthMethod::None, Needs::Nothing),
    (TokenEndpointAuthMethod::ClientSecretBasic, Needs::Secret),
    (TokenEndpointAuthMethod::ClientSecretPost, Needs::Secret),
    (TokenEndpointAuthMethod::ClientSecretJwt, Needs::AssertionSecret),
    (TokenEndpointAuthMethod::PrivateKeyJwt, Needs::AssertionKey),
    (TokenEndpointAuthMethod::TlsClientAuth, Needs::CertificateSubject),
    (TokenEndpointAuthMethod::SelfSignedTlsClientAuth, Needs::Certificate),
];

/// What a method needs.
fn needs(method: &TokenEndpointAuthMethod) -> Needs {
    METHODS.iter().find(|(known, _)| known == method).map_or(Needs::Secret, |(_, needs)| *needs)
}

/// Whether the client needs a secret: for its method, or for an algorithm whose key comes from the secret
/// ([OpenID Connect Core §10](https://openid.net/specs/openid-connect-core-1_0.html#SigEnc)). Public clients and clients
/// with keys of their own get none ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2)).
pub(crate) fn needs_secret(metadata: &ClientMetadata) -> bool {
    let method = metadata.token_endpoint_auth_method.as_ref();
    let by_method = method.is_none_or(|method| matches!(needs(method), Needs::Secret | Needs::AssertionSecret));
    by_method || has_symmetric_algorithm(metadata)
}

/// Whether a response is signed or encrypted with the secret. The algorithm of assertions is left out: without the method
/// `client_secret_jwt` it has no effect.
fn has_symmetric_algorithm(metadata: &ClientMetadata) -> bool {
    metadata.members().any(|(member, field)| {
        let mut symmetric = false;
        field.texts(&mut |text| symmetric |= algorithms::is_symmetric(member.kind, text.value));
        symmetric && member.kind != ValueKind::AssertionSigning
    })
}

/// Checks the keys, the statements about certificates, and the method that needs them.
pub(super) fn apply(metadata: &mut ClientMetadata, supported: &Supported, violations: &mut Violations) {
    check_keys(metadata, supported, violations);
    check_subjects(metadata, violations);
    let Some(method) = &metadata.token_endpoint_auth_method else { return };
    if !supported.auth_methods.contains(method) {
        return refuse(violations, "token_endpoint_auth_method", "M11", "this authentication method is not offered");
    }
    // A method without a valid key set would be a second violation for the same fault.
    if violations.concern("jwks") || violations.concern("jwks_uri") {
        return;
    }
    let algorithm = metadata.token_endpoint_auth_signing_alg.as_ref();
    if let Err((member, fault)) = check_method(method, algorithm, metadata, supported) {
        refuse(violations, member, fault.rule, fault.detail);
    }
}

/// Checks `jwks` and `jwks_uri`, which exclude each other
/// ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2)). A set without keys is treated as not sent when the
/// client needs none: deployed libraries send `{"keys":[]}` for every client.
fn check_keys(metadata: &mut ClientMetadata, supported: &Supported, violations: &mut Violations) {
    let empty = metadata.jwks.as_ref().is_some_and(|jwks| jwks::is_without_keys(&jwks.0));
    let needed = needs_key(metadata);
    if metadata.jwks.is_some() && metadata.jwks_uri.is_some() && (!empty || needed) {
        refuse(violations, "jwks", "M14", "jwks and jwks_uri exclude each other");
    }
    for (below, fault) in metadata.jwks.iter().flat_map(|jwks| jwks::check(&jwks.0)) {
        let pointer = format!("/jwks{below}");
        violations.push(Violation::new(ErrorCode::InvalidClientMetadata, pointer, fault.rule, fault.detail));
    }
    let required = supported.is_on(Switch::KeyUseRequired);
    for index in metadata.jwks.iter().filter(|_| required).flat_map(|jwks| jwks::without_use(&jwks.0)) {
        let (rule, detail) = (Switch::KeyUseRequired.name(), "use is required where keys have different purposes");
        let pointer = format!("/jwks/keys/{index}/use");
        violations.push(Violation::new(ErrorCode::InvalidClientMetadata, pointer, rule, detail));
    }
    // The set is removed only when nothing else is wrong with it, so that a refusal names what was sent.
    if empty && needed {
        refuse(violations, "jwks", "M14", "the client needs a key, and the set has none");
    } else if empty && !violations.concern("jwks") {
        metadata.jwks = None;
    }
}

/// Whether the client needs a public key: for its authentication, for its signatures, or for encryption by the server.
fn needs_key(metadata: &ClientMetadata) -> bool {
    let method = metadata.token_endpoint_auth_method.as_ref();
    let by_method = method.is_some_and(|method| matches!(needs(method), Needs::AssertionKey | Needs::Certificate));
    by_method || metadata.members().any(|(member, field)| algorithms::needs_key(member.kind, field))
}

/// Refuses statements about a certificate with another method. Ignoring them would let a client believe that its tokens
/// are bound to the certificate
/// ([RFC 8705 §2.1.2](https://www.rfc-editor.org/rfc/rfc8705#section-2.1.2)).
fn check_subjects(metadata: &ClientMetadata, violations: &mut Violations) {
    if metadata.token_endpoint_auth_method == Some(TokenEndpointAuthMethod::TlsClientAuth) {
        return;
    }
    for member in subjects(metadata) {
        refuse(violations, member, "X1", "this member is for the authentication method tls_client_auth only");
    }
}

/// The members about the subject of a certificate that the document has.
fn subjects(metadata: &ClientMetadata) -> impl Iterator<Item = &'static str> {
    let present = metadata.members().filter(|(_, field)| !field.is_absent());
    present.map(|(member, _)| member.name).filter(|name| name.starts_with("tls_client_auth_"))
}

/// Whether the client has what a method needs, with the algorithm that it registers for assertions. The error names the
/// member that the violation belongs to.
pub(super) fn check_method(
    method: &TokenEndpointAuthMethod,
    algorithm: Option<&SigningAlgorithm>,
    metadata: &ClientMetadata,
    supported: &Supported,
) -> Result<(), (&'static str, Fault)> {
    // The member that the violation names: the method, unless the algorithm contradicts it.
    const METHOD: &str = "token_endpoint_auth_method";
    let fault =
        |broken: bool, member, rule, detail| if broken { Err((member, Fault::new(rule, detail))) } else { Ok(()) };
    match needs(method) {
        Needs::Nothing | Needs::Secret => Ok(()),
        Needs::AssertionSecret => fault(
            algorithm.is_some_and(|algorithm| !algorithm.is_symmetric()),
            "token_endpoint_auth_signing_alg",
            "M11",
            "client_secret_jwt signs with HS256, HS384 or HS512",
        ),
        Needs::AssertionKey => fault(
            !has_assertion_key(metadata, algorithm, supported),
            METHOD,
            "M11",
            "private_key_jwt needs jwks_uri, or jwks with a key for the signing algorithm",
        ),
        Needs::CertificateSubject => fault(
            subjects(metadata).count() != 1,
            METHOD,
            "X1",
            "tls_client_auth needs exactly one of the members that begin with tls_client_auth_",
        ),
        Needs::Certificate => {
            let usable =
                metadata.jwks.as_ref().map_or(metadata.jwks_uri.is_some(), |jwks| jwks::has_certificate(&jwks.0));
            let detail = "self_signed_tls_client_auth needs jwks_uri, or jwks with a certificate in x5c";
            fault(!usable, METHOD, "X1", detail)
        }
    }
}

/// Whether the client has a key for an algorithm that both it and the server accept for assertions. Without an algorithm of
/// its own, one usable key is enough.
fn has_assertion_key(metadata: &ClientMetadata, algorithm: Option<&SigningAlgorithm>, supported: &Supported) -> bool {
    let mut usable = supported.assertion_algorithms(&TokenEndpointAuthMethod::PrivateKeyJwt);
    usable.retain(|offered| algorithm.is_none_or(|wanted| wanted == offered));
    match &metadata.jwks {
        Some(jwks) => usable.iter().any(|algorithm| jwks::can_sign(&jwks.0, Some(algorithm.as_str()))),
        None => metadata.jwks_uri.is_some() && !usable.is_empty(),
    }
}
