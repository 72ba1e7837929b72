//! The server example over a database: where it is, what a shutdown leaves, how it is copied.

use std::path::{Path, PathBuf};
use std::process::Command;

use http::Method;
use serde_json::json;
use tower_dcr::store::{ClientQuery, ClientStore as _, SqliteStore};

use crate::examples::{self, Example};
use crate::support::{self, Caller as _, reqwest};

/// A folder that is deleted when the value is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tower-dcr-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn register(example: &Example) {
    let document = json!({ "redirect_uris": ["https://app.example.com/cb"] });
    let request = support::request(Method::POST, &example.endpoint, None, Some(&document));
    assert_eq!(reqwest().send(request).await.status, 201);
}

async fn clients(path: &Path) -> u64 {
    let store = SqliteStore::open(path).await.unwrap();
    let count = store.count(&ClientQuery::new()).await.unwrap();
    store.close().await.unwrap();
    count
}

#[tokio::test]
async fn a_database_is_copied_while_it_is_served_and_complete_after_a_shutdown() {
    let folder = Folder::new("databases");
    let (file, copy, other) = (folder.0.join("clients.db"), folder.0.join("copy.db"), folder.0.join("alone.db"));
    let store = format!("sqlite://{}", file.display());
    let example = Example::start("server", &["--secrets", "hashed", "--store", &store]);
    register(&example).await;
    let backup = || {
        let mut command = Command::new(examples::path("server"));
        command.args(["--secrets", "hashed", "--store", &store, "--backup"]).arg(&copy).output().unwrap()
    };
    let done = backup();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(String::from_utf8_lossy(&done.stdout), format!("backup: {}\n", copy.display()));
    register(&example).await;
    assert_eq!(clients(&copy).await, 1, "as many as there were");
    let again = backup();
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(!again.status.success() && said.contains("--backup") && said.contains("File exists"), "{said}");

    example.signal("TERM");
    assert_eq!(example.exit().await.code(), Some(0));
    std::fs::copy(&file, &other).unwrap();
    assert_eq!(clients(&other).await, 2, "the file alone has everything");
}

/// A relative path is one of the working directory, however many slashes its URL has.
#[tokio::test]
async fn a_relative_url_names_a_file_of_the_working_directory() {
    let folder = Folder::new("relative");
    for (url, name) in [("sqlite:one.db", "one.db"), ("sqlite://two.db", "two.db"), ("sqlite:./three.db", "three.db")] {
        SqliteStore::open(folder.0.join(name)).await.unwrap().close().await.unwrap();
        let mut command = Command::new(examples::path("server"));
        command.current_dir(&folder.0).args(["--store", url, "--backup", &format!("copy-of-{name}")]);
        let done = command.output().unwrap();
        assert!(done.status.success(), "{url}: {}", String::from_utf8_lossy(&done.stderr));
        assert!(folder.0.join(format!("copy-of-{name}")).exists(), "{url}");
    }
}

/// A mistyped name is not taken for an empty database: else the copy would be found empty when it is needed.
#[test]
fn a_database_that_is_not_there_is_not_copied() {
    let folder = Folder::new("missing");
    for url in ["sqlite:none.db", "sqlite://none.db?mode=rwc", "sqlite:none.db?mode=rw"] {
        let mut command = Command::new(examples::path("server"));
        let done = command.current_dir(&folder.0).args(["--store", url, "--backup", "copy.db"]).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(
            !done.status.success() && said.contains("none.db") && said.contains("a copy needs a database that exists"),
            "{url}: {said}"
        );
        assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 0, "{url}: nothing is created");
    }
}

/// What to do about a missing SQLite file does not help with a socket or a certificate of another database.
#[test]
fn a_missing_file_of_another_database_is_named_without_the_advice_for_sqlite() {
    let rows = [
        ("redis+unix:///no/redis.sock", "/no/redis.sock"),
        ("postgres:///dcr?host=/no/folder", "/no/folder"),
        ("postgres://127.0.0.1/dcr?sslmode=verify-full&sslrootcert=/no/ca.pem", "sslrootcert=/no/ca.pem"),
    ];
    for (url, named) in rows {
        let mut command = Command::new(examples::path("server"));
        let flags = ["--listen", "127.0.0.1:0", "--secrets", "hashed", "--store", url];
        let done = command.args(flags).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(!done.status.success() && said.contains(named), "{url}: {said}");
        assert!(said.contains("No such file") && !said.contains("create that first"), "{url}: {said}");
    }
}
