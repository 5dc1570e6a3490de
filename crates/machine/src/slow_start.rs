//! Slow start: a target that becomes healthy gets its share little by little (ALB.md §5b).

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Algorithm, Seconds};
use verdict::target::FULL;

/// How often the ramp of a target takes a step.
pub const STEP: Duration = Duration::from_secs(1);

/// Why [`SlowStart::handle_timeout`] is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Some target's ramp has grown: there is something new to publish.
    RampGrows,
}

/// Where a registered target is.
///
/// ```text
///   registered ─┬─ into an empty group ──▶ Exempt ──healthy──────────────────────▶ Full
///               │                                                                  ▲ │
///               └─▶ Waiting ─┬─ healthy, and another is Full ──▶ Ramping ──time────┘ │
///                     ▲      └─ healthy, and no other is Full ──▶ Full               │
///                     └──────────────── unhealthy ◀──────────────┴───────────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not healthy, of the first bulk registration, which skips slow start.
    Exempt,
    /// Not healthy.
    Waiting,
    /// Healthy, in slow start.
    Ramping { since: Duration },
    /// Healthy, not in slow start.
    Full,
}

/// The slow start of one target group. Targets are named by [`crate::board::target_key`].
#[derive(Clone, Debug, Default)]
pub struct SlowStart {
    /// Zero: off.
    duration: Duration,
    phases: BTreeMap<u64, Phase>,
    next_step: Option<Duration>,
}

// === impl SlowStart ===

impl SlowStart {
    pub fn new(duration: Seconds, algorithm: Algorithm) -> Self {
        SlowStart { duration: effective(duration, algorithm), ..SlowStart::default() }
    }

    /// A reload. "Targets already healthy when enabled don't ramp"; when it is disabled, those that
    /// ramp have their full share at once.
    pub fn handle_reload(&mut self, duration: Seconds, algorithm: Algorithm) {
        self.duration = effective(duration, algorithm);
        if self.duration.is_zero() {
            self.phases.values_mut().for_each(|phase| {
                if let Phase::Ramping { .. } = phase {
                    *phase = Phase::Full;
                }
            });
            self.next_step = None;
        }
    }

    /// Targets that are registered at once. "All targets of a first bulk registration skip it."
    pub fn handle_registered(&mut self, keys: &[u64]) {
        let phase = if self.phases.is_empty() { Phase::Exempt } else { Phase::Waiting };
        for key in keys {
            self.phases.entry(*key).or_insert(phase);
        }
    }

    /// "Removed target exits."
    pub fn handle_deregistered(&mut self, key: u64) {
        self.phases.remove(&key);
        self.settle();
    }

    pub fn handle_healthy(&mut self, now: Duration, key: u64) {
        let others_full = self.phases.iter().any(|(k, phase)| *k != key && *phase == Phase::Full);
        let Some(phase) = self.phases.get_mut(&key) else { return };
        *phase = match *phase {
            // "Only if ≥1 healthy target is not itself in slow start."
            Phase::Waiting if others_full && !self.duration.is_zero() => {
                self.next_step = Some(self.next_step.unwrap_or(now + STEP));
                Phase::Ramping { since: now }
            }
            Phase::Exempt | Phase::Waiting | Phase::Full => Phase::Full,
            Phase::Ramping { since } => Phase::Ramping { since },
        };
    }

    /// "Unhealthy→healthy re-enters."
    pub fn handle_unhealthy(&mut self, key: u64) {
        if let Some(phase) = self.phases.get_mut(&key) {
            *phase = match *phase {
                Phase::Exempt => Phase::Exempt,
                Phase::Waiting | Phase::Ramping { .. } | Phase::Full => Phase::Waiting,
            };
        }
        self.settle();
    }

    pub fn poll_timeout(&self) -> Option<(Duration, Why)> {
        self.next_step.map(|at| (at, Why::RampGrows))
    }

    /// Ramps that have reached the top are over.
    pub fn handle_timeout(&mut self, now: Duration) {
        if self.next_step.is_none_or(|at| now < at) {
            return;
        }
        for phase in self.phases.values_mut() {
            if let Phase::Ramping { since } = *phase
                && now.saturating_sub(since) >= self.duration
            {
                *phase = Phase::Full;
            }
        }
        self.next_step = Some(now + STEP);
        self.settle();
    }

    /// The target's share at `now`, per mille of a full one: a straight line from 0.
    pub fn ramp(&self, now: Duration, key: u64) -> u16 {
        let Some(Phase::Ramping { since }) = self.phases.get(&key) else { return FULL };
        let passed = now.saturating_sub(*since).as_millis() * u128::from(FULL);
        let ramp = passed.checked_div(self.duration.as_millis()).unwrap_or(u128::from(FULL));
        ramp.min(u128::from(FULL)) as u16
    }

    fn settle(&mut self) {
        if !self.phases.values().any(|phase| matches!(phase, Phase::Ramping { .. })) {
            self.next_step = None;
        }
    }
}

