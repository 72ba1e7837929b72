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

#[cfg(feature = "software-statements")]
mod assertion;
mod error;

pub use error::{AuthenticationCause, AuthenticationError, AuthenticationErrorKind};

use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use zeroize::Zeroizing;

use crate::audit::{AuditEvent, RequestedClient};
use crate::client::{Client, Secret, Status};
use crate::credential::{ClientId, ClientSecret, Digest};
use crate::metadata::TokenEndpointAuthMethod;
use crate::registry::Registry;

/// What a request presents to prove which client sends it.
#[derive(Debug, Clone)]
pub struct ClientCredentials {
    client_id: String,
    proof: Proof,
}

#[derive(Debug, Clone)]
enum Proof {
    Nothing,
    Basic(ClientSecret),
    Post(ClientSecret),
    #[cfg(feature = "software-statements")]
    Assertion(assertion::Assertion),
}

impl ClientCredentials {
    /// Reads the headers of a token request and the parameters of its body. An empty parameter counts as absent
    /// ([RFC 6749 §3.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.2)), and so does an empty secret in the header:
    /// some clients send their identifier there although they have no secret.
    ///
    /// # Errors
    ///
    /// [`AuthenticationErrorKind::InvalidRequest`] for more than one set of credentials, and for credentials that are not
    /// in the form of their standard; [`AuthenticationErrorKind::InvalidClient`] for none, for an `Authorization` header
    /// with another scheme than Basic, and for an assertion that cannot be read. These errors are not on the audit trail;
    /// [`Registry::authenticate_request`] records them.
    pub fn read<'a>(
        headers: &HeaderMap,
        form: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, AuthenticationError> {
        let (mut id, mut secret, mut assertion, mut assertion_type) = (None, None, None, None);
        for (name, value) in form {
            let place = match name {
                "client_id" => &mut id,
                "client_secret" => &mut secret,
                "client_assertion" => &mut assertion,
                "client_assertion_type" => &mut assertion_type,
                _ => continue,
            };
            if !value.is_empty() && place.replace(value).is_some() {
                return Err(AuthenticationCause::AmbiguousCredentials.into());
            }
        }
        let mut authorization = headers.get_all(AUTHORIZATION).iter();
        match (authorization.next(), authorization.next(), secret, assertion) {
            (None, None, None, Some(assertion)) => Self::assertion(id, assertion_type, assertion),
            (None, None, secret, None) => Self::in_form(id, secret),
            (Some(header), None, None, None) => {
                let read = Self::in_header(header)?;
                match id.is_none_or(|id| id == read.client_id) {
                    true => Ok(read),
                    false => Err(AuthenticationCause::AmbiguousCredentials.into()),
                }
            }
            _ => Err(AuthenticationCause::AmbiguousCredentials.into()),
        }
    }

    fn in_form(id: Option<&str>, secret: Option<&str>) -> Result<Self, AuthenticationError> {
        let client_id = match (id, secret) {
            (Some(id), _) => id.to_owned(),
            (None, Some(_)) => return Err(AuthenticationCause::MalformedCredentials.into()),
            (None, None) => return Err(AuthenticationCause::NoCredentials.into()),
        };
        let proof = secret.map_or(Proof::Nothing, |secret| Proof::Post(ClientSecret::new(secret)));
        Ok(Self { client_id, proof })
    }

    #[cfg(feature = "software-statements")]
    fn assertion(id: Option<&str>, kind: Option<&str>, assertion: &str) -> Result<Self, AuthenticationError> {
        assertion::read(id, kind, assertion)
    }

    #[cfg(not(feature = "software-statements"))]
    fn assertion(_: Option<&str>, _: Option<&str>, _: &str) -> Result<Self, AuthenticationError> {
        Err(AuthenticationCause::AssertionsNotSupported.into())
    }

    fn in_header(header: &HeaderValue) -> Result<Self, AuthenticationError> {
        let header = header.to_str().map_err(|_| AuthenticationCause::MalformedCredentials)?;
        let (scheme, credentials) = header.split_once(' ').unwrap_or((header, ""));
        if !scheme.eq_ignore_ascii_case("Basic") {
            return Err(AuthenticationCause::UnsupportedScheme.into());
        }
        Self::basic(credentials.trim()).ok_or_else(|| AuthenticationCause::MalformedCredentials.into())
    }

