//! How every example serves: HTTP/1 and HTTP/2 on one port, with bounds on what a client can hold, and a clean end.
//!
//! The registration layer owns no timer and never sees a connection, so the server around it must bound both. Neither
//! `axum::serve` nor tonic's `Server` bounds the head of a request, the number of connections or the shutdown. This
//! file does, with hyper-util; copy it.
//!
//! | what a client could hold | what ends it |
//! | --- | --- |
//! | a connection that sends no request, or half a head | `--header-timeout` |
//! | a head of many bytes or many fields | 16 KiB and 64 fields, else 431 |
//! | a body that stalls | `--body-timeout`, answered with 408 |
//! | a body that arrives byte by byte | `--request-timeout`, answered with 408 |
//! | a response that the client does not read | `--write-timeout`, else `--max-connection-age` |
//! | a stream of gRPC | `--max-connection-age` |
//! | many connections | `--max-connections`; the next ones wait in the queue of the operating system |
//!
//! SIGTERM and SIGINT stop accepting and let the requests that have begun come to their end, for at most
//! `--drain-timeout`. A second signal ends the process at once. A connection that a WebSocket took over is not waited
//! for.

#[path = "deadline.rs"]
mod deadline;
#[path = "signals.rs"]
pub(crate) mod signals;

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use clap::Args;
use http::header::CONTENT_TYPE;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tower::{Service, ServiceExt as _};
use tower_dcr::BoxError;
use tower_http::timeout::TimeoutBody;

use deadline::DeadlineBody;
use signals::Signals;

/// The largest head of a request in bytes, and the most fields in it.
const MAX_HEAD: usize = 16 * 1024;
const MAX_FIELDS: usize = 64;
/// Requests that one HTTP/2 connection may have open at the same time.
const MAX_STREAMS: u32 = 32;
/// How long the shutdown waits for a connection whose first request is not there yet: it may be on its way.
const FIRST_REQUEST_GRACE: Duration = Duration::from_secs(1);

/// The body of a request, under both of its time limits.
pub(crate) type RequestBody = TimeoutBody<DeadlineBody<Incoming>>;

/// Where to listen, and what a client may hold. Times are in seconds and may have a fraction.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeOptions {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8080", value_parser = address)]
    listen: SocketAddr,
    /// Seconds for the head of a request, and for an idle connection.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    header_timeout: Duration,
    /// Seconds that a request body may stall.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) body_timeout: Duration,
    /// Seconds in which a request body must arrive completely.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    request_timeout: Duration,
    /// Seconds in which a client must read some part of a response that waits for it.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    write_timeout: Duration,
    /// Seconds after which a connection takes no more requests; those that it has get the request timeout once more.
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds)]
    max_connection_age: Duration,
    /// Connections at the same time.
    #[arg(long, value_name = "CONNECTIONS", default_value = "512", value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: u32,
    /// Seconds that active requests have to finish after SIGTERM or SIGINT.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) drain_timeout: Duration,
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "an IP address and a port are needed, such as 127.0.0.1:8080 or [::1]:8080")
}

/// Reads a time of at least one millisecond and at most a year.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.001..=31_536_000.0).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "a number of seconds from 0.001 to 31536000 is needed".to_owned())
}

/// A server that listens and does not accept yet.
pub(crate) struct Server {
    listener: TcpListener,
    signals: Signals,
    options: Arc<ServeOptions>,
}

impl Server {
    /// Listens, and takes over the signals.
    pub(crate) async fn bind(options: &ServeOptions) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await.map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("--listen {}: cannot listen there: {error}; choose another address or port", options.listen),
            )
        })?;
        Ok(Self { listener, signals: Signals::install()?, options: Arc::new(options.clone()) })
    }

    /// The URL of the address that it listens on, without a slash at the end.
    pub(crate) fn url(&self) -> io::Result<String> {
        Ok(format!("http://{}", self.listener.local_addr()?))
    }

    /// Serves until a signal arrives and the active requests have ended.
    ///
    /// # Errors
    ///
    /// A second signal ended it, with connections still open.
    pub(crate) async fn run<S, B>(mut self, service: S) -> io::Result<()>
    where
        S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>> + Clone + Send + 'static,
        S::Future: Send,
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        // Every connection holds a receiver, so the channel is closed when the last connection has ended.
        let (draining, _) = watch::channel(false);
        tokio::select! {
            () = accept(&self.listener, &self.options, &draining, service) => {}
            () = self.signals.next() => {}
        }
        drop(self.listener);
        draining.send_replace(true);
        tokio::select! {
            () = draining.closed() => Ok(()),
            () = sleep(self.options.drain_timeout) => {
                eprintln!("the drain timeout is over; {} open connections are cut", draining.receiver_count());
                Ok(())
            }
            () = self.signals.next() => {
                let open = draining.receiver_count();
                Err(io::Error::other(format!("a second signal ended the server; {open} open connections are cut")))
            }
        }
    }
}

