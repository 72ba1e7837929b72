//! Client authentication at the token endpoint
//! ([RFC 6749 §2.3](https://www.rfc-editor.org/rfc/rfc6749#section-2.3)).
//!
//! [`ClientCredentials`] reads what a request presents, [`Registry::authenticate`] finds the client and holds the
//! request to the one method that the client registered as `token_endpoint_auth_method`.
//! [`Registry::authenticate_request`] does both. A client that is refused gets a reply that does not tell why; the exact
//! [cause](AuthenticationCause) is on the [audit trail](crate::audit) as the operation `authenticate`.
//!
//! ```
//! use http::HeaderMap;
//! use tower_dcr::authentication::{AuthenticationCause, ClientCredentials};
//! use tower_dcr::metadata::ClientMetadata;
//! use tower_dcr::store::MemoryStore;
//! use tower_dcr::{Access, Registry};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let registry = Registry::builder("https://id.example.com", Access::Open).build(MemoryStore::new())?;
//! let metadata = ClientMetadata::from_json(
//!     br#"{ "redirect_uris": ["https://app.example.com/cb"], "token_endpoint_auth_method": "client_secret_post" }"#,
//! )?;
//! let registered = registry.register(metadata).await?;
//! let (id, secret) = (registered.client().id().as_str(), registered.client_secret().unwrap().expose());
//!
//! let form = [("grant_type", "authorization_code"), ("client_id", id), ("client_secret", secret)];
//! let client = registry.authenticate(&ClientCredentials::read(&HeaderMap::new(), form)?).await?;
//! assert_eq!(client.id().as_str(), id);
//!
//! let form = [("client_id", id), ("client_secret", "wrong")];
//! let refused = registry.authenticate_request(&HeaderMap::new(), form).await.unwrap_err();
//! assert_eq!((refused.status(), refused.code()), (401, "invalid_client"));
//! assert_eq!(refused.cause(), AuthenticationCause::WrongSecret);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use crate::error::{AuthenticationCause, AuthenticationError, AuthenticationErrorKind};
pub use crate::trust::client_credentials::ClientCredentials;

use std::sync::Arc;

use super::Registry;
use crate::client::credential::{ClientId, ClientSecret, Digest};
use crate::client::{Client, ClientStatus};
#[cfg(feature = "software-statements")]
use crate::hooks::audit::Operation;
use crate::hooks::audit::{AuditEvent, RequestedClient};
use crate::trust::client_credentials::Proof;
#[cfg(feature = "software-statements")]
use crate::trust::jwt::client_assertion::{Assertion, Verifier};

impl Registry {
    /// Authenticates the client that sends a request to the token endpoint, by the method that it registered. A public
    /// client (`none`) is known by its identifier alone.
    ///
    /// An assertion (feature `software-statements`) is signed by a key of the client (`private_key_jwt`), or is under its
    /// secret (`client_secret_jwt`), by the algorithm that it registered as `token_endpoint_auth_signing_alg` or any that
    /// is [offered](crate::RegistryBuilder::with_signing_algorithms). Its only audience is the
    /// [issuer](crate::RegistryBuilder::with_issuer), it ends within an hour, and it is accepted once.
    ///
    /// Keys at a `jwks_uri` are kept for ten minutes, so a key that the client withdrew may be accepted so long. An
    /// assertion that none of them signed has them read again, once a minute at most.
    ///
    /// Methods that rest on the connection (`tls_client_auth`, `self_signed_tls_client_auth`) are verified where TLS
    /// ends: find the [client](Self::client) and compare its certificate. Without the feature `software-statements` the
    /// application verifies assertions in the same way, those of `client_secret_jwt` under
    /// [the secret](Self::dangerously_expose_client_secret). What a client does is not recorded here; call
    /// [`touch`](Self::touch) when it got a token.
    ///
    /// A refusal is an event `authenticate` of the audit trail, with its cause; a success is not, since successes are as
    /// many as tokens.
    ///
    /// # Errors
    ///
    /// [`AuthenticationErrorKind::InvalidClient`] for wrong credentials and for clients that do not exist;
    /// [`AuthenticationErrorKind::InactiveClient`] for right ones of a client that waits for approval or is disabled;
    /// [`AuthenticationErrorKind::Unavailable`] when the store fails or a key of the client cannot be read.
    pub async fn authenticate(&self, credentials: &ClientCredentials) -> Result<Arc<Client>, AuthenticationError> {
        let authenticated = self.find_and_verify(credentials).await;
        if let Err(error) = &authenticated {
            self.record_failed_authentication(Some(credentials.client_id()), error).await;
        }
        authenticated
    }

