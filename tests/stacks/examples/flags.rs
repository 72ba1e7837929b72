//! The flags of the server example, each with the behaviour that it changes.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::common::reply::Reply;
use crate::examples::{Example, free_address};
use crate::support::{self, Caller as _, reqwest, walk};

fn document() -> Value {
    json!({ "redirect_uris": ["https://app.example.com/cb"] })
}

async fn send(method: Method, uri: &str, token: Option<&str>, body: Option<&Value>) -> Reply {
    reqwest().send(support::request(method, uri, token, body)).await
}

async fn register(endpoint: &str, token: Option<&str>, document: &Value) -> Reply {
    send(Method::POST, endpoint, token, Some(document)).await
}

#[tokio::test]
async fn public_url_and_path_are_where_clients_are_sent() {
    let behind = Example::start("server", &["--public-url", "https://id.example.com/base/"]);
    assert_eq!(behind.endpoint, "https://id.example.com/base/oidc/register");
    behind.end();
    let moved = Example::start("server", &["--path", "/connect/clients"]);
    let registered = register(&moved.endpoint, None, &document()).await;
    assert_eq!(registered.status, StatusCode::CREATED);
    let uri = registered.json()["registration_client_uri"].as_str().unwrap().to_owned();
    assert!(uri.starts_with(&format!("{}/", moved.endpoint)), "{uri}");
    let usual = moved.endpoint.replace("/connect/clients", "/oidc/register");
    assert_eq!(register(&usual, None, &document()).await.status, StatusCode::NOT_FOUND);
    moved.end();
}

#[tokio::test]
async fn what_is_printed_answers_with_and_without_the_path_of_the_public_url() {
    for (profile, path) in [("oauth", "/auth"), ("oauth", "/auth/"), ("mcp", "/a/b"), ("oauth", "/oidc/register")] {
        let address = free_address();
        let (listen, public_url) = (address.to_string(), format!("http://{address}{path}"));
        let flags = ["--listen", &listen, "--public-url", &public_url, "--profile", profile];
        let example = Example::start("server", &flags);
        let endpoint = format!("{}/oidc/register", public_url.trim_end_matches('/'));
        assert_eq!(example.endpoint, endpoint);
        walk(path, &reqwest(), &endpoint).await;
        let (stripped, other) = (format!("http://{address}/oidc/register"), format!("{endpoint}/oidc/register"));
        let registered = register(&stripped, None, &document()).await;
        assert_eq!(registered.status, StatusCode::CREATED, "{path}");
        let client = registered.json();
        let (uri, token) = (client["registration_client_uri"].as_str().unwrap(), &client["registration_access_token"]);
        assert!(uri.starts_with(&endpoint), "{path}: {uri}");
        let rest = uri.strip_prefix(&endpoint).unwrap();
        for uri in [uri.to_owned(), format!("{stripped}{rest}")] {
            assert_eq!(send(Method::GET, &uri, token.as_str(), None).await.status, StatusCode::OK, "{path}: {uri}");
        }
        assert_eq!(register(&other, None, &document()).await.status, StatusCode::NOT_FOUND, "{path}: {other}");
        for base in [format!("http://{address}"), public_url.trim_end_matches('/').to_owned()] {
            let fallback = register(&format!("{base}/register"), None, &document()).await;
            assert_eq!(fallback.status == StatusCode::CREATED, profile == "mcp", "{profile} {base}");
        }
        example.end();
    }
}

#[tokio::test]
async fn access_says_who_may_register() {
    let tokens = ["first-initial-token", "second-initial-token"];
    let flags = ["--access", "tokens", "--initial-access-token", tokens[0], "--initial-access-token", tokens[1]];
    let example = Example::start("server", &flags);
    for token in tokens {
        assert_eq!(register(&example.endpoint, Some(token), &document()).await.status, StatusCode::CREATED, "{token}");
    }
    for token in [None, Some("third-initial-token")] {
        let refused = register(&example.endpoint, token, &document()).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{token:?}");
    }
    example.end();
    let example = Example::start("server", &["--access", "management-only"]);
    let refused = register(&example.endpoint, None, &document()).await;
    assert_eq!((refused.status, &refused.json()["error"]), (403, &"access_denied".into()));
    example.end();
    let example = Example::start("server", &["--access", "off"]);
    assert_eq!(example.endpoint, "off");
    example.end();
}

