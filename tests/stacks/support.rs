//! Servers, clients, and the one walk through the protocol that every stack must allow.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{Method, Request, Response, StatusCode, Version};
use http_body::Body;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tower::Service;
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, BoxError, RegistrationLayer, Registry};

use crate::common::reply::Reply;
use crate::greeter::Greeter;

/// An initial access token that every registry with access by tokens knows.
pub(crate) const TOKEN: &str = "an-initial-access-token-for-tests";

/// Far longer than anything here takes; a test that hangs shall fail.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn registry(base_url: &str, access: Access) -> Registry {
    let takes_tokens = matches!(access, Access::Tokens);
    let builder = Registry::builder(base_url, access);
    let builder = if takes_tokens { builder.with_initial_access_token(TOKEN) } else { builder };
    builder.build(MemoryStore::new()).unwrap()
}

/// A listener on a free port, and a registry for the server that will have it.
pub(crate) async fn listen(access: Access) -> (TcpListener, SocketAddr, Registry) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address, registry(&format!("http://{address}"), access))
}

pub(crate) fn serve_axum(listener: TcpListener, router: axum::Router) {
    tokio::spawn(async move { axum::serve(listener, router).await });
}

/// A bare hyper server for HTTP/1 and HTTP/2.
pub(crate) fn serve_hyper<S, B>(listener: TcpListener, service: S)
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                server.serve_connection_with_upgrades(TokioIo::new(stream), service).await
            });
        }
    });
}

/// A gRPC server with the layer, for HTTP/1 and HTTP/2.
pub(crate) fn serve_tonic(listener: TcpListener, registry: Registry) {
    let server = Server::builder().accept_http1(true).layer(RegistrationLayer::new(registry)).add_service(Greeter);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
}

/// A client that sends one request.
pub(crate) trait Caller {
    async fn send(&self, request: Request<Vec<u8>>) -> Reply;
}

/// hyper's client, for one version of HTTP.
pub(crate) struct Hyper {
    client: Client<HttpConnector, Full<Bytes>>,
    pub(crate) version: Version,
}

impl Hyper {
    pub(crate) fn http_1() -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http(), version: Version::HTTP_11 }
    }

    pub(crate) fn http_2() -> Self {
        let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
        Self { client, version: Version::HTTP_2 }
    }
}

impl Caller for Hyper {
    async fn send(&self, request: Request<Vec<u8>>) -> Reply {
        let answer = async {
            let response = self.client.request(request.map(Full::from)).await.unwrap();
            Reply::read(response).await
        };
        let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap();
        assert_eq!(answer.version, self.version);
        answer
    }
}

impl Caller for reqwest::Client {
    async fn send(&self, request: Request<Vec<u8>>) -> Reply {
        let request = reqwest::Request::try_from(request).unwrap();
        let response = self.execute(request).await.unwrap();
        let (version, status, headers) = (response.version(), response.status().as_u16(), response.headers().clone());
        Reply::new(version, status, headers, response.bytes().await.unwrap())
    }
}

pub(crate) fn reqwest() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap()
}

pub(crate) fn request(method: Method, uri: &str, token: Option<&str>, body: Option<&Value>) -> Request<Vec<u8>> {
    let mut request = Request::builder().method(method).uri(uri);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    match body {
        Some(body) => request.header(CONTENT_TYPE, "application/json").body(body.to_string().into_bytes()).unwrap(),
        None => request.body(Vec::new()).unwrap(),
    }
}

/// Registers, reads, updates, reads and deletes; a read after that is refused.
pub(crate) async fn walk(name: &str, caller: &impl Caller, endpoint: &str) {
    let metadata = json!({ "redirect_uris": ["https://app.example.com/cb"], "client_name": "First" });
    let created = caller.send(request(Method::POST, endpoint, None, Some(&metadata))).await;
    assert_eq!(created.status, StatusCode::CREATED, "{name}: create: {created:?}");
    assert_eq!(created.headers[CONTENT_TYPE], "application/json", "{name}: create");
    assert_eq!(created.headers[CACHE_CONTROL], "no-store", "{name}: create");
    let created = (created.json(), created.headers[LOCATION].to_str().unwrap().to_owned());
    let (client, uri) = (created.0, &*created.1);
    assert_eq!(client["registration_client_uri"], uri, "{name}: the place of the client");
    assert_eq!(uri, format!("{endpoint}/{}", client["client_id"].as_str().unwrap()), "{name}: the place of the client");
    let token = client["registration_access_token"].as_str();

    let read = caller.send(request(Method::GET, uri, token, None)).await;
    assert_eq!(read.status, StatusCode::OK, "{name}: read: {read:?}");
    assert_eq!(read.json(), client, "{name}: read");

    let metadata = json!({
        "client_id": client["client_id"],
        "redirect_uris": ["https://app.example.com/cb"],
        "client_name": "Second",
    });
    let updated = caller.send(request(Method::PUT, uri, token, Some(&metadata))).await;
    assert_eq!(updated.status, StatusCode::OK, "{name}: update: {updated:?}");
    let read = caller.send(request(Method::GET, uri, token, None)).await;
    assert_eq!(read.json()["client_name"], "Second", "{name}: read after update");

    let deleted = caller.send(request(Method::DELETE, uri, token, None)).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT, "{name}: delete: {deleted:?}");
    assert!(deleted.body.is_empty(), "{name}: delete");
    let gone = caller.send(request(Method::GET, uri, token, None)).await;
    assert_eq!(gone.status, StatusCode::UNAUTHORIZED, "{name}: read after delete: {gone:?}");
    assert_eq!(gone.json()["error"], "invalid_token", "{name}: read after delete");
}

/// Asks for a page of the application.
pub(crate) async fn get(caller: &impl Caller, uri: &str) -> Reply {
    caller.send(request(Method::GET, uri, None, None)).await
}

/// A connection that sends at once what it is given.
pub(crate) async fn dial(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Polls until there is a value.
pub(crate) async fn eventually<T>(name: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let seen = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, seen).await.unwrap_or_else(|_| panic!("{name}: never seen"))
}

/// A connection on which every byte is the test's own.
pub(crate) struct Raw {
    stream: TcpStream,
}

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: dial(address).await }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Sends no more.
    pub(crate) async fn finish(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// The next response head, an interim one included, with its empty line.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = tokio::time::timeout(PATIENCE, self.stream.read_u8()).await.expect("an answer in time");
            head.push(byte.unwrap_or_else(|error| panic!("{error} after {:?}", String::from_utf8_lossy(&head))));
        }
        String::from_utf8(head).unwrap()
    }

    /// Everything up to the end of the connection.
    pub(crate) async fn rest(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.stream.read_to_end(&mut rest));
        read.await.expect("an end in time").unwrap();
        rest
    }

    /// As [`rest`](Self::rest), where the other side may also break the connection off.
    pub(crate) async fn rest_or_reset(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.stream.read_to_end(&mut rest));
        let _ = read.await.expect("an end in time");
        rest
    }

    /// Status line and body of a response whose length is known.
    pub(crate) async fn answer(&mut self) -> (String, Vec<u8>) {
        let head = self.head().await;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map(|value| value.parse());
        let mut body = vec![0; length.unwrap_or(Ok(0)).unwrap()];
        let read = tokio::time::timeout(PATIENCE, self.stream.read_exact(&mut body));
        read.await.expect("a body in time").unwrap();
        (head.lines().next().unwrap().to_owned(), body)
    }
}
