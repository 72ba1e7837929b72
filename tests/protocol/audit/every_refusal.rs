//! Every refusal is on the trail, once: every row of the table of errors, every kind of error with every operation that
//! can end in it.
//!
//! A row or a kind that is new, and has no case here, fails the test.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Method, Request};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use tower_dcr::access::{Constraints, Decision, Registrant, TokenOptions};
use tower_dcr::audit::{AuditEvent, AuditRecord, AuditSink, Operation, Outcome, Refusal, RefusalRecord};
use tower_dcr::config::{Preconditions, RegistryBuilder};
use tower_dcr::credential::ClientId;
use tower_dcr::management::ManagementOperation;
use tower_dcr::metadata::{ClientMetadata, Extensions, GrantType, SubjectType, TokenEndpointAuthMethod};
use tower_dcr::policy::{self, Review, SameHost, Verdict};
use tower_dcr::store::IdleCutoffs;
use tower_dcr::{Access, BoxError, Client, Profile, RegistrationErrorKind as Kind, Registry, Revoke, Switch};

use crate::fakes::{Always, Fragile};
use crate::refusals::documents::broken_members;
use crate::server::{minimal, minimal_and};

/// Rows of the table that refuse nothing, or that this server never answers with a refusal of its own.
const NOT_REFUSED: [(&str, &str); 12] = [
    ("E-008", "an unused header in open mode is ignored"),
    ("E-010", "there is no DPoP verifier"),
    ("E-032", "null is as if left out"),
    ("E-033", "an unknown member is ignored"),
    ("E-034", "credentials of the client's choice are ignored"),
    ("E-035", "members that only the server sets are ignored"),
    ("E-072", "OPTIONS is answered"),
    ("E-092", "a deletion is answered"),
    ("E-096", "OPTIONS is answered"),
    ("E-097", "HEAD is answered as GET; the rows of GET are asked with HEAD too"),
    ("E-101", "the path belongs to the application"),
    ("E-102", "what is done is no refusal"),
];

/// Rows that need a signing key, or a feature that is off.
#[cfg(feature = "software-statements")]
const NOT_HERE: &[(&str, &str)] = &[
    ("E-061", "every registration needs a statement then; tests/interop/trust/statements signs one"),
    ("E-062", "tests/interop/trust/statements signs one"),
    ("E-070", "see NOT_PROVOKED"),
];
#[cfg(not(feature = "software-statements"))]
const NOT_HERE: &[(&str, &str)] = &[
    ("E-059", "the feature is off"),
    ("E-060", "the feature is off"),
    ("E-061", "the feature is off"),
    ("E-062", "the feature is off"),
    ("E-070", "see NOT_PROVOKED"),
    ("E-088", "the feature is off"),
];

/// Kinds that never reach a registry: the tenant is not known yet (the documented exception), or no random bytes.
const NOT_PROVOKED: [Kind; 2] = [Kind::AmbiguousHost, Kind::Internal];

/// A record, and the kind of the refusal in it.
type Entry = (AuditRecord, Option<Kind>);

/// The records of a trail, with the kind of each refusal.
#[derive(Debug, Clone, Default)]
struct Trail(Arc<Mutex<Vec<Entry>>>);

impl AuditSink for Trail {
    async fn record(&self, event: &AuditEvent<'_>) -> Result<(), BoxError> {
        let kind = match event.refusal() {
            Some(Refusal::Registration(error)) => Some(error.kind()),
            _ => None,
        };
        self.0.lock().unwrap().push((AuditRecord::of(event), kind));
        Ok(())
    }
}

/// What the cases have covered.
#[derive(Debug, Default)]
struct Covered {
    rows: BTreeSet<String>,
    kinds: Vec<(Kind, Operation)>,
}

/// A registry with a client, and its trail.
struct Scene {
    registry: Registry,
    trail: Trail,
    store: Fragile,
    id: ClientId,
    token: String,
}

type Body = UnsyncBoxBody<Bytes, BoxError>;
type Case = Request<Body>;

