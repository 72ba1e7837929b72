//! The secret of a client: who gets one, how it is kept, when it is shown.

use std::time::SystemTime;

use super::Registry;
use crate::client::credential::{ClientId, ClientSecret, SecretOwner};
use crate::client::{Client, Secret};
use crate::error::RegistrationError;
use crate::protocol::metadata::ClientMetadata;
use crate::protocol::rules;

impl Registry {
    /// Whether an update renews a secret: it has expired, or less than a tenth of the configured lifetime is left.
    pub(super) fn is_due(&self, secret: &Secret) -> bool {
        let margin = self.settings().lifecycle.secret_lifetime.unwrap_or_default() / 10;
        secret.expires_at.is_some_and(|expires_at| self.now() + margin >= expires_at)
    }

    /// A new secret for a client, where it needs one: as it is kept, and as the client is told now.
    pub(super) fn new_secret(
        &self,
        id: &ClientId,
        metadata: &ClientMetadata,
        now: SystemTime,
        secret: ClientSecret,
    ) -> Result<Option<(Secret, ClientSecret)>, RegistrationError> {
        if !rules::needs_secret(metadata) {
            return Ok(None);
        }
        let stored = self.settings().lifecycle.secrets().to_stored(&secret, self.owner_of(id))?;
        let expires_at = self.settings().lifecycle.secret_lifetime.and_then(|lifetime| now.checked_add(lifetime));
        Ok(Some((Secret { stored, expires_at }, secret)))
    }

    /// The same secret as it would be kept today, so that an update takes it to the newest key.
    pub(super) fn renewed_secret(&self, id: &ClientId, secret: &Secret) -> Result<Secret, RegistrationError> {
        let stored = self.settings().lifecycle.secrets().renew(&secret.stored, self.owner_of(id))?;
        Ok(Secret { stored, ..*secret })
    }

    /// The text of a client secret, for an algorithm whose key it is: an ID token that the client wants under HS256, a
    /// request object under it, an assertion that the application verifies itself
    /// ([OpenID Connect Core §10](https://openid.net/specs/openid-connect-core-1_0.html#SigEnc)).
    ///
    /// A person who reads the text can sign as the client and get its tokens. It must not reach
    /// logs, replies and other processes, and must not be kept longer than the signature takes. To check a secret that
    /// was presented, call [`Client::verify_secret`], which needs no text.
    ///
    /// `None` where the client has no secret, where only a digest of it is kept, where it has expired, and for a client
    /// that is not active.
    ///
    /// # Errors
    ///
    /// [`RegistrationErrorKind::Unavailable`](crate::RegistrationErrorKind::Unavailable) when a sealed secret cannot be opened with the keys that
    /// are given.
    pub fn dangerously_expose_client_secret(&self, client: &Client) -> Result<Option<ClientSecret>, RegistrationError> {
        let expired = client.secret_expires_at().is_some_and(|expires_at| self.now() >= expires_at);
        if expired || !client.is_active() {
            return Ok(None);
        }
        self.known_secret(client)
    }

    /// The secret that a client has, where its text was kept.
    pub(crate) fn known_secret(&self, client: &Client) -> Result<Option<ClientSecret>, RegistrationError> {
        let Some(secret) = &client.secret else { return Ok(None) };
        self.settings().lifecycle.secrets().reveal(&secret.stored, self.owner_of(&client.id))
    }

    fn owner_of<'a>(&'a self, client: &'a ClientId) -> SecretOwner<'a> {
        SecretOwner { tenant: self.settings().runtime.tenant(), client }
    }
}
