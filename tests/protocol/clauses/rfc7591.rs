//! RFC 7591 clause by clause, where no other test proves it: what a document may say and what the reply says.

use std::collections::HashSet;

use serde_json::{Value, json};
use tower_dcr::Access;
use tower_dcr::metadata::{ClientMetadata, Extensions, GrantType};
use tower_dcr::store::MemoryStore;

use crate::refusals::assertions::{Challenge, assert_refused};
use crate::server::{Registered, Server, minimal, minimal_and, send};

const METADATA: &str = "invalid_client_metadata";
const REDIRECT: &str = "invalid_redirect_uri";

/// A server that offers every grant that the crate knows.
pub(crate) async fn generous() -> Server {
    use GrantType::{AuthorizationCode, ClientCredentials, DeviceCode, Implicit, JwtBearer, RefreshToken};
    let grants = [AuthorizationCode, RefreshToken, Implicit, ClientCredentials, DeviceCode, JwtBearer];
    Server::start(Access::Open, |builder| builder.with_grant_types(grants)).await
}

#[tokio::test]
async fn what_is_left_out_gets_its_default_and_the_reply_says_so() {
    let server = Server::open().await;
    let document = server.register(&minimal()).await.document;
    let rows = [
        ("R7591-2-03", "token_endpoint_auth_method", json!("client_secret_basic")),
        ("R7591-2-08", "grant_types", json!(["authorization_code"])),
        ("R7591-2-11", "response_types", json!(["code"])),
        ("D18", "application_type", json!("web")),
        ("R7591-3.2.1-06", "client_secret_expires_at", json!(0)),
    ];
    for (name, member, expected) in rows {
        assert_eq!(document[member], expected, "{name}: {member}");
    }
    assert!(document["client_secret"].is_string(), "R7591-2-03");
    for invented in ["scope", "client_name", "jwks", "contacts", "userinfo_signed_response_alg", "require_auth_time"] {
        assert!(document.get(invented).is_none(), "{invented} was never asked for");
    }
}

#[tokio::test]
async fn names_words_and_types_are_those_of_the_standard() {
    let server = Server::open().await;
    let rows = [
        ("R7591-1-01 method in capitals", json!({ "token_endpoint_auth_method": "NONE" })),
        ("R7591-2-05 method that is a URI", json!({ "token_endpoint_auth_method": "https://as.example/m1" })),
        ("R7591-2-06 word that is no grant", json!({ "grant_types": ["auth_code"] })),
        ("R7591-2-07 extension grant that is not offered", json!({ "grant_types": [GrantType::DeviceCode.as_str()] })),
        ("R7591-2-09 response in capitals", json!({ "response_types": ["Code"] })),
        ("R7591-2-10 response that is not offered", json!({ "response_types": ["vp_token"] })),
        ("R7591-2-14 no URL", json!({ "client_uri": "not a url" })),
        ("R7591-2-17 scopes in an array", json!({ "scope": ["a", "b"] })),
        ("R7591-2-18 one contact", json!({ "contacts": "a@b" })),
        ("R7591-2-20 jwks as text", json!({ "jwks": "{\"keys\":[]}" })),
        ("R7591-2-20 keys as an object", json!({ "jwks": { "keys": {} } })),
        ("R7591-2-20 no key set", json!({ "jwks": { "key": [] } })),
        ("R6749-3.3-01 tab", json!({ "scope": "a\tb" })),
        ("R6749-3.3-01 quote", json!({ "scope": "a\"b" })),
        ("R6749-3.3-01 backslash", json!({ "scope": "a\\b" })),
        ("R6749-3.3-01 not ASCII", json!({ "scope": "\u{e9}" })),
        ("R6749-4.5-01 grant that is no URI", json!({ "grant_types": ["foo"] })),
        ("R6749-8.4-02 hyphen", json!({ "response_types": ["co-de"] })),
        ("R6749-8.4-02 nothing", json!({ "response_types": [""] })),
    ];
    for (name, members) in rows {
        let reply = server.post(&minimal_and(members)).await;
        assert_refused(name, &reply, 400, Some(METADATA), Challenge::None);
    }
    let capitals = json!({ "Redirect_URIs": ["https://app.example.com/cb"] });
    assert_refused("R7591-1-01", &server.post(&capitals).await, 400, Some(REDIRECT), Challenge::None);
    assert_eq!(server.count().await, 0);
}

