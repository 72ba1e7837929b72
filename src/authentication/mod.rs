//! Client authentication at the token endpoint
//! ([RFC 6749 §2.3](https://www.rfc-editor.org/rfc/rfc6749#section-2.3)).
//!
//! [`ClientCredentials`] reads what a request presents, [`Registry::authenticate`] finds the client and holds the
//! request to the one method that the client registered as `token_endpoint_auth_method`.
//!
//! ```
//! use http::HeaderMap;
//! use tower_dcr::authentication::{AuthenticationError, ClientCredentials};
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
//! let refused = registry.authenticate(&ClientCredentials::read(&HeaderMap::new(), form)?).await.unwrap_err();
//! assert!(matches!(refused, AuthenticationError::InvalidClient));
//! assert_eq!((refused.status(), refused.code()), (401, "invalid_client"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "software-statements")]
mod assertion;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use zeroize::Zeroizing;

use crate::client::Client;
use crate::credential::{ClientSecret, Digest};
use crate::error::{BoxError, StoreError};
use crate::metadata::TokenEndpointAuthMethod;
use crate::registry::Registry;

/// Why a client is not authenticated ([RFC 6749 §5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).
#[derive(Debug)]
#[non_exhaustive]
pub enum AuthenticationError {
    /// The request presents credentials twice, or in two ways.
    InvalidRequest,
    /// There are no credentials, they are wrong, or they are of another kind than the client registered. The client may
    /// be unknown, disabled or waiting for approval: nobody can tell from the answer.
    InvalidClient,
    /// The store failed, or the keys of the client cannot be fetched, which says nothing about the client.
    Unavailable(BoxError),
}

impl AuthenticationError {
    /// The HTTP status of the answer. A 401 carries a challenge for the scheme that the client used, so
    /// `WWW-Authenticate: Basic` where there was an `Authorization` header.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::InvalidClient => 401,
            Self::Unavailable(_) => 503,
        }
    }

    /// The `error` of the answer.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::Unavailable(_) => "temporarily_unavailable",
        }
    }
}

impl fmt::Display for AuthenticationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::InvalidRequest => "client credentials were sent more than once or in more than one way",
            Self::InvalidClient => "the client is not authenticated",
            Self::Unavailable(_) => "client authentication is not available; try again later",
        })
    }
}

impl Error for AuthenticationError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unavailable(cause) => Some(&**cause),
            Self::InvalidRequest | Self::InvalidClient => None,
        }
    }
}

