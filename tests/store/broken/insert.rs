//! The insertion with its faults.

use std::time::SystemTime;

use tower_dcr::credential::{ClientId, Digest};
use tower_dcr::store::{ClientQuery, ClientStore as _, InsertConditions, InsertOutcome, RemoveConditions};
use tower_dcr::{Client, StoreError};

use super::{Broken, CALLERS, Fault};

impl Broken {
    pub(super) async fn broken_insert(
        &self,
        client: &Client,
        admission: &InsertConditions,
    ) -> Result<InsertOutcome, StoreError> {
        let mut admission = self.broken_admission(admission).await?;
        match self.fault {
            Fault::InsertIsNotCommitted => Ok(InsertOutcome::Inserted),
            Fault::InsertOverwrites => {
                self.inner.remove(client.id(), &RemoveConditions::new()).await?;
                self.inner.insert(client, &admission).await
            }
            Fault::InsertLooksThenOverwrites => self.look_then_overwrite(client).await,
            Fault::LimitIsReadThenUsed => {
                self.arrive();
                let full = self.is_full(&admission).await?;
                self.until_arrived(CALLERS).await;
                admission.max_clients = None;
                if full { Ok(InsertOutcome::Full) } else { self.inner.insert(client, &admission).await }
            }
            Fault::PlacesAreNumbered => {
                let number = self.arrive();
                match admission.max_clients {
                    Some(most) if number >= most => Ok(InsertOutcome::Full),
                    _ => self.inner.insert(client, &admission).await,
                }
            }
            Fault::NoCountIsNoUse => match self.usable_token(&admission).await? {
                Some(token) if token.uses_left().is_none() => Ok(InsertOutcome::TokenRefused),
                _ => self.inner.insert(client, &admission).await,
            },
            Fault::UseIsReadThenSpent | Fault::UseBringsTheTokenBack => {
                self.spend_then_insert(client, &admission).await
            }
            Fault::UseIsSpentForRefusals | Fault::UseIsSpentBeforeTheClientIsIn => {
                let _turn = self.one_by_one.lock().await;
                self.spend_then_insert(client, &admission).await
            }
            Fault::UseIsHeldForTheRefused => self.hold_then_insert(client, &admission).await,
            Fault::UniquenessIsReadThenWritten => {
                if self.is_taken(admission.unique_fingerprint, client.id()).await? {
                    return Ok(InsertOutcome::FingerprintTaken);
                }
                if admission.unique_fingerprint.take().is_some() {
                    self.meet().await;
                }
                self.inner.insert(client, &admission).await
            }
            Fault::KeyIsReadThenUsed => self.look_then_insert(client, admission).await,
            Fault::KeyIsUsedForRefusals => self.use_up_then_insert(client, admission).await,
            Fault::RoomIsMadeFirst => {
                let _turn = self.one_by_one.lock().await;
                self.make_room_then_insert(client, &admission).await
            }
            Fault::RoomIsMadeInSteps => self.make_room_then_insert(client, &admission).await,
            Fault::RoomIsChosenThenMade => self.choose_then_make_room(client, admission).await,
            Fault::RoomIsMadeInSilence => {
                let admitted = self.inner.insert(client, &admission).await?;
                Ok(if admitted.is_in() { InsertOutcome::Inserted } else { admitted })
            }
            _ => self.inner.insert(client, &admission).await,
        }
    }

    /// What the fault takes the costs for.
    async fn broken_admission(&self, admission: &InsertConditions) -> Result<InsertConditions, StoreError> {
        let mut admission = admission.clone();
        match self.fault {
            Fault::LimitIsOneTooHigh => {
                admission.max_clients = admission.max_clients.map(|most| most.saturating_add(1))
            }
            Fault::TokenIsIgnored => admission.initial_access_token = None,
            Fault::TokenExpiresByTheClock => admission.now = SystemTime::now(),
            Fault::KeyIsIgnored => admission.once.clear(),
            Fault::UniquenessIsIgnored => admission.unique_fingerprint = None,
            Fault::EvictionIgnoresTheRegistrant => {
                admission.evict.iter_mut().for_each(|cutoffs| cutoffs.registrant = None);
            }
            Fault::RoomIsMadeByTheUsed => {
                let now = admission.now;
                admission.evict = admission.evict.into_iter().map(|idle| idle.with_idle_since(now)).collect();
            }
            Fault::RoomIsMadeByTheLatest if self.is_full(&admission).await? => {
                for cutoffs in &mut admission.evict {
                    let idle = self.inner.list(&ClientQuery::new().with_idle(cutoffs.clone())).await?;
                    cutoffs.among = Some(idle.last().map(|client| client.id().clone()).into_iter().collect());
                }
            }
            Fault::RoomIsMadeAtTheLimitAlone => {
                let count = self.inner.count(&ClientQuery::new()).await?;
                if admission.max_clients != Some(count) {
                    admission.evict.clear();
                }
            }
            _ => {}
        }
        Ok(admission)
    }

    /// Whether a client other than this one has a fingerprint that must be unique.
    pub(super) async fn is_taken(&self, unique: Option<Digest>, own: &ClientId) -> Result<bool, StoreError> {
        let Some(fingerprint) = unique else { return Ok(false) };
        let same = self.inner.list(&ClientQuery::new().with_fingerprint(fingerprint)).await?;
        Ok(same.iter().any(|client| client.id() != own))
    }

    pub(super) async fn is_full(&self, admission: &InsertConditions) -> Result<bool, StoreError> {
        let count = self.inner.count(&ClientQuery::new()).await?;
        Ok(admission.max_clients.is_some_and(|most| count >= most))
    }
}
