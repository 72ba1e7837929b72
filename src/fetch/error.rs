//! Why a document was not fetched: for the operator, never for the client, whom it would tell about the network.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::resolver::NoPublicAddress;

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FetchErrorKind {
    /// The URL is not `https` to a public name or address.
    Url,
    /// The host has no address, or none that is public.
    Address,
    /// No connection, no TLS, or no HTTP.
    Transport,
    /// The server wants the request to go elsewhere.
    Redirect,
    /// The server answered with another status than 200.
    Status(u16),
    /// The answer is of another media type.
    MediaType,
    /// The answer is larger than allowed.
    TooLarge,
    /// The answer did not come in time.
    Timeout,
    /// Too many documents are being fetched.
    Busy,
}

/// Why a [`Fetcher`](super::Fetcher) has no document. Everybody who waited for the same one gets the same error.
#[derive(Debug, Clone)]
pub struct FetchError {
    kind: FetchErrorKind,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl FetchError {
    pub(super) fn new(kind: FetchErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// What kind of failure it was.
    #[must_use]
    pub fn kind(&self) -> FetchErrorKind {
        self.kind
    }

    /// Whether it says something about the URL, and not about how busy this server is.
    pub(super) fn is_about_the_url(&self) -> bool {
        self.kind != FetchErrorKind::Busy
    }
}

/// A resolver that found no public address says so at the end of a chain of causes.
impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(error) = cause.filter(|error| !error.is::<NoPublicAddress>()) {
            cause = error.source();
        }
        let kind = if cause.is_some() { FetchErrorKind::Address } else { FetchErrorKind::Transport };
        Self { kind, source: Some(Arc::new(error.without_url())) }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.kind {
            FetchErrorKind::Url => "the URL is not https to a public name or address",
            FetchErrorKind::Address => "the host has no public address",
            FetchErrorKind::Transport => "the server cannot be reached",
            FetchErrorKind::Redirect => "the server redirects, which is not followed",
            FetchErrorKind::Status(status) => return write!(formatter, "the server answered with status {status}"),
            FetchErrorKind::MediaType => "the answer is of another media type",
            FetchErrorKind::TooLarge => "the answer is too large",
            FetchErrorKind::Timeout => "the answer did not come in time",
            FetchErrorKind::Busy => "too many documents are being fetched",
        })
    }
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
