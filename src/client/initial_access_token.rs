//! Initial access tokens ([RFC 7591 §1.2](https://www.rfc-editor.org/rfc/rfc7591#section-1.2)) as records.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::credential::Digest;
use crate::protocol::constraints::Constraints;

/// An initial access token at rest. The token itself is shown once, when it is issued.
#[derive(Debug, Clone)]
pub struct InitialAccessTokenRecord {
    pub(crate) id: Arc<str>,
    pub(crate) digest: Digest,
    pub(crate) issued_at: SystemTime,
    pub(crate) expires_at: Option<SystemTime>,
    pub(crate) uses_left: Option<u32>,
    pub(crate) owner: Option<Arc<str>>,
    pub(crate) constraints: Constraints,
}

impl InitialAccessTokenRecord {
    /// What names the token without being it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The digest by which a store finds the record.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// When the token was issued.
    #[must_use]
    pub fn issued_at(&self) -> SystemTime {
        self.issued_at
    }

    /// When the token ends to count; `None` for never.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// How many clients can still be registered with it; `None` for any number.
    #[must_use]
    pub fn uses_left(&self) -> Option<u32> {
        self.uses_left
    }

    /// Who owns the clients that it registers.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }

    /// What the clients that it registers are limited to.
    #[must_use]
    pub fn constraints(&self) -> &Constraints {
        &self.constraints
    }

    /// Whether a client can be registered with it at this time.
    #[must_use]
    pub fn is_usable(&self, now: SystemTime) -> bool {
        self.uses_left != Some(0) && self.expires_at.is_none_or(|expires_at| now < expires_at)
    }

    /// The record after one more client was registered with it.
    #[must_use]
    pub fn spent_once(&self) -> Self {
        Self { uses_left: self.uses_left.map(|uses| uses.saturating_sub(1)), ..self.clone() }
    }

    /// The record after a use was given back, because the client it paid for is gone again.
    #[must_use]
    pub fn refunded_once(&self) -> Self {
        Self { uses_left: self.uses_left.map(|uses| uses.saturating_add(1)), ..self.clone() }
    }
}

/// What a new initial access token allows.
///
/// ```
/// use std::time::Duration;
/// use tower_dcr::access::TokenOptions;
///
/// let once_within_an_hour = TokenOptions::new().with_uses(1).with_lifetime(Duration::from_secs(3600)).with_owner("team-a");
/// # let _ = once_within_an_hour;
/// ```
#[derive(Debug, Clone, Default)]
pub struct TokenOptions {
    pub(crate) uses: Option<u32>,
    pub(crate) lifetime: Option<Duration>,
    pub(crate) owner: Option<Arc<str>>,
    pub(crate) constraints: Constraints,
}

impl TokenOptions {
    /// Any number of clients, for ever, for nobody in particular.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// At most so many clients, at least one. Default: any number.
    #[must_use]
    pub fn with_uses(mut self, uses: u32) -> Self {
        self.uses = Some(uses);
        self
    }

    /// Only so long from now, and not zero. Default: for ever.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// The clients belong to this owner, a name of at most 256 bytes. Default: to nobody.
    #[must_use]
    pub fn with_owner(mut self, owner: impl Into<Arc<str>>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// The clients are limited to this. Default: to nothing.
    #[must_use]
    pub fn with_constraints(mut self, constraints: Constraints) -> Self {
        self.constraints = constraints;
        self
    }
}
