//! Counts of many keys in a table of fixed size.
//!
//! Every key has one bucket in each of four rows, chosen by a hash that nobody outside can compute, and is refused only
//! when all four are used up. A key that shares no bucket has all four to itself, so they run in step and it is counted
//! exactly. Where some of them are used up by others, the rest still counts it.
//!
//! The table does not grow and nothing has to be forgotten: a bucket that was not used for a while is the same as a new
//! one, since all it holds is the time until which it is used up.

use std::array;
use std::collections::hash_map::RandomState;
use std::convert::Infallible;
use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{Quota, RateLimiter};

use crate::clock::Clock;

const ROWS: usize = 4;

/// A table of buckets under one quota.
pub(super) struct Buckets {
    limiter: RateLimiter<Access, Table, ByClock, NoOpMiddleware<Duration>>,
    hashers: [RandomState; ROWS],
    row: u64,
    clock: ByClock,
}

impl Buckets {
    /// Takes eight bytes for each bucket. The number is rounded up to a multiple of four.
    pub(super) fn new(quota: Quota, buckets: u32, clock: &ByClock) -> Self {
        let row = buckets.div_ceil(ROWS as u32);
        let table = Table((0..row as usize * ROWS).map(|_| InMemoryState::default()).collect());
        let limiter = RateLimiter::new(quota, table, clock.clone());
        Self { limiter, hashers: array::from_fn(|_| RandomState::new()), row: row.into(), clock: clock.clone() }
    }

    /// How long this key has to wait, if it has to. An attempt is counted.
    pub(super) fn count(&self, key: u64) -> Option<Duration> {
        self.wait(key, true)
    }

    /// How long this key has to wait, if it has to. Nothing is counted.
    pub(super) fn look(&self, key: u64) -> Option<Duration> {
        self.wait(key, false)
    }

    fn wait(&self, key: u64, counts: bool) -> Option<Duration> {
        let now = self.clock.now();
        let (mut admitted, mut shortest) = (false, Duration::MAX);
        // All rows are asked, so that the buckets of a key run in step.
        for (row, hasher) in self.hashers.iter().enumerate() {
            let bucket = row * self.row as usize + (hasher.hash_one(key) % self.row) as usize;
            match self.limiter.check_key(&Access { bucket, counts }) {
                Ok(()) => admitted = true,
                Err(refused) => shortest = shortest.min(refused.wait_time_from(now)),
            }
        }
        (!admitted).then_some(shortest)
    }
}

impl fmt::Debug for Buckets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Buckets").field("rows", &ROWS).field("row", &self.row).finish_non_exhaustive()
    }
}

/// A bucket, and whether what is found there is changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Access {
    bucket: usize,
    counts: bool,
}

struct Table(Box<[InMemoryState]>);

impl StateStore for Table {
    type Key = Access;

    fn measure_and_replace<T, F, E>(&self, access: &Access, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let bucket = &self.0[access.bucket];
        if access.counts {
            return bucket.measure_and_replace(&NotKeyed::NonKey, measure);
        }
        // The library replaces nothing after an error, so what was measured is carried out as one.
        let look = |found| Err::<(Infallible, Nanos), _>(measure(found).map(|(measured, _)| measured));
        match bucket.measure_and_replace(&NotKeyed::NonKey, look) {
            Err(measured) => measured,
            Ok(never) => match never {},
        }
    }
}

/// Our clock in the terms of the library.
#[derive(Debug, Clone)]
pub(super) struct ByClock(pub(super) Arc<dyn Clock>);

impl GovernorClock for ByClock {
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

    /// The keys among these that are refused in a table of this size after so many others used up theirs.
    fn refused(others: u64, honest: u64, buckets: u32) -> usize {
        let quota = Quota::with_period(Duration::from_secs(3600)).unwrap().allow_burst(NonZeroU32::MIN);
        let buckets = Buckets::new(quota, buckets, &ByClock(Arc::new(SystemClock)));
        (0..others).for_each(|key| while buckets.count(key).is_none() {});
        (others..others + honest).filter(|key| buckets.count(*key).is_some()).count()
    }

    #[test]
    fn looking_changes_nothing_and_counting_does() {
        let quota = Quota::with_period(Duration::from_secs(3600)).unwrap().allow_burst(NonZeroU32::MIN);
        let buckets = Buckets::new(quota, 4096, &ByClock(Arc::new(SystemClock)));
        assert!((0..9).all(|_| buckets.look(7).is_none()));
        assert_eq!(buckets.count(7), None);
        assert!(buckets.look(7).is_some_and(|wait| wait > Duration::from_secs(3500)));
        assert!(buckets.count(7).is_some());
    }

    #[test]
    fn a_full_table_refuses_and_a_large_one_does_not() {
        assert_eq!(refused(100, 1, 1), 1, "one bucket in each row for everybody");
        assert!(refused(1000, 1000, 1 << 20) <= 1);
    }
}
