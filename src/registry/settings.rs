//! What an operator decided, in groups.
//!
//! A value is written once, in the group of those who read it; the builder fills the groups, [`RegistryBuilder::build`]
//! has each of them checked, and a registry keeps them. Every group begins with the defaults of this crate.
//!
//! [`RegistryBuilder::build`]: super::RegistryBuilder::build

use std::sync::Arc;
use std::time::Duration;

use crate::client::credential::{Digest, InitialAccessToken, SecretStorage, is_bearer_token};
use crate::clock::{Clock, SystemClock};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::hooks::access::{Access, CustomGate};
use crate::hooks::audit::AuditSink;
use crate::hooks::management::Permissions;
use crate::hooks::policy::Reviewer;
use crate::hooks::retention::Retention;
use crate::hooks::revocation::Revocation;
use crate::protocol::uri::redirect;
use crate::protocol::{Supported, Switch};
use crate::trust::documents::DocumentSource;
#[cfg(feature = "software-statements")]
use crate::trust::jwt::KeySets;
#[cfg(feature = "software-statements")]
use crate::trust::software_statement::SoftwareStatements;

/// Everything that is decided at start-up.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) endpoint: EndpointSettings,
    pub(crate) access: AccessSettings,
    pub(crate) management: ManagementSettings,
    pub(crate) registration: RegistrationSettings,
    pub(crate) supported: Supported,
    pub(crate) lifecycle: LifecycleSettings,
    pub(crate) trust: TrustSettings,
    pub(crate) runtime: Runtime,
}

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

/// Where the endpoint is and how it answers.
#[derive(Debug)]
pub(crate) struct EndpointSettings {
    /// Without a slash at its end once it is checked.
    pub(crate) base_url: String,
    /// The issuer identifier, as clients compare it; the base URL where none was chosen, once it is checked.
    pub(crate) issuer: String,
    pub(crate) path: String,
    /// The base URL and the path, once they are checked.
    pub(crate) url: String,
    /// Other paths where the endpoint answers too.
    pub(crate) aliases: Vec<String>,
    /// In bytes.
    pub(crate) body_limit: usize,
    pub(crate) realm: String,
    pub(crate) preconditions: Preconditions,
    /// The name of a header; none where no request identifier is read.
    pub(crate) request_id_header: Option<String>,
    pub(crate) dry_run: bool,
}

impl Default for EndpointSettings {
    fn default() -> Self {
        Self {
            base_url: String::new(),
            issuer: String::new(),
            path: "/oidc/register".to_owned(),
            url: String::new(),
            aliases: Vec::new(),
            body_limit: 65_536,
            realm: "client registration".to_owned(),
            preconditions: Preconditions::default(),
            request_id_header: Some("x-request-id".to_owned()),
            dry_run: false,
        }
    }
}

impl EndpointSettings {
    const MAX_BODY: usize = 1 << 20;

    /// Where the endpoint answers, the canonical path first.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.path).chain(&self.aliases)
    }

    /// Checks the group, adds the paths that a switch and the base URL bring, and settles the URL of the endpoint.
    pub(super) fn check(&mut self, supported: &Supported) -> Result<(), ConfigError> {
        if !is_base_url(&self.base_url) {
            return Err(ConfigErrorKind::BaseUrl.url(&self.base_url));
        }
        self.base_url.truncate(self.base_url.trim_end_matches('/').len());
        // A slash at the end of the issuer is part of the identifier, so it is kept as it is.
        if self.issuer.is_empty() {
            self.issuer.clone_from(&self.base_url);
        } else if !is_base_url(&self.issuer) {
            return Err(ConfigErrorKind::Issuer.url(&self.issuer));
        }
        if let Some(path) = self.paths().find(|path| !is_plain_path(path)) {
            return Err(ConfigErrorKind::Path.value(path));
        }
        if supported.is_on(Switch::RegisterPath) {
            self.aliases.push("/register".to_owned());
        }
        self.add_paths_below_the_base_url();
        self.url = format!("{}{}", self.base_url, self.path);
        self.check_values()
    }

    fn check_values(&self) -> Result<(), ConfigError> {
        if !(1..=Self::MAX_BODY).contains(&self.body_limit) {
            return Err(ConfigErrorKind::BodyLimit.found(self.body_limit));
        }
        if !is_quotable(&self.realm) {
            return Err(ConfigErrorKind::Realm.value(&self.realm));
        }
        match self.request_id_header.as_deref().filter(|name| !is_header_name(name)) {
            Some(name) => Err(ConfigErrorKind::RequestIdHeader.value(name)),
            None => Ok(()),
        }
    }

    /// What clients are told has the path of the base URL, and a proxy may take it away from a request or leave it there.
    fn add_paths_below_the_base_url(&mut self) {
        let (_, rest) = self.base_url.split_once("://").unwrap_or_default();
        let Some(start) = rest.find('/') else { return };
        let below: Vec<_> = self.paths().map(|path| format!("{}{path}", &rest[start..])).collect();
        self.aliases.extend(below);
    }
}

