//! Text that people read, and text that machines read.
//!
//! A client's name stands on the consent screen, in logs and in mails. With an invisible character, or with one that
//! changes the direction of the text, a client can imitate another one, or forge a second log line (M8); a length limit keeps the screen
//! usable (M7). White space at the ends is removed before ([`normal_form`](crate::metadata::normal_form)); apart from
//! that, what is accepted is echoed exactly, and escaped where it is shown. A scope (M10) and a token for machines (X8)
//! have grammars of their own.
//!
//! What is visible is decided by the tables of the Unicode Character Database, and by few exceptions: Persian, Hindi and
//! many emoji need the joiners U+200C and U+200D, and emoji need the variation selectors U+FE00 to U+FE0F.

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup};
use icu_properties::{CodePointMapData, CodePointMapDataBorrowed, CodePointSetData, CodePointSetDataBorrowed};

use crate::error::Fault;

// The tables of Unicode are compiled in: a lookup reads static memory and allocates nothing.
const CATEGORIES: CodePointMapDataBorrowed<'static, GeneralCategory> = CodePointMapData::<GeneralCategory>::new();
const IGNORABLE: CodePointSetDataBorrowed<'static> = CodePointSetData::new::<DefaultIgnorableCodePoint>();

/// How many combining marks may follow one another. No script needs more, and more of them cover the lines around.
const MAX_MARKS: usize = 8;

/// The refusal of a character that a reader cannot see or that reorders the text.
const INVISIBLE: Fault =
    Fault::new("M8", "control, invisible, unassigned and direction-changing characters are not allowed");

/// The classes of characters that the rule distinguishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// A visible character that stands for itself.
    Base,
    /// A visible character that is drawn on the one before it.
    Mark,
    /// Chooses one of the shapes of the character before it.
    Selector,
    /// Joins or separates the characters beside it.
    Joiner,
    /// Neither visible nor forbidden: a space, a blank pattern, a format character that does not change the direction.
    Other,
    /// Must not stand in a text.
    Forbidden,
}

impl Class {
    /// The class of a character. The first matching line decides, so exceptions stand before the tables.
    fn of(character: char) -> Self {
        let category = CATEGORIES.get(character);
        let is_in = |group: GeneralCategoryGroup| group.contains(category);
        match character {
            ' '..='~' => {
                if character == ' ' {
                    Self::Other
                } else {
                    Self::Base
                }
            }
            '\u{200C}' | '\u{200D}' => Self::Joiner,
            '\u{FE00}'..='\u{FE0F}' => Self::Selector,
            '\u{2028}' | '\u{2029}' | '\u{FFF9}'..='\u{FFFB}' => Self::Forbidden,
            '\u{2800}' => Self::Other,
            _ if is_in(HIDDEN) || IGNORABLE.contains(character) => Self::Forbidden,
            _ if is_in(GeneralCategoryGroup::Mark) => Self::Mark,
            _ if is_in(VISIBLE) => Self::Base,
            _ => Self::Other,
        }
    }

    /// Whether a reader sees the character.
    fn is_visible(self) -> bool {
        matches!(self, Self::Base | Self::Mark)
    }
}

/// General categories without a meaning that all implementations share: Cc, Cs, Co, Cn.
const HIDDEN: GeneralCategoryGroup = GeneralCategoryGroup::Control
    .union(GeneralCategoryGroup::Surrogate)
    .union(GeneralCategoryGroup::PrivateUse)
    .union(GeneralCategoryGroup::Unassigned);
/// General categories that leave something to see: L, N, P, S. Marks have their own class.
const VISIBLE: GeneralCategoryGroup = GeneralCategoryGroup::Letter
    .union(GeneralCategoryGroup::Number)
    .union(GeneralCategoryGroup::Punctuation)
    .union(GeneralCategoryGroup::Symbol);

/// Checks a text for its length, at most `max` code points (M7), and for the characters that M8 forbids.
///
/// The text is in its normal form already. The caller adds the member, because the same check serves names, contacts and
/// declared members.
pub(crate) fn check(text: &str, max: usize) -> Result<(), Fault> {
    if text.is_empty() {
        return Err(Fault::new("M8", "the text is empty, leave the member out instead"));
    }
    // Octets bound code points, so the exact count is needed for long texts alone.
    if text.len() > max && text.chars().count() > max {
        return Err(Fault::new("M7", "the text is too long"));
    }
    if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
        return Err(Fault::new("M8", "the text must not start or end with white space"));
    }
    // Most texts are plain ASCII, where every character but the space is visible. They need no look at the tables.
    if text.bytes().all(|octet| matches!(octet, b' '..=b'~')) {
        return Ok(());
    }
    check_characters(text)
}

