//! Several issuers behind one layer. Each has its own registry; [`Tenants`] finds the registry of a request.
//!
//! Every tenant has its own policy, access control, limits, clock and audit trail, and its own part of a store, which
//! [`with_tenant`](crate::RegistryBuilder::with_tenant) names. A client, a registration access token and an initial
//! access token of one tenant do not exist for another tenant. A request that belongs to no tenant passes through.
//!
//! The name of a tenant is the only separation inside a shared store. The URL in a reply comes from the configuration
//! of the tenant that was found, so a request with a wrong host can at most get a refusal.
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

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use http::Request;

use super::route::Route;
use crate::error::{ConfigError, ConfigErrorKind, RegistrationError, RegistrationErrorKind};
use crate::hooks::access::RequestHead;
use crate::hooks::access::request_head::{NamedHost, bare};
use crate::registry::Registry;
use crate::registry::settings::Settings;

/// Which registry a request belongs to, for [`RegistrationLayer::for_tenants`](crate::RegistrationLayer::for_tenants).
#[derive(Clone)]
pub struct Tenants {
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    /// One registry. Its endpoint is at the same path on every host.
    Only(Registry),
    /// By the host of the request.
    Hosts(Arc<Hosts>),
    /// By the paths of the endpoints, aliases included.
    Paths(Arc<HashMap<String, Registry>>),
    /// By a function of the application.
    Resolver(Arc<Resolver>),
}

/// The registry and the resource of a request, or why the request cannot be answered.
type Found = Result<(Registry, Route), RegistrationError>;

