//! The memory that one request body takes, however it is cut into frames. A target of its own, because the allocator
//! measures the whole process.
#![cfg(feature = "memory")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream;
use http::{Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use peak_alloc::PeakAlloc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower::{Service as _, ServiceExt as _};
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, EndpointService, Registry};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The allocator measures all threads, so the tests of this file run one after the other.
static ALONE: Mutex<()> = Mutex::new(());

const LIMIT: usize = 65_536;
const FRAMES: usize = 65_000;

fn endpoint() -> EndpointService {
    let builder = Registry::builder("https://id.example.com", Access::Open).with_body_limit(LIMIT);
    builder.build(MemoryStore::new()).unwrap().into_service()
}

/// A registration of so many bytes: metadata, and spaces to the end.
fn document(length: usize) -> Vec<u8> {
    let mut document = br#"{"redirect_uris":["https://app.example.com/cb"]}"#.to_vec();
    document.resize(length, b' ');
    document
}

/// One byte, cut from a read buffer of 8 KiB that lives as long as the byte.
fn pinning(byte: u8) -> Bytes {
    let mut buffer = vec![0; 8 * 1024];
    buffer[0] = byte;
    Bytes::from(buffer).slice(..1)
}

/// How far the memory in use rises above what is in use now.
struct Rise(usize);

impl Rise {
    fn begin() -> Self {
        ALLOCATOR.reset_peak_usage();
        Self(ALLOCATOR.current_usage())
    }

    fn bytes(&self) -> usize {
        ALLOCATOR.peak_usage().saturating_sub(self.0)
    }
}

#[test]
fn frames_of_one_byte_take_less_than_three_times_the_limit() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let rows = [
        ("one-byte frames", FRAMES, StatusCode::CREATED),
        ("a byte too many", LIMIT + 1, StatusCode::PAYLOAD_TOO_LARGE),
    ];
    for (name, frames, status) in rows {
        let mut endpoint = endpoint();
        let frames = document(frames).into_iter().map(|byte| Ok::<_, Infallible>(Frame::data(pinning(byte))));
        let frames = stream::iter(frames);
        let rise = Rise::begin();
        let request = Request::post("/oidc/register").header("content-type", "application/json");
        let response = runtime.block_on(endpoint.call(request.body(StreamBody::new(frames)).unwrap())).unwrap();
        assert_eq!(response.status(), status, "{name}");
        let rise = rise.bytes();
        assert!(rise < 3 * LIMIT, "{name}: {rise} bytes at the peak");
    }
}

/// Serves one connection of hyper with the endpoint.
async fn serve() -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    tokio::spawn(async move {
        let service = TowerToHyperService::new(endpoint());
        auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await
    });
    client
}

#[test]
fn one_byte_chunks_on_the_wire_take_little_memory() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut request = b"POST /oidc/register HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n".to_vec();
        request.extend(b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
        for byte in document(FRAMES) {
            request.extend([b'1', b'\r', b'\n', byte, b'\r', b'\n']);
        }
        request.extend(b"0\r\n\r\n");
        let mut stream = serve().await;
        let rise = Rise::begin();
        stream.write_all(&request).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 201 Created\r\n"), "{}", String::from_utf8_lossy(&answer));
        // hyper's own read buffer is a part of it: it may grow to 400 KiB.
        let rise = rise.bytes();
        assert!(rise < 16 * LIMIT, "{rise} bytes at the peak");
    });
}

#[test]
fn a_declared_length_takes_no_memory_before_the_bytes_are_there() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let registry = Registry::builder("https://id.example.com", Access::Open).with_body_limit(1 << 20);
    let endpoint = registry.build(MemoryStore::new()).unwrap().into_service();
    let frames = stream::iter([Err::<Frame<Bytes>, _>(std::io::Error::other("the client left"))]);
    let request = Request::post("/oidc/register").header("content-type", "application/json");
    let request = request.header("content-length", 1 << 20).body(StreamBody::new(frames)).unwrap();
    let rise = Rise::begin();
    let response = runtime.block_on(endpoint.oneshot(request)).unwrap();
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
    let rise = rise.bytes();
    assert!(rise < 64 * 1024, "{rise} bytes at the peak");
    runtime.block_on(response.into_body().collect()).unwrap();
}
