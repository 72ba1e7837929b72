//! What the operator does with a client: approve, disable, enable and remove it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Registry;
use crate::client::credential::ClientId;
use crate::client::{Client, ClientStatus};
use crate::error::{RegistrationError, RegistrationErrorKind, StoreErrorKind};
use crate::hooks::audit::{AuditEvent, Operation};
use crate::store::{RemoveConditions, UpdateConditions};

/// How often a change of status is tried. A client can delay it only by an update between each read and write, so it
/// cannot do so for long. The number is higher than that of clients, because an operator must be able to disable a
/// client.
const MORE_ATTEMPTS: usize = 100;

impl Registry {
    /// Approves a pending client: it may then do everything that it is registered for. Returns the client after the
    /// change, `None` if there is none. A client with another status is returned unchanged; a disabled client stays
    /// disabled.
    ///
    /// A pending client may still update itself. The returned client is what was approved, so compare it, or its
    /// [`revision`](Client::revision), with what was reviewed.
    ///
    /// # Errors
    ///
    /// When the store or the audit trail fails, or the client is changed by others again and again.
    pub async fn approve(&self, id: &ClientId) -> Result<Option<Arc<Client>>, RegistrationError> {
        self.change_status(Operation::Approve, id, |client| Ok(approved(client))).await
    }

    /// As [`approve`](Self::approve), for a registration that a person has reviewed: a pending client is approved
    /// only at this [revision](Client::revision), so it cannot change between the review and the approval.
    ///
    /// # Errors
    ///
    /// As [`approve`](Self::approve), and [`RegistrationErrorKind::Conflict`] when a client that waits has another
    /// revision.
    pub async fn approve_revision(
        &self,
        id: &ClientId,
        revision: u64,
    ) -> Result<Option<Arc<Client>>, RegistrationError> {
        let reviewed = |client: &Client| match client.status {
            ClientStatus::Pending if client.revision != revision => {
                Err(RegistrationError::new(RegistrationErrorKind::Conflict))
            }
            _ => Ok(approved(client)),
        };
        self.change_status(Operation::Approve, id, reviewed).await
    }

    /// Disables a client until it is [enabled](Self::enable): its secret, its redirection URIs and its registration
    /// access token are not valid meanwhile. The application must revoke the grants that the client has already.
    /// Returns the client after the change, `None` if there is none.
    ///
    /// # Errors
    ///
    /// As [`approve`](Self::approve). If the audit trail fails, the client stays disabled.
    pub async fn disable(&self, id: &ClientId) -> Result<Option<Arc<Client>>, RegistrationError> {
        self.change_status(Operation::Disable, id, |_| Ok(ClientStatus::Disabled)).await
    }

    /// Enables a disabled client, whether it was approved before or not. Returns the client after the change, `None`
    /// if there is none. A pending client stays pending.
    ///
    /// # Errors
    ///
    /// As [`approve`](Self::approve).
    pub async fn enable(&self, id: &ClientId) -> Result<Option<Arc<Client>>, RegistrationError> {
        let enabled = |client: &Client| match client.status {
            ClientStatus::Disabled => ClientStatus::Active,
            status => status,
        };
        self.change_status(Operation::Enable, id, |client| Ok(enabled(client))).await
    }

    /// Removes a client, whatever its status; false when there is none.
    ///
    /// # Errors
    ///
    /// When the store fails; or, after the client was removed, when the audit trail fails or the grants of the client
    /// could not be revoked ([`RegistrationErrorKind::RevocationFailed`]).
    pub async fn remove(&self, id: &ClientId) -> Result<bool, RegistrationError> {
        let removed = self.remove_any(id).await;
        self.attempt(Operation::Remove).of_client(id).finish(removed).await
    }

    /// Removes a client at any revision: an operator removes it whatever it changed meanwhile.
    async fn remove_any(&self, id: &ClientId) -> Result<bool, RegistrationError> {
        // Read first, because the event and the revocation need the client that is removed.
        let Some(client) = self.inner.store.get_current(id).await? else { return Ok(false) };
        if !self.inner.store.remove(id, &RemoveConditions::unconditional()).await? {
            return Ok(false);
        }
        self.after_removal(Operation::Remove, &client).await.map(|()| true)
    }

    /// Records that a client was removed from the store, and revokes its grants, even when the audit trail fails.
    pub(super) async fn after_removal(&self, operation: Operation, client: &Client) -> Result<(), RegistrationError> {
        let unrevoked = self.unrevoked([client]);
        let recorded = self.record(&AuditEvent::done(operation, client)).await;
        // Grants are revoked also if the event was not recorded: the client is removed, and its tokens must not
        // outlive it.
        recorded.and(unrevoked.revoke().await)
    }

