//! A clock that changes only when a test advances it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tower_dcr::Clock;

/// Seconds since 1970. Clones share the time.
#[derive(Debug, Clone)]
pub(crate) struct FakeClock(Arc<AtomicU64>);

impl FakeClock {
    /// The time of a new clock: a day in 2026.
    pub(crate) const START: u64 = 1_780_000_000;

    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(Self::START)))
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_secs(), Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}
