//! Several servers on one database, asked by turns: whoever looks from outside sees one server.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Method, Request, StatusCode, Uri};
use serde_json::json;
use tokio::task::JoinSet;

use crate::examples::path;
use crate::link::Link;
use crate::redis_server::{RedisServer, free_port};
use crate::support::{Answer, Caller, request, reqwest, walk};

/// Where clients believe the servers to be.
const ENDPOINT: &str = "https://id.example.com/oidc/register";

/// A server process; it ends with this value.
struct Node {
    process: Child,
    address: String,
}

impl Node {
    fn start(options: &[&str]) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(path("server"));
        command.args(["--public-url", "https://id.example.com", "--listen", &address]).args(options);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut node = Self { process: command.spawn().expect("the examples are built"), address };
        let mut line = String::new();
        BufReader::new(node.process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), format!("registration endpoint: {ENDPOINT}"));
        node
    }

    /// Ends it without a word, as a crash does.
    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A file with a key for client secrets; it goes with this value.
struct Keys(PathBuf);

impl Keys {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let file = std::env::temp_dir().join(format!("tower-dcr-keys-{}-{number}", std::process::id()));
        std::fs::write(&file, "first:q1nXl6lMpEk0cyZ8cTmTFtP8wVbYbMfTn3O4lbKXyUo=\n").unwrap();
        let keys = Self(file);
        keys.permit(0o600);
        keys
    }

    /// Says who has rights to the file, where that can be said.
    fn permit(&self, mode: u32) {
        #[cfg(unix)]
        std::fs::set_permissions(&self.0, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        #[cfg(not(unix))]
        let _ = mode;
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The PostgreSQL server for tests. One that is missing is a failure, never a reason to skip.
fn postgres() -> String {
    let named = std::env::var("TOWER_DCR_TEST_POSTGRES");
    named.unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".to_owned())
}

/// A schema that no other test uses.
struct Schema {
    name: String,
}

impl Schema {
    fn new(what: &str) -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Self { name: format!("tower_dcr_test_{what}_{}_{}", since.as_micros(), std::process::id()) }
    }

    async fn drop(self) {
        use sqlx::Connection as _;
        let mut connection = sqlx::PgConnection::connect(&postgres()).await.unwrap();
        let drop = format!("DROP SCHEMA {} CASCADE", self.name);
        sqlx::raw_sql(&drop).execute(&mut connection).await.unwrap();
    }
}

/// Sends each request to the next one of the servers, as a load balancer does.
struct Balancer {
    client: reqwest::Client,
    addresses: Vec<String>,
    next: AtomicUsize,
}

impl Balancer {
    fn over<'a>(nodes: impl IntoIterator<Item = &'a Node>) -> Self {
        let addresses = nodes.into_iter().map(|node| node.address.clone()).collect();
        Self { client: reqwest(), addresses, next: AtomicUsize::new(0) }
    }
}

impl Caller for Balancer {
    async fn send(&self, mut request: Request<Vec<u8>>) -> Answer {
        let node = &self.addresses[self.next.fetch_add(1, Ordering::Relaxed) % self.addresses.len()];
        let uri = Uri::builder().scheme("http").authority(&**node).path_and_query(request.uri().path());
        *request.uri_mut() = uri.build().unwrap();
        self.client.send(request).await
    }
}

/// The walk from each server on, then many callers at once, then one server less.
async fn several_are_as_one(name: &str, store: &[&str]) {
    let keys = Keys::new();
    let secrets = format!("sealed:{}", keys.0.display());
    let options = [store, &["--secrets", &secrets]].concat();
    let mut nodes = [Node::start(&options), Node::start(&options)];
    let balancer = Balancer::over(&nodes);
    for _ in 0..3 {
        walk(name, &balancer, ENDPOINT).await;
        balancer.next.fetch_add(1, Ordering::Relaxed);
    }
    one_of_many_deletions_is_told(name, &nodes).await;
    let metadata = json!({ "redirect_uris": ["https://app.example.com/cb"] });
    let created = Balancer::over([&nodes[0]]).send(request(Method::POST, ENDPOINT, None, Some(&metadata))).await;
    assert_eq!(created.status, StatusCode::CREATED, "{name}: {created:?}");
    nodes[0].kill();
    let (uri, token) = (&created.json()["registration_client_uri"], &created.json()["registration_access_token"]);
    let read = request(Method::GET, uri.as_str().unwrap(), token.as_str(), None);
    let read = Balancer::over([&nodes[1]]).send(read).await;
    assert_eq!(read.status, StatusCode::OK, "{name}: after the server is gone that answered: {read:?}");
}

async fn one_of_many_deletions_is_told(name: &str, nodes: &[Node]) {
    let balancer = Arc::new(Balancer::over(nodes));
    let metadata = json!({ "redirect_uris": ["https://app.example.com/cb"] });
    let created = balancer.send(request(Method::POST, ENDPOINT, None, Some(&metadata))).await.json();
    let mut callers = JoinSet::new();
    for _ in 0..32 {
        let (balancer, created) = (Arc::clone(&balancer), created.clone());
        callers.spawn(async move {
            let uri = created["registration_client_uri"].as_str().unwrap();
            let token = created["registration_access_token"].as_str();
            balancer.send(request(Method::DELETE, uri, token, None)).await.status
        });
    }
    let statuses = callers.join_all().await;
    let (deleted, refused): (Vec<_>, Vec<_>) = statuses.into_iter().partition(|status| *status == 204);
    assert_eq!(deleted.len(), 1, "{name}: one deletion took place");
    assert!(refused.iter().all(|status| *status == StatusCode::UNAUTHORIZED), "{name}: {refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_on_one_redis_are_as_one() {
    let redis = RedisServer::durable();
    several_are_as_one("redis", &["--store", &redis.url()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_on_one_schema_are_as_one() {
    let schema = Schema::new("nodes");
    several_are_as_one("postgres", &["--store", &postgres(), "--store-name", &schema.name]).await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_on_one_file_are_as_one() {
    let folder = std::env::temp_dir().join(format!("tower-dcr-nodes-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let store = format!("sqlite:{}", folder.join("clients.db").display());
    several_are_as_one("sqlite", &["--store", &store]).await;
    std::fs::remove_dir_all(folder).unwrap();
}

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
    let secrets = format!("sealed:{}", keys.0.display());
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

/// Somebody else writes for longer than the five seconds that a writer waits.
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

/// What a server says that does not start: one line, and exit code 1. One that starts is a failure.
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
        "sqlite:/no/such/folder/secret/clients.db".to_owned(),
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
    let secrets = format!("sealed:{}", keys.0.display());
    for mode in [0o644, 0o640, 0o604, 0o620, 0o602] {
        keys.permit(mode);
        let said = refusal(&["--secrets", &secrets]);
        assert!(said.contains("chmod 600") && !said.contains("q1nXl6"), "{mode:o}: {said}");
    }
    keys.permit(0o400);
    drop(Node::start(&["--secrets", &secrets]));
}
