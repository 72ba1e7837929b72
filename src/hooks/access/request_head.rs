//! A request without its body, as gates, policies and tenants see it.

use http::header::HOST;
use http::request::Parts;
use http::{Extensions, HeaderMap, Method, Request, Uri, Version};

/// A request without its body: what a [`Gate`](super::Gate), a rate limit, a [`Policy`](crate::Policy) and
/// [`Tenants`](crate::Tenants) decide by. The headers hold credentials.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    method: &'a Method,
    uri: &'a Uri,
    version: Version,
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
}

impl<'a> RequestHead<'a> {
    /// The head of a request.
    pub fn of<B>(request: &'a Request<B>) -> Self {
        let (method, uri, version) = (request.method(), request.uri(), request.version());
        Self { method, uri, version, headers: request.headers(), extensions: request.extensions() }
    }

    /// The head of a request whose body was taken away.
    pub fn of_parts(parts: &'a Parts) -> Self {
        Self {
            method: &parts.method,
            uri: &parts.uri,
            version: parts.version,
            headers: &parts.headers,
            extensions: &parts.extensions,
        }
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &'a Method {
        self.method
    }

    /// The target.
    #[must_use]
    pub fn uri(&self) -> &'a Uri {
        self.uri
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// What other layers and the server added, such as the address of the peer.
    #[must_use]
    pub fn extensions(&self) -> &'a Extensions {
        self.extensions
    }

    /// The host of the target, or else of the `Host` header, in the case in which it was sent, without its port. It is
    /// what the caller says it is. `None` where the request names no host, or not exactly one: see
    /// [`Tenants::by_host`](crate::Tenants::by_host).
    #[must_use]
    pub fn host(&self) -> Option<&'a str> {
        match self.named_host() {
            NamedHost::One(host) => Some(host),
            NamedHost::Missing | NamedHost::Ambiguous => None,
        }
    }

    pub(crate) fn named_host(&self) -> NamedHost<'a> {
        let mut values = self.headers.get_all(HOST).iter();
        let header = match (values.next(), values.next()) {
            (None, _) => NamedHost::Missing,
            (Some(value), None) => NamedHost::of(value.to_str().ok()),
            (Some(_), Some(_)) => NamedHost::Ambiguous,
        };
        let (Some(authority), false) = (self.uri.authority(), matches!(header, NamedHost::Ambiguous)) else {
            return header;
        };
        let is_http = |scheme: &str| scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
        match (NamedHost::of(Some(authority.as_str())), header) {
            _ if !self.uri.scheme_str().is_none_or(is_http) => NamedHost::Ambiguous,
            // HTTP/1.1 has the host of such a target replace the header; later versions forbid a difference.
            (target, _) if self.version < Version::HTTP_2 => target,
            (target, NamedHost::Missing) => target,
            (NamedHost::One(target), NamedHost::One(header)) if target.eq_ignore_ascii_case(header) => {
                NamedHost::One(target)
            }
            _ => NamedHost::Ambiguous,
        }
    }
}

/// How a request names its host.
pub(crate) enum NamedHost<'a> {
    Missing,
    One(&'a str),
    /// By several headers, by a header and a target that differ, or by something that is no host and port.
    Ambiguous,
}

impl<'a> NamedHost<'a> {
    /// Reads a host with or without a port. User information is refused: another reader may take it for the host.
    fn of(authority: Option<&'a str>) -> Self {
        let Some(host) = authority.map(bare) else { return Self::Ambiguous };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte);
        let is_address = |byte: u8| byte.is_ascii_hexdigit() || b":.".contains(&byte);
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        match address {
            Some(address) if address.bytes().all(is_address) => Self::One(host),
            None if host.is_empty() => Self::Missing,
            None if host.bytes().all(is_name) => Self::One(host),
            _ => Self::Ambiguous,
        }
    }
}

/// An authority without its port, and without the dot that ends a fully qualified name.
pub(crate) fn bare(authority: &str) -> &str {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    host.strip_suffix('.').unwrap_or(host)
}
