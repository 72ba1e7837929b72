//! What the parsers of deployed clients tolerate in a client information response. A response that keeps all of it
//! works with every one of them; the rules are `derived_rules` of `response-constraints.json`.

use serde_json::{Map, Value};

use crate::refusals::assertions::assert_answered;
use crate::server::Reply;

const ALWAYS: [&str; 5] = ["client_id", "redirect_uris", "grant_types", "response_types", "token_endpoint_auth_method"];
const ONE_STRING: [&str; 4] = ["client_id", "scope", "registration_access_token", "registration_client_uri"];

/// Asserts that every known client can read the reply to a registration, and finds in it what it asked for.
pub(crate) fn assert_readable(name: &str, sent: &Value, reply: &Reply) {
    assert_eq!(reply.status, 201, "{name}");
    assert_information(name, reply);
    assert_echo(name, sent, reply.json().as_object().unwrap());
}

/// Asserts that every known client can read a client information response. [`send`](crate::server::send) does so for
/// every one that any test receives.
pub(crate) fn assert_information(name: &str, reply: &Reply) {
    assert_eq!(reply.header("content-type"), Some("application/json"), "{name}");
    assert_answered(name, reply);
    assert_eq!(reply.body.first(), Some(&b'{'), "{name}: no byte order mark, no wrapper");
    let document = reply.json();
    let document = document.as_object().unwrap();
    // A key set comes back as it was sent, with members that are not this server's.
    document.iter().filter(|(member, _)| *member != "jwks").for_each(|(_, value)| assert_no_blank(name, value));
    for member in ALWAYS {
        assert!(document.contains_key(member), "{name}: {member} is missing");
    }
    for member in ["redirect_uris", "grant_types", "response_types"] {
        assert!(document[member].is_array(), "{name}: {member} is no array");
    }
    for member in ONE_STRING {
        assert!(document.get(member).is_none_or(Value::is_string), "{name}: {member} is no string");
    }
    assert_credentials(name, document);
}

fn assert_no_blank(name: &str, value: &Value) {
    match value {
        Value::Null => panic!("{name}: null in the reply"),
        Value::String(text) => assert!(!text.is_empty(), "{name}: an empty string in the reply"),
        Value::Array(elements) => elements.iter().for_each(|element| assert_no_blank(name, element)),
        Value::Object(members) => members.values().for_each(|member| assert_no_blank(name, member)),
        Value::Bool(_) | Value::Number(_) => {}
    }
}

fn assert_credentials(name: &str, document: &Map<String, Value>) {
    for member in ["client_id_issued_at", "client_secret_expires_at"] {
        assert!(document.get(member).is_none_or(Value::is_u64), "{name}: {member} is no whole number");
    }
    let has = |member| document.contains_key(member);
    assert!(has("client_id_issued_at"), "{name}: client_id_issued_at is missing");
    assert_eq!(has("client_secret"), has("client_secret_expires_at"), "{name}: a secret and its end belong together");
    assert_eq!(has("registration_access_token"), has("registration_client_uri"), "{name}: token and URI");
    if let Some(token) = document.get("registration_access_token") {
        let uri = document["registration_client_uri"].as_str().unwrap();
        assert!(!uri.contains(token.as_str().unwrap()), "{name}: the token is no part of the URL");
    }
    let without_secret = ["none", "private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"];
    let by_method = !without_secret.contains(&document["token_endpoint_auth_method"].as_str().unwrap());
    let by_algorithm = document.iter().any(|(member, value)| {
        let algorithm = value.as_str().filter(|_| member.ends_with("_alg") && !member.contains("auth_signing"));
        algorithm.is_some_and(|algorithm| {
            let wraps = algorithm.starts_with('A') && algorithm.ends_with("KW");
            algorithm.starts_with("HS") || algorithm == "dir" || wraps
        })
    });
    let expected = by_method || by_algorithm;
    assert_eq!(has("client_secret"), expected, "{name}: a secret for exactly the methods and algorithms that use one");
}

/// Redirection URIs come back byte for byte, and every client gets the authentication method that it asked for.
fn assert_echo(name: &str, sent: &Value, document: &Map<String, Value>) {
    let none = Value::Array(Vec::new());
    let uris = sent.get("redirect_uris").filter(|uris| uris.is_array()).unwrap_or(&none);
    assert_eq!(&document["redirect_uris"], uris, "{name}: redirect_uris");
    let asked = sent["token_endpoint_auth_method"].as_str().filter(|method| !method.is_empty());
    let asked = asked.unwrap_or("client_secret_basic");
    assert_eq!(document["token_endpoint_auth_method"], asked, "{name}: token_endpoint_auth_method");
}
