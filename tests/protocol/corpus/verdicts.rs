//! The corpus: every redirection URI and every document gets exactly its verdict.

use serde_json::Value;
use tower_dcr::{Access, Switch};

use crate::corpus::data::{self, DocumentRow, Settings, UriRow};
use crate::corpus::response_constraints::assert_readable;
use crate::server::{Reply, Server, send};

/// How many rows want software statements verified. Without that a statement is ignored and not returned, whatever it
/// holds (M19).
const OF_STATEMENTS: usize = 3;

#[tokio::test]
async fn every_redirection_uri_gets_its_verdict() {
    let server = Server::open().await;
    let rows = data::redirect_uris();
    let mut verdicts = Verdicts::default();
    for row in &rows {
        let before = server.count().await;
        let reply = server.post(&row.document()).await;
        let stored = server.count().await - before;
        let verdict = verdict_on_uri(row, &reply).and_then(|()| expect(stored == u64::from(row.accepted), "stored"));
        if row.accepted && verdict.is_ok() {
            assert_readable(&row.uri, &row.document(), &reply);
        }
        verdicts.add(&row.uri, row.accepted, verdict);
    }
    verdicts.assert(67, 104);
}

#[tokio::test]
async fn every_document_gets_its_verdict() {
    let mut servers = Vec::new();
    let mut verdicts = Verdicts::default();
    let rows = data::documents();
    for row in rows.iter().filter(|row| is_able(row.settings)) {
        if !servers.iter().any(|(settings, _)| *settings == row.settings) {
            servers.push((row.settings, server(row.settings).await));
        }
        let (_, server) = servers.iter().find(|(settings, _)| *settings == row.settings).unwrap();
        let before = server.count().await;
        let reply = send(server.posting(row.octets())).await;
        let stored = server.count().await - before;
        let verdict = verdict_on_document(row, &reply);
        let verdict = verdict.and_then(|()| expect(stored == u64::from(row.accepted()), "stored"));
        if row.accepted() && verdict.is_ok() {
            assert_readable(&row.name, &serde_json::from_slice(&row.octets()).unwrap(), &reply);
        }
        verdicts.add(&row.name, row.accepted(), verdict);
    }
    let unable = rows.iter().filter(|row| !is_able(row.settings)).count();
    verdicts.assert(70, 96 - unable);
}

/// What the server says about each row, and about which rows it says something else than the corpus.
#[derive(Default)]
struct Verdicts {
    accepted: usize,
    rejected: usize,
    wrong: Vec<String>,
}

impl Verdicts {
    fn add(&mut self, name: &str, accept: bool, verdict: Result<(), String>) {
        *if accept { &mut self.accepted } else { &mut self.rejected } += 1;
        self.wrong.extend(verdict.err().map(|reason| format!("{name}: {reason}")));
    }

    fn assert(&self, accepted: usize, rejected: usize) {
        assert!(self.wrong.is_empty(), "{:#?}", self.wrong);
        assert_eq!((self.accepted, self.rejected), (accepted, rejected));
    }
}

fn expect(agrees: bool, what: &str) -> Result<(), String> {
    if agrees { Ok(()) } else { Err(what.to_owned()) }
}

#[tokio::test]
async fn a_software_statement_is_ignored_without_a_verifier() {
    let rows: Vec<_> = data::documents().into_iter().filter(|row| row.settings.software_statements).collect();
    assert_eq!(rows.len(), OF_STATEMENTS);
    let server = server(Settings::default()).await;
    for row in &rows {
        let reply = send(server.posting(row.octets())).await;
        assert_eq!(reply.status, 201, "{}: {}", row.name, reply.text());
        assert!(reply.json().get("software_statement").is_none(), "{}", row.name);
    }
}

/// Whether this build can be set up as the row wants.
fn is_able(settings: Settings) -> bool {
    cfg!(feature = "software-statements") || !settings.software_statements && !settings.curve_check
}

async fn server(settings: Settings) -> Server {
    Server::start(Access::Open, |builder| {
        let builder = builder.with_grant_types(data::corpus_grants(settings));
        let builder = match settings.application_type_literal {
            true => builder.with_switch(Switch::ApplicationTypeLiteral, true),
            false => builder,
        };
        match settings.software_statements {
            #[cfg(feature = "software-statements")]
            true => builder.with_software_statements(tower_dcr::software_statement::SoftwareStatements::new()),
            _ => builder,
        }
    })
    .await
}

fn verdict_on_uri(row: &UriRow, reply: &Reply) -> Result<(), String> {
    let answer = || format!("{} ({}): {}", reply.status, row.reason, reply.text());
    let agrees = match row.accepted {
        true => reply.status == 201 && reply.json()["redirect_uris"] == Value::from(vec![row.uri.as_str()]),
        false => reply.status == 400 && reply.error().as_deref() == Some("invalid_redirect_uri"),
    };
    expect(agrees, &answer())
}

fn verdict_on_document(row: &DocumentRow, reply: &Reply) -> Result<(), String> {
    let answer = format!("{}: {}", reply.status, reply.text());
    if !row.accepted() {
        let statuses = if row.status.is_empty() { &[400][..] } else { &row.status };
        return expect(statuses.contains(&reply.status) && reply.error() == row.error, &answer);
    }
    expect(reply.status == 201, &answer)?;
    let document = reply.json();
    for (member, value) in &row.expect {
        expect(document.get(member) == Some(value), &format!("{member} in {answer}"))?;
    }
    for member in &row.expect_absent {
        expect(document.get(member).is_none(), &format!("{member} in {answer}"))?;
    }
    for (member, value) in &row.expect_not {
        expect(document.get(member) != Some(value), &format!("{member} in {answer}"))?;
    }
    Ok(())
}
