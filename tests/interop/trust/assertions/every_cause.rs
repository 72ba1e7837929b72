//! Every cause of a failed authentication is on the trail, once, with the status and the code of the reply.
//!
//! A cause that is new, and has no case here, fails the test.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tower_dcr::audit::{AuditEvent, AuditRecord, AuditSink, Operation, Outcome};
use tower_dcr::authentication::AuthenticationCause as Cause;
use tower_dcr::credential::{ClientId, SealingKeys, SecretStorage};
use tower_dcr::metadata::{ClientMetadata, TokenEndpointAuthMethod};
use tower_dcr::policy::{Review, Verdict};
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, BoxError, Registry};

use super::{TYPE, claims};
use crate::common::clock::FakeClock;
use crate::trust::signer::{Signer, mac};

/// This build has the feature, no client without a usable key can register, and a store that fails is in
/// `protocol/clients/authentication.rs`.
const NOT_HERE: [Cause; 3] = [Cause::AssertionsNotSupported, Cause::NoUsableKey, Cause::StoreUnavailable];

#[derive(Debug, Clone, Default)]
struct Trail(Arc<Mutex<Vec<AuditRecord>>>);

impl AuditSink for Trail {
    async fn record(&self, event: &AuditEvent<'_>) -> Result<(), BoxError> {
        self.0.lock().unwrap().push(AuditRecord::of(event));
        Ok(())
    }
}

struct Scene {
    registry: Registry,
    trail: Trail,
    clock: FakeClock,
    signer: Signer,
    covered: Mutex<BTreeSet<String>>,
}

impl Scene {
    fn new() -> Self {
        Self::with(MemoryStore::new(), "a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    }

    /// A registry that seals client secrets under this key.
    fn with(store: MemoryStore, key: &str) -> Self {
        use TokenEndpointAuthMethod::{ClientSecretBasic, ClientSecretJwt, None, PrivateKeyJwt};
        let (trail, clock) = (Trail::default(), FakeClock::new());
        let builder = Registry::builder("https://id.example.com", Access::Open).with_audit(trail.clone());
        let builder = builder.with_auth_methods([ClientSecretBasic, ClientSecretJwt, PrivateKeyJwt, None]);
        let builder =
            builder.with_secrets(SecretStorage::sealed(SealingKeys::parse(key).unwrap())).with_clock(clock.clone());
        let builder = builder.with_client_secret_lifetime(Duration::from_secs(3600));
        let registry = builder.with_policy(held).build(store).unwrap();
        Self { registry, trail, clock, signer: Signer::es256("a"), covered: Mutex::default() }
    }

    /// The identifier and the secret of a new client.
    async fn register(&self, members: Value) -> (String, String) {
        let mut document = json!({ "redirect_uris": ["https://a.example/cb"] });
        document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let metadata = ClientMetadata::from_json(document.to_string().as_bytes()).unwrap();
        let registered = self.registry.register(metadata).await.unwrap();
        let secret = registered.client_secret().map(|secret| secret.expose().to_owned());
        (registered.client().id().to_string(), secret.unwrap_or_default())
    }

    async fn signing(&self) -> String {
        let members = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [self.signer.jwk] } });
        self.register(members).await.0
    }

    /// Authenticates, and expects exactly this refusal on the trail.
    async fn refuses(&self, cause: Cause, authorization: &[&str], form: &[(&str, &str)]) {
        self.trail.0.lock().unwrap().clear();
        let values = authorization.iter().map(|value| (AUTHORIZATION, HeaderValue::from_str(value).unwrap()));
        let headers: HeaderMap = values.collect();
        let refused = self.registry.authenticate_request(&headers, form.iter().copied()).await.unwrap_err();
        assert_eq!(refused.cause(), cause);
        let records = std::mem::take(&mut *self.trail.0.lock().unwrap());
        let [record] = &*records else { panic!("{cause}: not one event: {records:?}") };
        assert_eq!((record.operation, record.outcome), (Operation::Authenticate, Outcome::Refused), "{cause}");
        let refusal = record.refusal.as_ref().unwrap();
        assert_eq!((refusal.status, refusal.error), (refused.status(), Some(refused.code())), "{cause}");
        let found = refusal.cause.as_deref().unwrap_or_default();
        assert_eq!(found.split(':').next(), Some(cause.code()), "{cause}");
        self.covered.lock().unwrap().insert(cause.code().to_owned());
    }

    async fn refuses_assertion(&self, cause: Cause, assertion: &str) {
        self.refuses(cause, &[], &[("client_assertion_type", TYPE), ("client_assertion", assertion)]).await;
    }
}

/// Holds the client of one name for approval.
fn held(review: &Review<'_>) -> Verdict {
    match review.metadata().client_name.untagged() {
        Some("Held") => Verdict::hold(),
        _ => Verdict::accept(),
    }
}

