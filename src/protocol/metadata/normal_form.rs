//! The normal form of free text: the registered text can differ from the one that was sent.
//!
//! White space around a name and repeated spaces in a scope have no meaning, and deployed clients send them. They are
//! removed before any rule runs, so a text of white space alone was not sent
//! ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2): a server may replace values, and the reply says what
//! was registered).

use super::member::ValueKind;
use super::members::ClientMetadata;

/// Brings every text of a document into its normal form. An element of a list that holds only white space stays, as an
/// empty text, and its rule refuses it.
pub(crate) fn apply(metadata: &mut ClientMetadata) {
    for (member, field) in metadata.members_mut().filter(|(member, _)| has_normal_form(member.kind)) {
        field.edit(&mut |text| normalize(member.kind, text));
    }
}

/// Whether values of this form have a normal form of their own.
fn has_normal_form(kind: ValueKind) -> bool {
    matches!(kind, ValueKind::Text(_) | ValueKind::Texts { .. } | ValueKind::Scope)
}

/// Brings one text into the normal form of its kind.
pub(super) fn normalize(kind: ValueKind, text: &mut String) {
    match kind {
        ValueKind::Text(_) | ValueKind::Texts { .. } => trim(text),
        ValueKind::Scope => single_spaces(text),
        _ => {}
    }
}

/// Removes characters with the Unicode property `White_Space` at both ends (M8).
fn trim(text: &mut String) {
    // `str::trim` uses the same Unicode property. Most texts need no change, so nothing is allocated for them.
    let trimmed = text.trim();
    if trimmed.len() < text.len() {
        *text = trimmed.to_owned();
    }
}

/// Removes spaces at both ends, and all but one of those in a row (M10). Other white space stays and is refused.
fn single_spaces(scope: &mut String) {
    if scope.starts_with(' ') || scope.ends_with(' ') || scope.contains("  ") {
        let tokens: Vec<_> = scope.split(' ').filter(|token| !token.is_empty()).collect();
        *scope = tokens.join(" ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_trimmed_and_a_scope_has_single_spaces() {
        let text = ValueKind::Text(256);
        let rows = [
            (text, "Example", "Example"),
            (text, "\t\u{3000}Example  Client\u{A0}\n", "Example  Client"),
            (text, "\u{85}\u{2028}\u{1680}", ""),
            (text, "\u{200B}a\u{FEFF}", "\u{200B}a\u{FEFF}"),
            (ValueKind::Scope, "openid email", "openid email"),
            (ValueKind::Scope, "  openid   email ", "openid email"),
            (ValueKind::Scope, "   ", ""),
            (ValueKind::Scope, "\topenid\u{A0}", "\topenid\u{A0}"),
            (ValueKind::FetchedUri, " a  b ", " a  b "),
        ];
        for (kind, sent, expected) in rows {
            let mut text = sent.to_owned();
            normalize(kind, &mut text);
            assert_eq!(text, expected, "{sent:?} as {kind:?}");
        }
    }

    #[test]
    fn a_text_of_white_space_is_absent_and_an_element_of_it_is_not() {
        let mut metadata = ClientMetadata { software_id: Some(" ".to_owned()), ..ClientMetadata::default() };
        metadata.scope = Some("  ".to_owned());
        metadata.client_name.insert("fr", "\t");
        metadata.client_name.set_untagged(" Example ");
        metadata.contacts = vec![" a ".to_owned(), " ".to_owned()];
        apply(&mut metadata);
        assert_eq!((metadata.software_id, metadata.scope), (None, None));
        assert_eq!(Vec::from_iter(metadata.client_name.iter()), [(None, "Example")]);
        assert_eq!(metadata.contacts, ["a", ""]);
    }
}
