//! Random bodies: each is accepted as a whole or refused cleanly, and none causes a panic.

use http::Method;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

use crate::corpus::response_constraints::assert_readable;
use crate::refusals::assertions::{Challenge, assert_refused};
use crate::server::{Server, minimal, minimal_and, send};

/// Bytes of any kind, and valid documents with a few bytes changed.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let documents = [
        minimal().to_string(),
        minimal_and(json!({ "client_name#fr": "é", "jwks": { "keys": [{ "kty": "RSA" }] }, "default_max_age": 1 }))
            .to_string(),
    ];
    let index = any::<proptest::sample::Index>();
    let damaged = (0..documents.len(), proptest::collection::vec((index, any::<u8>()), 1..4)).prop_map(
        move |(document, changes)| {
            let mut bytes = documents[document].clone().into_bytes();
            for (place, byte) in changes {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            bytes
        },
    );
    prop_oneof![proptest::collection::vec(any::<u8>(), 0..200), damaged]
}

/// Values of any JSON type, with strings that mean something to one rule or another.
fn values() -> impl Strategy<Value = Value> {
    let words =
        ["none", "code", "authorization_code", "https://a.example/cb", "https://xn--a/", "a:", "RSA", "\u{202e}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        proptest::sample::select(words.to_vec()).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        let names = proptest::sample::select(vec!["keys", "kty", "kid", "n", "e", "x", "crv", "alg", "use"]);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((names, inner), 0..6).prop_map(|members| Value::Object(
                members.into_iter().map(|(name, value)| (name.into(), value)).collect()
            )),
        ]
    })
}

/// Objects with members that the registration knows.
fn documents() -> impl Strategy<Value = Vec<u8>> {
    let names = [
        "redirect_uris",
        "grant_types",
        "response_types",
        "token_endpoint_auth_method",
        "client_name",
        "client_name#de",
        "logo_uri",
        "logo_uri#x",
        "scope",
        "contacts",
        "jwks",
        "jwks_uri",
        "application_type",
        "subject_type",
        "default_max_age",
        "require_auth_time",
        "request_uris",
        "software_statement",
        "client_id",
        "client_secret",
        "id_token_encrypted_response_enc",
        "post_logout_redirect_uris",
        "unknown",
    ];
    let members = proptest::collection::vec((proptest::sample::select(names.to_vec()), values()), 0..8);
    (any::<bool>(), members).prop_map(|(usable, members)| {
        let mut document = if usable { minimal() } else { Value::Object(Map::new()) };
        document.as_object_mut().unwrap().extend(members.into_iter().map(|(name, value)| (name.to_owned(), value)));
        document.to_string().into_bytes()
    })
}

/// Sends bodies as registrations and as updates.
fn assert_survives(strategy: impl Strategy<Value = Vec<u8>>) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(Server::open());
    let client = runtime.block_on(server.register(&minimal()));
    let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    let tested = runner.run(&strategy, |body| {
        runtime.block_on(async {
            let reply = send(server.posting(body.clone())).await;
            match reply.status {
                201 => assert_readable("registration", &serde_json::from_slice(&body).unwrap(), &reply),
                _ => assert_refused("registration", &reply, 400, reply.error().as_deref(), Challenge::None),
            }
            let request = server.request(Method::PUT, client.uri()).bearer_auth(client.token());
            let reply = send(request.header("content-type", "application/json").body(body)).await;
            assert!(matches!(reply.status, 200 | 400), "update: {} {}", reply.status, reply.text());
        });
        Ok(())
    });
    tested.unwrap();
    assert_eq!(runtime.block_on(server.get(&client)).status, 200);
}

#[test]
fn random_bytes_are_refused_cleanly() {
    assert_survives(bodies());
}

#[test]
fn random_documents_are_accepted_or_refused_cleanly() {
    assert_survives(documents());
}
