//! A registration server with an application behind it. `cargo run --example server -- --help` lists its flags.
//!
//! It shows the order of a start: read the flags, listen, check the whole configuration, open the store, serve. A
//! wrong flag is reported before anything is written.

#[path = "server/authenticated.rs"]
mod authenticated;
#[path = "support/exit.rs"]
mod exit;
#[path = "server/interruption.rs"]
mod interruption;
#[path = "support/log.rs"]
mod log;
#[path = "server/messages.rs"]
mod messages;
#[path = "server/secret_file.rs"]
mod secret_file;
#[path = "support/serve.rs"]
mod serve;
#[path = "server/stores.rs"]
mod stores;
#[path = "server/tokens.rs"]
mod tokens;
#[path = "server/trust.rs"]
mod trust;

use std::error::Error;
use std::process::ExitCode;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Json, Response};
use axum::routing::get;
use axum::{Router, http::HeaderMap};
use clap::{Parser, ValueEnum};
use http_body_util::BodyExt as _;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tower_dcr::config::RegistryBuilder;
use tower_dcr::metadata::{Extension, Extensions, GrantType, UnknownExtension};
use tower_dcr::policy::RedirectHosts;
use tower_dcr::profile::{Profile, Switch, UnknownSwitch};
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, RegistrationLayer, Registry};

/// OAuth 2.0 / OpenID Connect Dynamic Client Registration.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    serve: serve::ServeOptions,
    /// The URL at which clients find the server. Default: http:// and the address it listens on. A path in it is
    /// served too, so a proxy in front may remove it from requests or not.
    #[arg(long)]
    public_url: Option<String>,
    /// Path of the registration endpoint.
    #[arg(long, default_value = "/oidc/register")]
    path: String,
    /// Who may register.
    #[arg(long, value_enum, default_value_t = Who::Open)]
    access: Who,
    #[command(flatten)]
    tokens: tokens::InitialAccessTokens,
    /// Kind of server: oauth, oidc, mcp or fapi2. Presets switches and defaults.
    #[arg(long, default_value = "oauth")]
    profile: Profile,
    /// Extensions whose members are understood, or all: mtls,dpop,par and so on.
    #[arg(long, value_delimiter = ',', value_parser = extensions)]
    extensions: Vec<Extensions>,
    /// Switches to turn on or, with `=off`, off, whatever the profile says: application-type-literal and so on.
    #[arg(long, value_delimiter = ',', value_parser = switch)]
    switches: Vec<(Switch, bool)>,
    /// Grant types to offer. Default: authorization_code,refresh_token, and client_credentials unless access is open.
    #[arg(long, value_delimiter = ',', value_parser = grant_type)]
    grant_types: Option<Vec<GrantType>>,
    /// Largest request body in bytes.
    #[arg(long, default_value_t = 65_536)]
    body_limit: usize,
    #[command(flatten)]
    stores: stores::StoreOptions,
    #[command(flatten)]
    trust: trust::TrustOptions,
    /// Do not let clients read, update and delete their registration.
    #[arg(long)]
    no_management: bool,
    /// Issue a new registration access token with every update.
    #[arg(long)]
    rotate_registration_tokens: bool,
    /// Refuse updates that leave out client_id.
    #[arg(long)]
    strict_put: bool,
    /// Answer POST with ?dry_run=true with what would be registered.
    #[arg(long)]
    dry_run: bool,
    /// Accept redirect URIs only at this host: HOST[:PORT][/PATH] or *.HOST (repeatable), and on loopback.
    #[arg(long, value_name = "PLACE")]
    allow_redirect_host: Vec<String>,
    /// The application behind the endpoint.
    #[arg(long, value_enum, default_value_t = Inner::Hello)]
    inner: Inner,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Who {
    Open,
    Tokens,
    ManagementOnly,
    Off,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Inner {
    Hello,
    Echo,
}

#[tokio::main]
async fn main() -> ExitCode {
    exit::code("server", run(Options::parse()).await)
}

/// Starts the server and runs it until a signal ends it. The order matters: a failure at any step has no effect that
/// must be undone.
async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    log::start()?;
    if let Some(flag) = options.tokens.first_flag().filter(|_| options.access != Who::Tokens) {
        return Err(format!("{flag} has no effect without --access tokens").into());
    }
    if stores::backup(&options.stores).await? {
        return Ok(());
    }
    let server = serve::Server::bind(&options.serve).await?;
    let public_url = match &options.public_url {
        Some(url) => url.clone(),
        None => server.url()?,
    };
    // The configuration is built once on a store in memory. So every flag is checked before the real store is opened,
    // and a start that fails creates no database.
    let checked = stores::configure(builder(&options, &public_url)?, &options.stores)?;
    drop(checked.build(MemoryStore::new()).map_err(messages::refused)?);
    let configured = stores::configure(builder(&options, &public_url)?, &options.stores)?;
    if Switch::AnyOrigin.is_on_in(options.profile) && !cfg!(feature = "cors") {
        eprintln!("server: built without the feature cors, so pages of other origins cannot register");
    }
    let opened = async {
        let registry = stores::open(configured, &options.stores).await?;
        if options.access == Who::Tokens {
            options.tokens.issue(&registry).await?;
        }
        Ok::<_, Box<dyn Error>>(registry)
    };
    let registry = interruption::or_signal(opened).await??;
    match options.access {
        Who::Off => println!("registration endpoint: off"),
        _ => println!("registration endpoint: {}{}", public_url.trim_end_matches('/'), options.path),
    }
    let application = application(options.inner).merge(authenticated::routes(registry.clone()));
    // On the finished router: the layer must be in front of every route and of the fallback.
    let application = application.layer(RegistrationLayer::new(registry.clone()));
    server.run(trust::with_peer_addresses(application)).await?;
    // After the last reply: closing earlier would fail requests that are under way.
    interruption::close(&registry, options.serve.drain_timeout).await
}

