//! Access tokens that are signed JSON Web Tokens, in the place of initial access tokens.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::get;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tower_dcr::gate::BearerTokens;
use tower_dcr::jwt::{Issuer, Keys};
use tower_dcr::metadata::SigningAlgorithm;
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, Registry};

use crate::common::clock::FakeClock;
use crate::trust::document_server::Site;
use crate::trust::endpoint::{Reply, minimal_and, posting, send};
use crate::trust::signer::{Signer, encode, hs256, tamper};

const ISSUER: &str = "https://as.example.com";
const ENDPOINT: &str = "https://id.example.com/oidc/register";

fn issuer(keys: Keys) -> Issuer {
    let algorithms = [SigningAlgorithm::Es256, SigningAlgorithm::Rs256, SigningAlgorithm::EdDsa];
    Issuer::new(ISSUER, algorithms, keys).unwrap()
}

fn gate(keys: &str) -> BearerTokens {
    BearerTokens::new(issuer(Keys::from_jwks(keys).unwrap()), ENDPOINT).with_clock(FakeClock::new())
}

fn registry(gate: BearerTokens) -> Registry {
    Registry::builder("https://id.example.com", Access::custom(gate)).build(MemoryStore::new()).unwrap()
}

/// Valid claims, with these added or replaced.
fn claims(more: Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "aud": ENDPOINT, "exp": FakeClock::START + 60, "sub": "team-a", "scope": "openid dcr", "role": ["dev"],
    });
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    claims
}

fn request(authorization: &[String]) -> Request<Full<Bytes>> {
    let mut request = posting("application/json", minimal_and(json!({})).to_string());
    for value in authorization {
        request.headers_mut().append("authorization", value.parse().unwrap());
    }
    request
}

async fn register(registry: &Registry, token: &str) -> Reply {
    send(registry, request(&[format!("Bearer {token}")])).await
}

