//! The rules that a document breaks, each with its place in the document.
//!
//! All violations of a document are reported together, because a developer who has to send a document five times to see
//! five faults gives up. No violation repeats a value of the document: the reply would carry text of the client's choice.

use std::borrow::Cow;
use std::fmt;

use super::{ErrorCode, shortened};

/// One rule that a document breaks. It names the place and the rule and never repeats the value.
///
/// ```
/// use tower_dcr::metadata::ClientMetadata;
///
/// let error = ClientMetadata::from_json(br#"{ "client_name": 7 }"#).unwrap_err();
/// let violation = &error.violations()[0];
/// assert_eq!((violation.pointer(), violation.rule()), ("/client_name", "M6"));
/// assert_eq!(violation.to_string(), "client_name: a string is expected");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub(super) code: ErrorCode,
    pub(super) pointer: String,
    pub(super) rule: &'static str,
    pub(super) detail: Cow<'static, str>,
}

impl Violation {
    /// The longest pointer and the longest detail, in bytes. A policy may build them from what the client sent.
    const MAX_POINTER: usize = 256;
    const MAX_DETAIL: usize = 512;

    /// A violation at a JSON pointer. Pointer and detail are shortened, because both may contain names that a client chose.
    pub(crate) fn new(
        code: ErrorCode,
        pointer: String,
        rule: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        // Constants are short, so only a text that a policy built is shortened.
        let detail = match detail.into() {
            Cow::Owned(detail) => Cow::Owned(shortened(detail, Self::MAX_DETAIL)),
            constant => constant,
        };
        Self { code, pointer: shortened(pointer, Self::MAX_POINTER), rule, detail }
    }

    /// A fault of the document as a whole.
    pub(crate) fn document(rule: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidClientMetadata, String::new(), rule, detail)
    }

    /// JSON pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)) to the place; empty for the whole document.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// Stable identifier of the rule, as in the description of the policy.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        self.rule
    }

    /// What is wrong and what is allowed instead, in ASCII and at most 512 bytes.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the slash the member reads as a name, which developers understand better than a pointer.
        match self.pointer.strip_prefix('/') {
            Some(place) => write!(formatter, "{place}: {}", self.detail),
            None => formatter.write_str(&self.detail),
        }
    }
}

/// The violations of one document, in the order in which they were found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Violations(pub(super) Vec<Violation>);

impl Violations {
    /// How many violations are kept. The size of a reply must not depend on how many faults a request contains.
    const MAX: usize = 100;

    /// Adds a violation, unless the limit is reached.
    pub(crate) fn push(&mut self, violation: Violation) {
        if self.0.len() < Self::MAX {
            self.0.push(violation);
        }
    }

    /// Adds the violations of another document, such as a software statement.
    #[cfg(feature = "software-statements")]
    pub(crate) fn extend(&mut self, more: Self) {
        more.0.into_iter().for_each(|violation| self.push(violation));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The error code of the reply: the one of the violation that was found first.
    pub(crate) fn first_code(&self) -> Option<ErrorCode> {
        self.0.first().map(|violation| violation.code)
    }

    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Violation> {
        self.0.iter()
    }

    /// Whether a violation was found in this member, in an element of it or in a language of it. A rule asks this before
    /// it judges a member, so that one fault is not reported twice.
    pub(crate) fn concern(&self, member: &str) -> bool {
        self.0.iter().any(|violation| {
            let rest = violation.pointer.strip_prefix('/').and_then(|pointer| pointer.strip_prefix(member));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '#']))
        })
    }
}

impl From<Violation> for Violations {
    fn from(violation: Violation) -> Self {
        Self(vec![violation])
    }
}
