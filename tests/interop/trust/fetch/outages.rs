//! A client gets 400 for a fault that it can correct, and 503 with `Retry-After` when another server fails.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::get;
use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};
use tower_dcr::audit::{AuditEvent, AuditRecord, AuditSink};
use tower_dcr::authentication::ClientCredentials;
use tower_dcr::documents::{DocumentError, FetchDocument};
use tower_dcr::metadata::SubjectType;
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, BoxError, Registry};

use crate::common::clock::FakeClock;
use crate::trust::document_server::Site;
use crate::trust::endpoint::{Reply, minimal_and, post, posting, put, send};
use crate::trust::scripted_names::Names;
use crate::trust::signer::Signer;
use crate::trust::statements::{builder, claims, trusting};

/// The causes of refusals, as an operator sees them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Causes(Arc<Mutex<Vec<String>>>);

impl AuditSink for Causes {
    async fn record(&self, event: &AuditEvent<'_>) -> Result<(), BoxError> {
        let cause = AuditRecord::of(event).refusal.and_then(|refusal| refusal.cause);
        self.0.lock().unwrap().extend(cause);
        Ok(())
    }
}

impl Causes {
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

fn page(media_type: &'static str, body: impl Into<Bytes>) -> axum::routing::MethodRouter {
    let body = body.into();
    get(move || async move { ([("content-type", media_type)], body).into_response() })
}

/// Pages at which every kind of fetch fails.
fn pages() -> Router {
    Router::new()
        .route("/gone", get(|| async { StatusCode::GONE }))
        .route("/forbidden", get(|| async { StatusCode::FORBIDDEN }))
        .route("/busy", get(|| async { StatusCode::TOO_MANY_REQUESTS }))
        .route("/failing", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
        .route("/restarting", get(|| async { StatusCode::SERVICE_UNAVAILABLE }))
        .route("/moved", get(|| async { Redirect::temporary("/wrong") }))
        .route("/html", page("text/html", "[]"))
        .route("/wrong", page("application/json", "7"))
        .route("/large", page("application/json", vec![b' '; 70_000]))
        .route("/silent", get(pending::<StatusCode>))
}

/// Path, status and a part of the cause.
const ROWS: [(&str, u16, &str); 11] = [
    ("/missing", 400, "status 404"),
    ("/gone", 400, "status 410"),
    ("/moved", 400, "redirects"),
    ("/html", 400, "media type"),
    ("/wrong", 400, ""),
    ("/large", 400, "too large"),
    ("/forbidden", 503, "status 403"),
    ("/busy", 503, "status 429"),
    ("/failing", 503, "status 500"),
    ("/restarting", 503, "status 503"),
    ("/silent", 503, "no complete response in time"),
];

#[track_caller]
fn assert_answered(name: &str, reply: &Reply, status: u16, code: &str, pointer: &str) {
    let code = if status == 503 { "temporarily_unavailable" } else { code };
    assert_eq!(reply.refusal(), (status, Some(code)), "{name}: {}", reply.document);
    assert_eq!(reply.pointer(), Some(pointer), "{name}: {}", reply.document);
    assert_eq!(reply.header("retry-after").is_some(), status == 503, "{name}: {:?}", reply.headers);
    assert!(!reply.document.to_string().contains("site.example"), "{name}: {}", reply.document);
}

#[track_caller]
fn assert_cause(name: &str, causes: &Causes, part: &str) {
    let causes = causes.take();
    assert!(part.is_empty() || causes.len() == 1 && causes[0].contains(part), "{name}: {causes:?}");
}

fn reading(documents: impl FetchDocument, causes: &Causes) -> Registry {
    let builder = Registry::builder("https://id.example.com", Access::Open).with_audit(causes.clone());
    let builder = builder.with_subject_types([SubjectType::Public, SubjectType::Pairwise]);
    builder.with_document_fetcher(documents).with_jwks_uri_checked(true).build(MemoryStore::new()).unwrap()
}

#[tokio::test]
async fn a_document_of_a_client_is_its_own_fault_or_an_outage() {
    let (site, causes) = (Site::start(pages()).await, Causes::default());
    let registry = reading(site.fetcher().with_timeout(Duration::from_millis(500)).build().unwrap(), &causes);
    let registered = post(&registry, &minimal_and(json!({}))).await;
    for (path, status, cause) in ROWS {
        for member in ["jwks_uri", "sector_identifier_uri"] {
            let (name, pointer) = (format!("{member} {path}"), format!("/{member}"));
            let mut document = minimal_and(json!({ "subject_type": "pairwise" }));
            document[member] = site.url(path).into();
            let reply = post(&registry, &document).await;
            assert_answered(&name, &reply, status, "invalid_client_metadata", &pointer);
            assert_cause(&name, &causes, cause);
            let reply = put(&registry, &registered, &document).await;
            assert_answered(&format!("update {name}"), &reply, status, "invalid_client_metadata", &pointer);
            assert_cause(&name, &causes, cause);
        }
    }
    assert_eq!(registry.count().await.unwrap(), 1);
}

#[tokio::test]
async fn an_inside_address_is_the_fault_of_the_client_and_a_host_without_tls_is_away() {
    let (site, causes) = (Site::start(pages()).await, Causes::default());
    let strict = reading(site.strict(Names::loopback()).build().unwrap(), &causes);
    let unknown = reading(site.strict(Names::script([])).build().unwrap(), &causes);
    let reached = reading(site.fetcher().build().unwrap(), &causes);
    let other = site.url("/wrong").replace("site.", "other.");
    let rows = [
        ("an inside address", &strict, site.url("/wrong"), 400, "no public address"),
        ("no such name", &unknown, site.url("/wrong"), 503, "no such name"),
        ("a certificate of another name", &reached, other, 503, "cannot be reached"),
    ];
    for (name, registry, url, status, cause) in rows {
        let reply = post(registry, &minimal_and(json!({ "jwks_uri": url }))).await;
        assert_answered(name, &reply, status, "invalid_client_metadata", "/jwks_uri");
        assert_cause(name, &causes, cause);
    }
}

#[tokio::test]
async fn retry_after_says_until_when_an_outage_is_remembered() {
    let (site, causes, clock) = (Site::start(pages()).await, Causes::default(), FakeClock::new());
    let registry = reading(site.fetcher().with_clock(clock.clone()).build().unwrap(), &causes);
    for (wait, expected, requests) in [(0, "60", 1), (20, "40", 1), (39, "1", 1), (1, "60", 2)] {
        clock.advance(Duration::from_secs(wait));
        let reply = post(&registry, &minimal_and(json!({ "jwks_uri": site.url("/failing") }))).await;
        assert_eq!((reply.status, reply.header("retry-after")), (503, Some(expected)), "after {wait} seconds");
        assert_eq!(site.requests(), requests, "after {wait} seconds");
    }
}

/// A source of documents that always fails like this.
struct Failing(fn() -> BoxError);

impl FetchDocument for Failing {
    async fn fetch(&self, _url: &str) -> Result<Bytes, BoxError> {
        Err(self.0())
    }
}

#[tokio::test]
async fn a_source_of_ones_own_says_whose_fault_it_is() {
    type Error = fn() -> BoxError;
    let wait = Duration::from_secs(17);
    assert!(DocumentError::unavailable("away").with_retry_after(wait).is_outage());
    let rows: [(&str, Error, u16, Option<&str>, &str); 4] = [
        ("rejected", || DocumentError::rejected("no document").into(), 400, None, "no document"),
        ("away", || DocumentError::unavailable("away").into(), 503, Some("5"), "away"),
        (
            "away for a while",
            || DocumentError::unavailable("away").with_retry_after(Duration::from_secs(17)).into(),
            503,
            Some("17"),
            "away",
        ),
        ("anything else", || "the proxy is on fire".into(), 503, Some("5"), "the proxy is on fire"),
    ];
    for (name, error, status, wait, cause) in rows {
        let causes = Causes::default();
        let registry = reading(Failing(error), &causes);
        let reply = post(&registry, &minimal_and(json!({ "jwks_uri": "https://a.example/jwks" }))).await;
        assert_answered(name, &reply, status, "invalid_client_metadata", "/jwks_uri");
        assert_eq!(reply.header("retry-after"), wait, "{name}");
        assert_cause(name, &causes, cause);
    }
}

#[tokio::test]
async fn keys_that_a_statement_names_are_an_outage_whatever_is_wrong_with_them() {
    let (site, causes) = (Site::start(pages()).await, Causes::default());
    let (directory, software) = (Signer::es256("directory"), Signer::es256("software"));
    let fetcher = site.fetcher().with_timeout(Duration::from_millis(500)).build().unwrap();
    let builder = builder(trusting(&directory).with_signed_requests(true)).with_document_fetcher(fetcher);
    let registry = builder.with_audit(causes.clone()).build(MemoryStore::new()).unwrap();
    for (path, _, cause) in ROWS {
        let statement = directory.sign(&claims(json!({ "software_jwks_endpoint": site.url(path) })));
        let request = minimal_and(json!({ "iss": "app", "software_statement": statement }));
        for (attempt, cause) in [("first", cause), ("again", "a moment ago")] {
            let reply = send(&registry, posting("application/jwt", software.sign(&request))).await;
            let name = format!("{attempt} {path}");
            assert_answered(&name, &reply, 503, "", "/software_statement");
            assert_cause(&name, &causes, cause);
        }
    }
}

#[tokio::test]
async fn keys_of_a_client_that_authenticates_are_an_outage_whatever_is_wrong_with_them() {
    let (site, signer) = (Site::start(pages()).await, Signer::es256("a"));
    let fetcher = site.fetcher().with_timeout(Duration::from_millis(500)).build().unwrap();
    let builder = Registry::builder("https://id.example.com", Access::Open).with_document_fetcher(fetcher);
    let registry = builder.build(MemoryStore::new()).unwrap();
    for (path, _, _) in ROWS {
        let by_key = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": site.url(path) });
        let id = post(&registry, &minimal_and(by_key)).await.document["client_id"].clone();
        let assertion = signer.sign(&assertion(&id));
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let form = [("client_assertion_type", kind), ("client_assertion", assertion.as_str())];
        let credentials = ClientCredentials::read(&HeaderMap::new(), form).unwrap();
        let error = registry.authenticate(&credentials).await.unwrap_err();
        assert_eq!((error.status(), error.code()), (503, "temporarily_unavailable"), "{path}");
    }
}

fn assertion(id: &Value) -> Value {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    json!({ "iss": id, "sub": id, "aud": "https://id.example.com", "exp": now + 60, "jti": "1" })
}
