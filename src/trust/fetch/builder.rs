//! What an operator decides about fetching.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Certificate, Client, redirect, retry};
use tokio::sync::Semaphore;

use super::places::Places;
use super::resolver::{ErasedResolver, Guard};
use super::{Fetcher, Inner, Limits, Pool, Resolver, SystemResolver};
use crate::clock::{Clock, SystemClock};
use crate::error::{ConfigError, ConfigErrorKind};

/// Builds a [`Fetcher`].
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
    pub(super) fn new() -> Self {
        Self {
            limits: Limits {
                time: Duration::from_secs(5),
                bytes: 65_536,
                media_types: vec!["application/json".to_owned(), "application/jwk-set+json".to_owned()],
                memory: Duration::from_secs(60),
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

    /// How long a document may take, from the look-up of the host name to its last byte. The time that a fetch waits for
    /// a place does not count. Default: 5 seconds.
    pub fn with_timeout(mut self, time: Duration) -> Self {
        self.limits.time = time;
        self
    }

    /// The largest document in bytes. Default: 65536.
    pub fn with_size_limit(mut self, bytes: usize) -> Self {
        self.limits.bytes = bytes;
        self
    }

    /// The media types that a document may have, without parameters. Default: `application/json` and
    /// `application/jwk-set+json`.
    pub fn with_media_types<T: Into<String>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        self.limits.media_types = types.into_iter().map(Into::into).collect();
        self
    }

    /// How many documents that clients name are fetched at the same time; others wait. Default: 16.
    pub fn with_concurrency(mut self, fetches: usize) -> Self {
        self.concurrency = fetches;
        self
    }

    /// How many documents that the operator names are fetched at the same time, beside those of clients: the keys of
    /// trusted issuers, for example. Default: 4.
    pub fn with_operator_concurrency(mut self, fetches: usize) -> Self {
        self.operator_concurrency = fetches;
        self
    }

    /// How many documents are fetched from one host at the same time, in each of both budgets. All ports and all
    /// spellings of a host are one host. While this is smaller than
    /// [`with_concurrency`](Self::with_concurrency), a host that does not answer cannot keep fetches from other hosts
    /// waiting. At most 32 more fetches wait for a place of one host. Default: 2.
    pub fn with_max_fetches_per_host(mut self, fetches: usize) -> Self {
        self.max_per_host = fetches;
        self
    }

    /// How long a fetch waits for a place before it fails with [`FetchErrorKind::Busy`](super::FetchErrorKind::Busy);
    /// with zero it does not wait. Default: 1 second.
    pub fn with_acquire_timeout(mut self, time: Duration) -> Self {
        self.limits.acquire_timeout = time;
        self
    }

    /// How long a URL that failed is not called again. Default: 60 seconds.
    pub fn with_failure_ttl(mut self, time: Duration) -> Self {
        self.limits.memory = time;
        self
    }

    /// What looks up host names. Whatever it finds is checked. Default: [`SystemResolver`].
    pub fn with_resolver(mut self, resolver: impl Resolver) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// Certificates (PEM, any number) to trust instead of those that the operating system trusts.
    pub fn with_root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates = Some(pem.into());
        self
    }

    /// What tells the time for remembering failures. Default: the clock of the operating system.
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Host names may resolve to these addresses, although they are not public. Whoever can name a URL can then reach
    /// every port of them that speaks TLS. For tests, and for documents that only your own network has. Default: none.
    pub fn dangerously_allow_addresses(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.allowed.extend(addresses);
        self
    }

    /// Puts it together.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Fetcher`] when a limit is zero, a root certificate cannot be read, or the operating system has
    /// none to trust.
    pub fn build(self) -> Result<Fetcher, ConfigError> {
        if !self.limits.are_above_zero() {
            return Err(ConfigErrorKind::Fetcher.found(format_args!("{:?}", self.limits)));
        }
        let budgets = [self.concurrency, self.operator_concurrency, self.max_per_host];
        if let Some(places) = budgets.iter().find(|places| !(1..=Semaphore::MAX_PERMITS).contains(places)) {
            return Err(ConfigErrorKind::Fetcher.found(format_args!("{places} fetches at a time")));
        }
        let http = self.http()?;
        let pool = |places| Pool::new(Places::new(places, self.max_per_host, self.limits.acquire_timeout));
        let inner = Inner {
            http,
            named_by_clients: pool(self.concurrency),
            named_by_operator: pool(self.operator_concurrency),
            limits: self.limits,
            clock: self.clock,
        };
        Ok(Fetcher { inner: Arc::new(inner) })
    }

    /// A client that does nothing of its own accord, and keeps no connection for another document.
    fn http(&self) -> Result<Client, ConfigError> {
        let guard = Guard { resolver: Arc::clone(&self.resolver), allowed: self.allowed.as_slice().into() };
        let client = Client::builder()
            .tls_backend_rustls()
            .https_only(true)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
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
    fn are_above_zero(&self) -> bool {
        !self.time.is_zero() && self.bytes > 0 && !self.media_types.is_empty()
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
