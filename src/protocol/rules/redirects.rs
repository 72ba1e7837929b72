//! Redirect URIs as a whole: whether at least one is required, and which kinds the client and the switches permit (M13).
//!
//! The syntax of each URI is judged before, by [`redirect::check`]. Here a valid URI is compared with the rest of the
//! document: with the grant types, the type of application and the profile of the server.
//!
//! - Reads: `redirect_uris`, `grant_types`, `application_type`.
//! - Changes: nothing. A redirect URI is registered octet for octet as it was sent.
//! - Refuses (M13, R11 and switches): a missing URI, and a kind of URI that the client may not have.

use crate::error::Fault;
use crate::error::{ErrorCode, Violation, Violations};
use crate::protocol::metadata::{ApplicationType, ClientMetadata, GrantType, pointer};
use crate::protocol::uri::redirect;
use crate::protocol::uri::redirect::Kind;
use crate::protocol::{Supported, Switch};

/// Checks the list. Where a URI is malformed, this rule is silent: the kind of a malformed URI is not known.
pub(super) fn check(metadata: &mut ClientMetadata, supported: &Supported, violations: &mut Violations) {
    if violations.concern("redirect_uris") {
        return;
    }
    if metadata.redirect_uris.is_empty() && must_have_some(metadata, supported) {
        return refuse(violations, None, Fault::new("M13", "at least one redirection URI is required"));
    }
    for (index, uri) in metadata.redirect_uris.iter().enumerate() {
        if let Err(fault) = check_one(uri, metadata, supported) {
            refuse(violations, Some(index), fault);
        }
    }
}

/// Adds a violation of one URI, or of the whole member, with the code `invalid_redirect_uri`.
fn refuse(violations: &mut Violations, index: Option<usize>, fault: Fault) {
    let pointer = pointer("redirect_uris", None, index);
    violations.push(Violation::new(ErrorCode::InvalidRedirectUri, pointer, fault.rule, fault.detail));
}

/// Whether at least one URI is required: where a registered grant type redirects, or where a switch demands it.
fn must_have_some(metadata: &ClientMetadata, supported: &Supported) -> bool {
    let redirects = [GrantType::AuthorizationCode, GrantType::Implicit];
    let redirected = metadata.grant_types.iter().any(|grant| redirects.contains(grant));
    supported.is_on(Switch::RedirectUrisRequired) || redirected && !supported.is_on(Switch::RedirectUrisPushed)
}

/// Checks one valid URI against the type of the client and the switches.
fn check_one(uri: &str, metadata: &ClientMetadata, supported: &Supported) -> Result<(), Fault> {
    let native = metadata.application_type == Some(ApplicationType::Native);
    if !native && metadata.grant_types.contains(&GrantType::Implicit) {
        // The token itself is in the redirect, so no other program may be able to receive it.
        redirect::check_for_implicit(uri)?;
    }
    let kind = Kind::of(uri);
    if !native && kind == Kind::PrivateUse && supported.is_on(Switch::ApplicationTypeLiteral) {
        return Err(Fault::new("R11", "a web client cannot have a private-use scheme, register as native"));
    }
    let dotless = !uri.split(':').next().is_some_and(|scheme| scheme.contains('.'));
    // One row for each switch: the first that is on and broken is reported, in the order of the policy.
    let refusals = [
        (Switch::NativeHttpsRefused, native && kind == Kind::Https, "a native client cannot have https here"),
        (Switch::WebLoopbackRefused, !native && kind == Kind::LoopbackHttp, "a web client needs https here"),
        (Switch::PrivateUseRefused, kind == Kind::PrivateUse, "the scheme must be https, or http on loopback"),
        (Switch::PrivateUseDotRequired, kind == Kind::PrivateUse && dotless, "a private-use scheme needs a dot"),
    ];
    match refusals.iter().find(|(switch, broken, _)| *broken && supported.is_on(*switch)) {
        Some((switch, _, detail)) => Err(Fault::new(switch.name(), detail)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(uri: &str, application_type: &str, grant: &str, on: &[Switch]) -> Option<&'static str> {
        let mut metadata = ClientMetadata {
            redirect_uris: vec![uri.to_owned()],
            grant_types: vec![grant.into()],
            application_type: Some(application_type.into()),
            ..ClientMetadata::default()
        };
        let mut violations = Violations::default();
        check(&mut metadata, &Supported::with_switches(on), &mut violations);
        violations.iter().next().map(Violation::rule)
    }

    #[test]
    fn kinds_of_uris_meet_kinds_of_clients() {
        use Switch::*;
        const CODE: &str = "authorization_code";
        type Row = (&'static str, &'static str, &'static str, &'static str, &'static [Switch], Option<&'static str>);
        let rows: &[Row] = &[
            ("web and private use", "com.example:/cb", "web", CODE, &[], None),
            ("literal web and private use", "com.example:/cb", "web", CODE, &[ApplicationTypeLiteral], Some("R11")),
            ("literal native and private use", "com.example:/cb", "native", CODE, &[ApplicationTypeLiteral], None),
            ("native and https", "https://a.example/cb", "native", CODE, &[ApplicationTypeLiteral], None),
            (
                "strict native and https",
                "https://a.example/cb",
                "native",
                CODE,
                &[NativeHttpsRefused],
                Some("native-https-refused"),
            ),
            ("strict web and https", "https://a.example/cb", "web", CODE, &[NativeHttpsRefused], None),
            ("web and loopback", "http://localhost/cb", "web", CODE, &[ApplicationTypeLiteral], None),
            (
                "strict web and loopback",
                "http://[::1]/cb",
                "web",
                CODE,
                &[WebLoopbackRefused],
                Some("web-loopback-refused"),
            ),
            ("strict native and loopback", "http://[::1]/cb", "native", CODE, &[WebLoopbackRefused], None),
            ("no private use", "com.example:/cb", "native", CODE, &[PrivateUseRefused], Some("private-use-refused")),
            ("https instead", "https://a.example/cb", "web", CODE, &[PrivateUseRefused], None),
            ("loopback instead", "http://127.0.0.1/cb", "native", CODE, &[PrivateUseRefused], None),
            ("no dot", "cursor://a.b/c.d", "native", CODE, &[PrivateUseDotRequired], Some("private-use-dot-required")),
            ("a dot", "com.example:/cb", "native", CODE, &[PrivateUseDotRequired], None),
            ("implicit web and loopback", "http://localhost/cb", "web", "implicit", &[], Some("M13")),
            ("implicit native and loopback", "http://localhost/cb", "native", "implicit", &[], None),
        ];
        for (name, uri, application_type, grant, on, expected) in rows {
            assert_eq!(rule(uri, application_type, grant, on), *expected, "{name}");
        }
    }

    #[test]
    fn redirect_uris_are_required_where_something_redirects_or_the_profile_says_so() {
        let rows: &[(&str, &str, &[Switch], bool)] = &[
            ("code", "authorization_code", &[], false),
            ("implicit", "implicit", &[], false),
            ("machine", "client_credentials", &[], true),
            ("machine of OpenID", "client_credentials", &[Switch::RedirectUrisRequired], false),
            ("pushed", "authorization_code", &[Switch::RedirectUrisPushed], true),
        ];
        for (name, grant, on, accepted) in rows {
            let mut metadata = ClientMetadata { grant_types: vec![(*grant).into()], ..ClientMetadata::default() };
            let mut violations = Violations::default();
            check(&mut metadata, &Supported::with_switches(on), &mut violations);
            assert_eq!(violations.is_empty(), *accepted, "{name}");
        }
    }
}
