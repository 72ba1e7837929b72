//! Documents that clients name by their URL, and what they must contain.
//!
//! This crate fetches nothing by itself. With a source of documents ([`crate::RegistryBuilder::with_document_fetcher`]) a
//! `sector_identifier_uri` is read and verified when a client registers, and on request a `jwks_uri` too. With the feature
//! `fetch` the `Fetcher` is such a source. Use it in production: it does not connect to addresses inside the network of
//! the operator.
//!
//! ```
//! use bytes::Bytes;
//! use tower_dcr::documents::FetchDocument;
//! use tower_dcr::metadata::ClientMetadata;
//! use tower_dcr::store::MemoryStore;
//! use tower_dcr::{Access, BoxError, Registry};
//!
//! /// A source with one document, which is not a usable JWK Set.
//! struct OnePage;
//!
//! impl FetchDocument for OnePage {
//!     async fn fetch(&self, url: &str) -> Result<Bytes, BoxError> {
//!         assert_eq!(url, "https://app.example.com/jwks");
//!         Ok(Bytes::from_static(b"{ \"keys\": [] }"))
//!     }
//! }
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let builder = Registry::builder("https://id.example.com", Access::Open);
//! let registry = builder.with_document_fetcher(OnePage).with_jwks_uri_checked(true).build(MemoryStore::new())?;
//! let metadata = ClientMetadata::from_json(
//!     br#"{ "redirect_uris": ["https://app.example.com/cb"], "jwks_uri": "https://app.example.com/jwks" }"#,
//! )?;
//! let error = registry.register(metadata).await.unwrap_err();
//! assert_eq!(error.violations()[0].pointer(), "/jwks_uri");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Replies when a document cannot be fetched
//!
//! A source reports with a [`DocumentError`] whether the client can correct the cause. Every other error of a source is
//! treated as an outage. The cause is recorded on the audit trail and is in no reply.
//!
//! | document | the client can correct it | outage |
//! | --- | --- | --- |
//! | `sector_identifier_uri`; `jwks_uri` where it is checked | 400 `invalid_client_metadata` | 503 |
//! | keys that a software statement names (`jwks_uri`, `software_jwks_endpoint`) | 503, since the trusted issuer of the statement chose the URL | 503 |
//! | keys of a trusted issuer, for statements and `BearerTokens` | 503, since the operator chose the URL | 503 |
//! | `jwks_uri` when a client authenticates | 503, since clients forget their registration after `invalid_client` | 503 |
//!
//! A 503 has the error `temporarily_unavailable`, names the member and has `Retry-After`. With the `Fetcher` an outage is
//! what `FetchErrorKind::is_outage` lists: no connection, no response in time, a status other than 200, 404, 410 and
//! redirections, or too many fetches at the same time. The client can correct the rest: a host without a public address,
//! a redirection, another media type, a document that is missing, too large or breaks its rules. `request_uris` and the
//! other URLs of a client are checked as text and never fetched.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::error::{BoxError, ErrorCode, RegistrationError, RegistrationErrorKind, Violation, Violations};
use crate::protocol::metadata::{ClientMetadata, JsonObject};
use crate::protocol::{Supported, rules};

/// A source of documents, such as an HTTP client. An example is in the [module](self).
pub trait FetchDocument: Send + Sync + 'static {
    /// Fetches the document at a URL that a client chose. The URL has passed the rules for fetched URLs, but they cannot
    /// check to which address its host name resolves: the source must refuse addresses inside its network.
    ///
    /// # Errors
    ///
    /// A [`DocumentError`], which says who can correct the cause. Any other error is treated as an outage.
    fn fetch(&self, url: &str) -> impl Future<Output = Result<Bytes, BoxError>> + Send;

    /// Fetches the document at a URL that the operator configured, such as the keys of a trusted issuer. A source with a
    /// limit should have a separate one for these, so that clients cannot delay them. Default: as [`fetch`](Self::fetch).
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    fn fetch_for_operator(&self, url: &str) -> impl Future<Output = Result<Bytes, BoxError>> + Send {
        self.fetch(url)
    }
}

