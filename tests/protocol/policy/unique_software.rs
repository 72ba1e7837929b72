//! Software of which there is one instance.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::json;
use tower_dcr::Access;
use tower_dcr::access::TokenOptions;

use crate::fakes::Fragile;
use crate::policy::{dry, violations};
use crate::refusals::assertions::{Challenge, assert_refused};
use crate::server::{Registered, Reply, Server, minimal, minimal_and, send};

async fn single() -> Server {
    Server::start(Access::Open, |builder| builder.with_unique_software(["payroll"]).with_dry_run(true)).await
}

fn assert_taken(name: &str, reply: &Reply) {
    assert_refused(name, reply, 400, Some("invalid_client_metadata"), Challenge::None);
    assert_eq!(violations(reply), [("/software_id".to_owned(), "P5".to_owned())], "{name}");
}

#[tokio::test]
async fn a_second_instance_is_refused_at_all_nodes_until_the_first_is_removed() {
    let server = single().await;
    let software = |id: &str, version: Option<&str>| {
        minimal_and(json!({ "software_id": id, "software_version": version, "client_name": "App" }))
    };
    let payroll = software("payroll", Some("1"));
    let first = server.register(&payroll).await;
    let others = [
        ("another version", software("payroll", Some("2"))),
        ("no version", software("payroll", None)),
        ("another software", software("editor", Some("1"))),
        ("another software again", software("editor", Some("1"))),
        ("no software", minimal()),
    ];
    for (name, document) in others {
        assert_eq!(server.post(&document).await.status, 201, "{name}");
    }
    let count = server.count().await;
    let renamed = minimal_and(json!({ "software_id": "payroll", "software_version": "1", "client_name": "Mine" }));
    assert_taken("E-063 POST", &server.post(&renamed).await);
    assert_taken("E-063 dry run", &dry(&server, &payroll).await);
    let other = server.register(&minimal()).await;
    assert_taken("E-063 PUT", &server.put(&other, &payroll).await);
    assert_eq!(server.count().await, count + 1, "nothing was stored");
    assert_eq!(server.get(&other).await.json().get("software_id"), None, "nothing was changed");

    assert_eq!(server.put(&first, &renamed).await.status, 200, "its own update is no second instance");
    assert_taken("after its update", &server.post(&payroll).await);
    assert_eq!(server.put(&first, &software("payroll", Some("3"))).await.status, 200, "it changes its version");
    let heir = server.register(&payroll).await;
    assert_taken("the version that it left", &server.put(&first, &payroll).await);
    assert_eq!(server.delete(&heir).await.status, 204);
    assert_eq!(server.put(&first, &payroll).await.status, 200, "and back");
    assert_eq!(server.delete(&first).await.status, 204);
    assert_eq!(server.post(&payroll).await.status, 201);
}

/// The check before the write may be too early; the store decides.
#[tokio::test]
async fn software_that_was_free_a_moment_ago_is_refused_by_the_store() {
    let store = Fragile::default();
    let blind = Arc::clone(&store.blind);
    let server = Server::with_store(Access::Open, store, |builder| builder.with_unique_software(["payroll"])).await;
    let payroll = minimal_and(json!({ "software_id": "payroll" }));
    let first = server.register(&payroll).await;
    let other = server.register(&minimal()).await;
    blind.store(true, Ordering::SeqCst);
    assert_taken("POST", &server.post(&payroll).await);
    assert_taken("PUT", &server.put(&other, &payroll).await);
    assert_eq!(server.put(&first, &payroll).await.status, 200, "its own update is no second instance");
    assert_eq!(server.count().await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_updates_at_once_one_succeeds() {
    let server = single().await;
    let payroll = minimal_and(json!({ "software_id": "payroll" }));
    let clients = futures_util::future::join_all((0..16).map(|_| async { server.register(&minimal()).await })).await;
    let others = minimal();
    for round in 0..20 {
        let replies = futures_util::future::join_all(clients.iter().map(|client| server.put(client, &payroll))).await;
        let mut now_payroll = 0;
        for (client, reply) in clients.iter().zip(&replies) {
            let is_payroll = server.get(client).await.json().get("software_id").is_some();
            assert_eq!(is_payroll, reply.status == 200, "{round}: {reply:?}");
            now_payroll += usize::from(is_payroll);
        }
        assert_eq!(now_payroll, 1, "{round}: one of many succeeds");
        for client in &clients {
            assert_eq!(server.put(client, &others).await.status, 200);
        }
    }
}

#[tokio::test]
async fn of_many_at_once_one_succeeds_and_no_token_is_spent_in_vain() {
    let server = Server::start(Access::Tokens, |builder| builder.with_unique_software(["payroll"])).await;
    let (token, _) = server.registry.issue_initial_access_token(TokenOptions::new().with_uses(9)).await.unwrap();
    let payroll = minimal_and(json!({ "software_id": "payroll" })).to_string();
    let posting = || send(server.posting(payroll.clone()).bearer_auth(token.expose()));
    let replies = futures_util::future::join_all((0..8).map(|_| posting())).await;
    let (in_, out): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 201);
    assert_eq!(in_.len(), 1, "{replies:?}");
    assert_eq!(server.count().await, in_.len() as u64);
    out.iter().for_each(|reply| assert_taken("at once", reply));
    if let Some(reply) = in_.first() {
        assert_eq!(server.delete(&Registered::of(reply)).await.status, 204);
    }
    let uses = server.registry.initial_access_tokens().await.unwrap()[0].uses_left();
    assert_eq!(uses, Some(9 - in_.len() as u32), "a refusal gives its use back");
    assert_eq!(posting().await.status, 201, "afterwards one client is permitted");
}
