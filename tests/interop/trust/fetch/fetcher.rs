//! The guarded fetcher against a real TLS server, with a resolver under test control.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{poll, stream};
use tokio::sync::{Notify, Semaphore};
use tower_dcr::fetch::FetchErrorKind;

use crate::common::clock::FakeClock;
use crate::trust::document_server::Site;
use crate::trust::scripted_names::Names;

const JSON: &str = "application/json";
const LIMIT: usize = 1000;

fn document(media_type: &str, body: impl Into<Body>) -> Response {
    ([("content-type", media_type)], body.into()).into_response()
}

/// A body without a declared length.
fn chunked(pieces: usize, size: usize) -> Body {
    let piece = Bytes::from(vec![b' '; size]);
    Body::from_stream(stream::iter((0..pieces).map(move |_| Ok::<_, std::io::Error>(piece.clone()))))
}

/// A body whose first byte comes and whose second does not.
fn stalling() -> Body {
    use futures_util::StreamExt as _;
    let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"["))]);
    Body::from_stream(first.chain(stream::pending()))
}

fn pages() -> Router {
    Router::new()
        .route("/document", get(|| async { document(JSON, "[]") }))
        .route("/keys", get(|| async { document("application/jwk-set+json; charset=utf-8", "{}") }))
        .route("/largest", get(|| async { document(JSON, vec![b' '; LIMIT]) }))
        .route("/larger", get(|| async { document(JSON, vec![b' '; LIMIT + 1]) }))
        .route("/endless", get(|| async { document(JSON, chunked(1_000_000, LIMIT)) }))
        .route("/chunked", get(|| async { document(JSON, chunked(4, LIMIT / 4)) }))
        .route("/bytes", get(|| async { document(JSON, chunked(LIMIT, 1)) }))
        .route("/html", get(|| async { document("text/html", "[]") }))
        .route("/similar", get(|| async { document("application/jsonp", "[]") }))
        .route("/untyped", get(|| async { Body::from("[]").into_response() }))
        .route("/moved", get(|| async { Redirect::temporary("/document") }))
        .route("/elsewhere", get(|| async { Redirect::permanent("https://169.254.169.254/") }))
        .route("/failing", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
        .route("/partial", get(|| async { (StatusCode::PARTIAL_CONTENT, document(JSON, "[]")) }))
        .route("/stalling", get(|| async { document(JSON, stalling()) }))
        .route("/silent", get(std::future::pending::<StatusCode>))
}

#[tokio::test]
async fn every_answer_has_its_verdict() {
    use FetchErrorKind as Kind;
    let site = Site::start(pages()).await;
    let fetcher = site.fetcher().with_size_limit(LIMIT).with_timeout(Duration::from_millis(500)).build().unwrap();
    let rows: [(&str, Result<usize, Kind>); 17] = [
        ("/document", Ok(2)),
        ("/keys", Ok(2)),
        ("/largest", Ok(LIMIT)),
        ("/chunked", Ok(LIMIT)),
        ("/bytes", Ok(LIMIT)),
        ("/larger", Err(Kind::TooLarge)),
        ("/endless", Err(Kind::TooLarge)),
        ("/html", Err(Kind::MediaType)),
        ("/similar", Err(Kind::MediaType)),
        ("/untyped", Err(Kind::MediaType)),
        ("/moved", Err(Kind::Redirect)),
        ("/elsewhere", Err(Kind::Redirect)),
        ("/missing", Err(Kind::Status(404))),
        ("/failing", Err(Kind::Status(500))),
        ("/partial", Err(Kind::Status(206))),
        ("/stalling", Err(Kind::Timeout)),
        ("/silent", Err(Kind::Timeout)),
    ];
    for (number, (path, expected)) in rows.into_iter().enumerate() {
        let outcome = fetcher.fetch(&site.url(path)).await;
        assert_eq!(outcome.map(|body| body.len()).map_err(|error| error.kind()), expected, "{path}");
        assert_eq!(site.requests(), number + 1, "{path}: nothing is followed and nothing is tried again");
    }
}

#[tokio::test]
async fn a_request_says_nothing_about_this_server() {
    let seen = Arc::new(std::sync::Mutex::new(HeaderMap::new()));
    let kept = Arc::clone(&seen);
    let page = get(move |headers: HeaderMap| {
        *kept.lock().unwrap() = headers;
        async { document(JSON, "[]") }
    });
    let site = Site::start(Router::new().route("/document", page)).await;
    site.fetcher().build().unwrap().fetch(&site.url("/document")).await.unwrap();
    let headers = seen.lock().unwrap().clone();
    let mut names: Vec<_> = headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "host", "user-agent"]);
    assert_eq!(headers["accept"], "application/json, application/jwk-set+json");
}

