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

mod host;

pub(crate) mod redirect;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) use host::is_dns_name;

use crate::error::Fault;

/// The longest URI, in octets.
const MAX_URI: usize = 2048;

/// Ends of host names that lead nowhere outside the operator's network:
/// [RFC 6761 §6.3](https://www.rfc-editor.org/rfc/rfc6761#section-6.3), [RFC 6762 §3](https://www.rfc-editor.org/rfc/rfc6762#section-3),
/// [RFC 8375 §4](https://www.rfc-editor.org/rfc/rfc8375#section-4) and ICANN's `internal`.
const INTERNAL_SUFFIXES: &[&str] = &[".localhost", ".local", ".internal", ".home.arpa"];

/// IPv4 ranges that are not the public Internet:
/// [RFC 6890 §2.2.2](https://www.rfc-editor.org/rfc/rfc6890#section-2.2.2) and its registry, multicast included.
const SPECIAL_V4: &[(Ipv4Addr, u32)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// IPv6 ranges that are not the public Internet, or that smuggle an IPv4 address in:
/// [RFC 6890 §2.2.3](https://www.rfc-editor.org/rfc/rfc6890#section-2.2.3) and its registry.
const SPECIAL_V6: &[(Ipv6Addr, u32)] = &[
    (Ipv6Addr::UNSPECIFIED, 128),
    (Ipv6Addr::LOCALHOST, 128),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96),
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
    (Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
];

const BAD_HOST: Fault = Fault::new(
    "R17",
    "the host is not a valid DNS name or IP literal, write international names as xn-- labels, \
     IPv4 as four decimal numbers and IPv6 in brackets",
);

/// Checks a URI that is shown to the user (M17): `client_uri`, `logo_uri`, `tos_uri`, `policy_uri`.
///
/// [RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2) asks for a valid web page; what is no web page
/// (`javascript:`, `data:`) must never become a link on a consent screen.
pub(crate) fn check_shown(uri: &str) -> Result<(), Fault> {
    let parts = Parts::read(uri)?;
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
/// A name may still resolve to an inside address, so whoever fetches checks the resolved address again.
pub(crate) fn check_fetched(uri: &str) -> Result<(), Fault> {
    let parts = Parts::read(uri)?;
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

/// Checks that a URI ends without a fragment, even an empty one.
pub(crate) fn check_no_fragment(uri: &str) -> Result<(), Fault> {
    refuse_if(uri.contains('#'), "R7", "the URI must not have a fragment, remove the # and what follows")
}

/// Checks a URI that nobody calls, which is only compared with another one.
pub(crate) fn check_compared(uri: &str) -> Result<(), Fault> {
    Parts::read(uri)?;
    refuse_if(fluent_uri::Uri::parse(uri).is_err(), "R6", "the URI does not follow the grammar of RFC 3986")
}

/// Turns a line of the policy ("reject when ..") into a line of code.
pub(super) fn refuse_if(broken: bool, rule: &'static str, detail: &'static str) -> Result<(), Fault> {
    if broken { Err(Fault::new(rule, detail)) } else { Ok(()) }
}

/// A URI cut at its delimiters, each part as written:
/// [RFC 3986 §3](https://www.rfc-editor.org/rfc/rfc3986#section-3).
pub(crate) struct Parts<'a> {
    pub(crate) scheme: &'a str,
    pub(crate) authority: Option<&'a str>,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) fragment: Option<&'a str>,
}

impl<'a> Parts<'a> {
    /// Applies R1 to R6 and cuts what passes.
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

    /// Brackets enclose an IPv6 address and nothing else, R20:
    /// [RFC 3986 §3.2.2](https://www.rfc-editor.org/rfc/rfc3986#section-3.2.2).
    pub(super) fn check_brackets(&self) -> Result<(), Fault> {
        let stray = [Some(self.path), self.query, self.fragment].into_iter().flatten().any(has_bracket);
        refuse_if(stray, "R20", "square brackets are for IPv6 addresses, write %5B and %5D elsewhere")
    }
}

/// Host and port as written, the host of an IPv6 literal with its brackets.
pub(crate) struct Authority<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: Option<&'a str>,
}

impl<'a> Authority<'a> {
    /// Cuts an authority without user information; `None` when anything but a port follows the closing bracket.
    pub(super) fn read(authority: &'a str) -> Option<Self> {
        let end = if authority.starts_with('[') {
            authority.find(']')? + 1
        } else {
            authority.find(':').unwrap_or(authority.len())
        };
        let (host, rest) = authority.split_at(end);
        if rest.is_empty() {
            return Some(Self { host, port: None });
        }
        Some(Self { host, port: Some(rest.strip_prefix(':')?) })
    }

    /// R17: the name of a host, an IPv4 address, or an IPv6 address of [RFC 4291 §2.2](https://www.rfc-editor.org/rfc/rfc4291#section-2.2).
    fn has_valid_host(&self) -> bool {
        self.ip().is_some() || host::is_host_name(self.host)
    }

    /// Whether brackets, where there are any, enclose an IPv6 address.
    pub(super) fn has_valid_brackets(&self) -> bool {
        !has_bracket(self.host) || self.ip().is_some()
    }

    /// R18: absent, or 1 to 65535 in the one usual spelling.
    pub(super) fn has_valid_port(&self) -> bool {
        self.port.is_none_or(|port| is_digits(port) && !port.starts_with('0') && port.parse::<u16>().is_ok())
    }

    /// What `http` may lead to: the loopback interface in one of its spellings, or a name below `localhost`.
    pub(crate) fn is_on_device(&self) -> bool {
        self.is_loopback() || self.is_below_localhost()
    }

    /// A name below `localhost`, which browsers resolve to the loopback interface:
    /// [RFC 6761 §6.3](https://www.rfc-editor.org/rfc/rfc6761#section-6.3).
    fn is_below_localhost(&self) -> bool {
        self.host.to_ascii_lowercase().ends_with(".localhost")
    }

    /// The three spellings of [RFC 8252 §7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3) and §8.3, and no other.
    pub(super) fn is_loopback(&self) -> bool {
        self.is_localhost() || matches!(self.host, "127.0.0.1" | "[::1]")
    }

    pub(super) fn is_localhost(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
    }

    fn is_internal_name(&self) -> bool {
        let host = self.host.to_ascii_lowercase();
        self.is_localhost() || INTERNAL_SUFFIXES.iter().any(|suffix| host.ends_with(suffix))
    }

    fn is_special(&self) -> bool {
        self.ip().is_some_and(is_special)
    }

    pub(crate) fn ip(&self) -> Option<IpAddr> {
        let Some(literal) = self.host.strip_prefix('[') else {
            return self.host.parse().ok().map(IpAddr::V4);
        };
        literal.strip_suffix(']')?.parse().ok().map(IpAddr::V6)
    }
}

/// R1 to R5, which look at characters only:
/// [RFC 3986 §2](https://www.rfc-editor.org/rfc/rfc3986#section-2).
fn check_raw(uri: &str) -> Result<(), Fault> {
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

/// Whether [RFC 3986 §2](https://www.rfc-editor.org/rfc/rfc3986#section-2) knows this octet.
fn is_uri_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&octet)
}

