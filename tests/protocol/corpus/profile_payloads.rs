//! The documents of real clients and of attackers under every profile: which it accepts, and why it refuses the rest.
//! `fapi2` accepts none, since all are public or authenticate by a secret; `profiles` has the clients that it is for.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tower_dcr::{Access, Profile};

use crate::corpus::data;
use crate::server::{Server, send};

/// The verdict on each payload by profile, in the order of [`Profile::ALL`]: `201` or the code of the refusal.
fn table() -> BTreeMap<String, Vec<String>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/profile_payloads.tsv");
    let text = fs::read_to_string(file).unwrap();
    let mut lines = text.lines();
    let head = Profile::ALL.iter().map(|profile| profile.name()).collect::<Vec<_>>().join("\t");
    assert_eq!(lines.next(), Some(&*format!("payload\t{head}")));
    let row = |line: &str| {
        let mut columns = line.split('\t').map(str::to_owned);
        (columns.next().unwrap(), columns.collect())
    };
    lines.map(row).collect()
}

#[tokio::test]
async fn every_profile_has_its_verdict_on_every_payload() {
    let (table, mut verdicts) = (table(), BTreeMap::<String, Vec<String>>::new());
    for profile in Profile::ALL {
        let server = Server::start(Access::Open, |builder| builder.with_profile(*profile)).await;
        for payload in data::payloads() {
            let Some(body) = &payload.request.body else { continue };
            let before = server.count().await;
            let reply = send(server.posting(body.to_string())).await;
            let verdict = reply.error().unwrap_or_else(|| reply.status.to_string());
            let stored = server.count().await - before;
            assert_eq!(stored, u64::from(reply.status == 201), "{} under {profile}: clients stored", payload.id);
            verdicts.entry(payload.id).or_default().push(verdict);
        }
    }
    for (id, found) in &verdicts {
        assert_eq!(table.get(id), Some(found), "{id}");
    }
    assert_eq!(table.len(), verdicts.len(), "a row without a payload");
}
