use super::*;

const HEALTHY: TargetFacts = TargetFacts {
    state: HealthState::Healthy,
    resolved: true,
    outstanding: 0,
    weight: FULL,
    ramp: FULL,
    tried: false,
};

const STATES: [HealthState; 6] = [
    HealthState::Initial,
    HealthState::Healthy,
    HealthState::Unhealthy,
    HealthState::Unused,
    HealthState::Draining,
    HealthState::Unavailable,
];

const ALGORITHMS: [Algorithm; 4] = [
    Algorithm::RoundRobin,
    Algorithm::LeastOutstandingRequests,
    Algorithm::WeightedRandom { anomaly_mitigation: false },
    Algorithm::WeightedRandom { anomaly_mitigation: true },
];

fn in_state(state: HealthState) -> TargetFacts {
    TargetFacts { state, ..HEALTHY }
}

/// How often each target is chosen in `rounds` requests.
fn shares(algorithm: Algorithm, targets: &[TargetFacts], rounds: u32) -> Vec<u32> {
    let mut counts = vec![0; targets.len()];
    let mut cursor = 0;
    for round in 0..rounds {
        let draw = mix(7, u64::from(round));
        let chosen = choose(algorithm, 1, targets, None, &mut cursor, draw, &mut ()).unwrap();
        counts[chosen.index] += 1;
    }
    counts
}

fn assert_near(counts: &[u32], expected: &[u32], tolerance: u32) {
    for (index, (count, expected)) in counts.iter().zip(expected).enumerate() {
        assert!(count.abs_diff(*expected) <= tolerance, "target {index} of {counts:?}");
    }
}

/// Every group of three targets over all states, names without addresses and targets already
/// tried: the whole space.
#[test]
fn laws_hold_everywhere() {
    let mut every = Vec::new();
    for state in STATES {
        for (resolved, tried) in [(true, false), (true, true), (false, false), (false, true)] {
            every.push(TargetFacts { resolved, tried, ..in_state(state) });
        }
    }
    let mut draw = 0;
    for a in &every {
        for b in &every {
            for c in &every {
                for minimum in 0..=3 {
                    for algorithm in ALGORITHMS {
                        draw = mix(draw, 1);
                        let sticky = Some((draw >> 60) as usize).filter(|index| *index < 4);
                        laws(algorithm, minimum, &[*a, *b, *c], sticky, draw);
                    }
                }
            }
        }
    }
}

fn laws(
    algorithm: Algorithm,
    minimum: u32,
    targets: &[TargetFacts],
    sticky: Option<usize>,
    draw: u64,
) {
    let row = (algorithm, minimum, targets, sticky);
    let healthy = |t: &TargetFacts| {
        matches!(t.state, HealthState::Healthy | HealthState::Unavailable) && t.resolved
    };
    let registered =
        |t: &TargetFacts| !matches!(t.state, HealthState::Draining | HealthState::Unused);
    let below = targets.iter().filter(|t| healthy(t)).count() < minimum.max(1) as usize;
    let fit = |t: &TargetFacts| registered(t) && t.resolved && !t.tried && (below || healthy(t));

    assert_eq!(fails_open(minimum, targets), below, "{row:?}");
    let mut cursor = draw as u32;
    match choose(algorithm, minimum, targets, sticky, &mut cursor, draw, &mut ()) {
        Ok(chosen) => {
            assert!(fit(&targets[chosen.index]), "{row:?}: {chosen:?}");
            assert_eq!(chosen.fail_open, below, "{row:?}");
            let keeps = !matches!(algorithm, Algorithm::WeightedRandom { .. })
                && sticky.and_then(|at| targets.get(at)).is_some_and(fit);
            assert_eq!(chosen.sticky_kept, keeps, "{row:?}");
            assert!(!keeps || sticky == Some(chosen.index), "{row:?}");
        }
        Err(refusal) => {
            assert!(!targets.iter().any(fit), "{row:?}: {refusal}");
            if !targets.iter().any(registered) {
                assert_eq!(refusal, Refusal::TargetNoneInService, "{row:?}");
            } else if targets.iter().filter(|t| registered(t)).all(|t| !t.resolved) {
                assert_eq!(refusal, Refusal::TargetUnresolved, "{row:?}");
            }
        }
    }
}

#[test]
fn refusals() {
    let unresolved = TargetFacts { resolved: false, ..HEALTHY };
    let tried = TargetFacts { tried: true, ..HEALTHY };
    let rows: &[(&str, &[TargetFacts], Refusal)] = &[
        ("empty", &[], Refusal::TargetNoneRegistered),
        (
            "draining and unused",
            &[in_state(HealthState::Draining), in_state(HealthState::Unused)],
            Refusal::TargetNoneInService,
        ),
        ("a name without an address", &[unresolved], Refusal::TargetUnresolved),
        ("tried", &[tried], Refusal::TargetNoneInService),
        (
            "tried, although another is unhealthy",
            &[tried, in_state(HealthState::Unhealthy)],
            Refusal::TargetNoneInService,
        ),
    ];
    for (name, targets, refusal) in rows {
        for algorithm in ALGORITHMS {
            let answer = choose(algorithm, 1, *targets, Some(0), &mut 0, 0, &mut ());
            assert_eq!(answer, Err(*refusal), "{name}, {algorithm:?}");
        }
    }
}

