//! Software statements that register one client each.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use serde_json::json;
use tower_dcr::BoxError;
use tower_dcr::audit::{AuditEvent, AuditSink};
use tower_dcr::metadata::ClientMetadata;
use tower_dcr::store::{ClientQuery, MemoryStore};

use crate::trust::endpoint::{delete, get, post, put};
use crate::trust::signer::Signer;
use crate::trust::statements::{INVALID, NOW, assert_refused, builder, claims, count, registry, trusting, with};

const LATER: (u16, Option<&str>) = (503, Some("temporarily_unavailable"));

#[tokio::test]
async fn a_statement_for_one_client_registers_one_client() {
    let signer = Signer::es256("ec");
    let registry = registry(trusting(&signer).with_single_use(true));
    let statement = |jti: &str| signer.sign(&claims(json!({ "jti": jti, "exp": NOW + 60 })));
    let of_one = statement("one");

    let mut faulty = with(&of_one);
    faulty["logo_uri"] = "javascript:".into();
    assert_eq!(post(&registry, &faulty).await.status, 400, "a refusal spends nothing");
    let first = post(&registry, &with(&of_one)).await;
    assert_eq!(first.status, 201, "{}", first.document);
    assert_refused("replayed", &post(&registry, &with(&of_one)).await, INVALID);
    assert_refused("signed anew", &post(&registry, &with(&statement("one"))).await, INVALID);
    let second = post(&registry, &with(&statement("two"))).await;
    assert_eq!(second.status, 201);

    assert_eq!(put(&registry, &first, &with(&of_one)).await.status, 200, "an update repeats it");
    assert_refused("of another client", &put(&registry, &second, &with(&of_one)).await, INVALID);
    assert_eq!(put(&registry, &second, &with(&statement("three"))).await.status, 200, "an update brings another one");
    assert_refused("spent by an update", &post(&registry, &with(&statement("three"))).await, INVALID);

    let rows = [
        ("no jti", json!({ "exp": NOW + 60 })),
        ("no expiry", json!({ "jti": "four" })),
        ("a jti that is no text", json!({ "jti": 4, "exp": NOW + 60 })),
    ];
    for (name, more) in rows {
        assert_refused(name, &post(&registry, &with(&signer.sign(&claims(more)))).await, INVALID);
    }
    assert_eq!(delete(&registry, &first).await, 204);
    assert_refused("after the end of its client", &post(&registry, &with(&of_one)).await, INVALID);
    assert_eq!(count(&registry).await, 1);
}

#[tokio::test]
async fn of_many_at_once_one_is_registered() {
    let signer = Signer::es256("ec");
    let registry = registry(trusting(&signer).with_single_use(true));
    let document = with(&signer.sign(&claims(json!({ "jti": "one", "exp": NOW + 60 }))));
    let replies = join_all((0..32).map(|_| post(&registry, &document))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
    assert!(replies.iter().all(|reply| reply.status == 201 || reply.refusal() == (400, INVALID)));
    assert_eq!(count(&registry).await, 1);
}

#[tokio::test]
async fn a_dry_run_spends_nothing() {
    let signer = Signer::es256("ec");
    let registry = registry(trusting(&signer).with_single_use(true));
    let statement = signer.sign(&claims(json!({ "jti": "one", "exp": NOW + 60, "client_name": "Bank" })));
    let mut metadata = ClientMetadata::new();
    metadata.redirect_uris = vec!["https://app.example.com/cb".to_owned()];
    metadata.software_statement = Some(statement.clone());
    let checked = registry.check(metadata).await.unwrap();
    assert_eq!(checked.metadata().client_name.untagged(), Some("Bank"));
    assert_eq!(post(&registry, &with(&statement)).await.status, 201);
}

#[tokio::test]
async fn a_statement_stays_unspent_when_the_limit_is_reached() {
    let signer = Signer::es256("ec");
    let registry = builder(trusting(&signer).with_single_use(true)).with_max_clients(1);
    let registry = registry.build(MemoryStore::new()).unwrap();
    let document = |jti: &str| with(&signer.sign(&claims(json!({ "jti": jti, "exp": NOW + 60 }))));
    assert_eq!(post(&registry, &document("one")).await.status, 201);
    for _ in 0..2 {
        assert_eq!(post(&registry, &document("two")).await.refusal(), LATER);
    }
    let held = registry.clients(&ClientQuery::new()).await.unwrap();
    assert!(registry.remove(held[0].id()).await.unwrap());
    assert_eq!(post(&registry, &document("two")).await.status, 201);
    assert_refused("spent now", &post(&registry, &document("two")).await, INVALID);
}

/// A trail whose disk may be full.
#[derive(Debug, Clone, Default)]
struct Trail(Arc<AtomicBool>);

impl AuditSink for Trail {
    async fn record(&self, _: &AuditEvent<'_>) -> Result<(), BoxError> {
        if self.0.load(Ordering::SeqCst) { Err("the disk is full".into()) } else { Ok(()) }
    }
}

#[tokio::test]
async fn what_is_taken_back_gives_its_statement_back() {
    let (signer, trail) = (Signer::es256("ec"), Trail::default());
    let registry = builder(trusting(&signer).with_single_use(true)).with_audit(trail.clone());
    let registry = registry.build(MemoryStore::new()).unwrap();
    let document = |jti: &str| with(&signer.sign(&claims(json!({ "jti": jti, "exp": NOW + 60, "client_name": jti }))));
    trail.0.store(true, Ordering::SeqCst);
    assert_eq!(post(&registry, &document("one")).await.refusal(), LATER);
    assert_eq!(count(&registry).await, 0);
    trail.0.store(false, Ordering::SeqCst);
    let registered = post(&registry, &document("one")).await;
    assert_eq!(registered.status, 201, "{}", registered.document);

    trail.0.store(true, Ordering::SeqCst);
    assert_eq!(put(&registry, &registered, &document("two")).await.refusal(), LATER);
    trail.0.store(false, Ordering::SeqCst);
    assert_eq!(get(&registry, &registered).await.document["client_name"], "one");
    let updated = put(&registry, &registered, &document("two")).await;
    assert_eq!((updated.status, &updated.document["client_name"]), (200, &json!("two")));
    assert_refused("spent now", &post(&registry, &document("two")).await, INVALID);
}
