//! Where the server example keeps clients, as its flags say.

use std::error::Error;
use std::path::Path;

use clap::Args;
use tower_dcr::config::RegistryBuilder;
use tower_dcr::credential::Secrets;
use tower_dcr::retention::Retention;
use tower_dcr::store::{ClientStore, MemoryStore};
use tower_dcr::{Registry, StoreError};

/// Where clients are kept, how many, and how their secrets.
#[derive(Debug, Args)]
pub(crate) struct StoreOptions {
    /// Where clients are kept: memory, sqlite:PATH, postgres://USER@HOST/DATABASE or redis://HOST:PORT/DATABASE.
    #[arg(long, default_value = "memory")]
    store: String,
    /// What tells this registry from others in the same database: the schema in PostgreSQL, what keys begin with in
    /// Redis.
    #[arg(long, default_value = "tower_dcr")]
    store_name: String,
    /// How client secrets are kept by a store that outlives the server: hashed, or sealed:FILE with a file of keys
    /// that nobody but its owner has rights to.
    #[arg(long)]
    secrets: Option<String>,
    /// Keep clients that were read for so many seconds.
    #[cfg(feature = "cache")]
    #[arg(long)]
    cache: Option<u64>,
    /// How many clients there may be; then the oldest that was never used makes room. Default: any number.
    #[arg(long, value_name = "CLIENTS")]
    max_clients: Option<u64>,
}

/// Builds the registry over the store of the flags.
pub(crate) async fn build(builder: RegistryBuilder, options: &StoreOptions) -> Result<Registry, Box<dyn Error>> {
    let builder = match &options.secrets {
        Some(secrets) => builder.with_secrets(self::secrets(secrets)?),
        None => builder,
    };
    let builder = match options.max_clients {
        Some(clients) => builder.with_retention(Retention::new().with_max_clients(clients)),
        None => builder,
    };
    match &*options.store {
        "memory" => over(builder, MemoryStore::new(), options),
        #[cfg(feature = "sqlite")]
        path if path.starts_with("sqlite:") => {
            let store = tower_dcr::store::SqliteStore::open(&path["sqlite:".len()..]).await.map_err(unreachable)?;
            over(builder, store, options)
        }
        #[cfg(feature = "postgres")]
        url if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
            use tower_dcr::store::{PostgresOptions, PostgresStore};
            let named = PostgresOptions::new().with_schema(&options.store_name);
            over(builder, PostgresStore::connect(url, named).await.map_err(unreachable)?, options)
        }
        #[cfg(feature = "redis")]
        url if url.starts_with("redis://") || url.starts_with("rediss://") => {
            let store = tower_dcr::store::RedisStore::connect(url).await.map_err(unreachable)?;
            over(builder, store.with_prefix(&options.store_name), options)
        }
        _ => Err("--store names no store that this server was built with".into()),
    }
}

#[cfg(feature = "cache")]
fn over<S: ClientStore>(
    builder: RegistryBuilder,
    store: S,
    options: &StoreOptions,
) -> Result<Registry, Box<dyn Error>> {
    let Some(seconds) = options.cache else { return Ok(builder.build(store)?) };
    let lifetime = std::time::Duration::from_secs(seconds);
    Ok(builder.build(tower_dcr::store::CachedStore::new(store).with_lifetime(lifetime))?)
}

#[cfg(not(feature = "cache"))]
fn over<S: ClientStore>(builder: RegistryBuilder, store: S, _: &StoreOptions) -> Result<Registry, Box<dyn Error>> {
    Ok(builder.build(store)?)
}

fn secrets(text: &str) -> Result<Secrets, Box<dyn Error>> {
    match text.split_once(':') {
        None if text == "hashed" => Ok(Secrets::hashed()),
        Some(("sealed", file)) => sealed(Path::new(file)),
        _ => Err("--secrets is hashed or sealed:FILE".into()),
    }
}

#[cfg(feature = "sealed")]
fn sealed(file: &Path) -> Result<Secrets, Box<dyn Error>> {
    let keys = private(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(Secrets::sealed(tower_dcr::credential::SealingKeys::parse(&keys)?))
}

/// The text of a file that is its owner's alone, wiped from memory when it is dropped.
#[cfg(feature = "sealed")]
fn private(path: &Path) -> std::io::Result<zeroize::Zeroizing<String>> {
    use std::io::{Error, Read as _};
    let mut file = std::fs::File::open(path)?;
    let about = file.metadata()?;
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::mode(&about) & 0o077 != 0 {
        return Err(Error::other("others than its owner have rights to this file of keys; take them with chmod 600"));
    }
    // A text that outgrows its room would leave a copy behind.
    let room = usize::try_from(about.len()).unwrap_or_default().max(4096) + 1;
    let mut text = zeroize::Zeroizing::new(String::with_capacity(room));
    file.read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(not(feature = "sealed"))]
fn sealed(_: &Path) -> Result<Secrets, Box<dyn Error>> {
    Err("this server was built without sealed secrets".into())
}

/// Says why, and not where: a URL may hold a password.
#[cfg_attr(
    not(any(feature = "sqlite", feature = "postgres", feature = "redis")),
    expect(dead_code, reason = "memory cannot be unreachable")
)]
fn unreachable(error: StoreError) -> Box<dyn Error> {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    format!("the store of --store cannot be reached: {cause}").into()
}
