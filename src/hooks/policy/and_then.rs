//! Two policies, one after the other.

use super::verdict::Outcome;
use super::{Policy, Review, Verdict};

/// Two policies as one, made by [`Policy::and_then`].
///
/// The second policy reviews the metadata as the first one replaced it. A refusal of either refuses the request; a client
/// that either of them holds is held.
///
/// ```
/// use tower_dcr::metadata::ClientMetadata;
/// use tower_dcr::policy::{Policy as _, Refusal, Review, Verdict};
/// use tower_dcr::store::MemoryStore;
/// use tower_dcr::{Access, ClientStatus, Registry};
///
/// let hold = |_: &Review<'_>| Verdict::hold();
/// let named = |review: &Review<'_>| match review.metadata().client_name.is_empty() {
///     true => Verdict::refuse(Refusal::new("ACME-1", "users must see a name").at("/client_name")),
///     false => Verdict::accept(),
/// };
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let builder = Registry::builder("https://id.example.com", Access::Open).with_policy(hold.and_then(named));
/// let registry = builder.build(MemoryStore::new())?;
/// let mut metadata = ClientMetadata::new();
/// metadata.redirect_uris = vec!["https://app.example.com/cb".to_owned()];
/// assert!(registry.register(metadata.clone()).await.is_err());
///
/// metadata.client_name = "App".into();
/// assert_eq!(registry.register(metadata).await?.client().status(), ClientStatus::Pending);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct AndThen<P, Q> {
    pub(super) first: P,
    pub(super) next: Q,
}

impl<P: Policy, Q: Policy> Policy for AndThen<P, Q> {
    async fn review(&self, review: &Review<'_>) -> Verdict {
        let (replacement, first_holds) = match self.first.review(review).await.0 {
            Outcome::Accepted { replacement, held } => (replacement, held),
            refused => return Verdict(refused),
        };
        let Some(replacement) = replacement else {
            return held_if(first_holds, self.next.review(review).await);
        };
        // The rules run between the two policies, so that the second one never reviews metadata that they refuse.
        let metadata = match (review.rules)(*replacement) {
            Ok(metadata) => metadata,
            Err(violations) => return Verdict(Outcome::Refused(violations)),
        };
        match self.next.review(&review.of(&metadata)).await.0 {
            // The replacement of the first policy must survive a second policy that changes nothing.
            Outcome::Accepted { replacement: None, held } => held_if(first_holds || held, Verdict::replace(metadata)),
            decided => held_if(first_holds, Verdict(decided)),
        }
    }
}

/// The verdict, held for approval where `hold` is true.
fn held_if(hold: bool, verdict: Verdict) -> Verdict {
    if hold { verdict.and_hold() } else { verdict }
}
