//! The protocol over real HTTP on loopback: every row of the corpus, every payload of a real client, every refusal.
#![cfg(feature = "memory")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod audit;
mod concurrency;
mod constraints;
mod corpus;
mod data;
mod expectations;
mod hostile;
mod lifecycle;
mod limits;
mod payloads;
mod plugs;
mod preconditions;
mod random;
mod refusals;
mod refusals_of_clients;
mod refusals_of_documents;
mod refused;
mod server;
