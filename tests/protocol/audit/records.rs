//! The records of the audit trail: one JSON object for each event, the same in every sink, and what sinks do when they
//! cannot keep up.

use std::io;
use std::sync::{Arc, Mutex};

use http::Method;
use serde_json::{Value, json};
use tower_dcr::Access;
use tower_dcr::access::{Decision, Registrant, TokenOptions};
use tower_dcr::audit::{FanOut, JsonLines, Operation};
use tower_dcr::config::RegistryBuilder;
use tower_dcr::metadata::ClientMetadata;

use crate::fakes::{Always, FakeClock, Ledger};
use crate::server::{Registered, Server, minimal, minimal_and, send};

/// A file in memory whose disk can be full.
#[derive(Debug, Clone, Default)]
struct Disk {
    bytes: Arc<Mutex<Vec<u8>>>,
    capacity: Arc<Mutex<Option<usize>>>,
}

impl io::Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let capacity = self.capacity.lock().unwrap();
        let taken = capacity.map_or(bytes.len(), |capacity| capacity.min(bytes.len()));
        self.bytes.lock().unwrap().extend(&bytes[..taken]);
        if taken < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Disk {
    fn text(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.bytes.lock().unwrap())).unwrap()
    }

    /// The lines written since the last call; every line is complete.
    fn records(&self) -> Vec<Value> {
        let text = self.text();
        assert!(text.is_empty() || text.ends_with('\n'), "{text}");
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
    }

    /// The one record that was written since the last time.
    fn record(&self) -> Value {
        let records = self.records();
        let [record] = &*records else { panic!("{records:?}") };
        record.clone()
    }
}

async fn written(access: Access, configure: impl FnOnce(RegistryBuilder) -> RegistryBuilder) -> (Server, Disk) {
    let disk = Disk::default();
    let sink = JsonLines::new(disk.clone()).with_values(64);
    let server =
        Server::start(access, |builder| configure(builder.with_clock(FakeClock::new()).with_audit(sink))).await;
    (server, disk)
}

#[tokio::test]
async fn a_record_has_the_actor_the_operation_and_the_changes() {
    let (server, disk) = written(Access::Tokens, |builder| builder.with_registration_token_rotation(true)).await;
    let options = TokenOptions::new().with_owner("team-a");
    let (token, record) = server.registry.with_actor("alice").issue_initial_access_token(options).await.unwrap();
    let common = json!({ "version": 1, "time": "2026-05-28T20:26:40.000Z", "outcome": "done" });
    let expect = |name: &str, members: Value| {
        let mut expected = common.clone();
        expected.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        assert_eq!(disk.record(), expected, "{name}");
    };
    expect(
        "issue",
        json!({ "operation": "issue_token", "actor": "alice", "owner": "team-a", "initial_access_token_id": record.id() }),
    );

    let document = minimal_and(json!({ "client_name": "App", "logo_uri": "https://app.example.com/logo.png" }));
    let request = server.posting(document.to_string()).bearer_auth(token.expose()).header("x-request-id", "01J9ZK");
    let client = Registered::of(&send(request).await);
    let who = json!({
        "client_id": client.id(), "status": "active", "owner": "team-a",
        "origin": "initial_access_token", "initial_access_token_id": record.id(),
    });
    let about = |members: Value| {
        let mut about = who.clone();
        about.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        about
    };
    let added = |member: &str, after: Value| json!({ "member": member, "change": "added", "after": after });
    expect(
        "register",
        about(json!({ "operation": "register", "request_id": "01J9ZK", "revision": 1, "changes": [
            added("application_type", json!("web")),
            added("client_name", json!("App")),
            added("grant_types", json!(["authorization_code"])),
            added("logo_uri", json!("https://app.example.com/logo.png")),
            added("redirect_uris", json!(["https://app.example.com/cb"])),
            added("response_types", json!(["code"])),
            added("token_endpoint_auth_method", json!("client_secret_basic")),
            { "member": "client_secret", "change": "added" },
            { "member": "registration_access_token", "change": "added" },
        ]})),
    );

    let long = format!("https://app.example.com/{}", "a".repeat(64));
    let document = json!({
        "redirect_uris": ["https://app.example.com/cb"], "client_name": "New", "client_name#fr": "Appli",
        "client_uri": long, "token_endpoint_auth_method": "none",
    });
    assert_eq!(server.put(&client, &document).await.status, 200);
    expect(
        "update",
        about(json!({ "operation": "update", "revision": 2, "changes": [
            { "member": "client_name", "change": "replaced", "before": "App", "after": "New" },
            added("client_name#fr", json!("Appli")),
            { "member": "client_uri", "change": "added" },
            { "member": "logo_uri", "change": "removed", "before": "https://app.example.com/logo.png" },
            {
                "member": "token_endpoint_auth_method", "change": "replaced",
                "before": "client_secret_basic", "after": "none",
            },
            { "member": "client_secret", "change": "removed" },
            { "member": "registration_access_token", "change": "replaced" },
        ]})),
    );

    assert_eq!(server.delete(&client).await.status, 204);
    expect("delete", about(json!({ "operation": "delete", "revision": 2 })));
}