#[tokio::test]
async fn what_fits_is_registered_exactly_as_it_was_sent() {
    let server = generous().await;
    let two = json!(["https://app.example.com/b", "https://app.example.com/a"]);
    let odd = json!(["HTTPS://App.Example.COM:443/cb/?x=1&y=&="]);
    let grants = json!(["authorization_code", "implicit"]);
    let rows = [
        ("R7591-2-02 order", json!({ "redirect_uris": two }), "redirect_uris", two.clone()),
        ("R6749-3.1-07 several", json!({ "redirect_uris": two }), "redirect_uris", two.clone()),
        ("R6749-3.1-03 query", json!({ "redirect_uris": odd }), "redirect_uris", odd.clone()),
        ("R7591-2-17 scope", json!({ "scope": "b a" }), "scope", json!("b a")),
        (
            "R7591-2-18 contacts",
            json!({ "contacts": ["+1 555", "ops@a.example"] }),
            "contacts",
            json!(["+1 555", "ops@a.example"]),
        ),
        ("R7591-2-25 version", json!({ "software_version": "9" }), "software_version", json!("9")),
        (
            "R7591-2-25 version that is no number",
            json!({ "software_version": "v10-\u{3b2}" }),
            "software_version",
            json!("v10-\u{3b2}"),
        ),
        (
            "R7591-2-07 extension grant",
            json!({ "grant_types": [GrantType::DeviceCode.as_str()] }),
            "grant_types",
            json!([GrantType::DeviceCode.as_str()]),
        ),
        (
            "R6749-8.4-01 order of words",
            json!({ "grant_types": grants, "response_types": ["id_token code"] }),
            "response_types",
            json!(["code id_token"]),
        ),
        (
            "R7591-2.2-04 no normalisation",
            json!({ "client_name": "e\u{301}A\u{30a}\u{2126}" }),
            "client_name",
            json!("e\u{301}A\u{30a}\u{2126}"),
        ),
        ("R7591-2.2-05 only a tagged name", json!({ "client_name#fr": "Nom" }), "client_name#fr", json!("Nom")),
    ];
    for (name, members, member, expected) in rows {
        let client = server.register(&minimal_and(members)).await;
        assert_eq!(client.document[member], expected, "{name}");
        assert_eq!(server.get(&client).await.json(), client.document, "{name}: read");
    }
    let tagged = server.register(&minimal_and(json!({ "client_name#fr": "Nom" }))).await;
    assert!(tagged.document.get("client_name").is_none(), "R7591-2.2-05: no name is invented");
}

#[tokio::test]
async fn a_language_tag_is_the_same_in_any_case() {
    let server = Server::open().await;
    let client = server.register(&minimal_and(json!({ "client_name": "A", "client_name#fr-CA": "B" }))).await;
    assert_eq!((&client.document["client_name"], &client.document["client_name#fr-CA"]), (&json!("A"), &json!("B")));
    let stored = server.registry.client(client.id()).await.unwrap().unwrap();
    assert_eq!(stored.metadata().client_name.get("FR-ca"), Some("B"), "R7591-2.2-02");
    let twice = minimal_and(json!({ "client_name#FR": "A", "client_name#fr": "B" }));
    assert_refused("R7591-2.2-02", &server.post(&twice).await, 400, Some(METADATA), Challenge::None);
    for malformed in
        ["client_name#", "client_name#a_b", "client_name#en#fr", "client_name#123456789", "client_name# fr"]
    {
        let document = server.register(&minimal_and(json!({ malformed: "A" }))).await.document;
        assert!(!document.to_string().contains('#'), "BCP47-01 {malformed}: {document}");
    }
}

