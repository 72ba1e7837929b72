//! The settings of a fetcher.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Certificate, Client, redirect, retry};
use tokio::sync::Semaphore;

use super::permits::Permits;
use super::resolver::{ErasedResolver, Guard};
use super::{Fetcher, Inner, Limits, Pool, Resolver, SystemResolver};
use crate::clock::{Clock, SystemClock};
use crate::error::{ConfigError, ConfigErrorKind};

/// Builds a [`Fetcher`]. Every setting has a default.
///
/// ```
/// use std::time::Duration;
/// use tower_dcr::ConfigErrorKind;
/// use tower_dcr::fetch::Fetcher;
///
/// let builder = Fetcher::builder().with_timeout(Duration::from_secs(2)).with_failure_ttl(Duration::from_secs(300));
/// assert!(builder.build().is_ok());
/// let error = Fetcher::builder().with_size_limit(0).build().unwrap_err();
/// assert_eq!(error.kind(), ConfigErrorKind::Fetcher);
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct FetcherBuilder {
    limits: Limits,
    concurrency: usize,
    operator_concurrency: usize,
    max_per_host: usize,
    resolver: Arc<dyn ErasedResolver>,
    allowed: Vec<IpAddr>,
    root_certificates: Option<Vec<u8>>,
    clock: Arc<dyn Clock>,
}

impl FetcherBuilder {
    /// The defaults.
    pub(super) fn new() -> Self {
        Self {
            limits: Limits {
                timeout: Duration::from_secs(5),
                max_bytes: 65_536,
                media_types: vec!["application/json".to_owned(), "application/jwk-set+json".to_owned()],
                failure_ttl: Duration::from_secs(60),
                acquire_timeout: Duration::from_secs(1),
            },
            concurrency: 16,
            operator_concurrency: 4,
            max_per_host: 2,
            resolver: Arc::new(SystemResolver),
            allowed: Vec::new(),
            root_certificates: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// The time for a document, from the look-up of the host name to its last byte. It does not include the time that a
    /// fetch waits for a permit ([`with_acquire_timeout`](Self::with_acquire_timeout)). Default: 5 seconds.
    pub fn with_timeout(mut self, time: Duration) -> Self {
        self.limits.timeout = time;
        self
    }

    /// The largest document in bytes. Default: 65536.
    pub fn with_size_limit(mut self, bytes: usize) -> Self {
        self.limits.max_bytes = bytes;
        self
    }

    /// The media types that a document may have, without parameters. Default: `application/json` and
    /// `application/jwk-set+json`.
    pub fn with_media_types<T: Into<String>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        self.limits.media_types = types.into_iter().map(Into::into).collect();
        self
    }

    /// How many documents that clients name are fetched at the same time. Further fetches wait for a permit. Default: 16.
    pub fn with_concurrency(mut self, fetches: usize) -> Self {
        self.concurrency = fetches;
        self
    }

    /// How many documents that the operator names are fetched at the same time, in addition to those of clients: the
    /// keys of trusted issuers, for example. Default: 4.
    pub fn with_operator_concurrency(mut self, fetches: usize) -> Self {
        self.operator_concurrency = fetches;
        self
    }

    /// How many documents are fetched from one host at the same time, in each of the two budgets. All ports and all
    /// spellings of a host are one host. While this is smaller than [`with_concurrency`](Self::with_concurrency), a host
    /// that does not respond cannot delay fetches from other hosts. At most 32 more fetches wait for a permit of one host.
    /// Default: 2.
    pub fn with_max_fetches_per_host(mut self, fetches: usize) -> Self {
        self.max_per_host = fetches;
        self
    }

    /// How long a fetch waits for a permit before it fails with [`FetchErrorKind::Busy`](super::FetchErrorKind::Busy). With
    /// [`Duration::ZERO`] it does not wait. Default: 1 second.
    pub fn with_acquire_timeout(mut self, time: Duration) -> Self {
        self.limits.acquire_timeout = time;
        self
    }

    /// How long a failure is remembered: a URL that failed is not requested again before. Default: 60 seconds.
    pub fn with_failure_ttl(mut self, time: Duration) -> Self {
        self.limits.failure_ttl = time;
        self
    }

    /// Resolves host names. The addresses are checked. Default: [`SystemResolver`].
    pub fn with_resolver(mut self, resolver: impl Resolver) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// Certificates (PEM, any number) to trust instead of those that the operating system trusts.
    pub fn with_root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates = Some(pem.into());
        self
    }

    /// The clock by which failures are remembered. Default: the clock of the operating system.
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Host names may resolve to these addresses, although they are not public. A client can then make this server connect
    /// to every port of them. For tests, and for documents that are only in your own network. Default: none.
    pub fn dangerously_allow_addresses(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.allowed.extend(addresses);
        self
    }

    /// Builds the fetcher.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Fetcher`] when a limit is zero, a root certificate cannot be read, or the operating system has
    /// no trusted certificate.
    pub fn build(self) -> Result<Fetcher, ConfigError> {
        if !self.limits.are_above_zero() {
            return Err(ConfigErrorKind::Fetcher.found(format_args!("{:?}", self.limits)));
        }
        let budgets = [self.concurrency, self.operator_concurrency, self.max_per_host];
        if let Some(permits) = budgets.iter().find(|permits| !(1..=Semaphore::MAX_PERMITS).contains(permits)) {
            return Err(ConfigErrorKind::Fetcher.found(format_args!("{permits} fetches at a time")));
        }
        let http = self.http()?;
        let pool = |total| Pool::new(Permits::new(total, self.max_per_host, self.limits.acquire_timeout));
        let inner = Inner {
            http,
            named_by_clients: pool(self.concurrency),
            named_by_operator: pool(self.operator_concurrency),
            limits: self.limits,
            clock: self.clock,
        };
        Ok(Fetcher { inner: Arc::new(inner) })
    }

    /// An HTTP client that sends exactly the request it was given: no proxy of the environment, no redirect, no retry, no
    /// decompression, and no connection that is kept for another document.
    fn http(&self) -> Result<Client, ConfigError> {
        let guard = Guard { resolver: Arc::clone(&self.resolver), allowed: self.allowed.as_slice().into() };
        let client = Client::builder()
            .tls_backend_rustls()
            .https_only(true)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            // A compressed document of a few bytes could exceed the size limit in memory.
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            // A kept connection would skip the check of the address for the next document.
            .pool_max_idle_per_host(0)
            .user_agent(concat!("tower-dcr/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(guard);
        let client = match &self.root_certificates {
            Some(pem) => {
                let refused = ConfigErrorKind::Fetcher.found("root certificates that are no PEM");
                let certificates = Certificate::from_pem_bundle(pem).map_err(|error| refused.caused_by(error))?;
                if certificates.is_empty() {
                    return Err(ConfigErrorKind::Fetcher.found("no root certificate"));
                }
                client.tls_certs_only(certificates)
            }
            None => client,
        };
        client
            .build()
            .map_err(|error| ConfigErrorKind::Fetcher.found("root certificates that cannot be used").caused_by(error))
    }
}

impl Limits {
    /// Whether a document can satisfy these limits.
    fn are_above_zero(&self) -> bool {
        !self.timeout.is_zero() && self.max_bytes > 0 && !self.media_types.is_empty()
    }
}

impl fmt::Debug for FetcherBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FetcherBuilder")
            .field("limits", &self.limits)
            .field("concurrency", &self.concurrency)
            .field("operator_concurrency", &self.operator_concurrency)
            .field("max_fetches_per_host", &self.max_per_host)
            .field("dangerously_allowed_addresses", &self.allowed)
            .finish_non_exhaustive()
    }
}
