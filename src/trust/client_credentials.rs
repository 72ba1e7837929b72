//! What a request presents to prove which client sends it, read from its headers and its form. Nothing is verified here.

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

/// What a request presents to prove which client sends it.
#[derive(Debug, Clone)]
pub struct ClientCredentials {
    client_id: String,
    pub(crate) proof: Proof,
}

/// How a request proves that a client sends it.
#[derive(Debug, Clone)]
pub(crate) enum Proof {
    Nothing,
    Basic(ClientSecret),
    Post(ClientSecret),
    #[cfg(feature = "software-statements")]
    Assertion(Assertion),
}

impl ClientCredentials {
    /// Reads the headers of a token request and the parameters of its body. An empty parameter counts as absent
    /// ([RFC 6749 §3.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.2)), and so does an empty secret in the header:
    /// some clients send their identifier there although they have no secret.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](crate::error::AuthenticationErrorKind::InvalidRequest) for more than one set of credentials, and for credentials that are not
    /// in the form of their standard; [`InvalidClient`](crate::error::AuthenticationErrorKind::InvalidClient) for none, for an `Authorization` header
    /// with another scheme than Basic, and for an assertion that cannot be read. These errors are not on the audit trail;
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
        let (client_id, assertion) = Assertion::read(id, kind, assertion)?;
        Ok(Self { client_id, proof: Proof::Assertion(assertion) })
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

    /// The method of authentication that these credentials belong to.
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
