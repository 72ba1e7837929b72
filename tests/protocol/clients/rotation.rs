//! Rotation of registration access tokens: every token of a 200 reply is valid until a later one is used.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tokio::sync::Notify;
use tower_dcr::audit::{AuditEvent, AuditSink, Operation};
use tower_dcr::credential::ClientId;
use tower_dcr::policy::{Review, Verdict};
use tower_dcr::{Access, BoxError};

use crate::fakes::Fragile;
use crate::refusals::assertions::{Challenge, assert_refused};
use crate::server::{Registered, Reply, Server, minimal, minimal_and};

/// Holds the update to the name `Held` up after its token was looked at and before it is written.
#[derive(Clone, Default)]
struct Hold {
    reached: Arc<Notify>,
    over: Arc<Notify>,
    is_over: Arc<AtomicBool>,
}

impl Hold {
    async fn server(&self, rotation: bool) -> Server {
        let hold = self.clone();
        let policy = move |review: &Review<'_>| {
            let held = review.metadata().client_name.untagged() == Some("Held");
            let hold = hold.clone();
            async move {
                if held && !hold.is_over.swap(true, Ordering::SeqCst) {
                    hold.reached.notify_one();
                    hold.over.notified().await;
                }
                Verdict::accept()
            }
        };
        Server::start(Access::Open, |builder| builder.with_policy(policy).with_registration_token_rotation(rotation))
            .await
    }

    /// The reply to an update with this token, in the middle of which something else happens.
    async fn around<T>(&self, server: &Server, client: &Registered, act: impl Future<Output = T>) -> (Reply, T) {
        let document = named("Held");
        let other = async {
            self.reached.notified().await;
            let done = act.await;
            self.over.notify_one();
            done
        };
        tokio::join!(server.put(client, &document), other)
    }
}

fn named(name: &str) -> Value {
    minimal_and(json!({ "client_name": name }))
}

#[tokio::test]
async fn an_update_whose_token_was_replaced_in_between_is_a_conflict() {
    for used in [false, true] {
        let hold = Hold::default();
        let server = hold.server(true).await;
        let client = server.register(&named("First")).await;
        let (held, other) = hold
            .around(&server, &client, async {
                let other = Registered::of(&server.put(&client, &named("Other")).await);
                if used {
                    assert_eq!(server.get(&other).await.status, 200);
                }
                other
            })
            .await;
        assert_refused(&format!("used: {used}"), &held, 409, Some("invalid_request"), Challenge::None);
        let read = server.get(&other).await;
        assert_eq!((read.status, read.json()["client_name"].as_str()), (200, Some("Other")), "used: {used}");
    }
}

#[tokio::test]
async fn what_the_operator_does_in_between_is_no_conflict() {
    let hold = Hold::default();
    let server = hold.server(true).await;
    let client = server.register(&named("First")).await;
    let id = ClientId::parse(client.id()).unwrap();
    let (held, _) = hold
        .around(&server, &client, async {
            server.registry.disable(&id).await.unwrap();
            server.registry.enable(&id).await.unwrap();
        })
        .await;
    let updated = Registered::of(&held);
    assert_eq!((held.status, server.get(&updated).await.status), (200, 200));
}

#[tokio::test]
async fn a_retry_with_an_earlier_token_goes_on_and_no_token_of_a_reply_is_lost() {
    let hold = Hold::default();
    let server = hold.server(true).await;
    let first = server.register(&named("First")).await;
    let lost = Registered::of(&server.put(&first, &named("Lost")).await);
    let (held, other) =
        hold.around(&server, &first, async { Registered::of(&server.put(&first, &named("Other")).await) }).await;
    let held = Registered::of(&held);
    assert_eq!(held.token(), first.token(), "two replies may be lost; then no further token is issued");
    for (name, client) in [("held", &held), ("lost", &lost), ("other", &other)] {
        assert_eq!(server.get(client).await.status, 200, "{name}: no later token was used");
    }
    for (name, client) in [("first", &first), ("lost", &lost)] {
        assert_eq!(server.get(client).await.status, 401, "{name}: a later token was used");
    }
}

