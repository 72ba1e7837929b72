//! The builder: every decision of an operator, with its default and its reason.
//!
//! ```
//! use std::time::Duration;
//! use tower_dcr::metadata::GrantType;
//! use tower_dcr::store::MemoryStore;
//! use tower_dcr::{Access, ConfigError, ConfigErrorKind, Registry};
//!
//! let registry = Registry::builder("https://id.example.com", Access::Tokens)
//!     .with_path("/register")
//!     .with_grant_types([GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::DeviceCode])
//!     .with_client_secret_lifetime(Duration::from_secs(90 * 24 * 3600))
//!     .with_rotation(true)
//!     .build(MemoryStore::new())?;
//! assert_eq!(registry.registration_endpoint(), Some("https://id.example.com/register"));
//!
//! let insecure = Registry::builder("http://id.example.com", Access::Open).build(MemoryStore::new());
//! assert_eq!(insecure.unwrap_err().kind(), ConfigErrorKind::BaseUrl);
//! # Ok::<(), ConfigError>(())
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

use crate::access::{Access, CustomGate};
use crate::audit::AuditSink;
use crate::clock::{Clock, SystemClock};
use crate::credential::{Digest, InitialAccessToken, Secrets};
use crate::documents::DocumentSource;
use crate::error::{ConfigError, ConfigErrorKind};
#[cfg(feature = "software-statements")]
use crate::jwt::KeySets;
use crate::management::Permissions;
use crate::policy::Reviewer;
use crate::registry::Registry;
use crate::retention::Retention;
use crate::revocation::Revocation;
use crate::rules::extra::{self, ExtraMember};
use crate::rules::{self, Offer, OfferBuilder, Switch};
#[cfg(feature = "software-statements")]
use crate::software_statement::SoftwareStatements;
use crate::store::ClientStore;
use crate::tenants::is_tenant_name;

/// Whether updates and deletions name the state of the client that they mean
/// ([RFC 9110 §13.1.1](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Preconditions {
    /// No `ETag` is sent and `If-Match` is ignored.
    Off,
    /// A GET carries an `ETag`; an `If-Match` that names another state is answered with 412.
    #[default]
    Optional,
    /// As `Optional`, and PUT and DELETE without `If-Match` are answered with 428.
    Required,
}

/// Everything that is decided at start-up.
#[derive(Debug)]
pub(crate) struct Config {
    /// Without a slash at the end.
    pub(crate) endpoint: String,
    pub(crate) path: String,
    /// Other paths where the endpoint answers too.
    pub(crate) aliases: Vec<String>,
    pub(crate) access: Access,
    pub(crate) static_tokens: Vec<Digest>,
    pub(crate) offer: Offer,
    pub(crate) management: bool,
    pub(crate) permissions: Permissions,
    pub(crate) rotation: bool,
    pub(crate) strict_updates: bool,
    pub(crate) preconditions: Preconditions,
    pub(crate) body_limit: usize,
    pub(crate) secret_lifetime: Option<Duration>,
    pub(crate) retention: Retention,
    pub(crate) revocation: Option<Revocation>,
    pub(crate) reuse: bool,
    /// The issuer identifier, as clients compare it.
    pub(crate) issuer: String,
    #[cfg(feature = "software-statements")]
    pub(crate) legacy_audiences: Vec<String>,
    pub(crate) realm: String,
    pub(crate) secrets: Secrets,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) audit: Arc<dyn AuditSink>,
    pub(crate) documents: Option<DocumentSource>,
    #[cfg(feature = "software-statements")]
    pub(crate) published_keys: Option<KeySets>,
    pub(crate) jwks_uri_checked: bool,
    pub(crate) gates_before: Vec<CustomGate>,
    pub(crate) management_gates: Vec<CustomGate>,
    #[cfg(feature = "software-statements")]
    pub(crate) statements: Option<SoftwareStatements>,
    pub(crate) request_id_header: Option<HeaderName>,
    /// Empty for the only one.
    pub(crate) tenant: Arc<str>,
    pub(crate) policy: Option<Reviewer>,
    pub(crate) dry_run: bool,
    /// Software identifiers.
    pub(crate) single_instances: Vec<String>,
}

impl Config {
    /// Where the endpoint answers, the canonical path first.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.path).chain(&self.aliases)
    }
}

