//! Every way in which the server example can fail to start: the message names the flag, what was found and what to do,
//! nothing secret, and nothing is left behind.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::examples::path;

/// A secret that many flags contain and no message may contain.
const SECRET: &str = "s3cret";

/// A folder that no other test uses; it is deleted when this value is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tower-dcr-starts-{name}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("folder")).unwrap();
        let files = [
            ("open.keys", "first:q1nXl6lMpEk0cyZ8cTmTFtP8wVbYbMfTn3O4lbKXyUo=\n", 0o644),
            ("short.keys", "# ours\n\nfirst:s3cret\n", 0o600),
            (
                "twice.keys",
                "a:q1nXl6lMpEk0cyZ8cTmTFtP8wVbYbMfTn3O4lbKXyUo=\na:q1nXl6lMpEk0cyZ8cTmTFtP8wVbYbMfTn3O4lbKXyUo=\n",
                0o600,
            ),
            ("empty", "", 0o600),
            ("open.tokens", "an-initial-access-token-s3cret\n", 0o640),
            ("short.tokens", "an-initial-access-token-s3cret\ns3cret\n", 0o600),
            ("no.json", "s3cret", 0o600),
            ("no-keys.json", "{\"keys\":[]}", 0o600),
            ("text.db", "This is a text of many words and no database at all, however it is called.", 0o600),
        ];
        for (name, text, mode) in files {
            let file = folder.join(name);
            std::fs::write(&file, text).unwrap();
            #[cfg(unix)]
            std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
            #[cfg(not(unix))]
            let _ = mode;
        }
        Self(folder)
    }

    /// Every file below it, with its size.
    fn files(&self) -> Vec<(PathBuf, u64)> {
        let mut files: Vec<_> = [&self.0, &self.0.join("folder")].into_iter().flat_map(|folder| list(folder)).collect();
        files.sort_unstable();
        files
    }
}

fn list(folder: &Path) -> Vec<(PathBuf, u64)> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.path(), entry.metadata().unwrap().len())).collect()
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What is wrong, the flags, and pieces of the message.
type Row<'a> = (&'a str, &'a [&'a str], &'a [&'a str]);

/// Starts the server in a folder, with free addresses unless the row has one. It must end by itself with a failure.
async fn assert_fails(folder: &Folder, (name, flags, pieces): Row<'_>, variables: &[(&str, &str)]) {
    let before = folder.files();
    let mut command = tokio::process::Command::new(path("server"));
    if !flags.contains(&"--listen") {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    command.args(flags).envs(variables.iter().copied()).current_dir(&folder.0);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(30), command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("{name}: it started")).unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{name}: {said}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "", "{name}");
    for piece in pieces {
        assert!(said.contains(piece), "{name}: {piece:?} is missing: {said}");
    }
    for unwanted in [SECRET, "panicked", "\u{1b}", "Os {", "Error:"] {
        assert!(!said.contains(unwanted), "{name}: {unwanted:?} is there: {said}");
    }
    assert_eq!(folder.files(), before, "{name}: nothing is left behind");
}

