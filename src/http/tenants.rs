//! Several issuers behind one layer: each has a registry of its own, and this says whose a request is.
//!
//! Every tenant has its own policy, access control, limits, clock and audit trail, and its part of a store:
//! [`with_tenant`](crate::RegistryBuilder::with_tenant) names the part. A client, a registration access token or an
//! initial access token of one tenant is nothing to another. A request that belongs to no tenant passes through.
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use tower::{Layer as _, ServiceExt as _, service_fn};
//! use tower_dcr::store::MemoryStore;
//! use tower_dcr::{Access, RegistrationLayer, Registry, Tenants};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let store = MemoryStore::new();
//! let acme = Registry::builder("https://acme.example", Access::Open).with_tenant("acme").build(store.clone())?;
//! let globex = Registry::builder("https://globex.example", Access::Tokens).with_tenant("globex").build(store)?;
//! let layer = RegistrationLayer::for_tenants(Tenants::by_host([acme.clone(), globex])?);
//!
//! let service = layer.layer(service_fn(|_request: Request<Full<Bytes>>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! }));
//! let register = |host: &str| {
//!     let request = Request::post("/oidc/register").header("host", host).header("content-type", "application/json");
//!     request.body(Full::from(r#"{ "redirect_uris": ["https://app.example.com/cb"] }"#))
//! };
//! assert_eq!(service.clone().oneshot(register("Acme.example:8443")?).await?.status(), StatusCode::CREATED);
//! assert_eq!(service.clone().oneshot(register("globex.example")?).await?.status(), StatusCode::UNAUTHORIZED);
//! assert_eq!(service.oneshot(register("other.example")?).await?.status(), StatusCode::OK);
//! assert_eq!(acme.count().await?, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::hooks::access::RequestHead;
use crate::hooks::access::request_head::{NamedHost, bare};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use http::Request;

use super::route::Route;
use crate::error::{ConfigError, ConfigErrorKind, RegistrationError, RegistrationErrorKind};
use crate::registry::Registry;
use crate::registry::settings::Settings;

/// Which registry a request belongs to, for [`RegistrationLayer::for_tenants`](crate::RegistrationLayer::for_tenants).
#[derive(Clone)]
pub struct Tenants {
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Only(Registry),
    Hosts(Arc<Hosts>),
    /// By the paths of the endpoints, aliases included.
    Paths(Arc<HashMap<String, Registry>>),
    Resolver(Arc<Resolver>),
}

type Found = Result<(Registry, Route), RegistrationError>;

