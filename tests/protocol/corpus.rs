//! The corpus: every redirection URI and every document gets exactly its verdict.

use std::collections::BTreeSet;

use serde_json::Value;
use tower_dcr::Access;

use super::constraints::assert_readable;
use super::data::{self, DocumentRow, Settings};
use super::server::{Reply, Server, send};

/// Rows that want software statements verified, which this crate cannot do yet. Until it can, a statement is ignored
/// and not returned, whatever it holds (M19).
const WITHOUT_VERIFICATION: [&str; 3] = ["statement-not-a-jwt", "statement-alg-none", "statement-unknown-issuer"];

#[tokio::test]
async fn every_redirection_uri_gets_its_verdict() {
    let server = Server::open().await;
    let rows = data::redirect_uris();
    assert_eq!(rows.len(), 128);
    let mut accepted = 0;
    for row in &rows {
        let name = format!("{:?} as {:?} ({})", row.uri, row.application_type, row.reason);
        let reply = server.post(&row.document()).await;
        if row.accepted {
            assert_eq!(reply.status, 201, "{name}: {}", reply.text());
            assert_eq!(reply.json()["redirect_uris"], Value::from(vec![row.uri.as_str()]), "{name}");
            assert_readable(&name, &row.document(), &reply);
            accepted += 1;
        } else {
            assert_eq!(reply.status, 400, "{name}: {}", reply.text());
            assert_eq!(reply.error().as_deref(), Some("invalid_redirect_uri"), "{name}");
        }
        assert_eq!(server.count().await, accepted, "{name}: clients stored");
    }
    assert_eq!(accepted, 53);
}

#[tokio::test]
async fn every_document_gets_its_verdict() {
    let implicit = Settings { allow_implicit: true, ..Settings::default() };
    let servers = [(Settings::default(), server(Settings::default()).await), (implicit, server(implicit).await)];
    let (mut accepted, mut rejected) = (0, 0);
    for row in data::documents().iter().filter(|row| !row.settings.software_statements) {
        let (_, server) = servers.iter().find(|(settings, _)| *settings == row.settings).unwrap();
        let before = server.count().await;
        let reply = send(server.posting(row.octets())).await;
        let stored = server.count().await - before;
        if row.accepted() {
            assert_accepted(row, &reply);
            accepted += 1;
        } else {
            assert_rejected(row, &reply);
            rejected += 1;
        }
        assert_eq!(stored, u64::from(row.accepted()), "{}: clients stored", row.name);
    }
    assert_eq!((accepted, rejected), (42, 81 - WITHOUT_VERIFICATION.len()));
}

#[tokio::test]
async fn a_software_statement_is_ignored_while_verification_is_not_built() {
    let rows: Vec<_> = data::documents().into_iter().filter(|row| row.settings.software_statements).collect();
    let names: BTreeSet<_> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, BTreeSet::from(WITHOUT_VERIFICATION));
    let server = server(Settings::default()).await;
    for row in &rows {
        let reply = send(server.posting(row.octets())).await;
        assert_eq!(reply.status, 201, "{}: {}", row.name, reply.text());
        assert!(reply.json().get("software_statement").is_none(), "{}", row.name);
    }
}

async fn server(settings: Settings) -> Server {
    Server::start(Access::Open, |builder| builder.with_grant_types(data::corpus_grants(settings))).await
}

fn assert_accepted(row: &DocumentRow, reply: &Reply) {
    let name = &row.name;
    assert_eq!(reply.status, 201, "{name}: {}", reply.text());
    let document = reply.json();
    for (member, value) in &row.expect {
        assert_eq!(&document[member], value, "{name}: {member}");
    }
    for member in &row.expect_absent {
        assert!(document.get(member).is_none(), "{name}: {member}");
    }
    for (member, value) in &row.expect_not {
        assert_ne!(document.get(member), Some(value), "{name}: {member}");
    }
    assert_readable(name, &serde_json::from_slice(&row.octets()).unwrap(), reply);
}

fn assert_rejected(row: &DocumentRow, reply: &Reply) {
    let name = &row.name;
    let statuses = if row.status.is_empty() { &[400][..] } else { &row.status };
    assert!(statuses.contains(&reply.status), "{name}: {} {}", reply.status, reply.text());
    assert_eq!(reply.error(), row.error, "{name}");
}
