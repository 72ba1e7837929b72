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
mod kind;
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
pub use kind::RegistrationErrorKind;
pub(crate) use shortened::shortened;
pub use store::{StoreError, StoreErrorKind};
pub use violation::Violation;
pub(crate) use violation::Violations;

/// A cause of any type, as [`source`](std::error::Error::source) returns it.
pub type BoxError = Box<dyn Error + Send + Sync>;

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
