//! Identical registrations of public clients, which may share one client.
//!
//! Native applications register on every device and often at every start, each time with the same document except for
//! the port of a loopback redirection URI, which is chosen at run time
//! ([RFC 8252 §7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3)). A fingerprint of the document finds the
//! client that is registered already. Only public clients of anonymous callers are shared: they have no secret, no
//! owner and no rights of their own.
//!
//! Without sharing, such applications fill the store with records that are used once. Sharing gives no rights: the
//! reply to a later caller has no token, and a public client has no secret that another instance could use.

use std::sync::Arc;

use super::Registry;
use crate::client::ClientInformation;
use crate::client::credential::Digest;
use crate::client::{Client, ClientStatus, RegistrationOrigin};
use crate::error::RegistrationError;
use crate::hooks::access::Registrant;
use crate::hooks::audit::{AuditEvent, Operation};
use crate::protocol::metadata::{ClientMetadata, TokenEndpointAuthMethod};
use crate::protocol::uri::redirect;
use crate::store::ClientQuery;

/// How many clients of one fingerprint are read. There is more than one only if two were registered at the same moment
/// or one is disabled.
const MAX_CANDIDATES: usize = 8;

impl Registry {
    /// The fingerprint of registrations that may share one client; `None` if this one may not.
    pub(super) fn shared_fingerprint(&self, metadata: &ClientMetadata, registrant: &Registrant) -> Option<Digest> {
        let is_public = metadata.token_endpoint_auth_method == Some(TokenEndpointAuthMethod::None);
        let is_anonymous = registrant.origin == RegistrationOrigin::Open;
        let is_shareable = self.settings().registration.shared && is_public && is_anonymous;
        is_shareable.then(|| Digest::of(&normalised(metadata.clone()).to_json()))
    }

    /// The registered client with this fingerprint, as the reply to a caller who registers it again: with the metadata
    /// as that caller sent it, and without a registration access token.
    pub(super) async fn shared_registration(
        &self,
        fingerprint: Option<Digest>,
        metadata: &ClientMetadata,
    ) -> Result<Option<ClientInformation>, RegistrationError> {
        let Some(fingerprint) = fingerprint else { return Ok(None) };
        let query = ClientQuery::new().with_fingerprint(fingerprint).with_limit(MAX_CANDIDATES);
        // Not an atomic step: two identical registrations at the same moment may both be stored. That costs a record
        // and harms no client, so the store need not hold this fingerprint unique.
        let identical = self.inner.store.list(&query).await?;
        let enabled = identical.iter().find(|client| client.status != ClientStatus::Disabled);
        let Some(client) = enabled else { return Ok(None) };
        // Recorded before the reply: a caller receives no identifier that the audit trail does not show.
        self.record(&AuditEvent::done(Operation::Reuse, client)).await?;
        let shown = Client { metadata: metadata.clone(), ..(**client).clone() };
        Ok(Some(self.information(Arc::new(shown), None, None)))
    }
}

/// Metadata without what may differ between identical registrations: the order of values, and ports of loopback URIs.
fn normalised(mut metadata: ClientMetadata) -> ClientMetadata {
    for uris in [&mut metadata.redirect_uris, &mut metadata.post_logout_redirect_uris] {
        for uri in uris.iter_mut() {
            *uri = redirect::without_free_port(uri);
        }
        uris.sort_unstable();
        uris.dedup();
    }
    metadata.grant_types.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    metadata.response_types.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    if let Some(scope) = &mut metadata.scope {
        let mut tokens: Vec<_> = scope.split(' ').collect();
        // The order of scopes has no meaning (RFC 6749 §3.3).
        tokens.sort_unstable();
        *scope = tokens.join(" ");
    }
    metadata
}
