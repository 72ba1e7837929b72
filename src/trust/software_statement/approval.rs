//! The last word on a statement: is this software approved?

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;

use crate::protocol::json::Object;
use crate::protocol::metadata::{ClientMetadata, JsonObject};
use crate::trust::jwt::Token;

/// Decides whether the software of a statement may register. The statement is right in itself.
///
/// A closure that takes a `&Statement` and answers with a `bool` is one.
pub trait Approval: Send + Sync + 'static {
    /// Whether the software is approved; otherwise the client gets `unapproved_software_statement`.
    fn approves(&self, statement: &Statement) -> impl Future<Output = bool> + Send;
}

impl<F: Fn(&Statement) -> bool + Send + Sync + 'static> Approval for F {
    async fn approves(&self, statement: &Statement) -> bool {
        self(statement)
    }
}

/// The claims of a statement.
#[derive(Debug, Clone)]
pub struct Statement(pub(super) Object);

impl Statement {
    /// The statement in metadata that a [policy](crate::policy) reviews or that is registered. It was verified then; what
    /// it names is vouched for, and all else is what the client says itself.
    #[must_use]
    pub fn of(metadata: &ClientMetadata) -> Option<Self> {
        let token = Token::read(metadata.software_statement.as_deref()?).ok()?;
        Some(Self(token.into_claims()))
    }

    /// Who vouches for it.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.text("iss")
    }

    /// The software that it is about.
    #[must_use]
    pub fn software_id(&self) -> Option<&str> {
        self.text("software_id")
    }

    /// A claim that is a string.
    #[must_use]
    pub fn text(&self, claim: &str) -> Option<&str> {
        self.0.get(claim).and_then(Value::as_str)
    }

    /// All claims.
    #[must_use]
    pub fn claims(&self) -> JsonObject {
        JsonObject(self.0.clone())
    }
}

/// An approval without its type.
#[derive(Clone)]
pub(super) struct Approver(Arc<dyn ErasedApproval>);

impl Approver {
    pub(super) fn new(approval: impl Approval) -> Self {
        Self(Arc::new(approval))
    }

    pub(super) async fn approves(&self, statement: &Statement) -> bool {
        self.0.approves(statement).await
    }
}

type Approved<'a> = Pin<Box<dyn Future<Output = bool> + Send + 'a>>;

trait ErasedApproval: Send + Sync {
    fn approves<'a>(&'a self, statement: &'a Statement) -> Approved<'a>;
}

impl<A: Approval> ErasedApproval for A {
    fn approves<'a>(&'a self, statement: &'a Statement) -> Approved<'a> {
        Box::pin(Approval::approves(self, statement))
    }
}
