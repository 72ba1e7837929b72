//! Software statements: what somebody else vouches for
//! ([RFC 7591 §2.3](https://www.rfc-editor.org/rfc/rfc7591#section-2.3)).
//!
//! A statement is a signed token whose claims are client metadata. Here it counts when its [`Issuer`] is trusted, its
//! signature, times and audience are right, and the operator approves. Then its claims win over what the client says
//! itself, they pass the same rules and the same policy as everything else, and the client gets its statement back,
//! byte for byte. A statement inside a statement means nothing.
//!
//! What a statement said once stays true: a client that registered with one updates itself with one from the same
//! issuer about the same software, and not without.
//!
//! ```
//! use tower_dcr::jwt::{Issuer, Keys};
//! use tower_dcr::metadata::{ClientMetadata, SigningAlgorithm};
//! use tower_dcr::software_statement::{SoftwareStatements, Statement};
//! use tower_dcr::store::MemoryStore;
//! use tower_dcr::{Access, ErrorCode, Registry};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let keys = r#"{ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] }"#;
//! let directory = Issuer::new("https://directory.example", [SigningAlgorithm::EdDsa], Keys::from_jwks(keys)?)?;
//! let statements = SoftwareStatements::new()
//!     .with_issuer(directory.with_required_claims(["software_id"]))
//!     .with_approval(|statement: &Statement| statement.software_id() != Some("withdrawn"))
//!     .with_required(true);
//! let builder = Registry::builder("https://id.example.com", Access::Open).with_software_statements(statements);
//! let registry = builder.build(MemoryStore::new())?;
//!
//! // Signed, but by nobody that is trusted.
//! let metadata = ClientMetadata::from_json(
//!     br#"{ "redirect_uris": ["https://app.example.com/cb"],
//!           "software_statement": "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2V2aWwuZXhhbXBsZSJ9.c2ln" }"#,
//! )?;
//! let error = registry.register(metadata).await.unwrap_err();
//! assert_eq!(error.code(), Some(ErrorCode::UnapprovedSoftwareStatement));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod approval;
mod attest;
mod request;

pub use approval::{Approval, Statement};

use std::fmt;
use std::time::{Duration, SystemTime};

use super::documents::DocumentError;
use super::jwt::{Issuer, JwtError, KeySets, Times, Token, has_audience};
use crate::error::{ErrorCode, RegistrationError, Violation};
use crate::protocol::metadata::KnownMembers;
use approval::Approver;

/// The server to which a token is presented: what its claims are compared with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Server<'a> {
    pub(crate) now: SystemTime,
    /// The names by which a token can be meant for this server.
    pub(crate) audiences: [&'a str; 2],
    pub(crate) known: KnownMembers,
    pub(crate) published_keys: Option<&'a KeySets>,
}

/// Which software statements count, and for what.
#[derive(Clone, Default)]
pub struct SoftwareStatements {
    issuers: Vec<Issuer>,
    audiences: Vec<String>,
    max_age: Option<Duration>,
    once: bool,
    required: bool,
    signed_requests: bool,
    approval: Option<Approver>,
}

impl SoftwareStatements {
    /// Statements are verified, and nobody is trusted yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts the statements of this issuer, beside those that are trusted already.
    #[must_use]
    pub fn with_issuer(mut self, issuer: Issuer) -> Self {
        self.issuers.push(issuer);
        self
    }

    /// Another name for this server in `aud`. A statement without `aud` is for everybody. Default: the base URL and the
    /// URL of the registration endpoint.
    #[must_use]
    pub fn with_audience(mut self, name: impl Into<String>) -> Self {
        self.audiences.push(name.into());
        self
    }

    /// How long after `iat` a statement counts; it must then have that claim. Default: until `exp`, or for ever.
    #[must_use]
    pub fn with_max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Whether a statement registers one client only. It must then have `jti` and `exp`; an update may repeat the
    /// statement of the client. It is spent in the step that stores the client, so of many who come with it at the same
    /// moment one is let in, and whoever is refused for another reason may come with it again. Default: no.
    #[must_use]
    pub fn with_single_use(mut self, once: bool) -> Self {
        self.once = once;
        self
    }

