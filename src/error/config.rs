//! Errors of the configuration: they keep a server from starting.
//!
//! Every limit and every option is checked once, when the registry is built. A server that started with this crate
//! therefore never refuses a request because of its own configuration.

use std::error::Error;
use std::fmt;

use super::BoxError;

/// A configuration that cannot work.
///
/// `Display` names the option, what it must be, and what was found instead, unless that is a secret. What a parser said
/// about it is in [`source`](std::error::Error::source).
///
/// ```
/// use tower_dcr::store::MemoryStore;
/// use tower_dcr::{Access, ConfigErrorKind, Registry};
///
/// let builder = Registry::builder("https://id.example.com", Access::Open).with_path("register");
/// let error = builder.build(MemoryStore::new()).unwrap_err();
/// assert_eq!(error.kind(), ConfigErrorKind::Path);
/// assert_eq!(
///     error.to_string(),
///     "the endpoint path must look like /oidc/register (with_path, with_alias); found \"register\"",
/// );
/// ```
#[derive(Debug)]
pub struct ConfigError {
    kind: ConfigErrorKind,
    found: Option<String>,
    source: Option<BoxError>,
}

impl ConfigError {
    /// How much of a value a message repeats, in characters.
    const MAX_FOUND: usize = 200;

    /// Names the value that was found. It is quoted, escaped and cut, so it may be any text that is not secret.
    pub(crate) fn value(self, value: impl AsRef<str>) -> Self {
        let value = value.as_ref();
        // A value of a megabyte, such as a wrong file, would make the message unreadable.
        let cut = value.char_indices().nth(Self::MAX_FOUND).map_or(value, |(end, _)| &value[..end]);
        self.found(format_args!("{cut:?}"))
    }

    /// Names a URL without its user and its query, which may hold a secret.
    pub(crate) fn url(self, url: &str) -> Self {
        let (url, query) = url.split_once('?').map_or((url, ""), |(url, _)| (url, "?…"));
        let (scheme, rest) = url.split_once("//").unwrap_or(("", url));
        // Not a URL parser: the text was refused, so it may be anything. A backslash ends the authority in browsers.
        let authority = rest.find(['/', '\\', '#']).unwrap_or(rest.len());
        match rest[..authority].rfind('@') {
            Some(user) => self.value(format!("{scheme}//…{}{query}", &rest[user..])),
            None => self.value(format!("{url}{query}")),
        }
    }

    /// States what was found in the words of the caller of this function, which must not contain a secret.
    pub(crate) fn found(self, found: impl fmt::Display) -> Self {
        Self { found: Some(found.to_string()), ..self }
    }

    /// Keeps the error of a parser or a library as [`source`](std::error::Error::source).
    #[cfg(any(feature = "fetch", feature = "software-statements", feature = "sealed"))]
    pub(crate) fn caused_by(self, source: impl Into<BoxError>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// Which part of the configuration cannot work.
    #[must_use]
    pub fn kind(&self) -> ConfigErrorKind {
        self.kind
    }
}

/// Writes that this is not the name of a profile, a switch or an extension, and lists the names that exist.
///
/// `kind` is the noun of the message, in lower case. The name comes from a configuration file, so it is escaped and cut.
pub(crate) fn unknown_name<'a>(
    formatter: &mut fmt::Formatter<'_>,
    name: &str,
    kind: &str,
    known: impl Iterator<Item = &'a str>,
) -> fmt::Result {
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    let name: String = name.chars().take(ConfigError::MAX_FOUND).collect();
    write!(formatter, "{name:?} is not the name of {article} {kind}; known are ")?;
    formatter.write_str(&known.collect::<Vec<_>>().join(", "))
}

