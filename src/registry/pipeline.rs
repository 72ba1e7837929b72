//! The one door: what a document becomes, for a registration, an update and a dry run alike.
//!
//! First the rules, then the operator's policy, then the rules again for what the policy replaced, then what the client
//! names by its URL. All that may be stored comes out of [`Registry::settle`], so an update reaches nothing that a
//! registration could not
//! ([RFC 7592 §2.2](https://www.rfc-editor.org/rfc/rfc7592#section-2.2)).

use super::Registry;
use super::submission::Submission;
use crate::client::{ClientStatus, RegistrationOrigin};
use crate::error::{RegistrationError, Violations};
use crate::hooks::access::{Registrant, RequestHead};
use crate::hooks::audit::{AuditEvent, Operation};
use crate::hooks::policy::{Caller, WritableBy};
use crate::protocol::metadata::{ClientMetadata, Document};
use crate::protocol::rules;

/// What a registration would come to, by [`Registry::check`].
#[derive(Debug, Clone)]
pub struct DryRun {
    metadata: ClientMetadata,
    status: ClientStatus,
}

impl DryRun {
    /// What would be registered.
    #[must_use]
    pub fn metadata(&self) -> &ClientMetadata {
        &self.metadata
    }

    /// Whether the client would be active or wait for approval.
    #[must_use]
    pub fn status(&self) -> ClientStatus {
        self.status
    }

    /// The answer to a dry run: `valid`, `status`, and the metadata below `metadata`. It is no client information, so
    /// nobody can take it for a registration.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        format!(r#"{{"valid":true,"status":"{}","metadata":{}}}"#, self.status, self.metadata.to_json()).into_bytes()
    }
}

impl Registry {
    /// Tells what would be registered, with defaults, rules and policy applied, and stores nothing.
    ///
    /// # Errors
    ///
    /// As [`register`](Self::register) for the same metadata; the error names every rule that it breaks.
    pub async fn check(&self, metadata: ClientMetadata) -> Result<DryRun, RegistrationError> {
        let submission = Submission::from(metadata);
        let grant = Registrant::of(RegistrationOrigin::Application);
        let done = self.check_document(submission, &grant, None).await;
        self.attempt(Operation::Check).by(&grant).finish(done).await
    }

    pub(crate) async fn check_document(
        &self,
        submission: Submission,
        grant: &Registrant,
        request: Option<RequestHead<'_>>,
    ) -> Result<DryRun, RegistrationError> {
        let asker = Caller { dry_run: true, ..Caller::registering(grant, request) };
        #[cfg(feature = "software-statements")]
        let submission = self.attest(submission, asker).await?;
        let (metadata, status) = self.settle(submission.document, asker).await?;
        self.record(&AuditEvent::checked(grant)).await?;
        Ok(DryRun { metadata, status })
    }

    /// The metadata that this document comes to, if this caller may register it, and the status of the client. A client
    /// that waits for approval goes on waiting.
    pub(super) async fn settle(
        &self,
        mut document: Document,
        asker: Caller<'_>,
    ) -> Result<(ClientMetadata, ClientStatus), RegistrationError> {
        let offer = &self.settings().supported;
        rules::extra::guard(
            &mut document.metadata.extra,
            &offer.extra_members,
            set_by(&asker),
            asker.registered.map(|client| &client.metadata.extra),
            &mut document.violations,
        );
        let metadata = rules::apply_within(asker.constraints, document.metadata, document.violations, offer)?;
        let status = asker.registered.map_or(ClientStatus::Active, |client| client.status);
        let rules = |metadata| rules::apply_within(asker.constraints, metadata, Violations::default(), offer);
        let (metadata, held) = match &self.settings().registration.policy {
            Some(policy) => policy.decide(asker, metadata, &rules).await?,
            None => (metadata, false),
        };
        self.check_instance(&metadata, asker.registered).await?;
        self.check_documents(&metadata).await?;
        Ok((metadata, if held { ClientStatus::Pending } else { status }))
    }
}

fn set_by(asker: &Caller<'_>) -> WritableBy {
    match (asker.request, asker.origin) {
        (None, _) => WritableBy::Application,
        (Some(_), RegistrationOrigin::Open) => WritableBy::Anyone,
        (Some(_), _) => WritableBy::Authorized,
    }
}