/// The correspondence of grants and responses, from the registries.
#[tokio::test]
async fn a_grant_without_an_authorization_endpoint_has_no_response_type() {
    let server = generous().await;
    let registries = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/spec/registries.tsv"));
    let registries = registries.unwrap();
    let mut checked = Vec::new();
    for row in registries.lines().filter(|row| row.starts_with("grant_type\t")) {
        let columns: Vec<_> = row.split('\t').collect();
        let (grant, pairs) = (columns[1], columns[4]);
        let reply = server.post(&minimal_and(json!({ "grant_types": [grant, "refresh_token"] }))).await;
        if reply.status == 400 {
            continue;
        }
        let responses = reply.json()["response_types"].clone();
        let expected = if pairs == "none" { json!([]) } else { json!(["code"]) };
        assert_eq!(responses, expected, "{grant}: {pairs}");
        let asked = minimal_and(json!({ "grant_types": [grant], "response_types": ["code"] }));
        assert_eq!(server.register(&asked).await.document["response_types"], expected, "{grant} with code");
        checked.push(grant.to_owned());
    }
    let offered =
        ["authorization_code", "client_credentials", GrantType::JwtBearer.as_str(), GrantType::DeviceCode.as_str()];
    assert_eq!(checked, offered);
}

#[tokio::test]
async fn grants_and_responses_that_contradict_each_other_are_refused() {
    let server = generous().await;
    let strict = |builder: tower_dcr::config::RegistryBuilder| {
        builder
            .with_unoffered_refused(true)
            .with_grant_types([GrantType::AuthorizationCode, GrantType::ClientCredentials])
    };
    let strict = Server::start(Access::Open, strict).await;
    let rows = [
        ("R7591-2.1-02", &server, json!(["authorization_code"]), json!(["token"])),
        ("R7591-2.1-03", &server, json!(["implicit"]), json!(["code"])),
        ("R7591-2.1-01 nothing is left out", &strict, json!(["client_credentials"]), json!(["code"])),
        ("R7591-2-27 nothing is left out", &strict, json!(["authorization_code", "implicit"]), json!(["code"])),
    ];
    for (name, server, grants, responses) in rows {
        let document = minimal_and(json!({ "grant_types": grants, "response_types": responses }));
        assert_refused(name, &server.post(&document).await, 400, Some(METADATA), Challenge::None);
    }
}

#[tokio::test]
async fn a_value_that_is_replaced_is_shown_as_registered() {
    let server = Server::open().await;
    let asked = minimal_and(json!({
        "grant_types": ["authorization_code", "implicit", "password", "refresh_token"],
        "response_types": ["code", "token"], "application_type": "web", "redirect_uris": ["com.example.app:/cb"],
    }));
    let client = server.register(&asked).await;
    let registered = [
        ("grant_types", json!(["authorization_code", "refresh_token"])),
        ("response_types", json!(["code"])),
        ("application_type", json!("native")),
    ];
    for (member, expected) in registered {
        assert_eq!(client.document[member], expected, "R7591-3.2.1-08 {member}");
    }
    let updated = server.put(&client, &asked).await;
    assert_eq!((updated.status, updated.json()), (200, client.document.clone()), "R7592-2.2-10");
}

#[tokio::test]
async fn what_is_unknown_or_not_a_client_member_is_left_out() {
    let server = Server::open().await;
    let plain = server.register(&minimal()).await.document;
    let rows = [
        ("R7591-2-26", json!({ "x_unknown": { "a": [1] }, "": 1, "constructor": {}, "__proto__": { "x": 1 } })),
        ("R7591-6-01", json!({ "client_id": "admin" })),
        ("R7592-2.2-09", json!({ "client_secret": "mine" })),
        ("R6750-2.2-01", json!({ "access_token": "abc" })),
        ("R7591-3.1.1-01", json!({ "software_statement": "a.b.c" })),
        ("R7591-2-29 null", json!({ "client_name": null, "contacts": null, "require_auth_time": null })),
        ("R7591-2-20 an empty array is nothing (D10)", json!({ "jwks": [] })),
    ];
    for (name, members) in rows {
        let document = server.register(&minimal_and(members.clone())).await.document;
        let names = |document: &Value| Vec::from_iter(document.as_object().unwrap().keys().cloned());
        assert_eq!(names(&document), names(&plain), "{name}");
        for (member, sent) in members.as_object().unwrap() {
            assert_ne!(document.get(member), Some(sent), "{name}: {member}");
        }
    }
}

#[tokio::test]
async fn a_public_client_gets_no_secret() {
    let server = Server::open().await;
    let keys =
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] });
    let rows = [
        ("R7591-2-04", json!({ "token_endpoint_auth_method": "none" })),
        ("R7591-3.1-02", json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": keys })),
        (
            "R8252-8.5-01",
            json!({ "token_endpoint_auth_method": "none", "redirect_uris": ["com.example.app:/cb"], "application_type": "native" }),
        ),
    ];
    for (name, members) in rows {
        let document = server.register(&minimal_and(members)).await.document;
        for member in ["client_secret", "client_secret_expires_at"] {
            assert!(document.get(member).is_none(), "{name}: {member}");
        }
    }
}

