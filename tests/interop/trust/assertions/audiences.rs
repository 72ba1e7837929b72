//! For whom an assertion is meant: the issuer alone, and other audiences only where the operator accepts them.

use std::sync::{Arc, Mutex};

use http::HeaderMap;
use serde_json::{Value, json};
use tower_dcr::audit::{AuditEvent, AuditRecord, AuditSink, Operation};
use tower_dcr::authentication::AuthenticationCause as Cause;
use tower_dcr::metadata::ClientMetadata;
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, BoxError, ConfigErrorKind, Profile, Registry, RegistryBuilder, Switch};

use crate::trust::assertions::{TYPE, claims};
use crate::trust::signer::{Signer, tamper};

const ISSUER: &str = "https://id.example.com";
const TOKEN_ENDPOINT: &str = "https://id.example.com/token";

/// Keeps the records of the operations about authentication.
#[derive(Debug, Clone, Default)]
struct Trail(Arc<Mutex<Vec<AuditRecord>>>);

impl Trail {
    fn take(&self) -> Vec<AuditRecord> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl AuditSink for Trail {
    async fn record(&self, event: &AuditEvent<'_>) -> Result<(), BoxError> {
        if matches!(event.operation(), Operation::Authenticate | Operation::LegacyAudience) {
            self.0.lock().unwrap().push(AuditRecord::of(event));
        }
        Ok(())
    }
}

/// A registry, and a client of it that signs.
struct Setting {
    registry: Registry,
    trail: Trail,
    signer: Signer,
    client: String,
}

impl Setting {
    async fn new(builder: RegistryBuilder) -> Self {
        let (trail, signer) = (Trail::default(), Signer::es256("a"));
        let registry = builder.with_audit(trail.clone()).build(MemoryStore::new()).unwrap();
        let document = json!({
            "redirect_uris": ["https://a.example/cb"],
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": { "keys": [signer.jwk] },
        });
        let metadata = ClientMetadata::from_json(document.to_string().as_bytes()).unwrap();
        let client = registry.register(metadata).await.unwrap().client().id().to_string();
        Self { registry, trail, signer, client }
    }

    async fn present(&self, assertion: &str) -> Option<Cause> {
        let form = [("client_assertion_type", TYPE), ("client_assertion", assertion)];
        let authenticated = self.registry.authenticate_request(&HeaderMap::new(), form).await;
        authenticated.err().map(|error| error.cause())
    }

