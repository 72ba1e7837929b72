//! Insertions that spend uses, nonces and capacity in separate steps.

use std::sync::Arc;

use tokio::task::yield_now;
use tower_dcr::access::InitialAccessTokenRecord;
use tower_dcr::store::{ClientQuery, ClientStore as _, InsertConditions, InsertOutcome, Nonce, RemoveConditions};
use tower_dcr::{Client, StoreError};

use super::{Broken, CALLERS, Fault};

impl Broken {
    /// Spends a use and then, after a pause, inserts.
    pub(super) async fn spend_then_insert(
        &self,
        client: &Client,
        conditions: &InsertConditions,
    ) -> Result<InsertOutcome, StoreError> {
        if conditions.initial_access_token.is_none() {
            return self.inner.insert(client, conditions).await;
        }
        let Some(token) = self.usable_token(conditions).await? else { return Ok(InsertOutcome::TokenRefused) };
        match self.fault {
            Fault::UseIsReadThenSpent => self.meet().await,
            Fault::UseBringsTheTokenBack => {
                self.arrive();
                self.until_left(CALLERS / 8).await;
            }
            _ => {}
        }
        self.inner.insert_token(&token.spent_once()).await?;
        if self.fault == Fault::UseIsSpentBeforeTheClientIsIn {
            yield_now().await;
        }
        let outcome = self.insert_unpaid(client, conditions).await?;
        if outcome != InsertOutcome::Inserted && self.fault != Fault::UseIsSpentForRefusals {
            self.inner.insert_token(&token).await?;
        }
        Ok(outcome)
    }

    /// Takes a use, inserts when all others have finished, and refunds the use when the insertion is refused.
    pub(super) async fn hold_then_insert(
        &self,
        client: &Client,
        conditions: &InsertConditions,
    ) -> Result<InsertOutcome, StoreError> {
        if conditions.initial_access_token.is_none() {
            return self.inner.insert(client, conditions).await;
        }
        let turn = self.one_by_one.lock().await;
        let Some(token) = self.usable_token(conditions).await? else {
            self.leave();
            return Ok(InsertOutcome::TokenRefused);
        };
        self.inner.insert_token(&token.spent_once()).await?;
        drop(turn);
        self.until_others_left().await;
        let outcome = self.insert_unpaid(client, conditions).await?;
        if !outcome.is_inserted() {
            self.inner.insert_token(&token).await?;
        }
        self.leave();
        Ok(outcome)
    }

    async fn insert_unpaid(&self, client: &Client, conditions: &InsertConditions) -> Result<InsertOutcome, StoreError> {
        let mut unpaid = conditions.clone();
        unpaid.initial_access_token = None;
        self.inner.insert(client, &unpaid).await
    }

    pub(super) async fn usable_token(
        &self,
        conditions: &InsertConditions,
    ) -> Result<Option<InitialAccessTokenRecord>, StoreError> {
        let Some(digest) = &conditions.initial_access_token else { return Ok(None) };
        let token = self.inner.get_token(digest).await?;
        Ok(token.filter(|token| token.is_usable(conditions.now)))
    }

    /// Reads the identifier and, after another caller has read it too, inserts it.
    pub(super) async fn look_then_overwrite(&self, client: &Client) -> Result<InsertOutcome, StoreError> {
        if self.inner.get(client.id()).await?.is_some() {
            return Ok(InsertOutcome::Exists);
        }
        self.meet().await;
        self.overwrite(client).await.map(|()| InsertOutcome::Inserted)
    }

    async fn evict_first(&self, conditions: &mut InsertConditions) -> Result<Option<Arc<Client>>, StoreError> {
        let evict = std::mem::take(&mut conditions.evict);
        if conditions.max_clients.is_some_and(|most| most > 0) && self.is_full(conditions).await? {
            for cutoffs in &evict {
                if let Some(evicted) = self.inner.expire(cutoffs, 1).await?.pop() {
                    return Ok(Some(evicted));
                }
            }
        }
        Ok(None)
    }

    /// Evicts a client and then, after a pause, inserts the new one.
    pub(super) async fn evict_then_insert(
        &self,
        client: &Client,
        conditions: &InsertConditions,
    ) -> Result<InsertOutcome, StoreError> {
        let mut remaining = conditions.clone();
        let evicted = self.evict_first(&mut remaining).await?;
        match (self.fault, conditions.evict.is_empty()) {
            (Fault::EvictsInSteps, false) => {
                self.arrive();
                self.until_arrived(if evicted.is_some() { CALLERS } else { 0 }).await;
            }
            _ => yield_now().await,
        }
        let outcome = self.inner.insert(client, &remaining).await?;
        Ok(match evicted {
            Some(evicted) if outcome == InsertOutcome::Inserted => InsertOutcome::InsertedEvicting(evicted),
            _ => outcome,
        })
    }

    /// Chooses the client to evict and then, after a pause, evicts it, even if it was used meanwhile.
    pub(super) async fn choose_then_evict(
        &self,
        client: &Client,
        mut conditions: InsertConditions,
    ) -> Result<InsertOutcome, StoreError> {
        let full = self.is_full(&conditions).await?;
        let Some(idle) = std::mem::take(&mut conditions.evict).pop().filter(|_| full) else {
            return self.inner.insert(client, &conditions).await;
        };
        let first = ClientQuery::new().with_idle(idle).with_limit(1);
        let Some(chosen) = self.inner.list(&first).await?.pop() else { return Ok(InsertOutcome::Full) };
        if self.arrive() > 0 {
            return Ok(InsertOutcome::Full);
        }
        self.until_left(CALLERS / 4).await;
        if !self.inner.remove(chosen.id(), &RemoveConditions::unconditional()).await? {
            return Ok(InsertOutcome::Full);
        }
        conditions.max_clients = None;
        self.inner.insert(client, &conditions).await.map(|_| InsertOutcome::InsertedEvicting(chosen))
    }

    /// Claims the nonces and then, after a pause, inserts.
    pub(super) async fn use_up_then_insert(
        &self,
        client: &Client,
        mut conditions: InsertConditions,
    ) -> Result<InsertOutcome, StoreError> {
        let nonces = std::mem::take(&mut conditions.nonces);
        for Nonce { key, until, .. } in &nonces {
            if !self.inner.claim_nonce(key, *until, conditions.now).await? {
                return Ok(InsertOutcome::Replayed);
            }
        }
        self.inner.insert(client, &conditions).await
    }

    /// Reads the nonces and, after a pause, inserts and claims them.
    pub(super) async fn look_then_insert(
        &self,
        client: &Client,
        mut conditions: InsertConditions,
    ) -> Result<InsertOutcome, StoreError> {
        let nonces = std::mem::take(&mut conditions.nonces);
        if nonces.is_empty() {
            return self.inner.insert(client, &conditions).await;
        }
        for Nonce { key, .. } in &nonces {
            if !self.is_new(key, conditions.now).await? {
                return Ok(InsertOutcome::Replayed);
            }
        }
        self.meet().await;
        let outcome = self.inner.insert(client, &conditions).await?;
        if outcome.is_inserted() {
            for Nonce { key, until, .. } in &nonces {
                self.inner.claim_nonce(key, *until, conditions.now).await?;
            }
        }
        Ok(outcome)
    }
}
