//! Registration: a document and a grant become a client
//! ([RFC 7591 §3](https://www.rfc-editor.org/rfc/rfc7591#section-3)).

use std::sync::Arc;

use super::submission::Submission;
use super::{ATTEMPTS, Registry};
use crate::client::ClientInformation;
use crate::client::credential::NewCredentials;
use crate::client::{Client, RegistrationOrigin, RegistrationToken};
use crate::error::{RegistrationError, RegistrationErrorKind, StoreError};
use crate::hooks::access::peer;
use crate::hooks::access::{Registrant, RequestHead};
use crate::hooks::audit::{AuditEvent, Operation};
use crate::hooks::policy::Caller;
use crate::protocol::metadata::ClientMetadata;
use crate::store::{InsertConditions, InsertOutcome, RemoveConditions};

impl Registry {
    /// Registers a client on behalf of the application itself, whatever the access control and the switch say.
    ///
    /// # Errors
    ///
    /// When the metadata breaks rules, there is no room for another client, or the store fails.
    pub async fn register(&self, metadata: ClientMetadata) -> Result<ClientInformation, RegistrationError> {
        let submission = Submission::from(metadata);
        let grant = Registrant::of(RegistrationOrigin::Application);
        let done = self.register_document(submission, grant.clone(), None).await;
        self.attempt(Operation::Register).by(&grant).finish(done).await
    }

    pub(crate) async fn register_document(
        &self,
        submission: Submission,
        grant: Registrant,
        request: Option<RequestHead<'_>>,
    ) -> Result<ClientInformation, RegistrationError> {
        let asker = Caller::registering(&grant, request);
        #[cfg(feature = "software-statements")]
        let submission = self.attest(submission, asker).await?;
        let nonces = submission.nonces;
        let (metadata, status) = self.settle(submission.document, asker).await?;
        let now = self.now();
        let instance = self.instance(&metadata);
        let shareable = self.fingerprint(&metadata, &grant).filter(|_| instance.is_none());
        if let Some(shared) = self.shared(shareable, &metadata).await? {
            return Ok(shared);
        }
        let managed = self.settings().management.enabled && shareable.is_none();
        let NewCredentials { id, secret, token } = NewCredentials::generate()?;
        let token = managed.then_some(token);
        let (secret, shown) = self.new_secret(&id, &metadata, now, secret)?.unzip();
        let client = Client {
            id,
            metadata,
            issued_at: now,
            secret,
            token: token.as_ref().map(|token| RegistrationToken::only(token.digest())),
            revision: 1,
            last_used: None,
            origin: grant.origin,
            owner: grant.owner,
            status,
            constraints: grant.constraints,
            fingerprint: shareable.or(instance),
            network: self.network_of(request),
        };
        let conditions = InsertConditions {
            initial_access_token: grant.spends,
            nonces,
            max_clients: self.settings().lifecycle.retention.max_clients,
            evict: self.evictable(&client, now),
            unique_fingerprint: instance,
            ..InsertConditions::unconditional(now)
        };
        self.insert_recorded(&client, conditions).await?;
        Ok(self.information(Arc::new(client), shown, token))
    }

    /// What is kept of the network from which a client is registered; kept only where clients may be evicted.
    fn network_of(&self, request: Option<RequestHead<'_>>) -> Option<u64> {
        let retention = &self.settings().lifecycle.retention;
        let peer = peer::address(&request?).filter(|_| retention.max_clients.is_some())?;
        Some(retention.network_hash(peer))
    }

    /// Inserts a client and keeps it, or else takes it back with all that it cost. What who made room was granted ends;
    /// that this may fail is nothing to the new client, and on the audit trail.
    async fn insert_recorded(&self, client: &Client, conditions: InsertConditions) -> Result<(), RegistrationError> {
        let evicted = self.insert(client, &conditions).await?;
        if let Err(error) = self.keep(client, evicted.as_deref()).await {
            self.inner.store.remove(&client.id, &RemoveConditions::undoing(conditions, evicted)).await?;
            drop(self.record(&AuditEvent::done(Operation::TakeBack, client)).await);
            return Err(error);
        }
        if let Some(evicted) = evicted {
            drop(self.revoke(&evicted).await);
        }
        Ok(())
    }

    /// A client that was inserted stays unless this cannot be put on the audit trail. The evicted client is recorded
    /// last, since its end is final.
    async fn keep(&self, client: &Client, evicted: Option<&Client>) -> Result<(), RegistrationError> {
        self.record(&AuditEvent::done(Operation::Register, client)).await?;
        match evicted {
            Some(evicted) => self.record(&AuditEvent::done(Operation::Expire, evicted)).await,
            None => Ok(()),
        }
    }

    /// Inserts a client; tells who made room for it.
    async fn insert(
        &self,
        client: &Client,
        conditions: &InsertConditions,
    ) -> Result<Option<Arc<Client>>, RegistrationError> {
        let mut conditions = conditions.clone();
        for attempt in 1..=ATTEMPTS {
            match self.inner.store.insert(client, &conditions).await? {
                InsertOutcome::Inserted => return Ok(None),
                InsertOutcome::InsertedEvicting(evicted) => return Ok(Some(evicted)),
                InsertOutcome::TokenRefused => return Err(RegistrationError::new(RegistrationErrorKind::InvalidToken)),
                InsertOutcome::Replayed => return Err(StoreError::replayed().into()),
                InsertOutcome::FingerprintTaken => return Err(StoreError::fingerprint_taken().into()),
                InsertOutcome::Exists => {
                    return Err(RegistrationError::new(RegistrationErrorKind::Internal)
                        .caused_by("a random identifier came twice"));
                }
                // Clients that could be evicted may have been evicted or locked by others at that moment.
                InsertOutcome::Full => match self.unprotected_evictable(client, conditions.now).await? {
                    Some(cutoffs) => conditions.evict = vec![cutoffs],
                    None if conditions.evict.is_empty() || attempt > 1 => break,
                    None => {}
                },
            }
        }
        Err(RegistrationError::new(RegistrationErrorKind::Unavailable).caused_by("the client limit is reached"))
    }
}
