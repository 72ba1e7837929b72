//! Who may register. The answer is a required argument of [`Registry::builder`](crate::Registry::builder), so nobody
//! opens an endpoint by accident.
//!
//! ```
//! use tower_dcr::access::{Access, Decision, Gate, Registrant, RequestHead};
//!
//! /// Lets in whoever another layer has authenticated.
//! struct SignedIn;
//!
//! #[derive(Clone)]
//! struct User(String);
//!
//! impl Gate for SignedIn {
//!     async fn authorize(&self, request: &RequestHead<'_>) -> Decision {
//!         match request.extensions().get::<User>() {
//!             Some(User(name)) => Decision::Allow(Registrant::new().with_owner(name.as_str())),
//!             None => Decision::Unauthorized,
//!         }
//!     }
//! }
//! assert_eq!(format!("{:?}", Access::custom(SignedIn)), "Custom");
//! ```

pub(crate) mod bearer;
#[cfg(feature = "rate-limit")]
mod buckets;
pub(crate) mod peer;
#[cfg(feature = "rate-limit")]
pub(crate) mod rate_limit;
pub(crate) mod request_head;

pub use request_head::RequestHead;

pub use crate::client::{InitialAccessTokenRecord, TokenOptions};
pub use crate::protocol::Constraints;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::client::RegistrationOrigin;
use crate::client::credential::Digest;
use crate::error::{RegistrationError, RegistrationErrorKind};

/// Who may register.
///
/// Whoever registered may read, update and delete the registration with its registration access token, whatever is
/// chosen here (except [`Access::Off`]).
#[derive(Clone)]
#[non_exhaustive]
pub enum Access {
    /// Everybody, without credentials. An `Authorization` header is ignored.
    Open,
    /// Holders of an initial access token
    /// ([RFC 7591 §3](https://www.rfc-editor.org/rfc/rfc7591#section-3)).
    Tokens,
    /// Whomever the application lets in; see [`Access::custom`].
    Custom(CustomGate),
    /// Nobody; registered clients are still managed.
    ManagementOnly,
    /// The endpoint does not exist: every request passes through.
    Off,
}

impl Access {
    /// Whomever this gate lets in.
    pub fn custom(gate: impl Gate) -> Self {
        Self::Custom(CustomGate::new(gate))
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Open => "Open",
            Self::Tokens => "Tokens",
            Self::Custom(_) => "Custom",
            Self::ManagementOnly => "ManagementOnly",
            Self::Off => "Off",
        })
    }
}

/// Decides who may register, before the body of the request is read.
pub trait Gate: Send + Sync + 'static {
    /// Looks at method, URI, headers and extensions of a registration request.
    fn authorize(&self, request: &RequestHead<'_>) -> impl Future<Output = Decision> + Send;
}

/// The answer of a [`Gate`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Decision {
    /// The caller may register.
    Allow(Registrant),
    /// The caller must authenticate first: 401.
    Unauthorized,
    /// The caller presented an access token that does not count: 401 `invalid_token`
    /// ([RFC 6750 §3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).
    InvalidToken,
    /// The caller presented more than one set of credentials: 400.
    AmbiguousCredentials,
    /// The caller may not register: 403 `access_denied`.
    Forbidden,
    /// The caller's access token does not reach that far: 403 `insufficient_scope`
    /// ([RFC 6750 §3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).
    InsufficientScope {
        /// The scope that it would have to have: tokens between single spaces
        /// ([RFC 6749 §3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)). Any other text is not sent.
        scope: Arc<str>,
    },
    /// The caller must wait: 429.
    TooManyRequests {
        /// How long, sent as `Retry-After` in seconds.
        retry_after: Duration,
    },
    /// As [`TooManyRequests`](Self::TooManyRequests), with the reason.
    Throttled {
        /// How long, sent as `Retry-After` in seconds.
        retry_after: Duration,
        /// Which limit was reached, for the operator alone.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The gate cannot tell at present: 503.
    Unavailable {
        /// Why, for the operator alone.
        source: Arc<dyn Error + Send + Sync>,
    },
}

