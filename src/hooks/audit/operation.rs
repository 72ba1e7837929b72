//! What is asked of the registry, by name.

use std::fmt;

macro_rules! operations {
    ($($(#[$meta:meta])* $variant:ident = $name:literal,)+) => {
        /// What was asked of the registry.
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
    /// A question what a registration would come to, by a dry run or the application.
    Check = "check",
    /// A new registration that is identical to one that is there, and shares it.
    Reuse = "reuse",
    /// A look at one.
    Read = "read",
    /// A replacement of its metadata.
    Update = "update",
    /// Its end.
    Delete = "delete",
    /// Its first use.
    FirstUse = "first_use",
    /// A request that must prove which client sends it; on the trail where that failed.
    Authenticate = "authenticate",
    /// The authentication of a client by an assertion whose audience is accepted for deployed clients only.
    LegacyAudience = "legacy_audience",
    /// Its end because nobody used it.
    Expire = "expire",
    /// Its end because the application wanted it.
    Remove = "remove",
    /// The end of what a removed client was granted; on the trail where that failed.
    Revoke = "revoke",
    /// The approval of one that waited for it.
    Approve = "approve",
    /// The end of all that it may do, for as long as it stays disabled.
    Disable = "disable",
    /// The end of that.
    Enable = "enable",
    /// The end of a registration or an update that could not be recorded on the audit trail.
    TakeBack = "take_back",
    /// A request with a method that its resource does not have.
    UndefinedMethod = "undefined_method",
    /// A new initial access token.
    IssueToken = "issue_token",
    /// The end of an initial access token.
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
