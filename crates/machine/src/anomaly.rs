//! Anomaly detection and mitigation: targets that fail more often than their peers (ALB.md §5b).
//!
//! ALB does not publish its thresholds. Ours: a target is anomalous if its share of failures (5xx
//! and connection errors) over about the last two windows is above the median of its peers by
//! [`EXCESS_MIN`] and by [`DEVIATIONS_MIN`] standard deviations. While it is, each window halves its
//! weight down to [`WEIGHT_MIN`]; afterwards each window gives [`WEIGHT_STEP`] back.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Algorithm, HealthState};
use verdict::target::FULL;

/// "Re-evaluated each 5 s" (ALB.md §5b).
pub const WINDOW: Duration = Duration::from_secs(5);
/// "Always on for TGs with ≥3 healthy targets" (ALB.md §5b).
pub const HEALTHY_MIN: usize = 3;
/// Fewer requests than this say nothing about a target.
pub const REQUESTS_MIN: u64 = 10;
/// A share of failures this much above the peers' is worth acting on.
pub const EXCESS_MIN: f64 = 0.05;
/// How far above the peers' it must be for not being chance.
pub const DEVIATIONS_MIN: f64 = 3.0;
/// Peers that never fail are taken to fail this often, or the first failure would be anomalous.
const PEER_SHARE_MIN: f64 = 0.01;
/// Per mille. A target keeps some requests: without, nobody would learn that it has recovered.
pub const WEIGHT_MIN: u16 = 50;
/// Per mille a window.
pub const WEIGHT_STEP: u16 = 100;

/// Why [`Detector::handle_window`] is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    WindowEnds,
}

/// What the cores counted of one target since the last window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// [`crate::board::target_key`].
    pub key: u64,
    pub state: HealthState,
    pub requests: u64,
    /// Answers of the target with a status of the 500s.
    pub errors_5xx: u64,
    /// Failed connects, resets and time outs. They count as requests, too.
    pub errors_connection: u64,
}

/// `AnomalyDetection.Result` (ALB.md §5d).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detection {
    Normal,
    Anomalous,
}

impl Detection {
    pub const fn name(self) -> &'static str {
        match self {
            Detection::Normal => "normal",
            Detection::Anomalous => "anomalous",
        }
    }
}

/// The anomaly detection of one target group.
///
/// ```text
///             far above its peers
///   Normal ─────────────────────▶ Anomalous      weight × ½ a window, not below WEIGHT_MIN
///     ▲                              │
///     └── not any more, too few ─────┘           weight + WEIGHT_STEP a window, up to full
///         requests, too few peers
/// ```
#[derive(Clone, Debug)]
pub struct Detector {
    mitigation: Mitigation,
    targets: BTreeMap<u64, Watched>,
    window_ends: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mitigation {
    On,
    Off,
}

#[derive(Clone, Copy, Debug)]
struct Watched {
    /// Half of each is forgotten every window.
    requests: u64,
    failures: u64,
    detection: Detection,
    weight: u16,
}

// === impl Detector ===

impl Detector {
    pub fn new(algorithm: Algorithm, now: Duration) -> Self {
        let mitigation = mitigation(algorithm);
        Detector { mitigation, targets: BTreeMap::new(), window_ends: now + WINDOW }
    }

    /// A reload. Without mitigation every target has its full weight at once.
    pub fn handle_reload(&mut self, algorithm: Algorithm) {
        self.mitigation = mitigation(algorithm);
        if self.mitigation == Mitigation::Off {
            self.targets.values_mut().for_each(|target| target.weight = FULL);
        }
    }

    pub fn poll_timeout(&self) -> Option<(Duration, Why)> {
        Some((self.window_ends, Why::WindowEnds))
    }

    /// One sample of each registered target: those not named are forgotten.
    pub fn handle_window(&mut self, now: Duration, samples: &[Sample]) {
        self.window_ends = now + WINDOW;
        self.count(samples);
        let shares = self.shares(samples);
        let healthy = samples.iter().filter(|sample| is_healthy(sample)).count();
        for (key, target) in &mut self.targets {
            let peers = shares.iter().filter(|(k, _)| k != key).map(|(_, share)| *share);
            target.detection = match median(peers) {
                Some(peers) if healthy >= HEALTHY_MIN && shares.iter().any(|(k, _)| k == key) => {
                    target.judge(peers)
                }
                Some(_) | None => Detection::Normal,
            };
            target.weigh(self.mitigation);
        }
    }

    pub fn detection(&self, key: u64) -> Detection {
        self.targets.get(&key).map_or(Detection::Normal, |target| target.detection)
    }

    /// Per mille.
    pub fn weight(&self, key: u64) -> u16 {
        self.targets.get(&key).map_or(FULL, |target| target.weight)
    }

