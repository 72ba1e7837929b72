//! Text that people read, and the one text that machines read.
//!
//! A client's name stands on the consent screen, in logs and in mails. A character that cannot be seen, or that turns
//! the text around it, lets one client pass for another or a log line for two (M8); a length limit keeps the screen
//! usable (M7). Nothing is normalised or escaped here: what is accepted is echoed exactly, and escaped where it is
//! shown. A scope has its own, narrower grammar (M10).

use std::ops::RangeInclusive;

use crate::rules::Fault;

/// The longest scope, in characters.
const MAX_SCOPE: usize = 2048;

/// Characters that are invisible, turn the direction of the text or mean nothing:
/// [Unicode TR 36](https://www.unicode.org/reports/tr36/). The joiners U+200C and U+200D are
/// missing on purpose, since Persian, Hindi and many emoji need them.
const FORBIDDEN: &[RangeInclusive<char>] = &[
    '\u{0000}'..='\u{001F}',   // controls
    '\u{007F}'..='\u{009F}',   // delete and more controls
    '\u{00AD}'..='\u{00AD}',   // soft hyphen
    '\u{061C}'..='\u{061C}',   // Arabic letter mark
    '\u{115F}'..='\u{1160}',   // Hangul fillers
    '\u{180E}'..='\u{180E}',   // Mongolian vowel separator
    '\u{200B}'..='\u{200B}',   // zero width space
    '\u{200E}'..='\u{200F}',   // direction marks
    '\u{2028}'..='\u{202E}',   // line and paragraph separators, direction overrides
    '\u{2060}'..='\u{2064}',   // word joiner, invisible operators
    '\u{2066}'..='\u{206F}',   // direction isolates, deprecated format characters
    '\u{3164}'..='\u{3164}',   // Hangul filler
    '\u{FDD0}'..='\u{FDEF}',   // noncharacters
    '\u{FEFF}'..='\u{FEFF}',   // byte order mark
    '\u{FFA0}'..='\u{FFA0}',   // halfwidth Hangul filler
    '\u{FFF9}'..='\u{FFFB}',   // interlinear annotation
    '\u{E0000}'..='\u{E007F}', // tags
];

/// Checks a text of at most `most` code points for length (M7) and hygiene (M8).
pub(crate) fn check(text: &str, most: usize) -> Result<(), Fault> {
    if text.is_empty() {
        return Err(Fault::new("M8", "the text is empty, leave the member out instead"));
    }
    if text.chars().count() > most {
        return Err(Fault::new("M7", "the text is too long"));
    }
    if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
        return Err(Fault::new("M8", "the text must not start or end with white space"));
    }
    if text.chars().any(is_forbidden) {
        return Err(Fault::new("M8", "control, invisible and direction-changing characters are not allowed"));
    }
    Ok(())
}

/// Checks a scope: tokens between single spaces, M10:
/// [RFC 6749 §3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3).
pub(crate) fn check_scope(scope: &str) -> Result<(), Fault> {
    if scope.chars().count() > MAX_SCOPE {
        return Err(Fault::new("M7", "the scope is longer than 2048 characters"));
    }
    if !scope.split(' ').all(is_scope_token) {
        return Err(Fault::new(
            "M10",
            "the scope must be tokens of printable ASCII between single spaces, without quotes and backslashes",
        ));
    }
    Ok(())
}

/// The longest word for machines.
const MAX_WORD: usize = 256;

/// Checks a word for machines: printable ASCII without spaces.
pub(crate) fn check_word(word: &str) -> Result<(), Fault> {
    if word.len() > MAX_WORD {
        return Err(Fault::new("M7", "the value is longer than 256 characters"));
    }
    if word.is_empty() || !word.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Err(Fault::new("M8", "the value must be printable ASCII without spaces"));
    }
    Ok(())
}

/// The longest software statement, in octets.
const MAX_STATEMENT: usize = 16_384;

/// Checks the length of a software statement; what it holds is for its verification.
pub(crate) fn check_statement(statement: &str) -> Result<(), Fault> {
    match statement.len() <= MAX_STATEMENT {
        true => Ok(()),
        false => Err(Fault::new("M7", "the software statement is longer than 16384 octets")),
    }
}

fn is_forbidden(character: char) -> bool {
    is_last_of_plane(character) || FORBIDDEN.iter().any(|range| range.contains(&character))
}

