//! Registration: a document and a grant become a client
//! ([RFC 7591 §3](https://www.rfc-editor.org/rfc/rfc7591#section-3)).

use std::sync::Arc;

use http::request::Parts;

use super::{ATTEMPTS, Registry};
use crate::access::Grant;
use crate::audit::{AuditEvent, Operation};
use crate::client::{Client, Origin, RegistrationToken};
use crate::credential::{ClientId, RegistrationAccessToken};
use crate::error::{ErrorKind, RegistrationError};
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
        self.refusal_to_caller_audited(Operation::Register, &grant, done)
    }

    pub(crate) async fn register_document(
        &self,
        document: Document,
        grant: Grant,
        request: Option<&Parts>,
    ) -> Result<ClientInformation, RegistrationError> {
        let asker = Asker::registering(&grant, request);
        #[cfg(feature = "software-statements")]
        let (document, once) = self.attest(document, asker).await?;
        let (metadata, status) = self.settle(document, asker).await?;
        let now = self.now();
        let instance = self.instance(&metadata);
        let shareable = self.fingerprint(&metadata, &grant).filter(|_| instance.is_none());
        if let Some(shared) = self.shared(shareable, &metadata).await? {
            return Ok(shared);
        }
        let managed = self.config().management && shareable.is_none();
        let token = managed.then(RegistrationAccessToken::generate).transpose()?;
        let id = ClientId::generate()?;
        let (secret, shown) = self.new_secret(&id, &metadata, now)?.unzip();
        let client = Client {
            id,
            metadata,
            issued_at: now,
            secret,
            token: token.as_ref().map(|token| RegistrationToken { current: token.digest(), previous: None }),
            revision: 1,
            last_used: None,
            origin: grant.origin,
            owner: grant.owner,
            status,
            constraints: grant.constraints,
            fingerprint: shareable.or(instance),
        };
        let admission = Admission {
            initial_access_token: grant.spends,
            most_clients: self.config().retention.max_clients,
            ..Admission::free(now)
        };
        #[cfg(feature = "software-statements")]
        self.spend(once).await?;
        self.admit(&client, &admission).await?;
        self.yield_to_twin(&client, grant.spends).await?;
        if let Err(error) = self.audit(&AuditEvent::done(Operation::Register, &client)) {
            let taken_back = Removal { revision: None, refunds: grant.spends };
            self.inner.store.remove(&client.id, &taken_back).await?;
            drop(self.audit(&AuditEvent::done(Operation::TakeBack, &client)));
            return Err(error);
        }
        Ok(self.information(Arc::new(client), shown, token))
    }

    /// Inserts a client; where there is no room, others make room.
    async fn admit(&self, client: &Client, admission: &Admission) -> Result<(), RegistrationError> {
        for _ in 0..ATTEMPTS {
            match self.inner.store.insert(client, admission).await? {
                Admitted::Inserted => return Ok(()),
                Admitted::Full if self.make_room(admission.now).await? => {}
                Admitted::Full => break,
                Admitted::TokenRefused => return Err(RegistrationError::new(ErrorKind::InvalidToken)),
                Admitted::Exists => {
                    return Err(RegistrationError::new(ErrorKind::Internal).caused_by("a random identifier came twice"));
                }
            }
        }
        Err(RegistrationError::new(ErrorKind::Unavailable).caused_by("the client limit is reached"))
    }
}