/// The other algorithms have no slow start (ALB.md §5b).
fn effective(duration: Seconds, algorithm: Algorithm) -> Duration {
    match algorithm {
        Algorithm::RoundRobin => duration.duration(),
        Algorithm::LeastOutstandingRequests | Algorithm::WeightedRandom { .. } => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Targets 1 and 2 of the first registration are healthy, 3 came later and is not yet.
    fn started() -> SlowStart {
        let mut group = SlowStart::new(Seconds(100), Algorithm::RoundRobin);
        group.handle_registered(&[1, 2]);
        group.handle_healthy(at(0), 1);
        group.handle_healthy(at(5), 2);
        group.handle_registered(&[3]);
        group
    }

    #[test]
    fn a_first_bulk_registration_skips_it() {
        let group = started();
        assert_eq!((group.ramp(at(5), 1), group.ramp(at(5), 2)), (FULL, FULL));
        assert_eq!(group.poll_timeout(), None);
    }

    #[test]
    fn a_later_target_ramps_in_a_line() {
        let mut group = started();
        group.handle_healthy(at(10), 3);
        assert_eq!(group.poll_timeout(), Some((at(11), Why::RampGrows)));
        for (now, expected) in [(10, 0), (11, 10), (60, 500), (109, 990), (110, FULL), (500, FULL)]
        {
            assert_eq!(group.ramp(at(now), 3), expected, "at {now}");
        }
        group.handle_timeout(at(11));
        assert_eq!(group.poll_timeout(), Some((at(12), Why::RampGrows)));
        group.handle_timeout(at(110));
        assert_eq!(group.poll_timeout(), None);
    }

    #[test]
    fn only_beside_a_full_target() {
        let mut group = started();
        group.handle_registered(&[4]);
        group.handle_unhealthy(1);
        group.handle_healthy(at(10), 3);
        group.handle_unhealthy(2);
        // 3 is healthy, but itself in slow start.
        group.handle_healthy(at(11), 4);
        assert_eq!(group.ramp(at(11), 4), FULL);
        assert!(group.ramp(at(11), 3) < FULL);
    }

    #[test]
    fn leaving_and_entering_again() {
        let mut group = started();
        group.handle_healthy(at(10), 3);
        group.handle_unhealthy(3);
        assert_eq!(group.poll_timeout(), None);
        group.handle_healthy(at(50), 3);
        assert_eq!(group.ramp(at(60), 3), 100, "from the beginning");
        group.handle_deregistered(3);
        assert_eq!(group.poll_timeout(), None);
        group.handle_registered(&[3]);
        group.handle_healthy(at(70), 3);
        assert_eq!(group.ramp(at(80), 3), 100, "from the beginning");
        // One of the first registration, too, once it was unhealthy.
        group.handle_unhealthy(1);
        group.handle_healthy(at(90), 1);
        assert_eq!(group.ramp(at(91), 1), 10);
    }

    #[test]
    fn reloads() {
        let mut group = started();
        group.handle_healthy(at(10), 3);
        group.handle_reload(Seconds(0), Algorithm::RoundRobin);
        assert_eq!((group.ramp(at(11), 3), group.poll_timeout()), (FULL, None));
        group.handle_reload(Seconds(100), Algorithm::RoundRobin);
        assert_eq!(group.ramp(at(12), 3), FULL, "already healthy when enabled");
        for algorithm in [
            Algorithm::LeastOutstandingRequests,
            Algorithm::WeightedRandom { anomaly_mitigation: true },
        ] {
            let mut group = started();
            group.handle_reload(Seconds(100), algorithm);
            group.handle_healthy(at(13), 3);
            assert_eq!(group.ramp(at(13), 3), FULL, "{algorithm:?}");
        }
    }

    proptest! {
        /// A ramp never goes down while its target stays healthy, and is over in time; whenever one
        /// is not over, there is a time out.
        #[test]
        fn laws(events in proptest::collection::vec((0..5_u8, 0..5_u64, 0..40_u64), 0..80)) {
            let mut group = SlowStart::new(Seconds(100), Algorithm::RoundRobin);
            let mut now = at(0);
            let mut entered: BTreeMap<u64, (Duration, u16)> = BTreeMap::new();
            for (event, key, passes) in events {
                now += at(passes);
                match event {
                    0 => group.handle_registered(&[key]),
                    1 => group.handle_healthy(now, key),
                    2 => group.handle_unhealthy(key),
                    3 => group.handle_deregistered(key),
                    _ => group.handle_timeout(now),
                }
                if event == 2 || event == 3 {
                    entered.remove(&key);
                    prop_assert_eq!(group.ramp(now, key), FULL);
                }
                for key in 0..5 {
                    let ramp = group.ramp(now, key);
                    let (since, before) = *entered.entry(key).or_insert((now, ramp));
                    if ramp < before {
                        // It has only just become healthy.
                        prop_assert!(event == 1 && ramp == 0);
                        entered.insert(key, (now, 0));
                    } else {
                        prop_assert!(ramp == FULL || now < since + at(100));
                        entered.insert(key, (since, ramp));
                    }
                    prop_assert!(ramp == FULL || group.poll_timeout().is_some());
                }
            }
        }
    }
}
