//! The examples as they are built, started as their readers start them.

mod admin;
#[cfg(all(unix, feature = "sqlite"))]
mod databases;
mod flags;
#[cfg(all(feature = "sqlite", feature = "postgres", feature = "redis", feature = "sealed"))]
mod interruptible_network;
mod log;
#[cfg(all(feature = "sqlite", feature = "postgres", feature = "redis", feature = "sealed"))]
mod outage;
#[cfg(all(feature = "sqlite", feature = "postgres", feature = "redis", feature = "sealed"))]
mod server_process;
#[cfg(all(feature = "sqlite", feature = "postgres", feature = "redis", feature = "sealed"))]
mod several_servers;
mod startup_errors;
#[cfg(all(unix, feature = "postgres"))]
mod startup_signals;
#[cfg(unix)]
mod timeouts_and_shutdown;

use std::io::{BufRead, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::grpc;
use crate::service::refusals;
use crate::support::{self, Caller as _, Hyper, reqwest, walk};

/// An address of this machine where nothing listens, for a server whose own address must be configured.
pub(crate) fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A running example; it ends with this value.
pub(crate) struct Example {
    name: &'static str,
    process: Child,
    output: BufReader<ChildStdout>,
    pub(crate) endpoint: String,
    /// The one that it issued, if it was to issue one.
    pub(crate) initial_access_token: Option<String>,
}

/// What a server says when it starts: the initial access token that it issued, if any, and its endpoint.
pub(crate) fn greeting(name: &str, output: &mut impl BufRead) -> (Option<String>, String) {
    let mut line = || {
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    let mut said = line();
    let token = said.strip_prefix("initial access token: ").map(str::to_owned);
    if token.is_some() {
        said = line();
    }
    let endpoint = said.strip_prefix("registration endpoint: ");
    (token, endpoint.unwrap_or_else(|| panic!("{name} said {said:?} instead of its endpoint")).to_owned())
}

impl Example {
    pub(crate) fn start(name: &'static str, options: &[&str]) -> Self {
        let mut command = Command::new(path(name));
        command.stderr(Stdio::null());
        Self::start_as(name, command, options)
    }

    /// Starts it by a command that ends with its path.
    pub(crate) fn start_as(name: &'static str, mut command: Command, options: &[&str]) -> Self {
        if !options.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.args(options);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap_or_else(|error| {
            let path = path(name);
            panic!("{}: {error}; `cargo test` builds the examples, `cargo test --test stacks` does not", path.display())
        });
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let (initial_access_token, endpoint) = greeting(name, &mut output);
        Self { name, process, output, endpoint, initial_access_token }
    }

    /// The rest of its next line, which must begin like this.
    fn says(&mut self, start: &str) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let rest = line.strip_prefix(start).map(str::trim_end);
        rest.unwrap_or_else(|| panic!("{} said {line:?} instead of {start}", self.name)).to_owned()
    }

    /// The URL of the server, without the path of the endpoint.
    pub(crate) fn base_url(&self) -> &str {
        self.endpoint.strip_suffix("/oidc/register").unwrap_or_else(|| panic!("{}: {}", self.name, self.endpoint))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.endpoint.split('/').nth(2).and_then(|address| address.parse().ok()).unwrap()
    }

    /// The path of the endpoint.
    pub(crate) fn path(&self) -> String {
        format!("/{}", self.endpoint.splitn(4, '/').nth(3).unwrap())
    }

    /// Sends it a signal, by the name that `kill` knows.
    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: &str) {
        let kill = Command::new("sh").arg("-c").arg(format!("kill -s {signal} {}", self.process.id())).status();
        assert!(kill.unwrap().success(), "{}: {signal}", self.name);
    }

    /// Waits until it ends by itself.
    #[cfg(unix)]
    pub(crate) async fn exit(mut self) -> std::process::ExitStatus {
        support::eventually(&format!("the end of {}", self.name), async || self.process.try_wait().unwrap()).await
    }

    /// Stops it, and checks that it printed no more than the one line.
    pub(crate) fn end(mut self) {
        self.process.kill().unwrap();
        let mut more = String::new();
        self.output.read_to_string(&mut more).unwrap();
        assert_eq!(more, "", "{}", self.name);
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Examples lie beside the directory of this test: `<profile>/deps/stacks-…` and `<profile>/examples/…`.
pub(crate) fn path(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
    profile.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION)
}

#[tokio::test]
async fn the_server_example_registers_clients() {
    let example = Example::start("server", &[]);
    walk(example.name, &reqwest(), &example.endpoint).await;
    assert_eq!(support::get(&reqwest(), &format!("{}/hello", example.base_url())).await.body, "hello\n");
    example.end();
}

#[cfg(feature = "rate-limit")]
#[tokio::test]
async fn the_server_example_limits_attempts() {
    let example = Example::start("server", &["--rate-limit", "1"]);
    let document = serde_json::json!({ "redirect_uris": ["https://app.example.com/cb"] });
    let attempt = || support::request(http::Method::POST, &example.endpoint, None, Some(&document));
    assert_eq!(reqwest().send(attempt()).await.status, 201);
    let refused = reqwest().send(attempt()).await;
    assert_eq!((refused.status, &refused.headers["retry-after"]), (429, &"60".parse().unwrap()));
    example.end();
}

#[cfg(feature = "software-statements")]
#[tokio::test]
async fn the_server_example_verifies_software_statements() {
    let keys = std::env::temp_dir().join(format!("tower-dcr-keys-{}.json", std::process::id()));
    let key = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    std::fs::write(&keys, key).unwrap();
    let issuer = format!("https://directory.example={}", keys.display());
    let options = ["--software-statement-issuer", &issuer, "--require-software-statement"];
    let example = Example::start("server", &options);
    std::fs::remove_file(&keys).unwrap();
    // {"alg":"EdDSA"}.{"iss":"https://directory.example"} with a signature that is none, and without anything.
    let forged = "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJodHRwczovL2RpcmVjdG9yeS5leGFtcGxlIn0.c2ln";
    for members in [serde_json::json!({ "software_statement": forged }), serde_json::json!({})] {
        let request = support::request(http::Method::POST, &example.endpoint, None, Some(&members));
        let refused = reqwest().send(request).await;
        assert_eq!((refused.status, &refused.json()["error"]), (400, &"invalid_software_statement".into()));
    }
    example.end();
}

#[tokio::test]
async fn the_hyper_example_registers_clients_over_http_1_and_http_2() {
    let example = Example::start("hyper", &[]);
    walk(example.name, &reqwest(), &example.endpoint).await;
    walk(example.name, &Hyper::http_2(), &example.endpoint).await;
    for path in ["/", "/hello"] {
        let answer = support::get(&Hyper::http_2(), &format!("{}{path}", example.base_url())).await;
        assert_eq!(answer.body, "hello\n", "{path}");
    }
    example.end();
}

#[tokio::test]
async fn the_tonic_example_registers_clients_and_greets_on_one_port() {
    let example = Example::start("tonic", &[]);
    walk(example.name, &reqwest(), &example.endpoint).await;
    walk(example.name, &Hyper::http_2(), &example.endpoint).await;
    let mut client = grpc::connect(example.base_url()).await;
    let reply = grpc::say_hello(&mut client, "/greeter.Greeter/SayHello", "world").await.unwrap();
    assert_eq!(reply.get_ref().message, "hello world");
    example.end();
}

#[cfg(feature = "cors")]
#[tokio::test]
async fn the_layered_example_registers_clients_from_other_origins() {
    use http::header::{
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE,
        ORIGIN,
    };
    use http::{Request, StatusCode};

    let example = Example::start("layered", &[]);
    let client = reqwest();
    walk(example.name, &client, &example.endpoint).await;

    let application = format!("{}/hello", example.base_url());
    for (name, uri, open) in [("endpoint", &example.endpoint, true), ("application", &application, false)] {
        let preflight = Request::options(uri)
            .header(ORIGIN, "https://app.example.com")
            .header(ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .header(ACCESS_CONTROL_REQUEST_HEADERS, "content-type");
        let answer = client.send(preflight.body(Vec::new()).unwrap()).await;
        assert_eq!(answer.headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), open, "{name}: {answer:?}");
    }

    let large = Request::post(&example.endpoint).header(CONTENT_TYPE, "application/json");
    let answer = client.send(large.body(vec![b' '; 100_000]).unwrap()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.headers[CONTENT_TYPE], "application/json", "the endpoint answers, not the limit around it");
    example.end();
}

#[tokio::test]
async fn the_tenants_example_keeps_its_tenants_apart() {
    use http::header::{AUTHORIZATION, CONTENT_TYPE};
    use http::{Request, StatusCode};

    let mut example = Example::start("tenants", &[]);
    let (acme, client) = (example.endpoint.clone(), reqwest());
    let globex = example.says("registration endpoint: ");
    let token = example.says("initial access token of globex: ");
    walk(example.name, &client, &acme).await;
    let register = async |endpoint: &str, token: Option<&str>| {
        let request = Request::post(endpoint).header(CONTENT_TYPE, "application/json");
        let request =
            token.iter().fold(request, |request, token| request.header(AUTHORIZATION, format!("Bearer {token}")));
        let document = r#"{"redirect_uris":["https://app.example.com/cb"]}"#;
        client.send(request.body(document.into()).unwrap()).await
    };
    assert_eq!(register(&globex, None).await.status, StatusCode::UNAUTHORIZED);
    let registered = register(&globex, Some(&token)).await;
    assert_eq!(registered.status, StatusCode::CREATED);
    let uri = registered.json()["registration_client_uri"].as_str().unwrap().to_owned();
    assert!(uri.starts_with(&globex), "{uri}");
    example.end();
}

#[tokio::test]
async fn the_server_example_takes_a_profile_extensions_and_switches() {
    use http::header::CONTENT_TYPE;
    use http::{Request, StatusCode};

    let example = Example::start("server", &["--profile", "mcp", "--extensions", "all"]);
    let strict = ["--profile", "mcp", "--switches", "private-use-refused", "--extensions", "dpop,par"];
    let strict = Example::start("server", &strict);
    let register = async |example: &Example, uri: &str| {
        let document = format!(r#"{{"redirect_uris":["{uri}"],"dpop_bound_access_tokens":true}}"#);
        let request = Request::post(format!("{}/register", example.base_url()));
        reqwest().send(request.header(CONTENT_TYPE, "application/json").body(document.into()).unwrap()).await
    };
    let registered = register(&example, "http://localhost:6274/cb").await;
    assert_eq!(registered.status, StatusCode::CREATED);
    assert_eq!(registered.json()["dpop_bound_access_tokens"], true);
    assert_eq!(register(&example, "cursor://a/cb").await.json()["dpop_bound_access_tokens"], true);
    assert_eq!(register(&strict, "cursor://a/cb").await.status, StatusCode::BAD_REQUEST);
    example.end();
    strict.end();
}

#[tokio::test]
async fn the_server_example_gives_up_a_body_that_stalls() {
    let example = Example::start("server", &["--body-timeout", "1"]);
    refusals::stall(example.address()).await;
    walk("after a stalled body", &reqwest(), &example.endpoint).await;
    example.end();
}
