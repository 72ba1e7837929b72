//! The limits of the clients of an initial access token, from their registration to their last update.
//!
//! The type is data only. The rules C1 to C3 in `rules/constraints.rs` apply it, and a store keeps it with the client, so
//! that a change of the token does not change clients that exist.

use super::metadata::{GrantType, TokenEndpointAuthMethod};

/// The limits that a client inherits from its initial access token, or from the
/// [`Registrant`](crate::access::Registrant) that a gate names.
///
/// An empty list and `None` limit nothing. The limits hold for the registration and for every later update, so a client
/// cannot gain by an update what its token did not permit.
///
/// ```
/// use tower_dcr::access::{Constraints, TokenOptions};
/// use tower_dcr::metadata::GrantType;
///
/// let constraints = Constraints::new()
///     .with_redirect_hosts(["app.example.com"])
///     .with_scopes(["openid", "profile"])
///     .with_grant_types([GrantType::AuthorizationCode]);
/// assert_eq!(constraints.scopes, ["openid", "profile"]);
/// assert!(constraints.auth_methods.is_empty(), "every method is permitted");
/// let options = TokenOptions::new().with_constraints(constraints);
/// # let _ = options;
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Constraints {
    /// The hosts that redirection URIs, and all other URIs that receive data about a user, may name. Case is ignored.
    /// These are the members that [`RedirectHosts`](crate::policy::RedirectHosts) checks.
    pub redirect_hosts: Vec<String>,
    /// The scope values that may be registered.
    pub scopes: Vec<String>,
    /// The grant types that may be registered.
    pub grant_types: Vec<GrantType>,
    /// The authentication methods that may be registered.
    pub auth_methods: Vec<TokenEndpointAuthMethod>,
    /// The `software_id` that must be registered.
    pub software_id: Option<String>,
}

impl Constraints {
    /// No limits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Redirection URIs, and all other URIs that receive data about a user, may name these hosts only. Default: any.
    #[must_use]
    pub fn with_redirect_hosts<T: Into<String>>(mut self, hosts: impl IntoIterator<Item = T>) -> Self {
        self.redirect_hosts = hosts.into_iter().map(Into::into).collect();
        self
    }

    /// Only these scope values may be registered. Default: any.
    #[must_use]
    pub fn with_scopes<T: Into<String>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Only these grant types may be registered. Default: those that the server supports.
    #[must_use]
    pub fn with_grant_types(mut self, grant_types: impl IntoIterator<Item = GrantType>) -> Self {
        self.grant_types = grant_types.into_iter().collect();
        self
    }

    /// Only these authentication methods may be registered. Default: those that the server supports.
    #[must_use]
    pub fn with_auth_methods(mut self, auth_methods: impl IntoIterator<Item = TokenEndpointAuthMethod>) -> Self {
        self.auth_methods = auth_methods.into_iter().collect();
        self
    }

    /// The `software_id` that the client must register. Default: any.
    #[must_use]
    pub fn with_software_id(mut self, software_id: impl Into<String>) -> Self {
        self.software_id = Some(software_id.into());
        self
    }
}
