//! The ready-made policies about what clients are and say: public clients, and members that the operator declares.

use serde_json::{Value, json};
use tower_dcr::access::TokenOptions;
use tower_dcr::metadata::{ClientMetadata, SigningAlgorithm};
use tower_dcr::policy::{ExtraMember, ExtraType, PublicClients, WritableBy};
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, ConfigErrorKind, Registry};

use crate::policy::{assert_refused_everywhere, dry, reviewed, violations};
use crate::refusals::assertions::{Challenge, assert_refused};
use crate::server::{Registered, Server, minimal, minimal_and, send};

const METADATA: (u16, &str) = (400, "invalid_client_metadata");

#[tokio::test]
async fn an_unknown_registrant_gets_no_secret() {
    let server = reviewed(PublicClients::replacing()).await;
    let public = server.register(&minimal_and(json!({ "token_endpoint_auth_method": "none" }))).await;
    for method in [None, Some("none"), Some("client_secret_basic"), Some("client_secret_post")] {
        let document = minimal_and(json!({ "token_endpoint_auth_method": method }));
        let replies = [server.register(&document).await, Registered::of(&server.put(&public, &document).await)];
        for client in replies {
            assert_eq!(client.member("token_endpoint_auth_method"), "none", "{method:?}");
            assert_eq!(client.document.get("client_secret"), None, "{method:?}");
            assert!(!server.registry.client(client.id()).await.unwrap().unwrap().has_secret(), "{method:?}");
        }
        assert_eq!(dry(&server, &document).await.json()["metadata"]["token_endpoint_auth_method"], "none");
    }
}

#[tokio::test]
async fn a_method_with_credentials_is_refused_by_switch() {
    let server = reviewed(PublicClients::refusing()).await;
    let public = minimal_and(json!({ "token_endpoint_auth_method": "none" }));
    for method in [None, Some("client_secret_basic"), Some("client_secret_post")] {
        let document = minimal_and(json!({ "token_endpoint_auth_method": method }));
        let expected = [("/token_endpoint_auth_method", "P3")];
        assert_refused_everywhere("P3", &server, &public, &document, METADATA, &expected).await;
    }
}

#[tokio::test]
async fn an_algorithm_does_not_bring_the_secret_back() {
    let server = Server::start(Access::Open, |builder| {
        let builder = builder.with_signing_algorithms([SigningAlgorithm::Rs256, SigningAlgorithm::Hs256]);
        builder.with_policy(PublicClients::replacing()).with_dry_run(true)
    })
    .await;
    let public = minimal_and(json!({ "token_endpoint_auth_method": "none" }));
    for method in ["none", "client_secret_basic"] {
        let document = minimal_and(json!({
            "token_endpoint_auth_method": method, "id_token_signed_response_alg": "HS256",
        }));
        assert_refused_everywhere(method, &server, &public, &document, METADATA, &[("", "P3")]).await;
    }
}

#[tokio::test]
async fn a_registrant_that_is_known_keeps_the_requested_method() {
    let server = Server::start(Access::Tokens, |builder| builder.with_policy(PublicClients::replacing())).await;
    let (token, _) = server.registry.issue_initial_access_token(TokenOptions::new()).await.unwrap();
    let client = Registered::of(&send(server.posting(minimal().to_string()).bearer_auth(token.expose())).await);
    let updated = Registered::of(&server.put(&client, &minimal()).await);
    assert_eq!(updated.member("token_endpoint_auth_method"), "client_secret_basic");
    assert_eq!(updated.member("client_secret"), client.member("client_secret"));
}

fn declared() -> [ExtraMember; 8] {
    [
        ExtraMember::new("acme_theme", ExtraType::Text).with_max_bytes(10),
        ExtraMember::new("acme_beta", ExtraType::Boolean),
        ExtraMember::new("acme_seats", ExtraType::Integer),
        ExtraMember::new("acme_share", ExtraType::Number),
        ExtraMember::new("acme.tags", ExtraType::Texts),
        ExtraMember::new("acme-limits", ExtraType::Object).with_max_bytes(30),
        ExtraMember::new("acme_team", ExtraType::Text).set_by(WritableBy::Authorized),
        ExtraMember::new("acme_tier", ExtraType::Integer).set_by(WritableBy::Application),
    ]
}

async fn extended(access: Access) -> Server {
    Server::start(access, |builder| builder.with_extra_members(declared()).with_dry_run(true)).await
}

#[tokio::test]
async fn declared_members_are_kept_returned_and_replaced() {
    let server = extended(Access::Open).await;
    let extra = json!({
        "acme_theme": "12345678", "acme_beta": false, "acme_seats": -3, "acme_share": 0.5,
        "acme.tags": ["a", "b"], "acme-limits": { "a": { "b": [1, true] } },
    });
    let document = minimal_and(extra.clone());
    let client = server.register(&document).await;
    let read = server.get(&client).await.json();
    for (name, value) in extra.as_object().unwrap() {
        assert_eq!(&client.document[name], value, "POST");
        assert_eq!(&read[name], value, "GET");
    }
    assert_eq!(Registered::of(&server.put(&client, &client.own()).await).document, client.document, "PUT of a GET");

    let updated = Registered::of(&server.put(&client, &minimal_and(json!({ "acme_beta": true }))).await);
    assert_eq!(updated.document["acme_beta"], true);
    for member in ["acme_theme", "acme_seats", "acme_share", "acme.tags", "acme-limits"] {
        assert_eq!(updated.document.get(member), None, "{member} was left out");
    }
}

