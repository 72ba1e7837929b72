//! Fetches share places: a host that stays silent holds its own and no others.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::get;
use futures_util::future::join_all;
use futures_util::poll;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tower_dcr::Registry;
use tower_dcr::fetch::{FetchErrorKind, Fetcher};
use tower_dcr::jwt::Keys;
use tower_dcr::store::MemoryStore;

use crate::trust::document_server::Site;
use crate::trust::endpoint::{Reply, minimal_and, post};
use crate::trust::signer::Signer;
use crate::trust::statements::{builder, claims, trusting_keys, with};

/// A host that accepts connections and never answers.
struct Silent {
    port: u16,
    connections: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Silent {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (count, connections) = watch::channel(0);
        let task = tokio::spawn(async move {
            let mut kept = Vec::new();
            loop {
                kept.push(listener.accept().await.unwrap());
                count.send_replace(kept.len());
            }
        });
        Self { port, connections, task }
    }

    /// A URL of this host. All names lead to this machine.
    fn url(&self, name: &str, path: impl std::fmt::Display) -> String {
        format!("https://{name}:{}/{path}", self.port)
    }

    async fn has(&self, connections: usize) {
        self.connections.clone().wait_for(|count| *count >= connections).await.unwrap();
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A site that publishes these keys at `/jwks`.
async fn publishing(signer: &Signer) -> Site {
    let keys = signer.jwks();
    let page = get(move || async move { ([("content-type", "application/json")], keys).into_response() });
    Site::start(Router::new().route("/jwks", page)).await
}

/// A registry that reads the keys of clients, and those of a trusted issuer, with this fetcher.
fn registry(site: &Site, fetcher: &Fetcher) -> Registry {
    let issuer = trusting_keys(Keys::published(site.url("/jwks"), fetcher.clone()).unwrap());
    let builder = builder(issuer).with_document_fetcher(fetcher.clone()).with_jwks_uri_checked(true);
    builder.build(MemoryStore::new()).unwrap()
}

async fn naming(registry: &Registry, jwks_uri: String) -> Reply {
    post(registry, &minimal_and(json!({ "jwks_uri": jwks_uri }))).await
}

#[track_caller]
fn assert_retry_later(name: &str, reply: &Reply) {
    assert_eq!(reply.refusal(), (503, Some("temporarily_unavailable")), "{name}: {}", reply.document);
    assert_eq!(reply.pointer(), Some("/jwks_uri"), "{name}: {}", reply.document);
    assert!(reply.header("retry-after").is_some_and(|wait| wait.parse::<u32>().unwrap() > 0), "{name}");
    assert!(!reply.document.to_string().contains("silent"), "{name}: {}", reply.document);
}

#[tokio::test]
async fn forty_registrations_that_name_a_silent_host_stop_no_other_fetch() {
    let (signer, silent) = (Signer::es256("a"), Silent::start().await);
    let site = publishing(&signer).await;
    let registry = registry(&site, &site.fetcher().with_timeout(Duration::from_secs(3)).build().unwrap());
    let names = ["silent.example.com", "SILENT.example.com", "silent.example.com"];
    let flood = join_all((0..40).map(|number| naming(&registry, silent.url(names[number % 3], number))));
    let victims = async {
        silent.has(2).await;
        let begun = Instant::now();
        let other = naming(&registry, site.url("/jwks")).await;
        assert_eq!(other.status, 201, "another host: {}", other.document);
        let vouched = post(&registry, &with(&signer.sign(&claims(json!({}))))).await;
        assert_eq!(vouched.status, 201, "a trusted issuer: {}", vouched.document);
        assert!(begun.elapsed() < Duration::from_secs(1), "they did not wait: {:?}", begun.elapsed());
    };
    let begun = Instant::now();
    let (flood, ()) = tokio::join!(flood, victims);
    assert!(begun.elapsed() < Duration::from_secs(5), "a second for a place, three for the document: {begun:?}");
    flood.iter().for_each(|reply| assert_retry_later("the flood", reply));
    assert_eq!(*silent.connections.borrow(), 2, "two places for one host");
}

#[tokio::test]
async fn a_full_budget_of_clients_leaves_the_keys_of_trusted_issuers_alone() {
    let (signer, silent) = (Signer::es256("a"), Silent::start().await);
    let site = publishing(&signer).await;
    let registry = registry(&site, &site.fetcher().with_timeout(Duration::from_secs(3)).build().unwrap());
    let host = |number: usize| silent.url(&format!("silent{number}.example.com"), "jwks");
    let flood = join_all((0..40).map(|number| naming(&registry, host(number))));
    let victims = async {
        silent.has(16).await;
        let vouched = post(&registry, &with(&signer.sign(&claims(json!({}))))).await;
        assert_eq!(vouched.status, 201, "{}", vouched.document);
        let begun = Instant::now();
        assert_retry_later("another client", &naming(&registry, site.url("/jwks")).await);
        assert!(begun.elapsed() < Duration::from_secs(2), "it is answered within two seconds: {:?}", begun.elapsed());
    };
    let (flood, ()) = tokio::join!(flood, victims);
    flood.iter().for_each(|reply| assert_retry_later("the flood", reply));
    assert_eq!(*silent.connections.borrow(), 16, "sixteen places for clients");
}

#[tokio::test]
async fn the_deadline_of_a_fetch_begins_when_it_has_a_place() {
    let slow = get(|| async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        ([("content-type", "application/json")], "[]").into_response()
    });
    let site = Site::start(Router::new().route("/{number}", slow)).await;
    let fetcher = site.fetcher().with_max_fetches_per_host(1).with_timeout(Duration::from_millis(1500));
    let fetcher = fetcher.with_acquire_timeout(Duration::from_secs(30)).build().unwrap();
    let urls: Vec<_> = (0..4).map(|number| site.url(&format!("/{number}"))).collect();
    let outcomes = join_all(urls.iter().map(|url| fetcher.fetch(url))).await;
    assert!(outcomes.iter().all(Result::is_ok), "the last one waits longer than a fetch may take: {outcomes:?}");
}

#[tokio::test]
async fn a_caller_that_hangs_up_gives_its_place_back() {
    let (signer, silent) = (Signer::es256("a"), Silent::start().await);
    let site = publishing(&signer).await;
    let fetcher = site.fetcher().with_concurrency(1).with_acquire_timeout(Duration::ZERO).build().unwrap();
    let (registry, url) = (registry(&site, &fetcher), silent.url("silent.example.com", "jwks"));
    let mut leaving = Box::pin(naming(&registry, url));
    tokio::select! {
        reply = &mut leaving => panic!("answered: {}", reply.document),
        () = silent.has(1) => {}
    }
    assert_eq!(fetcher.fetch(&site.url("/jwks")).await.unwrap_err().kind(), FetchErrorKind::Busy);
    drop(leaving);
    assert_eq!(naming(&registry, site.url("/jwks")).await.status, 201);
}

#[tokio::test]
async fn a_fetch_that_others_leave_one_by_one_still_ends() {
    let site = Site::start(Router::new().route("/jwks", get(pending::<String>))).await;
    let fetcher =
        site.fetcher().with_timeout(Duration::from_millis(500)).with_acquire_timeout(Duration::from_millis(500));
    let fetcher = fetcher.build().unwrap();
    let url = site.url("/jwks");
    let mut leaving: Vec<_> = (0..20).map(|_| Box::pin(fetcher.fetch(&url))).collect();
    for one in &mut leaving {
        assert!(poll!(one).is_pending());
    }
    let leave = async {
        for one in leaving {
            // Each of them becomes the one that fetches, and leaves before the deadline of its fetch.
            drop(tokio::time::timeout(Duration::from_millis(300), one).await);
        }
        pending::<()>().await;
    };
    let begun = Instant::now();
    tokio::select! {
        outcome = fetcher.fetch(&url) => assert_eq!(outcome.unwrap_err().kind(), FetchErrorKind::Timeout),
        () = leave => {}
    }
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn spellings_of_a_url_are_one_document() {
    let (release, asked) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (held, came) = (Arc::clone(&release), Arc::clone(&asked));
    let page = get(move || async move {
        came.add_permits(1);
        held.acquire().await.unwrap().forget();
        ([("content-type", "application/json")], Value::Array(Vec::new()).to_string()).into_response()
    });
    let site = Site::start(Router::new().route("/jwks", page)).await;
    let fetcher = site.fetcher().build().unwrap();
    let shouted = site.url("/jwks").replace("https://site.example", "HTTPS://SITE.Example");
    let both = async { tokio::join!(fetcher.fetch(&shouted), fetcher.fetch(&shouted)) };
    let plain = site.url("/jwks");
    let release = async {
        asked.acquire().await.unwrap().forget();
        release.add_permits(1);
    };
    let (one, two, ()) = tokio::join!(both, fetcher.fetch(&plain), release);
    assert!(one.0.is_ok() && one.1.is_ok() && two.is_ok());
    assert_eq!(site.requests(), 1);
}
