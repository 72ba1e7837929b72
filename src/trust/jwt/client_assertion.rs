//! Client assertions: a token that the client signed authenticates it
//! ([RFC 7523 §2.2](https://www.rfc-editor.org/rfc/rfc7523#section-2.2)).

use std::fmt;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use zeroize::Zeroizing;

use super::{KeySets, Keys, TimeFault, Times, Token, expiry};
use crate::client::Client;
use crate::client::credential::{ClientSecret, Digest};
use crate::error::AuthenticationCause as Cause;
use crate::error::AuthenticationError;
use crate::protocol::json::Object;
use crate::protocol::metadata::TokenEndpointAuthMethod;
use crate::protocol::{Supported, Switch};
use crate::store::Nonce;

/// The only type of assertion that authenticates a client with a JWT
/// ([RFC 7523 §2.2](https://www.rfc-editor.org/rfc/rfc7523#section-2.2)).
const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The `typ` headers of an assertion: the general one and that of RFC 10070. A token of another type, such as an access
/// token or a DPoP proof, must not authenticate a client
/// ([RFC 8725 §3.11](https://www.rfc-editor.org/rfc/rfc8725#section-3.11)).
const TOKEN_TYPES: [&str; 2] = ["JWT", "client-authentication+jwt"];
/// How far ahead `exp` of an assertion may be. Its nonce is stored until then, so a client must not choose the time freely.
const MAX_LIFETIME: Duration = Duration::from_secs(3600);
/// The tolerated difference between the clock of a client and that of this server.
const LEEWAY: Duration = Duration::from_secs(30);

/// An assertion that was read but not verified. Its text is a credential while it is valid, so `Debug` omits it and memory
/// is erased.
#[derive(Clone)]
pub(crate) struct Assertion {
    text: Zeroizing<String>,
    symmetric: bool,
}

impl Assertion {
    /// Reads an assertion. Returns its subject, the client, with it. The parameter `client_id` may repeat the subject.
    ///
    /// # Errors
    ///
    /// For another type of assertion, text that is not a token, a token without `sub`, or a `client_id` that differs.
    pub(crate) fn read(
        id: Option<&str>,
        kind: Option<&str>,
        text: &str,
    ) -> Result<(String, Self), AuthenticationError> {
        if kind.ok_or(Cause::MalformedCredentials)? != TYPE {
            return Err(Cause::UnsupportedAssertionType.into());
        }
        let token = Token::read_any(text).map_err(|_| Cause::MalformedAssertion)?;
        let subject = token.text("sub").ok_or(Cause::WrongSubject)?;
        if id.is_some_and(|id| id != subject) {
            return Err(Cause::WrongSubject.into());
        }
        let symmetric = token.algorithm().is_symmetric();
        let assertion = Self { text: Zeroizing::new(text.to_owned()), symmetric };
        Ok((subject.to_owned(), assertion))
    }

    /// Whether it is authenticated with the client secret and not signed with a private key.
    pub(crate) fn is_symmetric(&self) -> bool {
        self.symmetric
    }

    /// The authentication method that the assertion belongs to, by its algorithm.
    pub(crate) fn method(&self) -> TokenEndpointAuthMethod {
        match self.symmetric {
            true => TokenEndpointAuthMethod::ClientSecretJwt,
            false => TokenEndpointAuthMethod::PrivateKeyJwt,
        }
    }
}

impl fmt::Debug for Assertion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Assertion(..)")
    }
}

/// What an assertion is verified against: this server as its audience, and what the server accepts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verifier<'a> {
    pub(crate) now: SystemTime,
    pub(crate) issuer: &'a str,
    pub(crate) legacy_audiences: &'a [String],
    pub(crate) supported: &'a Supported,
    pub(crate) published_keys: Option<&'a KeySets>,
}

/// What remains to be done for a verified assertion.
#[derive(Debug)]
pub(crate) struct Verified {
    /// The caller must claim it in the store, which fails if the assertion was presented before.
    pub(crate) nonce: Nonce,
    /// Whether its audience is accepted only because the operator listed it for deployed clients. Such a use is recorded.
    pub(crate) has_legacy_audience: bool,
}

