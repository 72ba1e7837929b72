//! Expiry: idle clients are removed, periodically and when the registry is full.
//!
//! A sweep removes clients that the retention considers idle. At the client limit, a registration evicts one unused
//! client in the step that inserts the new one. Both ask the application first which clients are protected, if it
//! wants to be asked, and both are recorded as `expire`.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Registry;
use super::initial_access_tokens::STATIC_TOKEN;
use crate::client::Client;
use crate::client::credential::ClientId;
use crate::error::{RegistrationError, RegistrationErrorKind};
use crate::hooks::audit::{AuditEvent, Operation};
use crate::store::{ClientQuery, IdleCutoffs, RegistrantKey};

/// How many idle clients are read from the store at once.
const PAGE: usize = 100;
/// How many pages of the oldest unused clients are checked for protection before a registration is refused. The
/// number limits the work that one request can cause.
const ASKED: usize = 10;

impl Registry {
    /// Removes at most `limit` clients that are idle by the [retention](crate::retention), and returns them.
    /// [Protected](crate::retention::Protect) clients are not removed. A sweep also deletes expired keys of
    /// [`claim_nonce`](Self::claim_nonce), so it is useful without a retention too.
    ///
    /// # Errors
    ///
    /// As [`expire`](Self::expire), and when the application cannot say which clients are protected.
    pub async fn sweep(&self, limit: usize) -> Result<Vec<Arc<Client>>, RegistrationError> {
        let swept = self.try_to_sweep(limit).await;
        self.attempt(Operation::Expire).finish(swept).await
    }

    /// Sweeps page by page, because the application must be asked about each idle client before it is removed. The
    /// store checks the cutoffs again when it removes, so a client that was used after the question stays.
    async fn try_to_sweep(&self, limit: usize) -> Result<Vec<Arc<Client>>, RegistrationError> {
        let cutoffs = self.settings().lifecycle.retention.cutoffs(self.now());
        if !self.settings().lifecycle.retention.is_protected() {
            return self.try_to_expire(&cutoffs, limit).await;
        }
        let mut query = ClientQuery::new().with_idle(cutoffs.clone()).with_limit(PAGE);
        let mut swept = self.try_to_expire(&cutoffs.clone().with_ids(Vec::new()), 0).await?;
        while swept.len() < limit {
            let idle = self.inner.store.list(&query).await?;
            let Some(last) = idle.last() else { break };
            query = query.after(last);
            let free = self.unprotected(idle).await?;
            if !free.is_empty() {
                swept.extend(
                    self.try_to_expire(&cutoffs.clone().with_ids(free), limit.saturating_sub(swept.len())).await?,
                );
            }
        }
        Ok(swept)
    }

