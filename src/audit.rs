//! The audit trail: one typed event for every acknowledged change and for every refusal.
//!
//! ```
//! use std::sync::Mutex;
//! use tower_dcr::audit::{AuditEvent, AuditSink};
//! use tower_dcr::BoxError;
//!
//! #[derive(Debug, Default)]
//! struct Ledger(Mutex<Vec<String>>);
//!
//! impl AuditSink for Ledger {
//!     fn record(&self, event: &AuditEvent<'_>) -> Result<(), BoxError> {
//!         let mut lines = self.0.lock().map_err(|_| "poisoned")?;
//!         lines.push(format!("{} {:?}", event.action(), event.client_id()));
//!         Ok(())
//!     }
//! }
//! # let _ = Ledger::default();
//! ```

use std::fmt;

use crate::client::{Client, Origin};
use crate::credential::ClientId;
use crate::error::{BoxError, RegistrationError};

/// What was asked of the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// A new registration.
    Register,
    /// A look at one.
    Read,
    /// A replacement of its metadata.
    Update,
    /// Its end.
    Delete,
    /// Its end because nobody used it.
    Expire,
    /// A new initial access token.
    IssueToken,
    /// The end of an initial access token.
    RevokeToken,
}

impl Operation {
    /// A lower-case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Expire => "expire",
            Self::IssueToken => "issue_token",
            Self::RevokeToken => "revoke_token",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// One entry of the audit trail. It holds no secret, no token and no metadata value.
#[derive(Debug, Clone)]
pub struct AuditEvent<'a> {
    operation: Operation,
    subject: Subject<'a>,
    refusal: Option<&'a RegistrationError>,
}

/// Whom or what an event is about.
#[derive(Debug, Clone)]
enum Subject<'a> {
    /// A client that exists, or existed until now.
    Client(&'a Client),
    /// What the request named; there may be no such client.
    Named(&'a ClientId),
    /// An initial access token.
    Token(&'a str),
    /// Nobody yet.
    Nobody,
}

impl<'a> AuditEvent<'a> {
    pub(crate) fn done(operation: Operation, client: &'a Client) -> Self {
        Self { operation, subject: Subject::Client(client), refusal: None }
    }

    pub(crate) fn token(operation: Operation, id: &'a str) -> Self {
        Self { operation, subject: Subject::Token(id), refusal: None }
    }

    pub(crate) fn refused(operation: Operation, named: Option<&'a ClientId>, error: &'a RegistrationError) -> Self {
        Self { operation, subject: named.map_or(Subject::Nobody, Subject::Named), refusal: Some(error) }
    }

    /// What was asked.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// What happened, as one word: the operation, or `refused`.
    #[must_use]
    pub fn action(&self) -> &'static str {
        self.refusal.map_or(self.operation.as_str(), |_| "refused")
    }

    /// The client in question. After a refusal it is what the request named, which may not exist.
    #[must_use]
    pub fn client_id(&self) -> Option<&ClientId> {
        match self.subject {
            Subject::Client(client) => Some(&client.id),
            Subject::Named(id) => Some(id),
            Subject::Token(_) | Subject::Nobody => None,
        }
    }

    /// The client after the change (before it, when it was deleted); none after a refusal.
    #[must_use]
    pub fn client(&self) -> Option<&Client> {
        match self.subject {
            Subject::Client(client) => Some(client),
            _ => None,
        }
    }

    /// The identifier of the initial access token in question.
    #[must_use]
    pub fn initial_access_token_id(&self) -> Option<&str> {
        match self.subject {
            Subject::Token(id) => Some(id),
            Subject::Client(Client { origin: Origin::InitialAccessToken(id), .. }) => Some(id),
            _ => None,
        }
    }

    /// Why it was refused; none for what was done.
    #[must_use]
    pub fn refusal(&self) -> Option<&RegistrationError> {
        self.refusal
    }
}

/// Takes the events of the audit trail.
pub trait AuditSink: fmt::Debug + Send + Sync + 'static {
    /// Records one event. It is called on the path of a request and must not block.
    ///
    /// # Errors
    ///
    /// When the event cannot be recorded. A registration or an update is then taken back and answered with 503; a
    /// deletion is answered with 503 too, but the client stays gone.
    fn record(&self, event: &AuditEvent<'_>) -> Result<(), BoxError>;
}

/// Keeps no trail.
impl AuditSink for () {
    fn record(&self, _event: &AuditEvent<'_>) -> Result<(), BoxError> {
        Ok(())
    }
}

/// The audit trail as `tracing` events of target `tower_dcr::audit`: `INFO` for what was done, `WARN` for what was
/// refused. It is the default where the feature `tracing` is on.
#[cfg(feature = "tracing")]
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to add to it")]
pub struct TracingAudit;

#[cfg(feature = "tracing")]
impl AuditSink for TracingAudit {
    fn record(&self, event: &AuditEvent<'_>) -> Result<(), BoxError> {
        trace(event);
        Ok(())
    }
}

#[cfg(feature = "tracing")]
fn trace(event: &AuditEvent<'_>) {
    let operation = event.operation.as_str();
    let client_id = event.client_id().map(ClientId::as_str);
    let token_id = event.initial_access_token_id();
    match event.refusal {
        None => tracing::info!(
            target: "tower_dcr::audit",
            operation,
            client_id,
            initial_access_token_id = token_id,
            revision = event.client().map(Client::revision),
            "done"
        ),
        Some(refusal) => tracing::warn!(
            target: "tower_dcr::audit",
            operation,
            client_id,
            status = refusal.status(),
            error = refusal.code().map(crate::ErrorCode::as_str),
            reason = %refusal,
            cause = std::error::Error::source(refusal).map(tracing::field::display),
            "refused"
        ),
    }
}
