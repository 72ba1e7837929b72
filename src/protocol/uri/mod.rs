//! Absolute URIs, read as they are written.
//!
//! Parsers disagree about what a URI means once they repair it: one drops a tab, another turns a backslash into a slash
//! or an octal number into an address. So nothing is normalised here. A string first passes the raw rules (R1 to R6),
//! then [`Parts`] cuts it at its delimiters, then [`Parts::server`] reads host and port (R15 to R18). What remains are
//! slices of the original string, and there is one way to read them.
//!
//! On top of that stand the rules for the two kinds of URI that are not redirect URIs: those *shown* to a user (M17,
//! [`check_shown`]) and those *fetched* by the server or its user agents (M18, [`check_fetched`]), for which an
//! address inside the operator's network would be a
//! [server-side request forgery](https://cwe.mitre.org/data/definitions/918.html).

mod address;
mod authority;
mod host;

pub(crate) mod redirect;

#[cfg(feature = "fetch")]
pub(crate) use address::is_public_address;
pub(crate) use authority::Authority;

pub(super) use host::is_dns_name;

use crate::error::Fault;

/// The longest URI, in octets.
const MAX_URI: usize = 2048;

/// The refusal of a host. It says how each kind of host is written, because most such faults are spellings.
const BAD_HOST: Fault = Fault::new(
    "R17",
    "the host is not a valid DNS name or IP literal, write international names as xn-- labels, \
     IPv4 as four decimal numbers and IPv6 in brackets",
);

/// Checks a URI that is shown to the user (M17): `client_uri`, `logo_uri`, `tos_uri`, `policy_uri`.
///
/// [RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2) asks for a valid web page; a script
/// (`javascript:`, `data:`) must never become a link on a consent screen.
///
/// Rules: R1 to R6, R15 to R18, R20 and M17.
pub(crate) fn check_shown(uri: &str) -> Result<(), Fault> {
    let parts = Parts::read(uri)?;
    // A fragment is allowed: a link to a section of the terms of service is usual, and nothing is sent there.
    let secure = parts.has_scheme("https");
    refuse_if(
        !secure && !parts.has_scheme("http"),
        "M17",
        "the scheme must be https, or http for localhost, 127.0.0.1 and [::1]",
    )?;
    let server = parts.server()?;
    parts.check_brackets()?;
    if server.is_loopback() {
        return Ok(());
    }
    refuse_if(!secure, "M17", "http is for localhost, 127.0.0.1 and [::1] only, use https")?;
    refuse_if(server.is_special(), "M17", "the address is not a public one, use a host name or a public address")
}

/// Checks a URI that is fetched by the server or its user agents (M18): `jwks_uri`, `sector_identifier_uri`,
/// `request_uris`, `initiate_login_uri`, `backchannel_logout_uri`.
///
/// A name may still resolve to an internal address, so the fetcher checks the resolved address again.
///
/// Rules: R1 to R6, R15 to R18, R20 and M18.
pub(crate) fn check_fetched(uri: &str) -> Result<(), Fault> {
    let parts = Parts::read(uri)?;
    // No exception for loopback here: the loopback of the server is not the machine of the client.
    refuse_if(!parts.has_scheme("https"), "M18", "the scheme must be https")?;
    let server = parts.server()?;
    parts.check_brackets()?;
    refuse_if(
        server.is_internal_name(),
        "M18",
        "the host is a name of the local machine or network, use a public host name",
    )?;
    refuse_if(server.is_special(), "M18", "the address is not a public one, use a host name or a public address")
}

/// Checks that a URI has no fragment, not even an empty one.
pub(crate) fn check_no_fragment(uri: &str) -> Result<(), Fault> {
    refuse_if(uri.contains('#'), "R7", "the URI must not have a fragment, remove the # and what follows")
}

/// Checks a URI that is never requested and only compared with another one. Only the grammar matters there, so R1 to R6
/// apply and the host may be any.
pub(crate) fn check_compared(uri: &str) -> Result<(), Fault> {
    Parts::read(uri)?;
    refuse_if(fluent_uri::Uri::parse(uri).is_err(), "R6", "the URI does not follow the grammar of RFC 3986")
}

/// Refuses by this rule if the condition holds. A row of the policy ("reject when …") becomes one call.
pub(super) fn refuse_if(broken: bool, rule: &'static str, detail: &'static str) -> Result<(), Fault> {
    if broken { Err(Fault::new(rule, detail)) } else { Ok(()) }
}

/// A URI, split at its delimiters, each part as written:
/// [RFC 3986 §3](https://www.rfc-editor.org/rfc/rfc3986#section-3).
pub(crate) struct Parts<'a> {
    /// What stands before the first colon. Its case is that of the text.
    pub(crate) scheme: &'a str,
    /// What stands between two slashes and the next slash; `None` without the two slashes.
    pub(crate) authority: Option<&'a str>,
    /// What follows the authority, or the colon where there is none. It may be empty.
    pub(crate) path: &'a str,
    /// What follows the first question mark; an empty query is `Some`.
    pub(crate) query: Option<&'a str>,
    /// What follows the first number sign; an empty fragment is `Some`.
    pub(crate) fragment: Option<&'a str>,
}

