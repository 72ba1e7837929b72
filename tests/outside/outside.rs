//! What reaches outside, and what comes in signed: the guarded fetcher against a real TLS server, software statements
//! under real keys, and the gates.
#![cfg(all(
    feature = "memory",
    feature = "fetch",
    feature = "rate-limit",
    feature = "sealed",
    feature = "software-statements"
))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod assertions;
mod audiences;
mod bearer_tokens;
mod budgets;
mod clock;
mod documents;
mod endpoint;
mod fetch;
mod gates;
mod keys;
#[cfg(feature = "metrics")]
mod measured;
mod names;
mod outages;
mod policies;
mod registered_keys;
mod requests;
mod shared_secrets;
mod signer;
mod single_use;
mod site;
mod statements;
