//! A registration server with an application behind it. `cargo run --example server -- --help` lists its flags.

#[path = "support/serve.rs"]
mod serve;
#[path = "server/stores.rs"]
mod stores;
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
use tower_dcr::access::TokenOptions;
use tower_dcr::metadata::{Extension, Extensions, GrantType, UnknownExtension};
use tower_dcr::policy::RedirectHosts;
use tower_dcr::profile::{Profile, Switch, UnknownSwitch};
use tower_dcr::{Access, RegistrationLayer, Registry};

/// OAuth 2.0 / OpenID Connect Dynamic Client Registration.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    serve: serve::ServeOptions,
    /// Where clients reach the server. Default: http:// and the address it listens on.
    #[arg(long)]
    public_url: Option<String>,
    /// Path of the registration endpoint.
    #[arg(long, default_value = "/oidc/register")]
    path: String,
    /// Who may register.
    #[arg(long, value_enum, default_value_t = Who::Open)]
    access: Who,
    /// An initial access token for `--access tokens` (repeatable). Without any, one is issued and printed.
    #[arg(long)]
    initial_access_token: Vec<String>,
    /// How many clients the initial access token that is issued admits. Default: any number.
    #[arg(long, value_name = "CLIENTS", conflicts_with = "initial_access_token")]
    initial_access_token_uses: Option<u32>,
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
    #[arg(long, value_delimiter = ',')]
    grant_types: Option<Vec<String>>,
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
    /// Admit redirect URIs only to this place: HOST[:PORT][/PATH] or *.HOST (repeatable), and to loopback.
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
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("server: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let server = serve::Server::bind(&options.serve).await?;
    let public_url = match &options.public_url {
        Some(url) => url.clone(),
        None => server.url()?,
    };
    let registry = registry(&options, &public_url).await?;
    if options.profile == Profile::Mcp && !cfg!(feature = "cors") {
        eprintln!("server: built without the feature cors, so pages of other origins cannot register");
    }
    if options.access != Who::Tokens && !options.initial_access_token.is_empty() {
        eprintln!("server: --initial-access-token counts only with --access tokens");
    }
    if options.access == Who::Tokens && options.initial_access_token.is_empty() {
        let counted = options.initial_access_token_uses.map(|uses| TokenOptions::new().with_uses(uses));
        let (token, _) = registry.issue_initial_access_token(counted.unwrap_or_default()).await?;
        println!("initial access token: {}", token.expose());
    }
    match options.access {
        Who::Off => println!("registration endpoint: off"),
        _ => println!("registration endpoint: {}{}", public_url.trim_end_matches('/'), options.path),
    }
    let application = application(options.inner).layer(RegistrationLayer::new(registry));
    server.run(trust::with_peer_addresses(application)).await?;
    Ok(())
}

async fn registry(options: &Options, public_url: &str) -> Result<Registry, Box<dyn Error>> {
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
        .with_rotation(options.rotate_registration_tokens)
        .with_strict_updates(options.strict_put)
        .with_dry_run(options.dry_run);
    for token in &options.initial_access_token {
        builder = builder.with_initial_access_token(token);
    }
    if !options.allow_redirect_host.is_empty() {
        builder = builder.with_policy(RedirectHosts::new(&options.allow_redirect_host)?.with_loopback(true));
    }
    if let Some(grant_types) = &options.grant_types {
        builder = builder.with_grant_types(grant_types.iter().map(|grant| GrantType::from(grant.as_str())));
    }
    for extensions in &options.extensions {
        builder = builder.with_extensions(*extensions);
    }
    for (switch, on) in &options.switches {
        builder = builder.with_switch(*switch, *on);
    }
    stores::build(options.trust.apply(builder)?, &options.stores).await
}

fn extensions(name: &str) -> Result<Extensions, UnknownExtension> {
    match name {
        "all" => Ok(Extensions::ALL),
        name => name.parse().map(|extension: Extension| extension.into()),
    }
}

fn switch(text: &str) -> Result<(Switch, bool), UnknownSwitch> {
    match text.strip_suffix("=off") {
        Some(name) => Ok((name.parse()?, false)),
        None => Ok((text.parse()?, true)),
    }
}

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

/// Says what arrived, so that a test can see that nothing was touched on the way.
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

fn headers(headers: &HeaderMap) -> Value {
    let mut object = Map::new();
    for name in headers.keys() {
        let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        object.insert(name.to_string(), values.collect::<Vec<_>>().join(", ").into());
    }
    Value::Object(object)
}
