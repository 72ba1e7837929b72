//! The limits of an initial access token, which hold for its clients until they are deleted: C1 to C3 of the policy.
//!
//! Grant types and authentication methods narrow what the server supports, so the rules M11 and M12 apply to them. Scope
//! values are left out while one remains. A redirection URI or a software identifier cannot be narrowed and is refused.
//!
//! - Reads: the constraints, and the members that they limit.
//! - Changes: `scope`, and the lists of supported grant types and methods by which the later rules judge.
//! - Refuses (C1 to C3): a host, a scope or a software identifier that the initial access token does not permit.

use std::borrow::Cow;

use super::{refuse, text, values};
use crate::error::{Violation, Violations};
use crate::protocol::constraints::Constraints;
use crate::protocol::metadata::{ClientMetadata, Leads, pointer};
use crate::protocol::uri::Parts;
use crate::protocol::{Supported, Switch};

/// What the server supports for a client with these constraints. Without constraints nothing is copied.
pub(super) fn narrow<'a>(supported: &'a Supported, constraints: &Constraints) -> Cow<'a, Supported> {
    if constraints.grant_types.is_empty() && constraints.auth_methods.is_empty() {
        return Cow::Borrowed(supported);
    }
    let mut supported = supported.clone();
    supported.grant_types.retain(|grant_type| permits(&constraints.grant_types, grant_type));
    supported.auth_methods.retain(|auth_method| permits(&constraints.auth_methods, auth_method));
    Cow::Owned(supported)
}

/// Whether a list of constraints permits a value. An empty list permits every value.
fn permits<T: PartialEq>(permitted: &[T], value: &T) -> bool {
    permitted.is_empty() || permitted.contains(value)
}

/// Checks the document of the client, before any other rule. A host or a software identifier that the token does not permit
/// must be refused even where another rule would remove the value.
pub(super) fn check(
    metadata: &mut ClientMetadata,
    constraints: &Constraints,
    supported: &Supported,
    violations: &mut Violations,
) {
    check_hosts(metadata, constraints, supported, violations);
    check_scope(metadata, constraints, supported, violations);
    let software_id = constraints.software_id.as_deref();
    if software_id.is_some() && metadata.software_id.as_deref() != software_id {
        refuse(violations, "software_id", "C3", "not the software that the initial access token is for");
    }
}

/// Checks the host of every URI that receives data about a user (C1). A URI that breaks the rule of its own member is
/// reported by that rule, and a member that the server does not know is removed later.
fn check_hosts(
    metadata: &ClientMetadata,
    constraints: &Constraints,
    supported: &Supported,
    violations: &mut Violations,
) {
    let permitted = |host: &str| constraints.redirect_hosts.iter().any(|known| known.eq_ignore_ascii_case(host));
    if constraints.redirect_hosts.is_empty() {
        return;
    }
    let uris = metadata
        .uris(Leads::delivers)
        .into_iter()
        .filter(|(member, _)| supported.known_members().contains(member.group));
    for (member, text) in uris {
        if host(text.value).is_some_and(permitted) || values::check_text(member.kind, text, supported).is_err() {
            continue;
        }
        let pointer = pointer(member.name, text.tag, text.index);
        let detail = "the initial access token does not permit this host";
        violations.push(Violation::new(member.error_code(), pointer, "C1", detail));
    }
}

/// The host of an `http` or `https` URI. The name after a private-use scheme is not a host, so no constraint permits it.
fn host(uri: &str) -> Option<&str> {
    let parts = Parts::read(uri).ok()?;
    let on_the_web = parts.has_scheme("https") || parts.has_scheme("http");
    on_the_web.then(|| parts.server().ok()).flatten().map(|server| server.host)
}

/// Narrows the scope to the permitted values, or refuses it where a switch or an empty rest demands it (C2).
fn check_scope(
    metadata: &mut ClientMetadata,
    constraints: &Constraints,
    supported: &Supported,
    violations: &mut Violations,
) {
    let asked = metadata.scope.as_ref().filter(|scope| text::check_scope(scope, supported.max_scope_bytes).is_ok());
    let Some(asked) = asked.filter(|_| !constraints.scopes.is_empty()) else { return };
    // Either switch means that the client must not get less than it requests without an error.
    let strict = supported.is_on(Switch::UnknownScopesRefused) || supported.is_on(Switch::UnofferedRefused);
    match permitted_scope(asked, constraints) {
        Some(scope) if scope == *asked || !strict => metadata.scope = Some(scope),
        Some(_) => refuse(violations, "scope", "C2", "a scope that the initial access token does not permit"),
        None => refuse(violations, "scope", "C2", "the initial access token permits none of the scopes"),
    }
}

/// Limits the scope that the other rules decided, which may be the default of the server. A client without a scope is not
/// limited by its registration, so it gets the permitted scope.
pub(super) fn limit_scope(metadata: &mut ClientMetadata, constraints: &Constraints) {
    if constraints.scopes.is_empty() {
        return;
    }
    let applied = metadata.scope.as_deref().and_then(|scope| permitted_scope(scope, constraints));
    metadata.scope = Some(applied.unwrap_or_else(|| constraints.scopes.join(" ")));
}

/// The permitted values of a scope, in its order; `None` where there are none.
fn permitted_scope(scope: &str, constraints: &Constraints) -> Option<String> {
    let permitted = |token: &&str| constraints.scopes.iter().any(|known| known == token);
    let kept: Vec<_> = scope.split(' ').filter(permitted).collect();
    (!kept.is_empty()).then(|| kept.join(" "))
}