#[tokio::test]
async fn without_rotation_updates_at_once_all_succeed() {
    let hold = Hold::default();
    let server = hold.server(false).await;
    let client = server.register(&named("First")).await;
    let (held, other) = hold.around(&server, &client, server.put(&client, &named("Other"))).await;
    assert_eq!((held.status, other.status), (200, 200));
    assert_eq!(Registered::of(&held).token(), client.token());
    assert_eq!(server.get(&client).await.status, 200);
}

#[tokio::test]
async fn a_client_that_repeats_an_update_for_ever_is_never_locked_out() {
    let server = Server::start(Access::Open, |builder| builder.with_registration_token_rotation(true)).await;
    let first = server.register(&minimal()).await;
    let mut issued = vec![first];
    for _ in 0..40 {
        let updated = Registered::of(&server.put(&issued[0], &minimal()).await);
        if updated.token() != issued[0].token() {
            issued.push(updated);
        }
    }
    assert!((3..6).contains(&issued.len()), "the number of valid tokens has a bound: {}", issued.len());
    for client in &issued {
        assert_eq!(server.get(client).await.status, 200);
    }
    let last = issued.pop().unwrap();
    for client in &issued {
        assert_eq!(server.get(client).await.status, 401, "a later token was used");
    }
    assert_ne!(Registered::of(&server.put(&last, &minimal()).await).token(), last.token(), "it rotates again");
}

#[tokio::test]
async fn once_rotation_is_switched_off_no_token_of_a_reply_is_lost() {
    let store = Fragile::default();
    let rotating =
        Server::with_store(Access::Open, store.clone(), |builder| builder.with_registration_token_rotation(true)).await;
    let first = rotating.register(&minimal()).await;
    let second = Registered::of(&rotating.put(&first, &minimal()).await);
    let server = Server::with_store(Access::Open, store, |builder| builder).await;
    let at = |client: &Registered| {
        let mut document = client.document.clone();
        document["registration_client_uri"] = format!("{}/{}", server.endpoint(), client.id()).into();
        Registered { document }
    };
    let (first, second) = (at(&first), at(&second));
    assert_eq!(server.put(&first, &minimal()).await.status, 200);
    assert_eq!(server.get(&second).await.status, 200, "no later token was used");
    assert_eq!(server.get(&first).await.status, 401, "a later token was used");
}

/// Fails for the first update, once another update is done.
#[derive(Debug, Default)]
struct FailingOnce {
    is_used: AtomicBool,
    reached: Notify,
    over: Notify,
}

impl AuditSink for FailingOnce {
    async fn record(&self, event: &AuditEvent<'_>) -> Result<(), BoxError> {
        let is_update = event.operation() == Operation::Update && event.refusal().is_none();
        if !is_update || self.is_used.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        self.reached.notify_one();
        self.over.notified().await;
        Err("the disk of the audit trail is full".into())
    }
}

#[tokio::test]
async fn an_update_that_is_taken_back_leaves_later_updates() {
    for rotation in [false, true] {
        let sink = Arc::new(FailingOnce::default());
        let audit = Arc::clone(&sink);
        let server =
            Server::start(Access::Open, |builder| builder.with_audit(audit).with_registration_token_rotation(rotation))
                .await;
        let public = json!({ "token_endpoint_auth_method": "none" });
        let client = server.register(&minimal_and(public)).await;
        let confidential = named("Same");
        let (failed, other) = tokio::join!(server.put(&client, &confidential), async {
            sink.reached.notified().await;
            let other = server.put(&client, &confidential).await;
            sink.over.notify_one();
            other
        });
        assert_eq!((failed.status, other.status), (503, 200), "rotation: {rotation}");
        let read = server.get(&Registered::of(&other)).await;
        assert_eq!((read.status, read.json()), (200, other.json()), "rotation: {rotation}: what was acknowledged");
    }
}
