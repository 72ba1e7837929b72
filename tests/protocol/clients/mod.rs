//! Registered clients: management by the client and by the operator, credentials, and concurrent requests.

mod authentication;
mod concurrency;
mod lifecycle;
mod management;
mod rotation;
#[cfg(feature = "sealed")]
mod secret_storage;
mod shared_registrations;
mod status;
