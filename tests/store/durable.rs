//! What SQLite and PostgreSQL promise beyond the suite: nodes share one database, from their first start on.

use std::time::SystemTime;

use tokio::task::JoinSet;
use tower_dcr::access::TokenOptions;
use tower_dcr::credential::SecretStorage;
use tower_dcr::metadata::ClientMetadata;
use tower_dcr::store::{ClientQuery, ClientStore, IdleCutoffs};
use tower_dcr::{Access, ConfigErrorKind, RegistrationError, RegistrationErrorKind, Registry};

fn metadata() -> ClientMetadata {
    ClientMetadata::from_json(br#"{ "redirect_uris": ["https://app.example.com/cb"] }"#).unwrap()
}

fn registry(store: impl ClientStore, most: Option<u64>) -> Registry {
    let builder = Registry::builder("https://id.example.com", Access::Open).with_secrets(SecretStorage::hashed());
    let builder = match most {
        Some(most) => builder.with_max_clients(most),
        None => builder,
    };
    builder.build(store).unwrap()
}

/// Registers this number of clients at once on all of these nodes and returns the outcomes.
async fn rush(nodes: &[Registry], each: usize) -> Vec<Result<(), RegistrationError>> {
    let mut tasks = JoinSet::new();
    for node in nodes.iter().cycle().take(nodes.len() * each) {
        let node = node.clone();
        tasks.spawn(async move { node.register(metadata()).await.map(drop) });
    }
    tasks.join_all().await
}

fn outcome(outcomes: &[Result<(), RegistrationError>]) -> usize {
    for outcome in outcomes {
        let refused = outcome.as_ref().err().map(RegistrationError::kind);
        assert!(matches!(refused, None | Some(RegistrationErrorKind::Unavailable)), "{outcome:?}");
    }
    outcomes.iter().filter(|outcome| outcome.is_ok()).count()
}

/// A limit holds across nodes, also while a node without a limit registers clients and while clients are removed.
async fn a_limit_holds_across_nodes(one: impl ClientStore + Clone, other: impl ClientStore) {
    let store = one.clone();
    let (one, other) = (registry(one, Some(20)), registry(other, Some(20)));
    assert_eq!(outcome(&rush(&[one.clone(), other], 20).await), 20);
    assert_eq!(store.count(&ClientQuery::new()).await.unwrap(), 20);
    let cutoffs = IdleCutoffs::none(SystemTime::now()).with_unused_since(SystemTime::now());
    assert_eq!(store.expire(&cutoffs, 5).await.unwrap().len(), 5);
    assert_eq!(outcome(&rush(&[one], 9).await), 5);
    let listed = store.list(&ClientQuery::new()).await.unwrap();
    assert_eq!(store.count(&ClientQuery::new()).await.unwrap(), listed.len() as u64);
}

/// Counting begins while clients are inserted that are not counted yet; afterwards the count is correct.
async fn counting_begins_in_the_midst(one: impl ClientStore + Clone, other: impl ClientStore) {
    let store = one.clone();
    let (unlimited, limited) = (registry(one, None), registry(other, Some(1 << 40)));
    assert_eq!(outcome(&rush(&[unlimited, limited], 30).await), 60);
    let filtered = ClientQuery::new().with_issued_from(SystemTime::UNIX_EPOCH);
    assert_eq!(store.count(&filtered).await.unwrap(), 60, "the rows");
    assert_eq!(store.count(&ClientQuery::new()).await.unwrap(), 60, "the count of them");
}

/// A token that one node issued is valid at another, and at no node after one revokes it.
async fn tokens_are_known_across_nodes(one: impl ClientStore, other: impl ClientStore) {
    let build = |builder: tower_dcr::RegistryBuilder| builder.with_secrets(SecretStorage::hashed());
    let one = build(Registry::builder("https://id.example.com", Access::Tokens)).build(one).unwrap();
    let other = build(Registry::builder("https://id.example.com", Access::Tokens)).build(other).unwrap();
    let (token, _) = one.issue_initial_access_token(TokenOptions::new().with_uses(3)).await.unwrap();
    let known = other.initial_access_tokens().await.unwrap();
    assert_eq!(known.len(), 1);
    assert!(known[0].digest().matches(&token.digest()));
    assert_eq!(known[0].uses_left(), Some(3));
    assert!(other.revoke_initial_access_token(known[0].id()).await.unwrap());
    assert!(one.initial_access_tokens().await.unwrap().is_empty());
}

/// The columns that tables of version 1 do not have.
const LATER_COLUMNS: [&str; 5] =
    ["registration_token", "previous_token", "between_token", "initial_access_token", "network"];

/// Tables of version 1 know no digests of tokens; they are found in the records, once and for all clients.
async fn clients_of_version_1_keep_their_tokens<S: ClientStore>(store: S, back: impl AsyncFnOnce() -> S) {
    let rotating = |store| {
        let builder = Registry::builder("https://id.example.com", Access::Open).with_secrets(SecretStorage::hashed());
        builder.with_registration_token_rotation(true).build(store).unwrap()
    };
    let before = rotating(store);
    let registered = before.register(metadata()).await.unwrap();
    let (id, first) = (registered.client().id(), registered.registration_access_token().unwrap().expose());
    let updated = before.update(id, first, metadata()).await.unwrap();
    let second = updated.registration_access_token().unwrap().expose();
    let after = rotating(back().await);
    assert_eq!(after.read(id, "wrong").await.unwrap_err().kind(), RegistrationErrorKind::InvalidToken);
    after.read(id, first).await.expect("the previous token is valid until the new one is used");
    after.read(id, second).await.expect("the current token");
}

async fn assert_choice_of_secrets_is_asked_for(store: impl ClientStore) {
    let refused = Registry::builder("https://id.example.com", Access::Open).build(store).unwrap_err();
    assert_eq!(refused.kind(), ConfigErrorKind::Secrets);
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
    use sqlx::{Connection as _, SqliteConnection};
    use tower_dcr::store::{ClientQuery, ClientStore as _, SqliteStore};

    use crate::sql::Sqlite;
    use crate::store_under_test::StoreUnderTest as _;

    #[tokio::test(flavor = "multi_thread")]
    async fn two_stores_share_one_file() {
        let store_under_test = Sqlite::make().await;
        let another = SqliteStore::open(store_under_test.path()).await.unwrap();
        super::assert_choice_of_secrets_is_asked_for(store_under_test.store()).await;
        super::a_limit_holds_across_nodes(store_under_test.store(), another.clone()).await;
        super::tokens_are_known_across_nodes(store_under_test.store(), another.clone()).await;
        super::counting_begins_in_the_midst(store_under_test.store().for_tenant("b"), another.for_tenant("b")).await;
        store_under_test.clear().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_registered_is_there_after_a_restart() {
        let store_under_test = Sqlite::make().await;
        let before = super::registry(store_under_test.store(), None);
        let registered = before.register(super::metadata()).await.unwrap();
        drop(before);
        let after = super::registry(SqliteStore::open(store_under_test.path()).await.unwrap(), None);
        let token = registered.registration_access_token().unwrap().expose();
        assert!(after.read(registered.client().id(), token).await.is_ok());
        store_under_test.clear().await;
    }

    /// SQLite ends a transaction by itself when its commit fails, as on a full disk; a refusal ends another one.
    #[tokio::test]
    async fn what_is_registered_after_a_commit_failed_is_there_for_others() {
        let store_under_test = Sqlite::make().await;
        let options = SqliteConnectOptions::new().filename(store_under_test.path());
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
        let store = SqliteStore::from_pool(pool.clone()).await.unwrap();
        let (registry, refusing) = (super::registry(store.clone(), Some(1 << 20)), super::registry(store, Some(1)));
        let mut connection = pool.acquire().await.unwrap();
        connection.lock_handle().await.unwrap().set_commit_hook(|| false);
        drop(connection);
        registry.register(super::metadata()).await.unwrap_err();
        let mut connection = pool.acquire().await.unwrap();
        connection.lock_handle().await.unwrap().remove_commit_hook();
        drop(connection);
        registry.register(super::metadata()).await.unwrap();
        refusing.register(super::metadata()).await.unwrap_err();
        let registered = registry.register(super::metadata()).await.unwrap();
        let another = SqliteStore::open(store_under_test.path()).await.unwrap();
        assert!(another.get(registered.client().id()).await.unwrap().is_some(), "acknowledged and not there");
        pool.close().await;
        store_under_test.clear().await;
    }

    /// The clock is paused, except for the time limit of callers that wait for a connection.
    #[tokio::test]
    async fn however_many_wait_for_a_locked_file_none_has_more_patience_than_another() {
        let store_under_test = Sqlite::make().await;
        let registry = super::registry(store_under_test.store(), None);
        registry.register(super::metadata()).await.unwrap();
        let mut connection = SqliteConnection::connect(store_under_test.path().to_str().unwrap()).await.unwrap();
        sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut connection).await.unwrap();
        tokio::time::pause();
        let begun = tokio::time::Instant::now();
        let given_up = (0..4).map(|_| async {
            registry.register(super::metadata()).await.unwrap_err();
            begun.elapsed().as_secs()
        });
        let times = futures_util::future::join_all(given_up).await;
        let slow = times.iter().filter(|seconds| **seconds > 5);
        assert!(slow.count() <= 1, "one waits for the file, for which time does not stand still: {times:?}");
        tokio::time::resume();
        sqlx::raw_sql("ROLLBACK").execute(&mut connection).await.unwrap();
        registry.register(super::metadata()).await.unwrap();
        store_under_test.clear().await;
    }

    #[tokio::test]
    async fn clients_of_version_1_keep_their_tokens_in_sqlite() {
        let store_under_test = Sqlite::make().await;
        let back = async || {
            let mut connection = SqliteConnection::connect(store_under_test.path().to_str().unwrap()).await.unwrap();
            let mut text = "DELETE FROM dcr_migrations WHERE version > 1;".to_owned();
            for index in ["by_token", "by_previous_token", "by_between_token"] {
                text += &format!("DROP INDEX dcr_clients_{index};");
            }
            for index in ["owner", "token", "network"] {
                text += &format!("DROP INDEX dcr_clients_unused_by_{index};");
            }
            for column in super::LATER_COLUMNS {
                text += &format!("ALTER TABLE dcr_clients DROP COLUMN {column};");
            }
            sqlx::raw_sql(&text).execute(&mut connection).await.unwrap();
            SqliteStore::open(store_under_test.path()).await.unwrap()
        };
        super::clients_of_version_1_keep_their_tokens(store_under_test.store(), back).await;
        store_under_test.clear().await;
    }

    #[tokio::test]
    async fn what_would_end_with_the_connection_is_no_store() {
        for path in ["", ":memory:", "file::memory:"] {
            let error = SqliteStore::open(path).await.expect_err(path);
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert_eq!(cause, "the path names no file that can have a write-ahead log", "{path:?}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn many_may_start_together_and_none_with_newer_tables() {
        let store_under_test = Sqlite::make().await;
        let fresh = store_under_test.path().with_file_name("fresh.db");
        let mut starts = tokio::task::JoinSet::new();
        for _ in 0..8 {
            starts.spawn(SqliteStore::open(fresh.clone()));
        }
        for store in starts.join_all().await {
            assert_eq!(store.unwrap().count(&ClientQuery::new()).await.unwrap(), 0);
        }
        let mut connection = SqliteConnection::connect(fresh.to_str().unwrap()).await.unwrap();
        let versions: Vec<i64> =
            sqlx::query_scalar("SELECT version FROM dcr_migrations").fetch_all(&mut connection).await.unwrap();
        assert_eq!(versions, [1, 2, 3]);
        sqlx::raw_sql("INSERT INTO dcr_migrations (version) VALUES (1000)").execute(&mut connection).await.unwrap();
        let error = SqliteStore::open(fresh).await.unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(cause, "the tables have version 1000, but this program knows 3 at most");
        store_under_test.clear().await;
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use std::time::Duration;

    use sqlx::postgres::PgPoolOptions;
    use sqlx::{Connection as _, Executor as _};
    use tower_dcr::StoreError;
    use tower_dcr::store::{ClientQuery, ClientStore as _, PostgresOptions, PostgresStore};

    use crate::sql::Postgres;
    use crate::store_under_test::StoreUnderTest as _;

    /// Another node on the same schema, with one connection that is serializable by default.
    async fn serializing(store_under_test: &Postgres) -> Result<PostgresStore, StoreError> {
        let pool = PgPoolOptions::new().max_connections(1).after_connect(|connection, _| {
            let set = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE";
            Box::pin(async move { connection.execute(set).await.map(|_| ()) })
        });
        let pool = pool.connect(&crate::sql::url()).await.unwrap();
        PostgresStore::from_pool(pool, PostgresOptions::new().with_schema(store_under_test.schema())).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn two_stores_share_one_schema() {
        let store_under_test = Postgres::make().await;
        let another = store_under_test.another().await.unwrap();
        super::assert_choice_of_secrets_is_asked_for(store_under_test.store()).await;
        super::a_limit_holds_across_nodes(store_under_test.store(), another.clone()).await;
        super::tokens_are_known_across_nodes(store_under_test.store(), another.clone()).await;
        for tenant in ["a", "b", "c", "d"] {
            super::counting_begins_in_the_midst(
                store_under_test.store().for_tenant(tenant),
                another.for_tenant(tenant),
            )
            .await;
        }
        store_under_test.clear().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn many_may_start_together_and_none_with_newer_tables() {
        let store_under_test = Postgres::make().await;
        let mut connection = Postgres::connection().await;
        let drop = format!("DROP SCHEMA {} CASCADE", store_under_test.schema());
        sqlx::raw_sql(&drop).execute(&mut connection).await.unwrap();
        let starts = futures_util::future::join_all((0..8).map(|_| store_under_test.another()));
        for store in starts.await {
            assert_eq!(store.unwrap().count(&ClientQuery::new()).await.unwrap(), 0);
        }
        let newer = format!("INSERT INTO {}.migrations (version) VALUES (1000)", store_under_test.schema());
        sqlx::raw_sql(&newer).execute(&mut connection).await.unwrap();
        let error = store_under_test.another().await.unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(cause, "the tables have version 1000, but this program knows 3 at most");
        store_under_test.clear().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn many_may_start_together_where_transactions_are_serializable() {
        let store_under_test = Postgres::make().await;
        let drop = format!("DROP SCHEMA {} CASCADE", store_under_test.schema());
        sqlx::raw_sql(&drop).execute(&mut Postgres::connection().await).await.unwrap();
        for store in futures_util::future::join_all((0..8).map(|_| serializing(&store_under_test))).await {
            assert_eq!(store.unwrap().count(&ClientQuery::new()).await.unwrap(), 0);
        }
        store_under_test.clear().await;
    }

    /// A registration waits for the transaction that begins to count the clients. Its reads must not be older than that wait.
    #[tokio::test]
    async fn a_registration_that_waits_for_the_count_is_counted_at_every_isolation_level() {
        let store_under_test = Postgres::make().await;
        let registry = super::registry(serializing(&store_under_test).await.unwrap(), None);
        // Preparing a statement waits too, and before it reads; this one is prepared.
        registry.register(super::metadata()).await.unwrap();
        let mut connection = Postgres::connection().await;
        let mut counting = connection.begin().await.unwrap();
        let (clients, places) =
            (format!("{}.clients", store_under_test.schema()), format!("{}.places", store_under_test.schema()));
        counting.execute(&*format!("LOCK TABLE {clients} IN SHARE ROW EXCLUSIVE MODE")).await.unwrap();
        let begin = async {
            let waiting = format!("SELECT 1 FROM pg_locks WHERE relation = '{clients}'::regclass AND NOT granted");
            while counting.fetch_optional(&*waiting).await.unwrap().is_none() {}
            counting.execute(&*format!("INSERT INTO {places} (tenant, taken) VALUES ('', 1)")).await.unwrap();
            counting.commit().await.unwrap();
        };
        let both = async { tokio::join!(registry.register(super::metadata()), begin) };
        let (registered, ()) = tokio::time::timeout(Duration::from_secs(60), both).await.expect("the one waits");
        registered.unwrap();
        assert_eq!(registry.count().await.unwrap(), 2);
        store_under_test.clear().await;
    }

    /// The store has connections at hand then, which no task can take back to their pool.
    #[test]
    fn a_store_may_outlive_its_runtime() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let store_under_test = runtime.block_on(Postgres::make());
        let registry = super::registry(store_under_test.store(), None);
        runtime.block_on(registry.register(super::metadata())).unwrap();
        runtime.block_on(store_under_test.clear());
        drop(runtime);
        drop(registry);
    }

    /// A waiting caller gets the connection of a finished caller, although it does not return to its pool.
    #[tokio::test]
    async fn one_connection_serves_many_callers() {
        let store_under_test = Postgres::make().await;
        let options = PostgresOptions::new().with_schema(store_under_test.schema()).with_max_connections(1);
        let registry = super::registry(PostgresStore::connect(&crate::sql::url(), options).await.unwrap(), None);
        let callers = (0..20).map(|_| registry.register(super::metadata()));
        for registered in futures_util::future::join_all(callers).await {
            registered.unwrap();
        }
        assert_eq!(registry.count().await.unwrap(), 20);
        store_under_test.clear().await;
    }

    /// The clock is paused, except for the time limit of the store, so this test does not really wait.
    #[tokio::test]
    async fn a_server_that_does_not_answer_is_given_up_and_found_again() {
        let store_under_test = Postgres::make().await;
        let registry = super::registry(store_under_test.store(), None);
        registry.register(super::metadata()).await.unwrap();
        let mut connection = Postgres::connection().await;
        let mut transaction = connection.begin().await.unwrap();
        let lock = format!("LOCK TABLE {}.clients IN ACCESS EXCLUSIVE MODE", store_under_test.schema());
        transaction.execute(&*lock).await.unwrap();
        tokio::time::pause();
        let given_up = registry.register(super::metadata()).await.unwrap_err();
        tokio::time::resume();
        assert_eq!(given_up.kind(), super::RegistrationErrorKind::Unavailable);
        transaction.rollback().await.unwrap();
        registry.register(super::metadata()).await.unwrap();
        store_under_test.clear().await;
    }

    /// As above. One caller has the only connection, the other waits for it.
    #[tokio::test]
    async fn waiting_for_a_connection_has_a_time_limit() {
        let store_under_test = Postgres::make().await;
        let options = PostgresOptions::new().with_schema(store_under_test.schema()).with_max_connections(1);
        let options = options.with_acquire_timeout(Duration::from_secs(1));
        let registry = super::registry(PostgresStore::connect(&crate::sql::url(), options).await.unwrap(), None);
        registry.register(super::metadata()).await.unwrap();
        let mut connection = Postgres::connection().await;
        let mut transaction = connection.begin().await.unwrap();
        let lock = format!("LOCK TABLE {}.clients IN ACCESS EXCLUSIVE MODE", store_under_test.schema());
        transaction.execute(&*lock).await.unwrap();
        tokio::time::pause();
        let begun = tokio::time::Instant::now();
        let given_up = || async {
            let error = registry.register(super::metadata()).await.unwrap_err();
            assert_eq!(error.kind(), super::RegistrationErrorKind::Unavailable);
            begun.elapsed()
        };
        let (has, waits) = tokio::join!(given_up(), given_up());
        tokio::time::resume();
        assert!(waits < Duration::from_secs(2) && waits < has, "{waits:?}, {has:?}");
        transaction.rollback().await.unwrap();
        store_under_test.clear().await;
    }

    #[tokio::test]
    async fn clients_of_version_1_keep_their_tokens_in_postgres() {
        let store_under_test = Postgres::make().await;
        let back = async || {
            let schema = store_under_test.schema();
            let mut text = format!(
                "DELETE FROM {schema}.migrations WHERE version > 1; DROP INDEX {schema}.clients_unused_by_owner;"
            );
            for column in super::LATER_COLUMNS {
                text += &format!("ALTER TABLE {schema}.clients DROP COLUMN {column};");
            }
            sqlx::raw_sql(&text).execute(&mut Postgres::connection().await).await.unwrap();
            store_under_test.another().await.unwrap()
        };
        super::clients_of_version_1_keep_their_tokens(store_under_test.store(), back).await;
        store_under_test.clear().await;
    }

    #[tokio::test]
    async fn a_schema_may_be_named_like_a_word_of_the_language() {
        let mut connection = Postgres::connection().await;
        connection.execute("DROP SCHEMA IF EXISTS \"select\" CASCADE").await.unwrap();
        let options = PostgresOptions::new().with_schema("select");
        let registry = super::registry(PostgresStore::connect(&crate::sql::url(), options).await.unwrap(), Some(1));
        assert_eq!(super::outcome(&super::rush(&[registry], 2).await), 1);
        connection.execute("DROP SCHEMA \"select\" CASCADE").await.unwrap();
    }

    #[tokio::test]
    async fn a_schema_has_a_plain_name() {
        let long = "s".repeat(64);
        for name in ["", "1st", "Upper", "a-b", "a.b", "a\"b", "a;b", "é", &long] {
            let pool = sqlx::PgPool::connect_lazy("postgres://postgres@127.0.0.1:1/postgres").unwrap();
            let store = PostgresStore::from_pool(pool, PostgresOptions::new().with_schema(name)).await;
            let error = store.unwrap_err();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(cause.starts_with("the name of the schema"), "{name}: {cause}");
        }
    }
}