impl From<ConfigErrorKind> for ConfigError {
    fn from(kind: ConfigErrorKind) -> Self {
        Self { kind, found: None, source: None }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.kind.requirement())?;
        self.found.iter().try_for_each(|found| write!(formatter, "; found {found}"))
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

macro_rules! config_errors {
    ($($(#[doc = $doc:literal])+ $name:ident = $requirement:literal;)+) => {
        /// Which part of a configuration cannot work.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ConfigErrorKind {
            $($(#[doc = $doc])+ $name,)+
        }

        impl ConfigErrorKind {
            /// What the configuration must be, and which option sets it. The text begins the message of the error.
            const fn requirement(self) -> &'static str {
                match self {
                    $(Self::$name => $requirement,)+
                }
            }
        }
    };
}

// One row for each kind: what cannot work, and the requirement that the message states. A message is one sentence and
// ends with the name of the option, because an operator searches for the option and not for the kind.
config_errors! {
    /// The base URL is not an `https` URL (or `http` on this machine) without query and fragment.
    BaseUrl = "the base URL must be https, or http on loopback, without user, query and fragment (Registry::builder)";
    /// The path of the endpoint does not start with `/`, ends with `/`, or holds more than plain path segments.
    Path = "the endpoint path must look like /oidc/register (with_path, with_alias)";
    /// No grant type is offered that could stand alone, or one that [`LegacyGrantsRefused`](crate::Switch) forbids.
    GrantTypes = "at least one grant type other than refresh_token must be offered, and none that the profile forbids (with_grant_types)";
    /// No authentication method is offered, or one whose members belong to an extension that is off.
    AuthMethods = "an authentication method must be offered, and its extension must be on (with_auth_methods, with_extensions)";
    /// No signature algorithm is offered, or `none`.
    Algorithms = "a signature algorithm other than none must be offered (with_signing_algorithms)";
    /// No subject type is offered.
    SubjectTypes = "a subject type must be offered (with_subject_types)";
    /// A scope breaks the grammar of [RFC 6749 §3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3), or the default
    /// is not allowed, or the largest scope has no byte.
    Scopes = "scopes must follow RFC 6749 and fit into the limit, and the default scope must be allowed (with_scopes, with_default_scope, with_max_scope_bytes)";
    /// A static initial access token is empty, shorter than 16 characters or no bearer token
    /// ([RFC 6750 §2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)).
    InitialAccessToken = "an initial access token must be a bearer token of at least 16 characters (with_initial_access_token)";
    /// Initial access tokens are part of the configuration, but [`Access::Tokens`](crate::Access::Tokens) was not chosen,
    /// so no caller could present them.
    StaticTokens = "initial access tokens in the configuration need Access::Tokens";
    /// An option of management is set, and management is off
    /// ([`with_management`](crate::RegistryBuilder::with_management)), so the option cannot have an effect.
    Management = "an option of management has no effect while management is off (with_management)";
    /// The `software_id` of unique software is not text of 1 to 256 bytes that a client could register.
    UniqueSoftware = "the software_id of unique software must be 1 to 256 bytes of plain text (with_unique_software)";
    /// The header of request identifiers has a name that no header can have
    /// ([RFC 9110 §5.1](https://www.rfc-editor.org/rfc/rfc9110#section-5.1)).
    RequestIdHeader = "the request id header must have the name of a header, such as x-request-id";
    /// The realm of challenges is empty or holds something else than printable ASCII without `"` and `\`.
    Realm = "the realm must be printable ASCII without quotes and backslashes (with_realm)";
    /// The name of a tenant is not 1 to 64 of `A-Z a-z 0-9 - . _ ~`.
    Tenant = "the name of a tenant must be 1 to 64 letters, digits, dashes, dots, underscores or tildes (with_tenant)";
    /// The issuer identifier is not an `https` URL (or `http` on this machine) without query and fragment.
    Issuer = "the issuer must be an https URL, or http on loopback, without user, query and fragment (with_issuer)";
    /// Legacy audiences of client assertions are empty texts, or cannot have an effect: no method with assertions is
    /// offered, or [`AudienceString`](crate::Switch) is on.
    LegacyAudiences = "legacy audiences must not be empty, need client_secret_jwt or private_key_jwt, and are not possible with the switch audience-string, which fapi2 turns on (with_legacy_audiences)";
    /// Two tenants have the same name, the same host or the same path.
    Tenants = "two tenants must not share a name, a host or a path (Tenants)";
    /// The body limit is 0 or above 1 MiB.
    BodyLimit = "the body limit must be 1 byte to 1 MiB, 1048576 bytes (with_body_limit)";
    /// The lifetime of client secrets is shorter than a second.
    SecretLifetime = "client secrets must be valid for a second at least (with_client_secret_lifetime)";
    /// A durable store needs a decision on how client secrets are kept.
    Secrets = "a durable store needs an explicit choice of how client secrets are kept: hashed or sealed (with_secrets)";
    /// `client_secret_jwt` or an algorithm whose key is the client secret is offered, and only digests of secrets are
    /// kept.
    SymmetricAlgorithms = "an algorithm whose key is the client secret needs secrets whose text is kept: give sealing keys (with_secrets, SecretStorage::sealed), or offer no such algorithm (with_auth_methods, with_signing_algorithms, with_key_management_algorithms)";
    /// No signature algorithm, or one that cannot be verified here.
    IssuerAlgorithms = "an issuer needs signature algorithms, and only algorithms that can be verified here (Issuer::new)";
    /// The keys of an issuer are no JWK Set, have no key that can verify, or their URL is not `https` to a public name.
    Keys = "the keys of an issuer must be a JWK Set with a key that can verify, or an https URL of a public host (Keys)";
    /// A number of a rate limit is zero or too large.
    RateLimit = "a rate limit needs numbers above zero, at most a year, a nanosecond for each attempt, and at most 134217728 keys (RateLimit::builder)";
    /// Documents at URLs of the client are to be checked, and no fetcher is set.
    Documents = "checking jwks_uri needs a document fetcher (with_document_fetcher)";
    /// There is no key for sealing secrets, a key is not `name:base64` of 32 bytes, or two keys have the same name.
    SealingKeys = "sealing keys must be lines of name:base64, 32 bytes each, with different names (SealingKeys::parse)";
    /// A limit of the fetcher is zero, or the root certificates are not PEM.
    Fetcher = "a fetcher needs limits above zero and root certificates as PEM (Fetcher::builder)";
    /// An entry of [`RedirectHosts`](crate::policy::RedirectHosts) is not `host`, `host:port` or one of them with a
    /// path.
    RedirectHost = "a redirect host must look like app.example.com, *.example.com:8443 or app.example.com/cb (RedirectHosts::new)";
    /// The name of an extra member is empty, longer than 64 characters, holds something else than letters, digits and
    /// `- . _`, stands in the standards for something else, is `status`, or is declared twice.
    ExtraMember = "the name of an extra member must be plain, not defined by a standard and declared once (with_extra_members)";
}

impl ConfigErrorKind {
    /// The error that names this value.
    pub(crate) fn value(self, value: impl AsRef<str>) -> ConfigError {
        ConfigError::from(self).value(value)
    }

    /// The error that names this URL without its user and its query.
    pub(crate) fn url(self, url: &str) -> ConfigError {
        ConfigError::from(self).url(url)
    }

    /// The error that says what was found.
    pub(crate) fn found(self, found: impl fmt::Display) -> ConfigError {
        ConfigError::from(self).found(found)
    }
}
