//! The audit trail: its events, its records in JSON, and what it says about a refusal.

mod events;
mod every_refusal;
mod records;
pub(crate) mod refusals;
mod sinks;
