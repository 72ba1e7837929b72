//! OAuth 2.0 and OpenID Connect Dynamic Client Registration as a [Tower](https://docs.rs/tower) layer.
//!
//! [`RegistrationLayer`] answers `/oidc/register` (configurable) in any hyper, axum or tonic server and passes every
//! other request through untouched. It implements [RFC 7591](https://www.rfc-editor.org/rfc/rfc7591),
//! [RFC 7592](https://www.rfc-editor.org/rfc/rfc7592) and
//! [OpenID Connect Dynamic Client Registration 1.0](https://openid.net/specs/openid-connect-registration-1_0.html):
//! POST registers a client; GET, PUT and DELETE on the client's own URL read, replace and remove the registration, with
//! the registration access token. [`Registry`] is the handle that the rest of the application keeps: the token endpoint
//! verifies secrets with it, the authorization endpoint redirect URIs.
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::{BodyExt as _, Full};
//! use tower::{Layer as _, ServiceExt as _, service_fn};
//! use tower_dcr::store::MemoryStore;
//! use tower_dcr::{Access, RegistrationLayer, Registry};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! // The application.
//! let application = service_fn(|_request: Request<Full<Bytes>>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! });
//!
//! // The line to add, with a decision on who may register.
//! let registry = Registry::builder("https://id.example.com", Access::Open).build(MemoryStore::new())?;
//! let application = RegistrationLayer::new(registry.clone()).layer(application);
//!
//! // A client registers itself.
//! let request = Request::post("/oidc/register")
//!     .header("content-type", "application/json")
//!     .body(Full::from(r#"{ "redirect_uris": ["https://app.example.com/cb"], "client_name": "App" }"#))?;
//! let response = application.clone().oneshot(request).await?;
//! assert_eq!(response.status(), StatusCode::CREATED);
//! assert_eq!(registry.count().await?, 1);
//!
//! // Everything else goes to the application.
//! let response = application.oneshot(Request::get("/oidc/registered").body(Full::default())?).await?;
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is where
//!
//! - [`config::RegistryBuilder`]: every decision of an operator, with its default.
//! - [`access`]: who may register. [`audit`]: the trail of what was done and refused.
//! - [`metadata`]: what a client says about itself. [`credential`]: what proves it.
//! - [`documents`]: what clients name by its URL. `fetch` (feature): how this server reaches out, and to nowhere inside its own network.
//! - [`authentication`]: which client sends a request to the token endpoint.
//! - `gate` (features): who comes too often, who holds a signed access token. `software_statement` (feature): what
//!   somebody else vouches for, by the keys in `jwt`.
//! - [`retention`]: how long clients are kept, and how many. [`Revoke`]: what ends with them.
//! - [`tenants`]: several issuers behind one layer.
//! - [`profile`]: presets for kinds of servers, and the switches they are made of. [`policy`]: what the operator decides
//!   beyond the rules.
//! - [`store`]: where clients are kept, and the trait for a store of your own.
//!
//! # Traps
//!
//! - **axum:** layer the whole router, last. `nest` and `route_layer` hide the endpoint, because axum runs those layers
//!   only for routes that exist; a `.fallback()` that is added after the layer takes its requests away. Mount
//!   [`Registry::into_service`] with `nest_service` to have the endpoint at a place of its own.
//! - **tower:** `option_layer(Some(RegistrationLayer::new(..)))` does not type-check, because the two arms have
//!   different response bodies. Use [`Access::Off`] to switch the layer off.
//! - **tonic:** HTTP/1 clients need `Server::builder().accept_http1(true)`.
//! - **TLS:** the layer cannot see it. The base URL must be `https` (or loopback); end TLS in front of the server.
//! - **Timeouts:** this crate owns no timer. Put tower-http's `RequestBodyTimeoutLayer` around it, so that a body that
//!   stalls is answered with 408. That layer starts its clock anew with every frame, so set a deadline for the whole
//!   body as well; a body that fails with any error is answered with 408.
//! - **Connections:** the layer never sees one. The server must bound the time for the head of a request, its size, the
//!   number of connections, and the time that a client takes to read a response. `axum::serve` and tonic's `Server` bound
//!   none of them by default; `examples/support/serve.rs` bounds all of them with hyper-util, and ends on SIGTERM and
//!   SIGINT without losing a request that has begun.
//!
//! # Features
//!
//! `memory` and `tracing` are on by default. A feature adds API and never changes behaviour:
//!
//! - `cors`: cross-origin answers for the endpoint alone.
//! - `fetch`: the guarded fetcher for documents that clients name.
//! - `sqlite`, `postgres`, `redis`: a store in SQLite, PostgreSQL or Redis.
//! - `postgres-tls`, `redis-tls`: TLS to these databases.
//! - `rate-limit`: a limit on how often registrations are attempted.
//! - `software-statements`: software statements, signed requests, signed access tokens as initial access tokens, and
//!   `private_key_jwt` in `Registry::authenticate`.
//! - `cache`: a cache in front of a store.
//! - `audit-channel`: an audit trail that a task receives.
//! - `sealed`: client secrets at rest under authenticated encryption.
//! - `metrics`: counters and histograms through the `metrics` facade.
//! - `store-tests`: the contract suite for stores.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod clock;
mod error;
mod hooks;
mod http;
#[cfg(feature = "metrics")]
pub mod metrics;
mod protocol;
mod registry;
pub mod store;
mod trust;

pub use client::credential;
pub use client::{Client, ClientInformation, ClientStatus, RegistrationOrigin};
pub use clock::{Clock, SystemClock};
pub use error::{
    BoxError, ConfigError, ConfigErrorKind, ErrorCode, RegistrationError, RegistrationErrorKind, StoreError,
    StoreErrorKind, Violation,
};
pub use hooks::policy::Policy;
pub use hooks::revocation::Revoke;
pub use hooks::{access, access::Access, audit, management, policy, retention};
pub use http::tenants::{self, Tenants};
pub use http::{EndpointService, RegistrationLayer, RegistrationService, ResponseBody, ResponseFuture};
pub use protocol::{Profile, Switch, metadata, profile};
pub use registry::authenticate as authentication;
pub use registry::builder::{self as config, RegistryBuilder};
pub use registry::{DryRun, Registry, RegistryStats};
pub use trust::documents;
#[cfg(feature = "fetch")]
pub use trust::fetch;
#[cfg(feature = "software-statements")]
pub use trust::{jwt, software_statement};

pub mod gate {
    //! Gates that are ready-made: for signed access tokens, and against too many requests.
    //!
    //! A [`Gate`](crate::access::Gate) of your own decides on anything that a request carries. Here are two for common
    //! cases. `BearerTokens` (feature `software-statements`) lets in whoever has an access token of your authorization
    //! server. `RateLimit` (feature `rate-limit`) stands before every other decision: for registrations with
    //! [`with_registration_gate`](crate::RegistryBuilder::with_registration_gate), for what clients do with their registration with
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
    //! let builder = Registry::builder("https://id.example.com", Access::Open).with_registration_gate(limit);
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

    pub use crate::hooks::access::peer::PeerAddress;
    #[cfg(feature = "rate-limit")]
    pub use crate::hooks::access::rate_limit::{RateLimit, RateLimitBuilder};
    #[cfg(feature = "software-statements")]
    pub use crate::trust::jwt::bearer_gate::BearerTokens;
}
