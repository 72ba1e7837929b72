//! The files of SQLite: who may read them, what is in them after a shutdown, how they are copied.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tower_dcr::credential::SecretStorage;
use tower_dcr::metadata::ClientMetadata;
use tower_dcr::store::{ClientQuery, ClientStore, SqliteStore};
use tower_dcr::{Access, Registry, StoreError};

/// A folder that is deleted when the value is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(crate::sql::unique("tower_dcr_files"));
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn registry(store: &SqliteStore) -> Registry {
    let builder = Registry::builder("https://id.example.com", Access::Open).with_secrets(SecretStorage::hashed());
    builder.build(store.clone()).unwrap()
}

async fn register(registry: &Registry) -> String {
    let metadata = ClientMetadata::from_json(br#"{ "redirect_uris": ["https://app.example.com/cb"] }"#).unwrap();
    registry.register(metadata).await.unwrap().client().id().to_string()
}

/// The causes of an error, as a log shows them.
fn causes(error: &StoreError) -> String {
    let first = std::error::Error::source(error);
    let causes = std::iter::successors(first, |cause| cause.source()).map(ToString::to_string);
    causes.collect::<Vec<_>>().join(": ")
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode() & 0o777
}

#[cfg(unix)]
fn with_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_of_a_database_are_their_owners_alone() {
    let folder = Folder::new();
    let ends = ["", "-wal", "-shm"];
    let files = |name: &str| ends.map(|end| folder.file(&format!("{name}{end}")));
    let fresh = SqliteStore::open(folder.file("fresh.db")).await.unwrap();
    register(&registry(&fresh)).await;
    for file in files("fresh.db") {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    // The files of earlier versions, after a stop during a write.
    files("fresh.db").iter().for_each(|file| with_mode(file, 0o644));
    let again = SqliteStore::open(folder.file("fresh.db")).await.unwrap();
    register(&registry(&again)).await;
    again.backup(folder.file("copy.db")).await.unwrap();
    for file in files("fresh.db").into_iter().chain([folder.file("copy.db")]) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    // An empty file that was made for the database.
    fs::write(folder.file("empty.db"), "").unwrap();
    with_mode(&folder.file("empty.db"), 0o666);
    register(&registry(&SqliteStore::open(folder.file("empty.db")).await.unwrap())).await;
    for file in files("empty.db") {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[cfg(unix)]
#[test]
fn an_audit_trail_is_its_owners_alone_unless_its_operator_says_otherwise() {
    use tower_dcr::audit::JsonLines;

    let folder = Folder::new();
    JsonLines::append(folder.file("new.jsonl")).unwrap();
    assert_eq!(mode(&folder.file("new.jsonl")), 0o600);
    fs::write(folder.file("shared.jsonl"), "{}\n").unwrap();
    with_mode(&folder.file("shared.jsonl"), 0o640);
    JsonLines::append(folder.file("shared.jsonl")).unwrap();
    assert_eq!(mode(&folder.file("shared.jsonl")), 0o640);
    assert_eq!(fs::read_to_string(folder.file("shared.jsonl")).unwrap(), "{}\n");
}

#[tokio::test]
async fn after_a_shutdown_the_database_file_alone_has_everything() {
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file("clients.db")).await.unwrap();
    let registry = registry(&store);
    for _ in 0..10 {
        register(&registry).await;
    }
    registry.close().await.unwrap();
    registry.count().await.expect_err("nothing after the end");
    for end in ["-wal", "-shm"] {
        let rest = fs::metadata(folder.file(&format!("clients.db{end}")));
        assert!(rest.is_err() || rest.is_ok_and(|rest| rest.len() == 0), "{end}");
    }
    fs::copy(folder.file("clients.db"), folder.file("copy.db")).unwrap();
    let copy = SqliteStore::open(folder.file("copy.db")).await.unwrap();
    assert_eq!(copy.count(&ClientQuery::new()).await.unwrap(), 10);
}

/// The pool is the application's, which goes on with it.
#[tokio::test]
async fn a_shutdown_writes_what_a_shared_pool_has_and_leaves_it_open() {
    let folder = Folder::new();
    drop(SqliteStore::open(folder.file("clients.db")).await.unwrap());
    let url = format!("sqlite:{}", folder.file("clients.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    let store = SqliteStore::from_pool(pool.clone()).await.unwrap();
    register(&registry(&store)).await;
    store.close().await.unwrap();
    assert_eq!(fs::metadata(folder.file("clients.db-wal")).unwrap().len(), 0);
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM dcr_clients").fetch_one(&pool).await.unwrap();
    assert_eq!(count, 1);
    pool.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_copy_made_while_others_register_has_all_that_was_acknowledged_before() {
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file("clients.db")).await.unwrap();
    let registry = registry(&store);
    let mut before = Vec::new();
    for _ in 0..50 {
        before.push(register(&registry).await);
    }
    let over = Arc::new(AtomicBool::new(false));
    let (going_on, others) = (Arc::clone(&over), registry.clone());
    let writer = tokio::spawn(async move {
        let mut after = 0;
        while !going_on.load(Ordering::SeqCst) || after == 0 {
            register(&others).await;
            after += 1;
        }
        after
    });
    for number in 0..5 {
        let path = folder.file(&format!("copy-{number}.db"));
        store.backup(&path).await.unwrap();
        let copy = SqliteStore::open(&path).await.unwrap();
        let listed = copy.list(&ClientQuery::new().with_limit(usize::MAX)).await.unwrap();
        assert_eq!(copy.count(&ClientQuery::new()).await.unwrap(), listed.len() as u64);
        for id in &before {
            assert!(listed.iter().any(|client| client.id().as_str() == id), "{id} is not in copy {number}");
        }
        register(&self::registry(&copy)).await;
    }
    over.store(true, Ordering::SeqCst);
    let written = 50 + writer.await.unwrap();
    assert_eq!(registry.count().await.unwrap(), written, "writers were not disturbed");
}

#[tokio::test]
async fn a_copy_overwrites_nothing_and_leaves_nothing_half_done() {
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file("clients.db")).await.unwrap();
    register(&registry(&store)).await;
    fs::write(folder.file("empty.db"), "").unwrap();
    fs::write(folder.file("other.db"), "something else").unwrap();
    for (name, cause) in [
        ("empty.db", "File exists"),
        ("other.db", "File exists"),
        ("clients.db", "File exists"),
        ("missing/copy.db", "No such file"),
    ] {
        let path = folder.file(name);
        let error = causes(&store.backup(&path).await.expect_err(name));
        assert!(error.contains(cause) && error.contains(&*path.to_string_lossy()), "{name}: {error}");
    }
    assert_eq!(fs::read_to_string(folder.file("other.db")).unwrap(), "something else");
    assert_eq!(fs::read_to_string(folder.file("empty.db")).unwrap(), "");
    store.close().await.unwrap();
    store.backup(folder.file("late.db")).await.expect_err("the store is closed");
    assert!(!folder.file("late.db").exists(), "a file that was begun is removed");
}

#[tokio::test]
async fn a_path_is_taken_as_it_is_and_a_url_as_it_is_meant() {
    let folder = Folder::new();
    for name in ["plain.db", "with space.db", "100%.db", "a%20b.db", "what?mode=ro.db", "#1.db", "käse.db", "a:b@c.db"]
    {
        let store = SqliteStore::open(folder.file(name)).await.unwrap();
        register(&registry(&store)).await;
        store.close().await.unwrap();
        assert!(fs::metadata(folder.file(name)).unwrap().len() > 0, "{name}");
    }
    let url = format!("sqlite://{}/by%20url%3F.db?mode=rwc", folder.0.display());
    SqliteStore::connect(&url).await.unwrap().close().await.unwrap();
    assert!(folder.file("by url?.db").exists());
    let mut names = Vec::from_iter(fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name()));
    names.sort();
    assert_eq!(names.len(), 9, "no file of another name: {names:?}");
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_says_which_and_why() {
    let folder = Folder::new();
    fs::create_dir(folder.file("folder.db")).unwrap();
    fs::write(folder.file("text.db"), "this is no database, however long one reads on in it".repeat(100)).unwrap();
    for (name, cause) in
        [("missing/x.db", "No such file"), ("folder.db", "not a regular file"), ("text.db", "file is not a database")]
    {
        let path = folder.file(name);
        let error = causes(&SqliteStore::open(&path).await.expect_err(name));
        assert!(error.contains(cause) && error.contains(&*path.to_string_lossy()), "{name}: {error}");
    }
    let error = causes(&SqliteStore::connect("sqlite://localhost/x.db").await.unwrap_err());
    assert!(error.contains("sqlite:NAME") && error.contains("sqlite:///NAME"), "{error}");
}
