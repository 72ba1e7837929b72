//! Members that the operator declares: each has a name, a JSON type, a size and a rule who may set it (P4).
//!
//! [RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2) lets a server define members of its own. Members that
//! are not declared are ignored and not returned, so a client cannot store data of its choice in the registry.
//!
//! - Reads: the members beyond the standards, and who the caller is.
//! - Changes: removes members that are not declared; keeps the registered value of a member that the caller may not set.
//! - Refuses (P4): a value of another type or size, and a change by a caller who may not make it.

use serde_json::Value;

use super::text;
use crate::error::{ErrorCode, Violation, Violations};
use crate::protocol::Supported;
use crate::protocol::metadata::STATUS;
use crate::protocol::metadata::{ClientMetadata, Extra, is_defined, pointer};

/// A member beyond the standards that a registration keeps; see
/// [`with_extra_members`](crate::RegistryBuilder::with_extra_members).
///
/// ```
/// use tower_dcr::metadata::ClientMetadata;
/// use tower_dcr::policy::{ExtraMember, ExtraType, WritableBy};
/// use tower_dcr::store::MemoryStore;
/// use tower_dcr::{Access, Registry};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let registry = Registry::builder("https://id.example.com", Access::Open)
///     .with_extra_members([
///         ExtraMember::new("acme_theme", ExtraType::Text).with_max_bytes(32),
///         ExtraMember::new("acme_tier", ExtraType::Integer).set_by(WritableBy::Application),
///     ])
///     .build(MemoryStore::new())?;
///
/// let document = br#"{ "redirect_uris": ["https://app.example.com/cb"], "acme_theme": "dark", "acme_other": 1 }"#;
/// let registered = registry.register(ClientMetadata::from_json(document)?).await?;
/// let extra = &registered.client().metadata().extra;
/// assert_eq!(extra.text("acme_theme"), Some("dark"));
/// assert_eq!(extra.json("acme_other"), None, "the member is not declared");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ExtraMember {
    name: String,
    kind: ExtraType,
    max_bytes: usize,
    set_by: WritableBy,
}

/// The JSON type of a declared member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtraType {
    /// A string, without control, invisible and direction-changing characters and without white space at its ends (M8).
    Text,
    /// `true` or `false`.
    Boolean,
    /// A number without fraction and exponent, of 64 bits.
    Integer,
    /// Any number of double precision.
    Number,
    /// An array of strings, each like [`Text`](Self::Text).
    Texts,
    /// An object of any content. Its texts are not checked: a page that shows them must escape them.
    Object,
}

/// Who may set a declared member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WritableBy {
    /// Every client.
    Anyone,
    /// Clients that were registered with an initial access token or through a gate, and the application.
    Authorized,
    /// The application alone, through [`Registry::register`](crate::Registry::register) and
    /// [`Registry::update`](crate::Registry::update).
    Application,
}

impl ExtraMember {
    /// The longest name, in bytes.
    const MAX_NAME: usize = 64;

    /// A member of at most 1024 bytes that every client may set.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: ExtraType) -> Self {
        Self { name: name.into(), kind, max_bytes: 1024, set_by: WritableBy::Anyone }
    }

    /// How many bytes the value may have as compact JSON. Default: 1024.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Which callers may set the member. Default: [`WritableBy::Anyone`].
    ///
    /// Another caller may send the registered value, as an update that repeats the whole document does. A different value
    /// is refused. A document without the member does not change it.
    #[must_use]
    pub fn set_by(mut self, set_by: WritableBy) -> Self {
        self.set_by = set_by;
        self
    }

    /// Whether the name has 1 to 64 letters, digits and `- . _`, and is not a name that a standard or a response defines.
    fn has_valid_name(&self) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        let sized = (1..=Self::MAX_NAME).contains(&self.name.len());
        sized && self.name.bytes().all(plain) && !is_defined(&self.name) && self.name != STATUS
    }

    /// Whether the member has this name. Names of members are case-sensitive.
    fn is_called(&self, name: &str) -> bool {
        self.name == name
    }

    /// Checks type and size. The error is the detail of the violation.
    fn check(&self, value: &Value) -> Result<(), &'static str> {
        self.kind.check(value)?;
        match value.to_string().len() <= self.max_bytes {
            true => Ok(()),
            false => Err("the value is too large"),
        }
    }
}

