//! Who may register.
//!
//! The answer is a required argument of [`Registry::builder`](crate::Registry::builder), so that an endpoint is never
//! open by accident. [`Access`] is the choice; a [`Gate`] is a check of the application, which answers with a
//! [`Decision`] and describes the caller as a [`Registrant`].
//!
//! ```
//! use tower_dcr::access::{Access, Decision, Gate, Registrant, RequestHead};
//!
//! /// Allows every user that another layer has authenticated.
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
mod decision;
mod gate;
pub(crate) mod peer;
#[cfg(feature = "rate-limit")]
pub(crate) mod rate_limit;
mod registrant;
pub(crate) mod request_head;

pub use decision::Decision;
pub use gate::{CustomGate, Gate};
pub use registrant::Registrant;
pub(crate) use registrant::is_too_long;
pub use request_head::RequestHead;

pub use crate::client::{InitialAccessTokenRecord, TokenOptions};
pub use crate::protocol::Constraints;

use std::fmt;

/// Who may register.
///
/// A registered client may read, update and delete its registration with its registration access token, whatever is
/// chosen here (except [`Access::Off`]).
#[derive(Clone)]
#[non_exhaustive]
pub enum Access {
    /// Every caller, without credentials. An `Authorization` header is ignored.
    Open,
    /// Holders of an initial access token
    /// ([RFC 7591 §3](https://www.rfc-editor.org/rfc/rfc7591#section-3)).
    Tokens,
    /// Callers that a gate of the application allows; see [`Access::custom`].
    Custom(CustomGate),
    /// No caller; registered clients are still managed.
    ManagementOnly,
    /// The endpoint does not exist: every request goes to the inner service.
    Off,
}

impl Access {
    /// The callers that this gate allows.
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
