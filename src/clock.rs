//! The time, as something that can be replaced.
//!
//! ```
//! use std::time::SystemTime;
//! use tower_dcr::Clock;
//!
//! #[derive(Debug)]
//! struct Frozen(SystemTime);
//!
//! impl Clock for Frozen {
//!     fn now(&self) -> SystemTime {
//!         self.0
//!     }
//! }
//! assert_eq!(Frozen(SystemTime::UNIX_EPOCH).now(), SystemTime::UNIX_EPOCH);
//! ```

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tells what time it is.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> SystemTime;
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to add to it")]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// Whole seconds since 1970, as the members `client_id_issued_at` and `client_secret_expires_at` count them.
pub(crate) fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Milliseconds since 1970, as durable stores keep times; what is finer is cut off.
pub(crate) fn unix_millis(time: SystemTime) -> i64 {
    let whole = |part: Duration| i64::try_from(part.as_millis()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => whole(since),
        Err(before) => -whole(before.duration() + Duration::from_nanos(999_999)),
    }
}

/// The time so many milliseconds after 1970, or before it; none where the system's time does not reach.
pub(crate) fn from_unix_millis(millis: i64) -> Option<SystemTime> {
    let apart = Duration::from_millis(millis.unsigned_abs());
    if millis < 0 { UNIX_EPOCH.checked_sub(apart) } else { UNIX_EPOCH.checked_add(apart) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_come_back_and_finer_times_are_cut_off() {
        for millis in [-86_400_001, -1, 0, 1, 1_764_000_000_123] {
            let time = from_unix_millis(millis).unwrap();
            assert_eq!(unix_millis(time), millis);
            assert_eq!(unix_millis(time + Duration::from_nanos(999_999)), millis);
        }
    }
}
