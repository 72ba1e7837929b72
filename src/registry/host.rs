//! What the rest of the application asks of the registry: finding clients, recording their use, listing.

use std::sync::Arc;

use super::Registry;
use crate::client::Client;
use crate::credential::ClientId;
use crate::error::StoreError;
use crate::store::ClientQuery;

impl Registry {
    /// Finds a client by its identifier.
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

    /// Records that a client was used, for instance that it got a token; false when there is no such client.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn touch(&self, id: &ClientId) -> Result<bool, StoreError> {
        self.inner.store.touch(id, self.now()).await
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
        self.count_of(&ClientQuery::new()).await
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
