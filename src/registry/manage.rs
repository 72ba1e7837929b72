//! Management: a client reads, replaces and deletes its registration
//! ([RFC 7592 §2](https://www.rfc-editor.org/rfc/rfc7592#section-2)).
//!
//! A client proves its identity with its registration access token. A wrong token, an unknown client and a deleted
//! client get the same reply at the same cost, so that an attacker cannot find out which clients exist. `update.rs`
//! holds the steps of an update.
//!
//! Every change is conditional on the revision that was read. Two requests at the same time cannot overwrite each
//! other's result without noticing: the loser reads the client again and repeats its checks.

use std::sync::Arc;

use super::{ATTEMPTS, Registry};
use crate::client::credential::{ClientId, Digest, RegistrationAccessToken};
use crate::client::{Client, ClientInformation, ClientStatus, Presented};
use crate::error::{RegistrationError, RegistrationErrorKind, StoreErrorKind};
use crate::hooks::audit::{AuditEvent, Operation};
use crate::hooks::management::ManagementOperation;
use crate::protocol::metadata::{ClientMetadata, Document};
use crate::store::{RemoveConditions, UpdateConditions};

/// A client that proved itself with a registration access token.
#[derive(Debug)]
pub(crate) struct Authenticated {
    /// The state of the client when it proved itself.
    pub(super) client: Arc<Client>,
    pub(super) token: RegistrationAccessToken,
    /// Whether the token is the current one or one from before a rotation.
    pub(super) presented: Presented,
}

/// Refuses an operation that is meant for another state of the client, as `If-Match` says.
pub(crate) type Precondition<'a> = &'a (dyn Fn(&Client) -> Result<(), RegistrationError> + Send + Sync);

impl Registry {
    /// Reads a registration with its registration access token.
    ///
    /// # Errors
    ///
    /// [`RegistrationErrorKind::InvalidToken`] for a wrong token, an unknown client and a deleted client alike;
    /// [`RegistrationErrorKind::InsufficientScope`] if the operator does not permit reading; or when the store or the
    /// audit trail fails.
    pub async fn read(&self, id: &ClientId, token: &str) -> Result<ClientInformation, RegistrationError> {
        let read = async { self.read_authenticated(self.authorize(id, token, ManagementOperation::Read).await?).await };
        self.attempt(Operation::Read).of_client(id).finish(read.await).await
    }

