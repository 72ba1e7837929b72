//! The verbs that change a client or take it away, each with its faults.

use std::time::SystemTime;

use tokio::task::yield_now;
use tower_dcr::credential::{ClientId, Digest};
use tower_dcr::store::{ClientStore as _, InsertConditions, Nonce, RemoveConditions, UpdateConditions};
use tower_dcr::{Client, StoreError};

use super::record::{at_revision, with_member_of};
use super::{Broken, CALLERS, Fault};

impl Broken {
    pub(super) async fn broken_update(&self, client: &Client, conditions: &UpdateConditions) -> Result<(), StoreError> {
        let stored = match self.inner.get(client.id()).await? {
            Some(stored) => stored,
            None if self.fault == Fault::UpdateBringsBack => return self.overwrite(client).await,
            None => return Err(StoreError::conflict()),
        };
        let follows = stored.revision() + 1 == client.revision();
        match self.fault {
            Fault::UpdateDoesNotCompare => self.overwrite_but_keep_the_use(client, &stored).await,
            Fault::UpdateLosesTheUse if follows => self.overwrite(client).await,
            Fault::UpdateComparesThenWrites if follows => {
                self.meet().await;
                self.overwrite_but_keep_the_use(client, &stored).await
            }
            Fault::UpdateKeeps(member) => {
                self.inner.update(&with_member_of(&stored, client, member)?, conditions).await
            }
            Fault::UpdateWritesInSteps if follows => {
                self.overwrite(&at_revision(client, stored.revision())?).await?;
                yield_now().await;
                self.overwrite(client).await
            }
            Fault::KeyIsReadThenUsed | Fault::RemoveComparesThenRemoves => {
                self.until_arrived(2).await;
                self.update_and_leave(client, conditions).await
            }
            Fault::TouchGivesUp => {
                self.until_arrived(CALLERS / 2).await;
                self.update_and_leave(client, conditions).await
            }
            Fault::UpdateIgnoresUniqueness | Fault::UniquenessIsIgnored => {
                self.inner.update(client, &without_uniqueness(conditions)).await
            }
            Fault::UniquenessIsReadThenWritten => {
                if self.is_taken(conditions.unique_fingerprint, client.id()).await? {
                    return Err(StoreError::fingerprint_taken());
                }
                if conditions.unique_fingerprint.is_some() {
                    self.meet().await;
                }
                self.inner.update(client, &without_uniqueness(conditions)).await
            }
            Fault::UpdateIgnoresKeys => {
                self.inner.update(client, &UpdateConditions::unconditional(conditions.now)).await
            }
            Fault::UpdateUsesKeysForConflicts => {
                let mut free = conditions.clone();
                for Nonce { key, until, .. } in free.nonces.drain(..) {
                    if !self.inner.claim_nonce(&key, until, conditions.now).await? {
                        return Err(StoreError::replayed());
                    }
                }
                self.inner.update(client, &free).await
            }
            Fault::UpdateReleasesNoNonce => {
                let mut stubborn = conditions.clone();
                stubborn.release_nonces.clear();
                self.inner.update(client, &stubborn).await
            }
            _ => self.inner.update(client, conditions).await,
        }
    }

    async fn update_and_leave(&self, client: &Client, conditions: &UpdateConditions) -> Result<(), StoreError> {
        let updated = self.inner.update(client, conditions).await;
        self.leave();
        updated
    }

