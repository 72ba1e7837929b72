//! The operations of the endpoint, one method for each.
//!
//! Every operation has the same order, which protects against abuse: gates and access control first, then the body,
//! and only for a caller that is permitted, then the operation. A refusal at any step is recorded here, with
//! everything that is known of the caller at that step.
//!
//! A future of this file may be dropped at any `.await`, because a server drops it when the connection closes. A
//! change that the store has acknowledged then stays, and its event is still recorded (`hooks/audit/trail.rs`). A
//! change that was not written has no effect.

use bytes::Bytes;

use super::manage::Precondition;
use super::submission::{Payload, Submission};
use super::{DryRun, Registry};
use crate::client::credential::ClientId;
use crate::client::{ClientInformation, RegistrationOrigin};
use crate::error::{RegistrationError, RegistrationErrorKind};
use crate::hooks::access::{Access, Registrant, RequestHead, bearer};
use crate::hooks::audit::Operation;
use crate::hooks::management::ManagementOperation;

/// The body of a request, which is read when this is awaited.
pub(crate) trait ReadBody: Future<Output = Result<Payload, RegistrationError>> + Send {}

impl<F: Future<Output = Result<Payload, RegistrationError>> + Send> ReadBody for F {}

impl Registry {
    /// Registers the client that the body describes.
    pub(crate) async fn register_requested(
        &self,
        request: RequestHead<'_>,
        body: impl ReadBody,
    ) -> Result<ClientInformation, RegistrationError> {
        let attempt = self.attempt(Operation::Register);
        // Before the body: a caller without rights must not make this server read and parse a document.
        let registrant = attempt.finish(self.authorize_registration(&request).await).await?;
        let mut sent = Bytes::new();
        let registered = async {
            // A body that breaks off leaves `sent` empty, and the refusal is then recorded without the requested
            // client.
            let submission = self.receive(body, &mut sent).await?;
            self.register_document(submission, registrant.clone(), Some(request)).await
        };
        let registered = registered.await;
        attempt.by(&registrant).with_body(&sent).finish(registered).await
    }

    /// The result of a dry run for the client that the body describes.
    pub(crate) async fn check_requested(
        &self,
        request: RequestHead<'_>,
        body: impl ReadBody,
    ) -> Result<DryRun, RegistrationError> {
        let attempt = self.attempt(Operation::Check);
        let registrant = attempt.finish(self.authorize_registration(&request).await).await?;
        let mut sent = Bytes::new();
        let checked = async {
            let submission = self.receive(body, &mut sent).await?;
            self.check_document(submission, &registrant, Some(request)).await
        };
        let checked = checked.await;
        attempt.by(&registrant).with_body(&sent).finish(checked).await
    }

    /// Reads the registration of the client with this identifier.
    pub(crate) async fn read_requested(
        &self,
        request: RequestHead<'_>,
        id: &str,
    ) -> Result<ClientInformation, RegistrationError> {
        let (id, token) = self.attempt(Operation::Read).finish(self.credentials(&request, id).await).await?;
        self.read(&id, token).await
    }

    /// Replaces the metadata of the client with this identifier, if it is in the state that the precondition demands.
    pub(crate) async fn update_requested(
        &self,
        request: RequestHead<'_>,
        id: &str,
        body: impl ReadBody,
        precondition: Precondition<'_>,
    ) -> Result<ClientInformation, RegistrationError> {
        let attempt = self.attempt(Operation::Update);
        let (id, token) = attempt.finish(self.credentials(&request, id).await).await?;
        let mut sent = Bytes::new();
        let updated = async {
            // The token is verified before the body is read, and again after a conflict.
            let caller = self.authorize(&id, token, ManagementOperation::Update).await?;
            let submission = self.receive(body, &mut sent).await?;
            self.update_document(caller, submission, Some(request), precondition).await
        };
        let updated = updated.await;
        attempt.of_client(&id).with_body(&sent).finish(updated).await
    }