/// `https`, or `http` on this machine, and nothing after the path.
fn is_base_url(url: &str) -> bool {
    let kind = redirect::check(url);
    matches!(kind, Ok(redirect::Kind::Https | redirect::Kind::LoopbackHttp)) && !url.contains('?')
}

/// One or more segments of unreserved characters.
fn is_plain_path(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    path.strip_prefix('/').is_some_and(|segments| {
        segments.split('/').all(|segment| !matches!(segment, "" | "." | "..") && segment.bytes().all(plain))
    })
}

/// Whether a text can stand between quotation marks as it is.
fn is_quotable(realm: &str) -> bool {
    !realm.is_empty() && realm.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
}

/// A token of [RFC 9110 §5.6.2](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2).
fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Who may register.
#[derive(Debug)]
pub(crate) struct AccessSettings {
    pub(crate) access: Access,
    /// The digests of initial access tokens that are part of the configuration.
    pub(crate) static_tokens: Vec<Digest>,
    /// Which of them is too short or no bearer token, so that the builder refuses it: number and length, never the text.
    pub(super) weak_token: Option<(usize, usize)>,
    pub(crate) registration_gates: Vec<CustomGate>,
}

/// The registration endpoint does not exist before somebody decides who may register.
impl Default for AccessSettings {
    fn default() -> Self {
        Self { access: Access::Off, static_tokens: Vec::new(), weak_token: None, registration_gates: Vec::new() }
    }
}

impl AccessSettings {
    const MIN_TOKEN: usize = 16;

    /// Only the digest is kept, so a token is judged when it comes in.
    pub(super) fn add_static_token(&mut self, token: &InitialAccessToken) {
        self.static_tokens.push(token.digest());
        if token.expose().len() < Self::MIN_TOKEN || !is_bearer_token(token.expose()) {
            self.weak_token.get_or_insert((self.static_tokens.len(), token.expose().chars().count()));
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if let Some((number, length)) = self.weak_token {
            let found = format_args!("token number {number} with {length} characters");
            return Err(ConfigErrorKind::InitialAccessToken.found(found));
        }
        // A token that nobody can present is a mistake of the operator, who believes that it guards the endpoint.
        match matches!(self.access, Access::Tokens) || self.static_tokens.is_empty() {
            true => Ok(()),
            false => Err(ConfigErrorKind::StaticTokens.found(format_args!("Access::{:?}", self.access))),
        }
    }
}

/// What clients may do with their own registration.
#[derive(Debug)]
pub(crate) struct ManagementSettings {
    pub(crate) enabled: bool,
    pub(crate) permissions: Permissions,
    pub(crate) gates: Vec<CustomGate>,
    /// Whether an update brings a new registration access token.
    pub(crate) token_rotation: bool,
    /// Whether an update must contain `client_id`.
    pub(crate) client_id_required: bool,
}

impl Default for ManagementSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            permissions: Permissions::default(),
            gates: Vec::new(),
            token_rotation: false,
            client_id_required: false,
        }
    }
}

/// What is decided about a registration beyond the rules.
#[derive(Debug, Default)]
pub(crate) struct RegistrationSettings {
    pub(crate) policy: Option<Reviewer>,
    /// Whether identical public clients share one registration.
    pub(crate) shared: bool,
    /// The `software_id` of software that registers once.
    pub(crate) unique_software: Vec<String>,
}

