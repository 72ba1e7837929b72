//! Server processes on a database of the tests, and a balancer before them.

use std::io::BufReader;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Uri};

use crate::common::reply::Reply;
use crate::examples::{greeting, path};
use crate::redis_server::free_port;
use crate::support::{Caller, reqwest};

/// The base URL of the servers, as clients know it.
pub(crate) const ENDPOINT: &str = "https://id.example.com/oidc/register";

/// A server process; it ends with this value.
pub(crate) struct Node {
    process: Child,
    pub(crate) address: String,
    /// The one that it issued, if it was to issue one.
    pub(crate) initial_access_token: Option<String>,
}

impl Node {
    pub(crate) fn start(options: &[&str]) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(path("server"));
        command.args(["--public-url", "https://id.example.com", "--listen", &address]).args(options);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let process = command.spawn().expect("the examples are built");
        let mut node = Self { process, address, initial_access_token: None };
        let (token, endpoint) = greeting("server", &mut BufReader::new(node.process.stdout.take().unwrap()));
        assert_eq!(endpoint, ENDPOINT);
        node.initial_access_token = token;
        node
    }

    /// Kills it without a shutdown, as a crash does.
    pub(crate) fn kill(&mut self) {
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

/// A file with a key for client secrets; it is deleted when this value is dropped.
pub(crate) struct Keys(PathBuf);

impl Keys {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let file = std::env::temp_dir().join(format!("tower-dcr-keys-{}-{number}", std::process::id()));
        std::fs::write(&file, "first:q1nXl6lMpEk0cyZ8cTmTFtP8wVbYbMfTn3O4lbKXyUo=\n").unwrap();
        let keys = Self(file);
        keys.permit(0o600);
        keys
    }

    /// The value of `--secrets` that names it.
    pub(crate) fn secrets(&self) -> String {
        format!("sealed:{}", self.0.display())
    }

    /// Sets the permissions of the file, on systems that have them.
    pub(crate) fn permit(&self, mode: u32) {
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
pub(crate) fn postgres() -> String {
    let named = std::env::var("TOWER_DCR_TEST_POSTGRES");
    named.unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".to_owned())
}

/// A schema that no other test uses.
pub(crate) struct Schema {
    pub(crate) name: String,
}

impl Schema {
    pub(crate) fn new(what: &str) -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Self { name: format!("tower_dcr_test_{what}_{}_{}", since.as_micros(), std::process::id()) }
    }

    pub(crate) async fn drop(self) {
        use sqlx::Connection as _;
        let mut connection = sqlx::PgConnection::connect(&postgres()).await.unwrap();
        let drop = format!("DROP SCHEMA {} CASCADE", self.name);
        sqlx::raw_sql(&drop).execute(&mut connection).await.unwrap();
    }
}

/// Sends each request to the next one of the servers, as a load balancer does.
pub(crate) struct Balancer {
    client: reqwest::Client,
    addresses: Vec<String>,
    pub(crate) next: AtomicUsize,
}

impl Balancer {
    pub(crate) fn over<'a>(nodes: impl IntoIterator<Item = &'a Node>) -> Self {
        let addresses = nodes.into_iter().map(|node| node.address.clone()).collect();
        Self { client: reqwest(), addresses, next: AtomicUsize::new(0) }
    }
}

impl Caller for Balancer {
    async fn send(&self, mut request: Request<Vec<u8>>) -> Reply {
        let node = &self.addresses[self.next.fetch_add(1, Ordering::Relaxed) % self.addresses.len()];
        let uri = Uri::builder().scheme("http").authority(&**node).path_and_query(request.uri().path());
        *request.uri_mut() = uri.build().unwrap();
        self.client.send(request).await
    }
}
