//! The language of the project: plain technical English. Words that only their author understands are not used, in
//! code, comments, documents and messages alike.

use std::path::PathBuf;

use super::{path, read};

/// What is not used, and what to write in its place. A phrase is found between word boundaries, in any case, also
/// across a line break.
const DENIED: &[(&str, &str)] = &[
    ("whoever", "the caller, the client, a person who"),
    ("whomever", "the caller, the client, a person whom"),
    ("ends to count", "expires, is not valid any more"),
    ("counts no more", "is not valid any more"),
    ("counts until", "is valid until"),
    ("counts for nothing", "is ignored"),
    ("does not count", "is not valid, is ignored"),
    ("do not count", "are not valid, are ignored"),
    ("still counts", "is still valid"),
    ("makes room", "is evicted"),
    ("make room", "evict"),
    ("made room", "was evicted"),
    ("making room", "eviction"),
    ("is nothing to", "means nothing to, has no effect on"),
    ("nothing at all", "nothing, no conditions"),
    ("puts it together", "builds the registry"),
    ("is made good", "is corrected"),
    ("gotten", "fetched, read"),
    ("kept swept", "swept periodically"),
    ("lets nobody in", "refuses every registration"),
    ("who asks", "the caller"),
    ("could live with", "supports, accepts"),
    ("brings along", "has, sends"),
    ("reach that far", "permit this operation"),
    ("moved on to another", "has another"),
    ("tell apart", "distinguish"),
    ("tells apart", "distinguishes"),
    ("is believed", "is trusted"),
    ("are believed", "are trusted"),
    ("is good for", "permits"),
    ("of its own accord", "by itself"),
    ("stays away", "sends no request"),
    ("so long after", "this long after"),
];

/// The table above, and what is generated from the standards' own words.
const EXEMPT: &[&str] = &["tests/conformance/language.rs", "docs/conformance.md"];

fn files(folder: PathBuf, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if path.is_dir() && !path.ends_with("data") {
            files(path, found);
        } else if ["rs", "md", "py", "lua", "sql", "toml"].contains(&extension) {
            found.push(path);
        }
    }
}

/// One line of words: comment marks and line breaks are spaces.
fn words(text: &str) -> String {
    let plain = text.to_lowercase().replace("///", " ").replace("//!", " ").replace("//", " ");
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn occurs(text: &str, phrase: &str) -> bool {
    let letter =
        |character: Option<char>| character.is_some_and(|character| character.is_alphanumeric() || character == '_');
    text.match_indices(phrase).any(|(start, _)| {
        !letter(text[..start].chars().next_back()) && !letter(text[start + phrase.len()..].chars().next())
    })
}

#[test]
fn every_text_is_plain_technical_english() {
    let documents = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "SECURITY.md"];
    let mut all: Vec<_> = documents.into_iter().map(path).collect();
    for folder in ["src", "tests", "docs", "examples", "benches"] {
        files(path(folder), &mut all);
    }
    let mut findings = Vec::new();
    for file in all {
        let below = file.strip_prefix(path("")).unwrap().to_str().unwrap().to_owned();
        if EXEMPT.contains(&below.as_str()) {
            continue;
        }
        let text = words(&read(&below));
        for (phrase, better) in DENIED {
            if occurs(&text, phrase) {
                findings.push(format!("{below}: \"{phrase}\"; write: {better}"));
            }
        }
    }
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

#[test]
fn a_denied_phrase_is_found_across_lines_and_not_inside_words() {
    let rows = [
        ("/// Whoever\n/// asks", "whoever", true),
        ("the token does\n    // not count here", "does not count", true),
        ("soever", "whoever", false),
        ("forgotten", "gotten", false),
    ];
    for (text, phrase, expected) in rows {
        assert_eq!(occurs(&words(text), phrase), expected, "{text:?}");
    }
}
