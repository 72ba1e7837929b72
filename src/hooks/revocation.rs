//! Revocation of grants and tokens when a client is removed.
//!
//! This crate stores registrations, not grants. [`Revoke`] connects the removal of a client with the place where its
//! grants and tokens are stored.
//!
//! ```
//! use std::collections::HashSet;
//! use std::sync::{Arc, Mutex};
//! use tower_dcr::metadata::ClientMetadata;
//! use tower_dcr::store::MemoryStore;
//! use tower_dcr::{Access, BoxError, Client, Registry, Revoke};
//!
//! /// The clients that hold grants, as the authorization server knows them.
//! #[derive(Clone, Default)]
//! struct Grants(Arc<Mutex<HashSet<String>>>);
//!
//! impl Revoke for Grants {
//!     async fn revoke(&self, client: &Client) -> Result<(), BoxError> {
//!         self.0.lock().map_err(|_| "poisoned")?.remove(client.id().as_str());
//!         Ok(())
//!     }
//! }
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let grants = Grants::default();
//! let builder = Registry::builder("https://id.example.com", Access::Open).with_revocation(grants.clone());
//! let registry = builder.build(MemoryStore::new())?;
//! let metadata = ClientMetadata::from_json(br#"{ "redirect_uris": ["https://app.example.com/cb"] }"#)?;
//! let id = registry.register(metadata).await?.client().id().clone();
//! grants.0.lock().unwrap().insert(id.to_string());
//!
//! assert!(registry.remove(&id).await?);
//! assert!(grants.0.lock().unwrap().is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::client::Client;
use crate::error::BoxError;

/// Revokes what a removed client was granted ([RFC 7592 §2.3](https://www.rfc-editor.org/rfc/rfc7592#section-2.3)).
pub trait Revoke: Send + Sync + 'static {
    /// Revokes the grants and tokens of a client that has already been removed from the store.
    ///
    /// It is awaited after every removal: the client's own DELETE, [`Registry::remove`](crate::Registry::remove), expiry,
    /// and an eviction for a new client, whose registration waits for it. If the caller disconnects meanwhile, the future
    /// is dropped and the audit trail records a failure. Move work that takes long to a task or a queue of your own.
    ///
    /// # Errors
    ///
    /// When grants or tokens may still be valid. The client stays removed. The failure is recorded on the audit trail and
    /// returned by the method of [`Registry`](crate::Registry) that removed the client. A DELETE over HTTP is still
    /// answered with 204, because the registration is deleted
    /// ([RFC 7592 §2.3](https://www.rfc-editor.org/rfc/rfc7592#section-2.3)).
    fn revoke(&self, client: &Client) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// A [`Revoke`] of the application without its type.
#[derive(Clone)]
pub(crate) struct Revocation(Arc<dyn ErasedRevoke>);

impl Revocation {
    pub(crate) fn new(revoke: impl Revoke) -> Self {
        Self(Arc::new(revoke))
    }

    pub(crate) async fn revoke(&self, client: &Client) -> Result<(), BoxError> {
        self.0.revoke(client).await
    }
}

impl fmt::Debug for Revocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Revocation(..)")
    }
}

/// [`Revoke`] with a boxed future, because a trait object cannot return an opaque one.
trait ErasedRevoke: Send + Sync {
    fn revoke<'a>(&'a self, client: &'a Client) -> Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send + 'a>>;
}

impl<R: Revoke> ErasedRevoke for R {
    fn revoke<'a>(&'a self, client: &'a Client) -> Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send + 'a>> {
        Box::pin(Revoke::revoke(self, client))
    }
}