/// Finds the registry of a request; `None` if the request belongs to no tenant.
type Resolver = dyn Fn(&RequestHead<'_>) -> Option<Registry> + Send + Sync;

/// Registries by host.
struct Hosts {
    /// The paths of all endpoints, each once. A request whose path begins with none of them passes through at once.
    paths: Vec<String>,
    /// Ordered by host, in lower case.
    registries: Vec<(String, Registry)>,
}

impl Tenants {
    /// Tells tenants apart by the host of their base URLs.
    ///
    /// The host of a request is that of its target, or of its `Host` header where the target has none
    /// ([RFC 9112 §3.2](https://www.rfc-editor.org/rfc/rfc9112#section-3.2)); upper and lower case are the same, the
    /// port is ignored. It chooses the tenant and nothing else: the URLs in replies come from the base URL of the
    /// tenant. `X-Forwarded-Host` has no effect, so a proxy must keep `Host`.
    ///
    /// A request for the path of an endpoint that does not name exactly one host is answered with 400, because a proxy
    /// in front may have read another host than this server: several `Host` headers, a `Host` that is not a host and a
    /// port, a target with user information or with a scheme other than `http` and `https`, and over HTTP/2 a `Host`
    /// that differs from `:authority`
    /// ([RFC 9113 §8.3.1](https://www.rfc-editor.org/rfc/rfc9113#section-8.3.1)). In HTTP/1.1 the host of a target
    /// replaces that of the `Host` header. A fragment in a target is removed before this crate sees the request. A
    /// request without a host, or with a host of no tenant, passes through.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Tenants`] when two registries have the same host or the same tenant name.
    pub fn by_host(registries: impl IntoIterator<Item = Registry>) -> Result<Self, ConfigError> {
        let registries = with_different_names(registries)?;
        let mut paths: Vec<_> =
            registries.iter().flat_map(|registry| registry.settings().endpoint.paths().cloned()).collect();
        // Sorted only to remove duplicates: tenants usually have the same path, and then one comparison is enough.
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
    /// host of a request is ignored, as with a single registry: it may be missing, repeated or of another server.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Tenants`] when two registries have the same path or the same tenant name, or when the
    /// endpoint of one has the path of a client of another.
    pub fn by_path(registries: impl IntoIterator<Item = Registry>) -> Result<Self, ConfigError> {
        let registries = with_different_names(registries)?;
        let named = |registry: Registry| -> Vec<(String, Registry)> {
            registry.settings().endpoint.paths().map(|path| (path.clone(), registry.clone())).collect()
        };
        let mut paths = HashMap::new();
        for (path, registry) in registries.into_iter().flat_map(named) {
            if paths.insert(path.clone(), registry).is_some() {
                return Err(ConfigErrorKind::Tenants.found(format_args!("two with the path {path:?}")));
            }
        }
        // The path of a client has one segment more, so such a path would belong to two tenants.
        let is_client = |path: &&String| parent(path).is_some_and(|parent| paths.contains_key(parent));
        if let Some(path) = paths.keys().find(is_client) {
            let found = format_args!("the endpoint {path:?}, where another tenant has its clients");
            return Err(ConfigErrorKind::Tenants.found(found));
        }
        Ok(Self { kind: Kind::Paths(Arc::new(paths)) })
    }

    /// Lets a function find the registry of a request. The function is called for every request, also for those of the
    /// application, so it must be fast. A request passes through if the function returns `None`, or if the path is not
    /// that of the registry's endpoint.
    ///
    /// If tenants share a store, give each its own name; this crate cannot check it here. A function that reads the
    /// host should use [`RequestHead::host`], which is `None` if the request does not name exactly one host, and
    /// should return `None` then.
    pub fn from_fn(resolver: impl Fn(&RequestHead<'_>) -> Option<Registry> + Send + Sync + 'static) -> Self {
        Self { kind: Kind::Resolver(Arc::new(resolver)) }
    }

    /// The registry that answers a request, and the resource. `None` if the request passes through. An error if the
    /// request is for a resource of an endpoint and does not say of which tenant.
    #[inline]
    pub(crate) fn find<B>(&self, request: &Request<B>) -> Option<Found> {
        match &self.kind {
            Kind::Only(registry) if is_elsewhere(registry.settings(), request.uri().path()) => None,
            Kind::Only(registry) => route(registry, request),
            Kind::Hosts(hosts) => hosts.find(request),
            Kind::Paths(paths) => route(by_path(paths, request.uri().path())?, request),
            Kind::Resolver(resolver) => route(&resolver(&RequestHead::of(request))?, request),
        }
    }
}

/// Whether a path begins with no path of the endpoint.
#[inline]
fn is_elsewhere(settings: &Settings, path: &str) -> bool {
    !begins_with(path, &settings.endpoint.path)
        && !settings.endpoint.aliases.iter().any(|alias| begins_with(path, alias))
}

/// Whether a path begins with another one.
// A loop, because most paths differ in their first bytes: it is done before a call of `memcmp` would start.
#[inline]
fn begins_with(path: &str, prefix: &str) -> bool {
    path.len() >= prefix.len() && path.bytes().zip(prefix.bytes()).all(|(one, other)| one == other)
}

/// The resource of one registry that a request is for.
// Not inlined, so that a request which passes through runs few instructions.
#[inline(never)]
fn route<B>(registry: &Registry, request: &Request<B>) -> Option<Found> {
    let route = Route::find(registry.settings(), request)?;
    Some(Ok((registry.clone(), route)))
}

/// One registry, which answers every request for its endpoint.
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
            // HTTP/1.0 permits a request without a host; no tenant can be chosen for it.
            NamedHost::Missing => None,
            NamedHost::One(host) => route(self.by_name(host)?, request),
            // Refused only on a path of an endpoint: the application decides about its own requests.
            NamedHost::Ambiguous => {
                let is_route = |(_, registry): &(String, Registry)| Route::find(registry.settings(), request).is_some();
                let refused = || Err(RegistrationError::new(RegistrationErrorKind::AmbiguousHost));
                self.registries.iter().any(is_route).then(refused)
            }
        }
    }

    /// The registry of a host, in any case of letters.
    fn by_name(&self, host: &str) -> Option<&Registry> {
        let lower = || host.bytes().map(|byte| byte.to_ascii_lowercase());
        let index = self.registries.binary_search_by(|(known, _)| known.bytes().cmp(lower())).ok()?;
        Some(&self.registries[index].1)
    }
}

/// The registry whose endpoint is at this path or one segment above it. Two lookups in a map, however many tenants
/// there are.
fn by_path<'a>(paths: &'a HashMap<String, Registry>, path: &str) -> Option<&'a Registry> {
    let path = path.strip_suffix('/').unwrap_or(path);
    paths.get(path).or_else(|| paths.get(parent(path)?))
}

/// The path without its last segment.
fn parent(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(parent, _)| parent)
}

/// The registries, if all their tenant names differ. In a shared store the name alone separates tenants. Without this
/// check, two registries without a name would read each other's clients, and the operator would not notice.
fn with_different_names(registries: impl IntoIterator<Item = Registry>) -> Result<Vec<Registry>, ConfigError> {
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
            Kind::Paths(paths) => ("Paths", paths.keys().cloned().collect()),
            Kind::Resolver(_) => ("Resolver", Vec::new()),
        };
        formatter.debug_tuple("Tenants").field(&kind).field(&names).finish()
    }
}

#[cfg(all(test, feature = "memory"))]
mod tests;
