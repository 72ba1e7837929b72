//! Software statements under real keys.

mod policies;
mod signed_requests;
mod single_use;

use http::Method;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tower_dcr::access::TokenOptions;
use tower_dcr::jwt::{Issuer, Keys};
use tower_dcr::metadata::{ClientMetadata, SigningAlgorithm};
use tower_dcr::policy::{Refusal, Review, Verdict};
use tower_dcr::software_statement::{Approval, SoftwareStatements, Statement};
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, Registry, RegistryBuilder};

use crate::common::clock::FakeClock;
use crate::trust::document_server::Site;
use crate::trust::endpoint::{Reply, get, minimal_and, post, put};
use crate::trust::signer::{Signer, encode, hs256, tamper};

pub(crate) const DIRECTORY: &str = "https://directory.example";
pub(crate) const NOW: u64 = FakeClock::START;

/// Trusts this key for the directory.
pub(crate) fn trusting(signer: &Signer) -> SoftwareStatements {
    trusting_keys(Keys::from_jwks(&signer.jwks()).unwrap())
}

pub(crate) fn trusting_keys(keys: Keys) -> SoftwareStatements {
    let algorithms = [SigningAlgorithm::Es256, SigningAlgorithm::Ps256, SigningAlgorithm::EdDsa];
    SoftwareStatements::new().with_issuer(Issuer::new(DIRECTORY, algorithms, keys).unwrap())
}

pub(crate) fn builder(statements: SoftwareStatements) -> RegistryBuilder {
    let builder = Registry::builder("https://id.example.com", Access::Open);
    builder.with_clock(FakeClock::new()).with_software_statements(statements)
}

pub(crate) fn registry(statements: SoftwareStatements) -> Registry {
    builder(statements).build(MemoryStore::new()).unwrap()
}

/// Claims of the directory, with these on top.
pub(crate) fn claims(more: Value) -> Value {
    let mut claims = json!({ "iss": DIRECTORY, "software_id": "app" });
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    claims
}

pub(crate) fn with(statement: &str) -> Value {
    minimal_and(json!({ "software_statement": statement }))
}

pub(crate) async fn count(registry: &Registry) -> u64 {
    registry.count().await.unwrap()
}

pub(crate) const INVALID: Option<&str> = Some("invalid_software_statement");
const UNAPPROVED: Option<&str> = Some("unapproved_software_statement");

/// A refusal of a statement, with everything that belongs to one.
#[track_caller]
pub(crate) fn assert_refused(name: &str, reply: &Reply, code: Option<&str>) {
    assert_eq!(reply.refusal(), (400, code), "{name}: {}", reply.document);
    assert_eq!(reply.pointer(), Some("/software_statement"), "{name}: {}", reply.document);
    assert_eq!(reply.document["violations"][0]["rule"], "M19", "{name}");
    assert_eq!(reply.header("content-type"), Some("application/json"), "{name}");
    assert_eq!(reply.header("www-authenticate"), None, "{name}");
}

/// A name, a statement, and the error code of its refusal.
type Row = (&'static str, String, Option<&'static str>);

/// A registry that trusts the directory, which has three keys, and a second issuer.
struct Issuers {
    ec: Signer,
    ed: Signer,
    rsa: Signer,
    /// The key of the second issuer, with the name of a key of the directory.
    other: Signer,
    stranger: Signer,
    registry: Registry,
}

impl Issuers {
    fn new() -> Self {
        let (ec, ed, rsa) = (Signer::es256("ec"), Signer::ed25519("ed"), Signer::rsa(Algorithm::PS256));
        let (other, stranger) = (Signer::es256("ec"), Signer::es256("nobody"));
        let keys = json!({ "keys": [ec.jwk, ed.jwk, rsa.jwk] }).to_string();
        let statements = trusting_keys(Keys::from_jwks(&keys).unwrap()).with_audience("our-name");
        let keys = Keys::from_jwks(&other.jwks()).unwrap();
        let second = Issuer::new("https://second.example", [SigningAlgorithm::Es256], keys).unwrap();
        let registry = registry(statements.with_issuer(second.with_required_claims(["org_id"])));
        Self { ec, ed, rsa, other, stranger, registry }
    }

