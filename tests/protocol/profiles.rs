//! Each profile: what it must let in, what it must refuse, and that every switch can be set alone.

use http::Method;
use serde_json::{Value, json};
use tower_dcr::profile::{Profile, Switch};
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, ConfigErrorKind, Registry};

use crate::server::{Registered, Server, send};

const CB: &str = "https://app.example.com/cb";

/// Let in with these members in the reply, or refused with this error.
enum Verdict {
    In(Value),
    Out(&'static str),
}
use Verdict::{In, Out};

const URI: Verdict = Out("invalid_redirect_uri");
const METADATA: Verdict = Out("invalid_client_metadata");

fn rows() -> Vec<(Profile, &'static str, Value, Verdict)> {
    use Profile::{Fapi2, Mcp, OAuth, Oidc};
    let keys = json!("https://app.example.com/jwks");
    let key_client = |more: Value| {
        let mut document =
            json!({"redirect_uris": [CB], "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": keys});
        document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        document
    };
    vec![
        (OAuth, "web", json!({"redirect_uris": [CB]}), In(json!({"application_type": "web"}))),
        (
            OAuth,
            "Cursor",
            json!({"redirect_uris": ["cursor://a/cb", CB], "application_type": "web"}),
            In(json!({"application_type": "native"})),
        ),
        (OAuth, "machine", json!({"grant_types": ["client_credentials"]}), In(json!({"redirect_uris": []}))),
        (
            OAuth,
            "implicit",
            json!({"redirect_uris": [CB], "grant_types": ["implicit"], "response_types": ["token"]}),
            METADATA,
        ),
        (
            Oidc,
            "web",
            json!({"redirect_uris": [CB]}),
            In(json!({"application_type": "web", "id_token_signed_response_alg": "RS256", "response_types": ["code"]})),
        ),
        (
            Oidc,
            "native",
            json!({"redirect_uris": ["com.example.app:/cb"], "application_type": "native"}),
            In(json!({"application_type": "native"})),
        ),
        (
            Oidc,
            "web on loopback",
            json!({"redirect_uris": ["http://localhost/cb"]}),
            In(json!({"application_type": "web"})),
        ),
        (
            Oidc,
            "native on https",
            json!({"redirect_uris": [CB], "application_type": "native"}),
            In(json!({"application_type": "native"})),
        ),
        (Oidc, "web with a private-use scheme", json!({"redirect_uris": ["com.example.app:/cb"]}), URI),
        (Oidc, "machine without redirect URI", json!({"grant_types": ["client_credentials"]}), URI),
        (Oidc, "unknown type", json!({"redirect_uris": [CB], "application_type": "desktop"}), METADATA),
        (
            Oidc,
            "back-channel fragment",
            json!({"redirect_uris": [CB], "backchannel_logout_uri": "https://app.example.com/out#a"}),
            METADATA,
        ),
        (
            Mcp,
            "Claude",
            json!({"redirect_uris": ["https://claude.ai/api/mcp/auth_callback"], "token_endpoint_auth_method": "none"}),
            In(json!({"application_type": "web"})),
        ),
        (
            Mcp,
            "Inspector",
            json!({"redirect_uris": ["http://localhost:6274/oauth/callback"], "token_endpoint_auth_method": "none"}),
            In(json!({"application_type": "native"})),
        ),
        (
            Mcp,
            "lists all it knows",
            json!({"redirect_uris": [CB], "grant_types": ["authorization_code", "implicit", "password"]}),
            In(json!({"grant_types": ["authorization_code"]})),
        ),
        (
            Mcp,
            "Cursor",
            json!({"redirect_uris": ["cursor://anysphere.cursor-mcp/oauth/callback", CB], "application_type": "web"}),
            In(json!({"application_type": "native"})),
        ),
        (
            Mcp,
            "Kiro",
            json!({"redirect_uris": ["kiro://kiro.kiroAgent/authenticate-success"]}),
            In(json!({"application_type": "native"})),
        ),
        (Mcp, "scheme of the operating system", json!({"redirect_uris": ["search-ms:query=a"]}), URI),
        (
            Mcp,
            "server of a developer",
            json!({"redirect_uris": ["http://app.localhost:3000/cb"]}),
            In(json!({"application_type": "native"})),
        ),
        (Mcp, "remote http", json!({"redirect_uris": ["http://app.example.com/cb"]}), URI),
        (
            Mcp,
            "implicit",
            json!({"redirect_uris": [CB], "grant_types": ["implicit"], "response_types": ["token"]}),
            METADATA,
        ),
        (Mcp, "password", json!({"grant_types": ["password"]}), METADATA),
        (
            Fapi2,
            "keys",
            key_client(json!({})),
            In(
                json!({"dpop_bound_access_tokens": true, "require_pushed_authorization_requests": true, "id_token_signed_response_alg": "PS256", "application_type": "web"}),
            ),
        ),
        (
            Fapi2,
            "certificate",
            json!({"redirect_uris": [CB], "token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_dns": "app.example.com"}),
            In(json!({"tls_client_certificate_bound_access_tokens": true, "dpop_bound_access_tokens": null})),
        ),
        (
            Fapi2,
            "keys and bound to a certificate",
            key_client(json!({"tls_client_certificate_bound_access_tokens": true})),
            In(json!({"tls_client_certificate_bound_access_tokens": true, "dpop_bound_access_tokens": null})),
        ),
        (
            Fapi2,
            "no to all of it",
            key_client(json!({"dpop_bound_access_tokens": false, "require_pushed_authorization_requests": false})),
            In(json!({"dpop_bound_access_tokens": true, "require_pushed_authorization_requests": true})),
        ),
        (
            Fapi2,
            "redirect URI in the pushed request",
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": keys}),
            In(json!({"redirect_uris": []})),
        ),
        (
            Fapi2,
            "native on loopback",
            key_client(json!({"redirect_uris": ["http://127.0.0.1/cb"], "application_type": "native"})),
            In(json!({"application_type": "native"})),
        ),
        (Fapi2, "web on loopback", key_client(json!({"redirect_uris": ["http://127.0.0.1/cb"]})), URI),
        (Fapi2, "public", json!({"redirect_uris": [CB], "token_endpoint_auth_method": "none"}), METADATA),
        (Fapi2, "secret", json!({"redirect_uris": [CB]}), METADATA),
        (Fapi2, "weak algorithm", key_client(json!({"id_token_signed_response_alg": "RS256"})), METADATA),
        (Fapi2, "hybrid", key_client(json!({"response_types": ["code id_token"]})), METADATA),
        (Fapi2, "password", key_client(json!({"grant_types": ["password"]})), METADATA),
    ]
}

#[tokio::test]
async fn each_profile_lets_in_and_refuses_its_own() {
    for profile in Profile::ALL {
        // A caller with a token may ask for client_credentials too.
        let configure = |builder: tower_dcr::config::RegistryBuilder| {
            builder.with_profile(*profile).with_initial_access_token("a-token-of-the-tests")
        };
        let server = Server::start(Access::Tokens, configure).await;
        for (_, name, document, verdict) in rows().iter().filter(|row| row.0 == *profile) {
            let request = server.posting(document.to_string()).bearer_auth("a-token-of-the-tests");
            let reply = send(request).await;
            match verdict {
                Out(error) => {
                    assert_eq!(reply.status, 400, "{profile}, {name}: {}", reply.text());
                    assert_eq!(reply.error().as_deref(), Some(*error), "{profile}, {name}");
                }
                In(members) => {
                    assert_eq!(reply.status, 201, "{profile}, {name}: {}", reply.text());
                    for (member, value) in members.as_object().unwrap() {
                        assert_eq!(reply.json()[member], *value, "{profile}, {name}: {member}");
                    }
                    let client = Registered::of(&reply);
                    assert_eq!(server.put(&client, &client.own()).await.json(), client.document, "{profile}, {name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn mcp_is_also_at_register_and_replies_with_the_canonical_url() {
    let server = Server::start(Access::Open, |builder| builder.with_profile(Profile::Mcp)).await;
    let document = json!({"redirect_uris": ["http://localhost:6274/oauth/callback"]});
    let request = server.request(Method::POST, server.url("/register")).header("content-type", "application/json");
    let client = Registered::of(&send(request.body(document.to_string())).await);
    assert_eq!(client.uri(), format!("{}/{}", server.endpoint(), client.id()));
    let alias = server.url(&format!("/register/{}", client.id()));
    let reply = send(server.request(Method::GET, alias).bearer_auth(client.token())).await;
    assert_eq!(reply.json(), client.document);
    assert_eq!(send(server.request(Method::GET, server.url("/"))).await.text(), "the application");
    let elsewhere = Server::open().await;
    assert_eq!(send(elsewhere.request(Method::POST, elsewhere.url("/register"))).await.status, 404);
}

#[cfg(feature = "cors")]
#[tokio::test]
async fn mcp_and_oidc_answer_pages_of_any_origin_and_others_do_not() {
    for profile in Profile::ALL {
        let allowed = matches!(profile, Profile::Mcp | Profile::Oidc).then_some("*");
        let server = Server::start(Access::Open, |builder| builder.with_profile(*profile)).await;
        let preflight = server
            .request(Method::OPTIONS, server.endpoint())
            .header("origin", "http://localhost:6274")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type,mcp-protocol-version");
        let reply = send(preflight).await;
        assert_eq!(reply.status, 204, "{profile}");
        assert_eq!(reply.header("access-control-allow-origin"), allowed, "{profile}");
        let request = server
            .posting(r#"{"redirect_uris":["https://app.example.com/cb"]}"#)
            .header("origin", "http://localhost:6274");
        let reply = send(request).await;
        assert_eq!(reply.header("access-control-allow-origin"), allowed, "{profile}");
    }
}

#[tokio::test]
async fn a_switch_is_stronger_than_the_profile_in_any_order() {
    let document = json!({"redirect_uris": ["myapp://cb"]});
    let before = Server::start(Access::Open, |builder| {
        builder.with_switch(Switch::PrivateUseRefused, true).with_profile(Profile::Mcp)
    });
    assert_eq!(before.await.post(&document).await.json()["violations"][0]["rule"], "private-use-refused");
    let after = Server::start(Access::Open, |builder| builder.with_switch(Switch::PrivateUseDotRequired, true));
    let reply = after.await.post(&document).await;
    assert_eq!(reply.json()["violations"][0]["rule"], "private-use-dot-required");
}

#[tokio::test]
async fn private_use_schemes_are_admitted_in_every_profile_until_they_are_switched_off() {
    let document = json!({"redirect_uris": ["cursor://a/cb"], "application_type": "native",
        "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://app.example.com/jwks"});
    for profile in Profile::ALL {
        let server = Server::start(Access::Open, |builder| builder.with_profile(*profile)).await;
        assert_eq!(server.post(&document).await.status, 201, "{profile}");
        let refusing = Server::start(Access::Open, |builder| {
            builder.with_profile(*profile).with_switch(Switch::PrivateUseRefused, true)
        });
        let reply = refusing.await.post(&document).await;
        assert_eq!(reply.json()["violations"][0]["rule"], "private-use-refused", "{profile}: {}", reply.text());
    }
}

#[tokio::test]
async fn switches_about_single_members_are_off_by_default() {
    let long = format!("https://app.example.com/{}", "a".repeat(500));
    let rows = [
        (Switch::ContactsAreAddresses, json!({"contacts": ["ops@example.com", "the team"]}), "/contacts/1"),
        (Switch::RequestUrisShort, json!({"request_uris": [long]}), "/request_uris/0"),
        (
            Switch::LogoutFragmentRefused,
            json!({"backchannel_logout_uri": "https://app.example.com/#a"}),
            "/backchannel_logout_uri",
        ),
        (Switch::UnverifiedStatementsRefused, json!({"software_statement": {"a": 1}}), "/software_statement"),
        (Switch::UnofferedRefused, json!({"grant_types": ["authorization_code", "password"]}), "/grant_types"),
    ];
    let tolerant = Server::open().await;
    for (switch, mut document, pointer) in rows {
        document["redirect_uris"] = json!([CB]);
        assert_eq!(tolerant.post(&document).await.status, 201, "{switch}");
        let strict = Server::start(Access::Open, |builder| builder.with_switch(switch, true)).await;
        let reply = strict.post(&document).await;
        assert_eq!(reply.json()["violations"][0]["pointer"], pointer, "{switch}: {}", reply.text());
    }
}

#[tokio::test]
async fn the_reply_states_the_effective_scope() {
    let server = Server::start(Access::Open, |builder| {
        builder.with_scopes(["openid", "profile", "offline_access"]).with_default_scope("openid")
    });
    let server = server.await;
    let rows = [
        (json!(null), Some("openid")),
        (json!("profile mcp:tools openid"), Some("profile openid")),
        (json!("admin"), None),
    ];
    for (scope, expected) in rows {
        let reply = server.post(&json!({"redirect_uris": [CB], "scope": scope})).await;
        assert_eq!(reply.json()["scope"].as_str(), expected, "{scope}: {}", reply.text());
        assert_eq!(reply.status, if expected.is_some() { 201 } else { 400 }, "{scope}");
    }
}

#[test]
fn an_offer_that_cannot_work_is_refused_at_start_up() {
    use tower_dcr::config::RegistryBuilder;
    use tower_dcr::credential::SecretStorage;
    use tower_dcr::metadata::{GrantType, SigningAlgorithm, TokenEndpointAuthMethod};
    type Change = fn(RegistryBuilder) -> RegistryBuilder;
    let rows: &[(&str, Change, ConfigErrorKind)] = &[
        (
            "implicit for MCP",
            |b| b.with_profile(Profile::Mcp).with_grant_types([GrantType::Implicit]),
            ConfigErrorKind::GrantTypes,
        ),
        ("no method", |b| b.with_auth_methods([]), ConfigErrorKind::AuthMethods),
        (
            "certificates without mtls",
            |b| b.with_auth_methods([TokenEndpointAuthMethod::TlsClientAuth]),
            ConfigErrorKind::AuthMethods,
        ),
        (
            "assertions under forgotten secrets",
            |b| b.with_auth_methods([TokenEndpointAuthMethod::ClientSecretJwt]).with_secrets(SecretStorage::hashed()),
            ConfigErrorKind::SymmetricAlgorithms,
        ),
        ("no algorithm", |b| b.with_signing_algorithms([]), ConfigErrorKind::Algorithms),
        ("no signature", |b| b.with_signing_algorithms([SigningAlgorithm::from("none")]), ConfigErrorKind::Algorithms),
        ("no subject", |b| b.with_subject_types([]), ConfigErrorKind::SubjectTypes),
        ("two scopes in one", |b| b.with_scopes(["a b"]), ConfigErrorKind::Scopes),
        ("default that is not allowed", |b| b.with_scopes(["a"]).with_default_scope("a b"), ConfigErrorKind::Scopes),
        ("default that is no scope", |b| b.with_default_scope("a  b"), ConfigErrorKind::Scopes),
    ];
    for (name, change, expected) in rows {
        let builder = change(Registry::builder("https://id.example.com", Access::Open));
        assert_eq!(builder.build(MemoryStore::new()).unwrap_err().kind(), *expected, "{name}");
    }
}