#[tokio::test]
async fn without_permission_nothing_on_this_machine_or_network_is_connected_to() {
    let site = Site::start(pages()).await;
    let answers = [
        "127.0.0.1",
        "0.0.0.0",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::ffff:0:7f00:1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::169.254.169.254",
        "2002:7f00:1::",
        "169.254.169.254",
        "10.0.0.1",
        "192.168.0.1",
        "172.16.0.1",
        "100.64.0.1",
        "fd00:ec2::254",
        "fe80::1",
    ];
    for address in answers {
        let fetcher = site.strict(Names::script([vec![address]])).build().unwrap();
        let error = fetcher.fetch(&site.url("/document")).await.unwrap_err();
        assert_eq!(error.kind(), FetchErrorKind::Address, "{address}");
    }
    assert_eq!(site.connections(), 0);
}

#[tokio::test]
async fn an_address_in_the_url_is_refused_before_anything_happens() {
    let site = Site::start(pages()).await;
    let names = Names::loopback();
    let fetcher = site.strict(names.clone()).dangerously_allow_addresses(["127.0.0.1".parse().unwrap()]);
    let fetcher = fetcher.build().unwrap();
    let (_, port) = site.url("").rsplit_once(':').map(|(host, port)| (host.to_owned(), port.to_owned())).unwrap();
    for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "[::1]", "localhost", "2130706433", "0x7f.0.0.1", "127.1"] {
        let error = fetcher.fetch(&format!("https://{host}:{port}/document")).await.unwrap_err();
        assert_eq!(error.kind(), FetchErrorKind::Url, "{host}");
    }
    assert_eq!((site.connections(), names.asked().len()), (0, 0));
}

/// A site, and a listener at the same port of another address of this machine.
async fn site_and_neighbour() -> (Site, TcpListener) {
    loop {
        let site = Site::start(pages()).await;
        let port = site.url("").rsplit_once(':').unwrap().1.to_owned();
        if let Ok(neighbour) = TcpListener::bind(format!("127.0.0.2:{port}")) {
            neighbour.set_nonblocking(true).unwrap();
            return (site, neighbour);
        }
    }
}

fn assert_untouched(listener: &TcpListener) {
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "there was a connection");
}

/// The site stands for the public address, which the name first resolves to.
#[tokio::test]
async fn a_name_that_changes_its_mind_leads_to_no_other_address() {
    let (site, neighbour) = site_and_neighbour().await;
    let names = Names::script([vec!["127.0.0.1"], vec!["127.0.0.2"]]);
    let fetcher = site.strict(names.clone()).dangerously_allow_addresses(["127.0.0.1".parse().unwrap()]);
    let fetcher = fetcher.build().unwrap();
    fetcher.fetch(&site.url("/document")).await.unwrap();
    assert_eq!((site.connections(), names.asked().len()), (1, 1), "what was checked is what was connected to");

    let error = fetcher.fetch(&site.url("/document")).await.unwrap_err();
    assert_eq!(error.kind(), FetchErrorKind::Address);
    assert_eq!((site.connections(), names.asked().len()), (1, 2));
    assert_untouched(&neighbour);
}

#[tokio::test]
async fn of_several_addresses_only_the_allowed_one_is_connected_to() {
    let (site, neighbour) = site_and_neighbour().await;
    let names = Names::script([vec!["127.0.0.2", "::1", "127.0.0.1"]]);
    let fetcher = site.strict(names).dangerously_allow_addresses(["127.0.0.1".parse().unwrap()]).build().unwrap();
    fetcher.fetch(&site.url("/document")).await.unwrap();
    assert_eq!(site.connections(), 1);
    assert_untouched(&neighbour);
}

