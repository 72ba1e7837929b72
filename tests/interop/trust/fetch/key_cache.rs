//! The cache of keys at a URL: shared by all callers, fetched again for a new key, but not for each invented one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};
use tower_dcr::authentication::ClientCredentials;
use tower_dcr::documents::FetchDocument;
use tower_dcr::metadata::ClientMetadata;
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, BoxError, Registry};

use crate::common::clock::FakeClock;
use crate::trust::endpoint::{minimal_and, posting, send};
use crate::trust::signer::Signer;
use crate::trust::statements::{builder, claims, trusting};

const BASE: &str = "https://id.example.com";
const URL: &str = "https://client.example.com/jwks";
const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A source of documents that caches nothing: every fetch is a call.
#[derive(Clone, Default)]
struct Page {
    keys: Arc<Mutex<Option<String>>>,
    calls: Arc<AtomicUsize>,
}

impl Page {
    fn publish(&self, signer: Option<&Signer>) {
        *self.keys.lock().unwrap() = signer.map(Signer::jwks);
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl FetchDocument for Page {
    async fn fetch(&self, _url: &str) -> Result<Bytes, BoxError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        // Other callers arrive while this one waits.
        tokio::task::yield_now().await;
        self.keys.lock().unwrap().clone().map(Bytes::from).ok_or_else(|| "nothing there".into())
    }
}

/// A client whose keys are at a URL, and the server at which it authenticates.
struct Story {
    page: Page,
    clock: FakeClock,
    registry: Registry,
    client: String,
    assertions: AtomicUsize,
}

impl Story {
    async fn new() -> Self {
        let (page, clock) = (Page::default(), FakeClock::new());
        let builder =
            Registry::builder(BASE, Access::Open).with_document_fetcher(page.clone()).with_clock(clock.clone());
        let registry = builder.build(MemoryStore::new()).unwrap();
        let document = minimal_and(json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": URL }));
        let metadata = ClientMetadata::from_json(document.to_string().as_bytes()).unwrap();
        let client = registry.register(metadata).await.unwrap().client().id().to_string();
        Self { page, clock, registry, client, assertions: AtomicUsize::new(0) }
    }

    fn claims(&self) -> Value {
        let jti = self.assertions.fetch_add(1, Ordering::SeqCst).to_string();
        let now = self.registry.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        json!({ "iss": self.client, "sub": self.client, "aud": BASE, "exp": now + 60, "jti": jti })
    }

    /// The status of a request with this assertion, and how often the keys were asked for until then.
    async fn with(&self, assertion: &str) -> (u16, usize) {
        let form = [("client_assertion_type", TYPE), ("client_assertion", assertion)];
        let credentials = ClientCredentials::read(&HeaderMap::new(), form).unwrap();
        let authenticated = self.registry.authenticate(&credentials).await;
        (authenticated.map_or_else(|error| error.status(), |_| 200), self.page.calls())
    }

    async fn by(&self, signer: &Signer) -> (u16, usize) {
        self.with(&signer.sign(&self.claims())).await
    }
}

#[tokio::test]
async fn the_keys_of_a_client_are_cached_and_a_new_key_is_found() {
    let story = Story::new().await;
    let (old, new, stranger) = (Signer::es256("old"), Signer::es256("new"), Signer::es256("stranger"));
    story.page.publish(Some(&old));
    assert_eq!(story.by(&old).await, (200, 1));
    assert_eq!(story.by(&old).await, (200, 1), "kept");
    assert_eq!(story.by(&stranger).await, (401, 1), "just read, so not read again for a stranger");

    story.page.publish(Some(&new));
    story.clock.advance(Duration::from_secs(60));
    assert_eq!(story.by(&old).await, (200, 1), "the known keys are used until they are fetched again");
    assert_eq!(story.by(&new).await, (200, 2), "a new key is found");
    assert_eq!(story.by(&old).await, (401, 2), "and the old key is removed");

    story.clock.advance(Duration::from_secs(599));
    assert_eq!(story.by(&new).await, (200, 2));
    story.clock.advance(Duration::from_secs(1));
    assert_eq!(story.by(&new).await, (200, 3), "read again after ten minutes");
}

#[tokio::test]
async fn a_new_key_is_found_also_where_it_has_the_name_of_the_old_one() {
    for header in [r#"{"alg":"ES256"}"#, r#"{"alg":"ES256","kid":"a"}"#] {
        let story = Story::new().await;
        for (round, signer) in [Signer::es256("a"), Signer::es256("a")].iter().enumerate() {
            story.page.publish(Some(signer));
            story.clock.advance(Duration::from_secs(60));
            let assertion = signer.sign_texts(header, &story.claims().to_string());
            assert_eq!(story.with(&assertion).await, (200, round + 1), "{header}");
        }
    }
}

#[tokio::test]
async fn who_makes_keys_up_has_the_keys_read_once_a_minute() {
    let story = Story::new().await;
    let (known, stranger) = (Signer::es256("known"), Signer::es256("stranger"));
    story.page.publish(Some(&known));
    for minute in 1..=3 {
        for _ in 0..5 {
            assert_eq!(story.by(&stranger).await, (401, minute));
        }
        story.clock.advance(Duration::from_secs(60));
    }
    story.page.publish(None);
    for call in 4..=6 {
        for _ in 0..5 {
            assert_eq!(story.by(&stranger).await, (401, call), "the known keys are still used");
            assert_eq!(story.by(&known).await, (200, call));
        }
        story.clock.advance(Duration::from_secs(5));
    }
}

#[tokio::test]
async fn keys_that_cannot_be_read_are_tried_again_after_five_seconds() {
    let story = Story::new().await;
    let signer = Signer::es256("a");
    for _ in 0..5 {
        assert_eq!(story.by(&signer).await, (503, 1));
    }
    story.page.publish(Some(&signer));
    story.clock.advance(Duration::from_secs(4));
    assert_eq!(story.by(&signer).await, (503, 1));
    story.clock.advance(Duration::from_secs(1));
    assert_eq!(story.by(&signer).await, (200, 2));
}

#[tokio::test]
async fn many_simultaneous_callers_wait_for_one_answer() {
    let story = Story::new().await;
    let (old, new) = (Signer::es256("old"), Signer::es256("new"));
    for (calls, signer) in [(1, &old), (2, &new)] {
        story.page.publish(Some(signer));
        let answers = futures_util::future::join_all((0..32).map(|_| story.by(signer))).await;
        assert!(answers.iter().all(|answer| *answer == (200, calls)), "{answers:?}");
        story.clock.advance(Duration::from_secs(60));
    }
}

#[tokio::test]
async fn signed_requests_share_the_keys_of_their_software() {
    let (page, directory, software) = (Page::default(), Signer::es256("directory"), Signer::es256("software"));
    page.publish(Some(&software));
    let builder = builder(trusting(&directory).with_signed_requests(true)).with_document_fetcher(page.clone());
    let registry = builder.build(MemoryStore::new()).unwrap();
    for _ in 0..3 {
        let statement = directory.sign(&claims(json!({ "jwks_uri": URL })));
        let request = minimal_and(json!({ "iss": "app", "software_statement": statement }));
        let reply = send(&registry, posting("application/jwt", software.sign(&request))).await;
        assert_eq!(reply.status, 201, "{}", reply.document);
    }
    assert_eq!(page.calls(), 1);
}

#[tokio::test]
async fn keys_that_cannot_be_used_stand_beside_the_one_that_signed() {
    let story = Story::new().await;
    let (signer, weak) = (Signer::es256("a"), Signer::es256("weak"));
    let published = |more: Value| {
        let mut weak = weak.jwk.clone();
        weak.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let unusable = json!({ "kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA", "kid": "a" });
        let numbers = json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "a", "use": "sig" });
        let keys = json!([unusable, numbers, { "kty": "AKP", "kid": 7 }, "text", weak, signer.jwk]);
        *story.page.keys.lock().unwrap() = Some(json!({ "keys": keys }).to_string());
        story.clock.advance(Duration::from_secs(600));
    };
    let rows = [
        ("plain", json!({}), 200),
        ("for encryption", json!({ "use": "enc" }), 401),
        ("for other operations", json!({ "key_ops": ["encrypt"] }), 401),
        ("with its private part", json!({ "d": "AA" }), 401),
        ("not sent", json!({ "use": null, "alg": "", "kid": "weak" }), 200),
    ];
    for (name, more, status) in rows {
        published(more);
        assert_eq!(story.by(&weak).await.0, status, "{name}");
        assert_eq!(story.by(&signer).await.0, 200, "{name}: the key beside it");
    }
}
