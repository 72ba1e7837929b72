//! The registration endpoint in front of a service of one function, without a web framework: HTTP/1 and HTTP/2 on one
//! port, served by hyper. `support/serve.rs` has the accept loop, its bounds and its shutdown.

#[path = "support/exit.rs"]
mod exit;
#[path = "support/serve.rs"]
mod serve;

use std::convert::Infallible;
use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use tower::ServiceBuilder;
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, RegistrationLayer, Registry};

/// Dynamic Client Registration without a web framework.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    serve: serve::ServeOptions,
}

#[tokio::main]
async fn main() -> ExitCode {
    exit::code("hyper", run(Options::parse()).await)
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let server = serve::Server::bind(&options.serve).await?;
    let registry = Registry::builder(server.url()?, Access::Open).build(MemoryStore::new())?;

    // A clone of this service answers each request, so the whole stack must be `Clone`. The layer itself does not
    // need it.
    let service = ServiceBuilder::new().layer(RegistrationLayer::new(registry.clone())).service_fn(application);

    println!("registration endpoint: {}", registry.registration_endpoint().unwrap_or("off"));
    server.run(service).await?;
    Ok(())
}

/// The application. Every request that is not for the registration endpoint arrives here unchanged.
async fn application<B>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, text) = match request.uri().path() {
        "/" | "/hello" => (StatusCode::OK, "hello\n"),
        _ => (StatusCode::NOT_FOUND, "not found\n"),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    Ok(response)
}
