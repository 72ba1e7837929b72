//! The credentials of a client in a request, read from its headers and its form. Nothing is verified here.
//!
//! [RFC 6749 §2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1) has two places for a client secret, and
//! [RFC 7523 §2.2](https://www.rfc-editor.org/rfc/rfc7523#section-2.2) a third one for an assertion. A request must use
//! exactly one of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use zeroize::Zeroizing;

#[cfg(feature = "software-statements")]
use super::jwt::client_assertion::Assertion;
use crate::client::credential::ClientSecret;
use crate::error::{AuthenticationCause, AuthenticationError};
use crate::protocol::metadata::TokenEndpointAuthMethod;

/// The credentials with which a client authenticates at the token endpoint. Secrets and assertions are not in `Debug`.
///
/// ```
/// use http::HeaderMap;
/// use tower_dcr::authentication::ClientCredentials;
///
/// let form = [("client_id", "app"), ("client_secret", "s3cret")];
/// let credentials = ClientCredentials::read(&HeaderMap::new(), form).unwrap();
/// assert_eq!(credentials.client_id(), "app");
/// assert!(!format!("{credentials:?}").contains("s3cret"));
/// assert!(ClientCredentials::read(&HeaderMap::new(), []).is_err());
/// ```
#[derive(Debug, Clone)]
pub struct ClientCredentials {
    client_id: String,
    pub(crate) proof: Proof,
}

/// How a request authenticates the client.
#[derive(Debug, Clone)]
pub(crate) enum Proof {
    /// The client identifier alone: a public client.
    Nothing,
    /// `client_secret_basic`.
    Basic(ClientSecret),
    /// `client_secret_post`.
    Post(ClientSecret),
    /// `private_key_jwt` or `client_secret_jwt`.
    #[cfg(feature = "software-statements")]
    Assertion(Assertion),
}

impl ClientCredentials {
    /// Reads the headers of a token request and the parameters of its body. An empty parameter is treated as absent
    /// ([RFC 6749 §3.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.2)), and so is an empty secret in the header:
    /// some clients send their identifier there although they have no secret.
    ///
    /// # Errors
    ///
    /// `InvalidRequest` for more than one set of credentials, and for credentials that are not in the form of their
    /// standard; `InvalidClient` for none, for an `Authorization` header with another scheme than Basic, and for an
    /// assertion that cannot be read. These errors are not recorded on the audit trail;
    /// [`Registry::authenticate_request`](crate::Registry::authenticate_request) records them.
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
            // RFC 6749 §3.2: a parameter must not occur more than once.
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
                // Many clients repeat their identifier in the form. It must then be the same.
                match id.is_none_or(|id| id == read.client_id) {
                    true => Ok(read),
                    false => Err(AuthenticationCause::AmbiguousCredentials.into()),
                }
            }
            _ => Err(AuthenticationCause::AmbiguousCredentials.into()),
        }
    }

    /// The parameters `client_id` and `client_secret`.
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
        let (client_id, assertion) = Assertion::read(id, kind, assertion)?;
        Ok(Self { client_id, proof: Proof::Assertion(assertion) })
    }

    #[cfg(not(feature = "software-statements"))]
    fn assertion(_: Option<&str>, _: Option<&str>, _: &str) -> Result<Self, AuthenticationError> {
        Err(AuthenticationCause::AssertionsNotSupported.into())
    }

    /// The `Authorization` header.
    fn in_header(header: &HeaderValue) -> Result<Self, AuthenticationError> {
        let header = header.to_str().map_err(|_| AuthenticationCause::MalformedCredentials)?;
        let (scheme, credentials) = header.split_once(' ').unwrap_or((header, ""));
        if !scheme.eq_ignore_ascii_case("Basic") {
            return Err(AuthenticationCause::UnsupportedScheme.into());
        }
        Self::basic(credentials.trim()).ok_or_else(|| AuthenticationCause::MalformedCredentials.into())
    }

    /// HTTP Basic, with identifier and secret encoded as in forms
    /// ([RFC 6749 §2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
    fn basic(credentials: &str) -> Option<Self> {
        // The buffer contains the secret, so it is erased when it is dropped.
        let decoded = Zeroizing::new(STANDARD.decode(credentials).ok()?);
        let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
        let (client_id, secret) = (form_decoded(id)?, form_decoded(secret).map(ClientSecret::new)?);
        // A public client that sends `Basic` with an empty secret presents no secret.
        let proof = if secret.expose().is_empty() { Proof::Nothing } else { Proof::Basic(secret) };
        Some(Self { client_id, proof })
    }

    /// The identifier of the client, which is not authenticated yet.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The authentication method that these credentials belong to. The registered method of the client must be the same.
    pub(crate) fn method(&self) -> TokenEndpointAuthMethod {
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
