//! The layer and the service in the stacks that they are made for: other requests pass unchanged, and the endpoint
//! answers the same in every stack. Real servers on free ports of loopback; each test has a runtime of its own, and its
//! servers end with it.
#![cfg(feature = "memory")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../../examples/tonic/greeter.rs"]
mod greeter;

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../common/mod.rs"]
mod common;
mod examples;
mod grpc;
#[cfg(all(feature = "sqlite", feature = "postgres", feature = "redis", feature = "sealed"))]
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../support/redis_server.rs"]
mod redis_server;
mod registration;
mod service;
mod support;
mod tenants;
