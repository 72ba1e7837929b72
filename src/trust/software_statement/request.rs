//! A request that is one signed token: its claims are the metadata.
//!
//! Open banking ecosystems register software this way: the request is signed with a key of the software, and the
//! statement inside tells which keys those are.

use serde_json::Value;

use super::attest::nonce_of;
use super::{STATEMENT, Server, SoftwareStatements, invalid, refuse, violation};
use crate::error::{ErrorCode, RegistrationError};
use crate::protocol::json::Object;
use crate::protocol::metadata::Document;
use crate::protocol::uri;
use crate::store::Nonce;
use crate::trust::jwt::{Issuer, Keys, Times, Token};

impl SoftwareStatements {
    /// Verifies a signed request and reads the document in it, with the nonce that it spends when it is stored. The
    /// statement inside is verified again with the document.
    pub(crate) async fn open_request(
        &self,
        body: &[u8],
        server: &Server<'_>,
    ) -> Result<(Document, Option<Nonce>), RegistrationError> {
        let text = std::str::from_utf8(body).map_err(|_| malformed("the body is not valid UTF-8"))?;
        let request = Token::read(text).map_err(malformed)?;
        let issuer = self.check_request(&request, server).await?;
        let nonce = match self.once {
            true => Some(nonce_of("request", &request, issuer).ok_or_else(|| malformed("jti and exp are required"))?),
            false => None,
        };
        Ok((Document::from_object(request.into_claims(), server.known), nonce))
    }

    /// Whether a request is signed by whom it says, and for this server. Answers with whose rules it follows.
    async fn check_request(&self, request: &Token<'_>, server: &Server<'_>) -> Result<&Issuer, RegistrationError> {
        let times = Times { now: server.now, max_age: self.max_age };
        let issuer = match request.text("software_statement") {
            Some(statement) => {
                let (statement, issuer) = self.verify(statement, server).await?;
                if statement.text("software_id").is_none_or(|software| request.text("iss") != Some(software)) {
                    return Err(malformed("iss must be the software_id of the software statement"));
                }
                let keys = software_keys(statement.claims(), server)?;
                let verified = issuer.verify_signed(request, &keys, &times).await;
                verified.map_err(|error| refuse(error, STATEMENT, malformed))?;
                issuer
            }
            None => {
                let issuer = request.text("iss").and_then(|name| self.issuer(name));
                let issuer = issuer.ok_or_else(|| malformed("neither a statement nor a trusted iss vouches for it"))?;
                issuer.verify(request, &times).await.map_err(|error| refuse(error, "", malformed))?;
                issuer
            }
        };
        match self.is_for(server, request) {
            true => Ok(issuer),
            false => Err(malformed("it is for another audience")),
        }
    }
}

/// The keys of the software, as its statement tells them.
fn software_keys(claims: &Object, server: &Server<'_>) -> Result<Keys, RegistrationError> {
    if let Some(set @ Value::Object(_)) = claims.get("jwks") {
        return Keys::from_jwks(&set.to_string()).map_err(|_| invalid("jwks has no key that can sign"));
    }
    let url = ["jwks_uri", "software_jwks_endpoint"].iter().find_map(|claim| claims.get(*claim)?.as_str());
    let url = url.filter(|url| uri::check_fetched(url).is_ok());
    match url.zip(server.published_keys) {
        Some((url, published)) => Ok(published.at(url, server.now)),
        None => Err(invalid("it names no keys that this server can get")),
    }
}

/// A signed request that does not count is a document that cannot be read.
fn malformed(detail: &'static str) -> RegistrationError {
    violation(ErrorCode::InvalidClientMetadata, "", "S1", detail)
}
