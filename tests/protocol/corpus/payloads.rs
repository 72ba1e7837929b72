//! What real clients send, and what attackers send, answered as the payload files expect it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Method};
use serde_json::{Map, Value};
use tower_dcr::config::RegistryBuilder;
use tower_dcr::metadata::GrantType;
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, RegistrationLayer};

use crate::corpus::data::{self, Generator, Payload};
use crate::corpus::expectations::{Case, assert_expected};
use crate::server::{Reply, Server, send};

/// Bodies above the default limit whose expectation is about what is in them; with the default limit they are 413.
const ABOVE_THE_DEFAULT_LIMIT: [&str; 1] = ["attack-many-redirects"];

#[tokio::test]
async fn every_payload_gets_what_its_file_expects() {
    let payloads = data::payloads();
    assert_eq!(payloads.len(), 83);
    for payload in payloads.iter().filter(|payload| cfg!(feature = "cors") || !needs_cors(payload)) {
        run(payload).await;
    }
}

#[tokio::test]
async fn an_open_endpoint_ignores_malformed_authorization_headers() {
    let payload = payload("attack-malformed-bearer");
    let server = Server::open().await;
    for variant in payload.request.headers_variants.iter().flatten() {
        let reply = send(request(&server, &payload).header(AUTHORIZATION, value(variant))).await;
        assert_eq!(reply.status, 201, "{variant:.20}: {}", reply.text());
    }
}

#[tokio::test]
async fn two_orders_of_localised_names_are_two_clients_with_the_same_names() {
    let server = Server::open().await;
    let mut replies = Vec::new();
    for id in ["mas-localised-order-a", "mas-localised-order-b"] {
        replies.push(send(request(&server, &payload(id))).await.json());
    }
    assert_ne!(replies[0]["client_id"], replies[1]["client_id"]);
    for member in ["client_name", "client_name#en", "client_name#fr", "client_name#de"] {
        assert_eq!(replies[0][member], replies[1][member], "{member}");
    }
}

/// A payload by its identifier.
fn payload(id: &str) -> Payload {
    data::payloads().into_iter().find(|payload| payload.id == id).unwrap()
}

async fn run(payload: &Payload) {
    let server = server(payload).await;
    let before = server.count().await;
    let replies = match &payload.request.headers_variants {
        Some(variants) => each_variant(&server, payload, variants).await,
        None => vec![(payload.id.clone(), answer(&server, payload).await)],
    };
    for (name, reply) in &replies {
        let stored = server.count().await - before;
        assert_eq!(stored, u64::from(reply.status == 201), "{name}: clients stored, {}", reply.text());
        assert_expected(&Case { name, payload, server: &server, reply }).await;
    }
}

async fn each_variant(server: &Server, payload: &Payload, variants: &[String]) -> Vec<(String, Reply)> {
    let mut replies = Vec::new();
    for variant in variants {
        let reply = send(request(server, payload).header(AUTHORIZATION, value(variant))).await;
        replies.push((format!("{} with {variant:.20}", payload.id), reply));
    }
    replies
}

fn setting(payload: &Payload) -> Option<&str> {
    payload.expect.permissive.get("needs_setting").and_then(Value::as_str)
}

fn needs_cors(payload: &Payload) -> bool {
    setting(payload) == Some("cors enabled")
}

/// A server with the settings that the payload needs.
pub(crate) async fn server(payload: &Payload) -> Server {
    let cors = needs_cors(payload);
    let grant = match setting(payload) {
        None | Some("cors enabled") => None,
        Some("device_code grant enabled") => Some(GrantType::DeviceCode),
        Some("client_credentials grant enabled") => Some(GrantType::ClientCredentials),
        Some(other) => panic!("{}: unknown setting {other}", payload.id),
    };
    // Only an endpoint that wants credentials looks at them.
    let access = if payload.request.headers_variants.is_some() { Access::Tokens } else { Access::Open };
    let configure = |builder: RegistryBuilder| {
        let builder = match grant {
            Some(grant) => builder
                .with_grant_types([GrantType::AuthorizationCode, GrantType::RefreshToken].into_iter().chain([grant])),
            None => builder,
        };
        if ABOVE_THE_DEFAULT_LIMIT.contains(&payload.id.as_str()) { builder.with_body_limit(1 << 20) } else { builder }
    };
    let finish = |layer| if cors { with_cors(layer) } else { layer };
    Server::with_layer(access, MemoryStore::new(), configure, finish).await
}

