//! Extensions and profiles clause by clause, where no other test names the clause.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use serde_json::{Value, json};
use tower_dcr::config::RegistryBuilder;
use tower_dcr::documents::FetchDocument;
use tower_dcr::metadata::{
    Extensions, GrantType, KeyManagementAlgorithm, SigningAlgorithm, SubjectType, TokenEndpointAuthMethod,
};
use tower_dcr::policy::{Refusal, Review, Verdict};
use tower_dcr::{Access, BoxError, Profile, Switch};

use crate::refusals::assertions::{Challenge, assert_refused};
use crate::server::{Registered, Server, minimal, minimal_and};

const METADATA: &str = "invalid_client_metadata";
const REDIRECT: &str = "invalid_redirect_uri";
const KEYS: &str = "https://app.example.com/keys";

/// A server with every extension.
async fn extended(configure: impl FnOnce(RegistryBuilder) -> RegistryBuilder) -> Server {
    Server::start(Access::Open, |builder| configure(builder.with_extensions(Extensions::ALL))).await
}

/// Every row is refused for another member than the redirection URIs, and nothing is stored.
async fn assert_all_refused(server: &Server, rows: &[(&str, Value)]) {
    for (name, members) in rows {
        let reply = server.post(&minimal_and(members.clone())).await;
        assert_refused(name, &reply, 400, Some(METADATA), Challenge::None);
        assert_eq!(server.count().await, 0, "{name}");
    }
}

#[tokio::test]
async fn members_of_extensions_that_contradict_each_other_are_refused() {
    let grants = [GrantType::AuthorizationCode, GrantType::Implicit, GrantType::Ciba];
    let server = extended(|builder| builder.with_grant_types(grants)).await;
    let method = |method: &str, members: Value| {
        let mut document = json!({ "token_endpoint_auth_method": method });
        document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        document
    };
    let key =
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] });
    let poll = json!({ "grant_types": ["urn:openid:params:grant-type:ciba"] });
    assert_all_refused(
        &server,
        &[
            ("E-044 R8705-2.1.2-01 none of five", method("tls_client_auth", json!({}))),
            (
                "E-044 R8705-2.1.2-01 two of five",
                method("tls_client_auth", json!({ "tls_client_auth_san_dns": "a.example", "tls_client_auth_subject_dn": "CN=a" })),
            ),
            ("R8705-2.1.2-02 no address", method("tls_client_auth", json!({ "tls_client_auth_san_ip": "300.1.1.1" }))),
            ("R8705-2.1.2-02 no name", method("tls_client_auth", json!({ "tls_client_auth_subject_dn": "" }))),
            (
                "R8705-2.1.2-03",
                method("private_key_jwt", json!({ "jwks_uri": KEYS, "tls_client_auth_san_dns": "a.example" })),
            ),
            ("E-044 R8705-2.2.2-01 no keys", method("self_signed_tls_client_auth", json!({}))),
            ("E-044 R8705-2.2.2-01 no certificate", method("self_signed_tls_client_auth", json!({ "jwks": key }))),
            (
                "R8705-6.4-01",
                json!({ "tls_client_certificate_bound_access_tokens": true, "grant_types": ["implicit"], "response_types": ["token"] }),
            ),
            ("R9101-5.2-01", json!({ "request_uris": ["http://app.example.com/request"] })),
            ("R9101-10.5-01", json!({ "require_signed_request_object": true, "request_object_signing_alg": "none" })),
            ("E-045 R9701-6-02", json!({ "jwks_uri": KEYS, "introspection_encrypted_response_enc": "A128GCM" })),
            ("R9701-6-01", json!({ "introspection_signed_response_alg": "none" })),
            ("E-046 JARM-3-01", json!({ "authorization_signed_response_alg": "none" })),
            ("E-045 JARM-3-03", json!({ "jwks_uri": KEYS, "authorization_encrypted_response_enc": "A128GCM" })),
            ("E-055 CIBA-4-01 no mode", poll.clone()),
            ("E-055 CIBA-4-01 unknown mode", json!({ "grant_types": poll["grant_types"], "backchannel_token_delivery_mode": "x" })),
            ("E-055 CIBA-4-02", json!({ "backchannel_token_delivery_mode": "poll" })),
            ("E-055 CIBA-4-03", json!({ "grant_types": poll["grant_types"], "backchannel_token_delivery_mode": "ping" })),
            ("CIBA-4-04", json!({ "jwks_uri": KEYS, "backchannel_authentication_request_signing_alg": "HS256" })),
            ("E-054 LOGOUT-FC-01 port", json!({ "frontchannel_logout_uri": "https://app.example.com:444/out" })),
            ("E-054 LOGOUT-FC-01 scheme", json!({ "frontchannel_logout_uri": "http://app.example.com/out" })),
            ("E-054 LOGOUT-FC-01 host", json!({ "frontchannel_logout_uri": "https://www.example.com/out" })),
            ("E-054 LOGOUT-FC-02", json!({ "frontchannel_logout_uri": "https://app.example.com/out#x" })),
            ("E-054 LOGOUT-BC-01 http", json!({ "backchannel_logout_uri": "http://app.example.com/out" })),
            (
                "E-054 LOGOUT-RP-01",
                json!({ "token_endpoint_auth_method": "none", "post_logout_redirect_uris": ["http://client.example.org/bye"] }),
            ),
            ("FED-5-02", method("private_key_jwt", json!({ "signed_jwks_uri": KEYS }))),
            ("R7521-3-01", method("private_key_jwt", json!({}))),
        ],
    )
    .await;
}

