//! The document of a request as it was sent: plain or signed, with a software statement or without.
//!
//! A signed document may be accepted once. Its nonce is kept beside the document and is spent in the same atomic step
//! that stores the client. A refusal for another reason leaves the nonce unspent, so the caller can correct the rest
//! and send the signed part again. If the nonce were spent earlier, a failure of the store would make a valid
//! document unusable.

use bytes::Bytes;

use super::Registry;
use crate::error::RegistrationError;
#[cfg(feature = "software-statements")]
use crate::hooks::policy::Caller;
use crate::protocol::metadata::{ClientMetadata, Document};
use crate::store::Nonce;
#[cfg(feature = "software-statements")]
use crate::trust::software_statement::Server;

/// The body of a request, by its media type.
#[derive(Debug, Clone)]
pub(crate) enum Payload {
    /// Metadata as a JSON object ([RFC 7591 §3.1](https://www.rfc-editor.org/rfc/rfc7591#section-3.1)).
    Json(Bytes),
    /// Metadata as the claims of a signed token
    /// ([RFC 7519 §10.3.1](https://www.rfc-editor.org/rfc/rfc7519#section-10.3.1)).
    #[cfg(feature = "software-statements")]
    Jwt(Bytes),
}

impl Payload {
    /// The bytes of the body, for the audit trail.
    pub(super) fn text(&self) -> &Bytes {
        match self {
            Self::Json(text) => text,
            #[cfg(feature = "software-statements")]
            Self::Jwt(text) => text,
        }
    }
}

/// A document and the nonces that storing it spends.
#[derive(Debug, Clone, Default)]
pub(crate) struct Submission {
    pub(crate) document: Document,
    pub(crate) nonces: Vec<Nonce>,
}

impl From<Document> for Submission {
    fn from(document: Document) -> Self {
        Self { document, nonces: Vec::new() }
    }
}

impl From<ClientMetadata> for Submission {
    fn from(metadata: ClientMetadata) -> Self {
        Document { metadata, ..Document::default() }.into()
    }
}

impl Registry {
    /// Reads the document of a request: parses a JSON object, or verifies a signed token and takes its claims.
    ///
    /// # Errors
    ///
    /// When the text is not one JSON object or the token is not trusted, and 415 for a signed token if the operator
    /// accepts none.
    pub(super) async fn read_payload(&self, payload: &Payload) -> Result<Submission, RegistrationError> {
        match payload {
            Payload::Json(text) => {
                Document::read(text, self.settings().supported.known_members()).map(Submission::from)
            }
            #[cfg(feature = "software-statements")]
            Payload::Jwt(text) => self.open_request(text).await,
        }
    }
}

#[cfg(feature = "software-statements")]
impl Registry {
    /// Verifies a request whose body is one signed token. The signature is checked before any claim is used.
    async fn open_request(&self, body: &[u8]) -> Result<Submission, RegistrationError> {
        let Some(statements) = &self.settings().trust.statements else {
            // The same status as for any other media type that this server does not accept (RFC 9110 §15.5.16).
            return Err(RegistrationError::new(crate::error::RegistrationErrorKind::UnsupportedMediaType));
        };
        let (document, nonce) = statements.open_request(body, &self.server()).await?;
        Ok(Submission { document, nonces: Vec::from_iter(nonce) })
    }

    /// Verifies the software statement of a document and replaces members of the document by its claims, which have
    /// precedence ([RFC 7591 §2.3](https://www.rfc-editor.org/rfc/rfc7591#section-2.3)). This happens before the
    /// rules are applied, so claims of a statement pass the same rules as other metadata.
    pub(super) async fn attest(
        &self,
        submission: Submission,
        caller: Caller<'_>,
    ) -> Result<Submission, RegistrationError> {
        let Some(statements) = &self.settings().trust.statements else { return Ok(submission) };
        let Submission { document, mut nonces } = submission;
        let (document, nonce) = statements.attest(document, caller, &self.server()).await?;
        nonces.extend(nonce);
        Ok(Submission { document, nonces })
    }

    /// The names of this server that a token may have as its audience, and what its verification needs. The values
    /// come from the configuration and never from the request: a token for another server must not be accepted
    /// because of a `Host`.
    fn server(&self) -> Server<'_> {
        let (endpoint, trust) = (&self.settings().endpoint, &self.settings().trust);
        Server {
            now: self.now(),
            audiences: [&endpoint.base_url, &endpoint.url],
            known: self.settings().supported.known_members(),
            published_keys: trust.published_keys.as_ref(),
        }
    }
}
