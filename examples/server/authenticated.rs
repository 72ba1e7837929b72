//! A resource for clients that authenticate, as a token endpoint would be: each success is a use of the client.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Json, Response};
use axum::routing::get;
use serde_json::json;
use tower_dcr::Registry;
use tower_dcr::authentication::ClientCredentials;

/// `GET /client` answers with the client that authenticates by its secret in an `Authorization: Basic` header.
pub(crate) fn routes(registry: Registry) -> Router {
    Router::new().route("/client", get(client)).with_state(registry)
}

async fn client(State(registry): State<Registry>, headers: HeaderMap) -> Response {
    let credentials = match ClientCredentials::read(&headers, []) {
        Ok(credentials) => credentials,
        Err(error) => return refused(error.status(), error.code()),
    };
    let client = match registry.authenticate(&credentials).await {
        Ok(client) => client,
        Err(error) => return refused(error.status(), error.code()),
    };
    // If the use cannot be recorded, the client is still accepted; the registry may evict it earlier.
    if let Err(error) = registry.touch(client.id()).await {
        eprintln!("server: the use of {} was not recorded: {error}", client.id());
    }
    Json(json!({ "client_id": client.id().as_str(), "client_name": client.metadata().client_name.untagged() }))
        .into_response()
}

fn refused(status: u16, code: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let challenge = [("www-authenticate", "Basic realm=\"clients\"")];
    (status, challenge, Json(json!({ "error": code }))).into_response()
}
