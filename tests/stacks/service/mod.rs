//! The service by itself: what passes through, readiness, bodies, and the cost of callers who are refused.

mod pass_through;
mod readiness;
pub(crate) mod refusals;
mod response_body;
