//! Operations for the rest of the application: finding clients, recording their use, listing and counting them.

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

    /// The current client, read from the store and not from a cache.
    pub(crate) async fn current_client(&self, id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        match ClientId::parse(id) {
            Some(id) => self.inner.store.get_current(&id).await,
            None => Ok(None),
        }
    }

    /// Records that a client was used, for instance that it got a token; false when there is no such client.
    ///
    /// The first use of a client is an event of the audit trail. Later uses are not, because there is one for each
    /// token that is issued. A use succeeds also if the audit trail fails: the client has done nothing wrong.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn touch(&self, id: &ClientId) -> Result<bool, StoreError> {
        let now = self.now();
        let unused = self.inner.store.get(id).await?.filter(|client| client.last_used.is_none());
        let touched = self.inner.store.touch(id, now).await?;
        let Some(client) = unused.filter(|_| touched) else { return Ok(touched) };
        // Several nodes may have seen the client unused. The nonce lets one of them record the event. A day is longer
        // than any request, so no node comes after the nonce has expired.
        if self.inner.store.claim_nonce(&format!("first_use:{id}"), now + DAY, now).await? {
            let used = Client { last_used: Some(now), ..(*client).clone() };
            drop(self.record(&AuditEvent::done(Operation::FirstUse, &used)).await);
        }
        Ok(true)
    }

    /// Claims a key that may be used once, such as the `jti` of a client assertion
    /// ([RFC 7523 §3](https://www.rfc-editor.org/rfc/rfc7523#section-3)), until the given time. Returns false if the
    /// key is claimed already. The claim is one atomic step of the store, so of two requests at the same moment one
    /// gets true.
    ///
    /// The keys of the application cannot collide with those of the registry. [`sweep`](Self::sweep) removes expired
    /// keys.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn claim_nonce(&self, key: &str, until: SystemTime) -> Result<bool, StoreError> {
        // A digest has a fixed length: a key may come from a token of any length, and databases limit what they
        // index.
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

    /// Closes the store, at the end of a shutdown when no request is active any more; see
    /// [`ClientStore::close`](crate::store::ClientStore::close). All registries over the same store are closed with
    /// it. Before that, it waits for events that the audit sink still records although their callers were dropped.
    ///
    /// # Errors
    ///
    /// When the store fails. Changes that it acknowledged before are durable nevertheless.
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
