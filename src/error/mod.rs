//! The errors of the crate, one for each audience: [`ConfigError`] for the operator who starts the server, [`StoreError`]
//! for the operator of the database, [`RegistrationError`] for the client, as a JSON reply, and [`AuthenticationError`]
//! for a client at an endpoint of the host.
//!
//! Each is opaque: `kind()` says what happened, [`source`](std::error::Error::source) keeps the cause, `Display` does not
//! repeat it.
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

/// A cause of any type, as [`source`](std::error::Error::source) returns it.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Why a registration, a read, an update or a deletion was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RegistrationErrorKind {
    /// The document breaks rules; [`RegistrationError::violations`] says which.
    InvalidDocument,
    /// No credentials, or none of a kind that this endpoint reads.
    MissingCredentials,
    /// The presented token is not valid here. The reply is the same when the client does not exist
    /// ([RFC 7592 §2.1](https://www.rfc-editor.org/rfc/rfc7592#section-2.1)).
    InvalidToken,
    /// More than one set of credentials.
    AmbiguousCredentials,
    /// The caller is known and may not do this.
    Forbidden,
    /// The token is valid, but does not permit this operation.
    InsufficientScope,
    /// Registration is switched off. Clients that are registered can still be managed.
    RegistrationDisabled,
    /// The method is not defined for the resource.
    MethodNotAllowed,
    /// The body did not arrive.
    IncompleteBody,
    /// `Content-Length` is not one number.
    InvalidContentLength,
    /// The request names its host in more than one way, or not as a host, where the host chooses the tenant.
    AmbiguousHost,
    /// Another request changed the client at the same time.
    Conflict,
    /// `If-Match` names another state of the client.
    PreconditionFailed,
    /// The body is larger than allowed.
    BodyTooLarge,
    /// The body is not `application/json` in UTF-8 without content coding.
    UnsupportedMediaType,
    /// `If-Match` is missing, and the server requires it.
    PreconditionRequired,
    /// The caller has sent too many requests.
    TooManyRequests,
    /// The store cannot be reached, or the limit of clients is reached and no client can be evicted.
    Unavailable,
    /// The operating system gave no random bytes.
    Internal,
    /// The client was removed, but the revocation of its tokens and grants failed. No reply to a client contains this.
    RevocationFailed,
}

impl RegistrationErrorKind {
    /// HTTP status, error code and text of the reply.
    ///
    /// There is no code where no credentials were sent ([RFC 6750 §3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).
    /// A body that did not arrive is a 408 and not a 400, because the client may repeat the request on a new connection
    /// ([RFC 9110 §15.5.9](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.9)).
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
                (500, Some(Code::ServerError), "the client was removed, but its grants could not be revoked")
            }
        }
    }
}

/// A refusal, ready to become a JSON reply.
///
/// `Display` is the `error_description`; a cause, such as a failure of the store, is in
/// [`source`](std::error::Error::source) and never in the reply.
#[derive(Debug, Clone)]
pub struct RegistrationError {
    kind: RegistrationErrorKind,
    violations: Vec<Violation>,
    retry_after: Option<Duration>,
    scope: Option<Arc<str>>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl RegistrationError {
    /// How long a caller should wait if the failure does not say it.
    const RETRY_AFTER: Duration = Duration::from_secs(5);

    /// A refusal of this kind, without violations.
    pub(crate) fn new(kind: RegistrationErrorKind) -> Self {
        // Every temporary failure states a time. Without one, deployed clients repeat at once.
        let retry_after = (kind == RegistrationErrorKind::Unavailable).then_some(Self::RETRY_AFTER);
        Self { kind, violations: Vec::new(), retry_after, scope: None, source: None }
    }

    /// A refusal of a document with the rules that it breaks.
    pub(crate) fn of(kind: RegistrationErrorKind, violations: Violations) -> Self {
        Self { violations: violations.0, ..Self::new(kind) }
    }

    /// Sets `Retry-After`: how long the caller should wait, rounded up to whole seconds in the reply.
    pub(crate) fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The longest scope in a challenge, in bytes. Servers and proxies bound the head of a reply.
    const MAX_SCOPE: usize = 1024;

    /// Names the scope that the token lacks. A scope that cannot stand in a challenge is left out, because its quotes would
    /// end the parameter of the header ([RFC 6750 §3](https://www.rfc-editor.org/rfc/rfc6750#section-3)).
    pub(crate) fn with_required_scope(mut self, scope: Arc<str>) -> Self {
        // A header cannot contain other bytes, and a quote would let a policy add parameters to the challenge.
        let fits = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        let sized = |scope: &str| (1..=Self::MAX_SCOPE).contains(&scope.len());
        self.scope = Some(scope).filter(|scope| sized(scope) && scope.bytes().all(fits));
        self
    }

    /// Keeps the cause for the operator. It is never part of the reply.
    pub(crate) fn caused_by(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into().into());
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
        // The first violation decides, as RFC 7591 permits one code for a reply.
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

    /// How long to wait before another attempt, where that is known. The reply rounds it up to whole seconds.
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