    pub(super) async fn broken_remove(&self, id: &ClientId, conditions: &RemoveConditions) -> Result<bool, StoreError> {
        let mut conditions = conditions.clone();
        match self.fault {
            Fault::RemoveIsAlwaysTrue => return self.inner.remove(id, &conditions).await.map(|_| true),
            Fault::RemoveLooksThenRemoves => {
                let there = self.inner.get(id).await?.is_some();
                self.meet().await;
                return self.inner.remove(id, &conditions).await.map(|_| there);
            }
            Fault::RemoveIgnoresTheRevision => conditions.revision = None,
            Fault::RemoveComparesThenRemoves => {
                let client = self.inner.get(id).await?;
                if client.is_some_and(|client| !conditions.permits(&client)) {
                    return Err(StoreError::conflict());
                }
                self.arrive();
                self.until_left(1).await;
                conditions.revision = None;
            }
            Fault::RemoveRefundsNothing => conditions.refund = None,
            Fault::RemoveReleasesNoNonce => conditions.release_nonces.clear(),
            Fault::RemoveRestoresNoClient => conditions.restore = None,
            Fault::RemoveRefundsForNoClient => {
                let refund = conditions.refund.take();
                let removed = self.inner.remove(id, &conditions).await?;
                return self.refund(refund).await.map(|()| removed);
            }
            Fault::RemoveRefundsInSteps => {
                let refund = conditions.refund.take();
                let removed = self.inner.remove(id, &conditions).await?;
                yield_now().await;
                self.refund(refund.filter(|_| removed)).await?;
                return Ok(removed);
            }
            Fault::RemoveRestoresInSteps => {
                let restored = conditions.restore.take();
                let removed = self.inner.remove(id, &conditions).await?;
                yield_now().await;
                if let Some(restored) = restored.filter(|_| removed) {
                    self.inner.insert(&restored, &InsertConditions::unconditional(SystemTime::now())).await?;
                }
                return Ok(removed);
            }
            Fault::TouchBringsBack => {
                self.until_arrived(1).await;
                let removed = self.inner.remove(id, &conditions).await;
                self.leave();
                return removed;
            }
            _ => {}
        }
        self.inner.remove(id, &conditions).await
    }

    pub(super) async fn broken_touch(&self, id: &ClientId, at: SystemTime) -> Result<bool, StoreError> {
        if matches!(self.fault, Fault::ExpireLooksThenRemoves | Fault::ChoosesThenEvicts) {
            self.until_arrived(1).await;
            let touched = self.inner.touch(id, at).await;
            self.leave();
            return touched;
        }
        let Some(stored) = self.inner.get(id).await? else { return Ok(self.fault == Fault::TouchIsAlwaysTrue) };
        let used = Client::clone(&stored).with_last_used(Some(at));
        match self.fault {
            Fault::TouchKeepsTheLastCall => self.overwrite(&used).await?,
            Fault::TouchRaisesTheRevision => {
                let next = at_revision(&used, stored.revision() + 1)?;
                self.inner.update(&next, &UpdateConditions::unconditional(at)).await?;
            }
            Fault::TouchGivesUp => {
                self.arrive();
                self.until_left(1).await;
                let now = self.inner.get(id).await?;
                if now.is_some_and(|now| now.revision() == stored.revision()) {
                    return self.inner.touch(id, at).await;
                }
            }
            Fault::TouchBringsBack => {
                self.arrive();
                self.until_left(CALLERS / 8).await;
                self.inner.insert(&used, &InsertConditions::unconditional(at)).await?;
            }
            Fault::TouchWritesInSteps => {
                self.inner.remove(id, &RemoveConditions::unconditional()).await?;
                yield_now().await;
                self.inner.insert(&used, &InsertConditions::unconditional(at)).await?;
            }
            _ => return self.inner.touch(id, at).await,
        }
        Ok(true)
    }

    /// Puts a client in the place of another, whatever the revision.
    pub(super) async fn overwrite(&self, client: &Client) -> Result<(), StoreError> {
        self.inner.remove(client.id(), &RemoveConditions::unconditional()).await?;
        self.inner.insert(client, &InsertConditions::unconditional(SystemTime::now())).await?;
        Ok(())
    }

    async fn overwrite_but_keep_the_use(&self, client: &Client, stored: &Client) -> Result<(), StoreError> {
        self.overwrite(client).await?;
        if let Some(used) = stored.last_used() {
            self.inner.touch(client.id(), used).await?;
        }
        Ok(())
    }

    /// Refunds a use, whether or not the client was removed.
    async fn refund(&self, token: Option<Digest>) -> Result<(), StoreError> {
        let Some(digest) = token else { return Ok(()) };
        let Some(token) = self.inner.get_token(&digest).await? else { return Ok(()) };
        self.inner.insert_token(&token.refunded_once()).await
    }
}

fn without_uniqueness(conditions: &UpdateConditions) -> UpdateConditions {
    let mut free = conditions.clone();
    free.unique_fingerprint = None;
    free
}