/// Why a source has no document: this decides the status of the reply.
///
/// ```
/// use std::time::Duration;
/// use tower_dcr::documents::DocumentError;
///
/// let missing = DocumentError::rejected("the server answered with status 404");
/// assert!(!missing.is_outage());
/// let silent = DocumentError::unavailable("no answer in time").with_retry_after(Duration::from_secs(60));
/// assert!(silent.is_outage());
/// ```
#[derive(Debug)]
pub struct DocumentError {
    outage: bool,
    /// `None` for the default of the reply.
    retry_after: Option<Duration>,
    source: BoxError,
}

impl DocumentError {
    /// The client can correct it: the URL has no public address, no document, or a wrong one.
    pub fn rejected(source: impl Into<BoxError>) -> Self {
        Self { outage: false, retry_after: None, source: source.into() }
    }

    /// The host does not respond, is unreachable or fails, or this server is busy. A later attempt may succeed.
    pub fn unavailable(source: impl Into<BoxError>) -> Self {
        Self { outage: true, retry_after: None, source: source.into() }
    }

    /// How long to wait before another attempt, sent as `Retry-After`. Default: 5 seconds.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Whether a later attempt may succeed although the client changes nothing.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        self.outage
    }

    /// The error of a source for a URL that the client did not choose, so it can correct nothing.
    #[cfg(feature = "software-statements")]
    pub(crate) fn outage(error: BoxError) -> Self {
        Self { outage: true, retry_after: None, ..Self::of(error) }
    }

    /// The error of a source, read as one of these.
    fn of(error: BoxError) -> Self {
        error.downcast::<Self>().map_or_else(Self::unavailable, |error| *error)
    }

    /// The reply to a client when the document at this member of its metadata cannot be fetched: 400 with `code` if it can
    /// correct the cause, otherwise 503. The cause is kept as the source of the error, for the audit trail.
    pub(crate) fn reply(error: BoxError, code: ErrorCode, pointer: &str, rule: &'static str) -> RegistrationError {
        let error = Self::of(error);
        // No detail of the cause goes into the reply: it would let a client explore the network of this server.
        if !error.outage {
            let violation = Violation::new(code, pointer.to_owned(), rule, "the document cannot be fetched");
            return RegistrationError::from(violation).caused_by(error);
        }
        let detail = "the document cannot be fetched at present; try again later";
        let violation = Violation::new(ErrorCode::TemporarilyUnavailable, pointer.to_owned(), rule, detail);
        let wait = error.retry_after;
        let reply =
            RegistrationError::of(RegistrationErrorKind::Unavailable, Violations::from(violation)).caused_by(error);
        wait.into_iter().fold(reply, RegistrationError::with_retry_after)
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.outage {
            true => "the document is not available at present",
            false => "the document cannot be used",
        })
    }
}

impl Error for DocumentError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// A fetch, boxed.
type Fetched<'a> = Pin<Box<dyn Future<Output = Result<Bytes, BoxError>> + Send + 'a>>;

/// [`FetchDocument`] with boxed futures, because a trait object cannot return opaque ones.
trait ErasedFetchDocument: Send + Sync {
    fn fetch<'a>(&'a self, url: &'a str) -> Fetched<'a>;
    #[cfg(feature = "software-statements")]
    fn fetch_for_operator<'a>(&'a self, url: &'a str) -> Fetched<'a>;
}

impl<D: FetchDocument> ErasedFetchDocument for D {
    fn fetch<'a>(&'a self, url: &'a str) -> Fetched<'a> {
        Box::pin(FetchDocument::fetch(self, url))
    }

    #[cfg(feature = "software-statements")]
    fn fetch_for_operator<'a>(&'a self, url: &'a str) -> Fetched<'a> {
        Box::pin(FetchDocument::fetch_for_operator(self, url))
    }
}

/// A source of documents without its type, for URLs that one party chose.
#[derive(Clone)]
pub(crate) struct DocumentSource {
    documents: Arc<dyn ErasedFetchDocument>,
    named_by: NamedBy,
}

