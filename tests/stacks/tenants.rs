//! Several issuers behind one layer, over real HTTP: what one of them issued is not valid at the others.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tower::{Layer as _, service_fn};
use tower_dcr::access::TokenOptions;
use tower_dcr::credential::InitialAccessToken;
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, RegistrationLayer, Registry, Tenants};

use crate::common::reply::Reply;
use crate::support::{Caller as _, Raw, dial, listen, reqwest, serve_hyper};

const DOCUMENT: &str = r#"{"redirect_uris":["https://app.example.com/cb"]}"#;

async fn application(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from(format!("the application at {}", request.uri().path()))))
}

fn tenant(store: &MemoryStore, name: &str, access: Access, path: &str) -> Registry {
    let takes_tokens = matches!(access, Access::Tokens);
    let builder = Registry::builder(format!("https://{name}.example"), access).with_path(path).with_tenant(name);
    let token = format!("configured-for-{name}");
    let builder = if takes_tokens { builder.with_initial_access_token(token) } else { builder };
    builder.build(store.clone()).unwrap()
}

async fn serve(tenants: Tenants) -> SocketAddr {
    let (listener, address, _) = listen(Access::Off).await;
    serve_hyper(listener, RegistrationLayer::for_tenants(tenants).layer(service_fn(application)));
    address
}

/// One request for a tenant, chosen by the `Host` header or by the path.
async fn call(address: SocketAddr, host: &str, method: Method, path: &str, token: Option<&str>) -> Reply {
    let request = Request::builder().method(method).uri(format!("http://{address}{path}")).header(HOST, host);
    let request = token.iter().fold(request.header(CONTENT_TYPE, "application/json"), |request, token| {
        request.header(AUTHORIZATION, format!("Bearer {token}"))
    });
    reqwest().send(request.body(DOCUMENT.as_bytes().to_vec()).unwrap()).await
}

/// The path of a client, and its registration access token.
fn place(registered: &Reply) -> (String, String) {
    assert_eq!(registered.status, StatusCode::CREATED, "{registered:?}");
    let client = registered.json();
    let text = |name: &str| client[name].as_str().unwrap().to_owned();
    let path = text("registration_client_uri").splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap();
    (path, text("registration_access_token"))
}

/// What a caller sees of a refusal, without the date.
fn visible(answer: &Reply) -> (u16, Vec<(String, Vec<u8>)>, Bytes) {
    let headers = answer.headers.iter().filter(|(name, _)| *name != "date");
    let headers = headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    (answer.status, headers, answer.body.clone())
}

async fn issue(registry: &Registry) -> InitialAccessToken {
    registry.issue_initial_access_token(TokenOptions::new()).await.unwrap().0
}

#[tokio::test]
async fn what_one_tenant_issued_is_nothing_to_another() {
    let store = MemoryStore::new();
    let registries = ["a", "b"].map(|name| tenant(&store, name, Access::Tokens, "/oidc/register"));
    let [a, b] = registries.clone();
    let address = serve(Tenants::by_host(registries).unwrap()).await;
    let (token_of_a, token_of_b) = (issue(&a).await, issue(&b).await);

    let unknown = call(address, "b.example", Method::POST, "/oidc/register", Some("unknown")).await;
    assert_eq!(unknown.status, StatusCode::UNAUTHORIZED);
    for (name, token) in [("issued", token_of_a.expose()), ("configured", "configured-for-a")] {
        let refused = call(address, "b.example", Method::POST, "/oidc/register", Some(token)).await;
        assert_eq!(visible(&refused), visible(&unknown), "{name}: an initial access token of another tenant");
    }

    let (path, token) =
        place(&call(address, "a.example", Method::POST, "/oidc/register", Some(token_of_a.expose())).await);
    let (path_of_b, _) =
        place(&call(address, "b.example", Method::POST, "/oidc/register", Some(token_of_b.expose())).await);
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let unknown = call(address, "b.example", method.clone(), "/oidc/register/unknown", Some(&token)).await;
        assert_eq!(unknown.status, StatusCode::UNAUTHORIZED, "{method}");
        for (name, path) in [("the same client", &path), ("a client of the other tenant", &path_of_b)] {
            let refused = call(address, "b.example", method.clone(), path, Some(&token)).await;
            assert_eq!(visible(&refused), visible(&unknown), "{method}, {name}: a token of another tenant");
        }
        let read = call(address, "a.example", Method::GET, &path, Some(&token)).await;
        assert_eq!(read.status, StatusCode::OK, "{method}: it is valid at the tenant that issued it");
    }
    assert_eq!((a.count().await.unwrap(), b.count().await.unwrap()), (1, 1));
    let (id_of_a, id_of_b) = (path.rsplit('/').next().unwrap(), path_of_b.rsplit('/').next().unwrap());
    assert!(b.client(id_of_a).await.unwrap().is_none() && a.client(id_of_b).await.unwrap().is_none());
    assert_eq!(a.initial_access_tokens().await.unwrap().len(), 1, "lists are apart too");
}

