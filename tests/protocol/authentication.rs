//! What the token endpoint asks: which client is it, where may the browser go, how far does the scope reach.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use serde_json::json;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tower_dcr::Access;
use tower_dcr::authentication::ClientCredentials;
use tower_dcr::credential::ClientId;

use super::plugs::{FakeClock, Fragile};
use super::server::{Registered, Server, minimal_and};

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

fn headers(values: &[String]) -> HeaderMap {
    let values = values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_str(value).unwrap()));
    values.collect()
}

/// The status of the answer, 200 for a client that is authenticated.
async fn status(server: &Server, authorization: &[String], form: &[(&str, &str)]) -> u16 {
    let form = form.iter().copied();
    let authenticated = server.registry.authenticate_request(&headers(authorization), form).await;
    authenticated.map_or_else(|error| error.status(), |_| 200)
}

async fn client(server: &Server, method: &str) -> (Registered, String) {
    let client = server.register(&minimal_and(json!({ "token_endpoint_auth_method": method }))).await;
    let secret = client.document["client_secret"].as_str().unwrap_or("none").to_owned();
    (client, secret)
}

#[tokio::test]
async fn a_client_is_held_to_the_method_it_registered() {
    let server = Server::open().await;
    for registered in ["client_secret_basic", "client_secret_post", "none"] {
        let (client, secret) = client(&server, registered).await;
        let id = client.id();
        let rows = [
            ("client_secret_basic", vec![basic(id, &secret)], vec![]),
            ("client_secret_post", vec![], vec![("client_id", id), ("client_secret", &*secret)]),
            ("none", vec![], vec![("client_id", id)]),
        ];
        for (presented, authorization, form) in rows {
            let expected = if presented == registered { 200 } else { 401 };
            let name = format!("{presented} for {registered}");
            assert_eq!(status(&server, &authorization, &form).await, expected, "{name}");
        }
    }
}

#[tokio::test]
async fn credentials_come_once_and_whole() {
    let server = Server::open().await;
    let ((client, secret), (other, other_secret)) =
        (client(&server, "client_secret_basic").await, client(&server, "client_secret_post").await);
    let (id, right) = (client.id(), basic(client.id(), &secret));
    let encoded: String = id.bytes().map(|octet| format!("%{octet:02x}")).collect();
    let plain = format!("Basic {id}:{secret}");
    type Row<'a> = (&'a str, Vec<String>, Vec<(&'a str, &'a str)>, u16);
    let rows: Vec<Row<'_>> = vec![
        ("right", vec![right.clone()], vec![], 200),
        ("with its identifier", vec![right.clone()], vec![("client_id", id), ("code", "x"), ("code", "y")], 200),
        ("scheme in another case", vec![right.replace("Basic", "bAsIc")], vec![], 200),
        ("percent-encoded", vec![basic(&encoded, &secret)], vec![], 200),
        ("with an empty secret beside it", vec![right.clone()], vec![("client_secret", "")], 200),
        ("wrong secret", vec![basic(id, "wrong")], vec![], 401),
        ("empty secret", vec![basic(id, "")], vec![], 401),
        ("secret of another", vec![basic(id, &other_secret)], vec![], 401),
        ("unknown client", vec![basic("unknown", &secret)], vec![], 401),
        ("impossible client", vec![basic("a/b", &secret)], vec![], 401),
        ("not encoded", vec![plain], vec![], 400),
        ("no colon", vec![format!("Basic {}", STANDARD.encode(id))], vec![], 400),
        ("cut escape", vec![basic("%4", &secret)], vec![], 400),
        ("no UTF-8", vec![basic("%ff", &secret)], vec![], 400),
        ("another scheme", vec![right.replace("Basic", "Bearer")], vec![], 401),
        ("nothing", vec![], vec![], 401),
        ("empty identifier", vec![], vec![("client_id", "")], 401),
        ("secret alone", vec![], vec![("client_secret", &secret)], 400),
        ("another identifier", vec![right.clone()], vec![("client_id", other.id())], 400),
        ("two headers", vec![right.clone(), right.clone()], vec![], 400),
        ("header and form", vec![right], vec![("client_secret", &secret)], 400),
        ("two identifiers", vec![], vec![("client_id", id), ("client_id", id)], 400),
        ("two secrets", vec![], vec![("client_secret", &secret), ("client_secret", &secret)], 400),
    ];
    for (name, authorization, form, expected) in rows {
        assert_eq!(status(&server, &authorization, &form).await, expected, "{name}");
    }
}

#[tokio::test]
async fn only_an_active_client_with_a_current_secret_is_authenticated() {
    let (clock, store) = (FakeClock::new(), Fragile::default());
    let turned = clock.clone();
    let server = Server::with_store(Access::Open, store.clone(), |builder| {
        builder.with_clock(turned).with_client_secret_lifetime(Duration::from_secs(60))
    })
    .await;
    let (confidential, secret) = client(&server, "client_secret_basic").await;
    let (public, _) = client(&server, "none").await;
    let ask = async || {
        let confidential = status(&server, &[basic(confidential.id(), &secret)], &[]).await;
        (confidential, status(&server, &[], &[("client_id", public.id())]).await)
    };
    assert_eq!(ask().await, (200, 200));
    let ids = [&confidential, &public].map(|client| ClientId::parse(client.id()).unwrap());
    for id in &ids {
        server.registry.disable(id).await.unwrap();
    }
    assert_eq!(ask().await, (400, 400), "disabled");
    for id in &ids {
        server.registry.enable(id).await.unwrap();
    }
    clock.advance(Duration::from_secs(60));
    assert_eq!(ask().await, (401, 200), "expired");
    store.down.store(true, Ordering::SeqCst);
    assert_eq!(ask().await, (503, 503), "a store that fails says nothing about the client");
}

#[tokio::test]
async fn a_scope_is_narrowed_to_what_is_registered() {
    let server = Server::open().await;
    let limited = server.register(&minimal_and(json!({ "scope": "read write" }))).await;
    let unlimited = server.register(&minimal_and(json!({}))).await;
    let rows = [
        (&limited, "read", Some("read")),
        (&limited, "admin write  read", Some("write read")),
        (&limited, "admin", None),
        (&limited, "rea", None),
        (&limited, "", None),
        (&unlimited, "admin write", Some("admin write")),
        (&unlimited, " ", None),
    ];
    for (client, requested, expected) in rows {
        let client = server.registry.client(client.id()).await.unwrap().unwrap();
        assert_eq!(client.scope(requested).as_deref(), expected, "{requested:?}");
    }
    let id = ClientId::parse(limited.id()).unwrap();
    let disabled = server.registry.disable(&id).await.unwrap().unwrap();
    assert_eq!(disabled.scope("read"), None);
}

#[test]
fn credentials_show_nothing_in_debug_output() {
    let credentials = ClientCredentials::read(&headers(&[basic("client", "the-secret")]), []).unwrap();
    let shown = format!("{credentials:?}");
    assert!(shown.contains("client") && !shown.contains("the-secret"), "{shown}");
}
