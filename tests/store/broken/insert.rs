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
        conditions: &InsertConditions,
    ) -> Result<InsertOutcome, StoreError> {
        let mut conditions = self.broken_admission(conditions).await?;
        match self.fault {
            Fault::InsertIsNotCommitted => Ok(InsertOutcome::Inserted),
            Fault::InsertOverwrites => {
                self.inner.remove(client.id(), &RemoveConditions::unconditional()).await?;
                self.inner.insert(client, &conditions).await
            }
            Fault::InsertLooksThenOverwrites => self.look_then_overwrite(client).await,
            Fault::LimitIsReadThenUsed => {
                self.arrive();
                let full = self.is_full(&conditions).await?;
                self.until_arrived(CALLERS).await;
                conditions.max_clients = None;
                if full { Ok(InsertOutcome::Full) } else { self.inner.insert(client, &conditions).await }
            }
            Fault::PlacesAreNumbered => {
                let number = self.arrive();
                match conditions.max_clients {
                    Some(most) if number >= most => Ok(InsertOutcome::Full),
                    _ => self.inner.insert(client, &conditions).await,
                }
            }
            Fault::NoCountIsNoUse => match self.usable_token(&conditions).await? {
                Some(token) if token.uses_left().is_none() => Ok(InsertOutcome::TokenRefused),
                _ => self.inner.insert(client, &conditions).await,
            },
            Fault::UseIsReadThenSpent | Fault::UseBringsTheTokenBack => {
                self.spend_then_insert(client, &conditions).await
            }
            Fault::UseIsSpentForRefusals | Fault::UseIsSpentBeforeTheClientIsIn => {
                let _turn = self.one_by_one.lock().await;
                self.spend_then_insert(client, &conditions).await
            }
            Fault::UseIsHeldForTheRefused => self.hold_then_insert(client, &conditions).await,
            Fault::UniquenessIsReadThenWritten => {
                if self.is_taken(conditions.unique_fingerprint, client.id()).await? {
                    return Ok(InsertOutcome::FingerprintTaken);
                }
                if conditions.unique_fingerprint.take().is_some() {
                    self.meet().await;
                }
                self.inner.insert(client, &conditions).await
            }
            Fault::KeyIsReadThenUsed => self.look_then_insert(client, conditions).await,
            Fault::KeyIsUsedForRefusals => self.use_up_then_insert(client, conditions).await,
            Fault::EvictsBeforeTheChecks => {
                let _turn = self.one_by_one.lock().await;
                self.evict_then_insert(client, &conditions).await
            }
            Fault::EvictsInSteps => self.evict_then_insert(client, &conditions).await,
            Fault::ChoosesThenEvicts => self.choose_then_evict(client, conditions).await,
            Fault::EvictsWithoutReport => {
                let outcome = self.inner.insert(client, &conditions).await?;
                Ok(if outcome.is_inserted() { InsertOutcome::Inserted } else { outcome })
            }
            _ => self.inner.insert(client, &conditions).await,
        }
    }

    /// The conditions of the insertion, as the fault changes them.
    async fn broken_admission(&self, conditions: &InsertConditions) -> Result<InsertConditions, StoreError> {
        let mut conditions = conditions.clone();
        match self.fault {
            Fault::LimitIsOneTooHigh => {
                conditions.max_clients = conditions.max_clients.map(|most| most.saturating_add(1))
            }
            Fault::TokenIsIgnored => conditions.initial_access_token = None,
            Fault::TokenExpiresByTheClock => conditions.now = SystemTime::now(),
            Fault::KeyIsIgnored => conditions.nonces.clear(),
            Fault::UniquenessIsIgnored => conditions.unique_fingerprint = None,
            Fault::EvictionIgnoresTheRegistrant => {
                conditions.evict.iter_mut().for_each(|cutoffs| cutoffs.registrant = None);
            }
            Fault::EvictsTheUsed => {
                let now = conditions.now;
                conditions.evict = conditions.evict.into_iter().map(|idle| idle.with_idle_since(now)).collect();
            }
            Fault::EvictsTheLatest if self.is_full(&conditions).await? => {
                for cutoffs in &mut conditions.evict {
                    let idle = self.inner.list(&ClientQuery::new().with_idle(cutoffs.clone())).await?;
                    cutoffs.ids = Some(idle.last().map(|client| client.id().clone()).into_iter().collect());
                }
            }
            Fault::EvictsAtTheLimitOnly => {
                let count = self.inner.count(&ClientQuery::new()).await?;
                if conditions.max_clients != Some(count) {
                    conditions.evict.clear();
                }
            }
            _ => {}
        }
        Ok(conditions)
    }

    /// Whether a client other than this one has a fingerprint that must be unique.
    pub(super) async fn is_taken(&self, unique: Option<Digest>, own: &ClientId) -> Result<bool, StoreError> {
        let Some(fingerprint) = unique else { return Ok(false) };
        let same = self.inner.list(&ClientQuery::new().with_fingerprint(fingerprint)).await?;
        Ok(same.iter().any(|client| client.id() != own))
    }

    pub(super) async fn is_full(&self, conditions: &InsertConditions) -> Result<bool, StoreError> {
        let count = self.inner.count(&ClientQuery::new()).await?;
        Ok(conditions.max_clients.is_some_and(|most| count >= most))
    }
}