    /// Replaces the metadata of a client. A member that is left out is removed or gets its default
    /// ([RFC 7592 §2.2](https://www.rfc-editor.org/rfc/rfc7592#section-2.2)).
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read); when the metadata breaks rules; and [`RegistrationErrorKind::Conflict`] when other
    /// changes of the client prevent the update.
    pub async fn update(
        &self,
        id: &ClientId,
        token: &str,
        metadata: ClientMetadata,
    ) -> Result<ClientInformation, RegistrationError> {
        let document = Document { metadata, client_id: Some(id.as_str().into()), ..Document::default() };
        let updated = async {
            let caller = self.authorize(id, token, ManagementOperation::Update).await?;
            self.update_document(caller, document.into(), None, &|_| Ok(())).await
        };
        self.attempt(Operation::Update).of_client(id).finish(updated.await).await
    }

    /// Deletes a client and its credentials ([RFC 7592 §2.3](https://www.rfc-editor.org/rfc/rfc7592#section-2.3)).
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), and [`RegistrationErrorKind::RevocationFailed`] when the client is deleted but its
    /// grants may still be valid.
    pub async fn delete(&self, id: &ClientId, token: &str) -> Result<(), RegistrationError> {
        let deleted = async {
            let caller = self.authorize(id, token, ManagementOperation::Delete).await?;
            self.delete_if(caller, &|_| Ok(())).await
        };
        self.attempt(Operation::Delete).of_client(id).finish(deleted.await).await
    }

    /// Returns the registration, and retires the tokens from before the presented one.
    async fn read_authenticated(&self, caller: Authenticated) -> Result<ClientInformation, RegistrationError> {
        // Before the reply: the use of the token proves that the client has it, so older tokens need not be valid any
        // longer.
        let client = self.retire_earlier(caller.client, caller.presented).await?;
        let secret = self.known_secret(&client)?;
        self.record(&AuditEvent::done(Operation::Read, &client)).await?;
        Ok(self.information(client, secret, Some(caller.token)))
    }

    /// Invalidates the registration access tokens that were issued before the presented one: its use shows that the
    /// client received it.
    async fn retire_earlier(
        &self,
        client: Arc<Client>,
        presented: Presented,
    ) -> Result<Arc<Client>, RegistrationError> {
        let Some(token) = client.token.as_ref().filter(|token| !token.earlier.is_empty()) else { return Ok(client) };
        // A write for each read would be expensive, so the store is updated only if there is a token to invalidate.
        // The oldest valid token has none before it.
        if presented == Presented::Earlier(0) {
            return Ok(client);
        }
        let token = Some(token.after_use_of(presented));
        let retired = Client { token, revision: client.revision + 1, ..(*client).clone() };
        match self.inner.store.update(&retired, &UpdateConditions::unconditional(self.now())).await {
            Ok(()) => Ok(Arc::new(retired)),
            // Another request changed the client in between. The next use of the token retires the earlier ones.
            Err(error) if error.kind() == StoreErrorKind::Conflict => Ok(client),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes a client if the precondition holds for its latest state.
    pub(crate) async fn delete_if(
        &self,
        caller: Authenticated,
        precondition: Precondition<'_>,
    ) -> Result<(), RegistrationError> {
        let Authenticated { mut client, token, .. } = caller;
        for _ in 0..ATTEMPTS {
            precondition(&client)?;
            match self.inner.store.remove(&client.id, &RemoveConditions::at_revision(client.revision)).await {
                Ok(true) => return self.after_removal(Operation::Delete, &client).await,
                // Another request deleted the client first. Its token is invalid now, as for any client that does not
                // exist.
                Ok(false) => return Err(RegistrationError::new(RegistrationErrorKind::InvalidToken)),
                Err(error) if error.kind() == StoreErrorKind::Conflict => {
                    // The change may have replaced the token or the permission, so the caller is authorized again.
                    client = self.authorize(&client.id, token.expose(), ManagementOperation::Delete).await?.client;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(RegistrationError::new(RegistrationErrorKind::Conflict))
    }

    /// Finds the client to which a registration access token belongs, and refuses an operation that it may not do.
    pub(crate) async fn authorize(
        &self,
        id: &ClientId,
        token: &str,
        operation: ManagementOperation,
    ) -> Result<Authenticated, RegistrationError> {
        let caller = self.verify_token(id, token).await?;
        // Only after the token: a caller without it must not learn what a client may do (RFC 6750 §3.1).
        match self.settings().management.permissions.allow(&caller.client, operation) {
            true => Ok(caller),
            false => Err(RegistrationError::new(RegistrationErrorKind::InsufficientScope)),
        }
    }

    /// Finds the client to which a registration access token belongs. The store compares the token before it reads a
    /// record, so a client that does not exist costs the same and gives the same error as a wrong token.
    async fn verify_token(&self, id: &ClientId, token: &str) -> Result<Authenticated, RegistrationError> {
        let digest = Digest::of(token);
        // The store may have found the client by a digest alone, so the identifier is compared here too.
        let client = self.inner.store.get_by_registration_token(id, &digest).await?;
        let enabled = client.filter(|client| client.id == *id && client.status != ClientStatus::Disabled);
        let presented = |client: Arc<Client>| Some((client.token.as_ref()?.verify_token(&digest)?, client));
        let Some((presented, client)) = enabled.and_then(presented) else {
            return Err(RegistrationError::new(RegistrationErrorKind::InvalidToken));
        };
        Ok(Authenticated { client, token: RegistrationAccessToken::new(token), presented })
    }
}
