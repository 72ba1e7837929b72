//! Signed JSON Web Tokens: whose are believed, and under which keys.
//!
//! An [`Issuer`] is a name, the algorithms it signs with and its [`Keys`]. Software statements and bearer tokens are
//! verified alike: the header and the claims are read as strictly as a registration request, the algorithm must be one
//! of the issuer's and fit the key, the key is chosen by `kid` among the issuer's own and nothing in a token is followed
//! to find another one ([RFC 8725 §3](https://www.rfc-editor.org/rfc/rfc8725#section-3)). `none` and HMAC do not exist
//! here.
//!
//! ```
//! use tower_dcr::{ConfigError, ConfigErrorKind};
//! use tower_dcr::jwt::{Issuer, Keys};
//! use tower_dcr::metadata::SigningAlgorithm;
//!
//! let keys = r#"{ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] }"#;
//! let directory = Issuer::new("https://directory.example", [SigningAlgorithm::EdDsa], Keys::from_jwks(keys)?)?;
//! # let _ = directory;
//!
//! let hmac = Issuer::new("https://directory.example", ["HS256".into()], Keys::from_jwks(keys)?);
//! assert_eq!(hmac.unwrap_err().kind(), ConfigErrorKind::IssuerAlgorithms);
//! # Ok::<(), ConfigError>(())
//! ```

pub(crate) mod bearer_gate;
mod claims;
pub(crate) mod client_assertion;
mod key_cache;
mod key_set;
mod token;

pub(crate) use claims::{TimeFault, Times, expiry, has_audience};
pub(crate) use key_cache::KeySets;
pub use key_set::Keys;
pub(crate) use token::Token;

use std::time::Duration;

use crate::error::{BoxError, ConfigError, ConfigErrorKind};
use crate::protocol::metadata::SigningAlgorithm;
use crate::protocol::signature;

/// Somebody whose tokens are believed.
#[derive(Debug, Clone)]
pub struct Issuer {
    name: String,
    algorithms: Vec<SigningAlgorithm>,
    keys: Keys,
    types: Vec<String>,
    required_claims: Vec<String>,
    leeway: Duration,
}

impl Issuer {
    /// Believes the tokens whose `iss` is this name, signed with one of these algorithms by one of these keys.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::IssuerAlgorithms`] without an algorithm, or with one that cannot be verified here: everything
    /// but RS, PS and ES with 256, 384 and 512, `EdDSA` (with Ed25519) and `Ed25519`.
    pub fn new(
        name: impl Into<String>,
        algorithms: impl IntoIterator<Item = SigningAlgorithm>,
        keys: Keys,
    ) -> Result<Self, ConfigError> {
        let algorithms: Vec<_> = algorithms.into_iter().collect();
        if algorithms.is_empty() {
            return Err(ConfigErrorKind::IssuerAlgorithms.found("none"));
        }
        if let Some(algorithm) = algorithms.iter().find(|algorithm| !signature::is_verifiable(algorithm)) {
            return Err(ConfigErrorKind::IssuerAlgorithms.value(algorithm.as_str()));
        }
        let leeway = Duration::from_secs(30);
        Ok(Self { name: name.into(), algorithms, keys, types: Vec::new(), required_claims: Vec::new(), leeway })
    }

    /// The header `typ` that tokens must have, such as `at+jwt`, in any case and with or without `application/` before
    /// it; several if called again ([RFC 8725 §3.11](https://www.rfc-editor.org/rfc/rfc8725#section-3.11)). Default: any.
    #[must_use]
    pub fn with_type(mut self, media_type: impl Into<String>) -> Self {
        self.types.push(media_type.into());
        self
    }

    /// Claims that tokens must have. Default: `iss` alone.
    #[must_use]
    pub fn with_required_claims<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.required_claims.extend(names.into_iter().map(Into::into));
        self
    }

    /// By how much the clock of the issuer may differ from this server's. Default: 30 seconds.
    #[must_use]
    pub fn with_leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn leeway(&self) -> Duration {
        self.leeway
    }

    /// Whether a token is from this issuer, of its kind, and counts now.
    pub(crate) async fn verify(&self, token: &Token<'_>, times: &Times) -> Result<(), JwtError> {
        if token.text("iss") != Some(&self.name) {
            return Err(JwtError::Invalid("iss is somebody else"));
        }
        self.verify_signed(token, &self.keys, times).await
    }

    /// As [`verify`](Self::verify), for a token that somebody else signed by the rules of this issuer.
    pub(crate) async fn verify_signed(&self, token: &Token<'_>, keys: &Keys, times: &Times) -> Result<(), JwtError> {
        if !self.algorithms.contains(token.algorithm()) {
            return Err(JwtError::Invalid("alg is none that this issuer signs with"));
        }
        if !self.types.is_empty() && !self.types.iter().any(|media_type| token.has_type(media_type)) {
            return Err(JwtError::Invalid("typ is another one"));
        }
        if !keys.verify(token, times.now).await.map_err(JwtError::Unavailable)? {
            return Err(JwtError::Invalid("the signature is not from a key of the issuer"));
        }
        if !self.required_claims.iter().all(|name| token.claims().contains_key(name)) {
            return Err(JwtError::Invalid("a required claim is missing"));
        }
        times.check(token.claims(), self.leeway).map_err(|fault| JwtError::Invalid(fault.detail()))
    }
}

/// Why a token does not count.
#[derive(Debug)]
pub(crate) enum JwtError {
    /// It is the fault of the token; the text names no value of it.
    Invalid(&'static str),
    /// The keys of the issuer cannot be gotten now.
    Unavailable(BoxError),
}
