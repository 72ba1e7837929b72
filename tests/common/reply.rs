//! The reply type of all tests.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, Version};
use http_body_util::BodyExt as _;
use hyper::body::Body;
use serde_json::Value;

/// A reply, received completely.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) version: Version,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The body as JSON; null if it is empty or not JSON.
    pub(crate) document: Value,
}

impl Reply {
    /// Receives the body of a response.
    pub(crate) async fn read<B>(response: Response<B>) -> Self
    where
        B: Body,
        B::Error: std::fmt::Debug,
    {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("the whole body").to_bytes();
        Self::new(parts.version, parts.status.as_u16(), parts.headers, body)
    }

    pub(crate) fn new(version: Version, status: u16, headers: HeaderMap, body: Bytes) -> Self {
        let document = serde_json::from_slice(&body).unwrap_or_default();
        Self { version, status, headers, body, document }
    }

    /// Parses a reply that came with a length or until the end of the connection.
    pub(crate) fn parse(received: &[u8]) -> Self {
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
        Self::new(Version::HTTP_11, status, headers, Bytes::copy_from_slice(&received[end + 4..]))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body, which must be JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The error code, if the body is JSON and has one.
    pub(crate) fn error(&self) -> Option<String> {
        self.document["error"].as_str().map(str::to_owned)
    }

    /// Status and error code of a refusal.
    pub(crate) fn refusal(&self) -> (u16, Option<&str>) {
        (self.status, self.document["error"].as_str())
    }

    /// The JSON pointer of the first violation.
    pub(crate) fn pointer(&self) -> Option<&str> {
        self.document["violations"][0]["pointer"].as_str()
    }
}
