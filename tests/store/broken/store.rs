//! The verbs, each with its faults.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use tokio::task::yield_now;
use tower_dcr::access::InitialAccessTokenRecord;
use tower_dcr::credential::{ClientId, Digest};
use tower_dcr::store::{Admission, Admitted, ClientQuery, ClientStore, Cutoffs, OneTimeKey, Removal, Replacement};
use tower_dcr::{Client, Status, StoreError};

use super::{Broken, Fault};

impl Broken {
    /// Puts a client in the place of another, whatever the revision.
    async fn overwrite(&self, client: &Client) -> Result<(), StoreError> {
        self.inner.remove(client.id(), &Removal::new()).await?;
        self.inner.insert(client, &Admission::free(SystemTime::now())).await?;
        Ok(())
    }

    async fn overwrite_but_keep_the_use(&self, client: &Client, stored: &Client) -> Result<(), StoreError> {
        self.overwrite(client).await?;
        if let Some(used) = stored.last_used() {
            self.inner.touch(client.id(), used).await?;
        }
        Ok(())
    }

    /// Gives a use back, whatever happened to the client.
    async fn refund(&self, token: Option<Digest>) -> Result<(), StoreError> {
        let Some(digest) = token else { return Ok(()) };
        let Some(token) = self.inner.get_token(&digest).await? else { return Ok(()) };
        self.inner.insert_token(&token.refunded_once()).await
    }

    /// Leaves out of a query what the fault ignores.
    fn ignoring(&self, query: &ClientQuery) -> ClientQuery {
        let mut query = query.clone();
        match self.fault {
            Fault::ListStartsOver => query.after = None,
            Fault::ListIgnoresTheOwner => query.owner = None,
            Fault::ListIgnoresTheStatus => query.status = None,
            Fault::ListIgnoresTheIssue => (query.issued_from, query.issued_before) = (None, None),
            Fault::ListIgnoresTheLastUse => (query.used_from, query.used_before) = (None, None),
            Fault::ListIgnoresTheFirstUse => query.never_used = false,
            Fault::ListIgnoresTheFingerprint => query.fingerprint = None,
            Fault::ListIgnoresTheCutoffs => query.idle = None,
            _ => {}
        }
        query
    }
}

impl ClientStore for Broken {
    fn is_durable(&self) -> bool {
        false
    }

    fn for_tenant(&self, tenant: &str) -> Self {
        let tenant = if self.fault == Fault::TenantsAreOne { "" } else { tenant };
        Self { inner: self.inner.for_tenant(tenant), ..self.clone() }
    }

    async fn insert(&self, client: &Client, admission: &Admission) -> Result<Admitted, StoreError> {
        let mut admission = admission.clone();
        match self.fault {
            Fault::InsertOverwrites => drop(self.inner.remove(client.id(), &Removal::new()).await?),
            Fault::LimitIsOneTooHigh => {
                admission.most_clients = admission.most_clients.map(|most| most.saturating_add(1))
            }
            Fault::LimitIsReadThenUsed => {
                let count = self.inner.count(&ClientQuery::new()).await?;
                if admission.most_clients.take().is_some_and(|most| count >= most) {
                    return Ok(Admitted::Full);
                }
                yield_now().await;
            }
            Fault::TenantsShareTheLimit => {
                let arrivals = self.arrivals.fetch_add(1, Ordering::SeqCst);
                if admission.most_clients.is_some_and(|most| arrivals >= most) {
                    return Ok(Admitted::Full);
                }
            }
            Fault::UseIsReadThenSpent => return self.spend_then_insert(client, &admission).await,
            Fault::UseIsSpentForRefusals | Fault::UseIsSpentBeforeTheClientIsIn => {
                let _turn = self.one_by_one.lock().await;
                return self.spend_then_insert(client, &admission).await;
            }
            Fault::KeyIsIgnored => admission.once.clear(),
            Fault::KeyIsReadThenUsed => return self.look_then_insert(client, admission).await,
            Fault::KeyIsUsedForRefusals => return self.use_up_then_insert(client, admission).await,
            Fault::RoomIsMadeByTheUsed => {
                admission.room = admission.room.map(|room| room.with_idle_since(admission.now))
            }
            Fault::RoomIsMadeByTheLatest if self.is_full(&admission).await? => {
                let room = admission.room.clone().map(|room| ClientQuery::new().with_idle(room));
                let idle = self.inner.list(&room.unwrap_or_else(|| ClientQuery::new().with_limit(0))).await?;
                let latest = idle.last().map(|client| client.id().clone());
                admission.room = admission.room.map(|room| room.among(latest.into_iter().collect()));
            }
            Fault::RoomIsMadeFirst => {
                let _turn = self.one_by_one.lock().await;
                return self.make_room_then_insert(client, &admission).await;
            }
            Fault::RoomIsMadeInSteps => return self.make_room_then_insert(client, &admission).await,
            Fault::RoomIsMadeInSilence => {
                let admitted = self.inner.insert(client, &admission).await?;
                return Ok(if admitted.is_in() { Admitted::Inserted } else { admitted });
            }
            _ => {}
        }
        self.inner.insert(client, &admission).await
    }

    async fn get(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        match ClientId::parse(&id.as_str().to_ascii_lowercase()) {
            Some(lower) if self.fault == Fault::GetIgnoresCase => self.inner.get(&lower).await,
            _ => self.inner.get(id).await,
        }
    }

