//! Management: a client reads, replaces and removes its registration
//! ([RFC 7592 §2](https://www.rfc-editor.org/rfc/rfc7592#section-2)).

use std::sync::Arc;

use http::request::Parts;

use super::{ATTEMPTS, Registry};
use crate::audit::{AuditEvent, Operation};
use crate::client::{Client, Presented, RegistrationToken, Status};
use crate::credential::{ClientId, ClientSecret, Digest, RegistrationAccessToken};
use crate::error::{ErrorCode, ErrorKind, RegistrationError, StoreErrorKind, Violation};
use crate::information::ClientInformation;
use crate::management::Management;
use crate::metadata::{ClientMetadata, Document};
use crate::policy::Asker;
use crate::rules;
use crate::store::{OneTimeKey, Removal, Replacement};

/// A client that proved itself with a registration access token.
#[derive(Debug)]
pub(crate) struct Authenticated {
    client: Arc<Client>,
    token: RegistrationAccessToken,
    presented: Presented,
}

/// Which state of a client an operation is meant for.
pub(crate) type IsMeant<'a> = &'a (dyn Fn(&Client) -> Result<(), RegistrationError> + Send + Sync);

impl Registry {
    /// Reads a registration with its registration access token.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidToken`] for a wrong token, an unknown client and a deleted one alike;
    /// [`ErrorKind::InsufficientScope`] where clients may not do this; or when the store fails.
    pub async fn read(&self, id: &ClientId, token: &str) -> Result<ClientInformation, RegistrationError> {
        let done = async { self.read_authenticated(self.authorize(id, token, Management::Read).await?).await };
        self.refusal_audited(Operation::Read, Some(id), done.await)
    }

