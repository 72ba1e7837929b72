//! The reason of a refusal, for every kind of operation.

use std::error::Error;
use std::fmt;

use crate::error::AuthenticationError;
use crate::error::{ErrorCode, RegistrationError, Violation, shortened};

/// The longest account of what went wrong, in bytes. Servers and databases choose what their errors say.
const MAX_CAUSE: usize = 1024;

/// Why an operation was refused: by the registration endpoint, or by
/// [`Registry::authenticate`](crate::Registry::authenticate). `Display` is the text of the reply.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Refusal<'a> {
    /// A request to the registration endpoint, or a call of the application.
    Registration(&'a RegistrationError),
    /// A client that was not authenticated.
    Authentication(&'a AuthenticationError),
}

impl<'a> Refusal<'a> {
    /// The HTTP status of the reply.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Registration(error) => error.status(),
            Self::Authentication(error) => error.status(),
        }
    }

    /// The `error` of the reply; none where the reply has none.
    #[must_use]
    pub fn code(self) -> Option<&'static str> {
        match self {
            Self::Registration(error) => error.code().map(ErrorCode::as_str),
            Self::Authentication(error) => Some(error.code()),
        }
    }

    /// The rules that a document breaks.
    #[must_use]
    pub fn violations(self) -> &'a [Violation] {
        match self {
            Self::Registration(error) => error.violations(),
            Self::Authentication(_) => &[],
        }
    }

    /// What went wrong behind the refusal; never part of the reply. That of a failed authentication begins with the
    /// [code of its cause](crate::authentication::AuthenticationCause::code). Of more than 1024 bytes the beginning is
    /// kept.
    #[must_use]
    pub fn cause(self) -> Option<String> {
        let (code, error): (_, &(dyn Error + 'static)) = match self {
            Self::Registration(error) => (None, error),
            Self::Authentication(error) => (Some(error.cause().to_string()), error),
        };
        // `Display` of an error does not repeat its source, so the chain is joined here.
        let causes = std::iter::successors(error.source(), |cause| (*cause).source()).map(ToString::to_string);
        let causes: Vec<_> = code.into_iter().chain(causes).collect();
        (!causes.is_empty()).then(|| shortened(causes.join(": "), MAX_CAUSE))
    }
}

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registration(error) => error.fmt(formatter),
            Self::Authentication(error) => error.fmt(formatter),
        }
    }
}
