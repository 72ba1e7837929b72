//! What the clients of one registrant have in common.
//!
//! When the limit of clients is reached, a store evicts an idle client of the same registrant first. A caller who
//! registers a flood of clients therefore evicts clients of its own and not those of others.

use std::sync::Arc;

/// One property that the clients of a registrant share; see
/// [`Client::registrant_keys`](crate::Client::registrant_keys).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RegistrantKey {
    /// The initial access token, by its identifier.
    InitialAccessToken(Arc<str>),
    /// The owner, as access control named it.
    Owner(Arc<str>),
    /// The network of the peer, by its keyed hash.
    Network(u64),
}
