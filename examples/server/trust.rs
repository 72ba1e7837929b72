//! The flags of the server example for rate limits and for issuers of software statements.

use std::error::Error;

use axum::Router;
use clap::Args;
use tower_dcr::config::RegistryBuilder;

/// Rate limits and software statements. The flags exist if the server was built with these features.
#[derive(Debug, Args)]
pub(crate) struct TrustOptions {
    /// Registrations that one address may attempt in a minute.
    #[cfg(feature = "rate-limit")]
    #[arg(long, value_name = "PER_MINUTE")]
    rate_limit: Option<u32>,
    /// Reads, updates and deletions that one address may attempt in a minute.
    #[cfg(feature = "rate-limit")]
    #[arg(long, value_name = "PER_MINUTE")]
    management_rate_limit: Option<u32>,
    /// Verify software statements, and trust those of this issuer (repeatable): its name and a file with its JWK Set.
    #[cfg(feature = "software-statements")]
    #[arg(long, value_name = "ISSUER=FILE")]
    software_statement_issuer: Vec<String>,
    /// Refuse registrations without a software statement.
    #[cfg(feature = "software-statements")]
    #[arg(long, requires = "software_statement_issuer")]
    require_software_statement: bool,
}

impl TrustOptions {
    /// The builder with the options of these flags.
    pub(crate) fn apply(&self, builder: RegistryBuilder) -> Result<RegistryBuilder, Box<dyn Error>> {
        #[cfg(feature = "rate-limit")]
        let builder = match self.rate_limit {
            Some(attempts) => builder.with_registration_gate(a_minute("--rate-limit", attempts)?),
            None => builder,
        };
        #[cfg(feature = "rate-limit")]
        let builder = match self.management_rate_limit {
            Some(attempts) => builder.with_management_gate(a_minute("--management-rate-limit", attempts)?),
            None => builder,
        };
        #[cfg(feature = "software-statements")]
        let builder = match self.software_statement_issuer.is_empty() {
            true => builder,
            false => builder.with_software_statements(self.statements()?),
        };
        Ok(builder)
    }

    #[cfg(feature = "software-statements")]
    fn statements(&self) -> Result<tower_dcr::software_statement::SoftwareStatements, Box<dyn Error>> {
        use crate::messages::with_causes;
        use tower_dcr::jwt::{Issuer, Keys};
        use tower_dcr::metadata::SigningAlgorithm::{EdDsa, Es256, Es384, Ps256, Rs256};
        use tower_dcr::software_statement::SoftwareStatements;

        let mut statements = SoftwareStatements::new().with_required(self.require_software_statement);
        for issuer in &self.software_statement_issuer {
            let flag = format!("--software-statement-issuer {issuer}");
            let split = issuer.split_once('=').filter(|(name, file)| !name.is_empty() && !file.is_empty());
            let (name, file) = split.ok_or_else(|| format!("{flag}: it must be ISSUER=FILE"))?;
            let keys = std::fs::read_to_string(file).map_err(|error| format!("{flag}: {file}: {error}"))?;
            let keys = Keys::from_jwks(&keys).map_err(|error| format!("{flag}: {file}: {}", with_causes(&error)))?;
            let algorithms = [Rs256, Ps256, Es256, Es384, EdDsa];
            let issuer = Issuer::new(name, algorithms, keys).map_err(|error| format!("{flag}: {error}"))?;
            statements = statements.with_issuer(issuer);
        }
        Ok(statements)
    }
}

/// A limit of this many attempts in a minute for each peer.
#[cfg(feature = "rate-limit")]
fn a_minute(flag: &str, attempts: u32) -> Result<tower_dcr::gate::RateLimit, String> {
    let limit = tower_dcr::gate::RateLimit::builder(attempts, std::time::Duration::from_secs(60)).build();
    limit.map_err(|error| format!("{flag} {attempts}: {error}"))
}

/// Gives the registry the address from which each request comes.
pub(crate) fn with_peer_addresses(application: Router) -> Router {
    use axum::extract::{ConnectInfo, Request};
    use tower_dcr::gate::PeerAddress;

    let insert = async |ConnectInfo(peer): ConnectInfo<std::net::SocketAddr>, mut request: Request| {
        request.extensions_mut().insert(PeerAddress::from(peer));
        request
    };
    application.layer(axum::middleware::map_request(insert))
}
