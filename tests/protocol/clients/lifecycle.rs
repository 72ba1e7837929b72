//! A registration from its first day to its last: RFC 7592.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tower_dcr::Access;

use crate::corpus::data::{self, Settings};
use crate::corpus::payloads;
use crate::fakes::FakeClock;
use crate::server::{FORBIDDEN, Registered, Reply, Server, minimal, minimal_and, send};

#[tokio::test]
async fn a_client_is_created_read_updated_and_deleted() {
    let server = Server::open().await;
    let created = server.post(&minimal_and(json!({ "client_name": "Before" }))).await;
    let client = Registered::of(&created);
    assert_eq!(created.status, 201);
    assert_eq!(created.header("location"), Some(client.uri()));
    assert_eq!(client.uri(), format!("{}/{}", server.endpoint(), client.id()));

    let read = server.get(&client).await;
    assert_eq!((read.status, read.json()), (200, client.document.clone()));

    let updated = server.put(&client, &minimal_and(json!({ "client_name": "After" }))).await;
    let mut expected = client.document.clone();
    expected["client_name"] = "After".into();
    assert_eq!((updated.status, updated.json()), (200, expected.clone()));
    assert_eq!(updated.header("location"), None);
    assert_eq!(server.get(&client).await.json(), expected);

    let deleted = server.delete(&client).await;
    assert_eq!((deleted.status, deleted.body.len(), deleted.header("content-type")), (204, 0, None));
    assert_eq!(server.get(&client).await.status, 401);
    assert_eq!(server.put(&client, &minimal()).await.status, 401);
    assert_eq!(server.delete(&client).await.status, 401);
    assert_eq!(server.count().await, 0);
}

#[tokio::test]
async fn an_update_replaces_everything_and_leaves_the_credentials() {
    let server = Server::open().await;
    let client = server
        .register(&minimal_and(json!({
            "client_name": "Name", "client_name#fr": "Nom", "contacts": ["a@example.com"], "scope": "read write",
            "grant_types": ["authorization_code", "refresh_token"], "token_endpoint_auth_method": "client_secret_post",
            "logo_uri": "https://app.example.com/logo.png", "default_max_age": 3600, "require_auth_time": true,
        })))
        .await;
    let replaced = json!({ "client_id": client.id(), "redirect_uris": ["com.example.app:/cb"], "contacts": null });
    let mut expected = client.document.clone();
    for gone in
        ["client_name", "client_name#fr", "contacts", "scope", "logo_uri", "default_max_age", "require_auth_time"]
    {
        expected.as_object_mut().unwrap().remove(gone);
    }
    expected["redirect_uris"] = replaced["redirect_uris"].clone();
    expected["grant_types"] = json!(["authorization_code"]);
    expected["token_endpoint_auth_method"] = "client_secret_basic".into();
    expected["application_type"] = "native".into();
    assert_eq!(server.put(&client, &replaced).await.json(), expected);
    assert_eq!(server.get(&client).await.json(), expected);
}

#[tokio::test]
async fn an_update_that_says_what_only_the_server_says_changes_nothing() {
    let server = Server::open().await;
    let (confidential, public) = (json!({}), json!({ "token_endpoint_auth_method": "none" }));
    let forbidden = FORBIDDEN.map(|member| (member, &confidential, json!({ member: "x" })));
    let rows = [
        ("another client_id", &confidential, json!({ "client_id": "another" })),
        ("client_id of a wrong type", &confidential, json!({ "client_id": 1 })),
        ("wrong client_secret", &confidential, json!({ "client_secret": "chosen" })),
        ("client_secret of a wrong type", &confidential, json!({ "client_secret": ["x"] })),
        ("client_secret of a client without one", &public, json!({ "client_secret": "chosen" })),
    ];
    for (name, kind, members) in rows.into_iter().chain(forbidden) {
        let client = server.register(&minimal_and(kind.clone())).await;
        let mut document = client.own();
        document["client_name"] = "Changed".into();
        document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let before = server.get(&client).await;
        let reply = server.put(&client, &document).await;
        assert_eq!((reply.status, reply.error().as_deref()), (400, Some("invalid_client_metadata")), "{name}");
        assert_same(name, &before, &server.get(&client).await);
    }
}

