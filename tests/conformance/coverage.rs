//! The tables: what the standards demand, and which test proves it.

use std::collections::BTreeMap;

use super::read;

/// Clauses of the tiers `core` and `oidc` that no test proves. Their reasons stand in the table.
pub(crate) const OPEN: [&str; 0] = [];

/// One requirement of a standard.
#[derive(Debug)]
pub(crate) struct Clause {
    pub(crate) id: String,
    pub(crate) spec: String,
    pub(crate) section: String,
    pub(crate) level: String,
    pub(crate) binds: String,
    pub(crate) requirement: String,
    pub(crate) check: String,
    pub(crate) tier: String,
}

/// One condition under which an endpoint answers with a certain status.
#[derive(Debug)]
pub(crate) struct ErrorRow {
    pub(crate) id: String,
    pub(crate) endpoint: String,
    pub(crate) condition: String,
    pub(crate) status: String,
    pub(crate) code: String,
}

/// One row of the table of proofs.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) tests: Vec<String>,
    pub(crate) note: String,
}

/// What speaks for a clause.
#[derive(Debug)]
pub(crate) enum Proof<'a> {
    Tests(&'a Row),
    /// Another clause says the same.
    Follows(Vec<&'a Clause>),
    /// A duty of the client, of the host or of the deployment.
    Outside,
    /// Nothing; the reason why.
    Open(&'a str),
}

/// All tables.
#[derive(Debug)]
pub(crate) struct Coverage {
    clauses: Vec<Clause>,
    errors: Vec<ErrorRow>,
    rows: Vec<Row>,
    /// Extension groups that do not exist in this crate, with the reason.
    absent_groups: BTreeMap<String, String>,
}

impl Coverage {
    pub(crate) fn read() -> Self {
        Self {
            clauses: table("clauses").into_iter().map(clause).collect(),
            errors: table("errors").into_iter().map(error).collect(),
            rows: table("coverage").into_iter().map(row).collect(),
            absent_groups: table("absent_groups").into_iter().map(|[group, reason]| (group, reason)).collect(),
        }
    }

    pub(crate) fn clauses(&self) -> impl Iterator<Item = &Clause> {
        self.clauses.iter()
    }

    pub(crate) fn errors(&self) -> impl Iterator<Item = &ErrorRow> {
        self.errors.iter()
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter()
    }

    pub(crate) fn row(&self, id: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.id == id)
    }

    pub(crate) fn proof(&self, clause: &Clause) -> Option<Proof<'_>> {
        if let Some(row) = self.row(&clause.id) {
            return Some(if row.tests.is_empty() { Proof::Open(&row.note) } else { Proof::Tests(row) });
        }
        match clause.tier.as_str() {
            "outside" => Some(Proof::Outside),
            "xref" => {
                let targets = self.targets(clause);
                targets.iter().all(|target| self.proof(target).is_some()).then_some(Proof::Follows(targets))
            }
            "extension" => self.absent_groups.get(group(&clause.id)).map(|reason| Proof::Open(reason)),
            _ => None,
        }
    }

    /// Whether nothing proves a clause, nor the one that it follows.
    pub(crate) fn is_open(&self, clause: &Clause) -> bool {
        match self.proof(clause) {
            Some(Proof::Tests(_) | Proof::Outside) => false,
            Some(Proof::Follows(targets)) => targets.into_iter().any(|target| self.is_open(target)),
            Some(Proof::Open(_)) | None => true,
        }
    }

    /// The clauses that a clause refers to instead of saying anything itself.
    pub(crate) fn targets(&self, clause: &Clause) -> Vec<&Clause> {
        let words = clause.check.split(|character: char| character.is_whitespace() || character == ';');
        let named: Vec<_> = words.filter_map(|word| self.clauses.iter().find(|other| other.id == word)).collect();
        if !named.is_empty() {
            return named;
        }
        let group_named = clause.check.strip_prefix("See ").and_then(|rest| rest.strip_suffix(" rows"));
        self.clauses.iter().filter(|other| Some(group(&other.id)) == group_named).collect()
    }
}

/// The extension that a clause belongs to: what stands before the section in its identifier.
pub(crate) fn group(id: &str) -> &str {
    let section = id.match_indices('-').find(|(index, _)| id[index + 1..].starts_with(|c: char| c.is_ascii_digit()));
    section.map_or(id, |(index, _)| &id[..index])
}

/// The rows of a table without its head.
fn table<const COLUMNS: usize>(name: &str) -> Vec<[String; COLUMNS]> {
    let text = read(&format!("tests/data/spec/{name}.tsv"));
    text.lines().skip(1).map(columns).collect()
}

/// The columns of a line; columns that no test uses are left out.
fn columns<const COLUMNS: usize>(line: &str) -> [String; COLUMNS] {
    let columns: Vec<_> = line.split('\t').take(COLUMNS).map(str::to_owned).collect();
    columns.try_into().unwrap_or_else(|_| panic!("fewer than {COLUMNS} columns: {line}"))
}

fn clause([id, spec, section, level, binds, requirement, check, _, tier]: [String; 9]) -> Clause {
    Clause { id, spec, section, level, binds, requirement, check, tier }
}

fn error([id, endpoint, _, condition, status, code]: [String; 6]) -> ErrorRow {
    ErrorRow { id, endpoint, condition, status, code }
}

fn row([id, tests, note]: [String; 3]) -> Row {
    let tests = tests.split(' ').filter(|test| *test != "-").map(str::to_owned).collect();
    Row { id, tests, note }
}