/// Checks every character together with the one before it: joiners, selectors and marks depend on it.
fn check_characters(text: &str) -> Result<(), Fault> {
    // Whether the character before is visible, with the selector that belongs to it.
    let mut after_visible = false;
    let mut before = Class::Other;
    let mut marks = 0;
    let mut has_base = false;
    for class in text.chars().map(Class::of) {
        let stands_well = match class {
            Class::Forbidden => return Err(INVISIBLE),
            Class::Selector => before == Class::Base,
            Class::Joiner => after_visible,
            Class::Base | Class::Mark => true,
            Class::Other => before != Class::Joiner,
        };
        if !stands_well {
            let detail = "joiners stand between two visible characters, variation selectors after one";
            return Err(Fault::new("M8", detail));
        }
        marks = if class == Class::Mark { marks + 1 } else { 0 };
        if marks > MAX_MARKS {
            return Err(Fault::new("M8", "there are more than 8 combining marks in a row"));
        }
        has_base |= class == Class::Base;
        after_visible = class.is_visible() || class == Class::Selector;
        before = class;
    }
    match (before, has_base) {
        (Class::Joiner, _) => Err(Fault::new("M8", "the text must not end with a joiner")),
        (_, false) => Err(Fault::new("M8", "the text has no visible character")),
        _ => Ok(()),
    }
}

/// Checks a scope of at most `max` octets: tokens between single spaces, M10:
/// [RFC 6749 §3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3).
pub(crate) fn check_scope(scope: &str, max: usize) -> Result<(), Fault> {
    if scope.len() > max {
        return Err(Fault::new("M7", "the scope is too long"));
    }
    if !scope.split(' ').all(is_scope_token) {
        return Err(Fault::new(
            "M10",
            "the scope must be tokens of printable ASCII between single spaces, without quotes and backslashes",
        ));
    }
    Ok(())
}

/// The longest token for machines, in octets.
const MAX_TOKEN: usize = 256;

/// Checks a token for machines (X8): printable ASCII without spaces.
pub(crate) fn check_token(token: &str) -> Result<(), Fault> {
    if token.len() > MAX_TOKEN {
        return Err(Fault::new("M7", "the value is longer than 256 characters"));
    }
    if token.is_empty() || !token.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Err(Fault::new("X8", "the value must be printable ASCII without spaces"));
    }
    Ok(())
}

/// The longest software statement, in octets.
const MAX_STATEMENT: usize = 16_384;

/// Checks the length of a software statement. Its content is judged by its verification.
pub(crate) fn check_statement(statement: &str) -> Result<(), Fault> {
    match statement.len() <= MAX_STATEMENT {
        true => Ok(()),
        false => Err(Fault::new("M7", "the software statement is longer than 16384 octets")),
    }
}

