//! The registration endpoint in front of a bare hyper server, HTTP/1 and HTTP/2 on one port.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, RegistrationLayer, Registry};
use tower_http::timeout::RequestBodyTimeoutLayer;

/// Dynamic Client Registration without a web framework.
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

    // hyper calls a clone of this service for every request, so all of it must be `Clone`. The layer asks for no more
    // than that, and not even for that itself.
    let service = ServiceBuilder::new()
        .layer(RequestBodyTimeoutLayer::new(Duration::from_secs(10)))
        .layer(RegistrationLayer::new(registry.clone()))
        .service_fn(application);

    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new());
    server.http2().timer(TokioTimer::new());
    let connections = GracefulShutdown::new();
    let mut stopped = std::pin::pin!(tokio::signal::ctrl_c());

    println!("registration endpoint: {}", registry.registration_endpoint().unwrap_or("off"));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stopped => break,
        };
        let Ok((stream, _)) = accepted else {
            // Gone already, or too many open files: the next one may fare better.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let service = TowerToHyperService::new(service.clone());
        // With upgrades, so that the application could still speak WebSocket: the layer does not stand in the way.
        let connection = server.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                eprintln!("connection: {error}");
            }
        });
    }
    connections.shutdown().await;
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