/// Builds a [`Registry`]; see the [module](self).
#[must_use = "a builder does nothing until `build`"]
pub struct RegistryBuilder {
    base_url: String,
    path: String,
    aliases: Vec<String>,
    access: Access,
    static_tokens: Vec<InitialAccessToken>,
    pub(crate) offer: OfferBuilder,
    management: bool,
    pub(crate) permissions: Permissions,
    rotation: bool,
    strict_updates: bool,
    preconditions: Preconditions,
    body_limit: usize,
    secret_lifetime: Option<Duration>,
    pub(crate) retention: Retention,
    pub(crate) revocation: Option<Revocation>,
    pub(crate) reuse: bool,
    issuer: Option<String>,
    #[cfg(feature = "software-statements")]
    legacy_audiences: Vec<String>,
    realm: String,
    secrets: Option<Secrets>,
    clock: Arc<dyn Clock>,
    audit: Arc<dyn AuditSink>,
    pub(crate) documents: Option<DocumentSource>,
    pub(crate) jwks_uri_checked: bool,
    pub(crate) gates_before: Vec<CustomGate>,
    pub(crate) management_gates: Vec<CustomGate>,
    #[cfg(feature = "software-statements")]
    pub(crate) statements: Option<SoftwareStatements>,
    pub(crate) request_id_header: Option<HeaderName>,
    pub(crate) tenant: Option<Arc<str>>,
    pub(crate) policy: Option<Reviewer>,
    pub(crate) dry_run: bool,
    pub(crate) single_instances: Vec<String>,
    pub(crate) extra_members: Vec<ExtraMember>,
}

impl RegistryBuilder {
    const MOST_BODY: usize = 1 << 20;
    const LEAST_TOKEN: usize = 16;

    pub(crate) fn new(base_url: String, access: Access) -> Self {
        Self {
            base_url,
            path: "/oidc/register".to_owned(),
            aliases: Vec::new(),
            access,
            static_tokens: Vec::new(),
            offer: OfferBuilder::default(),
            management: true,
            permissions: Permissions::default(),
            rotation: false,
            strict_updates: false,
            preconditions: Preconditions::default(),
            body_limit: 65_536,
            secret_lifetime: None,
            retention: Retention::new(),
            revocation: None,
            reuse: false,
            issuer: None,
            #[cfg(feature = "software-statements")]
            legacy_audiences: Vec::new(),
            realm: "client registration".to_owned(),
            secrets: None,
            clock: Arc::new(SystemClock),
            #[cfg(feature = "tracing")]
            audit: Arc::new(crate::audit::TracingAudit),
            #[cfg(not(feature = "tracing"))]
            audit: Arc::new(()),
            documents: None,
            jwks_uri_checked: false,
            gates_before: Vec::new(),
            management_gates: Vec::new(),
            #[cfg(feature = "software-statements")]
            statements: None,
            request_id_header: Some(HeaderName::from_static("x-request-id")),
            tenant: None,
            policy: None,
            dry_run: false,
            single_instances: Vec::new(),
            extra_members: Vec::new(),
        }
    }

    /// The path of the registration endpoint below the base URL. Default: `/oidc/register`. Where the base URL has a
    /// path itself, the endpoint answers with and without that path, so a proxy in front may take it away or leave it.
    pub fn with_path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Another path where the endpoint answers too (repeatable). What clients are told, such as
    /// `registration_client_uri`, names the path of [`with_path`](Self::with_path). Default: none, and `/register` with
    /// [`Switch::RegisterPath`]. Tenants that are told apart by their paths have no aliases.
    pub fn with_alias(mut self, path: impl Into<String>) -> Self {
        self.aliases.push(path.into());
        self
    }

    /// An initial access token that is part of the configuration: any number of uses, for as long as the process runs.
    /// At least 16 characters; only its digest is kept. Default: none.
    pub fn with_initial_access_token(mut self, token: impl Into<String>) -> Self {
        self.static_tokens.push(InitialAccessToken::new(token));
        self
    }

    /// Whether clients manage their registration ([RFC 7592](https://www.rfc-editor.org/rfc/rfc7592)). Without it no
    /// registration access token is issued and the paths of clients pass through. Default: yes.
    pub fn with_management(mut self, management: bool) -> Self {
        self.management = management;
        self
    }

    /// Whether an update brings a new registration access token. Every token of a reply is valid until a later one is
    /// used, so a lost reply locks nobody out. An update that began with the current token and finds it replaced when it
    /// writes is answered with 409; one that begins with an earlier token repeats an update whose reply was lost, and is
    /// accepted. While three tokens are valid no further one is issued: the reply has the presented token. Default: no
    /// ([RFC 7592 §5](https://www.rfc-editor.org/rfc/rfc7592#section-5)).
    pub fn with_rotation(mut self, rotation: bool) -> Self {
        self.rotation = rotation;
        self
    }

    /// Whether an update must contain `client_id`, as
    /// [RFC 7592 §2.2](https://www.rfc-editor.org/rfc/rfc7592#section-2.2) says. Default: no, since the URL names the
    /// client and deployed clients leave it out.
    pub fn with_strict_updates(mut self, strict: bool) -> Self {
        self.strict_updates = strict;
        self
    }

    /// What `If-Match` means. Default: [`Preconditions::Optional`].
    pub fn with_preconditions(mut self, preconditions: Preconditions) -> Self {
        self.preconditions = preconditions;
        self
    }