#[tokio::test]
async fn a_native_app_registers_every_kind_of_redirection_uri() {
    let server = Server::open().await;
    let rows = [
        ("R8252-7-01 private-use scheme", "com.example.app:/cb"),
        ("R8252-7-01 claimed https", "https://app.example.com/cb"),
        ("R8252-7-01 loopback", "http://127.0.0.1/cb"),
        ("R8252-7.1-01 two slashes", "com.example.app://cb"),
        ("R8252-8.3-01 localhost", "http://localhost:3000/cb"),
        ("R7591-5-04 IPv6 loopback", "http://[::1]:3000/cb"),
    ];
    for (name, uri) in rows {
        let document =
            json!({ "redirect_uris": [uri], "application_type": "native", "token_endpoint_auth_method": "none" });
        let client = server.register(&document).await;
        assert_eq!(client.document["redirect_uris"], json!([uri]), "{name}");
        assert_eq!(client.document["application_type"], "native", "{name}");
        let stored = server.registry.client(client.id()).await.unwrap().unwrap();
        let metadata = stored.metadata();
        let kind = (metadata.application_type.as_ref(), metadata.token_endpoint_auth_method.as_ref());
        assert_eq!(kind.0.map(|kind| kind.as_str()), Some("native"), "R8252-8.4-01 {name}");
        assert_eq!(kind.1.map(|method| method.as_str()), Some("none"), "R8252-8.4-01 {name}");
    }
    let remote = json!({ "redirect_uris": ["http://client.example.org/cb"], "application_type": "native" });
    assert_refused("R7591-5-04", &server.post(&remote).await, 400, Some(REDIRECT), Challenge::None);
}

/// A secret of a native app is one of this installation, because every registration has its own.
#[tokio::test]
async fn two_registrations_of_one_app_share_nothing() {
    let server = Server::open().await;
    let app = json!({
        "redirect_uris": ["com.example.app:/cb"], "application_type": "native",
        "software_id": "4NRB1-0XZABZI9E6-5SM3R", "software_version": "2.2",
    });
    let (one, other) = (server.register(&app).await, server.register(&app).await);
    for member in ["client_id", "client_secret", "registration_access_token", "registration_client_uri"] {
        assert_ne!(one.member(member), other.member(member), "R6749-10.1-01, R7591-A-02: {member}");
    }
    assert_eq!(server.delete(&one).await.status, 204);
    assert_eq!(server.get(&other).await.json(), other.document);
}

/// A client identifier contains no data of the client; these are only in the store.
#[tokio::test]
async fn a_client_is_known_only_where_it_was_registered() {
    let (here, there) = (Server::open().await, Server::open().await);
    let client = here.register(&minimal()).await;
    let url = format!("{}/{}", there.endpoint(), client.id());
    let reply = send(there.request(http::Method::GET, url).bearer_auth(client.token())).await;
    assert_refused("R7591-A-01", &reply, 401, Some("invalid_token"), Challenge::InvalidToken);
    assert!(there.registry.client(client.id()).await.unwrap().is_none());
}

/// A software statement is not accepted in the place of a client identifier.
#[tokio::test]
async fn a_software_statement_is_no_client_identifier() {
    let server = Server::open().await;
    let statement = "eyJhbGciOiJSUzI1NiJ9.eyJzb2Z0d2FyZV9pZCI6IngifQ.c2lnbmF0dXJl";
    assert!(server.registry.client(statement).await.unwrap().is_none(), "R7591-2.3-05");
    let url = format!("{}/{statement}", server.endpoint());
    let reply = send(server.request(http::Method::GET, url).bearer_auth(statement)).await;
    assert_refused("R7591-2.3-05", &reply, 401, Some("invalid_token"), Challenge::InvalidToken);
}

