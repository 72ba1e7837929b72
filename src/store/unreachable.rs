//! The error for a database or file that could not be opened or reached.
//!
//! It names the place, so that an operator sees which flag was wrong, and never the URL as a whole, because a URL may
//! have a password.
//!
//! The cause stays available through [`Error::source`], for the log of the operator. It is never part of a reply to a
//! client, which gets 503 without details.

use std::error::Error;
use std::fmt;

use crate::error::{BoxError, StoreError};

/// A place; the source is the error that occurred there.
///
/// The text of a place is made by the store from host, port and name of the database, and has no credentials.
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
///
/// The kind is "unavailable": the registry answers 503, and the caller may try again later.
pub(super) fn unreachable(place: impl Into<String>, cause: impl Into<BoxError>) -> StoreError {
    StoreError::unavailable(Unreachable { place: place.into(), cause: cause.into() })
}
