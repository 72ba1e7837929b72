//! HTTP, JSON and URIs clause by clause, where no other test proves it.

use std::iter::once;

use http::Method;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};
use tower_dcr::Access;
use tower_dcr::access::TokenOptions;

use crate::refusals::assertions::{Challenge, assert_refused};
use crate::server::{Registered, Server, minimal, minimal_and, send};

const METADATA: Option<&str> = Some("invalid_client_metadata");
const REDIRECT: Option<&str> = Some("invalid_redirect_uri");
const REQUEST: Option<&str> = Some("invalid_request");

#[tokio::test]
async fn the_name_of_the_bearer_scheme_has_no_case() {
    let server = Server::start(Access::Tokens, |builder| builder).await;
    let (initial, _) = server.registry.issue_initial_access_token(TokenOptions::new()).await.unwrap();
    for scheme in ["Bearer", "bearer", "BEARER", "bEARER"] {
        let authorization = |token: &str| format!("{scheme} {token}");
        let request = server.posting(minimal().to_string()).header(AUTHORIZATION, authorization(initial.expose()));
        let client = Registered::of(&send(request).await);
        let request = server.request(Method::GET, client.uri()).header(AUTHORIZATION, authorization(client.token()));
        assert_eq!(send(request).await.json(), client.document, "HTTP-06 {scheme}");
    }
}

#[tokio::test]
async fn a_token_is_presented_in_one_way_only() {
    let server = Server::start(Access::Tokens, |builder| builder).await;
    let (initial, _) = server.registry.issue_initial_access_token(TokenOptions::new()).await.unwrap();
    let client = Registered::of(&send(server.posting(minimal().to_string()).bearer_auth(initial.expose())).await);
    let query = |url: &str, token: &str| format!("{url}?x=y&access_token={token}");
    let registering = server.request(Method::POST, query(&server.endpoint(), initial.expose())).json(&minimal());
    let registering = registering.bearer_auth(initial.expose());
    assert_refused("E-007 header and query", &send(registering).await, 400, REQUEST, Challenge::InvalidRequest);
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let request = server.request(method.clone(), query(client.uri(), client.token())).json(&minimal());
        let reply = send(request.bearer_auth(client.token())).await;
        assert_refused(&format!("R6750-2-01 {method}"), &reply, 400, REQUEST, Challenge::InvalidRequest);
    }
    let reply = send(server.request(Method::GET, query(client.uri(), client.token()))).await;
    assert_refused("R6750-2.3-01", &reply, 401, None, Challenge::Bare);
    assert_eq!(server.get(&client).await.json(), client.document);
    assert_eq!(server.count().await, 1);
}

#[tokio::test]
async fn json_is_answered_whatever_the_client_would_rather_have() {
    let server = Server::open().await;
    for accept in ["text/html", "application/xml;q=1, */*;q=0", "image/*", ""] {
        let request = server.posting(minimal().to_string()).header("accept", accept);
        let client = Registered::of(&send(request).await);
        let read = server.request(Method::GET, client.uri()).bearer_auth(client.token()).header("accept", accept);
        assert_eq!(send(read).await.json(), client.document, "HTTP-15 {accept}");
    }
    let refused = send(server.posting("{").header("accept", "text/html")).await;
    assert_refused("HTTP-15", &refused, 400, METADATA, Challenge::None);
}

#[tokio::test]
async fn a_declared_charset_may_be_utf_8() {
    let server = Server::open().await;
    for content_type in ["application/json; charset=utf-8", "application/json;charset=\"UTF-8\"", "Application/JSON"] {
        let request = server.request(Method::POST, server.endpoint()).header("content-type", content_type);
        assert_eq!(send(request.body(minimal().to_string())).await.status, 201, "R7591-3.1-03 {content_type}");
    }
}

