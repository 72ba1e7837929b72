//! A registration server with a JSON API for its operators. `cargo run --example admin -- --help` lists its flags.
//!
//! | request | what it does |
//! | --- | --- |
//! | `GET /admin/stats` | how many clients there are of each kind |
//! | `GET /admin/clients` | a page of clients |
//! | `GET /admin/clients/{id}` | one client |
//! | `POST /admin/clients/{id}/approve`, `/disable`, `/enable` | changes the status of the client |
//! | `DELETE /admin/clients/{id}` | removes the client |
//! | `GET /admin/tokens`, `POST /admin/tokens`, `DELETE /admin/tokens/{id}` | initial access tokens |
//!
//! A page is selected by `owner`, `status`, `never_used`, `issued_from`, `issued_before`, `used_from` and
//! `used_before`, and bounded by `limit` and `after`. `approve?revision=3` approves the client only at the revision
//! that was reviewed.
//!
//! Every request needs `Authorization: Bearer` with the token of `--admin-token` or `ADMIN_TOKEN`. No answer contains a
//! secret, except that a new initial access token is shown once; every refusal is JSON with `error` and
//! `error_description`. Serve such an API on an internal address.

#[path = "admin/api.rs"]
mod api;
#[path = "support/exit.rs"]
mod exit;
#[path = "support/log.rs"]
mod log;
#[path = "support/serve.rs"]
mod serve;
#[path = "admin/view.rs"]
mod view;

use std::error::Error;
use std::process::ExitCode;

use axum::Router;
use clap::Parser;
use tower_dcr::credential::Digest;
use tower_dcr::policy::{Review, Verdict};
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, RegistrationLayer, Registry};

/// OAuth 2.0 / OpenID Connect Dynamic Client Registration, with an API for operators.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    serve: serve::ServeOptions,
    /// The bearer token of operators, at least 16 characters. Default: the environment variable ADMIN_TOKEN.
    #[arg(long)]
    admin_token: Option<String>,
    /// Permit registration without an initial access token.
    #[arg(long)]
    open: bool,
    /// Hold new clients until they are approved.
    #[arg(long)]
    approval: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    exit::code("admin", run(Options::parse()).await)
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    log::start()?;
    let admin_token = options.admin_token.or_else(|| std::env::var("ADMIN_TOKEN").ok());
    let admin_token =
        admin_token.filter(|token| token.len() >= 16).ok_or("an admin token of 16 characters is needed")?;
    let server = serve::Server::bind(&options.serve).await?;
    let access = if options.open { Access::Open } else { Access::Tokens };
    let approval = options.approval;
    let registry = Registry::builder(server.url()?, access)
        .with_policy(move |_: &Review<'_>| if approval { Verdict::hold() } else { Verdict::accept() })
        .build(MemoryStore::new())?;
    println!("registration endpoint: {}", registry.registration_endpoint().unwrap_or("off"));
    // Only the digest is kept: it is compared in constant time, and it does not reveal the token.
    let admin = api::router(registry.clone().with_actor("admin"), Digest::of(&admin_token));
    let application = Router::new().nest("/admin", admin).layer(RegistrationLayer::new(registry));
    server.run(application).await?;
    Ok(())
}
