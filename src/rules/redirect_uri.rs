//! Redirect URIs: which may be registered, and which request matches a registered one.
//!
//! The authorization code is sent wherever a redirect URI points, so this is the rule that protects the user. It is
//! also the rule on which honest clients fail most, so every refusal says what is allowed instead. Three kinds of URI
//! get in: `https`, `http` to the loopback interface, and private-use schemes
//! ([RFC 8252 §7](https://www.rfc-editor.org/rfc/rfc8252#section-7)).
//!
//! The rules R1 to R22 look at the string as written and run in the order of the policy; the first one that is broken
//! is reported. An accepted string is registered byte for byte and later compared byte for byte by [`matches`].

use crate::rules::Fault;
use crate::rules::uri::{Authority, Parts, cut, is_digits, percent_decode, refuse_if};

/// Schemes that run code, read local files or belong to another protocol, so that no application can own them (R9).
const BLOCKED_SCHEMES: &str = "about blob chrome chrome-extension content data dict edge file filesystem ftp ftps \
    gopher intent jar javascript ldap ldaps mailto moz-extension nfs resource sftp smb sms ssh tel telnet tftp urn \
    vbscript view-source ws wss";

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

/// Checks a redirect URI as written, R1 to R22.
pub(crate) fn check(uri: &str) -> Result<Kind, Fault> {
    let parts = Parts::read(uri)?;
    refuse_if(
        parts.fragment.is_some(),
        "R7",
        "a redirect URI must not have a fragment, remove the # and what follows",
    )?;
    refuse_if(uri.contains('*'), "R8", "redirect URIs are compared exactly, register each one instead of a wildcard")?;
    let kind = check_kind(&parts)?;
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
/// ([RFC 8252 §7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3)).
pub(crate) fn matches(registered: &str, requested: &str) -> bool {
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
    let parts = Parts::read(uri).ok()?;
    let server = parts.server().ok()?;
    let eligible = parts.has_scheme("http") && server.is_loopback() && parts.fragment.is_none();
    eligible.then_some((parts.scheme, server.host, parts.path, parts.query))
}

fn check_kind(parts: &Parts<'_>) -> Result<Kind, Fault> {
    if parts.has_scheme("https") {
        return check_https(parts);
    }
    if parts.has_scheme("http") {
        return check_loopback(parts);
    }
    check_private_use(parts)
}

/// A server on the network: [RFC 9700 §2.6](https://www.rfc-editor.org/rfc/rfc9700#section-2.6).
fn check_https(parts: &Parts<'_>) -> Result<Kind, Fault> {
    parts.server()?;
    check_target(parts)?;
    Ok(Kind::Https)
}

/// The loopback interface, R19: [RFC 8252 §8.3](https://www.rfc-editor.org/rfc/rfc8252#section-8.3).
fn check_loopback(parts: &Parts<'_>) -> Result<Kind, Fault> {
    refuse_if(
        !parts.server()?.is_loopback(),
        "R19",
        "http is for localhost, 127.0.0.1 and [::1] only, use https for every other host",
    )?;
    check_target(parts)?;
    Ok(Kind::LoopbackHttp)
}

/// Any other scheme, R9 to R14: [RFC 8252 §7.1](https://www.rfc-editor.org/rfc/rfc8252#section-7.1).
fn check_private_use(parts: &Parts<'_>) -> Result<Kind, Fault> {
    let mut blocked = BLOCKED_SCHEMES.split(' ');
    refuse_if(
        blocked.any(|scheme| parts.has_scheme(scheme)),
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
    check_target(parts).map_err(|fault| Fault::new("R14", fault.detail))?;
    Ok(Kind::PrivateUse)
}

/// Whether a path without authority is rather a port, the scheme before it being a host.
fn is_port_like(path: &str) -> bool {
    let (first, _) = cut(path, '/');
    is_digits(first) && first.len() <= 5
}

/// The authority after a private-use scheme is a name of the application's own choice, R13. It only must not look like
/// two different servers to two parsers.
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

/// What follows the authority, R20 to R22.
fn check_target(parts: &Parts<'_>) -> Result<(), Fault> {
    parts.check_brackets()?;
    refuse_if(
        parts.path.split('/').any(is_dot_segment),
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

/// Whether some parser removes this segment or the one before:
/// [RFC 3986 §5.2.4](https://www.rfc-editor.org/rfc/rfc3986#section-5.2.4), with path parameters as Java servers cut
/// them.
fn is_dot_segment(segment: &str) -> bool {
    let dots = segment.replace("%2e", ".").replace("%2E", ".");
    matches!(cut(&dots, ';').0, "." | "..")
}

fn is_response_parameter(parameter: &str) -> bool {
    let name = percent_decode(cut(parameter, '=').0);
    let mut reserved = RESPONSE_PARAMETERS.split(' ');
    reserved.any(|reserved| reserved.as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reasons of the corpus and the rules that give them.
    const REASONS: &[(&str, &[&str])] = &[
        ("not-absolute", &["R1", "R6"]),
        ("too-long", &["R2"]),
        ("bad-char", &["R3", "R14", "R20"]),
        ("bad-percent", &["R4"]),
        ("encoded-control", &["R5"]),
        ("fragment", &["R7"]),
        ("wildcard", &["R8"]),
        ("blocked-scheme", &["R9"]),
        ("bad-scheme", &["R10"]),
        ("empty-target", &["R12"]),
        ("userinfo", &["R13", "R16"]),
        ("bad-host", &["R13", "R17"]),
        ("bad-port", &["R13", "R18"]),
        ("bad-authority", &["R15"]),
        ("http-non-loopback", &["R19"]),
        ("dot-segment", &["R14", "R21"]),
        ("response-param", &["R14", "R22"]),
    ];

    /// Decodes the escapes of the corpus.
    fn decode(text: &str) -> String {
        let mut pieces = text.split('\\');
        let mut decoded = pieces.next().unwrap().to_owned();
        while let Some(piece) = pieces.next() {
            let (character, rest) = match piece.chars().next() {
                None => ('\\', pieces.next().unwrap()),
                Some('t') => ('\t', &piece[1..]),
                Some('n') => ('\n', &piece[1..]),
                Some('r') => ('\r', &piece[1..]),
                Some(_) => {
                    let (digits, rest) = piece[2..].split_once('}').unwrap();
                    (char::from_u32(u32::from_str_radix(digits, 16).unwrap()).unwrap(), rest)
                }
            };
            decoded.push(character);
            decoded.push_str(rest);
        }
        decoded
    }

    fn kind_of(uri: &str) -> Kind {
        match uri.split_once(':').unwrap().0.to_ascii_lowercase().as_str() {
            "https" => Kind::Https,
            "http" => Kind::LoopbackHttp,
            _ => Kind::PrivateUse,
        }
    }

    #[test]
    fn every_row_of_the_corpus_gets_its_verdict_for_its_reason() {
        let rows = include_str!("../../tests/data/corpus/redirect_uris.tsv").lines().skip(1);
        for row in rows.clone() {
            let columns: Vec<_> = row.split('\t').collect();
            let (uri, verdict, reason) = (decode(columns[0]), columns[2], columns[3]);
            if verdict == "accept" {
                assert_eq!(check(&uri), Ok(kind_of(&uri)), "{uri}");
                continue;
            }
            let (_, rules) = REASONS.iter().find(|(known, _)| *known == reason).unwrap();
            let fault = check(&uri).expect_err(&uri);
            assert!(rules.contains(&fault.rule), "{uri}: {fault:?}");
        }
        assert_eq!(rows.count(), 128);
    }

    #[test]
    fn every_rule_stands_at_its_boundary() {
        let cases = [
            ("octets", "https://h/".to_owned() + &"a".repeat(2038), None),
            ("one octet more", "https://h/".to_owned() + &"a".repeat(2039), Some("R2")),
            ("first percent is bad", "https://h/%%41".into(), Some("R4")),
            ("cut escape", "https://h/%4".into(), Some("R4")),
            ("signed escape", "https://h/%+1".into(), Some("R4")),
            ("percent before control", "https://h/%00%zz".into(), Some("R4")),
            ("delete", "https://h/%7f".into(), Some("R5")),
            ("encoded space", "https://h/%20".into(), None),
            ("encoded non-ASCII", "https://h/%80".into(), None),
            ("no scheme", ":x".into(), Some("R6")),
            ("scheme with underscore", "my_app:/cb".into(), Some("R6")),
            ("blocked whatever the case", "VIEW-Source:x".into(), Some("R9")),
            ("blocked is no prefix", "data2:/x".into(), None),
            ("one letter", "a:b".into(), Some("R10")),
            ("two letters", "ab:b".into(), None),
            ("port and path", "ab:12345/x".into(), Some("R10")),
            ("port and query", "ab:1?x".into(), Some("R10")),
            ("port too long", "ab:123456".into(), None),
            ("port in the path", "ab:/80".into(), None),
            ("digits and letter", "ab:80x".into(), None),
            ("query only", "ab:?x=1".into(), Some("R12")),
            ("two slashes and a query", "ab://?x=1".into(), None),
            ("private userinfo", "ab://u@/".into(), Some("R13")),
            ("private userinfo after port", "ab://h:80@h/".into(), Some("R13")),
            ("at sign in the path", "ab:/u@h".into(), None),
            ("private IPv6", "ab://[::1]:80/".into(), None),
            ("private bracket", "ab://a[::1]/".into(), Some("R13")),
            ("private open bracket", "ab://[::1".into(), Some("R13")),
            ("private stray bracket", "ab://[::1]x".into(), Some("R13")),
            ("private IPv6 zone", "ab://[fe80::1%25eth0]".into(), Some("R13")),
            ("private empty port", "ab://h:/".into(), Some("R13")),
            ("private port without host", "ab://:80/".into(), None),
            ("private free host", "ab://a_b..c%41/".into(), None),
            ("private bracket in the path", "ab:/[x]".into(), Some("R14")),
            ("private dots", "ab:..".into(), Some("R14")),
            ("private response parameter", "ab:/?iss".into(), Some("R14")),
            ("userinfo before empty host", "https://@/".into(), Some("R16")),
            ("loopback with another port", "http://127.0.0.1:0/".into(), Some("R18")),
            ("loopback is one host", "http://localhost.example/".into(), Some("R19")),
            ("long loopback", "http://[0:0:0:0:0:0:0:1]/".into(), Some("R19")),
            ("bracket in the query", "https://h/?a[]=1".into(), Some("R20")),
            ("encoded bracket", "https://h/?a%5B%5D=1".into(), None),
            ("one dot", "https://h/.".into(), Some("R21")),
            ("half encoded dots", "https://h/.%2E/x".into(), Some("R21")),
            ("dots with parameter", "https://h/%2E%2e;x/y".into(), Some("R21")),
            ("three dots", "https://h/.../..a".into(), None),
            ("dots in the query", "https://h/?/../".into(), None),
            ("encoded name", "https://h/?c%6fde=1".into(), Some("R22")),
            ("name without value", "https://h/?a&session_state".into(), Some("R22")),
            ("name of another case", "https://h/?Code=1".into(), None),
            ("name in a value", "https://h/?a=code".into(), None),
            ("name encoded twice", "https://h/?c%256fde=1".into(), None),
            ("second question mark", "https://h/??code=1".into(), None),
        ];
        for (name, uri, rule) in cases {
            assert_eq!(check(&uri).err().map(|fault| fault.rule), rule, "{name}");
        }
    }

    #[test]
    fn implicit_needs_https_and_a_host_other_than_localhost() {
        let cases = [
            ("https://app.example.com/cb", true),
            ("https://localhost.example/cb", true),
            ("https://LocalHost:8443/cb", false),
            ("http://127.0.0.1/cb", false),
            ("com.example.app:/cb", false),
        ];
        for (uri, allowed) in cases {
            assert_eq!(check_for_implicit(uri).is_ok(), allowed, "{uri}");
        }
    }

    #[test]
    fn only_the_port_of_an_http_loopback_uri_is_free() {
        let cases = [
            ("same", "https://h/cb?a=1", "https://h/cb?a=1", true),
            ("same private-use", "ab:/cb", "ab:/cb", true),
            ("another port", "http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb", true),
            ("port added", "http://[::1]/cb", "http://[::1]:5173/cb", true),
            ("port removed", "http://localhost:80/cb", "http://localhost/cb", true),
            ("registered in capitals", "http://LOCALHOST/cb", "http://LOCALHOST:3000/cb", true),
            ("no path", "http://127.0.0.1:1", "http://127.0.0.1:2", true),
            ("host of another case", "http://LOCALHOST/cb", "http://localhost:3000/cb", false),
            ("scheme of another case", "http://localhost/cb", "HTTP://localhost:1/cb", false),
            ("another loopback host", "http://localhost/cb", "http://127.0.0.1/cb", false),
            ("another path", "http://localhost/cb", "http://localhost:1/cb/", false),
            ("path added", "http://localhost", "http://localhost:1/", false),
            ("query added", "http://localhost/cb", "http://localhost:1/cb?", false),
            ("another query", "http://localhost/?a=1", "http://localhost:1/?a=2", false),
            ("https port", "https://localhost/cb", "https://localhost:8443/cb", false),
            ("https default port", "https://h/cb", "https://h:443/cb", false),
            ("private-use port", "ab://localhost/cb", "ab://localhost:1/cb", false),
            ("another scheme", "http://localhost/cb", "https://localhost/cb", false),
            ("empty port", "http://localhost/cb", "http://localhost:/cb", false),
            ("port 0", "http://localhost/cb", "http://localhost:0/cb", false),
            ("port with a zero", "http://localhost/cb", "http://localhost:080/cb", false),
            ("port too high", "http://localhost/cb", "http://localhost:65536/cb", false),
            ("userinfo", "http://localhost/cb", "http://localhost:1@evil.example/cb", false),
            ("userinfo before", "http://localhost/cb", "http://evil@localhost/cb", false),
            ("fragment", "http://localhost/cb", "http://localhost:1/cb#", false),
            ("longer host", "http://localhost/cb", "http://localhost.evil.example/cb", false),
            ("control character", "http://localhost/cb", "http://localhost:1\n/cb", false),
            ("backslash", "http://localhost/cb", "http://localhost:1\\@evil.example/cb", false),
        ];
        for (name, registered, requested, expected) in cases {
            assert_eq!(matches(registered, requested), expected, "{name}");
        }
    }

    /// Strings of which about half are accepted.
    const CANDIDATES: &str = concat!(
        "((https|http|HTTPS)://|(cursor|a\\.b):(//)?)",
        "(localhost|127\\.0\\.0\\.1|\\[::1\\]|\\[[0-9a-f:.]{2,12}\\]|xn--bcher-kva\\.example|[a-zA-Z0-9.-]{1,9}|[0-9.x]{1,9})",
        "(:[0-9]{0,5})?([/?]([a-zA-Z0-9._~!$&'()+,;=:@/?-]|%2[0-9a-fA-F]){0,16})?",
    );

    proptest! {
        #[test]
        fn accepted_uris_mean_the_same_to_other_parsers(uri in CANDIDATES) {
            let Ok(kind) = check(&uri) else {
                return Ok(());
            };
            prop_assert!(fluent_uri::Uri::parse(uri.as_str()).is_ok());
            if kind == Kind::PrivateUse {
                return Ok(());
            }
            let parsed = url::Url::parse(&uri).unwrap();
            let parts = Parts::read(&uri).unwrap();
            let server = parts.server().unwrap();
            prop_assert!(parts.has_scheme(parsed.scheme()));
            prop_assert_eq!(parsed.host_str().map(canonical), Some(canonical(server.host)));
            let authority = parts.authority.unwrap();
            let port = authority[server.host.len()..].strip_prefix(':').map(|port| port.parse().unwrap());
            let default = if kind == Kind::Https { 443 } else { 80 };
            prop_assert_eq!(parsed.port_or_known_default(), port.or(Some(default)));
        }
    }

    fn canonical(host: &str) -> String {
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let ip = literal.and_then(|literal| literal.parse::<std::net::Ipv6Addr>().ok());
        ip.map_or_else(|| host.to_ascii_lowercase(), |ip| ip.to_string())
    }
}
