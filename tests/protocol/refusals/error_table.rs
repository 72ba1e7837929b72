//! The table of errors: a case that begins with the number of a row is answered as the row says.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use crate::server::Reply;

/// Answers whose body the table leaves empty or free; this server says what is wrong. An initial access token (E-078)
/// is a token that is rejected, so the challenge says so (RFC 6750 section 3).
const MORE_THAN_THE_TABLE: [(&str, &str); 6] = [
    ("E-078", "invalid_token"),
    ("E-089", "invalid_request"),
    ("E-090", "invalid_request"),
    ("E-091", "invalid_request"),
    ("E-094", "invalid_request"),
    ("E-095", "invalid_request"),
];

static ROWS: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/spec/errors.tsv");
    let table = fs::read_to_string(file).unwrap();
    table.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect()
});

/// Compares a reply with the row that the name of the case begins with; another name has no row.
pub(crate) fn assert_as_listed(name: &str, reply: &Reply) {
    let Some(id) = name.get(..5).filter(|id| id.starts_with("E-")) else { return };
    let row = ROWS.iter().find(|row| row[0] == id).unwrap_or_else(|| panic!("{name}: there is no row {id}"));
    let [_, _, _, _, status, code, _, challenge, others, ..] = &row[..] else { panic!("{id} is no whole row") };
    let listed = numbers(status);
    assert!(listed.is_empty() || listed.contains(&reply.status), "{name}: {} is not {status}", reply.status);
    assert_code(name, id, code, reply);
    if let Some(start) = fixed_part(challenge) {
        let found = reply.header("www-authenticate").unwrap_or_default();
        assert!(found.starts_with(&start), "{name}: {found} is not {challenge}");
    }
    for header in others.split("; ") {
        assert_header(name, header, reply);
    }
}

/// The numbers of three digits in a text such as `200/401/403`.
fn numbers(text: &str) -> Vec<u16> {
    let words = text.split(|character: char| !character.is_ascii_digit());
    words.filter(|word| word.len() == 3).map(|word| word.parse().unwrap()).collect()
}

fn assert_code(name: &str, id: &str, listed: &str, reply: &Reply) {
    let Some(code) = reply.error() else { return };
    let free = MORE_THAN_THE_TABLE.contains(&(id, &*code)) || listed.starts_with("as ");
    let words: Vec<_> = listed.split(|character: char| !character.is_ascii_lowercase() && character != '_').collect();
    assert!(free || words.contains(&&*code), "{name}: {code} is not {listed}");
}

/// A challenge up to what the row leaves open; nothing where it refers to another row.
fn fixed_part(challenge: &str) -> Option<String> {
    let challenge = challenge.replace("<realm>", "client registration");
    challenge.starts_with("Bearer ").then(|| challenge.split('<').next().unwrap_or_default().to_owned())
}

/// A header with its value, or its name alone. Words for people are no header.
fn assert_header(name: &str, listed: &str, reply: &Reply) {
    match listed.split_once(": ") {
        Some(("Allow", "remaining methods")) => assert!(reply.header("allow").is_some(), "{name}: {listed}"),
        Some(("Allow" | "Accept" | "Accept-Encoding", value)) => {
            let header = listed.split(':').next().unwrap();
            assert_eq!(reply.header(header), Some(value), "{name}: {listed}");
        }
        _ if listed == "Retry-After" => assert!(reply.header("retry-after").is_some(), "{name}: {listed}"),
        _ => {}
    }
}
