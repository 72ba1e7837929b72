//! Compares a registration with the minimum that its database could do: a bare `INSERT` (or `SET`) of a record of the
//! same size, with the same driver, the same number of connections and the same durability.
//!
//! `cargo bench --features sqlite,postgres,redis --bench stores -- sqlite 8` measures SQLite with 8 concurrent
//! callers and prints a table. Without arguments it measures every store with 1 and 16 callers. PostgreSQL and Redis
//! are those of this machine (`TOWER_DCR_TEST_POSTGRES`, `TOWER_DCR_TEST_REDIS`). The two sides alternate every 200
//! milliseconds, so that other load on the machine affects both alike.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a bench fails by panicking")]

use std::future::Future;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::task::JoinSet;
use tower_dcr::credential::{ClientId, SecretStorage};
use tower_dcr::metadata::ClientMetadata;
use tower_dcr::store::{ClientStore, record};
use tower_dcr::{Access, Registry};

const ROUNDS: usize = 50;
const ROUND: Duration = Duration::from_millis(200);

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let named = |store: &str| words.is_empty() || words.iter().any(|word| word == store);
    let callers: Vec<usize> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let callers = if callers.is_empty() { vec![1, 16] } else { callers };
    println!("| store | callers | bare, 1/s | registered, 1/s | ratio | p50 | p99 |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for callers in callers {
        #[cfg(feature = "sqlite")]
        if named("sqlite") {
            sqlite::measure(callers).await;
        }
        #[cfg(feature = "postgres")]
        if named("postgres") {
            postgres::measure(callers).await;
        }
        #[cfg(feature = "redis")]
        if named("redis") {
            redis::measure(callers).await;
        }
    }
}

fn registry(store: impl ClientStore) -> Registry {
    Registry::builder("https://id.example.com", Access::Open)
        .with_secrets(SecretStorage::hashed())
        .build(store)
        .unwrap()
}

/// A document with members of several types.
fn metadata() -> ClientMetadata {
    ClientMetadata::from_json(
        br#"{ "redirect_uris": ["https://app.example.com/cb", "http://127.0.0.1/cb"], "client_name": "App",
              "client_name#fr": "Appli", "scope": "openid profile", "contacts": ["a@example.com"] }"#,
    )
    .unwrap()
}

/// A record as a registration writes it.
async fn sample() -> Vec<u8> {
    let registry = Registry::builder("https://id.example.com", Access::Open);
    let registered = registry.build(tower_dcr::store::MemoryStore::new()).unwrap().register(metadata()).await.unwrap();
    record::encode_client(registered.client())
}

/// The operations of one side, and how long they took.
#[derive(Default)]
struct Account {
    elapsed: Duration,
    latencies: Vec<Duration>,
}

impl Account {
    fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency, in milliseconds, below which this part of all operations stays: 0.5 is the median.
    fn quantile(&mut self, part: f64) -> f64 {
        self.latencies.sort_unstable();
        self.latencies[(self.latencies.len() as f64 * part) as usize].as_secs_f64() * 1000.0
    }
}

/// Runs an operation repeatedly in this number of concurrent callers, until the round is over.
async fn round<F, Fut>(callers: usize, act: F, account: &mut Account)
where
    F: Fn() -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let (start, mut tasks) = (Instant::now(), JoinSet::new());
    for _ in 0..callers {
        let act = act.clone();
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            while start.elapsed() < ROUND {
                let before = Instant::now();
                act().await;
                latencies.push(before.elapsed());
            }
            latencies
        });
    }
    account.latencies.extend(tasks.join_all().await.concat());
    account.elapsed += start.elapsed();
}

/// Runs both sides alternately and prints one row of the table.
async fn compare<F, Fut>(name: &str, callers: usize, registry: Registry, bare: F)
where
    F: Fn() -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let register = move || {
        let registry = registry.clone();
        async move { drop(registry.register(metadata()).await.unwrap()) }
    };
    let (mut least, mut ours) = (Account::default(), Account::default());
    // Short rounds in alternation: a long one of each side would measure the background load of the machine.
    for _ in 0..ROUNDS {
        round(callers, bare.clone(), &mut least).await;
        round(callers, register.clone(), &mut ours).await;
    }
    let (bare, registered) = (least.per_second(), ours.per_second());
    let (ratio, half, most) = (registered / bare, ours.quantile(0.5), ours.quantile(0.99));
    println!("| {name} | {callers} | {bare:.0} | {registered:.0} | {ratio:.2} | {half:.2} ms | {most:.2} ms |");
}

/// A name that no other run of the bench uses.
fn unique() -> String {
    format!("tower_dcr_bench_{}", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros())
}