impl Scene {
    async fn new(access: Access, configure: impl FnOnce(RegistryBuilder) -> RegistryBuilder) -> Self {
        let (trail, store) = (Trail::default(), Fragile::default());
        let builder = Registry::builder("https://id.example.com", access).with_audit(trail.clone());
        let registry = configure(builder).build(store.clone()).unwrap();
        let metadata = ClientMetadata::from_json(minimal().to_string().as_bytes()).unwrap();
        let registered = registry.register(metadata).await.unwrap();
        let token = registered.registration_access_token().unwrap().expose().to_owned();
        let id = registered.client().id().clone();
        Self { registry, trail, store, id, token }
    }

    fn path(&self) -> String {
        format!("/oidc/register/{}", self.id)
    }

    /// A request about the client, under its token.
    fn managing(&self, method: &Method, body: &Value) -> Case {
        let authorization = format!("Bearer {}", self.token);
        let headers = [("authorization", &*authorization), ("content-type", "application/json")];
        request(method, &self.path(), &headers, body.to_string())
    }

    /// Sends a request, and expects exactly this refusal on the trail.
    async fn refuses(&self, covered: &mut Covered, name: &str, operation: Operation, kind: Kind, request: Case) {
        self.trail.0.lock().unwrap().clear();
        let reply = self.registry.clone().into_service().oneshot(request).await.unwrap();
        let status = reply.status().as_u16();
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let code = body["error"].as_str();
        let refusal = self.only_refusal(name, operation, kind);
        assert_eq!(refusal.status, status, "{name}: {body}");
        assert!(code.is_none() || code == refusal.error, "{name}: {code:?} is not {:?}", refusal.error);
        covered.rows.extend(name.split(' ').filter(|word| word.starts_with("E-")).map(str::to_owned));
        covered.kinds.push((kind, operation));
    }
}

impl Scene {
    /// The one refusal that was recorded.
    fn only_refusal(&self, name: &str, operation: Operation, kind: Kind) -> RefusalRecord {
        let mut records = std::mem::take(&mut *self.trail.0.lock().unwrap());
        records.retain(|(record, _)| record.outcome == Outcome::Refused);
        let [(record, found)] = &*records else { panic!("{name}: not one refusal: {records:?}") };
        assert_eq!((record.operation, *found), (operation, Some(kind)), "{name}");
        record.refusal.clone().unwrap()
    }

    /// Calls an operation that must fail, and expects exactly this refusal on the trail.
    async fn calls(&self, covered: &mut Covered, operation: Operation, kind: Kind, failed: impl Future<Output = bool>) {
        self.trail.0.lock().unwrap().clear();
        assert!(failed.await, "{operation}: {kind:?}");
        self.only_refusal(operation.as_str(), operation, kind);
        covered.kinds.push((kind, operation));
    }
}

