//! The error for a database or file that could not be opened or reached.
//!
//! It names the place, so that an operator sees which flag was wrong, and never the URL as a whole, because a URL may
//! have a password.

use std::error::Error;
use std::fmt;

use crate::error::{BoxError, StoreError};

/// A place; the source is the error that occurred there.
#[derive(Debug)]
struct Unreachable {
    place: String,
    cause: BoxError,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} cannot be used", self.place)
    }
}

impl Error for Unreachable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.cause)
    }
}

/// The error of a place, such as "the SQLite database clients.db".
pub(super) fn unreachable(place: impl Into<String>, cause: impl Into<BoxError>) -> StoreError {
    StoreError::unavailable(Unreachable { place: place.into(), cause: cause.into() })
}
