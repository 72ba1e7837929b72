//! What clients may do with their own registration ([RFC 7592](https://www.rfc-editor.org/rfc/rfc7592)).
//!
//! An option that needs management is refused if management is off. An operator who configures a gate would otherwise
//! believe that it protects something.

use crate::error::{ConfigError, ConfigErrorKind};
use crate::hooks::access::CustomGate;
use crate::hooks::management::Permissions;

/// What clients may do with their own registration.
#[derive(Debug)]
pub(crate) struct ManagementSettings {
    pub(crate) enabled: bool,
    pub(crate) permissions: Permissions,
    /// The gates that every read, update and deletion passes, in this order.
    pub(crate) gates: Vec<CustomGate>,
    /// Whether an update issues a new registration access token.
    pub(crate) token_rotation: bool,
    /// Whether an update must contain `client_id`.
    pub(crate) client_id_required: bool,
}

impl Default for ManagementSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            permissions: Permissions::default(),
            gates: Vec::new(),
            // Rotation is off by default: deployed clients do not expect a new token in the reply to an update.
            token_rotation: false,
            client_id_required: false,
        }
    }
}

impl ManagementSettings {
    /// Refuses options that cannot have an effect, since the operator believes that they have one.
    pub(in crate::registry) fn check(&self) -> Result<(), ConfigError> {
        if self.enabled {
            return Ok(());
        }
        let options = [
            (!self.gates.is_empty(), "a management gate"),
            (self.permissions.is_restricted(), "restricted operations"),
            (self.token_rotation, "token rotation"),
            (self.client_id_required, "a required client_id"),
        ];
        match options.into_iter().find(|(is_set, _)| *is_set) {
            Some((_, option)) => Err(ConfigErrorKind::Management.found(option)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Row, check_rows};
    use super::*;
    use crate::hooks::access::{Decision, Gate, Registrant, RequestHead};
    use crate::hooks::management::ManagementOperation;

    struct Allow;

    impl Gate for Allow {
        async fn authorize(&self, _request: &RequestHead<'_>) -> Decision {
            Decision::Allow(Registrant::new())
        }
    }

    const ROWS: &[Row<ManagementSettings>] = &[
        ("gate", |group| group.gates.push(CustomGate::new(Allow)), Some(ConfigErrorKind::Management)),
        (
            "operations",
            |group| group.permissions.support_only([ManagementOperation::Read]),
            Some(ConfigErrorKind::Management),
        ),
        ("permission", |group| group.permissions.permit_by(|_, _| true), Some(ConfigErrorKind::Management)),
        ("rotation", |group| group.token_rotation = true, Some(ConfigErrorKind::Management)),
        ("client_id", |group| group.client_id_required = true, Some(ConfigErrorKind::Management)),
    ];

    #[test]
    fn options_without_management_are_refused() {
        check_rows(&[("defaults", |_| {}, None)], |group: &mut ManagementSettings| {
            group.enabled = false;
            group.check()
        });
        check_rows(ROWS, |group| {
            group.enabled = false;
            group.check()
        });
    }

    #[test]
    fn options_with_management_are_valid() {
        let rows = Vec::from_iter(ROWS.iter().map(|(name, change, _)| (*name, *change, None)));
        check_rows(&rows, |group| group.check());
    }
}