    /// The largest request body in bytes, 1 to 1048576. Default: 65536.
    pub fn with_body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// How long a client secret counts; at least one second. An update renews a secret that has expired, or has less
    /// than a tenth of this time left; a read never does. Default: for ever.
    pub fn with_client_secret_lifetime(mut self, lifetime: Duration) -> Self {
        self.secret_lifetime = Some(lifetime);
        self
    }

    /// The issuer identifier of the authorization server
    /// ([RFC 8414 §2](https://www.rfc-editor.org/rfc/rfc8414#section-2)), octet for octet as its metadata states it:
    /// `https` (or `http` on this machine) without query and fragment. Client assertions name it as their audience.
    /// Default: the base URL without a slash at its end.
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Other audiences than the issuer that client assertions may have, for deployed clients that follow
    /// [RFC 7523 §3](https://www.rfc-editor.org/rfc/rfc7523#section-3) before its revision, such as the URL of the token
    /// endpoint. Each of these values is then accepted, alone or in an array of these values and the issuer; such an
    /// authentication is an event `legacy_audience` of the audit trail. Default: none, because a rogue server can make a
    /// client sign for the endpoint of an honest one. It is refused with
    /// [`Switch::AudienceString`], which `fapi2` turns on, and where no method with assertions is offered.
    #[cfg(feature = "software-statements")]
    pub fn with_legacy_audiences<T: Into<String>>(mut self, audiences: impl IntoIterator<Item = T>) -> Self {
        self.legacy_audiences = audiences.into_iter().map(Into::into).collect();
        self
    }

    /// The realm of challenges ([RFC 6750 §3](https://www.rfc-editor.org/rfc/rfc6750#section-3)), printable ASCII
    /// without `"` and `\`. Default: `client registration`.
    pub fn with_realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = realm.into();
        self
    }

    /// How client secrets are kept. A store that is not durable keeps them in memory; for a durable one there is no
    /// default.
    pub fn with_secrets(mut self, secrets: Secrets) -> Self {
        self.secrets = Some(secrets);
        self
    }

    /// What tells the time. Default: the clock of the operating system.
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Who keeps the audit trail. Default: `TracingAudit` with the feature `tracing`, else nobody.
    pub fn with_audit(mut self, audit: impl AuditSink) -> Self {
        self.audit = Arc::new(audit);
        self
    }

    /// Checks everything and puts it together.
    ///
    /// # Errors
    ///
    /// What cannot work is a [`ConfigError`] now, not a surprise later.
    pub fn build(self, store: impl ClientStore) -> Result<Registry, ConfigError> {
        let config = self.check(store.is_durable())?;
        let store = if config.tenant.is_empty() { store } else { store.for_tenant(&config.tenant) };
        Ok(Registry::new(config, Box::new(store)))
    }

    fn check_endpoint(&self) -> Result<(), ConfigError> {
        if let Some(path) = self.aliases.iter().chain([&self.path]).find(|path| !is_plain_path(path)) {
            return Err(ConfigErrorKind::Path.value(path));
        }
        if !(1..=Self::MOST_BODY).contains(&self.body_limit) {
            return Err(ConfigErrorKind::BodyLimit.found(self.body_limit));
        }
        if !is_quotable(&self.realm) {
            return Err(ConfigErrorKind::Realm.value(&self.realm));
        }
        match self.tenant.as_deref().filter(|name| !is_tenant_name(name)) {
            Some(name) => Err(ConfigErrorKind::Tenant.value(name)),
            None => Ok(()),
        }
    }

    fn check_secrets_and_tokens(&self) -> Result<(), ConfigError> {
        if let Some(lifetime) = self.secret_lifetime.filter(|lifetime| lifetime.as_secs() == 0) {
            return Err(ConfigErrorKind::SecretLifetime.found(format_args!("{lifetime:?}")));
        }
        match self.static_tokens.iter().position(|token| !is_strong(token)) {
            Some(index) => {
                let length = self.static_tokens[index].expose().chars().count();
                let found = format_args!("token number {} with {length} characters", index + 1);
                Err(ConfigErrorKind::InitialAccessToken.found(found))
            }
            None => Ok(()),
        }
    }

    fn check(self, durable: bool) -> Result<Config, ConfigError> {
        let base_url = check_base_url(&self.base_url)?;
        self.check_endpoint()?;
        self.check_secrets_and_tokens()?;
        if self.jwks_uri_checked && self.documents.is_none() {
            return Err(ConfigErrorKind::Documents.into());
        }
        if let Some(name) = extra::repeated_or_invalid(&self.extra_members) {
            return Err(ConfigErrorKind::ExtraMember.value(name));
        }
        let offer = Offer { extra_members: self.extra_members, ..self.offer.build(&self.access)? };
        let mut aliases = self.aliases;
        if offer.is_on(Switch::RegisterPath) {
            aliases.push("/register".to_owned());
        }
        let aliases = with_base_path(base_url, &self.path, aliases);
        let secrets = match self.secrets {
            Some(Secrets::InMemory) | None if durable => return Err(ConfigErrorKind::Secrets.into()),
            secrets => secrets.unwrap_or(Secrets::InMemory),
        };
        if let (Secrets::Hashed, Some(name)) = (&secrets, offer.symmetric_algorithm()) {
            return Err(ConfigErrorKind::SymmetricAlgorithms.value(name));
        }
        #[cfg(feature = "software-statements")]
        check_legacy_audiences(&self.legacy_audiences, &offer)?;
        let issuer = self.issuer.map_or_else(|| Ok(base_url.to_owned()), check_issuer)?;
        Ok(Config {
            endpoint: format!("{base_url}{}", self.path),
            path: self.path,
            aliases,
            access: self.access,
            static_tokens: self.static_tokens.iter().map(InitialAccessToken::digest).collect(),
            offer,
            management: self.management,
            permissions: self.permissions,
            rotation: self.rotation,
            strict_updates: self.strict_updates,
            preconditions: self.preconditions,
            body_limit: self.body_limit,
            secret_lifetime: self.secret_lifetime,
            retention: self.retention,
            revocation: self.revocation,
            reuse: self.reuse,
            issuer,
            #[cfg(feature = "software-statements")]
            legacy_audiences: self.legacy_audiences,
            realm: self.realm,
            secrets,
            clock: self.clock,
            audit: self.audit,
            #[cfg(feature = "software-statements")]
            published_keys: self.documents.clone().map(KeySets::new),
            documents: self.documents,
            jwks_uri_checked: self.jwks_uri_checked,
            gates_before: self.gates_before,
            management_gates: self.management_gates,
            #[cfg(feature = "software-statements")]
            statements: self.statements,
            request_id_header: self.request_id_header,
            tenant: self.tenant.unwrap_or_default(),
            policy: self.policy,
            dry_run: self.dry_run,
            single_instances: self.single_instances,
        })
    }
}