    /// Whether nobody registers without a statement, except the application itself. Default: no.
    #[must_use]
    pub fn with_required(mut self, required: bool) -> Self {
        self.required = required;
        self
    }

    /// Whether a request may be a signed token itself, of type `application/jwt`, whose claims are the metadata. It is
    /// signed with a key of the software, which its statement tells (`jwks`, `jwks_uri` or `software_jwks_endpoint`,
    /// the latter two through [`with_document_fetcher`](crate::RegistryBuilder::with_document_fetcher)) and `iss` is then the `software_id`;
    /// or, without a statement, by a trusted issuer. Algorithms, types and required claims are those of the issuer.
    /// Default: no.
    #[must_use]
    pub fn with_signed_requests(mut self, accepted: bool) -> Self {
        self.signed_requests = accepted;
        self
    }

    /// What decides about a statement that is right in itself: a closure that takes a `&Statement` and answers with
    /// a `bool`, or an [`Approval`] that must wait for something. Default: every one is approved.
    #[must_use]
    pub fn with_approval(mut self, approval: impl Approval) -> Self {
        self.approval = Some(Approver::new(approval));
        self
    }

    pub(crate) fn accepts_signed_requests(&self) -> bool {
        self.signed_requests
    }

    /// The token and whose it is, if it is from a trusted issuer, signed, for this server, and counts now.
    async fn verify<'a>(
        &self,
        statement: &'a str,
        server: &Server<'_>,
    ) -> Result<(Token<'a>, &Issuer), RegistrationError> {
        let token = read(statement).map_err(invalid)?;
        let name = token.text("iss").ok_or_else(|| invalid("iss is missing"))?;
        let issuer = self.issuer(name).ok_or_else(|| unapproved("its issuer is not trusted here"))?;
        issuer
            .verify(&token, &Times { now: server.now, max_age: self.max_age })
            .await
            .map_err(|error| refuse(error, STATEMENT, invalid))?;
        match self.is_for(server, &token) {
            true => Ok((token, issuer)),
            false => Err(invalid("it is for another audience")),
        }
    }

    fn issuer(&self, name: &str) -> Option<&Issuer> {
        self.issuers.iter().find(|issuer| issuer.name() == name)
    }

    fn is_for(&self, server: &Server<'_>, token: &Token<'_>) -> bool {
        let names: Vec<_> = self.audiences.iter().map(String::as_str).chain(server.audiences).collect();
        has_audience(token.claims(), &names)
    }
}

impl fmt::Debug for SoftwareStatements {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SoftwareStatements")
            .field("issuers", &self.issuers)
            .field("required", &self.required)
            .field("single_use", &self.once)
            .field("signed_requests", &self.signed_requests)
            .finish_non_exhaustive()
    }
}

/// Where a statement stands in a document.
const STATEMENT: &str = "/software_statement";

/// Reads a statement. Directories write versions and identifiers as numbers, and the number as it is written is then the
/// text (M19).
fn read(statement: &str) -> Result<Token<'_>, &'static str> {
    let mut token = Token::read(statement)?;
    token.write_numbers_as_text(&["software_id", "software_version"]);
    Ok(token)
}

fn invalid(detail: &'static str) -> RegistrationError {
    violation(ErrorCode::InvalidSoftwareStatement, STATEMENT, "M19", detail)
}

fn unapproved(detail: &'static str) -> RegistrationError {
    violation(ErrorCode::UnapprovedSoftwareStatement, STATEMENT, "M19", detail)
}

fn violation(code: ErrorCode, pointer: &str, rule: &'static str, detail: &'static str) -> RegistrationError {
    Violation::new(code, pointer.to_owned(), rule, detail).into()
}

/// What is wrong with a token is said in the terms of what the token is. The client chose none of the URLs at which keys
/// are, so it is never told to correct one of them.
fn refuse(
    error: JwtError,
    pointer: &str,
    invalid: impl FnOnce(&'static str) -> RegistrationError,
) -> RegistrationError {
    match error {
        JwtError::Invalid(detail) => invalid(detail),
        JwtError::Unavailable(source) => {
            let outage = DocumentError::outage(source).into();
            DocumentError::reply(outage, ErrorCode::InvalidSoftwareStatement, pointer, "M19")
        }
    }
}
