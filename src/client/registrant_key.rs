//! What the clients of one registrant have in common, so that a flood evicts its own clients first.

use std::sync::Arc;

/// What clients of one registrant have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RegistrantKey {
    /// The initial access token, by its identifier.
    InitialAccessToken(Arc<str>),
    /// The owner.
    Owner(Arc<str>),
    /// The network of the peer, by its keyed hash.
    Network(u64),
}
