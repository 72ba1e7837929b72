//! The public keys of an issuer: given once, or read again and again from where the issuer publishes them.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;

use super::Token;
use super::key_cache::Published;
use crate::error::{BoxError, ConfigError, ConfigErrorKind, RegistrationError};
use crate::protocol::json::{Object, read::read as read_object};
use crate::protocol::rules::jwks;
use crate::protocol::uri;
use crate::trust::documents::{DocumentSource, FetchDocument};

/// The public keys of an issuer as a JWK Set ([RFC 7517 §5](https://www.rfc-editor.org/rfc/rfc7517#section-5)). Clones
/// share what was read.
#[derive(Clone)]
pub struct Keys(Arc<Source>);

enum Source {
    Given(KeySet),
    Published(Published),
}

impl Keys {
    /// Keys that stay the same while the process runs.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Keys`] when this is no JWK Set, or one without a key that can verify a signature.
    pub fn from_jwks(json: &str) -> Result<Self, ConfigError> {
        let object = read_object(json.as_bytes());
        let object = object
            .map_err(|error| ConfigErrorKind::Keys.found("no JSON object").caused_by(RegistrationError::from(error)))?;
        let set = KeySet::read(&object).ok_or_else(|| ConfigErrorKind::Keys.found("an object without keys"))?;
        if set.0.is_empty() {
            return Err(ConfigErrorKind::Keys.found("no key that can verify"));
        }
        Ok(Self(Arc::new(Source::Given(set))))
    }

    /// Keys that the issuer publishes. They are read when they are needed, and read again after ten minutes, or for a
    /// token that none of them signed, then at most once a minute; one that was taken back may count until then. While
    /// they cannot be read, whoever presents a token is told to come again, and nobody asks for them more often than
    /// every five seconds. The source is asked with [`FetchDocument::fetch_for_operator`], so a flood of documents that clients
    /// name does not delay these keys.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Keys`] when the URL is not `https` to a public name.
    pub fn published(url: impl Into<String>, documents: impl FetchDocument) -> Result<Self, ConfigError> {
        let url = url.into();
        uri::check_fetched(&url).map_err(|_| ConfigErrorKind::Keys.url(&url))?;
        Ok(Self::at(url, DocumentSource::for_operator(documents)))
    }

    pub(crate) fn at(url: String, documents: DocumentSource) -> Self {
        Self(Arc::new(Source::Published(Published::new(url, documents))))
    }

    /// Whether one of the keys signed this token.
    pub(crate) async fn verify(&self, token: &Token<'_>, now: SystemTime) -> Result<bool, BoxError> {
        match &*self.0 {
            Source::Given(set) => Ok(set.verify(token)),
            Source::Published(published) => published.verify(token, now).await,
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Source::Given(set) => write!(formatter, "Keys({} given)", set.0.len()),
            Source::Published(published) => write!(formatter, "Keys({published:?})"),
        }
    }
}

/// The keys of a set that can verify a signature. The others are skipped
/// ([RFC 7517 §5](https://www.rfc-editor.org/rfc/rfc7517#section-5)), and so are keys that a registration would refuse.
/// What a set says beyond its keys, and where else a key claims to be described, is ignored.
#[derive(Debug)]
pub(super) struct KeySet(Vec<Key>);

#[derive(Debug)]
struct Key {
    jwk: Value,
    id: Option<String>,
}

impl KeySet {
    pub(super) fn read(set: &Object) -> Option<Self> {
        let keys = set.get("keys")?.as_array()?.iter().filter_map(Key::read);
        Some(Self(keys.filter(|key| key.can_sign(None)).collect()))
    }

    /// The keys that may have signed this token: with its `kid`, where it has one, and for its algorithm.
    fn candidates<'a>(&'a self, token: &'a Token<'_>) -> impl Iterator<Item = &'a Key> {
        let named = |key: &&Key| token.key_id().is_none_or(|wanted| key.id.as_deref() == Some(wanted));
        self.0.iter().filter(named).filter(|key| key.can_sign(Some(token.algorithm().as_str())))
    }

    pub(super) fn verify(&self, token: &Token<'_>) -> bool {
        self.candidates(token).any(|key| token.is_signed_by(&key.jwk))
    }
}

impl Key {
    fn read(jwk: &Value) -> Option<Self> {
        let id = jwk.get("kid").and_then(Value::as_str).filter(|id| !id.is_empty()).map(str::to_owned);
        jwks::is_valid_key(jwk).then(|| Self { id, jwk: jwk.clone() })
    }

    /// Whether type, `use` and `alg` of the key fit signatures, or those by this algorithm.
    fn can_sign(&self, algorithm: Option<&str>) -> bool {
        jwks::key_can_sign(&self.jwk, algorithm)
    }
}
