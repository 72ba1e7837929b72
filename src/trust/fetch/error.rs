//! Why a document was not fetched. These errors are for the operator: in a reply they would disclose the network.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use super::resolver::NoPublicAddress;

/// The kind of a [`FetchError`].
///
/// ```
/// use tower_dcr::fetch::FetchErrorKind;
///
/// assert!(FetchErrorKind::Timeout.is_outage());
/// assert!(FetchErrorKind::Status(500).is_outage());
/// assert!(!FetchErrorKind::Status(404).is_outage());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FetchErrorKind {
    /// The URL is not `https` to a public name or address.
    Url,
    /// The host has no address, or no public one.
    Address,
    /// No connection, no TLS, or no HTTP.
    Transport,
    /// The server answered with a redirection, which is not followed.
    Redirect,
    /// The server answered with another status than 200.
    Status(u16),
    /// The response has another media type.
    MediaType,
    /// The response is larger than the limit.
    TooLarge,
    /// There was no complete response in time.
    Timeout,
    /// Too many documents are being fetched, from this host or in total.
    Busy,
}

impl FetchErrorKind {
    /// Whether a later attempt may succeed without a change of the URL or the document: the host does not respond, is
    /// unreachable or fails, or this server is busy. Then the reply to the client is 503. Otherwise the client can correct
    /// the cause, and the reply is 400.
    ///
    /// The statuses 404 and 410 mean that there is no document at this URL; all others are treated as an outage.
    #[must_use]
    pub fn is_outage(self) -> bool {
        match self {
            Self::Url | Self::Address | Self::Redirect | Self::MediaType | Self::TooLarge => false,
            Self::Status(404 | 410) => false,
            Self::Transport | Self::Status(_) | Self::Timeout | Self::Busy => true,
        }
    }

    /// The label of metrics.
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

/// Why a [`Fetcher`](super::Fetcher) has no document. All callers that waited for the same fetch get the same error.
///
/// [`source`](Error::source) is the error of the HTTP client or the resolver, if there is one.
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

    /// The kind of failure.
    #[must_use]
    pub fn kind(&self) -> FetchErrorKind {
        self.kind
    }

    /// Until when the fetcher returns this error for the URL without another request; `None` if it is not remembered.
    #[must_use]
    pub fn retry_at(&self) -> Option<SystemTime> {
        self.retry_at
    }

    /// The error, remembered until then. [`FetchErrorKind::Busy`] is a state of this server and not of the URL, so it is not
    /// remembered.
    pub(super) fn remembered_until(mut self, until: SystemTime) -> Self {
        self.retry_at = Some(until).filter(|_| self.kind != FetchErrorKind::Busy);
        self
    }

    /// The error of the HTTP client. A [`NoPublicAddress`] of the resolver is among its causes. This is not a `From`, which
    /// would make the HTTP client a part of the public API.
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
            FetchErrorKind::MediaType => "the response has another media type",
            FetchErrorKind::TooLarge => "the response is too large",
            FetchErrorKind::Timeout => "there was no complete response in time",
            FetchErrorKind::Busy => "too many documents are being fetched, from this host or in total",
        })
    }
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
