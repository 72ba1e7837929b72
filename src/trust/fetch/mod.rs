//! The guarded fetcher: the one way in which this crate reaches out to an address that somebody else named.
//!
//! A client names documents, such as its `sector_identifier_uri`. Fetching them as told would let it reach whatever the
//! server can reach ([server-side request forgery](https://cwe.mitre.org/data/definitions/918.html)). So a [`Fetcher`]
//! speaks `https` to public addresses only, and it is the address it connects to that is checked, after the name was
//! resolved. It follows no redirect, uses no proxy, sends no cookie and no credential, and takes only a small JSON
//! document that arrives soon. A document that many ask for at once is fetched once, and one that failed is not fetched
//! again for a while.
//!
//! # Budgets
//!
//! | budget | default | option |
//! | --- | --- | --- |
//! | documents that clients name, at the same time | 16 | [`with_concurrency`](FetcherBuilder::with_concurrency) |
//! | documents that the operator names (keys of trusted issuers) | 4 | [`with_operator_concurrency`](FetcherBuilder::with_operator_concurrency) |
//! | documents of one host, in each of these budgets | 2 | [`with_max_fetches_per_host`](FetcherBuilder::with_max_fetches_per_host) |
//! | waiting for a place | 1 second | [`with_acquire_timeout`](FetcherBuilder::with_acquire_timeout) |
//! | one fetch, from the look-up of the name to the last byte | 5 seconds | [`with_timeout`](FetcherBuilder::with_timeout) |
//! | its size | 65536 bytes | [`with_size_limit`](FetcherBuilder::with_size_limit) |
//!
//! A host is what the URL names: all its ports and spellings are one host. So a host that stays silent holds two places,
//! and the fetches from other hosts go on. Somebody who owns many silent names can still fill the budget of the clients:
//! the others are then refused after a second, with the request to come again, and the budget of the operator is not
//! affected.
//!
//! ```
//! use std::io;
//! use std::net::IpAddr;
//! use tower_dcr::fetch::{FetchErrorKind, Fetcher, Resolver};
//!
//! /// A name server that answers with an address inside the network.
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
mod flights;
mod places;
mod resolver;

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
use flights::{Outcome, SingleFlight};
use places::Places;

/// Fetches small JSON documents from public `https` URLs. Clones are cheap and share everything.
///
/// It runs on Tokio, with its network and its timer.
#[derive(Clone)]
pub struct Fetcher {
    inner: Arc<Inner>,
}

struct Inner {
    http: Client,
    limits: Limits,
    named_by_clients: Pool,
    named_by_operator: Pool,
    clock: Arc<dyn Clock>,
}

/// The fetches under one budget. What clients do in theirs cannot be noticed in the other.
struct Pool {
    flights: SingleFlight,
    places: Places,
}

impl Pool {
    fn new(places: Places) -> Self {
        Self { flights: SingleFlight::default(), places }
    }
}

/// What an answer may take.
#[derive(Debug)]
struct Limits {
    time: Duration,
    bytes: usize,
    media_types: Vec<String>,
    /// How long a failure is remembered.
    memory: Duration,
    /// How long a fetch waits for a place.
    acquire_timeout: Duration,
}

impl Fetcher {
    /// Begins to build a fetcher. Every limit has a default.
    pub fn builder() -> FetcherBuilder {
        FetcherBuilder::new()
    }

    /// Fetches the document at this URL, which a client named.
    ///
    /// # Errors
    ///
    /// When the URL is not `https` to a public name, or the answer is not what the limits allow. The error is for logs:
    /// a client that is told learns what there is in the network.
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

