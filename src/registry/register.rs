//! Registration: a document and the rights of its caller become a client
//! ([RFC 7591 §3](https://www.rfc-editor.org/rfc/rfc7591#section-3)).
//!
//! [`Registry::register_document`] applies the rules and the policy, draws the credentials and inserts the client.
//! The insertion spends the initial access token and the nonces, and evicts an unused client if the registry is full,
//! in one atomic step of the store. A registration that cannot be recorded on the audit trail is undone.

use std::sync::Arc;
use std::time::SystemTime;

use super::recording::not_recorded;
use super::submission::Submission;
use super::{ATTEMPTS, Registry};
use crate::client::credential::{ClientSecret, NewCredentials, RegistrationAccessToken};
use crate::client::{Client, ClientInformation, ClientStatus, RegistrationOrigin, RegistrationToken};
use crate::error::{RegistrationError, RegistrationErrorKind, StoreError};
use crate::hooks::access::{Registrant, RequestHead, peer};
use crate::hooks::audit::{AuditEvent, Operation, Recording};
use crate::hooks::policy::Caller;
use crate::protocol::metadata::ClientMetadata;
use crate::store::{InsertConditions, InsertOutcome, RemoveConditions};

impl Registry {
    /// Registers a client for the application itself, whatever access control says and also while registration is
    /// switched off.
    ///
    /// # Errors
    ///
    /// When the metadata breaks rules, the client limit is reached, or the store or the audit trail fails.
    pub async fn register(&self, metadata: ClientMetadata) -> Result<ClientInformation, RegistrationError> {
        let submission = Submission::from(metadata);
        let registrant = Registrant::of(RegistrationOrigin::Application);
        let registered = self.register_document(submission, registrant.clone(), None).await;
        self.attempt(Operation::Register).by(&registrant).finish(registered).await
    }

    /// Registers the client of a document for a caller who may register. `request` is `None` for the application.
    pub(crate) async fn register_document(
        &self,
        submission: Submission,
        registrant: Registrant,
        request: Option<RequestHead<'_>>,
    ) -> Result<ClientInformation, RegistrationError> {
        let caller = Caller::registering(&registrant, request);
        #[cfg(feature = "software-statements")]
        let submission = self.attest(submission, caller).await?;
        let Submission { document, nonces } = submission;
        let (metadata, status) = self.apply(document, caller).await?;
        let unique_fingerprint = self.software_fingerprint(&metadata);
        // Unique software has one client, so there is no other registration that it could share.
        let shared_fingerprint = match unique_fingerprint {
            Some(_) => None,
            None => self.shared_fingerprint(&metadata, &registrant),
        };
        if let Some(information) = self.shared_registration(shared_fingerprint, &metadata).await? {
            return Ok(information);
        }
        let now = self.now();
        let initial_access_token = registrant.spends;
        let NewClient { mut client, secret, token } = self.new_client(metadata, status, registrant, now)?;
        client.fingerprint = shared_fingerprint.or(unique_fingerprint);
        client.network = self.network_of(request);
        // Several callers use a shared registration, so none of them may manage it.
        let token = token.filter(|_| shared_fingerprint.is_none());
        client.token = token.as_ref().map(|token| RegistrationToken::only(token.digest()));
        let conditions = InsertConditions {
            initial_access_token,
            nonces,
            max_clients: self.settings().lifecycle.retention.max_clients,
            evict: self.evictable(&client, now),
            unique_fingerprint,
            ..InsertConditions::unconditional(now)
        };
        // The credentials leave the process only after this line, so a registration that was undone has shown none.
        self.insert_recorded(&client, conditions).await?;
        Ok(self.information(Arc::new(client), secret, token))
    }

