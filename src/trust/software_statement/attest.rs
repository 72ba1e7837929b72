//! From a document with a statement to one in which the claims of the statement have won.

use super::{Server, SoftwareStatements, Statement, invalid, read, unapproved};
use crate::client::RegistrationOrigin;
use crate::client::credential::Digest;
use crate::error::RegistrationError;
use crate::hooks::policy::Caller;
use crate::protocol::metadata::Document;
use crate::store::Nonce;
use crate::trust::jwt::{Issuer, Token, expiry};

/// What is remembered of a token of this kind that counts once. It has the same length whatever the token says.
pub(super) fn nonce_of(kind: &str, token: &Token<'_>, issuer: &Issuer) -> Option<Nonce> {
    let name = format!("{}\n{}", token.text("iss")?, token.text("jti")?);
    let digest = Digest::of(&name).to_hex();
    Some(Nonce::new(format!("{kind}:{digest}"), expiry(token.claims(), issuer.leeway())?))
}

impl SoftwareStatements {
    /// Verifies the statement of a document and puts its claims in the place of what the document says. A client that
    /// registered with a statement brings one with every update.
    pub(crate) async fn attest(
        &self,
        mut document: Document,
        caller: Caller<'_>,
        server: &Server<'_>,
    ) -> Result<(Document, Option<Nonce>), RegistrationError> {
        let former = caller.registered.and_then(|client| client.metadata.software_statement.as_deref());
        let Some(statement) = document.metadata.software_statement.clone() else {
            self.check_absence(caller.origin, former)?;
            return Ok((document, None));
        };
        let (token, issuer) = self.verify(&statement, server).await?;
        if former.is_some_and(|former| !are_about_the_same(former, &token)) {
            return Err(unapproved("the client is registered with a statement about other software"));
        }
        self.check_approval(&token).await?;
        let nonce = match self.once && former != Some(&statement) {
            true => Some(nonce_of("statement", &token, issuer).ok_or_else(|| invalid("jti and exp are required"))?),
            false => None,
        };
        document.overlay(Document::from_object(token.into_claims(), server.known));
        Ok((document, nonce))
    }

    fn check_absence(&self, origin: &RegistrationOrigin, former: Option<&str>) -> Result<(), RegistrationError> {
        if former.is_some() {
            return Err(invalid("the client is registered with a software statement, so an update needs one"));
        }
        match self.required && *origin != RegistrationOrigin::Application {
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
