//! What the operator does with a client: approve, disable, enable and remove it.

use std::sync::Arc;

use super::{ATTEMPTS, Registry};
use crate::audit::{AuditEvent, Operation};
use crate::client::{Client, Status};
use crate::credential::ClientId;
use crate::error::{ErrorKind, RegistrationError, StoreErrorKind};
use crate::store::Removal;

impl Registry {
    /// Lets a client that waits for approval do all that it is registered for. Answers with the client as it is
    /// afterwards, `None` when there is none. Whoever does not wait stays as it is: a disabled client stays disabled.
    ///
    /// # Errors
    ///
    /// When the store or the audit trail fails, or the client is changed by others again and again.
    pub async fn approve(&self, id: &ClientId) -> Result<Option<Arc<Client>>, RegistrationError> {
        let approved = |status| if status == Status::Pending { Status::Active } else { status };
        self.change_status(Operation::Approve, id, approved).await
    }

    /// Takes from a client all that it may do: its secret, its redirection URIs and its registration access token count
    /// no more, until it is [enabled](Self::enable). What it was granted before is for the application to revoke.
    /// Answers with the client as it is afterwards, `None` when there is none.
    ///
    /// # Errors
    ///
    /// As [`approve`](Self::approve). A client that was disabled stays so when the audit trail fails.
    pub async fn disable(&self, id: &ClientId) -> Result<Option<Arc<Client>>, RegistrationError> {
        self.change_status(Operation::Disable, id, |_| Status::Disabled).await
    }

    /// Gives a disabled client back all that it is registered for, approved before or not. Answers with the client as
    /// it is afterwards, `None` when there is none. Whoever waits for approval goes on waiting.
    ///
    /// # Errors
    ///
    /// As [`approve`](Self::approve).
    pub async fn enable(&self, id: &ClientId) -> Result<Option<Arc<Client>>, RegistrationError> {
        let enabled = |status| if status == Status::Disabled { Status::Active } else { status };
        self.change_status(Operation::Enable, id, enabled).await
    }

    /// Removes a client, whatever its status; false when there is none.
    ///
    /// # Errors
    ///
    /// When the store fails; or, the client being gone, when the audit trail fails or what it was granted may not be
    /// gone ([`ErrorKind::RevocationFailed`]).
    pub async fn remove(&self, id: &ClientId) -> Result<bool, RegistrationError> {
        let removed = self.remove_any(id).await;
        self.refusal_audited(Operation::Remove, Some(id), removed)
    }

    async fn remove_any(&self, id: &ClientId) -> Result<bool, RegistrationError> {
        let Some(client) = self.inner.store.get(id).await? else { return Ok(false) };
        if !self.inner.store.remove(id, &Removal::new()).await? {
            return Ok(false);
        }
        self.departed(Operation::Remove, &client).await.map(|()| true)
    }

    /// A client is gone from the store. What it was granted is revoked even when the audit trail fails.
    pub(super) async fn departed(&self, operation: Operation, client: &Client) -> Result<(), RegistrationError> {
        let recorded = self.audit(&AuditEvent::done(operation, client));
        let Some(revocation) = &self.config().revocation else { return recorded };
        let revoked = revocation.revoke(client).await;
        let revoked = revoked.map_err(|cause| RegistrationError::new(ErrorKind::RevocationFailed).caused_by(cause));
        let revoked = self.refusal_audited(Operation::Revoke, Some(&client.id), revoked);
        recorded.and(revoked)
    }

    async fn change_status(
        &self,
        operation: Operation,
        id: &ClientId,
        after: impl Fn(Status) -> Status,
    ) -> Result<Option<Arc<Client>>, RegistrationError> {
        let changed = self.try_to_change_status(operation, id, after).await;
        self.refusal_audited(operation, Some(id), changed)
    }

    async fn try_to_change_status(
        &self,
        operation: Operation,
        id: &ClientId,
        after: impl Fn(Status) -> Status,
    ) -> Result<Option<Arc<Client>>, RegistrationError> {
        for _ in 0..ATTEMPTS {
            let Some(client) = self.inner.store.get(id).await? else { return Ok(None) };
            let status = after(client.status);
            if status == client.status {
                return Ok(Some(client));
            }
            let changed = Client { status, revision: client.revision + 1, ..(*client).clone() };
            match self.inner.store.update(&changed).await {
                Ok(()) => return self.audit_status(operation, &client, changed).await.map(Some),
                Err(error) if error.kind() == StoreErrorKind::Conflict => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(RegistrationError::new(ErrorKind::Conflict))
    }

    /// What is not on the audit trail did not happen, except that nobody is enabled because a disk is full.
    async fn audit_status(
        &self,
        operation: Operation,
        before: &Client,
        after: Client,
    ) -> Result<Arc<Client>, RegistrationError> {
        let Err(error) = self.audit(&AuditEvent::changed(operation, before, &after)) else {
            return Ok(Arc::new(after));
        };
        if after.status != Status::Disabled {
            let restored = Client { revision: after.revision + 1, ..before.clone() };
            self.inner.store.update(&restored).await?;
            drop(self.audit(&AuditEvent::changed(Operation::TakeBack, &after, &restored)));
        }
        Err(error)
    }
}
