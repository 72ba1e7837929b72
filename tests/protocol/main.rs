//! The protocol over real HTTP on loopback: every row of the corpus, every payload of a real client, every refusal.
#![cfg(feature = "memory")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod audit;
mod audit_records;
mod audit_refusals;
mod authentication;
mod bounds;
mod ceiling;
mod clauses_extensions;
mod clauses_http;
mod clauses_oidc;
mod clauses_policy;
mod clauses_rfc7591;
mod clauses_rfc7592;
mod concurrency;
mod constraints;
mod corpus;
mod data;
mod errors;
mod expectations;
mod extensions;
mod floods;
mod hostile;
mod lifecycle;
mod limits;
mod management;
#[cfg(feature = "metrics")]
mod measured;
mod payloads;
mod plugs;
mod policy;
mod policy_clients;
mod policy_dry_run;
mod policy_hosts;
mod policy_instances;
mod preconditions;
mod profile_payloads;
mod profiles;
mod properties;
mod random;
mod refusals;
mod refusals_of_clients;
mod refusals_of_documents;
mod refused;
mod retention;
mod reuse;
mod rotation;
#[cfg(feature = "sealed")]
mod secrets;
mod server;
mod status;
