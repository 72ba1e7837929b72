//! Insertions that pay in steps of their own.

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
        admission: &InsertConditions,
    ) -> Result<InsertOutcome, StoreError> {
        if admission.initial_access_token.is_none() {
            return self.inner.insert(client, admission).await;
        }
        let Some(token) = self.usable_token(admission).await? else { return Ok(InsertOutcome::TokenRefused) };
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
        let admitted = self.insert_unpaid(client, admission).await?;
        if admitted != InsertOutcome::Inserted && self.fault != Fault::UseIsSpentForRefusals {
            self.inner.insert_token(&token).await?;
        }
        Ok(admitted)
    }

    /// Takes a use, inserts when all others have left, and gives the use back when that is refused.
    pub(super) async fn hold_then_insert(
        &self,
        client: &Client,
        admission: &InsertConditions,
    ) -> Result<InsertOutcome, StoreError> {
        if admission.initial_access_token.is_none() {
            return self.inner.insert(client, admission).await;
        }
        let turn = self.one_by_one.lock().await;
        let Some(token) = self.usable_token(admission).await? else {
            self.leave();
            return Ok(InsertOutcome::TokenRefused);
        };
        self.inner.insert_token(&token.spent_once()).await?;
        drop(turn);
        self.until_others_left().await;
        let admitted = self.insert_unpaid(client, admission).await?;
        if !admitted.is_in() {
            self.inner.insert_token(&token).await?;
        }
        self.leave();
        Ok(admitted)
    }

    async fn insert_unpaid(&self, client: &Client, admission: &InsertConditions) -> Result<InsertOutcome, StoreError> {
        let mut unpaid = admission.clone();
        unpaid.initial_access_token = None;
        self.inner.insert(client, &unpaid).await
    }

    pub(super) async fn usable_token(
        &self,
        admission: &InsertConditions,
    ) -> Result<Option<InitialAccessTokenRecord>, StoreError> {
        let Some(digest) = &admission.initial_access_token else { return Ok(None) };
        let token = self.inner.get_token(digest).await?;
        Ok(token.filter(|token| token.is_usable(admission.now)))
    }

    /// Looks for the identifier and then, when somebody else has looked too, takes it.
    pub(super) async fn look_then_overwrite(&self, client: &Client) -> Result<InsertOutcome, StoreError> {
        if self.inner.get(client.id()).await?.is_some() {
            return Ok(InsertOutcome::Exists);
        }
        self.meet().await;
        self.overwrite(client).await.map(|()| InsertOutcome::Inserted)
    }

    async fn make_room(&self, admission: &mut InsertConditions) -> Result<Option<Arc<Client>>, StoreError> {
        let evict = std::mem::take(&mut admission.evict);
        if admission.max_clients.is_some_and(|most| most > 0) && self.is_full(admission).await? {
            for cutoffs in &evict {
                if let Some(gone) = self.inner.expire(cutoffs, 1).await?.pop() {
                    return Ok(Some(gone));
                }
            }
        }
        Ok(None)
    }

    /// Makes room and then, after a pause, inserts.
    pub(super) async fn make_room_then_insert(
        &self,
        client: &Client,
        admission: &InsertConditions,
    ) -> Result<InsertOutcome, StoreError> {
        let mut roomy = admission.clone();
        let gone = self.make_room(&mut roomy).await?;
        match (self.fault, admission.evict.is_empty()) {
            (Fault::RoomIsMadeInSteps, false) => {
                self.arrive();
                self.until_arrived(if gone.is_some() { CALLERS } else { 0 }).await;
            }
            _ => yield_now().await,
        }
        let admitted = self.inner.insert(client, &roomy).await?;
        Ok(match gone {
            Some(gone) if admitted == InsertOutcome::Inserted => InsertOutcome::InsertedEvicting(gone),
            _ => admitted,
        })
    }

    /// Chooses who makes room and then, after a pause, lets that one go whatever it did meanwhile.
    pub(super) async fn choose_then_make_room(
        &self,
        client: &Client,
        mut admission: InsertConditions,
    ) -> Result<InsertOutcome, StoreError> {
        let full = self.is_full(&admission).await?;
        let Some(room) = std::mem::take(&mut admission.evict).pop().filter(|_| full) else {
            return self.inner.insert(client, &admission).await;
        };
        let first = ClientQuery::new().with_idle(room).with_limit(1);
        let Some(chosen) = self.inner.list(&first).await?.pop() else { return Ok(InsertOutcome::Full) };
        if self.arrive() > 0 {
            return Ok(InsertOutcome::Full);
        }
        self.until_left(CALLERS / 4).await;
        if !self.inner.remove(chosen.id(), &RemoveConditions::new()).await? {
            return Ok(InsertOutcome::Full);
        }
        admission.max_clients = None;
        self.inner.insert(client, &admission).await.map(|_| InsertOutcome::InsertedEvicting(chosen))
    }

    /// Uses keys up and then, after a pause, inserts.
    pub(super) async fn use_up_then_insert(
        &self,
        client: &Client,
        mut admission: InsertConditions,
    ) -> Result<InsertOutcome, StoreError> {
        let once = std::mem::take(&mut admission.once);
        for Nonce { key, until, .. } in &once {
            if !self.inner.claim_nonce(key, *until, admission.now).await? {
                return Ok(InsertOutcome::Replayed);
            }
        }
        self.inner.insert(client, &admission).await
    }

    /// Looks at keys and, after a pause, inserts and uses them up.
    pub(super) async fn look_then_insert(
        &self,
        client: &Client,
        mut admission: InsertConditions,
    ) -> Result<InsertOutcome, StoreError> {
        let once = std::mem::take(&mut admission.once);
        if once.is_empty() {
            return self.inner.insert(client, &admission).await;
        }
        for Nonce { key, .. } in &once {
            if !self.is_new(key, admission.now).await? {
                return Ok(InsertOutcome::Replayed);
            }
        }
        self.meet().await;
        let admitted = self.inner.insert(client, &admission).await?;
        if admitted.is_in() {
            for Nonce { key, until, .. } in &once {
                self.inner.claim_nonce(key, *until, admission.now).await?;
            }
        }
        Ok(admitted)
    }
}
