//! The protocol over HTTP: every row of the corpus, every payload of a real client, every refusal.
#![cfg(feature = "memory")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod audit;
mod clauses;
mod clients;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../common/mod.rs"]
mod common;
mod corpus;
mod extensions;
mod fakes;
mod limits;
#[cfg(feature = "metrics")]
mod metrics;
mod policy;
mod preconditions;
mod profiles;
mod refusals;
mod server;
