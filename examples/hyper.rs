//! The registration endpoint in front of a service of one function, without a web framework: HTTP/1 and HTTP/2 on one
//! port, served by hyper. `support/serve.rs` has the accept loop, its bounds and its shutdown.

#[path = "support/serve.rs"]
mod serve;

use std::convert::Infallible;
use std::error::Error;

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
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let server = serve::Server::bind(&options.serve).await?;
    let registry = Registry::builder(server.url()?, Access::Open).build(MemoryStore::new())?;

    // A clone of this service answers each request, so all of it must be `Clone`. The layer asks for no more than that,
    // and not even for that itself.
    let service = ServiceBuilder::new().layer(RegistrationLayer::new(registry.clone())).service_fn(application);

    println!("registration endpoint: {}", registry.registration_endpoint().unwrap_or("off"));
    server.run(service).await?;
    Ok(())
}

/// What the server is for: every request that is not for the registration endpoint comes here as it was received.
async fn application<B>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, text) = match request.uri().path() {
        "/" | "/hello" => (StatusCode::OK, "hello\n"),
        _ => (StatusCode::NOT_FOUND, "there is nothing here\n"),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    Ok(response)
}