    fn plain(&self) -> String {
        self.signed(json!({}))
    }

    fn signed(&self, more: Value) -> String {
        self.ec.sign(&claims(more))
    }

    fn headed(&self, header: &str) -> String {
        self.ec.sign_texts(header, &claims(json!({})).to_string())
    }

    fn said(&self, claims: &str) -> String {
        self.ec.sign_texts(r#"{"alg":"ES256","kid":"ec"}"#, claims)
    }

    fn of_second(&self, signer: &Signer, more: Value) -> String {
        let mut claims = claims(more);
        claims["iss"] = "https://second.example".into();
        signer.sign(&claims)
    }

    fn accepted(&self) -> Vec<Row> {
        vec![
            ("ES256", self.plain(), None),
            ("EdDSA", self.ed.sign(&claims(json!({}))), None),
            ("PS256", self.rsa.sign(&claims(json!({}))), None),
            ("without a key identifier", self.headed(r#"{"alg":"ES256"}"#), None),
            ("expires later", self.signed(json!({ "exp": NOW + 60, "nbf": NOW - 60, "iat": NOW - 60 })), None),
            ("for the server", self.signed(json!({ "aud": "https://id.example.com" })), None),
            (
                "for the endpoint and others",
                self.signed(json!({ "aud": ["x", "https://id.example.com/oidc/register"] })),
                None,
            ),
            ("for our other name", self.signed(json!({ "aud": "our-name" })), None),
            ("of the second issuer", self.of_second(&self.other, json!({ "org_id": "acme" })), None),
        ]
    }

    fn refused(&self) -> Vec<Row> {
        let plain = self.plain();
        let rs256 = Signer::rsa(Algorithm::RS256);
        let public = serde_json::to_vec(&self.ec.jwk).unwrap();
        vec![
            ("E-059 no token", "hello".to_owned(), INVALID),
            ("two parts", self.plain().rsplit_once('.').unwrap().0.to_owned(), INVALID),
            ("JSON serialization", r#"{"payload":"e30","signature":"c2ln"}"#.to_owned(), INVALID),
            ("tampered header", tamper(&plain, 0), INVALID),
            ("E-059 tampered claims", tamper(&plain, 1), INVALID),
            ("tampered signature", tamper(&plain, 2), INVALID),
            ("padded", format!("{}=", self.plain()), INVALID),
            ("no algorithm", format!("{}.{}.c2ln", encode(br#"{"alg":"none"}"#), encode(b"{}")), INVALID),
            ("no signature", format!("{}.{}.", encode(br#"{"alg":"none"}"#), encode(b"{}")), INVALID),
            ("HMAC with the public key", hs256(&public, "ec", &claims(json!({}))), INVALID),
            ("an algorithm that the issuer does not use", rs256.sign(&claims(json!({}))), INVALID),
            ("an algorithm of another key", self.headed(r#"{"alg":"EdDSA","kid":"ec"}"#), INVALID),
            ("the name of another key", self.headed(r#"{"alg":"ES256","kid":"ed"}"#), INVALID),
            ("an unknown key", self.headed(r#"{"alg":"ES256","kid":"nobody"}"#), INVALID),
            ("a key that only has the same name", self.other.sign(&claims(json!({}))), INVALID),
            (
                "a key of its own",
                self.stranger.sign_texts(
                    &json!({ "alg": "ES256", "jwk": self.stranger.jwk }).to_string(),
                    &claims(json!({})).to_string(),
                ),
                INVALID,
            ),
            ("a critical header", self.headed(r#"{"alg":"ES256","kid":"ec","crit":["x"],"x":1}"#), INVALID),
            ("two algorithms", self.headed(r#"{"alg":"ES256","alg":"ES256"}"#), INVALID),
            ("signed by another issuer", self.of_second(&self.ec, json!({ "org_id": "acme" })), INVALID),
            ("without a required claim", self.of_second(&self.other, json!({})), INVALID),
            ("no issuer", self.ec.sign(&json!({ "software_id": "app" })), INVALID),
            ("an issuer that is no text", self.signed(json!({ "iss": [DIRECTORY] })), INVALID),
            ("E-059 expired", self.signed(json!({ "exp": NOW - 30 })), INVALID),
            ("not yet valid", self.signed(json!({ "nbf": NOW + 31 })), INVALID),
            ("from the future", self.signed(json!({ "iat": NOW + 31 })), INVALID),
            ("a time that is no number", self.signed(json!({ "exp": "never" })), INVALID),
            ("for another server", self.signed(json!({ "aud": "https://other.example" })), INVALID),
            ("without an audience", self.signed(json!({ "aud": [] })), INVALID),
            ("claims are an array", self.said("[]"), INVALID),
            (
                "a claim twice",
                self.said(&format!(r#"{{"iss":"{DIRECTORY}","client_name":"A","client_name":"B"}}"#)),
                INVALID,
            ),
            ("E-060 an unknown issuer", self.signed(json!({ "iss": "https://evil.example" })), UNAPPROVED),
            ("nearly the issuer", self.signed(json!({ "iss": format!("{DIRECTORY}/") })), UNAPPROVED),
        ]
    }

    async fn assert_verdict(&self, (name, statement, refusal): Row) {
        let before = count(&self.registry).await;
        let reply = post(&self.registry, &with(&statement)).await;
        assert_eq!(count(&self.registry).await - before, u64::from(refusal.is_none()), "{name}: clients stored");
        if refusal.is_some() {
            assert_refused(name, &reply, refusal);
            assert!(statement.len() < 12 || !reply.document.to_string().contains(&statement), "{name}: came back");
            return;
        }
        assert_eq!(reply.status, 201, "{name}: {}", reply.document);
        assert_eq!(reply.document["software_statement"], statement.as_str(), "{name}: byte for byte");
        assert_eq!(reply.document["software_id"], "app", "{name}");
    }
}

#[tokio::test]
async fn every_statement_has_its_verdict() {
    let issuers = Issuers::new();
    for row in issuers.accepted().into_iter().chain(issuers.refused()) {
        issuers.assert_verdict(row).await;
    }
    for value in [json!({}), json!(7), json!(["a.b.c"]), json!(true)] {
        let reply = post(&issuers.registry, &minimal_and(json!({ "software_statement": value }))).await;
        assert_eq!((reply.refusal(), reply.pointer()), ((400, INVALID), Some("/software_statement")), "{value}");
    }
    let long = issuers.signed(json!({ "padding": "a".repeat(12_300) }));
    let reply = post(&issuers.registry, &with(&long)).await;
    assert_eq!((reply.refusal(), reply.pointer()), ((400, INVALID), Some("/software_statement")), "too long");
    let nearly = issuers.signed(json!({ "padding": "a".repeat(12_000) }));
    assert_eq!(post(&issuers.registry, &with(&nearly)).await.status, 201, "long");
}

#[tokio::test]
async fn claims_win_and_everything_else_is_what_the_client_says() {
    let signer = Signer::es256("ec");
    let registry = registry(trusting(&signer));
    let statement = signer.sign(&claims(json!({
        "client_name": "Bank", "redirect_uris": ["https://bank.example/cb"], "client_uri#de": "https://bank.example/de",
        "client_id": "chosen", "client_secret": "chosen", "registration_access_token": "chosen", "contacts": null,
        "software_statement": "inner", "unknown": { "a": 1 },
    })));
    let document = json!({
        "redirect_uris": ["https://evil.example/cb"], "client_name": "Evil", "client_name#fr": "Mal", "scope": "openid",
        "client_uri": "https://evil.example/", "contacts": ["a@example.com"], "software_id": "other",
        "software_statement": statement,
    });
    let reply = post(&registry, &document).await;
    assert_eq!(reply.status, 201, "{}", reply.document);
    let read = get(&registry, &reply).await;
    for (name, reply) in [("registered", &reply), ("read", &read)] {
        assert_eq!(reply.document["client_name"], "Bank", "{name}");
        assert_eq!(reply.document.get("client_name#fr"), None, "{name}: the whole member is the issuer's");
        assert_eq!(reply.document["redirect_uris"], json!(["https://bank.example/cb"]), "{name}");
        assert_eq!(reply.document["client_uri#de"], "https://bank.example/de", "{name}");
        assert_eq!(reply.document.get("client_uri"), None, "{name}");
        assert_eq!(reply.document["scope"], "openid", "{name}");
        assert_eq!(reply.document["contacts"], json!(["a@example.com"]), "{name}: null says nothing");
        assert_eq!(reply.document["software_id"], "app", "{name}");
        assert_eq!(reply.document["software_statement"], statement.as_str(), "{name}: byte for byte");
        assert_ne!(reply.document["client_id"], "chosen", "{name}");
        assert_ne!(reply.document["client_secret"], "chosen", "{name}");
        for member in ["unknown", "iss"] {
            assert_eq!(reply.document.get(member), None, "{name}: {member}");
        }
    }
}

#[tokio::test]
async fn claims_pass_the_rules_of_every_other_member() {
    let signer = Signer::es256("ec");
    let registry = registry(trusting(&signer));
    let rows = [
        (json!({ "redirect_uris": ["javascript:alert(1)"] }), "invalid_redirect_uri", "/redirect_uris/0"),
        (json!({ "redirect_uris": "https://app.example.com/cb" }), "invalid_redirect_uri", "/redirect_uris"),
        (json!({ "client_name": "a\u{202e}b" }), "invalid_client_metadata", "/client_name"),
        (json!({ "jwks_uri": "https://169.254.169.254/" }), "invalid_client_metadata", "/jwks_uri"),
        (json!({ "grant_types": ["password"] }), "invalid_client_metadata", "/grant_types"),
        (json!({ "token_endpoint_auth_method": 7 }), "invalid_client_metadata", "/token_endpoint_auth_method"),
    ];
    for (more, code, pointer) in rows {
        let reply = post(&registry, &with(&signer.sign(&claims(more.clone())))).await;
        assert_eq!(
            (reply.refusal(), reply.pointer()),
            ((400, Some(code)), Some(pointer)),
            "E-062 {more}: {}",
            reply.document
        );
    }
    assert_eq!(count(&registry).await, 0);
}

#[tokio::test]
async fn an_issuer_may_sign_with_rs256() {
    let signer = Signer::rsa(Algorithm::RS256);
    let keys = Keys::from_jwks(&signer.jwks()).unwrap();
    let issuer = Issuer::new(DIRECTORY, [SigningAlgorithm::Rs256], keys).unwrap();
    let registry = registry(SoftwareStatements::new().with_issuer(issuer));
    assert_eq!(post(&registry, &with(&signer.sign(&claims(json!({}))))).await.status, 201);
    let pss = Signer::rsa(Algorithm::PS256).sign(&claims(json!({})));
    assert_refused("another algorithm", &post(&registry, &with(&pss)).await, INVALID);
}

#[tokio::test]
async fn a_policy_sees_the_claims_in_their_place() {
    let signer = Signer::es256("ec");
    let vouched = |review: &Review<'_>| match Statement::of(review.metadata()) {
        Some(statement) if statement.text("client_name") == Some("Bank") => Verdict::accept(),
        _ => Verdict::refuse(Refusal::new("ACME-1", "nobody vouches for the name").at("/client_name")),
    };
    let registry = builder(trusting(&signer)).with_policy(vouched).build(MemoryStore::new()).unwrap();
    let statement = |name: &str| with(&signer.sign(&claims(json!({ "client_name": name }))));
    assert_eq!(post(&registry, &statement("Bank")).await.status, 201);
    assert_eq!(post(&registry, &statement("Evil")).await.pointer(), Some("/client_name"));
    assert_eq!(post(&registry, &minimal_and(json!({ "client_name": "Bank" }))).await.status, 400);
}

#[tokio::test]
async fn a_statement_can_be_required_of_everybody_but_the_application() {
    let signer = Signer::es256("ec");
    let registry = registry(trusting(&signer).with_required(true));
    assert_refused("E-061 without", &post(&registry, &minimal_and(json!({}))).await, INVALID);
    assert_refused("E-061 empty", &post(&registry, &with("")).await, INVALID);
    assert_eq!(count(&registry).await, 0);
    assert_eq!(post(&registry, &with(&signer.sign(&claims(json!({}))))).await.status, 201);

    let mut metadata = ClientMetadata::new();
    metadata.redirect_uris = vec!["https://app.example.com/cb".to_owned()];
    assert!(registry.register(metadata.clone()).await.is_ok());
    metadata.software_statement = Some("hello".to_owned());
    assert_eq!(registry.register(metadata).await.unwrap_err().code().unwrap().as_str(), "invalid_software_statement");
}

#[tokio::test]
async fn the_operator_has_the_last_word() {
    /// Needs an answer of another system.
    struct Register(Vec<&'static str>);

    impl Approval for Register {
        async fn approves(&self, statement: &Statement) -> bool {
            tokio::task::yield_now().await;
            statement.issuer() == Some(DIRECTORY) && self.0.iter().any(|id| statement.software_id() == Some(id))
        }
    }

    let signer = Signer::es256("ec");
    let registry = registry(trusting(&signer).with_approval(Register(vec!["app", "tool"])));
    for (id, approved) in [("app", true), ("tool", true), ("withdrawn", false)] {
        let reply = post(&registry, &with(&signer.sign(&claims(json!({ "software_id": id }))))).await;
        match approved {
            true => assert_eq!(reply.status, 201, "{id}"),
            false => assert_refused(id, &reply, UNAPPROVED),
        }
    }
    let forged = Signer::es256("ec").sign(&claims(json!({ "software_id": "withdrawn" })));
    assert_refused("a forged one is not even looked at", &post(&registry, &with(&forged)).await, INVALID);
}

#[tokio::test]
async fn what_a_statement_said_stays_true() {
    let signer = Signer::es256("ec");
    let clock = FakeClock::new();
    let builder = builder(trusting(&signer)).with_clock(clock.clone());
    let registry = builder.build(MemoryStore::new()).unwrap();
    let statement = |more: Value| signer.sign(&claims(more));
    let first = statement(json!({ "client_name": "Bank", "exp": NOW + 60 }));
    let registered = post(&registry, &with(&first)).await;
    assert_eq!(registered.status, 201);

    let own = minimal_and(json!({ "client_name": "Evil" }));
    assert_refused("without", &put(&registry, &registered, &own).await, INVALID);
    let mut both = own.clone();
    both["software_statement"] = first.clone().into();
    let reply = put(&registry, &registered, &both).await;
    assert_eq!((reply.status, &reply.document["client_name"]), (200, &json!("Bank")));

    clock.advance(std::time::Duration::from_secs(120));
    let rows = [
        ("E-088 expired meanwhile", first.clone(), INVALID),
        ("forged", Signer::es256("ec").sign(&claims(json!({}))), INVALID),
        ("E-088 of an unknown issuer", statement(json!({ "iss": "https://evil.example" })), UNAPPROVED),
        ("about other software", statement(json!({ "software_id": "tool" })), UNAPPROVED),
        ("about no software", signer.sign(&json!({ "iss": DIRECTORY })), UNAPPROVED),
    ];
    for (name, statement, code) in rows {
        assert_refused(name, &put(&registry, &registered, &with(&statement)).await, code);
        assert_eq!(get(&registry, &registered).await.document["client_name"], "Bank", "{name}: nothing changed");
    }
    let renewed = statement(json!({ "client_name": "New Bank", "exp": NOW + 600 }));
    let reply = put(&registry, &registered, &with(&renewed)).await;
    assert_eq!((reply.status, &reply.document["client_name"]), (200, &json!("New Bank")));
    assert_eq!(reply.document["software_statement"], renewed.as_str());
}

#[tokio::test]
async fn a_client_without_a_statement_may_get_one() {
    let signer = Signer::es256("ec");
    let registry = registry(trusting(&signer));
    let registered = post(&registry, &minimal_and(json!({}))).await;
    let statement = signer.sign(&claims(json!({ "client_name": "Bank" })));
    let reply = put(&registry, &registered, &with(&statement)).await;
    assert_eq!((reply.status, &reply.document["client_name"]), (200, &json!("Bank")));
    assert_refused("and keeps it", &put(&registry, &registered, &minimal_and(json!({}))).await, INVALID);
}

#[tokio::test]
async fn without_verification_a_statement_is_ignored_wherever_it_comes_from() {
    let builder = Registry::builder("https://id.example.com", Access::Open);
    let registry = builder.build(MemoryStore::new()).unwrap();
    let reply = post(&registry, &with("hello")).await;
    assert_eq!((reply.status, reply.document.get("software_statement")), (201, None));
    let mut metadata = ClientMetadata::new();
    metadata.redirect_uris = vec!["https://app.example.com/cb".to_owned()];
    metadata.software_statement = Some("hello".to_owned());
    let registered = registry.register(metadata).await.unwrap();
    assert_eq!(registered.client().metadata().software_statement, None);
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_are_an_outage_and_nothing_else_is_fetched() {
    let site = Site::start(axum::Router::new()).await;
    let signer = Signer::es256("ec");
    let keys = Keys::published(site.url("/jwks"), site.fetcher().build().unwrap()).unwrap();
    let registry = registry(trusting_keys(keys));
    let elsewhere =
        json!({ "alg": "ES256", "kid": "ec", "jku": site.url("/mine"), "x5u": site.url("/mine") }).to_string();
    let statement = signer.sign_texts(&elsewhere, &claims(json!({})).to_string());
    let reply = post(&registry, &with(&statement)).await;
    assert_eq!(reply.refusal(), (503, Some("temporarily_unavailable")));
    assert!(reply.header("retry-after").is_some());
    assert_eq!((count(&registry).await, site.requests()), (0, 1), "the published keys, and no other ones");
}

#[tokio::test]
async fn a_statement_stands_behind_access_control() {
    let signer = Signer::es256("ec");
    let builder = Registry::builder("https://id.example.com", Access::Tokens).with_clock(FakeClock::new());
    let builder = builder.with_software_statements(trusting(&signer).with_required(true));
    let registry = builder.build(MemoryStore::new()).unwrap();
    let statement = signer.sign(&claims(json!({})));
    assert_eq!(post(&registry, &with(&statement)).await.status, 401);
    let (token, _) = registry.issue_initial_access_token(TokenOptions::new().with_uses(1)).await.unwrap();
    let request = |document: &Value| {
        let request = http::Request::builder().method(Method::POST).uri("/oidc/register");
        let request = request.header("content-type", "application/json");
        let request = request.header("authorization", format!("Bearer {}", token.expose()));
        request.body(http_body_util::Full::from(document.to_string())).unwrap()
    };
    let refused = crate::trust::endpoint::send(&registry, request(&with(&tamper(&statement, 1)))).await;
    assert_refused("tampered", &refused, INVALID);
    let accepted = crate::trust::endpoint::send(&registry, request(&with(&statement))).await;
    assert_eq!(accepted.status, 201, "the token was not spent by the refusal: {}", accepted.document);
}

#[tokio::test]
async fn numbers_in_a_statement_are_the_text_that_was_written() {
    let signer = Signer::es256("directory");
    let registry = registry(trusting(&signer).with_approval(|statement: &Statement| statement.software_id().is_some()));
    let said = |members: &str| {
        let claims = format!(r#"{{"iss":"{DIRECTORY}",{members}}}"#);
        with(&signer.sign_texts(r#"{"alg":"ES256","kid":"directory"}"#, &claims))
    };
    let first = post(&registry, &said(r#""software_id":42,"software_version":1.10"#)).await;
    assert_eq!(first.status, 201, "{}", first.document);
    assert_eq!(first.document["software_id"], "42");
    assert_eq!(first.document["software_version"], "1.10", "and not 1.1");
    let other = put(&registry, &first, &said(r#""software_id":43"#)).await;
    assert_eq!(other.refusal(), (400, UNAPPROVED), "a statement about other software: {}", other.document);
    assert_eq!(put(&registry, &first, &said(r#""software_id":42,"software_version":2.0"#)).await.status, 200);

    let reply = post(&registry, &said(r#""software_id":"a","client_name":5"#)).await;
    assert_eq!((reply.status, reply.pointer()), (400, Some("/client_name")), "no other member");
    let mut plain = said(r#""software_id":"a""#);
    plain["software_version"] = 1.into();
    let reply = post(&registry, &plain).await;
    assert_eq!((reply.status, reply.pointer()), (400, Some("/software_version")), "a plain member is no claim");
}
