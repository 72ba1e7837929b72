//! A limit on how often registrations are attempted.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher as _, Hash};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{NotUntil, Quota, RateLimiter};
use http::request::Parts;

use super::peer;
use crate::access::{Decision, Gate, Grant};
use crate::clock::Clock;
use crate::error::{ConfigError, ConfigErrorKind};

/// Counts attempts, those that are refused for other reasons too, and asks whoever comes too often to wait.
///
/// Whoever may come so often may use it all at once and gets it back little by little, so the rate is even over time
/// ([generic cell rate algorithm](https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm)). Counts are this process's
/// own and start afresh with it.
pub struct RateLimit {
    each: Limiter<u64, DashMapStateStore<u64>>,
    all: Option<Limiter<NotKeyed, InMemoryState>>,
    key: KeyFunction,
    clock: ByClock,
    calls: AtomicU64,
}

type Limiter<K, S> = RateLimiter<K, S, ByClock, NoOpMiddleware<Duration>>;

/// The bucket of a request.
type KeyFunction = Arc<dyn Fn(&Parts) -> u64 + Send + Sync>;

/// After so many calls the keys that have not come for a while are forgotten.
const SCHEDULE: u64 = 4096;

impl RateLimit {
    /// Begins to build a limit: so many attempts of each peer in this time.
    pub fn builder(attempts: u32, per: Duration) -> RateLimitBuilder {
        RateLimitBuilder {
            each: (attempts, per),
            all: None,
            key: Key::of(peer::subscriber),
            most_keys: 65_536,
            clock: Arc::new(Monotonic(Instant::now())),
        }
    }

    /// How long to wait; none for whoever may go on. Each peer is looked at first, so one that comes too often takes
    /// nothing from the others.
    fn wait(&self, request: &Parts) -> Option<Duration> {
        if self.calls.fetch_add(1, Ordering::Relaxed) % SCHEDULE == SCHEDULE - 1 {
            self.each.retain_recent();
        }
        let now = self.clock.now();
        let wait = |refused: NotUntil<Duration>| refused.wait_time_from(now);
        let each = self.each.check_key(&(self.key)(request)).map_err(wait);
        let all = each.and_then(|()| self.all.as_ref().map_or(Ok(()), |all| all.check().map_err(wait)));
        all.err()
    }
}

impl Gate for RateLimit {
    async fn admit(&self, request: &Parts) -> Decision {
        match self.wait(request) {
            Some(retry_after) => Decision::TooManyRequests { retry_after },
            None => Decision::Allow(Grant::new()),
        }
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RateLimit").field("keys", &self.each.len()).finish_non_exhaustive()
    }
}

/// Builds a [`RateLimit`].
#[must_use = "a builder does nothing until `build`"]
pub struct RateLimitBuilder {
    each: (u32, Duration),
    all: Option<(u32, Duration)>,
    key: Key,
    most_keys: u64,
    clock: Arc<dyn Clock>,
}

/// What tells peers apart: a hash that nobody outside can foresee.
struct Key(Arc<dyn Fn(&Parts) -> u64 + Send + Sync>);

impl Key {
    fn of<K: Hash>(key: impl Fn(&Parts) -> K + Send + Sync + 'static) -> Self {
        let state = RandomState::new();
        Self(Arc::new(move |request| state.hash_one(key(request))))
    }
}

impl RateLimitBuilder {
    /// So many attempts of everybody together in this time. Default: any number.
    pub fn with_global(mut self, attempts: u32, per: Duration) -> Self {
        self.all = Some((attempts, per));
        self
    }

    /// What tells peers apart, such as a header that your proxy sets and nobody else can. Default: the
    /// [`PeerAddress`](super::PeerAddress) in the extensions, of which IPv6 counts by networks of 64 bits; requests
    /// without one count as one peer.
    pub fn with_key<K: Hash>(mut self, key: impl Fn(&Parts) -> K + Send + Sync + 'static) -> Self {
        self.key = Key::of(key);
        self
    }

