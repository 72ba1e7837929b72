//! A limit on how often requests are attempted.

mod buckets;
mod builder;
#[cfg(test)]
mod tests;

pub use builder::RateLimitBuilder;

use std::collections::hash_map::RandomState;
use std::error::Error;
use std::fmt;
use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use governor::RateLimiter;
use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};

use super::peer;
use super::peer::Block;
use super::{Decision, Gate, Registrant, RequestHead};
use buckets::{Buckets, GovernorClock};
use builder::Key;

/// Limits how often a peer may attempt a request. A peer with too many attempts gets 429 with `Retry-After`. An attempt
/// that is refused for another reason is an attempt too.
///
/// # Rates
///
/// A peer may use all its attempts at once. They are restored one by one, so that the rate is even over time
/// ([generic cell rate algorithm](https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm)). Three limits apply:
///
/// | limit | of | default |
/// | --- | --- | --- |
/// | peer | an IPv4 address (/32), or an IPv6 network of 64 bits (/64) | the attempts given to [`builder`](Self::builder) |
/// | network | an IPv6 network of 48 bits (/48) | 16 times as many |
/// | | 256 IPv4 addresses (/24) | none |
/// | global | all requests | none |
///
/// One customer often has a whole /48, which contains 65,536 peers, so these peers share a limit. An IPv4 address is hard
/// to get, and 256 neighbours rarely belong to one customer, so a /24 has a limit only if you set one. An attempt that the
/// limit of the peer refuses uses no attempt of its network, and an attempt that the limit of the network refuses uses no
/// attempt of the peer.
///
/// All users behind one address (network address translation, a proxy, a mobile network) are one peer. Choose the number
/// of attempts for such a group, put the real address into the request with [`PeerAddress`](crate::gate::PeerAddress), or
/// distinguish peers with [`with_key`](RateLimitBuilder::with_key). All requests without an address are one peer. No
/// header is read by default, not even `X-Forwarded-For`.
///
/// # Memory
///
/// The counts are in tables of a fixed size that is allocated at the start: 8 bytes for each bucket, by default 8 MiB for
/// peers and 4 MiB for IPv6 networks. They are local to the process and are lost when it ends. A peer that sends no
/// request is forgotten after the time in which its attempts are restored.
///
/// A peer has one bucket in each of four rows, chosen by a hash with a secret key, and is refused when all four are used
/// up. With `m` buckets, of which others used up those of `n` peers, a new peer is refused by chance with a probability
/// of `(1 - exp(-4n / m))^4`. For the default of `m` = 1,048,576 this is 0.2 % at 60,000 used-up peers, 1.8 % at 120,000,
/// and 16 % at 262,144; [`with_max_keys`](RateLimitBuilder::with_max_keys) sets `m`. A peer that shares buckets may at
/// times be allowed more attempts than its limit, at most four times as many, and never fewer.
///
/// # Who sees a refusal
///
/// The reply says that there were too many requests. The audit trail records as the cause which limit was reached, and by
/// which address or network; the metric `tower_dcr_rate_limited_total` counts refusals by limit.
///
/// ```
/// use std::time::Duration;
/// use tower_dcr::gate::RateLimit;
///
/// assert!(RateLimit::builder(10, Duration::from_secs(60)).build().is_ok());
/// assert!(RateLimit::builder(0, Duration::from_secs(60)).build().is_err());
/// ```
pub struct RateLimit {
    peers: Buckets,
    ipv4_networks: Option<Buckets>,
    ipv6_networks: Option<Buckets>,
    global: Option<Limiter>,
    key: Key,
    hasher: RandomState,
    clock: GovernorClock,
}

/// A limit of all requests together, which needs no table.
type Limiter = RateLimiter<NotKeyed, InMemoryState, GovernorClock, NoOpMiddleware<Duration>>;

impl RateLimit {
    /// Builds a limit: this number of attempts of each peer in this time.
    pub fn builder(attempts: u32, per: Duration) -> RateLimitBuilder {
        RateLimitBuilder::new(attempts, per)
    }

    /// Counts the attempt. Returns the limit that it exceeds, if any, and how long to wait.
    fn exceeded_limit(&self, request: &RequestHead<'_>) -> Option<(Limit, Duration)> {
        let (peer, network) = self.keys(request);
        let network = network.and_then(|block| Some((self.networks(block)?, self.hasher.hash_one(block), block)));
        // The network is looked at first: an attacker that changes its address within a large network must not fill the
        // table of the peers.
        if let Some((networks, key, block)) = &network
            && let Some(wait) = networks.look(*key)
        {
            return Some((Limit::Network(*block), wait));
        }
        if let Some(wait) = self.peers.count(peer) {
            let address = matches!(self.key, Key::Address).then(|| peer::address(request)).flatten();
            return Some((Limit::Peer(address.map(peer::PeerAddress::subscriber)), wait));
        }
        // The network is counted after the peer: refused attempts of one peer must not use up the attempts of its
        // neighbours.
        if let Some((networks, key, block)) = &network
            && let Some(wait) = networks.count(*key)
        {
            return Some((Limit::Network(*block), wait));
        }
        // Last, so that only attempts that pass the other limits use up the global one.
        let now = self.clock.now();
        let refused = self.global.as_ref()?.check().err()?;
        Some((Limit::Global, refused.wait_time_from(now)))
    }

    /// The key of the peer, and its network. A custom key is not an address, so it has no network.
    fn keys(&self, request: &RequestHead<'_>) -> (u64, Option<Block>) {
        match &self.key {
            Key::Custom(key) => (key(request), None),
            Key::Address => {
                let address = peer::address(request);
                let subscriber = address.map(peer::PeerAddress::subscriber);
                (self.hasher.hash_one(subscriber), address.map(peer::PeerAddress::network))
            }
        }
    }

    /// The counts of networks of this version of IP, where they are limited.
    fn networks(&self, block: Block) -> Option<&Buckets> {
        match block.first {
            IpAddr::V4(_) => self.ipv4_networks.as_ref(),
            IpAddr::V6(_) => self.ipv6_networks.as_ref(),
        }
    }
}

impl Gate for RateLimit {
    async fn authorize(&self, request: &RequestHead<'_>) -> Decision {
        let Some((limit, retry_after)) = self.exceeded_limit(request) else {
            return Decision::Allow(Registrant::new());
        };
        #[cfg(feature = "metrics")]
        crate::metrics::rate_limited(limit.as_str());
        Decision::Throttled { retry_after, source: Arc::new(limit) }
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RateLimit")
            .field("peers", &self.peers)
            .field("ipv4_networks", &self.ipv4_networks)
            .field("ipv6_networks", &self.ipv6_networks)
            .finish_non_exhaustive()
    }
}

/// The limit that a request reached: the cause of a refusal, for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    /// With the block of the address, where peers are distinguished by address.
    Peer(Option<Block>),
    Network(Block),
    Global,
}

impl Limit {
    /// The label of the metric.
    #[cfg(feature = "metrics")]
    fn as_str(self) -> &'static str {
        match self {
            Self::Peer(_) => "peer",
            Self::Network(_) => "network",
            Self::Global => "global",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(Some(block)) => write!(formatter, "the rate limit of the peer {block} is reached"),
            Self::Peer(None) => formatter.write_str("the rate limit of the peer is reached"),
            Self::Network(block) => write!(formatter, "the rate limit of the network {block} is reached"),
            Self::Global => formatter.write_str("the rate limit of all requests together is reached"),
        }
    }
}

impl Error for Limit {}
