//! Members of a document that the table of members does not define.
//!
//! They are kept while a document is judged, because the operator may have declared them; the rule P4 removes the others.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::member::SERVER_MEMBERS;
use super::members::MEMBERS;
use crate::error::RegistrationError;
use crate::protocol::json::{ObjectWriter, read};

/// The members of a document beyond those of [`ClientMetadata`](super::ClientMetadata), by name.
///
/// A registration keeps the members that the operator declared with
/// [`with_extra_members`](crate::RegistryBuilder::with_extra_members) and ignores every other one
/// ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2)).
///
/// ```
/// use tower_dcr::metadata::ClientMetadata;
///
/// let mut metadata = ClientMetadata::from_json(br#"{ "acme_plan": "gold", "acme_limits": { "requests": 5 } }"#)?;
/// assert_eq!(metadata.extra.text("acme_plan"), Some("gold"));
/// assert_eq!(metadata.extra.json("acme_limits").as_deref(), Some(r#"{"requests":5}"#));
///
/// metadata.extra.insert_json("acme_seats", "12")?;
/// assert_eq!(metadata.extra.names().collect::<Vec<_>>(), ["acme_limits", "acme_plan", "acme_seats"]);
/// # Ok::<(), tower_dcr::RegistrationError>(())
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct Extra(BTreeMap<String, Value>);

impl Extra {
    /// The value of a member that is a string.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// The value of a member as JSON text.
    #[must_use]
    pub fn json(&self, name: &str) -> Option<String> {
        self.0.get(name).map(Value::to_string)
    }

    /// Sets a member to a string.
    pub fn insert(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.put(name.into(), Value::String(text.into()));
    }

    /// Sets a member to the value that a JSON text has, read as strictly as a registration request.
    ///
    /// # Errors
    ///
    /// When the text is not one unambiguous JSON value.
    pub fn insert_json(&mut self, name: impl Into<String>, text: &str) -> Result<(), RegistrationError> {
        let value = read::read_value(text.as_bytes())?;
        self.put(name.into(), value);
        Ok(())
    }

    /// Removes a member, and returns whether it was present.
    pub fn remove(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }

    /// The names of all members, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a member.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Sets a member to a value.
    pub(crate) fn put(&mut self, name: String, value: Value) {
        self.0.insert(name, value);
    }

    /// Removes the members for which the function returns false.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&str, &Value) -> bool) {
        self.0.retain(|name, value| keep(name, value));
    }

    /// Replaces members by those that `other` has.
    #[cfg(feature = "software-statements")]
    pub(super) fn overlay(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Writes the members in the order of their names, so that equal metadata have equal texts.
    pub(super) fn write(&self, object: &mut ObjectWriter) {
        self.0.iter().for_each(|(name, value)| object.member(name, value));
    }
}

/// Whether a standard defines this name, for a client or for the server. Such a name cannot be declared.
pub(crate) fn is_defined(name: &str) -> bool {
    let by_client = MEMBERS.iter().map(|member| member.name);
    by_client.chain(SERVER_MEMBERS.iter().map(|member| member.name)).any(|defined| defined == name)
}

/// Shows names alone, because the value of an unknown member may be a credential.
impl fmt::Debug for Extra {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}