#[tokio::test]
async fn a_certificate_needs_the_right_name_and_a_trusted_issuer() {
    let (site, other) = (Site::start(pages()).await, Site::start(pages()).await);
    let fetcher = site.fetcher().build().unwrap();
    let rows = [other.url("/document"), site.url("/document").replace("site.", "other.")];
    for url in rows {
        assert_eq!(fetcher.fetch(&url).await.unwrap_err().kind(), FetchErrorKind::Transport, "{url}");
    }
    assert_eq!(site.requests() + other.requests(), 0);
}

/// The environment can only be set for another process, so this test runs one: itself, for another test.
#[test]
fn proxies_of_the_environment_are_not_used() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let mut child = Command::new(std::env::current_exe().unwrap());
    let (_binary, module) = module_path!().split_once("::").unwrap();
    child.args(["--exact", &format!("{module}::a_request_says_nothing_about_this_server")]);
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY"] {
        child.env(name, &url);
    }
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
    assert_untouched(&proxy);
}

/// A page that answers after the test permits it.
fn held(release: &Arc<Notify>) -> Router {
    let release = Arc::clone(release);
    let page = get(move || async move {
        release.notified().await;
        document(JSON, "[]")
    });
    Router::new().route("/document", page)
}

#[tokio::test]
async fn a_document_that_many_ask_for_is_fetched_once() {
    let release = Arc::new(Notify::new());
    let site = Site::start(held(&release)).await;
    let fetcher = site.fetcher().build().unwrap();
    let url = site.url("/document");
    let all = join_all((0..24).map(|_| fetcher.fetch(&url)));
    let (outcomes, ()) = tokio::join!(all, async { release.notify_one() });
    assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_ok_and(|body| body == "[]")));
    assert_eq!(site.requests(), 1);

    release.notify_one();
    fetcher.fetch(&url).await.unwrap();
    assert_eq!(site.requests(), 2, "a document is not kept");
}

#[tokio::test]
async fn when_the_fetching_caller_is_cancelled_the_next_one_fetches() {
    let release = Arc::new(Notify::new());
    let site = Site::start(held(&release)).await;
    let fetcher = site.fetcher().build().unwrap();
    let url = site.url("/document");
    let mut first = Box::pin(fetcher.fetch(&url));
    let mut second = Box::pin(fetcher.fetch(&url));
    assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
    drop(first);
    release.notify_one();
    assert_eq!(second.await.unwrap(), "[]");
}

#[tokio::test]
async fn a_failure_is_not_repeated_for_a_while() {
    let clock = FakeClock::new();
    let site = Site::start(pages()).await;
    let fetcher = site.fetcher().with_clock(clock.clone()).build().unwrap();
    for (wait, requests) in [(0, 1), (0, 1), (59, 1), (1, 2), (59, 2), (1, 3)] {
        clock.advance(Duration::from_secs(wait));
        let error = fetcher.fetch(&site.url("/missing")).await.unwrap_err();
        assert_eq!((error.kind(), site.requests()), (FetchErrorKind::Status(404), requests), "after {wait} seconds");
    }
    fetcher.fetch(&site.url("/document")).await.unwrap();
    assert_eq!(site.requests(), 4, "another URL is another matter");
}

#[tokio::test]
async fn no_more_documents_than_allowed_are_fetched_at_once() {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let arrived = Arc::new(Semaphore::new(0));
    let release = Arc::new(Semaphore::new(0));
    let (counted, seen) = (Arc::clone(&running), Arc::clone(&most));
    let (came, gate) = (Arc::clone(&arrived), Arc::clone(&release));
    let page = get(move |Path(_): Path<u32>| async move {
        seen.fetch_max(counted.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        came.add_permits(1);
        gate.acquire().await.unwrap().forget();
        counted.fetch_sub(1, Ordering::SeqCst);
        document(JSON, "[]")
    });
    let site = Site::start(Router::new().route("/{number}", page)).await;
    let fetcher = site.fetcher().with_concurrency(2).with_timeout(Duration::from_secs(60)).build().unwrap();
    let urls: Vec<_> = (0..8).map(|number| site.url(&format!("/{number}"))).collect();
    let all = join_all(urls.iter().map(|url| fetcher.fetch(url)));
    let release = async {
        arrived.acquire_many(2).await.unwrap().forget();
        assert_eq!(site.connections(), 2, "the others do not even connect");
        release.add_permits(8);
    };
    let (outcomes, ()) = tokio::join!(all, release);
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!((most.load(Ordering::SeqCst), site.requests()), (2, 8));
}
