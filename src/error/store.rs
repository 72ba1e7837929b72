//! What a store fails with.

use std::error::Error;
use std::fmt;

use super::{BoxError, ErrorCode, RegistrationError, RegistrationErrorKind, Violation};

/// What kind of failure a store met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The client is gone or moved on to another revision.
    Conflict,
    /// A key that counts once is remembered already.
    Replayed,
    /// Another client has the fingerprint that must be unique.
    FingerprintTaken,
    /// The backend failed or gave something unreadable.
    Unavailable,
}

/// A failure of a [`ClientStore`](crate::store::ClientStore).
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    source: Option<BoxError>,
}

impl StoreError {
    /// The client is gone or moved on to another revision.
    #[must_use]
    pub fn conflict() -> Self {
        Self { kind: StoreErrorKind::Conflict, source: None }
    }

    /// A key that counts once is remembered already.
    #[must_use]
    pub fn replayed() -> Self {
        Self { kind: StoreErrorKind::Replayed, source: None }
    }

    /// Another client has the fingerprint that must be unique.
    #[must_use]
    pub fn fingerprint_taken() -> Self {
        Self { kind: StoreErrorKind::FingerprintTaken, source: None }
    }

    /// The backend failed.
    pub fn unavailable(source: impl Into<BoxError>) -> Self {
        Self { kind: StoreErrorKind::Unavailable, source: Some(source.into()) }
    }

    /// What kind of failure it was.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.kind {
            StoreErrorKind::Conflict => "the client is gone or was changed",
            StoreErrorKind::Replayed => "a key was used before",
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

/// A store that fails never looks like a client that does not exist: a client would throw its registration away. What
/// comes with a document and counts once is a software statement, or a request that is signed like one. What must be
/// unique is software of which there is one instance.
impl From<StoreError> for RegistrationError {
    fn from(error: StoreError) -> Self {
        match error.kind {
            StoreErrorKind::Conflict => Self::new(RegistrationErrorKind::Conflict),
            StoreErrorKind::Replayed => {
                let pointer = "/software_statement".to_owned();
                Violation::new(ErrorCode::InvalidSoftwareStatement, pointer, "M19", "its jti was used before").into()
            }
            StoreErrorKind::FingerprintTaken => {
                let detail = "there is one instance of this software, and it is registered already";
                Violation::new(ErrorCode::InvalidClientMetadata, "/software_id".to_owned(), "P5", detail).into()
            }
            StoreErrorKind::Unavailable => Self::new(RegistrationErrorKind::Unavailable).caused_by(error),
        }
    }
}
