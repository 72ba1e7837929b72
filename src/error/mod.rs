//! Three errors, each for one audience: [`ConfigError`] for whoever starts the server, [`StoreError`] for whoever
//! runs the database, [`RegistrationError`] for the client, as a JSON reply.
//!
//! ```
//! use tower_dcr::metadata::ClientMetadata;
//!
//! let error = ClientMetadata::from_json(br#"{ "redirect_uris": "https://app.example.com/cb" }"#).unwrap_err();
//! assert_eq!(error.status(), 400);
//! assert_eq!(error.code().unwrap().as_str(), "invalid_redirect_uri");
//! assert_eq!(error.violations()[0].pointer(), "/redirect_uris");
//! ```

mod authentication;
mod code;
mod config;
mod fault;
mod shortened;
mod store;
mod violation;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use authentication::{AuthenticationCause, AuthenticationError, AuthenticationErrorKind};
pub use code::ErrorCode;
pub(crate) use config::unknown_name;
pub use config::{ConfigError, ConfigErrorKind};
pub(crate) use fault::Fault;
pub(crate) use shortened::shortened;
pub use store::{StoreError, StoreErrorKind};
pub use violation::Violation;
pub(crate) use violation::Violations;

/// A boxed cause.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Why a registration, a read, an update or a deletion was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RegistrationErrorKind {
    /// The document breaks rules; [`RegistrationError::violations`] says which.
    InvalidDocument,
    /// No credentials, or none of a kind that counts here.
    MissingCredentials,
    /// The presented token does not count here. The client may not even exist: nobody can tell from the reply.
    InvalidToken,
    /// More than one set of credentials.
    AmbiguousCredentials,
    /// The caller is known and may not do this.
    Forbidden,
    /// The token counts, but not for this.
    InsufficientScope,
    /// Registration is switched off; what is registered stays manageable.
    RegistrationDisabled,
    /// The method is not defined for the resource.
    MethodNotAllowed,
    /// The body did not arrive.
    IncompleteBody,
    /// `Content-Length` is not one number.
    InvalidContentLength,
    /// The request names its host in more than one way, or not as a host, where the host chooses the tenant.
    AmbiguousHost,
    /// The client was changed by somebody else at the same time.
    Conflict,
    /// `If-Match` names another state of the client.
    PreconditionFailed,
    /// The body is larger than allowed.
    BodyTooLarge,
    /// The body is not `application/json` in UTF-8 without content coding.
    UnsupportedMediaType,
    /// `If-Match` is missing although the server insists on it.
    PreconditionRequired,
    /// Too many requests of this caller.
    TooManyRequests,
    /// The store cannot be reached, or has no room for another client.
    Unavailable,
    /// The operating system gave no random bytes.
    Internal,
    /// A removed client is gone, but what it was granted may not be. No reply to a client says so.
    RevocationFailed,
}

