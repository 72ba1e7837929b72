//! The log of the server example, and the initial access token that it issues at its first start.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::examples::{Example, path};
use crate::support::{self, Caller as _, reqwest};

/// Names and values of environment variables.
type Variables<'a> = &'a [(&'a str, &'a str)];

/// A folder for one test; it is deleted when this value is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tower-dcr-log-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Starts the server with its log in a file of this folder.
    fn start(&self, variables: Variables<'_>, options: &[&str]) -> Example {
        let mut command = Command::new(path("server"));
        command.env_remove("RUST_LOG").env_remove("NO_COLOR").envs(variables.iter().copied());
        command.current_dir(&self.0).stderr(File::create(self.file("log")).unwrap());
        Example::start_as("server", command, options)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.file("log")).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn register(example: &Example, token: Option<&str>, document: &Value) -> u16 {
    reqwest().send(support::request(Method::POST, &example.endpoint, token, Some(document))).await.status
}

fn document() -> Value {
    json!({ "redirect_uris": ["https://app.example.com/cb"] })
}

#[tokio::test]
async fn a_log_in_a_file_is_plain_and_as_long_as_rust_log_says() {
    let refused = json!({ "client_name": "Evil", "redirect_uris": ["https://evil.example/cb?code=s3cret#f"] });
    let rows: &[(&str, Variables<'_>, bool, bool)] = &[
        ("default", &[], true, true),
        ("empty", &[("RUST_LOG", "")], true, true),
        ("warnings", &[("RUST_LOG", "warn")], false, true),
        ("nothing", &[("RUST_LOG", "off")], false, false),
        ("another target", &[("RUST_LOG", "off,tower_dcr::audit=info")], true, true),
        ("colours forced nowhere", &[("TERM", "xterm-256color"), ("CLICOLOR_FORCE", "1")], true, true),
    ];
    for (name, variables, informs, warns) in rows {
        let folder = Folder::new(name);
        let example = folder.start(variables, &[]);
        assert_eq!(register(&example, None, &document()).await, StatusCode::CREATED, "{name}");
        assert_eq!(register(&example, None, &refused).await, StatusCode::BAD_REQUEST, "{name}");
        example.end();
        let log = folder.log();
        assert!(!log.contains('\u{1b}') && !log.contains("s3cret"), "{name}: {log}");
        assert_eq!(log.contains("INFO"), *informs, "{name}: {log}");
        let names_the_client = log.contains("client_name=\"Evil\" redirect_hosts=\"evil.example\"");
        assert_eq!(log.contains("WARN") && names_the_client, *warns, "{name}: {log}");
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_restart_issues_no_token_while_an_earlier_one_is_usable() {
    let folder = Folder::new("restart");
    let flags = ["--access", "tokens", "--store", "sqlite:clients.db", "--secrets", "hashed"];
    let first = folder.start(&[], &[&flags[..], &["--initial-access-token-uses", "2"]].concat());
    let token = first.initial_access_token.clone().expect("the first start issues one");
    assert_eq!(register(&first, Some(&token), &document()).await, StatusCode::CREATED);
    first.end();
    assert!(folder.log().contains("for 2 clients, for 24 hours"), "{}", folder.log());

    let second = folder.start(&[], &flags);
    assert_eq!(second.initial_access_token, None, "the first one is still usable");
    assert_eq!(register(&second, Some(&token), &document()).await, StatusCode::CREATED);
    second.end();
    let log = folder.log();
    assert!(log.contains("no initial access token is issued") && log.contains("for 1 client, for 24 hours"), "{log}");
    assert!(!log.contains(&token), "{log}");

    let third = folder.start(&[], &[&flags[..], &["--initial-access-token-lifetime", "600"]].concat());
    let another = third.initial_access_token.clone().expect("the first one is spent");
    assert_ne!(another, token);
    third.end();
    assert!(folder.log().contains("for any number of clients, for 10 minutes"), "{}", folder.log());
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_token_of_the_configuration_is_used_and_none_is_issued() {
    let folder = Folder::new("configured");
    let file = folder.file("tokens");
    std::fs::write(&file, "\nan-initial-access-token-of-a-file\n").unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let flags = ["--access", "tokens", "--store", "sqlite:clients.db", "--secrets", "hashed"];
    let variable: &[_] = &[("TOWER_DCR_INITIAL_ACCESS_TOKEN", "an-initial-access-token-of-a-variable")];
    let rows: &[(&str, Variables<'_>, &[&str], &str)] = &[
        ("variable", variable, &[], "an-initial-access-token-of-a-variable"),
        ("file", &[], &["--initial-access-token-file", "tokens"], "an-initial-access-token-of-a-file"),
    ];
    for (name, variables, more, token) in rows {
        let example = folder.start(variables, &[&flags[..], more].concat());
        assert_eq!(example.initial_access_token, None, "{name}");
        assert_eq!(register(&example, Some(token), &document()).await, StatusCode::CREATED, "{name}");
        example.end();
        assert!(!folder.log().contains(token), "{name}");
    }
    let issuing = folder.start(&[], &flags);
    assert!(issuing.initial_access_token.is_some(), "tokens of the configuration end with it");
    issuing.end();
}
