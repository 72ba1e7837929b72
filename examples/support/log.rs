//! The log of an example: it goes to standard error, filtered by `RUST_LOG`.

use std::error::Error;
use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// The filter if `RUST_LOG` is not set.
const DEFAULT: &str = "info";

/// Starts the log. Colours are for a terminal alone, and not where `NO_COLOR` is set
/// ([no-color.org](https://no-color.org)).
///
/// # Errors
///
/// When `RUST_LOG` holds no filter. A typing error in it must not silence the audit trail.
pub(crate) fn start() -> Result<(), Box<dyn Error>> {
    let directives = std::env::var("RUST_LOG").ok().filter(|directives| !directives.is_empty());
    let directives = directives.as_deref().unwrap_or(DEFAULT);
    let filter = EnvFilter::builder().parse(directives);
    let filter = filter.map_err(|error| {
        format!("RUST_LOG={directives:?}: {error}; write a level such as debug, or info,tower_dcr::audit=warn")
    })?;
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal() && !no_colour)
        .with_writer(std::io::stderr)
        .init();
    Ok(())
}
