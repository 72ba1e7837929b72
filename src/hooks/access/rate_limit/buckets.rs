//! Counts of many keys in a table of fixed size.
//!
//! Every key has one bucket in each of four rows, chosen by a hash with a secret key, and is refused only when all four
//! are used up. If a key shares no bucket, all four have the same state and its attempts are counted exactly. If other
//! keys use up some of its buckets, the remaining ones still count it.
//!
//! The table does not grow and needs no cleaning. A bucket holds only the time until which it is used up, so an old bucket
//! is the same as a new one.

use std::array;
use std::collections::hash_map::RandomState;
use std::convert::Infallible;
use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use governor::clock::{self, Clock as _};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{Quota, RateLimiter};

use crate::clock::Clock;

/// More rows make a refusal by chance rarer and each check slower.
const ROWS: usize = 4;

/// A table of buckets under one quota.
pub(super) struct Buckets {
    limiter: RateLimiter<Lookup, Table, GovernorClock, NoOpMiddleware<Duration>>,
    hashers: [RandomState; ROWS],
    /// The number of buckets in a row.
    row_length: u64,
    clock: GovernorClock,
}

impl Buckets {
    /// Allocates eight bytes for each bucket. The number is rounded up to a multiple of four.
    pub(super) fn new(quota: Quota, buckets: u32, clock: &GovernorClock) -> Self {
        let row_length = buckets.div_ceil(ROWS as u32);
        let table = Table((0..row_length as usize * ROWS).map(|_| InMemoryState::default()).collect());
        let limiter = RateLimiter::new(quota, table, clock.clone());
        Self {
            limiter,
            hashers: array::from_fn(|_| RandomState::new()),
            row_length: row_length.into(),
            clock: clock.clone(),
        }
    }

    /// How long this key has to wait, if it has to. An attempt is counted.
    pub(super) fn count(&self, key: u64) -> Option<Duration> {
        self.wait(key, true)
    }

    /// How long this key has to wait, if it has to. Nothing is counted.
    pub(super) fn look(&self, key: u64) -> Option<Duration> {
        self.wait(key, false)
    }

    /// The shortest time after which one of the buckets of this key has an attempt again; `None` if one has an attempt now.
    fn wait(&self, key: u64, counts: bool) -> Option<Duration> {
        let now = self.clock.now();
        let (mut allowed, mut shortest) = (false, Duration::MAX);
        // No early return: every row must count the attempt, so that the buckets of a key have the same state.
        for (row, hasher) in self.hashers.iter().enumerate() {
            let bucket = row * self.row_length as usize + (hasher.hash_one(key) % self.row_length) as usize;
            match self.limiter.check_key(&Lookup { bucket, counts }) {
                Ok(()) => allowed = true,
                Err(refused) => shortest = shortest.min(refused.wait_time_from(now)),
            }
        }
        (!allowed).then_some(shortest)
    }
}

impl fmt::Debug for Buckets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Buckets")
            .field("rows", &ROWS)
            .field("row_length", &self.row_length)
            .finish_non_exhaustive()
    }
}

/// The index of a bucket, and whether the attempt is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Lookup {
    bucket: usize,
    counts: bool,
}

/// The buckets of all rows, one row after the other.
struct Table(Box<[InMemoryState]>);

impl StateStore for Table {
    type Key = Lookup;

    fn measure_and_replace<T, F, E>(&self, lookup: &Lookup, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let bucket = &self.0[lookup.bucket];
        if lookup.counts {
            return bucket.measure_and_replace(&NotKeyed::NonKey, measure);
        }
        // The library has no check without a change. It stores nothing after an error, so the result is returned as one.
        let look = |found| Err::<(Infallible, Nanos), _>(measure(found).map(|(measured, _)| measured));
        match bucket.measure_and_replace(&NotKeyed::NonKey, look) {
            Err(measured) => measured,
            Ok(never) => match never {},
        }
    }
}

/// A [`Clock`] of this crate as a clock of the library.
#[derive(Debug, Clone)]
pub(super) struct GovernorClock(pub(super) Arc<dyn Clock>);

impl clock::Clock for GovernorClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::clock::SystemClock;

    /// How many of the `honest` keys are refused in a table of this size after `others` used up their attempts.
    fn refused(others: u64, honest: u64, buckets: u32) -> usize {
        let quota = Quota::with_period(Duration::from_secs(3600)).unwrap().allow_burst(NonZeroU32::MIN);
        let buckets = Buckets::new(quota, buckets, &GovernorClock(Arc::new(SystemClock)));
        (0..others).for_each(|key| while buckets.count(key).is_none() {});
        (others..others + honest).filter(|key| buckets.count(*key).is_some()).count()
    }

    #[test]
    fn looking_changes_nothing_and_counting_does() {
        let quota = Quota::with_period(Duration::from_secs(3600)).unwrap().allow_burst(NonZeroU32::MIN);
        let buckets = Buckets::new(quota, 4096, &GovernorClock(Arc::new(SystemClock)));
        assert!((0..9).all(|_| buckets.look(7).is_none()));
        assert_eq!(buckets.count(7), None);
        assert!(buckets.look(7).is_some_and(|wait| wait > Duration::from_secs(3500)));
        assert!(buckets.count(7).is_some());
    }

    #[test]
    fn a_full_table_refuses_and_a_large_one_does_not() {
        assert_eq!(refused(100, 1, 1), 1, "all keys share one bucket in each row");
        assert!(refused(1000, 1000, 1 << 20) <= 1);
    }
}
