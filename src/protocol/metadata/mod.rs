//! Client metadata: the members with which a client describes itself
//! ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2),
//! [OpenID Connect Registration §2](https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata)).
//!
//! One table (`members.rs`) has a row for each member: its name, its type, the group of standards it belongs to, the
//! kind of its value and what its absence means. The struct [`ClientMetadata`], its reader, its
//! writer and the rules all follow from that table, so a member is added in one place. Members beyond RFC 7591 and
//! OpenID Connect Registration belong to an [`Extension`] that an operator switches on.
//!
//! ```
//! use tower_dcr::metadata::{ClientMetadata, GrantType};
//!
//! let metadata = ClientMetadata::from_json(
//!     br#"{ "redirect_uris": ["https://app.example.com/cb"], "client_name": "App", "client_name#fr": "Appli",
//!           "grant_types": ["authorization_code"], "logo_uri": null, "favourite_colour": "unknown" }"#,
//! )?;
//! assert_eq!(metadata.grant_types, [GrantType::AuthorizationCode]);
//! assert_eq!(metadata.client_name.get("fr"), Some("Appli"));
//! assert!(metadata.logo_uri.is_empty());
//! # Ok::<(), tower_dcr::RegistrationError>(())
//! ```

mod algorithms;
mod document;
mod extension;
mod extra;
mod field;
mod localized;
mod member;
mod members;
pub(crate) mod normal_form;
mod table;
#[cfg(test)]
mod tests;
mod values;

pub use algorithms::{ContentEncryption, KeyManagementAlgorithm, SigningAlgorithm};
pub(crate) use document::{Document, is_language_tag};
#[cfg(test)]
pub(crate) use extension::Group;
pub(crate) use extension::KnownMembers;
pub use extension::{Extension, Extensions, UnknownExtension};
pub use extra::Extra;
pub(crate) use extra::is_defined;
pub(crate) use field::{Field, Text};
pub use localized::Localized;
pub(crate) use member::{Leads, Member, Omitted, ValueKind};
pub use members::ClientMetadata;
pub use values::{
    ApplicationType, GrantType, JsonObject, ResponseType, SubjectType, TokenDeliveryMode, TokenEndpointAuthMethod,
};

use std::fmt;

use super::json::ObjectWriter;
use crate::error::RegistrationError;

/// The member of a response that says that the client waits for approval.
pub(crate) const STATUS: &str = "status";

impl ClientMetadata {
    /// Metadata without any member.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a metadata document as a registration request is read: strict about JSON and types, unknown members kept in
    /// [`extra`](Self::extra), `null`, `""` and `[]` taken as absent, white space around texts removed. The values are
    /// checked when they are registered, and members of an extension that is off are removed then.
    ///
    /// # Errors
    ///
    /// When the text is not one unambiguous JSON object or a member has the wrong JSON type; the error names all such
    /// members.
    pub fn from_json(document: &[u8]) -> Result<Self, RegistrationError> {
        let document = Document::read(document, KnownMembers::ALL)?;
        match document.violations.is_empty() {
            true => Ok(document.metadata),
            false => Err(document.violations.into()),
        }
    }

    /// The metadata as a JSON object, as a registration response states it.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut object = ObjectWriter::new();
        self.write(&mut object);
        String::from_utf8_lossy(&object.finish()).into_owned()
    }

    /// Writes the members into an object that is already open, in the order of the table, extra members last.
    pub(crate) fn write(&self, object: &mut ObjectWriter) {
        for (member, field) in self.members() {
            if member.always || !field.is_absent() {
                field.write(member.name, object);
            }
        }
        self.extra.write(object);
    }
}

/// Shows the members that are present. Of a member that can contain a credential only its name is shown.
impl fmt::Debug for ClientMetadata {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("ClientMetadata");
        for (member, field) in self.members().filter(|(_, field)| !field.is_absent()) {
            match member.kind {
                ValueKind::Statement | ValueKind::Jwks => shown.field(member.name, &format_args!("..")),
                _ => shown.field(member.name, &field),
            };
        }
        shown.field("extra", &self.extra).finish()
    }
}

/// The JSON pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)) to a member, or to an element of it.
pub(crate) fn pointer(name: &str, tag: Option<&str>, index: Option<usize>) -> String {
    match (tag, index) {
        (Some(tag), _) => format!("/{name}#{tag}"),
        (None, Some(index)) => format!("/{name}/{index}"),
        (None, None) => format!("/{name}"),
    }
}