    /// `MitigationInEffect` (ALB.md §5d).
    pub fn mitigation_in_effect(&self, key: u64) -> bool {
        self.weight(key) < FULL
    }

    fn count(&mut self, samples: &[Sample]) {
        let mut before = std::mem::take(&mut self.targets);
        for sample in samples {
            let old = before.remove(&sample.key).unwrap_or(Watched::NEW);
            let failures = sample.errors_5xx.saturating_add(sample.errors_connection);
            let failures = (old.failures / 2).saturating_add(failures);
            // The counters are read while cores go on counting.
            let requests = (old.requests / 2).saturating_add(sample.requests).max(failures);
            self.targets.insert(sample.key, Watched { requests, failures, ..old });
        }
    }

    /// Of the healthy targets with enough requests.
    fn shares(&self, samples: &[Sample]) -> Vec<(u64, f64)> {
        samples
            .iter()
            .filter(|sample| is_healthy(sample))
            .filter_map(|sample| Some((sample.key, self.targets.get(&sample.key)?)))
            .filter(|(_, target)| target.requests >= REQUESTS_MIN)
            .map(|(key, target)| (key, target.share()))
            .collect()
    }
}

// === impl Watched ===

impl Watched {
    const NEW: Watched =
        Watched { requests: 0, failures: 0, detection: Detection::Normal, weight: FULL };

    fn share(&self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.failures as f64 / self.requests as f64 }
    }

    fn judge(&self, peers: f64) -> Detection {
        let expected = peers.clamp(PEER_SHARE_MIN, 1.0 - PEER_SHARE_MIN);
        let deviation = (expected * (1.0 - expected) / self.requests as f64).sqrt();
        let excess = self.share() - peers;
        if excess >= EXCESS_MIN && self.share() - expected >= DEVIATIONS_MIN * deviation {
            Detection::Anomalous
        } else {
            Detection::Normal
        }
    }

    fn weigh(&mut self, mitigation: Mitigation) {
        self.weight = match (mitigation, self.detection) {
            (Mitigation::Off, _) => FULL,
            (Mitigation::On, Detection::Anomalous) => (self.weight / 2).max(WEIGHT_MIN),
            (Mitigation::On, Detection::Normal) => {
                self.weight.saturating_add(WEIGHT_STEP).min(FULL)
            }
        };
    }
}

/// "Mitigation shifts weight down only with weighted_random" (ALB.md §5b).
fn mitigation(algorithm: Algorithm) -> Mitigation {
    match algorithm {
        Algorithm::WeightedRandom { anomaly_mitigation: true } => Mitigation::On,
        Algorithm::WeightedRandom { anomaly_mitigation: false }
        | Algorithm::RoundRobin
        | Algorithm::LeastOutstandingRequests => Mitigation::Off,
    }
}

fn is_healthy(sample: &Sample) -> bool {
    sample.state == HealthState::Healthy
}

