//! Client-initiated backchannel authentication: how a client without a browser receives its tokens
//! ([CIBA §4](https://openid.net/specs/openid-client-initiated-backchannel-authentication-core-1_0.html#registration)).
//!
//! The delivery mode decides what else must be registered. `poll` and `ping` use the token endpoint and so need the grant;
//! `ping` and `push` need an endpoint of the client; `poll` and `ping` with pairwise subjects need a URI from which the
//! sector is derived.
//!
//! - Reads: the grant types, the subject type and the members of the extension `ciba`.
//! - Changes: nothing.
//! - Refuses (X4): an unknown delivery mode, and a mode without the members that it requires.

use super::refuse;
use crate::error::Violations;
use crate::protocol::Supported;
use crate::protocol::metadata::{ClientMetadata, Extension, GrantType, SubjectType, TokenDeliveryMode as Mode};

/// Checks the delivery mode and the members that it requires. Each condition is one row.
pub(super) fn check(metadata: &mut ClientMetadata, supported: &Supported, violations: &mut Violations) {
    if !supported.extensions.contains(Extension::Ciba) || violations.concern("backchannel_token_delivery_mode") {
        return;
    }
    if matches!(metadata.backchannel_token_delivery_mode, Some(Mode::Other(_))) {
        let detail = "the delivery mode must be poll, ping or push";
        return refuse(violations, "backchannel_token_delivery_mode", "X4", detail);
    }
    let granted = metadata.grant_types.contains(&GrantType::Ciba);
    let mode = metadata.backchannel_token_delivery_mode.as_ref();
    let polls = matches!(mode, Some(Mode::Poll | Mode::Ping));
    let notified = matches!(mode, Some(Mode::Ping | Mode::Push));
    let pairwise = metadata.subject_type == Some(SubjectType::Pairwise);
    // A client whose CIBA grant was left out as unsupported gets a refusal, and not a registration that cannot work.
    let rows = [
        (granted && mode.is_none(), "backchannel_token_delivery_mode", "the CIBA grant needs poll, ping or push"),
        (
            polls && !granted && !violations.concern("grant_types"),
            "backchannel_token_delivery_mode",
            "poll and ping need the CIBA grant, which is not registered",
        ),
        (
            notified && metadata.backchannel_client_notification_endpoint.is_none(),
            "backchannel_client_notification_endpoint",
            "ping and push need a notification endpoint",
        ),
        (
            pairwise && polls && metadata.jwks_uri.is_none(),
            "jwks_uri",
            "poll and ping with pairwise subjects need jwks_uri",
        ),
    ];
    for (_, member, detail) in rows.iter().filter(|(broken, ..)| *broken) {
        refuse(violations, member, "X4", detail);
    }
}