type Resolver = dyn Fn(&RequestHead<'_>) -> Option<Registry> + Send + Sync;

/// Registries by host.
struct Hosts {
    /// The paths of all endpoints, each once: what begins with none of them is nobody's.
    paths: Vec<String>,
    /// Ordered by host, in lower case.
    registries: Vec<(String, Registry)>,
}

impl Tenants {
    /// Tells tenants apart by the host of their base URLs.
    ///
    /// The host of a request is that of its target, or of its `Host` header where the target has none
    /// ([RFC 9112 §3.2](https://www.rfc-editor.org/rfc/rfc9112#section-3.2)); upper and lower case are the same, the
    /// port is ignored. It chooses the tenant and appears nowhere else: what the tenant's replies say comes from the
    /// tenant's base URL. `X-Forwarded-Host` has no effect, so a proxy must keep `Host`.
    ///
    /// A request for the path of an endpoint that does not name exactly one host is answered with 400, because a proxy
    /// in front may have read another host than this server: several `Host` headers, a `Host` that is not a host and a
    /// port, a target with user information or with a scheme other than `http` and `https`, and over HTTP/2 a `Host`
    /// that differs from `:authority`
    /// ([RFC 9113 §8.3.1](https://www.rfc-editor.org/rfc/rfc9113#section-8.3.1)). In HTTP/1.1 the host of a target
    /// replaces that of the `Host` header. A fragment in a target is dropped before this crate sees the request, and
    /// chooses nothing. A request that names no host, or that of no tenant, passes through.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Tenants`] when two registries have the same host or the same tenant name.
    pub fn by_host(registries: impl IntoIterator<Item = Registry>) -> Result<Self, ConfigError> {
        let registries = named_apart(registries)?;
        let mut paths: Vec<_> =
            registries.iter().flat_map(|registry| registry.settings().endpoint.paths().cloned()).collect();
        paths.sort_unstable();
        paths.dedup();
        let mut registries: Vec<_> = registries.into_iter().map(|registry| (host_of(&registry), registry)).collect();
        registries.sort_by(|(one, _), (other, _)| one.cmp(other));
        if let Some(pair) = registries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(ConfigErrorKind::Tenants.found(format_args!("two with the host {:?}", pair[0].0)));
        }
        Ok(Self { kind: Kind::Hosts(Arc::new(Hosts { paths, registries })) })
    }

    /// Tells tenants apart by the paths of their endpoints, as
    /// [`with_path`](crate::RegistryBuilder::with_path) set them: `/acme/oidc/register`, `/globex/oidc/register`. The
    /// host of a request is not looked at, as with a single registry: it may be missing, repeated or of another server.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Tenants`] when two registries have the same path or the same tenant name, or when the endpoint of
    /// one is where another one has its clients.
    pub fn by_path(registries: impl IntoIterator<Item = Registry>) -> Result<Self, ConfigError> {
        let registries = named_apart(registries)?;
        let named = |registry: Registry| -> Vec<(String, Registry)> {
            registry.settings().endpoint.paths().map(|path| (path.clone(), registry.clone())).collect()
        };
        let places: Vec<_> = registries.into_iter().flat_map(named).collect();
        let mut paths = HashMap::new();
        for (path, registry) in places {
            if paths.insert(path.clone(), registry).is_some() {
                return Err(ConfigErrorKind::Tenants.found(format_args!("two with the path {path:?}")));
            }
        }
        let places = paths;
        let is_client = |path: &&String| parent(path).is_some_and(|parent| places.contains_key(parent));
        if let Some(path) = places.keys().find(is_client) {
            let found = format_args!("the endpoint {path:?}, where another tenant has its clients");
            return Err(ConfigErrorKind::Tenants.found(found));
        }
        Ok(Self { kind: Kind::Paths(Arc::new(places)) })
    }

    /// Leaves it to a function which registry a request belongs to. It is called for every request, those for the rest
    /// of the application included, so it must be quick. The path must still be that of the registry's endpoint; what
    /// it answers `None` for passes through.
    ///
    /// Give each tenant a name of its own where they share a store; nobody can check that here. A function that goes by
    /// the host should use [`RequestHead::host`], which is `None` where the request does not name exactly one, and
    /// should not fall back to a tenant then.
    pub fn from_fn(resolver: impl Fn(&RequestHead<'_>) -> Option<Registry> + Send + Sync + 'static) -> Self {
        Self { kind: Kind::Resolver(Arc::new(resolver)) }
    }

    /// The registry that answers a request and the resource that is meant; `None` when the request passes through. An
    /// error is the answer to a request for one of our resources that does not say of which tenant.
    #[inline]
    pub(crate) fn find<B>(&self, request: &Request<B>) -> Option<Found> {
        match &self.kind {
            Kind::Only(registry) if is_far(registry.settings(), request.uri().path()) => None,
            Kind::Only(registry) => route(registry, request),
            Kind::Hosts(hosts) => hosts.find(request),
            Kind::Paths(places) => route(by_path(places, request.uri().path())?, request),
            Kind::Resolver(resolver) => route(&resolver(&RequestHead::of(request))?, request),
        }
    }
}

/// Whether a path begins like none of ours.
#[inline]
fn is_far(settings: &Settings, path: &str) -> bool {
    !begins_with(path, &settings.endpoint.path)
        && !settings.endpoint.aliases.iter().any(|alias| begins_with(path, alias))
}

/// Whether a path begins like ours. Most do not in their first bytes, which a loop finds out before a call of `memcmp`
/// would have begun.
#[inline]
fn begins_with(path: &str, ours: &str) -> bool {
    path.len() >= ours.len() && path.bytes().zip(ours.bytes()).all(|(one, other)| one == other)
}

/// Kept out of the way of what passes through.
#[inline(never)]
fn route<B>(registry: &Registry, request: &Request<B>) -> Option<Found> {
    let route = Route::find(registry.settings(), request)?;
    Some(Ok((registry.clone(), route)))
}

/// One tenant, which has everything.
impl From<Registry> for Tenants {
    fn from(registry: Registry) -> Self {
        Self { kind: Kind::Only(registry) }
    }
}

impl Hosts {
    fn find<B>(&self, request: &Request<B>) -> Option<Found> {
        let path = request.uri().path();
        if !self.paths.iter().any(|known| path.starts_with(known.as_str())) {
            return None;
        }
        match RequestHead::of(request).named_host() {
            NamedHost::Missing => None,
            NamedHost::One(host) => route(self.by_name(host)?, request),
            NamedHost::Ambiguous => {
                let is_ours = |(_, registry): &(String, Registry)| Route::find(registry.settings(), request).is_some();
                let refused = || Err(RegistrationError::new(RegistrationErrorKind::AmbiguousHost));
                self.registries.iter().any(is_ours).then(refused)
            }
        }
    }

    fn by_name(&self, host: &str) -> Option<&Registry> {
        let lower = || host.bytes().map(|byte| byte.to_ascii_lowercase());
        let index = self.registries.binary_search_by(|(known, _)| known.bytes().cmp(lower())).ok()?;
        Some(&self.registries[index].1)
    }
}

/// The registry whose endpoint is at this path or one segment above it.
fn by_path<'a>(places: &'a HashMap<String, Registry>, path: &str) -> Option<&'a Registry> {
    let path = path.strip_suffix('/').unwrap_or(path);
    places.get(path).or_else(|| places.get(parent(path)?))
}