    /// The error as a registry reads it.
    fn document_error(&self, error: FetchError) -> DocumentError {
        if !error.kind().is_outage() {
            return DocumentError::rejected(error);
        }
        let remaining = error.retry_at().and_then(|at| at.duration_since(self.inner.clock.now()).ok());
        let unavailable = DocumentError::unavailable(error);
        remaining.into_iter().fold(unavailable, DocumentError::with_retry_after)
    }
}

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
    /// Whoever joins a fetch that somebody else began waits no longer than for a fetch of their own, also when those
    /// before them leave one after the other.
    async fn fetch(&self, url: &str, pool: &Pool) -> Outcome {
        let target = check(url)?;
        let name = target.to_string();
        let joined = pool.flights.join(&name, self.clock.now(), || self.request(target, pool));
        let longest = self.limits.acquire_timeout.saturating_add(self.limits.time);
        timeout(longest, joined).await.unwrap_or_else(|_| Err(FetchError::new(FetchErrorKind::Timeout)))
    }

    /// The deadline covers looking up the name, connecting and reading. It begins once there is a place.
    async fn request(&self, target: Url, pool: &Pool) -> Outcome {
        let host = target.host_str().unwrap_or_default().trim_end_matches('.').to_owned();
        let Some(_place) = pool.places.acquire(&host).await else {
            return Err(FetchError::new(FetchErrorKind::Busy));
        };
        let answered = timeout(self.limits.time, self.exchange(target)).await;
        let outcome = answered.unwrap_or_else(|_| Err(FetchError::new(FetchErrorKind::Timeout)));
        let now = self.clock.now();
        let until = now.checked_add(self.limits.memory).unwrap_or(now);
        outcome.map_err(|error| error.remembered_until(until))
    }

    async fn exchange(&self, target: Url) -> Outcome {
        let accept = self.limits.media_types.join(", ");
        let response = self.http.get(target).header(ACCEPT, accept).send().await.map_err(FetchError::of_client)?;
        match response.status() {
            StatusCode::OK => {}
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
    fn allow_type(&self, response: &Response) -> bool {
        let mut types = response.headers().get_all(CONTENT_TYPE).iter();
        let (Some(media_type), None) = (types.next().and_then(|value| value.to_str().ok()), types.next()) else {
            return false;
        };
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        self.media_types.iter().any(|allowed| allowed.eq_ignore_ascii_case(essence))
    }

    /// Reads the body into one buffer, of which no more than the limit is ever kept. Each frame is dropped once it is
    /// copied: a frame of one byte holds on to the whole buffer that it was read into.
    async fn read(&self, mut response: Response) -> Outcome {
        let too_large = || FetchError::new(FetchErrorKind::TooLarge);
        if response.content_length().is_some_and(|length| length > self.bytes as u64) {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        while let Some(piece) = response.chunk().await.map_err(FetchError::of_client)? {
            if piece.len() > self.bytes - body.len() {
                return Err(too_large());
            }
            body.extend_from_slice(&piece);
        }
        Ok(body.freeze())
    }
}

/// The URL to call: one that passes the rules for fetched URIs as it is written, and whose host is no other one after
/// the HTTP client's parser has read it.
fn check(url: &str) -> Result<Url, FetchError> {
    let refused = || FetchError::new(FetchErrorKind::Url);
    uri::check_fetched(url).map_err(|_| refused())?;
    let mut target = Url::parse(url).map_err(|_| refused())?;
    target.set_fragment(None);
    let host = target.host_str().ok_or_else(refused)?;
    let literal: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    match literal.is_none_or(uri::is_public_address) {
        true => Ok(target),
        false => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll};

    use http_body::Frame;

    use super::*;
    use crate::error::ConfigErrorKind;

    /// A resolver that finds nothing.
    struct Nowhere;

    impl Resolver for Nowhere {
        async fn resolve(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
            Ok(Vec::new())
        }
    }

    #[tokio::test]
    async fn whoever_finds_no_place_in_time_is_not_remembered_as_a_failure() {
        let fetcher = Fetcher::builder().with_resolver(Nowhere).with_timeout(Duration::from_millis(1));
        let fetcher = fetcher.with_concurrency(1).build().unwrap();
        let place = fetcher.inner.named_by_clients.places.acquire("other.example").await.unwrap();
        let (begun, error) = (tokio::time::Instant::now(), fetcher.fetch("https://h.example/").await.unwrap_err());
        assert_eq!((error.kind(), error.retry_at()), (FetchErrorKind::Busy, None));
        assert!((1..4).contains(&begun.elapsed().as_secs()), "it waits for a second, and no longer");
        let error = fetcher.fetch_for_operator("https://h.example/").await.unwrap_err();
        assert_eq!(error.kind(), FetchErrorKind::Address, "the operator has places of their own");
        drop(place);
        assert_eq!(fetcher.fetch("https://h.example/").await.unwrap_err().kind(), FetchErrorKind::Address);
    }

    #[tokio::test]
    async fn all_spellings_and_ports_of_a_host_share_its_places() {
        let fetcher = Fetcher::builder().with_resolver(Nowhere).with_acquire_timeout(Duration::ZERO);
        let fetcher = fetcher.with_max_fetches_per_host(1).build().unwrap();
        for (host, spellings) in [
            ("h.example", ["https://h.example/", "https://H.EXAMPLE/a", "https://h.example:8443/"]),
            (
                "xn--mnchen-3ya.example",
                [
                    "https://xn--mnchen-3ya.example/",
                    "https://XN--MNCHEN-3YA.example/",
                    "https://xn--mnchen-3ya.example:1/",
                ],
            ),
            ("9.9.9.9", ["https://9.9.9.9/", "https://9.9.9.9:8443/", "https://9.9.9.9:1/"]),
            (
                "[2620:fe::fe]",
                ["https://[2620:fe::fe]/", "https://[2620:00fe:0::FE]:1/", "https://[2620:fe:0:0:0:0:0:fe]/"],
            ),
        ] {
            let _place = fetcher.inner.named_by_clients.places.acquire(host).await.unwrap();
            for url in spellings {
                assert_eq!(fetcher.fetch(url).await.unwrap_err().kind(), FetchErrorKind::Busy, "{url}");
            }
        }
    }

    /// A body of single bytes, each of which holds a read buffer, and how many of those are alive.
    struct OneByteEach {
        left: usize,
        alive: Arc<AtomicUsize>,
        most: Arc<AtomicUsize>,
    }

    struct ReadBuffer([u8; 8192], Arc<AtomicUsize>);

    impl AsRef<[u8]> for ReadBuffer {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    impl Drop for ReadBuffer {
        fn drop(&mut self) {
            self.1.fetch_sub(1, Ordering::SeqCst);
        }
    }

    impl http_body::Body for OneByteEach {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
            let Some(left) = self.left.checked_sub(1) else { return Poll::Ready(None) };
            self.left = left;
            self.most.fetch_max(self.alive.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let buffer = Bytes::from_owner(ReadBuffer([b' '; 8192], Arc::clone(&self.alive)));
            Poll::Ready(Some(Ok(Frame::data(buffer.slice(..1)))))
        }
    }

    #[tokio::test]
    async fn a_body_of_single_bytes_holds_one_frame_at_a_time() {
        for (length, expected) in [(65_536, Ok(65_536)), (65_537, Err(FetchErrorKind::TooLarge))] {
            let (alive, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let body = OneByteEach { left: length, alive: Arc::clone(&alive), most: Arc::clone(&most) };
            let response = Response::from(http::Response::new(reqwest::Body::wrap(body)));
            let fetcher = Fetcher::builder().build().unwrap();
            let read = fetcher.inner.limits.read(response).await;
            assert_eq!(read.map(|body| body.len()).map_err(|error| error.kind()), expected);
            assert_eq!(alive.load(Ordering::SeqCst), 0, "{length}: the document keeps no frame");
            assert!(most.load(Ordering::SeqCst) <= 2, "{length}: {most:?} frames were alive");
        }
    }

    #[test]
    fn a_fetcher_that_cannot_fetch_is_refused_at_start_up() {
        type Change = fn(FetcherBuilder) -> FetcherBuilder;
        let rows: [(&str, Change); 8] = [
            ("no time", |builder| builder.with_timeout(Duration::ZERO)),
            ("no bytes", |builder| builder.with_size_limit(0)),
            ("no place", |builder| builder.with_concurrency(0)),
            ("no place for the operator", |builder| builder.with_operator_concurrency(0)),
            ("no place of a host", |builder| builder.with_max_fetches_per_host(0)),
            ("no media type", |builder| builder.with_media_types([""; 0])),
            ("no certificate", |builder| builder.with_root_certificates("")),
            ("no PEM", |builder| builder.with_root_certificates("-----BEGIN CERTIFICATE-----\n!")),
        ];
        for (name, change) in rows {
            assert_eq!(change(Fetcher::builder()).build().unwrap_err().kind(), ConfigErrorKind::Fetcher, "{name}");
        }
    }

    #[test]
    fn only_https_to_a_public_name_or_address_is_called() {
        let rows = [
            ("https://h.example/a?b=c", true),
            ("https://h.example:8443/", true),
            ("HTTPS://H.example/", true),
            ("https://9.9.9.9/", true),
            ("https://[2620:fe::fe]/", true),
            ("http://h.example/", false),
            ("file:///etc/passwd", false),
            ("gopher://h.example/", false),
            ("https://user@h.example/", false),
            ("https://localhost/", false),
            ("https://db.internal/", false),
            ("https://127.0.0.1/", false),
            ("https://0x7f.1/", false),
            ("https://2130706433/", false),
            ("https://0177.0.0.1/", false),
            ("https://127.1/", false),
            ("https://169.254.169.254/latest/meta-data", false),
            ("https://[::1]/", false),
            ("https://[::127.0.0.1]/", false),
            ("https://[::ffff:127.0.0.1]/", false),
            ("https://[64:ff9b::7f00:1]/", false),
            ("https://h.example\\@127.0.0.1/", false),
            ("https:h.example", false),
            ("", false),
        ];
        for (url, called) in rows {
            assert_eq!(check(url).is_ok(), called, "{url}");
        }
    }
}