#[test]
fn round_robin_is_exactly_fair_whatever_is_unfit() {
    for pattern in 1..64_u32 {
        let targets: Vec<_> = (0..6)
            .map(|bit| match pattern & (1 << bit) {
                0 => in_state(HealthState::Unhealthy),
                _ => HEALTHY,
            })
            .collect();
        let healthy = pattern.count_ones();
        let counts = shares(Algorithm::RoundRobin, &targets, 60 * healthy);
        for (index, count) in counts.iter().enumerate() {
            let expected = if pattern & (1 << index) == 0 { 0 } else { 60 };
            assert_eq!(*count, expected, "pattern {pattern:06b}, target {index}");
        }
    }
}

#[test]
fn least_outstanding_takes_the_idlest_and_ties_take_turns() {
    let busy = |outstanding| TargetFacts { outstanding, ..HEALTHY };
    let least = Algorithm::LeastOutstandingRequests;
    assert_eq!(shares(least, &[busy(3), busy(1), busy(2)], 10), [0, 10, 0]);
    assert_eq!(shares(least, &[busy(1), busy(2), busy(1), busy(1)], 30), [10, 0, 10, 10]);
    let unfit = TargetFacts { state: HealthState::Unhealthy, ..busy(0) };
    assert_eq!(shares(least, &[unfit, busy(5), busy(5)], 10), [0, 5, 5]);
}

#[test]
fn weighted_random_is_even_unless_mitigating() {
    let light = TargetFacts { weight: 250, ..HEALTHY };
    let unfit = in_state(HealthState::Unhealthy);
    let targets = [HEALTHY, light, unfit, HEALTHY];
    let equal = Algorithm::WeightedRandom { anomaly_mitigation: false };
    assert_near(&shares(equal, &targets, 90_000), &[30_000, 30_000, 0, 30_000], 900);
    let mitigated = Algorithm::WeightedRandom { anomaly_mitigation: true };
    assert_near(&shares(mitigated, &targets, 90_000), &[40_000, 10_000, 0, 40_000], 900);
}

/// Mostly unfit or light targets: the draws fail and the walk decides.
#[test]
fn weighted_random_walks() {
    let mut targets = vec![in_state(HealthState::Unhealthy); 200];
    targets[3] = TargetFacts { weight: 100, ..HEALTHY };
    targets[190] = TargetFacts { weight: 300, ..HEALTHY };
    let mitigated = Algorithm::WeightedRandom { anomaly_mitigation: true };
    let counts = shares(mitigated, &targets, 40_000);
    assert_near(&[counts[3], counts[190]], &[10_000, 30_000], 500);
    targets[3].weight = 0;
    targets[190].weight = 0;
    let counts = shares(mitigated, &targets, 40_000);
    assert_near(&[counts[3], counts[190]], &[20_000, 20_000], 500);
}

#[test]
fn slow_start_takes_its_share_and_no_more() {
    let ramping = |ramp| TargetFacts { ramp, ..HEALTHY };
    for ramp in [0, 100, 500, 900] {
        // Its share of a lap of three is ramp : 1000 : 1000.
        let total = 30_000;
        let own = total * u32::from(ramp) / (2000 + u32::from(ramp));
        let rest = (total - own) / 2;
        let counts = shares(Algorithm::RoundRobin, &[HEALTHY, ramping(ramp), HEALTHY], total);
        assert_near(&counts, &[rest, own, rest], 300);
    }
    // With nobody else, ramping targets still serve.
    assert_eq!(shares(Algorithm::RoundRobin, &[ramping(0), ramping(0)], 10), [5, 5]);
    let equal = Algorithm::LeastOutstandingRequests;
    assert_eq!(shares(equal, &[ramping(0), HEALTHY], 10), [5, 5], "no slow start here");
}

#[derive(Default)]
struct Recorder(Vec<Note>);

impl Witness for Recorder {
    fn note(&mut self, note: crate::Note<'_>) {
        if let crate::Note::Target(note) = note {
            self.0.push(note);
        }
    }
}

#[test]
fn the_witness_hears_why_and_changes_nothing() {
    let targets = [
        in_state(HealthState::Unhealthy),
        in_state(HealthState::Draining),
        TargetFacts { tried: true, ..HEALTHY },
        HEALTHY,
    ];
    let mut recorder = Recorder::default();
    let told =
        choose(Algorithm::RoundRobin, 1, &targets[..], Some(0), &mut 0, 0, &mut recorder).unwrap();
    let silent =
        choose(Algorithm::RoundRobin, 1, &targets[..], Some(0), &mut 0, 0, &mut ()).unwrap();
    assert_eq!(told, silent);
    let unhealthy = Unfit::NotInService(HealthState::Unhealthy);
    assert_eq!(
        recorder.0,
        [
            Note::Unfit { index: 0, why: unhealthy },
            Note::Unfit { index: 1, why: Unfit::OutOfUse(HealthState::Draining) },
            Note::Unfit { index: 2, why: Unfit::Tried },
            Note::Fit { index: 3 },
            Note::StickyLost { index: 0, why: unhealthy },
        ]
    );

    let mut recorder = Recorder::default();
    choose(Algorithm::RoundRobin, 3, &targets[..], None, &mut 0, 0, &mut recorder).unwrap();
    assert_eq!(recorder.0[0], Note::FailOpen { in_service: 2, minimum: 3 });
}
