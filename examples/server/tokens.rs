//! Initial access tokens of the server: given in the configuration, or issued at the first start.

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;
use tower_dcr::Registry;
use tower_dcr::access::{InitialAccessTokenRecord, TokenOptions};
use tower_dcr::config::RegistryBuilder;

use crate::{messages, secret_file};

/// Initial access tokens, for `--access tokens`.
#[derive(Debug, Args)]
pub(crate) struct InitialAccessTokens {
    /// An initial access token (repeatable). Other users of the machine can see it in the list of processes; the
    /// variable and the file hide it.
    #[arg(long, value_name = "TOKEN", env = "TOWER_DCR_INITIAL_ACCESS_TOKEN", hide_env_values = true)]
    initial_access_token: Vec<String>,
    /// A file with initial access tokens, one on each line, that only its owner has rights to.
    #[arg(long, value_name = "FILE")]
    initial_access_token_file: Option<PathBuf>,
    /// How many clients the initial access token that is issued admits. Default: any number.
    #[arg(long, value_name = "CLIENTS", value_parser = clap::value_parser!(u32).range(1..))]
    #[arg(conflicts_with_all = ["initial_access_token", "initial_access_token_file"])]
    initial_access_token_uses: Option<u32>,
    /// Seconds for which the initial access token that is issued is valid. Default: 86400, a day.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=315_360_000))]
    #[arg(conflicts_with_all = ["initial_access_token", "initial_access_token_file"])]
    initial_access_token_lifetime: Option<u64>,
}

impl InitialAccessTokens {
    const LIFETIME: u64 = 86_400;

    /// The flag that has no meaning without `--access tokens`, if there is one.
    pub(crate) fn first_flag(&self) -> Option<&'static str> {
        let flags = [
            (!self.initial_access_token.is_empty(), "--initial-access-token (TOWER_DCR_INITIAL_ACCESS_TOKEN)"),
            (self.initial_access_token_file.is_some(), "--initial-access-token-file"),
            (self.initial_access_token_uses.is_some(), "--initial-access-token-uses"),
            (self.initial_access_token_lifetime.is_some(), "--initial-access-token-lifetime"),
        ];
        flags.into_iter().find_map(|(given, flag)| given.then_some(flag))
    }

    /// The builder with the tokens of the configuration.
    pub(crate) fn apply(&self, mut builder: RegistryBuilder) -> Result<RegistryBuilder, Box<dyn Error>> {
        for token in &self.initial_access_token {
            builder = builder.with_initial_access_token(token);
        }
        let Some(file) = &self.initial_access_token_file else { return Ok(builder) };
        let refused = |problem: &str| format!("--initial-access-token-file {}: {problem}", file.display());
        let text = secret_file::read(file).map_err(|error| format!("--initial-access-token-file {error}"))?;
        let tokens: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if tokens.is_empty() {
            return Err(refused("no token in this file, write one of at least 16 characters on each line").into());
        }
        Ok(tokens.into_iter().fold(builder, |builder, token| builder.with_initial_access_token(token)))
    }

    /// Issues a token, unless the configuration or the store has a usable one, and prints it. A durable store still
    /// has the token of an earlier start, and each further token is one more that can leak.
    pub(crate) async fn issue(&self, registry: &Registry) -> Result<(), Box<dyn Error>> {
        if !self.initial_access_token.is_empty() || self.initial_access_token_file.is_some() {
            return Ok(());
        }
        let (known, now) = (registry.initial_access_tokens().await?, registry.now());
        let usable: Vec<_> = known.iter().filter(|token| token.is_usable(now)).collect();
        if !usable.is_empty() {
            let usable: Vec<_> = usable.into_iter().map(|token| described(token, now)).collect();
            eprintln!(
                "server: no initial access token is issued, because the store has one that is valid: {}. If it is lost, \
                 start with --initial-access-token-file",
                usable.join("; "),
            );
            return Ok(());
        }
        let lifetime = Duration::from_secs(self.initial_access_token_lifetime.unwrap_or(Self::LIFETIME));
        let options = TokenOptions::new().with_lifetime(lifetime);
        let options = self.initial_access_token_uses.into_iter().fold(options, TokenOptions::with_uses);
        let issued = registry.issue_initial_access_token(options).await;
        let (token, record) = issued.map_err(|error| messages::with_causes(&error))?;
        println!("initial access token: {}", token.expose());
        eprintln!("server: issued the initial access token {}; it is shown only now", described(&record, now));
        Ok(())
    }
}

/// Which token this is, and how far it reaches.
fn described(token: &InitialAccessTokenRecord, now: SystemTime) -> String {
    let clients = token.uses_left().map_or("any number of clients".to_owned(), |uses| match uses {
        1 => "1 client".to_owned(),
        uses => format!("{uses} clients"),
    });
    let left = token.expires_at().and_then(|end| end.duration_since(now).ok()).map(|left| left.as_secs());
    let left = left.map_or("without an end".to_owned(), |left| match left {
        0..7200 => format!("for {} minutes", left.div_ceil(60)),
        _ => format!("for {} hours", left.div_ceil(3600)),
    });
    format!("{} for {clients}, {left}", token.id())
}
