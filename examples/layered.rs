//! The registration endpoint in a stack of tower-http layers, and which of them belong outside and which inside.

#[path = "support/exit.rs"]
mod exit;
#[path = "support/log.rs"]
mod log;
#[path = "support/serve.rs"]
mod serve;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use clap::Parser;
use http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, IF_MATCH, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, Method};
use tower::ServiceBuilder;
use tower_dcr::cors::{Any, CorsLayer};
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, RegistrationLayer, Registry};
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;
use tower_http::trace::TraceLayer;

/// Dynamic Client Registration in a stack of layers.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    serve: serve::ServeOptions,
}

#[tokio::main]
async fn main() -> ExitCode {
    exit::code("layered", run(Options::parse()).await)
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    log::start()?;
    let server = serve::Server::bind(&options.serve).await?;
    let base_url = server.url()?;
    let registry = Registry::builder(base_url, Access::Open).build(MemoryStore::new())?;

    // From the outside to the inside: a request meets these layers from top to bottom. What stands above the
    // registration layer holds for registrations too; what stands below it holds for the application alone.
    let layers = ServiceBuilder::new()
        // Outermost, so that registrations and refusals are traced as well. It records neither headers nor bodies,
        // where the credentials are, unless you ask it to.
        .layer(TraceLayer::new_for_http())
        // Must be outside: the endpoint has no timer of its own. A body that stalls this long is answered with 408. It
        // is not enough alone: a body that arrives byte by byte never stalls, so the server has a deadline for the
        // whole body as well (`support/serve.rs`, where this layer's body is in place already).
        .layer(RequestBodyTimeoutLayer::new(options.serve.body_timeout))
        // For the application's uploads. The endpoint has its own limit (`RegistryBuilder::with_body_limit`, 64 KiB);
        // keep this one above it, so that a registration that is too large gets the JSON answer of the endpoint.
        .layer(RequestBodyLimitLayer::new(1 << 20))
        // Cross-origin rules for the endpoint alone. A `CorsLayer` of its own above this line would open the whole
        // application, and below it the endpoint would never see it.
        .layer(RegistrationLayer::new(registry.clone()).with_cors(cors()))
        // Inside, so that answers with credentials, which also repeat what the caller sent, are never compressed
        // (BREACH), and everything that the application answers is.
        .layer(CompressionLayer::new());

    // On the finished router: a fallback that is set after the layer would answer in place of the endpoint.
    let application = Router::new().route("/", get(hello)).route("/hello", get(hello)).layer(layers);

    println!("registration endpoint: {}", registry.registration_endpoint().unwrap_or("off"));
    server.run(application).await?;
    Ok(())
}

/// Lets a page of any origin register and manage its client. That is safe for any origin because the endpoint reads no
/// cookies: a request needs a token, and a browser adds none by itself.
fn cors() -> CorsLayer {
    const READABLE: [HeaderName; 4] = [ETAG, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE];
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::POST, Method::GET, Method::PUT, Method::DELETE])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, IF_MATCH])
        .expose_headers(READABLE)
        .max_age(Duration::from_secs(3600))
}

async fn hello() -> &'static str {
    "hello\n"
}
