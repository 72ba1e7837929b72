//! A limit on how often requests are attempted.

use std::collections::hash_map::RandomState;
use std::error::Error;
use std::fmt;
use std::hash::{BuildHasher as _, Hash};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use super::RequestHead;
use super::buckets::{Buckets, ByClock};
use super::peer;
use super::peer::Block;
use super::{Decision, Gate, Registrant};
use crate::clock::Clock;
use crate::error::{ConfigError, ConfigErrorKind};

/// Counts attempts, also those that are refused for other reasons, and asks a peer that sends too many to wait (429 with
/// `Retry-After`).
///
/// # Rates
///
/// A peer may use all its attempts at once and gets them back one by one, so the rate is even over time
/// ([generic cell rate algorithm](https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm)). Three limits apply:
///
/// | limit | of | default |
/// | --- | --- | --- |
/// | peer | an IPv4 address (/32), or an IPv6 network of 64 bits (/64) | the attempts given to [`builder`](Self::builder) |
/// | network | an IPv6 network of 48 bits (/48) | 16 times as many |
/// | | 256 IPv4 addresses (/24) | none |
/// | global | all requests | none |
///
/// One customer often has a whole /48, in which there are 65,536 peers, so these share a limit. An IPv4 address is hard
/// to get, and 256 neighbours rarely belong to one customer, so a /24 has none unless you set it. A peer that is refused
/// uses up nothing of its network, and a network that is used up no counts of its peers.
///
/// Everybody behind one address (network address translation, a proxy, a mobile network) is one peer. Choose the number
/// of attempts for such a group, put the real address into the request with [`PeerAddress`](super::PeerAddress), or tell
/// peers apart with [`with_key`](RateLimitBuilder::with_key). Requests without an address are one peer. No header is
/// read by default, `X-Forwarded-For` included.
///
/// # Memory
///
/// The counts are in tables of a fixed size that is allocated at the start: 8 bytes for each bucket, by default 8 MiB for
/// peers and 4 MiB for IPv6 networks. They belong to this process and start afresh with it. A peer that stays away is
/// forgotten after the time that its attempts take to come back.
///
/// A peer has one bucket in each of four rows, chosen by a hash with a secret key, and is refused when all four are used
/// up. With `m` buckets, of which others used up those of `n` peers, a new peer is refused by chance with a probability
/// of `(1 - exp(-4n / m))^4`. For the default of `m` = 1,048,576 this is 0.2 % at 60,000 used-up peers, 1.8 % at 120,000,
/// and 16 % at 262,144; [`with_max_keys`](RateLimitBuilder::with_max_keys) sets `m`. A peer that shares buckets may at
/// times be admitted a little more often than its limit says, never less, and at most four times as often.
///
/// # Who sees a refusal
///
/// The reply says that there were too many requests. Which limit was reached, and by which address or network, is the
/// cause on the audit trail; the metric `tower_dcr_rate_limited_total` counts refusals by limit.
pub struct RateLimit {
    peers: Buckets,
    ipv4_networks: Option<Buckets>,
    ipv6_networks: Option<Buckets>,
    global: Option<Limiter>,
    key: Key,
    hasher: RandomState,
    clock: ByClock,
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, ByClock, NoOpMiddleware<Duration>>;

/// Attempts in a time.
type Rate = (u32, Duration);

impl RateLimit {
    /// Begins to build a limit: so many attempts of each peer in this time.
    pub fn builder(attempts: u32, per: Duration) -> RateLimitBuilder {
        RateLimitBuilder {
            each: (attempts, per),
            ipv4_24: None,
            ipv6_48: Some(attempts.saturating_mul(16)),
            global: None,
            key: Key::Address,
            max_keys: 1 << 20,
            clock: Arc::new(Monotonic(Instant::now())),
        }
    }

