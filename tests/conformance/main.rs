//! Conformance as a fact: every clause of the standards that binds the server names the test that proves it, and
//! `docs/conformance.md` is written from that table.
//!
//! Nothing here runs the server. The tests that do are in `tests/protocol` and beside the code; this file only sees to
//! it that none of them is missing. `WRITE_CONFORMANCE=1 cargo test --test conformance` writes the document anew.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod architecture;
mod coverage;
mod document;
mod language;
mod sources;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use coverage::{Coverage, Proof};

/// A path below the root of the package.
fn path(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(below)
}

fn read(below: &str) -> String {
    fs::read_to_string(path(below)).unwrap_or_else(|error| panic!("{below}: {error}"))
}

#[test]
fn every_clause_that_binds_the_server_has_a_proof_or_a_reason() {
    let coverage = Coverage::read();
    let missing: Vec<_> = coverage.clauses().filter(|clause| coverage.proof(clause).is_none()).collect();
    let missing: Vec<_> = missing.iter().map(|clause| format!("{} {}", clause.id, clause.requirement)).collect();
    assert!(missing.is_empty(), "{} clauses without a test:\n{}", missing.len(), missing.join("\n"));
}

#[test]
fn every_error_of_the_two_endpoints_has_a_proof_or_a_reason() {
    let coverage = Coverage::read();
    let missing: Vec<_> = coverage.errors().filter(|error| coverage.row(&error.id).is_none()).collect();
    let missing: Vec<_> = missing.iter().map(|error| format!("{} {}", error.id, error.condition)).collect();
    assert!(missing.is_empty(), "{} errors without a test:\n{}", missing.len(), missing.join("\n"));
}

#[test]
fn no_requirement_of_the_core_is_left_open() {
    let coverage = Coverage::read();
    let open = coverage.clauses().filter(|clause| matches!(clause.tier.as_str(), "core" | "oidc"));
    let open: Vec<_> = open.filter(|clause| matches!(coverage.proof(clause), Some(Proof::Open(_)))).collect();
    let ids: Vec<_> = open.iter().map(|clause| clause.id.as_str()).collect();
    assert_eq!(ids, coverage::OPEN, "what is knowingly not covered");
}

#[test]
fn every_test_that_the_table_names_exists_and_runs() {
    let tests = sources::tests();
    for row in Coverage::read().rows() {
        for test in &row.tests {
            assert!(tests.contains(test), "{}: there is no test {test}", row.id);
        }
        // A row of the table of errors is a case whose name begins with its number.
        let named = row.tests.iter().any(|test| read(test.split_once("::").unwrap().0).contains(&row.id));
        assert!(named || row.tests.is_empty() || !row.id.starts_with("E-"), "no case is named {}", row.id);
    }
}

#[test]
fn the_table_names_only_clauses_that_exist_and_each_once() {
    let coverage = Coverage::read();
    let known: BTreeSet<_> = coverage.clauses().map(|clause| clause.id.clone()).collect();
    let known: BTreeSet<_> = known.into_iter().chain(coverage.errors().map(|error| error.id.clone())).collect();
    let mut seen = BTreeSet::new();
    for row in coverage.rows() {
        assert!(known.contains(&row.id), "there is no clause {}", row.id);
        assert!(seen.insert(&row.id), "{} stands there twice", row.id);
        assert!(!row.tests.is_empty() || !row.note.is_empty(), "{} has neither a test nor a reason", row.id);
    }
}

#[test]
fn only_what_may_need_no_proof_has_none() {
    let coverage = Coverage::read();
    for clause in coverage.clauses() {
        let row = coverage.row(&clause.id);
        match clause.tier.as_str() {
            "core" | "oidc" | "extension" => {}
            "outside" | "xref" => assert!(row.is_none(), "{}: {} needs no row", clause.id, clause.tier),
            other => panic!("{}: unknown tier {other}", clause.id),
        }
    }
    for clause in coverage.clauses().filter(|clause| clause.tier == "xref") {
        assert!(!coverage.targets(clause).is_empty(), "{} names no other clause", clause.id);
    }
}

#[test]
fn the_document_is_what_the_table_says() {
    let document = document::write(&Coverage::read());
    if std::env::var_os("WRITE_CONFORMANCE").is_some() {
        fs::write(path("docs/conformance.md"), &document).unwrap();
    }
    let kept = read("docs/conformance.md");
    assert!(kept == document, "docs/conformance.md is stale: WRITE_CONFORMANCE=1 cargo test --test conformance");
}