/// The status, and the start of the challenge.
type Expected = (u16, Option<&'static str>);

const ACCEPTED: Expected = (201, None);
const BARE: Expected = (401, Some(r#"Bearer realm="client registration""#));
const INVALID: Expected = (401, Some(r#"Bearer realm="client registration", error="invalid_token""#));
const AMBIGUOUS: Expected = (400, Some(r#"Bearer realm="client registration", error="invalid_request""#));
const SCOPE: Expected = (403, Some(r#"Bearer realm="client registration", error="insufficient_scope", scope="dcr""#));
const FORBIDDEN: Expected = (403, None);

async fn assert_reply(name: &str, registry: &Registry, request: Request<Full<Bytes>>, (status, challenge): Expected) {
    let before = registry.count().await.unwrap();
    let reply = send(registry, request).await;
    assert_eq!(reply.status, status, "{name}: {}", reply.document);
    let sent = reply.header("www-authenticate");
    assert_eq!(sent.is_some(), challenge.is_some(), "{name}: {sent:?}");
    assert!(sent.unwrap_or_default().starts_with(challenge.unwrap_or_default()), "{name}: {sent:?}");
    assert_eq!(registry.count().await.unwrap() - before, u64::from(status == 201), "{name}: clients stored");
}

#[tokio::test]
async fn every_token_has_its_verdict() {
    let (signer, ed, stranger) = (Signer::es256("a"), Signer::ed25519("b"), Signer::es256("a"));
    let rsa = Signer::rsa(Algorithm::RS256);
    let keys = json!({ "keys": [signer.jwk, ed.jwk, rsa.jwk] }).to_string();
    let gate = gate(&keys).with_required_scope("dcr").with_required_claim("role", "dev").with_owner_claim("sub");
    let registry = registry(gate);
    let good = signer.sign(&claims(json!({})));
    let now = FakeClock::START;
    let signed = |more: Value| signer.sign(&claims(more));
    let without = |name: &str| {
        let mut claims = claims(json!({}));
        claims.as_object_mut().unwrap().remove(name);
        signer.sign(&claims)
    };
    let secret = serde_json::to_vec(&signer.jwk).unwrap();
    let none = format!("{}.{}.", encode(br#"{"alg":"none"}"#), encode(claims(json!({})).to_string().as_bytes()));
    let twice = format!(r#"{{"iss":"{ISSUER}","iss":"{ISSUER}","aud":"{ENDPOINT}","exp":{}}}"#, now + 60);
    let rows: Vec<(&str, String, Expected)> = vec![
        ("EC", good.clone(), ACCEPTED),
        ("EdDSA", ed.sign(&claims(json!({}))), ACCEPTED),
        ("RSA", rsa.sign(&claims(json!({}))), ACCEPTED),
        ("one of several audiences", signed(json!({ "aud": ["x", ENDPOINT] })), ACCEPTED),
        ("just expired, with leeway", signed(json!({ "exp": now - 29 })), ACCEPTED),
        ("the role alone", signed(json!({ "role": "dev" })), ACCEPTED),
        ("expired", signed(json!({ "exp": now - 30 })), INVALID),
        ("not yet valid", signed(json!({ "nbf": now + 31 })), INVALID),
        ("from the future", signed(json!({ "iat": now + 31 })), INVALID),
        ("no expiry", without("exp"), INVALID),
        ("no audience", without("aud"), INVALID),
        ("another audience", signed(json!({ "aud": "https://api.example.com" })), INVALID),
        ("no issuer", without("iss"), INVALID),
        ("another issuer", signed(json!({ "iss": "https://evil.example" })), INVALID),
        ("no owner", without("sub"), INVALID),
        ("no scope", without("scope"), SCOPE),
        ("another scope", signed(json!({ "scope": "dcr:read openid" })), SCOPE),
        ("another role", signed(json!({ "role": ["ops"] })), FORBIDDEN),
        ("no role", without("role"), FORBIDDEN),
        ("tampered header", tamper(&good, 0), INVALID),
        ("tampered claims", tamper(&good, 1), INVALID),
        ("tampered signature", tamper(&good, 2), INVALID),
        ("a key that only says it is the same", stranger.sign(&claims(json!({}))), INVALID),
        ("an unknown key", Signer::es256("c").sign(&claims(json!({}))), INVALID),
        ("no algorithm", none, INVALID),
        ("HMAC with the public key", hs256(&secret, "a", &claims(json!({}))), INVALID),
        ("the same claim twice", signer.sign_texts(r#"{"alg":"ES256","kid":"a"}"#, &twice), INVALID),
        ("no token at all", "abc".to_owned(), INVALID),
    ];
    for (name, token, expected) in rows {
        assert_reply(name, &registry, request(&[format!("Bearer {token}")]), expected).await;
    }
    let bearer = format!("Bearer {good}");
    assert_reply("nothing", &registry, request(&[]), BARE).await;
    assert_reply("another scheme", &registry, request(&["Basic YTpi".to_owned()]), BARE).await;
    assert_reply("twice", &registry, request(&[bearer.clone(), bearer]), AMBIGUOUS).await;
}

#[tokio::test]
async fn a_token_names_owner_and_tenant() {
    let signer = Signer::ed25519("a");
    let gate = || gate(&signer.jwks()).with_owner_claim("sub").with_tenant_claim("tenant");
    let builder = Registry::builder("https://id.example.com", Access::custom(gate())).with_tenant("acme");
    let acme = builder.build(MemoryStore::new()).unwrap();
    let builder = Registry::builder("https://id.example.com", Access::custom(gate())).with_tenant("globex");
    let globex = builder.build(MemoryStore::new()).unwrap();
    let token = signer.sign(&claims(json!({ "tenant": "acme" })));

    let reply = register(&acme, &token).await;
    let client = acme.client(reply.document["client_id"].as_str().unwrap()).await.unwrap().unwrap();
    assert_eq!(client.owner(), Some("team-a"));
    assert_eq!(register(&globex, &token).await.refusal(), (403, Some("access_denied")));
    assert_eq!(register(&acme, &signer.sign(&claims(json!({})))).await.status, 401, "no tenant");
}

#[tokio::test]
async fn a_type_can_be_demanded() {
    let signer = Signer::ed25519("a");
    let typed = issuer(Keys::from_jwks(&signer.jwks()).unwrap()).with_type("at+jwt");
    let registry = registry(BearerTokens::new(typed, ENDPOINT).with_clock(FakeClock::new()));
    let token = |header: &str| signer.sign_texts(header, &claims(json!({})).to_string());
    assert_eq!(register(&registry, &token(r#"{"alg":"EdDSA","kid":"a","typ":"at+JWT"}"#)).await.status, 201);
    assert_eq!(register(&registry, &token(r#"{"alg":"EdDSA","kid":"a","typ":"JWT"}"#)).await.status, 401);
    assert_eq!(register(&registry, &token(r#"{"alg":"EdDSA","kid":"a"}"#)).await.status, 401);
}

/// A site whose key set can be replaced, or taken away.
async fn publishing(keys: &Arc<Mutex<Option<String>>>) -> Site {
    let keys = Arc::clone(keys);
    let page = get(move || async move {
        match keys.lock().unwrap().clone() {
            Some(keys) => ([("content-type", "application/jwk-set+json")], keys).into_response(),
            None => http::StatusCode::NOT_FOUND.into_response(),
        }
    });
    Site::start(Router::new().route("/jwks", page)).await
}

#[tokio::test]
async fn published_keys_are_read_when_they_are_needed_and_not_more_often() {
    let (old, new, stranger) = (Signer::ed25519("old"), Signer::ed25519("new"), Signer::ed25519("stranger"));
    let published = Arc::new(Mutex::new(Some(old.jwks())));
    let site = publishing(&published).await;
    let clock = FakeClock::new();
    let fetcher = site.fetcher().with_clock(clock.clone()).build().unwrap();
    let keys = Keys::published(site.url("/jwks"), fetcher).unwrap();
    let registry = registry(BearerTokens::new(issuer(keys), ENDPOINT).with_clock(clock.clone()));
    let register = async |signer: &Signer| {
        let token = signer.sign(&claims(json!({ "exp": FakeClock::START + 100_000 })));
        register(&registry, &token).await
    };
    assert_eq!(site.requests(), 0);
    assert_eq!((register(&old).await.status, site.requests()), (201, 1));
    assert_eq!((register(&old).await.status, site.requests()), (201, 1), "kept");
    assert_eq!((register(&stranger).await.status, site.requests()), (401, 1), "not asked for every stranger");

    *published.lock().unwrap() = Some(new.jwks());
    clock.advance(Duration::from_secs(60));
    assert_eq!((register(&new).await.status, site.requests()), (201, 2), "a new key is found");
    assert_eq!((register(&old).await.status, site.requests()), (401, 2), "an old key is removed");

    *published.lock().unwrap() = None;
    clock.advance(Duration::from_secs(60));
    assert_eq!((register(&stranger).await.status, site.requests()), (401, 3), "the known keys are still used");
    assert_eq!((register(&new).await.status, site.requests()), (201, 3));
    clock.advance(Duration::from_secs(540));
    let reply = register(&new).await;
    assert_eq!((reply.refusal(), site.requests()), ((503, Some("temporarily_unavailable")), 4), "and not for ever");
    assert!(reply.header("retry-after").is_some());

    *published.lock().unwrap() = Some(new.jwks());
    clock.advance(Duration::from_secs(60));
    assert_eq!((register(&new).await.status, site.requests()), (201, 5));
}

#[test]
fn keys_that_cannot_verify_are_refused_at_start_up() {
    let ec = Signer::es256("a");
    let with = |name: &str, value: Value| {
        let mut jwk = ec.jwk.clone();
        jwk[name] = value;
        json!({ "keys": [jwk] }).to_string()
    };
    let rows = [
        ("a key", ec.jwks(), true),
        ("described elsewhere too", with("x5u", json!("https://directory.example/a.pem")), true),
        ("for encryption", with("use", json!("enc")), false),
        ("an algorithm for encryption", with("alg", json!("ECDH-ES")), false),
        ("symmetric", r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#.to_owned(), false),
        ("no keys", r#"{"keys":[]}"#.to_owned(), false),
        ("no set", ec.jwk.to_string(), false),
        ("twice", format!(r#"{{"keys":[],"keys":[{}]}}"#, ec.jwk), false),
        ("nothing", String::new(), false),
    ];
    for (name, keys, usable) in rows {
        assert_eq!(Keys::from_jwks(&keys).is_ok(), usable, "{name}");
    }
    let keys = Keys::from_jwks(&ec.jwks()).unwrap();
    for (algorithms, usable) in [(vec!["ES256"], true), (vec![], false), (vec!["ES256", "none"], false)] {
        let algorithms = algorithms.into_iter().map(SigningAlgorithm::from);
        assert_eq!(Issuer::new(ISSUER, algorithms, keys.clone()).is_ok(), usable);
    }
    for algorithm in ["HS256", "ES256K", "none", "RS1"] {
        assert!(Issuer::new(ISSUER, [algorithm.into()], keys.clone()).is_err(), "{algorithm}");
    }
}