async fn assert_all_fail(name: &str, rows: &[Row<'_>]) {
    let folder = Folder::new(name);
    for row in rows {
        assert_fails(&folder, *row, &[]).await;
    }
}

#[tokio::test]
async fn an_address_that_cannot_be_had_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    assert_all_fail(
        "listen",
        &[
            ("in use", &["--listen", &taken], &["--listen", &taken, "in use"]),
            ("not of this machine", &["--listen", "192.0.2.1:80"], &["--listen", "192.0.2.1:80"]),
            ("no address", &["--listen", "localhost:8080"], &["--listen", "localhost:8080", "127.0.0.1:8080"]),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_flag_that_cannot_work_is_named_with_its_value() {
    assert_all_fail(
        "flags",
        &[
            ("unknown flag", &["--liste", "x"], &["--liste"]),
            (
                "http URL",
                &["--public-url", "http://id.example.com"],
                &["--public-url", "http://id.example.com", "https"],
            ),
            (
                "URL with a password",
                &["--public-url", "https://u:s3cret@id.example.com"],
                &["--public-url", "…@id.example.com"],
            ),
            ("path", &["--path", "register"], &["--path", "\"register\"", "/oidc/register"]),
            ("no body", &["--body-limit", "0"], &["--body-limit", "found 0"]),
            ("body", &["--body-limit", "2000000"], &["--body-limit", "2000000", "1048576"]),
            ("access", &["--access", "all"], &["--access", "all", "management-only"]),
            ("profile", &["--profile", "oath"], &["--profile", "oath", "fapi2"]),
            ("extension", &["--extensions", "mtls,oath"], &["--extensions", "oath", "dpop"]),
            ("switch", &["--switches", "any-orign=off"], &["--switches", "any-orign", "any-origin", "register-path"]),
            (
                "grant type",
                &["--grant-types", "authorization-code"],
                &["--grant-types", "authorization-code", "client_credentials"],
            ),
            (
                "grant type of the profile",
                &["--profile", "mcp", "--grant-types", "implicit"],
                &["--grant-types", "\"implicit\""],
            ),
            ("no grant type alone", &["--grant-types", "refresh_token"], &["--grant-types", "\"refresh_token\""]),
            (
                "redirect host",
                &["--allow-redirect-host", "https://a.example"],
                &["--allow-redirect-host", "https://a.example", "app.example.com"],
            ),
            ("application", &["--inner", "x"], &["--inner", "echo"]),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_initial_access_token_that_cannot_work_is_refused_and_not_shown() {
    let tokens = ["--access", "tokens"];
    let with = |flags: &[&'static str]| [&tokens[..], flags].concat();
    let file = |name: &'static str| with(&["--initial-access-token-file", name]);
    assert_all_fail(
        "tokens",
        &[
            (
                "short",
                &with(&["--initial-access-token", "s3cret"]),
                &["--initial-access-token", "number 1 with 6 characters", "16"],
            ),
            (
                "no bearer token",
                &with(&["--initial-access-token", "s3cret of many words"]),
                &["--initial-access-token"],
            ),
            ("no file", &file("none"), &["--initial-access-token-file", "none", "No such file"]),
            ("folder", &file("folder"), &["--initial-access-token-file", "folder", "not a file"]),
            #[cfg(unix)]
            ("rights", &file("open.tokens"), &["--initial-access-token-file", "open.tokens", "640", "chmod 600"]),
            ("empty file", &file("empty"), &["--initial-access-token-file", "empty", "16 characters"]),
            ("short one in a file", &file("short.tokens"), &["number 2 with 6 characters"]),
            ("no client", &with(&["--initial-access-token-uses", "0"]), &["--initial-access-token-uses", "'0'"]),
            ("no time", &with(&["--initial-access-token-lifetime", "0"]), &["--initial-access-token-lifetime", "'0'"]),
            ("open", &["--initial-access-token-uses", "2"], &["--initial-access-token-uses", "--access tokens"]),
            (
                "open with a token",
                &["--initial-access-token", "an-initial-access-token-s3cret"],
                &["--initial-access-token ", "--access tokens"],
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_is_named() {
    assert_all_fail(
        "stores",
        &[
            (
                "unknown",
                &["--secrets", "hashed", "--store", "mysql://u:s3cret@h/d?password=s3cret"],
                &["--store mysql://u:…@h/d", "sqlite:PATH"],
            ),
            ("undecided", &["--store", "sqlite:x.db"], &["--secrets hashed", "sealed:FILE"]),
            ("secrets", &["--secrets", "hash"], &["--secrets", "\"hash\"", "sealed:FILE"]),
            #[cfg(not(feature = "sqlite"))]
            (
                "not built",
                &["--secrets", "hashed", "--store", "sqlite:x.db"],
                &["--store sqlite:x.db", "--features sqlite"],
            ),
            #[cfg(not(feature = "sealed"))]
            ("not built", &["--secrets", "sealed:x"], &["--secrets sealed", "--features sealed"]),
            #[cfg(feature = "sqlite")]
            (
                "no folder",
                &["--secrets", "hashed", "--store", "sqlite:none/x.db"],
                &["--store sqlite:none/x.db", "folder"],
            ),
            #[cfg(feature = "sqlite")]
            ("folder", &["--secrets", "hashed", "--store", "sqlite:folder"], &["--store sqlite:folder", "folder"]),
            #[cfg(feature = "sqlite")]
            (
                "no database",
                &["--secrets", "hashed", "--store", "sqlite:text.db"],
                &["--store sqlite:text.db", "not a database"],
            ),
            #[cfg(feature = "sqlite")]
            (
                "wrong flag beside a store",
                &["--secrets", "hashed", "--store", "sqlite:x.db", "--path", "a"],
                &["--path"],
            ),
            #[cfg(feature = "sqlite")]
            (
                "a host before a file",
                &["--secrets", "hashed", "--store", "sqlite://me:s3cret@localhost/x.db"],
                &["--store sqlite://me:…@localhost/x.db", "sqlite:NAME", "sqlite:///NAME"],
            ),
            ("a copy of nothing", &["--backup", "copy.db"], &["--backup copy.db", "SQLite"]),
        ],
    )
    .await;
}

#[cfg(any(feature = "postgres", feature = "redis"))]
#[tokio::test]
async fn a_database_server_that_cannot_be_used_is_named() {
    assert_all_fail(
        "database_servers",
        &[
            #[cfg(feature = "postgres")]
            (
                "plain text to another machine",
                &["--secrets", "hashed", "--store", "postgres://u:s3cret@192.0.2.1/d?sslmode=prefer"],
                &["--store postgres://u:…@192.0.2.1/d", "sslmode=verify-full", "sslmode=disable"],
            ),
            #[cfg(feature = "postgres")]
            (
                "a password that is not escaped",
                &["--secrets", "hashed", "--store", "postgres://u:s3cret?s3cret@192.0.2.1/d"],
                &["--store postgres:…"],
            ),
            #[cfg(feature = "redis-tls")]
            (
                "no Redis with TLS",
                &["--secrets", "hashed", "--store", "rediss://:s3cret@127.0.0.1:1/"],
                &["--store rediss://:…@127.0.0.1:1/", "refused"],
            ),
            #[cfg(all(feature = "redis", not(feature = "redis-tls")))]
            (
                "no TLS",
                &["--secrets", "hashed", "--store", "rediss://:s3cret@127.0.0.1:1/"],
                &["--store rediss://:…@127.0.0.1:1/", "redis-tls"],
            ),
            #[cfg(feature = "redis-tls")]
            (
                "no file of certificates",
                &["--secrets", "hashed", "--store", "rediss://127.0.0.1:1/", "--redis-ca", "none.pem"],
                &["--redis-ca none.pem", "No such file"],
            ),
            #[cfg(feature = "redis")]
            (
                "an unknown parameter",
                &["--secrets", "hashed", "--store", "redis://:s3cret@127.0.0.1:1?tls=true"],
                &["--store redis://:…@127.0.0.1:1", "parameter 1 of the URL is not known, it can be protocol"],
            ),
            #[cfg(feature = "postgres")]
            (
                "no PostgreSQL",
                &["--secrets", "hashed", "--store", "postgres://u:s3cret@127.0.0.1:1/d"],
                &["--store postgres://u:…@127.0.0.1:1/d", "refused"],
            ),
            #[cfg(feature = "postgres")]
            (
                "schema",
                &[
                    "--secrets",
                    "hashed",
                    "--store",
                    "postgres://postgres@127.0.0.1:5432/postgres",
                    "--store-name",
                    "A b",
                ],
                &["--store postgres:", "--store-name \"A b\"", "1 to 63"],
            ),
            #[cfg(feature = "redis")]
            (
                "no Redis",
                &["--secrets", "hashed", "--store", "redis://:s3cret@127.0.0.1:1/"],
                &["--store redis://:…@127.0.0.1:1/", "refused"],
            ),
        ],
    )
    .await;
}

#[cfg(feature = "sealed")]
#[tokio::test]
async fn a_file_of_keys_that_cannot_be_used_is_named_and_not_shown() {
    assert_all_fail(
        "keys",
        &[
            ("none", &["--secrets", "sealed:none"], &["--secrets sealed:none", "No such file", "name:base64"]),
            ("folder", &["--secrets", "sealed:folder"], &["--secrets sealed:folder", "not a file"]),
            #[cfg(unix)]
            ("rights", &["--secrets", "sealed:open.keys"], &["--secrets sealed:open.keys", "644", "chmod 600"]),
            ("empty", &["--secrets", "sealed:empty"], &["--secrets sealed:empty", "no key"]),
            ("short key", &["--secrets", "sealed:short.keys"], &["--secrets sealed:short.keys", "line 3"]),
            ("one name twice", &["--secrets", "sealed:twice.keys"], &["--secrets sealed:twice.keys", "line 2"]),
        ],
    )
    .await;
}

#[cfg(all(feature = "rate-limit", feature = "software-statements", feature = "cache"))]
#[tokio::test]
async fn whom_to_trust_must_be_said_completely() {
    let issuer = "--software-statement-issuer";
    assert_all_fail(
        "trust",
        &[
            ("no attempt", &["--rate-limit", "0"], &["--rate-limit", "0 attempts"]),
            ("no file", &[issuer, "https://a.example"], &[issuer, "https://a.example", "ISSUER=FILE"]),
            ("no such file", &[issuer, "https://a.example=none"], &[issuer, "none: No such file"]),
            ("no JSON", &[issuer, "https://a.example=no.json"], &[issuer, "no.json", "no JSON object"]),
            (
                "no keys",
                &[issuer, "https://a.example=no-keys.json"],
                &[issuer, "no-keys.json", "no key that can verify"],
            ),
            ("required without issuers", &["--require-software-statement"], &[issuer]),
            ("cache", &["--cache", "long"], &["--cache", "long"]),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_filter_that_is_none_is_named() {
    let folder = Folder::new("filter");
    let pieces = &["RUST_LOG", "audit=lots", "debug"];
    assert_fails(&folder, ("filter", &[], pieces), &[("RUST_LOG", "tower_dcr::audit=lots")]).await;
}
