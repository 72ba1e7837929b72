//! What a policy receives: the caller and the metadata.

use std::fmt;

use crate::client::{Client, RegistrationOrigin};
use crate::error::Violations;
use crate::hooks::access::{Registrant, RequestHead};
use crate::hooks::audit::Operation;
use crate::protocol::constraints::Constraints;
use crate::protocol::metadata::ClientMetadata;

/// Checks metadata with the rules of the registry and returns it with their defaults.
pub(crate) type Rules<'a> = &'a (dyn Fn(ClientMetadata) -> Result<ClientMetadata, Violations> + Send + Sync);

/// The caller of a registration or an update. For an update these are the values that were stored with the client, so
/// that it cannot obtain more than its registration.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) origin: &'a RegistrationOrigin,
    pub(crate) owner: Option<&'a str>,
    pub(crate) constraints: &'a Constraints,
    /// `None` for a call of the application.
    pub(crate) request: Option<RequestHead<'a>>,
    /// The client that is updated.
    pub(crate) registered: Option<&'a Client>,
    pub(crate) dry_run: bool,
}

impl<'a> Caller<'a> {
    /// The caller of a registration.
    pub(crate) fn registering(registrant: &'a Registrant, request: Option<RequestHead<'a>>) -> Self {
        Self {
            origin: &registrant.origin,
            owner: registrant.owner.as_deref(),
            constraints: &registrant.constraints,
            request,
            registered: None,
            dry_run: false,
        }
    }

    /// The caller of an update of this client.
    pub(crate) fn updating(client: &'a Client, request: Option<RequestHead<'a>>) -> Self {
        Self {
            origin: &client.origin,
            owner: client.owner.as_deref(),
            constraints: &client.constraints,
            request,
            registered: Some(client),
            dry_run: false,
        }
    }
}

/// A registration or an update that waits for a verdict: the caller, and what would be registered.
///
/// The metadata is complete and has passed the rules: defaults are applied, and values that the server does not support
/// are removed.
///
/// ```
/// use tower_dcr::metadata::ClientMetadata;
/// use tower_dcr::policy::{Refusal, Review, Verdict};
/// use tower_dcr::store::MemoryStore;
/// use tower_dcr::{Access, Registry};
///
/// /// Only an owner may register more than one redirection URI.
/// fn one_without_owner(review: &Review<'_>) -> Verdict {
///     match review.owner().is_none() && review.metadata().redirect_uris.len() > 1 {
///         true => Verdict::refuse(Refusal::new("ACME-3", "send one URI").at("/redirect_uris/1")),
///         false => Verdict::accept(),
///     }
/// }
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let builder = Registry::builder("https://id.example.com", Access::Open).with_policy(one_without_owner);
/// let registry = builder.build(MemoryStore::new())?;
/// let mut metadata = ClientMetadata::new();
/// metadata.redirect_uris = ["a", "b"].map(|path| format!("https://app.example.com/{path}")).into();
/// assert_eq!(registry.check(metadata).await.unwrap_err().violations()[0].pointer(), "/redirect_uris/1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Review<'a> {
    pub(super) caller: Caller<'a>,
    pub(super) metadata: &'a ClientMetadata,
    pub(super) rules: Rules<'a>,
}

impl<'a> Review<'a> {
    /// [`Operation::Register`] or [`Operation::Update`].
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.caller.registered.map_or(Operation::Register, |_| Operation::Update)
    }

    /// What would be registered.
    #[must_use]
    pub fn metadata(&self) -> &'a ClientMetadata {
        self.metadata
    }

    /// The client as it is registered before the update; `None` for a registration.
    #[must_use]
    pub fn registered(&self) -> Option<&'a Client> {
        self.caller.registered
    }

    /// How the client registers, or registered when it is updated.
    #[must_use]
    pub fn origin(&self) -> &'a RegistrationOrigin {
        self.caller.origin
    }

    /// The owner of the client, if access control named one.
    #[must_use]
    pub fn owner(&self) -> Option<&'a str> {
        self.caller.owner
    }

    /// The identifier of the initial access token that the client is, or was, registered with.
    #[must_use]
    pub fn initial_access_token_id(&self) -> Option<&'a str> {
        match self.caller.origin {
            RegistrationOrigin::InitialAccessToken(id) => Some(id),
            _ => None,
        }
    }

    /// Method, URI, headers and extensions of the request; `None` for a call of the application. The headers contain
    /// credentials.
    #[must_use]
    pub fn request(&self) -> Option<RequestHead<'a>> {
        self.caller.request
    }

    /// Whether this is a dry run: nothing will be stored, so a policy should notify no one either.
    #[must_use]
    pub fn is_dry_run(&self) -> bool {
        self.caller.dry_run
    }

    /// The same review of other metadata.
    pub(super) fn of<'b>(&'b self, metadata: &'b ClientMetadata) -> Review<'b> {
        Review { metadata, ..*self }
    }
}

/// Without the request, whose headers hold credentials.
impl fmt::Debug for Review<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Review")
            .field("operation", &self.operation())
            .field("origin", self.caller.origin)
            .field("owner", &self.caller.owner)
            .field("metadata", self.metadata)
            .finish_non_exhaustive()
    }
}
