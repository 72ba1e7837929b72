//! A registration request that is a signed token: its claims are the metadata.
//!
//! Open banking ecosystems register software this way. The request is signed with a key of the software, and the software
//! statement in it contains or names these keys.

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
    /// Verifies a signed request and reads the document in it. Returns the document with the nonce to spend when it is
    /// stored. The statement in it is verified again when it is applied to the document.
    ///
    /// # Errors
    ///
    /// `invalid_client_metadata` for a request that is not valid, the errors of the statement for a statement that is not,
    /// and 503 when keys cannot be read.
    pub(crate) async fn open_request(
        &self,
        body: &[u8],
        server: &Server<'_>,
    ) -> Result<(Document, Option<Nonce>), RegistrationError> {
        let text = std::str::from_utf8(body).map_err(|_| malformed("the body is not valid UTF-8"))?;
        let request = Token::read(text).map_err(malformed)?;
        let issuer = self.check_request(&request, server).await?;
        let nonce = match self.single_use {
            true => Some(nonce_of("request", &request, issuer).ok_or_else(|| malformed("jti and exp are required"))?),
            false => None,
        };
        Ok((Document::from_object(request.into_claims(), server.known), nonce))
    }

    /// Verifies that a request is signed by its `iss`, for this server. Returns the issuer whose rules it follows.
    async fn check_request(&self, request: &Token<'_>, server: &Server<'_>) -> Result<&Issuer, RegistrationError> {
        let times = Times { now: server.now, max_age: self.max_age };
        let issuer = match request.text("software_statement") {
            Some(statement) => {
                let (statement, issuer) = self.verify(statement, server).await?;
                // Binds the request to the statement: other software must not present a statement that it copied.
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
                let issuer =
                    issuer.ok_or_else(|| malformed("it has no software statement, and its iss is not trusted"))?;
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

/// The keys of the software, which its statement contains (`jwks`) or names (`jwks_uri`, `software_jwks_endpoint`).
fn software_keys(claims: &Object, server: &Server<'_>) -> Result<Keys, RegistrationError> {
    if let Some(set @ Value::Object(_)) = claims.get("jwks") {
        return Keys::from_jwks(&set.to_string()).map_err(|_| invalid("jwks has no key that can sign"));
    }
    let url = ["jwks_uri", "software_jwks_endpoint"].iter().find_map(|claim| claims.get(*claim)?.as_str());
    // The issuer chose the URL, but it must not lead this server into its own network either.
    let url = url.filter(|url| uri::check_fetched(url).is_ok());
    match url.zip(server.published_keys) {
        Some((url, published)) => Ok(published.at(url, server.now)),
        None => Err(invalid("it names no keys that this server can fetch")),
    }
}

/// A signed request that is not valid is refused like a document that cannot be read.
fn malformed(detail: &'static str) -> RegistrationError {
    violation(ErrorCode::InvalidClientMetadata, "", "S1", detail)
}
