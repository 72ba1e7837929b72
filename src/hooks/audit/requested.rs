//! The client that a refused request described, as far as an operator needs it to recognize the client.
//!
//! The facts come from an untrusted document that broke a rule, or from one that was never checked. They are short, a
//! line break or a terminal sequence in them is escaped, and of a URI only scheme, host and port are taken, because its
//! user, path and query may hold a secret.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value};

/// The longest name and the longest host, in characters before they are escaped.
const MAX_CHARACTERS: usize = 100;
/// How many hosts are kept.
const MAX_HOSTS: usize = 5;

/// The client that a refused registration, update or dry run described, or that a request for a token claimed to be.
/// Nothing in it was verified.
///
/// Texts have at most 100 characters and end with `…` where they were longer. Characters that cannot be printed, and
/// the backslash, are escaped as in Rust (`\u{202e}`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RequestedClient {
    /// The identifier in a failed authentication, where it is none that a client of this server can have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// `client_name`; where there is none, the first one with a language tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// Where `redirect_uris` lead, at most five different ones: host and port of `http` and `https` URIs, the scheme
    /// and a colon of others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub redirect_hosts: Vec<String>,
}

impl RequestedClient {
    /// The claim of a failed authentication whose `client_id` cannot be an identifier of this server.
    pub(crate) fn with_id(claimed: &str) -> Self {
        Self { client_id: Some(shown(claimed)), ..Self::default() }
    }

    /// Reads the body of a request: a JSON object, or a signed token with one. `None` where nothing can be read. What
    /// the document leaves out is taken from its software statement.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let document: Map<String, Value> = serde_json::from_slice(body).ok().or_else(|| claims(body))?;
        // The signature is not verified: this only describes a refused request, and nothing is decided by it.
        let statement = document.get("software_statement").and_then(Value::as_str);
        let statement = statement.and_then(|statement| claims(statement.as_bytes())).unwrap_or_default();
        let sent = [&document, &statement];
        let redirect_hosts = sent.into_iter().map(redirect_hosts).find(|hosts| !hosts.is_empty()).unwrap_or_default();
        let client_name = sent.into_iter().find_map(client_name);
        let requested = Self { client_id: None, client_name, redirect_hosts };
        Some(requested).filter(|requested| *requested != Self::default())
    }
}

