//! Initial access tokens ([RFC 7591 §1.2](https://www.rfc-editor.org/rfc/rfc7591#section-1.2)): what a store keeps of
//! them, and the options with which one is issued.
//!
//! The record is the account of a token: a registration takes one use from it in the same atomic step that inserts the
//! client, so a token for one use registers one client, however many callers present it at the same time.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::credential::Digest;
use crate::protocol::constraints::Constraints;

/// What a store keeps of an initial access token. The token itself is returned once, when it is issued; the record has
/// its digest alone.
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
    /// The identifier, which names the token in lists and records and does not permit a registration.
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

    /// When the token expires; `None` for never.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// How many clients can still be registered with it; `None` for any number.
    #[must_use]
    pub fn uses_left(&self) -> Option<u32> {
        self.uses_left
    }

    /// The owner of the clients that are registered with it.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }

    /// The limits of the clients that are registered with it.
    #[must_use]
    pub fn constraints(&self) -> &Constraints {
        &self.constraints
    }

    /// Whether a client can be registered with it at this time.
    #[must_use]
    pub fn is_usable(&self, now: SystemTime) -> bool {
        // A record without uses stays in the store until it expires, so that lists show what happened to the token.
        self.uses_left != Some(0) && self.expires_at.is_none_or(|expires_at| now < expires_at)
    }

    /// The record after one more client was registered with it.
    #[must_use]
    pub fn spent_once(&self) -> Self {
        Self { uses_left: self.uses_left.map(|uses| uses.saturating_sub(1)), ..self.clone() }
    }

    /// The record after a use was given back, because the registration that took it was undone.
    #[must_use]
    pub fn refunded_once(&self) -> Self {
        // Saturating, because an operator may have raised the number of uses between the two steps.
        Self { uses_left: self.uses_left.map(|uses| uses.saturating_add(1)), ..self.clone() }
    }
}

/// Options of a new initial access token: uses, lifetime, owner and constraints.
///
/// ```
/// use std::time::Duration;
/// use tower_dcr::access::TokenOptions;
///
/// let options = TokenOptions::new().with_uses(1).with_lifetime(Duration::from_secs(3600)).with_owner("team-a");
/// assert!(format!("{options:?}").contains("team-a"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct TokenOptions {
    pub(crate) uses: Option<u32>,
    pub(crate) lifetime: Option<Duration>,
    pub(crate) owner: Option<Arc<str>>,
    pub(crate) constraints: Constraints,
}

impl TokenOptions {
    /// Any number of uses, no expiry, no owner, no constraints.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many clients can be registered with the token, at least one. Default: any number.
    #[must_use]
    pub fn with_uses(mut self, uses: u32) -> Self {
        self.uses = Some(uses);
        self
    }

    /// How long the token is valid from now, more than zero. Default: it does not expire.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// The owner of the clients that are registered with the token, a name of at most 256 bytes. Default: none.
    #[must_use]
    pub fn with_owner(mut self, owner: impl Into<Arc<str>>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// The limits of the clients that are registered with the token. Default: none.
    #[must_use]
    pub fn with_constraints(mut self, constraints: Constraints) -> Self {
        self.constraints = constraints;
        self
    }
}
