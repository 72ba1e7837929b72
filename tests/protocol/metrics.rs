//! The metrics: every request is counted once, with labels that no caller can choose.

use std::collections::BTreeMap;

use http::Method;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tower_dcr::Access;
use tower_dcr::access::TokenOptions;

use crate::fakes::Fragile;
use crate::policy;
use crate::server::{Registered, Server, minimal, send};

/// Values by name and labels, since the last time.
fn taken(snapshotter: &Snapshotter) -> BTreeMap<String, u64> {
    let entries = snapshotter.snapshot().into_vec().into_iter().map(|(key, _, _, value)| {
        let (_, key) = key.into_parts();
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let value = match value {
            DebugValue::Counter(count) => count,
            DebugValue::Gauge(value) => value.into_inner() as u64,
            DebugValue::Histogram(values) => values.len() as u64,
        };
        (format!("{}{{{}}}", key.name(), labels.join(",")), value)
    });
    entries.filter(|(_, value)| *value > 0).collect()
}

/// Only the counter of requests, without its name and the tenant.
fn requests(snapshotter: &Snapshotter) -> Vec<(String, u64)> {
    let entries = taken(snapshotter).into_iter();
    let requests = entries.filter_map(|(key, value)| {
        let labels = key.strip_prefix("tower_dcr_requests_total{tenant=acme,")?.strip_suffix('}')?;
        Some((labels.to_owned(), value))
    });
    requests.collect()
}

/// A recorder for this thread alone; the server of a test runs on it too.
fn record() -> (Snapshotter, metrics::LocalRecorderGuard<'static>) {
    let recorder = Box::leak(Box::new(DebuggingRecorder::new()));
    let snapshotter = recorder.snapshotter();
    (snapshotter, metrics::set_default_local_recorder(recorder))
}

