//! Every reason to refuse a document at registration, by its number in the table of errors.

use http::Method;
use serde_json::{Value, json};
use tower_dcr::Access;
use tower_dcr::metadata::GrantType;

use crate::refusals::assertions::{CANARY, Challenge, assert_answered, assert_refused};
use crate::server::{Server, minimal, minimal_and, send};

const METADATA: Option<&str> = Some("invalid_client_metadata");
const REDIRECT: Option<&str> = Some("invalid_redirect_uri");

#[tokio::test]
async fn a_body_that_is_not_declared_as_json_is_refused() {
    const JSON: (&str, &str) = ("content-type", "application/json");
    let server = Server::open().await;
    let rows: &[(&str, &[(&str, &str)])] = &[
        ("E-011 no content type", &[]),
        ("E-011 form", &[("content-type", "application/x-www-form-urlencoded")]),
        ("E-011 text", &[("content-type", "text/plain")]),
        ("E-011 JWT", &[("content-type", "application/jwt")]),
        ("E-011 two types", &[JSON, ("content-type", "text/plain")]),
        ("E-012 UTF-16", &[("content-type", "application/json; charset=utf-16")]),
        ("E-012 Latin 1", &[("content-type", "application/json;charset=iso-8859-1")]),
        ("E-013 gzip", &[JSON, ("content-encoding", "gzip")]),
    ];
    for (name, headers) in rows {
        let request = server.request(Method::POST, server.endpoint()).body(minimal().to_string());
        let request = headers.iter().fold(request, |request, (header, value)| request.header(*header, *value));
        let reply = send(request).await;
        assert_refused(name, &reply, 415, METADATA, Challenge::None);
        assert_eq!(reply.header("accept"), Some("application/json"), "{name}");
        assert_eq!(reply.header("accept-encoding"), Some("identity"), "{name}");
        assert_eq!(server.count().await, 0, "{name}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_document_is_refused() {
    let server = Server::open().await;
    let rows: Vec<(&str, Vec<u8>)> = vec![
        ("E-016 empty", vec![]),
        ("E-017 no JSON", CANARY.into()),
        ("E-017 rest", format!("{} {CANARY}", minimal()).into()),
        ("E-017 not UTF-8", b"{\"client_name\":\"\xff\"}".to_vec()),
        ("E-017 byte order mark", format!("\u{feff}{}", minimal()).into()),
        ("E-018 array", format!("[\"{CANARY}\"]").into()),
        ("E-018 string", format!("\"{CANARY}\"").into()),
        ("E-018 number", b"1".to_vec()),
        ("E-018 null", b"null".to_vec()),
        ("E-019 same name", format!(r#"{{"{CANARY}":1,"{CANARY}":1}}"#).into()),
        ("E-019 same name after decoding", br#"{"ab":1,"a\u0062":1}"#.to_vec()),
        ("E-020 lone surrogate", format!(r#"{{"{CANARY}":"\ud800"}}"#).into()),
        ("E-020 number", format!(r#"{{"{CANARY}":1e400}}"#).into()),
        ("E-020 depth", format!(r#"{{"{CANARY}":{}{}}}"#, "[".repeat(16), "]".repeat(16)).into()),
        ("E-020 members", members(257).into()),
    ];
    for (name, body) in rows {
        assert_refused(name, &send(server.posting(body)).await, 400, METADATA, Challenge::None);
        assert_eq!(server.count().await, 0, "{name}");
    }
    let reply = send(server.posting(vec![b' '; 65_537])).await;
    assert_refused("E-014 65537 bytes", &reply, 413, METADATA, Challenge::None);
    assert_eq!(server.count().await, 0, "E-014");
}

fn members(count: usize) -> String {
    let members: Vec<_> = (0..count).map(|number| format!("\"m{number}\":1")).collect();
    format!("{{{}}}", members.join(","))
}

#[tokio::test]
async fn a_redirection_uri_that_is_unsafe_is_refused() {
    let grants = [GrantType::AuthorizationCode, GrantType::Implicit, GrantType::ClientCredentials];
    let server = Server::start(Access::Open, |builder| builder.with_grant_types(grants)).await;
    let implicit = |uri: &str| {
        json!({ "redirect_uris": [uri], "grant_types": ["implicit"], "response_types": ["token"],
            "application_type": "web" })
    };
    let mut rows = vec![
        ("E-021 none", json!({})),
        ("E-021 none for an explicit grant", json!({ "grant_types": ["authorization_code"] })),
        ("E-021 empty array", json!({ "redirect_uris": [] })),
        ("E-021 null", json!({ "redirect_uris": null })),
        ("E-022 string", json!({ "redirect_uris": format!("https://app.example.com/{CANARY}") })),
        ("E-022 object", json!({ "redirect_uris": { CANARY: 1 } })),
        ("E-022 element", json!({ "redirect_uris": ["https://app.example.com/cb", 1] })),
        ("E-028 http", implicit(&format!("http://127.0.0.1/{CANARY}"))),
        ("E-028 localhost", implicit(&format!("https://localhost/{CANARY}"))),
    ];
    let uris = [
        ("E-023 relative", format!("/{CANARY}")),
        ("E-023 no host", format!("https:///{CANARY}")),
        ("E-023 unparsable", format!("https://[{CANARY}]/")),
        ("E-023 over-long", format!("https://app.example.com/{}", CANARY.repeat(205))),
        ("E-024 fragment", format!("https://app.example.com/#{CANARY}")),
        ("E-024 empty fragment", format!("https://app.example.com/{CANARY}#")),
        ("E-024 user", format!("https://{CANARY}@app.example.com/")),
        ("E-024 wildcard", format!("https://*.{CANARY}.example.com/")),
        ("E-024 backslash", format!("https://app.example.com\\{CANARY}")),
        ("E-024 space", format!("https://app.example.com/ {CANARY}")),
        ("E-024 control", format!("https://app.example.com/\n{CANARY}")),
        ("E-024 non-ASCII", format!("https://app.example.com/\u{e9}{CANARY}")),
        ("E-024 percent", format!("https://app.example.com/%zz{CANARY}")),
        ("E-025 http", format!("http://app.example.com/{CANARY}")),
        ("E-026 javascript", format!("javascript:alert('{CANARY}')")),
        ("E-026 data", format!("data:text/html,{CANARY}")),
        ("E-026 file", format!("FILE:///etc/{CANARY}")),
    ];
    rows.extend(uris.into_iter().map(|(name, uri)| (name, json!({ "redirect_uris": [uri] }))));
    for (name, document) in rows {
        assert_refused(name, &server.post(&document).await, 400, REDIRECT, Challenge::None);
        assert_eq!(server.count().await, 0, "{name}");
    }
}

#[tokio::test]
async fn a_member_that_breaks_its_rule_is_refused() {
    let server = Server::open().await;
    for (name, members) in broken_members() {
        let reply = server.post(&minimal_and(members)).await;
        assert_refused(name, &reply, 400, METADATA, Challenge::None);
        assert!(!reply.json()["violations"].as_array().unwrap().is_empty(), "{name}");
        assert_eq!(server.count().await, 0, "{name}");
    }
}

/// A rule of the document policy each, broken by one member or two.
pub(crate) fn broken_members() -> Vec<(&'static str, Value)> {
    let unusable = json!({ "keys": [{ "kty": "RSA", "n": CANARY, "e": "AQAB", "d": CANARY }] });
    let many: Vec<_> = (0..33).map(|number| format!("https://app.example.com/{CANARY}/{number}")).collect();
    let uri = |scheme: &str| format!("{scheme}://app.example.com/{CANARY}");
    vec![
        ("E-031 number for a string", json!({ "client_name": 1 })),
        ("E-031 string for an array", json!({ "grant_types": CANARY })),
        ("E-031 string for a boolean", json!({ "require_auth_time": CANARY })),
        ("E-031 fraction", json!({ "default_max_age": 1.5 })),
        ("E-031 string for an object", json!({ "jwks": CANARY })),
        ("E-036 unknown method", json!({ "token_endpoint_auth_method": CANARY })),
        ("E-036 method that is not offered", json!({ "token_endpoint_auth_method": "client_secret_jwt" })),
        ("E-037 unknown grant", json!({ "grant_types": [CANARY] })),
        ("E-037 only refresh_token", json!({ "grant_types": ["refresh_token"] })),
        ("E-037 no response left", json!({ "response_types": [CANARY] })),
        ("E-038 contradiction", json!({ "grant_types": ["authorization_code"], "response_types": ["token"] })),
        (
            "E-039 public machine",
            json!({ "grant_types": ["client_credentials"], "token_endpoint_auth_method": "none" }),
        ),
        ("E-040 tab", json!({ "scope": format!("{CANARY}\tb") })),
        ("E-040 quote", json!({ "scope": format!("\"{CANARY}\"") })),
        ("E-041 keys twice", json!({ "jwks": keys(), "jwks_uri": uri("https") })),
        ("E-042 private key", json!({ "jwks": unusable })),
        ("E-042 symmetric key", json!({ "jwks": { "keys": [{ "kty": "oct", "k": CANARY }] } })),
        ("E-042 no keys", json!({ "jwks": { CANARY: [] } })),
        ("E-043 http", json!({ "jwks_uri": uri("http") })),
        ("E-044 no keys", json!({ "token_endpoint_auth_method": "private_key_jwt" })),
        ("E-045 enc alone", json!({ "id_token_encrypted_response_enc": "A128GCM" })),
        ("E-046 none", json!({ "id_token_signed_response_alg": "none" })),
        ("E-046 symmetric", json!({ "userinfo_signed_response_alg": "HS256" })),
        ("E-046 unknown", json!({ "request_object_signing_alg": CANARY })),
        ("E-047 script", json!({ "logo_uri": format!("javascript:{CANARY}") })),
        ("E-047 syntax", json!({ "client_uri": format!("https://app.example.com/{{{CANARY}}}") })),
        ("E-047 with a language", json!({ "tos_uri#fr": format!("data:,{CANARY}") })),
        ("E-049 subject type", json!({ "subject_type": CANARY })),
        ("E-049 pairwise", json!({ "subject_type": "pairwise" })),
        ("E-052 http", json!({ "request_uris": [uri("http")] })),
        ("E-052 over-long", json!({ "request_uris": [uri("https").repeat(80)] })),
        ("E-053 http", json!({ "initiate_login_uri": uri("http") })),
        ("E-056 language twice", json!({ "client_name#fr": CANARY, "client_name#FR": CANARY })),
        ("E-057 control", json!({ "client_name": format!("{CANARY}\u{7}") })),
        ("E-057 direction", json!({ "software_id": format!("{CANARY}\u{202e}") })),
        ("E-057 contact", json!({ "contacts": [format!("{CANARY}\u{200b}")] })),
        ("E-058 length", json!({ "client_name": CANARY.repeat(26) })),
        ("E-058 count", json!({ "request_uris": many })),
        ("E-058 scope", json!({ "scope": CANARY.repeat(820) })),
    ]
}

fn keys() -> Value {
    json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] })
}

#[tokio::test]
async fn what_a_client_may_not_decide_is_ignored() {
    let server = Server::open().await;
    let rows = [
        ("E-008 token that is not required", json!({})),
        ("E-032 null", json!({ "client_name": null, "jwks": null, "contacts": [], "logo_uri": "" })),
        ("E-033 unknown member", json!({ "x": { "y": [CANARY] } })),
        ("E-034 credentials", json!({ "client_id": CANARY, "client_secret": CANARY })),
        (
            "E-035 management",
            json!({ "registration_access_token": CANARY, "registration_client_uri": CANARY,
                "client_id_issued_at": CANARY, "client_secret_expires_at": CANARY }),
        ),
    ];
    let plain = server.post(&minimal()).await.json();
    for (name, members) in rows {
        let request = server.posting(minimal_and(members).to_string()).bearer_auth(CANARY);
        let reply = send(request).await;
        assert_eq!(reply.status, 201, "{name}: {}", reply.text());
        assert_answered(name, &reply);
        assert!(!reply.text().contains(CANARY), "{name}: {}", reply.text());
        let names = |document: &Value| Vec::from_iter(document.as_object().unwrap().keys().cloned());
        assert_eq!(names(&reply.json()), names(&plain), "{name}");
    }
}
