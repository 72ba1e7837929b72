//! Members of extensions that depend on other members: front-channel logout, bound tokens, authorization details.
//!
//! An extension whose conditions are longer has a file of its own, such as `ciba` and `choices`.
//!
//! - Reads: `response_types`, `redirect_uris` and the members of the extensions `mtls`, `dpop`, `par`, `rar` and
//!   `front-channel-logout`.
//! - Changes: pushed requests and bound tokens, where a switch demands them.
//! - Refuses (X2, X3, X5): combinations that the standards forbid, and types of details that are not supported.

use super::refuse;
use crate::error::{ErrorCode, Violation, Violations};
use crate::protocol::metadata::{ClientMetadata, TokenEndpointAuthMethod as Method, pointer};
use crate::protocol::uri::Parts;
use crate::protocol::{Supported, Switch};

/// Raises what the server demands, then checks each extension. The order matters: a raised member is checked as well.
pub(super) fn apply(metadata: &mut ClientMetadata, supported: &Supported, violations: &mut Violations) {
    raise(metadata, supported);
    check_front_channel(metadata, violations);
    check_bound_tokens(metadata, violations);
    check_authorization_details(metadata, supported, violations);
}

/// Registers stricter values than the client sent, where a switch demands them. The reply shows the change
/// ([FAPI 2.0 §5.3.2](https://openid.net/specs/fapi-security-profile-2_0-final.html#section-5.3.2)).
fn raise(metadata: &mut ClientMetadata, supported: &Supported) {
    if supported.is_on(Switch::PushedRequestsRequired) {
        metadata.require_pushed_authorization_requests = Some(true);
    }
    let by_certificate = metadata.tls_client_certificate_bound_access_tokens == Some(true);
    let by_key = metadata.dpop_bound_access_tokens == Some(true);
    if !supported.is_on(Switch::SenderConstrainedTokens) || by_certificate || by_key {
        return;
    }
    // The certificate is bound where the client presents one anyway; every other client can make a DPoP key.
    match metadata.token_endpoint_auth_method {
        Some(Method::TlsClientAuth | Method::SelfSignedTlsClientAuth) => {
            metadata.tls_client_certificate_bound_access_tokens = Some(true);
        }
        _ => metadata.dpop_bound_access_tokens = Some(true),
    }
}

/// The browser loads the URI in a frame, so it must belong to the client
/// ([Front-Channel Logout §2](https://openid.net/specs/openid-connect-frontchannel-1_0.html#RPLogout)).
fn check_front_channel(metadata: &ClientMetadata, violations: &mut Violations) {
    let Some(uri) = &metadata.frontchannel_logout_uri else { return };
    if violations.concern("frontchannel_logout_uri") || violations.concern("redirect_uris") {
        return;
    }
    let origin = origin(uri);
    if !metadata.redirect_uris.iter().any(|redirect_uri| self::origin(redirect_uri) == origin) {
        let detail = "scheme, host and port must be those of a redirect URI";
        refuse(violations, "frontchannel_logout_uri", "X3", detail);
    }
}

/// The origin of a URI: scheme and host in lower case, and the port, which is the default one where none is written
/// ([RFC 6454 §4](https://www.rfc-editor.org/rfc/rfc6454#section-4)).
fn origin(uri: &str) -> Option<(String, String, String)> {
    let parts = Parts::read(uri).ok()?;
    let server = parts.server().ok()?;
    let default = if parts.has_scheme("https") { "443" } else { "80" };
    Some((
        parts.scheme.to_ascii_lowercase(),
        server.host.to_ascii_lowercase(),
        server.port.unwrap_or(default).to_owned(),
    ))
}

/// A token from the authorization endpoint cannot be bound to a certificate
/// ([RFC 8705 §3](https://www.rfc-editor.org/rfc/rfc8705#section-3)).
fn check_bound_tokens(metadata: &ClientMetadata, violations: &mut Violations) {
    let mut responses = metadata.response_types.iter().flat_map(|response| response.as_str().split(' '));
    if metadata.tls_client_certificate_bound_access_tokens == Some(true) && responses.any(|word| word == "token") {
        let detail = "tokens from the authorization endpoint cannot be bound to a certificate";
        refuse(violations, "tls_client_certificate_bound_access_tokens", "X2", detail);
    }
}

/// Refuses types of authorization details that the server does not support
/// ([RFC 9396 §10](https://www.rfc-editor.org/rfc/rfc9396#section-10)).
fn check_authorization_details(metadata: &ClientMetadata, supported: &Supported, violations: &mut Violations) {
    let Some(offered) = &supported.authorization_details_types else { return };
    for (index, details) in metadata.authorization_details_types.iter().enumerate() {
        if !offered.contains(details) {
            let pointer = pointer("authorization_details_types", None, Some(index));
            let detail = "this type of authorization details is not offered";
            violations.push(Violation::new(ErrorCode::InvalidClientMetadata, pointer, "X5", detail));
        }
    }
}
