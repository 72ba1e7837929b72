//! The surroundings of the registry: its clock, its audit trail and its tenant.
//!
//! These are the collaborators that tests replace: a clock that stands still, and an audit sink that collects events.

use std::sync::Arc;

use crate::clock::{Clock, SystemClock};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::hooks::audit::AuditTrail;

/// The surroundings of the registry.
#[derive(Debug)]
pub(crate) struct Runtime {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) audit: Arc<AuditTrail>,
    /// `None` for a registry that has the whole store.
    pub(in crate::registry) tenant: Option<Arc<str>>,
}

impl Default for Runtime {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            #[cfg(feature = "tracing")]
            audit: Arc::new(AuditTrail::new(crate::hooks::audit::TracingAudit)),
            // The unit sink discards every event.
            #[cfg(not(feature = "tracing"))]
            audit: Arc::new(AuditTrail::new(())),
            tenant: None,
        }
    }
}

impl Runtime {
    /// The longest name of a tenant, in bytes. Stores put it before every key, and databases limit the length of an
    /// index.
    const MAX_NAME: usize = 64;

    /// The name of the tenant; empty for a registry that has the whole store.
    pub(crate) fn tenant(&self) -> &str {
        self.tenant.as_deref().unwrap_or_default()
    }

    /// As [`tenant`](Self::tenant), for what outlives a request: the text is shared and not copied.
    pub(crate) fn tenant_name(&self) -> Arc<str> {
        self.tenant.clone().unwrap_or_default()
    }

    /// Refuses a tenant name with characters that stores use as separators in their keys.
    pub(in crate::registry) fn check(&self) -> Result<(), ConfigError> {
        match self.tenant.as_deref().filter(|name| !is_name(name)) {
            Some(name) => Err(ConfigErrorKind::Tenant.value(name)),
            None => Ok(()),
        }
    }
}

/// 1 to 64 unreserved characters ([RFC 3986 §2.3](https://www.rfc-editor.org/rfc/rfc3986#section-2.3)).
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    (1..=Runtime::MAX_NAME).contains(&name.len()) && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Row, check_rows};
    use super::*;

    #[test]
    fn the_name_of_a_tenant_is_plain() {
        let refused = Some(ConfigErrorKind::Tenant);
        let rows: &[Row<Runtime>] = &[
            ("no tenant", |_| {}, None),
            ("a name", |group| group.tenant = Some("Acme-1._~".into()), None),
            ("64 characters", |group| group.tenant = Some("x".repeat(64).into()), None),
            ("65 characters", |group| group.tenant = Some("x".repeat(65).into()), refused),
            ("empty", |group| group.tenant = Some("".into()), refused),
            ("separator", |group| group.tenant = Some("a:b".into()), refused),
            ("not ASCII", |group| group.tenant = Some("caf\u{e9}".into()), refused),
        ];
        check_rows(rows, |group| group.check());
    }
}
