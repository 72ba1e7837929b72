//! Applies a software statement to a document: its claims take precedence over the members that the client sent
//! ([RFC 7591 §2.3](https://www.rfc-editor.org/rfc/rfc7591#section-2.3)).

use super::{Server, SoftwareStatements, Statement, invalid, read, unapproved};
use crate::client::RegistrationOrigin;
use crate::client::credential::Digest;
use crate::error::RegistrationError;
use crate::hooks::policy::Caller;
use crate::protocol::metadata::Document;
use crate::store::Nonce;
use crate::trust::jwt::{Issuer, Token, expiry};

/// The nonce of a token that may be used once; `None` without `iss`, `jti` and a usable `exp`. It is a digest, so its
/// length does not depend on the token. `kind` separates statements from requests that have the same `jti`.
pub(super) fn nonce_of(kind: &str, token: &Token<'_>, issuer: &Issuer) -> Option<Nonce> {
    let name = format!("{}\n{}", token.text("iss")?, token.text("jti")?);
    let digest = Digest::of(&name).to_hex();
    Some(Nonce::new(format!("{kind}:{digest}"), expiry(token.claims(), issuer.leeway())?))
}

impl SoftwareStatements {
    /// Verifies the statement of a document and replaces members of the document by its claims. Returns the document with
    /// the nonce to spend when it is stored, for statements that may be used once.
    ///
    /// # Errors
    ///
    /// `invalid_software_statement` or `unapproved_software_statement`; 503 when the keys of the issuer cannot be read. A
    /// client that registered with a statement must send one with every update.
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
        // Otherwise an update could exchange the software for which the client was approved.
        if former.is_some_and(|former| !are_about_the_same(former, &token)) {
            return Err(unapproved("the client is registered with a statement about other software"));
        }
        self.check_approval(&token).await?;
        // An update may repeat the statement with which the client registered.
        let nonce = match self.single_use && former != Some(&statement) {
            true => Some(nonce_of("statement", &token, issuer).ok_or_else(|| invalid("jti and exp are required"))?),
            false => None,
        };
        // Last, so that a refused statement changes nothing in the document.
        document.overlay(Document::from_object(token.into_claims(), server.known));
        Ok((document, nonce))
    }

    /// Whether a document without a statement is accepted.
    fn check_absence(&self, origin: &RegistrationOrigin, former: Option<&str>) -> Result<(), RegistrationError> {
        if former.is_some() {
            return Err(invalid("the client is registered with a software statement, so an update needs one"));
        }
        match self.required && *origin != RegistrationOrigin::Application {
            true => Err(invalid("a software statement is required")),
            false => Ok(()),
        }
    }

    /// Asks the operator about a verified statement.
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
