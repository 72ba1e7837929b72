//! Texts that leave the process in a reply, a log line or an audit record have a length that no caller chooses.

/// The text, or its beginning and `...` where it has more than `max` bytes. `max` is at least 3, and the result has at
/// most `max` bytes.
pub(crate) fn shortened(mut text: String, max: usize) -> String {
    const ELLIPSIS: &str = "...";
    if text.len() > max {
        let available = max.saturating_sub(ELLIPSIS.len());
        let end = (0..=available).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        // `String::truncate` panics inside a character, and the text may come from a client.
        text.truncate(end);
        text.push_str(ELLIPSIS);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        let rows = [("", ""), ("12345678", "12345678"), ("123456789", "12345..."), ("1234\u{e9}6789", "1234...")];
        for (text, expected) in rows {
            assert_eq!(shortened(text.to_owned(), 8), expected, "{text}");
        }
    }
}