impl<'a> Parts<'a> {
    /// Applies R1 to R6 and splits a URI that passes.
    pub(crate) fn read(uri: &'a str) -> Result<Self, Fault> {
        check_raw(uri)?;
        let Some((scheme, rest)) = uri.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) else {
            return Err(Fault::new("R6", "the URI must be absolute and start with a scheme and a colon"));
        };
        let (rest, fragment) = cut(rest, '#');
        let (rest, query) = cut(rest, '?');
        let (authority, path) = cut_authority(rest);
        Ok(Self { scheme, authority, path, query, fragment })
    }

    /// Whether the URI has this scheme; schemes ignore case
    /// ([RFC 3986 §3.1](https://www.rfc-editor.org/rfc/rfc3986#section-3.1)).
    pub(crate) fn has_scheme(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// Reads the server of an `http` or `https` URI, R15 to R18.
    pub(crate) fn server(&self) -> Result<Authority<'a>, Fault> {
        let Some(authority) = self.authority else {
            return Err(Fault::new("R15", "two slashes and a host must follow the scheme"));
        };
        // Before the host is read: with `user@host` parsers disagree where the host begins.
        refuse_if(authority.contains('@'), "R16", "user information before the host is not allowed")?;
        refuse_if(
            authority.is_empty() || authority.starts_with(':'),
            "R15",
            "the host is empty, two slashes and a host must follow the scheme",
        )?;
        let server = Authority::read(authority).filter(Authority::has_valid_host).ok_or(BAD_HOST)?;
        refuse_if(
            !server.has_valid_port(),
            "R18",
            "the port must be a number from 1 to 65535 or left out with its colon",
        )?;
        Ok(server)
    }

    /// Refuses brackets that do not enclose an IPv6 address, R20:
    /// [RFC 3986 §3.2.2](https://www.rfc-editor.org/rfc/rfc3986#section-3.2.2).
    pub(super) fn check_brackets(&self) -> Result<(), Fault> {
        let stray = [Some(self.path), self.query, self.fragment].into_iter().flatten().any(has_bracket);
        refuse_if(stray, "R20", "square brackets are for IPv6 addresses, write %5B and %5D elsewhere")
    }
}

/// R1 to R5, which look at characters only:
/// [RFC 3986 §2](https://www.rfc-editor.org/rfc/rfc3986#section-2).
fn check_raw(uri: &str) -> Result<(), Fault> {
    // The order is that of the policy. R4 stands before R5, because R5 reads the escapes that R4 found complete.
    refuse_if(uri.is_empty(), "R1", "the URI is empty, send an absolute URI")?;
    refuse_if(uri.len() > MAX_URI, "R2", "the URI is longer than 2048 octets")?;
    refuse_if(
        !uri.bytes().all(is_uri_octet),
        "R3",
        "the URI has a character that RFC 3986 does not allow, percent-encode it or write the host as xn-- labels",
    )?;
    refuse_if(
        escapes(uri).any(|octet| octet.is_none()),
        "R4",
        "a percent sign must be followed by two hexadecimal digits",
    )?;
    refuse_if(
        escapes(uri).flatten().any(|octet| octet.is_ascii_control()),
        "R5",
        "percent-encoded control characters are not allowed",
    )
}

/// Whether [RFC 3986 §2](https://www.rfc-editor.org/rfc/rfc3986#section-2) allows this octet in a URI.
fn is_uri_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&octet)
}

/// The octets that a text percent-encodes, and `None` for each percent sign without two hexadecimal digits.
fn escapes(text: &str) -> impl Iterator<Item = Option<u8>> {
    text.split('%').skip(1).map(escaped_octet)
}

/// The octet whose two hexadecimal digits follow a percent sign.
fn escaped_octet(after_percent: &str) -> Option<u8> {
    // `from_str_radix` accepts a sign, so `%+1` would pass without this check.
    let digits = after_percent.get(..2)?;
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    u8::from_str_radix(digits, 16).ok()
}

/// Decodes a percent-encoded text that passed R4.
pub(super) fn percent_decode(text: &str) -> Vec<u8> {
    // The text before the first percent sign is copied; each later piece begins with two digits.
    let (plain, encoded) = text.split_at(text.find('%').unwrap_or(text.len()));
    let decode = |piece| escaped_octet(piece).into_iter().chain(piece.bytes().skip(2));
    plain.bytes().chain(encoded.split('%').skip(1).flat_map(decode)).collect()
}

/// Whether a text is a scheme: [RFC 3986 §3.1](https://www.rfc-editor.org/rfc/rfc3986#section-3.1).
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"+-.".contains(&octet))
}

/// Splits at the first delimiter, if there is one.
pub(super) fn cut(text: &str, delimiter: char) -> (&str, Option<&str>) {
    text.split_once(delimiter).map_or((text, None), |(before, after)| (before, Some(after)))
}

/// Splits the authority from the path: [RFC 3986 §3.2](https://www.rfc-editor.org/rfc/rfc3986#section-3.2).
fn cut_authority(hierarchy: &str) -> (Option<&str>, &str) {
    let Some(rest) = hierarchy.strip_prefix("//") else {
        return (None, hierarchy);
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    (Some(authority), path)
}

/// Whether a text has a square bracket.
fn has_bracket(text: &str) -> bool {
    text.contains(['[', ']'])
}

/// Whether a text has decimal digits of ASCII and nothing else, and at least one.
pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit())
}

#[cfg(test)]
mod tests;
