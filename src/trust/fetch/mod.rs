//! The guarded fetcher: fetches documents at URLs that clients chose.
//!
//! A client names documents, such as its `sector_identifier_uri`. A server that fetched every URL would let the client
//! send requests to its internal network
//! ([server-side request forgery](https://cwe.mitre.org/data/definitions/918.html)). So a [`Fetcher`] sends `https`
//! requests to public addresses only, and checks the address after the name was resolved. It follows no redirect, uses no
//! proxy, sends no cookie and no credential, and accepts only a small JSON document within a time limit. A document that
//! several requests need at the same time is fetched once, and a failure is remembered for a time.
//!
//! # Budgets
//!
//! | budget | default | option |
//! | --- | --- | --- |
//! | documents that clients name, at the same time | 16 | [`with_concurrency`](FetcherBuilder::with_concurrency) |
//! | documents that the operator names (keys of trusted issuers) | 4 | [`with_operator_concurrency`](FetcherBuilder::with_operator_concurrency) |
//! | documents of one host, in each of these budgets | 2 | [`with_max_fetches_per_host`](FetcherBuilder::with_max_fetches_per_host) |
//! | waiting for a permit | 1 second | [`with_acquire_timeout`](FetcherBuilder::with_acquire_timeout) |
//! | one fetch, from the look-up of the name to the last byte | 5 seconds | [`with_timeout`](FetcherBuilder::with_timeout) |
//! | its size | 65536 bytes | [`with_size_limit`](FetcherBuilder::with_size_limit) |
//!
//! All ports and spellings of a host are one host. A host that does not respond holds two permits, and fetches from other
//! hosts continue. An attacker with many such hosts can still use up the budget of the clients: other documents of clients
//! are then refused after a second with 503 and `Retry-After`. The budget of the operator is not affected.
//!
//! ```
//! use std::io;
//! use std::net::IpAddr;
//! use tower_dcr::fetch::{FetchErrorKind, Fetcher, Resolver};
//!
//! /// A name server that returns addresses inside the network.
//! struct Hostile;
//!
//! impl Resolver for Hostile {
//!     async fn resolve(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
//!         Ok(vec![[169, 254, 169, 254].into(), "::ffff:10.0.0.1".parse().unwrap()])
//!     }
//! }
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! let fetcher = Fetcher::builder().with_resolver(Hostile).build()?;
//! let error = fetcher.fetch("https://innocent.example/sector.json").await.unwrap_err();
//! assert_eq!(error.kind(), FetchErrorKind::Address);
//!
//! let error = fetcher.fetch("https://10.0.0.1/").await.unwrap_err();
//! assert_eq!(error.kind(), FetchErrorKind::Url);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod builder;
mod error;
mod permits;
mod resolver;
mod single_flight;
#[cfg(test)]
mod tests;

pub use builder::FetcherBuilder;
pub use error::{FetchError, FetchErrorKind};
pub use resolver::{Resolver, SystemResolver};

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, Response, Url};
use tokio::time::timeout;

use super::documents::{DocumentError, FetchDocument};
use crate::clock::Clock;
use crate::error::BoxError;
use crate::protocol::uri;
use permits::Permits;
use single_flight::{Outcome, SingleFlight};

/// Fetches small JSON documents from public `https` URLs. Clones are cheap and share connections, limits and memory.
///
/// It needs a Tokio runtime with its network and its timer. An example is in the [module](self).
#[derive(Clone)]
pub struct Fetcher {
    inner: Arc<Inner>,
}

/// What the clones of a fetcher share.
struct Inner {
    http: Client,
    limits: Limits,
    named_by_clients: Pool,
    named_by_operator: Pool,
    clock: Arc<dyn Clock>,
}

/// The fetches of one budget. Nothing is shared between budgets, so clients cannot affect the fetches of the operator.
struct Pool {
    single_flight: SingleFlight,
    permits: Permits,
}

impl Pool {
    fn new(permits: Permits) -> Self {
        Self { single_flight: SingleFlight::default(), permits }
    }
}

/// The limits of a fetch.
#[derive(Debug)]
struct Limits {
    timeout: Duration,
    max_bytes: usize,
    media_types: Vec<String>,
    /// How long a failure is remembered.
    failure_ttl: Duration,
    /// How long a fetch waits for a permit.
    acquire_timeout: Duration,
}

impl Fetcher {
    /// Builds a fetcher. Every limit has a default.
    pub fn builder() -> FetcherBuilder {
        FetcherBuilder::new()
    }

    /// Fetches the document at this URL, which a client named.
    ///
    /// # Errors
    ///
    /// When the URL is not `https` to a public name, there is no response, or it exceeds a limit. Do not send the error to
    /// a client: it discloses what is in the network.
    pub async fn fetch(&self, url: &str) -> Result<Bytes, FetchError> {
        let outcome = self.inner.fetch(url, &self.inner.named_by_clients).await;
        #[cfg(feature = "metrics")]
        count("client", &outcome);
        outcome
    }

    /// Fetches the document at this URL, which the operator configured, under the budget that clients cannot use up.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn fetch_for_operator(&self, url: &str) -> Result<Bytes, FetchError> {
        let outcome = self.inner.fetch(url, &self.inner.named_by_operator).await;
        #[cfg(feature = "metrics")]
        count("operator", &outcome);
        outcome
    }

    /// The error as a [`DocumentError`], with the time until which it is remembered.
    fn document_error(&self, error: FetchError) -> DocumentError {
        if !error.kind().is_outage() {
            return DocumentError::rejected(error);
        }
        let remaining = error.retry_at().and_then(|at| at.duration_since(self.inner.clock.now()).ok());
        let unavailable = DocumentError::unavailable(error);
        remaining.into_iter().fold(unavailable, DocumentError::with_retry_after)
    }
}

