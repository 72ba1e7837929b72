//! Client assertions: a token that the client signed proves who sends the request
//! ([RFC 7523 §2.2](https://www.rfc-editor.org/rfc/rfc7523#section-2.2)).

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use super::{AuthenticationError, ClientCredentials, Proof};
use crate::client::Client;
use crate::config::RegistryBuilder;
use crate::credential::Digest;
use crate::jwt::{Issuer, JwtError, Keys, Times, Token, expiry, has_audience};
use crate::registry::Registry;

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How far ahead the end of an assertion may be, since it is remembered until then.
const LONGEST: Duration = Duration::from_secs(3600);

/// An assertion, which must not reach logs while it counts.
#[derive(Clone)]
pub(super) struct Assertion(Zeroizing<String>);

impl fmt::Debug for Assertion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Assertion(..)")
    }
}

impl RegistryBuilder {
    /// What else than the base URL the assertions of clients (`private_key_jwt`) may be meant for, such as the URL of
    /// the token endpoint ([RFC 7523 §3](https://www.rfc-editor.org/rfc/rfc7523#section-3)). Default: nothing.
    pub fn with_assertion_audiences<T: Into<String>>(mut self, audiences: impl IntoIterator<Item = T>) -> Self {
        self.assertion_audiences = audiences.into_iter().map(Into::into).collect();
        self
    }
}

/// The client is the one that the assertion is about; `client_id` may repeat it.
pub(super) fn read(
    id: Option<&str>,
    kind: Option<&str>,
    assertion: &str,
) -> Result<ClientCredentials, AuthenticationError> {
    let token = Token::read(assertion).ok().filter(|_| kind == Some(TYPE));
    let subject = token.as_ref().and_then(|token| token.text("sub")).ok_or(AuthenticationError::InvalidClient)?;
    if id.is_some_and(|id| id != subject) {
        return Err(AuthenticationError::InvalidRequest);
    }
    let proof = Proof::Assertion(Assertion(Zeroizing::new(assertion.to_owned())));
    Ok(ClientCredentials { client_id: subject.to_owned(), proof })
}

impl Registry {
    /// Whether the assertion is the client's own, meant for this server, and was not presented before.
    pub(super) async fn asserts(&self, client: &Client, assertion: &Assertion) -> Result<bool, AuthenticationError> {
        let Ok(token) = Token::read(&assertion.0) else { return Ok(false) };
        let Some(issuer) = self.signer(client) else { return Ok(false) };
        match issuer.verify(&token, &Times { now: self.now(), most_age: None }).await {
            Ok(()) => {}
            Err(JwtError::Invalid(_)) => return Ok(false),
            Err(JwtError::Unavailable(cause)) => return Err(AuthenticationError::Unavailable(cause)),
        }
        let base_url = self.config().endpoint.strip_suffix(&self.config().path).unwrap_or_default();
        let audiences: Vec<_> =
            self.config().assertion_audiences.iter().map(String::as_str).chain([base_url]).collect();
        if token.text("sub") != Some(client.id.as_str()) || !has_audience(token.claims(), &audiences) {
            return Ok(false);
        }
        let until = expiry(token.claims(), issuer.leeway()).filter(|until| *until <= self.now() + LONGEST);
        let (Some(jti), Some(until)) = (token.text("jti"), until) else { return Ok(false) };
        // What is remembered has the same length whatever the token says.
        let digest = Digest::of(&format!("{}\n{jti}", client.id));
        let key: String = digest.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(self.store().remember(&format!("assertion:{key}"), until, self.now()).await?)
    }

    /// The client as somebody who signs, by the one algorithm that it registered or any that can be verified.
    fn signer(&self, client: &Client) -> Option<Issuer> {
        let metadata = &client.metadata;
        let keys = match (&metadata.jwks, &metadata.jwks_uri) {
            (Some(jwks), _) => Keys::from_jwks(&jwks.to_json()).ok()?,
            (None, Some(url)) => self.config().published_keys.as_ref()?.at(url, self.now()),
            (None, None) => return None,
        };
        let algorithms = self.config().offer.assertion_algorithms_of(metadata);
        let issuer = Issuer::new(client.id.as_str(), algorithms, keys).ok()?;
        Some(issuer.with_required_claims(["sub", "aud", "exp", "jti"]))
    }
}
