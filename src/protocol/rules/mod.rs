//! The policy: what may be registered, and what an accepted document becomes.
//!
//! [`apply`] is the one door. A new registration, an update and the application's own calls all pass through it, so
//! nothing can be reached by an update that a registration refuses. First every value is checked by the form that the
//! table of members gives it, then the rules that look at several members follow ([`RULES`]). All violations are
//! collected.

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

/// Looks at several members, changes what is to be registered, or says what is wrong.
type Rule = fn(&mut ClientMetadata, &Supported, &mut Violations);

/// The rules in their order: each may rely on what those before it settled.
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

/// Whether a key set that the client publishes at its `jwks_uri` has the keys that the client needs, by the rules for one
/// in the metadata.
pub(crate) fn accepts_keys(metadata: &ClientMetadata, set: JsonObject, supported: &Supported) -> bool {
    let usable = jwks::can_sign(&set.0, None) || jwks::can_encrypt(&set.0, None);
    let mut metadata = ClientMetadata { jwks: Some(set), jwks_uri: None, ..metadata.clone() };
    let mut violations = Violations::default();
    authentication::apply(&mut metadata, supported, &mut violations);
    algorithms::apply(&mut metadata, supported, &mut violations);
    usable && violations.is_empty()
}

/// Checks a document as a whole and gives what is registered: defaults applied, values that are not offered left out.
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

/// As [`apply`], within the limits that the client keeps from its initial access token.
pub(crate) fn apply_within(
    constraints: &Constraints,
    mut metadata: ClientMetadata,
    mut violations: Violations,
    supported: &Supported,
) -> Result<ClientMetadata, Violations> {
    normal_form::apply(&mut metadata);
    constraints::check(&mut metadata, constraints, supported, &mut violations);
    let mut applied = apply(metadata, violations, &constraints::narrow(supported, constraints))?;
    constraints::limit_scope(&mut applied, constraints);
    Ok(applied)
}

/// A statement that is not verified says nothing (M19); a client may better be told than be left to believe that it does.
fn check_statement(metadata: &mut ClientMetadata, supported: &Supported, violations: &mut Violations) {
    const NAME: &str = "software_statement";
    let sent = metadata.software_statement.is_some() || metadata.extra.get(NAME).is_some();
    if sent && !supported.software_statements && supported.is_on(Switch::UnverifiedStatementsRefused) {
        let (rule, detail) =
            (Switch::UnverifiedStatementsRefused.name(), "this server verifies no software statements");
        let code = ErrorCode::UnapprovedSoftwareStatement;
        violations.push(Violation::new(code, pointer(NAME, None, None), rule, detail));
    }
}

/// A member of an extension that is off is an unknown member, however it came here (M3).
fn drop_unknown(metadata: &mut ClientMetadata, supported: &Supported, _violations: &mut Violations) {
    let known = supported.known_members();
    for (member, field) in metadata.members_mut().filter(|(member, _)| !known.contains(member.group)) {
        debug_assert!(!member.always, "a member that is always returned must always be known");
        field.clear();
    }
}

/// Registers the defaults that the table of members gives. What was sent and is wrong is not made good by them.
fn fill_defaults(metadata: &mut ClientMetadata, _offer: &Supported, violations: &mut Violations) {
    for (member, field) in metadata.members_mut().filter(|(_, field)| field.is_absent()) {
        let Omitted::Registered(default) = member.omitted else { continue };
        if !violations.concern(member.name) {
            let read = serde_json::from_str(default).map(|value| field.put(None, value));
            debug_assert!(matches!(read, Ok(Ok(()))), "{}: a default that cannot be read", member.name);
        }
    }
}

fn refuse(violations: &mut Violations, member: &str, rule: &'static str, detail: &'static str) {
    violations.push(Violation::new(ErrorCode::InvalidClientMetadata, pointer(member, None, None), rule, detail));
}