#[tokio::test]
async fn ten_thousand_clients_share_no_identifier_and_no_secret() {
    const CLIENTS: usize = 10_000;
    let registry = tower_dcr::Registry::builder("https://id.example.com", Access::Open);
    let registry = registry.build(MemoryStore::new()).unwrap();
    let metadata = ClientMetadata::from_json(minimal().to_string().as_bytes()).unwrap();
    let (mut ids, mut secrets, mut tokens) = (HashSet::new(), HashSet::new(), HashSet::new());
    for _ in 0..CLIENTS {
        let registered = registry.register(metadata.clone()).await.unwrap();
        let id = registered.client().id().as_str().to_owned();
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        assert!(plain(&id) && id.len() >= 22 && !id.starts_with("https://"), "R6749-A-01, D33: {id}");
        let secret = registered.client_secret().unwrap().expose().to_owned();
        assert!(plain(&secret) && secret.len() >= 64, "D34: 384 bits");
        let token = registered.registration_access_token().unwrap().expose().to_owned();
        assert!(token.len() >= 43, "R7592-5-05: 256 bits");
        ids.insert(id);
        secrets.insert(secret);
        tokens.insert(token);
    }
    assert_eq!((ids.len(), secrets.len(), tokens.len()), (CLIENTS, CLIENTS, CLIENTS));
}

#[tokio::test]
async fn the_time_of_issue_is_now_in_seconds() {
    let server = Server::open().await;
    let before = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let issued = server.register(&minimal()).await.document["client_id_issued_at"].as_u64().unwrap();
    assert!((before..before + 60).contains(&issued), "R7591-3.2.1-05: {issued}");
}

/// Types by the registry of members. Where an extension is off, its members are unknown, whatever they hold.
#[tokio::test]
async fn every_member_has_the_json_type_of_its_definition() {
    let extended = Server::start(Access::Open, |builder| builder.with_extensions(Extensions::ALL)).await;
    let plain = Server::open().await;
    let nothing = plain.register(&minimal()).await.document;
    let values = [json!(1), json!("x"), json!(true), json!({ "x": 1 }), json!([1]), json!([["x"]]), json!([null])];
    let table = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/spec/metadata.tsv")).unwrap();
    let (mut checked, mut unknown) = (0, 0);
    for row in table.lines().skip(1) {
        let columns: Vec<_> = row.split('\t').collect();
        let (name, kind, direction) = (columns[0], columns[1], columns[9]);
        // Members that only the server sets are ignored, and so is a statement without a verifier.
        if direction.starts_with("out") || ["client_id", "client_secret", "software_statement"].contains(&name) {
            continue;
        }
        for value in values.iter().filter(|value| !has_type(value, kind)) {
            let case = format!("R7591-2-29 {name} ({kind}) as {value}");
            let document = minimal_and(json!({ name: value }));
            let code = if name == "redirect_uris" { REDIRECT } else { METADATA };
            let refused = extended.post(&document).await;
            assert_refused(&case, &refused, 400, Some(code), Challenge::None);
            assert_eq!(refused.json()["violations"][0]["rule"], "M6", "{case}");
            let reply = plain.post(&document).await;
            if reply.status == 201 {
                assert_eq!(reply.json().get(name), nothing.get(name), "R7591-2-30 {case}");
                unknown += 1;
            }
            checked += 1;
        }
    }
    assert!(checked > 400 && unknown > 200, "{checked} refused, {unknown} unknown");
}

/// Whether a value could be of a type of the registry.
fn has_type(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array of string" => value.as_array().is_some_and(|elements| elements.iter().all(Value::is_string)),
        _ => value.is_number(),
    }
}

/// No reply wraps the document, for any caller and any request.
#[tokio::test]
async fn registration_read_and_update_give_one_flat_object_with_the_same_members() {
    let server = Server::open().await;
    let document =
        minimal_and(json!({ "client_name": "A", "client_name#fr": "B", "scope": "a", "default_max_age": 1 }));
    let created = Registered::of(&server.post(&document).await);
    let read = server.get(&created).await;
    let updated = server.put(&created, &created.own()).await;
    for (name, reply) in [("R7592-2.1-01 read", &read), ("R7592-2.2-11 update", &updated)] {
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")), "{name}");
        assert_eq!(reply.json(), created.document, "R7592-3-03 {name}");
    }
    for (member, value) in document.as_object().unwrap() {
        assert_eq!(created.document[member], *value, "R7591-3.2.1-07 {member}");
    }
    for (member, value) in created.document.as_object().unwrap() {
        assert!(!value.is_object(), "R7591-3.2.1-09 {member}");
    }
}