/// The octets that a text percent-encodes, `None` for a percent sign that encodes none.
fn escapes(text: &str) -> impl Iterator<Item = Option<u8>> {
    text.split('%').skip(1).map(escaped_octet)
}

/// The octet whose two hexadecimal digits follow a percent sign.
fn escaped_octet(after_percent: &str) -> Option<u8> {
    let digits = after_percent.get(..2)?;
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    u8::from_str_radix(digits, 16).ok()
}

/// Decodes a percent-encoded text that passed R4.
pub(super) fn percent_decode(text: &str) -> Vec<u8> {
    let (plain, encoded) = text.split_at(text.find('%').unwrap_or(text.len()));
    let decode = |piece| escaped_octet(piece).into_iter().chain(piece.bytes().skip(2));
    plain.bytes().chain(encoded.split('%').skip(1).flat_map(decode)).collect()
}

/// [RFC 3986 §3.1](https://www.rfc-editor.org/rfc/rfc3986#section-3.1).
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

fn has_bracket(text: &str) -> bool {
    text.contains(['[', ']'])
}

pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit())
}

fn is_special(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_special_v4(ip),
        IpAddr::V6(ip) => is_special_v6(ip),
    }
}

/// Whether an address may be connected to on behalf of a client: it lies in no special range, and an IPv6 address lies
/// in the one block that is [in use](https://www.iana.org/assignments/ipv6-address-space), `2000::/3`.
#[cfg(feature = "fetch")]
pub(crate) fn is_public_address(ip: IpAddr) -> bool {
    let in_use = match ip {
        IpAddr::V4(_) => true,
        IpAddr::V6(ip) => ip.to_bits() >> 125 == 1,
    };
    in_use && !is_special(ip)
}

fn is_special_v4(ip: Ipv4Addr) -> bool {
    SPECIAL_V4.iter().any(|(network, prefix)| (ip.to_bits() ^ network.to_bits()) >> (32 - prefix) == 0)
}

fn is_special_v6(ip: Ipv6Addr) -> bool {
    SPECIAL_V6.iter().any(|(network, prefix)| (ip.to_bits() ^ network.to_bits()) >> (128 - prefix) == 0)
}

#[cfg(test)]
mod tests;
