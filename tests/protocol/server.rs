//! The registration server of one test. Requests reach it without a socket; only a test that sends raw bytes makes it
//! listen on loopback.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::Full;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OnceCell, oneshot};
use tower_dcr::config::RegistryBuilder;
use tower_dcr::store::{ClientStore, MemoryStore};
use tower_dcr::{Access, RegistrationLayer, Registry};
use url::{Position, Url};

use crate::common::oneshot::call;
use crate::corpus::response_constraints::assert_information;

pub(crate) use crate::common::reply::Reply;
pub(crate) use crate::common::{minimal, minimal_and};

/// What an update must not contain.
pub(crate) const FORBIDDEN: [&str; 4] =
    ["registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"];

const BASE_URL: &str = "https://id.example.com";

/// An application behind the layer.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) registry: Registry,
    application: Router,
    socket: OnceCell<Socket>,
}

/// A listener that closes when it is dropped.
#[derive(Debug)]
struct Socket {
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl Socket {
    async fn listen(application: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = axum::serve(listener, application).with_graceful_shutdown(async { drop(stopped.await) });
        tokio::spawn(async { serve.await.unwrap() });
        Self { address, _stop: stop }
    }
}

impl Server {
    /// The default settings with open registration.
    pub(crate) async fn open() -> Self {
        Self::start(Access::Open, |builder| builder).await
    }

    pub(crate) async fn start(access: Access, configure: impl FnOnce(RegistryBuilder) -> RegistryBuilder) -> Self {
        Self::with_store(access, MemoryStore::new(), configure).await
    }

    pub(crate) async fn with_store(
        access: Access,
        store: impl ClientStore,
        configure: impl FnOnce(RegistryBuilder) -> RegistryBuilder,
    ) -> Self {
        Self::with_layer(access, store, configure, |layer| layer).await
    }

    pub(crate) async fn with_layer(
        access: Access,
        store: impl ClientStore,
        configure: impl FnOnce(RegistryBuilder) -> RegistryBuilder,
        finish: impl FnOnce(RegistrationLayer) -> RegistrationLayer,
    ) -> Self {
        let registry = configure(Registry::builder(BASE_URL, access)).build(store).unwrap();
        let layer = finish(RegistrationLayer::new(registry.clone()));
        let application = Router::new().route("/", get(|| async { "the application" })).layer(layer);
        Self { registry, application, socket: OnceCell::new() }
    }

    /// The address at which the server listens; it begins to listen with the first call.
    pub(crate) async fn address(&self) -> SocketAddr {
        self.socket.get_or_init(|| Socket::listen(self.application.clone())).await.address
    }

    /// The URL of the registration endpoint.
    pub(crate) fn endpoint(&self) -> String {
        self.url("/oidc/register")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{BASE_URL}{path}")
    }

    pub(crate) fn request(&self, method: Method, url: impl AsRef<str>) -> RequestBuilder {
        RequestBuilder::new(self.application.clone(), method, url.as_ref())
    }

    /// A registration with this body, exactly as it stands.
    pub(crate) fn posting(&self, body: impl Into<Bytes>) -> RequestBuilder {
        self.request(Method::POST, self.endpoint()).header("content-type", "application/json").body(body)
    }

    pub(crate) async fn post(&self, document: &Value) -> Reply {
        send(self.posting(document.to_string())).await
    }

    /// Registers a client that must be accepted.
    pub(crate) async fn register(&self, document: &Value) -> Registered {
        Registered::of(&self.post(document).await)
    }

    pub(crate) async fn count(&self) -> u64 {
        self.registry.count().await.unwrap()
    }

    pub(crate) async fn get(&self, client: &Registered) -> Reply {
        send(self.request(Method::GET, client.uri()).bearer_auth(client.token())).await
    }

    pub(crate) fn putting(&self, client: &Registered, document: &Value) -> RequestBuilder {
        let request = self.request(Method::PUT, client.uri()).bearer_auth(client.token());
        request.header("content-type", "application/json").body(document.to_string())
    }

    pub(crate) async fn put(&self, client: &Registered, document: &Value) -> Reply {
        send(self.putting(client, document)).await
    }

    pub(crate) async fn delete(&self, client: &Registered) -> Reply {
        send(self.request(Method::DELETE, client.uri()).bearer_auth(client.token())).await
    }

    /// Sends these bytes and reads until the server closes the connection.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> Reply {
        self.raw_pieces([bytes]).await.0
    }