#[tokio::test]
async fn members_of_extensions_come_back_with_their_defaults() {
    let server = extended(|builder| builder).await;
    let pair = |base: &str| {
        let sent = json!({ "jwks_uri": KEYS, format!("{base}_alg"): "ECDH-ES" });
        (sent, json!({ format!("{base}_alg"): "ECDH-ES", format!("{base}_enc"): "A128CBC-HS256" }))
    };
    let (introspection, jarm) = (pair("introspection_encrypted_response"), pair("authorization_encrypted_response"));
    let same = |members: Value| (members.clone(), members);
    let rows = [
        ("R9701-6-02", introspection),
        ("JARM-3-03", jarm),
        ("LOGOUT-FC-02", same(json!({ "frontchannel_logout_uri": "https://app.example.com/out?a=b" }))),
        ("LOGOUT-RP-02", same(json!({ "post_logout_redirect_uris": ["https://App.example.com:443/bye?x=%c3"] }))),
        ("R8705-3.4-01", same(json!({ "tls_client_certificate_bound_access_tokens": true }))),
        ("FAPI2MS-5-01", same(json!({ "response_modes": ["jwt", "form_post.jwt"] }))),
        ("MCP0728-05", same(json!({ "grant_types": ["authorization_code", "refresh_token"] }))),
    ];
    for (name, (sent, expected)) in rows {
        let client = server.register(&minimal_and(sent)).await;
        for (member, value) in expected.as_object().unwrap() {
            assert_eq!(&client.document[member], value, "{name}: {member}");
        }
        assert_eq!(server.put(&client, &client.own()).await.json(), client.document, "{name}: update");
    }
    let silent = server.register(&minimal()).await.document;
    for member in ["authorization_signed_response_alg", "introspection_signed_response_alg", "dpop_bound_access_tokens"]
    {
        assert!(silent.get(member).is_none(), "JARM-3-02: {member} is no stored default");
    }
    let bye = "https://app.example.com/bye";
    let client = server.register(&minimal_and(json!({ "post_logout_redirect_uris": [bye] }))).await;
    let stored = server.registry.client(client.id()).await.unwrap().unwrap();
    assert_eq!(stored.post_logout_redirect_uri(bye), Some(bye), "LOGOUT-RP-02");
    assert_eq!(stored.post_logout_redirect_uri("https://app.example.com/bye/"), None, "LOGOUT-RP-02");
}