#[tokio::test]
async fn limits_and_policies_are_those_of_the_tenant() {
    let store = MemoryStore::new();
    let tenant = |name: &str, most: u64| {
        let builder = Registry::builder("https://id.example.com", Access::Open).with_path(format!("/{name}/register"));
        builder.with_tenant(name).with_max_clients(most).build(store.clone()).unwrap()
    };
    let registries = [tenant("small", 1), tenant("large", 100)];
    let address = serve(Tenants::by_path(registries.clone()).unwrap()).await;
    for (path, statuses) in [("/small/register", [201, 503]), ("/large/register", [201, 201])] {
        for status in statuses {
            let answer = call(address, "id.example.com", Method::POST, path, None).await;
            assert_eq!(answer.status, status, "{path}");
            if status == 201 {
                let uri = answer.json()["registration_client_uri"].as_str().unwrap().to_owned();
                assert!(uri.starts_with(&format!("https://id.example.com{path}/")), "{uri}");
            }
        }
    }
    registries[1].set_registration_enabled(false);
    assert_eq!(call(address, "x", Method::POST, "/large/register", None).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_host_chooses_the_tenant_and_nothing_else() {
    let store = MemoryStore::new();
    let tenants = Tenants::by_host([tenant(&store, "a", Access::Open, "/oidc/register")]).unwrap();
    let address = serve(tenants).await;
    for host in ["a.example", "A.Example", "a.example:1234", "a.example."] {
        let answer = call(address, host, Method::POST, "/oidc/register", None).await;
        let uri = answer.json()["registration_client_uri"].as_str().unwrap().to_owned();
        assert!(uri.starts_with("https://a.example/oidc/register/"), "{host}: {uri}");
    }
    for host in ["b.example", "x.a.example", "a.example.evil", ""] {
        let answer = call(address, host, Method::POST, "/oidc/register", None).await;
        assert_eq!((answer.status, &*answer.body), (200, &b"the application at /oidc/register"[..]), "{host}");
    }
}

#[tokio::test]
async fn a_target_with_a_host_says_whose_it_is() {
    let store = MemoryStore::new();
    let tenants = ["a", "b"].map(|name| tenant(&store, name, Access::Open, "/oidc/register"));
    let address = serve(Tenants::by_host(tenants).unwrap()).await;
    let mut connection = Raw::connect(address).await;
    let request = format!(
        "POST http://b.example/oidc/register HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-Host: a.example\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{DOCUMENT}",
        DOCUMENT.len()
    );
    connection.send(request.as_bytes()).await;
    let answer = String::from_utf8(connection.rest().await).unwrap();
    assert!(answer.contains("https://b.example/oidc/register/"), "{answer}");

    let stream = TokioIo::new(dial(address).await);
    let (mut client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post("http://B.example:9/oidc/register").header(CONTENT_TYPE, "application/json");
    let response = client.send_request(request.body(Full::<Bytes>::from(DOCUMENT)).unwrap()).await.unwrap();
    let body: Value = serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap();
    let uri = body["registration_client_uri"].as_str().unwrap();
    assert!(uri.starts_with("https://b.example/oidc/register/"), "{uri}");
}

/// Sends a registration whose request line and `Host` headers are the test's own.
async fn register_as(address: SocketAddr, target: &str, hosts: &[&str]) -> String {
    let hosts: String = hosts.iter().map(|host| format!("Host: {host}\r\n")).collect();
    let mut connection = Raw::connect(address).await;
    let request = format!(
        "POST {target} HTTP/1.1\r\n{hosts}Content-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{DOCUMENT}",
        DOCUMENT.len()
    );
    connection.send(request.as_bytes()).await;
    String::from_utf8(connection.rest().await).unwrap()
}

#[tokio::test]
async fn an_ambiguous_host_is_refused_over_http_1() {
    let store = MemoryStore::new();
    let tenants = ["a", "b"].map(|name| tenant(&store, name, Access::Open, "/oidc/register"));
    let [a, b] = tenants.clone();
    let address = serve(Tenants::by_host(tenants).unwrap()).await;
    let rows: &[(&str, &[&str])] = &[
        ("/oidc/register", &["a.example", "b.example"]),
        ("/oidc/register", &["a.example", "a.example"]),
        ("/oidc/register/", &["b.example, a.example"]),
        ("/oidc/register", &["a.example@b.example"]),
        ("http://a.example/oidc/register", &["a.example", "b.example"]),
        ("http://b.example@a.example/oidc/register", &["a.example"]),
        ("ftp://a.example/oidc/register", &["a.example"]),
        ("ftp://a.example/oidc/register#http://b.example/", &["a.example"]),
    ];
    for (target, hosts) in rows {
        let answer = register_as(address, target, hosts).await;
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{target} {hosts:?}: {answer}");
        assert!(answer.contains("cache-control: no-store\r\n"), "{target} {hosts:?}: {answer}");
        let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!(body["error"], "invalid_request", "{target} {hosts:?}");
        assert!(body["error_description"].is_string() && !answer.contains("b.example"), "{target} {hosts:?}: {answer}");
    }
    assert_eq!((a.count().await.unwrap(), b.count().await.unwrap()), (0, 0));
    for (target, hosts) in [("/oidc/registerfoo", ["a.example", "b.example"]), ("/hello", ["a@b", "c"])] {
        let answer = register_as(address, target, &hosts).await;
        assert!(answer.ends_with(&format!("the application at {target}")), "{target} {hosts:?}: {answer}");
    }
    // The fragment is removed before the layer sees the target, so it cannot choose the tenant.
    for target in ["http://a.example/oidc/register#@b.example", "/oidc/register#http://b.example/"] {
        let answer = register_as(address, target, &["a.example"]).await;
        assert!(answer.contains("https://a.example/oidc/register/"), "{target}: {answer}");
    }
}

#[tokio::test]
async fn an_ambiguous_host_is_refused_over_http_2() {
    let store = MemoryStore::new();
    let tenants = ["a", "b"].map(|name| tenant(&store, name, Access::Open, "/oidc/register"));
    let address = serve(Tenants::by_host(tenants).unwrap()).await;
    let stream = TokioIo::new(dial(address).await);
    let (mut client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let rows: &[(&str, &[&str], StatusCode)] = &[
        ("http://a.example/oidc/register", &[], StatusCode::CREATED),
        ("http://a.example/oidc/register", &["A.example:80"], StatusCode::CREATED),
        ("http://a.example/oidc/register", &["b.example"], StatusCode::BAD_REQUEST),
        ("http://c.example/oidc/register", &["a.example"], StatusCode::BAD_REQUEST),
        ("http://a.example/oidc/register", &["a.example", "b.example"], StatusCode::BAD_REQUEST),
        ("ftp://a.example/oidc/register", &[], StatusCode::BAD_REQUEST),
        ("http://a.example/hello", &["b.example"], StatusCode::OK),
        ("http://a.example/oidc/registerfoo", &["b.example"], StatusCode::OK),
    ];
    for (uri, hosts, status) in rows {
        let request = Request::post(*uri).header(CONTENT_TYPE, "application/json");
        let request = hosts.iter().fold(request, |request, host| request.header(HOST, *host));
        let response = client.send_request(request.body(Full::<Bytes>::from(DOCUMENT)).unwrap()).await.unwrap();
        assert_eq!(response.status(), *status, "{uri} {hosts:?}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        if *status == StatusCode::BAD_REQUEST {
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["error"], "invalid_request", "{uri} {hosts:?}");
        }
    }
}

#[tokio::test]
async fn a_single_registry_does_not_look_at_the_host() {
    let (listener, address, registry) = listen(Access::Open).await;
    serve_hyper(listener, RegistrationLayer::new(registry).layer(service_fn(application)));
    for (target, hosts) in
        [("/oidc/register", &["a", "b"][..]), ("/oidc/register", &[]), ("ftp://a@b/oidc/register", &["c"])]
    {
        let answer = register_as(address, target, hosts).await;
        assert!(answer.contains(&format!("http://{address}/oidc/register/")), "{target} {hosts:?}: {answer}");
    }
}

#[tokio::test]
async fn a_function_may_choose_the_tenant() {
    let store = MemoryStore::new();
    let [a, b] = ["a", "b"].map(|name| tenant(&store, name, Access::Open, "/oidc/register"));
    let address = serve(Tenants::from_fn(move |request| match request.headers().get("x-tenant")?.as_bytes() {
        b"a" => Some(a.clone()),
        b"b" => Some(b.clone()),
        _ => None,
    }))
    .await;
    for (tenant, path, expected) in [
        ("a", "/oidc/register", "https://a.example/"),
        ("b", "/oidc/register", "https://b.example/"),
        ("c", "/oidc/register", "the application at /oidc/register"),
        ("a", "/hello", "the application at /hello"),
    ] {
        let request = Request::post(format!("http://{address}{path}")).header("x-tenant", tenant);
        let request = request.header(CONTENT_TYPE, "application/json").body(DOCUMENT.as_bytes().to_vec()).unwrap();
        let answer = reqwest().send(request).await;
        let body = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(body.contains(expected), "{tenant} {path}: {body}");
    }
}