impl From<StoreError> for AuthenticationError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

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
    /// ([RFC 6749 §3.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.2)).
    ///
    /// # Errors
    ///
    /// [`AuthenticationError::InvalidRequest`] for more than one set of credentials,
    /// [`AuthenticationError::InvalidClient`] for none or for an `Authorization` header that is not HTTP Basic.
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
                return Err(AuthenticationError::InvalidRequest);
            }
        }
        let mut authorization = headers.get_all(AUTHORIZATION).iter();
        match (authorization.next(), authorization.next(), secret, assertion) {
            (None, None, None, Some(assertion)) => Self::assertion(id, assertion_type, assertion),
            (None, None, secret, None) => Self::in_form(id, secret),
            (Some(header), None, None, None) => {
                let header = header.to_str().map_err(|_| AuthenticationError::InvalidClient)?;
                let read = Self::basic(header).ok_or(AuthenticationError::InvalidClient)?;
                let agrees = id.is_none_or(|id| id == read.client_id);
                agrees.then_some(read).ok_or(AuthenticationError::InvalidRequest)
            }
            _ => Err(AuthenticationError::InvalidRequest),
        }
    }

    fn in_form(id: Option<&str>, secret: Option<&str>) -> Result<Self, AuthenticationError> {
        let client_id = id.ok_or(AuthenticationError::InvalidClient)?.to_owned();
        let proof = secret.map_or(Proof::Nothing, |secret| Proof::Post(ClientSecret::new(secret)));
        Ok(Self { client_id, proof })
    }

    #[cfg(feature = "software-statements")]
    fn assertion(id: Option<&str>, kind: Option<&str>, assertion: &str) -> Result<Self, AuthenticationError> {
        assertion::read(id, kind, assertion)
    }

    #[cfg(not(feature = "software-statements"))]
    fn assertion(_: Option<&str>, _: Option<&str>, _: &str) -> Result<Self, AuthenticationError> {
        Err(AuthenticationError::InvalidClient)
    }

    /// HTTP Basic, with identifier and secret in the encoding of forms
    /// ([RFC 6749 §2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
    fn basic(header: &str) -> Option<Self> {
        let (scheme, credentials) = header.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("Basic") {
            return None;
        }
        let decoded = Zeroizing::new(STANDARD.decode(credentials.trim()).ok()?);
        let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
        Some(Self { client_id: form_decoded(id)?, proof: Proof::Basic(ClientSecret::new(form_decoded(secret)?)) })
    }

    /// The client that the request claims to come from.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    fn method(&self) -> TokenEndpointAuthMethod {
        match self.proof {
            Proof::Nothing => TokenEndpointAuthMethod::None,
            Proof::Basic(_) => TokenEndpointAuthMethod::ClientSecretBasic,
            Proof::Post(_) => TokenEndpointAuthMethod::ClientSecretPost,
            #[cfg(feature = "software-statements")]
            Proof::Assertion(_) => TokenEndpointAuthMethod::PrivateKeyJwt,
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
    /// client (`none`) is known by its identifier alone. The assertion of `private_key_jwt` (feature
    /// `software-statements`) is from the client's own key, for this server and not an hour ahead, and counts once.
    ///
    /// Keys at a `jwks_uri` are kept for ten minutes, so long may a key count that the client took back. An assertion
    /// that none of them signed has them read again, once a minute at most.
    ///
    /// `client_secret_jwt` is not verified here. Methods that rest on the connection (`tls_client_auth`, `self_signed_tls_client_auth`) are for whoever ends TLS:
    /// find the [client](Self::client) and compare its certificate. What a client does is not recorded here; call
    /// [`touch`](Self::touch) when it got a token.
    ///
    /// # Errors
    ///
    /// [`AuthenticationError::InvalidClient`], or [`AuthenticationError::Unavailable`] when the store fails or the keys
    /// of the client cannot be fetched.
    pub async fn authenticate(&self, credentials: &ClientCredentials) -> Result<Arc<Client>, AuthenticationError> {
        let known = self.client(&credentials.client_id).await?;
        let verified = self.verify(credentials, known.clone()).await;
        if !matches!(verified, Err(AuthenticationError::InvalidClient)) {
            return verified;
        }
        // A copy of a cache may be older than what the client was told. It never refuses, because a client that is told
        // `invalid_client` registers anew.
        let current = self.current_client(&credentials.client_id).await?;
        match known.map(|client| client.revision) == current.as_ref().map(|client| client.revision) {
            true => verified,
            false => self.verify(credentials, current).await,
        }
    }

    /// The client if what is presented proves it.
    async fn verify(
        &self,
        credentials: &ClientCredentials,
        client: Option<Arc<Client>>,
    ) -> Result<Arc<Client>, AuthenticationError> {
        let registered = |client: &Arc<Client>| {
            client.is_active() && client.metadata.token_endpoint_auth_method == Some(credentials.method())
        };
        let client = client.filter(registered);
        let verified = match (&credentials.proof, &client) {
            (Proof::Basic(secret) | Proof::Post(secret), client) => self.verifies(client.as_deref(), secret),
            (Proof::Nothing, client) => client.is_some(),
            #[cfg(feature = "software-statements")]
            (Proof::Assertion(assertion), Some(client)) => self.asserts(client, assertion).await?,
            #[cfg(feature = "software-statements")]
            (Proof::Assertion(_), None) => false,
        };
        client.filter(|_| verified).ok_or(AuthenticationError::InvalidClient)
    }

    /// Costs the same where there is no such client.
    fn verifies(&self, client: Option<&Client>, secret: &ClientSecret) -> bool {
        match client.filter(|client| client.has_secret()) {
            Some(client) => client.verify_secret(secret.expose(), self.now()),
            // Nobody knows a text of this digest.
            None => secret.digest().matches(&Digest::from_bytes([0; 32])),
        }
    }
}
