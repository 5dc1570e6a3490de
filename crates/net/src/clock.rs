//! The clocks.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The clocks of one core. A request needs the time in a dozen places but only at three moments: it
/// reads the monotonic clock there, and everywhere else asks for the last reading.
#[derive(Debug)]
pub struct Clock {
    start: Instant,
    recent: Cell<Instant>,
    /// What the wall clock said at a reading of the monotonic one.
    anchor: Cell<(Instant, Duration)>,
}

impl Clock {
    pub fn new() -> Self {
        let start = Instant::now();
        let anchor = Cell::new((start, since_epoch()));
        Clock { start, recent: Cell::new(start), anchor }
    }

    /// Monotonic, read now.
    pub fn now(&self) -> Instant {
        let now = Instant::now();
        self.recent.set(now);
        now
    }

    /// The last reading of [`Clock::now`].
    pub fn recent(&self) -> Instant {
        self.recent.get()
    }

    /// Milliseconds from the start of this clock to the last reading.
    pub fn recent_millis(&self) -> u64 {
        self.millis(self.recent.get())
    }

    /// As [`Clock::recent_millis`], in microseconds.
    pub fn recent_micros(&self) -> u64 {
        let since = self.recent.get().saturating_duration_since(self.start);
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.start).as_millis()).unwrap_or(u64::MAX)
    }

    /// The moment that is so many milliseconds after the start of this clock.
    pub fn at_millis(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }

    /// Seconds since 1970 and microseconds, at the last reading.
    pub fn wall(&self) -> (u64, u32) {
        let (at, wall) = self.anchor.get();
        let wall = wall + self.recent.get().saturating_duration_since(at);
        (wall.as_secs(), wall.subsec_micros())
    }

    /// Follows the wall clock, which may be stepped: to be called about once a second.
    pub fn synchronize(&self) {
        self.anchor.set((self.now(), since_epoch()));
    }
}

impl Default for Clock {
    fn default() -> Self {
        Clock::new()
    }
}

/// Monotonic, for those that are no core.
pub fn now() -> Instant {
    Instant::now()
}

/// Seconds since 1970.
pub fn unix_seconds() -> i64 {
    i64::try_from(since_epoch().as_secs()).unwrap_or(i64::MAX)
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
