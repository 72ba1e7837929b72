//! Redirect URIs: which may be registered, and which request matches a registered one.
//!
//! The authorization code is sent wherever a redirect URI points, so this is the rule that protects the user. It is
//! also the rule on which honest clients fail most often, so every refusal says what is allowed instead. Three kinds of
//! URI are accepted: `https`, `http` to the loopback interface, and private-use schemes
//! ([RFC 8252 §7](https://www.rfc-editor.org/rfc/rfc8252#section-7)).
//!
//! The rules R1 to R22 look at the string as written and run in the order of the policy; the first one that is broken
//! is reported. An accepted string is registered byte for byte and later compared byte for byte by [`matches`].

mod blocked_schemes;

use super::{Authority, Parts, cut, is_digits, percent_decode, refuse_if};
use crate::error::Fault;

/// Parameters that the authorization server adds to the redirect URI (R22):
/// [RFC 6749 §4.1.2](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2) and §4.2.2,
/// [RFC 9207 §2](https://www.rfc-editor.org/rfc/rfc9207#section-2),
/// [OpenID Connect Core §3.2.2.5](https://openid.net/specs/openid-connect-core-1_0.html#ImplicitAuthResponse) and
/// [Session Management §2](https://openid.net/specs/openid-connect-session-1_0.html#CreatingUpdatingSessions).
const RESPONSE_PARAMETERS: &str = "code state error error_description error_uri iss access_token id_token token_type \
    expires_in scope session_state";

/// Where an accepted redirect URI leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// To a web server, or to an application that claimed the address:
    /// [RFC 8252 §7.2](https://www.rfc-editor.org/rfc/rfc8252#section-7.2).
    Https,
    /// To a port of the user's own machine: [RFC 8252 §7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3).
    LoopbackHttp,
    /// To the application that owns the scheme: [RFC 8252 §7.1](https://www.rfc-editor.org/rfc/rfc8252#section-7.1).
    PrivateUse,
}

impl Kind {
    /// The kind of an accepted redirect URI, which follows from its scheme.
    pub(crate) fn of(accepted: &str) -> Self {
        match cut(accepted, ':').0 {
            scheme if scheme.eq_ignore_ascii_case("https") => Self::Https,
            scheme if scheme.eq_ignore_ascii_case("http") => Self::LoopbackHttp,
            _ => Self::PrivateUse,
        }
    }
}

/// Checks a redirect URI as written, R1 to R22, and returns its kind.
///
/// Text in, nothing repaired: an accepted URI is registered octet for octet. The first broken rule is the error, in the
/// order of the policy, so that one fault has one explanation.
pub(crate) fn check(uri: &str) -> Result<Kind, Fault> {
    let parts = Parts::read(uri)?;
    refuse_if(
        parts.fragment.is_some(),
        "R7",
        "a redirect URI must not have a fragment, remove the # and what follows",
    )?;
    refuse_if(uri.contains('*'), "R8", "redirect URIs are compared exactly, register each one instead of a wildcard")?;
    let kind = Kind::of(uri);
    match kind {
        Kind::Https => check_https(&parts),
        Kind::LoopbackHttp => check_loopback(&parts),
        Kind::PrivateUse => check_private_use(&parts),
    }?;
    // Last, so that a more exact explanation comes first where there is one.
    refuse_if(fluent_uri::Uri::parse(uri).is_err(), "R6", "the URI does not follow the grammar of RFC 3986")?;
    Ok(kind)
}

/// Checks an accepted redirect URI of a web client that uses the implicit grant, M13:
/// [OpenID Connect Registration §2](https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata),
/// `application_type`.
pub(crate) fn check_for_implicit(uri: &str) -> Result<(), Fault> {
    let parts = Parts::read(uri)?;
    refuse_if(!parts.has_scheme("https"), "M13", "a web client with the implicit grant needs https redirect URIs")?;
    refuse_if(
        parts.server()?.is_localhost(),
        "M13",
        "a web client with the implicit grant cannot redirect to localhost",
    )
}

/// Whether a requested redirect URI is the registered one: the same string
/// ([RFC 9700 §2.1](https://www.rfc-editor.org/rfc/rfc9700#section-2.1)), except that the port of an `http` loopback
/// URI is free, because the client learns it from its operating system at the time of the request
/// ([RFC 8252 §7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3)). A name below `localhost` is compared with its
/// port, because such names distinguish several servers on one machine.
pub(crate) fn matches(registered: &str, requested: &str) -> bool {
    // Equal strings are the common case and need no parser.
    registered == requested
        || loopback_without_port(registered).is_some_and(|uri| Some(uri) == loopback_without_port(requested))
}

