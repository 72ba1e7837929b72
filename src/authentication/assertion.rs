//! Client assertions: a token that the client signed proves who sends the request
//! ([RFC 7523 §2.2](https://www.rfc-editor.org/rfc/rfc7523#section-2.2)).

use std::fmt;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use zeroize::Zeroizing;

use super::AuthenticationCause as Cause;
use super::{AuthenticationError, ClientCredentials, Proof, check_lifetime};
use crate::audit::{AuditEvent, Operation};
use crate::client::Client;
use crate::credential::Digest;
use crate::jwt::{Keys, TimeFault, Times, Token, expiry};
use crate::metadata::{Object, TokenEndpointAuthMethod};
use crate::registry::Registry;
use crate::rules::Switch;

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
pub(super) struct Assertion {
    text: Zeroizing<String>,
    symmetric: bool,
}

impl Assertion {
    /// The method of authentication that an assertion belongs to, by its algorithm.
    pub(super) fn method(&self) -> TokenEndpointAuthMethod {
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

/// The client is the one that the assertion is about; `client_id` may repeat it.
pub(super) fn read(id: Option<&str>, kind: Option<&str>, text: &str) -> Result<ClientCredentials, AuthenticationError> {
    if kind.ok_or(Cause::MalformedCredentials)? != TYPE {
        return Err(Cause::UnsupportedAssertionType.into());
    }
    let token = Token::read_any(text).map_err(|_| Cause::MalformedAssertion)?;
    let subject = token.text("sub").ok_or(Cause::WrongSubject)?;
    if id.is_some_and(|id| id != subject) {
        return Err(Cause::WrongSubject.into());
    }
    let symmetric = token.algorithm().is_symmetric();
    let assertion = Assertion { text: Zeroizing::new(text.to_owned()), symmetric };
    Ok(ClientCredentials { client_id: subject.to_owned(), proof: Proof::Assertion(assertion) })
}

impl Registry {
    /// Whether the assertion is the client's own, meant for this server, and was not presented before. Without a client
    /// the code under a secret is computed all the same, so that the time does not tell whether the client exists.
    pub(super) async fn verify_assertion(
        &self,
        client: Option<&Client>,
        assertion: &Assertion,
    ) -> Result<(), AuthenticationError> {
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
        if !self.config().offer.assertion_algorithms_of(&client.metadata).contains(token.algorithm()) {
            return Err(Cause::WrongAlgorithm.into());
        }
        match assertion.symmetric {
            true => self.verify_by_secret(client, &token)?,
            false => self.verify_by_key(client, &token).await?,
        }
        let until = check_times(&token, self.now())?;
        let legacy = self.check_audience(token.claims())?;
        self.claim_token_id(client, &token, until).await?;
        if legacy {
            // The client is authenticated whether or not the audit trail takes the event.
            drop(self.audit(&AuditEvent::done(Operation::LegacyAudience, client)));
        }
        Ok(())
    }

    fn verify_by_secret(&self, client: &Client, token: &Token<'_>) -> Result<(), AuthenticationError> {
        let secret = client.secret.as_ref().ok_or(Cause::NoUsableKey)?;
        let text = self.known_secret(client)?;
        let text = text.ok_or_else(|| {
            AuthenticationError::caused_by(Cause::SecretUnavailable, "only a digest of the client secret is kept")
        })?;
        if !token.is_authenticated_by(text.expose()) {
            return Err(Cause::BadSignature.into());
        }
        check_lifetime(secret, self.now())
    }

    async fn verify_by_key(&self, client: &Client, token: &Token<'_>) -> Result<(), AuthenticationError> {
        let unavailable = |source| AuthenticationError::caused_by(Cause::KeysUnavailable, source);
        let keys = match (&client.metadata.jwks, &client.metadata.jwks_uri) {
            (Some(jwks), _) => Keys::from_jwks(&jwks.to_json()).map_err(|_| Cause::NoUsableKey)?,
            (None, Some(url)) => {
                let published = self.config().published_keys.as_ref();
                let published = published.ok_or_else(|| unavailable("no source of documents is configured".into()))?;
                published.at(url, self.now())
            }
            (None, None) => return Err(Cause::NoUsableKey.into()),
        };
        match keys.verify(token, self.now()).await.map_err(unavailable)? {
            true => Ok(()),
            false => Err(Cause::BadSignature.into()),
        }
    }

    /// The issuer identifier must be the only audience (RFC 10070), since a client can be made to sign for anything else
    /// that a rogue server names. True for an audience that is accepted for deployed clients only.
    fn check_audience(&self, claims: &Object) -> Result<bool, AuthenticationError> {
        let config = self.config();
        let audiences = match claims.get("aud") {
            Some(Value::String(audience)) => Some(vec![audience.as_str()]),
            Some(Value::Array(all)) if !config.offer.is_on(Switch::AudienceString) => {
                all.iter().map(Value::as_str).collect()
            }
            _ => None,
        };
        let audiences = audiences.filter(|all| !all.is_empty()).ok_or(Cause::WrongAudience)?;
        let is_issuer = |audience: &&str| *audience == config.issuer;
        let is_legacy = |audience: &&str| config.legacy_audiences.iter().any(|known| known == audience);
        match &audiences[..] {
            [audience] if is_issuer(audience) => Ok(false),
            all if all.iter().any(is_legacy) && all.iter().all(|one| is_issuer(one) || is_legacy(one)) => Ok(true),
            _ => Err(Cause::WrongAudience.into()),
        }
    }

    /// An assertion is accepted once. What is remembered has the same length whatever the token says.
    async fn claim_token_id(
        &self,
        client: &Client,
        token: &Token<'_>,
        until: SystemTime,
    ) -> Result<(), AuthenticationError> {
        let jti = token.text("jti").filter(|jti| !jti.is_empty()).ok_or(Cause::MissingTokenId)?;
        let digest = Digest::of(&format!("{}\n{jti}", client.id));
        let key: String = digest.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        match self.store().remember(&format!("assertion:{key}"), until, self.now()).await? {
            true => Ok(()),
            false => Err(Cause::ReplayedAssertion.into()),
        }
    }
}

/// The key for clients that do not exist.
const UNKNOWN_SECRET: &str = "the secret of no client, as long as the secret of one that exists";

/// Checks when the assertion is valid, and gives the time until which its identifier must be remembered.
fn check_times(token: &Token<'_>, now: SystemTime) -> Result<SystemTime, Cause> {
    let times = Times { now, most_age: None };
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
