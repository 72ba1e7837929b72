//! The limits of a fetcher, and the URLs that it requests.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::Frame;

use super::*;
use crate::error::ConfigErrorKind;

/// A resolver that finds no address.
struct NoAddress;

impl Resolver for NoAddress {
    async fn resolve(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn a_fetch_without_a_permit_in_time_is_not_remembered_as_a_failure() {
    let fetcher = Fetcher::builder().with_resolver(NoAddress).with_timeout(Duration::from_millis(1));
    let fetcher = fetcher.with_concurrency(1).build().unwrap();
    let permit = fetcher.inner.named_by_clients.permits.acquire("other.example").await.unwrap();
    let (begun, error) = (tokio::time::Instant::now(), fetcher.fetch("https://h.example/").await.unwrap_err());
    assert_eq!((error.kind(), error.retry_at()), (FetchErrorKind::Busy, None));
    assert!((1..4).contains(&begun.elapsed().as_secs()), "it waits for a second, and no longer");
    let error = fetcher.fetch_for_operator("https://h.example/").await.unwrap_err();
    assert_eq!(error.kind(), FetchErrorKind::Address, "the operator has a separate budget");
    drop(permit);
    assert_eq!(fetcher.fetch("https://h.example/").await.unwrap_err().kind(), FetchErrorKind::Address);
}

#[tokio::test]
async fn all_spellings_and_ports_of_a_host_share_its_permits() {
    let fetcher = Fetcher::builder().with_resolver(NoAddress).with_acquire_timeout(Duration::ZERO);
    let fetcher = fetcher.with_max_fetches_per_host(1).build().unwrap();
    for (host, spellings) in [
        ("h.example", ["https://h.example/", "https://H.EXAMPLE/a", "https://h.example:8443/"]),
        (
            "xn--mnchen-3ya.example",
            ["https://xn--mnchen-3ya.example/", "https://XN--MNCHEN-3YA.example/", "https://xn--mnchen-3ya.example:1/"],
        ),
        ("9.9.9.9", ["https://9.9.9.9/", "https://9.9.9.9:8443/", "https://9.9.9.9:1/"]),
        (
            "[2620:fe::fe]",
            ["https://[2620:fe::fe]/", "https://[2620:00fe:0::FE]:1/", "https://[2620:fe:0:0:0:0:0:fe]/"],
        ),
    ] {
        let _permit = fetcher.inner.named_by_clients.permits.acquire(host).await.unwrap();
        for url in spellings {
            assert_eq!(fetcher.fetch(url).await.unwrap_err().kind(), FetchErrorKind::Busy, "{url}");
        }
    }
}

/// A body of single bytes, each of which holds a read buffer, and how many of those are alive.
struct OneByteEach {
    left: usize,
    alive: Arc<AtomicUsize>,
    peak: Arc<AtomicUsize>,
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
        self.peak.fetch_max(self.alive.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let buffer = Bytes::from_owner(ReadBuffer([b' '; 8192], Arc::clone(&self.alive)));
        Poll::Ready(Some(Ok(Frame::data(buffer.slice(..1)))))
    }
}

#[tokio::test]
async fn a_body_of_single_bytes_holds_one_frame_at_a_time() {
    for (length, expected) in [(65_536, Ok(65_536)), (65_537, Err(FetchErrorKind::TooLarge))] {
        let (alive, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let body = OneByteEach { left: length, alive: Arc::clone(&alive), peak: Arc::clone(&peak) };
        let response = Response::from(http::Response::new(reqwest::Body::wrap(body)));
        let fetcher = Fetcher::builder().build().unwrap();
        let read = fetcher.inner.limits.read(response).await;
        assert_eq!(read.map(|body| body.len()).map_err(|error| error.kind()), expected);
        assert_eq!(alive.load(Ordering::SeqCst), 0, "{length}: the document keeps no frame");
        assert!(peak.load(Ordering::SeqCst) <= 2, "{length}: {peak:?} frames were alive");
    }
}

#[test]
fn a_fetcher_that_cannot_fetch_is_refused_at_start_up() {
    type Change = fn(FetcherBuilder) -> FetcherBuilder;
    let rows: [(&str, Change); 8] = [
        ("no time", |builder| builder.with_timeout(Duration::ZERO)),
        ("no bytes", |builder| builder.with_size_limit(0)),
        ("no permit", |builder| builder.with_concurrency(0)),
        ("no permit for the operator", |builder| builder.with_operator_concurrency(0)),
        ("no permit of a host", |builder| builder.with_max_fetches_per_host(0)),
        ("no media type", |builder| builder.with_media_types([""; 0])),
        ("no certificate", |builder| builder.with_root_certificates("")),
        ("no PEM", |builder| builder.with_root_certificates("-----BEGIN CERTIFICATE-----\n!")),
    ];
    for (name, change) in rows {
        assert_eq!(change(Fetcher::builder()).build().unwrap_err().kind(), ConfigErrorKind::Fetcher, "{name}");
    }
}

#[test]
fn only_https_to_a_public_name_or_address_is_requested() {
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
    for (url, requested) in rows {
        assert_eq!(check(url).is_ok(), requested, "{url}");
    }
}
