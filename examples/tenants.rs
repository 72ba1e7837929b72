//! Two issuers on one server. Every caller may register at acme; globex needs an initial access token. They share a
//! store, and a client or a token of one issuer does not exist for the other.

#[path = "support/exit.rs"]
mod exit;
#[path = "support/log.rs"]
mod log;
#[path = "support/serve.rs"]
mod serve;

use std::error::Error;
use std::process::ExitCode;

use axum::Router;
use axum::routing::get;
use clap::Parser;
use tower_dcr::access::TokenOptions;
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, RegistrationLayer, Registry, Tenants};

/// Dynamic Client Registration for several issuers, distinguished by path.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    serve: serve::ServeOptions,
}

#[tokio::main]
async fn main() -> ExitCode {
    exit::code("tenants", run(Options::parse()).await)
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    log::start()?;
    let server = serve::Server::bind(&options.serve).await?;
    let base_url = server.url()?;

    let store = MemoryStore::new();
    let tenant = |name: &str, access: Access| {
        let builder = Registry::builder(&base_url, access).with_path(format!("/{name}/oidc/register"));
        builder.with_tenant(name).build(store.clone())
    };
    let acme = tenant("acme", Access::Open)?;
    let globex = tenant("globex", Access::Tokens)?;
    let (token, _) = globex.issue_initial_access_token(TokenOptions::new().with_uses(10)).await?;
    for registry in [&acme, &globex] {
        println!("registration endpoint: {}", registry.registration_endpoint().unwrap_or("off"));
    }
    println!("initial access token of globex: {}", token.expose());

    // Tenants with a host of their own: `Tenants::by_host`, and a base URL for each.
    let tenants = Tenants::by_path([acme, globex])?;
    let application = Router::new().route("/hello", get(async || "hello\n"));
    server.run(application.layer(RegistrationLayer::for_tenants(tenants))).await?;
    Ok(())
}
