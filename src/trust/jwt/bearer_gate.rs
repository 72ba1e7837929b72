//! Access tokens of an authorization server as initial access tokens.
//!
//! [RFC 7591 §3](https://www.rfc-editor.org/rfc/rfc7591#section-3) leaves open how an initial access token is issued. This
//! gate accepts JWT access tokens of any authorization server that publishes its keys.

use std::sync::Arc;

use serde_json::Value;

use super::{Issuer, JwtError, Times, Token, has_audience};
use crate::clock::{Clock, SystemClock};
use crate::error::RegistrationErrorKind;
use crate::hooks::access::RequestHead;
use crate::hooks::access::bearer;
use crate::hooks::access::{Decision, Gate, Registrant};

/// Allows a caller with an access token that is a signed JSON Web Token
/// ([RFC 9068](https://www.rfc-editor.org/rfc/rfc9068), [RFC 7591 §3](https://www.rfc-editor.org/rfc/rfc7591#section-3)).
///
/// ```
/// use tower_dcr::Access;
/// use tower_dcr::gate::BearerTokens;
/// use tower_dcr::jwt::{Issuer, Keys};
/// use tower_dcr::metadata::SigningAlgorithm;
///
/// let keys = r#"{ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] }"#;
/// let server = Issuer::new("https://as.example.com", [SigningAlgorithm::EdDsa], Keys::from_jwks(keys)?)?;
/// let gate = BearerTokens::new(server.with_type("at+jwt"), "https://id.example.com/oidc/register")
///     .with_required_scope("client.register")
///     .with_owner_claim("sub");
/// assert_eq!(format!("{:?}", Access::custom(gate)), "Custom");
/// # Ok::<(), tower_dcr::ConfigError>(())
/// ```
#[derive(Debug)]
pub struct BearerTokens {
    /// With `aud` and `exp` among its required claims.
    issuer: Issuer,
    audience: String,
    scope: Option<Arc<str>>,
    /// Names and values of required claims.
    claims: Vec<(String, String)>,
    /// The name of the claim with the owner.
    owner: Option<String>,
    /// The name of the claim with the tenant.
    tenant: Option<String>,
    clock: Arc<dyn Clock>,
}

impl BearerTokens {
    /// Tokens of this issuer for this audience. They must have `iss`, `aud` and `exp`.
    #[must_use]
    pub fn new(issuer: Issuer, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.with_required_claims(["aud", "exp"]),
            audience: audience.into(),
            scope: None,
            claims: Vec::new(),
            owner: None,
            tenant: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// The scope that the claim `scope` must contain; otherwise 403 `insufficient_scope`. Default: none.
    #[must_use]
    pub fn with_required_scope(mut self, scope: impl Into<Arc<str>>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// A claim that must be this text or an array with it; otherwise 403 `access_denied`. Default: none.
    #[must_use]
    pub fn with_required_claim(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.claims.push((name.into(), value.into()));
        self
    }

    /// The claim that names the owner of the client. A token without it is not valid, and a name of more than 256 bytes is
    /// refused with 403. Default: none, and the client has no owner.
    #[must_use]
    pub fn with_owner_claim(mut self, name: impl Into<String>) -> Self {
        self.owner = Some(name.into());
        self
    }

    /// The claim that names the tenant with which the caller may register. A token without it is not valid. Default: none,
    /// and the token is valid for every tenant.
    #[must_use]
    pub fn with_tenant_claim(mut self, name: impl Into<String>) -> Self {
        self.tenant = Some(name.into());
        self
    }

    /// The clock that times are compared with. Default: the clock of the operating system.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Verifies a presented token.
    ///
    /// # Errors
    ///
    /// The decision that refuses it: 401 for a token that is not valid, 403 for a valid one that does not permit a
    /// registration, 503 while the keys of the issuer cannot be read.
    async fn decide(&self, token: &str) -> Result<Registrant, Decision> {
        // No reason goes into the reply: RFC 6750 has one code for every token that is not valid.
        let token = Token::read(token).map_err(|_| Decision::InvalidToken)?;
        let times = Times { now: self.clock.now(), max_age: None };
        self.issuer.verify(&token, &times).await.map_err(|error| match error {
            JwtError::Invalid(_) => Decision::InvalidToken,
            JwtError::Unavailable(source) => Decision::Unavailable { source: source.into() },
        })?;
        // A token that was issued for another server must not be accepted here, or that server could replay it.
        if !has_audience(token.claims(), &[&self.audience]) {
            return Err(Decision::InvalidToken);
        }
        if let Some(scope) = self.scope.as_ref().filter(|scope| !has_scope(&token, scope)) {
            return Err(Decision::InsufficientScope { scope: Arc::clone(scope) });
        }
        if !self.claims.iter().all(|(name, value)| has_claim(&token, name, value)) {
            return Err(Decision::Forbidden);
        }
        // A configured claim is required: without the owner or the tenant the registration would have no limit.
        let named = |claim: &Option<String>| match claim {
            Some(claim) => token.text(claim).map(|name| Some(name.into())),
            None => Some(None),
        };
        let (Some(owner), Some(tenant)) = (named(&self.owner), named(&self.tenant)) else {
            return Err(Decision::InvalidToken);
        };
        Ok(Registrant { owner, tenant, ..Registrant::new() })
    }
}

impl Gate for BearerTokens {
    async fn authorize(&self, request: &RequestHead<'_>) -> Decision {
        let decided = match bearer::token(request) {
            Ok(token) => self.decide(token).await,
            // The errors of the header are those of RFC 6750 §3.1; each has a decision of the same meaning.
            Err(error) => Err(match error.kind() {
                RegistrationErrorKind::AmbiguousCredentials => Decision::AmbiguousCredentials,
                RegistrationErrorKind::InvalidToken => Decision::InvalidToken,
                _ => Decision::Unauthorized,
            }),
        };
        decided.map_or_else(|refused| refused, Decision::Allow)
    }
}

/// Whether the claim `scope`, tokens between single spaces, contains this one
/// ([RFC 9068 §2.2.3](https://www.rfc-editor.org/rfc/rfc9068#section-2.2.3)).
fn has_scope(token: &Token<'_>, wanted: &str) -> bool {
    token.text("scope").is_some_and(|scope| scope.split(' ').any(|one| one == wanted))
}

/// Whether a claim is this text, or an array that contains it.
fn has_claim(token: &Token<'_>, name: &str, wanted: &str) -> bool {
    match token.claims().get(name) {
        Some(Value::Array(values)) => values.iter().any(|value| value == wanted),
        Some(value) => value == wanted,
        None => false,
    }
}