    /// Clients that were removed from the store and whose grants must be revoked. Call this before the first `.await`
    /// after the removal: it reports the clients if the caller leaves.
    pub(super) fn unrevoked<'a>(&'a self, clients: impl IntoIterator<Item = &'a Client>) -> Unrevoked<'a> {
        let is_needed = self.settings().lifecycle.revocation.is_some();
        Unrevoked { registry: self, clients: clients.into_iter().filter(|_| is_needed).collect() }
    }

    /// Changes the status as `after` decides, and records a refusal. The caller gets the client as it is then.
    async fn change_status(
        &self,
        operation: Operation,
        id: &ClientId,
        after: impl Fn(&Client) -> Result<ClientStatus, RegistrationError>,
    ) -> Result<Option<Arc<Client>>, RegistrationError> {
        let changed = self.try_to_change_status(operation, id, after).await;
        self.attempt(operation).of_client(id).finish(changed).await
    }

    /// Reads the client, decides, and writes at the revision that was read; a conflict starts again. A client that
    /// has the status already is not written, and no event is recorded.
    async fn try_to_change_status(
        &self,
        operation: Operation,
        id: &ClientId,
        after: impl Fn(&Client) -> Result<ClientStatus, RegistrationError>,
    ) -> Result<Option<Arc<Client>>, RegistrationError> {
        for _ in 0..MORE_ATTEMPTS {
            // Not from a cache: the decision must be about the status that the store has.
            let Some(client) = self.inner.store.get_current(id).await? else { return Ok(None) };
            let status = after(&client)?;
            if status == client.status {
                return Ok(Some(client));
            }
            let changed = Client { status, revision: client.revision + 1, ..(*client).clone() };
            match self.inner.store.update(&changed, &UpdateConditions::unconditional(self.now())).await {
                Ok(()) => return self.audit_status(operation, &client, changed).await.map(Some),
                Err(error) if error.kind() == StoreErrorKind::Conflict => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(RegistrationError::new(RegistrationErrorKind::Conflict))
    }

    /// Records a change of status, or undoes it. A change that disabled a client is not undone: a failing audit trail
    /// must not make a client active that an operator wanted to stop.
    async fn audit_status(
        &self,
        operation: Operation,
        before: &Client,
        after: Client,
    ) -> Result<Arc<Client>, RegistrationError> {
        let Err(error) = self.record(&AuditEvent::changed(operation, before, &after)).await else {
            return Ok(Arc::new(after));
        };
        // Undone only in the direction that takes rights away.
        if after.status != ClientStatus::Disabled {
            let restored = Client { revision: after.revision + 1, ..before.clone() };
            self.inner.store.update(&restored, &UpdateConditions::unconditional(self.now())).await?;
            drop(self.record(&AuditEvent::changed(Operation::TakeBack, &after, &restored)).await);
        }
        Err(error)
    }
}

/// Removed clients whose grants are not revoked yet. If the caller leaves before the end, the audit trail is the only
/// place that names them, so dropping this records a failed revocation of each.
pub(super) struct Unrevoked<'a> {
    registry: &'a Registry,
    clients: VecDeque<&'a Client>,
}

impl Unrevoked<'_> {
    /// Revokes the grants of every client, also when that fails for some of them. Returns the first failure.
    pub(super) async fn revoke(mut self) -> Result<(), RegistrationError> {
        let registry = self.registry;
        let Some(revocation) = &registry.settings().lifecycle.revocation else { return Ok(()) };
        let mut all = Ok(());
        while let Some(client) = self.clients.front().copied() {
            let revoked = revocation.revoke(client).await;
            // Only after the revocation: a future that is dropped meanwhile still reports this client.
            self.clients.pop_front();
            let revoked = revoked
                .map_err(|cause| RegistrationError::new(RegistrationErrorKind::RevocationFailed).caused_by(cause));
            all = all.and(registry.attempt(Operation::Revoke).of_client(&client.id).finish(revoked).await);
        }
        all
    }

    /// The removal was undone, so the clients keep their grants.
    pub(super) fn cancel(mut self) {
        self.clients.clear();
    }
}

impl Drop for Unrevoked<'_> {
    fn drop(&mut self) {
        for client in &self.clients {
            let error = RegistrationError::new(RegistrationErrorKind::RevocationFailed)
                .caused_by("the caller left before its end");
            self.registry.record_without_waiting(&AuditEvent::refused(Operation::Revoke, Some(&client.id), &error));
        }
    }
}

/// The status after an approval. Only a pending client becomes active.
fn approved(client: &Client) -> ClientStatus {
    match client.status {
        ClientStatus::Pending => ClientStatus::Active,
        status => status,
    }
}
