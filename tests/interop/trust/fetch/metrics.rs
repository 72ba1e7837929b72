//! What the metrics say about fetches and rate limits.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::get;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use serde_json::json;
use tower_dcr::fetch::FetchErrorKind;
use tower_dcr::gate::RateLimit;
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, Registry};

use crate::trust::document_server::Site;
use crate::trust::endpoint::{minimal_and, post};

/// A recorder for this thread alone.
fn record() -> (Snapshotter, metrics::LocalRecorderGuard<'static>) {
    let recorder = Box::leak(Box::new(DebuggingRecorder::new()));
    let snapshotter = recorder.snapshotter();
    (snapshotter, metrics::set_default_local_recorder(recorder))
}

/// The values of a counter by its labels.
fn counted(snapshotter: &Snapshotter, counter: &str) -> BTreeMap<String, u64> {
    let entries = snapshotter.snapshot().into_vec().into_iter().filter_map(|(key, _, _, value)| {
        let (_, key) = key.into_parts();
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        match value {
            DebugValue::Counter(count) if key.name() == counter => Some((labels.join(","), count)),
            _ => None,
        }
    });
    entries.collect()
}

#[tokio::test]
async fn fetches_are_counted_by_who_named_the_url_and_what_came_of_it() {
    let (snapshotter, _guard) = record();
    let page = get(|| async { ([("content-type", "application/json")], "[]").into_response() });
    let pages = Router::new().route("/page", page).route("/silent", get(std::future::pending::<StatusCode>));
    let site = Site::start(pages).await;
    let fetcher = site.fetcher().with_max_fetches_per_host(1).with_acquire_timeout(Duration::ZERO);
    let fetcher = fetcher.with_timeout(Duration::from_millis(500)).build().unwrap();
    let (page, silent, missing) = (site.url("/page"), site.url("/silent"), site.url("/missing"));
    fetcher.fetch(&page).await.unwrap();
    fetcher.fetch_for_operator(&page).await.unwrap();
    for _ in 0..2 {
        fetcher.fetch(&missing).await.unwrap_err();
    }
    let (silent, busy) = tokio::join!(fetcher.fetch(&silent), fetcher.fetch(&page));
    assert_eq!(silent.unwrap_err().kind(), FetchErrorKind::Timeout);
    assert_eq!(busy.unwrap_err().kind(), FetchErrorKind::Busy);
    let expected = [
        ("named_by=client,outcome=busy", 1),
        ("named_by=client,outcome=ok", 1),
        ("named_by=client,outcome=status", 2),
        ("named_by=client,outcome=timeout", 1),
        ("named_by=operator,outcome=ok", 1),
    ];
    let expected = expected.map(|(labels, count)| (labels.to_owned(), count));
    assert_eq!(counted(&snapshotter, "tower_dcr_fetches_total"), BTreeMap::from(expected));
}

#[tokio::test]
async fn refusals_of_a_rate_limit_are_counted_by_limit() {
    let (snapshotter, _guard) = record();
    let limit = RateLimit::builder(1, Duration::from_secs(60)).build().unwrap();
    let builder = Registry::builder("https://id.example.com", Access::Open).with_registration_gate(limit);
    let registry = builder.build(MemoryStore::new()).unwrap();
    for status in [201, 429, 429] {
        assert_eq!(post(&registry, &minimal_and(json!({}))).await.status, status);
    }
    let expected = BTreeMap::from([("limit=peer".to_owned(), 2)]);
    assert_eq!(counted(&snapshotter, "tower_dcr_rate_limited_total"), expected);
}