impl Verifier<'_> {
    /// Verifies that the client made the assertion, for this server, and that it is valid now. `client` is `None` for an
    /// unknown subject; `secret` is the text of the client secret, if the server stores it.
    ///
    /// # Errors
    ///
    /// The cause of the refusal, or [`Cause::KeysUnavailable`] when the keys of the client cannot be read at present.
    pub(crate) async fn verify(
        &self,
        assertion: &Assertion,
        client: Option<&Client>,
        secret: Option<&ClientSecret>,
    ) -> Result<Verified, AuthenticationError> {
        let token = Token::read_any(&assertion.text).map_err(|_| Cause::MalformedAssertion)?;
        let Some(client) = client else {
            // The same work as for an existing client, so that the time of the reply does not disclose which clients exist.
            token.is_authenticated_by(UNKNOWN_SECRET);
            return Err(Cause::UnknownClient.into());
        };
        // `typ` is optional for assertions: deployed clients omit it.
        if token.has_header("typ") && !TOKEN_TYPES.iter().any(|media_type| token.has_type(media_type)) {
            return Err(Cause::WrongTokenType.into());
        }
        // RFC 7523 §3: a client that authenticates itself is both the issuer and the subject.
        if ["iss", "sub"].iter().any(|claim| token.text(claim) != Some(client.id.as_str())) {
            return Err(Cause::WrongSubject.into());
        }
        // Before the signature: an attacker must not choose HMAC with a public key as the secret (RFC 8725 §2.1).
        if !self.supported.assertion_algorithms_of(&client.metadata).contains(token.algorithm()) {
            return Err(Cause::WrongAlgorithm.into());
        }
        match assertion.symmetric {
            true => self.verify_by_secret(client, secret, &token)?,
            false => self.verify_by_key(client, &token).await?,
        }
        // Times and audience come after the signature, so that only the client itself learns about them.
        let until = check_times(&token, self.now)?;
        let has_legacy_audience = self.check_audience(token.claims())?;
        Ok(Verified { nonce: nonce_of(client, &token, until)?, has_legacy_audience })
    }

    /// `client_secret_jwt`: a code computed with the client secret, of which the text is needed.
    fn verify_by_secret(
        &self,
        client: &Client,
        text: Option<&ClientSecret>,
        token: &Token<'_>,
    ) -> Result<(), AuthenticationError> {
        let secret = client.secret.as_ref().ok_or(Cause::NoUsableKey)?;
        let text = text.ok_or_else(|| {
            AuthenticationError::caused_by(Cause::SecretUnavailable, "only a digest of the client secret is kept")
        })?;
        if !token.is_authenticated_by(text.expose()) {
            return Err(Cause::BadSignature.into());
        }
        // After the code: an expired secret is reported only to a client that knows it.
        match secret.is_expired(self.now) {
            true => Err(Cause::ExpiredSecret.into()),
            false => Ok(()),
        }
    }

    /// `private_key_jwt`: a signature with a key of the client, registered by value or by URL.
    async fn verify_by_key(&self, client: &Client, token: &Token<'_>) -> Result<(), AuthenticationError> {
        let unavailable = |source| AuthenticationError::caused_by(Cause::KeysUnavailable, source);
        let keys = match (&client.metadata.jwks, &client.metadata.jwks_uri) {
            (Some(jwks), _) => Keys::from_jwks(&jwks.to_json()).map_err(|_| Cause::NoUsableKey)?,
            (None, Some(url)) => {
                let published = self.published_keys;
                let published = published.ok_or_else(|| unavailable("no source of documents is configured".into()))?;
                published.at(url, self.now)
            }
            (None, None) => return Err(Cause::NoUsableKey.into()),
        };
        match keys.verify(token, self.now).await.map_err(unavailable)? {
            true => Ok(()),
            false => Err(Cause::BadSignature.into()),
        }
    }

    /// The issuer identifier must be the only audience (RFC 10070): a malicious server can name any other URL, and the
    /// client would sign an assertion for it. Returns true for an audience that is accepted only for deployed clients.
    fn check_audience(&self, claims: &Object) -> Result<bool, AuthenticationError> {
        let audiences = match claims.get("aud") {
            Some(Value::String(audience)) => Some(vec![audience.as_str()]),
            Some(Value::Array(all)) if !self.supported.is_on(Switch::AudienceString) => {
                all.iter().map(Value::as_str).collect()
            }
            _ => None,
        };
        let audiences = audiences.filter(|all| !all.is_empty()).ok_or(Cause::WrongAudience)?;
        let is_issuer = |audience: &&str| *audience == self.issuer;
        let is_legacy = |audience: &&str| self.legacy_audiences.iter().any(|known| known == audience);
        match &audiences[..] {
            [audience] if is_issuer(audience) => Ok(false),
            all if all.iter().any(is_legacy) && all.iter().all(|one| is_issuer(one) || is_legacy(one)) => Ok(true),
            _ => Err(Cause::WrongAudience.into()),
        }
    }
}

/// The nonce of an assertion. It is a digest, so its length does not depend on the token, and a `jti` can collide only with
/// one of the same client.
fn nonce_of(client: &Client, token: &Token<'_>, until: SystemTime) -> Result<Nonce, Cause> {
    let jti = token.text("jti").filter(|jti| !jti.is_empty()).ok_or(Cause::MissingTokenId)?;
    let digest = Digest::of(&format!("{}\n{jti}", client.id));
    let key: String = digest.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Nonce::new(format!("assertion:{key}"), until))
}

/// The key that is used when the client does not exist.
const UNKNOWN_SECRET: &str = "the secret of no client, as long as the secret of one that exists";

/// Checks that the assertion is valid now. Returns the time until which its nonce must be remembered.
///
/// # Errors
///
/// Without `exp`, outside the times of its claims, or with an `exp` that is too far ahead.
fn check_times(token: &Token<'_>, now: SystemTime) -> Result<SystemTime, Cause> {
    let times = Times { now, max_age: None };
    times.check(token.claims(), LEEWAY).map_err(|fault| match fault {
        TimeFault::NotANumber | TimeFault::TooOld => Cause::MalformedTime,
        TimeFault::Expired => Cause::ExpiredAssertion,
        TimeFault::NotYetValid | TimeFault::IssuedInFuture => Cause::PrematureAssertion,
    })?;
    if !token.claims().contains_key("exp") {
        return Err(Cause::MalformedTime);
    }
    let until = expiry(token.claims(), LEEWAY).filter(|until| *until <= now + MAX_LIFETIME + LEEWAY + LEEWAY);
    until.ok_or(Cause::LongLivedAssertion)
}
