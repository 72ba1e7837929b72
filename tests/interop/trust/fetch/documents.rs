//! Documents that clients name, read through the guarded fetcher.

use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::get;
use serde_json::json;
use tower_dcr::metadata::SubjectType;
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, Registry};

use crate::trust::document_server::Site;
use crate::trust::endpoint::{minimal_and, post, put};

/// A page for each document.
fn pages(documents: &[(&'static str, &'static str)]) -> Router {
    documents.iter().fold(Router::new(), |router, (path, document)| {
        let document = *document;
        let page = get(move || async move { ([("content-type", "application/json")], document).into_response() });
        router.route(path, page)
    })
}

#[tokio::test]
async fn a_jwks_uri_leads_to_a_usable_key_set_where_that_is_checked() {
    const KEY: &str =
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","alg":"EdDSA"}]}"#;
    const PRIVATE: &str =
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"AA"}]}"#;
    const SHARED: &str = r#"{"keys":[
        {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","x5u":"https://h.example/"},
        {"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}, {"kty":"AKP","alg":"ML-DSA-65","pub":"AA"}]}"#;
    const UNUSABLE: &str = r#"{"keys":[{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}]}"#;
    const TWICE: &str = r#"{"keys":[],"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}"#;
    let site = Site::start(pages(&[
        ("/keys", KEY),
        ("/shared", SHARED),
        ("/unusable", UNUSABLE),
        ("/none", r#"{"keys":[]}"#),
        ("/private", PRIVATE),
        ("/twice", TWICE),
        ("/array", "[]"),
    ]))
    .await;
    let builder = Registry::builder("https://id.example.com", Access::Open);
    let builder = builder.with_document_fetcher(site.fetcher().build().unwrap()).with_jwks_uri_checked(true);
    let registry = builder.build(MemoryStore::new()).unwrap();
    let by_key =
        |alg: &str| json!({ "token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": alg });
    let rows = [
        ("a key set", "/keys", json!({}), true),
        ("a key for the method", "/keys", by_key("EdDSA"), true),
        ("no key for the algorithm", "/keys", by_key("ES256"), false),
        ("keys of others beside it", "/shared", by_key("EdDSA"), true),
        ("keys of others alone", "/unusable", json!({}), false),
        ("no key", "/none", json!({}), false),
        ("a key for encryption", "/keys", json!({ "id_token_encrypted_response_alg": "ECDH-ES" }), false),
        ("a private key", "/private", json!({}), false),
        ("the same member twice", "/twice", json!({}), false),
        ("no object", "/array", json!({}), false),
        ("nothing", "/missing", json!({}), false),
    ];
    for (name, path, members, accepted) in rows {
        let mut document = minimal_and(members);
        document["jwks_uri"] = site.url(path).into();
        let before = registry.count().await.unwrap();
        let reply = post(&registry, &document).await;
        assert_eq!(registry.count().await.unwrap() - before, u64::from(accepted), "{name}");
        if accepted {
            assert_eq!(reply.status, 201, "{name}: {}", reply.document);
            continue;
        }
        assert_eq!(reply.refusal(), (400, Some("invalid_client_metadata")), "{name}: {}", reply.document);
        assert_eq!(reply.pointer(), Some("/jwks_uri"), "{name}");
        assert_eq!(reply.header("content-type"), Some("application/json"), "{name}");
        assert!(!reply.document.to_string().contains("404"), "{name}: what the network said is for the operator");
    }
}

#[tokio::test]
async fn a_sector_is_read_from_where_the_client_says() {
    const ALL: &str = r#"["https://a.example/cb","https://b.example/cb","https://c.example/cb"]"#;
    let site = Site::start(pages(&[("/all", ALL), ("/one", r#"["https://a.example/cb"]"#), ("/object", "{}")])).await;
    let builder = Registry::builder("https://id.example.com", Access::Open);
    let builder = builder.with_subject_types([SubjectType::Public, SubjectType::Pairwise]);
    let builder = builder.with_document_fetcher(site.fetcher().build().unwrap());
    let registry = builder.build(MemoryStore::new()).unwrap();
    for (path, accepted) in [("/all", true), ("/one", false), ("/object", false), ("/missing", false)] {
        let document = json!({
            "redirect_uris": ["https://a.example/cb", "https://b.example/cb"],
            "subject_type": "pairwise", "sector_identifier_uri": site.url(path),
        });
        let reply = post(&registry, &document).await;
        match accepted {
            true => assert_eq!(reply.document["sector_identifier_uri"], site.url(path), "{path}: {}", reply.document),
            false => {
                assert_eq!(reply.refusal(), (400, Some("invalid_client_metadata")), "E-051 {path}: {}", reply.document);
                assert_eq!(reply.pointer(), Some("/sector_identifier_uri"), "{path}");
            }
        }
    }
    assert_eq!((registry.count().await.unwrap(), site.requests()), (1, 4));
}

#[tokio::test]
async fn an_update_is_checked_like_a_registration() {
    let site = Site::start(pages(&[])).await;
    let builder = Registry::builder("https://id.example.com", Access::Open);
    let builder = builder.with_document_fetcher(site.fetcher().build().unwrap()).with_jwks_uri_checked(true);
    let registry = builder.build(MemoryStore::new()).unwrap();
    let registered = post(&registry, &minimal_and(json!({}))).await;
    let reply = put(&registry, &registered, &minimal_and(json!({ "jwks_uri": site.url("/missing") }))).await;
    assert_eq!((reply.refusal(), reply.pointer()), ((400, Some("invalid_client_metadata")), Some("/jwks_uri")));
    assert_eq!(site.requests(), 1);
}

#[tokio::test]
async fn by_default_nothing_is_fetched() {
    let site = Site::start(pages(&[])).await;
    let builder = Registry::builder("https://id.example.com", Access::Open);
    let registry = builder.with_document_fetcher(site.fetcher().build().unwrap()).build(MemoryStore::new()).unwrap();
    let document = minimal_and(json!({ "jwks_uri": site.url("/keys"), "logo_uri": site.url("/logo") }));
    assert_eq!(post(&registry, &document).await.status, 201);
    assert_eq!(site.connections(), 0);
}