/// Who chose the URLs that are fetched.
#[derive(Clone, Copy)]
enum NamedBy {
    /// A client, or a software statement that it presented.
    Client,
    /// The operator, in the configuration.
    #[cfg(feature = "software-statements")]
    Operator,
}

impl DocumentSource {
    /// For URLs that clients name.
    pub(crate) fn new(documents: impl FetchDocument) -> Self {
        Self { documents: Arc::new(documents), named_by: NamedBy::Client }
    }

    /// For URLs that the operator configured.
    #[cfg(feature = "software-statements")]
    pub(crate) fn for_operator(documents: impl FetchDocument) -> Self {
        Self { named_by: NamedBy::Operator, ..Self::new(documents) }
    }

    /// Fetches with the budget of the party that chose the URL.
    pub(crate) async fn fetch(&self, url: &str) -> Result<Bytes, BoxError> {
        match self.named_by {
            NamedBy::Client => self.documents.fetch(url).await,
            #[cfg(feature = "software-statements")]
            NamedBy::Operator => self.documents.fetch_for_operator(url).await,
        }
    }
}

impl fmt::Debug for DocumentSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DocumentSource(..)")
    }
}

/// Checks a sector identifier document: a JSON array of strings that contains every redirection URI of the client, compared
/// byte for byte
/// ([OpenID Connect Registration §5](https://openid.net/specs/openid-connect-registration-1_0.html#SectorIdentifierValidation)).
pub(crate) fn check_sector(document: &[u8], metadata: &ClientMetadata) -> Result<(), Violation> {
    let listed: Vec<String> = serde_json::from_slice(document)
        .map_err(|_| refuse("sector_identifier_uri", "M16", "the document is not a JSON array of strings"))?;
    // RFC 3986 has several spellings of one URI. They are not normalized, because clients send the registered spelling.
    match rules::uris_of_sector(metadata).all(|uri| listed.iter().any(|listed| listed == uri)) {
        true => Ok(()),
        false => {
            let detail = "the document does not list every URI of the client that it must";
            Err(refuse("sector_identifier_uri", "M16", detail))
        }
    }
}

/// Checks the JWK Set at a `jwks_uri` with the rules for `jwks` (M14), so that a client cannot avoid them with a URL.
pub(crate) fn check_keys(document: &[u8], metadata: &ClientMetadata, offer: &Supported) -> Result<(), Violation> {
    let refused =
        || refuse("jwks_uri", "M14", "the document is not an acceptable JWK Set with the keys that are needed");
    let text = std::str::from_utf8(document).map_err(|_| refused())?;
    let set = JsonObject::from_json(text).map_err(|_| refused())?;
    if rules::accepts_keys(metadata, set, offer) { Ok(()) } else { Err(refused()) }
}

/// A violation of this member: 400 `invalid_client_metadata`.
fn refuse(member: &str, rule: &'static str, detail: &'static str) -> Violation {
    Violation::new(ErrorCode::InvalidClientMetadata, format!("/{member}"), rule, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sector_lists_every_redirect_uri_byte_for_byte() {
        let mut metadata = ClientMetadata::new();
        metadata.redirect_uris = vec!["https://a.example/cb".to_owned(), "https://b.example/cb".to_owned()];
        let rows = [
            (r#"["https://a.example/cb","https://b.example/cb"]"#, true),
            (r#"["https://c.example/","https://b.example/cb","https://a.example/cb"]"#, true),
            (r#"["https://a.example/cb"]"#, false),
            (r#"["https://a.example/cb","https://B.example/cb"]"#, false),
            (r#"["https://a.example/cb","https://b.example/cb/"]"#, false),
            (r#"["https://a.example/cb","https://b.example/cb",7]"#, false),
            (r#"{"redirect_uris":["https://a.example/cb","https://b.example/cb"]}"#, false),
            (r#""https://a.example/cb""#, false),
            ("[]", false),
            ("", false),
        ];
        for (document, accepted) in rows {
            assert_eq!(check_sector(document.as_bytes(), &metadata).is_ok(), accepted, "{document}");
        }
    }
}
