//! Two policies, one after the other.

use super::verdict::Outcome;
use super::{Policy, Review, Verdict};

/// Two policies, made by [`Policy::and_then`].
#[derive(Debug, Clone)]
pub struct AndThen<P, Q> {
    pub(super) first: P,
    pub(super) next: Q,
}

impl<P: Policy, Q: Policy> Policy for AndThen<P, Q> {
    async fn review(&self, review: &Review<'_>) -> Verdict {
        let (replacement, hold) = match self.first.review(review).await.0 {
            Outcome::Accepted { replacement, held } => (replacement, held),
            refused => return Verdict(refused),
        };
        let Some(replacement) = replacement else {
            return self.next.review(review).await.held(hold);
        };
        let metadata = match (review.rules)(*replacement) {
            Ok(metadata) => metadata,
            Err(violations) => return Verdict(Outcome::Refused(violations)),
        };
        match self.next.review(&review.of(&metadata)).await.0 {
            Outcome::Accepted { replacement: None, held } => Verdict::replace(metadata).held(hold || held),
            decided => Verdict(decided).held(hold),
        }
    }
}