    /// HTTP Basic, with identifier and secret in the encoding of forms
    /// ([RFC 6749 §2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
    fn basic(credentials: &str) -> Option<Self> {
        let decoded = Zeroizing::new(STANDARD.decode(credentials).ok()?);
        let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
        let (client_id, secret) = (form_decoded(id)?, form_decoded(secret).map(ClientSecret::new)?);
        let proof = if secret.expose().is_empty() { Proof::Nothing } else { Proof::Basic(secret) };
        Some(Self { client_id, proof })
    }

    /// The client that the request claims to come from.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    fn method(&self) -> TokenEndpointAuthMethod {
        match &self.proof {
            Proof::Nothing => TokenEndpointAuthMethod::None,
            Proof::Basic(_) => TokenEndpointAuthMethod::ClientSecretBasic,
            Proof::Post(_) => TokenEndpointAuthMethod::ClientSecretPost,
            #[cfg(feature = "software-statements")]
            Proof::Assertion(assertion) => assertion.method(),
        }
    }
}

/// Text in `application/x-www-form-urlencoded`, which writes a space as `+`.
fn form_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        decoded.push(match octet {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(octets.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            octet => octet,
        });
    }
    String::from_utf8(decoded).ok()
}

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
        authenticated.inspect_err(|error| self.audit_failed_authentication(Some(&credentials.client_id), error))
    }

    /// Reads the credentials of a request ([`ClientCredentials::read`]) and [authenticates](Self::authenticate) the
    /// client. Every refusal is on the audit trail, that of credentials which cannot be read included.
    ///
    /// # Errors
    ///
    /// Those of both steps.
    pub async fn authenticate_request<'a>(
        &self,
        headers: &HeaderMap,
        form: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Arc<Client>, AuthenticationError> {
        let read = ClientCredentials::read(headers, form);
        let credentials = read.inspect_err(|error| self.audit_failed_authentication(None, error))?;
        self.authenticate(&credentials).await
    }

    /// A copy of a cache may be older than what the client was told. It never refuses, because a client that is told
    /// `invalid_client` registers anew.
    async fn find_and_verify(&self, credentials: &ClientCredentials) -> Result<Arc<Client>, AuthenticationError> {
        let known = self.client(&credentials.client_id).await?;
        let revision = known.as_ref().map(|client| client.revision);
        let verified = self.verify(credentials, known).await;
        if verified.as_ref().map_or_else(|error| error.kind() == AuthenticationErrorKind::Unavailable, |_| true) {
            return verified;
        }
        let current = self.current_client(&credentials.client_id).await?;
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
            Status::Active => Ok(client),
            Status::Pending => Err(AuthenticationCause::PendingClient.into()),
            Status::Disabled => Err(AuthenticationCause::DisabledClient.into()),
        }
    }

    /// Costs the same where there is no such client, or no secret.
    fn check_secret(&self, client: Option<&Client>, presented: &ClientSecret) -> Result<(), AuthenticationError> {
        // Nobody knows a text of this digest.
        let unknown = Digest::from_bytes([0; 32]);
        let secret = client.and_then(|client| client.secret.as_ref());
        let expected = secret.map_or(&unknown, |secret| secret.stored.digest());
        match (presented.digest().matches(expected), secret) {
            (true, Some(secret)) => check_lifetime(secret, self.now()),
            _ => Err(AuthenticationCause::WrongSecret.into()),
        }
    }

    /// The refusal stays the same whether or not the audit trail takes the event.
    fn audit_failed_authentication(&self, claimed: Option<&str>, error: &AuthenticationError) {
        let id = claimed.and_then(ClientId::parse);
        let requested = claimed.filter(|_| id.is_none()).map(RequestedClient::with_id);
        let event = AuditEvent::not_authenticated(id.as_ref(), error);
        drop(self.audit(&event.requesting(requested.as_ref())));
    }
}

fn check_lifetime(secret: &Secret, now: SystemTime) -> Result<(), AuthenticationError> {
    match secret.expires_at.is_none_or(|expires_at| now < expires_at) {
        true => Ok(()),
        false => Err(AuthenticationCause::ExpiredSecret.into()),
    }
}
