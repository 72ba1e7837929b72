//! From a document with a statement to one in which the claims of the statement have won.

use super::{SoftwareStatements, Statement, invalid, read, unapproved};
use crate::client::Origin;
use crate::credential::Digest;
use crate::error::RegistrationError;
use crate::jwt::{Issuer, Token, expiry};
use crate::metadata::Document;
use crate::policy::Asker;
use crate::registry::Registry;
use crate::store::OneTimeKey;

/// What is remembered of a token of this kind that counts once. It has the same length whatever the token says.
pub(super) fn one_time_key(kind: &str, token: &Token<'_>, issuer: &Issuer) -> Option<OneTimeKey> {
    let name = format!("{}\n{}", token.text("iss")?, token.text("jti")?);
    let digest = Digest::of(&name).to_hex();
    Some(OneTimeKey::new(format!("{kind}:{digest}"), expiry(token.claims(), issuer.leeway())?))
}

impl Registry {
    /// Verifies the statement of a document and puts its claims in the place of what the document says. A client that
    /// registered with a statement brings one with every update.
    pub(crate) async fn attest(&self, mut document: Document, asker: Asker<'_>) -> Result<Document, RegistrationError> {
        let Some(statements) = &self.config().statements else { return Ok(document) };
        let former = asker.registered.and_then(|client| client.metadata.software_statement.as_deref());
        let Some(statement) = document.metadata.software_statement.clone() else {
            statements.check_absence(asker.origin, former)?;
            return Ok(document);
        };
        let (token, issuer) = statements.verify(&statement, self.now(), &self.audiences()).await?;
        if former.is_some_and(|former| !are_about_the_same(former, &token)) {
            return Err(unapproved("the client is registered with a statement about other software"));
        }
        statements.check_approval(&token).await?;
        if statements.once && former != Some(&statement) {
            document
                .once
                .push(one_time_key("statement", &token, issuer).ok_or_else(|| invalid("jti and exp are required"))?);
        }
        document.overlay(Document::from_object(token.into_claims(), self.config().offer.known()));
        Ok(document)
    }

    /// The names by which a token can be meant for this server.
    pub(super) fn audiences(&self) -> [&str; 2] {
        let endpoint = self.config().endpoint.as_str();
        [endpoint.strip_suffix(&self.config().path).unwrap_or(endpoint), endpoint]
    }
}

impl SoftwareStatements {
    fn check_absence(&self, origin: &Origin, former: Option<&str>) -> Result<(), RegistrationError> {
        if former.is_some() {
            return Err(invalid("the client is registered with a software statement, so an update needs one"));
        }
        match self.required && *origin != Origin::Application {
            true => Err(invalid("a software statement is required")),
            false => Ok(()),
        }
    }

    async fn check_approval(&self, token: &Token<'_>) -> Result<(), RegistrationError> {
        let Some(approval) = &self.approval else { return Ok(()) };
        match approval.approves(&Statement(token.claims().clone())).await {
            true => Ok(()),
            false => Err(unapproved("this software is not approved here")),
        }
    }
}

/// Whether a new statement comes from the issuer of the former one and is about the same software.
fn are_about_the_same(former: &str, token: &Token<'_>) -> bool {
    let Ok(former) = read(former) else { return false };
    ["iss", "software_id"].iter().all(|claim| former.text(claim) == token.text(claim))
}