    /// As [`raw`](Self::raw), for the reply exactly as it came.
    pub(crate) async fn raw_text(&self, bytes: &[u8]) -> String {
        String::from_utf8(self.exchange([bytes]).await.0).unwrap()
    }

    /// Sends these pieces one after the other, as long as the server takes them, and returns how many bytes it took. A
    /// server may answer and close before it has read everything, so writing and reading run side by side.
    pub(crate) async fn raw_pieces<P: AsRef<[u8]>>(&self, pieces: impl IntoIterator<Item = P>) -> (Reply, usize) {
        let (received, taken) = self.exchange(pieces).await;
        (Reply::parse(&received), taken)
    }

    async fn exchange<P: AsRef<[u8]>>(&self, pieces: impl IntoIterator<Item = P>) -> (Vec<u8>, usize) {
        let (mut reader, mut writer) = TcpStream::connect(self.address().await).await.unwrap().into_split();
        let mut taken = 0;
        let write = async {
            for piece in pieces {
                if writer.write_all(piece.as_ref()).await.is_err() {
                    break;
                }
                taken += piece.as_ref().len();
            }
        };
        let mut received = Vec::new();
        let read = async { drop(reader.read_to_end(&mut received).await) };
        tokio::join!(write, read);
        (received, taken)
    }
}

/// A request to a server, ready to be sent.
#[derive(Debug)]
pub(crate) struct RequestBuilder {
    application: Router,
    request: Request<Bytes>,
}

impl RequestBuilder {
    /// A request as a server receives it from a client that resolves this URL: the path, and the host as a header.
    fn new(application: Router, method: Method, url: &str) -> Self {
        let url = Url::parse(url).unwrap();
        let request = Request::builder().method(method).uri(&url[Position::BeforePath..Position::AfterQuery]);
        let request = request.header(HOST, &url[Position::BeforeHost..Position::AfterPort]);
        Self { application, request: request.body(Bytes::new()).unwrap() }
    }

    /// Adds a header; one of this name that is already there stays.
    pub(crate) fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName, Error: std::fmt::Debug>,
        V: TryInto<HeaderValue, Error: std::fmt::Debug>,
    {
        self.request.headers_mut().append(name.try_into().unwrap(), value.try_into().unwrap());
        self
    }

    pub(crate) fn bearer_auth(self, token: impl std::fmt::Display) -> Self {
        self.header(AUTHORIZATION, format!("Bearer {token}"))
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        *self.request.body_mut() = body.into();
        self
    }

    pub(crate) fn json(self, document: &Value) -> Self {
        self.header(CONTENT_TYPE, "application/json").body(document.to_string())
    }

    /// Sends it, with the length of its body as clients do. [`send`] checks the reply in addition.
    pub(crate) async fn send(mut self) -> Reply {
        if !self.request.body().is_empty() {
            let length = self.request.body().len().into();
            self.request.headers_mut().insert(CONTENT_LENGTH, length);
        }
        call(self.application, self.request.map(Full::new)).await
    }
}

/// Sends a request and takes the whole reply. A client information response must be one that every client can read; the
/// answer to a dry run is none.
pub(crate) async fn send(request: RequestBuilder) -> Reply {
    let reply = request.send().await;
    let dry_run = reply.body.starts_with(br#"{"valid""#);
    if matches!(reply.status, 200 | 201) && reply.body.starts_with(b"{") && !dry_run {
        assert_information("every request", &reply);
    }
    reply
}

/// A client information response: what a client knows of its registration.
#[derive(Debug, Clone)]
pub(crate) struct Registered {
    pub(crate) document: Value,
}

impl Registered {
    pub(crate) fn of(reply: &Reply) -> Self {
        assert!(matches!(reply.status, 200 | 201), "{}: {}", reply.status, reply.text());
        Self { document: reply.json() }
    }

    pub(crate) fn member(&self, name: &str) -> &str {
        self.document[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.document))
    }

    pub(crate) fn id(&self) -> &str {
        self.member("client_id")
    }

    pub(crate) fn uri(&self) -> &str {
        self.member("registration_client_uri")
    }

    pub(crate) fn token(&self) -> &str {
        self.member("registration_access_token")
    }

    /// The document as the client may send it back: without what only the server says.
    pub(crate) fn own(&self) -> Value {
        let mut document = self.document.clone();
        for member in FORBIDDEN {
            document.as_object_mut().unwrap().remove(member);
        }
        document
    }
}