    /// Records that the credentials of a request could not be read.
    pub(crate) async fn refuse_credentials(&self, error: &AuthenticationError) {
        self.record_failed_authentication(None, error).await;
    }

    /// A copy of a cache may be older than what the client was told. It never refuses, because a client that is told
    /// `invalid_client` registers anew.
    async fn find_and_verify(&self, credentials: &ClientCredentials) -> Result<Arc<Client>, AuthenticationError> {
        let known = self.client(credentials.client_id()).await?;
        let revision = known.as_ref().map(|client| client.revision);
        let verified = self.verify(credentials, known).await;
        if verified.as_ref().map_or_else(|error| error.kind() == AuthenticationErrorKind::Unavailable, |_| true) {
            return verified;
        }
        let current = self.current_client(credentials.client_id()).await?;
        match revision == current.as_ref().map(|client| client.revision) {
            true => verified,
            false => self.verify(credentials, current).await,
        }
    }

    /// The client if what is presented proves it. The status is looked at last: only a request with the credentials of a
    /// client may see what became of it.
    async fn verify(
        &self,
        credentials: &ClientCredentials,
        client: Option<Arc<Client>>,
    ) -> Result<Arc<Client>, AuthenticationError> {
        let method = credentials.method();
        let is_registered = |client: &&Client| client.metadata.token_endpoint_auth_method.as_ref() == Some(&method);
        let asked = client.as_deref().filter(is_registered);
        let verified = match &credentials.proof {
            Proof::Nothing => Ok(()),
            Proof::Basic(secret) | Proof::Post(secret) => self.check_secret(asked, secret),
            #[cfg(feature = "software-statements")]
            Proof::Assertion(assertion) => self.verify_assertion(asked, assertion).await,
        };
        let has_method = asked.is_some();
        let client = client.ok_or(AuthenticationCause::UnknownClient)?;
        if !has_method {
            let nothing = matches!(credentials.proof, Proof::Nothing);
            let cause = if nothing { AuthenticationCause::NoCredentials } else { AuthenticationCause::WrongMethod };
            return Err(cause.into());
        }
        verified?;
        match client.status {
            ClientStatus::Active => Ok(client),
            ClientStatus::Pending => Err(AuthenticationCause::PendingClient.into()),
            ClientStatus::Disabled => Err(AuthenticationCause::DisabledClient.into()),
        }
    }

    /// Costs the same where there is no such client, or no secret.
    fn check_secret(&self, client: Option<&Client>, presented: &ClientSecret) -> Result<(), AuthenticationError> {
        // Nobody knows a text of this digest.
        let unknown = Digest::from_bytes([0; 32]);
        let secret = client.and_then(|client| client.secret.as_ref());
        let expected = secret.map_or(&unknown, |secret| secret.stored.digest());
        match (presented.digest().matches(expected), secret) {
            (true, Some(secret)) if secret.is_expired(self.now()) => Err(AuthenticationCause::ExpiredSecret.into()),
            (true, Some(_)) => Ok(()),
            _ => Err(AuthenticationCause::WrongSecret.into()),
        }
    }

    /// The refusal stays the same whether or not the audit trail takes the event.
    async fn record_failed_authentication(&self, claimed: Option<&str>, error: &AuthenticationError) {
        let id = claimed.and_then(ClientId::parse);
        let requested = claimed.filter(|_| id.is_none()).map(RequestedClient::with_id);
        let event = AuditEvent::not_authenticated(id.as_ref(), error);
        drop(self.record(&event.requesting(requested.as_ref())).await);
    }

    /// Verifies an assertion and spends its identifier, so that it is accepted once.
    #[cfg(feature = "software-statements")]
    async fn verify_assertion(
        &self,
        client: Option<&Client>,
        assertion: &Assertion,
    ) -> Result<(), AuthenticationError> {
        let settings = self.settings();
        let secret = client.filter(|_| assertion.is_symmetric()).map(|client| self.known_secret(client)).transpose()?;
        let verifier = Verifier {
            now: self.now(),
            issuer: settings.endpoint.issuer(),
            legacy_audiences: &settings.trust.legacy_audiences,
            supported: &settings.supported,
            published_keys: settings.trust.published_keys.as_ref(),
        };
        let verified = verifier.verify(assertion, client, secret.flatten().as_ref()).await?;
        if !self.store().claim_nonce(&verified.nonce.key, verified.nonce.until, verifier.now).await? {
            return Err(AuthenticationCause::ReplayedAssertion.into());
        }
        if let Some(client) = client.filter(|_| verified.has_legacy_audience) {
            // The client is authenticated whether or not the audit trail takes the event.
            drop(self.record(&AuditEvent::done(Operation::LegacyAudience, client)).await);
        }
        Ok(())
    }
}
