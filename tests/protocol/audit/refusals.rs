//! A refusal on the audit trail names the client that was refused: its name and where it leads, short and without what
//! could be a secret.

use std::io;
use std::sync::{Arc, Mutex};

use http::Method;
use serde_json::{Value, json};
use tower_dcr::Access;
use tower_dcr::audit::JsonLines;

use crate::server::{RequestBuilder, Server, minimal, send};

/// A log in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// What was written since the last time.
    pub(crate) fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.0.lock().unwrap())).unwrap()
    }
}

/// A document that breaks a rule: its redirect URI has a fragment.
fn broken() -> Value {
    json!({
        "client_name": "Evil \u{202e}App\n",
        "redirect_uris": ["https://user:s3cret@a.example:8443/s3cret?code=s3cret#s3cret", "cursor://s3cret"],
        "software_id": "s3cret",
    })
}

/// What the record of its refusal says of the client.
fn requested() -> Value {
    json!({ "client_name": r"Evil \u{202e}App\n", "redirect_hosts": ["a.example:8443", "cursor:"] })
}

#[tokio::test]
async fn a_refusal_names_the_client_that_was_refused() {
    let log = Log::default();
    let sink = JsonLines::new(log.clone());
    let server = Server::start(Access::Open, |builder| builder.with_dry_run(true).with_audit(sink)).await;
    let client = server.register(&minimal()).await;
    let dry_run = || {
        let url = format!("{}?dry_run=true", server.endpoint());
        server.request(Method::POST, url).header("content-type", "application/json").body(broken().to_string())
    };
    let stolen = server.request(Method::PUT, client.uri()).bearer_auth("wrong").body(broken().to_string());
    let plain = server.request(Method::POST, server.endpoint()).body(broken().to_string());
    let rows: [(&str, RequestBuilder, u16, Value); 7] = [
        ("registration", server.posting(broken().to_string()), 400, requested()),
        ("dry run", dry_run(), 400, requested()),
        ("update", server.putting(&client, &broken()), 400, requested()),
        (
            "wrong types",
            server.posting(r#"{"client_name":["A"],"redirect_uris":"https://a.example"}"#),
            400,
            json!({ "redirect_hosts": ["a.example"] }),
        ),
        ("no JSON", server.posting("client_name=Evil"), 400, Value::Null),
        ("wrong token, before the body", stolen.header("content-type", "application/json"), 401, Value::Null),
        ("wrong media type, before the body", plain.header("content-type", "text/plain"), 415, Value::Null),
    ];
    log.take();
    for (name, request, status, expected) in rows {
        assert_eq!(send(request).await.status, status, "{name}");
        let line = log.take();
        let record: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{name}: {error}: {line}"));
        assert_eq!((&record["outcome"], &record["requested"]), (&json!("refused"), &expected), "{name}");
        assert!(!line.contains("s3cret"), "{name}: {line}");
    }
    server.register(&minimal()).await;
    let done: Value = serde_json::from_str(&log.take()).unwrap();
    assert!(done.get("requested").is_none(), "what was registered is a client of its own: {done}");
}

#[cfg(feature = "tracing")]
#[tokio::test]
async fn the_log_line_of_a_refusal_names_the_client_that_was_refused() {
    use tracing_subscriber::util::SubscriberInitExt as _;

    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
    let guard = subscriber.set_default();
    let server = Server::open().await;
    assert_eq!(server.post(&broken()).await.status, 400);
    drop(guard);
    let log = log.take();
    let ours: Vec<_> = log.lines().filter(|line| line.contains("tower_dcr::audit")).collect();
    let [line] = *ours else { panic!("not one line of the audit trail: {log}") };
    for piece in [r#"client_name="Evil"#, "App", r#"redirect_hosts="a.example:8443 cursor:""#, "fragment"] {
        assert!(line.contains(piece), "{piece} is missing: {line}");
    }
    assert!(!log.contains("s3cret") && !log.contains('\u{202e}'), "{log}");
}
