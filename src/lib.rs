//! OAuth 2.0 and OpenID Connect Dynamic Client Registration as a [Tower](https://docs.rs/tower) layer.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod access;
pub mod audit;
mod body;
mod client;
mod clock;
pub mod config;
#[cfg(feature = "cors")]
mod cors;
pub mod credential;
mod endpoint;
mod error;
mod future;
mod information;
mod layer;
pub mod metadata;
mod registry;
mod rules;
mod service;
pub mod store;

pub use access::Access;
pub use body::ResponseBody;
pub use client::{Client, Origin};
pub use clock::{Clock, SystemClock};
pub use config::RegistryBuilder;
pub use error::{
    BoxError, ConfigError, ErrorCode, ErrorKind, RegistrationError, StoreError, StoreErrorKind, Violation,
};
pub use future::ResponseFuture;
pub use information::ClientInformation;
pub use layer::RegistrationLayer;
pub use registry::Registry;
pub use service::{EndpointService, RegistrationService};