fn id() -> String {
    ClientId::generate().unwrap().to_string()
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use std::time::Duration;

    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
    use tower_dcr::store::SqliteStore;

    pub(crate) async fn measure(callers: usize) {
        let folder = std::env::temp_dir().join(super::unique());
        std::fs::create_dir(&folder).unwrap();
        let options = SqliteConnectOptions::new()
            .filename(folder.join("bare.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // The durability of the store: each commit reaches the disk.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5));
        // One connection, because SQLite has one writer; more would only wait for each other.
        let pool = SqlitePoolOptions::new().max_connections(1).test_before_acquire(false);
        let pool = pool.connect_with(options).await.unwrap();
        sqlx::raw_sql("CREATE TABLE bare (id TEXT PRIMARY KEY, record BLOB) WITHOUT ROWID")
            .execute(&pool)
            .await
            .unwrap();
        let sample = super::sample().await;
        let bare = move || {
            let (pool, sample) = (pool.clone(), sample.clone());
            async move {
                let insert = sqlx::query("INSERT INTO bare VALUES ($1, $2)").bind(super::id()).bind(sample);
                assert_eq!(insert.execute(&pool).await.unwrap().rows_affected(), 1);
            }
        };
        let store = SqliteStore::open(folder.join("clients.db")).await.unwrap();
        super::compare("SQLite", callers, super::registry(store), bare).await;
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use std::sync::{Arc, Mutex};

    use sqlx::pool::PoolConnection;
    use sqlx::postgres::PgPoolOptions;
    use sqlx::{PgConnection, PgPool, Postgres};
    use tokio::sync::Semaphore;
    use tower_dcr::store::{PostgresOptions, PostgresStore};

    const CONNECTIONS: u32 = 10;

    /// Connections that callers share without the check that the pool makes when one is returned. That check is a
    /// round trip, which the store saves as well.
    #[derive(Clone)]
    struct Held {
        pool: PgPool,
        turns: Arc<Semaphore>,
        at_hand: Arc<Mutex<Vec<PoolConnection<Postgres>>>>,
    }

    impl Held {
        fn new(pool: PgPool) -> Self {
            Self { pool, turns: Arc::new(Semaphore::new(CONNECTIONS as usize)), at_hand: Arc::default() }
        }

        async fn with(&self, act: impl AsyncFnOnce(&mut PgConnection)) {
            let _turn = self.turns.acquire().await.unwrap();
            let at_hand = self.at_hand.lock().unwrap().pop();
            let mut connection = match at_hand {
                Some(connection) => connection,
                None => self.pool.acquire().await.unwrap(),
            };
            act(&mut connection).await;
            self.at_hand.lock().unwrap().push(connection);
        }
    }

    pub(crate) async fn measure(callers: usize) {
        let named = std::env::var("TOWER_DCR_TEST_POSTGRES");
        let url = named.unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".to_owned());
        let schema = super::unique();
        let store = PostgresStore::connect(&url, PostgresOptions::new().with_schema(schema.as_str())).await.unwrap();
        let options = PgPoolOptions::new().max_connections(CONNECTIONS).test_before_acquire(false);
        let (pool, other) = (options.clone().connect(&url).await.unwrap(), options.connect(&url).await.unwrap());
        let create = format!("CREATE TABLE {schema}.bare (id TEXT PRIMARY KEY, record BYTEA)");
        sqlx::raw_sql(&create).execute(&pool).await.unwrap();
        let (sample, insert) = (super::sample().await, format!("INSERT INTO {schema}.bare VALUES ($1, $2)"));
        let registry = super::registry(store);
        let (tested, held) = (pool.clone(), Held::new(other));
        let (record, text) = (sample.clone(), insert.clone());
        let by_the_pool = move || {
            let (pool, record, text) = (tested.clone(), record.clone(), text.clone());
            async move {
                let insert = sqlx::query(&text).bind(super::id()).bind(record);
                assert_eq!(insert.execute(&pool).await.unwrap().rows_affected(), 1);
            }
        };
        super::compare("PostgreSQL", callers, registry.clone(), by_the_pool).await;
        let by_the_held = move || {
            let (held, record, text) = (held.clone(), sample.clone(), insert.clone());
            async move {
                let insert = sqlx::query(&text).bind(super::id()).bind(record);
                held.with(async |connection| {
                    assert_eq!(insert.execute(connection).await.unwrap().rows_affected(), 1);
                })
                .await;
            }
        };
        super::compare("PostgreSQL, connections held", callers, registry, by_the_held).await;
        sqlx::raw_sql(&format!("DROP SCHEMA {schema} CASCADE")).execute(&pool).await.unwrap();
    }
}

#[cfg(feature = "redis")]
mod redis {
    use ::redis::aio::{ConnectionManager, ConnectionManagerConfig};
    use ::redis::io::tcp::TcpSettings;
    use ::redis::{Client, IntoConnectionInfo as _};
    use tower_dcr::store::RedisStore;

    pub(crate) async fn measure(callers: usize) {
        let named = std::env::var("TOWER_DCR_TEST_REDIS");
        let url = named.unwrap_or_else(|_| "redis://127.0.0.1:6379/0".to_owned());
        let prefix = super::unique();
        let store = RedisStore::connect(&url).await.unwrap().with_prefix(&prefix);
        let manager = connect(&url).await;
        let (sample, inserting, named) = (super::sample().await, manager.clone(), prefix.clone());
        let bare = move || {
            let (mut manager, sample, key) = (inserting.clone(), sample.clone(), format!("{named}:{}", super::id()));
            async move { ::redis::cmd("SET").arg(key).arg(sample).exec_async(&mut manager).await.unwrap() }
        };
        super::compare("Redis", callers, super::registry(store), bare).await;
        clear(manager, &prefix).await;
    }

    /// The same connection settings as those of the store.
    async fn connect(url: &str) -> ConnectionManager {
        let settings = TcpSettings::default().set_nodelay(true);
        let client = Client::open(url.into_connection_info().unwrap().set_tcp_settings(settings)).unwrap();
        let config = ConnectionManagerConfig::new().set_pipeline_buffer_size(1024);
        client.get_connection_manager_with_config(config).await.unwrap()
    }

    /// Removes the keys that the bench wrote.
    async fn clear(mut manager: ConnectionManager, prefix: &str) {
        let mut cursor = 0_u64;
        loop {
            let mut scan = ::redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(format!("*{prefix}*")).arg("COUNT").arg(1000);
            let (next, keys): (u64, Vec<String>) = scan.query_async(&mut manager).await.unwrap();
            if !keys.is_empty() {
                ::redis::cmd("DEL").arg(keys).exec_async(&mut manager).await.unwrap();
            }
            cursor = next;
            if cursor == 0 {
                return;
            }
        }
    }
}
