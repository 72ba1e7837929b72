//! Insertions that pay in steps of their own.

use std::sync::Arc;

use tokio::task::yield_now;
use tower_dcr::store::{Admission, Admitted, ClientQuery, ClientStore as _, OneTimeKey, Removal};
use tower_dcr::{Client, StoreError};

use super::{Broken, Fault};

impl Broken {
    /// Spends a use and then, after a pause, inserts.
    pub(super) async fn spend_then_insert(
        &self,
        client: &Client,
        admission: &Admission,
    ) -> Result<Admitted, StoreError> {
        let Some(digest) = &admission.initial_access_token else { return self.inner.insert(client, admission).await };
        let token = self.inner.get_token(digest).await?.filter(|token| token.is_usable(admission.now));
        let Some(token) = token else { return Ok(Admitted::TokenRefused) };
        let mut unpaid = admission.clone();
        unpaid.initial_access_token = None;
        if self.fault == Fault::UseIsReadThenSpent {
            yield_now().await;
        }
        self.inner.insert_token(&token.spent_once()).await?;
        if self.fault == Fault::UseIsSpentBeforeTheClientIsIn {
            yield_now().await;
        }
        let admitted = self.inner.insert(client, &unpaid).await?;
        if admitted != Admitted::Inserted && self.fault != Fault::UseIsSpentForRefusals {
            self.inner.insert_token(&token).await?;
        }
        Ok(admitted)
    }

    pub(super) async fn make_room(&self, admission: &mut Admission) -> Result<Option<Arc<Client>>, StoreError> {
        let Some(room) = admission.room.take() else { return Ok(None) };
        if admission.most_clients.is_some_and(|most| most > 0) && self.is_full(admission).await? {
            return Ok(self.inner.expire(&room, 1).await?.pop());
        }
        Ok(None)
    }

    pub(super) async fn is_full(&self, admission: &Admission) -> Result<bool, StoreError> {
        let count = self.inner.count(&ClientQuery::new()).await?;
        Ok(admission.most_clients.is_some_and(|most| count >= most))
    }

    /// Makes room and then, after a pause, inserts.
    pub(super) async fn make_room_then_insert(
        &self,
        client: &Client,
        admission: &Admission,
    ) -> Result<Admitted, StoreError> {
        let mut roomy = admission.clone();
        let gone = self.make_room(&mut roomy).await?;
        yield_now().await;
        let admitted = self.inner.insert(client, &roomy).await?;
        Ok(match gone {
            Some(gone) if admitted == Admitted::Inserted => Admitted::InPlaceOf(gone),
            _ => admitted,
        })
    }

    /// Uses keys up and then, after a pause, inserts.
    pub(super) async fn use_up_then_insert(
        &self,
        client: &Client,
        mut admission: Admission,
    ) -> Result<Admitted, StoreError> {
        let once = std::mem::take(&mut admission.once);
        for OneTimeKey { key, until, .. } in &once {
            if !self.inner.remember(key, *until, admission.now).await? {
                return Ok(Admitted::Replayed);
            }
        }
        self.inner.insert(client, &admission).await
    }

    /// Looks at keys and, after a pause, inserts and uses them up.
    pub(super) async fn look_then_insert(
        &self,
        client: &Client,
        mut admission: Admission,
    ) -> Result<Admitted, StoreError> {
        let once = std::mem::take(&mut admission.once);
        let probe = client.clone();
        let mut looked = Admission::free(admission.now);
        looked.once = once.clone();
        let free = self.inner.insert(&probe, &looked).await?;
        if free == Admitted::Inserted {
            self.inner.remove(client.id(), &Removal::undoing(looked, None)).await?;
        } else if free == Admitted::Replayed {
            return Ok(free);
        }
        yield_now().await;
        let admitted = self.inner.insert(client, &admission).await?;
        if admitted.is_in() {
            for OneTimeKey { key, until, .. } in &once {
                self.inner.remember(key, *until, admission.now).await?;
            }
        }
        Ok(admitted)
    }
}
