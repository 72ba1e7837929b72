//! The operations of the registry by name, as the audit trail records them.

use std::fmt;

macro_rules! operations {
    ($($(#[$meta:meta])* $variant:ident = $name:literal,)+) => {
        /// An operation of the registry.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Operation {
            $($(#[$meta])* $variant,)+
        }

        impl Operation {
            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$variant),+];

            /// A lower-case name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

operations! {
    /// A new registration.
    Register = "register",
    /// A check of a document without a registration, by a dry run or by the application.
    Check = "check",
    /// A registration that shares the client of an identical earlier one.
    Reuse = "reuse",
    /// A client or the application read a registration.
    Read = "read",
    /// An update of the metadata of a client.
    Update = "update",
    /// A client deleted its registration.
    Delete = "delete",
    /// The first use of a client.
    FirstUse = "first_use",
    /// The authentication of a client at the token endpoint. Only failures are recorded.
    Authenticate = "authenticate",
    /// The authentication of a client by an assertion whose audience is accepted for deployed clients only.
    LegacyAudience = "legacy_audience",
    /// The removal of an idle client.
    Expire = "expire",
    /// The removal of a client by the application.
    Remove = "remove",
    /// The revocation of the grants of a removed client. Only failures are recorded.
    Revoke = "revoke",
    /// The approval of a pending client.
    Approve = "approve",
    /// A client was disabled.
    Disable = "disable",
    /// A disabled client was enabled again.
    Enable = "enable",
    /// A registration or an update was undone, because it could not be recorded on the audit trail.
    TakeBack = "take_back",
    /// A request with a method that its resource does not have.
    UndefinedMethod = "undefined_method",
    /// A new initial access token.
    IssueToken = "issue_token",
    /// An initial access token was revoked.
    RevokeToken = "revoke_token",
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl serde::Serialize for Operation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_documented() {
        let document = include_str!("../../../docs/observing.md");
        let (_, table) = document.split_once("| operation | what was asked |").unwrap_or_default();
        for operation in Operation::ALL {
            assert!(table.contains(&format!("`{operation}`")), "{operation}");
        }
    }
}
