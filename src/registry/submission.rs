//! A document as it was submitted: plain or signed, with a statement or without.
//!
//! What is signed may be used once. Its nonce travels beside the document and is spent in the step that stores the client,
//! so a refusal for another reason leaves it unspent.

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
    /// Reads the document of a request.
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
    /// Reads a request that is one signed token.
    async fn open_request(&self, body: &[u8]) -> Result<Submission, RegistrationError> {
        let Some(statements) = &self.settings().trust.statements else {
            return Err(RegistrationError::new(crate::error::RegistrationErrorKind::UnsupportedMediaType));
        };
        let (document, nonce) = statements.open_request(body, &self.server()).await?;
        Ok(Submission { document, nonces: Vec::from_iter(nonce) })
    }

    /// Puts the claims of a verified software statement in the place of what the document says.
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

    /// This server, as a token names it.
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
