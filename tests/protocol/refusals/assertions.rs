//! What every answer and every refusal has in common, whatever the reason.

use serde_json::Value;

use crate::refusals::error_table::assert_as_listed;
use crate::server::Reply;

/// A word that stands in values which are refused and must not come back.
pub(crate) const CANARY: &str = "canary7f3a";

/// The challenge of a 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Challenge {
    None,
    /// No credentials: no error (RFC 6750 section 3.1).
    Bare,
    InvalidToken,
    InvalidRequest,
    InsufficientScope,
}

impl Challenge {
    fn start(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Bare => Some(r#"Bearer realm="client registration""#),
            Self::InvalidToken => {
                Some(r#"Bearer realm="client registration", error="invalid_token", error_description=""#)
            }
            Self::InsufficientScope => {
                Some(r#"Bearer realm="client registration", error="insufficient_scope", error_description=""#)
            }
            Self::InvalidRequest => {
                Some(r#"Bearer realm="client registration", error="invalid_request", error_description=""#)
            }
        }
    }
}

/// Asserts everything that does not depend on the reason: status, code, JSON shape, characters, headers, silence.
pub(crate) fn assert_refused(name: &str, reply: &Reply, status: u16, code: Option<&str>, challenge: Challenge) {
    assert_eq!(reply.status, status, "{name}: {}", reply.text());
    assert_eq!(reply.error().as_deref(), code, "{name}: {}", reply.text());
    assert_answered(name, reply);
    assert_challenge(name, reply, challenge);
    assert_body(name, reply);
    let everything = format!("{:?} {}", reply.headers, reply.text());
    assert!(!everything.contains(CANARY), "{name}: the value came back: {everything}");
}

/// What holds for every answer of the endpoints, accepted or refused: it is never cached, never guessed to be something
/// else, and as the table of errors lists it.
pub(crate) fn assert_answered(name: &str, reply: &Reply) {
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{name}");
    assert_eq!(reply.header("pragma"), Some("no-cache"), "{name}");
    assert_eq!(reply.headers.get_all("cache-control").iter().count(), 1, "{name}");
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{name}");
    assert_as_listed(name, reply);
}

fn assert_challenge(name: &str, reply: &Reply, challenge: Challenge) {
    let found = reply.header("www-authenticate");
    let Some(start) = challenge.start() else { return assert_eq!(found, None, "{name}: challenge") };
    let found = found.unwrap_or_else(|| panic!("{name}: no challenge"));
    if challenge == Challenge::Bare {
        return assert_eq!(found, start, "{name}: challenge");
    }
    let description = found.strip_prefix(start).and_then(|rest| rest.strip_suffix('"'));
    let description = description.unwrap_or_else(|| panic!("{name}: challenge {found}"));
    assert_description(name, description);
    assert_eq!(reply.json()["error_description"], description, "{name}: challenge and body agree");
}

/// Either nothing, or an object with a code and a description, and the violations where a document was refused.
fn assert_body(name: &str, reply: &Reply) {
    if reply.body.is_empty() {
        return assert_eq!(reply.header("content-type"), None, "{name}: content type of nothing");
    }
    assert_eq!(reply.header("content-type"), Some("application/json"), "{name}");
    let body = reply.json();
    for (member, value) in body.as_object().unwrap() {
        match member.as_str() {
            "error" => assert!(value.is_string(), "{name}"),
            "error_description" => assert_description(name, value.as_str().unwrap()),
            "violations" => assert_violations(name, value),
            other => panic!("{name}: unknown member {other}"),
        }
    }
    assert!(body["error_description"].is_string(), "{name}: {body}");
}

fn assert_violations(name: &str, violations: &Value) {
    let violations = violations.as_array().unwrap();
    assert!(!violations.is_empty(), "{name}");
    for violation in violations {
        let members: Vec<_> = violation.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members.len(), 3, "{name}: {members:?}");
        for member in ["pointer", "rule", "detail"] {
            assert!(violation[member].is_string(), "{name}: {member} in {violation}");
        }
        assert_description(name, violation["detail"].as_str().unwrap());
    }
}

/// %x20-21 / %x23-5B / %x5D-7E (RFC 6749 section 5.2), and not empty.
fn assert_description(name: &str, text: &str) {
    let fits = |byte: u8| matches!(byte, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E);
    assert!(!text.is_empty() && text.bytes().all(fits), "{name}: {text}");
}
