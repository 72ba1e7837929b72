//! A metadata document as it arrives: the client's members, and those that only the server may set.

use serde_json::Value;

use super::ClientMetadata;
use super::extension::KnownMembers;
use super::member::SERVER_MEMBERS;
use super::normal_form;
use crate::error::{ErrorCode, RegistrationError, Violation, Violations};
use crate::protocol::json::{Object, read};

/// A document that was read; its values are not checked yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Document {
    pub(crate) metadata: ClientMetadata,
    /// Members of a wrong type, which count as absent.
    pub(crate) violations: Violations,
    pub(crate) client_id: Option<Value>,
    pub(crate) client_secret: Option<Value>,
    /// Which members occur that an update must not contain.
    pub(crate) forbidden: Vec<&'static str>,
}

impl Document {
    /// Reads a document; only one that is no unambiguous JSON object is an error at once.
    pub(crate) fn read(body: &[u8], known: KnownMembers) -> Result<Self, RegistrationError> {
        Ok(Self::from_object(read::read(body)?, known))
    }

    /// Reads the members of an object that was read before.
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

    /// Puts what somebody vouches for in the place of what the document says. A statement in a statement means nothing.
    #[cfg(feature = "software-statements")]
    pub(crate) fn overlay(&mut self, mut vouched: Self) {
        vouched.metadata.software_statement = None;
        self.metadata.overlay(vouched.metadata);
        self.violations.extend(vouched.violations);
    }

    fn plain(&mut self, name: &str, value: Value, known: KnownMembers) {
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
        let key = (base.to_owned(), tag.to_ascii_lowercase());
        if seen.contains(&key) {
            let detail = "two members with the same language tag, which ignores upper and lower case";
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

    /// Reads a member into its field. `null`, `""` and `[]` say that it was not sent, whatever its type; so strict
    /// clients' habit of sending them does no harm
    /// ([RFC 7592 §2.2](https://www.rfc-editor.org/rfc/rfc7592#section-2.2)). A text whose normal form is empty was not
    /// sent either, and a software statement cannot replace anything with it.
    fn member(&mut self, name: &str, tag: Option<&str>, mut value: Value, known: KnownMembers) {
        if is_not_sent(&value) {
            return;
        }
        let Some((row, field)) = self.metadata.member_mut(name).filter(|(row, _)| known.contains(row.group)) else {
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
