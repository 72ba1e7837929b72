//! What a tenant is told by.

use http::header::HOST;
use http::{Extensions, HeaderMap, Method, Request, Uri};

/// What a tenant can be told by: a request without its body.
#[derive(Debug, Clone, Copy)]
pub struct TenantRequest<'a> {
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
}

impl<'a> TenantRequest<'a> {
    pub(super) fn of<B>(request: &'a Request<B>) -> Self {
        let (method, uri) = (request.method(), request.uri());
        Self { method, uri, headers: request.headers(), extensions: request.extensions() }
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

    /// The host of the target, or else of the only `Host` header, in the case in which it was sent, without its port.
    /// It is what the caller says it is.
    #[must_use]
    pub fn host(&self) -> Option<&'a str> {
        if let Some(authority) = self.uri.authority() {
            return Some(bare(authority.host()));
        }
        let mut values = self.headers.get_all(HOST).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        value.to_str().ok().map(bare)
    }
}

/// An authority without its port, and without the dot that ends a fully qualified name.
pub(super) fn bare(authority: &str) -> &str {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    host.strip_suffix('.').unwrap_or(host)
}