impl Decision {
    /// What is granted, or how the refusal is answered.
    pub(crate) fn granted(self) -> Result<Registrant, RegistrationError> {
        Err(match self {
            Self::Allow(grant) if grant.owner.as_deref().is_some_and(is_too_long) => {
                RegistrationError::new(RegistrationErrorKind::Forbidden)
            }
            Self::Allow(grant) => return Ok(grant),
            Self::Unauthorized => RegistrationError::new(RegistrationErrorKind::MissingCredentials),
            Self::InvalidToken => RegistrationError::new(RegistrationErrorKind::InvalidToken),
            Self::AmbiguousCredentials => RegistrationError::new(RegistrationErrorKind::AmbiguousCredentials),
            Self::Forbidden => RegistrationError::new(RegistrationErrorKind::Forbidden),
            Self::InsufficientScope { scope } => {
                RegistrationError::new(RegistrationErrorKind::InsufficientScope).with_required_scope(scope)
            }
            Self::TooManyRequests { retry_after } => {
                RegistrationError::new(RegistrationErrorKind::TooManyRequests).with_retry_after(retry_after)
            }
            Self::Throttled { retry_after, source } => RegistrationError::new(RegistrationErrorKind::TooManyRequests)
                .with_retry_after(retry_after)
                .caused_by(source),
            Self::Unavailable { source } => {
                RegistrationError::new(RegistrationErrorKind::Unavailable).caused_by(source)
            }
        })
    }
}

/// The longest name of an owner, in bytes.
const MAX_OWNER: usize = 256;

/// Whether the name of an owner is too long to be stored, indexed and logged.
pub(crate) fn is_too_long(owner: &str) -> bool {
    owner.len() > MAX_OWNER
}

/// What a caller was granted.
#[derive(Debug, Clone)]
pub struct Registrant {
    pub(crate) origin: RegistrationOrigin,
    pub(crate) owner: Option<Arc<str>>,
    /// None for whichever tenant is asked.
    pub(crate) tenant: Option<Arc<str>>,
    pub(crate) constraints: Constraints,
    /// The digest of the stored initial access token that the registration spends.
    pub(crate) spends: Option<Digest>,
}

impl Registrant {
    /// May register.
    #[must_use]
    pub fn new() -> Self {
        Self::of(RegistrationOrigin::Gate)
    }

    pub(crate) fn of(origin: RegistrationOrigin) -> Self {
        Self { origin, owner: None, tenant: None, constraints: Constraints::new(), spends: None }
    }

    /// May register for this owner, which [`Client::owner`](crate::Client::owner) will name. An owner of more than 256
    /// bytes is refused with 403, since owners are stored, indexed and logged.
    #[must_use]
    pub fn with_owner(mut self, owner: impl Into<Arc<str>>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// May register with this [tenant](crate::RegistryBuilder::with_tenant) and no other: a registry of another one
    /// answers 403. For gates that several tenants share.
    #[must_use]
    pub fn with_tenant(mut self, tenant: impl Into<Arc<str>>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// The grant, where it counts for this tenant.
    pub(crate) fn within(self, tenant: &str) -> Result<Self, RegistrationError> {
        match self.tenant.as_ref().is_none_or(|own| **own == *tenant) {
            true => Ok(self),
            false => Err(RegistrationError::new(RegistrationErrorKind::Forbidden)),
        }
    }

    /// May register within these limits, which the client keeps for as long as it exists.
    #[must_use]
    pub fn with_constraints(mut self, constraints: Constraints) -> Self {
        self.constraints = constraints;
        self
    }
}

impl Default for Registrant {
    fn default() -> Self {
        Self::new()
    }
}

/// A [`Gate`] of the application.
#[derive(Clone)]
pub struct CustomGate(Arc<dyn ErasedGate>);

impl CustomGate {
    pub(crate) fn new(gate: impl Gate) -> Self {
        Self(Arc::new(gate))
    }

    pub(crate) async fn authorize(&self, request: &RequestHead<'_>) -> Decision {
        self.0.authorize(request).await
    }
}

impl fmt::Debug for CustomGate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CustomGate(..)")
    }
}

trait ErasedGate: Send + Sync {
    fn authorize<'a>(&'a self, request: &'a RequestHead<'_>) -> Pin<Box<dyn Future<Output = Decision> + Send + 'a>>;
}

impl<G: Gate> ErasedGate for G {
    fn authorize<'a>(&'a self, request: &'a RequestHead<'_>) -> Pin<Box<dyn Future<Output = Decision> + Send + 'a>> {
        Box::pin(Gate::authorize(self, request))
    }
}