#[tokio::test]
async fn initial_access_token_uses_are_how_many_clients_the_issued_one_admits() {
    let example = Example::start("server", &["--access", "tokens", "--initial-access-token-uses", "2"]);
    let token = example.initial_access_token.as_deref();
    let statuses = [StatusCode::CREATED, StatusCode::CREATED, StatusCode::UNAUTHORIZED];
    for (number, status) in statuses.into_iter().enumerate() {
        assert_eq!(register(&example.endpoint, token, &document()).await.status, status, "{number}");
    }
    example.end();
}

/// A registration from an address that no other request uses.
async fn register_from(address: [u8; 4], endpoint: &str) -> reqwest::Response {
    let client = reqwest::Client::builder().no_proxy().local_address(Some(address.into())).build().unwrap();
    client.post(endpoint).json(&document()).send().await.unwrap()
}

#[tokio::test]
async fn a_new_client_is_safe_from_other_networks_for_the_eviction_grace() {
    for (grace, is_safe) in [(&[][..], true), (&["--eviction-grace", "0"], false)] {
        let example = Example::start("server", &[&["--max-clients", "2"], grace].concat());
        let honest: Value = register_from([127, 0, 1, 1], &example.endpoint).await.json().await.unwrap();
        for _ in 0..5 {
            let status = register_from([127, 0, 0, 1], &example.endpoint).await.status();
            assert_eq!(status, StatusCode::CREATED, "{grace:?}: a network evicts its own clients");
        }
        let (uri, token) = (honest["registration_client_uri"].as_str().unwrap(), &honest["registration_access_token"]);
        let read = send(Method::GET, uri, token.as_str(), None).await.status;
        assert_eq!(read == StatusCode::OK, is_safe, "{grace:?}");
        example.end();
    }
}

#[tokio::test]
async fn a_client_that_authenticates_is_used_and_never_evicted() {
    let example = Example::start("server", &["--max-clients", "2", "--eviction-grace", "0"]);
    let used = register(&example.endpoint, None, &document()).await.json();
    let origin = example.endpoint.strip_suffix("/oidc/register").unwrap();
    let authenticate = async |secret: &str| {
        let request = reqwest::Client::builder().no_proxy().build().unwrap().get(format!("{origin}/client"));
        request.basic_auth(used["client_id"].as_str().unwrap(), Some(secret)).send().await.unwrap()
    };
    assert_eq!(authenticate("wrong").await.status(), StatusCode::UNAUTHORIZED);
    let reply = authenticate(used["client_secret"].as_str().unwrap()).await;
    assert_eq!(reply.status(), StatusCode::OK);
    assert_eq!(reply.json::<Value>().await.unwrap()["client_id"], used["client_id"]);
    for _ in 0..3 {
        assert_eq!(register(&example.endpoint, None, &document()).await.status, StatusCode::CREATED);
    }
    assert_eq!(authenticate(used["client_secret"].as_str().unwrap()).await.status(), StatusCode::OK);
    example.end();
}

#[tokio::test]
async fn max_clients_is_how_many_there_may_be() {
    let example = Example::start("server", &["--max-clients", "2"]);
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(register(&example.endpoint, None, &document()).await.json());
    }
    let mut there = 0;
    for client in &clients {
        let (uri, token) = (client["registration_client_uri"].as_str().unwrap(), &client["registration_access_token"]);
        there += usize::from(send(Method::GET, uri, token.as_str(), None).await.status == StatusCode::OK);
    }
    assert_eq!(there, 2);
    example.end();
}

