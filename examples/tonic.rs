//! A gRPC service and the registration endpoint on one port: gRPC over HTTP/2, registration over HTTP/1 and HTTP/2.
//!
//! tonic's own `Server` takes the layer too: `Server::builder().accept_http1(true).layer(..)`, since most clients
//! that register speak HTTP/1, and with `timeout`, which bounds a whole registration and only the beginning of a gRPC
//! stream. It cannot bound the head of a request, the number of connections or the shutdown. So this example takes
//! the routes alone from tonic and serves them as all examples do.

// In a project of your own this is what `tonic-prost-build` generates from a .proto file.
#[path = "support/exit.rs"]
mod exit;
#[path = "tonic/greeter.rs"]
mod greeter;
#[path = "support/serve.rs"]
mod serve;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use tonic::service::Routes;
use tower::ServiceBuilder;
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, RegistrationLayer, Registry};

/// Dynamic Client Registration beside a gRPC service.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    serve: serve::ServeOptions,
}

#[tokio::main]
async fn main() -> ExitCode {
    exit::code("tonic", run(Options::parse()).await)
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let server = serve::Server::bind(&options.serve).await?;
    let registry = Registry::builder(server.url()?, Access::Open).build(MemoryStore::new())?;

    // Around all routes, not around one service: tonic routes by the name of the service, and the endpoint has none.
    let routes = Routes::new(greeter::Greeter).prepare();
    let service = ServiceBuilder::new().layer(RegistrationLayer::new(registry.clone())).service(routes);

    println!("registration endpoint: {}", registry.registration_endpoint().unwrap_or("off"));
    server.run(service).await?;
    Ok(())
}
