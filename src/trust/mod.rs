//! What comes from other parties: credentials that a request presents, documents that are fetched, tokens that are signed.
//!
//! Nothing here knows the registry. Each function takes the values that it checks, so that it can be read and tested
//! alone.

pub(crate) mod client_credentials;
pub mod documents;
#[cfg(feature = "fetch")]
pub mod fetch;
#[cfg(feature = "software-statements")]
pub mod jwt;
#[cfg(feature = "software-statements")]
pub mod software_statement;
