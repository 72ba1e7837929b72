//! Identical registrations of public clients, which may share one.
//!
//! Native applications register anew on every device and at every start, each time with the same document but for the
//! port of a loopback redirection URI, which is free anyway
//! ([RFC 8252 §7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3)).

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

/// How many clients of one fingerprint are looked at: there is more than one only when two registered at once or one
/// was disabled.
const LOOKED_AT: usize = 8;

impl Registry {
    /// What identical registrations have in common; `None` for one that is not to be shared.
    pub(super) fn fingerprint(&self, metadata: &ClientMetadata, grant: &Registrant) -> Option<Digest> {
        let public = metadata.token_endpoint_auth_method == Some(TokenEndpointAuthMethod::None);
        let shareable = self.settings().registration.shared && public && grant.origin == RegistrationOrigin::Open;
        shareable.then(|| Digest::of(&normalised(metadata.clone()).to_json()))
    }

    /// The client with this fingerprint that is there already, as the reply to somebody who registers it again.
    pub(super) async fn shared(
        &self,
        fingerprint: Option<Digest>,
        metadata: &ClientMetadata,
    ) -> Result<Option<ClientInformation>, RegistrationError> {
        let Some(fingerprint) = fingerprint else { return Ok(None) };
        let query = ClientQuery::new().with_fingerprint(fingerprint).with_limit(LOOKED_AT);
        let same = self.inner.store.list(&query).await?;
        let Some(client) = same.iter().find(|client| client.status != ClientStatus::Disabled) else { return Ok(None) };
        self.record(&AuditEvent::done(Operation::Reuse, client)).await?;
        let told = Client { metadata: metadata.clone(), ..(**client).clone() };
        Ok(Some(self.information(Arc::new(told), None, None)))
    }
}

/// The same for all documents that mean the same.
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
        tokens.sort_unstable();
        *scope = tokens.join(" ");
    }
    metadata
}