/// Accepts connections without an end, at most as many at a time as the options allow.
async fn accept<S, B>(listener: &TcpListener, options: &Arc<ServeOptions>, draining: &watch::Sender<bool>, service: S)
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(options.max_connections as usize));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let connection = Connection { stream, peer, options: Arc::clone(options), place };
                tokio::spawn(connection.serve(service.clone(), draining.subscribe()));
            }
            // The client closed the connection before it was accepted. The next one is not affected.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                eprintln!("cannot accept connections: {error}");
                // Usually too many open files. An immediate retry would fail again; after a short wait some may be
                // closed.
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// One accepted connection. Its place is free again when it ends.
struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    options: Arc<ServeOptions>,
    place: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve<S, B>(self, service: S, mut draining: watch::Receiver<bool>)
    where
        S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>> + Clone + Send + 'static,
        S::Future: Send,
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        let Self { stream, peer, options, place: _place } = self;
        // Small responses must not wait for an acknowledgement. A stream that cannot be set up has ended already.
        let Ok(()) = stream.set_nodelay(true) else { return };
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(options.write_timeout));

        let first_request = Arc::new(Notify::new());
        let service = {
            let (first_request, options) = (Arc::clone(&first_request), Arc::clone(&options));
            service_fn(move |mut request: Request<Incoming>| {
                first_request.notify_one();
                request.extensions_mut().insert(ConnectInfo(peer));
                service.clone().oneshot(bounded(request, &options))
            })
        };
        let server = builder(&options);
        let mut connection = pin!(server.serve_connection_with_upgrades(TokioIo::new(Box::pin(stream)), service));

        // hyper's own timer starts when it knows the version of HTTP, and knows none for a part of an HTTP/2 preface.
        tokio::select! {
            _ = connection.as_mut() => return,
            () = sleep(options.header_timeout) => return,
            () = after_drain_begins(&mut draining, FIRST_REQUEST_GRACE) => return,
            () = first_request.notified() => {}
        }
        tokio::select! {
            _ = connection.as_mut() => return,
            () = sleep(options.max_connection_age) => {}
            () = after_drain_begins(&mut draining, Duration::ZERO) => {}
        }
        connection.as_mut().graceful_shutdown();
        // A connection that the client breaks off or that exceeds a time limit is not a fault of the server.
        let _ = timeout(options.request_timeout, connection).await;
    }
}

async fn after_drain_begins(draining: &mut watch::Receiver<bool>, grace: Duration) {
    // An error says that the server itself has ended.
    let _ = draining.wait_for(|draining| *draining).await;
    sleep(grace).await;
}

/// HTTP/1 and HTTP/2, with their own bounds on heads and idle connections.
fn builder(options: &ServeOptions) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(options.header_timeout)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_FIELDS);
    builder
        .http2()
        .timer(TokioTimer::new())
        // A connection that is silent, in the middle of a head as well, does not answer a ping.
        .keep_alive_interval(options.header_timeout)
        .keep_alive_timeout(options.header_timeout)
        .max_header_list_size(MAX_HEAD as u32)
        .max_concurrent_streams(MAX_STREAMS);
    builder
}

/// Puts the body of a request under its time limits. A gRPC stream has none of its own: it may pause, and ends with its
/// connection at the latest.
fn bounded(request: Request<Incoming>, options: &ServeOptions) -> Request<RequestBody> {
    let content_type = request.headers().get(CONTENT_TYPE);
    let is_grpc = content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
    let [stall, total] = match is_grpc {
        true => [Duration::MAX; 2],
        false => [options.body_timeout, options.request_timeout],
    };
    request.map(|body| TimeoutBody::new(stall, DeadlineBody::new(body, total)))
}
