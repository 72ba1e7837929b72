//! What a store fails with.

use std::error::Error;
use std::fmt;

use super::{BoxError, ErrorKind, RegistrationError};

/// What kind of failure a store met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The client is gone or moved on to another revision.
    Conflict,
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
            StoreErrorKind::Unavailable => "the client store failed",
        })
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// A store that fails never looks like a client that does not exist: a client would throw its registration away.
impl From<StoreError> for RegistrationError {
    fn from(error: StoreError) -> Self {
        match error.kind {
            StoreErrorKind::Conflict => Self::new(ErrorKind::Conflict),
            StoreErrorKind::Unavailable => Self::new(ErrorKind::Unavailable).caused_by(error),
        }
    }
}
