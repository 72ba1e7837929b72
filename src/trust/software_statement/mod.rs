//! Software statements: client metadata that a trusted issuer signed
//! ([RFC 7591 §2.3](https://www.rfc-editor.org/rfc/rfc7591#section-2.3)).
//!
//! A statement is a signed token whose claims are client metadata. It is valid if its [`Issuer`] is trusted, its signature,
//! times and audience are valid, and the operator approves the software. Then its claims take precedence over the members
//! that the client sent. They pass the same rules and the same policy as these, and the reply contains the statement, byte
//! for byte. A statement inside a statement is ignored.
//!
//! A client that registered with a statement must send one from the same issuer about the same software with every update.
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
//! // Signed, but not by a trusted issuer.
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

/// The server to which a token is presented: the values that its claims are compared with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Server<'a> {
    pub(crate) now: SystemTime,
    /// The values of `aud` that mean this server: the base URL and the URL of the registration endpoint.
    pub(crate) audiences: [&'a str; 2],
    pub(crate) known: KnownMembers,
    pub(crate) published_keys: Option<&'a KeySets>,
}

/// Which software statements are valid, and what they are required for. An example is in the [module](self).
#[derive(Clone, Default)]
pub struct SoftwareStatements {
    issuers: Vec<Issuer>,
    /// Accepted in addition to the names of the server.
    audiences: Vec<String>,
    max_age: Option<Duration>,
    single_use: bool,
    required: bool,
    signed_requests: bool,
    approval: Option<Approver>,
}

impl SoftwareStatements {
    /// Statements are verified, and no issuer is trusted yet: every statement is refused.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts the statements of this issuer. Each call adds an issuer.
    #[must_use]
    pub fn with_issuer(mut self, issuer: Issuer) -> Self {
        self.issuers.push(issuer);
        self
    }

    /// Another name for this server in `aud`. A statement without `aud` is for every server. Default: the base URL and the
    /// URL of the registration endpoint.
    #[must_use]
    pub fn with_audience(mut self, name: impl Into<String>) -> Self {
        self.audiences.push(name.into());
        self
    }

    /// How long after `iat` a statement is valid; it must then have that claim. Default: until `exp`, or without a limit if
    /// it has none.
    #[must_use]
    pub fn with_max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Whether a statement registers one client only. It must then have `jti` and `exp`; an update may repeat the
    /// statement of the client. It is spent in the step that stores the client: of several registrations with it at the
    /// same moment one succeeds, and a registration that is refused for another reason does not spend it. Default: no.
    #[must_use]
    pub fn with_single_use(mut self, single_use: bool) -> Self {
        self.single_use = single_use;
        self
    }

    /// Whether a registration without a statement is refused. Calls of the application are not affected. Default: no.
    #[must_use]
    pub fn with_required(mut self, required: bool) -> Self {
        self.required = required;
        self
    }

    /// Whether a request may be a signed token, of media type `application/jwt`, whose claims are the metadata. It is
    /// signed with a key of the software, and its `iss` is the `software_id`. Its software statement contains or names the
    /// keys (`jwks`, `jwks_uri` or `software_jwks_endpoint`; the latter two need
    /// [`with_document_fetcher`](crate::RegistryBuilder::with_document_fetcher)). Without a statement a trusted issuer must
    /// sign the request. Algorithms, types and required claims are those of the issuer. Default: no.
    #[must_use]
    pub fn with_signed_requests(mut self, accepted: bool) -> Self {
        self.signed_requests = accepted;
        self
    }

    /// Decides about verified statements: a closure that takes a `&Statement` and returns a `bool`, or an [`Approval`].
    /// Default: every valid statement is approved.
    #[must_use]
    pub fn with_approval(mut self, approval: impl Approval) -> Self {
        self.approval = Some(Approver::new(approval));
        self
    }

    /// Whether the endpoint accepts `application/jwt`.
    pub(crate) fn accepts_signed_requests(&self) -> bool {
        self.signed_requests
    }

    /// Verifies a statement. Returns its token with its issuer.
    ///
    /// # Errors
    ///
    /// When it is not from a trusted issuer, not signed by it, not valid now or for another server; or the keys of the
    /// issuer cannot be read.
    async fn verify<'a>(
        &self,
        statement: &'a str,
        server: &Server<'_>,
    ) -> Result<(Token<'a>, &Issuer), RegistrationError> {
        let token = read(statement).map_err(invalid)?;
        // Read before it is verified, only to choose the keys. An unknown issuer causes no fetch.
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

    /// The trusted issuer of this name.
    fn issuer(&self, name: &str) -> Option<&Issuer> {
        self.issuers.iter().find(|issuer| issuer.name() == name)
    }

    /// Whether the audience of a token is this server.
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
            .field("single_use", &self.single_use)
            .field("signed_requests", &self.signed_requests)
            .finish_non_exhaustive()
    }
}

/// The pointer of a statement in a document.
const STATEMENT: &str = "/software_statement";

/// Reads a statement. Some directories write versions and identifiers as numbers; the text is then the number as it is
/// written (M19).
fn read(statement: &str) -> Result<Token<'_>, &'static str> {
    let mut token = Token::read(statement)?;
    token.write_numbers_as_text(&["software_id", "software_version"]);
    Ok(token)
}

/// 400 `invalid_software_statement`: the client can correct the statement.
fn invalid(detail: &'static str) -> RegistrationError {
    violation(ErrorCode::InvalidSoftwareStatement, STATEMENT, "M19", detail)
}

/// 400 `unapproved_software_statement`: the statement may be valid, but not for this server.
fn unapproved(detail: &'static str) -> RegistrationError {
    violation(ErrorCode::UnapprovedSoftwareStatement, STATEMENT, "M19", detail)
}

fn violation(code: ErrorCode, pointer: &str, rule: &'static str, detail: &'static str) -> RegistrationError {
    Violation::new(code, pointer.to_owned(), rule, detail).into()
}

/// The reply to a token that is not valid (`invalid` makes it) or whose keys cannot be read (503). The issuer or the
/// operator chose the URLs of the keys, so the client cannot correct them.
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
