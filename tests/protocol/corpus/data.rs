//! The corpus of documents and the payloads of real clients.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tower_dcr::metadata::GrantType;

fn path(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(below)
}

/// One redirection URI with its verdict.
#[derive(Debug)]
pub(crate) struct UriRow {
    pub(crate) uri: String,
    pub(crate) application_type: Option<String>,
    pub(crate) accepted: bool,
    pub(crate) reason: String,
}

impl UriRow {
    /// The request that the corpus prescribes for the row.
    pub(crate) fn document(&self) -> Value {
        let method = if self.application_type.as_deref() == Some("web") { "client_secret_basic" } else { "none" };
        let mut document = json!({
            "redirect_uris": [self.uri],
            "grant_types": ["authorization_code"],
            "response_types": ["code"],
            "token_endpoint_auth_method": method,
        });
        if let Some(application_type) = &self.application_type {
            document["application_type"] = application_type.as_str().into();
        }
        document
    }
}

pub(crate) fn redirect_uris() -> Vec<UriRow> {
    let table = fs::read_to_string(path("corpus/redirect_uris.tsv")).unwrap();
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("uri\tapplication_type\tverdict\treason"));
    lines.map(uri_row).collect()
}

fn uri_row(line: &str) -> UriRow {
    let columns: Vec<_> = line.split('\t').collect();
    let [uri, application_type, verdict, reason] = columns[..] else { panic!("not four columns: {line}") };
    let accepted = match verdict {
        "accept" => true,
        "reject" => false,
        other => panic!("no verdict: {other}"),
    };
    let application_type = (application_type != "-").then(|| application_type.to_owned());
    UriRow { uri: unescape(uri), application_type, accepted, reason: reason.to_owned() }
}

/// Decodes `\\`, `\t`, `\n`, `\r` and `\u{HEX}`.
fn unescape(text: &str) -> String {
    let mut decoded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        decoded.push_str(before);
        let (character, length) = escape(after);
        decoded.push(character);
        rest = &after[length..];
    }
    decoded + rest
}

/// The character that an escape stands for, and its length without the backslash.
fn escape(after: &str) -> (char, usize) {
    match after.as_bytes()[0] {
        b'\\' => ('\\', 1),
        b't' => ('\t', 1),
        b'n' => ('\n', 1),
        b'r' => ('\r', 1),
        b'u' => {
            let end = after.find('}').unwrap();
            let code = u32::from_str_radix(&after[2..end], 16).unwrap();
            (char::from_u32(code).unwrap(), end + 1)
        }
        _ => panic!("unknown escape before {after}"),
    }
}

/// One request body with its verdict.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DocumentRow {
    pub(crate) name: String,
    #[serde(default)]
    body: Value,
    body_b64: Option<String>,
    verdict: String,
    pub(crate) error: Option<String>,
    #[serde(default)]
    pub(crate) expect: Map<String, Value>,
    #[serde(default)]
    pub(crate) expect_absent: Vec<String>,
    #[serde(default)]
    pub(crate) expect_not: Map<String, Value>,
    #[serde(default)]
    pub(crate) status: Vec<u16>,
    #[serde(default)]
    pub(crate) settings: Settings,
    /// The version of the policy that gave the row its verdict.
    #[serde(default = "first_version")]
    since: u8,
}

fn first_version() -> u8 {
    1
}

/// What a row wants configured.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    pub(crate) allow_implicit: bool,
    pub(crate) software_statements: bool,
    /// EC points are checked to lie on their curve, which takes a crypto library.
    pub(crate) curve_check: bool,
    pub(crate) application_type_literal: bool,
}

impl DocumentRow {
    pub(crate) fn accepted(&self) -> bool {
        match self.verdict.as_str() {
            "accept" => true,
            "reject" => false,
            other => panic!("{}: no verdict: {other}", self.name),
        }
    }

    /// The octets of the request body.
    pub(crate) fn octets(&self) -> Vec<u8> {
        match (&self.body_b64, &self.body) {
            (Some(encoded), _) => STANDARD.decode(encoded).unwrap(),
            (None, Value::String(text)) => text.clone().into_bytes(),
            (None, document) => document.to_string().into_bytes(),
        }
    }
}

pub(crate) fn documents() -> Vec<DocumentRow> {
    let lines = fs::read_to_string(path("corpus/metadata.jsonl")).unwrap();
    let read = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let rows: Vec<DocumentRow> = lines.lines().map(read).collect();
    assert!(rows.iter().all(|row| row.since <= 2), "a row of a later policy");
    rows
}

/// The grants with which the documents of the corpus are read (M12).
pub(crate) fn corpus_grants(settings: Settings) -> Vec<GrantType> {
    use GrantType::{AuthorizationCode, ClientCredentials, DeviceCode, Implicit, JwtBearer, RefreshToken};
    let mut grants = vec![AuthorizationCode, RefreshToken, ClientCredentials, DeviceCode, JwtBearer];
    if settings.allow_implicit {
        grants.push(Implicit);
    }
    grants
}

/// What a real client sends, and what it should get.
#[derive(Debug, Deserialize)]
pub(crate) struct Payload {
    pub(crate) id: String,
    pub(crate) request: Request,
    pub(crate) expect: Expectations,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) content_type: Option<String>,
    #[serde(default)]
    pub(crate) headers: Map<String, Value>,
    pub(crate) headers_variants: Option<Vec<String>>,
    pub(crate) body: Option<Value>,
    pub(crate) body_raw: Option<String>,
    pub(crate) body_form: Option<Map<String, Value>>,
    pub(crate) body_jwt_claims: Option<Value>,
    pub(crate) body_generator: Option<Generator>,
}

/// How to make a body that is too large to keep.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Generator {
    pub(crate) base: Map<String, Value>,
    pub(crate) member: String,
    pub(crate) nest: Option<usize>,
    pub(crate) element: Option<String>,
    pub(crate) repeat: Option<String>,
    pub(crate) count: Option<usize>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Expectations {
    pub(crate) permissive: Map<String, Value>,
}

/// Every payload, in the order of the file names.
pub(crate) fn payloads() -> Vec<Payload> {
    let files = fs::read_dir(path("payloads")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|file| !file.ends_with("response-constraints.json")).collect();
    files.sort();
    let read = |file: &PathBuf| serde_json::from_slice(&fs::read(file).unwrap());
    files.iter().map(|file| read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))).collect()
}
