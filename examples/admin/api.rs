//! The requests of operators, each a call of the registry.

use std::time::{Duration, UNIX_EPOCH};

use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Json, Response};
use axum::routing::{delete, get, post};
use axum::{Router, http::HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};
use tower_dcr::access::{Constraints, TokenOptions};
use tower_dcr::credential::{ClientId, Digest};
use tower_dcr::store::ClientQuery;
use tower_dcr::{ClientStatus, ErrorCode, RegistrationError, Registry, StoreError};

use crate::view;

/// The largest request body in bytes. axum keeps every frame until the body is complete, and a frame of one byte holds
/// the read buffer that it came in, so this bounds memory only when it is small.
const MAX_BODY: usize = 4 * 1024;

/// The largest page.
const MAX: usize = 1000;

type Answer = Result<Json<Value>, Failure>;

/// All requests of operators behind one token.
pub(crate) fn router(registry: Registry, admin_token: Digest) -> Router {
    Router::new()
        .route("/stats", get(stats))
        .route("/clients", get(clients))
        .route("/clients/{id}", get(client).delete(remove))
        .route("/clients/{id}/{verb}", post(change))
        .route("/tokens", get(tokens).post(issue))
        .route("/tokens/{id}", delete(revoke))
        .fallback(async || Failure::NotFound)
        .with_state(registry)
        .layer(middleware::map_response(as_json))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        // Last, hence outermost: a request without the token reaches neither a route nor the fallback.
        .layer(middleware::from_fn_with_state(admin_token, authorize))
}

/// Refuses every request without the admin token, also for paths that do not exist.
async fn authorize(State(admin_token): State<Digest>, request: Request, next: Next) -> Response {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (scheme, presented) = header.split_once(' ').unwrap_or_default();
    // Digests are compared in constant time, so that the time of a reply does not help to guess the token.
    let is_operator = Digest::of(presented).matches(&admin_token) && scheme.eq_ignore_ascii_case("bearer");
    let mut response = match is_operator {
        true => next.run(request).await,
        false => Failure::Unauthorized.into_response(),
    };
    // Replies contain personal data and, once, a token.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Replaces a refusal of the framework by JSON that does not repeat what was sent.
async fn as_json(response: Response) -> Response {
    let is_json = response.headers().get(CONTENT_TYPE).is_some_and(|media_type| media_type == "application/json");
    let description = match response.status() {
        status if is_json || !status.is_client_error() => return response,
        StatusCode::METHOD_NOT_ALLOWED => "the method is not defined for this resource",
        StatusCode::PAYLOAD_TOO_LARGE => "the request body is too large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "the body must be application/json",
        _ => "the request is not valid for this resource",
    };
    let (mut head, _) = response.into_parts();
    head.headers.remove(CONTENT_TYPE);
    head.headers.remove(CONTENT_LENGTH);
    (head, refusal("invalid_request", description)).into_response()
}

fn refusal(error: &str, description: &str) -> Json<Value> {
    Json(json!({ "error": error, "error_description": description }))
}

async fn stats(State(registry): State<Registry>) -> Answer {
    let stats = registry.stats().await?;
    Ok(Json(json!({
        "clients": stats.clients,
        "pending": stats.pending,
        "active": stats.active,
        "disabled": stats.disabled,
        "never_used": stats.never_used,
        "max_clients": stats.max_clients,
        "initial_access_tokens": stats.initial_access_tokens,
    })))
}

/// Times are seconds since 1970.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    owner: Option<String>,
    status: Option<String>,
    #[serde(default)]
    never_used: bool,
    issued_from: Option<u32>,
    issued_before: Option<u32>,
    used_from: Option<u32>,
    used_before: Option<u32>,
    limit: Option<usize>,
    after: Option<String>,
}

impl Filter {
    fn query(self) -> Option<ClientQuery> {
        let time = |seconds: Option<u32>| seconds.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds.into()));
        let status = self.status.map(|status| match status.as_str() {
            "pending" => Some(ClientStatus::Pending),
            "active" => Some(ClientStatus::Active),
            "disabled" => Some(ClientStatus::Disabled),
            _ => None,
        });
        let mut query = ClientQuery::new().with_limit(self.limit.unwrap_or(100).min(MAX));
        query.owner = self.owner.map(Into::into);
        query.status = status.map_or(Some(None), |status| status.map(Some))?;
        query.never_used = self.never_used;
        (query.issued_from, query.issued_before) = (time(self.issued_from), time(self.issued_before));
        (query.used_from, query.used_before) = (time(self.used_from), time(self.used_before));
        match self.after {
            Some(cursor) => query.after_cursor(&cursor),
            None => Some(query),
        }
    }
}

