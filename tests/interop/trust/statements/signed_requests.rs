//! Requests that are one signed token, as open banking ecosystems send them.

use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::get as page;
use http::Method;
use serde_json::{Value, json};
use tower_dcr::Registry;
use tower_dcr::metadata::{Extension, GrantType, ResponseType};
use tower_dcr::software_statement::SoftwareStatements;
use tower_dcr::store::MemoryStore;

use crate::common::clock::FakeClock;
use crate::trust::document_server::Site;
use crate::trust::endpoint::{Reply, get, managing, minimal_and, post, posting, send};
use crate::trust::signer::{Signer, encode, hs256, tamper};
use crate::trust::statements::{DIRECTORY, builder, claims, trusting};

const NOW: u64 = FakeClock::START;

/// A directory, a piece of software with keys of its own, and the site that publishes them.
struct Ecosystem {
    directory: Signer,
    software: Signer,
    site: Site,
}

impl Ecosystem {
    async fn new() -> Self {
        let software = Signer::es256("software");
        let keys = software.jwks();
        let jwks = page(move || async move { ([("content-type", "application/json")], keys).into_response() });
        let site = Site::start(Router::new().route("/software/jwks", jwks)).await;
        Self { directory: Signer::es256("directory"), software, site }
    }

    fn statements(&self) -> SoftwareStatements {
        trusting(&self.directory).with_signed_requests(true)
    }

    fn registry(&self, statements: SoftwareStatements) -> Registry {
        let builder = builder(statements).with_document_fetcher(self.site.fetcher().build().unwrap());
        builder.build(MemoryStore::new()).unwrap()
    }

    /// A statement with the `jwks_uri` of the software.
    fn statement(&self) -> String {
        let keys = self.site.url("/software/jwks");
        self.directory.sign(&claims(json!({ "software_jwks_endpoint": keys, "software_client_name": "App" })))
    }

    /// A request of the software with these claims on top.
    fn request(&self, more: Value) -> Value {
        let mut request = minimal_and(json!({
            "iss": "app", "aud": "https://id.example.com", "iat": NOW, "exp": NOW + 300,
            "software_statement": self.statement(),
        }));
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    }
}

async fn post_jwt(registry: &Registry, token: &str) -> Reply {
    send(registry, posting("application/jwt", token.to_owned())).await
}

#[tokio::test]
async fn the_request_of_an_open_banking_client_registers_it() {
    let ecosystem = Ecosystem::new().await;
    let payload: Value = serde_json::from_str(include_str!("../../../data/payloads/open-banking-uk-tpp.json")).unwrap();
    let mut request = payload["request"]["body_jwt_claims"].clone();
    for (claim, value) in [
        ("iss", json!("app")),
        ("software_id", json!("app")),
        ("aud", json!("https://id.example.com")),
        ("iat", json!(NOW)),
        ("exp", json!(NOW + 300)),
        ("jti", json!("6d3c0a3c-5d55-4f7b-8f3e-8a6f0b0d7a11")),
        ("tls_client_auth_subject_dn", json!("CN=app,OU=acme,O=OpenBanking,C=GB")),
        ("software_statement", json!(ecosystem.statement())),
    ] {
        request[claim] = value;
    }
    let statements = ecosystem.statements().with_single_use(false).with_required(true);
    let builder = builder(statements).with_document_fetcher(ecosystem.site.fetcher().build().unwrap());
    let builder = builder.with_extensions(Extension::MutualTls).with_response_types([ResponseType::CodeIdToken]);
    let grants =
        [GrantType::AuthorizationCode, GrantType::Implicit, GrantType::RefreshToken, GrantType::ClientCredentials];
    let registry = builder.with_grant_types(grants).build(MemoryStore::new()).unwrap();
    request["grant_types"].as_array_mut().unwrap().push("implicit".into());

    let reply = post_jwt(&registry, &ecosystem.software.sign(&request)).await;
    assert_eq!(reply.status, 201, "{}", reply.document);
    for member in ["redirect_uris", "token_endpoint_auth_method", "tls_client_auth_subject_dn", "grant_types"] {
        assert_eq!(reply.document[member], request[member], "{member}");
    }
    for member in ["response_types", "scope", "software_id", "software_statement", "request_object_signing_alg"] {
        assert_eq!(reply.document[member], request[member], "{member}");
    }
    assert_eq!(reply.document.get("iss"), None);
    assert_eq!(reply.document.get("client_secret"), None);
}

