//! Idle clients go: from time to time, and when there is no room for a new one.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Registry;
use crate::audit::{AuditEvent, Operation};
use crate::client::Client;
use crate::error::{ErrorKind, RegistrationError};
use crate::store::{ClientQuery, Cutoffs};

/// How many idle clients are looked at together.
const PAGE: usize = 100;
/// How many of the oldest unused clients are asked to make room before it is given up.
const ASKED: usize = 64;

impl Registry {
    /// Removes at most `limit` clients that are idle by the [retention](crate::retention), and tells which. Clients
    /// that are [protected](crate::retention::Protect) stay.
    ///
    /// # Errors
    ///
    /// As [`expire`](Self::expire), and when it cannot be told who is protected.
    pub async fn sweep(&self, limit: usize) -> Result<Vec<Arc<Client>>, RegistrationError> {
        let cutoffs = self.config().retention.cutoffs(self.now());
        if !self.config().retention.is_protected() {
            return self.expire(&cutoffs, limit).await;
        }
        let mut query = ClientQuery::new().with_idle(cutoffs.clone()).with_limit(PAGE);
        let mut swept = self.expire(&cutoffs.clone().among(Vec::new()), 0).await?;
        while swept.len() < limit {
            let idle = self.inner.store.list(&query).await?;
            let Some(last) = idle.last() else { break };
            query = query.after(last);
            swept.extend(self.expire_unprotected(&cutoffs, idle, limit - swept.len()).await?);
        }
        Ok(swept)
    }

    /// Sweeps for ever, at most `limit` clients each time, and sleeps between. The crate starts no task and owns no
    /// timer, so spawn this future with the sleep of your runtime; drop it, or abort the task, to end it. A sweep that
    /// fails is on the audit trail and the next one tries again.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tower_dcr::{Access, Registry, store::MemoryStore};
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    /// # runtime.block_on(async {
    /// # let registry = Registry::builder("https://id.example.com", Access::Open).build(MemoryStore::new())?;
    /// let sweeper = tokio::spawn(async move {
    ///     registry.keep_swept(Duration::from_secs(60), 1000, tokio::time::sleep).await;
    /// });
    /// sweeper.abort();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn keep_swept<F>(&self, every: Duration, limit: usize, sleep: impl Fn(Duration) -> F) -> Infallible
    where
        F: Future<Output = ()>,
    {
        loop {
            let swept = self.sweep(limit).await;
            drop(self.refusal_audited(Operation::Expire, None, swept));
            sleep(every).await;
        }
    }

    /// Removes at most `limit` clients that are idle by these cutoffs, protected or not, and tells which.
    ///
    /// # Errors
    ///
    /// When the store fails; or, the clients being gone, when the audit trail fails or what one of them was granted may
    /// not be gone ([`ErrorKind::RevocationFailed`]).
    pub async fn expire(&self, cutoffs: &Cutoffs, limit: usize) -> Result<Vec<Arc<Client>>, RegistrationError> {
        let expired = self.inner.store.expire(cutoffs, limit).await?;
        // All of them are on the trail before anything is waited for: whoever drops the future leaves none untold.
        let recorded = expired.iter().map(|client| self.audit(&AuditEvent::done(Operation::Expire, client)));
        let mut told = recorded.fold(Ok(()), Result::and);
        for client in &expired {
            told = told.and(self.revoke(client).await);
        }
        told.map(|()| expired)
    }

    /// Removes the oldest client that was never used; false when nobody can make room.
    pub(super) async fn make_room(&self, now: SystemTime) -> Result<bool, RegistrationError> {
        let Some(cutoffs) = self.config().retention.room_cutoffs(now) else { return Ok(false) };
        let gone = match self.config().retention.is_protected() {
            false => self.expire(&cutoffs, 1).await,
            true => {
                let query = ClientQuery::new().with_idle(cutoffs.clone()).with_limit(ASKED);
                self.expire_unprotected(&cutoffs, self.inner.store.list(&query).await?, 1).await
            }
        };
        match gone {
            Ok(gone) => Ok(!gone.is_empty()),
            // There is room all the same, and the new client can do nothing about it.
            Err(error) if error.kind() == ErrorKind::RevocationFailed => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Removes at most `limit` of these idle clients, if they are still idle and not protected.
    async fn expire_unprotected(
        &self,
        cutoffs: &Cutoffs,
        idle: Vec<Arc<Client>>,
        limit: usize,
    ) -> Result<Vec<Arc<Client>>, RegistrationError> {
        let unprotected = self.config().retention.unprotected(idle).await;
        let unprotected =
            unprotected.map_err(|cause| RegistrationError::new(ErrorKind::Unavailable).caused_by(cause))?;
        if unprotected.is_empty() {
            return Ok(unprotected);
        }
        let among = unprotected.iter().map(|client| client.id.clone()).collect();
        self.expire(&cutoffs.clone().among(among), limit).await
    }
}