impl fmt::Debug for RegistryBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RegistryBuilder")
            .field("base_url", &self.base_url)
            .field("path", &self.path)
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}

/// The base URL without a slash at its end: `https`, or `http` on this machine, and nothing after the path.
fn check_base_url(url: &str) -> Result<&str, ConfigError> {
    use rules::redirect_uri::Kind;
    match rules::redirect_uri::check(url) {
        Ok(Kind::Https | Kind::LoopbackHttp) if !url.contains('?') => Ok(url.trim_end_matches('/')),
        _ => Err(ConfigErrorKind::BaseUrl.url(url)),
    }
}

/// The aliases, and the path and all aliases again below the path of the base URL: what clients are told has that path,
/// and a proxy may take it away from a request or leave it there.
fn with_base_path(base_url: &str, path: &String, mut aliases: Vec<String>) -> Vec<String> {
    let base_path = base_url.split_once("://").and_then(|(_, rest)| rest.find('/').map(|start| &rest[start..]));
    if let Some(base_path) = base_path {
        let below: Vec<_> = aliases.iter().chain([path]).map(|path| format!("{base_path}{path}")).collect();
        aliases.extend(below);
    }
    aliases
}

/// As the base URL, kept as it is: a slash at the end is part of the identifier.
fn check_issuer(issuer: String) -> Result<String, ConfigError> {
    match check_base_url(&issuer) {
        Ok(_) => Ok(issuer),
        Err(_) => Err(ConfigErrorKind::Issuer.url(&issuer)),
    }
}

/// An option that cannot have an effect is a mistake of whoever sets it.
#[cfg(feature = "software-statements")]
fn check_legacy_audiences(audiences: &[String], offer: &Offer) -> Result<(), ConfigError> {
    let Some(first) = audiences.first() else { return Ok(()) };
    if offer.is_on(Switch::AudienceString) || !offer.has_assertions() || audiences.iter().any(String::is_empty) {
        return Err(ConfigErrorKind::LegacyAudiences.value(first));
    }
    Ok(())
}

/// One or more segments of unreserved characters.
fn is_plain_path(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    path.strip_prefix('/').is_some_and(|segments| {
        segments.split('/').all(|segment| !matches!(segment, "" | "." | "..") && segment.bytes().all(plain))
    })
}

fn is_quotable(realm: &str) -> bool {
    !realm.is_empty() && realm.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
}

fn is_strong(token: &InitialAccessToken) -> bool {
    token.expose().len() >= RegistryBuilder::LEAST_TOKEN && crate::endpoint::is_bearer_token(token.expose())
}

#[cfg(all(test, feature = "memory"))]
mod tests;
