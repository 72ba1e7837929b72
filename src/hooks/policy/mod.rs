//! What the operator decides beyond the rules: a [`Policy`] reviews every registration and every update.
//!
//! A policy receives the caller and the complete metadata that would be registered, after the rules and their defaults.
//! It never receives a document that the rules refuse. It accepts, refuses with reasons, replaces the metadata, which is
//! then checked by the rules again, or holds the client for approval. POST, PUT, a dry run and calls of the application
//! pass the same review, so that an update cannot store what a registration could not
//! ([RFC 7591 §5](https://www.rfc-editor.org/rfc/rfc7591#section-5)).
//!
//! ```
//! use tower_dcr::metadata::ClientMetadata;
//! use tower_dcr::policy::{Policy as _, Refusal, Review, Verdict};
//! use tower_dcr::store::MemoryStore;
//! use tower_dcr::{Access, Registry};
//!
//! // A closure is a policy.
//! let named = |review: &Review<'_>| match review.metadata().client_name.is_empty() {
//!     true => Verdict::refuse(Refusal::new("ACME-1", "users must see a name").at("/client_name")),
//!     false => Verdict::accept(),
//! };
//! // A closure that returns a future is one too.
//! let without_contacts = |review: &Review<'_>| {
//!     let mut metadata = review.metadata().clone();
//!     async move {
//!         metadata.contacts.clear();
//!         Verdict::replace(metadata)
//!     }
//! };
//! // Two policies make one policy.
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
    /// Reviews one registration or update. It may run more than once for the same update, when another request changed
    /// the client meanwhile.
    fn review(&self, review: &Review<'_>) -> impl Future<Output = Verdict> + Send;

    /// Another policy after this one. The first refusal decides. The next policy receives the metadata as this one
    /// replaced it, after the rules. A client that either of them holds is held.
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

    /// Reviews metadata that has passed the rules. Returns what is registered, and whether it waits for approval.
    ///
    /// # Errors
    ///
    /// The refusal of the policy or of the rules (400 or 403), or 503 when the policy failed.
    pub(crate) async fn decide(
        &self,
        caller: Caller<'_>,
        metadata: ClientMetadata,
        rules: Rules<'_>,
    ) -> Result<(ClientMetadata, bool), RegistrationError> {
        // The policy borrows the metadata, so an accepted document is stored without a copy.
        let review = Review { caller, metadata: &metadata, rules };
        match self.0.review(&review).await.0 {
            Outcome::Accepted { replacement: None, held } => Ok((metadata, held)),
            Outcome::Accepted { replacement: Some(replacement), held } => {
                // The rules decide last, so that a faulty policy cannot store what they refuse.
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

/// [`Policy`] with a boxed future, because a trait object cannot return an opaque one.
trait ErasedPolicy: Send + Sync {
    fn review<'a>(&'a self, review: &'a Review<'_>) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;
}

impl<P: Policy> ErasedPolicy for P {
    fn review<'a>(&'a self, review: &'a Review<'_>) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>> {
        Box::pin(Policy::review(self, review))
    }
}
