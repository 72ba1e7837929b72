//! `docs/conformance.md`, written from the tables.

use std::fmt::Write as _;

use super::coverage::{Clause, Coverage, Proof};

const HEAD: &str = "# Conformance

Every clause of the standards that binds the server, with the test that proves it. This file is written from
`tests/data/spec/*.tsv`; the test suite fails when it is stale, when a clause has no test, and when a test that is named
here does not exist. After a change of the tables, write it anew:

```sh
WRITE_CONFORMANCE=1 cargo test --test conformance
```

`core` holds for every server, `oidc` where OpenID Connect Registration says more, `extension` for one extension each.
A clause that only repeats another one names it. Duties of clients, of the application around this layer and of the
deployment are listed at the end: no test of this crate can prove them.
";

/// The whole document.
pub(crate) fn write(coverage: &Coverage) -> String {
    let mut document = HEAD.to_owned();
    summary(coverage, &mut document);
    open(coverage, &mut document);
    let mut spec = "";
    for clause in coverage.clauses().filter(|clause| is_provable(clause)) {
        if clause.spec != spec {
            spec = &clause.spec;
            write_line(&mut document, format_args!("\n## {spec}\n\n| clause | level | requirement | proof |"));
            write_line(&mut document, format_args!("| --- | --- | --- | --- |"));
        }
        write_line(&mut document, format_args!("{}", clause_row(coverage, clause)));
    }
    errors(coverage, &mut document);
    outside(coverage, &mut document);
    document
}

fn is_provable(clause: &Clause) -> bool {
    clause.tier != "outside"
}

fn write_line(document: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(document, "{line}").unwrap();
}

fn summary(coverage: &Coverage, document: &mut String) {
    write_line(
        document,
        format_args!("\n| tier | clauses | proved | follow another | open |\n| --- | --- | --- | --- | --- |"),
    );
    for tier in ["core", "oidc", "extension", "xref"] {
        let (mut all, mut proved, mut follow, mut open) = (0, 0, 0, 0);
        for clause in coverage.clauses().filter(|clause| clause.tier == tier) {
            all += 1;
            match coverage.proof(clause) {
                _ if coverage.is_open(clause) => open += 1,
                Some(Proof::Follows(_)) => follow += 1,
                _ => proved += 1,
            }
        }
        write_line(document, format_args!("| {tier} | {all} | {proved} | {follow} | {open} |"));
    }
}

fn open(coverage: &Coverage, document: &mut String) {
    write_line(document, format_args!("\n## Open\n\nNo test proves these, for the reason that is given.\n"));
    write_line(document, format_args!("| clause | requirement | why |\n| --- | --- | --- |"));
    for clause in coverage.clauses() {
        if let Some(Proof::Open(reason)) = coverage.proof(clause) {
            write_line(document, format_args!("| {} | {} | {} |", clause.id, cell(&clause.requirement), cell(reason)));
        }
    }
    for error in coverage.errors() {
        if let Some(row) = coverage.row(&error.id).filter(|row| row.tests.is_empty()) {
            write_line(document, format_args!("| {} | {} | {} |", row.id, cell(&error.condition), cell(&row.note)));
        }
    }
}

fn clause_row(coverage: &Coverage, clause: &Clause) -> String {
    let proof = match coverage.proof(clause) {
        Some(Proof::Tests(row)) => tests(&row.tests, &row.note),
        Some(Proof::Follows(targets)) => {
            let targets = Vec::from_iter(targets.iter().map(|target| target.id.as_str())).join(", ");
            format!("as {targets}{}", if coverage.is_open(clause) { ": open" } else { "" })
        }
        Some(Proof::Open(_)) => "open".to_owned(),
        Some(Proof::Outside) | None => "none".to_owned(),
    };
    format!("| {} §{} | {} | {} | {proof} |", clause.id, clause.section, clause.level, cell(&clause.requirement))
}

/// Links to the tests, and what has to be said about them.
fn tests(tests: &[String], note: &str) -> String {
    let links = tests.iter().map(|test| {
        let (file, name) = test.split_once("::").unwrap();
        format!("[{name}](../{file})")
    });
    let note = Some(note).filter(|note| !note.is_empty()).map(|note| format!("({})", cell(note)));
    Vec::from_iter(links.chain(note)).join(" ")
}

fn errors(coverage: &Coverage, document: &mut String) {
    write_line(document, format_args!("\n## Every answer\n\nThe conditions under which the two endpoints answer.\n"));
    write_line(
        document,
        format_args!("| row | endpoint | condition | status | code | proof |\n| --- | --- | --- | --- | --- | --- |"),
    );
    for error in coverage.errors() {
        let proof = match coverage.row(&error.id) {
            Some(row) if !row.tests.is_empty() => tests(&row.tests, &row.note),
            _ => "open".to_owned(),
        };
        let (condition, code) = (cell(&error.condition), cell(&error.code));
        let (id, endpoint, status) = (&error.id, &error.endpoint, cell(&error.status));
        write_line(document, format_args!("| {id} | {endpoint} | {condition} | {status} | {code} | {proof} |"));
    }
}

fn outside(coverage: &Coverage, document: &mut String) {
    write_line(
        document,
        format_args!("\n## Duties of others\n\n| clause | level | binds | requirement |\n| --- | --- | --- | --- |"),
    );
    for clause in coverage.clauses().filter(|clause| !is_provable(clause)) {
        let (id, level, binds) = (&clause.id, &clause.level, &clause.binds);
        write_line(document, format_args!("| {id} | {level} | {binds} | {} |", cell(&clause.requirement)));
    }
}

/// Text that does not break a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('*', "\\*")
}