async fn secrets(scene: &Scene) {
    let (id, secret) = scene.register(json!({})).await;
    let basic = |id: &str, secret: &str| {
        use base64::Engine as _;
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}")))
    };
    let (right, wrong, unknown) = (basic(&id, &secret), basic(&id, "wrong"), basic("unknown", "x"));
    scene.refuses(Cause::AmbiguousCredentials, &[&right, &right], &[]).await;
    scene.refuses(Cause::MalformedCredentials, &["Basic x"], &[]).await;
    scene.refuses(Cause::UnsupportedScheme, &["Bearer x"], &[]).await;
    scene.refuses(Cause::NoCredentials, &[], &[]).await;
    scene.refuses(Cause::UnknownClient, &[&unknown], &[]).await;
    scene.refuses(Cause::WrongMethod, &[], &[("client_id", &id), ("client_secret", &secret)]).await;
    scene.refuses(Cause::WrongSecret, &[&wrong], &[]).await;
    let (held, held_secret) = scene.register(json!({ "client_name": "Held" })).await;
    scene.refuses(Cause::PendingClient, &[&basic(&held, &held_secret)], &[]).await;
    let id = ClientId::parse(&id).unwrap();
    scene.registry.disable(&id).await.unwrap();
    scene.refuses(Cause::DisabledClient, &[&right], &[]).await;
    scene.registry.enable(&id).await.unwrap();
    scene.clock.advance(Duration::from_secs(3601));
    scene.refuses(Cause::ExpiredSecret, &[&right], &[]).await;
}

async fn assertions(scene: &Scene) {
    let client = scene.signing().await;
    let now = scene.registry.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let rows = [
        (Cause::WrongSubject, json!({ "iss": "other" })),
        (Cause::WrongAudience, json!({ "aud": "https://other.example" })),
        (Cause::MalformedTime, json!({ "exp": null })),
        (Cause::ExpiredAssertion, json!({ "exp": now - 600 })),
        (Cause::PrematureAssertion, json!({ "nbf": now + 600, "exp": now + 900 })),
        (Cause::LongLivedAssertion, json!({ "exp": now + 86_400 })),
        (Cause::MissingTokenId, json!({ "jti": null })),
    ];
    for (cause, changes) in rows {
        scene.refuses_assertion(cause, &scene.signer.sign(&claims(&scene.registry, &client, changes))).await;
    }
    let good = claims(&scene.registry, &client, json!({ "jti": "good" }));
    let typed = json!({ "alg": "ES256", "kid": "a", "typ": "at+jwt" }).to_string();
    scene.refuses_assertion(Cause::MalformedAssertion, "x").await;
    scene.refuses_assertion(Cause::WrongTokenType, &scene.signer.sign_texts(&typed, &good.to_string())).await;
    scene.refuses_assertion(Cause::BadSignature, &Signer::es256("a").sign(&good)).await;
    let type_of_saml = [("client_assertion_type", "saml"), ("client_assertion", "x")];
    scene.refuses(Cause::UnsupportedAssertionType, &[], &type_of_saml).await;
    let assertion = scene.signer.sign(&good);
    let form = [("client_assertion_type", TYPE), ("client_assertion", &*assertion)];
    scene.registry.authenticate_request(&HeaderMap::new(), form).await.unwrap();
    scene.refuses_assertion(Cause::ReplayedAssertion, &assertion).await;
}

async fn keys(scene: &Scene) {
    let method = |members: Value| {
        let mut document = json!({ "token_endpoint_auth_method": "private_key_jwt" });
        document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        document
    };
    let keys = [&scene.signer.jwk, &Signer::ed25519("d").jwk];
    let bound = json!({ "jwks": { "keys": keys }, "token_endpoint_auth_signing_alg": "EdDSA" });
    let elsewhere = json!({ "jwks_uri": "https://client.example.com/keys" });
    for (cause, members) in [(Cause::WrongAlgorithm, bound), (Cause::KeysUnavailable, elsewhere)] {
        let (client, _) = scene.register(method(members)).await;
        scene.refuses_assertion(cause, &scene.signer.sign(&claims(&scene.registry, &client, json!({})))).await;
    }
}

/// Another node, which lacks the key of the sealed secrets.
async fn secrets_of_another_node() -> BTreeSet<String> {
    let store = MemoryStore::new();
    let node = Scene::with(store.clone(), "a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let (client, secret) = node.register(json!({ "token_endpoint_auth_method": "client_secret_jwt" })).await;
    let other = Scene::with(store, "b:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=");
    let assertion = mac(Algorithm::HS256, &secret, &claims(&other.registry, &client, json!({})));
    other.refuses_assertion(Cause::SecretUnavailable, &assertion).await;
    other.covered.into_inner().unwrap()
}

#[tokio::test]
async fn every_failed_authentication_is_on_the_trail_once() {
    let scene = Scene::new();
    secrets(&scene).await;
    assertions(&scene).await;
    keys(&scene).await;
    let mut covered = secrets_of_another_node().await;
    covered.append(&mut scene.covered.lock().unwrap());
    let missing: Vec<_> = Cause::ALL.iter().copied().filter(|cause| !covered.contains(cause.code())).collect();
    assert_eq!(missing, NOT_HERE, "causes without a case");
}
