//! The policy: what may be registered, and what an accepted document becomes.
//!
//! [`apply`] is the only entry. A new registration, an update and the application's own calls all pass through it, so an
//! update cannot store what a registration refuses. First every value is checked by the kind that the table of members
//! gives it ([`values`]), then the rules that look at several members follow ([`RULES`]). All violations are collected, so
//! that a developer sees every fault in one reply.
//!
//! A rule does one of three things: it accepts a value, it changes what is registered, or it adds a violation. What is
//! changed is in the reply, as [RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2) permits. The identifiers of
//! the rules (R1, M8, X3 and so on) are those of `docs/policy.md`.

mod algorithms;
mod application_type;
mod authentication;
mod certificate;
mod choices;
mod ciba;
mod constraints;
mod extensions;
pub(crate) mod extra;
mod grants;
pub(crate) mod jwks;
mod redirects;
mod scope;
mod subject;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod values;

pub(crate) use authentication::needs_secret;
pub(crate) use subject::uris_of_sector;

use super::constraints::Constraints;
use super::metadata::{ClientMetadata, JsonObject, Omitted, normal_form, pointer};
use super::{Supported, Switch};
use crate::error::{ErrorCode, Violation, Violations};

/// A rule: it reads the document and what the server supports, changes what is registered, and adds its violations.
///
/// A rule must not assume that an earlier rule accepted a member. It asks
/// [`Violations::concern`](crate::error::Violations::concern) before it judges a member of another rule.
type Rule = fn(&mut ClientMetadata, &Supported, &mut Violations);

/// The rules in their order. The order is part of the policy: each rule relies on the changes of those before it.
///
/// Members of extensions that are off are removed before any value is judged. Choices become values before values are
/// checked. Defaults are filled in after the check of the values, because they need none, and before grant types, because
/// those rely on them. Redirect URIs need the grant types; the application type needs the redirect URIs.
const RULES: &[Rule] = &[
    check_statement,
    drop_unknown,
    choices::apply,
    values::check,
    fill_defaults,
    grants::apply,
    redirects::check,
    application_type::apply,
    authentication::apply,
    algorithms::apply,
    scope::apply,
    subject::apply,
    extensions::apply,
    ciba::check,
    extra::apply,
];

/// Whether a key set that the client publishes at its `jwks_uri` has the keys that the client needs. The same rules judge
/// it that judge a set in the metadata, so both ways to publish keys have the same conditions.
pub(crate) fn accepts_keys(metadata: &ClientMetadata, set: JsonObject, supported: &Supported) -> bool {
    let usable = jwks::can_sign(&set.0, None) || jwks::can_encrypt(&set.0, None);
    let mut metadata = ClientMetadata { jwks: Some(set), jwks_uri: None, ..metadata.clone() };
    let mut violations = Violations::default();
    authentication::apply(&mut metadata, supported, &mut violations);
    algorithms::apply(&mut metadata, supported, &mut violations);
    usable && violations.is_empty()
}

/// Checks a document and returns what is registered: with defaults, and without values that are not supported.
///
/// `violations` are those of the reader, such as members of a wrong JSON type. Any violation refuses the whole document:
/// nothing is registered in part.
pub(crate) fn apply(
    mut metadata: ClientMetadata,
    mut violations: Violations,
    supported: &Supported,
) -> Result<ClientMetadata, Violations> {
    for rule in RULES {
        rule(&mut metadata, supported, &mut violations);
    }
    match violations.is_empty() {
        true => Ok(metadata),
        false => Err(violations),
    }
}

/// As [`apply`], within the limits that the client inherits from its initial access token.
///
/// The constraints narrow what the server supports, and the ordinary rules then judge the rest. So a grant type that the
/// token does not permit is treated exactly as one that the server does not support.
pub(crate) fn apply_within(
    constraints: &Constraints,
    mut metadata: ClientMetadata,
    mut violations: Violations,
    supported: &Supported,
) -> Result<ClientMetadata, Violations> {
    // The application may hand in a document that never was JSON, so the reader has not brought it into normal form.
    normal_form::apply(&mut metadata);
    constraints::check(&mut metadata, constraints, supported, &mut violations);
    let mut applied = apply(metadata, violations, &constraints::narrow(supported, constraints))?;
    constraints::limit_scope(&mut applied, constraints);
    Ok(applied)
}

/// Refuses a software statement where statements are not verified (M19) and the switch is on. Without the switch it is
/// ignored, as [RFC 7591 §3.1.1](https://www.rfc-editor.org/rfc/rfc7591#section-3.1.1) demands of a server that does not
/// support statements.
fn check_statement(metadata: &mut ClientMetadata, supported: &Supported, violations: &mut Violations) {
    const NAME: &str = "software_statement";
    // Where statements are not verified, the member is unknown to the reader and stands among the extra members.
    let sent = metadata.software_statement.is_some() || metadata.extra.get(NAME).is_some();
    if sent && !supported.software_statements && supported.is_on(Switch::UnverifiedStatementsRefused) {
        let (rule, detail) =
            (Switch::UnverifiedStatementsRefused.name(), "this server verifies no software statements");
        let code = ErrorCode::UnapprovedSoftwareStatement;
        violations.push(Violation::new(code, pointer(NAME, None, None), rule, detail));
    }
}

/// Removes the members of extensions that are off (M3). The reader knows them already as unknown members; a document of
/// the application or of an older record may still have them.
fn drop_unknown(metadata: &mut ClientMetadata, supported: &Supported, _violations: &mut Violations) {
    let known = supported.known_members();
    for (member, field) in metadata.members_mut().filter(|(member, _)| !known.contains(member.group)) {
        debug_assert!(!member.always, "a member that is always returned must always be known");
        field.clear();
    }
}

/// Registers the defaults that the table of members states
/// ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2)). A member that was sent and is wrong gets no default:
/// the document is refused, and a default would hide the fault from later rules.
fn fill_defaults(metadata: &mut ClientMetadata, _offer: &Supported, violations: &mut Violations) {
    for (member, field) in metadata.members_mut().filter(|(_, field)| field.is_absent()) {
        let Omitted::Registered(default) = member.omitted else { continue };
        if !violations.concern(member.name) {
            let read = serde_json::from_str(default).map(|value| field.put(None, value));
            debug_assert!(matches!(read, Ok(Ok(()))), "{}: a default that cannot be read", member.name);
        }
    }
}

/// Adds a violation of a whole member with the code `invalid_client_metadata`.
fn refuse(violations: &mut Violations, member: &str, rule: &'static str, detail: &'static str) {
    violations.push(Violation::new(ErrorCode::InvalidClientMetadata, pointer(member, None, None), rule, detail));
}
