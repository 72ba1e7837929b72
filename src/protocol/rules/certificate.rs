//! Names in certificates: the subject that a client registers for mutual TLS, and e-mail addresses in general
//! ([RFC 8705 §2.1.2](https://www.rfc-editor.org/rfc/rfc8705#section-2.1.2)).
//!
//! The host compares these values with the certificate of a connection. A value that two libraries could read differently
//! would let one client authenticate as another one, so each kind has one spelling and everything else is refused.

use std::net::IpAddr;

use super::text;
use crate::error::Fault;
use crate::protocol::uri;

/// The longest distinguished name, in characters.
const MAX_NAME: usize = 2048;
/// The longest part before the `@`, in octets: [RFC 5321 §4.5.3.1](https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1).
const MAX_LOCAL_PART: usize = 64;

/// Turns the result of a test into a refusal by X1.
fn check(good: bool, detail: &'static str) -> Result<(), Fault> {
    if good { Ok(()) } else { Err(Fault::new("X1", detail)) }
}

/// A distinguished name as text: [RFC 4514 §3](https://www.rfc-editor.org/rfc/rfc4514#section-3).
pub(super) fn check_distinguished_name(name: &str) -> Result<(), Fault> {
    // RFC 4514 permits any character, but the name is shown to operators: invisible ones would hide a second attribute.
    text::check(name, MAX_NAME)?;
    let good = attributes(name).all(is_attribute);
    check(good, "the value must be a distinguished name such as CN=client,O=Example (RFC 4514)")
}

/// A DNS name: [RFC 5280 §4.2.1.6](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.6).
pub(super) fn check_host_name(name: &str) -> Result<(), Fault> {
    check(uri::is_dns_name(name), "the value must be a DNS name of letters, digits and hyphens")
}

/// IPv4 as four decimal numbers, IPv6 in the one spelling of
/// [RFC 5952 §4](https://www.rfc-editor.org/rfc/rfc5952#section-4).
pub(super) fn check_ip_address(address: &str) -> Result<(), Fault> {
    // One address has many IPv6 spellings. The one that is printed again is the canonical one.
    let good = address.parse::<IpAddr>().is_ok_and(|parsed| parsed.to_string() == address);
    check(good, "the value must be an IPv4 address, or an IPv6 address as RFC 5952 writes it")
}

/// A mailbox: [RFC 5280 §4.2.1.6](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.6), `rfc822Name`.
pub(super) fn check_email_address(address: &str) -> Result<(), Fault> {
    let good = address.rsplit_once('@').is_some_and(|(local, domain)| is_local_part(local) && uri::is_dns_name(domain));
    check(good, "the value must be an e-mail address")
}

/// Atoms between dots: [RFC 5322 §3.2.3](https://www.rfc-editor.org/rfc/rfc5322#section-3.2.3).
fn is_local_part(local: &str) -> bool {
    let is_atom_octet = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&octet);
    local.len() <= MAX_LOCAL_PART && local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atom_octet))
}

/// The attributes of a distinguished name, split at commas and plus signs that are not escaped
/// ([RFC 4514 §2.1](https://www.rfc-editor.org/rfc/rfc4514#section-2.1) and §2.2).
fn attributes(name: &str) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    name.split(move |character| {
        let delimiter = !escaped && matches!(character, ',' | '+');
        escaped = !escaped && character == '\\';
        delimiter
    })
}

/// A type, an equals sign and a value ([RFC 4514 §2.3](https://www.rfc-editor.org/rfc/rfc4514#section-2.3)).
fn is_attribute(attribute: &str) -> bool {
    attribute.split_once('=').is_some_and(|(name, value)| is_attribute_type(name) && is_attribute_value(value))
}

/// A keyword, or an object identifier: numbers between dots, without leading zeros.
fn is_attribute_type(name: &str) -> bool {
    let is_number = |number: &str| uri::is_digits(number) && (number == "0" || !number.starts_with('0'));
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        return name.contains('.') && name.split('.').all(is_number);
    }
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
}

/// Octets in hexadecimal after `#`, or text whose special characters are escaped.
fn is_attribute_value(value: &str) -> bool {
    if let Some(digits) = value.strip_prefix('#') {
        return !digits.is_empty() && digits.len() % 2 == 0 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    }
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        let good = match character {
            '\\' => characters.next().is_some_and(|escaped| is_escape(escaped, &mut characters)),
            '"' | ';' | '<' | '>' => false,
            _ => true,
        };
        if !good {
            return false;
        }
    }
    !value.starts_with(' ') && (!value.ends_with(' ') || value.ends_with("\\ "))
}

/// Whether a special character or two hexadecimal digits follow a backslash. It takes the second digit from `rest`.
fn is_escape(escaped: char, rest: &mut std::str::Chars<'_>) -> bool {
    let second_digit = |rest: &mut std::str::Chars<'_>| rest.next().is_some_and(|digit| digit.is_ascii_hexdigit());
    " #=\"+,;<>\\".contains(escaped) || escaped.is_ascii_hexdigit() && second_digit(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Check = fn(&str) -> Result<(), Fault>;

    fn assert_verdicts(check: Check, good: &[&str], bad: &[&str]) {
        for value in good {
            assert_eq!(check(value), Ok(()), "{value}");
        }
        for value in bad {
            assert!(check(value).is_err(), "{value}");
        }
    }

    #[test]
    fn distinguished_names_follow_their_grammar() {
        let good = [
            "CN=client",
            "CN=client,O=Example,C=DE",
            "OU=Sales+CN=J.  Smith,DC=example,DC=net",
            r"CN=Smith\, John",
            r"CN=Before\0dAfter,DC=example",
            r"CN=a\=b=c",
            r"CN=\#1\ ,O=a",
            "1.3.6.1.4.1.1466.0=#04024869",
            "CN=Lučić",
            "CN=",
        ];
        let bad = [
            "client",
            "=client",
            "CN=a,",
            "CN=a, O=b",
            "CN=a;O=b",
            "CN=\"a\"",
            r"CN=a\",
            r"CN=\x",
            r"CN=\0",
            "CN=#",
            "CN=#0",
            "CN=#0g",
            "1=a",
            "1.02=a",
            "2CN=a",
            "C_N=a",
            "CN= a",
            "CN=a\u{202E}b",
        ];
        assert_verdicts(check_distinguished_name, &good, &bad);
    }

    #[test]
    fn names_addresses_and_mailboxes_have_one_spelling() {
        assert_verdicts(
            check_host_name,
            &["a.example", "A-1.example"],
            &["", "a_b", "*.a.example", "a.", "10.0.0.1", "a b"],
        );
        assert_verdicts(
            check_ip_address,
            &["10.0.0.1", "2001:db8::1", "::"],
            &["300.1.1.1", "10.0.0.01", "10.1", "2001:DB8::1", "2001:db8:0::1", "[::1]", "::1%eth0"],
        );
        let long = "a".repeat(65) + "@a.example";
        assert_verdicts(
            check_email_address,
            &["ops@a.example", "a.b+c@a.example"],
            &["", "ops", "@a.example", "a..b@a.example", "a b@a.example", "a@b@c", "a@b_c", "\"a\"@a.example", &long],
        );
    }
}
