//! Which requests are for the endpoint, and for which of its resources.
//!
//! Paths are compared as bytes, without decoding and without redirects. If this server decoded `%2e%2e` and a proxy
//! in front did not, a request could pass the access rules of the proxy under another path. A client identifier is
//! not checked here: one that cannot exist is refused like one that does not exist, so that both get the same reply.
//!
//! A request for another path passes through to the application, whatever its method. A method that a resource does
//! not have is refused here with 405 and does not pass through: the application must not answer for a path of the
//! endpoint.

use http::{Method, Request};

use crate::hooks::access::Access;
use crate::hooks::management::ManagementOperation;
use crate::registry::settings::Settings;

/// A resource of the endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// The registration endpoint.
    Registration,
    /// The registration endpoint, with a request for a dry run.
    DryRun,
    /// A client configuration endpoint ([RFC 7592 §1.2](https://www.rfc-editor.org/rfc/rfc7592#section-1.2)), with the
    /// text in the place of the client identifier.
    Client(String),
}

impl Route {
    /// The resource that a request is for; `None` if the request passes through.
    pub(crate) fn find<B>(settings: &Settings, request: &Request<B>) -> Option<Self> {
        let path = request.uri().path();
        let below = |prefix: &String| {
            let route = Self::below(settings, path.strip_prefix(prefix.as_str())?, request)?;
            Some((prefix.len(), route))
        };
        // An alias may look like the path of a client below another path. The longer match is the more specific one.
        settings.endpoint.paths().filter_map(below).max_by_key(|(length, _)| *length).map(|(_, route)| route)
    }

    /// As [`find`](Self::find), for [`EndpointService`](super::EndpointService): a router that mounted it may have
    /// removed the prefix.
    pub(crate) fn find_mounted<B>(settings: &Settings, request: &Request<B>) -> Option<Self> {
        Self::find(settings, request).or_else(|| Self::below(settings, request.uri().path(), request))
    }

    /// The resource at the rest of a path after the path of the endpoint: none, one slash, or one segment.
    fn below<B>(settings: &Settings, rest: &str, request: &Request<B>) -> Option<Self> {
        // With `Access::Off` the paths belong to the application, as if the layer were not there.
        if matches!(settings.access.access, Access::Off) {
            return None;
        }
        let segment = match rest {
            "" | "/" => return Some(Self::registration(settings, request)),
            rest => rest.strip_prefix('/')?,
        };
        // One slash at the end is accepted, since proxies and client libraries add it. Two are another path.
        let segment = segment.strip_suffix('/').unwrap_or(segment);
        let is_client = settings.management.enabled && !segment.is_empty() && !segment.contains('/');
        is_client.then(|| Self::Client(segment.to_owned()))
    }

    /// The resource at the path of the endpoint itself. With `?client_id=` a read is for that client
    /// ([OpenID Connect Registration §4.2](https://openid.net/specs/openid-connect-registration-1_0.html#ReadRequest)).
    fn registration<B>(settings: &Settings, request: &Request<B>) -> Self {
        let mut parameters = request.uri().query().unwrap_or_default().split('&');
        match *request.method() {
            Method::GET | Method::HEAD if settings.management.enabled => {
                let client_id = parameters.find_map(|parameter| parameter.strip_prefix("client_id="));
                client_id.map_or(Self::Registration, |client_id| Self::Client(client_id.to_owned()))
            }
            Method::POST if settings.endpoint.dry_run && parameters.any(asks_for_dry_run) => Self::DryRun,
            _ => Self::Registration,
        }
    }

    /// The label of the operation in the metrics. It has few values, so that a caller cannot create time series.
    #[cfg(feature = "metrics")]
    pub(crate) fn operation(&self, method: &Method) -> &'static str {
        match (self, method) {
            (_, &Method::OPTIONS) => "options",
            (Self::Registration, &Method::POST) => "register",
            (Self::DryRun, _) => "check",
            (Self::Client(_), &(Method::GET | Method::HEAD)) => "read",
            (Self::Client(_), &Method::PUT) => "update",
            (Self::Client(_), &Method::DELETE) => "delete",
            _ => "other",
        }
    }

    /// The text in the place of the client identifier, unchecked and not decoded.
    pub(crate) fn client_id(&self) -> Option<&str> {
        match self {
            Self::Client(id) => Some(id),
            Self::Registration | Self::DryRun => None,
        }
    }

    /// The methods of the resource, for `Allow` and for the choice of the operation. `HEAD` goes with `GET`
    /// ([RFC 9110 §9.3.2](https://www.rfc-editor.org/rfc/rfc9110#section-9.3.2)). A management operation that the
    /// operator disabled is left out.
    pub(crate) fn methods(&self, settings: &Settings) -> Vec<&'static str> {
        const MANAGEMENT: [(&str, ManagementOperation); 4] = [
            ("GET", ManagementOperation::Read),
            ("HEAD", ManagementOperation::Read),
            ("PUT", ManagementOperation::Update),
            ("DELETE", ManagementOperation::Delete),
        ];
        match self {
            Self::Registration | Self::DryRun => vec!["POST", "OPTIONS"],
            Self::Client(_) => {
                let defined =
                    MANAGEMENT.iter().filter(|(_, operation)| settings.management.permissions.supports(*operation));
                defined.map(|(method, _)| *method).chain(["OPTIONS"]).collect()
            }
        }
    }
}

