//! The update of a registration
//! ([RFC 7592 §2.2](https://www.rfc-editor.org/rfc/rfc7592#section-2.2)).
//!
//! An update passes the same rules and policy as a registration. It is written only if the client is still at the
//! revision that was read; after a conflict it starts again with the new state. An update that cannot be recorded on
//! the audit trail is undone.

use std::sync::Arc;

use super::manage::{Authenticated, Precondition};
use super::submission::Submission;
use super::{ATTEMPTS, Registry};
use crate::client::credential::{ClientSecret, RegistrationAccessToken};
use crate::client::{Client, ClientInformation, ClientStatus, Presented, RegistrationToken};
use crate::error::{ErrorCode, RegistrationError, RegistrationErrorKind, StoreErrorKind, Violation};
use crate::hooks::access::RequestHead;
use crate::hooks::audit::{AuditEvent, Operation};
use crate::hooks::management::ManagementOperation;
use crate::hooks::policy::Caller;
use crate::protocol::metadata::{ClientMetadata, Document};
use crate::protocol::rules;
use crate::store::{Nonce, UpdateConditions};

impl Registry {
    /// Replaces the metadata of an authenticated client, if the precondition holds for its latest state. `request` is
    /// `None` for the application.
    pub(crate) async fn update_document(
        &self,
        mut caller: Authenticated,
        submission: Submission,
        request: Option<RequestHead<'_>>,
        precondition: Precondition<'_>,
    ) -> Result<ClientInformation, RegistrationError> {
        for _ in 0..ATTEMPTS {
            let Authenticated { client, token, presented } = &caller;
            let submission = submission.clone();
            #[cfg(feature = "software-statements")]
            let submission = self.attest(submission, Caller::updating(client, request)).await?;
            let Submission { mut document, nonces } = submission;
            self.check_credentials(client, &mut document);
            let applied = self.apply(document, Caller::updating(client, request)).await?;
            // After the rules, so that an invalid document is answered with 400 in any state of the client.
            precondition(client)?;
            let (updated, secret, new_token) = self.updated(client, applied, token, *presented)?;
            let unique_fingerprint = self.software_fingerprint(&updated.metadata);
            // The nonces of a signed document are spent by the write itself: a conflict leaves them for the next
            // attempt.
            let conditions =
                UpdateConditions { nonces, unique_fingerprint, ..UpdateConditions::unconditional(self.now()) };
            match self.inner.store.update(&updated, &conditions).await {
                Ok(()) => {
                    self.confirm_update(client, &updated, conditions.nonces).await?;
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

    /// Authorizes the caller of an update again after another change of the client. If the other change replaced the
    /// current token, the update is refused: its caller has not seen the reply with the new token, and must read the
    /// client again. An update that began with an earlier token repeats an update whose reply was lost, and continues.
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

    /// The client after an update, with the secret and the registration access token for the reply.
    ///
    /// The identifier never changes. A client has a secret if its authentication method needs one, and an expired
    /// secret is replaced. Tokens from before the presented one are no longer valid.
    fn updated(
        &self,
        client: &Client,
        (metadata, status): (ClientMetadata, ClientStatus),
        token: &RegistrationAccessToken,
        presented: Presented,
    ) -> Result<(Client, Option<ClientSecret>, RegistrationAccessToken), RegistrationError> {
        let valid = client.token.as_ref().map(|tokens| tokens.after_use_of(presented));
        // At the limit of valid tokens none is added. Otherwise a client that repeats an update without reading the
        // replies would invalidate the token that it uses.
        let rotates =
            self.settings().management.token_rotation && valid.as_ref().is_none_or(RegistrationToken::can_add);
        let (tokens, token) = match valid {
            Some(valid) if rotates => {
                let new = RegistrationAccessToken::generate()?;
                (Some(valid.with_new(new.digest())), new)
            }
            valid => (valid, token.clone()),
        };
        // A secret that is still valid stays the same: an update whose reply gets lost must not lock the client out.
        let (secret, shown) = match &client.secret {
            Some(secret) if rules::needs_secret(&metadata) && !self.is_due(secret) => {
                (Some(self.renewed_secret(&client.id, secret)?), self.known_secret(client)?)
            }
            _ => self.new_secret(&client.id, &metadata, self.now(), ClientSecret::generate()?)?.unzip(),
        };
        let revision = client.revision + 1;
        let fingerprint = self.software_fingerprint(&metadata);
        let updated = Client { metadata, secret, token: tokens, revision, status, fingerprint, ..client.clone() };
        Ok((updated, shown, token))
    }

    /// Records an update that was written, or undoes it with the nonces that it spent.
    async fn confirm_update(
        &self,
        before: &Client,
        after: &Client,
        nonces: Vec<Nonce>,
    ) -> Result<(), RegistrationError> {
        let recorded = self.record(&AuditEvent::changed(Operation::Update, before, after)).await;
        if recorded.is_err() {
            self.undo_update(before, after, nonces).await?;
        }
        recorded
    }

    /// Restores a client as it was before an update. A status that the operator set in between stays. If another
    /// update was written in between, both stay: the reply to that one may hold credentials of the client. The update
    /// stays too if another client has registered the unique software of the earlier state.
    async fn undo_update(&self, before: &Client, after: &Client, nonces: Vec<Nonce>) -> Result<(), RegistrationError> {
        let unique_fingerprint = self.software_fingerprint(&before.metadata);
        let undo = UpdateConditions {
            release_nonces: nonces,
            unique_fingerprint,
            ..UpdateConditions::unconditional(self.now())
        };
        let mut current = Arc::new(after.clone());
        loop {
            // An operator may have disabled the client meanwhile, and undoing the update must not enable it again.
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
                // Restoring would violate uniqueness, which the operator relies on more than on the trail.
                Err(error) if error.kind() == StoreErrorKind::FingerprintTaken => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Refuses an update that names another identifier or secret than the client has, or a member that only the server
    /// sets
    /// ([RFC 7592 §2.2](https://www.rfc-editor.org/rfc/rfc7592#section-2.2)).
    fn check_credentials(&self, client: &Client, document: &mut Document) {
        let id = document.client_id.as_ref();
        let secret = document.client_secret.as_ref();
        let id_fits =
            id.map_or(!self.settings().management.client_id_required, |id| id.as_str() == Some(client.id.as_str()));
        // The comparison is in constant time: a client that knows its token must not be able to guess its secret.
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

/// Whether the operator changed the status and nothing else changed. One revision is one change.
fn only_status_differs(before: &Client, after: &Client) -> bool {
    after.revision == before.revision + 1 && after.status != before.status
}
