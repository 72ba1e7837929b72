//! Extension points of the operator: policy, clock and audit sink. Each is a trait, so that an application can bring
//! its own implementation, and tests can replace the clock.

use std::sync::Arc;

use super::RegistryBuilder;
use crate::clock::Clock;
use crate::hooks::audit::{AuditSink, AuditTrail};
use crate::hooks::policy::Policy;
use crate::hooks::policy::Reviewer;

impl RegistryBuilder {
    /// The policy that decides about every registration and every update, after the rules of the protocol. If it is
    /// called more than once, all policies decide in the order of the calls, as with [`Policy::and_then`]; the first
    /// refusal ends the decision. What a policy changes passes the rules again. Default: no policy.
    pub fn with_policy(mut self, policy: impl Policy) -> Self {
        self.registration.policy = match self.registration.policy.take() {
            Some(first) => Some(Reviewer::new(first.and_then(policy))),
            None => Some(Reviewer::new(policy)),
        };
        self
    }

    /// The source of the current time. It decides when secrets, tokens and nonces expire, so servers that share a
    /// store need clocks that agree. Default: the clock of the operating system.
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.runtime.clock = Arc::new(clock);
        self
    }

    /// The sink of the audit trail, which receives every change and every refusal. A change that the sink cannot
    /// record is undone and answered with 503. Default: `TracingAudit` with the feature `tracing`, otherwise events
    /// are discarded.
    pub fn with_audit(mut self, audit: impl AuditSink) -> Self {
        self.runtime.audit = Arc::new(AuditTrail::new(audit));
        self
    }
}
