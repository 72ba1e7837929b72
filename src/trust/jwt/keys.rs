//! The public keys of an issuer: given at the start, or fetched from where the issuer publishes them.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use super::Token;
use super::key_set::KeySet;
use super::published_keys::PublishedKeys;
use crate::error::{BoxError, ConfigError, ConfigErrorKind, RegistrationError};
use crate::protocol::json::read::read as read_object;
use crate::protocol::uri;
use crate::trust::documents::{DocumentSource, FetchDocument};

/// The public keys of an issuer as a JWK Set ([RFC 7517 §5](https://www.rfc-editor.org/rfc/rfc7517#section-5)). Clones
/// share keys that were read.
///
/// ```
/// use tower_dcr::ConfigErrorKind;
/// use tower_dcr::jwt::Keys;
///
/// let keys = r#"{ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] }"#;
/// assert_eq!(format!("{:?}", Keys::from_jwks(keys)?), "Keys(1 given)");
/// assert_eq!(Keys::from_jwks(r#"{ "keys": [] }"#).unwrap_err().kind(), ConfigErrorKind::Keys);
/// # Ok::<(), tower_dcr::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Keys(Arc<Source>);

/// Where keys come from.
enum Source {
    Given(KeySet),
    Published(PublishedKeys),
}

impl Keys {
    /// Keys that do not change while the process runs.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Keys`] for text that is not a JWK Set, and for a set without a key that can verify a signature.
    pub fn from_jwks(json: &str) -> Result<Self, ConfigError> {
        let object = read_object(json.as_bytes());
        let object = object
            .map_err(|error| ConfigErrorKind::Keys.found("no JSON object").caused_by(RegistrationError::from(error)))?;
        let set = KeySet::read(&object).ok_or_else(|| ConfigErrorKind::Keys.found("an object without keys"))?;
        if set.is_empty() {
            return Err(ConfigErrorKind::Keys.found("no key that can verify"));
        }
        Ok(Self(Arc::new(Source::Given(set))))
    }

    /// Keys that the issuer publishes at a URL.
    ///
    /// They are fetched when they are needed, and again after ten minutes. A token that none of them signed causes another
    /// fetch, at most once a minute, so that new keys are found. A withdrawn key is accepted until the next fetch. If a
    /// fetch fails, keys that are not older than ten minutes are still used; without such keys a token is answered with 503,
    /// and the next fetch is at least five seconds later. The source is called with
    /// [`FetchDocument::fetch_for_operator`], so documents that clients name do not delay these keys.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Keys`] for a URL that is not `https` to a public name.
    pub fn published(url: impl Into<String>, documents: impl FetchDocument) -> Result<Self, ConfigError> {
        let url = url.into();
        uri::check_fetched(&url).map_err(|_| ConfigErrorKind::Keys.url(&url))?;
        Ok(Self::at(url, DocumentSource::for_operator(documents)))
    }

    /// As [`published`](Self::published), for a URL that has passed the rules for fetched URLs.
    pub(crate) fn at(url: String, documents: DocumentSource) -> Self {
        Self(Arc::new(Source::Published(PublishedKeys::new(url, documents))))
    }

    /// Whether one of the keys signed this token.
    ///
    /// # Errors
    ///
    /// When the keys cannot be read at present.
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
            Source::Given(set) => write!(formatter, "Keys({} given)", set.len()),
            Source::Published(published) => write!(formatter, "Keys({published:?})"),
        }
    }
}