/// Counts a fetch by outcome.
#[cfg(feature = "metrics")]
fn count(named_by: &'static str, outcome: &Outcome) {
    crate::metrics::fetched(named_by, outcome.as_ref().map_or_else(|error| error.kind().as_str(), |_| "ok"));
}

impl FetchDocument for Fetcher {
    async fn fetch(&self, url: &str) -> Result<Bytes, BoxError> {
        self.fetch(url).await.map_err(|error| self.document_error(error).into())
    }

    async fn fetch_for_operator(&self, url: &str) -> Result<Bytes, BoxError> {
        self.fetch_for_operator(url).await.map_err(|error| self.document_error(error).into())
    }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Fetcher").field("limits", &self.inner.limits).finish_non_exhaustive()
    }
}

impl Inner {
    /// Fetches with the limits of one budget, or waits for a fetch of the same URL.
    async fn fetch(&self, url: &str, pool: &Pool) -> Outcome {
        let target = check(url)?;
        let name = target.to_string();
        let joined = pool.single_flight.join(&name, self.clock.now(), || self.request(target, pool));
        // A deadline of its own: callers before this one may be dropped one after the other, each with a new attempt.
        let longest = self.limits.acquire_timeout.saturating_add(self.limits.timeout);
        timeout(longest, joined).await.unwrap_or_else(|_| Err(FetchError::new(FetchErrorKind::Timeout)))
    }

    /// One fetch. Its deadline includes looking up the name, connecting and reading, and starts after the permit is
    /// acquired.
    async fn request(&self, target: Url, pool: &Pool) -> Outcome {
        // A trailing dot makes the same name look like another host, with permits of its own.
        let host = target.host_str().unwrap_or_default().trim_end_matches('.').to_owned();
        let Some(_permit) = pool.permits.acquire(&host).await else {
            return Err(FetchError::new(FetchErrorKind::Busy));
        };
        let answered = timeout(self.limits.timeout, self.exchange(target)).await;
        let outcome = answered.unwrap_or_else(|_| Err(FetchError::new(FetchErrorKind::Timeout)));
        let now = self.clock.now();
        // Measured after the fetch: a failure is remembered for the full time, however long it took.
        let until = now.checked_add(self.limits.failure_ttl).unwrap_or(now);
        outcome.map_err(|error| error.remembered_until(until))
    }

    /// Sends the request and reads a response that is within the limits.
    async fn exchange(&self, target: Url) -> Outcome {
        let accept = self.limits.media_types.join(", ");
        let response = self.http.get(target).header(ACCEPT, accept).send().await.map_err(FetchError::of_client)?;
        match response.status() {
            StatusCode::OK => {}
            // Another host would escape the check of the URL, so a redirection is a failure and not followed.
            status if status.is_redirection() => return Err(FetchError::new(FetchErrorKind::Redirect)),
            status => return Err(FetchError::new(FetchErrorKind::Status(status.as_u16()))),
        }
        if !self.limits.allow_type(&response) {
            return Err(FetchError::new(FetchErrorKind::MediaType));
        }
        self.limits.read(response).await
    }
}

impl Limits {
    /// Whether the response has one of the media types. Parameters are ignored.
    fn allow_type(&self, response: &Response) -> bool {
        let mut types = response.headers().get_all(CONTENT_TYPE).iter();
        // Two headers could be read differently by another program, so they are refused.
        let (Some(media_type), None) = (types.next().and_then(|value| value.to_str().ok()), types.next()) else {
            return false;
        };
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        self.media_types.iter().any(|allowed| allowed.eq_ignore_ascii_case(essence))
    }

    /// Reads the body into one buffer, which is never larger than the limit.
    async fn read(&self, mut response: Response) -> Outcome {
        let too_large = || FetchError::new(FetchErrorKind::TooLarge);
        if response.content_length().is_some_and(|length| length > self.max_bytes as u64) {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        while let Some(piece) = response.chunk().await.map_err(FetchError::of_client)? {
            if piece.len() > self.max_bytes - body.len() {
                return Err(too_large());
            }
            // Copied, because a frame of one byte keeps the whole buffer alive into which it was read.
            body.extend_from_slice(&piece);
        }
        Ok(body.freeze())
    }
}

/// The URL to request. It must pass the rules for fetched URIs as text.
///
/// # Errors
///
/// [`FetchErrorKind::Url`].
fn check(url: &str) -> Result<Url, FetchError> {
    let refused = || FetchError::new(FetchErrorKind::Url);
    uri::check_fetched(url).map_err(|_| refused())?;
    let mut target = Url::parse(url).map_err(|_| refused())?;
    target.set_fragment(None);
    // A trailing dot makes the same name look like another host, with permits of its own.
    let host = target.host_str().ok_or_else(refused)?;
    // The parser of the HTTP client reads `127.1` and `0x7f.1` as addresses, which the rules may not, so its result is
    // checked too.
    let literal: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    match literal.is_none_or(uri::is_public_address) {
        true => Ok(target),
        false => Err(refused()),
    }
}
