//! A registration server on loopback for one test, and two clients for it: one that speaks HTTP well, one that sends
//! whatever bytes it is given.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use reqwest::RequestBuilder;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tower_dcr::config::RegistryBuilder;
use tower_dcr::store::{ClientStore, MemoryStore};
use tower_dcr::{Access, RegistrationLayer, Registry};

use crate::corpus::response_constraints::assert_information;

/// What an update must not contain.
pub(crate) const FORBIDDEN: [&str; 4] =
    ["registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"];

/// A server that stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) registry: Registry,
    http: reqwest::Client,
    _stop: oneshot::Sender<()>,
}

impl Server {
    /// Everybody may register, by the defaults.
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
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let builder = Registry::builder(format!("http://{address}"), access);
        let registry = configure(builder).build(store).unwrap();
        let layer = finish(RegistrationLayer::new(registry.clone()));
        let application = Router::new().route("/", get(|| async { "the application" })).layer(layer);
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = axum::serve(listener, application).with_graceful_shutdown(async { drop(stopped.await) });
        tokio::spawn(async { serve.await.unwrap() });
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { address, registry, http, _stop: stop }
    }

    /// The URL of the registration endpoint.
    pub(crate) fn endpoint(&self) -> String {
        self.url("/oidc/register")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn request(&self, method: Method, url: impl AsRef<str>) -> RequestBuilder {
        self.http.request(method, url.as_ref())
    }

    /// A registration with this body, exactly as it stands.
    pub(crate) fn posting(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
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

    /// Sends these pieces one after the other, as long as the server takes them, and tells how many bytes it took. A
    /// server may answer and close before it has read everything, so writing and reading run side by side.
    pub(crate) async fn raw_pieces<P: AsRef<[u8]>>(&self, pieces: impl IntoIterator<Item = P>) -> (Reply, usize) {
        let (received, taken) = self.exchange(pieces).await;
        (Reply::parse(&received), taken)
    }

    async fn exchange<P: AsRef<[u8]>>(&self, pieces: impl IntoIterator<Item = P>) -> (Vec<u8>, usize) {
        let (mut reader, mut writer) = TcpStream::connect(self.address).await.unwrap().into_split();
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

/// Sends a request and takes the whole reply. A client information response must be one that every client can read; the
/// answer to a dry run is none.
pub(crate) async fn send(request: RequestBuilder) -> Reply {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let reply = Reply { status, headers, body: response.bytes().await.expect("the whole answer") };
    let dry_run = reply.body.starts_with(br#"{"valid""#);
    if matches!(status, 200 | 201) && reply.body.starts_with(b"{") && !dry_run {
        assert_information("whatever was sent", &reply);
    }
    reply
}

/// A reply, received completely.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    /// Reads a reply that came with a length or until the end of the connection.
    fn parse(received: &[u8]) -> Self {
        let end = received.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no HTTP reply: {:?}", String::from_utf8_lossy(received)));
        let head = std::str::from_utf8(&received[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap().parse().unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in lines.map(|line| line.split_once(':').unwrap()) {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value.trim()).unwrap());
        }
        Self { status, headers, body: Bytes::copy_from_slice(&received[end + 4..]) }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The error code, if the body is JSON and has one.
    pub(crate) fn error(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        body["error"].as_str().map(str::to_owned)
    }
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

/// A document that is accepted, of a client with a secret.
pub(crate) fn minimal() -> Value {
    serde_json::json!({ "redirect_uris": ["https://app.example.com/cb"] })
}

/// A document with these members on top of [`minimal`].
pub(crate) fn minimal_and(members: Value) -> Value {
    let mut document = minimal();
    let Value::Object(members) = members else { panic!("an object is expected") };
    document.as_object_mut().unwrap().extend(members);
    document
}
