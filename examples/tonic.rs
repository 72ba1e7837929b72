//! A gRPC service and the registration endpoint on one port: gRPC over HTTP/2, registration over HTTP/1 and HTTP/2.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, RegistrationLayer, Registry};

// In a project of your own this is what `tonic-prost-build` generates from a .proto file.
#[path = "tonic/greeter.rs"]
mod greeter;

/// Dynamic Client Registration beside a gRPC service.
#[derive(Debug, Parser)]
struct Options {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let listener = TcpListener::bind(options.listen).await?;
    let base_url = format!("http://{}", listener.local_addr()?);
    let registry = Registry::builder(base_url, Access::Open).build(MemoryStore::new())?;

    let server = Server::builder()
        // Without this tonic refuses HTTP/1, and most clients that register speak HTTP/1.
        .accept_http1(true)
        // Bounds a whole registration, its body included. A gRPC call only has to begin to answer in this time: a
        // stream may last longer, and so `RequestBodyTimeoutLayer`, which would end a stream that pauses, is not here.
        .timeout(Duration::from_secs(10))
        // On the server, not on a service: tonic routes by the name of the service, and the endpoint has none.
        .layer(RegistrationLayer::new(registry.clone()))
        .add_service(greeter::Greeter);

    println!("registration endpoint: {}", registry.registration_endpoint().unwrap_or("off"));
    server.serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), stopped()).await?;
    Ok(())
}

async fn stopped() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
