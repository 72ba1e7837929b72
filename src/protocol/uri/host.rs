//! Names of hosts (R17).
//!
//! A browser and a server must agree which machine a name leads to. Where parsers disagree (octal numbers, short IPv4
//! addresses, labels that decode in several ways) the name is refused.

use idna::uts46::{AsciiDenyList, ErrorPolicy, Hyphens, Uts46};

/// The longest host name and label, in octets: [RFC 1035 §2.3.4](https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4).
const MAX_NAME: usize = 253;
/// The longest label, in octets.
const MAX_LABEL: usize = 63;

/// The prefix of a label that encodes characters beyond ASCII, in any case of its letters.
const A_LABEL_PREFIX: &str = "xn--";

/// Whether this is a name that browsers connect to and that no parser reads as an IPv4 address. Underscores are allowed,
/// because names of deployed servers have them.
pub(super) fn is_host_name(host: &str) -> bool {
    let last = host.rsplit_once('.').map_or(host, |(_, last)| last);
    host.len() <= MAX_NAME && host.split('.').all(is_label) && !is_number(last) && has_valid_a_labels(host)
}

/// As [`is_host_name`], without underscores: [RFC 1123 §2.1](https://www.rfc-editor.org/rfc/rfc1123#section-2.1).
pub(crate) fn is_dns_name(host: &str) -> bool {
    !host.contains('_') && is_host_name(host)
}

/// Whether a label has letters, digits, underscores, and hyphens that are not at its ends.
fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL).contains(&label.len())
        && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet))
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Whether this label, as the last one of a host, makes browsers read the whole host as an IPv4 address:
/// [WHATWG URL](https://url.spec.whatwg.org/#ends-in-a-number-checker).
fn is_number(label: &str) -> bool {
    let hexadecimal = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    crate::protocol::uri::is_digits(label)
        || hexadecimal.is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

/// Whether a label claims to encode characters beyond ASCII.
fn is_a_label(label: &str) -> bool {
    label.get(..A_LABEL_PREFIX.len()).is_some_and(|prefix| prefix.eq_ignore_ascii_case(A_LABEL_PREFIX))
}

/// Whether every A-label is one that all processors of internationalized names decode to the same characters:
/// [UTS 46 §4.1](https://www.unicode.org/reports/tr46/#Validity_Criteria), non-transitional.
///
/// The name is processed as a whole, because right-to-left characters in one label bind the others too
/// ([RFC 5893 §2](https://www.rfc-editor.org/rfc/rfc5893#section-2)). The flags about hyphens and ASCII are off there,
/// because labels without an encoding need not follow them; [`follows_ascii_rules`] has their rules for the others.
///
/// The decoder accepts only the spelling to which its result encodes again
/// ([RFC 5890 §2.3.2.1](https://www.rfc-editor.org/rfc/rfc5890#section-2.3.2.1)), so a name has one encoding.
fn has_valid_a_labels(host: &str) -> bool {
    // Most hosts are plain ASCII and need no Unicode tables.
    if !host.split('.').any(is_a_label) {
        return true;
    }
    let mut regular = true;
    let check_label = |decoded: &[char], _: &[char], _| {
        regular &= follows_ascii_rules(decoded);
        false
    };
    let (denied, hyphens, on_error) = (AsciiDenyList::EMPTY, Hyphens::Allow, ErrorPolicy::FailFast);
    let output = &mut String::new();
    Uts46::new().process(host.as_bytes(), denied, hyphens, on_error, check_label, output, None).is_ok() && regular
}

/// The flags UseSTD3ASCIIRules and CheckHyphens for the characters that an A-label encodes.
fn follows_ascii_rules(decoded: &[char]) -> bool {
    let at_an_end = decoded.first() == Some(&'-') || decoded.last() == Some(&'-');
    let like_a_prefix = decoded.get(2..4) == Some(&['-', '-']);
    !at_an_end && !like_a_prefix && !decoded.contains(&'_')
}

#[cfg(test)]
mod tests;