/// The duties of OpenID Connect that RFC 7591 does not know.
#[tokio::test]
async fn a_server_of_openid_connect_takes_documents_literally() {
    let grants = [GrantType::AuthorizationCode, GrantType::Implicit, GrantType::ClientCredentials];
    let configure = |builder: RegistryBuilder| builder.with_profile(Profile::Oidc).with_grant_types(grants);
    let server = Server::start(Access::Open, configure).await;
    let typed = |uri: &str, kind: &str| json!({ "redirect_uris": [uri], "application_type": kind });
    let rows = [
        ("E-021 OIDCR-2-01 nothing", json!({}), REDIRECT),
        ("E-021 OIDCR-2-01 empty", json!({ "redirect_uris": [] }), REDIRECT),
        ("E-021 OIDCR-2-01 machine", json!({ "grant_types": ["client_credentials"] }), REDIRECT),
        ("E-049 OIDCR-2-08", typed("https://app.example.com/cb", "desktop"), METADATA),
        ("E-029 OIDCR-2-11", typed("http://client.example.org/cb", "native"), REDIRECT),
        ("E-030 web", typed("com.example.app:/cb", "web"), REDIRECT),
        ("E-030 web by default", json!({ "redirect_uris": ["com.example.app:/cb"] }), REDIRECT),
        (
            "E-054 LOGOUT-BC-01",
            minimal_and(json!({ "backchannel_logout_uri": "https://app.example.com/#x" })),
            METADATA,
        ),
    ];
    for (name, document, code) in rows {
        assert_refused(name, &server.post(&document).await, 400, Some(code), Challenge::None);
        assert_eq!(server.count().await, 0, "{name}");
    }
    let plain = server.register(&minimal()).await.document;
    assert_eq!(plain["application_type"], "web", "OIDCR-2-08");
    assert_eq!(plain["id_token_signed_response_alg"], "RS256", "OIDCR-2-27");
    for uri in ["http://[::1]/cb", "http://localhost:51004/cb", "com.example.app:/cb", "https://app.example.com/cb"] {
        assert_eq!(server.post(&typed(uri, "native")).await.status, 201, "OIDCR-2-11, MCP0728-02: {uri}");
    }
    for (grants, response) in [
        (json!(["authorization_code"]), "code"),
        (json!(["implicit"]), "id_token"),
        (json!(["implicit"]), "id_token token"),
    ] {
        let document = minimal_and(json!({ "grant_types": grants, "response_types": [response] }));
        assert_eq!(server.post(&document).await.json()["response_types"], json!([response]), "OIDCC-15-01");
    }
    let strict = Server::start(Access::Open, |builder| {
        builder.with_profile(Profile::Oidc).with_switch(Switch::NativeHttpsRefused, true)
    });
    let reply = strict.await.post(&typed("https://app.example.com/cb", "native")).await;
    assert_refused("E-029 OIDCR-2-11 strict", &reply, 400, Some(REDIRECT), Challenge::None);
}

#[tokio::test]
async fn single_rules_can_be_switched_on() {
    let long = format!("https://app.example.com/{}", "a".repeat(489));
    let rows = [
        (
            "E-027 R8252-8.4-03",
            Switch::PrivateUseDotRequired,
            json!({ "redirect_uris": ["myapp:/cb"], "application_type": "native" }),
            REDIRECT,
        ),
        ("E-052 OIDCC-6-01", Switch::RequestUrisShort, minimal_and(json!({ "request_uris": [long] })), METADATA),
        ("OIDCR-2-15", Switch::ContactsAreAddresses, minimal_and(json!({ "contacts": ["the team"] })), METADATA),
    ];
    for (name, switch, document, code) in rows {
        let server = Server::start(Access::Open, |builder| builder.with_switch(switch, true)).await;
        assert_refused(name, &server.post(&document).await, 400, Some(code), Challenge::None);
        assert_eq!(Server::open().await.post(&document).await.status, 201, "{name}: off by default");
    }
    let dotted = Server::start(Access::Open, |builder| builder.with_switch(Switch::PrivateUseDotRequired, true)).await;
    assert_eq!(dotted.post(&json!({ "redirect_uris": ["com.example.app:/cb"] })).await.status, 201, "R8252-8.4-03");
}

