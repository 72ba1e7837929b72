//! The one door: what a document becomes, for a registration, an update and a dry run alike.
//!
//! First the rules, then the operator's policy, then the rules again for what the policy replaced, then what the client
//! names by its URL. All that may be stored comes out of [`Registry::settle`], so an update reaches nothing that a
//! registration could not
//! ([RFC 7592 §2.2](https://www.rfc-editor.org/rfc/rfc7592#section-2.2)).

use http::request::Parts;

use super::Registry;
use crate::access::Grant;
use crate::audit::{AuditEvent, Operation};
use crate::client::{Origin, Status};
use crate::error::{RegistrationError, Violations};
use crate::metadata::{ClientMetadata, Document};
use crate::policy::{Asker, SetBy};
use crate::rules;

/// What a registration would come to, by [`Registry::check`].
#[derive(Debug, Clone)]
pub struct Checked {
    metadata: ClientMetadata,
    status: Status,
}

impl Checked {
    /// What would be registered.
    #[must_use]
    pub fn metadata(&self) -> &ClientMetadata {
        &self.metadata
    }

    /// Whether the client would be active or wait for approval.
    #[must_use]
    pub fn status(&self) -> Status {
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
    pub async fn check(&self, metadata: ClientMetadata) -> Result<Checked, RegistrationError> {
        let document = Document { metadata, ..Document::default() };
        let grant = Grant::of(Origin::Application);
        let done = self.check_document(document, &grant, None).await;
        self.refusal_to_caller_audited(Operation::Check, &grant, &[], done)
    }

    pub(crate) async fn check_document(
        &self,
        document: Document,
        grant: &Grant,
        request: Option<&Parts>,
    ) -> Result<Checked, RegistrationError> {
        let asker = Asker { dry_run: true, ..Asker::registering(grant, request) };
        #[cfg(feature = "software-statements")]
        let document = self.attest(document, asker).await?;
        let (metadata, status) = self.settle(document, asker).await?;
        self.audit(&AuditEvent::checked(grant))?;
        Ok(Checked { metadata, status })
    }

    /// The metadata that this document comes to, if this caller may register it, and the status of the client. A client
    /// that waits for approval goes on waiting.
    pub(super) async fn settle(
        &self,
        mut document: Document,
        asker: Asker<'_>,
    ) -> Result<(ClientMetadata, Status), RegistrationError> {
        let offer = &self.config().offer;
        rules::extra::guard(
            &mut document.metadata.extra,
            &offer.extra_members,
            set_by(&asker),
            asker.registered.map(|client| &client.metadata.extra),
            &mut document.violations,
        );
        let metadata = rules::settle_within(asker.constraints, document.metadata, document.violations, offer)?;
        let status = asker.registered.map_or(Status::Active, |client| client.status);
        let rules = |metadata| rules::settle_within(asker.constraints, metadata, Violations::default(), offer);
        let (metadata, held) = match &self.config().policy {
            Some(policy) => policy.decide(asker, metadata, &rules).await?,
            None => (metadata, false),
        };
        self.check_instance(&metadata, asker.registered).await?;
        self.check_documents(&metadata).await?;
        Ok((metadata, if held { Status::Pending } else { status }))
    }
}

fn set_by(asker: &Asker<'_>) -> SetBy {
    match (asker.request, asker.origin) {
        (None, _) => SetBy::Application,
        (Some(_), Origin::Open) => SetBy::Anyone,
        (Some(_), _) => SetBy::Authorized,
    }
}
