//! The store of the server example, as its flags choose it.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use sha2::{Digest as _, Sha256};
use tower_dcr::config::RegistryBuilder;
use tower_dcr::credential::SecretStorage;
use tower_dcr::retention::Retention;
#[cfg(feature = "sqlite")]
use tower_dcr::store::SqliteStore;
use tower_dcr::store::{ClientStore, MemoryStore};
use tower_dcr::{Registry, StoreError};

use crate::messages;
use crate::secret_file;

const DEFAULT_NAME: &str = "tower_dcr";

/// Where clients are kept, how many, and how their secrets.
#[derive(Debug, Args)]
pub(crate) struct StoreOptions {
    /// Where clients are kept: memory, sqlite:PATH, postgres://USER@HOST/DATABASE?sslmode=verify-full,
    /// redis://HOST:PORT/DATABASE, rediss://HOST for TLS, redis+cluster://HOST:PORT,HOST:PORT or unix:///SOCKET.
    #[arg(long, value_name = "URL", default_value = "memory")]
    store: String,
    /// Copy the SQLite database of --store into this new file, while other servers may use it, and end.
    #[arg(long, value_name = "FILE")]
    backup: Option<PathBuf>,
    /// Certificates, in PEM, by which a Redis server is trusted. Default: those that the operating system trusts.
    #[cfg(feature = "redis-tls")]
    #[arg(long, value_name = "FILE")]
    redis_ca: Option<PathBuf>,
    /// Certificate, in PEM, for a Redis server that wants one.
    #[cfg(feature = "redis-tls")]
    #[arg(long, value_name = "FILE", requires = "redis_key")]
    redis_certificate: Option<PathBuf>,
    /// The private key of --redis-certificate, a file that only its owner may access.
    #[cfg(feature = "redis-tls")]
    #[arg(long, value_name = "FILE", requires = "redis_certificate")]
    redis_key: Option<PathBuf>,
    /// Distinguishes this registry from others in the same database: the schema in PostgreSQL, the prefix of the keys
    /// in Redis.
    #[arg(long, default_value = DEFAULT_NAME)]
    store_name: String,
    /// How client secrets are kept by a store that outlives the server: hashed, or sealed:FILE with a file of keys
    /// that only its owner may access.
    #[arg(long)]
    secrets: Option<String>,
    /// Keep clients that were read for so many seconds.
    #[cfg(feature = "cache")]
    #[arg(long)]
    cache: Option<u64>,
    /// How many clients there may be; then the oldest that was never used is evicted for a new one. Default: any
    /// number.
    #[arg(long, value_name = "CLIENTS")]
    max_clients: Option<u64>,
    /// How many seconds after its registration an unused client is evicted only by its own registrant: the same initial
    /// access token, owner or network. 0 switches this off. Servers that share --store must share --secrets sealed:FILE
    /// too, to know a network of each other.
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    eviction_grace: u64,
}

/// The builder with what the flags say about secrets and retention.
pub(crate) fn configure(builder: RegistryBuilder, options: &StoreOptions) -> Result<RegistryBuilder, Box<dyn Error>> {
    let builder = match &options.secrets {
        Some(secrets) => builder.with_secrets(self::secrets(secrets)?),
        None if options.store == "memory" => builder,
        None => return Err(SECRETS_UNDECIDED.into()),
    };
    Ok(match options.max_clients {
        Some(clients) => builder.with_retention(retention(clients, options)?),
        None => builder,
    })
}

const SECRETS_UNDECIDED: &str = "--secrets is missing: the store of --store outlives the server, so say how client \
    secrets are kept: --secrets hashed, or --secrets sealed:FILE";