/// The claims of a compact JSON Web Token, not verified
/// ([RFC 7515 §7.1](https://www.rfc-editor.org/rfc/rfc7515#section-7.1)).
fn claims(token: &[u8]) -> Option<Map<String, Value>> {
    let payload = token.split(|byte| *byte == b'.').nth(1)?;
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

/// `client_name`, or the first one with a language tag.
fn client_name(document: &Map<String, Value>) -> Option<String> {
    let is_tagged = |name: &&String| name.starts_with("client_name#");
    let name = document.get("client_name").or_else(|| document.get(document.keys().find(is_tagged)?));
    name.and_then(Value::as_str).filter(|name| !name.is_empty()).map(shown)
}

/// The different hosts of `redirect_uris`, at most `MAX_HOSTS`. A single text in place of a list is accepted too.
fn redirect_hosts(document: &Map<String, Value>) -> Vec<String> {
    let uris = document.get("redirect_uris").map(|uris| match uris {
        Value::Array(uris) => uris.as_slice(),
        single => std::slice::from_ref(single),
    });
    let uris = uris.unwrap_or_default().iter().filter_map(Value::as_str);
    let mut hosts = Vec::new();
    for host in uris.filter_map(redirect_host).map(|host| shown(&host)) {
        if hosts.len() < MAX_HOSTS && !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

/// Where a URI leads. It may break every rule, so it is cut where a browser or a naive parser would cut it: what stands
/// behind a delimiter is never shown.
fn redirect_host(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once(':')?;
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    if scheme.is_empty() || !scheme.bytes().all(is_scheme) {
        return None;
    }
    if !["http", "https"].iter().any(|web| scheme.eq_ignore_ascii_case(web)) {
        return Some(format!("{scheme}:"));
    }
    let authority = rest.trim_start_matches(['/', '\\']).split(['/', '\\', '?', '#']).next()?;
    // After the last `@`, as browsers read it: the part before it may be a password.
    let host = authority.rsplit('@').next().filter(|host| !host.is_empty())?;
    Some(host.to_owned())
}

/// A short text without anything that a terminal or a reader of lines could take for something else.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    for (index, character) in text.chars().enumerate() {
        match character {
            _ if index == MAX_CHARACTERS => {
                shown.push('…');
                break;
            }
            '"' | '\'' => shown.push(character),
            // Also escapes marks that change the direction of text, which could make one name look like another.
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Option<(Option<String>, Vec<String>)> {
        RequestedClient::read(body.as_bytes()).map(|client| (client.client_name, client.redirect_hosts))
    }

    #[test]
    fn a_document_is_recognised_by_its_name_and_its_hosts() {
        let rows = [
            (
                "name and host",
                r#"{"client_name":"Bob's App","redirect_uris":["https://a.example/cb?code=s3cret"]}"#,
                Some("Bob's App"),
                vec!["a.example"],
            ),
            (
                "user and port",
                r#"{"redirect_uris":["https://user:s3cret@a.example:8443/cb#s3cret"]}"#,
                None,
                vec!["a.example:8443"],
            ),
            ("private-use scheme", r#"{"redirect_uris":["cursor://s3cret/cb","cursor:/a"]}"#, None, vec!["cursor:"]),
            (
                "wrong types beside good ones",
                r#"{"client_name":5,"redirect_uris":[5,"http://localhost:3000"]}"#,
                None,
                vec!["localhost:3000"],
            ),
            ("no list", r#"{"redirect_uris":"https://a.example"}"#, None, vec!["a.example"]),
            ("language tag", r#"{"client_name#fr":"Appli"}"#, Some("Appli"), vec![]),
            ("member sent twice", r#"{"client_name":"A","client_name":"B"}"#, Some("B"), vec![]),
            (
                "terminal sequence",
                r#"{"client_name":"a\u001b[31m\nb\\\u202e"}"#,
                Some(r"a\u{1b}[31m\nb\\\u{202e}"),
                vec![],
            ),
            ("backslash", r#"{"redirect_uris":["https:\\\\a.example\\s3cret"]}"#, None, vec!["a.example"]),
            ("no scheme", r#"{"client_name":"A","redirect_uris":["s3cret","s3 cret:x"]}"#, Some("A"), vec![]),
        ];
        for (name, body, client_name, hosts) in rows {
            let expected = (client_name.map(str::to_owned), hosts.into_iter().map(str::to_owned).collect());
            assert_eq!(read(body), Some(expected), "{name}");
        }
        for nothing in ["", "{}", "[]", "{", r#"{"client_name":""}"#, "a.b.c", "client_secret=s3cret"] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_signed_request_and_a_statement_are_looked_into() {
        let token = |claims: &str| format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims));
        let signed = token(r#"{"client_name":"Signed","redirect_uris":["https://a.example"]}"#);
        assert_eq!(read(&signed), Some((Some("Signed".to_owned()), vec!["a.example".to_owned()])));
        let body = format!(r#"{{"redirect_uris":["https://b.example"],"software_statement":"{signed}"}}"#);
        assert_eq!(read(&body), Some((Some("Signed".to_owned()), vec!["b.example".to_owned()])));
    }

    #[test]
    fn what_is_kept_is_short() {
        let uris: Vec<_> = (0..50).map(|number| format!("https://{}{number}.example", "a".repeat(200))).collect();
        let document = serde_json::json!({ "client_name": "n".repeat(60_000), "redirect_uris": uris });
        let (name, hosts) = read(&document.to_string()).unwrap();
        assert_eq!(name.unwrap().chars().count(), MAX_CHARACTERS + 1);
        assert_eq!(hosts.len(), 1, "the same after 100 characters: {hosts:?}");
        assert_eq!(hosts[0].chars().count(), MAX_CHARACTERS + 1);
        let uris: Vec<_> = (0..50).map(|number| format!("https://{number}.example")).collect();
        let (_, hosts) = read(&serde_json::json!({ "redirect_uris": uris }).to_string()).unwrap();
        assert_eq!(hosts.len(), MAX_HOSTS);
    }
}
