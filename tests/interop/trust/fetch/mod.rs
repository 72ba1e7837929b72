//! Documents and keys that the registry fetches.

mod budgets;
mod documents;
mod fetcher;
mod key_cache;
#[cfg(feature = "metrics")]
mod metrics;
pub(crate) mod outages;
