//! Why a client is not authenticated: one word for the client, the exact cause for the operator.
//!
//! The reply must not tell which clients exist or which part of the credentials is wrong
//! ([RFC 6749 §5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)). So every cause belongs to one of four kinds,
//! and only the kind decides status, code and text of the reply. The cause itself goes to the audit trail.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::{BoxError, RegistrationError, StoreError};

/// The reply to a client that is not authenticated
/// ([RFC 6749 §5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthenticationErrorKind {
    /// The request presents credentials twice, in two ways, or not in the form that the standard gives them.
    InvalidRequest,
    /// There are no credentials, they are wrong, or they are of another kind than the client registered. The reply is the
    /// same when the client does not exist.
    InvalidClient,
    /// The credentials are right, and the client waits for approval or is disabled. The code is `invalid_grant`, because
    /// deployed clients answer `invalid_client` with a new registration, which would circumvent the decision of the
    /// operator.
    InactiveClient,
    /// The store failed, or a key of the client cannot be read. The credentials were not judged.
    Unavailable,
}

impl AuthenticationErrorKind {
    /// HTTP status, error code and text of the reply.
    const fn reply(self) -> (u16, &'static str, &'static str) {
        match self {
            // One text for several causes: a more exact one would help an attacker who probes the parser.
            Self::InvalidRequest => (
                400,
                "invalid_request",
                "client credentials were malformed, or sent more than once or in more than one way",
            ),
            Self::InvalidClient => (401, "invalid_client", "the client is not authenticated"),
            Self::InactiveClient => (400, "invalid_grant", "the client cannot get tokens at present"),
            Self::Unavailable => {
                (503, "temporarily_unavailable", "client authentication is not available; try again later")
            }
        }
    }
}

// One row for each cause: its code for the audit trail, and the kind that decides the reply.
macro_rules! causes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $kind:ident;)+) => {
        /// The exact cause of a failed authentication, for the operator. No reply shows it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum AuthenticationCause {
            $($(#[doc = $doc])+ #[doc = concat!("\n\n`", $code, "`")] $name,)+
        }

        impl AuthenticationCause {
            /// Every cause.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its stable code, as the audit trail shows it: lower-case letters and underscores.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }

            /// The reply that the cause leads to.
            #[must_use]
            pub fn kind(self) -> AuthenticationErrorKind {
                match self {
                    $(Self::$name => AuthenticationErrorKind::$kind,)+
                }
            }
        }
    };
}

causes! {
    /// The request has more than one set of credentials, or one parameter twice.
    AmbiguousCredentials = "ambiguous_credentials", InvalidRequest;
    /// The `Authorization` header is not HTTP Basic in the encoding of RFC 6749 §2.3.1, or a parameter is missing that
    /// belongs to another one.
    MalformedCredentials = "malformed_credentials", InvalidRequest;
    /// The `Authorization` header has another scheme than Basic.
    UnsupportedScheme = "unsupported_scheme", InvalidClient;
    /// The request names no client, or a client that must authenticate presents nothing but its identifier.
    NoCredentials = "no_credentials", InvalidClient;
    /// There is no client with this identifier.
    UnknownClient = "unknown_client", InvalidClient;
    /// The credentials are of another kind than the client registered as `token_endpoint_auth_method`.
    WrongMethod = "wrong_method", InvalidClient;
    /// The client secret is wrong.
    WrongSecret = "wrong_secret", InvalidClient;
    /// The client secret is right and has expired.
    ExpiredSecret = "expired_secret", InvalidClient;
    /// This build verifies no client assertions; it lacks the feature `software-statements`.
    AssertionsNotSupported = "assertions_not_supported", InvalidClient;
    /// `client_assertion_type` is not the one of RFC 7523 §2.2.
    UnsupportedAssertionType = "unsupported_assertion_type", InvalidClient;
    /// The client assertion is not a signed token that can be read.
    MalformedAssertion = "malformed_assertion", InvalidClient;
    /// The `typ` of the assertion says that the token is for something else.
    WrongTokenType = "wrong_token_type", InvalidClient;
    /// `iss`, `sub` and `client_id` do not name the same client.
    WrongSubject = "wrong_subject", InvalidClient;
    /// The assertion is signed by an algorithm that the client may not use.
    WrongAlgorithm = "wrong_algorithm", InvalidClient;
    /// The client has no key that can verify a signature.
    NoUsableKey = "no_usable_key", InvalidClient;
    /// The assertion is not signed by a key of the client.
    BadSignature = "bad_signature", InvalidClient;
    /// The audience of the assertion is missing or is another one than this server.
    WrongAudience = "wrong_audience", InvalidClient;
    /// `exp`, `nbf` or `iat` of the assertion is missing where it is required, or is not a number.
    MalformedTime = "malformed_time", InvalidClient;
    /// The assertion has expired.
    ExpiredAssertion = "expired_assertion", InvalidClient;
    /// The assertion is not valid yet, or was issued in the future.
    PrematureAssertion = "premature_assertion", InvalidClient;
    /// The assertion is valid for more than an hour.
    LongLivedAssertion = "long_lived_assertion", InvalidClient;
    /// The assertion has no `jti`, so a second use could not be noticed.
    MissingTokenId = "missing_token_id", InvalidClient;
    /// The assertion was presented before.
    ReplayedAssertion = "replayed_assertion", InvalidClient;
    /// The credentials are right, and the client waits for approval.
    PendingClient = "pending_client", InactiveClient;
    /// The credentials are right, and the client is disabled.
    DisabledClient = "disabled_client", InactiveClient;
    /// The store failed.
    StoreUnavailable = "store_unavailable", Unavailable;
    /// The keys at the `jwks_uri` of the client cannot be read.
    KeysUnavailable = "keys_unavailable", Unavailable;
    /// The text of the client secret cannot be read, and an assertion under it needs it.
    SecretUnavailable = "secret_unavailable", Unavailable;
}

