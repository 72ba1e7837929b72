//! Gates that are ready-made: for signed access tokens, and against too many requests.
//!
//! A [`Gate`](crate::access::Gate) of your own decides on anything that a request carries. Here are two for common
//! cases. `BearerTokens` (feature `software-statements`) lets in whoever has an access token of your authorization
//! server. `RateLimit` (feature `rate-limit`) stands before every other decision: for registrations with
//! [`with_gate_before`](crate::RegistryBuilder::with_gate_before), for what clients do with their registration with
//! [`with_management_gate`](crate::RegistryBuilder::with_management_gate). Use one for each, or registered clients are
//! refused because of registrations.
//!
#![cfg_attr(feature = "rate-limit", doc = "```")]
#![cfg_attr(not(feature = "rate-limit"), doc = "```ignore")]
//! use std::net::IpAddr;
//! use std::time::Duration;
//! use bytes::Bytes;
//! use http::{Request, StatusCode};
//! use http_body_util::Full;
//! use tower::ServiceExt as _;
//! use tower_dcr::gate::{PeerAddress, RateLimit};
//! use tower_dcr::store::MemoryStore;
//! use tower_dcr::{Access, Registry};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let limit = RateLimit::builder(2, Duration::from_secs(60)).build()?;
//! let builder = Registry::builder("https://id.example.com", Access::Open).with_gate_before(limit);
//! let service = builder.build(MemoryStore::new())?.into_service();
//!
//! let attempt = |peer: [u8; 4]| {
//!     let request = Request::post("/oidc/register").header("content-type", "application/json");
//!     // What the server does for every request, with the address of the connection.
//!     let request = request.extension(PeerAddress::from(IpAddr::from(peer)));
//!     let body = r#"{ "redirect_uris": ["https://app.example.com/cb"] }"#;
//!     service.clone().oneshot(request.body(Full::<Bytes>::from(body)).unwrap())
//! };
//! assert_eq!(attempt([192, 0, 2, 1]).await?.status(), StatusCode::CREATED);
//! assert_eq!(attempt([192, 0, 2, 1]).await?.status(), StatusCode::CREATED);
//! let refused = attempt([192, 0, 2, 1]).await?;
//! assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
//! assert_eq!(refused.headers()["retry-after"], "30");
//! assert_eq!(attempt([192, 0, 2, 2]).await?.status(), StatusCode::CREATED);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "software-statements")]
mod bearer_tokens;
#[cfg(feature = "rate-limit")]
mod buckets;
mod peer;
#[cfg(feature = "rate-limit")]
mod rate_limit;

#[cfg(feature = "software-statements")]
pub use bearer_tokens::BearerTokens;
pub use peer::PeerAddress;
pub(crate) use peer::address;
#[cfg(feature = "rate-limit")]
pub use rate_limit::{RateLimit, RateLimitBuilder};