impl RegistrationErrorKind {
    /// HTTP status, error code and text of the reply.
    const fn reply(self) -> (u16, Option<ErrorCode>, &'static str) {
        use ErrorCode as Code;
        match self {
            Self::InvalidDocument => (400, Some(Code::InvalidClientMetadata), "the document breaks a rule"),
            Self::MissingCredentials => (401, None, "a bearer token is required"),
            Self::InvalidToken => (401, Some(Code::InvalidToken), "the token is not valid here"),
            Self::AmbiguousCredentials => {
                (400, Some(Code::InvalidRequest), "credentials were sent more than once or in more than one way")
            }
            Self::Forbidden => (403, Some(Code::AccessDenied), "this is not permitted"),
            Self::InsufficientScope => (403, Some(Code::InsufficientScope), "the token does not permit this"),
            Self::RegistrationDisabled => (403, Some(Code::AccessDenied), "client registration is switched off"),
            Self::MethodNotAllowed => (405, Some(Code::InvalidRequest), "the method is not defined for this resource"),
            Self::IncompleteBody => (408, Some(Code::InvalidRequest), "the request body did not arrive completely"),
            Self::InvalidContentLength => (400, Some(Code::InvalidRequest), "Content-Length must be one number"),
            Self::AmbiguousHost => (400, Some(Code::InvalidRequest), "the request must name one host"),
            Self::Conflict => {
                (409, Some(Code::InvalidRequest), "the client was changed at the same time; read it again")
            }
            Self::PreconditionFailed => {
                (412, Some(Code::InvalidRequest), "the client is in another state than If-Match says")
            }
            Self::BodyTooLarge => (413, Some(Code::InvalidClientMetadata), "the request body is too large"),
            Self::UnsupportedMediaType => (
                415,
                Some(Code::InvalidClientMetadata),
                "the body must be application/json in UTF-8 without content coding",
            ),
            Self::PreconditionRequired => (428, Some(Code::InvalidRequest), "If-Match is required"),
            Self::TooManyRequests => (429, Some(Code::TemporarilyUnavailable), "too many requests; try again later"),
            Self::Unavailable => {
                (503, Some(Code::TemporarilyUnavailable), "registration is not available; try again later")
            }
            Self::Internal => (500, Some(Code::ServerError), "an internal error occurred"),
            Self::RevocationFailed => {
                (500, Some(Code::ServerError), "the client is gone, but its grants could not be revoked")
            }
        }
    }
}

/// A refusal, ready to become a JSON reply.
///
/// `Display` is the `error_description`; a cause, such as a failure of the store, is in
/// [`source`](std::error::Error::source) and never in the reply.
#[derive(Debug)]
pub struct RegistrationError {
    kind: RegistrationErrorKind,
    violations: Vec<Violation>,
    retry_after: Option<Duration>,
    scope: Option<Arc<str>>,
    source: Option<BoxError>,
}

impl RegistrationError {
    /// How long a caller should wait where nothing better is known.
    const RETRY_AFTER: Duration = Duration::from_secs(5);

    pub(crate) fn new(kind: RegistrationErrorKind) -> Self {
        let retry_after = (kind == RegistrationErrorKind::Unavailable).then_some(Self::RETRY_AFTER);
        Self { kind, violations: Vec::new(), retry_after, scope: None, source: None }
    }

    pub(crate) fn of(kind: RegistrationErrorKind, violations: Violations) -> Self {
        Self { violations: violations.0, ..Self::new(kind) }
    }

    pub(crate) fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The longest scope in a challenge, in bytes. Servers and proxies bound the head of a reply.
    const MAX_SCOPE: usize = 1024;

    /// Names the scope that a token would have to have; what could not stand in a challenge is left out.
    pub(crate) fn with_required_scope(mut self, scope: Arc<str>) -> Self {
        let fits = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        let sized = |scope: &str| (1..=Self::MAX_SCOPE).contains(&scope.len());
        self.scope = Some(scope).filter(|scope| sized(scope) && scope.bytes().all(fits));
        self
    }

    pub(crate) fn caused_by(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Why it was refused.
    #[must_use]
    pub fn kind(&self) -> RegistrationErrorKind {
        self.kind
    }

    /// The HTTP status of the reply.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.kind.reply().0
    }

    /// The `error` of the reply; none where no credentials were sent
    /// ([RFC 6750 §3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        self.violations.first().map(|violation| violation.code).or(self.kind.reply().1)
    }

    /// Every rule that the document breaks.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// The scope that the token lacks, where it is known.
    #[must_use]
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// How long to wait before another attempt.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for RegistrationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.violations.split_first() {
            None => formatter.write_str(self.kind.reply().2),
            Some((first, [])) => first.fmt(formatter),
            Some((first, [_])) => write!(formatter, "{first} (and 1 more violation)"),
            Some((first, more)) => write!(formatter, "{first} (and {} more violations)", more.len()),
        }
    }
}

impl Error for RegistrationError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<Violation> for RegistrationError {
    fn from(violation: Violation) -> Self {
        Violations::from(violation).into()
    }
}

impl From<Violations> for RegistrationError {
    fn from(violations: Violations) -> Self {
        Self::of(RegistrationErrorKind::InvalidDocument, violations)
    }
}
