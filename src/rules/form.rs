//! The form of a single value: one line for each form that the table of members knows.

use super::{Fault, Offer, Switch, certificate, redirect_uri, text, uri};
use crate::error::{Violation, Violations};
use crate::metadata::{
    ClientMetadata, ContentEncryption, Field, Form, KeyManagementAlgorithm, Member, SigningAlgorithm, Text,
    is_language_tag, pointer,
};

const NOT_SUPPORTED: Fault = Fault::new("M15", "the value is not one that this server supports");

/// Checks every member by its form.
pub(super) fn check(metadata: &mut ClientMetadata, offer: &Offer, violations: &mut Violations) {
    for (member, field) in metadata.members().filter(|(_, field)| !field.is_absent()) {
        check_member(member, field, offer, violations);
    }
    if let Some(formats) = &metadata.vp_formats_supported
        && !formats.0.values().all(serde_json::Value::is_object)
    {
        super::refuse(violations, "vp_formats_supported", "X7", "every format needs an object");
    }
}

/// Checks one member. Where there are too many values, they are not looked at one by one.
fn check_member(member: &Member, field: &dyn Field, offer: &Offer, violations: &mut Violations) {
    let mut texts = Vec::new();
    field.texts(&mut |text| texts.push(text));
    let most = most_values(member.form);
    if texts.iter().filter(|text| text.index.is_some()).count() > most {
        let detail = format!("more than {most} values");
        return violations.push(Violation::new(member.error_code(), pointer(member.name, None, None), "M7", detail));
    }
    for text in texts {
        let verdict = check_tag(text).and_then(|()| check_text(member.form, text, offer));
        let Err(fault) = verdict.and_then(|()| check_switches(member, text.value, offer)) else { continue };
        let pointer = pointer(member.name, text.tag, text.index);
        violations.push(Violation::new(member.error_code(), pointer, fault.rule, fault.detail));
    }
}

fn most_values(form: Form) -> usize {
    match form {
        Form::Names(most)
        | Form::Words(most)
        | Form::Texts { most, .. }
        | Form::FetchedUris(most)
        | Form::ContentEncryptions(most) => most,
        Form::RedirectUris | Form::ReturnUris => 32,
        _ => usize::MAX,
    }
}

fn check_tag(text: Text<'_>) -> Result<(), Fault> {
    match text.tag {
        Some(tag) if !is_language_tag(tag) => {
            Err(Fault::new("M9", "the language tag is not well-formed (RFC 5646), or longer than 64 characters"))
        }
        _ => Ok(()),
    }
}

/// Checks one string of a member; where the server offers a list, it must be on it.
pub(super) fn check_text(form: Form, text: Text<'_>, offer: &Offer) -> Result<(), Fault> {
    let value = text.value;
    match form {
        Form::RedirectUris | Form::ReturnUris | Form::ReturnUri => redirect_uri::check(value).map(|_| ()),
        Form::ShownUri => uri::check_shown(value),
        Form::FramedUri => uri::check_shown(value).and_then(|()| uri::check_no_fragment(value)),
        Form::FetchedUri | Form::FetchedUris(_) => uri::check_fetched(value),
        Form::CalledUri => uri::check_fetched(value).and_then(|()| uri::check_no_fragment(value)),
        Form::ComparedUri => uri::check_compared(value),
        Form::Text(most) | Form::Texts { each: most, .. } => text::check(value, most),
        Form::Word | Form::Words(_) => text::check_word(value),
        Form::Scope => text::check_scope(value, offer.max_scope_bytes),
        Form::Signing => supported(offer.signs_with(&value.into())),
        Form::AssertionSigning => supported(offer.verifies_with(&value.into())),
        Form::OwnSigning => supported(is_own_signing(&value.into(), offer)),
        Form::KeyManagement | Form::RequestKeyManagement => {
            supported(offer.key_management_algorithms.contains(&KeyManagementAlgorithm::from(value)))
        }
        Form::ContentEncryption => supported(offer.content_encryptions.contains(&value.into())),
        Form::ContentEncryptions(_) => supported(!matches!(value.into(), ContentEncryption::Other(_))),
        Form::DistinguishedName => certificate::check_distinguished_name(value),
        Form::HostName => certificate::check_host_name(value),
        Form::IpAddress => certificate::check_ip_address(value),
        Form::EmailAddress => certificate::check_email_address(value),
        Form::Statement => text::check_statement(value),
        Form::Plain | Form::Listed | Form::Names(_) | Form::Choices(_) | Form::Jwks | Form::Formats => Ok(()),
    }
}

fn supported(supported: bool) -> Result<(), Fault> {
    if supported { Ok(()) } else { Err(NOT_SUPPORTED) }
}

fn is_own_signing(algorithm: &SigningAlgorithm, offer: &Offer) -> bool {
    !algorithm.is_symmetric() && offer.signs_with(algorithm)
}

/// What single members owe to switches.
fn check_switches(member: &Member, value: &str, offer: &Offer) -> Result<(), Fault> {
    let refuse_if = |switch: Switch, broken: bool, detail| {
        if offer.is_on(switch) && broken { Err(Fault::new(switch.name(), detail)) } else { Ok(()) }
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