#[tokio::test]
async fn a_document_is_json_as_the_standard_has_it() {
    let server = Server::open().await;
    let utf_16: Vec<u8> = minimal().to_string().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let latin_1 = b"{\"redirect_uris\":[\"https://app.example.com/cb\"],\"client_name\":\"Caf\xe9\"}".to_vec();
    let with = |members: &str| format!(r#"{{"redirect_uris":["https://app.example.com/cb"],{members}}}"#).into_bytes();
    let deep = format!("\"x\":{}{}", "[".repeat(200), "]".repeat(200));
    let many =
        |count: usize| Vec::from_iter((0..count).map(|number| format!("\"client_name#a{number:07}\":\"x\""))).join(",");
    let rows: Vec<(&str, Vec<u8>)> = vec![
        ("JSON-01 UTF-16", utf_16),
        ("JSON-01 Latin-1", latin_1),
        ("JSON-03 redirect_uris twice", with(r#""redirect_uris":["https://b.example/cb"]"#)),
        ("JSON-04 twice after unescaping", with(r#""client_name":"A","client\u005fname":"B""#)),
        ("JSON-05 lone surrogate", with(r#""client_name":"\ud800""#)),
        ("JSON-05 noncharacter", with(r#""client_name":"\ufdd0""#)),
        ("JSON-06 beyond a double", with(r#""default_max_age":1e400"#)),
        ("JSON-06 beyond 2^53", with(r#""default_max_age":9007199254740993"#)),
        ("JSON-07 depth", with(&deep)),
        ("JSON-07 members", with(&many(256))),
        ("JSON-08 rest", [minimal().to_string().into_bytes(), b"x".to_vec()].concat()),
    ];
    for (name, body) in rows {
        assert_refused(name, &send(server.posting(body)).await, 400, METADATA, Challenge::None);
    }
    assert_eq!(server.count().await, 0);
    let escaped = br#"{"redirect\u005furis":["https://app.example.com/cb"],"\u0063lient_name":"A"}"#.to_vec();
    let document = send(server.posting(escaped)).await.json();
    assert_eq!(document["redirect_uris"], json!(["https://app.example.com/cb"]), "JSON-09");
    assert_eq!(document["client_name"], "A", "OIDCR-6-01");
}

#[tokio::test]
async fn a_uri_of_any_kind_holds_no_credentials_and_no_odd_characters() {
    let server = Server::open().await;
    let members =
        ["client_uri", "logo_uri", "tos_uri", "policy_uri", "jwks_uri", "initiate_login_uri", "backchannel_logout_uri"];
    let parts = [
        ("URI-02", "https://u:p@app.example.com/x"),
        ("URI-03 space", "https://app.example.com/a b"),
        ("URI-03 control", "https://app.example.com/a\u{1}b"),
        ("URI-03 backslash", "https:\\\\app.example.com/x"),
        ("URI-03 non-ASCII", "https://app.example.com/\u{e9}"),
        ("URI-03 percent", "https://app.example.com/%g0"),
        ("HARD-02 data", "data:image/png;base64,AAAA"),
        ("HARD-02 javascript", "JavaScript:alert(1)"),
        ("HARD-02 ftp", "ftp://app.example.com/logo"),
    ];
    for member in members {
        for (name, uri) in parts {
            let reply = server.post(&minimal_and(json!({ member: uri }))).await;
            assert_refused(&format!("{name}: {member}"), &reply, 400, METADATA, Challenge::None);
        }
    }
    for (name, uri) in parts {
        let reply = server.post(&json!({ "redirect_uris": [uri] })).await;
        assert_refused(&format!("{name}: redirect_uris"), &reply, 400, REDIRECT, Challenge::None);
    }
    assert_eq!(server.count().await, 0);
}

#[tokio::test]
async fn no_script_and_no_local_scheme_receives_a_code() {
    let server = Server::open().await;
    let schemes =
        ["javascript", "data", "vbscript", "file", "blob", "about", "ws", "wss", "mailto", "view-source", "intent"];
    for scheme in schemes {
        for uri in [format!("{scheme}:x"), format!("{}://host/x", scheme.to_ascii_uppercase())] {
            let reply = server.post(&json!({ "redirect_uris": [uri], "application_type": "native" })).await;
            assert_refused(&format!("HARD-01 {uri}"), &reply, 400, REDIRECT, Challenge::None);
        }
    }
}

#[tokio::test]
async fn one_more_than_the_limit_is_too_much() {
    let server = Server::open().await;
    let uris = |count: usize| Vec::from_iter((0..count).map(|number| format!("https://app.example.com/{number}")));
    let texts = |count: usize| Vec::from_iter((0..count).map(|number| format!("person {number}")));
    let after = |known: &str, count: usize| Vec::from_iter(once(known.to_owned()).chain(texts(count - 1)));
    let named = |kid: String| json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    let keys = |count: usize| json!({ "keys": Vec::from_iter((0..count).map(|number| named(number.to_string()))) });
    let long = |length: usize| format!("https://app.example.com/{}", "a".repeat(length - 24));
    let languages = |count: usize| {
        Value::Object((0..count).map(|number| (format!("client_name#x-a{number}"), json!("A"))).collect())
    };
    type Sized<'a> = &'a dyn Fn(usize) -> Value;
    let rows: [(&str, usize, Sized<'_>); 18] = [
        ("redirect_uris", 32, &|count| json!({ "redirect_uris": uris(count) })),
        ("request_uris", 32, &|count| json!({ "request_uris": uris(count) })),
        ("logout URIs", 32, &|count| json!({ "post_logout_redirect_uris": uris(count) })),
        ("contacts", 16, &|count| json!({ "contacts": texts(count) })),
        ("default_acr_values", 16, &|count| json!({ "default_acr_values": texts(count) })),
        ("grant_types", 16, &|count| json!({ "grant_types": after("authorization_code", count) })),
        ("response_types", 16, &|count| json!({ "response_types": after("code", count) })),
        ("keys", 16, &|count| json!({ "jwks": keys(count) })),
        ("length of a name", 256, &|count| json!({ "client_name": "\u{1f600}".repeat(count) })),
        ("length of a software_id", 256, &|count| json!({ "software_id": "a".repeat(count) })),
        ("length of a software_version", 256, &|count| json!({ "software_version": "a".repeat(count) })),
        ("length of a contact", 320, &|count| json!({ "contacts": ["\u{e9}".repeat(count)] })),
        ("length of an acr value", 320, &|count| json!({ "default_acr_values": ["a".repeat(count)] })),
        ("length of a kid", 256, &|count| json!({ "jwks": { "keys": [named("k".repeat(count))] } })),
        ("length of a scope", 8192, &|count| json!({ "scope": "a".repeat(count) })),
        ("length of a redirection URI", 2048, &|count| json!({ "redirect_uris": [long(count)] })),
        ("length of a logo URI", 2048, &|count| json!({ "logo_uri": long(count) })),
        ("members, languages among them", 255, &languages),
    ];
    for (name, most, document) in rows {
        let reply = server.post(&minimal_and(document(most))).await;
        assert_eq!(reply.status, 201, "HARD-14 {name}, {most}: {}", reply.text());
        let reply = server.post(&minimal_and(document(most + 1))).await;
        let code = if name.contains("redirect") { REDIRECT } else { METADATA };
        assert_refused(&format!("HARD-14 {name}, {}", most + 1), &reply, 400, code, Challenge::None);
    }
}

/// Nothing is normalised: two spellings of one character are two values.
#[tokio::test]
async fn strings_are_compared_by_code_points() {
    let server = Server::open().await;
    let composed = server.register(&minimal_and(json!({ "client_name": "\u{e9}", "software_id": "\u{e9}" }))).await;
    let decomposed =
        server.register(&minimal_and(json!({ "client_name": "e\u{301}", "software_id": "e\u{301}" }))).await;
    for member in ["client_name", "software_id"] {
        assert_ne!(composed.member(member), decomposed.member(member), "OIDCR-6-01 {member}");
    }
    let both = json!({ "redirect_uris": ["https://app.example.com/%C3%A9", "https://app.example.com/%c3%a9"] });
    let client = server.register(&both).await;
    assert_eq!(client.document["redirect_uris"], both["redirect_uris"], "OIDCR-3.2-01");
    let stored = server.registry.client(client.id()).await.unwrap().unwrap();
    assert_eq!(stored.redirect_uri("https://app.example.com/%C3%a9"), None, "URI-01");
}
