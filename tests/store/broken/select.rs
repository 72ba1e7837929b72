//! The verbs that select clients, each with its faults.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::yield_now;
use tower_dcr::credential::{ClientId, Digest};
use tower_dcr::store::{ClientQuery, ClientStore as _, IdleCutoffs, MemoryStore, RemoveConditions};
use tower_dcr::{Client, ClientStatus, StoreError};

use super::record::disabled;
use super::{Broken, CALLERS, Fault};

impl Broken {
    pub(super) async fn broken_get(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        match ClientId::parse(&id.as_str().to_ascii_lowercase()) {
            Some(lower) if self.fault == Fault::GetIgnoresCase => return self.inner.get(&lower).await,
            _ => {}
        }
        let found = self.inner.get(id).await?;
        Ok(found.filter(|client| self.fault != Fault::GetHidesTheDisabled || client.status() != ClientStatus::Disabled))
    }

    pub(super) async fn broken_get_by_registration_token(
        &self,
        id: &ClientId,
        token: &Digest,
    ) -> Result<Option<Arc<Client>>, StoreError> {
        match self.fault {
            Fault::RegistrationTokenIsIgnored => self.inner.get(id).await,
            // Digests that are written with the client and never again.
            Fault::RegistrationTokenFollowsNoChange => {
                let found = self.inner.get(id).await?;
                Ok(found.filter(|client| client.revision() == 1 && client.has_registration_token(token)))
            }
            _ => self.inner.get_by_registration_token(id, token).await,
        }
    }

    pub(super) async fn broken_list(&self, query: &ClientQuery) -> Result<Vec<Arc<Client>>, StoreError> {
        let mut query = self.ignoring(query);
        match (self.fault, &query.after) {
            (Fault::ListIsCapped, _) => query.limit = Some(query.page_size().min(100)),
            (Fault::ListNeedsTheLastOne, Some((_, id))) if self.inner.get(id).await?.is_none() => query.after = None,
            _ => {}
        }
        let mut clients = self.inner.list(&query).await?;
        if self.fault == Fault::ListIsUnordered {
            clients.sort_unstable_by_key(|client| client.id().clone());
        }
        Ok(clients)
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

    pub(super) async fn broken_count(&self, query: &ClientQuery) -> Result<u64, StoreError> {
        match (self.fault, &query.after) {
            (Fault::CountIgnoresTheQuery, _) => self.inner.count(&ClientQuery::new()).await,
            (Fault::CountStartsLate, Some(_)) => Ok(self.inner.list(query).await?.len() as u64),
            (Fault::CountIsStale, _) => self.inner.count(query).await.map(|count| count.min(2)),
            _ => self.inner.count(query).await,
        }
    }

    pub(super) async fn broken_expire(
        &self,
        cutoffs: &IdleCutoffs,
        limit: usize,
    ) -> Result<Vec<Arc<Client>>, StoreError> {
        let mut cutoffs = cutoffs.clone();
        match self.fault {
            Fault::ExpireTakesAnyClient => cutoffs.ids = None,
            Fault::ExpireTakesTheLatest => {
                let mut idle = self.idle(&cutoffs, usize::MAX).await?;
                let latest = idle.split_off(idle.len().saturating_sub(limit));
                cutoffs.ids = Some(latest.iter().map(|client| client.id().clone()).collect());
            }
            Fault::ExpireIncludesTheCutoffs => {
                for since in [&mut cutoffs.unused_since, &mut cutoffs.idle_since].into_iter().flatten() {
                    *since += Duration::from_millis(1);
                }
            }
            Fault::ExpireForgetsEveryKey => cutoffs.now += Duration::from_secs(1 << 32),
            Fault::ExpireLooksThenRemoves => {
                let idle = self.idle(&cutoffs, limit).await?;
                if self.arrive() > 0 {
                    return Ok(Vec::new());
                }
                self.until_left(CALLERS / 2).await;
                return self.remove_all(idle).await;
            }
            Fault::ExpireMarksThenRemoves => {
                let idle = self.idle(&cutoffs, limit).await?;
                for client in &idle {
                    self.overwrite(&disabled(client)?).await?;
                }
                yield_now().await;
                return self.remove_all(idle).await;
            }
            _ => {}
        }
        let mut expired = self.inner.expire(&cutoffs, limit).await?;
        match self.fault {
            Fault::ExpireTakesTheDisabled => {
                let disabled = self.inner.list(&ClientQuery::new().with_status(ClientStatus::Disabled)).await?;
                expired.extend(self.remove_all(disabled).await?);
            }
            Fault::ExpireReturnsNothing => expired.clear(),
            Fault::ExpireIgnoresTheTenant => {
                let tenants: Vec<MemoryStore> = self.tenants.lock().unwrap().clone();
                for tenant in tenants {
                    tenant.expire(&cutoffs, limit).await?;
                }
            }
            _ => {}
        }
        Ok(expired)
    }

    async fn idle(&self, cutoffs: &IdleCutoffs, limit: usize) -> Result<Vec<Arc<Client>>, StoreError> {
        self.inner.list(&ClientQuery::new().with_idle(cutoffs.clone()).with_limit(limit)).await
    }

    /// Removes clients in whatever state they are, and returns those that were there.
    async fn remove_all(&self, clients: Vec<Arc<Client>>) -> Result<Vec<Arc<Client>>, StoreError> {
        let mut removed = Vec::new();
        for client in clients {
            if self.inner.remove(client.id(), &RemoveConditions::unconditional()).await? {
                removed.push(client);
            }
        }
        Ok(removed)
    }
}
