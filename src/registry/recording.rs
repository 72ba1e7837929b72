//! What the registry puts on the audit trail: every change, and every refusal with the operation that was refused.
//!
//! A change that cannot be recorded does not happen, so [`Registry::record`] fails where the sink fails. A refusal
//! stays a refusal, whether or not it can be recorded.
//!
//! The operation calls `record` after the store has acknowledged the change and before the caller gets the reply. If
//! it were called before the store, the trail could show changes that never happened.

use super::Registry;
use crate::client::credential::ClientId;
use crate::error::{BoxError, RegistrationError, RegistrationErrorKind};
use crate::hooks::access::Registrant;
use crate::hooks::audit::{AuditEvent, Operation, OwnedEvent, Recording, RequestedClient, join};

/// An operation under way, with all that is recorded when it is refused.
#[derive(Clone, Copy)]
pub(super) struct Attempt<'a> {
    registry: &'a Registry,
    operation: Operation,
    client: Option<&'a ClientId>,
    registrant: Option<&'a Registrant>,
    sent: &'a [u8],
}

impl Registry {
    /// Puts an event on the audit trail. If this future is dropped, the event is recorded nevertheless.
    pub(super) async fn record(&self, event: &AuditEvent<'_>) -> Result<(), RegistrationError> {
        self.recording(event).await.map_err(not_recorded)
    }

    /// Puts several events on the audit trail, all of them before it waits for one. Fails with the first failure, after
    /// every event was tried.
    pub(super) async fn record_each<'a>(
        &self,
        events: impl IntoIterator<Item = AuditEvent<'a>>,
    ) -> Result<(), RegistrationError> {
        let recordings = events.into_iter().map(|event| self.recording(&event)).collect();
        join::<Recording>(recordings).await.map_err(not_recorded)
    }

    /// As [`record`](Self::record), in a destructor, where nothing can be waited for: the trail ends what this begins.
    pub(super) fn record_without_waiting(&self, event: &AuditEvent<'_>) {
        drop(self.recording(event));
    }

    /// The recording of an event; it begins when it is awaited or dropped.
    pub(super) fn recording(&self, event: &AuditEvent<'_>) -> Recording {
        let runtime = &self.settings().runtime;
        let event = OwnedEvent::new(event, self.now(), runtime.tenant_name(), self.context().clone());
        runtime.audit.record(event)
    }

    pub(super) fn attempt(&self, operation: Operation) -> Attempt<'_> {
        Attempt { registry: self, operation, client: None, registrant: None, sent: &[] }
    }
}

/// A change that cannot be recorded is refused: the server is not available for it.
pub(super) fn not_recorded(source: BoxError) -> RegistrationError {
    RegistrationError::new(RegistrationErrorKind::Unavailable).caused_by(source)
}

impl<'a> Attempt<'a> {
    /// The client that the operation is about; it need not exist.
    pub(super) fn of_client(self, id: &'a ClientId) -> Self {
        Self { client: Some(id), ..self }
    }

    /// The caller, once access control has let it pass.
    pub(super) fn by(self, registrant: &'a Registrant) -> Self {
        Self { registrant: Some(registrant), ..self }
    }

    /// The body of the request, as far as it arrived.
    pub(super) fn with_body(self, sent: &'a [u8]) -> Self {
        Self { sent, ..self }
    }

    /// Passes the outcome on and records a refusal. A revocation that failed was recorded where it failed.
    pub(super) async fn finish<T>(self, outcome: Result<T, RegistrationError>) -> Result<T, RegistrationError> {
        if let Err(error) = &outcome {
            let is_recorded = error.kind() == RegistrationErrorKind::RevocationFailed;
            if self.operation == Operation::Revoke || !is_recorded {
                self.record_refusal(error).await;
            }
        }
        outcome
    }

    async fn record_refusal(self, error: &RegistrationError) {
        let requested = RequestedClient::read(self.sent);
        let event = match self.registrant {
            Some(registrant) => AuditEvent::refused_to(self.operation, registrant, error),
            None => AuditEvent::refused(self.operation, self.client, error),
        };
        // The caller is refused in any case.
        drop(self.registry.record(&event.requesting(requested.as_ref())).await);
    }
}