    /// Replaces the metadata of a client: what is left out is gone or falls back to its default
    /// ([RFC 7592 §2.2](https://www.rfc-editor.org/rfc/rfc7592#section-2.2)).
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), and when the metadata breaks rules or the client is changed by others again and again.
    pub async fn update(
        &self,
        id: &ClientId,
        token: &str,
        metadata: ClientMetadata,
    ) -> Result<ClientInformation, RegistrationError> {
        let document = Document { metadata, client_id: Some(id.as_str().into()), ..Document::default() };
        let done = async {
            self.update_document(self.authorize(id, token, Management::Update).await?, document, None, &|_| Ok(()))
                .await
        };
        self.refusal_audited(Operation::Update, Some(id), done.await)
    }

    /// Deletes a client with all that proves it.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), and [`ErrorKind::RevocationFailed`] when the client is gone but what it was granted may
    /// not be.
    pub async fn delete(&self, id: &ClientId, token: &str) -> Result<(), RegistrationError> {
        let done = async { self.delete_if(self.authorize(id, token, Management::Delete).await?, &|_| Ok(())).await };
        self.refusal_audited(Operation::Delete, Some(id), done.await)
    }

    async fn read_authenticated(&self, caller: Authenticated) -> Result<ClientInformation, RegistrationError> {
        let client = self.retire_previous(caller.client, caller.presented).await?;
        let secret = self.known_secret(&client)?;
        self.audit(&AuditEvent::done(Operation::Read, &client))?;
        Ok(self.information(client, secret, Some(caller.token)))
    }

    /// Once the new registration access token is used, the previous one ends to count.
    async fn retire_previous(
        &self,
        client: Arc<Client>,
        presented: Presented,
    ) -> Result<Arc<Client>, RegistrationError> {
        let Some(token) = client.token.as_ref().filter(|token| token.previous.is_some()) else { return Ok(client) };
        if presented == Presented::Previous {
            return Ok(client);
        }
        let token = Some(RegistrationToken { current: token.current, previous: None });
        let retired = Client { token, revision: client.revision + 1, ..(*client).clone() };
        match self.inner.store.update(&retired, &Replacement::free(self.now())).await {
            Ok(()) => Ok(Arc::new(retired)),
            // Whoever changed the client meanwhile used a token too; the next use retires the old one.
            Err(error) if error.kind() == StoreErrorKind::Conflict => Ok(client),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn update_document(
        &self,
        caller: Authenticated,
        document: Document,
        request: Option<&Parts>,
        is_meant: IsMeant<'_>,
    ) -> Result<ClientInformation, RegistrationError> {
        let Authenticated { mut client, token, .. } = caller;
        for _ in 0..ATTEMPTS {
            let mut document = document.clone();
            #[cfg(feature = "software-statements")]
            {
                document = self.attest(document, Asker::updating(&client, request)).await?;
            }
            let replacement = Replacement { once: document.once.clone(), ..Replacement::free(self.now()) };
            self.check_credentials(&client, &mut document);
            let settled = self.settle(document, Asker::updating(&client, request)).await?;
            is_meant(&client)?;
            let (updated, secret, new_token) = self.updated(&client, settled, &token.digest())?;
            match self.inner.store.update(&updated, &replacement).await {
                Ok(()) => {
                    self.keep_update(&client, &updated, replacement.once).await?;
                    return Ok(self.information(Arc::new(updated), secret, Some(new_token.unwrap_or(token))));
                }
                Err(error) if error.kind() == StoreErrorKind::Conflict => {
                    client = self.authorize(&client.id, token.expose(), Management::Update).await?.client;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(RegistrationError::new(ErrorKind::Conflict))
    }

    /// The client after an update. An identifier never changes, a secret comes and goes with the authentication method
    /// or is renewed because its time is up, and of two registration access tokens the presented one stays. With it,
    /// what the client is told.
    fn updated(
        &self,
        client: &Client,
        (metadata, status): (ClientMetadata, Status),
        presented: &Digest,
    ) -> Result<(Client, Option<ClientSecret>, Option<RegistrationAccessToken>), RegistrationError> {
        let new_token = self.config().rotation.then(RegistrationAccessToken::generate).transpose()?;
        let token = match &new_token {
            Some(new) => RegistrationToken { current: new.digest(), previous: Some(*presented) },
            None => RegistrationToken { current: *presented, previous: None },
        };
        let (secret, shown) = match &client.secret {
            Some(secret) if rules::needs_secret(&metadata) && !self.is_due(secret) => {
                (Some(self.renewed_secret(&client.id, secret)?), self.known_secret(client)?)
            }
            _ => self.new_secret(&client.id, &metadata, self.now())?.unzip(),
        };
        let revision = client.revision + 1;
        let fingerprint = self.instance(&metadata);
        let updated = Client { metadata, secret, token: Some(token), revision, status, fingerprint, ..client.clone() };
        Ok((updated, shown, new_token))
    }

    /// An update stays unless the client became a second instance or it cannot be put on the audit trail.
    async fn keep_update(
        &self,
        before: &Client,
        after: &Client,
        once: Vec<OneTimeKey>,
    ) -> Result<(), RegistrationError> {
        let kept = self.audit(&AuditEvent::changed(Operation::Update, before, after));
        let kept = kept.and(self.check_instance(&after.metadata, Some(after)).await);
        if kept.is_err() {
            self.take_back_update(before, after, once).await?;
        }
        kept
    }

    /// Makes a client what it was before an update, unless another update came after that. What the operator did
    /// meanwhile stays.
    async fn take_back_update(
        &self,
        before: &Client,
        after: &Client,
        once: Vec<OneTimeKey>,
    ) -> Result<(), RegistrationError> {
        let undo = Replacement { forgets: once, ..Replacement::free(self.now()) };
        let mut current = Arc::new(after.clone());
        while current.metadata == after.metadata {
            let status = if current.status == after.status { before.status } else { current.status };
            let restored = Client { revision: current.revision + 1, status, ..before.clone() };
            match self.inner.store.update(&restored, &undo).await {
                Ok(()) => {
                    drop(self.audit(&AuditEvent::changed(Operation::TakeBack, &current, &restored)));
                    break;
                }
                Err(error) if error.kind() == StoreErrorKind::Conflict => {
                    match self.inner.store.get_current(&after.id).await? {
                        Some(client) => current = client,
                        None => break,
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    pub(crate) async fn delete_if(
        &self,
        caller: Authenticated,
        is_meant: IsMeant<'_>,
    ) -> Result<(), RegistrationError> {
        let Authenticated { mut client, token, .. } = caller;
        for _ in 0..ATTEMPTS {
            is_meant(&client)?;
            match self.inner.store.remove(&client.id, &Removal::at(client.revision)).await {
                Ok(true) => return self.departed(Operation::Delete, &client).await,
                Ok(false) => return Err(RegistrationError::new(ErrorKind::InvalidToken)),
                Err(error) if error.kind() == StoreErrorKind::Conflict => {
                    client = self.authorize(&client.id, token.expose(), Management::Delete).await?.client;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(RegistrationError::new(ErrorKind::Conflict))
    }

    /// Finds the client to which a registration access token belongs, if it may do this.
    pub(crate) async fn authorize(
        &self,
        id: &ClientId,
        token: &str,
        operation: Management,
    ) -> Result<Authenticated, RegistrationError> {
        let caller = self.recognise(id, token).await?;
        match self.config().permissions.allow(&caller.client, operation) {
            true => Ok(caller),
            false => Err(RegistrationError::new(ErrorKind::InsufficientScope)),
        }
    }

    /// Finds the client to which a registration access token belongs. The store compares the token before it reads a
    /// record, so a client that does not exist costs the same and gives the same error as a wrong token.
    async fn recognise(&self, id: &ClientId, token: &str) -> Result<Authenticated, RegistrationError> {
        let digest = Digest::of(token);
        let client = self.inner.store.get_by_registration_token(id, &digest).await?;
        let enabled = client.filter(|client| client.id == *id && client.status != Status::Disabled);
        let presented = |client: Arc<Client>| Some((client.token.as_ref()?.recognise(&digest)?, client));
        let Some((presented, client)) = enabled.and_then(presented) else {
            return Err(RegistrationError::new(ErrorKind::InvalidToken));
        };
        Ok(Authenticated { client, token: RegistrationAccessToken::new(token), presented })
    }

    /// What an update says about the client's credentials must be true, and it must not say what only the server says
    /// ([RFC 7592 §2.2](https://www.rfc-editor.org/rfc/rfc7592#section-2.2)).
    fn check_credentials(&self, client: &Client, document: &mut Document) {
        let id = document.client_id.as_ref();
        let secret = document.client_secret.as_ref();
        let id_fits = id.map_or(!self.config().strict_updates, |id| id.as_str() == Some(client.id.as_str()));
        let is_secret = |secret: &str| client.secret.as_ref().is_some_and(|known| known.stored.verify(secret));
        let secret_fits = secret.is_none_or(|secret| secret.as_str().is_some_and(is_secret));
        let mut refuse = |member: &str, detail: &'static str| {
            let violation = Violation::new(ErrorCode::InvalidClientMetadata, format!("/{member}"), "U1", detail);
            document.violations.push(violation);
        };
        if !id_fits {
            refuse("client_id", "the identifier of the client that the URL names is required");
        }
        if !secret_fits {
            refuse("client_secret", "not the secret of this client; a client cannot choose its secret");
        }
        for member in &document.forbidden {
            refuse(member, "an update must not contain this member");
        }
    }
}