/// Opens the store of the flags and builds the registry over it.
pub(crate) async fn open(builder: RegistryBuilder, options: &StoreOptions) -> Result<Registry, Box<dyn Error>> {
    let url = &*options.store;
    match &*scheme(url) {
        "memory" if url == "memory" => over(builder, MemoryStore::new(), options),
        #[cfg(feature = "sqlite")]
        "sqlite" => {
            let store = SqliteStore::connect(url).await.map_err(|error| cannot_open(options, &error))?;
            over(builder, store, options)
        }
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => {
            use tower_dcr::store::{PostgresOptions, PostgresStore};
            let named = PostgresOptions::new().with_schema(&options.store_name);
            over(
                builder,
                PostgresStore::connect(url, named).await.map_err(|error| cannot_open(options, &error))?,
                options,
            )
        }
        #[cfg(feature = "redis")]
        scheme if REDIS.contains(&scheme) => {
            let store = tower_dcr::store::RedisStore::connect_with(url, &options.redis()?).await;
            let store = store.map_err(|error| cannot_open(options, &error))?;
            over(builder, store.with_prefix(&options.store_name), options)
        }
        _ => Err(unknown(url).into()),
    }
}

#[cfg(feature = "cache")]
fn over<S: ClientStore>(
    builder: RegistryBuilder,
    store: S,
    options: &StoreOptions,
) -> Result<Registry, Box<dyn Error>> {
    let Some(seconds) = options.cache else { return builder.build(store).map_err(messages::refused) };
    let lifetime = Duration::from_secs(seconds);
    let store = tower_dcr::store::CachedStore::new(store).with_lifetime(lifetime);
    builder.build(store).map_err(messages::refused)
}

/// Networks are hashed under a key that follows from the file of sealing keys, which all servers of a store share.
fn retention(max_clients: u64, options: &StoreOptions) -> Result<Retention, Box<dyn Error>> {
    let grace = Duration::from_secs(options.eviction_grace);
    let retention = Retention::new().with_max_clients(max_clients).with_grace(grace);
    let Some(file) = options.secrets.as_deref().and_then(|secrets| secrets.strip_prefix("sealed:")) else {
        return Ok(retention);
    };
    let keys = secret_file::read(Path::new(file)).map_err(|error| format!("--secrets sealed:{error}"))?;
    Ok(retention.with_network_key(Sha256::digest(format!("networks\n{}", *keys)).into()))
}

#[cfg(not(feature = "cache"))]
fn over<S: ClientStore>(builder: RegistryBuilder, store: S, _: &StoreOptions) -> Result<Registry, Box<dyn Error>> {
    builder.build(store).map_err(messages::refused)
}

fn secrets(text: &str) -> Result<SecretStorage, Box<dyn Error>> {
    match text.split_once(':') {
        None if text == "hashed" => Ok(SecretStorage::hashed()),
        Some(("sealed", file)) => sealed(Path::new(file)),
        _ => Err(format!("--secrets {text:?}: it must be hashed, or sealed:FILE with a file of keys").into()),
    }
}

#[cfg(feature = "sealed")]
fn sealed(file: &Path) -> Result<SecretStorage, Box<dyn Error>> {
    let keys = secret_file::read(file);
    let keys = keys.map_err(|error| {
        format!("--secrets sealed:{error}; the file needs a line name:base64 with 32 random bytes, and mode 600")
    })?;
    let keys = tower_dcr::credential::SealingKeys::parse(&keys);
    let keys = keys.map_err(|error| format!("--secrets sealed:{}: {error}", file.display()))?;
    Ok(SecretStorage::sealed(keys))
}

#[cfg(not(feature = "sealed"))]
fn sealed(_: &Path) -> Result<SecretStorage, Box<dyn Error>> {
    Err("--secrets sealed: this server was built without sealed secrets; build it with --features sealed".into())
}

/// Which store, without its password, and why it cannot be used.
#[cfg_attr(
    not(any(feature = "sqlite", feature = "postgres", feature = "redis")),
    expect(dead_code, reason = "memory can always be opened")
)]
fn cannot_open(options: &StoreOptions, error: &StoreError) -> Box<dyn Error> {
    let store = messages::without_secrets(&options.store);
    let causes = error.source().map_or_else(|| error.to_string(), messages::with_causes);
    let name = Some(&options.store_name).filter(|name| *name != DEFAULT_NAME);
    let name = name.map_or_else(String::new, |name| format!(" --store-name {name:?}"));
    format!("--store {store}{name}: cannot be opened: {causes}{}", hint(options, error)).into()
}

