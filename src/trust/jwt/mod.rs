//! Signed JSON Web Tokens: trusted issuers and their keys.
//!
//! An [`Issuer`] is a name, the algorithms it signs with and its [`Keys`]. Software statements and bearer tokens are
//! verified in the same way. The header and the claims are read as strictly as a registration request. The algorithm must
//! be one of the issuer's and fit the key. The key is chosen by `kid` among the keys of the issuer; a key or a URL in the
//! token is ignored ([RFC 8725 §3](https://www.rfc-editor.org/rfc/rfc8725#section-3)). `none` and HMAC are not supported
//! for issuers.
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
mod keys;
mod published_keys;
mod token;

pub(crate) use claims::{TimeFault, Times, expiry, has_audience};
pub(crate) use key_cache::KeySets;
pub use keys::Keys;
pub(crate) use token::Token;

use std::time::Duration;

use crate::error::{BoxError, ConfigError, ConfigErrorKind};
use crate::protocol::metadata::SigningAlgorithm;
use crate::protocol::signature;

/// A trusted issuer of tokens: its name, its algorithms, its keys, and what its tokens must contain.
///
/// ```
/// use std::time::Duration;
/// use tower_dcr::jwt::{Issuer, Keys};
/// use tower_dcr::metadata::SigningAlgorithm;
///
/// let keys = r#"{ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] }"#;
/// let issuer = Issuer::new("https://as.example.com", [SigningAlgorithm::EdDsa], Keys::from_jwks(keys)?)?
///     .with_type("at+jwt")
///     .with_required_claims(["sub"])
///     .with_leeway(Duration::from_secs(10));
/// assert!(format!("{issuer:?}").contains("https://as.example.com"));
/// # Ok::<(), tower_dcr::ConfigError>(())
/// ```
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
    /// Trusts tokens whose `iss` is this name, signed with one of these algorithms and one of these keys.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::IssuerAlgorithms`] without an algorithm, or with one that cannot be verified. Supported are RS, PS
    /// and ES with 256, 384 and 512, `EdDSA` (with Ed25519) and `Ed25519`.
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

    /// The header `typ` that tokens must have, such as `at+jwt`, without regard to case and with or without the prefix
    /// `application/`. Each call adds one that is accepted ([RFC 8725 §3.11](https://www.rfc-editor.org/rfc/rfc8725#section-3.11)). Default: any.
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

    /// The tolerated difference between the clock of the issuer and that of this server. Default: 30 seconds.
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

    /// Verifies that a token is from this issuer, of its type, and valid now.
    ///
    /// # Errors
    ///
    /// The reason why the token is not valid, or that the keys cannot be read.
    pub(crate) async fn verify(&self, token: &Token<'_>, times: &Times) -> Result<(), JwtError> {
        if token.text("iss") != Some(&self.name) {
            return Err(JwtError::Invalid("iss is another issuer"));
        }
        self.verify_signed(token, &self.keys, times).await
    }

    /// As [`verify`](Self::verify), for a token that follows the rules of this issuer and is signed with these keys: a
    /// signed request, whose keys its software statement contains.
    pub(crate) async fn verify_signed(&self, token: &Token<'_>, keys: &Keys, times: &Times) -> Result<(), JwtError> {
        if !self.algorithms.contains(token.algorithm()) {
            return Err(JwtError::Invalid("alg is not an algorithm of this issuer"));
        }
        if !self.types.is_empty() && !self.types.iter().any(|media_type| token.has_type(media_type)) {
            return Err(JwtError::Invalid("typ is not a type of this issuer"));
        }
        // What can be checked without keys comes first, so that a wrong token does not cause a request for keys.
        if !keys.verify(token, times.now).await.map_err(JwtError::Unavailable)? {
            return Err(JwtError::Invalid("the signature is not from a key of the issuer"));
        }
        if !self.required_claims.iter().all(|name| token.claims().contains_key(name)) {
            return Err(JwtError::Invalid("a required claim is missing"));
        }
        times.check(token.claims(), self.leeway).map_err(|fault| JwtError::Invalid(fault.detail()))
    }
}

/// Why a token was not accepted.
#[derive(Debug)]
pub(crate) enum JwtError {
    /// The token is not valid. The text contains no value of it.
    Invalid(&'static str),
    /// The keys of the issuer cannot be read at present.
    Unavailable(BoxError),
}
