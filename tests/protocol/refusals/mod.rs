//! Every reason for a refusal, and what all refusals have in common.

pub(crate) mod assertions;
mod clients;
pub(crate) mod documents;
pub(crate) mod error_table;
mod hostile_requests;
mod output_bounds;
mod registrations;