    /// Deletes the client with this identifier, if it is in the state that the precondition demands.
    pub(crate) async fn delete_requested(
        &self,
        request: RequestHead<'_>,
        id: &str,
        precondition: Precondition<'_>,
    ) -> Result<(), RegistrationError> {
        let attempt = self.attempt(Operation::Delete);
        let (id, token) = attempt.finish(self.credentials(&request, id).await).await?;
        let deleted = async {
            let caller = self.authorize(&id, token, ManagementOperation::Delete).await?;
            self.delete_if(caller, precondition).await
        };
        match attempt.of_client(&id).finish(deleted.await).await {
            // The client is deleted, as it requested, so the reply is a success (RFC 7592 §2.3). The failed
            // revocation is on the audit trail, where the operator can act on it.
            Err(error) if error.kind() == RegistrationErrorKind::RevocationFailed => Ok(()),
            deleted => deleted,
        }
    }

    /// Refuses a method that the resource does not have. `id` is what stands where a client identifier should be.
    pub(crate) async fn refuse_method(&self, id: Option<&str>) -> RegistrationError {
        let error = RegistrationError::new(RegistrationErrorKind::MethodNotAllowed);
        let id = id.and_then(ClientId::parse);
        let attempt = self.attempt(Operation::UndefinedMethod);
        let attempt = id.as_ref().map_or(attempt, |id| attempt.of_client(id));
        match attempt.finish::<()>(Err(error)).await {
            Err(error) => error,
            // `finish` returns the error that it was given; this arm only satisfies the type.
            Ok(()) => RegistrationError::new(RegistrationErrorKind::MethodNotAllowed),
        }
    }

    /// Whether the caller may register at all, decided before the body is read.
    async fn authorize_registration(&self, request: &RequestHead<'_>) -> Result<Registrant, RegistrationError> {
        if !self.is_registration_enabled() {
            return Err(RegistrationError::new(RegistrationErrorKind::RegistrationDisabled));
        }
        let settings = &self.settings().access;
        // Gates first, since one may be a rate limit: it must also limit guesses of initial access tokens.
        for gate in &settings.registration_gates {
            gate.authorize(request).await.into_registrant()?;
        }
        match &settings.access {
            Access::Open => Ok(Registrant::of(RegistrationOrigin::Open)),
            Access::Tokens => self.redeem(bearer::token(request)?).await,
            Access::Custom(gate) => {
                gate.authorize(request).await.into_registrant()?.for_tenant(self.settings().runtime.tenant())
            }
            // `is_registration_enabled` has refused these already. The arm keeps the decision closed if that check
            // changes.
            Access::ManagementOnly | Access::Off => {
                Err(RegistrationError::new(RegistrationErrorKind::RegistrationDisabled))
            }
        }
    }

    /// The client that a request names, and the token that it presents, once the gates let the request pass. What
    /// cannot be an identifier is answered like a client that does not exist.
    async fn credentials<'a>(
        &self,
        request: &RequestHead<'a>,
        id: &str,
    ) -> Result<(ClientId, &'a str), RegistrationError> {
        // Before the token is read, so that a rate limit also limits requests without a token.
        for gate in &self.settings().management.gates {
            gate.authorize(request).await.into_registrant()?;
        }
        let token = bearer::token(request)?;
        // 401 and not 404: the reply does not show whether a text has the form of an identifier.
        let id = ClientId::parse(id).ok_or_else(|| RegistrationError::new(RegistrationErrorKind::InvalidToken))?;
        Ok((id, token))
    }

    /// Reads the body. Its text is stored in `sent`, so that a later refusal can be recorded with what the caller
    /// sent.
    async fn receive(&self, body: impl ReadBody, sent: &mut Bytes) -> Result<Submission, RegistrationError> {
        let payload = body.await?;
        *sent = payload.text().clone();
        self.read_payload(&payload).await
    }
}