fn parent(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(parent, _)| parent)
}

/// On a shared store the name is what keeps tenants apart, so forgetting it must not go unnoticed.
fn named_apart(registries: impl IntoIterator<Item = Registry>) -> Result<Vec<Registry>, ConfigError> {
    let registries: Vec<_> = registries.into_iter().collect();
    let mut names: Vec<_> = registries.iter().map(|registry| registry.settings().runtime.tenant()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(ConfigErrorKind::Tenants.found(format_args!("two with the name {:?}", pair[0])));
    }
    Ok(registries)
}

/// The host of a registry's base URL, in lower case.
fn host_of(registry: &Registry) -> String {
    let url = &registry.settings().endpoint.url;
    let authority = url.split_once("://").and_then(|(_, rest)| rest.split('/').next());
    bare(authority.unwrap_or_default()).to_ascii_lowercase()
}

impl fmt::Debug for Tenants {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |registry: &Registry| registry.settings().runtime.tenant().to_owned();
        let (kind, names): (_, Vec<_>) = match &self.kind {
            Kind::Only(registry) => ("Only", vec![name(registry)]),
            Kind::Hosts(hosts) => ("Hosts", hosts.registries.iter().map(|(host, _)| host.clone()).collect()),
            Kind::Paths(places) => ("Paths", places.keys().cloned().collect()),
            Kind::Resolver(_) => ("Resolver", Vec::new()),
        };
        formatter.debug_tuple("Tenants").field(&kind).field(&names).finish()
    }
}