    /// How many peers are told apart at the same time, which bounds the memory: some forty bytes for each. Beyond it
    /// peers share a count by chance. Default: 65536.
    pub fn with_most_keys(mut self, keys: u64) -> Self {
        self.most_keys = keys;
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
    /// [`ConfigErrorKind::RateLimit`] when a number is zero.
    pub fn build(self) -> Result<RateLimit, ConfigError> {
        let clock = ByClock(self.clock);
        let most_keys = Some(self.most_keys).filter(|keys| *keys > 0);
        let most_keys = most_keys.ok_or_else(|| ConfigErrorKind::RateLimit.found("0 keys"))?;
        let each = RateLimiter::dashmap_with_clock(quota(self.each)?, clock.clone());
        let all = self.all.map(quota).transpose()?;
        let all = all.map(|all| RateLimiter::direct_with_clock(all, clock.clone()));
        let key = move |request: &Parts| (self.key.0)(request) % most_keys;
        Ok(RateLimit { each, all, key: Arc::new(key), clock, calls: AtomicU64::new(0) })
    }
}

impl fmt::Debug for RateLimitBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RateLimitBuilder")
            .field("each", &self.each)
            .field("all", &self.all)
            .finish_non_exhaustive()
    }
}

fn quota((attempts, per): (u32, Duration)) -> Result<Quota, ConfigError> {
    let refused = || ConfigErrorKind::RateLimit.found(format_args!("{attempts} attempts in {per:?}"));
    let attempts = NonZeroU32::new(attempts).ok_or_else(refused)?;
    // One unit must be a nanosecond at least, or the limit would be none.
    let each = Some(per / attempts.get()).filter(|each| !each.is_zero()).ok_or_else(refused)?;
    Ok(Quota::with_period(each).ok_or_else(refused)?.allow_burst(attempts))
}

/// Our clock in the terms of the library.
#[derive(Debug, Clone)]
struct ByClock(Arc<dyn Clock>);

impl GovernorClock for ByClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
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
    use std::net::{IpAddr, Ipv4Addr};

    use http::Request;

    use super::super::PeerAddress;
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

    fn from(peer: u32) -> Parts {
        let address = IpAddr::from(Ipv4Addr::from_bits(peer));
        Request::post("/").extension(PeerAddress::from(address)).body(()).unwrap().into_parts().0
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

    #[test]
    fn peers_that_stay_away_are_forgotten_and_never_more_than_allowed_are_known() {
        let clock = Turned::default();
        let builder = RateLimit::builder(1, MINUTE).with_most_keys(1000).with_clock(clock.clone());
        let limit = builder.build().unwrap();
        for peer in 0..100_000 {
            limit.wait(&from(peer));
        }
        assert!(limit.each.len() <= 1000, "{}", limit.each.len());
        clock.advance(120);
        for _ in 0..SCHEDULE {
            limit.wait(&from(7));
        }
        assert_eq!(limit.each.len(), 1);
    }

    #[test]
    fn a_key_of_ones_own_tells_peers_apart_and_a_forwarded_header_does_not() {
        let named = |name: &str, value: &str| Request::post("/").header(name, value).body(()).unwrap().into_parts().0;
        let limit = RateLimit::builder(1, MINUTE).build().unwrap();
        assert_eq!(limit.wait(&named("x-forwarded-for", "192.0.2.1")), None);
        assert!(limit.wait(&named("x-forwarded-for", "192.0.2.2")).is_some(), "unknown peers are one");

        let builder = RateLimit::builder(1, MINUTE).with_key(|request| request.headers.get("x-team").cloned());
        let limit = builder.build().unwrap();
        assert_eq!([limit.wait(&named("x-team", "a")), limit.wait(&named("x-team", "b"))], [None, None]);
        assert!(limit.wait(&named("x-team", "a")).is_some());
    }

    #[test]
    fn a_limit_of_nothing_is_refused() {
        let rows = [
            ("no attempt", RateLimit::builder(0, MINUTE)),
            ("no time", RateLimit::builder(1, Duration::ZERO)),
            ("no limit", RateLimit::builder(u32::MAX, Duration::from_nanos(1))),
            ("no attempt of all", RateLimit::builder(1, MINUTE).with_global(0, MINUTE)),
            ("no key", RateLimit::builder(1, MINUTE).with_most_keys(0)),
        ];
        for (name, builder) in rows {
            assert_eq!(builder.build().unwrap_err().kind(), ConfigErrorKind::RateLimit, "{name}");
        }
    }
}
