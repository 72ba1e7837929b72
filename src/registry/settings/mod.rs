//! The decisions of an operator, in groups.
//!
//! Each setting is one field of one group, beside the code that checks it. A group begins with the defaults of this
//! crate ([`Default`]); the methods of the builder change it; [`RegistryBuilder::build`] calls its `check`, which
//! refuses values that cannot work; then the registry holds it for as long as it lives. So a reader of a setting
//! never meets an invalid value. A new option is one field here, one method in `registry/builder/`, and its reader.
//!
//! [`RegistryBuilder::build`]: super::RegistryBuilder::build

mod access;
mod endpoint;
mod lifecycle;
mod management;
mod registration;
mod runtime;
mod trust;

pub(super) use access::AccessSettings;
pub(super) use endpoint::EndpointSettings;
pub use endpoint::Preconditions;
pub(super) use lifecycle::LifecycleSettings;
pub(super) use management::ManagementSettings;
pub(super) use registration::RegistrationSettings;
pub(super) use runtime::Runtime;
pub(crate) use trust::TrustSettings;

use crate::protocol::Supported;

/// All groups, checked.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) endpoint: EndpointSettings,
    pub(crate) access: AccessSettings,
    pub(crate) management: ManagementSettings,
    pub(crate) registration: RegistrationSettings,
    /// What the authorization server supports; the protocol rules read it too, so it lives in `protocol/`.
    pub(crate) supported: Supported,
    pub(crate) lifecycle: LifecycleSettings,
    pub(crate) trust: TrustSettings,
    pub(crate) runtime: Runtime,
}

#[cfg(test)]
mod tests {
    use crate::error::{ConfigError, ConfigErrorKind};
    use crate::protocol::Supported;
    use crate::protocol::supported::SupportedBuilder;

    /// One row of a group's table: a name, a change of the default group, and the error that `check` must find.
    pub(super) type Row<G> = (&'static str, fn(&mut G), Option<ConfigErrorKind>);

    /// Applies each row to a default group and compares what `check` says.
    pub(super) fn check_rows<G: Default>(rows: &[Row<G>], check: impl Fn(&mut G) -> Result<(), ConfigError>) {
        for (name, change, expected) in rows {
            let mut group = G::default();
            change(&mut group);
            assert_eq!(check(&mut group).err().map(|error| error.kind()), *expected, "{name}");
        }
    }

    /// What an authorization server supports by default.
    pub(super) fn supported() -> Supported {
        SupportedBuilder::default().build(false).unwrap()
    }
}
