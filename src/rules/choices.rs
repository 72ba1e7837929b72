//! RP Metadata Choices: a client lists what it could live with, the server registers one of it.
//!
//! The lists are input only. What is registered and returned is the member that each of them is about
//! ([RP Metadata Choices §2](https://openid.net/specs/openid-connect-rp-metadata-choices-1_0.html#section-2)).

use super::{Offer, form, refuse};
use crate::error::Violations;
use crate::metadata::{ClientMetadata, Form, Member, SubjectType, Text, TokenEndpointAuthMethod};

pub(super) fn settle(metadata: &mut ClientMetadata, offer: &Offer, violations: &mut Violations) {
    let lists = metadata.members().filter_map(|(member, field)| match member.form {
        Form::Choices(target) if !field.is_absent() => {
            let mut values = Vec::new();
            field.texts(&mut |text| values.push(text.value.to_owned()));
            Some((member, target, values))
        }
        _ => None,
    });
    for (member, target, values) in Vec::from_iter(lists) {
        choose(metadata, member, target, &values, offer, violations);
        if let Some((_, field)) = metadata.member_mut(member.name) {
            field.clear();
        }
    }
}

/// Registers one of the values in the member that the list is about: the one that the member itself names, else the
/// first that is supported ([§4](https://openid.net/specs/openid-connect-rp-metadata-choices-1_0.html#section-4)).
fn choose(
    metadata: &mut ClientMetadata,
    list: &Member,
    target: &str,
    values: &[String],
    offer: &Offer,
    violations: &mut Violations,
) {
    let needless = is_needless(metadata, target);
    let Some((member, field)) = metadata.member_mut(target).filter(|(member, _)| offer.known().contains(member.group))
    else {
        return;
    };
    let mut named = None;
    field.texts(&mut |text| named = Some(text.value.to_owned()));
    if named.as_ref().is_some_and(|named| !values.contains(named)) {
        return refuse(violations, target, "X6", "the value is not in the list of values that the client supports");
    }
    if needless {
        return;
    }
    let supported = |value: &&String| is_supported(member, value, offer);
    match named.iter().chain(values).find(supported) {
        Some(value) => drop(field.put(None, value.as_str().into())),
        None => refuse(violations, list.name, "X6", "none of the values is supported by this server"),
    }
}

/// A content encryption is nothing to choose where nothing is encrypted.
fn is_needless(metadata: &ClientMetadata, target: &str) -> bool {
    let alg = target.strip_suffix("_enc").map(|prefix| format!("{prefix}_alg"));
    alg.and_then(|alg| metadata.member(&alg)).is_some_and(|(_, field)| field.is_absent())
}

fn is_supported(member: &Member, value: &str, offer: &Offer) -> bool {
    match member.name {
        "token_endpoint_auth_method" => offer.auth_methods.contains(&TokenEndpointAuthMethod::from(value)),
        "subject_type" => offer.subject_types.contains(&SubjectType::from(value)),
        _ => form::check_text(member.form, Text { tag: None, index: None, value, listed: true }, offer).is_ok(),
    }
}