/// The last two code points of every plane are noncharacters:
/// [Unicode §23.7](https://www.unicode.org/versions/latest/core-spec/chapter-23/).
fn is_last_of_plane(character: char) -> bool {
    u32::from(character) & 0xFFFE == 0xFFFE
}

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
            ("joiners", "می\u{200C}خواهم \u{1F468}\u{200D}\u{1F469}", None),
            ("markup", "<b>\"R&D\"</b>", None),
            ("inner no-break space", "a\u{A0}b", None),
            ("astral characters count once", "\u{1F600}\u{1F600}\u{1F600}\u{1F600}\u{1F600}\u{1F600}", None),
            ("longest", "12345678901234567890", None),
            ("too long", "123456789012345678901", Some("M7")),
            ("empty", "", Some("M8")),
            ("only space", " ", Some("M8")),
            ("leading space", " a", Some("M8")),
            ("trailing ideographic space", "a\u{3000}", Some("M8")),
            ("trailing next line", "a\u{85}", Some("M8")),
            ("newline", "a\nb", Some("M8")),
        ];
        for (name, text, expected) in cases {
            assert_eq!(rule(check(text, 20)), expected, "{name}");
        }
    }

    #[test]
    fn forbidden_ranges_end_where_the_policy_says() {
        let forbidden = "\u{0}\u{1F}\u{7F}\u{9F}\u{AD}\u{61C}\u{115F}\u{1160}\u{180E}\u{200B}\u{200E}\u{200F}\u{2028}\
            \u{202E}\u{2060}\u{2064}\u{2066}\u{206F}\u{3164}\u{FDD0}\u{FDEF}\u{FEFF}\u{FFA0}\u{FFF9}\u{FFFB}\u{FFFE}\
            \u{FFFF}\u{1FFFE}\u{1FFFF}\u{E0000}\u{E007F}\u{10FFFE}\u{10FFFF}";
        let allowed = " ~\u{A1}\u{AC}\u{AE}\u{61B}\u{61D}\u{115E}\u{1161}\u{180D}\u{180F}\u{200A}\u{200C}\u{200D}\u{2010}\
            \u{2027}\u{202F}\u{205F}\u{2065}\u{2070}\u{3163}\u{3165}\u{FDCF}\u{FDF0}\u{FEFE}\u{FF9F}\u{FFA1}\u{FFF8}\
            \u{FFFC}\u{FFFD}\u{10000}\u{DFFFD}\u{E0080}\u{10FFFD}";
        for character in forbidden.chars() {
            assert!(is_forbidden(character), "{character:?}");
        }
        for character in allowed.chars() {
            assert!(!is_forbidden(character), "{character:?}");
        }
    }

    #[test]
    fn scopes_follow_the_grammar() {
        let cases = [
            ("one token", "openid".to_owned(), None),
            ("tokens", "openid urn:a:b/c#d['!~".into(), None),
            ("longest", "a".repeat(2048), None),
            ("too long", "a".repeat(2049), Some("M7")),
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
            assert_eq!(rule(check_scope(&scope)), expected, "{name}");
        }
    }

    #[test]
    fn rows_of_the_corpus_about_text_get_their_verdict() {
        for line in include_str!("../../tests/data/corpus/metadata.jsonl").lines() {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            if row["since"] == 2 {
                continue; // not agreed yet
            }
            let name = row["name"].as_str().unwrap();
            let body = row["body"].as_str().and_then(|text| serde_json::from_str(text).ok());
            let body: serde_json::Value = body.unwrap_or(row["body"].clone());
            let contacts = body["contacts"].as_array().into_iter().flatten();
            let contacts = contacts.filter_map(|contact| contact.as_str()).map(|contact| check(contact, 320));
            let text = |member: &str| body[member].as_str().filter(|text| !text.is_empty());
            let texts = [text("client_name").map(|name| check(name, 256)), text("scope").map(check_scope)];
            let verdicts: Vec<_> = texts.into_iter().flatten().chain(contacts).collect();
            let about_text = ["name-", "contact-", "scope-"].iter().any(|prefix| name.starts_with(prefix));
            if row["verdict"] == "accept" || about_text && !verdicts.is_empty() {
                assert_eq!(verdicts.iter().all(Result::is_ok), row["verdict"] == "accept", "{name}");
            }
        }
    }
}
