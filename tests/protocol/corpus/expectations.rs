//! The expectations of the payload files, key by key. An expectation that is not implemented is a failure.

use serde_json::Value;
use tower_dcr::RegistrationOrigin;

use crate::corpus::data::Payload;
use crate::corpus::response_constraints::assert_readable;
use crate::server::{Reply, Server, minimal_and};

/// One reply to one payload.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub(crate) name: &'a str,
    pub(crate) payload: &'a Payload,
    pub(crate) server: &'a Server,
    pub(crate) reply: &'a Reply,
}

pub(crate) async fn assert_expected(case: &Case<'_>) {
    let Case { name, reply, .. } = case;
    let (document, sent) = (document(reply), sent(case.payload));
    match reply.status {
        201 => assert_readable(name, &sent, reply),
        400..500 if reply.status != 401 => assert_error_is_json(name, &document),
        _ => {}
    }
    let expected = &case.payload.expect.permissive;
    assert!(expected.contains_key("status") || expected.contains_key("status_any_of"), "{name}: no status expected");
    for (key, value) in expected {
        match key.as_str() {
            "status" => assert!(value.is_null() || *value == reply.status, "{name}: {} {document}", reply.status),
            "status_any_of" => assert!(strings_or_numbers(value).contains(&reply.status.into()), "{name}: {reply:?}"),
            "must_not_status" => {
                assert!(!strings_or_numbers(value).contains(&reply.status.into()), "{name}: {reply:?}")
            }
            "error_any_of" => assert!(strings_or_numbers(value).contains(&document["error"]), "{name}: {document}"),
            "client_type" => assert_client_type(name, value, &document),
            "must_have" => for_each(value, |member| assert!(!document[member].is_null(), "{name}: {member}")),
            "must_echo" => for_each(value, |member| assert_eq!(document[member], sent[member], "{name}: {member}")),
            "must_not_echo" => for_each(value, |member| assert!(document[member].is_null(), "{name}: {member}")),
            "may_echo" => for_each(value, |member| {
                assert!(document[member].is_null() || document[member] == sent[member], "{name}: {member}");
            }),
            "echo_exact" => for_each(value, |uri| {
                assert!(strings_or_numbers(&document["redirect_uris"]).contains(&uri.into()), "{name}: {uri}");
            }),
            "defaults" => {
                for (member, default) in value.as_object().unwrap() {
                    assert!(sent[member].is_null() || is_empty(&sent[member]), "{name}: {member} was sent");
                    assert_eq!(document[member], *default, "{name}: {member}");
                }
            }
            "must_not_null" => assert!(!reply.text().contains("null"), "{name}: {document}"),
            "scope_absent_or_default" => assert!(document["scope"].is_null(), "{name}: {document}"),
            "response_types_empty_or_absent" => assert!(is_empty(&document["response_types"]), "{name}: {document}"),
            "must_have_header" => assert_headers(name, value, reply),
            "must_not_fetch" => assert_nothing_is_fetched(case, &sent).await,
            "needs_hook" => assert_self_registered(case, &document).await,
            "token_endpoint_auth_method" | "application_type" => assert_eq!(document[key], *value, "{name}: {key}"),
            // What the server is set up for, what the sender of the body measures, and words for people.
            "needs_setting" | "must_not_buffer_more_than" | "note" => {}
            _ => assert_relation(name, key, value, &document),
        }
    }
}

/// Keys that consist of a member and its required relation to the value.
fn assert_relation(name: &str, key: &str, value: &Value, document: &Value) {
    let relations = ["_superset_of", "_subset_of", "_exact", "_inferred", "_not"];
    let found = relations.iter().find_map(|relation| Some((key.strip_suffix(relation)?, *relation)));
    let Some((member, relation)) = found else { panic!("{name}: unknown expectation {key}") };
    let registered = &document[member];
    let holds = match relation {
        "_superset_of" => strings_or_numbers(value).iter().all(|one| strings_or_numbers(registered).contains(one)),
        "_subset_of" => strings_or_numbers(registered).iter().all(|one| strings_or_numbers(value).contains(one)),
        "_not" => registered != value,
        _ => registered == value,
    };
    assert!(holds, "{name}: {member} is {registered}, but {relation} {value} is expected");
}