/// Whether a parameter of the query requests a dry run: `dry_run` alone, or with any value except `false`. A caller
/// that misspells the value does not register a client by mistake.
fn asks_for_dry_run(parameter: &str) -> bool {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, "true"));
    name == "dry_run" && value != "false"
}

#[cfg(all(test, feature = "memory"))]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::Registry;
    use crate::store::MemoryStore;

    fn find(registry: &Registry, method: Method, uri: &str) -> Option<Route> {
        let request = Request::builder().method(method).uri(uri).body(()).unwrap();
        Route::find(registry.settings(), &request)
    }

    #[test]
    fn only_the_paths_of_the_endpoint_are_found() {
        let registry = Registry::builder("https://id.example.com", Access::Open).build(MemoryStore::new()).unwrap();
        let client = |id: &str| Some(Route::Client(id.to_owned()));
        let rows = [
            ("/oidc/register", Some(Route::Registration)),
            ("/oidc/register/", Some(Route::Registration)),
            ("/oidc/register?x=y", Some(Route::Registration)),
            ("/oidc/register?client_id=abc", client("abc")),
            ("/oidc/register/?x=y&client_id=abc", client("abc")),
            ("/oidc/register/abc", client("abc")),
            ("/oidc/register/abc/", client("abc")),
            ("/oidc/register/%2e%2e", client("%2e%2e")),
            ("/oidc/register/a%2Fb", client("a%2Fb")),
            ("/oidc/register//", None),
            ("/oidc/register//abc", None),
            ("/oidc/register/abc//", None),
            ("/oidc/register/a/b", None),
            ("/oidc/registerfoo", None),
            ("/oidc/register-foo/abc", None),
            ("/OIDC/REGISTER", None),
            ("/oidc", None),
            ("/", None),
            ("/x/oidc/register", None),
            ("//oidc/register", None),
        ];
        for (uri, expected) in rows {
            assert_eq!(find(&registry, Method::GET, uri), expected, "{uri}");
        }
        assert_eq!(find(&registry, Method::POST, "/oidc/register?client_id=abc"), Some(Route::Registration));
    }

    #[test]
    fn aliases_are_found_too() {
        let builder = Registry::builder("https://id.example.com", Access::Open).with_profile(crate::Profile::Mcp);
        let registry = builder.with_alias("/connect/register").build(MemoryStore::new()).unwrap();
        for path in ["/oidc/register", "/register", "/connect/register"] {
            assert_eq!(find(&registry, Method::POST, path), Some(Route::Registration), "{path}");
            let client = Some(Route::Client("abc".to_owned()));
            assert_eq!(find(&registry, Method::GET, &format!("{path}/abc")), client, "{path}");
        }
        assert_eq!(find(&registry, Method::POST, "/connect"), None);
    }

    #[test]
    fn the_path_of_the_base_url_may_be_there_or_not() {
        let rows = [
            ("https://id.example.com/auth", "/oidc/register", vec!["/oidc/register", "/auth/oidc/register", "/alias"]),
            ("https://id.example.com/auth/", "/oidc/register", vec!["/auth/oidc/register", "/auth/alias"]),
            ("https://id.example.com/a/b", "/r", vec!["/r", "/a/b/r", "/a/b/alias"]),
            ("https://id.example.com/r", "/r", vec!["/r", "/r/r", "/r/alias"]),
            ("https://id.example.com", "/r", vec!["/r", "/alias"]),
        ];
        for (base_url, path, paths) in rows {
            let builder = Registry::builder(base_url, Access::Open).with_path(path).with_alias("/alias");
            let registry = builder.build(MemoryStore::new()).unwrap();
            for path in paths {
                let name = format!("{base_url}: {path}");
                assert_eq!(find(&registry, Method::POST, path), Some(Route::Registration), "{name}");
                let client = Some(Route::Client("abc".to_owned()));
                assert_eq!(find(&registry, Method::GET, &format!("{path}/abc")), client, "{name}");
            }
            let endpoint: http::Uri = registry.registration_endpoint().unwrap().parse().unwrap();
            assert_eq!(find(&registry, Method::POST, endpoint.path()), Some(Route::Registration), "{base_url}");
            for path in ["/auth", "/b/r", "/auth/auth/oidc/register", "/a/r"] {
                assert_eq!(find(&registry, Method::POST, path), None, "{base_url}: {path}");
            }
        }
    }

    #[test]
    fn what_is_switched_off_passes_through() {
        let off = Registry::builder("https://id.example.com", Access::Off).build(MemoryStore::new()).unwrap();
        assert_eq!(find(&off, Method::POST, "/oidc/register"), None);
        let unmanaged = Registry::builder("https://id.example.com", Access::Open).with_management(false);
        let unmanaged = unmanaged.build(MemoryStore::new()).unwrap();
        assert_eq!(find(&unmanaged, Method::GET, "/oidc/register/abc"), None);
        assert_eq!(find(&unmanaged, Method::GET, "/oidc/register?client_id=abc"), Some(Route::Registration));
    }
}
