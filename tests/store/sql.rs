//! SQLite files in folders of their own, and schemas of their own in the PostgreSQL server that is there.

#[cfg(feature = "postgres")]
pub(crate) use postgres::{Pooled, Postgres, Repeating, url};
#[cfg(feature = "sqlite")]
pub(crate) use sqlite::Sqlite;

/// A name that is unique among all tests and all runs.
pub(crate) fn unique(prefix: &str) -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}_{}_{}_{number}", since.as_micros(), std::process::id())
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use std::path::PathBuf;

    use tower_dcr::store::SqliteStore;

    use crate::store_under_test::StoreUnderTest;

    /// A database file in a folder that is deleted when the bed is dropped.
    pub(crate) struct Sqlite {
        folder: PathBuf,
        store: SqliteStore,
    }

    impl Sqlite {
        pub(crate) fn path(&self) -> PathBuf {
            self.folder.join("clients.db")
        }
    }

    impl StoreUnderTest for Sqlite {
        type Store = SqliteStore;

        async fn make() -> Self {
            let folder = std::env::temp_dir().join(super::unique("tower_dcr"));
            std::fs::create_dir(&folder).unwrap();
            let store = SqliteStore::open(folder.join("clients.db")).await.unwrap();
            Self { folder, store }
        }

        fn store(&self) -> SqliteStore {
            self.store.clone()
        }

        async fn clear(self) {
            drop(self.store);
            std::fs::remove_dir_all(self.folder).unwrap();
        }
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use sqlx::{Connection as _, PgConnection};
    use tower_dcr::StoreError;
    use tower_dcr::store::{PostgresOptions, PostgresStore};

    use crate::store_under_test::StoreUnderTest;

    /// The server for tests. One that is missing is a failure, never a reason to skip.
    pub(crate) fn url() -> String {
        let named = std::env::var("TOWER_DCR_TEST_POSTGRES");
        named.unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".to_owned())
    }

    /// A schema that is deleted when the bed is dropped.
    pub(crate) struct Postgres {
        schema: String,
        store: PostgresStore,
    }

    impl Postgres {
        async fn at(url: &str, options: PostgresOptions) -> Self {
            let schema = super::unique("tower_dcr_test");
            let options = options.with_schema(schema.as_str()).with_max_connections(8);
            let store = PostgresStore::connect(url, options).await;
            Self { schema, store: store.expect("PostgreSQL (TOWER_DCR_TEST_POSTGRES) is needed for this test") }
        }

        /// Another node on the same schema.
        pub(crate) async fn another(&self) -> Result<PostgresStore, StoreError> {
            let options = PostgresOptions::new().with_schema(self.schema.as_str()).with_max_connections(2);
            PostgresStore::connect(&url(), options).await
        }

        pub(crate) fn schema(&self) -> &str {
            &self.schema
        }

        pub(crate) async fn connection() -> PgConnection {
            PgConnection::connect(&url()).await.unwrap()
        }
    }

    impl StoreUnderTest for Postgres {
        type Store = PostgresStore;

        async fn make() -> Self {
            Self::at(&url(), PostgresOptions::new()).await
        }

        fn store(&self) -> PostgresStore {
            self.store.clone()
        }

        async fn clear(self) {
            let drop = format!("DROP SCHEMA {} CASCADE", self.schema);
            sqlx::raw_sql(&drop).execute(&mut Self::connection().await).await.unwrap();
        }
    }

    /// The same without prepared statements, each verb a transaction.
    pub(crate) struct Pooled(Postgres);

    impl StoreUnderTest for Pooled {
        type Store = PostgresStore;

        async fn make() -> Self {
            Self(Postgres::at(&url(), PostgresOptions::new().with_transaction_pooler(true)).await)
        }

        fn store(&self) -> PostgresStore {
            self.0.store()
        }

        async fn clear(self) {
            self.0.clear().await;
        }
    }

    /// The same with `repeatable read` as the default isolation level of transactions.
    pub(crate) struct Repeating(Postgres);

    impl StoreUnderTest for Repeating {
        type Store = PostgresStore;

        async fn make() -> Self {
            let mut url = url::Url::parse(&url()).unwrap();
            url.query_pairs_mut().append_pair("options", r"-c default_transaction_isolation=repeatable\ read");
            Self(Postgres::at(url.as_str(), PostgresOptions::new()).await)
        }

        fn store(&self) -> PostgresStore {
            self.0.store()
        }

        async fn clear(self) {
            self.0.clear().await;
        }
    }
}
