//! OpenID Connect Registration clause by clause, where no other test proves it.

use serde_json::{Value, json};
use tower_dcr::{Access, Profile};

use crate::clauses::rfc7591::generous;
use crate::refusals::assertions::{Challenge, assert_refused};
use crate::server::{Server, minimal_and};

const METADATA: &str = "invalid_client_metadata";
const REDIRECT: &str = "invalid_redirect_uri";

/// A key for signatures, one for encryption, and the use of each.
fn keys() -> Value {
    json!({ "keys": [
        { "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "use": "sig" },
        { "kty": "OKP", "crv": "X25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "use": "enc" },
    ] })
}

#[tokio::test]
async fn response_types_need_the_grants_that_they_use() {
    let server = generous().await;
    let (code, implicit) = (json!(["authorization_code"]), json!(["implicit"]));
    let both = json!(["authorization_code", "implicit"]);
    let rows = [
        ("OIDCR-2-05", &implicit, "code", false),
        ("OIDCR-2-06 id_token", &code, "id_token", false),
        ("OIDCR-2-06 id_token token", &code, "id_token token", false),
        ("OIDCR-2-06 with implicit", &implicit, "id_token", true),
        ("OIDCR-2-06 with implicit", &implicit, "id_token token", true),
        ("OIDCR-2-07 code id_token", &code, "code id_token", false),
        ("OIDCR-2-07 code token", &code, "code token", false),
        ("OIDCR-2-07 only implicit", &implicit, "code id_token token", false),
        ("OIDCR-2-07 with both", &both, "code id_token", true),
        ("OIDCR-2-07 with both", &both, "code token", true),
        ("OIDCR-2-07 with both", &both, "code id_token token", true),
    ];
    for (name, grants, response, accepted) in rows {
        let document = minimal_and(json!({ "grant_types": grants, "response_types": [response] }));
        let reply = server.post(&document).await;
        if accepted {
            assert_eq!((reply.status, &reply.json()["response_types"]), (201, &json!([response])), "{name}");
        } else {
            assert_refused(name, &reply, 400, Some(METADATA), Challenge::None);
        }
    }
}

#[tokio::test]
async fn every_redirection_uri_is_verified() {
    let server = generous().await;
    let implicit = |uri: &str| json!({ "redirect_uris": [uri], "application_type": "web", "grant_types": ["implicit"], "response_types": ["token"] });
    let rows = [
        ("OIDCR-2-09", implicit("http://client.example.org/cb")),
        ("OIDCR-2-09 loopback", implicit("http://127.0.0.1/cb")),
        ("OIDCR-2-10", implicit("https://localhost/cb")),
        (
            "OIDCR-2-11 native",
            json!({ "redirect_uris": ["http://client.example.org/cb"], "application_type": "native" }),
        ),
        (
            "OIDCR-2-12 more constraints",
            json!({ "redirect_uris": ["localhost:3000/cb"], "application_type": "native" }),
        ),
        ("OIDCR-2-13 web", json!({ "redirect_uris": ["http://client.example.org/cb"], "application_type": "web" })),
        ("OIDCR-2-14 one of two", json!({ "redirect_uris": ["https://a.example/cb", "https://a.example/cb#"] })),
        (
            "OIDCC-3-01",
            json!({ "redirect_uris": ["http://client.example.org/cb"], "token_endpoint_auth_method": "none" }),
        ),
    ];
    for (name, document) in rows {
        assert_refused(name, &server.post(&document).await, 400, Some(REDIRECT), Challenge::None);
        assert_eq!(server.count().await, 0, "{name}: nothing is stored");
    }
}

#[tokio::test]
async fn members_of_openid_connect_hold_what_they_may() {
    let server = Server::open().await;
    let certificate = json!({ "keys": [{ "kty": "RSA", "x5c": ["MIIB"] }] });
    let private = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": keys()["keys"][0]["x"], "d": "AAAA" }] });
    let uri = "http://app.example.com/x";
    let rows = [
        ("OIDCR-2-17", json!({ "jwks_uri": uri })),
        ("OIDCR-2-20", json!({ "jwks": certificate })),
        ("OIDCR-2-21", json!({ "jwks": private })),
        ("OIDCR-2-24", json!({ "sector_identifier_uri": uri })),
        ("OIDCR-2-26", json!({ "subject_type": "x" })),
        ("OIDCR-2-26 not offered", json!({ "subject_type": "pairwise" })),
        ("OIDCR-2-28", json!({ "id_token_signed_response_alg": "none" })),
        ("OIDCR-2-30", json!({ "jwks": keys(), "id_token_encrypted_response_enc": "A128GCM" })),
        ("OIDCR-2-32", json!({ "jwks": keys(), "userinfo_encrypted_response_enc": "A128GCM" })),
        ("OIDCR-2-35", json!({ "jwks": keys(), "request_object_encryption_enc": "A128GCM" })),
        ("OIDCR-2-36", json!({ "token_endpoint_auth_method": "client_secret_digest" })),
        ("OIDCR-2-37", json!({ "token_endpoint_auth_signing_alg": "none" })),
        ("OIDCR-2-38 text", json!({ "default_max_age": "3600" })),
        ("OIDCR-2-38 negative", json!({ "default_max_age": -1 })),
        ("OIDCR-2-38 fraction", json!({ "default_max_age": 1.5 })),
        ("OIDCR-2-39", json!({ "require_auth_time": "true" })),
        ("OIDCR-2-41", json!({ "initiate_login_uri": uri })),
        ("OIDCR-2-43", json!({ "request_uris": [uri] })),
        ("OIDCR-2-43 none", json!({ "request_uris": [uri], "request_object_signing_alg": "none" })),
        ("OIDCC-9-01", json!({ "token_endpoint_auth_method": "private_key_jwt" })),
    ];
    for (name, members) in rows {
        assert_refused(name, &server.post(&minimal_and(members)).await, 400, Some(METADATA), Challenge::None);
    }
    assert_eq!(server.count().await, 0);
}

#[tokio::test]
async fn a_server_of_openid_connect_wants_to_know_what_each_key_is_for() {
    let third = json!({ "kty": "OKP", "crv": "Ed25519", "x": keys()["keys"][0]["x"] });
    let one_without = json!({ "keys": [keys()["keys"][0], keys()["keys"][1], third] });
    let mut one_of_each = keys();
    one_of_each["keys"][1].as_object_mut().unwrap().remove("use");
    let strict = Server::start(Access::Open, |builder| builder.with_profile(Profile::Oidc)).await;
    let lenient = Server::open().await;
    for (name, set) in [("OIDCR-2-18", one_without), ("OIDCR-2-18 one of each", one_of_each)] {
        let document = minimal_and(json!({ "jwks": set }));
        assert_refused(name, &strict.post(&document).await, 400, Some(METADATA), Challenge::None);
        assert_eq!(lenient.post(&document).await.status, 201, "{name}: type and algorithm say it");
    }
}

#[tokio::test]
async fn members_of_openid_connect_come_back_with_their_defaults() {
    let server = Server::open().await;
    let algorithm = "ECDH-ES";
    let rows = [
        ("OIDCR-2-15", json!({ "contacts": ["ops@example.org"] }), json!({ "contacts": ["ops@example.org"] })),
        (
            "OIDCR-2-29",
            json!({ "jwks": keys(), "id_token_encrypted_response_alg": algorithm }),
            json!({ "id_token_encrypted_response_alg": algorithm, "id_token_encrypted_response_enc": "A128CBC-HS256" }),
        ),
        (
            "OIDCR-2-32",
            json!({ "jwks": keys(), "userinfo_encrypted_response_alg": algorithm }),
            json!({ "userinfo_encrypted_response_enc": "A128CBC-HS256" }),
        ),
        (
            "OIDCR-2-35",
            json!({ "request_object_encryption_alg": "RSA-OAEP" }),
            json!({ "request_object_encryption_enc": "A128CBC-HS256" }),
        ),
        (
            "OIDCR-2-40",
            json!({ "default_acr_values": ["b", "a", "c"] }),
            json!({ "default_acr_values": ["b", "a", "c"] }),
        ),
        ("OIDCR-2-39", json!({ "require_auth_time": true }), json!({ "require_auth_time": true })),
    ];
    for (name, members, expected) in rows {
        let client = server.register(&minimal_and(members)).await;
        for (member, value) in expected.as_object().unwrap() {
            assert_eq!(&client.document[member], value, "{name}: {member}");
        }
        assert_eq!(server.put(&client, &client.own()).await.json(), client.document, "{name}: update");
    }
    let silent = server.register(&minimal_and(json!({ "jwks": keys() }))).await.document;
    for member in ["id_token_encrypted_response_alg", "id_token_encrypted_response_enc", "userinfo_signed_response_alg"]
    {
        assert!(silent.get(member).is_none(), "OIDCR-2-29, OIDCR-2-31: {member}");
    }
}

#[tokio::test]
async fn each_method_of_authentication_that_is_offered_can_be_registered() {
    let server = Server::open().await;
    for method in ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"] {
        let members = json!({ "token_endpoint_auth_method": method, "jwks": keys() });
        let document = server.register(&minimal_and(members)).await.document;
        assert_eq!(document["token_endpoint_auth_method"], method, "OIDCR-2-36");
    }
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let members = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://app.example.com/keys", "token_endpoint_auth_signing_alg": algorithm });
        assert_eq!(server.post(&minimal_and(members)).await.status, 201, "OIDCR-2-37 {algorithm}");
    }
}

