//! The builder: every option of an operator, with its default and the reason for it.
//!
//! Each `with_…` method takes the builder by value and sets one option. A method returns no error:
//! [`RegistryBuilder::build`] checks all options together, because many of them are only valid or invalid in
//! combination. The defaults are safe for a server that accepts anonymous registrations; an option that weakens them
//! says so in its documentation.
//!
//! ```
//! use std::time::Duration;
//! use tower_dcr::metadata::GrantType;
//! use tower_dcr::store::MemoryStore;
//! use tower_dcr::{Access, ConfigError, ConfigErrorKind, Registry};
//!
//! let registry = Registry::builder("https://id.example.com", Access::Tokens)
//!     .with_path("/register")
//!     .with_grant_types([GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::DeviceCode])
//!     .with_client_secret_lifetime(Duration::from_secs(90 * 24 * 3600))
//!     .with_registration_token_rotation(true)
//!     .build(MemoryStore::new())?;
//! assert_eq!(registry.registration_endpoint(), Some("https://id.example.com/register"));
//!
//! let insecure = Registry::builder("http://id.example.com", Access::Open).build(MemoryStore::new());
//! assert_eq!(insecure.unwrap_err().kind(), ConfigErrorKind::BaseUrl);
//! # Ok::<(), ConfigError>(())
//! ```

mod access;
mod endpoint;
mod hooks;
mod lifecycle;
mod supported;
#[cfg(all(test, feature = "memory"))]
mod tests;
mod trust;

use std::fmt;

use super::Registry;
pub use super::settings::Preconditions;
use super::settings::{
    AccessSettings, EndpointSettings, LifecycleSettings, ManagementSettings, RegistrationSettings, Runtime, Settings,
    TrustSettings,
};
use crate::error::ConfigError;
use crate::hooks::access::Access;
use crate::protocol::supported::SupportedBuilder;
use crate::store::ClientStore;

/// Builds a [`Registry`]; see the [module](self) for an example. The last call of a method wins, except for those
/// that are documented as repeatable.
#[must_use = "a builder does nothing until `build`"]
pub struct RegistryBuilder {
    endpoint: EndpointSettings,
    access: AccessSettings,
    management: ManagementSettings,
    registration: RegistrationSettings,
    supported: SupportedBuilder,
    lifecycle: LifecycleSettings,
    trust: TrustSettings,
    runtime: Runtime,
}

impl RegistryBuilder {
    /// A builder with the defaults of every group.
    pub(crate) fn new(base_url: String, access: Access) -> Self {
        Self {
            endpoint: EndpointSettings { base_url, ..EndpointSettings::default() },
            access: AccessSettings { access, ..AccessSettings::default() },
            management: ManagementSettings::default(),
            registration: RegistrationSettings::default(),
            supported: SupportedBuilder::default(),
            lifecycle: LifecycleSettings::default(),
            trust: TrustSettings::default(),
            runtime: Runtime::default(),
        }
    }

    /// Checks every group of settings and builds the registry on this store.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for an option that is invalid, or that cannot have an effect together with the others. Such an
    /// error is found when the server starts, and not by the first client. Its [kind](ConfigError::kind) names the
    /// option.
    pub fn build(mut self, store: impl ClientStore) -> Result<Registry, ConfigError> {
        let is_anonymous = matches!(self.access.access, Access::Open);
        // First what is supported, because other groups are checked against it. `Access::Open` changes its defaults:
        // an anonymous caller must not register for `client_credentials`, since it would get tokens without a user.
        let supported = self.supported.build(is_anonymous)?;
        self.endpoint.check(&supported)?;
        self.access.check()?;
        self.management.check()?;
        self.registration.check()?;
        self.lifecycle.check(store.is_durable(), &supported)?;
        self.trust.check()?;
        #[cfg(feature = "software-statements")]
        self.trust.check_signatures(&supported)?;
        self.runtime.check()?;
        // After every check: a configuration that is refused must not have touched the store.
        let store = match self.runtime.tenant() {
            "" => store,
            tenant => store.for_tenant(tenant),
        };
        let settings = Settings {
            endpoint: self.endpoint,
            access: self.access,
            management: self.management,
            registration: self.registration,
            supported,
            lifecycle: self.lifecycle,
            trust: self.trust,
            runtime: self.runtime,
        };
        Ok(Registry::new(settings, Box::new(store)))
    }
}

impl fmt::Debug for RegistryBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RegistryBuilder")
            .field("base_url", &self.endpoint.base_url)
            .field("path", &self.endpoint.path)
            .field("access", &self.access.access)
            .finish_non_exhaustive()
    }
}
