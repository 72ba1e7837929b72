//! The guarded fetcher: the one way in which this crate reaches out to an address that somebody else named.
//!
//! A client names documents, such as its `sector_identifier_uri`. Fetching them as told would let it reach whatever the
//! server can reach ([server-side request forgery](https://cwe.mitre.org/data/definitions/918.html)). So a [`Fetcher`]
//! speaks `https` to public addresses only, and it is the address it connects to that is checked, after the name was
//! resolved. It follows no redirect, uses no proxy, sends no cookie and no credential, and takes only a small JSON
//! document that arrives soon. A document that many ask for at once is fetched once, and one that failed is not fetched
//! again for a while.
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
mod resolver;

pub use builder::FetcherBuilder;
pub use error::{FetchError, FetchErrorKind};
pub use resolver::{Resolver, SystemResolver};

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, Response, Url};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::clock::Clock;
use crate::documents::Documents;
use crate::error::BoxError;
use crate::rules::uri;
use flights::{Flights, Outcome};

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
    budget: Semaphore,
    flights: Flights,
    clock: Arc<dyn Clock>,
}

/// What an answer may take.
#[derive(Debug)]
struct Limits {
    time: Duration,
    bytes: usize,
    media_types: Vec<String>,
    /// How long a failure is remembered.
    memory: Duration,
}

impl Fetcher {
    /// Begins to build a fetcher. Every limit has a default.
    pub fn builder() -> FetcherBuilder {
        FetcherBuilder::new()
    }

    /// Fetches the document at this URL.
    ///
    /// # Errors
    ///
    /// When the URL is not `https` to a public name, or the answer is not what the limits allow. The error is for logs:
    /// a client that is told learns what there is in the network.
    pub async fn fetch(&self, url: &str) -> Result<Bytes, FetchError> {
        let target = check(url)?;
        let now = self.inner.clock.now();
        self.inner.flights.join(url, now, || self.inner.land(target)).await
    }
}

impl Documents for Fetcher {
    async fn get(&self, url: &str) -> Result<Bytes, BoxError> {
        Ok(self.fetch(url).await?)
    }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Fetcher").field("limits", &self.inner.limits).finish_non_exhaustive()
    }
}

impl Inner {
    /// The outcome, and until when it counts if it is a failure.
    async fn land(&self, target: Url) -> (Outcome, SystemTime) {
        let outcome = self.request(target).await;
        let now = self.clock.now();
        (outcome, now.checked_add(self.limits.memory).unwrap_or(now))
    }

    /// One deadline covers waiting for a place, looking up the name, connecting and reading.
    async fn request(&self, target: Url) -> Outcome {
        let deadline = Instant::now() + self.limits.time;
        let Ok(Ok(_place)) = timeout_at(deadline, self.budget.acquire()).await else {
            return Err(FetchError::new(FetchErrorKind::Busy));
        };
        let answered = timeout_at(deadline, self.exchange(target)).await;
        answered.unwrap_or_else(|_| Err(FetchError::new(FetchErrorKind::Timeout)))
    }

    async fn exchange(&self, target: Url) -> Outcome {
        let accept = self.limits.media_types.join(", ");
        let response = self.http.get(target).header(ACCEPT, accept).send().await?;
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

    /// Reads the body, of which no more than the limit is ever kept.
    async fn read(&self, mut response: Response) -> Outcome {
        let too_large = || FetchError::new(FetchErrorKind::TooLarge);
        if response.content_length().is_some_and(|length| length > self.bytes as u64) {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        while let Some(piece) = response.chunk().await? {
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
    let target = Url::parse(url).map_err(|_| refused())?;
    let host = target.host_str().ok_or_else(refused)?;
    let literal: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    match literal.is_none_or(uri::is_public_address) {
        true => Ok(target),
        false => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ConfigErrorKind;
    use std::io;

    /// A resolver that finds nothing.
    struct Nowhere;

    impl Resolver for Nowhere {
        async fn resolve(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
            Ok(Vec::new())
        }
    }

    #[tokio::test]
    async fn whoever_finds_no_place_in_time_is_not_remembered_as_a_failure() {
        let fetcher = Fetcher::builder().with_resolver(Nowhere).with_timeout(Duration::from_millis(50));
        let fetcher = fetcher.with_concurrency(1).build().unwrap();
        let place = fetcher.inner.budget.acquire().await.unwrap();
        assert_eq!(fetcher.fetch("https://h.example/").await.unwrap_err().kind(), FetchErrorKind::Busy);
        drop(place);
        assert_eq!(fetcher.fetch("https://h.example/").await.unwrap_err().kind(), FetchErrorKind::Address);
    }

    #[test]
    fn a_fetcher_that_cannot_fetch_is_refused_at_start_up() {
        type Change = fn(FetcherBuilder) -> FetcherBuilder;
        let rows: [(&str, Change); 6] = [
            ("no time", |builder| builder.with_timeout(Duration::ZERO)),
            ("no bytes", |builder| builder.with_size_limit(0)),
            ("no place", |builder| builder.with_concurrency(0)),
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