/// The upper one of two: half of the peers failing is not the exception.
fn median(shares: impl Iterator<Item = f64>) -> Option<f64> {
    let mut shares: Vec<f64> = shares.collect();
    shares.sort_by(f64::total_cmp);
    shares.get(shares.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ON: Algorithm = Algorithm::WeightedRandom { anomaly_mitigation: true };

    fn sample(key: u64, requests: u64, failures: u64) -> Sample {
        Sample {
            key,
            state: HealthState::Healthy,
            requests,
            errors_5xx: failures / 2,
            errors_connection: failures - failures / 2,
        }
    }

    fn group() -> Detector {
        Detector::new(ON, Duration::ZERO)
    }

    /// One window of targets 0, 1, 2 … with these requests and failures.
    fn window(group: &mut Detector, counts: &[(u64, u64)]) -> Vec<Detection> {
        let samples: Vec<_> = counts
            .iter()
            .zip(0..)
            .map(|((requests, bad), key)| sample(key, *requests, *bad))
            .collect();
        let (now, Why::WindowEnds) = group.poll_timeout().unwrap();
        group.handle_window(now, &samples);
        samples.iter().map(|sample| group.detection(sample.key)).collect()
    }

    #[test]
    fn one_window() {
        use Detection::{Anomalous as A, Normal as N};
        type Row<'a> = (&'a str, &'a [(u64, u64)], &'a [Detection]);
        let rows: &[Row<'_>] = &[
            ("all well", &[(100, 0), (100, 0), (100, 0)], &[N, N, N]),
            ("one fails", &[(100, 50), (100, 0), (100, 0)], &[A, N, N]),
            ("one never connects", &[(100, 1), (100, 0), (100, 100)], &[N, N, A]),
            ("all fail", &[(100, 90), (100, 95), (100, 100)], &[N, N, N]),
            ("two of three fail", &[(100, 90), (100, 90), (100, 0)], &[N, N, N]),
            (
                "two of five fail",
                &[(99, 90), (99, 90), (99, 0), (99, 0), (99, 0)],
                &[A, A, N, N, N],
            ),
            ("too few targets", &[(100, 100), (100, 0)], &[N, N]),
            ("too few requests", &[(9, 9), (100, 0), (100, 0)], &[N, N, N]),
            ("chance", &[(12, 1), (100, 0), (100, 0)], &[N, N, N]),
            ("a little more", &[(1000, 30), (1000, 0), (1000, 0)], &[N, N, N]),
            ("failures not yet counted as requests", &[(0, 20), (50, 0), (50, 0)], &[A, N, N]),
            ("nothing", &[(0, 0), (0, 0), (0, 0)], &[N, N, N]),
        ];
        for (name, counts, expected) in rows {
            assert_eq!(window(&mut group(), counts), *expected, "{name}");
        }
    }

    #[test]
    fn only_healthy_targets_are_compared() {
        let mut group = group();
        let unhealthy = |key| Sample { state: HealthState::Unhealthy, ..sample(key, 100, 100) };
        let samples = [sample(0, 100, 100), sample(1, 100, 0), unhealthy(2), unhealthy(3)];
        group.handle_window(WINDOW, &samples);
        assert_eq!(group.detection(0), Detection::Normal, "two healthy ones are too few");
        let samples = [sample(0, 100, 100), sample(1, 100, 0), sample(2, 100, 0), unhealthy(3)];
        group.handle_window(WINDOW * 2, &samples);
        assert_eq!(group.detection(0), Detection::Anomalous);
        assert_eq!(group.detection(3), Detection::Normal);
    }

    #[test]
    fn weight_goes_down_and_comes_back() {
        let mut group = group();
        for expected in [500, 250, 125, 62, 50, 50] {
            window(&mut group, &[(1000, 500), (1000, 0), (1000, 0)]);
            assert_eq!(group.weight(0), expected);
            assert_eq!((group.weight(1), group.mitigation_in_effect(0)), (FULL, true));
        }
        // What is remembered fades, then the weight grows.
        let mut weights = Vec::new();
        for _ in 0..16 {
            window(&mut group, &[(1000, 0), (1000, 0), (1000, 0)]);
            weights.push(group.weight(0));
        }
        assert!(weights.is_sorted(), "{weights:?}");
        assert!(weights.windows(2).all(|pair| pair[1] - pair[0] <= WEIGHT_STEP), "{weights:?}");
        assert_eq!((weights[0], weights[15]), (WEIGHT_MIN, FULL));
    }

    #[test]
    fn only_mitigation_changes_weights() {
        for algorithm in [
            Algorithm::RoundRobin,
            Algorithm::LeastOutstandingRequests,
            Algorithm::WeightedRandom { anomaly_mitigation: false },
        ] {
            let mut group = Detector::new(algorithm, Duration::ZERO);
            let detections = window(&mut group, &[(100, 100), (100, 0), (100, 0)]);
            assert_eq!(detections[0], Detection::Anomalous, "{algorithm:?}");
            assert_eq!(group.weight(0), FULL, "{algorithm:?}");
        }
        let mut group = group();
        window(&mut group, &[(100, 100), (100, 0), (100, 0)]);
        group.handle_reload(Algorithm::RoundRobin);
        assert_eq!(group.weight(0), FULL);
    }

    #[test]
    fn gone_targets_are_forgotten() {
        let mut group = group();
        window(&mut group, &[(100, 0), (100, 0), (100, 0), (100, 100)]);
        assert_eq!(group.weight(3), 500);
        window(&mut group, &[(100, 0), (100, 0), (100, 0)]);
        assert_eq!((group.weight(3), group.detection(3)), (FULL, Detection::Normal));
    }

    proptest! {
        /// Weights stay within their bounds; fewer than half of the targets are ever anomalous.
        #[test]
        fn laws(windows in proptest::collection::vec(
            proptest::collection::vec((0..500_u64, 0..500_u64), 0..9), 0..20,
        )) {
            let mut group = group();
            for counts in windows {
                let counts: Vec<_> = counts.iter().map(|(r, f)| (*r, (*f).min(*r))).collect();
                let detections = window(&mut group, &counts);
                let anomalous = detections.iter().filter(|d| **d == Detection::Anomalous).count();
                prop_assert!(2 * anomalous <= counts.len(), "{:?}", counts);
                for key in 0..counts.len() as u64 {
                    prop_assert!((WEIGHT_MIN..=FULL).contains(&group.weight(key)));
                }
            }
        }
    }
}
