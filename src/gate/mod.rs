//! Gates that are ready-made.
//!
//! A [`Gate`](crate::access::Gate) of your own decides on anything that a request carries. [`RateLimit`] stands before
//! every other decision, with [`with_gate_before`](crate::RegistryBuilder::with_gate_before).
//!
//! ```
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

mod peer;
mod rate_limit;

pub use peer::PeerAddress;
pub use rate_limit::{RateLimit, RateLimitBuilder};