/// What to do about a SQLite file that is not there. To serve, it would have been created, so its folder is missing.
fn hint(options: &StoreOptions, error: &StoreError) -> &'static str {
    let mut cause = error.source().filter(|_| scheme(&options.store) == "sqlite");
    while let Some(error) = cause {
        if error.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::NotFound) {
            return match options.backup {
                Some(_) => "; a copy needs a database that exists",
                None => "; the server creates the file but not its folder, create that first",
            };
        }
        cause = error.source();
    }
    ""
}

/// What URLs of Redis begin with.
const REDIS: [&str; 9] =
    ["redis", "rediss", "valkey", "valkeys", "redis+cluster", "rediss+cluster", "unix", "redis+unix", "valkey+unix"];

/// What a URL begins with, in lower case; all of what is no URL.
fn scheme(url: &str) -> String {
    url.split(':').next().unwrap_or_default().to_ascii_lowercase()
}

/// The feature that a URL needs, and whether it is on.
fn feature(url: &str) -> Option<(&'static str, bool)> {
    match &*scheme(url) {
        "sqlite" => Some(("sqlite", cfg!(feature = "sqlite"))),
        "postgres" | "postgresql" => Some(("postgres", cfg!(feature = "postgres"))),
        scheme if REDIS.contains(&scheme) => Some(("redis", cfg!(feature = "redis"))),
        _ => None,
    }
}

/// The URL for a database that must be there already: a mistyped name must not be answered with a copy of nothing.
#[cfg(feature = "sqlite")]
fn existing(url: &str) -> String {
    format!("{}?mode=rw", url.strip_suffix("?mode=rwc").or(url.strip_suffix("?mode=rw")).unwrap_or(url))
}

/// Copies the database of `--store` if the flags say so; then there is nothing else to do.
pub(crate) async fn backup(options: &StoreOptions) -> Result<bool, Box<dyn Error>> {
    let Some(to) = &options.backup else { return Ok(false) };
    match &*scheme(&options.store) {
        #[cfg(feature = "sqlite")]
        "sqlite" => {
            let store = SqliteStore::connect(&existing(&options.store)).await;
            let store = store.map_err(|error| cannot_open(options, &error))?;
            let copied = store.backup(to).await;
            copied.map_err(|error| format!("--backup {}: {}", to.display(), messages::with_causes(&error)))?;
            store.close().await?;
            println!("backup: {}", to.display());
            Ok(true)
        }
        _ => Err(format!(
            "--backup {}: copies a SQLite database only, and --store names none; other databases have tools of their \
             own, such as pg_dump",
            to.display()
        )
        .into()),
    }
}

#[cfg(feature = "redis-tls")]
impl StoreOptions {
    fn redis(&self) -> Result<tower_dcr::store::RedisOptions, Box<dyn Error>> {
        let read = |flag: &str, path: &Path| {
            std::fs::read(path).map_err(|error| format!("{flag} {}: {error}", path.display()))
        };
        let mut redis = tower_dcr::store::RedisOptions::new();
        if let Some(path) = &self.redis_ca {
            redis = redis.with_root_certificates(read("--redis-ca", path)?);
        }
        if let (Some(chain), Some(key)) = (&self.redis_certificate, &self.redis_key) {
            let key = secret_file::read(key).map_err(|error| format!("--redis-key {error}"))?;
            redis = redis.with_client_certificate(read("--redis-certificate", chain)?, key.as_bytes());
        }
        Ok(redis)
    }
}

#[cfg(all(feature = "redis", not(feature = "redis-tls")))]
impl StoreOptions {
    fn redis(&self) -> Result<tower_dcr::store::RedisOptions, Box<dyn Error>> {
        Ok(tower_dcr::store::RedisOptions::new())
    }
}

/// Why `--store` names no store here.
fn unknown(store: &str) -> String {
    let shown = messages::without_secrets(store);
    match feature(store) {
        Some((feature, false)) => {
            format!("--store {shown}: this server was built without this store; build it with --features {feature}")
        }
        _ => format!(
            "--store {shown}: not a store; write memory, sqlite:PATH, postgres://USER@HOST/DATABASE or \
             redis://HOST:PORT/DATABASE"
        ),
    }
}