impl ExtraType {
    /// Checks the JSON type, and the characters of texts.
    fn check(self, value: &Value) -> Result<(), &'static str> {
        // The size is limited in bytes of JSON, so the text itself has no limit here.
        let hygienic = |text: &str| text::check(text, usize::MAX).map_err(|fault| fault.detail);
        match (self, value) {
            (Self::Text, Value::String(text)) => hygienic(text),
            (Self::Texts, Value::Array(elements)) => {
                let mut texts = elements.iter().map(|element| element.as_str().ok_or(self.expected()));
                texts.try_for_each(|text| text.and_then(hygienic))
            }
            (Self::Boolean, Value::Bool(_)) | (Self::Object, Value::Object(_)) => Ok(()),
            (Self::Integer, Value::Number(number)) if number.is_i64() || number.is_u64() => Ok(()),
            (Self::Number, Value::Number(_)) => Ok(()),
            _ => Err(self.expected()),
        }
    }

    /// The detail of the violation of another type.
    fn expected(self) -> &'static str {
        match self {
            Self::Text => "a string is expected",
            Self::Boolean => "true or false is expected",
            Self::Integer => "an integer is expected, without fraction or exponent",
            Self::Number => "a number is expected",
            Self::Texts => "an array of strings is expected",
            Self::Object => "an object is expected",
        }
    }
}

/// The first declared name that is not valid or that an earlier member has as well, for the error of `build()`.
pub(crate) fn repeated_or_invalid(members: &[ExtraMember]) -> Option<&str> {
    let is_repeated = |index: usize| members[..index].iter().any(|member| member.name == members[index].name);
    let wrong = (0..members.len()).find(|index| !members[*index].has_valid_name() || is_repeated(*index))?;
    Some(&members[wrong].name)
}

/// Removes the members that are not declared and checks the others.
pub(super) fn apply(metadata: &mut ClientMetadata, supported: &Supported, violations: &mut Violations) {
    metadata.extra.retain(|name, value| {
        let Some(member) = supported.extra_members.iter().find(|member| member.is_called(name)) else { return false };
        if let Err(detail) = member.check(value) {
            refuse(name, detail, violations);
        }
        true
    });
}

/// Protects the members that this caller may not set: keeps the registered value and refuses another one.
///
/// An update replaces the whole document ([RFC 7592 §2.2](https://www.rfc-editor.org/rfc/rfc7592#section-2.2)), so a member
/// that the client cannot set would be lost with its first update. The registered value is therefore put back.
pub(crate) fn guard(
    extra: &mut Extra,
    declared: &[ExtraMember],
    caller: WritableBy,
    registered: Option<&Extra>,
    violations: &mut Violations,
) {
    for member in declared.iter().filter(|member| !caller.may_set(member)) {
        let known = registered.and_then(|registered| registered.get(&member.name));
        // A new client has no registered value, so any value is refused there.
        let sent = extra.get(&member.name);
        if sent.is_some() && sent != known {
            refuse(&member.name, "this caller may not set the member, leave it out", violations);
        } else if let Some(known) = known {
            extra.put(member.name.clone(), known.clone());
        }
    }
}

impl WritableBy {
    /// Whether a caller of this kind may set a member.
    fn may_set(self, member: &ExtraMember) -> bool {
        match member.set_by {
            Self::Anyone => true,
            Self::Authorized => self != Self::Anyone,
            Self::Application => self == Self::Application,
        }
    }
}

/// Adds a violation of P4. The name is one that the operator declared, so it may be repeated.
fn refuse(name: &str, detail: &'static str, violations: &mut Violations) {
    violations.push(Violation::new(ErrorCode::InvalidClientMetadata, pointer(name, None, None), "P4", detail));
}
