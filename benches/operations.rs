//! Measures registration, read, update and deletion on `MemoryStore` in three ways: calls of `Registry`, calls of the
//! service without a socket, and requests over one HTTP/1 connection on loopback. Client and server share one thread,
//! so the last figure includes the work of the client.
//!
//! `cargo bench --all-features --bench operations` prints a table in microseconds. Each figure is the mean of the
//! fastest batch, which was disturbed least.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a bench fails by panicking")]

use std::convert::Infallible;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer as _, Service, ServiceExt as _, service_fn};
use tower_dcr::credential::ClientId;
use tower_dcr::metadata::ClientMetadata;
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, RegistrationLayer, RegistrationService, Registry};

/// The number of clients in one batch. Each is registered, read, updated and deleted.
const BATCH: usize = 500;
const BATCHES: usize = 20;

/// The document of a typical desktop client of the Model Context Protocol.
const DOCUMENT: &str = r#"{
  "client_name": "An Editor", "client_uri": "https://editor.example.com",
  "redirect_uris": ["http://127.0.0.1/callback", "http://localhost/callback", "https://editor.example.com/callback"],
  "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
  "token_endpoint_auth_method": "none", "scope": "openid profile offline_access"
}"#;

/// The operations, in the order of the columns.
const NAMES: [&str; 4] = ["register", "read", "update", "delete"];

/// The fastest batch of each operation.
#[derive(Debug)]
struct Fastest([Duration; 4]);

impl Fastest {
    fn new() -> Self {
        Self([Duration::MAX; 4])
    }

    /// Notes the time of a batch, if it is the fastest.
    fn note(&mut self, operation: usize, started: Instant) {
        self.0[operation] = self.0[operation].min(started.elapsed());
    }

    fn print(&self, how: &str) {
        let columns = self.0.map(|batch| format!("{:>10.1}", batch.as_secs_f64() * 1e6 / BATCH as f64));
        println!("{how:<22}{}", columns.concat());
    }
}

/// Without an audit sink: writing a log would be most of the measured time.
fn registry() -> Registry {
    let builder = Registry::builder("https://id.example.com", Access::Open).with_audit(());
    builder.build(MemoryStore::new()).unwrap()
}

/// Calls of the registry, without HTTP.
async fn of_the_registry() -> Fastest {
    let (registry, mut fastest) = (registry(), Fastest::new());
    let metadata = ClientMetadata::from_json(DOCUMENT.as_bytes()).unwrap();
    for _ in 0..BATCHES {
        let mut clients: Vec<(ClientId, String)> = Vec::with_capacity(BATCH);
        let started = Instant::now();
        for _ in 0..BATCH {
            let registered = registry.register(metadata.clone()).await.unwrap();
            let token = registered.registration_access_token().unwrap().expose().to_owned();
            clients.push((registered.client().id().clone(), token));
        }
        fastest.note(0, started);
        let started = Instant::now();
        for (id, token) in &clients {
            registry.read(id, token).await.unwrap();
        }
        fastest.note(1, started);
        let started = Instant::now();
        for (id, token) in &clients {
            registry.update(id, token, metadata.clone()).await.unwrap();
        }
        fastest.note(2, started);
        let started = Instant::now();
        for (id, token) in &clients {
            registry.delete(id, token).await.unwrap();
        }
        fastest.note(3, started);
    }
    fastest
}

/// Sends a request and reads the whole reply. Both ways over HTTP share the same measurement.
trait Caller {
    async fn call(&mut self, request: Request<Full<Bytes>>) -> (StatusCode, Bytes);
}

async fn application<B>(_request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from("hello")))
}

/// Calls the service in the same task, without a socket.
struct InProcess<S>(RegistrationService<S>);

impl<S, E: std::fmt::Debug> Caller for InProcess<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<Full<Bytes>>, Error = E>,
{
    async fn call(&mut self, request: Request<Full<Bytes>>) -> (StatusCode, Bytes) {
        let response = self.0.ready().await.unwrap().call(request).await.unwrap();
        (response.status(), response.into_body().collect().await.unwrap().to_bytes())
    }
}

/// One HTTP/1 connection on loopback.
struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = RegistrationLayer::new(registry()).layer(service_fn(application));
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            // Without Nagle's algorithm, which would add a delay to each small reply.
            stream.set_nodelay(true).unwrap();
            let server = hyper::server::conn::http1::Builder::new();
            server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).await
        });
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }
}

impl Caller for Connection {
    async fn call(&mut self, request: Request<Full<Bytes>>) -> (StatusCode, Bytes) {
        self.0.ready().await.unwrap();
        let response = self.0.send_request(request).await.unwrap();
        (response.status(), response.into_body().collect().await.unwrap().to_bytes())
    }
}

fn request(method: Method, path: &str, token: Option<&str>, body: &'static str) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method).uri(path).header(HOST, "id.example.com");
    let request = request.header(CONTENT_TYPE, "application/json");
    let request = match token {
        Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
        None => request,
    };
    request.body(Full::from(body)).unwrap()
}

/// Requests over this caller: one batch of registrations, then reads, updates and deletions of the same clients.
async fn over(caller: &mut impl Caller) -> Fastest {
    let mut fastest = Fastest::new();
    for _ in 0..BATCHES {
        let mut replies = Vec::with_capacity(BATCH);
        let started = Instant::now();
        for _ in 0..BATCH {
            replies.push(caller.call(request(Method::POST, "/oidc/register", None, DOCUMENT)).await);
        }
        fastest.note(0, started);
        let clients: Vec<_> = replies.iter().map(|(status, body)| place(*status, body)).collect();
        let managed = [
            (Method::GET, "", StatusCode::OK),
            (Method::PUT, DOCUMENT, StatusCode::OK),
            (Method::DELETE, "", StatusCode::NO_CONTENT),
        ];
        for (index, (method, body, expected)) in managed.into_iter().enumerate() {
            let started = Instant::now();
            for (path, token) in &clients {
                let (status, _) = caller.call(request(method.clone(), path, Some(token), body)).await;
                assert_eq!(status, expected, "{method}");
            }
            fastest.note(index + 1, started);
        }
    }
    fastest
}

/// The path of a new client and its registration access token, from the reply.
fn place(status: StatusCode, body: &[u8]) -> (String, String) {
    assert_eq!(status, StatusCode::CREATED);
    let client: serde_json::Value = serde_json::from_slice(body).unwrap();
    let text = |name: &str| client[name].as_str().unwrap().to_owned();
    (format!("/oidc/register/{}", text("client_id")), text("registration_access_token"))
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("{:<22}{}", "microseconds", NAMES.map(|name| format!("{name:>10}")).concat());
    of_the_registry().await.print("Registry");
    let mut service = InProcess(RegistrationLayer::new(registry()).layer(service_fn(application)));
    over(&mut service).await.print("service, no socket");
    over(&mut Connection::open().await).await.print("HTTP/1 on loopback");
}