#[cfg(feature = "cors")]
fn with_cors(layer: RegistrationLayer) -> RegistrationLayer {
    use tower_http::cors::{Any, CorsLayer};
    let headers = [CONTENT_TYPE, AUTHORIZATION, HeaderName::from_static("mcp-protocol-version")];
    let methods = [Method::POST, Method::GET, Method::PUT, Method::DELETE];
    layer.with_cors(CorsLayer::new().allow_origin(Any).allow_methods(methods).allow_headers(headers))
}

#[cfg(not(feature = "cors"))]
fn with_cors(_layer: RegistrationLayer) -> RegistrationLayer {
    panic!("this payload needs the feature `cors`")
}

async fn answer(server: &Server, payload: &Payload) -> Reply {
    match &payload.request.body_generator {
        Some(Generator { base, member, repeat: Some(repeat), count: Some(count), .. }) => {
            let (reply, taken) = repeated(server, base, member, repeat, *count).await;
            assert!(taken < *count / 2, "{}: the server took {taken} bytes before it refused", payload.id);
            reply
        }
        _ => send(request(server, payload)).await,
    }
}

/// The request of a payload whose body fits into memory.
pub(crate) fn request(server: &Server, payload: &Payload) -> crate::server::RequestBuilder {
    let method = Method::from_bytes(payload.request.method.as_bytes()).unwrap();
    let mut request = server.request(method, server.endpoint());
    if let Some(content_type) = &payload.request.content_type {
        request = request.header(CONTENT_TYPE, content_type);
    }
    for (name, text) in &payload.request.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        request = request.header(name, value(text.as_str().unwrap()));
    }
    request.body(body(payload))
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_bytes(text.as_bytes()).unwrap()
}

fn body(payload: &Payload) -> String {
    let request = &payload.request;
    if let Some(document) = &request.body {
        document.to_string()
    } else if let Some(text) = &request.body_raw {
        text.clone()
    } else if let Some(form) = &request.body_form {
        let pairs = form.iter().map(|(name, text)| (name, text.as_str().unwrap()));
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    } else if let Some(claims) = &request.body_jwt_claims {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", part(r#"{"alg":"PS256"}"#), part(&claims.to_string()), part("no signature"))
    } else if let Some(generator) = &request.body_generator {
        generated(generator)
    } else {
        String::new()
    }
}

fn generated(generator: &Generator) -> String {
    let (before, after) = around(&generator.base, &generator.member);
    let value = match generator {
        Generator { nest: Some(nest), .. } => format!("{}{}", "[".repeat(*nest), "]".repeat(*nest)),
        Generator { element: Some(element), count: Some(count), .. } => {
            let elements = (0..*count).map(|index| Value::from(element.replace("{i}", &index.to_string())));
            Value::Array(elements.collect()).to_string()
        }
        other => panic!("unknown generator {other:?}"),
    };
    format!("{before}{value}{after}")
}

/// The document around the value of the last member.
fn around(base: &Map<String, Value>, member: &str) -> (String, &'static str) {
    let base = Value::Object(base.clone()).to_string();
    (format!("{},\"{member}\":", base.strip_suffix('}').unwrap()), "}")
}

/// Streams a document with one member that is far too long.
async fn repeated(
    server: &Server,
    base: &Map<String, Value>,
    member: &str,
    repeat: &str,
    count: usize,
) -> (Reply, usize) {
    const PIECES: usize = 1600;
    let (before, after) = around(base, member);
    let length = before.len() + after.len() + repeat.len() * count + 2;
    let head = format!(
        "POST /oidc/register HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{before}\""
    );
    let piece = repeat.repeat(count / PIECES);
    let pieces = std::iter::once(head).chain(std::iter::repeat_n(piece, PIECES)).chain([format!("\"{after}")]);
    server.raw_pieces(pieces).await
}