#[tokio::test]
async fn grant_types_and_body_limit_bound_what_is_registered() {
    let example =
        Example::start("server", &["--grant-types", "authorization_code,client_credentials", "--body-limit", "200"]);
    let wish = json!({ "redirect_uris": ["https://app.example.com/cb"],
        "grant_types": ["authorization_code", "client_credentials", "refresh_token"] });
    let registered = register(&example.endpoint, None, &wish).await;
    assert_eq!(registered.json()["grant_types"], json!(["authorization_code", "client_credentials"]));
    let long = json!({ "redirect_uris": ["https://app.example.com/cb"], "client_name": "a".repeat(200) });
    assert_eq!(register(&example.endpoint, None, &long).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    example.end();
}

#[tokio::test]
async fn no_management_leaves_clients_as_they_registered() {
    let example = Example::start("server", &["--no-management", "--store", "memory"]);
    let client = register(&example.endpoint, None, &document()).await.json();
    assert_eq!(client.get("registration_access_token"), None);
    let uri = format!("{}/{}", example.endpoint, client["client_id"].as_str().unwrap());
    assert_eq!(send(Method::GET, &uri, Some("any"), None).await.status, StatusCode::NOT_FOUND);
    example.end();
}

#[tokio::test]
async fn updates_are_strict_and_change_the_token_where_flags_say_so() {
    let example = Example::start("server", &["--rotate-registration-tokens", "--strict-put"]);
    let client = register(&example.endpoint, None, &document()).await.json();
    let (uri, token) = (client["registration_client_uri"].as_str().unwrap(), &client["registration_access_token"]);
    let refused = send(Method::PUT, uri, token.as_str(), Some(&document())).await;
    assert_eq!((refused.status, &refused.json()["violations"][0]["pointer"]), (400, &"/client_id".into()));
    let mut named = document();
    named["client_id"] = client["client_id"].clone();
    let updated = send(Method::PUT, uri, token.as_str(), Some(&named)).await;
    assert_eq!(updated.status, StatusCode::OK);
    assert_ne!(&updated.json()["registration_access_token"], token);
    example.end();
}

#[tokio::test]
async fn the_inner_application_echoes_what_it_receives() {
    let example = Example::start("server", &["--inner", "echo"]);
    let uri = format!("{}/oidc/register/a/b?q=%2F&q", example.base_url());
    let echoed = send(Method::PUT, &uri, None, Some(&json!({}))).await.json();
    assert_eq!((&echoed["method"], &echoed["target"]), (&"PUT".into(), &"/oidc/register/a/b?q=%2F&q".into()));
    assert_eq!(echoed["body_len"], 2);
    assert_eq!(echoed["body_sha256"], "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    assert_eq!(echoed["headers"]["content-type"], "application/json");
    for path in ["/", "/hello"] {
        assert_eq!(support::get(&reqwest(), &format!("{}{path}", example.base_url())).await.body, "hello\n", "{path}");
    }
    example.end();
}

#[cfg(feature = "rate-limit")]
#[tokio::test]
async fn registrations_and_management_have_their_own_rates() {
    let example = Example::start("server", &["--rate-limit", "2", "--management-rate-limit", "3"]);
    let client = register(&example.endpoint, None, &document()).await.json();
    let mut statuses = vec![register(&example.endpoint, None, &document()).await.status];
    statuses.push(register(&example.endpoint, None, &document()).await.status);
    let (uri, token) =
        (client["registration_client_uri"].as_str().unwrap(), client["registration_access_token"].as_str());
    for token in [token, Some("guessed"), token, token] {
        let answer = send(Method::GET, uri, token, None).await;
        assert_eq!(answer.headers.contains_key("retry-after"), answer.status == 429, "{}", answer.status);
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [201, 429, 200, 401, 200, 429]);
    example.end();
}
