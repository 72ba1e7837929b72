//! Who registers a client, as access control sees it.

use std::sync::Arc;

use crate::client::RegistrationOrigin;
use crate::client::credential::Digest;
use crate::error::{RegistrationError, RegistrationErrorKind};
use crate::protocol::Constraints;

/// The longest name of an owner, in bytes. Owners are stored, indexed and logged.
const MAX_OWNER: usize = 256;

/// Whether the name of an owner is too long to be stored, indexed and logged.
pub(crate) fn is_too_long(owner: &str) -> bool {
    owner.len() > MAX_OWNER
}

/// A caller that may register, with what limits the registration and what is recorded with the client.
///
/// ```
/// use tower_dcr::access::{Constraints, Registrant};
/// use tower_dcr::metadata::GrantType;
///
/// let registrant = Registrant::new()
///     .with_owner("team-payments")
///     .with_constraints(Constraints::new().with_grant_types([GrantType::ClientCredentials]));
/// assert!(format!("{registrant:?}").contains("team-payments"));
/// ```
#[derive(Debug, Clone)]
pub struct Registrant {
    pub(crate) origin: RegistrationOrigin,
    pub(crate) owner: Option<Arc<str>>,
    /// `None` permits every tenant.
    pub(crate) tenant: Option<Arc<str>>,
    pub(crate) constraints: Constraints,
    /// The digest of the stored initial access token that the registration spends.
    pub(crate) spends: Option<Digest>,
}

impl Registrant {
    /// A caller that a gate allowed: without an owner, for every tenant, without limits.
    #[must_use]
    pub fn new() -> Self {
        Self::of(RegistrationOrigin::Gate)
    }

    /// A caller with this origin: without an owner, for every tenant, without limits.
    pub(crate) fn of(origin: RegistrationOrigin) -> Self {
        Self { origin, owner: None, tenant: None, constraints: Constraints::new(), spends: None }
    }

    /// Registers for this owner, which [`Client::owner`](crate::Client::owner) returns. An owner of more than 256 bytes
    /// is refused with 403. Default: no owner.
    #[must_use]
    pub fn with_owner(mut self, owner: impl Into<Arc<str>>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// May register with this [tenant](crate::RegistryBuilder::with_tenant) and no other: the registry of another tenant
    /// answers with 403. For gates that several tenants share. Default: every tenant.
    #[must_use]
    pub fn with_tenant(mut self, tenant: impl Into<Arc<str>>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// May register within these limits. They are stored with the client and apply to its updates too. Default: no
    /// limits beyond those of the server.
    #[must_use]
    pub fn with_constraints(mut self, constraints: Constraints) -> Self {
        self.constraints = constraints;
        self
    }

    /// The registrant, if it may register with this tenant.
    ///
    /// # Errors
    ///
    /// 403 for a registrant of another tenant.
    pub(crate) fn for_tenant(self, tenant: &str) -> Result<Self, RegistrationError> {
        match self.tenant.as_ref().is_none_or(|own| **own == *tenant) {
            true => Ok(self),
            false => Err(RegistrationError::new(RegistrationErrorKind::Forbidden)),
        }
    }
}

impl Default for Registrant {
    fn default() -> Self {
        Self::new()
    }
}
