//! Servers whose database or keys are not there when they start, or stop while they serve.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use http::{Method, StatusCode};
use serde_json::json;

use crate::examples::interruptible_network::Link;
use crate::examples::path;
use crate::examples::server_process::{Balancer, ENDPOINT, Keys, Node, Schema, postgres};
use crate::redis_server::{RedisServer, free_port};
use crate::support::{Caller as _, request, walk};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_postgres_is_away_answers_503_and_recovers() {
    let (schema, mut url) = (Schema::new("away"), url::Url::parse(&postgres()).unwrap());
    let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
    let mut link = Link::to(server).await;
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(link.port)).unwrap();
    let store = url.to_string();
    let nodes = [Node::start(&["--store", &store, "--store-name", &schema.name, "--secrets", "hashed"])];
    let balancer = Balancer::over(&nodes);
    let metadata = json!({ "redirect_uris": ["https://app.example.com/cb"] });
    let register = || balancer.send(request(Method::POST, ENDPOINT, None, Some(&metadata)));
    let created = register().await;
    assert_eq!(created.status, StatusCode::CREATED);
    link.cut().await;
    for _ in 0..2 {
        let away = register().await;
        assert_eq!(away.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(away.headers.contains_key("retry-after"), "{away:?}");
    }
    link.mend().await;
    let created = created.json();
    let (uri, token) = (created["registration_client_uri"].as_str().unwrap(), &created["registration_access_token"]);
    let read = balancer.send(request(Method::GET, uri, token.as_str(), None)).await;
    assert_eq!(read.status, StatusCode::OK, "what was registered before is there: {read:?}");
    assert_eq!(register().await.status, StatusCode::CREATED);
    schema.drop().await;
}

#[tokio::test]
async fn a_server_whose_redis_is_away_answers_503_and_recovers() {
    let (mut redis, keys) = (RedisServer::durable(), Keys::new());
    let secrets = keys.secrets();
    let nodes = [Node::start(&["--store", &redis.url(), "--secrets", &secrets])];
    let balancer = Balancer::over(&nodes);
    let metadata = json!({ "redirect_uris": ["https://app.example.com/cb"] });
    let register = || balancer.send(request(Method::POST, ENDPOINT, None, Some(&metadata)));
    assert_eq!(register().await.status, StatusCode::CREATED);
    redis.kill();
    let away = register().await;
    assert_eq!(away.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(away.headers.contains_key("retry-after"), "{away:?}");
    redis.restart();
    // The first request may still find the connection that broke.
    let _ = register().await;
    walk("redis that came back", &balancer, ENDPOINT).await;
}

/// Another process holds the write lock for longer than the five seconds that a writer waits.
#[tokio::test]
async fn a_server_whose_file_is_locked_answers_503_and_recovers() {
    use sqlx::{Connection as _, Executor as _};
    let folder = std::env::temp_dir().join(format!("tower-dcr-locked-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("clients.db").display().to_string();
    let nodes = [Node::start(&["--store", &format!("sqlite:{file}"), "--secrets", "hashed"])];
    let balancer = Balancer::over(&nodes);
    let metadata = json!({ "redirect_uris": ["https://app.example.com/cb"] });
    let register = || balancer.send(request(Method::POST, ENDPOINT, None, Some(&metadata)));
    let created = register().await;
    assert_eq!(created.status, StatusCode::CREATED);
    let created = created.json();
    let (uri, token) = (created["registration_client_uri"].as_str().unwrap(), &created["registration_access_token"]);
    let read = || balancer.send(request(Method::GET, uri, token.as_str(), None));

    let mut other = sqlx::SqliteConnection::connect(&file).await.unwrap();
    other.execute("BEGIN EXCLUSIVE").await.unwrap();
    let away = register().await;
    assert_eq!(away.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(away.headers.contains_key("retry-after"), "{away:?}");
    assert_eq!(read().await.status, StatusCode::OK, "reads go on");
    other.execute("ROLLBACK").await.unwrap();
    assert_eq!(register().await.status, StatusCode::CREATED);
    drop(nodes);
    std::fs::remove_dir_all(folder).unwrap();
}

/// The message of a server that does not start: one line, and exit code 1. A server that starts fails the test.
fn refusal(options: &[&str]) -> String {
    let mut command = Command::new(path("server"));
    command.args(["--listen", "127.0.0.1:0"]).args(options);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().expect("the examples are built");
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    if !line.is_empty() {
        process.kill().unwrap();
    }
    let output = process.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), &*line), (Some(1), ""), "{options:?}: {said}");
    assert!(said.starts_with("server: ") && said.ends_with('\n') && said.lines().count() == 1, "{options:?}: {said}");
    said
}

#[test]
fn a_database_that_is_away_is_one_line_and_exit_code_1() {
    let port = free_port();
    let rows = [
        format!("redis://:secret@127.0.0.1:{port}"),
        format!("postgres://dcr:secret@127.0.0.1:{port}/dcr"),
        "sqlite:/no/such/folder/clients.db".to_owned(),
    ];
    for store in rows {
        let said = refusal(&["--store", &store, "--secrets", "hashed"]);
        assert!(!said.contains("secret"), "{store}: {said}");
    }
}

#[cfg(unix)]
#[test]
fn keys_that_others_have_rights_to_are_one_line_and_exit_code_1() {
    let keys = Keys::new();
    let secrets = keys.secrets();
    for mode in [0o644, 0o640, 0o604, 0o620, 0o602] {
        keys.permit(mode);
        let said = refusal(&["--secrets", &secrets]);
        assert!(said.contains("chmod 600") && !said.contains("q1nXl6"), "{mode:o}: {said}");
    }
    keys.permit(0o400);
    drop(Node::start(&["--secrets", &secrets]));
}
