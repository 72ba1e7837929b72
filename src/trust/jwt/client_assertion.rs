//! Client assertions: a token that the client signed proves who sends the request
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

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The types of tokens that can be an assertion: the general one and that of RFC 10070. A token that says that it is
/// something else, such as an access token or a DPoP proof, must not authenticate a client
/// ([RFC 8725 §3.11](https://www.rfc-editor.org/rfc/rfc8725#section-3.11)).
const TOKEN_TYPES: [&str; 2] = ["JWT", "client-authentication+jwt"];
/// How far ahead the end of an assertion may be, since its identifier is remembered until then.
const MAX_LIFETIME: Duration = Duration::from_secs(3600);
/// By how much the clock of a client may differ from this server's.
const LEEWAY: Duration = Duration::from_secs(30);

/// An assertion, which must not reach logs while it is valid.
#[derive(Clone)]
pub(crate) struct Assertion {
    text: Zeroizing<String>,
    symmetric: bool,
}

impl Assertion {
    /// Reads an assertion and the client that it is about, which `client_id` may repeat.
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

    pub(crate) fn is_symmetric(&self) -> bool {
        self.symmetric
    }

    /// The method of authentication that an assertion belongs to, by its algorithm.
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

/// This server, as an assertion names it, and what it accepts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verifier<'a> {
    pub(crate) now: SystemTime,
    pub(crate) issuer: &'a str,
    pub(crate) legacy_audiences: &'a [String],
    pub(crate) supported: &'a Supported,
    pub(crate) published_keys: Option<&'a KeySets>,
}

/// What remains to be done for an assertion that is right in itself.
#[derive(Debug)]
pub(crate) struct Verified {
    /// Spending it shows whether the assertion was presented before.
    pub(crate) nonce: Nonce,
    /// Whether its audience is accepted for deployed clients only.
    pub(crate) has_legacy_audience: bool,
}

impl Verifier<'_> {
    /// Whether the assertion is the client's own and meant for this server. `secret` is the text of the client's secret,
    /// where it is kept. Without a client the code under a secret is computed all the same, so that the time does not
    /// tell whether the client exists.
    pub(crate) async fn verify(
        &self,
        assertion: &Assertion,
        client: Option<&Client>,
        secret: Option<&ClientSecret>,
    ) -> Result<Verified, AuthenticationError> {
        let token = Token::read_any(&assertion.text).map_err(|_| Cause::MalformedAssertion)?;
        let Some(client) = client else {
            token.is_authenticated_by(UNKNOWN_SECRET);
            return Err(Cause::UnknownClient.into());
        };
        if token.has_header("typ") && !TOKEN_TYPES.iter().any(|media_type| token.has_type(media_type)) {
            return Err(Cause::WrongTokenType.into());
        }
        if ["iss", "sub"].iter().any(|claim| token.text(claim) != Some(client.id.as_str())) {
            return Err(Cause::WrongSubject.into());
        }
        if !self.supported.assertion_algorithms_of(&client.metadata).contains(token.algorithm()) {
            return Err(Cause::WrongAlgorithm.into());
        }
        match assertion.symmetric {
            true => self.verify_by_secret(client, secret, &token)?,
            false => self.verify_by_key(client, &token).await?,
        }
        let until = check_times(&token, self.now)?;
        let has_legacy_audience = self.check_audience(token.claims())?;
        Ok(Verified { nonce: nonce_of(client, &token, until)?, has_legacy_audience })
    }

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
        match secret.is_expired(self.now) {
            true => Err(Cause::ExpiredSecret.into()),
            false => Ok(()),
        }
    }

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

    /// The issuer identifier must be the only audience (RFC 10070), since a client can be made to sign for anything else
    /// that a rogue server names. True for an audience that is accepted for deployed clients only.
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

/// What is remembered of an assertion. It has the same length whatever the token says.
fn nonce_of(client: &Client, token: &Token<'_>, until: SystemTime) -> Result<Nonce, Cause> {
    let jti = token.text("jti").filter(|jti| !jti.is_empty()).ok_or(Cause::MissingTokenId)?;
    let digest = Digest::of(&format!("{}\n{jti}", client.id));
    let key: String = digest.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Nonce::new(format!("assertion:{key}"), until))
}

/// The key for clients that do not exist.
const UNKNOWN_SECRET: &str = "the secret of no client, as long as the secret of one that exists";

/// Checks when the assertion is valid, and gives the time until which its identifier must be remembered.
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