#[tokio::test]
async fn the_published_endpoint_is_the_one_that_registers() {
    let server = Server::open().await;
    let endpoint = server.registry.registration_endpoint().unwrap().to_owned();
    let request = server.request(http::Method::POST, &endpoint).json(&crate::server::minimal());
    assert_eq!(crate::server::send(request).await.status, 201, "OIDCD-3-01");
}

/// Browser clients ask first, without credentials.
#[cfg(feature = "cors")]
#[tokio::test]
async fn a_browser_may_ask_before_it_registers_and_manages() {
    use http::Method;
    use http::header::{AUTHORIZATION, CONTENT_TYPE};
    use tower_dcr::Access;
    use tower_dcr::store::MemoryStore;
    use tower_http::cors::CorsLayer;

    use crate::server::{minimal, send};

    let origin = "https://spa.example";
    let cors = CorsLayer::new()
        .allow_origin([origin.parse().unwrap()])
        .allow_methods([Method::POST, Method::GET, Method::PUT, Method::DELETE])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE]);
    let finish = |layer: tower_dcr::RegistrationLayer| layer.with_cors(cors);
    let server = Server::with_layer(Access::Tokens, MemoryStore::new(), |builder| builder, finish).await;
    let unknown = format!("{}/unknown", server.endpoint());
    for (name, uri, method) in [
        ("OIDCR-3-02", &server.endpoint(), "POST"),
        ("OIDCR-4-02", &unknown, "GET"),
        ("OIDCR-4-02", &unknown, "PUT"),
        ("OIDCR-4-02", &unknown, "DELETE"),
    ] {
        let ask = |origin: &'static str| {
            let request = server.request(Method::OPTIONS, uri).header("origin", origin);
            let request = request.header("access-control-request-method", method);
            send(request.header("access-control-request-headers", "content-type,authorization"))
        };
        let reply = ask(origin).await;
        assert!(matches!(reply.status, 200 | 204), "{name} {method}: {}", reply.status);
        assert_eq!(reply.header("access-control-allow-origin"), Some(origin), "{name} {method}");
        let allowed = reply.header("access-control-allow-headers").unwrap().to_ascii_lowercase();
        assert!(allowed.contains("content-type") && allowed.contains("authorization"), "{name} {method}: {allowed}");
        assert!(reply.header("access-control-allow-methods").unwrap().contains(method), "{name} {method}");
        let stranger = ask("https://evil.example").await;
        assert_eq!(stranger.header("access-control-allow-origin"), None, "{name} {method}: another origin");
    }
    let refused = send(server.posting(minimal().to_string()).header("origin", origin)).await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, Some(origin)));
}