#[tokio::test]
async fn unless_it_is_switched_on_a_signed_request_is_of_an_unsupported_type() {
    let ecosystem = Ecosystem::new().await;
    let token = ecosystem.software.sign(&ecosystem.request(json!({})));
    let off = ecosystem.registry(trusting(&ecosystem.directory));
    let reply = post_jwt(&off, &token).await;
    assert_eq!(reply.refusal(), (415, Some("invalid_client_metadata")));
    assert_eq!(reply.headers.get_all("accept").iter().collect::<Vec<_>>(), ["application/json"]);

    let on = ecosystem.registry(ecosystem.statements());
    let reply = send(&on, posting("text/plain", token)).await;
    assert_eq!(reply.status, 415);
    assert_eq!(reply.headers.get_all("accept").iter().collect::<Vec<_>>(), ["application/json", "application/jwt"]);
    assert_eq!(post(&on, &minimal_and(json!({}))).await.status, 201, "JSON is still accepted");
}

#[tokio::test]
async fn every_request_has_its_verdict() {
    const MALFORMED: Option<&str> = Some("invalid_client_metadata");
    const INVALID: Option<&str> = Some("invalid_software_statement");
    const UNAPPROVED: Option<&str> = Some("unapproved_software_statement");
    let ecosystem = Ecosystem::new().await;
    let Ecosystem { directory, software, site } = &ecosystem;
    let registry = ecosystem.registry(ecosystem.statements());
    let request = |more: Value| software.sign(&ecosystem.request(more));
    let about = |more: Value| request(json!({ "software_statement": directory.sign(&claims(more)) }));
    let good = request(json!({}));
    let public = serde_json::to_vec(&software.jwk).unwrap();
    let inline: Value = serde_json::from_str(&software.jwks()).unwrap();
    let without = |name: &str| {
        let mut request = ecosystem.request(json!({}));
        request.as_object_mut().unwrap().remove(name);
        request
    };
    let mut by_directory = without("software_statement");
    by_directory["iss"] = DIRECTORY.into();
    let rows: Vec<(&str, String, Option<&str>)> = vec![
        ("signed by the software", good.clone(), None),
        ("keys in the statement", about(json!({ "jwks": inline })), None),
        ("keys at jwks_uri", about(json!({ "jwks_uri": site.url("/software/jwks") })), None),
        ("signed by the directory itself", directory.sign(&by_directory), None),
        ("for everybody", software.sign(&without("aud")), None),
        ("without a time", software.sign(&without("exp")), None),
        ("nothing", String::new(), MALFORMED),
        ("JSON", minimal_and(json!({})).to_string(), MALFORMED),
        ("tampered", tamper(&good, 1), MALFORMED),
        ("without a signature", format!("{}.e30.", encode(br#"{"alg":"none"}"#)), MALFORMED),
        ("HMAC with the public key", hs256(&public, "software", &ecosystem.request(json!({}))), MALFORMED),
        ("signed by a stranger", Signer::es256("software").sign(&ecosystem.request(json!({}))), MALFORMED),
        ("signed by the directory for the software", directory.sign(&ecosystem.request(json!({}))), MALFORMED),
        ("in the name of other software", request(json!({ "iss": "tool" })), MALFORMED),
        ("without an issuer", software.sign(&without("iss")), MALFORMED),
        ("expired", request(json!({ "exp": NOW - 30 })), MALFORMED),
        ("for another server", request(json!({ "aud": "https://other.example" })), MALFORMED),
        ("without a software statement", software.sign(&without("software_statement")), MALFORMED),
        (
            "a claim twice",
            software.sign_texts(r#"{"alg":"ES256","kid":"software"}"#, r#"{"iss":"app","iss":"app"}"#),
            MALFORMED,
        ),
        ("a forged statement", request(json!({ "software_statement": tamper(&ecosystem.statement(), 1) })), INVALID),
        ("a statement without keys", about(json!({})), INVALID),
        ("a statement without software", about(json!({ "software_id": null, "jwks": inline })), MALFORMED),
        ("keys inside the network", about(json!({ "jwks_uri": "https://10.0.0.1/jwks" })), INVALID),
        ("a set without keys", about(json!({ "jwks": { "keys": [] } })), INVALID),
        ("a statement of an unknown issuer", about(json!({ "iss": "https://evil.example" })), UNAPPROVED),
        ("a value that breaks a rule", request(json!({ "logo_uri": "javascript:" })), MALFORMED),
        (
            "a redirect URI that breaks a rule",
            request(json!({ "redirect_uris": ["http://a.example/"] })),
            Some("invalid_redirect_uri"),
        ),
    ];
    for (name, token, refusal) in rows {
        let before = registry.count().await.unwrap();
        let reply = post_jwt(&registry, &token).await;
        assert_eq!(registry.count().await.unwrap() - before, u64::from(refusal.is_none()), "{name}: clients stored");
        match refusal {
            None => assert_eq!(reply.status, 201, "{name}: {}", reply.document),
            Some(_) => assert_eq!(reply.refusal(), (400, refusal), "{name}: {}", reply.document),
        }
    }
    let requests = site.requests();
    let missing = about(json!({ "jwks_uri": site.url("/missing") }));
    assert_eq!(post_jwt(&registry, &missing).await.refusal(), (503, Some("temporarily_unavailable")));
    assert_eq!(site.requests(), requests + 1);
}

#[tokio::test]
async fn a_request_is_counted_once_where_this_is_configured() {
    let ecosystem = Ecosystem::new().await;
    let registry = ecosystem.registry(ecosystem.statements().with_single_use(true));
    let statement = |jti: &str| {
        let keys = ecosystem.site.url("/software/jwks");
        ecosystem.directory.sign(&claims(json!({ "jwks_uri": keys, "jti": jti, "exp": NOW + 60 })))
    };
    let request = |jti: &str, statement: String| {
        ecosystem.software.sign(&ecosystem.request(json!({ "jti": jti, "software_statement": statement })))
    };
    let first = request("a", statement("1"));
    assert_eq!(post_jwt(&registry, &first).await.status, 201);
    assert_eq!(post_jwt(&registry, &first).await.status, 400, "replayed");
    assert_eq!(post_jwt(&registry, &request("a", statement("2"))).await.status, 400, "another statement");
    assert_eq!(post_jwt(&registry, &request("b", statement("1"))).await.status, 400, "another request");
    assert_eq!(post_jwt(&registry, &request("c", statement("3"))).await.status, 201);
    let without = ecosystem.software.sign(&ecosystem.request(json!({ "software_statement": statement("4") })));
    assert_eq!(post_jwt(&registry, &without).await.status, 400, "no jti");
}

#[tokio::test]
async fn an_update_may_be_signed_too() {
    let ecosystem = Ecosystem::new().await;
    let registry = ecosystem.registry(ecosystem.statements());
    let registered = post_jwt(&registry, &ecosystem.software.sign(&ecosystem.request(json!({})))).await;
    assert_eq!(registered.status, 201, "{}", registered.document);
    let update = |more: Value| {
        let mut request = managing(Method::PUT, &registered, ecosystem.software.sign(&ecosystem.request(more)));
        request.headers_mut().insert("content-type", "application/jwt".parse().unwrap());
        request
    };
    let reply = send(&registry, update(json!({ "client_name": "New" }))).await;
    assert_eq!((reply.status, &reply.document["client_name"]), (200, &json!("New")));
    let reply = send(&registry, update(json!({ "client_id": "another" }))).await;
    assert_eq!((reply.refusal(), reply.pointer()), ((400, Some("invalid_client_metadata")), Some("/client_id")));
    assert_eq!(get(&registry, &registered).await.document["client_name"], "New");
}