/// The URI without the port that is free in an `http` loopback URI; any other URI as it is.
pub(crate) fn without_free_port(uri: &str) -> String {
    let Some((scheme, host, path, query)) = loopback_without_port(uri) else { return uri.to_owned() };
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{scheme}://{host}{path}{query}")
}

/// Scheme, host, path and query of an `http` loopback URI.
fn loopback_without_port(uri: &str) -> Option<(&str, &str, &str, Option<&str>)> {
    let parts = Parts::read(uri).ok().filter(|parts| parts.has_scheme("http") && parts.fragment.is_none())?;
    let server = parts.server().ok().filter(Authority::is_loopback)?;
    Some((parts.scheme, server.host, parts.path, parts.query))
}

/// A server on the network: [RFC 9700 §2.6](https://www.rfc-editor.org/rfc/rfc9700#section-2.6).
fn check_https(parts: &Parts<'_>) -> Result<(), Fault> {
    parts.server()?;
    check_target(parts)
}

/// The loopback interface, R19: [RFC 8252 §8.3](https://www.rfc-editor.org/rfc/rfc8252#section-8.3).
fn check_loopback(parts: &Parts<'_>) -> Result<(), Fault> {
    refuse_if(
        !parts.server()?.is_on_device(),
        "R19",
        "http is for localhost, names below it, 127.0.0.1 and [::1] only, use https for every other host",
    )?;
    check_target(parts)
}

/// Any other scheme, R9 to R14: [RFC 8252 §7.1](https://www.rfc-editor.org/rfc/rfc8252#section-7.1).
fn check_private_use(parts: &Parts<'_>) -> Result<(), Fault> {
    refuse_if(
        blocked_schemes::is_blocked(parts.scheme),
        "R9",
        "this scheme cannot belong to an application, use https or a scheme of your own",
    )?;
    refuse_if(
        parts.scheme.len() == 1 || is_port_like(parts.path),
        "R10",
        "this looks like a drive letter or a host and port without a scheme, put https:// before a host",
    )?;
    refuse_if(
        parts.authority.is_none() && parts.path.is_empty(),
        "R12",
        "nothing follows the scheme, add at least a slash",
    )?;
    parts.authority.map_or(Ok(()), check_private_authority)?;
    // The same tests as for the web, under the identifier that the policy gives them for private-use schemes.
    check_target(parts).map_err(|fault| Fault::new("R14", fault.detail))
}

/// Whether a path without authority looks like a port, so that the scheme before it was meant as a host.
fn is_port_like(path: &str) -> bool {
    let (first, _) = cut(path, '/');
    is_digits(first) && first.len() <= 5
}

/// The authority after a private-use scheme is a name that the application chose, R13. It is refused only where two parsers
/// could read two different servers.
fn check_private_authority(authority: &str) -> Result<(), Fault> {
    refuse_if(authority.contains('@'), "R13", "user information after the two slashes is not allowed")?;
    let server = Authority::read(authority)
        .filter(Authority::has_valid_brackets)
        .ok_or(Fault::new("R13", "square brackets after the two slashes must hold an IPv6 address"))?;
    refuse_if(
        !server.has_valid_port(),
        "R13",
        "a colon after the two slashes must be followed by a port from 1 to 65535",
    )
}

/// Path and query, R20 to R22.
fn check_target(parts: &Parts<'_>) -> Result<(), Fault> {
    parts.check_brackets()?;
    refuse_if(
        has_dot_segment(parts.path),
        "R21",
        "a path segment must not be one or two dots, write the path that is meant",
    )?;
    let mut parameters = parts.query.into_iter().flat_map(|query| query.split('&'));
    refuse_if(
        parameters.any(is_response_parameter),
        "R22",
        "the query must not have a parameter of the authorization response, such as code or state",
    )
}

/// Whether a parser would shorten the path, R21. The registered and the requested path could then differ.
pub(crate) fn has_dot_segment(path: &str) -> bool {
    path.split('/').any(is_dot_segment)
}

/// Whether a parser would remove this segment or the one before it:
/// [RFC 3986 §5.2.4](https://www.rfc-editor.org/rfc/rfc3986#section-5.2.4), with path parameters as Java servers cut
/// them.
fn is_dot_segment(segment: &str) -> bool {
    // `%2e` is a dot to most servers, and a path parameter after `;` is cut before the comparison.
    matches!(&*percent_decode(cut(segment, ';').0), b"." | b"..")
}

/// Whether a query parameter has the name of a response parameter. A client that finds two of them may read the wrong one.
fn is_response_parameter(parameter: &str) -> bool {
    // Decoded once, as servers do: `c%6fde` is the parameter `code`, `c%256fde` is not.
    let name = percent_decode(cut(parameter, '=').0);
    let mut reserved = RESPONSE_PARAMETERS.split(' ');
    reserved.any(|reserved| reserved.as_bytes() == name)
}

#[cfg(test)]
mod tests;
