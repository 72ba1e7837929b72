//! OAuth 2.0 and OpenID Connect Dynamic Client Registration as a [Tower](https://docs.rs/tower) layer.
//!
//! [`RegistrationLayer`] answers `/oidc/register` (configurable) in any hyper, axum or tonic server and passes every
//! other request through untouched. It implements [RFC 7591](https://www.rfc-editor.org/rfc/rfc7591),
//! [RFC 7592](https://www.rfc-editor.org/rfc/rfc7592) and
//! [OpenID Connect Dynamic Client Registration 1.0](https://openid.net/specs/openid-connect-registration-1_0.html):
//! POST registers a client; GET, PUT and DELETE on the client's own URL read, replace and remove the registration, with
//! the registration access token. [`Registry`] is the handle for the rest of the application: the token endpoint
//! authenticates clients with it, and the authorization endpoint compares redirect URIs.
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
//! // The two lines to add. The operator must decide who may register.
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
//! // Every other request goes to the application.
//! let response = application.oneshot(Request::get("/oidc/registered").body(Full::default())?).await?;
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Modules
//!
//! | module | contents |
//! | --- | --- |
//! | [`config`] | [`RegistryBuilder`]: every option of an operator, with its default |
//! | [`profile`] | presets for kinds of servers ([`Profile`]), and the [`Switch`]es that they consist of |
//! | [`access`] | who may register: [`Access`], initial access tokens, gates |
//! | [`management`] | which operations of RFC 7592 a client may use |
//! | [`policy`] | what the operator decides beyond the rules: a [`Policy`] |
//! | [`metadata`] | what a client states about itself, member by member |
//! | [`credential`] | identifiers, secrets and tokens |
//! | [`authentication`] | client authentication for the token endpoint |
//! | [`audit`] | the audit trail: what was done and refused |
//! | [`retention`] | how long clients are kept, and how many |
//! | [`store`] | where clients are kept, and the trait [`ClientStore`](store::ClientStore) for other stores |
//! | [`tenants`] | several issuers behind one layer: [`Tenants`] |
//! | [`documents`] | documents that clients name by URL |
#![cfg_attr(
    feature = "fetch",
    doc = "| [`fetch`] | the fetcher for these documents, which sends no request into the own network |"
)]
#![cfg_attr(
    any(feature = "rate-limit", feature = "software-statements"),
    doc = "| [`gate`] | ready-made gates: a limit on attempts, and access tokens of the authorization server |"
)]
#![cfg_attr(
    feature = "software-statements",
    doc = "| [`software_statement`] | signed statements of a third party about software |",
    doc = "| [`jwt`] | the issuers of signed tokens, and their keys |"
)]
#![cfg_attr(feature = "cors", doc = "| [`cors`] | rules for pages of other origins |")]
#![cfg_attr(feature = "metrics", doc = "| [`metrics`] | names and labels of the metrics |")]
//!
//! At the crate root: [`RegistrationLayer`] and its service, [`Registry`], [`Client`], the error types, [`Revoke`] for the
//! grants of removed clients, and [`Clock`].
//!
//! # Traps
//!
//! - **axum:** add the layer to the whole router, and add it last. `nest` and `route_layer` hide the endpoint, because axum
//!   runs these layers only for routes that exist. A `.fallback()` that is added after the layer takes its requests. To
//!   mount the endpoint at a path of its own, use [`Registry::into_service`] with `nest_service`.
//! - **tower:** `option_layer(Some(RegistrationLayer::new(..)))` does not type-check, because its two services have
//!   different response bodies. To switch the layer off, use [`Access::Off`].
//! - **tonic:** most clients send registrations over HTTP/1. They need `Server::builder().accept_http1(true)`.
//! - **TLS:** the layer cannot see whether a connection is encrypted. The base URL must be `https` (or loopback), and TLS
//!   must end in front of the server or in it.
//! - **Timeouts:** this crate has no timer for bodies. Put tower-http's `RequestBodyTimeoutLayer` around the layer, so that
//!   a body that stalls is answered with 408. That timer starts again with every frame, so set a deadline for the whole
//!   body too. Every error of a body is answered with 408.
//! - **Connections:** the layer never sees a connection. The server must limit the time and the size of a request head, the
//!   number of connections, and the time in which a client reads a response. By default `axum::serve` and tonic's `Server`
//!   limit none of them. `examples/support/serve.rs` limits all of them with hyper-util. It stops on SIGTERM and SIGINT
//!   after the requests that have begun.
//!
//! # Features
//!
//! `memory` and `tracing` are on by default. A feature adds API and does not change the behaviour of the rest.
//!
//! - `memory`: [`MemoryStore`](store), a store in the memory of the process.
//! - `tracing`: audit events and failures of the store as `tracing` events.
//! - `sqlite`, `postgres`, `redis`: a store in SQLite, PostgreSQL or Redis.
//! - `postgres-tls`, `redis-tls`: TLS to these databases.
//! - `cache`: a cache in front of a store.
//! - `sealed`: client secrets are stored with authenticated encryption.
//! - `software-statements`: software statements, signed requests, signed access tokens as initial access tokens, and
//!   `private_key_jwt` and `client_secret_jwt` in [`Registry::authenticate`].
//! - `fetch`: the fetcher for documents that clients name.
//! - `rate-limit`: a limit on attempts to register.
//! - `cors`: cross-origin requests to the endpoint alone.
//! - `audit-channel`: an audit trail that a task receives.
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
/// The rules for pages of other origins, which [`RegistrationLayer::with_cors`] takes: the module of that name of the
/// crate `tower-http`, in the version that this crate uses.
#[cfg(feature = "cors")]
#[doc(no_inline)]
pub use tower_http::cors;
pub use trust::documents;
#[cfg(feature = "fetch")]
pub use trust::fetch;
#[cfg(feature = "software-statements")]
pub use trust::{jwt, software_statement};

pub mod gate {
    //! Ready-made gates: one that verifies signed access tokens, and one that limits the rate of requests.
    //!
    //! A [`Gate`](crate::access::Gate) of the application can decide by every part of a request except its body. This
    //! module has two for common cases:
    //!
    //! - `BearerTokens` (feature `software-statements`) allows callers with an access token of your authorization server.
    //!   Use it as [`Access::custom`](crate::Access::custom).
    //! - `RateLimit` (feature `rate-limit`) runs before all other decisions. Add one for registrations with
    //!   [`with_registration_gate`](crate::RegistryBuilder::with_registration_gate), and another one for the requests of
    //!   registered clients with [`with_management_gate`](crate::RegistryBuilder::with_management_gate). With a shared one,
    //!   a flood of registrations would also refuse registered clients.
    //!
    //! Rate limits and [retention](crate::retention) use the [`PeerAddress`] that the server puts into the extensions of a
    //! request.
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
    //!     // The server does this for every request, with the address of the connection.
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