fn request(method: &Method, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Case {
    let builder = Request::builder().method(method).uri(path);
    let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
    builder.body(Full::new(body.into()).map_err(|never| match never {}).boxed_unsync()).unwrap()
}

const JSON: (&str, &str) = ("content-type", "application/json");

/// A registration with these headers beside the media type.
fn posting(headers: &[(&str, &str)], body: impl Into<Bytes>) -> Case {
    request(&Method::POST, "/oidc/register", &[&[JSON], headers].concat(), body)
}

async fn refused_callers(covered: &mut Covered) {
    let scene = Scene::new(Access::Tokens, |builder| builder).await;
    let (valid, _) = scene.registry.issue_initial_access_token(TokenOptions::new()).await.unwrap();
    let (valid, management) = (format!("Bearer {}", valid.expose()), format!("Bearer {}", scene.token));
    let header = |value: &str| vec![("authorization", value.to_owned())];
    let rows = [
        ("E-001", vec![], Kind::MissingCredentials),
        ("E-002", header("Basic YTpi"), Kind::MissingCredentials),
        ("E-003", header("Bearer {}"), Kind::InvalidToken),
        ("E-004", header("Bearer unknown"), Kind::InvalidToken),
        ("E-007", [header(&valid), header(&valid)].concat(), Kind::AmbiguousCredentials),
        ("E-009", header(&management), Kind::InvalidToken),
    ];
    for (name, headers, kind) in rows {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        scene.refuses(covered, name, Operation::Register, kind, posting(&headers, minimal().to_string())).await;
    }
    let wait = Duration::from_secs(7);
    let decisions = [
        ("E-005", Decision::InsufficientScope { scope: "register".into() }, Kind::InsufficientScope),
        ("E-067", Decision::TooManyRequests { retry_after: wait }, Kind::TooManyRequests),
        ("E-068 forbidden by a gate", Decision::Forbidden, Kind::Forbidden),
        ("unauthorized by a gate", Decision::Unauthorized, Kind::MissingCredentials),
        (
            "a gate without its source",
            Decision::Unavailable { source: Arc::from(BoxError::from("x")) },
            Kind::Unavailable,
        ),
    ];
    for (name, decision, kind) in decisions {
        let gate = Access::custom(Always(decision.clone()));
        let scene = Scene::new(gate, |builder| builder.with_dry_run(true)).await;
        scene.refuses(covered, name, Operation::Register, kind, posting(&[], minimal().to_string())).await;
        let check = request(&Method::POST, "/oidc/register?dry_run", &[JSON], minimal().to_string());
        scene.refuses(covered, name, Operation::Check, kind, check).await;
        let managed = Scene::new(Access::Open, |builder| builder.with_management_gate(Always(decision))).await;
        for (method, operation) in MANAGED {
            let request = managed.managing(&method, &minimal());
            managed.refuses(covered, &format!("E-098 {name}"), operation, kind, request).await;
        }
    }
}

const MANAGED: [(Method, Operation); 4] = [
    (Method::GET, Operation::Read),
    (Method::HEAD, Operation::Read),
    (Method::PUT, Operation::Update),
    (Method::DELETE, Operation::Delete),
];

async fn refused_bodies(covered: &mut Covered) {
    let scene = Scene::new(Access::Open, |builder| builder.with_dry_run(true)).await;
    let many = format!("{{\"a\":{}{}}}", "[".repeat(40), "]".repeat(40));
    /// Name, headers, body and what the refusal is.
    type Row = (&'static str, Vec<(&'static str, &'static str)>, Vec<u8>, Kind);
    let rows: Vec<Row> = vec![
        ("E-011", vec![("content-type", "text/plain")], vec![], Kind::UnsupportedMediaType),
        ("E-012", vec![("content-type", "application/json; charset=utf-16")], vec![], Kind::UnsupportedMediaType),
        ("E-013", vec![JSON, ("content-encoding", "gzip")], vec![], Kind::UnsupportedMediaType),
        ("E-014", vec![JSON], vec![b' '; 65_537], Kind::BodyTooLarge),
        ("two lengths", vec![JSON, ("content-length", "1, 2")], vec![b' '], Kind::InvalidContentLength),
        ("E-016", vec![JSON], vec![], Kind::InvalidDocument),
        ("E-017", vec![JSON], b"x".to_vec(), Kind::InvalidDocument),
        ("E-018", vec![JSON], b"[]".to_vec(), Kind::InvalidDocument),
        ("E-019", vec![JSON], br#"{"a":1,"a":1}"#.to_vec(), Kind::InvalidDocument),
        ("E-020", vec![JSON], many.into_bytes(), Kind::InvalidDocument),
    ];
    let authorization = format!("Bearer {}", scene.token);
    let path = scene.path();
    let doors = [
        (Method::POST, "/oidc/register", Operation::Register),
        (Method::POST, "/oidc/register?dry_run", Operation::Check),
        (Method::PUT, &*path, Operation::Update),
    ];
    for (name, headers, body, kind) in &rows {
        for (method, path, operation) in &doors {
            let headers = [&headers[..], &[("authorization", &*authorization)]].concat();
            let name = if *operation == Operation::Update { "E-082 of an update" } else { name };
            scene.refuses(covered, name, *operation, *kind, request(method, path, &headers, body.clone())).await;
        }
    }
}

async fn refused_documents(covered: &mut Covered) {
    let scene = Scene::new(Access::Open, |builder| builder).await;
    let uris = |uri: &str| json!({ "redirect_uris": [uri] });
    let mut rows = vec![
        ("E-021", json!({ "redirect_uris": [] })),
        ("E-022", json!({ "redirect_uris": "https://app.example.com/" })),
        ("E-023", uris("/relative")),
        ("E-024", uris("https://app.example.com/#")),
        ("E-025", uris("http://app.example.com/")),
        ("E-026", uris("javascript:x")),
        ("E-051", json!({ "sector_identifier_uri": "http://app.example.com/sector" })),
    ];
    rows.extend(broken_members());
    for (name, members) in rows {
        let document = minimal_and(members);
        let (register, kind) = (Operation::Register, Kind::InvalidDocument);
        scene.refuses(covered, name, register, kind, posting(&[], document.to_string())).await;
        let update = scene.managing(&Method::PUT, &document);
        scene.refuses(covered, "E-086 of an update", Operation::Update, kind, update).await;
    }
    let rows = [
        ("E-083", minimal_and(json!({ "client_id": "other" }))),
        ("E-084", minimal_and(json!({ "client_secret": "other" }))),
        ("E-085", minimal_and(json!({ "client_id_issued_at": 1 }))),
        ("E-087", json!({})),
    ];
    for (name, document) in rows {
        let update = scene.managing(&Method::PUT, &document);
        scene.refuses(covered, name, Operation::Update, Kind::InvalidDocument, update).await;
    }
    let deny = |builder: RegistryBuilder| {
        builder.with_policy(|review: &Review<'_>| match review.metadata().client_name.untagged() {
            Some("Denied") => Verdict::refuse(policy::Refusal::new("P9", "not this one").forbidden()),
            _ => Verdict::accept(),
        })
    };
    let (scene, denied) = (Scene::new(Access::Open, deny).await, minimal_and(json!({ "client_name": "Denied" })));
    let update = scene.managing(&Method::PUT, &denied);
    scene.refuses(covered, "E-065", Operation::Register, Kind::Forbidden, posting(&[], denied.to_string())).await;
    scene.refuses(covered, "E-065", Operation::Update, Kind::Forbidden, update).await;
}

async fn refused_management(covered: &mut Covered) {
    let scene = Scene::new(Access::Open, |builder| builder).await;
    let metadata = ClientMetadata::from_json(minimal().to_string().as_bytes()).unwrap();
    let other = scene.registry.register(metadata).await.unwrap();
    let other = format!("Bearer {}", other.registration_access_token().unwrap().expose());
    let (own, path) = (format!("Bearer {}", scene.token), scene.path());
    let twice = vec![own.as_str(), own.as_str()];
    let rows = [
        ("E-073", &*path, vec![], Kind::MissingCredentials),
        ("E-074", &*path, vec!["Bearer {}"], Kind::InvalidToken),
        ("E-075", &*path, vec![&*other], Kind::InvalidToken),
        ("E-076", "/oidc/register/unknown", vec![&*own], Kind::InvalidToken),
        ("E-078", &*path, vec!["Basic YTpi"], Kind::MissingCredentials),
        ("E-100", "/oidc/register/%ff", vec![&*own], Kind::InvalidToken),
        ("two tokens", &*path, twice, Kind::AmbiguousCredentials),
    ];
    for (name, path, authorization, kind) in rows {
        let headers: Vec<_> = authorization.into_iter().map(|value| ("authorization", value)).collect();
        for (method, operation) in MANAGED {
            let request = request(&method, path, &[&headers[..], &[JSON]].concat(), minimal().to_string());
            scene.refuses(covered, name, operation, kind, request).await;
        }
    }
    for (name, preconditions, headers, kind) in [
        ("E-089", Preconditions::Optional, vec![("if-match", "\"0\"")], Kind::PreconditionFailed),
        ("E-090", Preconditions::Required, vec![], Kind::PreconditionRequired),
    ] {
        let scene = Scene::new(Access::Open, |builder| builder.with_preconditions(preconditions)).await;
        for (method, operation) in &MANAGED[2..] {
            let mut request = scene.managing(method, &minimal());
            for (name, value) in &headers {
                request.headers_mut().insert(*name, value.parse().unwrap());
            }
            scene.refuses(covered, name, *operation, kind, request).await;
        }
    }
    for name in ["E-077", "E-093"] {
        match name {
            "E-077" => drop(scene.registry.disable(&scene.id).await.unwrap()),
            _ => assert!(scene.registry.remove(&scene.id).await.unwrap()),
        }
        for (method, operation) in MANAGED {
            let request = scene.managing(&method, &minimal());
            scene.refuses(covered, name, operation, Kind::InvalidToken, request).await;
        }
    }
}

async fn refused_methods_and_outages(covered: &mut Covered) {
    let scene = Scene::new(Access::Open, |builder| builder).await;
    for (name, path, methods) in [
        ("E-071", "/oidc/register".to_owned(), ["GET", "HEAD", "PUT", "DELETE", "PATCH"]),
        ("E-095", scene.path(), ["POST", "PATCH", "TRACE", "FOO", "post"]),
    ] {
        for method in methods {
            let request = request(&Method::from_bytes(method.as_bytes()).unwrap(), &path, &[], "");
            scene.refuses(covered, name, Operation::UndefinedMethod, Kind::MethodNotAllowed, request).await;
        }
    }
    scene.store.contended.store(true, Ordering::SeqCst);
    let update = scene.managing(&Method::PUT, &minimal());
    scene.refuses(covered, "E-091", Operation::Update, Kind::Conflict, update).await;
    scene.store.down.store(true, Ordering::SeqCst);
    let register = posting(&[], minimal().to_string());
    scene.refuses(covered, "E-069", Operation::Register, Kind::Unavailable, register).await;
    for (method, operation) in MANAGED {
        let request = scene.managing(&method, &minimal());
        scene.refuses(covered, "E-099", operation, Kind::Unavailable, request).await;
    }
    scene.registry.set_registration_enabled(false);
    let register = posting(&[], minimal().to_string());
    scene.refuses(covered, "E-066", Operation::Register, Kind::RegistrationDisabled, register).await;
}

/// Each row needs a setting of its own.
async fn refused_by_a_setting(covered: &mut Covered) {
    type Configure = fn(RegistryBuilder) -> RegistryBuilder;
    let native = |uri: &str| json!({ "redirect_uris": [uri], "application_type": "native" });
    let pairwise = ["https://a.example/", "https://b.example/"];
    let rows: Vec<(&str, Configure, Value)> = vec![
        ("E-027", |builder| builder.with_switch(Switch::PrivateUseDotRequired, true), native("myapp:/cb")),
        (
            "E-028",
            |builder| builder.with_grant_types([GrantType::AuthorizationCode, GrantType::Implicit]),
            json!({ "redirect_uris": ["https://localhost/cb"], "grant_types": ["implicit"],
                "response_types": ["token"], "application_type": "web" }),
        ),
        ("E-029", |builder| builder.with_profile(Profile::Oidc), native("http://client.example.org/cb")),
        ("E-030", |builder| builder.with_profile(Profile::Oidc), json!({ "redirect_uris": ["com.example.app:/cb"] })),
        (
            "E-048",
            |builder| builder.with_policy(SameHost::refusing()),
            minimal_and(json!({ "logo_uri": "https://b.example/l" })),
        ),
        (
            "E-050",
            |builder| builder.with_subject_types([SubjectType::Public, SubjectType::Pairwise]),
            json!({ "redirect_uris": pairwise, "subject_type": "pairwise" }),
        ),
        (
            "E-054",
            |builder| builder.with_extensions(Extensions::ALL),
            minimal_and(json!({ "frontchannel_logout_uri": "https://app.example.com:444/out" })),
        ),
        (
            "E-055",
            |builder| builder.with_extensions(Extensions::ALL),
            minimal_and(json!({ "backchannel_token_delivery_mode": "poll" })),
        ),
        (
            "E-064",
            |builder| builder.with_auth_methods([TokenEndpointAuthMethod::ClientSecretBasic]),
            minimal_and(json!({ "token_endpoint_auth_method": "none" })),
        ),
    ];
    for (name, configure, document) in rows {
        let scene = Scene::new(Access::Open, configure).await;
        let (register, kind) = (Operation::Register, Kind::InvalidDocument);
        scene.refuses(covered, name, register, kind, posting(&[], document.to_string())).await;
        let update = scene.managing(&Method::PUT, &document);
        scene.refuses(covered, name, Operation::Update, kind, update).await;
    }
    let registrant = Registrant::new().with_constraints(Constraints::new().with_scopes(["read"]));
    let scene = Scene::new(Access::custom(Always(Decision::Allow(registrant))), |builder| builder).await;
    let document = minimal_and(json!({ "scope": "write" })).to_string();
    scene.refuses(covered, "E-006", Operation::Register, Kind::InvalidDocument, posting(&[], document)).await;
}

async fn refused_by_what_is_registered(covered: &mut Covered) {
    let scene = Scene::new(Access::Open, |builder| builder.with_unique_software(["payroll"])).await;
    let document = minimal_and(json!({ "software_id": "payroll" }));
    let metadata = ClientMetadata::from_json(document.to_string().as_bytes()).unwrap();
    scene.registry.register(metadata).await.unwrap();
    let kind = Kind::InvalidDocument;
    scene.refuses(covered, "E-063", Operation::Register, kind, posting(&[], document.to_string())).await;
    let update = scene.managing(&Method::PUT, &document);
    scene.refuses(covered, "E-063", Operation::Update, kind, update).await;

    let scene = Scene::new(Access::Open, |builder| builder.with_management_permission(|_, _| false)).await;
    for (method, operation) in MANAGED {
        let name = match operation {
            Operation::Read => "E-079",
            Operation::Update => "E-080",
            _ => "E-081",
        };
        let request = scene.managing(&method, &minimal());
        scene.refuses(covered, name, operation, Kind::InsufficientScope, request).await;
    }
    let reads = [ManagementOperation::Read];
    let scene = Scene::new(Access::Open, |builder| builder.with_management_operations(reads)).await;
    for (method, _) in &MANAGED[2..] {
        let request = scene.managing(method, &minimal());
        scene.refuses(covered, "E-094", Operation::UndefinedMethod, Kind::MethodNotAllowed, request).await;
    }
}

/// The body ends with an error, as when the caller closes the connection.
async fn refused_for_an_incomplete_body(covered: &mut Covered) {
    let scene = Scene::new(Access::Open, |builder| builder.with_dry_run(true)).await;
    let (post, check) = (Operation::Register, Operation::Check);
    let posts = [(post, posting(&[], "")), (check, request(&Method::POST, "/oidc/register?dry_run", &[JSON], ""))];
    for (operation, request) in posts.into_iter().chain([(Operation::Update, scene.managing(&Method::PUT, &minimal()))])
    {
        let broken = StreamBody::new(futures_util::stream::once(async {
            Err::<Frame<Bytes>, _>(BoxError::from("the connection was closed"))
        }));
        let request = request.map(|_| broken.boxed_unsync());
        scene.refuses(covered, "E-015", operation, Kind::IncompleteBody, request).await;
    }
}

/// A client whose grants cannot be revoked.
struct Failing;

impl Revoke for Failing {
    async fn revoke(&self, _client: &Client) -> Result<(), BoxError> {
        Err("the authorization server is down".into())
    }
}

/// What the application calls is refused on the trail too.
async fn refused_to_the_application(covered: &mut Covered) {
    let scene = Scene::new(Access::Tokens, |builder| builder).await;
    let (registry, id) = (&scene.registry, &scene.id);
    let empty = || ClientMetadata::new();
    let spent = || TokenOptions::new().with_uses(0);
    let invalid = Kind::InvalidDocument;
    scene.calls(covered, Operation::Register, invalid, registry.register(empty()).map(|done| done.is_err())).await;
    scene.calls(covered, Operation::Check, invalid, registry.check(empty()).map(|done| done.is_err())).await;
    let issued = registry.issue_initial_access_token(spent()).map(|done| done.is_err());
    scene.calls(covered, Operation::IssueToken, invalid, issued).await;
    let (token, wrong) = (scene.token.as_str(), Kind::InvalidToken);
    let update = registry.update(id, token, empty()).map(|done| done.is_err());
    scene.calls(covered, Operation::Update, invalid, update).await;
    scene.calls(covered, Operation::Read, wrong, registry.read(id, "x").map(|done| done.is_err())).await;
    scene.calls(covered, Operation::Update, wrong, registry.update(id, "x", empty()).map(|done| done.is_err())).await;
    scene.calls(covered, Operation::Delete, wrong, registry.delete(id, "x").map(|done| done.is_err())).await;
    scene.store.contended.store(true, Ordering::SeqCst);
    scene.calls(covered, Operation::Disable, Kind::Conflict, registry.disable(id).map(|done| done.is_err())).await;
    scene.store.down.store(true, Ordering::SeqCst);
    let (down, now) = (Kind::Unavailable, registry.now());
    scene.calls(covered, Operation::Approve, down, registry.approve(id).map(|done| done.is_err())).await;
    scene.calls(covered, Operation::Disable, down, registry.disable(id).map(|done| done.is_err())).await;
    scene.calls(covered, Operation::Enable, down, registry.enable(id).map(|done| done.is_err())).await;
    scene.calls(covered, Operation::Remove, down, registry.remove(id).map(|done| done.is_err())).await;
    scene.calls(covered, Operation::Expire, down, registry.sweep(9).map(|done| done.is_err())).await;
    let cutoffs = IdleCutoffs::none(now);
    let expired = registry.expire(&cutoffs, 9).map(|done| done.is_err());
    scene.calls(covered, Operation::Expire, down, expired).await;
    let issued = registry.issue_initial_access_token(TokenOptions::new()).map(|done| done.is_err());
    scene.calls(covered, Operation::IssueToken, down, issued).await;
    let revoked = registry.revoke_initial_access_token("x").map(|done| done.is_err());
    scene.calls(covered, Operation::RevokeToken, down, revoked).await;

    let scene = Scene::new(Access::Open, |builder| builder.with_revocation(Failing)).await;
    let removed = scene.registry.remove(&scene.id).map(|done| done.is_err());
    scene.calls(covered, Operation::Revoke, Kind::RevocationFailed, removed).await;
}

/// The numbers of all rows of the table.
fn rows() -> BTreeSet<String> {
    let table = include_str!("../../data/spec/errors.tsv");
    table.lines().skip(1).filter_map(|line| line.split('\t').next()).map(str::to_owned).collect()
}

/// In a debug build, the futures of all cases together are larger than the stack of a test's thread.
#[test]
fn every_refusal_is_on_the_trail_once() {
    let walk = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(every_refusal());
    };
    let walked = std::thread::Builder::new().stack_size(64 << 20).spawn(walk).unwrap().join();
    walked.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

async fn every_refusal() {
    let mut covered = Covered::default();
    refused_callers(&mut covered).await;
    refused_bodies(&mut covered).await;
    refused_documents(&mut covered).await;
    refused_management(&mut covered).await;
    refused_methods_and_outages(&mut covered).await;
    refused_by_a_setting(&mut covered).await;
    refused_by_what_is_registered(&mut covered).await;
    refused_for_an_incomplete_body(&mut covered).await;
    refused_to_the_application(&mut covered).await;
    #[cfg(feature = "software-statements")]
    statements::refused(&mut covered).await;
    let excepted = NOT_REFUSED.iter().chain(NOT_HERE).map(|(row, _)| (*row).to_owned()).collect();
    let missing: Vec<_> = rows().difference(&covered.rows).cloned().collect();
    assert_eq!(missing.into_iter().collect::<BTreeSet<_>>(), excepted, "rows without a case");
    for kind in Kind::ALL {
        let is_covered = covered.kinds.iter().any(|(found, _)| found == kind);
        assert_ne!(is_covered, NOT_PROVOKED.contains(kind), "{kind:?}: {:?}", covered.kinds);
    }
}

/// Software statements that need no signature to be refused.
#[cfg(feature = "software-statements")]
mod statements {
    use tower_dcr::jwt::{Issuer, Keys};
    use tower_dcr::metadata::SigningAlgorithm;
    use tower_dcr::software_statement::SoftwareStatements;

    use super::*;

    /// `{"alg":"ES256"}`, `{"iss":"https://unknown.example"}` and three octets.
    const UNKNOWN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL3Vua25vd24uZXhhbXBsZSJ9.AAAA";
    /// The example of RFC 7517 appendix A.1.
    const KEY: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

    fn trusted() -> SoftwareStatements {
        let keys = Keys::from_jwks(KEY).unwrap();
        let issuer = Issuer::new("https://directory.example", [SigningAlgorithm::Es256], keys).unwrap();
        SoftwareStatements::new().with_issuer(issuer)
    }

    pub(super) async fn refused(covered: &mut Covered) {
        let kind = Kind::InvalidDocument;
        let scene = Scene::new(Access::Open, |builder| builder.with_software_statements(trusted())).await;
        for (name, statement) in [("E-059", "x"), ("E-060", UNKNOWN)] {
            let document = minimal_and(json!({ "software_statement": statement }));
            scene.refuses(covered, name, Operation::Register, kind, posting(&[], document.to_string())).await;
            let update = scene.managing(&Method::PUT, &document);
            scene.refuses(covered, "E-088", Operation::Update, kind, update).await;
        }
    }
}