/// How long secrets and clients are kept.
#[derive(Debug, Default)]
pub(crate) struct LifecycleSettings {
    pub(crate) retention: Retention,
    pub(crate) revocation: Option<Revocation>,
    pub(crate) secret_lifetime: Option<Duration>,
    pub(crate) secrets: SecretStorage,
    /// Whether `secrets` was chosen, which a durable store demands.
    pub(super) secrets_chosen: bool,
}

impl LifecycleSettings {
    pub(super) fn check(&self, is_durable: bool, supported: &Supported) -> Result<(), ConfigError> {
        if let Some(lifetime) = self.secret_lifetime.filter(|lifetime| lifetime.as_secs() == 0) {
            return Err(ConfigErrorKind::SecretLifetime.found(format_args!("{lifetime:?}")));
        }
        let is_forgotten = matches!(self.secrets, SecretStorage::InMemory);
        if is_durable && (is_forgotten || !self.secrets_chosen) {
            return Err(ConfigErrorKind::Secrets.into());
        }
        match (&self.secrets, supported.symmetric_algorithm()) {
            (SecretStorage::Hashed, Some(name)) => Err(ConfigErrorKind::SymmetricAlgorithms.value(name)),
            _ => Ok(()),
        }
    }
}

/// What comes from somebody else.
#[derive(Debug, Default)]
pub(crate) struct TrustSettings {
    pub(crate) documents: Option<DocumentSource>,
    pub(crate) jwks_uri_checked: bool,
    /// Keys at the URLs that clients name; with a source of documents, once it is checked.
    #[cfg(feature = "software-statements")]
    pub(crate) published_keys: Option<KeySets>,
    #[cfg(feature = "software-statements")]
    pub(crate) statements: Option<SoftwareStatements>,
    #[cfg(feature = "software-statements")]
    pub(crate) legacy_audiences: Vec<String>,
}

impl TrustSettings {
    pub(super) fn check(&mut self, supported: &Supported) -> Result<(), ConfigError> {
        if self.jwks_uri_checked && self.documents.is_none() {
            return Err(ConfigErrorKind::Documents.into());
        }
        #[cfg(feature = "software-statements")]
        {
            self.check_legacy_audiences(supported)?;
            self.published_keys = self.documents.clone().map(KeySets::new);
        }
        let _ = supported;
        Ok(())
    }

    /// An option that cannot have an effect is a mistake of the operator who sets it.
    #[cfg(feature = "software-statements")]
    fn check_legacy_audiences(&self, supported: &Supported) -> Result<(), ConfigError> {
        let Some(first) = self.legacy_audiences.first() else { return Ok(()) };
        let is_without_effect = supported.is_on(Switch::AudienceString) || !supported.has_assertions();
        match is_without_effect || self.legacy_audiences.iter().any(String::is_empty) {
            true => Err(ConfigErrorKind::LegacyAudiences.value(first)),
            false => Ok(()),
        }
    }

    /// Whether a request may be one signed token.
    #[cfg(feature = "software-statements")]
    pub(crate) fn accepts_signed_requests(&self) -> bool {
        self.statements.as_ref().is_some_and(SoftwareStatements::accepts_signed_requests)
    }
}

/// In which surroundings the registry runs.
#[derive(Debug)]
pub(crate) struct Runtime {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) audit: Arc<dyn AuditSink>,
    /// Empty for the only tenant.
    pub(crate) tenant: Arc<str>,
    /// Whether the name of the tenant was given, which must not be empty then.
    pub(super) tenant_named: bool,
}

impl Default for Runtime {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            #[cfg(feature = "tracing")]
            audit: Arc::new(crate::hooks::audit::TracingAudit),
            #[cfg(not(feature = "tracing"))]
            audit: Arc::new(()),
            tenant: Arc::default(),
            tenant_named: false,
        }
    }
}

impl Runtime {
    /// The longest name of a tenant.
    const MAX_NAME: usize = 64;

    /// Stores make keys of the name, so it is plain.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        let is_name = (1..=Self::MAX_NAME).contains(&self.tenant.len()) && self.tenant.bytes().all(plain);
        match is_name || !self.tenant_named {
            true => Ok(()),
            false => Err(ConfigErrorKind::Tenant.value(&self.tenant)),
        }
    }
}
