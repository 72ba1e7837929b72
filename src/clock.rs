//! The time, read through a trait so that tests and hosts can replace it.
//!
//! Every decision about an expiry takes the time as an argument or asks the clock of the registry. No other code of the
//! crate reads the system time, with the exception of timers and metrics, which need a monotonic clock.
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

/// A source of the current time. It is set with [`with_clock`](crate::RegistryBuilder::with_clock).
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> SystemTime;
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "a unit type, it will not have fields")]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// Whole seconds since 1970, as the members `client_id_issued_at` and `client_secret_expires_at` state them
/// ([RFC 7591 §3.2.1](https://www.rfc-editor.org/rfc/rfc7591#section-3.2.1)); 0 for a time before 1970.
pub(crate) fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Milliseconds since 1970, as durable stores keep times, rounded down.
pub(crate) fn unix_millis(time: SystemTime) -> i64 {
    let whole = |part: Duration| i64::try_from(part.as_millis()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => whole(since),
        // Rounded down means away from zero before 1970, so that an order of times is kept.
        Err(before) => -whole(before.duration() + Duration::from_nanos(999_999)),
    }
}

/// The time so many milliseconds after 1970, or before it; `None` where `SystemTime` cannot represent it. A database may
/// contain any number, so this must not panic.
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