fn assert_client_type(name: &str, expected: &Value, document: &Value) {
    let method = document["token_endpoint_auth_method"].as_str().unwrap();
    let (has_secret, methods): (bool, &[&str]) = match expected.as_str().unwrap() {
        "public" => (false, &["none"]),
        "confidential" => (true, &["client_secret_basic", "client_secret_post"]),
        "public-or-private_key_jwt" => (false, &["none", "private_key_jwt"]),
        other => panic!("{name}: unknown client type {other}"),
    };
    assert!(methods.contains(&method), "{name}: {method}");
    assert_eq!(document["client_secret"].is_string(), has_secret, "{name}: secret");
    assert_eq!(document["client_secret_expires_at"].is_u64(), has_secret, "{name}: end of the secret");
}

/// A header by its name, `NAME contains LIST`, or `NAME when STATUS`.
fn assert_headers(name: &str, expected: &Value, reply: &Reply) {
    for expected in strings_or_numbers(expected) {
        let expected = expected.as_str().unwrap();
        if let Some((header, status)) = expected.split_once(" when ") {
            assert!(reply.status.to_string() != status || reply.header(header).is_some(), "{name}: {header}");
        } else if let Some((header, words)) = expected.split_once(" contains ") {
            let found = reply.header(header).unwrap_or_else(|| panic!("{name}: {header}")).to_ascii_lowercase();
            let found: Vec<_> = found.split(',').map(str::trim).collect();
            for word in words.to_ascii_lowercase().split(',').map(str::trim) {
                assert!(found.contains(&word), "{name}: {header} has no {word}: {found:?}");
            }
        } else {
            assert!(reply.header(expected).is_some(), "{name}: {expected}");
        }
    }
}

/// Registers the same client with a logo at a listener of this test, and checks that there was no connection.
async fn assert_nothing_is_fetched(case: &Case<'_>, sent: &Value) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut document = sent.clone();
    document["logo_uri"] = format!("http://{}/internal", listener.local_addr().unwrap()).into();
    let reply = case.server.post(&document).await;
    assert_eq!(reply.status, 201, "{}: {}", case.name, reply.text());
    assert_eq!(case.server.post(&minimal_and(serde_json::json!({}))).await.status, 201, "{}", case.name);
    let called = listener.accept().map_err(|error| error.kind());
    assert!(matches!(called, Err(std::io::ErrorKind::WouldBlock)), "{}: the logo was fetched", case.name);
}

/// A consent screen can show that the client has no verified software statement.
async fn assert_self_registered(case: &Case<'_>, document: &Value) {
    let client = case.server.registry.client(document["client_id"].as_str().unwrap()).await.unwrap().unwrap();
    assert_eq!((client.origin(), client.owner()), (&RegistrationOrigin::Open, None), "{}", case.name);
}

fn assert_error_is_json(name: &str, document: &Value) {
    for member in ["error", "error_description"] {
        assert!(document[member].is_string(), "{name}: {member} in {document}");
    }
}

/// The JSON of a reply, or null.
fn document(reply: &Reply) -> Value {
    if reply.body.is_empty() { Value::Null } else { reply.json() }
}

/// The JSON document of the request, or null.
fn sent(payload: &Payload) -> Value {
    let raw = payload.request.body_raw.as_deref().and_then(|text| serde_json::from_str(text).ok());
    payload.request.body.clone().or(raw).unwrap_or_default()
}

fn strings_or_numbers(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

fn for_each(names: &Value, check: impl Fn(&str)) {
    strings_or_numbers(names).iter().for_each(|name| check(name.as_str().unwrap()));
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty) || value.as_str() == Some("")
}
