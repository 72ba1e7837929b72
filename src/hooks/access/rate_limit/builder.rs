//! The settings of a rate limit.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher as _, Hash};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use governor::{Quota, RateLimiter};

use super::RateLimit;
use super::buckets::{Buckets, GovernorClock};
use crate::clock::Clock;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::hooks::access::RequestHead;

/// Attempts in a time.
type Rate = (u32, Duration);

/// Builds a [`RateLimit`]. Every setting has a default.
#[must_use = "a builder does nothing until `build`"]
pub struct RateLimitBuilder {
    per_peer: Rate,
    ipv4_24: Option<u32>,
    ipv6_48: Option<u32>,
    global: Option<Rate>,
    key: Key,
    max_keys: u64,
    clock: Arc<dyn Clock>,
}

/// What distinguishes peers.
pub(super) enum Key {
    /// The [`PeerAddress`](crate::hooks::access::peer::PeerAddress).
    Address,
    /// What the operator chose, hashed with a secret key so that a caller cannot choose colliding values.
    Custom(Arc<dyn Fn(&RequestHead<'_>) -> u64 + Send + Sync>),
}

impl RateLimitBuilder {
    /// The largest table: 1 GiB.
    const MAX_KEYS: u64 = 1 << 27;
    /// The longest time, a year. It keeps sums of times far below what the library can hold.
    const MAX_TIME: Duration = Duration::from_secs(366 * 24 * 3600);

    /// This number of attempts of each peer in this time, and the defaults.
    pub(super) fn new(attempts: u32, per: Duration) -> Self {
        Self {
            per_peer: (attempts, per),
            ipv4_24: None,
            ipv6_48: Some(attempts.saturating_mul(16)),
            global: None,
            key: Key::Address,
            max_keys: 1 << 20,
            // A step of the wall clock must neither restore attempts nor lock peers out.
            clock: Arc::new(Monotonic(Instant::now())),
        }
    }

    /// The attempts of all peers together in this time. Default: no limit.
    pub fn with_global(mut self, attempts: u32, per: Duration) -> Self {
        self.global = Some((attempts, per));
        self
    }

    /// The attempts of each IPv6 network of 48 bits in the time of a peer; `None` for no limit. Default: 16 times the
    /// attempts of a peer.
    pub fn with_max_per_ipv6_48(mut self, attempts: impl Into<Option<u32>>) -> Self {
        self.ipv6_48 = attempts.into();
        self
    }

    /// The attempts of each IPv4 network of 24 bits in the time of a peer; `None` for no limit. Default: no limit.
    pub fn with_max_per_ipv4_24(mut self, attempts: impl Into<Option<u32>>) -> Self {
        self.ipv4_24 = attempts.into();
        self
    }

    /// What distinguishes peers, such as a header that your proxy sets and that a caller cannot set. Networks then have no
    /// limit. Default: the [`PeerAddress`](crate::gate::PeerAddress) in the extensions, for IPv6 its network of 64 bits;
    /// all requests without an address are one peer.
    pub fn with_key<K: Hash>(mut self, key: impl Fn(&RequestHead<'_>) -> K + Send + Sync + 'static) -> Self {
        let hasher = RandomState::new();
        self.key = Key::Custom(Arc::new(move |request| hasher.hash_one(key(request))));
        self
    }

    /// How many buckets the table of the peers has, rounded up to a multiple of four: 8 bytes each. The tables of the
    /// networks have half as many. [`RateLimit`] explains how many peers they can distinguish. Default: 1,048,576.
    pub fn with_max_keys(mut self, keys: u64) -> Self {
        self.max_keys = keys;
        self
    }

    /// The clock that restores attempts. Default: a monotonic clock.
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the limit and allocates its tables.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::RateLimit`] when a number is zero, a time is longer than a year or too short for its number of
    /// attempts (less than a nanosecond for each), or there are more than 134,217,728 buckets.
    pub fn build(self) -> Result<RateLimit, ConfigError> {
        let clock = GovernorClock(self.clock);
        let keys = u32::try_from(self.max_keys).ok().filter(|keys| (1..=Self::MAX_KEYS).contains(&u64::from(*keys)));
        let keys = keys.ok_or_else(|| ConfigErrorKind::RateLimit.found(format_args!("{} keys", self.max_keys)))?;
        let networks = |attempts: Option<u32>| -> Result<Option<Buckets>, ConfigError> {
            let quota = attempts.map(|attempts| quota((attempts, self.per_peer.1))).transpose()?;
            Ok(quota.map(|quota| Buckets::new(quota, keys.div_ceil(2), &clock)))
        };
        // A custom key has no network, so these tables would stay empty.
        let by_address = matches!(self.key, Key::Address);
        let global = self.global.map(quota).transpose()?;
        Ok(RateLimit {
            peers: Buckets::new(quota(self.per_peer)?, keys, &clock),
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
            .field("per_peer", &self.per_peer)
            .field("ipv4_24", &self.ipv4_24)
            .field("ipv6_48", &self.ipv6_48)
            .field("global", &self.global)
            .finish_non_exhaustive()
    }
}

/// The quota of the library for a rate.
///
/// # Errors
///
/// When the library would not limit at this rate, or could overflow with it.
fn quota((attempts, per): Rate) -> Result<Quota, ConfigError> {
    let refused = || ConfigErrorKind::RateLimit.found(format_args!("{attempts} attempts in {per:?}"));
    let attempts = NonZeroU32::new(attempts).ok_or_else(refused)?;
    // The library counts in nanoseconds: with less than one for each attempt there would be no limit.
    let each = Some(per / attempts.get()).filter(|each| !each.is_zero() && per <= RateLimitBuilder::MAX_TIME);
    Ok(each.and_then(Quota::with_period).ok_or_else(refused)?.allow_burst(attempts))
}

/// A monotonic clock, which begins in 1970 because [`Clock`] returns points in time.
#[derive(Debug)]
struct Monotonic(Instant);

impl Clock for Monotonic {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + self.0.elapsed()
    }
}