/// `scope-token` of [RFC 6749 §3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3).
fn is_scope_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|octet| matches!(octet, 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(verdict: Result<(), Fault>) -> Option<&'static str> {
        verdict.err().map(|fault| fault.rule)
    }

    #[test]
    fn texts_are_refused_by_their_first_fault() {
        let cases = [
            ("plain", "Example Client", None),
            ("another script", "クライアント名", None),
            ("bidirectional by nature", "לקוח דוגמה", None),
            ("markup", "<b>\"R&D\"</b>", None),
            ("inner no-break space", "a\u{A0}b", None),
            ("an astral character is one code point", "\u{1F600}\u{1F600}\u{1F600}\u{1F600}\u{1F600}\u{1F600}", None),
            ("longest", "12345678901234567890", None),
            ("longest of another script", "ああああああああああああああああああああ", None),
            ("too long", "123456789012345678901", Some("M7")),
            ("empty", "", Some("M8")),
            ("only space", " ", Some("M8")),
            ("leading space", " a", Some("M8")),
            ("trailing ideographic space", "a\u{3000}", Some("M8")),
            ("newline", "a\nb", Some("M8")),
            ("delete", "a\u{7F}b", Some("M8")),
        ];
        for (name, text, expected) in cases {
            assert_eq!(rule(check(text, 20)), expected, "{name}");
        }
    }

    #[test]
    fn joiners_selectors_and_marks_stand_where_they_mean_something() {
        let marks = |count: usize| format!("Z{}", "\u{301}".repeat(count));
        let cases = [
            ("Persian", "می\u{200C}خواهم".to_owned(), true),
            ("a family", "\u{1F468}\u{200D}\u{1F469}".into(), true),
            ("a selector between character and joiner", "\u{2764}\u{FE0F}\u{200D}\u{1F525}".into(), true),
            ("a joiner after a mark", "\u{915}\u{94D}\u{200D}\u{937}".into(), true),
            ("a keycap", "1\u{FE0F}\u{20E3}".into(), true),
            ("joiner alone", "\u{200D}".into(), false),
            ("joiner first", "\u{200C}a".into(), false),
            ("joiner last", "a\u{200D}".into(), false),
            ("joiner before a space", "a\u{200D} b".into(), false),
            ("joiner after a space", "a \u{200D}b".into(), false),
            ("two joiners", "a\u{200D}\u{200D}b".into(), false),
            ("joiner before a blank pattern", "a\u{200D}\u{2800}b".into(), false),
            ("joiner before a selector", "a\u{200D}\u{FE0F}b".into(), false),
            ("selector first", "\u{FE0F}a".into(), false),
            ("selector after a space", "a \u{FE0F}b".into(), false),
            ("selector after a mark", "a\u{301}\u{FE0F}".into(), false),
            ("two selectors", "\u{2764}\u{FE0F}\u{FE0F}".into(), false),
            ("selector after a blank pattern", "a\u{2800}\u{FE0F}".into(), false),
            ("eight marks", marks(8), true),
            ("nine marks", marks(9), false),
            ("eight marks after a selector", format!("Z\u{FE0F}{}", "\u{301}".repeat(8)), true),
            ("nine marks after a selector", format!("Z\u{FE0F}{}", "\u{301}".repeat(9)), false),
            ("marks alone", "\u{301}\u{302}".into(), false),
            ("blank patterns alone", "\u{2800}\u{2800}".into(), false),
            ("a blank pattern inside", "a\u{2800}b".into(), true),
            ("format characters alone", "\u{600}".into(), false),
        ];
        for (name, text, accepted) in cases {
            assert_eq!(check(&text, 256).is_ok(), accepted, "{name}");
        }
    }

    #[test]
    fn forbidden_characters_end_where_the_standard_says() {
        let forbidden = "\u{0}\u{1F}\u{7F}\u{9F}\u{AD}\u{34F}\u{378}\u{61C}\u{115F}\u{1160}\u{17B4}\u{180B}\u{180D}\u{180E}\u{180F}\
            \u{200B}\u{200E}\u{200F}\u{2028}\u{202E}\u{2060}\u{2064}\u{2065}\u{2066}\u{206F}\u{3164}\u{E000}\u{F8FF}\u{FDD0}\u{FDEF}\
            \u{FEFF}\u{FFA0}\u{FFF0}\u{FFF8}\u{FFF9}\u{FFFB}\u{FFFE}\u{FFFF}\u{1BCA0}\u{1D173}\u{1D17A}\u{1FFFE}\u{1FFFF}\u{DFFFD}\u{E0000}\
            \u{E007F}\u{E0080}\u{E0100}\u{E01EF}\u{F0000}\u{10FFFD}\u{10FFFE}\u{10FFFF}";
        let allowed = " ~\u{A1}\u{AC}\u{AE}\u{61B}\u{61D}\u{115E}\u{1161}\u{180A}\u{1820}\u{200A}\u{200C}\u{200D}\u{2010}\u{2027}\u{202F}\
            \u{205F}\u{2070}\u{3163}\u{3165}\u{FDCF}\u{FDF0}\u{FE00}\u{FE0F}\u{FE10}\u{FF9F}\u{FFA1}\u{FFFC}\u{FFFD}\u{10000}\u{13430}";
        for character in forbidden.chars() {
            assert_eq!(Class::of(character), Class::Forbidden, "{character:?}");
        }
        for character in allowed.chars() {
            assert_ne!(Class::of(character), Class::Forbidden, "{character:?}");
        }
    }

    #[test]
    fn scopes_follow_the_grammar() {
        let cases = [
            ("one token", "openid".to_owned(), None),
            ("tokens", "openid urn:a:b/c#d['!~".into(), None),
            ("longest", "a".repeat(8192), None),
            ("too long", "a".repeat(8193), Some("M7")),
            ("empty", String::new(), Some("M10")),
            ("space", " ".into(), Some("M10")),
            ("leading space", " a".into(), Some("M10")),
            ("trailing space", "a ".into(), Some("M10")),
            ("two spaces", "a  b".into(), Some("M10")),
            ("tab", "a\tb".into(), Some("M10")),
            ("quote", "a \"b\"".into(), Some("M10")),
            ("backslash", "a\\b".into(), Some("M10")),
            ("delete", "a\u{7F}".into(), Some("M10")),
            ("non-ASCII", "café".into(), Some("M10")),
        ];
        for (name, scope, expected) in cases {
            assert_eq!(rule(check_scope(&scope, 8192)), expected, "{name}");
        }
    }
}