#[tokio::test]
async fn a_record_has_the_reason_of_a_refusal() {
    let gate = Access::custom(Always(Decision::Allow(Registrant::new().with_owner("team-b"))));
    let (server, disk) = written(gate, |builder| builder).await;
    let request = server.posting(r#"{"redirect_uris":["a:"],"scope":" "}"#).header("x-request-id", "01J9ZK");
    let reply = send(request).await;
    assert_eq!(reply.status, 400);
    let record = disk.record();
    assert_eq!((&record["operation"], &record["outcome"]), (&json!("register"), &json!("refused")));
    assert_eq!((&record["origin"], &record["owner"]), (&json!("gate"), &json!("team-b")), "who was let in is known");
    assert_eq!(record["request_id"], "01J9ZK");
    assert_eq!((&record["refusal"]["status"], &record["refusal"]["error"]), (&json!(400), &reply.json()["error"]));
    assert_eq!(record["refusal"]["reason"], reply.json()["error_description"]);
    let replied = reply.json()["violations"].as_array().unwrap().clone();
    let replied: Vec<_> = replied.iter().map(|one| json!({ "pointer": one["pointer"], "rule": one["rule"] })).collect();
    assert_eq!(record["refusal"]["violations"], json!(replied));

    let client = server.register(&minimal()).await;
    disk.records();
    let reply = send(server.request(Method::GET, client.uri()).bearer_auth("wrong")).await;
    assert_eq!(reply.status, 401);
    let record = disk.record();
    assert_eq!((&record["client_id"], &record["refusal"]["error"]), (&json!(client.id()), &json!("invalid_token")));
    assert!(record.get("owner").is_none(), "a refusal has no data of a client that did not authenticate");
}

#[tokio::test]
async fn values_are_recorded_only_on_demand() {
    let disk = Disk::default();
    let sink = JsonLines::new(disk.clone());
    let server = Server::start(Access::Open, |builder| builder.with_audit(sink)).await;
    let client = server.register(&minimal_and(json!({ "client_name": "PersonalName" }))).await;
    let named = |record: &Value| record["changes"].as_array().unwrap().iter().any(|one| one["member"] == "client_name");
    let register = disk.record();
    assert!(named(&register) && !register.to_string().contains("PersonalName"), "{register}");
    assert_eq!(server.put(&client, &minimal()).await.status, 200);
    let update = disk.record();
    assert!(named(&update) && !update.to_string().contains("PersonalName"), "{update}");
}

#[tokio::test]
async fn keys_are_recorded_by_name_only() {
    let (server, disk) = written(Access::ManagementOnly, |builder| builder).await;
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    let document = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [key] },
        "redirect_uris": ["https://app.example.com/cb"] });
    let metadata = ClientMetadata::from_json(document.to_string().as_bytes()).unwrap();
    server.registry.register(metadata).await.unwrap();
    let changes = disk.record()["changes"].as_array().unwrap().clone();
    assert!(changes.contains(&json!({ "member": "jwks", "change": "added" })), "{changes:?}");
}

#[tokio::test]
async fn the_header_of_the_request_identifier_is_a_choice() {
    let custom = |name: Option<&'static str>| {
        move |builder: RegistryBuilder| match name {
            Some(name) => builder.with_request_id_header(name),
            None => builder.without_request_id_header(),
        }
    };
    for (name, header, expected) in [("other", Some("x-trace"), json!("t")), ("none", None, Value::Null)] {
        let (server, disk) = written(Access::Open, custom(header)).await;
        let request = server.posting(minimal().to_string()).header("x-request-id", "r").header("x-trace", "t");
        assert_eq!(send(request).await.status, 201, "{name}");
        assert_eq!(disk.record().get("request_id").cloned().unwrap_or_default(), expected, "{name}");
    }
    let (server, disk) = written(Access::ManagementOnly, |builder| builder).await;
    assert!(server.registry.within_request("r 1").register(Default::default()).await.is_err());
    assert!(server.registry.within_request("r1").register(Default::default()).await.is_err());
    let records = disk.records();
    assert_eq!((records[0].get("request_id"), &records[1]["request_id"]), (None, &json!("r1")));
}

#[tokio::test]
async fn a_record_names_the_tenant() {
    let (server, disk) = written(Access::Open, |builder| builder.with_tenant("acme")).await;
    server.register(&minimal()).await;
    assert_eq!(disk.record()["tenant"], "acme");
}

#[tokio::test]
async fn a_torn_line_costs_only_itself() {
    let (server, disk) = written(Access::Open, |builder| builder).await;
    *disk.capacity.lock().unwrap() = Some(20);
    let refused = server.post(&minimal()).await;
    assert_eq!((refused.status, server.count().await), (503, 0), "what is not recorded did not happen");
    *disk.capacity.lock().unwrap() = None;
    let client = server.register(&minimal()).await;
    let text = disk.text();
    let whole = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let whole: Vec<_> = whole.filter(|record| record["operation"] == "register").collect();
    assert_eq!(whole.len(), 1, "{text}");
    assert_eq!(whole[0]["client_id"], client.id());
}

