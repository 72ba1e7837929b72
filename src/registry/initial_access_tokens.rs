//! Initial access tokens: the operator issues and revokes them, a caller who registers redeems one
//! ([RFC 7591 §1.2](https://www.rfc-editor.org/rfc/rfc7591#section-1.2)).
//!
//! Only digests are stored. Redeeming a token does not spend it: the insertion of the client does, so that a refused
//! registration costs no use.

use super::Registry;
use crate::client::RegistrationOrigin;
use crate::client::credential::{ClientId, Digest, InitialAccessToken};
use crate::client::{InitialAccessTokenRecord, TokenOptions};
use crate::error::{ErrorCode, RegistrationError, RegistrationErrorKind, StoreError, Violation};
use crate::hooks::access::{Registrant, is_too_long};
use crate::hooks::audit::{AuditEvent, Operation};

/// The identifier of every initial access token of the configuration.
pub(super) const STATIC_TOKEN: &str = "static";

impl Registry {
    /// Issues an initial access token for [`Access::Tokens`](crate::Access::Tokens). The token is shown only now.
    ///
    /// # Errors
    ///
    /// [`RegistrationErrorKind::InvalidDocument`] for a token without a use or without a lifetime, and for an owner
    /// of more than 256 bytes. It also fails when the store, the audit trail or the random generator of the operating
    /// system fails. After an error there is no new token.
    pub async fn issue_initial_access_token(
        &self,
        options: TokenOptions,
    ) -> Result<(InitialAccessToken, InitialAccessTokenRecord), RegistrationError> {
        let issued = self.try_to_issue(options).await;
        self.attempt(Operation::IssueToken).finish(issued).await
    }

    /// Generates, stores and records a token. A token that cannot be recorded is removed again.
    async fn try_to_issue(
        &self,
        options: TokenOptions,
    ) -> Result<(InitialAccessToken, InitialAccessTokenRecord), RegistrationError> {
        let token = InitialAccessToken::generate()?;
        let now = self.now();
        let record = InitialAccessTokenRecord {
            id: ClientId::generate()?.as_str().into(),
            digest: token.digest(),
            issued_at: now,
            expires_at: options.lifetime.and_then(|lifetime| now.checked_add(lifetime)),
            uses_left: options.uses,
            owner: options.owner,
            constraints: options.constraints,
        };
        // Checked with the same function that a redemption uses, so that every issued token can be redeemed.
        if !record.is_usable(now) {
            let detail = "no caller could use this token, it needs at least one use and a lifetime";
            return Err(Violation::new(ErrorCode::InvalidRequest, String::new(), "C4", detail).into());
        }
        if record.owner().is_some_and(is_too_long) {
            let detail = "the name of the owner is longer than 256 bytes";
            return Err(Violation::new(ErrorCode::InvalidRequest, String::new(), "M7", detail).into());
        }
        // Stored before it is recorded: an event for a token that the store refused would be wrong, and a token whose
        // event fails can be removed, since its text has not left this function.
        self.inner.store.insert_token(&record).await?;
        if let Err(error) = self.record(&AuditEvent::issued(&record)).await {
            self.inner.store.remove_token(&record.id).await?;
            drop(self.record(&AuditEvent::token(Operation::TakeBack, &record.id)).await);
            return Err(error);
        }
        Ok((token, record))
    }

    /// All initial access tokens that were issued and not revoked, spent and expired ones included.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn initial_access_tokens(&self) -> Result<Vec<InitialAccessTokenRecord>, StoreError> {
        self.inner.store.list_tokens().await
    }

    /// Revokes the initial access token with this identifier; false when there is none.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn revoke_initial_access_token(&self, id: &str) -> Result<bool, RegistrationError> {
        let revoked = self.try_to_revoke(id).await;
        self.attempt(Operation::RevokeToken).finish(revoked).await
    }

    /// Removes a token and records it. `false` if there is no such token, which is not an event.
    async fn try_to_revoke(&self, id: &str) -> Result<bool, RegistrationError> {
        let revoked = self.inner.store.remove_token(id).await?;
        if revoked {
            // A revocation is not undone if the audit trail fails: a token must not become valid again.
            self.record(&AuditEvent::token(Operation::RevokeToken, id)).await?;
        }
        Ok(revoked)
    }

    /// The rights that a presented initial access token gives. It is not spent here.
    ///
    /// An unknown, an expired and a spent token get the same reply, so that a caller cannot test which tokens once
    /// existed ([RFC 6750 §3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).
    pub(crate) async fn redeem(&self, token: &str) -> Result<Registrant, RegistrationError> {
        let digest = Digest::of(token);
        // All static tokens are compared, so that the time of the reply does not show which of them a guess
        // resembles.
        let static_tokens = self.settings().access.static_tokens.iter();
        if static_tokens.fold(false, |is_known, token| is_known | token.matches(&digest)) {
            return Ok(Registrant::of(RegistrationOrigin::InitialAccessToken(STATIC_TOKEN.into())));
        }
        let record = self.inner.store.get_token(&digest).await?;
        let usable = record.filter(|record| record.is_usable(self.now()));
        let record = usable.ok_or_else(|| RegistrationError::new(RegistrationErrorKind::InvalidToken))?;
        let registrant = Registrant::of(RegistrationOrigin::InitialAccessToken(record.id));
        Ok(Registrant { owner: record.owner, constraints: record.constraints, spends: Some(digest), ..registrant })
    }
}