impl fmt::Display for AuthenticationCause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

/// Why a client is not authenticated.
///
/// ```
/// use tower_dcr::authentication::{AuthenticationCause, AuthenticationError};
///
/// let unknown = AuthenticationError::from(AuthenticationCause::UnknownClient);
/// let wrong = AuthenticationError::from(AuthenticationCause::WrongSecret);
/// assert_eq!((unknown.status(), unknown.code()), (401, "invalid_client"));
/// assert_eq!(unknown.to_string(), wrong.to_string(), "the reply does not show which clients exist");
/// ```
///
/// `Display`, [`status`](Self::status) and [`code`](Self::code) are the same for all causes of a
/// [`kind`](Self::kind), so they may be sent to the client. [`cause`](Self::cause) and
/// [`source`](std::error::Error::source) are for the operator.
#[derive(Debug, Clone)]
pub struct AuthenticationError {
    cause: AuthenticationCause,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl AuthenticationError {
    /// The kind, which decides the reply.
    #[must_use]
    pub fn kind(&self) -> AuthenticationErrorKind {
        self.cause.kind()
    }

    /// The exact cause. It must not be sent to the client.
    #[must_use]
    pub fn cause(&self) -> AuthenticationCause {
        self.cause
    }

    /// The HTTP status of the reply. A 401 carries a challenge for the scheme that the client used, so
    /// `WWW-Authenticate: Basic` where there was an `Authorization` header.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.kind().reply().0
    }

    /// The `error` of the reply.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.kind().reply().1
    }

    /// An error with the error of the store or the library that led to it.
    pub(crate) fn caused_by(cause: AuthenticationCause, source: impl Into<BoxError>) -> Self {
        Self { cause, source: Some(source.into().into()) }
    }
}

impl fmt::Display for AuthenticationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.kind().reply().2)
    }
}

impl Error for AuthenticationError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<AuthenticationCause> for AuthenticationError {
    fn from(cause: AuthenticationCause) -> Self {
        Self { cause, source: None }
    }
}

impl From<StoreError> for AuthenticationError {
    fn from(error: StoreError) -> Self {
        Self::caused_by(AuthenticationCause::StoreUnavailable, error)
    }
}

/// The only operation of the registry that authentication needs is to read a secret.
impl From<RegistrationError> for AuthenticationError {
    fn from(error: RegistrationError) -> Self {
        Self::caused_by(AuthenticationCause::SecretUnavailable, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_documented() {
        let document = include_str!("../../docs/observing.md");
        let (_, table) = document.split_once("| cause | reply to the client | what went wrong |").unwrap_or_default();
        for cause in AuthenticationCause::ALL {
            let row = format!("| `{cause}` | {} `{}` |", cause.kind().reply().0, cause.kind().reply().1);
            assert!(table.contains(&row), "{row}");
        }
    }

    #[test]
    fn the_reply_is_the_same_for_all_causes_of_a_kind() {
        for cause in AuthenticationCause::ALL {
            let error = AuthenticationError::caused_by(*cause, "the reason");
            let shown = (error.status(), error.code(), error.to_string());
            let (status, code, text) = cause.kind().reply();
            assert_eq!(shown, (status, code, text.to_owned()), "{cause}");
            assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("the reason"), "{cause}");
        }
    }
}