#[tokio::test]
async fn lines_of_many_requests_are_never_mixed() {
    let (server, disk) = written(Access::Open, |builder| builder).await;
    let server = Arc::new(server);
    let requests = (0..32).map(|_| {
        let server = Arc::clone(&server);
        tokio::spawn(async move { server.register(&minimal()).await.id().to_owned() })
    });
    let mut clients = Vec::new();
    for request in requests.collect::<Vec<_>>() {
        clients.push(request.await.unwrap());
    }
    let mut recorded: Vec<_> =
        disk.records().iter().map(|record| record["client_id"].as_str().unwrap().to_owned()).collect();
    clients.sort_unstable();
    recorded.sort_unstable();
    assert_eq!(recorded, clients);
}

#[tokio::test]
async fn every_sink_records_also_that_a_change_was_taken_back() {
    let (ledger, broken, disk) = (Ledger::default(), Ledger::default(), Disk::default());
    let sink = FanOut::new().with(ledger.clone()).with(broken.clone()).with(JsonLines::new(disk.clone()));
    let server = Server::start(Access::Open, |builder| builder.with_audit(sink)).await;
    let client = server.register(&minimal()).await;
    assert_eq!((ledger.take().len(), broken.take().len(), disk.records().len()), (1, 1, 1));

    broken.fail(true);
    assert_eq!(server.post(&minimal()).await.status, 503);
    assert_eq!(server.put(&client, &minimal_and(json!({ "client_name": "New" }))).await.status, 503);
    let operations: Vec<_> = ledger.take().into_iter().map(|entry| (entry.operation, entry.action)).collect();
    let expected = [
        (Operation::Register, "register"),
        (Operation::TakeBack, "take_back"),
        (Operation::Register, "refused"),
        (Operation::Update, "update"),
        (Operation::TakeBack, "take_back"),
        (Operation::Update, "refused"),
    ];
    assert_eq!(operations, expected);
    let records = disk.records();
    assert_eq!(records.len(), 6);
    assert_eq!(records[1]["client_id"], records[0]["client_id"], "the client that was taken back");
    assert_eq!((&records[3]["revision"], &records[4]["revision"]), (&json!(2), &json!(3)));
    let back = json!([{ "member": "client_name", "change": "removed" }]);
    assert_eq!(records[4]["changes"], back);
    assert_eq!(server.count().await, 1);
}

#[tokio::test]
async fn a_token_that_cannot_be_recorded_is_not_issued() {
    let (ledger, broken) = (Ledger::default(), Ledger::default());
    let sink = FanOut::new().with(ledger.clone()).with(broken.clone());
    let server = Server::start(Access::Tokens, |builder| builder.with_audit(sink)).await;
    broken.fail(true);
    let refused = server.registry.issue_initial_access_token(TokenOptions::new()).await;
    assert_eq!(refused.unwrap_err().status(), 503);
    assert_eq!(server.registry.initial_access_tokens().await.unwrap().len(), 0);
    let operations: Vec<_> = ledger.take().into_iter().map(|entry| entry.action).collect();
    assert_eq!(operations, ["issue_token", "take_back", "refused"]);
}

#[cfg(feature = "audit-channel")]
#[tokio::test]
async fn a_channel_never_holds_a_request_up_and_counts_what_it_drops() {
    let (sink, mut receiver) = tower_dcr::audit::channel(2);
    let server = Server::start(Access::Open, |builder| builder.with_audit(sink)).await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(server.register(&minimal()).await.id().to_owned());
    }
    assert_eq!(receiver.dropped(), 3, "nothing was received, two records waited");
    for client in &clients[..2] {
        let record = receiver.recv().await.unwrap();
        assert_eq!((record.operation, record.client_id.as_ref()), (Operation::Register, Some(client)));
    }
    let later = server.register(&minimal()).await;
    assert_eq!(receiver.recv().await.unwrap().client_id.as_deref(), Some(later.id()), "the channel has space again");

    drop(receiver);
    let refused = server.post(&minimal()).await;
    assert_eq!((refused.status, server.count().await), (503, 6), "the receiver is closed");
}

#[cfg(feature = "audit-channel")]
#[tokio::test]
async fn a_channel_ends_with_the_last_registry() {
    let (sink, mut receiver) = tower_dcr::audit::channel(8);
    let server = Server::start(Access::Open, |builder| builder.with_audit(sink)).await;
    server.register(&minimal()).await;
    let collected = tokio::spawn(async move {
        let mut count = 0;
        while receiver.recv().await.is_some() {
            count += 1;
        }
        count
    });
    drop(server);
    assert_eq!(tokio::time::timeout(std::time::Duration::from_secs(30), collected).await.unwrap().unwrap(), 1);
}
