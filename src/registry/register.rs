//! Registration: a document and a grant become a client
//! ([RFC 7591 §3](https://www.rfc-editor.org/rfc/rfc7591#section-3)).

use std::sync::Arc;
use std::time::SystemTime;

use super::Registry;
use crate::access::Grant;
use crate::audit::{AuditEvent, Operation};
use crate::client::{Client, Origin, RegistrationToken, Secret, Status};
use crate::credential::{ClientId, ClientSecret, RegistrationAccessToken};
use crate::error::{ErrorKind, RegistrationError};
use crate::information::ClientInformation;
use crate::metadata::{ClientMetadata, Document, TokenEndpointAuthMethod};
use crate::rules;
use crate::store::{Admission, Admitted, Removal};

impl Registry {
    /// Registers a client on behalf of the application itself, whatever the access control and the switch say.
    ///
    /// # Errors
    ///
    /// When the metadata breaks rules, there is no room for another client, or the store fails.
    pub async fn register(&self, metadata: ClientMetadata) -> Result<ClientInformation, RegistrationError> {
        let document = Document { metadata, ..Document::default() };
        let grant = Grant::of(Origin::Application);
        let done = self.register_document(document, grant.clone()).await;
        self.refusal_to_caller_audited(&grant, done)
    }

    pub(crate) async fn register_document(
        &self,
        document: Document,
        grant: Grant,
    ) -> Result<ClientInformation, RegistrationError> {
        let metadata =
            rules::settle_within(&grant.constraints, document.metadata, document.violations, &self.config().offer)?;
        self.check_documents(&metadata).await?;
        let now = self.now();
        let token = self.config().management.then(RegistrationAccessToken::generate).transpose()?;
        let secret = self.new_secret(&metadata, now)?;
        let client = Client {
            id: ClientId::generate()?,
            metadata,
            issued_at: now,
            secret,
            token: token.as_ref().map(|token| RegistrationToken { current: token.digest(), previous: None }),
            revision: 1,
            last_used: None,
            origin: grant.origin,
            owner: grant.owner,
            status: Status::Active,
            constraints: grant.constraints,
            fingerprint: None,
        };
        let admission = Admission {
            initial_access_token: grant.spends,
            most_clients: self.config().most_clients,
            ..Admission::free(now)
        };
        match self.inner.store.insert(&client, &admission).await? {
            Admitted::Inserted => {}
            Admitted::TokenRefused => return Err(RegistrationError::new(ErrorKind::InvalidToken)),
            Admitted::Full => {
                return Err(RegistrationError::new(ErrorKind::Unavailable).caused_by("the client limit is reached"));
            }
            Admitted::Exists => {
                return Err(RegistrationError::new(ErrorKind::Internal).caused_by("a random identifier came twice"));
            }
        }
        if let Err(error) = self.audit(&AuditEvent::done(Operation::Register, &client)) {
            let taken_back = Removal { revision: None, refunds: grant.spends };
            self.inner.store.remove(&client.id, &taken_back).await?;
            drop(self.audit(&AuditEvent::done(Operation::TakeBack, &client)));
            return Err(error);
        }
        Ok(self.information(Arc::new(client), token))
    }

    pub(super) fn new_secret(
        &self,
        metadata: &ClientMetadata,
        now: SystemTime,
    ) -> Result<Option<Secret>, RegistrationError> {
        if !needs_secret(metadata) {
            return Ok(None);
        }
        let stored = self.config().secrets.keep(&ClientSecret::generate()?);
        let expires_at = self.config().secret_lifetime.and_then(|lifetime| now.checked_add(lifetime));
        Ok(Some(Secret { stored, expires_at }))
    }
}

/// Public clients and clients with keys of their own get no secret
/// ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2)).
pub(super) fn needs_secret(metadata: &ClientMetadata) -> bool {
    use TokenEndpointAuthMethod as Method;
    let without = [Method::None, Method::PrivateKeyJwt, Method::TlsClientAuth, Method::SelfSignedTlsClientAuth];
    metadata.token_endpoint_auth_method.as_ref().is_none_or(|method| !without.contains(method))
}
