//! The messages of a failed start: which flag is wrong, its value, and what to do.

use std::error::Error;

use tower_dcr::{ConfigError, ConfigErrorKind};

pub(crate) use crate::exit::with_causes;

/// A refused configuration, with the flag that sets it.
pub(crate) fn refused(error: ConfigError) -> Box<dyn Error> {
    let flag = flag(error.kind());
    format!("{flag}: {}", with_causes(&error)).into()
}

fn flag(kind: ConfigErrorKind) -> &'static str {
    use ConfigErrorKind as Kind;
    match kind {
        Kind::BaseUrl => "--public-url",
        Kind::Path => "--path",
        Kind::GrantTypes => "--grant-types",
        Kind::AuthMethods | Kind::Algorithms | Kind::SubjectTypes => "--profile",
        Kind::InitialAccessToken => "--initial-access-token",
        Kind::BodyLimit => "--body-limit",
        Kind::Secrets | Kind::SymmetricAlgorithms | Kind::SealingKeys => "--secrets",
        Kind::IssuerAlgorithms | Kind::Keys => "--software-statement-issuer",
        Kind::RateLimit => "--rate-limit",
        Kind::RedirectHost => "--allow-redirect-host",
        _ => "the configuration",
    }
}

/// A URL without its password and its query, which may be secret. If the password contains a character that should
/// have been escaped, its end is unclear, and only the scheme is shown.
pub(crate) fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once(':') else { return url.to_owned() };
    let (place, rest) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    let query = if rest.is_empty() { "" } else { "?…" };
    if rest.contains('@') {
        return format!("{scheme}:…");
    }
    let Some((user, place)) = place.rsplit_once('@') else { return format!("{scheme}:{place}{query}") };
    let slashes = if user.starts_with("//") { "//" } else { "" };
    let user = user.trim_start_matches('/');
    let user = user.split_once(':').map_or_else(|| user.to_owned(), |(name, _)| format!("{name}:…"));
    format!("{scheme}:{slashes}{user}@{place}{query}")
}
