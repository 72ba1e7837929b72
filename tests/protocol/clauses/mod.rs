//! The standards clause by clause, where no other test proves a clause.

mod extensions;
mod http;
mod oidc;
mod policy;
pub(crate) mod rfc7591;
mod rfc7592;
