//! What a policy is shown.

use std::fmt;

use crate::client::{Client, RegistrationOrigin};
use crate::error::Violations;
use crate::hooks::access::{Registrant, RequestHead};
use crate::hooks::audit::Operation;
use crate::protocol::constraints::Constraints;
use crate::protocol::metadata::ClientMetadata;

/// Sends metadata through the rules of the registry.
pub(crate) type Rules<'a> = &'a (dyn Fn(ClientMetadata) -> Result<ClientMetadata, Violations> + Send + Sync);

/// Who asks for a registration or an update.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) origin: &'a RegistrationOrigin,
    pub(crate) owner: Option<&'a str>,
    pub(crate) constraints: &'a Constraints,
    /// None when the application asks itself.
    pub(crate) request: Option<RequestHead<'a>>,
    /// The client that is updated.
    pub(crate) registered: Option<&'a Client>,
    pub(crate) dry_run: bool,
}

impl<'a> Caller<'a> {
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

/// A registration or an update that waits for a verdict: who asks, and what would be registered.
///
/// The metadata is complete and has passed the rules: defaults are applied, what is not offered is left out.
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

    /// The client as it is registered now; none before an update.
    #[must_use]
    pub fn registered(&self) -> Option<&'a Client> {
        self.caller.registered
    }

    /// How the client comes to be, or came to be when it is updated.
    #[must_use]
    pub fn origin(&self) -> &'a RegistrationOrigin {
        self.caller.origin
    }

    /// On whose behalf, if access control knows.
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

    /// Method, URI, headers and extensions of the request; none when the application asks itself. The headers hold
    /// credentials.
    #[must_use]
    pub fn request(&self) -> Option<RequestHead<'a>> {
        self.caller.request
    }

    /// Whether the verdict is only wanted to be told: nothing will be stored, so nobody should be notified either.
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
