//! The answer of a policy, and the reasons of a refusal.

use std::borrow::Cow;
use std::future::{IntoFuture, Ready, ready};

use crate::error::{BoxError, ErrorCode, RegistrationError, RegistrationErrorKind, Violation, Violations};
use crate::protocol::metadata::ClientMetadata;

/// The answer of a [`Policy`](super::Policy).
///
/// ```
/// use tower_dcr::policy::{Refusal, Verdict};
///
/// let verdict = Verdict::refuse(Refusal::new("ACME-1", "partners only"));
/// assert!(!verdict.is_accepted());
///
/// // No reason to refuse is an acceptance.
/// let reasons: Vec<Refusal> = Vec::new();
/// assert!(reasons.into_iter().collect::<Verdict>().is_accepted());
/// ```
#[derive(Debug)]
#[must_use = "a verdict has an effect only when a policy returns it"]
pub struct Verdict(pub(super) Outcome);

/// What a verdict decides.
#[derive(Debug)]
pub(super) enum Outcome {
    Accepted { replacement: Option<Box<ClientMetadata>>, held: bool },
    Refused(Violations),
    Failed(BoxError),
}

impl Verdict {
    /// The client is registered with the metadata that was reviewed.
    pub fn accept() -> Self {
        Self(Outcome::Accepted { replacement: None, held: false })
    }

    /// The client is registered and waits for approval ([`ClientStatus::Pending`](crate::ClientStatus::Pending)): it has
    /// its credentials and may read, update and delete its registration, and nothing else. An active client whose update
    /// is held waits again, because its new metadata is not approved.
    pub fn hold() -> Self {
        Self::accept().and_hold()
    }

    /// The client is registered with this metadata instead. The rules check it again, so that a policy cannot store what
    /// they refuse. The reply contains what was registered
    /// ([RFC 7591 §3.2.1](https://www.rfc-editor.org/rfc/rfc7591#section-3.2.1)).
    pub fn replace(metadata: ClientMetadata) -> Self {
        Self(Outcome::Accepted { replacement: Some(Box::new(metadata)), held: false })
    }

    /// The same verdict, and the client waits for approval as with [`hold`](Self::hold). A refusal stays a refusal.
    pub fn and_hold(mut self) -> Self {
        if let Outcome::Accepted { held, .. } = &mut self.0 {
            *held = true;
        }
        self
    }

    /// The client is not registered, or is not updated.
    pub fn refuse(reason: Refusal) -> Self {
        Self(Outcome::Refused(Violations::from(Violation::from(reason))))
    }

    /// The policy cannot decide, because something that it needs does not work. The caller gets 503 with `Retry-After`.
    /// The cause is recorded on the audit trail and is in no reply.
    pub fn fail(cause: impl Into<BoxError>) -> Self {
        Self(Outcome::Failed(cause.into()))
    }

    /// Whether the client may be registered, with the reviewed metadata or with a replacement.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        matches!(self.0, Outcome::Accepted { .. })
    }
}

/// Refuses for all these reasons, and accepts when there are none.
impl FromIterator<Refusal> for Verdict {
    fn from_iter<I: IntoIterator<Item = Refusal>>(reasons: I) -> Self {
        let mut violations = Violations::default();
        reasons.into_iter().for_each(|reason| violations.push(reason.into()));
        match violations.is_empty() {
            true => Self::accept(),
            false => Self(Outcome::Refused(violations)),
        }
    }
}

/// A verdict converts into a future that is ready, so that a closure may return a verdict or a future of one.
impl IntoFuture for Verdict {
    type Output = Self;
    type IntoFuture = Ready<Self>;

    fn into_future(self) -> Self::IntoFuture {
        ready(self)
    }
}

