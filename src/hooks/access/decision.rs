//! The answer of a gate, and the error of each refusal.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use super::Registrant;
use super::registrant::is_too_long;
use crate::error::{RegistrationError, RegistrationErrorKind};

/// The answer of a [`Gate`](super::Gate).
///
/// ```
/// use std::time::Duration;
/// use tower_dcr::access::{Decision, Registrant};
///
/// let by_plan = |plan: &str| match plan {
///     "partner" => Decision::Allow(Registrant::new().with_owner("partner-7")),
///     "trial" => Decision::TooManyRequests { retry_after: Duration::from_secs(3600) },
///     _ => Decision::Forbidden,
/// };
/// assert!(matches!(by_plan("partner"), Decision::Allow(_)));
/// assert!(matches!(by_plan("none"), Decision::Forbidden));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Decision {
    /// The caller may register.
    Allow(Registrant),
    /// The caller must authenticate first: 401.
    Unauthorized,
    /// The caller presented an access token that is not valid: 401 `invalid_token`
    /// ([RFC 6750 §3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).
    InvalidToken,
    /// The caller presented more than one set of credentials: 400.
    AmbiguousCredentials,
    /// The caller may not register: 403 `access_denied`.
    Forbidden,
    /// The caller's access token does not have the required scope: 403 `insufficient_scope`
    /// ([RFC 6750 §3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).
    InsufficientScope {
        /// The scope that is required: tokens between single spaces
        /// ([RFC 6749 §3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)). Any other text is not sent.
        scope: Arc<str>,
    },
    /// The caller must wait: 429.
    TooManyRequests {
        /// How long, sent as `Retry-After` in whole seconds.
        retry_after: Duration,
    },
    /// As [`TooManyRequests`](Self::TooManyRequests), with the reason.
    Throttled {
        /// How long, sent as `Retry-After` in whole seconds.
        retry_after: Duration,
        /// Which limit was reached. It is recorded on the audit trail and is in no reply.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The gate cannot decide at present: 503.
    Unavailable {
        /// Why. It is recorded on the audit trail and is in no reply.
        source: Arc<dyn Error + Send + Sync>,
    },
}

impl Decision {
    /// The registrant of an allowed request.
    ///
    /// # Errors
    ///
    /// The reply to a refused request. An owner that is too long is refused with 403, since the caller did not choose it
    /// and cannot correct it.
    pub(crate) fn into_registrant(self) -> Result<Registrant, RegistrationError> {
        use RegistrationErrorKind as Kind;

        Err(match self {
            Self::Allow(registrant) if registrant.owner.as_deref().is_some_and(is_too_long) => {
                RegistrationError::new(Kind::Forbidden)
            }
            Self::Allow(registrant) => return Ok(registrant),
            Self::Unauthorized => RegistrationError::new(Kind::MissingCredentials),
            Self::InvalidToken => RegistrationError::new(Kind::InvalidToken),
            Self::AmbiguousCredentials => RegistrationError::new(Kind::AmbiguousCredentials),
            Self::Forbidden => RegistrationError::new(Kind::Forbidden),
            Self::InsufficientScope { scope } => {
                RegistrationError::new(Kind::InsufficientScope).with_required_scope(scope)
            }
            Self::TooManyRequests { retry_after } => {
                RegistrationError::new(Kind::TooManyRequests).with_retry_after(retry_after)
            }
            Self::Throttled { retry_after, source } => {
                RegistrationError::new(Kind::TooManyRequests).with_retry_after(retry_after).caused_by(source)
            }
            Self::Unavailable { source } => RegistrationError::new(Kind::Unavailable).caused_by(source),
        })
    }
}
