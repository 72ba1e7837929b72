//! Host and port of a URI, as they are written.
//!
//! Every question about a server is answered here from the received text: whether host and port are valid, and whether the
//! host is loopback, internal or a special address. Nothing is resolved and nothing is normalised.

use std::net::IpAddr;

use super::address::is_special;
use super::{has_bracket, host, is_digits};

/// Suffixes of host names that are resolved inside the operator's network:
/// [RFC 6761 §6.3](https://www.rfc-editor.org/rfc/rfc6761#section-6.3), [RFC 6762 §3](https://www.rfc-editor.org/rfc/rfc6762#section-3),
/// [RFC 8375 §4](https://www.rfc-editor.org/rfc/rfc8375#section-4) and ICANN's `internal`.
const INTERNAL_SUFFIXES: &[&str] = &[".localhost", ".local", ".internal", ".home.arpa"];

/// Host and port as written, the host of an IPv6 literal with its brackets.
pub(crate) struct Authority<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: Option<&'a str>,
}

impl<'a> Authority<'a> {
    /// Splits an authority without user information into host and port; `None` when something else than a port follows a
    /// closing bracket.
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
    pub(super) fn has_valid_host(&self) -> bool {
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

    /// Whether the host is on the user's device: the loopback interface in one of its spellings, or a name below
    /// `localhost`. `http` is permitted there, because the request does not leave the machine.
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

    /// Whether the host is the name `localhost`, in any case of its letters.
    pub(super) fn is_localhost(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
    }

    /// Whether the name is resolved inside the operator's network or on this machine.
    pub(super) fn is_internal_name(&self) -> bool {
        let host = self.host.to_ascii_lowercase();
        self.is_localhost() || INTERNAL_SUFFIXES.iter().any(|suffix| host.ends_with(suffix))
    }

    /// Whether the host is a literal address that is not the public Internet.
    pub(super) fn is_special(&self) -> bool {
        self.ip().is_some_and(is_special)
    }

    /// The address, where the host is a literal one.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        let Some(literal) = self.host.strip_prefix('[') else {
            // The standard library reads four decimal numbers and no other spelling of IPv4.
            return self.host.parse().ok().map(IpAddr::V4);
        };
        literal.strip_suffix(']')?.parse().ok().map(IpAddr::V6)
    }
}
