//! What clients may do with their registration: which operations of
//! [RFC 7592 §2](https://www.rfc-editor.org/rfc/rfc7592#section-2) this server supports, and for which clients.
//!
//! ```
//! use tower_dcr::management::ManagementOperation;
//! use tower_dcr::store::MemoryStore;
//! use tower_dcr::{Access, RegistrationErrorKind, RegistrationOrigin, Registry};
//! # use tower_dcr::metadata::ClientMetadata;
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let registry = Registry::builder("https://id.example.com", Access::Open)
//!     .with_management_operations([ManagementOperation::Read, ManagementOperation::Update])
//!     .with_management_permission(|client, operation| {
//!         operation == ManagementOperation::Read || *client.origin() != RegistrationOrigin::Application
//!     })
//!     .build(MemoryStore::new())?;
//! # let metadata = ClientMetadata::from_json(br#"{ "redirect_uris": ["https://app.example.com/cb"] }"#)?;
//! let ours = registry.register(metadata.clone()).await?;
//! let (id, token) = (ours.client().id(), ours.registration_access_token().unwrap().expose());
//! assert!(registry.read(id, token).await.is_ok());
//! assert_eq!(registry.update(id, token, metadata).await.unwrap_err().kind(), RegistrationErrorKind::InsufficientScope);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::sync::Arc;

use crate::client::Client;

/// An operation of a client on its own registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ManagementOperation {
    /// Reading it, with GET or HEAD.
    Read,
    /// Replacing its metadata, with PUT.
    Update,
    /// Removing it, with DELETE.
    Delete,
}

/// Decides whether a client may perform an operation.
type Permission = dyn Fn(&Client, ManagementOperation) -> bool + Send + Sync;

/// The supported operations, and which clients may perform them.
#[derive(Clone)]
pub(crate) struct Permissions {
    supported: Vec<ManagementOperation>,
    permission: Option<Arc<Permission>>,
}

impl Permissions {
    /// Supports these operations and no other.
    pub(crate) fn support_only(&mut self, operations: impl IntoIterator<Item = ManagementOperation>) {
        self.supported = operations.into_iter().collect();
    }

    /// Calls this function for each request, after the registration access token is verified.
    pub(crate) fn permit_by(
        &mut self,
        permission: impl Fn(&Client, ManagementOperation) -> bool + Send + Sync + 'static,
    ) {
        self.permission = Some(Arc::new(permission));
    }

    /// Whether an operator restricted what clients may do.
    pub(crate) fn is_restricted(&self) -> bool {
        let all = [ManagementOperation::Read, ManagementOperation::Update, ManagementOperation::Delete];
        self.permission.is_some() || all.into_iter().any(|operation| !self.supports(operation))
    }

    /// Whether this server supports the operation at all. If not, the endpoint answers with 405.
    pub(crate) fn supports(&self, operation: ManagementOperation) -> bool {
        self.supported.contains(&operation)
    }

    /// Whether this client may perform the operation. If not, the endpoint answers with 403.
    pub(crate) fn allow(&self, client: &Client, operation: ManagementOperation) -> bool {
        self.supports(operation) && self.permission.as_ref().is_none_or(|permission| permission(client, operation))
    }
}

impl Default for Permissions {
    fn default() -> Self {
        Self {
            supported: vec![ManagementOperation::Read, ManagementOperation::Update, ManagementOperation::Delete],
            permission: None,
        }
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Permissions").field("supported", &self.supported).finish_non_exhaustive()
    }
}
