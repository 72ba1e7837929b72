//! The decision of the operator on a valid statement: is this software approved?

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;

use crate::protocol::json::Object;
use crate::protocol::metadata::{ClientMetadata, JsonObject};
use crate::trust::jwt::Token;

/// Decides whether the software of a statement may register. The statement is already verified.
///
/// A closure that takes a `&Statement` and returns a `bool` is an approval. Implement the trait for a decision that must
/// wait, such as a look-up in a directory.
///
/// ```
/// use tower_dcr::software_statement::{Approval, Statement};
///
/// struct Directory;
///
/// impl Approval for Directory {
///     async fn approves(&self, statement: &Statement) -> bool {
///         statement.software_id().is_some_and(|id| id.starts_with("acme-"))
///     }
/// }
/// # fn is_approval(_: impl Approval) {}
/// # is_approval(Directory);
/// ```
pub trait Approval: Send + Sync + 'static {
    /// Whether the software is approved. If not, the client gets 400 `unapproved_software_statement`
    /// ([RFC 7591 §3.2.2](https://www.rfc-editor.org/rfc/rfc7591#section-3.2.2)).
    fn approves(&self, statement: &Statement) -> impl Future<Output = bool> + Send;
}

impl<F: Fn(&Statement) -> bool + Send + Sync + 'static> Approval for F {
    async fn approves(&self, statement: &Statement) -> bool {
        self(statement)
    }
}

/// The claims of a verified software statement
/// ([RFC 7591 §2.3](https://www.rfc-editor.org/rfc/rfc7591#section-2.3)).
///
/// ```
/// use tower_dcr::metadata::ClientMetadata;
/// use tower_dcr::software_statement::Statement;
///
/// let mut metadata = ClientMetadata::new();
/// assert!(Statement::of(&metadata).is_none());
///
/// let (header, claims) = ("eyJhbGciOiJFUzI1NiJ9", "eyJpc3MiOiJodHRwczovL2RpcmVjdG9yeS5leGFtcGxlIiwic29mdHdhcmVfaWQiOiJhY21lLTEifQ");
/// metadata.software_statement = Some(format!("{header}.{claims}.c2ln"));
/// let statement = Statement::of(&metadata).unwrap();
/// assert_eq!(statement.issuer(), Some("https://directory.example"));
/// assert_eq!(statement.software_id(), Some("acme-1"));
/// ```
#[derive(Debug, Clone)]
pub struct Statement(pub(super) Object);

impl Statement {
    /// The statement in metadata that a [policy](crate::policy) reviews or that is registered; `None` without one. It was
    /// verified when the metadata was received. Its claims come from the issuer, the other members from the client.
    #[must_use]
    pub fn of(metadata: &ClientMetadata) -> Option<Self> {
        let token = Token::read(metadata.software_statement.as_deref()?).ok()?;
        Some(Self(token.into_claims()))
    }

    /// The issuer: the claim `iss`.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.text("iss")
    }

    /// The software: the claim `software_id`.
    #[must_use]
    pub fn software_id(&self) -> Option<&str> {
        self.text("software_id")
    }

    /// A claim that is a string; `None` for a claim of another type.
    #[must_use]
    pub fn text(&self, claim: &str) -> Option<&str> {
        self.0.get(claim).and_then(Value::as_str)
    }

    /// All claims, as they are in the payload.
    #[must_use]
    pub fn claims(&self) -> JsonObject {
        JsonObject(self.0.clone())
    }
}

/// An [`Approval`] without its type.
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

/// [`Approval`] with a boxed future, because a trait object cannot return an opaque one.
trait ErasedApproval: Send + Sync {
    fn approves<'a>(&'a self, statement: &'a Statement) -> Approved<'a>;
}

impl<A: Approval> ErasedApproval for A {
    fn approves<'a>(&'a self, statement: &'a Statement) -> Approved<'a> {
        Box::pin(Approval::approves(self, statement))
    }
}
