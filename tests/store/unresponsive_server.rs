//! A network that loses connections without an error.

use tower_dcr::credential::SecretStorage;
use tower_dcr::metadata::ClientMetadata;
use tower_dcr::store::ClientStore;
use tower_dcr::{Access, RegistrationErrorKind, Registry};

use crate::lossy_proxy::LossyProxy;

fn metadata() -> ClientMetadata {
    ClientMetadata::from_json(br#"{ "redirect_uris": ["https://app.example.com/cb"] }"#).unwrap()
}

fn registry(store: impl ClientStore) -> Registry {
    let builder = Registry::builder("https://id.example.com", Access::Open).with_secrets(SecretStorage::hashed());
    builder.build(store).unwrap()
}

/// After the connections are lost, one caller waits for the time limit (on a paused clock); the others use new
/// connections.
async fn assert_found_again(registry: &Registry, link: &LossyProxy, tries: usize) {
    link.lose();
    tokio::time::pause();
    let error = registry.register(metadata()).await.unwrap_err();
    tokio::time::resume();
    assert_eq!(error.kind(), RegistrationErrorKind::Unavailable);
    for _ in 1..tries {
        if registry.register(metadata()).await.is_ok() {
            return;
        }
    }
    registry.register(metadata()).await.unwrap();
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn redis_is_found_again_by_a_new_connection() {
    use tower_dcr::store::RedisStore;

    let server = crate::redis_server::RedisServer::start(&[]);
    let link = LossyProxy::to(format!("127.0.0.1:{}", server.port())).await;
    let store = RedisStore::connect(&format!("redis://127.0.0.1:{}", link.port)).await.unwrap();
    let registry = registry(store);
    for _ in 0..2 {
        registry.register(metadata()).await.unwrap();
        assert_found_again(&registry, &link, 1).await;
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use std::sync::Arc;

    use futures_util::future::join_all;
    use sqlx::{Connection as _, Executor as _};
    use tokio::net::TcpListener;
    use tower_dcr::Client;
    use tower_dcr::access::TokenOptions;
    use tower_dcr::store::{
        ClientStore as _, InsertConditions, InsertOutcome, MemoryStore, PostgresOptions, PostgresStore,
    };

    use super::*;
    use crate::sql::{Postgres, url};
    use crate::store_under_test::StoreUnderTest as _;

    /// The server of the tests through a link, and as a store of some connections.
    async fn linked(store_under_test: &Postgres, connections: u32) -> (LossyProxy, PostgresStore) {
        let target = url::Url::parse(&url()).unwrap();
        let address = format!("{}:{}", target.host_str().unwrap(), target.port().unwrap_or(5432));
        let link = LossyProxy::to(address).await;
        let mut near = target;
        near.set_host(Some("127.0.0.1")).unwrap();
        near.set_port(Some(link.port)).unwrap();
        let options = PostgresOptions::new().with_schema(store_under_test.schema()).with_max_connections(connections);
        let store = PostgresStore::connect(near.as_str(), options).await.unwrap();
        (link, store)
    }

    #[tokio::test]
    async fn postgres_is_found_again_by_new_connections() {
        let store_under_test = Postgres::make().await;
        let (link, store) = linked(&store_under_test, 4).await;
        let registry = registry(store);
        for done in join_all((0..16).map(|_| registry.register(metadata()))).await {
            done.unwrap();
        }
        assert_found_again(&registry, &link, 4).await;
        for done in join_all((0..16).map(|_| registry.register(metadata()))).await {
            done.unwrap();
        }
        store_under_test.clear().await;
    }

    /// A client as any registration makes one.
    async fn client() -> Arc<Client> {
        registry(MemoryStore::new()).register(metadata()).await.unwrap().client().clone()
    }

    /// A node stops during an insertion that has locked the count of the clients.
    #[tokio::test]
    async fn a_node_that_is_lost_in_a_transaction_stops_no_other() {
        let store_under_test = Postgres::make().await;
        let (link, lost) = linked(&store_under_test, 1).await;
        let (_, record) = registry(store_under_test.store())
            .issue_initial_access_token(TokenOptions::new().with_uses(9))
            .await
            .unwrap();
        let mut conditions = InsertConditions::unconditional(std::time::SystemTime::now());
        conditions.max_clients = Some(10);
        let mut spending = conditions.clone();
        spending.initial_access_token = Some(*record.digest());

        let mut connection = Postgres::connection().await;
        let mut transaction = connection.begin().await.unwrap();
        transaction.execute(&*format!("SELECT * FROM {}.tokens FOR UPDATE", store_under_test.schema())).await.unwrap();
        let inserting = tokio::spawn(async move { lost.insert(&*client().await, &spending).await });
        let waiting = format!(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%\"{}\".tokens%'",
            store_under_test.schema()
        );
        let mut observer = Postgres::connection().await;
        while observer.fetch_all(&*waiting).await.unwrap().is_empty() {}
        link.lose();
        transaction.rollback().await.unwrap();
        let outcome = store_under_test.store().insert(&*client().await, &conditions).await.unwrap();
        assert_eq!(outcome, InsertOutcome::Inserted);
        inserting.abort();
        store_under_test.clear().await;
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_is_given_up_at_the_start() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", silent.local_addr().unwrap().port());
        tokio::time::pause();
        PostgresStore::connect(&url, PostgresOptions::new()).await.unwrap_err();
    }
}