    /// A client with new credentials, all drawn at once, which is not stored yet.
    fn new_client(
        &self,
        metadata: ClientMetadata,
        status: ClientStatus,
        registrant: Registrant,
        now: SystemTime,
    ) -> Result<NewClient, RegistrationError> {
        let NewCredentials { id, secret, token } = NewCredentials::generate()?;
        let (stored_secret, secret) = self.new_secret(&id, &metadata, now, secret)?.unzip();
        let client = Client {
            id,
            metadata,
            issued_at: now,
            secret: stored_secret,
            token: None,
            revision: 1,
            last_used: None,
            origin: registrant.origin,
            owner: registrant.owner,
            status,
            constraints: registrant.constraints,
            fingerprint: None,
            network: None,
        };
        let token = self.settings().management.enabled.then_some(token);
        Ok(NewClient { client, secret, token })
    }

    /// A keyed hash of the network from which a client is registered. It decides which clients its registrant may
    /// evict, so it is not stored if no client is ever evicted.
    fn network_of(&self, request: Option<RequestHead<'_>>) -> Option<u64> {
        let retention = &self.settings().lifecycle.retention;
        let peer = peer::address(&request?).filter(|_| retention.max_clients.is_some())?;
        Some(retention.network_hash(peer))
    }

    /// Inserts a client and records it, or undoes the insertion with everything that it spent. The grants of an evicted
    /// client are revoked; if this fails, the new client stays, and the failure is on the audit trail.
    async fn insert_recorded(&self, client: &Client, conditions: InsertConditions) -> Result<(), RegistrationError> {
        let evicted = self.insert(client, &conditions).await?;
        // Before the next await: if the caller leaves, its destructor reports that these grants were not revoked.
        let unrevoked = self.unrevoked(evicted.as_deref());
        if let Err(error) = self.confirm(client, evicted.as_deref()).await {
            unrevoked.cancel();
            // One atomic step restores the evicted client, the token use and the nonces. Otherwise a failing audit
            // sink would let a caller evict clients without leaving a registration.
            self.inner.store.remove(&client.id, &RemoveConditions::undoing(conditions, evicted)).await?;
            drop(self.record(&AuditEvent::done(Operation::TakeBack, client)).await);
            return Err(error);
        }
        // Not a reason to undo: the evicted client is removed already, and the failure is an event of its own.
        drop(unrevoked.revoke().await);
        Ok(())
    }

    /// Records the registration, and then the eviction, which must not be on the trail if the registration is undone.
    async fn confirm(&self, client: &Client, evicted: Option<&Client>) -> Result<(), RegistrationError> {
        // If the caller leaves before the end, dropping this records the eviction.
        let evicted = evicted.map(|evicted| self.recording(&AuditEvent::done(Operation::Expire, evicted)));
        if let Err(error) = self.record(&AuditEvent::done(Operation::Register, client)).await {
            evicted.into_iter().for_each(Recording::cancel);
            return Err(error);
        }
        match evicted {
            Some(evicted) => evicted.await.map_err(not_recorded),
            None => Ok(()),
        }
    }

    /// Inserts a client, and returns the client that was evicted for it.
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
                // Another registration spent the last use, or the operator revoked the token, after it was redeemed.
                InsertOutcome::TokenRefused => return Err(RegistrationError::new(RegistrationErrorKind::InvalidToken)),
                InsertOutcome::Replayed => return Err(StoreError::replayed().into()),
                InsertOutcome::FingerprintTaken => return Err(StoreError::fingerprint_taken().into()),
                InsertOutcome::Exists => {
                    return Err(RegistrationError::new(RegistrationErrorKind::Internal)
                        .caused_by("the random identifier exists already"));
                }
                // Other registrations may have evicted the candidates, or locked them, in the same moment.
                InsertOutcome::Full => match self.unprotected_evictable(client, conditions.now).await? {
                    Some(cutoffs) => conditions.evict = vec![cutoffs],
                    // 503 and not 403: the caller may register later, when clients have expired.
                    None if conditions.evict.is_empty() || attempt > 1 => break,
                    None => {}
                },
            }
        }
        Err(RegistrationError::new(RegistrationErrorKind::Unavailable).caused_by("the client limit is reached"))
    }
}

/// A client before its insertion, and the credentials that only the reply shows.
struct NewClient {
    client: Client,
    secret: Option<ClientSecret>,
    token: Option<RegistrationAccessToken>,
}
