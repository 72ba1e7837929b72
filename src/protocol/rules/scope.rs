//! The scope of a client: the values that it may request later.
//!
//! The registered scope never exceeds the requested one, and never what the operator allows. By default unknown values are
//! left out, because clients send the scopes of every server that they know.
//!
//! - Reads: `scope`, in its normal form.
//! - Changes: removes values that are not allowed; fills in the default scope.
//! - Refuses (M10): a scope of which nothing remains, or any unknown value with the switch `unknown-scopes-refused`.

use super::refuse;
use crate::error::Violations;
use crate::protocol::metadata::ClientMetadata;
use crate::protocol::{Supported, Switch};

/// Narrows the scope to what is allowed, and gives a client that names none the configured default
/// ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2)).
pub(super) fn apply(metadata: &mut ClientMetadata, supported: &Supported, violations: &mut Violations) {
    if violations.concern("scope") {
        return;
    }
    let Some(asked) = &metadata.scope else {
        // No scope and no default: the registration does not limit the client (RFC 6749 §3.3).
        metadata.scope.clone_from(&supported.default_scope);
        return;
    };
    let Some(allowed) = &supported.scopes else { return };
    // The order of the document is kept: clients compare the returned scope with the requested one as text.
    let known: Vec<_> = asked.split(' ').filter(|token| allowed.iter().any(|scope| scope == token)).collect();
    let unknown = asked.split(' ').count() > known.len();
    if unknown && supported.is_on(Switch::UnknownScopesRefused) {
        refuse(violations, "scope", Switch::UnknownScopesRefused.name(), "a scope that is not allowed");
    } else if known.is_empty() {
        refuse(violations, "scope", "M10", "none of the scopes is allowed");
    } else if unknown {
        metadata.scope = Some(known.join(" "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The scope that is registered; `Err` where it is refused.
    fn registered(
        asked: Option<&str>,
        allowed: Option<&str>,
        default: Option<&str>,
        strict: bool,
    ) -> Result<Option<String>, ()> {
        let on: &[Switch] = if strict { &[Switch::UnknownScopesRefused] } else { &[] };
        let supported = Supported {
            scopes: allowed.map(|scopes| scopes.split(' ').map(str::to_owned).collect()),
            default_scope: default.map(str::to_owned),
            ..Supported::with_switches(on)
        };
        let mut metadata = ClientMetadata { scope: asked.map(str::to_owned), ..ClientMetadata::default() };
        let mut violations = Violations::default();
        apply(&mut metadata, &supported, &mut violations);
        if violations.is_empty() { Ok(metadata.scope) } else { Err(()) }
    }

    #[test]
    fn the_effective_scope_never_exceeds_what_is_asked_and_what_is_allowed() {
        let some = |scope: &str| Ok(Some(scope.to_owned()));
        let rows = [
            ("everything is allowed", Some("b a"), None, None, false, some("b a")),
            ("all allowed", Some("b a"), Some("a b c"), None, false, some("b a")),
            ("one unknown", Some("b x a"), Some("a b"), None, false, some("b a")),
            ("one unknown, strict", Some("b x a"), Some("a b"), None, true, Err(())),
            ("all allowed, strict", Some("a"), Some("a b"), None, true, some("a")),
            ("none allowed", Some("x y"), Some("a b"), None, false, Err(())),
            ("none allowed, but a default", Some("x"), Some("a b"), Some("a"), false, Err(())),
            ("case matters", Some("A"), Some("a"), None, false, Err(())),
            ("none asked", None, Some("a b"), None, false, Ok(None)),
            ("none asked, a default", None, Some("a b"), Some("a"), false, some("a")),
            ("asked for less than the default", Some("a"), None, Some("a b"), false, some("a")),
        ];
        for (name, asked, allowed, default, strict, expected) in rows {
            assert_eq!(registered(asked, allowed, default, strict), expected, "{name}");
        }
    }
}
