//! What an operator leaves to clients: which operations exist, and which client may do them.

use http::Method;
use serde_json::json;
use tower_dcr::access::Decision;
use tower_dcr::management::ManagementOperation;
use tower_dcr::{Access, Client};

use crate::fakes::Always;
use crate::refusals::assertions::{Challenge, assert_answered, assert_refused};
use crate::server::{Registered, Server, minimal, minimal_and, send};

const REQUEST: Option<&str> = Some("invalid_request");
const SCOPE: Option<&str> = Some("insufficient_scope");

async fn ask(server: &Server, client: &Registered, method: Method, token: &str) -> crate::server::Reply {
    send(server.request(method, client.uri()).bearer_auth(token).json(&minimal())).await
}

#[tokio::test]
async fn an_operation_that_is_not_offered_is_no_method_of_the_client() {
    use ManagementOperation::{Delete, Read, Update};
    let rows: [(&str, &[ManagementOperation], &str); 4] = [
        ("E-094 no DELETE", &[Read, Update], "GET, HEAD, PUT, OPTIONS"),
        ("E-094 no PUT", &[Read, Delete], "GET, HEAD, DELETE, OPTIONS"),
        ("E-094 only reads (OIDCR-4-03)", &[Read], "GET, HEAD, OPTIONS"),
        ("E-094 no reads", &[Update], "PUT, OPTIONS"),
    ];
    for (name, offered, allow) in rows {
        let server = Server::start(Access::Open, |builder| builder.with_management_operations(offered.to_vec())).await;
        let client = server.register(&minimal()).await;
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let name = format!("{name}: {method}");
            for token in [client.token(), "wrong"] {
                let reply = ask(&server, &client, method.clone(), token).await;
                if allow.contains(method.as_str()) {
                    assert_ne!(reply.status, 405, "{name}");
                    continue;
                }
                assert_refused(&name, &reply, 405, REQUEST, Challenge::None);
                assert_eq!(reply.header("allow"), Some(allow), "{name}, whatever the token");
            }
        }
        let options = send(server.request(Method::OPTIONS, client.uri())).await;
        assert_eq!((options.status, options.header("allow")), (204, Some(allow)), "{name}");
        assert_answered("E-096", &options);
        let kept = server.registry.client(client.id()).await.unwrap();
        assert_eq!(kept.is_some(), !offered.contains(&Delete), "{name}");
    }
}

/// Clients with this name may do nothing but what the operator says.
fn is_fixed(client: &Client) -> bool {
    client.metadata().client_name.untagged() == Some("Fixed")
}

#[tokio::test]
async fn a_client_that_is_not_permitted_proves_itself_and_is_refused() {
    let rows = [
        ("E-079 read", ManagementOperation::Read, vec![Method::GET, Method::HEAD]),
        ("E-080 update", ManagementOperation::Update, vec![Method::PUT]),
        ("E-081 delete", ManagementOperation::Delete, vec![Method::DELETE]),
    ];
    for (name, forbidden, methods) in rows {
        let permission = move |client: &Client, operation| !(is_fixed(client) && operation == forbidden);
        let server = Server::start(Access::Open, |builder| builder.with_management_permission(permission)).await;
        let fixed = server.register(&minimal_and(json!({ "client_name": "Fixed" }))).await;
        let free = server.register(&minimal()).await;
        for method in methods {
            let name = format!("{name}, {method}");
            let reply = ask(&server, &fixed, method.clone(), fixed.token()).await;
            match method {
                Method::HEAD => assert_eq!((reply.status, reply.body.len()), (403, 0), "{name}"),
                _ => assert_refused(&name, &reply, 403, SCOPE, Challenge::InsufficientScope),
            }
            let reply = ask(&server, &fixed, method.clone(), "wrong").await;
            assert_eq!(reply.status, 401, "{name}: another caller sees only 401");
            let reply = ask(&server, &free, method.clone(), free.token()).await;
            assert!(matches!(reply.status, 200 | 204), "{name}: another client, {}", reply.status);
        }
        let kept = server.registry.client(fixed.id()).await.unwrap().unwrap();
        assert!(is_fixed(&kept) && kept.revision() == 1, "{name}: nothing was changed");
    }
}

#[tokio::test]
async fn an_access_token_without_the_scope_gets_the_scope_in_the_challenge() {
    for (scope, named) in [("registration write", ", scope=\"registration write\""), ("a\"b", ""), ("", "")] {
        let gate = Always(Decision::InsufficientScope { scope: scope.into() });
        let server = Server::start(Access::custom(gate), |builder| builder).await;
        let reply = server.post(&minimal()).await;
        let (status, challenge) = (reply.status, reply.header("www-authenticate").unwrap());
        assert_eq!((status, reply.error().as_deref()), (403, SCOPE), "E-005");
        let start = format!(r#"Bearer realm="client registration", error="insufficient_scope"{named}, error_d"#);
        assert!(challenge.starts_with(&start), "E-005 {scope}: {challenge}");
        assert_answered(if named.is_empty() { "no scope that could be sent" } else { "E-005" }, &reply);
        assert_eq!(server.count().await, 0);
    }
}

#[cfg(feature = "rate-limit")]
#[tokio::test]
async fn a_caller_that_guesses_tokens_must_wait() {
    use std::time::Duration;
    use tower_dcr::gate::RateLimit;

    let clock = crate::fakes::FakeClock::new();
    let limit = RateLimit::builder(3, Duration::from_secs(60)).with_clock(clock.clone()).build().unwrap();
    let server = Server::start(Access::Open, |builder| builder.with_management_gate(limit)).await;
    let client = server.register(&minimal()).await;
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let reply = ask(&server, &client, method.clone(), "guessed").await;
        assert_refused("E-074", &reply, 401, Some("invalid_token"), Challenge::InvalidToken);
    }
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        for token in ["guessed", client.token()] {
            let reply = ask(&server, &client, method.clone(), token).await;
            let name = format!("E-098 {method}");
            assert_refused(&name, &reply, 429, Some("temporarily_unavailable"), Challenge::None);
            assert_eq!(reply.header("retry-after"), Some("20"), "{name}");
        }
    }
    assert_eq!(server.post(&minimal()).await.status, 201, "registration has its own limits");
    clock.advance(Duration::from_secs(20));
    assert_eq!(server.get(&client).await.json(), client.document);
}
