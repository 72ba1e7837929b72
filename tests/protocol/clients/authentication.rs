//! What the token endpoint asks: which client is it, where may the browser go, how far does the scope reach.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use serde_json::json;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tower_dcr::Access;
use tower_dcr::audit::JsonLines;
use tower_dcr::authentication::{AuthenticationCause, ClientCredentials};
use tower_dcr::credential::ClientId;
use tower_dcr::policy::{Review, Verdict};

use crate::fakes::{FakeClock, Fragile};
use crate::server::{Registered, Server, minimal_and};

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

/// What the audit trail has about the last authentication: operation, client and cause.
fn last_cause(records: &JsonLog) -> Option<(String, Option<String>, String)> {
    let text = records.take();
    let record: serde_json::Value = text.lines().map(|line| serde_json::from_str(line).unwrap()).next_back()?;
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let id = text(&record["client_id"]).or_else(|| text(&record["requested"]["client_id"]));
    Some((text(&record["operation"])?, id, text(&record["refusal"]["cause"])?))
}

/// A file of the audit trail in memory.
#[derive(Clone, Default)]
struct JsonLog(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl JsonLog {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.0.lock().unwrap())).unwrap()
    }
}

impl std::io::Write for JsonLog {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_failed_authentication_leaves_its_cause_on_the_audit_trail_and_no_secret() {
    let (log, store) = (JsonLog::default(), Fragile::default());
    let sink = JsonLines::new(log.clone());
    let server = Server::with_store(Access::Open, store.clone(), |builder| builder.with_audit(sink)).await;
    let ((client, secret), (public, _)) = (client(&server, "client_secret_basic").await, client(&server, "none").await);
    let (id, public, long) = (client.id(), public.id(), format!("{}\u{1b}[31m", "é".repeat(300)));
    let cut = format!("{}…", "é".repeat(100));
    type Row<'a> = (&'a str, Vec<String>, Vec<(&'a str, &'a str)>, u16, Option<&'a str>);
    let rows: Vec<Row<'_>> = vec![
        ("wrong_secret", vec![basic(id, "guess-1")], vec![], 401, Some(id)),
        ("wrong_method", vec![], vec![("client_id", id), ("client_secret", "guess-2")], 401, Some(id)),
        ("wrong_method", vec![], vec![("client_id", public), ("client_secret", "guess-3")], 401, Some(public)),
        ("no_credentials", vec![], vec![("client_id", id)], 401, Some(id)),
        ("no_credentials", vec![basic(id, "")], vec![], 401, Some(id)),
        ("no_credentials", vec![], vec![], 401, None),
        ("unknown_client", vec![basic("unknown", "guess-4")], vec![], 401, Some("unknown")),
        ("unknown_client", vec![], vec![("client_id", &long)], 401, Some(&cut)),
        ("unsupported_scheme", vec!["Bearer guess-5".to_owned()], vec![], 401, None),
        ("malformed_credentials", vec!["Basic guess-6".to_owned()], vec![], 400, None),
        ("ambiguous_credentials", vec![basic(id, &secret)], vec![("client_secret", "guess-7")], 400, None),
    ];
    for (cause, authorization, form, expected, named) in rows {
        log.take();
        assert_eq!(status(&server, &authorization, &form).await, expected, "{cause}");
        let shown = String::from_utf8_lossy(&log.0.lock().unwrap().clone()).into_owned();
        assert!(!shown.contains("guess") && !shown.contains(&secret), "{cause}: {shown}");
        let expected = ("authenticate".to_owned(), named.map(str::to_owned), cause.to_owned());
        assert_eq!(last_cause(&log), Some(expected));
    }
    assert_eq!(status(&server, &[basic(id, &secret)], &[]).await, 200);
    assert_eq!(log.take(), "", "a success is no event");
    store.down.store(true, Ordering::SeqCst);
    assert_eq!(status(&server, &[basic(id, &secret)], &[]).await, 503);
    let (_, named, cause) = last_cause(&log).unwrap();
    assert_eq!(named.as_deref(), Some(id));
    assert!(cause.starts_with("store_unavailable: "), "{cause}");
}

#[tokio::test]
async fn an_empty_secret_is_no_secret_wherever_it_stands() {
    let server = Server::open().await;
    let (public, _) = client(&server, "none").await;
    let id = public.id();
    let rows = [
        ("in the header", vec![basic(id, "")], vec![]),
        ("in the header, with its identifier", vec![basic(id, "")], vec![("client_id", id)]),
        ("in the form", vec![], vec![("client_id", id), ("client_secret", "")]),
    ];
    for (name, authorization, form) in rows {
        assert_eq!(status(&server, &authorization, &form).await, 200, "{name}");
    }
    for method in ["client_secret_basic", "client_secret_post"] {
        let (confidential, _) = client(&server, method).await;
        assert_eq!(status(&server, &[basic(confidential.id(), "")], &[]).await, 401, "{method}");
    }
}

#[tokio::test]
async fn only_the_credentials_of_a_client_show_that_it_is_not_active() {
    for held in [true, false] {
        let server = Server::start(Access::Open, |builder| {
            builder.with_policy(move |_: &Review<'_>| if held { Verdict::hold() } else { Verdict::accept() })
        })
        .await;
        let (confidential, secret) = client(&server, "client_secret_basic").await;
        let (public, _) = client(&server, "none").await;
        if !held {
            for client in [&confidential, &public] {
                server.registry.disable(&ClientId::parse(client.id()).unwrap()).await.unwrap();
            }
        }
        let cause = if held { AuthenticationCause::PendingClient } else { AuthenticationCause::DisabledClient };
        let right = headers(&[basic(confidential.id(), &secret)]);
        let refused = server.registry.authenticate_request(&right, []).await.unwrap_err();
        assert_eq!((refused.status(), refused.code(), refused.cause()), (400, "invalid_grant", cause));
        assert_eq!(status(&server, &[], &[("client_id", public.id())]).await, 400, "{cause}");
        let replies = [basic(confidential.id(), "wrong"), basic("nobody", "wrong")].map(|header| headers(&[header]));
        for wrong in replies {
            let refused = server.registry.authenticate_request(&wrong, []).await.unwrap_err();
            let reply = (refused.status(), refused.code(), refused.to_string());
            assert_eq!(reply, (401, "invalid_client", "the client is not authenticated".to_owned()), "{cause}");
        }
    }
}
