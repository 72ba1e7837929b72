//! Several servers on one database, called in turn: a caller sees one server.

use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::common::reply::Reply;
use crate::examples::server_process::{Balancer, ENDPOINT, Keys, Node, Schema, postgres};
use crate::redis_server::RedisServer;
use crate::support::{Caller as _, request, walk};

/// How many clients there may be.
const LIMIT: usize = 10;
/// How many of them an initial access token admits.
const USES: usize = 5;

fn document() -> Value {
    json!({ "redirect_uris": ["https://app.example.com/cb"] })
}

/// Sends a request about a registration to one server, or to several in turn, with its own token or another one.
async fn ask(caller: &Balancer, method: Method, client: &Value, token: &Value) -> Reply {
    let body = (method == Method::PUT).then(document);
    let uri = client["registration_client_uri"].as_str().unwrap();
    caller.send(request(method, uri, token.as_str(), body.as_ref())).await
}

async fn register(caller: &Balancer, token: Option<&str>) -> Reply {
    caller.send(request(Method::POST, ENDPOINT, token, Some(&document()))).await
}

async fn registered(caller: &Balancer) -> Value {
    let created = register(caller, None).await;
    assert_eq!(created.status, StatusCode::CREATED, "{created:?}");
    created.json()
}

/// How many of these answers have this status. All others have the other one.
fn how_many(name: &str, answers: &[Reply], status: u16, other: u16) -> usize {
    let (these, others): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == status);
    assert!(others.iter().all(|answer| answer.status == other), "{name}: {others:?}");
    these.len()
}

/// All that two servers could get wrong, on a store that is new to them; at the end there is one server less.
async fn several_are_as_one(name: &str, store: &[&str]) {
    let (keys, limit, uses) = (Keys::new(), LIMIT.to_string(), USES.to_string());
    let secrets = keys.secrets();
    let options = [store, &["--secrets", &secrets, "--max-clients", &limit, "--rotate-registration-tokens"]].concat();
    let mut nodes = [Node::start(&options), Node::start(&options)];
    let (both, [one, other]) = (Balancer::over(&nodes), nodes.each_ref().map(|node| Balancer::over([node])));
    there_are_never_more_than_there_may_be(name, &both).await;
    for _ in 0..3 {
        walk(name, &both, ENDPOINT).await;
        both.next.fetch_add(1, Ordering::Relaxed);
    }
    one_of_many_deletions_succeeds(name, &both).await;
    tokens_change_on_all(name, &one, &other).await;
    one_of_many_updates_has_the_last_word(name, &both).await;
    a_secret_sealed_by_one_server_is_shown_by_another(name, &one, &other).await;
    a_client_cannot_manage_the_client_of_another(name, &one, &other).await;
    an_initial_access_token_is_spent_once(name, &[&options[..], &["--access", "tokens"]].concat(), &uses).await;

    let created = registered(&one).await;
    nodes[0].kill();
    let read = ask(&other, Method::GET, &created, &created["registration_access_token"]).await;
    assert_eq!(read.status, StatusCode::OK, "{name}: after the end of the server that answered: {read:?}");
}

/// The store has no clients at the start.
async fn there_are_never_more_than_there_may_be(name: &str, both: &Balancer) {
    let created = join_all((0..4 * LIMIT).map(|_| registered(both))).await;
    let reads = created.iter().map(|client| ask(both, Method::GET, client, &client["registration_access_token"]));
    assert_eq!(how_many(name, &join_all(reads).await, 200, 401), LIMIT, "{name}: the others were evicted");
}

async fn one_of_many_deletions_succeeds(name: &str, both: &Balancer) {
    let client = registered(both).await;
    let delete = || ask(both, Method::DELETE, &client, &client["registration_access_token"]);
    let answers = join_all((0..32).map(|_| delete())).await;
    assert_eq!(how_many(name, &answers, 204, 401), 1, "{name}: one deletion took place");
}

