//! The ready-made policies, against what a software statement says instead of the client.

use http::Request;
use serde_json::{Value, json};
use tower_dcr::policy::{ExtraMember, ExtraType, PublicClients, RedirectHosts, SameHost, WritableBy};
use tower_dcr::store::MemoryStore;
use tower_dcr::{Registry, RegistryBuilder};

use crate::trust::endpoint::{get, minimal_and, post, posting, put, send};
use crate::trust::signer::Signer;
use crate::trust::statements::{builder, claims, trusting};

/// A refusal by a policy: the pointer and the rule.
type Reason = (&'static str, &'static str);

/// A registry that trusts only the statements of this signer.
fn registry(signer: &Signer, change: fn(RegistryBuilder) -> RegistryBuilder) -> Registry {
    change(builder(trusting(signer)).with_dry_run(true)).build(MemoryStore::new()).unwrap()
}

#[tokio::test]
async fn every_ready_made_policy_holds_for_the_claims_of_a_statement() {
    let signer = Signer::es256("ec");
    type Row = (&'static str, fn(RegistryBuilder) -> RegistryBuilder, Value, Reason);
    let rows: [Row; 6] = [
        (
            "redirect hosts",
            |builder| builder.with_policy(RedirectHosts::new(["app.example.com"]).unwrap()),
            json!({ "redirect_uris": ["https://evil.example/cb"] }),
            ("/redirect_uris/0", "P1"),
        ),
        (
            "same host",
            |builder| builder.with_policy(SameHost::refusing()),
            json!({ "logo_uri#fr": "https://bank.example/logo.png" }),
            ("/logo_uri#fr", "P2"),
        ),
        (
            "public clients",
            |builder| builder.with_policy(PublicClients::refusing()),
            json!({ "token_endpoint_auth_method": "client_secret_post" }),
            ("/token_endpoint_auth_method", "P3"),
        ),
        (
            "a declared member of another type",
            |builder| builder.with_extra_members([ExtraMember::new("acme_plan", ExtraType::Text)]),
            json!({ "acme_plan": 1 }),
            ("/acme_plan", "P4"),
        ),
        (
            "a declared member of the application",
            |builder| {
                let plan = ExtraMember::new("acme_plan", ExtraType::Text).set_by(WritableBy::Application);
                builder.with_extra_members([plan])
            },
            json!({ "acme_plan": "gold" }),
            ("/acme_plan", "P4"),
        ),
        (
            "single instances",
            |builder| builder.with_unique_software(["app"]),
            json!({ "software_version": "taken" }),
            ("/software_id", "P5"),
        ),
    ];
    for (name, change, claimed, (pointer, rule)) in rows {
        let registry = registry(&signer, change);
        let stating = |more: Value| {
            let statement = signer.sign(&claims(more));
            minimal_and(json!({ "software_statement": statement, "token_endpoint_auth_method": "none" }))
        };
        assert_eq!(post(&registry, &stating(json!({ "software_version": "taken" }))).await.status, 201, "{name}");
        let client = post(&registry, &stating(json!({}))).await;
        assert_eq!(client.status, 201, "{name}: {}", client.document);
        let (before, count) = (get(&registry, &client).await.document, registry.count().await.unwrap());
        let refused = stating(claimed);
        let dry_run = Request::post("/oidc/register?dry_run=true").header("content-type", "application/json");
        let replies = [
            post(&registry, &refused).await,
            put(&registry, &client, &refused).await,
            send(&registry, dry_run.body(refused.to_string().into()).unwrap()).await,
        ];
        for reply in replies {
            assert_eq!((reply.status, reply.pointer()), (400, Some(pointer)), "{name}: {}", reply.document);
            assert_eq!(reply.document["violations"][0]["rule"], rule, "{name}: {}", reply.document);
        }
        assert_eq!(registry.count().await.unwrap(), count, "{name}: nothing was stored");
        assert_eq!(get(&registry, &client).await.document, before, "{name}: nothing was changed");
    }
}

#[tokio::test]
async fn a_declared_member_of_a_statement_wins_over_that_of_the_client() {
    let signer = Signer::es256("ec");
    let registry =
        registry(&signer, |builder| builder.with_extra_members([ExtraMember::new("acme_plan", ExtraType::Text)]));
    let statement = signer.sign(&claims(json!({ "acme_plan": "gold", "acme_other": 1 })));
    let document = minimal_and(json!({ "software_statement": statement, "acme_plan": "platinum" }));
    let reply = send(&registry, posting("application/json", document.to_string())).await;
    assert_eq!((reply.status, &reply.document["acme_plan"]), (201, &json!("gold")), "{}", reply.document);
    assert_eq!(reply.document.get("acme_other"), None);
    assert_eq!(reply.document.get("iss"), None, "claims about the statement are not about the client");
}
