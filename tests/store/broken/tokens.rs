//! The verbs of tokens and of keys, each with its faults.

use std::time::{Duration, SystemTime};

use tokio::task::yield_now;
use tower_dcr::StoreError;
use tower_dcr::access::InitialAccessTokenRecord;
use tower_dcr::credential::Digest;
use tower_dcr::store::ClientStore as _;

use super::record::token_without;
use super::{Broken, Fault};

const FOR_EVER: Duration = Duration::from_secs(1 << 32);

impl Broken {
    pub(super) async fn broken_insert_token(&self, token: &InitialAccessTokenRecord) -> Result<(), StoreError> {
        match self.fault {
            Fault::TokensAreNeverReplaced if self.inner.get_token(token.digest()).await?.is_some() => return Ok(()),
            Fault::TokensAreWrittenInSteps => {
                self.inner.insert_token(&token_without(token, "/token/uses_left")?).await?;
                yield_now().await;
            }
            _ => {}
        }
        self.inner.insert_token(&self.written_token(token)?).await
    }

    pub(super) async fn broken_get_token(
        &self,
        digest: &Digest,
    ) -> Result<Option<InitialAccessTokenRecord>, StoreError> {
        let token = self.inner.get_token(digest).await?;
        Ok(token.filter(|token| self.fault != Fault::SpentTokensAreHidden || token.uses_left() != Some(0)))
    }

    pub(super) async fn broken_list_tokens(&self) -> Result<Vec<InitialAccessTokenRecord>, StoreError> {
        let mut tokens = self.inner.list_tokens().await?;
        if self.fault == Fault::TokensAreUnordered {
            tokens.sort_unstable_by(|one, other| one.id().cmp(other.id()));
        }
        Ok(tokens)
    }

    pub(super) async fn broken_remove_token(&self, id: &str) -> Result<bool, StoreError> {
        if self.fault == Fault::UseBringsTheTokenBack {
            self.until_arrived(1).await;
        }
        let removed = self.inner.remove_token(id).await?;
        self.leave();
        Ok(removed || self.fault == Fault::RemoveTokenIsAlwaysTrue)
    }

    pub(super) async fn broken_remember(
        &self,
        key: &str,
        until: SystemTime,
        now: SystemTime,
    ) -> Result<bool, StoreError> {
        match self.fault {
            Fault::ClaimIsAlwaysTrue => Ok(true),
            Fault::ClaimNeverExpires => self.inner.claim_nonce(key, now + FOR_EVER, now).await,
            Fault::ClaimIgnoresCase => self.inner.claim_nonce(&key.to_lowercase(), until, now).await,
            Fault::ClaimReadsThenWrites => {
                let is_new = self.is_new(key, now).await?;
                self.meet().await;
                self.inner.claim_nonce(key, until, now).await.map(|_| is_new)
            }
            Fault::ClaimWritesTheTimeLater => {
                let remembered = self.inner.claim_nonce(key, now + FOR_EVER, now).await?;
                yield_now().await;
                if remembered {
                    self.inner.claim_nonce(key, until, now + FOR_EVER).await?;
                }
                Ok(remembered)
            }
            _ => self.inner.claim_nonce(key, until, now).await,
        }
    }

    /// Whether a nonce is not stored yet. A nonce that expires at once is not stored.
    pub(super) async fn is_new(&self, key: &str, now: SystemTime) -> Result<bool, StoreError> {
        self.inner.claim_nonce(key, now, now).await
    }
}