#[tokio::test]
async fn the_servers_own_values_of_the_four_are_refused_as_well() {
    let server = Server::open().await;
    let client = server.register(&minimal()).await;
    for member in FORBIDDEN {
        let mut document = client.own();
        document[member] = client.document[member].clone();
        let reply = server.put(&client, &document).await;
        assert_eq!((reply.status, reply.error().as_deref()), (400, Some("invalid_client_metadata")), "{member}");
    }
}

/// Project decision D10: `null` and `""` are "not sent", everywhere.
#[tokio::test]
async fn blank_credentials_in_an_update_are_credentials_left_out() {
    let server = Server::open().await;
    for (kind, method) in [("confidential", "client_secret_basic"), ("public", "none")] {
        let client = server.register(&minimal_and(json!({ "token_endpoint_auth_method": method }))).await;
        for member in ["client_id", "client_secret"] {
            for blank in [Value::Null, "".into()] {
                let name = format!("{member} {blank} of a {kind} client");
                let mut document = client.own();
                document[member] = blank;
                let reply = server.put(&client, &document).await;
                assert_eq!(reply.status, 200, "{name}: {}", reply.text());
            }
        }
    }
}

#[tokio::test]
async fn the_identifier_may_be_left_out_unless_updates_are_strict() {
    for (strict, status) in [(false, 200), (true, 400)] {
        let server = Server::start(Access::Open, |builder| builder.with_client_id_required(strict)).await;
        let client = server.register(&minimal()).await;
        assert_eq!(server.put(&client, &minimal()).await.status, status, "strict: {strict}");
        assert_eq!(server.put(&client, &client.own()).await.status, 200, "strict: {strict}, with the identifier");
    }
}

