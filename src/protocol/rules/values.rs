//! The check of a single value: one line for each kind of value in the table of members.
//!
//! A value is judged alone here, without the other members of the document. The same function serves the list of choices
//! of another extension and the hosts of constraints, so a value means the same wherever it stands.
//!
//! - Reads: every member of the table that is present, with the lists of the server.
//! - Changes: nothing.
//! - Refuses: by the rule of the kind of value: R1 to R22, M7 to M10, M15, M17 to M19, X1, X7, X8.

use super::{certificate, text};
use crate::error::Fault;
use crate::error::{Violation, Violations};
use crate::protocol::metadata::{
    ClientMetadata, ContentEncryption, Field, KeyManagementAlgorithm, Member, SigningAlgorithm, Text, ValueKind,
    is_language_tag, pointer,
};
use crate::protocol::uri::redirect;
use crate::protocol::{Supported, Switch, uri};

/// The refusal of an algorithm. It does not list the supported ones: they are in the server metadata
/// ([RFC 8414 §2](https://www.rfc-editor.org/rfc/rfc8414#section-2)).
const NOT_SUPPORTED: Fault = Fault::new("M15", "the value is not one that this server supports");

/// Checks every member that is present by its kind. It changes nothing; the type is that of all rules.
pub(super) fn check(metadata: &mut ClientMetadata, supported: &Supported, violations: &mut Violations) {
    for (member, field) in metadata.members().filter(|(_, field)| !field.is_absent()) {
        check_member(member, field, supported, violations);
    }
    // The only value that is neither a string nor judged by a rule of its own.
    if let Some(formats) = &metadata.vp_formats_supported
        && !formats.0.values().all(serde_json::Value::is_object)
    {
        crate::protocol::rules::refuse(violations, "vp_formats_supported", "X7", "every format needs an object");
    }
}

/// Checks the values of one member. A list that is too long has one violation and its values are not judged: the time of
/// a refusal must not grow with the length of the list.
fn check_member(member: &Member, field: &dyn Field, supported: &Supported, violations: &mut Violations) {
    // Values of a list have a position; language versions of one text have none and are not limited by number.
    let mut texts = Vec::new();
    field.texts(&mut |text| texts.push(text));
    let max = max_values(member.kind);
    if texts.iter().filter(|text| text.index.is_some()).count() > max {
        let detail = format!("more than {max} values");
        return violations.push(Violation::new(member.error_code(), pointer(member.name, None, None), "M7", detail));
    }
    for text in texts {
        let verdict = check_tag(text).and_then(|()| check_text(member.kind, text, supported));
        let Err(fault) = verdict.and_then(|()| check_switches(member, text.value, supported)) else { continue };
        let pointer = pointer(member.name, text.tag, text.index);
        violations.push(Violation::new(member.error_code(), pointer, fault.rule, fault.detail));
    }
}

/// How many values a list of this kind may have (M7).
fn max_values(kind: ValueKind) -> usize {
    match kind {
        ValueKind::Names(max)
        | ValueKind::Tokens(max)
        | ValueKind::Texts { max, .. }
        | ValueKind::FetchedUris(max)
        | ValueKind::ContentEncryptions(max) => max,
        ValueKind::RedirectUris | ValueKind::ReturnUris => 32,
        // One value, or a list whose values are checked elsewhere.
        _ => usize::MAX,
    }
}

/// A language tag (M9). The reader ignores members with a bad tag; a document of the application may have one.
fn check_tag(text: Text<'_>) -> Result<(), Fault> {
    match text.tag {
        Some(tag) if !is_language_tag(tag) => {
            Err(Fault::new("M9", "the language tag is not well-formed (RFC 5646), or longer than 64 characters"))
        }
        _ => Ok(()),
    }
}

/// Checks one string of a member. Where the server supports a list of values, the string must be in the list.
///
/// The kinds without a check have a rule of their own, which looks at several members: grant types, response types,
/// methods, keys and choices.
pub(super) fn check_text(kind: ValueKind, text: Text<'_>, supported: &Supported) -> Result<(), Fault> {
    let value = text.value;
    match kind {
        ValueKind::RedirectUris | ValueKind::ReturnUris | ValueKind::ReturnUri => redirect::check(value).map(|_| ()),
        ValueKind::ShownUri => uri::check_shown(value),
        ValueKind::FramedUri => uri::check_shown(value).and_then(|()| uri::check_no_fragment(value)),
        ValueKind::FetchedUri | ValueKind::FetchedUris(_) => uri::check_fetched(value),
        ValueKind::CalledUri => uri::check_fetched(value).and_then(|()| uri::check_no_fragment(value)),
        ValueKind::ComparedUri => uri::check_compared(value),
        ValueKind::Text(max) | ValueKind::Texts { each: max, .. } => text::check(value, max),
        ValueKind::Token | ValueKind::Tokens(_) => text::check_token(value),
        ValueKind::Scope => text::check_scope(value, supported.max_scope_bytes),
        ValueKind::Signing => require(supported.signs_with(&value.into())),
        ValueKind::AssertionSigning => require(supported.verifies_with(&value.into())),
        ValueKind::OwnSigning => require(is_own_signing(&value.into(), supported)),
        ValueKind::KeyManagement | ValueKind::RequestKeyManagement => {
            require(supported.key_management_algorithms.contains(&KeyManagementAlgorithm::from(value)))
        }
        ValueKind::ContentEncryption => require(supported.content_encryptions.contains(&value.into())),
        ValueKind::ContentEncryptions(_) => require(!matches!(value.into(), ContentEncryption::Other(_))),
        ValueKind::DistinguishedName => certificate::check_distinguished_name(value),
        ValueKind::HostName => certificate::check_host_name(value),
        ValueKind::IpAddress => certificate::check_ip_address(value),
        ValueKind::EmailAddress => certificate::check_email_address(value),
        ValueKind::Statement => text::check_statement(value),
        ValueKind::Plain
        | ValueKind::Listed
        | ValueKind::Names(_)
        | ValueKind::Choices(_)
        | ValueKind::Jwks
        | ValueKind::Formats => Ok(()),
    }
}

/// Turns the result of a look-up into a refusal by M15.
fn require(is_supported: bool) -> Result<(), Fault> {
    if is_supported { Ok(()) } else { Err(NOT_SUPPORTED) }
}

/// Whether the client may sign with this algorithm by a key of its own.
fn is_own_signing(algorithm: &SigningAlgorithm, supported: &Supported) -> bool {
    !algorithm.is_symmetric() && supported.signs_with(algorithm)
}

/// Conditions on single values that a switch turns on. The switch names the rule in the refusal.
fn check_switches(member: &Member, value: &str, supported: &Supported) -> Result<(), Fault> {
    let refuse_if = |switch: Switch, broken: bool, detail| {
        if supported.is_on(switch) && broken { Err(Fault::new(switch.name(), detail)) } else { Ok(()) }
    };
    match member.name {
        "contacts" => refuse_if(
            Switch::ContactsAreAddresses,
            certificate::check_email_address(value).is_err(),
            "a contact must be an e-mail address",
        ),
        "request_uris" => {
            refuse_if(Switch::RequestUrisShort, value.len() > 512, "a request URI must not exceed 512 characters")
        }
        "backchannel_logout_uri" => {
            refuse_if(Switch::LogoutFragmentRefused, value.contains('#'), "the URI must not have a fragment")
        }
        _ => Ok(()),
    }
}
