//! The JSON of clients and tokens for operators. It contains no secret, no token and no digest.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tower_dcr::access::{Constraints, InitialAccessTokenRecord};
use tower_dcr::{Client, RegistrationOrigin};

/// One client. Times are seconds since 1970, as in the members of RFC 7591.
pub(crate) fn client(client: &Client) -> Value {
    let origin = match client.origin() {
        RegistrationOrigin::Open => "open",
        RegistrationOrigin::InitialAccessToken(_) => "initial_access_token",
        RegistrationOrigin::Gate => "gate",
        RegistrationOrigin::Application => "application",
        _ => "other",
    };
    let token = match client.origin() {
        RegistrationOrigin::InitialAccessToken(id) => Some(id.to_string()),
        _ => None,
    };
    json!({
        "client_id": client.id().as_str(),
        "status": client.status().as_str(),
        "owner": client.owner(),
        "origin": origin,
        "initial_access_token_id": token,
        "issued_at": seconds(client.issued_at()),
        "last_used": client.last_used().map(seconds),
        "has_secret": client.has_secret(),
        "secret_expires_at": client.secret_expires_at().map(seconds),
        "revision": client.revision(),
        "constraints": constraints(client.constraints()),
        "metadata": serde_json::from_str::<Value>(&client.metadata().to_json()).unwrap_or_default(),
    })
}

pub(crate) fn token(token: &InitialAccessTokenRecord) -> Value {
    json!({
        "id": token.id(),
        "issued_at": seconds(token.issued_at()),
        "expires_at": token.expires_at().map(seconds),
        "uses_left": token.uses_left(),
        "owner": token.owner(),
        "constraints": constraints(token.constraints()),
    })
}

fn constraints(constraints: &Constraints) -> Value {
    json!({
        "redirect_hosts": constraints.redirect_hosts,
        "scopes": constraints.scopes,
        "grant_types": constraints.grant_types.iter().map(|grant_type| grant_type.as_str()).collect::<Vec<_>>(),
        "auth_methods": constraints.auth_methods.iter().map(|method| method.as_str()).collect::<Vec<_>>(),
        "software_id": constraints.software_id,
    })
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
