//! What the rest of the application asks of the registry: finding clients, recording their use, listing.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Registry;
use crate::client::credential::{ClientId, Digest};
use crate::client::{Client, ClientStatus};
use crate::error::StoreError;
use crate::hooks::audit::{AuditEvent, Operation};
use crate::store::ClientQuery;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How many clients there are of each kind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegistryStats {
    /// All of them.
    pub clients: u64,
    /// Those that wait for approval.
    pub pending: u64,
    /// Those that may do what they are registered for.
    pub active: u64,
    /// Those that may do nothing.
    pub disabled: u64,
    /// Those that were never used, whatever their status.
    pub never_used: u64,
    /// How many there may be; none for any number.
    pub max_clients: Option<u64>,
    /// Initial access tokens, spent and expired ones included.
    pub initial_access_tokens: usize,
}

impl Registry {
    /// Finds a client by its identifier. With a `CachedStore` this may be a copy, as old as
    /// the cache promises.
    ///
    /// # Errors
    ///
    /// When the store fails, which does not mean that there is no such client.
    pub async fn client(&self, id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        match ClientId::parse(id) {
            Some(id) => self.inner.store.get(&id).await,
            None => Ok(None),
        }
    }

    /// The client as it is now, whatever a cache has.
    pub(crate) async fn current_client(&self, id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        match ClientId::parse(id) {
            Some(id) => self.inner.store.get_current(&id).await,
            None => Ok(None),
        }
    }

    /// Records that a client was used, for instance that it got a token; false when there is no such client.
    ///
    /// The first use of a client is an event of the audit trail, by whatever node it is recorded; later ones are not,
    /// since they are as many as tokens. A use is not refused because the trail fails.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn touch(&self, id: &ClientId) -> Result<bool, StoreError> {
        let now = self.now();
        let unused = self.inner.store.get(id).await?.filter(|client| client.last_used.is_none());
        let touched = self.inner.store.touch(id, now).await?;
        let Some(client) = unused.filter(|_| touched) else { return Ok(touched) };
        // Of several who saw it unused one tells; the others are not so late that they would be forgotten.
        if self.inner.store.claim_nonce(&format!("first_use:{id}"), now + DAY, now).await? {
            let used = Client { last_used: Some(now), ..(*client).clone() };
            drop(self.record(&AuditEvent::done(Operation::FirstUse, &used)).await);
        }
        Ok(true)
    }

    /// Remembers until a time that something was used which counts once, such as the `jti` of a client assertion
    /// ([RFC 7523 §3](https://www.rfc-editor.org/rfc/rfc7523#section-3)); false when that is remembered already. The
    /// keys are the application's own, whatever the registry remembers for itself. [`sweep`](Self::sweep) forgets
    /// those whose time is over.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn claim_nonce(&self, key: &str, until: SystemTime) -> Result<bool, StoreError> {
        // What is remembered has the same length whatever the key is: databases bound what they index.
        let key = Digest::of(key).to_hex();
        self.inner.store.claim_nonce(&format!("application:{key}"), until, self.now()).await
    }

    /// The clients that a query selects, a page at a time, in the order in which they were issued.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn clients(&self, query: &ClientQuery) -> Result<Vec<Arc<Client>>, StoreError> {
        self.inner.store.list(query).await
    }

    /// How many clients there are.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn count(&self) -> Result<u64, StoreError> {
        let count = self.count_of(&ClientQuery::new()).await?;
        #[cfg(feature = "metrics")]
        crate::metrics::clients(&self.settings().runtime.tenant_name(), count);
        Ok(count)
    }

    /// How many clients there are of each kind. Counts by a database are not free; ask for them now and then, not with
    /// every request.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn stats(&self) -> Result<RegistryStats, StoreError> {
        let with = |status| ClientQuery::new().with_status(status);
        Ok(RegistryStats {
            clients: self.count().await?,
            pending: self.count_of(&with(ClientStatus::Pending)).await?,
            active: self.count_of(&with(ClientStatus::Active)).await?,
            disabled: self.count_of(&with(ClientStatus::Disabled)).await?,
            never_used: self.count_of(&ClientQuery::new().with_never_used()).await?,
            max_clients: self.settings().lifecycle.retention.max_clients,
            initial_access_tokens: self.initial_access_tokens().await?.len(),
        })
    }

    /// Ends the work with the store, at the end of a shutdown when no request is under way any more: see
    /// [`ClientStore::close`](crate::store::ClientStore::close). All registries over the same store end with it. Before
    /// that it waits for events that the audit sink still records although their callers have left.
    ///
    /// # Errors
    ///
    /// When the store fails. What it acknowledged is kept nevertheless.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.settings().runtime.audit.finish().await;
        self.inner.store.close().await
    }

    /// How many clients a query selects, whatever it says about pages.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn count_of(&self, query: &ClientQuery) -> Result<u64, StoreError> {
        self.inner.store.count(query).await
    }
}
