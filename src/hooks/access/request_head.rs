//! A request without its body, as gates, policies and tenants see it.
//!
//! Every decision that runs before the body is read takes this one type.

use http::header::HOST;
use http::request::Parts;
use http::{Extensions, HeaderMap, Method, Request, Uri, Version};

/// A request without its body: what a [`Gate`](super::Gate), a rate limit, a [`Policy`](crate::Policy) and
/// [`Tenants`](crate::Tenants) decide by. The headers contain credentials.
///
/// It borrows the head of the request: [`Extensions`] cannot be copied cheaply, and a decision needs the request only
/// while it runs. It is `Copy`, so several hooks can receive the same head. A gate that must keep a value for longer
/// clones that value.
///
/// ```
/// use http::Request;
/// use tower_dcr::access::RequestHead;
///
/// let request = Request::post("/oidc/register").header("host", "id.example.com:8443").body(()).unwrap();
/// let head = RequestHead::of(&request);
/// assert_eq!((head.method().as_str(), head.uri().path()), ("POST", "/oidc/register"));
/// assert_eq!(head.host(), Some("id.example.com"));
/// ```
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

    /// The head of a request that was split into its head and its body.
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

    /// What other layers and the server added, such as the address of the peer (`gate::PeerAddress`).
    #[must_use]
    pub fn extensions(&self) -> &'a Extensions {
        self.extensions
    }

    /// The host of the target, or of the `Host` header if the target has none, without its port and with its letters as
    /// they were sent. The caller chooses it. `None` if the request names no host, or does not name exactly one: see
    /// [`Tenants::by_host`](crate::Tenants::by_host).
    #[must_use]
    pub fn host(&self) -> Option<&'a str> {
        match self.named_host() {
            NamedHost::One(host) => Some(host),
            NamedHost::Missing | NamedHost::Ambiguous => None,
        }
    }

    /// Compares the `Host` header with the target
    /// ([RFC 9112 §3.2](https://www.rfc-editor.org/rfc/rfc9112#section-3.2),
    /// [RFC 9113 §8.3.1](https://www.rfc-editor.org/rfc/rfc9113#section-8.3.1)).
    pub(crate) fn named_host(&self) -> NamedHost<'a> {
        let mut values = self.headers.get_all(HOST).iter();
        let header = match (values.next(), values.next()) {
            (None, _) => NamedHost::Missing,
            (Some(value), None) => NamedHost::of(value.to_str().ok()),
            // A proxy may have used the other header, so neither may choose a tenant.
            (Some(_), Some(_)) => NamedHost::Ambiguous,
        };
        let (Some(authority), false) = (self.uri.authority(), matches!(header, NamedHost::Ambiguous)) else {
            return header;
        };
        let is_http = |scheme: &str| scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
        match (NamedHost::of(Some(authority.as_str())), header) {
            _ if !self.uri.scheme_str().is_none_or(is_http) => NamedHost::Ambiguous,
            // In HTTP/1.1 the host of such a target replaces the header. Later versions forbid a difference.
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
    /// By neither a header nor a target.
    Missing,
    /// By a header, by a target, or by both with the same host.
    One(&'a str),
    /// By several headers, by a header and a target that differ, or by text that is not a host with an optional port.
    Ambiguous,
}

impl<'a> NamedHost<'a> {
    /// Reads a host with or without a port.
    fn of(authority: Option<&'a str>) -> Self {
        let Some(host) = authority.map(bare) else { return Self::Ambiguous };
        // No `@`: another parser may read user information as the host.
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
