//! Registration: a document and a grant become a client
//! ([RFC 7591 §3](https://www.rfc-editor.org/rfc/rfc7591#section-3)).

use std::sync::Arc;

use http::request::Parts;

use super::{ATTEMPTS, Registry};
use crate::access::Grant;
use crate::audit::{AuditEvent, Operation};
use crate::client::{Client, Origin, RegistrationToken};
use crate::credential::NewCredentials;
use crate::error::{ErrorKind, RegistrationError, StoreError};
use crate::gate;
use crate::information::ClientInformation;
use crate::metadata::{ClientMetadata, Document};
use crate::policy::Asker;
use crate::store::{Admission, Admitted, Removal};

impl Registry {
    /// Registers a client on behalf of the application itself, whatever the access control and the switch say.
    ///
    /// # Errors
    ///
    /// When the metadata breaks rules, there is no room for another client, or the store fails.
    pub async fn register(&self, metadata: ClientMetadata) -> Result<ClientInformation, RegistrationError> {
        let document = Document { metadata, ..Document::default() };
        let grant = Grant::of(Origin::Application);
        let done = self.register_document(document, grant.clone(), None).await;
        self.refusal_to_caller_audited(Operation::Register, &grant, &[], done)
    }

    pub(crate) async fn register_document(
        &self,
        document: Document,
        grant: Grant,
        request: Option<&Parts>,
    ) -> Result<ClientInformation, RegistrationError> {
        let asker = Asker::registering(&grant, request);
        #[cfg(feature = "software-statements")]
        let document = self.attest(document, asker).await?;
        let once = document.once.clone();
        let (metadata, status) = self.settle(document, asker).await?;
        let now = self.now();
        let instance = self.instance(&metadata);
        let shareable = self.fingerprint(&metadata, &grant).filter(|_| instance.is_none());
        if let Some(shared) = self.shared(shareable, &metadata).await? {
            return Ok(shared);
        }
        let managed = self.config().management && shareable.is_none();
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
        let admission = Admission {
            initial_access_token: grant.spends,
            once,
            most_clients: self.config().retention.max_clients,
            evict: self.evictable(&client, now),
            unique_fingerprint: instance,
            ..Admission::free(now)
        };
        self.admit(&client, admission).await?;
        Ok(self.information(Arc::new(client), shown, token))
    }

    /// What is kept of the network from which a client is registered; kept only where clients may be evicted.
    fn network_of(&self, request: Option<&Parts>) -> Option<u64> {
        let retention = &self.config().retention;
        let peer = gate::address(request?).filter(|_| retention.max_clients.is_some())?;
        Some(retention.network_hash(peer))
    }

    /// Inserts a client and keeps it, or else takes it back with all that it cost. What who made room was granted ends;
    /// that this may fail is nothing to the new client, and on the audit trail.
    async fn admit(&self, client: &Client, admission: Admission) -> Result<(), RegistrationError> {
        let gone = self.insert(client, &admission).await?;
        if let Err(error) = self.keep(client, gone.as_deref()) {
            self.inner.store.remove(&client.id, &Removal::undoing(admission, gone)).await?;
            drop(self.audit(&AuditEvent::done(Operation::TakeBack, client)));
            return Err(error);
        }
        if let Some(gone) = gone {
            drop(self.revoke(&gone).await);
        }
        Ok(())
    }

    /// A client that was inserted stays unless this cannot be put on the audit trail. The evicted client is recorded
    /// last, since its end is final.
    fn keep(&self, client: &Client, gone: Option<&Client>) -> Result<(), RegistrationError> {
        self.audit(&AuditEvent::done(Operation::Register, client))?;
        gone.map_or(Ok(()), |gone| self.audit(&AuditEvent::done(Operation::Expire, gone)))
    }

    /// Inserts a client; tells who made room for it.
    async fn insert(&self, client: &Client, admission: &Admission) -> Result<Option<Arc<Client>>, RegistrationError> {
        let mut admission = admission.clone();
        for attempt in 1..=ATTEMPTS {
            match self.inner.store.insert(client, &admission).await? {
                Admitted::Inserted => return Ok(None),
                Admitted::InPlaceOf(gone) => return Ok(Some(gone)),
                Admitted::TokenRefused => return Err(RegistrationError::new(ErrorKind::InvalidToken)),
                Admitted::Replayed => return Err(StoreError::replayed().into()),
                Admitted::FingerprintTaken => return Err(StoreError::fingerprint_taken().into()),
                Admitted::Exists => {
                    return Err(RegistrationError::new(ErrorKind::Internal).caused_by("a random identifier came twice"));
                }
                // Clients that could be evicted may have been evicted or locked by others at that moment.
                Admitted::Full => match self.unprotected_evictable(client, admission.now).await? {
                    Some(cutoffs) => admission.evict = vec![cutoffs],
                    None if admission.evict.is_empty() || attempt > 1 => break,
                    None => {}
                },
            }
        }
        Err(RegistrationError::new(ErrorKind::Unavailable).caused_by("the client limit is reached"))
    }
}