#[tokio::test]
async fn every_request_is_counted_once_by_operation_outcome_and_error() {
    let (snapshotter, _guard) = record();
    let server = Server::start(Access::Tokens, |builder| builder.with_tenant("acme").with_dry_run(true)).await;
    let (token, _) = server.registry.issue_initial_access_token(TokenOptions::new()).await.unwrap();
    let register = |body: String| send(server.posting(body).bearer_auth(token.expose()));
    let client = Registered::of(&register(minimal().to_string()).await);
    let expect = |name: &str, labels: &str| {
        assert_eq!(requests(&snapshotter), [(labels.to_owned(), 1)], "{name}");
    };
    expect("register", "operation=register,outcome=done,error=none");
    register(r#"{"redirect_uris":["a:"]}"#.to_owned()).await;
    expect("broken document", "operation=register,outcome=refused,error=invalid_redirect_uri");
    server.post(&minimal()).await;
    expect("no credentials", "operation=register,outcome=refused,error=no_credentials");
    policy::dry(&server, &minimal()).await;
    expect("dry run", "operation=check,outcome=refused,error=no_credentials");
    server.get(&client).await;
    expect("read", "operation=read,outcome=done,error=none");
    send(server.request(Method::HEAD, client.uri()).bearer_auth(client.token())).await;
    expect("head", "operation=read,outcome=done,error=none");
    server.put(&client, &minimal()).await;
    expect("update", "operation=update,outcome=done,error=none");
    send(server.request(Method::DELETE, client.uri()).bearer_auth("wrong")).await;
    expect("wrong token", "operation=delete,outcome=refused,error=invalid_token");
    server.delete(&client).await;
    expect("delete", "operation=delete,outcome=done,error=none");
    send(server.request(Method::OPTIONS, client.uri())).await;
    expect("options", "operation=options,outcome=done,error=none");
    for method in ["PATCH", "BREW"] {
        send(server.request(method.parse().unwrap(), client.uri())).await;
        expect(method, "operation=other,outcome=refused,error=invalid_request");
    }
    send(server.request(Method::GET, server.url("/"))).await;
    assert_eq!(requests(&snapshotter), [], "what passes through is not ours");
}

#[tokio::test]
async fn time_is_measured_for_requests_and_for_the_store() {
    let (snapshotter, _guard) = record();
    let store = Fragile::default();
    let server = Server::with_store(Access::Open, store.clone(), |builder| builder).await;
    let client = server.register(&minimal()).await;
    let measured = taken(&snapshotter);
    let expected = [
        ("tower_dcr_request_duration_seconds{tenant=,operation=register,outcome=done}", 1),
        ("tower_dcr_requests_total{tenant=,operation=register,outcome=done,error=none}", 1),
        ("tower_dcr_store_duration_seconds{verb=insert,outcome=ok}", 1),
    ];
    let expected: BTreeMap<_, _> = expected.map(|(key, value)| (key.to_owned(), value)).into();
    assert_eq!(measured, expected);

    store.down.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(server.get(&client).await.status, 503);
    let measured = taken(&snapshotter);
    assert_eq!(
        measured["tower_dcr_store_duration_seconds{verb=get_by_registration_token,outcome=unavailable}"], 1,
        "{measured:?}"
    );
    let failed = "tower_dcr_requests_total{tenant=,operation=read,outcome=failed,error=temporarily_unavailable}";
    assert_eq!(measured[failed], 1, "{measured:?}");
}

#[tokio::test]
async fn a_request_that_is_cancelled_is_counted_as_abandoned() {
    use std::sync::atomic::Ordering::SeqCst;

    let (snapshotter, _guard) = record();
    let store = Fragile::default();
    let server = Server::with_store(Access::Open, store.clone(), |builder| builder).await;
    let client = server.register(&minimal()).await;
    store.pause.wanted.store(true, SeqCst);
    let deletion = send(server.request(Method::DELETE, client.uri()).bearer_auth(client.token()));
    tokio::select! {
        reply = deletion => panic!("{reply:?}"),
        () = store.pause.reached.notified() => {}
    }
    // The connection is closed; the server detects that at its next read.
    let abandoned = "tower_dcr_requests_total{tenant=,operation=delete,outcome=abandoned,error=none}";
    let noticed = async {
        while !taken(&snapshotter).contains_key(abandoned) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), noticed).await.unwrap();
}

#[tokio::test]
async fn clients_are_gauged_when_they_are_counted() {
    let (snapshotter, _guard) = record();
    let server = Server::start(Access::Open, |builder| builder.with_tenant("acme")).await;
    for _ in 0..3 {
        server.register(&minimal()).await;
    }
    assert_eq!(server.count().await, 3);
    assert_eq!(taken(&snapshotter)["tower_dcr_clients{tenant=acme}"], 3);
}

#[cfg(feature = "audit-channel")]
#[tokio::test]
async fn dropped_events_are_counted() {
    let (snapshotter, _guard) = record();
    let (sink, receiver) = tower_dcr::audit::channel(1);
    let server = Server::start(Access::Open, |builder| builder.with_audit(sink)).await;
    for _ in 0..3 {
        server.register(&minimal()).await;
    }
    assert_eq!(taken(&snapshotter)["tower_dcr_audit_dropped_total{}"], receiver.dropped());
    assert_eq!(receiver.dropped(), 2);
}

#[test]
fn every_metric_has_a_description() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, || {
        tower_dcr::metrics::describe();
        for name in ["tower_dcr_requests_total", "tower_dcr_audit_dropped_total"] {
            metrics::counter!(name).increment(1);
        }
        for name in ["tower_dcr_request_duration_seconds", "tower_dcr_store_duration_seconds"] {
            metrics::histogram!(name).record(1.0);
        }
        metrics::gauge!("tower_dcr_clients").set(1.0);
    });
    let described = snapshotter.snapshot().into_vec();
    assert_eq!(described.len(), 5);
    for (key, unit, description, _) in described {
        assert!(unit.is_some() && description.is_some(), "{key:?}");
    }
}
