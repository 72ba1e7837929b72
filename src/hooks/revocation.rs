//! What happens elsewhere when a client is removed: its grants and tokens end too.
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

/// Ends what a removed client was granted ([RFC 7592 §2.3](https://www.rfc-editor.org/rfc/rfc7592#section-2.3)).
pub trait Revoke: Send + Sync + 'static {
    /// Revokes the grants and tokens of a client that is gone from the store by now.
    ///
    /// It is awaited after every removal: the client's own DELETE, [`Registry::remove`](crate::Registry::remove),
    /// expiry, and where a client makes room for another one, whose registration waits for it. A caller who hangs up
    /// meanwhile drops the future, which is put on the audit trail as a failure, so hand work that takes long to a task
    /// or a queue of your own.
    ///
    /// # Errors
    ///
    /// When something may have been left. The client stays gone. The failure is put on the audit trail and reported to
    /// whoever called the [`Registry`](crate::Registry); a DELETE over HTTP is answered with 204 all the same, because
    /// what the client asked for has happened.
    fn revoke(&self, client: &Client) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// A [`Revoke`] of the application.
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

trait ErasedRevoke: Send + Sync {
    fn revoke<'a>(&'a self, client: &'a Client) -> Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send + 'a>>;
}

impl<R: Revoke> ErasedRevoke for R {
    fn revoke<'a>(&'a self, client: &'a Client) -> Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send + 'a>> {
        Box::pin(Revoke::revoke(self, client))
    }
}
