//! The clocks.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The clocks of one core.
#[derive(Debug, Default)]
pub struct Clock(());

impl Clock {
    pub fn new() -> Self {
        Clock(())
    }

    /// Monotonic.
    pub fn now(&self) -> Instant {
        Instant::now()
    }

    /// Seconds since 1970 and microseconds.
    pub fn wall(&self) -> (u64, u32) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (since.as_secs(), since.subsec_micros())
    }
}

/// Monotonic, for those that are no core.
pub fn now() -> Instant {
    Instant::now()
}

/// Seconds since 1970.
pub fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