    /// Sweeps periodically and without an end, at most `limit` clients each time. The crate starts no task and has no
    /// timer, so spawn this future with the sleep function of your runtime; drop it, or abort the task, to stop it. A
    /// failed sweep is recorded on the audit trail, and the next one tries again.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tower_dcr::{Access, Registry, store::MemoryStore};
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    /// # runtime.block_on(async {
    /// # let registry = Registry::builder("https://id.example.com", Access::Open).build(MemoryStore::new())?;
    /// let sweeper = tokio::spawn(async move {
    ///     registry.sweep_periodically(Duration::from_secs(60), 1000, tokio::time::sleep).await;
    /// });
    /// sweeper.abort();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn sweep_periodically<F>(
        &self,
        every: Duration,
        limit: usize,
        sleep: impl Fn(Duration) -> F,
    ) -> Infallible
    where
        F: Future<Output = ()>,
    {
        loop {
            // A failure is on the audit trail already.
            drop(self.sweep(limit).await);
            sleep(every).await;
        }
    }

    /// Removes at most `limit` clients that are idle by these cutoffs, protected or not, and returns them.
    ///
    /// # Errors
    ///
    /// When the store fails; or, after the clients were removed, when the audit trail fails or the grants of one of
    /// them could not be revoked ([`RegistrationErrorKind::RevocationFailed`]).
    pub async fn expire(&self, cutoffs: &IdleCutoffs, limit: usize) -> Result<Vec<Arc<Client>>, RegistrationError> {
        let expired = self.try_to_expire(cutoffs, limit).await;
        self.attempt(Operation::Expire).finish(expired).await
    }

    /// Expires in batches until the limit is reached or the store finds no more.
    async fn try_to_expire(&self, cutoffs: &IdleCutoffs, limit: usize) -> Result<Vec<Arc<Client>>, RegistrationError> {
        let mut all = Vec::new();
        loop {
            let expired = self.expire_some(cutoffs, limit.saturating_sub(all.len())).await?;
            let is_over = expired.is_empty();
            all.extend(expired);
            if is_over || all.len() >= limit {
                return Ok(all);
            }
        }
    }

    /// Expires one batch, and records and revokes it as one.
    async fn expire_some(&self, cutoffs: &IdleCutoffs, limit: usize) -> Result<Vec<Arc<Client>>, RegistrationError> {
        let expired = self.inner.store.expire(cutoffs, limit).await?;
        let clients = || expired.iter().map(|client| &**client);
        // Both are created before the first await: if the caller drops the future, their destructors record every
        // client.
        let unrevoked = self.unrevoked(clients());
        let recorded = self.record_each(clients().map(|client| AuditEvent::done(Operation::Expire, client))).await;
        let revoked = unrevoked.revoke().await;
        recorded.and(revoked).map(|()| expired)
    }

    /// Which clients may be evicted for a new one where none is protected.
    pub(super) fn evictable(&self, new: &Client, now: SystemTime) -> Vec<IdleCutoffs> {
        if self.settings().lifecycle.retention.is_protected() {
            Vec::new()
        } else {
            self.evictable_if_unprotected(new, now)
        }
    }

    /// Which clients may be evicted if the application must be asked first: the oldest ones that are not protected.
    /// `None` if all are protected.
    pub(super) async fn unprotected_evictable(
        &self,
        new: &Client,
        now: SystemTime,
    ) -> Result<Option<IdleCutoffs>, RegistrationError> {
        if !self.settings().lifecycle.retention.is_protected() {
            return Ok(None);
        }
        for cutoffs in self.evictable_if_unprotected(new, now) {
            let mut query = ClientQuery::new().with_idle(cutoffs.clone()).with_limit(PAGE);
            for _ in 0..ASKED {
                let oldest = self.inner.store.list(&query).await?;
                let Some(last) = oldest.last() else { break };
                query = query.after(last);
                let free = self.unprotected(oldest).await?;
                if !free.is_empty() {
                    return Ok(Some(cutoffs.with_ids(free)));
                }
            }
        }
        Ok(None)
    }

    /// Static tokens share one identifier. If there are several, it does not identify the registrant, so it gives no
    /// right to evict a client of the same registrant.
    fn evictable_if_unprotected(&self, new: &Client, now: SystemTime) -> Vec<IdleCutoffs> {
        let is_shared = |key: &RegistrantKey| match key {
            RegistrantKey::InitialAccessToken(id) => {
                &**id == STATIC_TOKEN && self.settings().access.static_tokens.len() > 1
            }
            _ => false,
        };
        self.settings().lifecycle.retention.evictable(now, new.registrant_keys().filter(|key| !is_shared(key)))
    }

    /// Those of the idle clients that need not stay.
    async fn unprotected(&self, idle: Vec<Arc<Client>>) -> Result<Vec<ClientId>, RegistrationError> {
        let unprotected = self.settings().lifecycle.retention.unprotected(idle).await;
        let unprotected =
            unprotected.map_err(|cause| RegistrationError::new(RegistrationErrorKind::Unavailable).caused_by(cause))?;
        Ok(unprotected.iter().map(|client| client.id.clone()).collect())
    }
}
