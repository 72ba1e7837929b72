//! What an operator plugs in: clock, audit trail, policy.

use std::sync::Arc;

use super::RegistryBuilder;
use crate::clock::Clock;
use crate::hooks::audit::{AuditSink, AuditTrail};
use crate::hooks::policy::Policy;
use crate::hooks::policy::Reviewer;

impl RegistryBuilder {
    /// What is decided beyond the rules, at every registration and every update; once more, and both policies decide,
    /// as with [`Policy::and_then`]. Default: nothing.
    pub fn with_policy(mut self, policy: impl Policy) -> Self {
        self.registration.policy = match self.registration.policy.take() {
            Some(first) => Some(Reviewer::new(first.and_then(policy))),
            None => Some(Reviewer::new(policy)),
        };
        self
    }

    /// What tells the time. Default: the clock of the operating system.
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.runtime.clock = Arc::new(clock);
        self
    }

    /// Who keeps the audit trail. Default: `TracingAudit` with the feature `tracing`, else nobody.
    pub fn with_audit(mut self, audit: impl AuditSink) -> Self {
        self.runtime.audit = Arc::new(AuditTrail::new(audit));
        self
    }
}