/// The builder with all flags that do not depend on the store. It is called twice, since a builder cannot be cloned.
fn builder(options: &Options, public_url: &str) -> Result<RegistryBuilder, Box<dyn Error>> {
    let access = match options.access {
        Who::Open => Access::Open,
        Who::Tokens => Access::Tokens,
        Who::ManagementOnly => Access::ManagementOnly,
        Who::Off => Access::Off,
    };
    let mut builder = Registry::builder(public_url, access)
        .with_profile(options.profile)
        .with_path(&options.path)
        .with_body_limit(options.body_limit)
        .with_management(!options.no_management)
        .with_registration_token_rotation(options.rotate_registration_tokens)
        .with_client_id_required(options.strict_put)
        .with_dry_run(options.dry_run);
    if !options.allow_redirect_host.is_empty() {
        let hosts = RedirectHosts::new(&options.allow_redirect_host).map_err(messages::refused)?;
        builder = builder.with_policy(hosts.with_loopback(true));
    }
    if let Some(grant_types) = &options.grant_types {
        builder = builder.with_grant_types(grant_types.iter().cloned());
    }
    for extensions in &options.extensions {
        builder = builder.with_extensions(*extensions);
    }
    for (switch, on) in &options.switches {
        builder = builder.with_switch(*switch, *on);
    }
    options.trust.apply(options.tokens.apply(builder)?)
}

/// An extension by its name, or `all`.
fn extensions(name: &str) -> Result<Extensions, UnknownExtension> {
    match name {
        "all" => Ok(Extensions::ALL),
        name => name.parse().map(|extension: Extension| extension.into()),
    }
}

/// A switch by its name, with `=off` to turn it off.
fn switch(text: &str) -> Result<(Switch, bool), UnknownSwitch> {
    match text.strip_suffix("=off") {
        Some(name) => Ok((name.parse()?, false)),
        None => Ok((text.parse()?, true)),
    }
}

/// A grant type that this crate knows, or a URI. Extension grants must be URIs
/// ([RFC 6749 §4.5](https://www.rfc-editor.org/rfc/rfc6749#section-4.5)), so another word is a spelling mistake.
fn grant_type(name: &str) -> Result<GrantType, String> {
    const KNOWN: [&str; 5] = ["authorization_code", "refresh_token", "client_credentials", "implicit", "password"];
    if KNOWN.contains(&name) || name.contains(':') {
        return Ok(name.into());
    }
    Err(format!(
        "not a grant type; known are {} and URIs such as urn:ietf:params:oauth:grant-type:device_code",
        KNOWN.join(", ")
    ))
}

/// The application behind the layer.
fn application(inner: Inner) -> Router {
    let router = Router::new().route("/", get(hello)).route("/hello", get(hello));
    match inner {
        Inner::Hello => router,
        Inner::Echo => router.fallback(echo),
    }
}

async fn hello() -> &'static str {
    "hello\n"
}

/// Replies with what it received, so that a test can see that the layer changed nothing.
async fn echo(request: Request) -> Response {
    let (parts, mut body) = request.into_parts();
    let (mut length, mut digest) = (0, Sha256::new());
    // Frame by frame, so that a large body takes no memory.
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return (StatusCode::BAD_REQUEST, "the body did not arrive\n").into_response();
        };
        if let Some(data) = frame.data_ref() {
            length += data.len();
            digest.update(data);
        }
    }
    Json(json!({
        "method": parts.method.as_str(),
        "target": parts.uri.path_and_query().map(|target| target.as_str()),
        "body_len": length,
        "body_sha256": hex(&digest.finalize()),
        "headers": headers(&parts.headers),
    }))
    .into_response()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All headers; the values of a repeated header are joined, as RFC 9110 §5.3 permits.
fn headers(headers: &HeaderMap) -> Value {
    let mut object = Map::new();
    for name in headers.keys() {
        let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        object.insert(name.to_string(), values.collect::<Vec<_>>().join(", ").into());
    }
    Value::Object(object)
}