async fn clients(State(registry): State<Registry>, Query(filter): Query<Filter>) -> Answer {
    let query = filter.query().ok_or(Failure::BadRequest)?;
    let clients = registry.clients(&query).await?;
    let full = clients.len() == query.page_size();
    Ok(Json(json!({
        "clients": clients.iter().map(|client| view::client(client)).collect::<Vec<_>>(),
        "next": clients.last().filter(|_| full).map(|last| last.cursor()),
    })))
}

async fn client(State(registry): State<Registry>, Path(id): Path<String>) -> Answer {
    let client = registry.client(&id).await?.ok_or(Failure::NotFound)?;
    Ok(Json(view::client(&client)))
}

/// The `revision` of the client that the operator reviewed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reviewed {
    revision: Option<u64>,
}

async fn change(
    State(registry): State<Registry>,
    Path((id, verb)): Path<(String, String)>,
    Query(reviewed): Query<Reviewed>,
) -> Answer {
    let id = ClientId::parse(&id).ok_or(Failure::NotFound)?;
    let changed = match (verb.as_str(), reviewed.revision) {
        ("approve", Some(revision)) => registry.approve_revision(&id, revision).await?,
        (_, Some(_)) => return Err(Failure::BadRequest),
        ("approve", None) => registry.approve(&id).await?,
        ("disable", None) => registry.disable(&id).await?,
        ("enable", None) => registry.enable(&id).await?,
        _ => None,
    };
    Ok(Json(view::client(&*changed.ok_or(Failure::NotFound)?)))
}

async fn remove(State(registry): State<Registry>, Path(id): Path<String>) -> Result<StatusCode, Failure> {
    let id = ClientId::parse(&id).ok_or(Failure::NotFound)?;
    registry.remove(&id).await?.then_some(StatusCode::NO_CONTENT).ok_or(Failure::NotFound)
}

async fn tokens(State(registry): State<Registry>) -> Answer {
    let tokens = registry.initial_access_tokens().await?;
    Ok(Json(json!({ "tokens": tokens.iter().map(view::token).collect::<Vec<_>>() })))
}

/// The options of a new initial access token; every member may be left out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct NewToken {
    uses: Option<u32>,
    lifetime: Option<u32>,
    owner: Option<String>,
    redirect_hosts: Vec<String>,
    scopes: Vec<String>,
    grant_types: Vec<String>,
    auth_methods: Vec<String>,
    software_id: Option<String>,
}

impl NewToken {
    fn options(self) -> TokenOptions {
        let mut constraints = Constraints::new()
            .with_redirect_hosts(self.redirect_hosts)
            .with_scopes(self.scopes)
            .with_grant_types(self.grant_types.into_iter().map(Into::into))
            .with_auth_methods(self.auth_methods.into_iter().map(Into::into));
        constraints.software_id = self.software_id;
        let options = TokenOptions::new().with_constraints(constraints);
        let options = self.uses.into_iter().fold(options, TokenOptions::with_uses);
        let options = self.owner.into_iter().fold(options, TokenOptions::with_owner);
        let lifetime = self.lifetime.map(|seconds| Duration::from_secs(seconds.into()));
        lifetime.into_iter().fold(options, TokenOptions::with_lifetime)
    }
}

async fn issue(
    State(registry): State<Registry>,
    Json(new): Json<NewToken>,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let (token, record) = registry.issue_initial_access_token(new.options()).await?;
    let mut shown = view::token(&record);
    shown["initial_access_token"] = token.expose().into();
    Ok((StatusCode::CREATED, Json(shown)))
}

async fn revoke(State(registry): State<Registry>, Path(id): Path<String>) -> Result<StatusCode, Failure> {
    registry.revoke_initial_access_token(&id).await?.then_some(StatusCode::NO_CONTENT).ok_or(Failure::NotFound)
}

/// Why a request of an operator fails.
enum Failure {
    BadRequest,
    Unauthorized,
    NotFound,
    Registry(RegistrationError),
}

impl From<RegistrationError> for Failure {
    fn from(error: RegistrationError) -> Self {
        Self::Registry(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Registry(error.into())
    }
}

impl axum::response::IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, error, description) = match self {
            Self::BadRequest => (400, "invalid_request", "no such parameter".to_owned()),
            Self::Unauthorized => (401, "invalid_token", "an admin token is required".to_owned()),
            Self::NotFound => (404, "not_found", "not found".to_owned()),
            Self::Registry(error) => {
                (error.status(), error.code().map_or("server_error", ErrorCode::as_str), error.to_string())
            }
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, refusal(error, &description)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"admin\""));
        }
        response
    }
}
