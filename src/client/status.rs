//! Where a client comes from, and whether it may be used.
//!
//! Both values belong to the server. They stand beside the metadata, so no request can set them: the origin is decided
//! by access control at registration and never changes, the status is decided by the policy and by the operator.

use std::fmt;
use std::sync::Arc;

/// How a client came to be registered. It is set once, at registration.
///
/// ```
/// use tower_dcr::metadata::ClientMetadata;
/// use tower_dcr::store::MemoryStore;
/// use tower_dcr::{Access, Registry, RegistrationOrigin};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let registry = Registry::builder("https://id.example.com", Access::Open).build(MemoryStore::new())?;
/// let metadata = ClientMetadata::from_json(br#"{ "redirect_uris": ["https://app.example.com/cb"] }"#)?;
/// let registered = registry.register(metadata).await?;
/// assert_eq!(*registered.client().origin(), RegistrationOrigin::Application);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistrationOrigin {
    /// A caller without credentials, where registration is open.
    Open,
    /// A caller with the initial access token of this identifier
    /// ([RFC 7591 §1.2](https://www.rfc-editor.org/rfc/rfc7591#section-1.2)).
    InitialAccessToken(Arc<str>),
    /// A caller whom the application's own gate authorized.
    Gate,
    /// The application itself, through [`Registry::register`](crate::Registry::register).
    Application,
}

impl RegistrationOrigin {
    /// A lower-case name, as records of the audit trail and stores write it.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::InitialAccessToken(_) => "initial_access_token",
            Self::Gate => "gate",
            Self::Application => "application",
        }
    }
}

/// Whether a client may do what it is registered for. Default: active.
///
/// ```
/// use tower_dcr::ClientStatus;
///
/// assert_eq!(ClientStatus::default(), ClientStatus::Active);
/// assert_eq!(ClientStatus::Pending.to_string(), "pending");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ClientStatus {
    /// The client waits for approval. It may read, change and delete its registration and do nothing else.
    Pending,
    /// The client may do all that it is registered for.
    #[default]
    Active,
    /// The client may do nothing, and its registration access token is not valid.
    Disabled,
}

impl ClientStatus {
    /// A lower-case name: `pending`, `active` or `disabled`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }
}

impl fmt::Display for ClientStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
