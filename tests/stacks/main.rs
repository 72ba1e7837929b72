//! The HTTP shell in the stacks that it is made for: what it lets through is untouched, what it answers is the same
//! everywhere. Real servers on free ports of loopback; each test has a runtime of its own, and its servers end with it.
#![cfg(feature = "memory")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../../examples/tonic/greeter.rs"]
mod greeter;

mod admin;
#[cfg(all(feature = "sqlite", feature = "postgres", feature = "redis", feature = "sealed"))]
mod away;
#[cfg(all(unix, feature = "sqlite"))]
mod databases;
mod examples;
mod flags;
mod grpc;
#[cfg(all(feature = "sqlite", feature = "postgres", feature = "redis", feature = "sealed"))]
mod link;
mod log;
#[cfg(all(feature = "sqlite", feature = "postgres", feature = "redis", feature = "sealed"))]
mod node;
#[cfg(all(feature = "sqlite", feature = "postgres", feature = "redis", feature = "sealed"))]
mod nodes;
mod pass_through;
mod readiness;
#[cfg(all(feature = "sqlite", feature = "postgres", feature = "redis", feature = "sealed"))]
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../support/redis_server.rs"]
mod redis_server;
mod refusals;
mod registration;
mod response_body;
#[cfg(unix)]
mod serving;
mod starts;
mod support;
mod tenants;