#[tokio::test]
async fn what_the_server_says_is_an_update_that_changes_nothing() {
    let mut checked = 0;
    for settings in [Settings::default(), Settings { allow_implicit: true, ..Settings::default() }] {
        let grants = data::corpus_grants(settings);
        let server = Server::start(Access::Open, |builder| builder.with_grant_types(grants)).await;
        for row in data::documents().iter().filter(|row| row.accepted() && row.settings == settings) {
            let reply = send(server.posting(row.octets())).await;
            assert_put_is_idle(&row.name, &server, &Registered::of(&reply)).await;
            checked += 1;
        }
        if !settings.allow_implicit {
            for row in data::redirect_uris().iter().filter(|row| row.accepted) {
                assert_put_is_idle(&row.uri, &server, &server.register(&row.document()).await).await;
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 70 + 67);
}

#[tokio::test]
async fn what_the_server_says_to_a_real_client_is_an_update_that_changes_nothing() {
    let payloads = data::payloads();
    let mut checked = 0;
    for payload in payloads.iter().filter(|payload| payload.expect.permissive.get("status") == Some(&201.into())) {
        let server = payloads::server(payload).await;
        let reply = send(payloads::request(&server, payload)).await;
        assert_put_is_idle(&payload.id, &server, &Registered::of(&reply)).await;
        checked += 1;
    }
    assert_eq!(checked, 58);
}

async fn assert_put_is_idle(name: &str, server: &Server, client: &Registered) {
    let before = server.get(client).await;
    assert_eq!(before.json(), client.document, "{name}: read after registration");
    let put = server.put(client, &client.own()).await;
    assert_eq!(put.status, 200, "{name}: {}", put.text());
    assert_eq!(put.body, before.body, "{name}: update");
    assert_eq!(server.get(client).await.body, before.body, "{name}: read after the update");
}

#[tokio::test]
async fn a_secret_comes_and_goes_with_the_authentication_method() {
    let server = Server::open().await;
    let client = server.register(&minimal()).await;
    let first = client.member("client_secret").to_owned();

    let public = server.put(&client, &minimal_and(json!({ "token_endpoint_auth_method": "none" }))).await.json();
    for member in ["client_secret", "client_secret_expires_at"] {
        assert!(public.get(member).is_none(), "{member}");
    }
    let stored = server.registry.client(client.id()).await.unwrap().unwrap();
    assert!(!stored.verify_secret(&first, server.registry.now()), "the old secret is not valid any more");

    let method = json!({ "token_endpoint_auth_method": "client_secret_post" });
    let again = Registered::of(&server.put(&client, &minimal_and(method)).await);
    assert_ne!(again.member("client_secret"), first);
    assert_eq!(again.document["client_secret_expires_at"], 0);
    let stored = server.registry.client(client.id()).await.unwrap().unwrap();
    assert!(stored.verify_secret(again.member("client_secret"), server.registry.now()));

    let kept = Registered::of(&server.put(&client, &minimal()).await);
    assert_eq!(kept.member("client_secret"), again.member("client_secret"), "another secret method keeps the secret");
}

#[tokio::test]
async fn after_a_rotation_the_old_token_is_valid_until_the_new_one_is_used() {
    let server = Server::start(Access::Open, |builder| builder.with_registration_token_rotation(true)).await;
    let first = server.register(&minimal()).await;
    let second = Registered::of(&server.put(&first, &first.own()).await);
    assert_ne!(second.token(), first.token());
    assert_eq!(Registered::of(&server.get(&first).await).token(), first.token(), "a read returns the token presented");

    // The reply with the second token got lost, so the client tries again with the first.
    let third = Registered::of(&server.put(&first, &first.own()).await);
    assert_eq!(server.get(&first).await.status, 200, "the new token was not used yet");
    assert_eq!(server.get(&third).await.status, 200);
    assert_eq!(server.get(&second).await.status, 401, "the token that got lost, after a later one was used");
    for (name, reply) in [
        ("read", server.get(&first).await),
        ("update", server.put(&first, &first.own()).await),
        ("delete", server.delete(&first).await),
    ] {
        assert_eq!(reply.status, 401, "{name} with the old token after the new one was used");
    }
    assert_eq!(server.delete(&third).await.status, 204);
}

#[tokio::test]
async fn a_read_never_rotates() {
    let server = Server::start(Access::Open, |builder| builder.with_registration_token_rotation(true)).await;
    let client = server.register(&minimal()).await;
    for _ in 0..3 {
        assert_eq!(server.get(&client).await.json(), client.document);
    }
}

#[tokio::test]
async fn a_secret_ends_after_its_lifetime_and_the_registration_does_not() {
    const LIFETIME: Duration = Duration::from_secs(3600);
    let clock = FakeClock::new();
    let configure = clock.clone();
    let server =
        Server::start(Access::Open, |builder| builder.with_clock(configure).with_client_secret_lifetime(LIFETIME))
            .await;
    let client = server.register(&minimal()).await;
    assert_eq!(client.document["client_id_issued_at"], FakeClock::START);
    assert_eq!(client.document["client_secret_expires_at"], FakeClock::START + LIFETIME.as_secs());
    let secret = client.member("client_secret");
    for (name, wait, counts) in [("at once", 0, true), ("a second before", 3599, true), ("at its end", 1, false)] {
        clock.advance(Duration::from_secs(wait));
        let stored = server.registry.client(client.id()).await.unwrap().unwrap();
        assert_eq!(stored.verify_secret(secret, server.registry.now()), counts, "{name}");
    }
    assert_eq!(server.get(&client).await.json(), client.document, "a read does not renew the secret");
    let method = json!({ "token_endpoint_auth_method": "none" });
    let public = server.put(&client, &minimal_and(method)).await.json();
    assert!(public.get("client_secret_expires_at").is_none());
    let renewed = Registered::of(&server.put(&client, &minimal()).await);
    assert_eq!(renewed.document["client_secret_expires_at"], FakeClock::START + 3600 + LIFETIME.as_secs());
}

#[tokio::test]
async fn without_management_nothing_is_handed_out_to_manage_with() {
    let server = Server::start(Access::Open, |builder| builder.with_management(false)).await;
    let reply = server.post(&minimal()).await;
    assert_eq!((reply.status, reply.header("location")), (201, None));
    let document = reply.json();
    for member in ["registration_access_token", "registration_client_uri"] {
        assert!(document.get(member).is_none(), "{member}");
    }
    let uri = format!("{}/{}", server.endpoint(), document["client_id"].as_str().unwrap());
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let reply = send(server.request(method.clone(), &uri).bearer_auth("x")).await;
        assert_eq!((reply.status, reply.header("cache-control")), (404, None), "{method}: the application answers");
    }
    assert_eq!(server.count().await, 1);
}

fn assert_same(name: &str, before: &Reply, after: &Reply) {
    assert_eq!(before.body, after.body, "{name}: document");
    assert_eq!(before.header("etag"), after.header("etag"), "{name}: state");
}
