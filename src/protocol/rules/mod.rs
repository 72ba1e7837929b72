//! The policy: what may be registered, and what an accepted document becomes.
//!
//! [`settle`] is the one door. A new registration, an update and the application's own calls all pass through it, so
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
mod form;
mod grants;
pub(crate) mod jwks;
mod redirects;
mod scope;
mod subject;
#[cfg(test)]
mod tests;
pub(crate) mod text;

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
    choices::settle,
    form::check,
    fill_defaults,
    grants::settle,
    redirects::check,
    application_type::settle,
    authentication::settle,
    algorithms::settle,
    scope::settle,
    subject::settle,
    extensions::settle,
    ciba::check,
    extra::settle,
];

/// Whether a key set that the client publishes at its `jwks_uri` has the keys that the client needs, by the rules for one
/// in the metadata.
pub(crate) fn accepts_keys(metadata: &ClientMetadata, set: JsonObject, offer: &Supported) -> bool {
    let usable = jwks::can_sign(&set.0, None) || jwks::can_encrypt(&set.0, None);
    let mut metadata = ClientMetadata { jwks: Some(set), jwks_uri: None, ..metadata.clone() };
    let mut violations = Violations::default();
    authentication::settle(&mut metadata, offer, &mut violations);
    algorithms::settle(&mut metadata, offer, &mut violations);
    usable && violations.is_empty()
}

/// Checks a document as a whole and gives what is registered: defaults applied, values that are not offered left out.
pub(crate) fn settle(
    mut metadata: ClientMetadata,
    mut violations: Violations,
    offer: &Supported,
) -> Result<ClientMetadata, Violations> {
    for rule in RULES {
        rule(&mut metadata, offer, &mut violations);
    }
    match violations.is_empty() {
        true => Ok(metadata),
        false => Err(violations),
    }
}

/// As [`settle`], within the limits that the client keeps from its initial access token.
pub(crate) fn settle_within(
    constraints: &Constraints,
    mut metadata: ClientMetadata,
    mut violations: Violations,
    offer: &Supported,
) -> Result<ClientMetadata, Violations> {
    normal_form::apply(&mut metadata);
    constraints::check(&mut metadata, constraints, offer, &mut violations);
    let mut settled = settle(metadata, violations, &constraints::narrow(offer, constraints))?;
    constraints::limit_scope(&mut settled, constraints);
    Ok(settled)
}

/// A statement that is not verified says nothing (M19); a client may better be told than be left to believe that it does.
fn check_statement(metadata: &mut ClientMetadata, offer: &Supported, violations: &mut Violations) {
    const NAME: &str = "software_statement";
    let sent = metadata.software_statement.is_some() || metadata.extra.get(NAME).is_some();
    if sent && !offer.software_statements && offer.is_on(Switch::UnverifiedStatementsRefused) {
        let (rule, detail) =
            (Switch::UnverifiedStatementsRefused.name(), "this server verifies no software statements");
        let code = ErrorCode::UnapprovedSoftwareStatement;
        violations.push(Violation::new(code, pointer(NAME, None, None), rule, detail));
    }
}

/// A member of an extension that is off is an unknown member, however it came here (M3).
fn drop_unknown(metadata: &mut ClientMetadata, offer: &Supported, _violations: &mut Violations) {
    let known = offer.known();
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
