//! Client authentication at the token endpoint
//! ([RFC 6749 §2.3](https://www.rfc-editor.org/rfc/rfc6749#section-2.3)).
//!
//! [`ClientCredentials`] reads what a request presents. [`Registry::authenticate`] finds the client and accepts only
//! the one method that the client registered as `token_endpoint_auth_method`. [`Registry::authenticate_request`] does
//! both. The reply to a refused client does not say why it was refused, because an attacker could learn from it which
//! clients exist. The exact [cause](AuthenticationCause) is on the [audit trail](crate::audit), as the operation
//! `authenticate`.
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
use crate::trust::jwt::client_assertion::{Assertion, Verified, Verifier};

/// What remains to be done after a verification; nothing in builds that verify no assertions.
#[cfg(not(feature = "software-statements"))]
type Verified = std::convert::Infallible;

impl Registry {
    /// Authenticates the client that sends a request to the token endpoint, by the method that it registered. A
    /// public client (`none`) is identified by its `client_id` alone, and has no credential to verify.
    ///
    /// An assertion (feature `software-statements`) is signed with a private key of the client (`private_key_jwt`) or
    /// with its secret (`client_secret_jwt`). Its algorithm is the one that the client registered as
    /// `token_endpoint_auth_signing_alg`, or, if it registered none, any of the
    /// [supported ones](crate::RegistryBuilder::with_signing_algorithms). Its only audience is the
    /// [issuer](crate::RegistryBuilder::with_issuer), it expires within an hour, and it is accepted once
    /// ([RFC 7523 §3](https://www.rfc-editor.org/rfc/rfc7523#section-3)).
    ///
    /// Keys at a `jwks_uri` are cached for ten minutes, so a key that the client withdrew may be accepted for that
    /// time. If none of the cached keys verifies an assertion, the keys are fetched again, at most once a minute.
    ///
    /// Methods that depend on the connection (`tls_client_auth`, `self_signed_tls_client_auth`,
    /// [RFC 8705](https://www.rfc-editor.org/rfc/rfc8705)) are verified where TLS is terminated: find the
    /// [client](Self::client) and compare its certificate. Without the feature `software-statements` the application
    /// verifies assertions in the same way, those of `client_secret_jwt` with
    /// [the secret](Self::dangerously_expose_client_secret). Authentication does not record a use of the client: call
    /// [`touch`](Self::touch) after a token was issued.
    ///
    /// A refusal is an event `authenticate` of the audit trail, with its cause. A success is not recorded, because
    /// there is one for each token that is issued.
    ///
    /// # Errors
    ///
    /// [`AuthenticationErrorKind::InvalidClient`] for wrong credentials and for clients that do not exist;
    /// [`AuthenticationErrorKind::InactiveClient`] for correct credentials of a client that is pending or disabled;
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

    /// Finds the client and verifies its credentials, first with the copy that a cache may hold.
    ///
    /// A cached client may be older than the last reply to it, for example after an update that replaced its secret.
    /// So a cached copy may accept, and never refuses by itself: a client that receives `invalid_client` for its new
    /// secret would register again. Before a refusal the current client is read and, if its revision differs,
    /// verified once more.
    async fn find_and_verify(&self, credentials: &ClientCredentials) -> Result<Arc<Client>, AuthenticationError> {
        let known = self.client(credentials.client_id()).await?;
        let revision = known.as_ref().map(|client| client.revision);
        let verified = self.verify(credentials, known).await;
        if verified.as_ref().map_or_else(|error| error.kind() == AuthenticationErrorKind::Unavailable, |_| true) {
            return verified;
        }
        let current = self.current_client(credentials.client_id()).await?;
        // The same revision gives the same result.
        match revision == current.as_ref().map(|client| client.revision) {
            true => verified,
            false => self.verify(credentials, current).await,
        }
    }

