//! The tests that need heavy dependencies: third-party clients against a real server, real TLS servers, signed
//! documents and tokens.
#![cfg(feature = "memory")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[cfg(all(unix, feature = "postgres-tls", feature = "redis-tls"))]
#[path = "../support/certificates.rs"]
mod certificates;
mod client_life;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../common/mod.rs"]
mod common;
mod openidconnect_client;
#[cfg(all(unix, feature = "postgres-tls", feature = "redis-tls"))]
#[path = "../support/postgres_server.rs"]
mod postgres_server;
#[cfg(all(unix, feature = "postgres-tls", feature = "redis-tls"))]
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../support/redis_server.rs"]
mod redis_server;
#[cfg(all(unix, feature = "postgres-tls", feature = "redis-tls"))]
mod tls;
#[cfg(all(feature = "fetch", feature = "rate-limit", feature = "sealed", feature = "software-statements"))]
mod trust;