#[tokio::test]
async fn undeclared_members_are_not_stored() {
    let server = extended(Access::Open).await;
    let document = minimal_and(json!({
        "acme_other": "x", "ACME_THEME": "dark", "acme_theme#fr": "sombre", "acme_beta": null, "acme.tags": [],
        "owner": "admin", "status": "active", "extra": { "acme_theme": "dark" },
    }));
    let client = server.register(&document).await;
    let plain = server.register(&minimal()).await;
    let names = |client: &Registered| client.document.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&client), names(&plain));
    let metadata = ClientMetadata::from_json(document.to_string().as_bytes()).unwrap();
    assert_eq!(metadata.extra.text("acme_other"), Some("x"), "the application sees it");
    let registered = server.registry.register(metadata).await.unwrap();
    assert!(registered.client().metadata().extra.is_empty(), "and cannot register it either");
}

#[tokio::test]
async fn declared_members_have_a_type_a_size_and_permitted_writers() {
    let server = extended(Access::Open).await;
    let rows = [
        ("acme_theme", json!(1)),
        ("acme_theme", json!("123456789")),
        ("acme_theme", json!(" dark")),
        ("acme_theme", json!("a\u{202e}b")),
        ("acme_beta", json!("true")),
        ("acme_seats", json!(1.5)),
        ("acme_seats", json!("1")),
        ("acme_share", json!("0.5")),
        ("acme.tags", json!("a")),
        ("acme.tags", json!(["a", 1])),
        ("acme.tags", json!(["a\u{0}"])),
        ("acme-limits", json!(["a"])),
        ("acme-limits", json!({ "a": "0123456789012345678901234567890" })),
    ];
    for (member, value) in rows {
        let name = format!("{member}: {value}");
        let document = minimal_and(json!({ member: value }));
        let pointer = format!("/{member}");
        let expected = [(pointer.as_str(), "P4")];
        assert_refused_everywhere(&name, &server, &minimal(), &document, METADATA, &expected).await;
    }
    for (member, value) in [("acme_team", json!("a")), ("acme_tier", json!(1))] {
        let document = minimal_and(json!({ member: value }));
        let client = server.register(&minimal()).await;
        for reply in [server.post(&document).await, server.put(&client, &document).await, dry(&server, &document).await]
        {
            assert_refused(member, &reply, 400, Some("invalid_client_metadata"), Challenge::None);
            assert_eq!(violations(&reply), [(format!("/{member}"), "P4".to_owned())], "{member}");
        }
        assert_eq!(server.get(&client).await.json().get(member), None, "{member}");
    }
}

#[tokio::test]
async fn what_a_caller_may_not_set_stays_as_it_is() {
    let server = extended(Access::Tokens).await;
    let (token, _) = server.registry.issue_initial_access_token(TokenOptions::new()).await.unwrap();
    let document = minimal_and(json!({ "acme_team": "red", "acme_seats": 1 }));
    let client = Registered::of(&send(server.posting(document.to_string()).bearer_auth(token.expose())).await);
    assert_eq!(client.member("acme_team"), "red", "a caller with a token is authorized");

    let mut metadata = ClientMetadata::from_json(document.to_string().as_bytes()).unwrap();
    metadata.extra.insert_json("acme_tier", "3").unwrap();
    let id = server.registry.client(client.id()).await.unwrap().unwrap().id().clone();
    server.registry.update(&id, client.token(), metadata).await.unwrap();

    type Row = (&'static str, Value, u16, Value);
    let rows: [Row; 4] = [
        ("left out", json!({}), 200, Value::Null),
        ("sent back", json!({ "acme_tier": 3, "acme_team": "blue" }), 200, json!("blue")),
        ("another value", json!({ "acme_tier": 4 }), 400, json!("blue")),
        ("blank", json!({ "acme_tier": null, "acme_team": "red" }), 200, json!("red")),
    ];
    for (name, members, status, team) in rows {
        assert_eq!(server.put(&client, &minimal_and(members)).await.status, status, "{name}");
        let read = server.get(&client).await.json();
        assert_eq!(read["acme_tier"], 3, "{name}");
        assert_eq!(read["acme_team"], team, "{name}");
    }
}

#[test]
fn a_declaration_that_clashes_is_a_mistake() {
    let rows: &[(&str, &[&str])] = &[
        ("twice", &["acme", "acme"]),
        ("empty", &[""]),
        ("long", &["a123456789a123456789a123456789a123456789a123456789a123456789abcde"]),
        ("language", &["acme#fr"]),
        ("pointer", &["acme/a"]),
        ("quote", &["acme\"a"]),
        ("space", &["acme a"]),
        ("not ASCII", &["acm\u{e9}"]),
        ("standard", &["redirect_uris"]),
        ("of the server", &["client_id"]),
        ("secret", &["client_secret"]),
        ("token", &["registration_access_token"]),
        ("statement", &["software_statement"]),
        ("the sign of a client that waits", &["status"]),
    ];
    for (name, members) in rows {
        let members = members.iter().map(|member| ExtraMember::new(*member, ExtraType::Text));
        let builder = Registry::builder("https://id.example.com", Access::Open).with_extra_members(members);
        assert_eq!(builder.build(MemoryStore::new()).unwrap_err().kind(), ConfigErrorKind::ExtraMember, "{name}");
    }
}
