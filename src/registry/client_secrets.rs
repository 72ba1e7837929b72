//! The secret of a client: which clients get one, in which form it is stored, and when a reply shows it.
//!
//! A client gets a secret if its authentication method or one of its algorithms needs one
//! ([RFC 7591 §3.2.1](https://www.rfc-editor.org/rfc/rfc7591#section-3.2.1)). The operator chooses the form: a
//! digest, an encrypted text, or plain text in memory. Only the last two can be shown again by a read. An encrypted
//! text is bound to the tenant and the client: copied into the record of another client, it does not decrypt.
//!
//! A secret is generated and never chosen by a client: a value that a person invents can be guessed.

use std::time::SystemTime;

use super::Registry;
use crate::client::credential::{ClientId, ClientSecret, SecretOwner};
use crate::client::{Client, Secret};
use crate::error::RegistrationError;
use crate::protocol::metadata::ClientMetadata;
use crate::protocol::rules;

impl Registry {
    /// Whether an update replaces a secret: it has expired, or less than a tenth of the configured lifetime is left.
    /// The margin lets a client that updates itself regularly replace its secret before requests to the token
    /// endpoint fail.
    pub(super) fn is_due(&self, secret: &Secret) -> bool {
        let margin = self.settings().lifecycle.secret_lifetime.unwrap_or_default() / 10;
        secret.expires_at.is_some_and(|expires_at| self.now() + margin >= expires_at)
    }

    /// Prepares a generated secret for a client: the form for the store, and the text for the reply. `None` if the
    /// metadata needs no secret; the generated text is then dropped, which wipes it.
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
        // A lifetime beyond the range of the clock means that the secret does not expire.
        let expires_at = self.settings().lifecycle.secret_lifetime.and_then(|lifetime| now.checked_add(lifetime));
        Ok(Some((Secret { stored, expires_at }, secret)))
    }

    /// The same secret in the form of the current configuration. An update so moves a client to the newest sealing
    /// key, and the operator can retire old keys without a migration.
    pub(super) fn renewed_secret(&self, id: &ClientId, secret: &Secret) -> Result<Secret, RegistrationError> {
        let stored = self.settings().lifecycle.secrets().renew(&secret.stored, self.owner_of(id))?;
        Ok(Secret { stored, ..*secret })
    }

    /// The text of a client secret, for algorithms that use it as a key: an ID token that is signed with HS256, a
    /// request object that is signed with it, an assertion that the application verifies itself
    /// ([OpenID Connect Core §10](https://openid.net/specs/openid-connect-core-1_0.html#SigEnc)).
    ///
    /// A person who reads the text can sign as the client and get its tokens. Do not write it to logs or replies, do
    /// not send it to other processes, and drop it after the signature. To check a secret that was presented, call
    /// [`Client::verify_secret`], which needs no text.
    ///
    /// `None` if the client has no secret, if the store has only a digest of it, if it has expired, or if the client
    /// is not active.
    ///
    /// # Errors
    ///
    /// [`RegistrationErrorKind::Unavailable`](crate::RegistrationErrorKind::Unavailable) when a sealed secret cannot
    /// be decrypted with the configured keys.
    pub fn dangerously_expose_client_secret(&self, client: &Client) -> Result<Option<ClientSecret>, RegistrationError> {
        let expired = client.secret_expires_at().is_some_and(|expires_at| self.now() >= expires_at);
        if expired || !client.is_active() {
            return Ok(None);
        }
        self.known_secret(client)
    }

    /// The text of the secret, if the store has it. The status and the expiry are not checked: a read shows an
    /// expired secret with its `client_secret_expires_at`.
    pub(crate) fn known_secret(&self, client: &Client) -> Result<Option<ClientSecret>, RegistrationError> {
        let Some(secret) = &client.secret else { return Ok(None) };
        self.settings().lifecycle.secrets().reveal(&secret.stored, self.owner_of(&client.id))
    }

    /// The tenant and the client to which a stored secret is bound.
    fn owner_of<'a>(&'a self, client: &'a ClientId) -> SecretOwner<'a> {
        SecretOwner { tenant: self.settings().runtime.tenant(), client }
    }
}
