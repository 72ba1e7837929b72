//! A metadata document as it arrives: the client's members, and those that only the server may set.
//!
//! Reading and judging are two steps. This one sorts members into fields and reports wrong JSON types; the values are
//! judged by `rules`. Members that only the server sets are kept apart, so no request can change them.

use serde_json::Value;

use super::ClientMetadata;
use super::extension::KnownMembers;
use super::member::SERVER_MEMBERS;
use super::normal_form;
use crate::error::{ErrorCode, RegistrationError, Violation, Violations};
use crate::protocol::json::{Object, read};

/// A document that was read. Its values are not checked yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Document {
    pub(crate) metadata: ClientMetadata,
    /// The violations of members with a wrong JSON type. Such a member is absent from `metadata`.
    pub(crate) violations: Violations,
    /// The `client_id` of the document, which an update compares with the client
    /// ([RFC 7592 §2.2](https://www.rfc-editor.org/rfc/rfc7592#section-2.2)). A registration ignores it.
    pub(crate) client_id: Option<Value>,
    /// The `client_secret` of the document, which an update compares with the secret of the client.
    pub(crate) client_secret: Option<Value>,
    /// The members of the document that an update must not contain.
    pub(crate) forbidden: Vec<&'static str>,
}

impl Document {
    /// Reads a document. The only error here is a text that is not one unambiguous JSON object; faults of members are in
    /// [`violations`](Self::violations).
    pub(crate) fn read(body: &[u8], known: KnownMembers) -> Result<Self, RegistrationError> {
        Ok(Self::from_object(read::read(body)?, known))
    }

    /// Reads the members of an object that was parsed before, such as the claims of a software statement.
    pub(crate) fn from_object(object: Object, known: KnownMembers) -> Self {
        let mut document = Self::default();
        let mut tags_seen: Vec<(String, String)> = Vec::new();
        for (name, value) in object {
            match name.split_once('#') {
                Some((base, tag)) => document.localized(base, tag, value, known, &mut tags_seen),
                None => document.plain(&name, value, known),
            }
        }
        document
    }

    /// Replaces members of the document by the claims of a verified software statement, which take precedence
    /// ([RFC 7591 §2.3](https://www.rfc-editor.org/rfc/rfc7591#section-2.3)).
    #[cfg(feature = "software-statements")]
    pub(crate) fn overlay(&mut self, mut attested: Self) {
        // A statement inside a statement was not verified and would be registered as if it were.
        attested.metadata.software_statement = None;
        self.metadata.overlay(attested.metadata);
        self.violations.extend(attested.violations);
    }

    /// Reads a member without a language tag.
    fn plain(&mut self, name: &str, value: Value, known: KnownMembers) {
        // The credentials of the server come first: no row of the table may ever have one of these names.
        let mut forbidden = SERVER_MEMBERS.iter().filter(|member| member.forbidden_in_updates);
        if let Some(member) = forbidden.find(|member| member.name == name) {
            return self.forbidden.push(member.name);
        }
        match name {
            "client_id" => self.client_id = Some(value).filter(|value| !is_not_sent(value)),
            "client_secret" => self.client_secret = Some(value).filter(|value| !is_not_sent(value)),
            _ => self.member(name, None, value, known),
        }
    }

    /// A name with a language tag. A tag that is not well-formed ([RFC 5646
    /// §2.1](https://www.rfc-editor.org/rfc/rfc5646#section-2.1)), or too long, makes the member unknown.
    fn localized(
        &mut self,
        base: &str,
        tag: &str,
        value: Value,
        known: KnownMembers,
        seen: &mut Vec<(String, String)>,
    ) {
        let member = self.metadata.member(base).filter(|(row, _)| known.contains(row.group));
        if !member.is_some_and(|(_, field)| field.localizable()) || !is_language_tag(tag) {
            return;
        }
        // Tags are compared without regard to case: `#FR` and `#fr` name one language (RFC 7591 §2.2).
        let key = (base.to_owned(), tag.to_ascii_lowercase());
        if seen.contains(&key) {
            let detail = "two members with the same language tag, which ignores upper and lower case";
            // Which of the two is meant cannot be known.
            return self.violations.push(Violation::new(
                ErrorCode::InvalidClientMetadata,
                format!("/{base}#{tag}"),
                "M9",
                detail,
            ));
        }
        seen.push(key);
        self.member(base, Some(tag), value, known);
    }

    /// Reads a member into its field. `null`, `""` and `[]` mean that it was not sent, whatever its type, because deployed
    /// libraries send them for every member without a value
    /// ([RFC 7592 §2.2](https://www.rfc-editor.org/rfc/rfc7592#section-2.2)). A text whose normal form is empty was not
    /// sent either, so a software statement cannot remove a member with it.
    fn member(&mut self, name: &str, tag: Option<&str>, mut value: Value, known: KnownMembers) {
        if is_not_sent(&value) {
            return;
        }
        let Some((row, field)) = self.metadata.member_mut(name).filter(|(row, _)| known.contains(row.group)) else {
            // Kept until the rules run: the operator may have declared the member.
            return self.metadata.extra.put(name.to_owned(), value);
        };
        if let Value::String(text) = &mut value {
            normal_form::normalize(row.kind, text);
            if text.is_empty() {
                return;
            }
        }
        let Err(wrong) = field.put(tag, value) else { return };
        let pointer = crate::protocol::metadata::pointer(row.name, tag, wrong.index);
        self.violations.push(Violation::new(row.error_code(), pointer, "M6", wrong.expected));
    }
}

/// Whether a value means that the member was not sent (M2).
fn is_not_sent(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        _ => false,
    }
}

/// The longest language tag, in characters. A tag is stored, returned and named in refusals, and no registered language
/// needs more.
const MAX_LANGUAGE_TAG: usize = 64;

/// Whether a tag is well-formed and not too long (M9); the registry of languages is not consulted.
pub(crate) fn is_language_tag(tag: &str) -> bool {
    tag.len() <= MAX_LANGUAGE_TAG && oxilangtag::LanguageTag::parse(tag).is_ok()
}
