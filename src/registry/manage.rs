//! Management: a client reads, replaces and removes its registration
//! ([RFC 7592 §2](https://www.rfc-editor.org/rfc/rfc7592#section-2)).

use std::sync::Arc;

use super::submission::Submission;
use super::{ATTEMPTS, Registry};
use crate::client::ClientInformation;
use crate::client::credential::{ClientId, ClientSecret, Digest, RegistrationAccessToken};
use crate::client::{Client, ClientStatus, Presented, RegistrationToken};
use crate::error::{ErrorCode, RegistrationError, RegistrationErrorKind, StoreErrorKind, Violation};
use crate::hooks::access::RequestHead;
use crate::hooks::audit::{AuditEvent, Operation};
use crate::hooks::management::ManagementOperation;
use crate::hooks::policy::Caller;
use crate::protocol::metadata::{ClientMetadata, Document};
use crate::protocol::rules;
use crate::store::{Nonce, RemoveConditions, UpdateConditions};

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
    /// [`RegistrationErrorKind::InvalidToken`] for a wrong token, an unknown client and a deleted one alike;
    /// [`RegistrationErrorKind::InsufficientScope`] where clients may not do this; or when the store fails.
    pub async fn read(&self, id: &ClientId, token: &str) -> Result<ClientInformation, RegistrationError> {
        let done = async { self.read_authenticated(self.authorize(id, token, ManagementOperation::Read).await?).await };
        self.attempt(Operation::Read).of_client(id).finish(done.await).await
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
            self.update_document(
                self.authorize(id, token, ManagementOperation::Update).await?,
                document.into(),
                None,
                &|_| Ok(()),
            )
            .await
        };
        self.attempt(Operation::Update).of_client(id).finish(done.await).await
    }

    /// Deletes a client with all that proves it.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), and [`RegistrationErrorKind::RevocationFailed`] when the client is gone but what it was granted may
    /// not be.
    pub async fn delete(&self, id: &ClientId, token: &str) -> Result<(), RegistrationError> {
        let done =
            async { self.delete_if(self.authorize(id, token, ManagementOperation::Delete).await?, &|_| Ok(())).await };
        self.attempt(Operation::Delete).of_client(id).finish(done.await).await
    }

    async fn read_authenticated(&self, caller: Authenticated) -> Result<ClientInformation, RegistrationError> {
        let client = self.retire_earlier(caller.client, caller.presented).await?;
        let secret = self.known_secret(&client)?;
        self.record(&AuditEvent::done(Operation::Read, &client)).await?;
        Ok(self.information(client, secret, Some(caller.token)))
    }

    /// Once a registration access token is used, those that were issued before it are no longer valid.
    async fn retire_earlier(
        &self,
        client: Arc<Client>,
        presented: Presented,
    ) -> Result<Arc<Client>, RegistrationError> {
        let Some(token) = client.token.as_ref().filter(|token| !token.earlier.is_empty()) else { return Ok(client) };
        if presented == Presented::Earlier(0) {
            return Ok(client);
        }
        let token = Some(token.after_use_of(presented));
        let retired = Client { token, revision: client.revision + 1, ..(*client).clone() };
        match self.inner.store.update(&retired, &UpdateConditions::unconditional(self.now())).await {
            Ok(()) => Ok(Arc::new(retired)),
            // Somebody else changed the client in between. The next use retires the earlier tokens.
            Err(error) if error.kind() == StoreErrorKind::Conflict => Ok(client),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn update_document(
        &self,
        caller: Authenticated,
        submission: Submission,
        request: Option<RequestHead<'_>>,
        is_meant: IsMeant<'_>,
    ) -> Result<ClientInformation, RegistrationError> {
        let mut caller = caller;
        for _ in 0..ATTEMPTS {
            let Authenticated { client, token, presented } = &caller;
            let submission = submission.clone();
            #[cfg(feature = "software-statements")]
            let submission = self.attest(submission, Caller::updating(client, request)).await?;
            let Submission { mut document, nonces } = submission;
            self.check_credentials(client, &mut document);
            let settled = self.settle(document, Caller::updating(client, request)).await?;
            is_meant(client)?;
            let (updated, secret, new_token) = self.updated(client, settled, token, *presented)?;
            let unique_fingerprint = self.instance(&updated.metadata);
            let conditions =
                UpdateConditions { nonces, unique_fingerprint, ..UpdateConditions::unconditional(self.now()) };
            match self.inner.store.update(&updated, &conditions).await {
                Ok(()) => {
                    self.keep_update(client, &updated, conditions.nonces).await?;
                    return Ok(self.information(Arc::new(updated), secret, Some(new_token)));
                }
                Err(error) if error.kind() == StoreErrorKind::Conflict => {
                    caller = self.authorize_again(caller).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(RegistrationError::new(RegistrationErrorKind::Conflict))
    }

    /// The caller of an update that met another change of the client. The reply to that change may hold a new token
    /// while this caller still has the one that it replaced, so the caller must read the client again. An update that
    /// began with an earlier token repeats one whose reply was lost, and goes on.
    async fn authorize_again(&self, caller: Authenticated) -> Result<Authenticated, RegistrationError> {
        let Authenticated { client, token, presented } = caller;
        let latest =
            self.inner.store.get_current(&client.id).await?.filter(|latest| latest.status != ClientStatus::Disabled);
        let current = latest.as_ref().and_then(|latest| latest.token.as_ref()).map(|token| token.current);
        let is_replaced = current.is_some_and(|current| !current.matches(&token.digest()));
        if presented == Presented::Current && is_replaced {
            return Err(RegistrationError::new(RegistrationErrorKind::Conflict));
        }
        self.authorize(&client.id, token.expose(), ManagementOperation::Update).await
    }

    /// The client after an update. An identifier never changes, a secret comes and goes with the authentication method
    /// or is renewed because its time is up, and tokens from before the presented one are no longer valid. With it, the
    /// secret and the registration access token for the reply.
    fn updated(
        &self,
        client: &Client,
        (metadata, status): (ClientMetadata, ClientStatus),
        token: &RegistrationAccessToken,
        presented: Presented,
    ) -> Result<(Client, Option<ClientSecret>, RegistrationAccessToken), RegistrationError> {
        let valid = client.token.as_ref().map(|tokens| tokens.after_use_of(presented));
        let rotates =
            self.settings().management.token_rotation && valid.as_ref().is_none_or(RegistrationToken::can_add);
        let (tokens, token) = match valid {
            Some(valid) if rotates => {
                let new = RegistrationAccessToken::generate()?;
                (Some(valid.with_new(new.digest())), new)
            }
            valid => (valid, token.clone()),
        };
        let (secret, shown) = match &client.secret {
            Some(secret) if rules::needs_secret(&metadata) && !self.is_due(secret) => {
                (Some(self.renewed_secret(&client.id, secret)?), self.known_secret(client)?)
            }
            _ => self.new_secret(&client.id, &metadata, self.now(), ClientSecret::generate()?)?.unzip(),
        };
        let revision = client.revision + 1;
        let fingerprint = self.instance(&metadata);
        let updated = Client { metadata, secret, token: tokens, revision, status, fingerprint, ..client.clone() };
        Ok((updated, shown, token))
    }

    /// An update stays unless it cannot be put on the audit trail.
    async fn keep_update(&self, before: &Client, after: &Client, nonces: Vec<Nonce>) -> Result<(), RegistrationError> {
        let kept = self.record(&AuditEvent::changed(Operation::Update, before, after)).await;
        if kept.is_err() {
            self.take_back_update(before, after, nonces).await?;
        }
        kept
    }

    /// Makes a client what it was before an update, unless another update came after that: its reply may hold
    /// credentials of the client. A status that the operator set in between stays, and so does the update if the software
    /// that the client was before is registered by another client now.
    async fn take_back_update(
        &self,
        before: &Client,
        after: &Client,
        nonces: Vec<Nonce>,
    ) -> Result<(), RegistrationError> {
        let unique_fingerprint = self.instance(&before.metadata);
        let undo = UpdateConditions {
            release_nonces: nonces,
            unique_fingerprint,
            ..UpdateConditions::unconditional(self.now())
        };
        let mut current = Arc::new(after.clone());
        loop {
            let status = if current.status == after.status { before.status } else { current.status };
            let restored = Client { revision: current.revision + 1, status, ..before.clone() };
            match self.inner.store.update(&restored, &undo).await {
                Ok(()) => {
                    drop(self.record(&AuditEvent::changed(Operation::TakeBack, &current, &restored)).await);
                    break;
                }
                Err(error) if error.kind() == StoreErrorKind::Conflict => {
                    match self.inner.store.get_current(&after.id).await? {
                        Some(latest) if only_status_differs(&current, &latest) => current = latest,
                        _ => break,
                    }
                }
                Err(error) if error.kind() == StoreErrorKind::FingerprintTaken => break,
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
            match self.inner.store.remove(&client.id, &RemoveConditions::at_revision(client.revision)).await {
                Ok(true) => return self.after_removal(Operation::Delete, &client).await,
                Ok(false) => return Err(RegistrationError::new(RegistrationErrorKind::InvalidToken)),
                Err(error) if error.kind() == StoreErrorKind::Conflict => {
                    client = self.authorize(&client.id, token.expose(), ManagementOperation::Delete).await?.client;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(RegistrationError::new(RegistrationErrorKind::Conflict))
    }

    /// Finds the client to which a registration access token belongs, if it may do this.
    pub(crate) async fn authorize(
        &self,
        id: &ClientId,
        token: &str,
        operation: ManagementOperation,
    ) -> Result<Authenticated, RegistrationError> {
        let caller = self.verify_token(id, token).await?;
        match self.settings().management.permissions.allow(&caller.client, operation) {
            true => Ok(caller),
            false => Err(RegistrationError::new(RegistrationErrorKind::InsufficientScope)),
        }
    }

    /// Finds the client to which a registration access token belongs. The store compares the token before it reads a
    /// record, so a client that does not exist costs the same and gives the same error as a wrong token.
    async fn verify_token(&self, id: &ClientId, token: &str) -> Result<Authenticated, RegistrationError> {
        let digest = Digest::of(token);
        let client = self.inner.store.get_by_registration_token(id, &digest).await?;
        let enabled = client.filter(|client| client.id == *id && client.status != ClientStatus::Disabled);
        let presented = |client: Arc<Client>| Some((client.token.as_ref()?.verify_token(&digest)?, client));
        let Some((presented, client)) = enabled.and_then(presented) else {
            return Err(RegistrationError::new(RegistrationErrorKind::InvalidToken));
        };
        Ok(Authenticated { client, token: RegistrationAccessToken::new(token), presented })
    }

    /// What an update says about the client's credentials must be true, and it must not say what only the server says
    /// ([RFC 7592 §2.2](https://www.rfc-editor.org/rfc/rfc7592#section-2.2)).
    fn check_credentials(&self, client: &Client, document: &mut Document) {
        let id = document.client_id.as_ref();
        let secret = document.client_secret.as_ref();
        let id_fits =
            id.map_or(!self.settings().management.client_id_required, |id| id.as_str() == Some(client.id.as_str()));
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

/// Whether the operator set another status and nobody else changed the client. One revision is one change.
fn only_status_differs(before: &Client, after: &Client) -> bool {
    after.revision == before.revision + 1 && after.status != before.status
}
