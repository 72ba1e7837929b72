//! Where the server example keeps clients, as its flags say.

use std::error::Error;
use std::path::Path;

use clap::Args;
use tower_dcr::config::RegistryBuilder;
use tower_dcr::credential::Secrets;
use tower_dcr::retention::Retention;
use tower_dcr::store::{ClientStore, MemoryStore};
use tower_dcr::{Registry, StoreError};

use crate::messages;
#[cfg(feature = "sealed")]
use crate::secret_file;

const DEFAULT_NAME: &str = "tower_dcr";

/// Where clients are kept, how many, and how their secrets.
#[derive(Debug, Args)]
pub(crate) struct StoreOptions {
    /// Where clients are kept: memory, sqlite:PATH, postgres://USER@HOST/DATABASE or redis://HOST:PORT/DATABASE.
    #[arg(long, default_value = "memory")]
    store: String,
    /// What tells this registry from others in the same database: the schema in PostgreSQL, what keys begin with in
    /// Redis.
    #[arg(long, default_value = DEFAULT_NAME)]
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

/// The builder with what the flags say about secrets and retention.
pub(crate) fn configure(builder: RegistryBuilder, options: &StoreOptions) -> Result<RegistryBuilder, Box<dyn Error>> {
    let builder = match &options.secrets {
        Some(secrets) => builder.with_secrets(self::secrets(secrets)?),
        None if options.store == "memory" => builder,
        None => return Err(SECRETS_UNDECIDED.into()),
    };
    Ok(match options.max_clients {
        Some(clients) => builder.with_retention(Retention::new().with_max_clients(clients)),
        None => builder,
    })
}

const SECRETS_UNDECIDED: &str = "--secrets is missing: the store of --store outlives the server, so say how client \
    secrets are kept: --secrets hashed, or --secrets sealed:FILE";

/// Opens the store of the flags and builds the registry over it.
pub(crate) async fn open(builder: RegistryBuilder, options: &StoreOptions) -> Result<Registry, Box<dyn Error>> {
    match &*options.store {
        "memory" => over(builder, MemoryStore::new(), options),
        #[cfg(feature = "sqlite")]
        path if path.starts_with("sqlite:") => {
            let store = tower_dcr::store::SqliteStore::open(&path["sqlite:".len()..])
                .await
                .map_err(|error| cannot_open(options, &error))?;
            over(builder, store, options)
        }
        #[cfg(feature = "postgres")]
        url if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
            use tower_dcr::store::{PostgresOptions, PostgresStore};
            let named = PostgresOptions::new().with_schema(&options.store_name);
            over(
                builder,
                PostgresStore::connect(url, named).await.map_err(|error| cannot_open(options, &error))?,
                options,
            )
        }
        #[cfg(feature = "redis")]
        url if url.starts_with("redis://") || url.starts_with("rediss://") => {
            let store =
                tower_dcr::store::RedisStore::connect(url).await.map_err(|error| cannot_open(options, &error))?;
            over(builder, store.with_prefix(&options.store_name), options)
        }
        other => Err(unknown(other).into()),
    }
}

#[cfg(feature = "cache")]
fn over<S: ClientStore>(
    builder: RegistryBuilder,
    store: S,
    options: &StoreOptions,
) -> Result<Registry, Box<dyn Error>> {
    let Some(seconds) = options.cache else { return builder.build(store).map_err(messages::refused) };
    let lifetime = std::time::Duration::from_secs(seconds);
    let store = tower_dcr::store::CachedStore::new(store).with_lifetime(lifetime);
    builder.build(store).map_err(messages::refused)
}

#[cfg(not(feature = "cache"))]
fn over<S: ClientStore>(builder: RegistryBuilder, store: S, _: &StoreOptions) -> Result<Registry, Box<dyn Error>> {
    builder.build(store).map_err(messages::refused)
}

fn secrets(text: &str) -> Result<Secrets, Box<dyn Error>> {
    match text.split_once(':') {
        None if text == "hashed" => Ok(Secrets::hashed()),
        Some(("sealed", file)) => sealed(Path::new(file)),
        _ => Err(format!("--secrets {text:?}: it must be hashed, or sealed:FILE with a file of keys").into()),
    }
}

#[cfg(feature = "sealed")]
fn sealed(file: &Path) -> Result<Secrets, Box<dyn Error>> {
    let keys = secret_file::read(file);
    let keys = keys.map_err(|error| {
        format!("--secrets sealed:{error}; the file needs a line name:base64 with 32 random bytes, and mode 600")
    })?;
    let keys = tower_dcr::credential::SealingKeys::parse(&keys);
    let keys = keys.map_err(|error| format!("--secrets sealed:{}: {error}", file.display()))?;
    Ok(Secrets::sealed(keys))
}

#[cfg(not(feature = "sealed"))]
fn sealed(_: &Path) -> Result<Secrets, Box<dyn Error>> {
    Err("--secrets sealed: this server was built without sealed secrets; build it with --features sealed".into())
}

/// Which store, without its password, and why it cannot be used.
#[cfg_attr(
    not(any(feature = "sqlite", feature = "postgres", feature = "redis")),
    expect(dead_code, reason = "memory can always be opened")
)]
fn cannot_open(options: &StoreOptions, error: &StoreError) -> Box<dyn Error> {
    let store = messages::without_secrets(&options.store);
    let causes = error.source().map_or_else(|| error.to_string(), |cause| messages::with_causes(cause));
    let name = Some(&options.store_name).filter(|name| *name != DEFAULT_NAME);
    let name = name.map_or_else(String::new, |name| format!(" --store-name {name:?}"));
    format!("--store {store}{name}: cannot be opened: {causes}").into()
}

/// The forms of `--store`, and the feature that each of them needs.
const FORMS: [(&str, &str, bool); 6] = [
    ("memory", "memory", true),
    ("sqlite:", "sqlite", cfg!(feature = "sqlite")),
    ("postgres:", "postgres", cfg!(feature = "postgres")),
    ("postgresql:", "postgres", cfg!(feature = "postgres")),
    ("redis:", "redis", cfg!(feature = "redis")),
    ("rediss:", "redis", cfg!(feature = "redis")),
];

/// Why `--store` names no store here.
fn unknown(store: &str) -> String {
    let shown = messages::without_secrets(store);
    match FORMS.iter().find(|(form, _, _)| store.starts_with(form)) {
        Some((_, feature, false)) => {
            format!("--store {shown}: this server was built without this store; build it with --features {feature}")
        }
        _ => format!(
            "--store {shown}: not a store; write memory, sqlite:PATH, postgres://USER@HOST/DATABASE or \
             redis://HOST:PORT/DATABASE"
        ),
    }
}
