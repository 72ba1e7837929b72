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
use std::time::{SystemTime, UNIX_EPOCH};

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