/// The old registration access token is valid at all servers until the new one is used at one of them.
async fn tokens_change_on_all(name: &str, one: &Balancer, other: &Balancer) {
    let client = registered(one).await;
    let old = &client["registration_access_token"];
    let new = &ask(other, Method::PUT, &client, old).await.json()["registration_access_token"];
    assert_ne!(old, new, "{name}");
    let steps = [
        ("the old one where it was made", one, Method::GET, old, 200),
        ("the old one where it was changed", other, Method::GET, old, 200),
        ("the new one where it was not made", one, Method::GET, new, 200),
        ("the old one after that", one, Method::GET, old, 401),
        ("the old one elsewhere", other, Method::GET, old, 401),
        ("an update with the old one", other, Method::PUT, old, 401),
        ("a deletion with the old one", other, Method::DELETE, old, 401),
        ("a deletion with the new one", other, Method::DELETE, new, 204),
    ];
    for (step, node, method, token, status) in steps {
        assert_eq!(ask(node, method, &client, token).await.status, status, "{name}: {step}");
    }
}

/// Many updates at once lock no client out: a token of a reply is valid until a later one is used.
async fn one_of_many_updates_has_the_last_word(name: &str, both: &Balancer) {
    let client = registered(both).await;
    let old = &client["registration_access_token"];
    let answers = join_all((0..8).map(|_| ask(both, Method::PUT, &client, old))).await;
    assert!(how_many(name, &answers, 200, 409) > 0, "{name}: {answers:?}");
    assert_eq!(ask(both, Method::GET, &client, old).await.status, 200, "{name}: none of the new ones was used");
    let updated = answers.iter().filter(|answer| answer.status == 200).map(Reply::json);
    let mut reads = Vec::new();
    for updated in updated {
        reads.push(ask(both, Method::GET, &client, &updated["registration_access_token"]).await);
    }
    assert!(how_many(name, &reads, 200, 401) > 0, "{name}: of the new ones");
    assert_eq!(ask(both, Method::GET, &client, old).await.status, 401, "{name}: a new one was used");
}

async fn a_secret_sealed_by_one_server_is_shown_by_another(name: &str, one: &Balancer, other: &Balancer) {
    let client = registered(one).await;
    assert!(client["client_secret"].is_string(), "{name}: {client}");
    let token = &client["registration_access_token"];
    let answers = [
        ("read", ask(other, Method::GET, &client, token).await),
        ("update", ask(other, Method::PUT, &client, token).await),
        ("read of the update", ask(one, Method::GET, &client, token).await),
    ];
    for (step, answer) in answers {
        assert_eq!(answer.json()["client_secret"], client["client_secret"], "{name}: {step}: {answer:?}");
    }
}

async fn a_client_cannot_manage_the_client_of_another(name: &str, one: &Balancer, other: &Balancer) {
    let (mine, yours) = (registered(one).await, registered(other).await);
    for (where_from, node) in [("where it was registered", one), ("elsewhere", other)] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let refused = ask(node, method.clone(), &mine, &yours["registration_access_token"]).await;
            assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{name}: {method} {where_from}: {refused:?}");
            assert_eq!(refused.json()["error"], "invalid_token", "{name}: {method} {where_from}");
        }
        let read = ask(node, Method::GET, &mine, &mine["registration_access_token"]).await;
        assert_eq!(read.json(), mine, "{name}: {where_from}, untouched");
    }
}

/// Two more servers on the same database, of which the first one issued the initial access token.
async fn an_initial_access_token_is_spent_once(name: &str, options: &[&str], uses: &str) {
    let issuing = Node::start(&[options, &["--initial-access-token-uses", uses]].concat());
    let knowing = Node::start(options);
    let both = Balancer::over([&issuing, &knowing]);
    let token = issuing.initial_access_token.as_deref();
    let answers = join_all((0..32).map(|_| register(&both, token))).await;
    assert_eq!(how_many(name, &answers, 201, 401), USES, "{name}: as many as the token admits");
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