#[cfg(all(test, feature = "memory"))]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use http::Version;
    use http::header::HOST;

    use super::*;
    use crate::Access;
    use crate::store::MemoryStore;

    fn registry(tenant: &str, base_url: &str, path: &str) -> Registry {
        let builder = Registry::builder(base_url, Access::Open).with_path(path).with_tenant(tenant);
        builder.build(MemoryStore::new()).unwrap()
    }

    /// As [`registry`], with the alias `/alias`.
    fn aliased(tenant: &str, base_url: &str, path: &str) -> Registry {
        let builder =
            Registry::builder(base_url, Access::Open).with_path(path).with_alias("/alias").with_tenant(tenant);
        builder.build(MemoryStore::new()).unwrap()
    }

    fn found(tenants: &Tenants, uri: &str, hosts: &[&str]) -> Option<String> {
        found_over(Version::HTTP_11, tenants, uri, hosts)
    }

    /// The name of the tenant, or `400`.
    fn found_over(version: Version, tenants: &Tenants, uri: &str, hosts: &[&str]) -> Option<String> {
        let request = Request::post(uri).version(version);
        let request = hosts.iter().fold(request, |request, host| request.header(HOST, *host));
        Some(match tenants.find(&request.body(()).unwrap())? {
            Ok((registry, _)) => registry.settings().runtime.tenant().to_owned(),
            Err(error) => error.status().to_string(),
        })
    }

    #[test]
    fn every_host_has_one_tenant() {
        let tenants = [
            registry("a", "https://a.example", "/oidc/register"),
            registry("b", "https://B.example:8443/realm", "/register"),
            aliased("local", "http://[::1]:8080", "/oidc/register"),
        ];
        let tenants = Tenants::by_host(tenants).unwrap();
        let rows: &[(&str, &[&str], Option<&str>)] = &[
            ("/oidc/register", &["a.example"], Some("a")),
            ("/oidc/register/x", &["A.EXAMPLE:443"], Some("a")),
            ("/oidc/register", &["a.example."], Some("a")),
            ("/oidc/register", &["a.example.:80"], Some("a")),
            ("/register", &["b.example"], Some("b")),
            ("/realm/register", &["b.example"], Some("b")),
            ("/oidc/register", &["[::1]:9090"], Some("local")),
            ("/oidc/register", &["[::1]"], Some("local")),
            ("https://a.example/oidc/register", &["b.example"], Some("a")),
            ("HTTPS://a.example/oidc/register", &[], Some("a")),
            ("https://c.example/oidc/register", &["a.example"], None),
            ("/oidc/register", &["b.example"], None),
            ("/oidc/register", &["c.example"], None),
            ("/oidc/register", &["x.a.example"], None),
            ("/oidc/register", &[""], None),
            ("/oidc/register", &[], None),
            ("/alias/x", &["[::1]"], Some("local")),
            ("/hello", &["a.example"], None),
        ];
        for (uri, hosts, expected) in rows {
            assert_eq!(found(&tenants, uri, hosts).as_deref(), *expected, "{uri} {hosts:?}");
        }
    }

    #[test]
    fn a_host_that_has_two_readings_is_refused_on_our_paths_alone() {
        let tenants = ["a", "b"].map(|name| registry(name, &format!("https://{name}.example"), "/oidc/register"));
        let tenants = Tenants::by_host(tenants).unwrap();
        let (old, new) = (Version::HTTP_11, Version::HTTP_2);
        let rows: &[(Version, &str, &[&str], Option<&str>)] = &[
            (old, "/oidc/register", &["a.example", "b.example"], Some("400")),
            (old, "/oidc/register", &["a.example", "a.example"], Some("400")),
            (old, "https://a.example/oidc/register", &["a.example", "a.example"], Some("400")),
            (old, "/oidc/register", &["a.example, b.example"], Some("400")),
            (old, "/oidc/register", &["a.example,b.example"], Some("400")),
            (old, "/oidc/register", &["user@a.example"], Some("400")),
            (old, "/oidc/register", &["a.example@b.example"], Some("400")),
            (old, "/oidc/register", &["a.example/"], Some("400")),
            (old, "/oidc/register", &["a.example#b.example"], Some("400")),
            (old, "/oidc/register", &["a.example\\b.example"], Some("400")),
            (old, "/oidc/register", &["a.example b.example"], Some("400")),
            (old, "/oidc/register", &["a.example:x"], Some("400")),
            (old, "/oidc/register", &["[a.example]:x"], Some("400")),
            (old, "/oidc/register", &["http://a.example"], Some("400")),
            (old, "http://a.example/oidc/register", &["b@a.example"], Some("400")),
            (old, "http://b@a.example/oidc/register", &["a.example"], Some("400")),
            (old, "http://b:c@a.example/oidc/register", &[], Some("400")),
            (old, "ftp://a.example/oidc/register", &["a.example"], Some("400")),
            (old, "ws://a.example/oidc/register", &[], Some("400")),
            (new, "https://a.example/oidc/register", &[], Some("a")),
            (new, "https://a.example/oidc/register", &["A.example"], Some("a")),
            (new, "https://a.example/oidc/register", &["a.example:443"], Some("a")),
            (new, "https://a.example/oidc/register", &["b.example"], Some("400")),
            (new, "https://a.example/oidc/register", &["c.example"], Some("400")),
            (new, "https://c.example/oidc/register", &["a.example"], Some("400")),
            (new, "https://a.example/oidc/register", &["a.example", "a.example"], Some("400")),
            (new, "ftp://a.example/oidc/register", &[], Some("400")),
            (new, "https://b@a.example/oidc/register", &[], Some("400")),
            (new, "/oidc/register", &["a.example"], Some("a")),
            (Version::HTTP_3, "https://a.example/oidc/register", &["b.example"], Some("400")),
            (old, "/oidc/registerfoo", &["a.example", "b.example"], None),
            (old, "/oidc/register/a/b", &["a.example", "b.example"], None),
            (old, "ftp://a.example/hello", &["b.example"], None),
            (new, "https://a.example/hello", &["b.example"], None),
        ];
        for (version, uri, hosts, expected) in rows {
            let found = found_over(*version, &tenants, uri, hosts);
            assert_eq!(found.as_deref(), *expected, "{version:?} {uri} {hosts:?}");
        }
    }

    #[test]
    fn an_alias_is_found_whether_there_is_one_tenant_or_several() {
        let registry = |tenant: &str| {
            let builder = Registry::builder(format!("https://{tenant}.example"), Access::Open).with_tenant(tenant);
            builder.with_alias("/register").build(MemoryStore::new()).unwrap()
        };
        let several = Tenants::by_host([registry("a"), registry("b")]).unwrap();
        for tenants in [Tenants::from(registry("a")), several] {
            for uri in ["/register", "/register/x", "/oidc/register"] {
                assert_eq!(found(&tenants, uri, &["a.example"]).as_deref(), Some("a"), "{uri} of {tenants:?}");
            }
            assert_eq!(found(&tenants, "/reg", &["a.example"]), None, "{tenants:?}");
        }
    }

    #[test]
    fn every_path_has_one_tenant() {
        let paths = [("b", "/b/register"), ("a", "/a/register"), ("deep", "/a/b/c")];
        let tenants = paths.map(|(name, path)| registry(name, "https://id.example.com", path));
        let aliased = aliased("aliased", "https://id.example.com", "/d/register");
        let tenants = Tenants::by_path(tenants.into_iter().chain([aliased])).unwrap();
        let rows = [
            ("/a/register", Some("a")),
            ("/a/register/", Some("a")),
            ("/a/register/x", Some("a")),
            ("/a/register/x/", Some("a")),
            ("/b/register/x", Some("b")),
            ("/a/b/c/d", Some("deep")),
            ("/a/register/x/y", None),
            ("/d/register", Some("aliased")),
            ("/alias", Some("aliased")),
            ("/alias/x", Some("aliased")),
            ("/alias/x/y", None),
            ("/a/registerfoo", None),
            ("/a/register//", None),
            ("/c/register", None),
            ("/a", None),
            ("/", None),
        ];
        for (path, expected) in rows {
            assert_eq!(found(&tenants, path, &[]).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn tenants_that_cannot_be_told_apart_are_refused() {
        type Build = fn([Registry; 2]) -> Result<Tenants, ConfigError>;
        let (by_host, by_path): (Build, Build) = (Tenants::by_host, Tenants::by_path);
        let rows = [
            ("other hosts", by_host, ["a", "https://a.example", "/r"], ["b", "https://b.example", "/r"], true),
            ("other ports", by_host, ["a", "https://a.example:1", "/r"], ["b", "https://a.example:2", "/r"], false),
            ("same host", by_host, ["a", "https://a.example", "/r"], ["b", "https://A.example", "/q"], false),
            ("same name, by host", by_host, ["a", "https://a.example", "/r"], ["a", "https://b.example", "/r"], false),
            ("other paths", by_path, ["a", "https://a.example", "/r"], ["b", "https://a.example", "/q"], true),
            ("same path", by_path, ["a", "https://a.example", "/r"], ["b", "https://b.example", "/r"], false),
            ("same name, by path", by_path, ["a", "https://a.example", "/r"], ["a", "https://a.example", "/q"], false),
            ("path of a client", by_path, ["a", "https://a.example", "/r"], ["b", "https://a.example", "/r/q"], false),
        ];
        for (name, build, one, other, works) in rows {
            let tenants = [one, other].map(|[tenant, base_url, path]| registry(tenant, base_url, path));
            assert_eq!(build(tenants).is_ok(), works, "{name}");
        }
    }
}
