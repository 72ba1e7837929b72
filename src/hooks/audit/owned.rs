//! An event that owns what it names, so that its recording can outlive the request.
//!
//! A sink that waits for a disk or a network may still be at work when the caller of an operation leaves and its
//! future is dropped. What it records must not borrow from that future.
//!
//! The copy costs an allocation for each event. A sink gets references into it, so sinks of any kind share one copy.

use std::sync::Arc;
use std::time::SystemTime;

use super::context::Context;
use super::event::Subject;
use super::{AuditEvent, Operation, Refusal, RequestedClient};
use crate::client::Client;
use crate::client::credential::ClientId;
use crate::error::{AuthenticationError, RegistrationError};
use crate::hooks::access::Registrant;

/// An [`AuditEvent`] with everything that it refers to, and when, where and in which request it happened.
#[derive(Debug)]
pub(crate) struct OwnedEvent {
    operation: Operation,
    subject: OwnedSubject,
    refusal: Option<OwnedRefusal>,
    requested: Option<RequestedClient>,
    at: SystemTime,
    tenant: Arc<str>,
    context: Context,
}

#[derive(Debug)]
enum OwnedSubject {
    Client { before: Option<Box<Client>>, after: Box<Client> },
    Named(ClientId),
    Caller(Registrant),
    Token { id: Box<str>, owner: Option<Box<str>> },
    Unknown,
}

#[derive(Debug)]
enum OwnedRefusal {
    Registration(RegistrationError),
    Authentication(AuthenticationError),
}

impl OwnedEvent {
    /// Copies an event, and completes it with the time, the tenant and the context of the registry.
    pub(crate) fn new(event: &AuditEvent<'_>, at: SystemTime, tenant: Arc<str>, context: Context) -> Self {
        Self {
            operation: event.operation,
            subject: OwnedSubject::of(&event.subject),
            refusal: event.refusal.map(OwnedRefusal::of),
            requested: event.requested.cloned(),
            at,
            tenant,
            context,
        }
    }

    /// The event as a sink sees it.
    pub(super) fn as_event(&self) -> AuditEvent<'_> {
        AuditEvent {
            operation: self.operation,
            subject: self.subject.as_subject(),
            refusal: self.refusal.as_ref().map(OwnedRefusal::as_refusal),
            requested: self.requested.as_ref(),
            at: self.at,
            tenant: &self.tenant,
            request_id: self.context.request_id.as_deref(),
            actor: self.context.actor.as_deref(),
        }
    }
}

impl OwnedSubject {
    fn of(subject: &Subject<'_>) -> Self {
        match *subject {
            Subject::Client { before, after } => {
                // Boxed, because a client is large and most events have none.
                Self::Client { before: before.cloned().map(Box::new), after: Box::new(after.clone()) }
            }
            Subject::Named(id) => Self::Named(id.clone()),
            Subject::Caller(registrant) => Self::Caller(registrant.clone()),
            Subject::Token { id, owner } => Self::Token { id: id.into(), owner: owner.map(Into::into) },
            Subject::Unknown => Self::Unknown,
        }
    }

    /// The subject by reference.
    fn as_subject(&self) -> Subject<'_> {
        match self {
            Self::Client { before, after } => Subject::Client { before: before.as_deref(), after },
            Self::Named(id) => Subject::Named(id),
            Self::Caller(registrant) => Subject::Caller(registrant),
            Self::Token { id, owner } => Subject::Token { id, owner: owner.as_deref() },
            Self::Unknown => Subject::Unknown,
        }
    }
}

impl OwnedRefusal {
    fn of(refusal: Refusal<'_>) -> Self {
        match refusal {
            Refusal::Registration(error) => Self::Registration(error.clone()),
            Refusal::Authentication(error) => Self::Authentication(error.clone()),
        }
    }

    fn as_refusal(&self) -> Refusal<'_> {
        match self {
            Self::Registration(error) => Refusal::Registration(error),
            Self::Authentication(error) => Refusal::Authentication(error),
        }
    }
}
