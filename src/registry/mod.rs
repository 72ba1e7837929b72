//! The registry and its operations, one file each, without HTTP.
//!
//! The registration endpoint and the application use the same operations, so the application cannot store what the
//! endpoint refuses. Every operation records itself on the audit trail.
//!
//! | file | operations |
//! | --- | --- |
//! | `handle`, `builder`, `settings`, `context` | the registry, how it is configured, and in whose name it acts |
//! | `register`, `manage`, `update`, `initial_access_tokens` | the operations of callers |
//! | `pipeline`, `submission`, `fetched_documents`, `client_secrets` | their common steps |
//! | `shared_registrations`, `unique_software` | clients that share a registration or exclude each other |
//! | `requests` | the same operations for the endpoint, with access control before the body |
//! | `lifecycle`, `expiry`, `lookup` | the operations of the application and of operators |
//! | `authenticate` | client authentication at the token endpoint |
//! | `recording` | events for the audit trail |
//!
//! ```
//! use tower_dcr::metadata::ClientMetadata;
//! use tower_dcr::store::MemoryStore;
//! use tower_dcr::{Access, RegistrationErrorKind, Registry};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let registry = Registry::builder("https://id.example.com", Access::ManagementOnly).build(MemoryStore::new())?;
//! let mut metadata = ClientMetadata::new();
//! metadata.redirect_uris = vec!["https://app.example.com/cb".to_owned()];
//! let registered = registry.register(metadata.clone()).await?;
//! let id = registered.client().id().clone();
//! let token = registered.registration_access_token().unwrap().expose().to_owned();
//!
//! metadata.client_name = "App".into();
//! let updated = registry.update(&id, &token, metadata).await?;
//! assert_eq!(updated.client().metadata().client_name.untagged(), Some("App"));
//!
//! registry.delete(&id, &token).await?;
//! assert_eq!(registry.read(&id, &token).await.unwrap_err().kind(), RegistrationErrorKind::InvalidToken);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod authenticate;
pub mod builder;
mod client_secrets;
mod context;
mod expiry;
mod fetched_documents;
mod handle;
mod initial_access_tokens;
mod lifecycle;
mod lookup;
mod manage;
mod pipeline;
mod recording;
mod register;
mod requests;
pub(crate) mod settings;
mod shared_registrations;
mod submission;
mod unique_software;
mod update;

use handle::ATTEMPTS;
pub use handle::Registry;
pub use lookup::RegistryStats;
pub use pipeline::DryRun;
pub(crate) use submission::Payload;
