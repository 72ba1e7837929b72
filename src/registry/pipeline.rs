//! From a document to what is registered, for a registration, an update and a dry run alike.
//!
//! First the rules, then the operator's policy, then the rules again for what the policy replaced, then the documents
//! that the metadata names by URL. All that may be stored comes out of [`Registry::apply`], so an update cannot store
//! what a registration refuses
//! ([RFC 7592 §2.2](https://www.rfc-editor.org/rfc/rfc7592#section-2.2)).
//!
//! The order is also an order of cost: parsing and rules need no input or output, a policy may ask another service,
//! and a fetched document needs a request to an address that the caller chose. A document that fails early costs
//! little.

use super::Registry;
use super::submission::Submission;
use crate::client::{ClientStatus, RegistrationOrigin};
use crate::error::{RegistrationError, Violations};
use crate::hooks::access::{Registrant, RequestHead};
use crate::hooks::audit::{AuditEvent, Operation};
use crate::hooks::policy::{Caller, WritableBy};
use crate::protocol::metadata::{ClientMetadata, Document};
use crate::protocol::rules;

/// What a document would be registered as, by [`Registry::check`].
///
/// ```
/// use tower_dcr::metadata::ClientMetadata;
/// use tower_dcr::store::MemoryStore;
/// use tower_dcr::{Access, ClientStatus, Registry};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let registry = Registry::builder("https://id.example.com", Access::Open).build(MemoryStore::new())?;
/// let sent = ClientMetadata::from_json(br#"{ "redirect_uris": ["https://app.example.com/cb"] }"#)?;
/// let dry_run = registry.check(sent).await?;
/// assert_eq!(dry_run.status(), ClientStatus::Active);
/// assert_eq!(dry_run.metadata().grant_types[0].as_str(), "authorization_code", "a default");
/// assert_eq!(registry.count().await?, 0, "nothing is stored");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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

    /// The body of the reply to a dry run: `valid`, `status`, and the metadata in the member `metadata`.
    // Not the form of client information, so that a client cannot take it for a registration.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        format!(r#"{{"valid":true,"status":"{}","metadata":{}}}"#, self.status, self.metadata.to_json()).into_bytes()
    }
}

impl Registry {
    /// Returns what would be registered, with defaults, rules and policy applied, and stores nothing.
    ///
    /// # Errors
    ///
    /// As [`register`](Self::register) for the same metadata; the error names every rule that it breaks.
    pub async fn check(&self, metadata: ClientMetadata) -> Result<DryRun, RegistrationError> {
        let submission = Submission::from(metadata);
        let registrant = Registrant::of(RegistrationOrigin::Application);
        let checked = self.check_document(submission, &registrant, None).await;
        self.attempt(Operation::Check).by(&registrant).finish(checked).await
    }

    /// Checks the document of a caller who may register. `request` is `None` for the application.
    pub(crate) async fn check_document(
        &self,
        submission: Submission,
        registrant: &Registrant,
        request: Option<RequestHead<'_>>,
    ) -> Result<DryRun, RegistrationError> {
        // The policy must know that nothing is stored, for example to leave its own quota as it is.
        let caller = Caller { dry_run: true, ..Caller::registering(registrant, request) };
        #[cfg(feature = "software-statements")]
        let submission = self.attest(submission, caller).await?;
        let (metadata, status) = self.apply(submission.document, caller).await?;
        // A dry run is recorded too: it shows the caller what the policy accepts.
        self.record(&AuditEvent::checked(registrant)).await?;
        Ok(DryRun { metadata, status })
    }

    /// Applies rules and policy to a document, and returns the metadata that may be stored with the status that the
    /// client has then. An update leaves the status as it is, so a pending client stays pending.
    pub(super) async fn apply(
        &self,
        mut document: Document,
        caller: Caller<'_>,
    ) -> Result<(ClientMetadata, ClientStatus), RegistrationError> {
        let supported = &self.settings().supported;
        rules::extra::guard(
            &mut document.metadata.extra,
            &supported.extra_members,
            writable_by(&caller),
            caller.registered.map(|client| &client.metadata.extra),
            &mut document.violations,
        );
        let metadata = rules::apply_within(caller.constraints, document.metadata, document.violations, supported)?;
        let status = caller.registered.map_or(ClientStatus::Active, |client| client.status);
        // A policy may replace the metadata. It must not bring what the rules refuse.
        let rules = |metadata| rules::apply_within(caller.constraints, metadata, Violations::default(), supported);
        let (metadata, is_held) = match &self.settings().registration.policy {
            Some(policy) => policy.decide(caller, metadata, &rules).await?,
            None => (metadata, false),
        };
        // Last, because fetching is slow and lets a caller make this server send requests: only a document that is
        // valid in all other respects gets so far.
        self.check_unique_software(&metadata, caller.registered).await?;
        self.check_documents(&metadata).await?;
        Ok((metadata, if is_held { ClientStatus::Pending } else { status }))
    }
}

/// Which extra members this caller may write.
fn writable_by(caller: &Caller<'_>) -> WritableBy {
    match (caller.request, caller.origin) {
        (None, _) => WritableBy::Application,
        (Some(_), RegistrationOrigin::Open) => WritableBy::Anyone,
        (Some(_), _) => WritableBy::Authorized,
    }
}