#[tokio::test]
async fn symmetric_algorithms_bring_a_secret_that_is_long_enough() {
    let methods = [TokenEndpointAuthMethod::PrivateKeyJwt, TokenEndpointAuthMethod::ClientSecretJwt];
    let configure = |builder: RegistryBuilder| {
        let builder = builder.with_auth_methods(methods);
        let builder = builder.with_signing_algorithms([SigningAlgorithm::Rs256, SigningAlgorithm::Hs512]);
        builder.with_key_management_algorithms([KeyManagementAlgorithm::A128Kw, KeyManagementAlgorithm::Dir])
    };
    let server = Server::start(Access::Open, configure).await;
    let by_key = |member: &str, algorithm: &str| json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": KEYS, member: algorithm });
    let rows = [
        ("OIDCR-2-34", by_key("request_object_encryption_alg", "A128KW")),
        ("OIDCC-10-01", by_key("id_token_encrypted_response_alg", "dir")),
        (
            "OIDCC-16-01",
            json!({ "token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_signing_alg": "HS512" }),
        ),
    ];
    for (name, members) in rows {
        let document = server.register(&minimal_and(members)).await.document;
        let length = document["client_secret"].as_str().map_or(0, str::len);
        assert!(length >= 64, "{name}: {length}");
    }
}