    /// Verifies the credentials against this client; `None` is a client that does not exist. The status is checked
    /// last: only a caller with valid credentials may learn that the client is pending or disabled.
    async fn verify(
        &self,
        credentials: &ClientCredentials,
        client: Option<Arc<Client>>,
    ) -> Result<Arc<Client>, AuthenticationError> {
        let method = credentials.method();
        let is_registered = |client: &&Client| client.metadata.token_endpoint_auth_method.as_ref() == Some(&method);
        let asked = client.as_deref().filter(is_registered);
        // The credentials are verified before an unknown client is refused: the time of the reply must not show which
        // clients exist.
        let verified = match &credentials.proof {
            Proof::Nothing => Ok(None),
            Proof::Basic(secret) | Proof::Post(secret) => self.check_secret(asked, secret).map(|()| None),
            #[cfg(feature = "software-statements")]
            Proof::Assertion(assertion) => self.verify_assertion(asked, assertion).await.map(Some),
        };
        let has_method = asked.is_some();
        let client = client.ok_or(AuthenticationCause::UnknownClient)?;
        // A secret that is valid for another method is refused: otherwise an attacker who stole it could choose the
        // weakest method (RFC 6749 §2.3 permits one method for each request, and the client registered which one).
        if !has_method {
            let nothing = matches!(credentials.proof, Proof::Nothing);
            let cause = if nothing { AuthenticationCause::NoCredentials } else { AuthenticationCause::WrongMethod };
            return Err(cause.into());
        }
        let assertion: Option<Verified> = verified?;
        match client.status {
            ClientStatus::Active => {}
            ClientStatus::Pending => return Err(AuthenticationCause::PendingClient.into()),
            ClientStatus::Disabled => return Err(AuthenticationCause::DisabledClient.into()),
        }
        // Spent last: a copy of a cache may say that the client is not active yet, and the second look must find the
        // assertion unspent.
        match assertion {
            #[cfg(feature = "software-statements")]
            Some(verified) => self.spend_assertion(&client, &verified).await?,
            _ => {}
        }
        Ok(client)
    }

    /// Compares a presented secret with the stored digest, in constant time. For an unknown client, and for a client
    /// without a secret, it compares with a digest that no text has, so that the reply takes the same time.
    fn check_secret(&self, client: Option<&Client>, presented: &ClientSecret) -> Result<(), AuthenticationError> {
        // No text with this SHA-256 digest is known.
        let unknown = Digest::from_bytes([0; 32]);
        let secret = client.and_then(|client| client.secret.as_ref());
        let expected = secret.map_or(&unknown, |secret| secret.stored.digest());
        match (presented.digest().matches(expected), secret) {
            (true, Some(secret)) if secret.is_expired(self.now()) => Err(AuthenticationCause::ExpiredSecret.into()),
            (true, Some(_)) => Ok(()),
            _ => Err(AuthenticationCause::WrongSecret.into()),
        }
    }

    /// Records a refused authentication. Its outcome is ignored: a caller whose credentials are wrong is refused also
    /// if the audit trail fails. `claimed` is the identifier in the request, which may be of any form and of any
    /// length.
    async fn record_failed_authentication(&self, claimed: Option<&str>, error: &AuthenticationError) {
        let id = claimed.and_then(ClientId::parse);
        // A text that cannot be an identifier is untrusted: it is recorded as a claim, shortened and escaped.
        let requested = claimed.filter(|_| id.is_none()).map(RequestedClient::with_id);
        let event = AuditEvent::not_authenticated(id.as_ref(), error);
        drop(self.record(&event.requesting(requested.as_ref())).await);
    }

    /// Verifies an assertion. For an unknown client the same steps are done and fail at the signature.
    #[cfg(feature = "software-statements")]
    async fn verify_assertion(
        &self,
        client: Option<&Client>,
        assertion: &Assertion,
    ) -> Result<Verified, AuthenticationError> {
        let settings = self.settings();
        let secret = client.filter(|_| assertion.is_symmetric()).map(|client| self.known_secret(client)).transpose()?;
        let verifier = Verifier {
            now: self.now(),
            issuer: settings.endpoint.issuer(),
            legacy_audiences: &settings.trust.legacy_audiences,
            supported: &settings.supported,
            published_keys: settings.trust.published_keys.as_ref(),
        };
        verifier.verify(assertion, client, secret.flatten().as_ref()).await
    }

    /// Spends the `jti` of a verified assertion, so that it is accepted once
    /// ([RFC 7523 §3](https://www.rfc-editor.org/rfc/rfc7523#section-3)). A caller without the key never comes here, so
    /// it cannot spend the `jti` of another client.
    #[cfg(feature = "software-statements")]
    async fn spend_assertion(&self, client: &Client, verified: &Verified) -> Result<(), AuthenticationError> {
        if !self.store().claim_nonce(&verified.nonce.key, verified.nonce.until, self.now()).await? {
            return Err(AuthenticationCause::ReplayedAssertion.into());
        }
        if verified.has_legacy_audience {
            // The client is authenticated whether or not the audit trail takes the event.
            drop(self.record(&AuditEvent::done(Operation::LegacyAudience, client)).await);
        }
        Ok(())
    }
}
