//! What clients may do with their registration: which operations of
//! [RFC 7592 §2](https://www.rfc-editor.org/rfc/rfc7592#section-2) exist here, and for which clients.
//!
//! ```
//! use tower_dcr::management::Management;
//! use tower_dcr::store::MemoryStore;
//! use tower_dcr::{Access, ErrorKind, Origin, Registry};
//! # use tower_dcr::metadata::ClientMetadata;
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let registry = Registry::builder("https://id.example.com", Access::Open)
//!     .with_management_operations([Management::Read, Management::Update])
//!     .with_management_permission(|client, operation| {
//!         operation == Management::Read || *client.origin() != Origin::Application
//!     })
//!     .build(MemoryStore::new())?;
//! # let metadata = ClientMetadata::from_json(br#"{ "redirect_uris": ["https://app.example.com/cb"] }"#)?;
//! let ours = registry.register(metadata.clone()).await?;
//! let (id, token) = (ours.client().id(), ours.registration_access_token().unwrap().expose());
//! assert!(registry.read(id, token).await.is_ok());
//! assert_eq!(registry.update(id, token, metadata).await.unwrap_err().kind(), ErrorKind::InsufficientScope);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::sync::Arc;

use crate::client::Client;
use crate::config::RegistryBuilder;

/// An operation of a client on its own registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Management {
    /// Reading it, with GET or HEAD.
    Read,
    /// Replacing its metadata, with PUT.
    Update,
    /// Removing it, with DELETE.
    Delete,
}

/// Decides which client may do what.
type Permission = dyn Fn(&Client, Management) -> bool + Send + Sync;

/// The operations that exist, and who may do them.
#[derive(Clone)]
pub(crate) struct Permissions {
    offered: Vec<Management>,
    permission: Option<Arc<Permission>>,
}

impl Permissions {
    pub(crate) fn offer(&self, operation: Management) -> bool {
        self.offered.contains(&operation)
    }

    pub(crate) fn allow(&self, client: &Client, operation: Management) -> bool {
        self.offer(operation) && self.permission.as_ref().is_none_or(|permission| permission(client, operation))
    }
}

impl Default for Permissions {
    fn default() -> Self {
        Self { offered: vec![Management::Read, Management::Update, Management::Delete], permission: None }
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Permissions").field("offered", &self.offered).finish_non_exhaustive()
    }
}

impl RegistryBuilder {
    /// The operations that exist for clients; the method of another one is answered with 405 and an `Allow` without it
    /// ([RFC 7592 §2.3](https://www.rfc-editor.org/rfc/rfc7592#section-2.3)). Default: all three. For none at all see
    /// [`with_management`](Self::with_management).
    pub fn with_management_operations(mut self, operations: impl IntoIterator<Item = Management>) -> Self {
        self.permissions.offered = operations.into_iter().collect();
        self
    }

    /// Which client may do which of the operations that exist. Another client, once it has proved itself, is answered
    /// with 403 `insufficient_scope` ([RFC 7592 §2.1](https://www.rfc-editor.org/rfc/rfc7592#section-2.1)). Default:
    /// every client may do everything with its own registration.
    pub fn with_management_permission(
        mut self,
        permission: impl Fn(&Client, Management) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.permissions.permission = Some(Arc::new(permission));
        self
    }
}
