//! The corpus: every redirection URI and every document gets exactly its verdict.

use serde_json::Value;
use tower_dcr::Access;

use super::constraints::assert_readable;
use super::data::{self, DocumentRow, Settings};
use super::server::{Reply, Server, send};

/// How many rows want software statements verified. Without that a statement is ignored and not returned, whatever it
/// holds (M19).
const OF_STATEMENTS: usize = 3;

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
    let verifying = Settings { software_statements: true, ..Settings::default() };
    let mut servers =
        vec![(Settings::default(), server(Settings::default()).await), (implicit, server(implicit).await)];
    if cfg!(feature = "software-statements") {
        servers.push((verifying, server(verifying).await));
    }
    let (mut accepted, mut rejected) = (0, 0);
    let able = |row: &&DocumentRow| servers.iter().any(|(settings, _)| *settings == row.settings);
    for row in data::documents().iter().filter(able) {
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
    let unable = if cfg!(feature = "software-statements") { 0 } else { OF_STATEMENTS };
    assert_eq!((accepted, rejected), (42, 81 - unable));
}

#[tokio::test]
async fn a_software_statement_is_ignored_where_nobody_verifies_it() {
    let rows: Vec<_> = data::documents().into_iter().filter(|row| row.settings.software_statements).collect();
    assert_eq!(rows.len(), OF_STATEMENTS);
    let server = server(Settings::default()).await;
    for row in &rows {
        let reply = send(server.posting(row.octets())).await;
        assert_eq!(reply.status, 201, "{}: {}", row.name, reply.text());
        assert!(reply.json().get("software_statement").is_none(), "{}", row.name);
    }
}

async fn server(settings: Settings) -> Server {
    Server::start(Access::Open, |builder| {
        let builder = builder.with_grant_types(data::corpus_grants(settings));
        match settings.software_statements {
            #[cfg(feature = "software-statements")]
            true => builder.with_software_statements(tower_dcr::software_statement::SoftwareStatements::new()),
            _ => builder,
        }
    })
    .await
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