    /// Which limit a request reaches, and how long to wait. The network is looked at first, so that somebody who moves
    /// through a large one does not use up the table of the peers; it is charged last, so that one peer does not use up
    /// its network.
    fn refusal(&self, request: &RequestHead<'_>) -> Option<(Limit, Duration)> {
        let (peer, network) = self.keys(request);
        let network = network.and_then(|block| Some((self.networks(block)?, self.hasher.hash_one(block), block)));
        if let Some((networks, key, block)) = &network
            && let Some(wait) = networks.look(*key)
        {
            return Some((Limit::Network(*block), wait));
        }
        if let Some(wait) = self.peers.count(peer) {
            let address = matches!(self.key, Key::Address).then(|| peer::address(request)).flatten();
            return Some((Limit::Peer(address.map(peer::PeerAddress::subscriber)), wait));
        }
        if let Some((networks, key, block)) = &network
            && let Some(wait) = networks.count(*key)
        {
            return Some((Limit::Network(*block), wait));
        }
        let now = self.clock.now();
        let refused = self.global.as_ref()?.check().err()?;
        Some((Limit::Global, refused.wait_time_from(now)))
    }

    /// What stands for the peer, and its network.
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

    fn networks(&self, block: Block) -> Option<&Buckets> {
        match block.first {
            IpAddr::V4(_) => self.ipv4_networks.as_ref(),
            IpAddr::V6(_) => self.ipv6_networks.as_ref(),
        }
    }
}

impl Gate for RateLimit {
    async fn authorize(&self, request: &RequestHead<'_>) -> Decision {
        let Some((limit, retry_after)) = self.refusal(request) else { return Decision::Allow(Registrant::new()) };
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
    /// Where peers are told apart by their address, with the block of it.
    Peer(Option<Block>),
    Network(Block),
    Global,
}

impl Limit {
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

/// Builds a [`RateLimit`].
#[must_use = "a builder does nothing until `build`"]
pub struct RateLimitBuilder {
    each: Rate,
    ipv4_24: Option<u32>,
    ipv6_48: Option<u32>,
    global: Option<Rate>,
    key: Key,
    max_keys: u64,
    clock: Arc<dyn Clock>,
}

/// What tells peers apart.
enum Key {
    /// The [`PeerAddress`](peer::PeerAddress).
    Address,
    /// What the operator chose, as a hash that nobody outside can compute.
    Custom(Arc<dyn Fn(&RequestHead<'_>) -> u64 + Send + Sync>),
}

impl RateLimitBuilder {
    /// The largest table: 1 GiB.
    const MAX_KEYS: u64 = 1 << 27;
    /// The longest time, a year. It keeps sums of times far below what the library can hold.
    const MAX_TIME: Duration = Duration::from_secs(366 * 24 * 3600);

    /// So many attempts of everybody together in this time. Default: any number.
    pub fn with_global(mut self, attempts: u32, per: Duration) -> Self {
        self.global = Some((attempts, per));
        self
    }

    /// So many attempts of each IPv6 network of 48 bits, in the time of each peer; any number with `None`. Default: 16
    /// times as many as of each peer.
    pub fn with_max_per_ipv6_48(mut self, attempts: impl Into<Option<u32>>) -> Self {
        self.ipv6_48 = attempts.into();
        self
    }

    /// So many attempts of each IPv4 network of 24 bits, in the time of each peer; any number with `None`. Default: any
    /// number.
    pub fn with_max_per_ipv4_24(mut self, attempts: impl Into<Option<u32>>) -> Self {
        self.ipv4_24 = attempts.into();
        self
    }

    /// What tells peers apart, such as a header that your proxy sets and nobody else can. Networks then have no limit.
    /// Default: the [`PeerAddress`](super::PeerAddress) in the extensions, of which IPv6 counts by networks of 64 bits;
    /// requests without one are one peer.
    pub fn with_key<K: Hash>(mut self, key: impl Fn(&RequestHead<'_>) -> K + Send + Sync + 'static) -> Self {
        let hasher = RandomState::new();
        self.key = Key::Custom(Arc::new(move |request| hasher.hash_one(key(request))));
        self
    }

    /// How many buckets the table of the peers has, rounded up to a multiple of four: 8 bytes each. The tables of the
    /// networks have half as many. [`RateLimit`] says how many peers they tell apart. Default: 1,048,576.
    pub fn with_max_keys(mut self, keys: u64) -> Self {
        self.max_keys = keys;
        self
    }

    /// What tells the time. Default: one that only goes forward.
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Puts it together.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::RateLimit`] when a number is zero, a time is longer than a year or too short for its number of
    /// attempts (less than a nanosecond for each), or there are more than 134,217,728 buckets.
    pub fn build(self) -> Result<RateLimit, ConfigError> {
        let clock = ByClock(self.clock);
        let keys = u32::try_from(self.max_keys).ok().filter(|keys| (1..=Self::MAX_KEYS).contains(&u64::from(*keys)));
        let keys = keys.ok_or_else(|| ConfigErrorKind::RateLimit.found(format_args!("{} keys", self.max_keys)))?;
        let networks = |attempts: Option<u32>| -> Result<Option<Buckets>, ConfigError> {
            let quota = attempts.map(|attempts| quota((attempts, self.each.1))).transpose()?;
            Ok(quota.map(|quota| Buckets::new(quota, keys.div_ceil(2), &clock)))
        };
        let by_address = matches!(self.key, Key::Address);
        let global = self.global.map(quota).transpose()?;
        Ok(RateLimit {
            peers: Buckets::new(quota(self.each)?, keys, &clock),
            ipv4_networks: networks(self.ipv4_24.filter(|_| by_address))?,
            ipv6_networks: networks(self.ipv6_48.filter(|_| by_address))?,
            global: global.map(|quota| RateLimiter::direct_with_clock(quota, clock.clone())),
            key: self.key,
            hasher: RandomState::new(),
            clock,
        })
    }
}

impl fmt::Debug for RateLimitBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RateLimitBuilder")
            .field("each", &self.each)
            .field("ipv4_24", &self.ipv4_24)
            .field("ipv6_48", &self.ipv6_48)
            .field("global", &self.global)
            .finish_non_exhaustive()
    }
}

fn quota((attempts, per): Rate) -> Result<Quota, ConfigError> {
    let refused = || ConfigErrorKind::RateLimit.found(format_args!("{attempts} attempts in {per:?}"));
    let attempts = NonZeroU32::new(attempts).ok_or_else(refused)?;
    // One unit must be a nanosecond at least, or the limit would be none.
    let each = Some(per / attempts.get()).filter(|each| !each.is_zero() && per <= RateLimitBuilder::MAX_TIME);
    Ok(each.and_then(Quota::with_period).ok_or_else(refused)?.allow_burst(attempts))
}

/// The time since this clock was made, as if it had been made in 1970.
#[derive(Debug)]
struct Monotonic(Instant);

impl Clock for Monotonic {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::sync::atomic::{AtomicU64, Ordering};

    use http::Request;
    use http::request::Parts;

    use super::super::peer::PeerAddress;
    use super::*;

    /// A clock that a test turns.
    #[derive(Debug, Clone, Default)]
    struct Turned(Arc<AtomicU64>);

    impl Turned {
        fn advance(&self, seconds: u64) {
            self.0.fetch_add(seconds, Ordering::SeqCst);
        }
    }

    impl Clock for Turned {
        fn now(&self) -> SystemTime {
            UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::SeqCst))
        }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(address: impl Into<IpAddr>) -> Parts {
        Request::post("/").extension(PeerAddress::from(address.into())).body(()).unwrap().into_parts().0
    }

    fn from(peer: u32) -> Parts {
        at(Ipv4Addr::from_bits(peer))
    }

    /// An address in this IPv6 network of 64 bits, of the 65,536 that this network of 48 bits has.
    fn within(network: u32, subnet: u16) -> Parts {
        let bits = 0x2001 << 112 | u128::from(network) << 80 | u128::from(subnet) << 64 | 1;
        at(Ipv6Addr::from_bits(bits))
    }

    impl RateLimit {
        fn judged(&self, request: &Parts) -> Option<(Limit, Duration)> {
            self.refusal(&RequestHead::of_parts(request))
        }

        fn wait(&self, request: &Parts) -> Option<Duration> {
            self.judged(request).map(|(_, wait)| wait)
        }

        fn admits(&self, request: &Parts) -> bool {
            self.judged(request).is_none()
        }
    }

    #[test]
    fn attempts_come_back_evenly() {
        let clock = Turned::default();
        let limit = RateLimit::builder(3, MINUTE).with_clock(clock.clone()).build().unwrap();
        let waits: Vec<_> = (0..4).map(|_| limit.wait(&from(1))).collect();
        assert_eq!(waits, [None, None, None, Some(Duration::from_secs(20))]);
        clock.advance(19);
        assert_eq!(limit.wait(&from(1)), Some(Duration::from_secs(1)));
        clock.advance(1);
        assert_eq!([limit.wait(&from(1)), limit.wait(&from(1))], [None, Some(Duration::from_secs(20))]);
        assert_eq!(limit.wait(&from(2)), None, "another peer");
    }

    #[test]
    fn a_peer_that_comes_too_often_takes_nothing_from_the_others() {
        let limit = RateLimit::builder(1, MINUTE).with_global(3, MINUTE).with_clock(Turned::default()).build().unwrap();
        assert_eq!(limit.wait(&from(1)), None);
        assert!((0..100).all(|_| limit.wait(&from(1)).is_some()));
        assert_eq!([limit.wait(&from(2)), limit.wait(&from(3))], [None, None]);
        assert_eq!(limit.wait(&from(4)), Some(Duration::from_secs(20)), "all together");
    }

    /// `(1 - exp(-4 * 60,000 / 1,048,576))^4` is 0.18 %, so of 10,000 peers 18 are expected to be refused, with a standard
    /// deviation of about 4. More than 50 do not happen by chance.
    #[test]
    fn sixty_thousand_used_up_addresses_leave_fresh_ones_alone() {
        let limit = RateLimit::builder(2, MINUTE).with_clock(Turned::default()).build().unwrap();
        let spread = |peer: u32| from(peer.wrapping_mul(0x9E37_79B1));
        for used in (0..60_000).map(spread) {
            while limit.admits(&used) {}
        }
        let refused = (60_000..70_000).filter(|honest| !limit.admits(&spread(*honest))).count();
        assert!(refused <= 50, "{refused} of 10,000 were refused");
    }

    #[test]
    fn peers_that_stay_away_are_forgotten() {
        let clock = Turned::default();
        let limit = RateLimit::builder(1, MINUTE).with_max_keys(1000).with_clock(clock.clone()).build().unwrap();
        for peer in 0..100_000 {
            limit.wait(&from(peer));
        }
        assert!(!limit.admits(&from(100_000)), "a table of 1000 buckets is used up");
        clock.advance(60);
        assert!(limit.admits(&from(100_000)));
    }

    #[test]
    fn a_network_that_changes_its_addresses_is_bounded_and_its_neighbours_are_not_affected() {
        let clock = Turned::default();
        let limit = RateLimit::builder(2, MINUTE).with_clock(clock.clone()).build().unwrap();
        let admitted = (0..=u16::MAX).filter(|subnet| limit.admits(&within(1, *subnet))).count();
        assert_eq!(admitted, 32, "16 times the attempts of one peer");
        let (cause, wait) = limit.judged(&within(1, 0)).unwrap();
        assert_eq!(cause.to_string(), "the rate limit of the network 2001:0:1::/48 is reached");
        assert_eq!(wait, Duration::from_millis(1875));
        let others = (2..1002).filter(|network| limit.admits(&within(*network, 0))).count();
        assert_eq!(others, 1000, "refused attempts use up no bucket of the peers");
        clock.advance(60);
        assert!(limit.admits(&within(1, 7)));
    }

    #[test]
    fn one_peer_uses_up_nothing_of_its_network() {
        let builder = RateLimit::builder(2, MINUTE).with_max_per_ipv6_48(3).with_max_per_ipv4_24(3);
        let limit = builder.with_clock(Turned::default()).build().unwrap();
        for (name, peer) in [("IPv6", within as fn(u32, u16) -> Parts), ("IPv4", |_, host| at([192, 0, 2, host as u8]))]
        {
            let admitted = (0..100).filter(|_| limit.admits(&peer(1, 1))).count();
            assert_eq!(admitted, 2, "{name}: a peer");
            assert!(limit.admits(&peer(1, 2)), "{name}: its neighbour");
            assert!(matches!(limit.judged(&peer(1, 3)), Some((Limit::Network(_), _))), "{name}: all of them together");
        }
        assert!(limit.admits(&from(1)) && limit.admits(&within(2, 1)), "other networks");
    }

    #[test]
    fn a_network_of_ipv4_has_no_limit_of_its_own_by_default() {
        let limit = RateLimit::builder(1, MINUTE).with_clock(Turned::default()).build().unwrap();
        assert!((0..=255).all(|host| limit.admits(&at([192, 0, 2, host]))));
        let (cause, _) = limit.judged(&at([192, 0, 2, 7])).unwrap();
        assert_eq!(cause.to_string(), "the rate limit of the peer 192.0.2.7/32 is reached");
    }

    #[test]
    fn a_key_of_ones_own_tells_peers_apart_and_a_forwarded_header_does_not() {
        let named = |name: &str, value: &str| Request::post("/").header(name, value).body(()).unwrap().into_parts().0;
        let limit = RateLimit::builder(1, MINUTE).build().unwrap();
        assert_eq!(limit.wait(&named("x-forwarded-for", "192.0.2.1")), None);
        assert!(limit.wait(&named("x-forwarded-for", "192.0.2.2")).is_some(), "unknown peers are one");

        let builder = RateLimit::builder(1, MINUTE).with_key(|request| request.headers().get("x-team").cloned());
        let limit = builder.build().unwrap();
        assert_eq!([limit.wait(&named("x-team", "a")), limit.wait(&named("x-team", "b"))], [None, None]);
        assert!(limit.wait(&named("x-team", "a")).is_some());
    }

    #[test]
    fn a_limit_that_cannot_be_counted_is_refused() {
        let rows = [
            ("no attempt", RateLimit::builder(0, MINUTE)),
            ("no time", RateLimit::builder(1, Duration::ZERO)),
            ("no limit", RateLimit::builder(u32::MAX, Duration::from_nanos(1))),
            ("no attempt of all", RateLimit::builder(1, MINUTE).with_global(0, MINUTE)),
            ("no key", RateLimit::builder(1, MINUTE).with_max_keys(0)),
            ("too many keys", RateLimit::builder(1, MINUTE).with_max_keys(u64::MAX)),
            ("no attempt of a network", RateLimit::builder(1, MINUTE).with_max_per_ipv6_48(0)),
            ("no attempt of an IPv4 network", RateLimit::builder(1, MINUTE).with_max_per_ipv4_24(0)),
            ("an age", RateLimit::builder(1, Duration::MAX)),
            ("an age for all", RateLimit::builder(1, MINUTE).with_global(1, Duration::MAX)),
        ];
        for (name, builder) in rows {
            assert_eq!(builder.build().unwrap_err().kind(), ConfigErrorKind::RateLimit, "{name}");
        }
    }
}
