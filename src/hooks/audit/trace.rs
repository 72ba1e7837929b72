//! The audit trail as `tracing` events.
//!
//! Each event has the same fields, and a field without a value is left out. The text of an untrusted document is
//! shortened and escaped before (`RequestedClient`), so that it cannot forge a line of a log.

use super::{AuditEvent, AuditSink, RequestedClient};
use crate::client::credential::ClientId;
use crate::client::{Client, RegistrationOrigin};
use crate::error::{BoxError, shortened};

/// The audit trail as `tracing` events of target `tower_dcr::audit`: `INFO` for what was done, `WARN` for what was
/// refused. It is the default if the feature `tracing` is enabled. Changed members are listed by name, without
/// values.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "a unit struct without settings")]
pub struct TracingAudit;

impl AuditSink for TracingAudit {
    async fn record(&self, event: &AuditEvent<'_>) -> Result<(), BoxError> {
        // The two levels are macro calls of their own: `tracing` needs the level and the fields at compile time.
        match event.refusal() {
            None => done(event),
            Some(_) => refused(event),
        }
        Ok(())
    }
}

/// An event of level INFO.
fn done(event: &AuditEvent<'_>) {
    tracing::info!(
        target: "tower_dcr::audit",
        operation = event.operation().as_str(),
        tenant = tenant(event),
        request_id = event.request_id(),
        actor = event.actor(),
        client_id = event.client_id().map(ClientId::as_str),
        revision = event.client().map(Client::revision),
        status = event.client().map(|client| client.status().as_str()),
        origin = event.origin().map(RegistrationOrigin::as_str),
        initial_access_token_id = event.initial_access_token_id(),
        owner = event.owner(),
        changes = changes(event),
        "done"
    );
}

/// An event of level WARN. The cause is only for the operator and is not part of the reply.
fn refused(event: &AuditEvent<'_>) {
    let Some(refusal) = event.refusal() else { return };
    tracing::warn!(
        target: "tower_dcr::audit",
        operation = event.operation().as_str(),
        tenant = tenant(event),
        request_id = event.request_id(),
        actor = event.actor(),
        client_id = event.client_id().map(ClientId::as_str),
        origin = event.origin().map(RegistrationOrigin::as_str),
        initial_access_token_id = event.initial_access_token_id(),
        owner = event.owner(),
        status = refusal.status(),
        error = refusal.code(),
        // The text of the reply, which never contains a value that the caller sent.
        reason = %refusal,
        cause = refusal.cause(),
        claimed_client_id = event.requested().and_then(|requested| requested.client_id.as_deref()),
        client_name = event.requested().and_then(|requested| requested.client_name.as_deref()),
        redirect_hosts = event.requested().and_then(redirect_hosts),
        "refused"
    );
}

/// The name of the tenant; `None` for a registry without one.
fn tenant<'a>(event: &'a AuditEvent<'_>) -> Option<&'a str> {
    Some(event.tenant()).filter(|tenant| !tenant.is_empty())
}

/// The hosts in one field, separated by spaces; `tracing` has no lists.
fn redirect_hosts(requested: &RequestedClient) -> Option<String> {
    Some(requested.redirect_hosts.join(" ")).filter(|hosts| !hosts.is_empty())
}

/// The longest list of changed members in a log line, in bytes. A client may have a name in 250 languages.
const MAX_CHANGES: usize = 1024;

/// The names of changed members, where an update has any.
fn changes(event: &AuditEvent<'_>) -> Option<String> {
    // A registration would list every member, which is the whole document and no change.
    event.before()?;
    let members: Vec<_> = event.changes().into_iter().map(|change| change.member).collect();
    Some(shortened(members.join(" "), MAX_CHANGES))
}
