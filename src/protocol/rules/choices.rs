//! RP Metadata Choices: a client lists the values that it supports, and the server registers one of them.
//!
//! The lists are input only. What is registered and returned is the single member that each list belongs to
//! ([RP Metadata Choices §2](https://openid.net/specs/openid-connect-rp-metadata-choices-1_0.html#section-2)).
//!
//! - Reads: the members of the extension `rp-metadata-choices` that end in `_values_supported` and their like.
//! - Changes: the single member of each list; the lists are removed.
//! - Refuses (M7, X6): a list that is too long, has no supported value, or lacks the value that the client named itself.

use super::{algorithms, authentication, refuse, values};
use crate::error::Violations;
use crate::protocol::Supported;
use crate::protocol::metadata::{ClientMetadata, Member, SubjectType, Text, TokenEndpointAuthMethod, ValueKind};

/// The longest list.
const MAX_VALUES: usize = 32;

/// Registers a value for each list and removes the list, so that neither the store nor a reply contains it.
pub(super) fn apply(metadata: &mut ClientMetadata, supported: &Supported, violations: &mut Violations) {
    let lists = metadata.members().filter_map(|(member, field)| match member.kind {
        ValueKind::Choices(target) if !field.is_absent() => {
            let mut values = Vec::new();
            field.texts(&mut |text| values.push(text.value.to_owned()));
            Some((member, target, values))
        }
        _ => None,
    });
    // Collected first, because choosing a value changes the metadata that the iterator borrows.
    for (member, target, values) in Vec::from_iter(lists) {
        choose(metadata, member, target, &values, supported, violations);
        if let Some((_, field)) = metadata.member_mut(member.name) {
            field.clear();
        }
    }
}

/// Registers one of the values in the member that the list belongs to: the one that the member itself names, else the
/// first that is supported ([§4](https://openid.net/specs/openid-connect-rp-metadata-choices-1_0.html#section-4)). A value
/// that the client has the keys for goes first.
fn choose(
    metadata: &mut ClientMetadata,
    list: &Member,
    target: &str,
    values: &[String],
    supported: &Supported,
    violations: &mut Violations,
) {
    let Some((member, field)) =
        metadata.member(target).filter(|(member, _)| supported.known_members().contains(member.group))
    else {
        return;
    };
    let mut named = None;
    field.texts(&mut |text| named = Some(text.value.to_owned()));
    if values.len() > MAX_VALUES {
        return refuse(violations, list.name, "M7", "more than 32 values");
    }
    if named.as_ref().is_some_and(|named| !values.contains(named)) {
        return refuse(violations, target, "X6", "the value is not in the list of values that the client supports");
    }
    if is_needless(metadata, target) {
        return;
    }
    // A supported value without a key still becomes the choice: the rule about keys then names what is missing.
    let candidates = Vec::from_iter(named.iter().chain(values).filter(|value| is_supported(member, value, supported)));
    let usable = candidates.iter().find(|value| is_usable(metadata, member, value, supported));
    let Some(value) = usable.or(candidates.first()) else {
        return refuse(violations, list.name, "X6", "none of the values is supported by this server");
    };
    if let Some((_, field)) = metadata.member_mut(target) {
        drop(field.put(None, value.as_str().into()));
    }
}

/// Whether the list is for the content encryption of a response that is not encrypted. It then has no effect, and a value
/// would be refused for the missing `_alg`.
fn is_needless(metadata: &ClientMetadata, target: &str) -> bool {
    let alg = target.strip_suffix("_enc").map(|prefix| format!("{prefix}_alg"));
    alg.and_then(|alg| metadata.member(&alg)).is_some_and(|(_, field)| field.is_absent())
}

/// Whether the server supports a value of this member. Two members are judged by lists; the others by their kind.
fn is_supported(member: &Member, value: &str, supported: &Supported) -> bool {
    match member.name {
        "token_endpoint_auth_method" => supported.auth_methods.contains(&TokenEndpointAuthMethod::from(value)),
        "subject_type" => supported.subject_types.contains(&SubjectType::from(value)),
        _ => values::check_text(member.kind, Text { tag: None, index: None, value }, supported).is_ok(),
    }
}

/// Whether the client has the credentials that the value needs, such as a key for an algorithm.
fn is_usable(metadata: &ClientMetadata, member: &Member, value: &str, supported: &Supported) -> bool {
    match (member.name, member.kind) {
        ("token_endpoint_auth_method", _) => {
            let algorithm = metadata.token_endpoint_auth_signing_alg.as_ref();
            authentication::check_method(&value.into(), algorithm, metadata, supported).is_ok()
        }
        (_, ValueKind::AssertionSigning) => {
            let method = metadata.token_endpoint_auth_method.as_ref();
            method.is_none_or(|method| {
                authentication::check_method(method, Some(&value.into()), metadata, supported).is_ok()
            })
        }
        (_, kind) => algorithms::is_usable(metadata, kind, value, supported),
    }
}
