//! One entry of the audit trail, as a sink sees it: everything by reference, nothing copied.

use std::time::SystemTime;

use super::change;
use super::change::Change;
use super::operation::Operation;
use super::refusal::Refusal;
use super::requested::RequestedClient;
use crate::client::InitialAccessTokenRecord;
use crate::client::credential::ClientId;
use crate::client::{Client, RegistrationOrigin};
use crate::error::AuthenticationError;
use crate::error::RegistrationError;
use crate::hooks::access::Registrant;

/// One entry of the audit trail. It holds no secret and no token.
#[derive(Debug, Clone)]
pub struct AuditEvent<'a> {
    pub(super) operation: Operation,
    pub(super) subject: Subject<'a>,
    pub(super) refusal: Option<Refusal<'a>>,
    pub(super) requested: Option<&'a RequestedClient>,
    pub(super) at: SystemTime,
    pub(super) tenant: &'a str,
    pub(super) request_id: Option<&'a str>,
    pub(super) actor: Option<&'a str>,
}

/// The subject of an event.
#[derive(Debug, Clone)]
pub(super) enum Subject<'a> {
    /// A client that exists, or existed until now, and what it was before.
    Client { before: Option<&'a Client>, after: &'a Client },
    /// What the request named; there may be no such client.
    Named(&'a ClientId),
    /// A caller that access control accepted.
    Caller(&'a Registrant),
    /// An initial access token, and who owns the clients that it registers.
    Token { id: &'a str, owner: Option<&'a str> },
    /// Unknown yet.
    Unknown,
}

impl<'a> AuditEvent<'a> {
    fn new(operation: Operation, subject: Subject<'a>, refusal: Option<Refusal<'a>>) -> Self {
        let (tenant, request_id, actor) = ("", None, None);
        // Set by `OwnedEvent::new`, which knows the clock and the context of the registry.
        let at = SystemTime::UNIX_EPOCH;
        Self { operation, subject, refusal, requested: None, at, tenant, request_id, actor }
    }

    /// A change after which the client is as given, or a removal of it.
    pub(crate) fn done(operation: Operation, client: &'a Client) -> Self {
        Self::new(operation, Subject::Client { before: None, after: client }, None)
    }

    /// A change of a client, with the state before it.
    pub(crate) fn changed(operation: Operation, before: &'a Client, after: &'a Client) -> Self {
        Self::new(operation, Subject::Client { before: Some(before), after }, None)
    }

    /// An operation on the initial access token with this identifier.
    pub(crate) fn token(operation: Operation, id: &'a str) -> Self {
        Self::new(operation, Subject::Token { id, owner: None }, None)
    }

    /// A new initial access token, with the owner of the clients that it registers.
    pub(crate) fn issued(token: &'a InitialAccessTokenRecord) -> Self {
        let subject = Subject::Token { id: token.id(), owner: token.owner() };
        Self::new(Operation::IssueToken, subject, None)
    }

    /// A refusal before access control accepted a caller. `named` is the client in the request, which need not exist.
    pub(crate) fn refused(operation: Operation, named: Option<&'a ClientId>, error: &'a RegistrationError) -> Self {
        Self::new(operation, named.map_or(Subject::Unknown, Subject::Named), Some(Refusal::Registration(error)))
    }

    /// A client was not authenticated.
    pub(crate) fn not_authenticated(named: Option<&'a ClientId>, error: &'a AuthenticationError) -> Self {
        let (subject, refusal) = (named.map_or(Subject::Unknown, Subject::Named), Refusal::Authentication(error));
        Self::new(Operation::Authenticate, subject, Some(refusal))
    }

    /// The caller was shown what a registration would contain (a dry run).
    pub(crate) fn checked(grant: &'a Registrant) -> Self {
        Self::new(Operation::Check, Subject::Caller(grant), None)
    }

    /// Access control accepted the caller, and a later step refused the operation.
    pub(crate) fn refused_to(operation: Operation, grant: &'a Registrant, error: &'a RegistrationError) -> Self {
        Self::new(operation, Subject::Caller(grant), Some(Refusal::Registration(error)))
    }

    /// The request was refused after its body was read.
    pub(crate) fn requesting(self, requested: Option<&'a RequestedClient>) -> Self {
        Self { requested, ..self }
    }

    /// When it happened, by the registry's clock.
    #[must_use]
    pub fn at(&self) -> SystemTime {
        self.at
    }

    /// The operation.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// What happened, as one word: the operation, or `refused`.
    #[must_use]
    pub fn action(&self) -> &'static str {
        self.refusal.map_or(self.operation.as_str(), |_| "refused")
    }

    /// For which tenant; empty for the only one.
    #[must_use]
    pub fn tenant(&self) -> &str {
        self.tenant
    }

    /// The identifier of the request, from the header of
    /// [`with_request_id_header`](crate::RegistryBuilder::with_request_id_header) or from
    /// [`Registry::within_request`](crate::Registry::within_request).
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id
    }

    /// The person for whom the application acted, from [`Registry::with_actor`](crate::Registry::with_actor).
    #[must_use]
    pub fn actor(&self) -> Option<&str> {
        self.actor
    }

    /// The client in question. After a refusal it is what the request named, which may not exist.
    #[must_use]
    pub fn client_id(&self) -> Option<&ClientId> {
        match self.subject {
            Subject::Client { after, .. } => Some(&after.id),
            Subject::Named(id) => Some(id),
            Subject::Caller(_) | Subject::Token { .. } | Subject::Unknown => None,
        }
    }

    /// The client after the change (before it, when it was deleted); none after a refusal.
    #[must_use]
    pub fn client(&self) -> Option<&Client> {
        match self.subject {
            Subject::Client { after, .. } => Some(after),
            _ => None,
        }
    }

    /// The client before the change; none where there was no change or no client.
    #[must_use]
    pub fn before(&self) -> Option<&Client> {
        match self.subject {
            Subject::Client { before, .. } => before,
            _ => None,
        }
    }

    /// How the client was registered, or, after a refusal, how access control accepted the caller.
    #[must_use]
    pub fn origin(&self) -> Option<&RegistrationOrigin> {
        match self.subject {
            Subject::Client { after, .. } => Some(&after.origin),
            Subject::Caller(grant) => Some(&grant.origin),
            Subject::Named(_) | Subject::Token { .. } | Subject::Unknown => None,
        }
    }

    /// Who owns the client, or would have.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        match self.subject {
            Subject::Client { after, .. } => after.owner(),
            Subject::Caller(grant) => grant.owner.as_deref(),
            Subject::Token { owner, .. } => owner,
            Subject::Named(_) | Subject::Unknown => None,
        }
    }

    /// The identifier of the initial access token in question.
    #[must_use]
    pub fn initial_access_token_id(&self) -> Option<&str> {
        match (&self.subject, self.origin()) {
            (Subject::Token { id, .. }, _) => Some(id),
            (_, Some(RegistrationOrigin::InitialAccessToken(id))) => Some(id),
            _ => None,
        }
    }

    /// The changed members by name; for a registration every registered member. Values of credentials and of large
    /// members are left out.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        match self.subject {
            Subject::Client { before: Some(before), after } => change::between(before, after),
            Subject::Client { before: None, after } if self.operation == Operation::Register => change::first(after),
            _ => Vec::new(),
        }
    }

    /// Why it was refused; none for what was done.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal<'a>> {
        self.refusal
    }

    /// The client that a refused registration, update, dry run or authentication described, as far as the body of the
    /// request could be read; `None` if the request was refused before that.
    #[must_use]
    pub fn requested(&self) -> Option<&RequestedClient> {
        self.requested
    }
}