    fn claims(&self, jti: usize, changes: Value) -> Value {
        let mut claims = claims(&self.registry, &self.client, changes);
        claims["jti"] = json!(jti.to_string());
        claims
    }
}

fn open() -> RegistryBuilder {
    Registry::builder(ISSUER, Access::Open)
}

#[tokio::test]
async fn the_audience_is_the_issuer_alone() {
    let refused = Some(Cause::WrongAudience);
    let fapi2 = || open().with_profile(Profile::Fapi2);
    let legacy = || open().with_legacy_audiences([TOKEN_ENDPOINT]);
    let rows = [
        ("the issuer", json!(ISSUER), None, None, None),
        ("an array of the issuer", json!([ISSUER]), None, refused, None),
        ("the token endpoint", json!(TOKEN_ENDPOINT), refused, refused, None),
        ("an array of the token endpoint", json!([TOKEN_ENDPOINT]), refused, refused, None),
        ("issuer and token endpoint", json!([ISSUER, TOKEN_ENDPOINT]), refused, refused, None),
        ("issuer and another server", json!([ISSUER, "https://x.example"]), refused, refused, refused),
        ("token endpoint and another server", json!([TOKEN_ENDPOINT, "https://x.example"]), refused, refused, refused),
        ("the issuer twice", json!([ISSUER, ISSUER]), refused, refused, refused),
        ("a slash more", json!("https://id.example.com/"), refused, refused, refused),
        ("another case", json!("https://ID.example.com"), refused, refused, refused),
        ("the registration endpoint", json!("https://id.example.com/oidc/register"), refused, refused, refused),
        ("nobody", json!([]), refused, refused, refused),
        ("no text", json!([[ISSUER]]), refused, refused, refused),
        ("missing", Value::Null, refused, refused, refused),
    ];
    let settings = [Setting::new(open()).await, Setting::new(fapi2()).await, Setting::new(legacy()).await];
    for (number, (name, audience, oauth, fapi2, legacy)) in rows.into_iter().enumerate() {
        for (setting, expected) in settings.iter().zip([oauth, fapi2, legacy]) {
            let assertion = setting.signer.sign(&setting.claims(number, json!({ "aud": audience })));
            assert_eq!(setting.present(&assertion).await, expected, "{name}");
        }
    }
    let off = Setting::new(fapi2().with_switch(Switch::AudienceString, false)).await;
    let assertion = off.signer.sign(&off.claims(0, json!({ "aud": [ISSUER] })));
    assert_eq!(off.present(&assertion).await, None, "the switch is off");
}

#[tokio::test]
async fn the_issuer_may_be_another_url_than_the_endpoint_is_below() {
    let issuer = "https://issuer.example/tenant/";
    let setting = Setting::new(open().with_issuer(issuer)).await;
    assert_eq!(setting.registry.issuer(), issuer);
    let rows = [("the issuer", issuer, None), ("the base URL", ISSUER, Some(Cause::WrongAudience))];
    for (number, (name, audience, expected)) in rows.into_iter().enumerate() {
        let assertion = setting.signer.sign(&setting.claims(number, json!({ "aud": audience })));
        assert_eq!(setting.present(&assertion).await, expected, "{name}");
    }
}

#[tokio::test]
async fn the_use_of_a_legacy_audience_is_on_the_audit_trail() {
    let setting = Setting::new(open().with_legacy_audiences([TOKEN_ENDPOINT])).await;
    let rows = [(json!(ISSUER), 0), (json!(TOKEN_ENDPOINT), 1), (json!([ISSUER, TOKEN_ENDPOINT]), 1)];
    for (number, (audience, events)) in rows.into_iter().enumerate() {
        let assertion = setting.signer.sign(&setting.claims(number, json!({ "aud": audience })));
        assert_eq!(setting.present(&assertion).await, None, "{audience}");
        let records = setting.trail.take();
        assert_eq!(records.len(), events, "{audience}");
        for record in records {
            assert_eq!(record.operation, Operation::LegacyAudience);
            assert_eq!(record.client_id.as_deref(), Some(&*setting.client));
        }
    }
    let error = open().with_profile(Profile::Fapi2).with_legacy_audiences([TOKEN_ENDPOINT]);
    assert_eq!(error.build(MemoryStore::new()).unwrap_err().kind(), ConfigErrorKind::LegacyAudiences);
}

#[tokio::test]
async fn a_token_for_another_purpose_is_no_assertion() {
    let setting = Setting::new(open()).await;
    let wrong = Some(Cause::WrongTokenType);
    let rows = [
        (json!("client-authentication+jwt"), None),
        (json!("application/Client-Authentication+JWT"), None),
        (json!("jwt"), None),
        (json!("at+jwt"), wrong),
        (json!("dpop+jwt"), wrong),
        (json!(7), wrong),
    ];
    for (number, (typ, expected)) in rows.into_iter().enumerate() {
        let header = json!({ "alg": "ES256", "typ": typ }).to_string();
        let assertion = setting.signer.sign_texts(&header, &setting.claims(number, json!({})).to_string());
        assert_eq!(setting.present(&assertion).await, expected, "{typ}");
    }
}

#[tokio::test]
async fn a_refused_assertion_leaves_its_cause_on_the_audit_trail_and_nothing_of_itself() {
    let setting = Setting::new(open()).await;
    let now = setting.registry.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let signed = |jti: usize, changes: Value| setting.signer.sign(&setting.claims(jti, changes));
    let rows = [
        ("bad_signature", tamper(&signed(1, json!({})), 2)),
        ("wrong_audience", signed(2, json!({ "aud": "https://x.example" }))),
        ("wrong_subject", signed(3, json!({ "iss": "somebody" }))),
        ("expired_assertion", signed(4, json!({ "exp": now - 31 }))),
        ("premature_assertion", signed(5, json!({ "nbf": now + 60 }))),
        ("premature_assertion", signed(6, json!({ "iat": now + 60 }))),
        ("long_lived_assertion", signed(7, json!({ "exp": now + 3700 }))),
        ("malformed_time", signed(8, json!({ "exp": null }))),
        ("missing_token_id", setting.signer.sign(&claims(&setting.registry, &setting.client, json!({ "jti": "" })))),
        ("unknown_client", signed(9, json!({ "iss": "nobody", "sub": "nobody" }))),
        ("malformed_assertion", "x".to_owned()),
    ];
    for (cause, assertion) in rows {
        let presented = setting.present(&assertion).await.map(|cause| cause.code());
        assert_eq!(presented, Some(cause));
        let records = setting.trail.take();
        let [record] = &records[..] else { panic!("{cause}: {records:?}") };
        assert_eq!(record.operation, Operation::Authenticate, "{cause}");
        let refusal = record.refusal.as_ref().unwrap();
        assert_eq!((refusal.status, refusal.error), (401, Some("invalid_client")), "{cause}");
        assert_eq!(refusal.cause.as_deref(), Some(cause));
        assert_eq!(refusal.reason, "the client is not authenticated", "{cause}");
        let signature = assertion.rsplit('.').next().unwrap();
        assert!(assertion == "x" || !record.to_json().contains(signature), "{cause}");
    }
    let twice = signed(10, json!({}));
    assert_eq!(setting.present(&twice).await, None);
    assert!(setting.trail.take().is_empty(), "a success is no event");
    assert_eq!(setting.present(&twice).await, Some(Cause::ReplayedAssertion));
    assert_eq!(setting.trail.take()[0].client_id.as_deref(), Some(&*setting.client));
}
