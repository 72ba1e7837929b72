//! Failures of a client store.
//!
//! A store reports four kinds of failure. Three of them are outcomes of a condition that the store checks in one atomic
//! step with the write; the fourth says that the backend failed and that the state is unknown.

use std::error::Error;
use std::fmt;

use super::{BoxError, ErrorCode, RegistrationError, RegistrationErrorKind, Violation};

/// The kind of a failure of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The client does not exist any more, or it has another revision.
    Conflict,
    /// A nonce was claimed before.
    Replayed,
    /// Another client has the fingerprint that must be unique.
    FingerprintTaken,
    /// The backend failed or returned data that cannot be read.
    Unavailable,
}

/// A failure of a [`ClientStore`](crate::store::ClientStore).
///
/// `Display` states the kind in one sentence; the error of the backend is in [`source`](std::error::Error::source).
///
/// ```
/// use std::error::Error;
/// use tower_dcr::{StoreError, StoreErrorKind};
///
/// let error = StoreError::unavailable("connection refused");
/// assert_eq!(error.kind(), StoreErrorKind::Unavailable);
/// assert_eq!(error.source().unwrap().to_string(), "connection refused");
/// ```
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    source: Option<BoxError>,
}

impl StoreError {
    /// The client does not exist any more, or it has another revision.
    #[must_use]
    pub fn conflict() -> Self {
        Self { kind: StoreErrorKind::Conflict, source: None }
    }

    /// A nonce was claimed before.
    #[must_use]
    pub fn replayed() -> Self {
        Self { kind: StoreErrorKind::Replayed, source: None }
    }

    /// Another client has the fingerprint that must be unique.
    #[must_use]
    pub fn fingerprint_taken() -> Self {
        Self { kind: StoreErrorKind::FingerprintTaken, source: None }
    }

    /// The backend failed, with its error as [`source`](std::error::Error::source).
    pub fn unavailable(source: impl Into<BoxError>) -> Self {
        Self { kind: StoreErrorKind::Unavailable, source: Some(source.into()) }
    }

    /// The kind of the failure.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.kind {
            StoreErrorKind::Conflict => "the client does not exist or was changed",
            StoreErrorKind::Replayed => "a nonce was used before",
            StoreErrorKind::FingerprintTaken => "another client has the same fingerprint",
            StoreErrorKind::Unavailable => "the client store failed",
        })
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// The reply of the endpoint to a failure of the store.
///
/// A nonce comes with a document that may be used once: a software statement, or a request that is signed like one. A
/// fingerprint must be unique where the operator permits one registration for each software.
impl From<StoreError> for RegistrationError {
    fn from(error: StoreError) -> Self {
        match error.kind {
            StoreErrorKind::Conflict => Self::new(RegistrationErrorKind::Conflict),
            StoreErrorKind::Replayed => {
                // The only nonce that a registration claims; assertions are claimed by the authentication of clients.
                let pointer = "/software_statement".to_owned();
                Violation::new(ErrorCode::InvalidSoftwareStatement, pointer, "M19", "its jti was used before").into()
            }
            StoreErrorKind::FingerprintTaken => {
                let detail = "this software may be registered once, and it is registered already";
                Violation::new(ErrorCode::InvalidClientMetadata, "/software_id".to_owned(), "P5", detail).into()
            }
            // Never 401 or 404: a client that reads "unknown client" discards its registration and registers again.
            StoreErrorKind::Unavailable => Self::new(RegistrationErrorKind::Unavailable).caused_by(error),
        }
    }
}
