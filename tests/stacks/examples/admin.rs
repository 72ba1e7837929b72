//! The admin example: what an operator can do over HTTP, and that other callers are refused.

use http::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::common::reply::Reply;
use crate::examples::Example;
use crate::support::{Caller as _, reqwest};

const ADMIN: &str = "the-token-of-the-operator";

struct Admin {
    example: Example,
    seen: std::cell::RefCell<String>,
}

impl Admin {
    fn start(options: &[&str]) -> Self {
        Self {
            example: Example::start("admin", &[&["--admin-token", ADMIN], options].concat()),
            seen: String::new().into(),
        }
    }

    async fn send(&self, method: Method, path: &str, authorization: &str, body: &Value) -> Reply {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.example.base_url()));
        let request = request.header(AUTHORIZATION, authorization).header(CONTENT_TYPE, "application/json");
        reqwest().send(request.body(body.to_string().into_bytes()).unwrap()).await
    }

    /// A request of the operator. All answers are kept, to look for secrets in them at the end.
    async fn ask(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let answer = self.send(method, &format!("/admin{path}"), &format!("Bearer {ADMIN}"), &body).await;
        assert_eq!(answer.headers[CACHE_CONTROL], "no-store", "{path}");
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        self.seen.borrow_mut().push_str(&text);
        (answer.status, serde_json::from_str(&text).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.ask(Method::GET, path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    async fn register(&self, authorization: &str) -> Reply {
        let document = json!({ "redirect_uris": ["https://app.example.com/cb"], "client_name": "App" });
        self.send(Method::POST, "/oidc/register", authorization, &document).await
    }
}

fn ids(page: &Value) -> Vec<String> {
    page["clients"].as_array().unwrap().iter().map(|client| client["client_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn only_the_operator_gets_in() {
    let admin = Admin::start(&["--open"]);
    let requests = [
        (Method::GET, "/admin/stats"),
        (Method::GET, "/admin/clients"),
        (Method::DELETE, "/admin/clients/x"),
        (Method::POST, "/admin/clients/x/disable"),
        (Method::POST, "/admin/tokens"),
        (Method::GET, "/admin/nothing"),
        (Method::GET, "/admin"),
        (Method::PATCH, "/admin/clients"),
    ];
    let presented = ["", "Bearer", "Bearer wrong", "Basic the-token-of-the-operator", "the-token-of-the-operator"];
    for (method, path) in requests {
        for authorization in presented {
            let answer = admin.send(method.clone(), path, authorization, &Value::Null).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path} with {authorization:?}");
            assert_eq!(answer.headers[WWW_AUTHENTICATE], "Bearer realm=\"admin\"", "{path}");
            let refusal = json!({ "error": "invalid_token", "error_description": "an admin token is required" });
            assert_eq!(answer.json(), refusal, "{path}");
        }
    }
    admin.example.end();
}

#[tokio::test]
async fn an_operator_approves_disables_enables_and_removes() {
    let admin = Admin::start(&["--approval"]);
    let options = json!({ "uses": 2, "owner": "team", "redirect_hosts": ["app.example.com"], "lifetime": 3600 });
    let (status, token) = admin.ask(Method::POST, "/tokens", options).await;
    assert_eq!((status, &token["uses_left"], &token["owner"]), (201, &json!(2), &json!("team")));
    let initial = format!("Bearer {}", token["initial_access_token"].as_str().unwrap());
    assert_eq!(admin.register("").await.status, StatusCode::UNAUTHORIZED);
    let registered = admin.register(&initial).await.json();
    let id = registered["client_id"].as_str().unwrap();
    let own = format!("Bearer {}", registered["registration_access_token"].as_str().unwrap());
    let read = || {
        admin.send(
            Method::GET,
            registered["registration_client_uri"].as_str().unwrap().split_at(admin.example.base_url().len()).1,
            &own,
            &Value::Null,
        )
    };

    let client = admin.get(&format!("/clients/{id}")).await;
    assert_eq!((&client["status"], &client["owner"]), (&json!("pending"), &json!("team")));
    assert_eq!(client["initial_access_token_id"], token["id"]);
    assert_eq!(client["constraints"]["redirect_hosts"], json!(["app.example.com"]));
    assert_eq!(client["metadata"]["client_name"], "App");
    for (request, refused) in [("approve?revision=2", 409), ("disable?revision=1", 400)] {
        let (answered, _) = admin.ask(Method::POST, &format!("/clients/{id}/{request}"), Value::Null).await;
        assert_eq!(answered, refused, "{request}");
    }
    for (verb, status, reads) in
        [("approve?revision=1", "active", 200), ("disable", "disabled", 401), ("enable", "active", 200)]
    {
        let (answered, client) = admin.ask(Method::POST, &format!("/clients/{id}/{verb}"), Value::Null).await;
        assert_eq!((answered, &client["status"]), (200, &json!(status)), "{verb}");
        assert_eq!(read().await.status, reads, "{verb}");
    }
    let stats = admin.get("/stats").await;
    let expected = json!({
        "clients": 1, "pending": 0, "active": 1, "disabled": 0, "never_used": 1, "max_clients": null,
        "initial_access_tokens": 1,
    });
    assert_eq!(stats, expected);
    assert_eq!(admin.get("/tokens").await["tokens"][0]["uses_left"], 1);

    assert_eq!(admin.ask(Method::DELETE, &format!("/clients/{id}"), Value::Null).await.0, 204);
    assert_eq!(read().await.status, 401, "the client is removed");
    let token_path = format!("/tokens/{}", token["id"].as_str().unwrap());
    assert_eq!(admin.ask(Method::DELETE, &token_path, Value::Null).await.0, 204);
    assert_eq!(admin.register(&initial).await.status, StatusCode::UNAUTHORIZED, "the token is revoked");
    for (method, path) in [
        (Method::GET, format!("/clients/{id}")),
        (Method::DELETE, format!("/clients/{id}")),
        (Method::POST, format!("/clients/{id}/enable")),
        (Method::POST, format!("/clients/{id}/explode")),
        (Method::DELETE, token_path),
    ] {
        assert_eq!(admin.ask(method, &path, Value::Null).await.0, 404, "{path}");
    }
    let seen = admin.seen.borrow().replacen(token["initial_access_token"].as_str().unwrap(), "", 1);
    for secret in ["client_secret", "registration_access_token", "initial_access_token"] {
        let secret = registered[secret].as_str().or(token[secret].as_str()).unwrap();
        assert!(!seen.contains(secret), "a secret is shown once at most, to whom it is for");
    }
    admin.example.end();
}

#[tokio::test]
async fn clients_are_listed_by_filters_and_pages() {
    let admin = Admin::start(&["--open"]);
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(admin.register("").await.json()["client_id"].as_str().unwrap().to_owned());
    }
    admin.ask(Method::POST, &format!("/clients/{}/disable", all[2]), Value::Null).await;
    let (mut paged, mut path) = (Vec::new(), "/clients?limit=2".to_owned());
    for expected in [2, 2, 1] {
        let page = admin.get(&path).await;
        assert_eq!(ids(&page).len(), expected, "{path}");
        paged.extend(ids(&page));
        path = format!("/clients?limit=2&after={}", page["next"].as_str().unwrap_or("end"));
    }
    assert_eq!(paged, all, "all of them once, in the order of their issue");
    assert!(path.ends_with("after=end"), "the last page is not full");
    let rows = [
        ("status=disabled", vec![all[2].clone()]),
        ("status=pending", vec![]),
        ("owner=team", vec![]),
        ("never_used=true", all.clone()),
        ("used_from=0", vec![]),
        ("issued_from=4000000000", vec![]),
        ("issued_before=4000000000", all.clone()),
    ];
    for (filter, expected) in rows {
        assert_eq!(ids(&admin.get(&format!("/clients?{filter}")).await), expected, "{filter}");
    }
    for filter in ["status=asleep", "after=x", "limit=-1", "unknown=1"] {
        let (status, _) = admin.ask(Method::GET, &format!("/clients?{filter}"), Value::Null).await;
        assert_eq!(status, 400, "{filter}");
    }
    admin.example.end();
}

#[tokio::test]
async fn every_refusal_is_json_and_repeats_nothing() {
    const CANARY: &str = "canary";
    let admin = Admin::start(&["--open"]);
    let large = json!({ "owner": "a".repeat(3 << 20) });
    let unknown = json!({ CANARY: 1 });
    let rows = [
        ("a filter that is unknown", Method::GET, "/clients?canary=1", Value::Null, 400, "invalid_request"),
        ("a filter that is no number", Method::GET, "/clients?limit=canary", Value::Null, 400, "invalid_request"),
        ("a status that is unknown", Method::GET, "/clients?status=canary", Value::Null, 400, "invalid_request"),
        (
            "a revision that is none",
            Method::POST,
            "/clients/x/approve?revision=canary",
            Value::Null,
            400,
            "invalid_request",
        ),
        ("a path that is no text", Method::GET, "/clients/canary%ff", Value::Null, 400, "invalid_request"),
        ("a member that is unknown", Method::POST, "/tokens", unknown, 422, "invalid_request"),
        ("no object", Method::POST, "/tokens", json!(CANARY), 422, "invalid_request"),
        ("too much", Method::POST, "/tokens", large, 413, "invalid_request"),
        ("a token without uses", Method::POST, "/tokens", json!({ "uses": 0 }), 400, "invalid_request"),
        ("a token for no time", Method::POST, "/tokens", json!({ "lifetime": 0 }), 400, "invalid_request"),
        ("another method", Method::PUT, "/tokens", Value::Null, 405, "invalid_request"),
        ("another path", Method::GET, "/canary", Value::Null, 404, "not_found"),
        ("another client", Method::GET, "/clients/canary", Value::Null, 404, "not_found"),
    ];
    for (name, method, path, body, status, error) in rows {
        let answer = admin.send(method, &format!("/admin{path}"), &format!("Bearer {ADMIN}"), &body).await;
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        assert_eq!(answer.headers[CONTENT_TYPE], "application/json", "{name}");
        let refusal = answer.json();
        assert_eq!(refusal["error"], error, "{name}");
        let description = refusal["error_description"].as_str().unwrap_or_default();
        assert!(!description.is_empty() && !description.contains(CANARY), "{name}: {refusal}");
        assert_eq!(answer.headers.contains_key(ALLOW), status == 405, "{name}");
    }
    let request = Request::post(format!("{}/admin/tokens", admin.example.base_url()));
    let request = request.header(AUTHORIZATION, format!("Bearer {ADMIN}")).body(b"{}".to_vec()).unwrap();
    let answer = reqwest().send(request).await;
    assert_eq!((answer.status, &answer.json()["error"]), (415, &json!("invalid_request")));
    admin.example.end();
}
