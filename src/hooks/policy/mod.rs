//! What the operator decides beyond the rules: a [`Policy`] reviews every registration and every update.
//!
//! A policy sees who asks and the complete metadata that would be registered, after the rules and their defaults; so it
//! never meets a document that the rules refuse. It accepts, refuses with reasons, replaces the metadata, which then goes
//! through the rules once more, or holds the client for approval. POST, PUT, a dry run and the application's own calls pass the same review, so an
//! update reaches nothing that a registration could not
//! ([RFC 7591 §5](https://www.rfc-editor.org/rfc/rfc7591#section-5)).
//!
//! ```
//! use tower_dcr::metadata::ClientMetadata;
//! use tower_dcr::policy::{Policy as _, Refusal, Review, Verdict};
//! use tower_dcr::store::MemoryStore;
//! use tower_dcr::{Access, Registry};
//!
//! // A closure is a policy ..
//! let named = |review: &Review<'_>| match review.metadata().client_name.is_empty() {
//!     true => Verdict::refuse(Refusal::new("ACME-1", "users must see a name").at("/client_name")),
//!     false => Verdict::accept(),
//! };
//! // .. one that waits for something too ..
//! let without_contacts = |review: &Review<'_>| {
//!     let mut metadata = review.metadata().clone();
//!     async move {
//!         metadata.contacts.clear();
//!         Verdict::replace(metadata)
//!     }
//! };
//! // .. and two policies are one.
//! let policy = named.and_then(without_contacts);
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let registry =
//!     Registry::builder("https://id.example.com", Access::Open).with_policy(policy).build(MemoryStore::new())?;
//!
//! let mut metadata = ClientMetadata::new();
//! metadata.redirect_uris = vec!["https://app.example.com/cb".to_owned()];
//! metadata.contacts = vec!["ops@example.com".to_owned()];
//! let refused = registry.register(metadata.clone()).await.unwrap_err();
//! assert_eq!((refused.status(), refused.violations()[0].rule()), (400, "ACME-1"));
//!
//! metadata.client_name = "App".into();
//! let registered = registry.register(metadata).await?;
//! assert!(registered.client().metadata().contacts.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod and_then;
mod public_clients;
mod redirect_hosts;
mod review;
mod same_host;
mod verdict;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

pub use and_then::AndThen;
pub use public_clients::PublicClients;
pub use redirect_hosts::RedirectHosts;
pub use review::Review;
pub(crate) use review::{Caller, Rules};
pub use same_host::SameHost;
pub use verdict::{Refusal, Verdict};

use crate::error::{RegistrationError, RegistrationErrorKind};
use crate::protocol::metadata::ClientMetadata;
pub use crate::protocol::rules::extra::{ExtraMember, ExtraType, WritableBy};
use verdict::Outcome;

/// Decides about registrations and updates that have passed the rules.
///
/// A closure that takes a `&Review<'_>` and returns a [`Verdict`], or a future of one, is a policy.
pub trait Policy: Send + Sync + 'static {
    /// Reviews one registration or update. It may be asked again for the same request, when somebody else changed the
    /// client meanwhile.
    fn review(&self, review: &Review<'_>) -> impl Future<Output = Verdict> + Send;

    /// Another policy after this one. The first refusal counts; the next policy sees the metadata as this one replaced
    /// it, after the rules; what either of them holds is held.
    fn and_then<P: Policy>(self, next: P) -> AndThen<Self, P>
    where
        Self: Sized,
    {
        AndThen { first: self, next }
    }
}

impl<F, V> Policy for F
where
    F: Fn(&Review<'_>) -> V + Send + Sync + 'static,
    V: IntoFuture<Output = Verdict> + Send,
    V::IntoFuture: Send,
{
    async fn review(&self, review: &Review<'_>) -> Verdict {
        self(review).await
    }
}

/// The policy of a registry, without its type.
#[derive(Clone)]
pub(crate) struct Reviewer(Arc<dyn ErasedPolicy>);

impl Reviewer {
    pub(crate) fn new(policy: impl Policy) -> Self {
        Self(Arc::new(policy))
    }

    /// What is registered in the end, of metadata that has passed the rules, and whether it waits for approval.
    pub(crate) async fn decide(
        &self,
        caller: Caller<'_>,
        metadata: ClientMetadata,
        rules: Rules<'_>,
    ) -> Result<(ClientMetadata, bool), RegistrationError> {
        let review = Review { caller, metadata: &metadata, rules };
        match self.0.review(&review).await.0 {
            Outcome::Accepted { replacement: None, held } => Ok((metadata, held)),
            Outcome::Accepted { replacement: Some(replacement), held } => {
                rules(*replacement).map(|metadata| (metadata, held)).map_err(verdict::refused)
            }
            Outcome::Refused(violations) => Err(verdict::refused(violations)),
            Outcome::Failed(cause) => Err(RegistrationError::new(RegistrationErrorKind::Unavailable).caused_by(cause)),
        }
    }
}

impl Policy for Reviewer {
    async fn review(&self, review: &Review<'_>) -> Verdict {
        self.0.review(review).await
    }
}

impl fmt::Debug for Reviewer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Reviewer(..)")
    }
}

trait ErasedPolicy: Send + Sync {
    fn review<'a>(&'a self, review: &'a Review<'_>) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;
}

impl<P: Policy> ErasedPolicy for P {
    fn review<'a>(&'a self, review: &'a Review<'_>) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>> {
        Box::pin(Policy::review(self, review))
    }
}