    async fn update(&self, client: &Client, replacement: &Replacement) -> Result<(), StoreError> {
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
                yield_now().await;
                self.overwrite_but_keep_the_use(client, &stored).await
            }
            Fault::UpdateIgnoresKeys => self.inner.update(client, &Replacement::free(replacement.now)).await,
            Fault::UpdateUsesKeysForConflicts => {
                let mut free = replacement.clone();
                for OneTimeKey { key, until, .. } in free.once.drain(..) {
                    if !self.inner.remember(&key, until, replacement.now).await? {
                        return Err(StoreError::replayed());
                    }
                }
                self.inner.update(client, &free).await
            }
            Fault::UpdateForgetsNothing => {
                let mut stubborn = replacement.clone();
                stubborn.forgets.clear();
                self.inner.update(client, &stubborn).await
            }
            _ => self.inner.update(client, replacement).await,
        }
    }

    async fn remove(&self, id: &ClientId, removal: &Removal) -> Result<bool, StoreError> {
        let mut removal = removal.clone();
        match self.fault {
            Fault::RemoveIsAlwaysTrue => return self.inner.remove(id, &removal).await.map(|_| true),
            Fault::RemoveLooksThenRemoves => {
                let there = self.inner.get(id).await?.is_some();
                yield_now().await;
                return self.inner.remove(id, &removal).await.map(|_| there);
            }
            Fault::RemoveIgnoresTheRevision => removal.revision = None,
            Fault::RemoveComparesThenRemoves => {
                let client = self.inner.get(id).await?;
                if client.is_some_and(|client| !removal.permits(&client)) {
                    return Err(StoreError::conflict());
                }
                yield_now().await;
                removal.revision = None;
            }
            Fault::RemoveRefundsNothing => removal.refunds = None,
            Fault::RemoveForgetsNothing => removal.forgets.clear(),
            Fault::RemoveRestoresNobody => removal.restores = None,
            Fault::RemoveRefundsForNobody => {
                let refund = removal.refunds.take();
                let removed = self.inner.remove(id, &removal).await?;
                return self.refund(refund).await.map(|()| removed);
            }
            Fault::RemoveRefundsInSteps => {
                let refund = removal.refunds.take();
                let removed = self.inner.remove(id, &removal).await?;
                yield_now().await;
                self.refund(refund.filter(|_| removed)).await?;
                return Ok(removed);
            }
            _ => {}
        }
        self.inner.remove(id, &removal).await
    }

    async fn touch(&self, id: &ClientId, at: SystemTime) -> Result<bool, StoreError> {
        let touched = self.inner.touch(id, at).await?;
        Ok(touched || self.fault == Fault::TouchIsAlwaysTrue)
    }

    async fn list(&self, query: &ClientQuery) -> Result<Vec<Arc<Client>>, StoreError> {
        let mut clients = self.inner.list(&self.ignoring(query)).await?;
        if self.fault == Fault::ListIsUnordered {
            clients.sort_unstable_by_key(|client| client.id().clone());
        }
        Ok(clients)
    }

    async fn count(&self, query: &ClientQuery) -> Result<u64, StoreError> {
        match (self.fault, &query.after) {
            (Fault::CountIgnoresTheQuery, _) => self.inner.count(&ClientQuery::new()).await,
            (Fault::CountStartsLate, Some(_)) => Ok(self.inner.list(query).await?.len() as u64),
            (Fault::CountIsStale, _) => self.inner.count(query).await.map(|count| count.min(2)),
            _ => self.inner.count(query).await,
        }
    }

    async fn expire(&self, cutoffs: &Cutoffs, limit: usize) -> Result<Vec<Arc<Client>>, StoreError> {
        let mut cutoffs = cutoffs.clone();
        if self.fault == Fault::ExpireTakesAnybody {
            cutoffs.among = None;
        }
        let mut expired = self.inner.expire(&cutoffs, limit).await?;
        if self.fault == Fault::ExpireTakesTheDisabled {
            let disabled = self.inner.list(&ClientQuery::new().with_status(Status::Disabled)).await?;
            for client in disabled {
                self.inner.remove(client.id(), &Removal::new()).await?;
                expired.push(client);
            }
        }
        Ok(if self.fault == Fault::ExpireTellsNothing { Vec::new() } else { expired })
    }

    async fn insert_token(&self, token: &InitialAccessTokenRecord) -> Result<(), StoreError> {
        self.inner.insert_token(token).await
    }

    async fn get_token(&self, digest: &Digest) -> Result<Option<InitialAccessTokenRecord>, StoreError> {
        let token = self.inner.get_token(digest).await?;
        Ok(token.filter(|token| self.fault != Fault::SpentTokensAreGone || token.uses_left() != Some(0)))
    }

    async fn list_tokens(&self) -> Result<Vec<InitialAccessTokenRecord>, StoreError> {
        self.inner.list_tokens().await
    }

    async fn remove_token(&self, id: &str) -> Result<bool, StoreError> {
        self.inner.remove_token(id).await
    }

    async fn remember(&self, key: &str, until: SystemTime, now: SystemTime) -> Result<bool, StoreError> {
        match self.fault {
            Fault::RememberIsAlwaysTrue => Ok(true),
            Fault::RememberNeverForgets => {
                let for_ever = now + std::time::Duration::from_secs(1 << 32);
                self.inner.remember(key, for_ever, now).await
            }
            _ => self.inner.remember(key, until, now).await,
        }
    }
}