/// One document for every URL, or a failure, and how often it was asked for.
#[derive(Clone)]
struct Web(Option<&'static str>, Arc<AtomicUsize>);

impl FetchDocument for Web {
    async fn fetch(&self, url: &str) -> Result<Bytes, BoxError> {
        assert_eq!(url, "https://app.example.com/sector.json");
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.map(|text| Bytes::from_static(text.as_bytes())).ok_or_else(|| "the server does not answer".into())
    }
}

async fn pairwise(document: Option<&'static str>) -> (Server, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let web = Web(document, asked.clone());
    let configure = |builder: RegistryBuilder| {
        builder.with_subject_types([SubjectType::Public, SubjectType::Pairwise]).with_document_fetcher(web)
    };
    (extended(configure).await, asked)
}

fn sector(uris: &[&str]) -> Value {
    json!({ "redirect_uris": uris, "subject_type": "pairwise", "sector_identifier_uri": "https://app.example.com/sector.json" })
}

#[tokio::test]
async fn a_sector_lists_every_redirection_uri_of_its_clients() {
    let (one, two) = ("https://app.example.com/cb", "https://b.example/cb");
    let rows = [
        ("OIDCR-5-01", Some(r#"["https://app.example.com/cb","https://b.example/cb","https://c.example/"]"#), 201),
        ("E-051 OIDCR-5-01 one is missing", Some(r#"["https://app.example.com/cb"]"#), 400),
        ("E-051 OIDCR-5-03 object", Some(r#"{"redirect_uris":[]}"#), 400),
        ("E-051 OIDCR-5-03 numbers", Some("[1]"), 400),
        ("E-051 OIDCR-5-03 not JSON", Some("<html>"), 400),
        ("OIDCR-5-03 unreachable, which the client cannot correct", None, 503),
    ];
    for (name, document, status) in rows {
        let (server, asked) = pairwise(document).await;
        let reply = server.post(&sector(&[one, two])).await;
        match status {
            201 => assert_eq!(reply.status, 201, "{name}: {}", reply.text()),
            400 => assert_refused(name, &reply, 400, Some(METADATA), Challenge::None),
            _ => assert_refused(name, &reply, status, Some("temporarily_unavailable"), Challenge::None),
        }
        assert_eq!((server.count().await, asked.load(Ordering::SeqCst)), (u64::from(status == 201), 1), "{name}");
    }
    let (server, _) = pairwise(None).await;
    let hosts = json!({ "redirect_uris": [one, two], "subject_type": "pairwise" });
    assert_refused("E-050 OIDCC-8.1-01", &server.post(&hosts).await, 400, Some(METADATA), Challenge::None);
    let host = json!({ "redirect_uris": [one, "https://app.example.com/2"], "subject_type": "pairwise" });
    assert_eq!(server.post(&host).await.json()["subject_type"], "pairwise", "OIDCR-2-26");
}

#[tokio::test]
async fn a_sector_is_read_again_when_an_update_depends_on_it() {
    let (server, asked) = pairwise(Some(r#"["https://app.example.com/cb"]"#)).await;
    let client = Registered::of(&server.post(&sector(&["https://app.example.com/cb"])).await);
    let reply = server.put(&client, &sector(&["https://app.example.com/cb", "https://b.example/cb"])).await;
    assert_refused("E-086 OIDCR-5-02", &reply, 400, Some(METADATA), Challenge::None);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert_eq!(server.get(&client).await.json(), client.document);
    assert_eq!(asked.load(Ordering::SeqCst), 2, "a read fetches nothing");
}

/// The sector of a decoupled client also lists where it shows itself.
#[tokio::test]
async fn the_sector_of_a_decoupled_client_lists_its_keys_or_its_endpoint() {
    let grants = ["authorization_code", "urn:openid:params:grant-type:ciba"];
    let listed = r#"["https://app.example.com/cb","https://app.example.com/keys","https://app.example.com/notify"]"#;
    let poll = |members: Value| {
        let mut document = sector(&["https://app.example.com/cb"]);
        document["grant_types"] = json!(grants);
        document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        document
    };
    let mode = |mode: &str, notify: &str| json!({ "backchannel_token_delivery_mode": mode, "backchannel_client_notification_endpoint": notify });
    let rows = [
        ("CIBA-4-06", poll(json!({ "backchannel_token_delivery_mode": "poll", "jwks_uri": KEYS })), true),
        ("CIBA-4-06 no jwks_uri", poll(json!({ "backchannel_token_delivery_mode": "poll" })), false),
        (
            "CIBA-4-06 keys elsewhere",
            poll(json!({ "backchannel_token_delivery_mode": "poll", "jwks_uri": "https://b.example/keys" })),
            false,
        ),
        ("CIBA-4-07", poll(mode("push", "https://app.example.com/notify")), true),
        ("CIBA-4-07 elsewhere", poll(mode("push", "https://b.example/notify")), false),
    ];
    for (name, document, accepted) in rows {
        let (server, _) = pairwise(Some(listed)).await;
        let reply = server.post(&document).await;
        match accepted {
            true => assert_eq!(reply.status, 201, "{name}: {}", reply.text()),
            false => assert_refused(name, &reply, 400, Some(METADATA), Challenge::None),
        }
    }
}

/// A client stays of the kind that it was registered as, where the operator wants that.
#[tokio::test]
async fn a_policy_may_keep_a_client_public_or_confidential() {
    let is_public = |method: Option<&TokenEndpointAuthMethod>| method == Some(&TokenEndpointAuthMethod::None);
    let policy = move |review: &Review<'_>| {
        let asked = is_public(review.metadata().token_endpoint_auth_method.as_ref());
        let was = review.registered().map(|client| is_public(client.metadata().token_endpoint_auth_method.as_ref()));
        match was.is_none_or(|was| was == asked) {
            true => Verdict::accept(),
            false => Verdict::refuse(Refusal::new("X1", "the client type stays").at("/token_endpoint_auth_method")),
        }
    };
    let server = Server::start(Access::Open, |builder| builder.with_policy(policy)).await;
    let method = |method: &str| minimal_and(json!({ "token_endpoint_auth_method": method }));
    for (registered, other) in [("none", "client_secret_basic"), ("client_secret_post", "none")] {
        let client = server.register(&method(registered)).await;
        let reply = server.put(&client, &method(other)).await;
        assert_refused("OA21-2.1-01", &reply, 400, Some(METADATA), Challenge::None);
        assert_eq!(server.put(&client, &method(registered)).await.status, 200, "OA21-2.1-01 {registered}");
    }
}