/// One reason why a client is not registered. The reply contains it as an element of `violations`: it should say how to
/// correct the document, and must not disclose what only the operator may know.
///
/// ```
/// use tower_dcr::policy::Refusal;
///
/// let reason = Refusal::new("ACME-2", "logos come from the partner portal").at("/logo_uri");
/// assert_eq!(format!("{reason:?}"), r#"Refusal { code: InvalidClientMetadata, pointer: "/logo_uri", rule: "ACME-2", detail: "logos come from the partner portal" }"#);
/// ```
#[derive(Debug, Clone)]
pub struct Refusal {
    code: ErrorCode,
    pointer: String,
    rule: &'static str,
    detail: Cow<'static, str>,
}

impl Refusal {
    /// A reason that concerns the document as a whole: 400 `invalid_client_metadata`, which means that the client can
    /// correct it.
    ///
    /// The rule is a stable identifier; those of this crate are a capital letter and a number. Characters that
    /// [RFC 6749 §5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2) does not allow in an error description (all
    /// beyond ASCII, `"` and `\`) are replaced by `?`.
    #[must_use]
    pub fn new(rule: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let detail = describable(detail.into());
        Self { code: ErrorCode::InvalidClientMetadata, pointer: String::new(), rule, detail }
    }

    /// Where in the document the reason is: a JSON pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)) such as
    /// `/redirect_uris/0`. With a pointer into `redirect_uris` the error code is `invalid_redirect_uri`. Default: the
    /// document as a whole.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = describable(pointer.into().into()).into_owned();
        // RFC 7591 §3.2.2 has a code of its own for redirection URIs; `forbidden` is stronger than it.
        let of_redirect_uris = self.pointer == "/redirect_uris" || self.pointer.starts_with("/redirect_uris/");
        if self.code == ErrorCode::InvalidClientMetadata && of_redirect_uris {
            self.code = ErrorCode::InvalidRedirectUri;
        }
        self
    }

    /// The client cannot correct it: 403 `access_denied`.
    #[must_use]
    pub fn forbidden(mut self) -> Self {
        self.code = ErrorCode::AccessDenied;
        self
    }
}

impl From<Refusal> for Violation {
    fn from(reason: Refusal) -> Self {
        Self::new(reason.code, reason.pointer, reason.rule, reason.detail)
    }
}

/// The error of a refusal. The first reason decides the status.
pub(super) fn refused(violations: Violations) -> RegistrationError {
    match violations.first_code() {
        Some(ErrorCode::AccessDenied) => RegistrationError::of(RegistrationErrorKind::Forbidden, violations),
        _ => violations.into(),
    }
}

/// The text with `?` in place of characters that an error description must not contain
/// ([RFC 6749 §5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).
fn describable(text: Cow<'static, str>) -> Cow<'static, str> {
    let fits = |character: char| matches!(character, ' '..='~') && !matches!(character, '"' | '\\');
    match text.chars().all(fits) {
        true => text,
        false => text.chars().map(|character| if fits(character) { character } else { '?' }).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_becomes_a_describable_violation() {
        let plain = || Refusal::new("X1", "no");
        let rows = [
            ("document", plain(), "", ErrorCode::InvalidClientMetadata, "no"),
            ("member", plain().at("/logo_uri"), "/logo_uri", ErrorCode::InvalidClientMetadata, "no"),
            ("element", plain().at("/redirect_uris/0"), "/redirect_uris/0", ErrorCode::InvalidRedirectUri, "no"),
            ("longer name", plain().at("/redirect_uris_x"), "/redirect_uris_x", ErrorCode::InvalidClientMetadata, "no"),
            ("forbidden", plain().forbidden().at("/redirect_uris"), "/redirect_uris", ErrorCode::AccessDenied, "no"),
            ("quotes", Refusal::new("X1", "\"a\\b\""), "", ErrorCode::InvalidClientMetadata, "?a?b?"),
            ("not ASCII", Refusal::new("X1", "caf\u{e9}\r\n"), "", ErrorCode::InvalidClientMetadata, "caf???"),
            ("pointer", plain().at("/a\u{202e}"), "/a?", ErrorCode::InvalidClientMetadata, "no"),
        ];
        for (name, reason, pointer, code, detail) in rows {
            assert_eq!(Violation::from(reason), Violation::new(code, pointer.to_owned(), "X1", detail), "{name}");
        }
    }
}
