//! The verbs, each of them broken by its fault.

use std::sync::Arc;
use std::time::SystemTime;

use tower_dcr::access::InitialAccessTokenRecord;
use tower_dcr::credential::{ClientId, Digest};
use tower_dcr::store::{
    ClientQuery, ClientStore, IdleCutoffs, InsertConditions, InsertOutcome, RemoveConditions, UpdateConditions,
};
use tower_dcr::{Client, StoreError};

use super::{Broken, Fault};

impl ClientStore for Broken {
    fn is_durable(&self) -> bool {
        false
    }

    fn for_tenant(&self, tenant: &str) -> Self {
        let tenant = if self.fault == Fault::TenantsAreOne { "" } else { tenant };
        let inner = self.inner.for_tenant(tenant);
        self.tenants.lock().unwrap().push(inner.clone());
        Self { inner, ..self.clone() }
    }

    async fn insert(&self, client: &Client, conditions: &InsertConditions) -> Result<InsertOutcome, StoreError> {
        self.broken_insert(&self.written(client)?, conditions).await
    }

    async fn get(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        self.broken_get(id).await
    }

    async fn get_current(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        self.broken_get(id).await
    }

    async fn get_by_registration_token(
        &self,
        id: &ClientId,
        token: &Digest,
    ) -> Result<Option<Arc<Client>>, StoreError> {
        self.broken_get_by_registration_token(id, token).await
    }

    async fn update(&self, client: &Client, conditions: &UpdateConditions) -> Result<(), StoreError> {
        self.broken_update(&self.written(client)?, conditions).await
    }

    async fn remove(&self, id: &ClientId, conditions: &RemoveConditions) -> Result<bool, StoreError> {
        self.broken_remove(id, conditions).await
    }

    async fn touch(&self, id: &ClientId, at: SystemTime) -> Result<bool, StoreError> {
        self.broken_touch(id, at).await
    }

    async fn list(&self, query: &ClientQuery) -> Result<Vec<Arc<Client>>, StoreError> {
        self.broken_list(query).await
    }

    async fn count(&self, query: &ClientQuery) -> Result<u64, StoreError> {
        self.broken_count(query).await
    }

    async fn expire(&self, cutoffs: &IdleCutoffs, limit: usize) -> Result<Vec<Arc<Client>>, StoreError> {
        self.broken_expire(cutoffs, limit).await
    }

    async fn insert_token(&self, token: &InitialAccessTokenRecord) -> Result<(), StoreError> {
        self.broken_insert_token(token).await
    }

    async fn get_token(&self, digest: &Digest) -> Result<Option<InitialAccessTokenRecord>, StoreError> {
        self.broken_get_token(digest).await
    }

    async fn list_tokens(&self) -> Result<Vec<InitialAccessTokenRecord>, StoreError> {
        self.broken_list_tokens().await
    }

    async fn remove_token(&self, id: &str) -> Result<bool, StoreError> {
        self.broken_remove_token(id).await
    }

    async fn claim_nonce(&self, key: &str, until: SystemTime, now: SystemTime) -> Result<bool, StoreError> {
        self.broken_remember(key, until, now).await
    }
}
