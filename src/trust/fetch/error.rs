//! Why a document was not fetched: for the operator, never for the client, whom it would tell about the network.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

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
    /// Too many documents are being fetched, from this host or in all.
    Busy,
}

impl FetchErrorKind {
    /// Whether a later attempt may succeed although nobody changes the URL or the document: the host is silent,
    /// unreachable or fails, or this server is busy. Then a client is answered with 503. Everything else is for the
    /// client to correct, and is answered with 400.
    ///
    /// Of the statuses, 404 and 410 say that there is no document at this URL; all others are taken for an outage.
    #[must_use]
    pub fn is_outage(self) -> bool {
        match self {
            Self::Url | Self::Address | Self::Redirect | Self::MediaType | Self::TooLarge => false,
            Self::Status(404 | 410) => false,
            Self::Transport | Self::Status(_) | Self::Timeout | Self::Busy => true,
        }
    }

    /// As one word, for metrics.
    #[cfg(feature = "metrics")]
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Address => "address",
            Self::Transport => "transport",
            Self::Redirect => "redirect",
            Self::Status(_) => "status",
            Self::MediaType => "media_type",
            Self::TooLarge => "too_large",
            Self::Timeout => "timeout",
            Self::Busy => "busy",
        }
    }
}

/// Why a [`Fetcher`](super::Fetcher) has no document. Everybody who waited for the same one gets the same error.
#[derive(Debug, Clone)]
pub struct FetchError {
    kind: FetchErrorKind,
    retry_at: Option<SystemTime>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl FetchError {
    pub(super) fn new(kind: FetchErrorKind) -> Self {
        Self { kind, retry_at: None, source: None }
    }

    /// What kind of failure it was.
    #[must_use]
    pub fn kind(&self) -> FetchErrorKind {
        self.kind
    }

    /// Until when the fetcher gives this answer again without another request; none where it does not remember it.
    #[must_use]
    pub fn retry_at(&self) -> Option<SystemTime> {
        self.retry_at
    }

    /// An answer that says something about the URL is remembered until then. That this server is busy is not.
    pub(super) fn remembered_until(mut self, until: SystemTime) -> Self {
        self.retry_at = Some(until).filter(|_| self.kind != FetchErrorKind::Busy);
        self
    }

    /// A resolver that found no public address says so at the end of a chain of causes. Not a `From`, which would make
    /// the HTTP client a part of the public API.
    pub(super) fn of_client(error: reqwest::Error) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(error) = cause.filter(|error| !error.is::<NoPublicAddress>()) {
            cause = error.source();
        }
        let kind = if cause.is_some() { FetchErrorKind::Address } else { FetchErrorKind::Transport };
        Self { kind, retry_at: None, source: Some(Arc::new(error.without_url())) }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.kind {
            FetchErrorKind::Url => "the URL is not https to a public name or address",
            FetchErrorKind::Address => "the host has no public address",
            FetchErrorKind::Transport => "the server cannot be reached",
            FetchErrorKind::Redirect => "the server redirects, which is not followed",
            FetchErrorKind::Status(status) => {
                return write!(formatter, "the server answered with status {status}");
            }
            FetchErrorKind::MediaType => "the answer is of another media type",
            FetchErrorKind::TooLarge => "the answer is too large",
            FetchErrorKind::Timeout => "the answer did not come in time",
            FetchErrorKind::Busy => "too many documents are being fetched, from this host or in all",
        })
    }
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
