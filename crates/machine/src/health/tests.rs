use super::*;
use model::{Seconds, StatusMatcher};
use proptest::prelude::*;

const OK: ProbeResult = ProbeResult::Status(200);
const BAD: ProbeResult = ProbeResult::Status(500);
const MISMATCH: Option<HealthReason> = Some(HealthReason::ResponseCodeMismatch(500));

fn check() -> HealthCheck {
    HealthCheck {
        interval: Seconds(10),
        healthy_threshold: 3,
        unhealthy_threshold: 2,
        ..HealthCheck::default()
    }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn used(check: &HealthCheck) -> HealthMachine {
    HealthMachine::new(check, GroupUse::InUse, at(0), 0)
}

/// Waits for the next probe and answers it at once.
fn answer(machine: &mut HealthMachine, result: ProbeResult) -> Option<Transition> {
    let (due, _) = machine.poll_timeout().expect("is checked");
    let probe = machine.handle_timeout(due).expect("is due");
    machine.handle_result(due, probe, result)
}

#[test]
fn one_success_makes_a_new_target_healthy_and_thresholds_do_the_rest() {
    use HealthState::{Healthy, Initial, Unhealthy};
    let rows = [
        (BAD, Initial),
        (OK, Healthy),
        (BAD, Healthy),
        (OK, Healthy),
        (BAD, Healthy),
        (BAD, Unhealthy),
        (OK, Unhealthy),
        (OK, Unhealthy),
        (BAD, Unhealthy),
        (OK, Unhealthy),
        (OK, Unhealthy),
        (OK, Healthy),
    ];
    let mut machine = used(&check());
    for (step, (result, expected)) in rows.into_iter().enumerate() {
        let before = machine.state();
        let transition = answer(&mut machine, result);
        assert_eq!(machine.state(), expected, "step {step}");
        let now = at(10 * step as u64);
        assert_eq!(
            transition,
            (before != expected).then(|| Transition {
                from: before,
                to: expected,
                reason: if expected == Healthy { None } else { MISMATCH },
                at: now,
            }),
            "step {step}"
        );
        assert!(before == expected || machine.since() == now, "step {step}");
    }
}

#[test]
fn a_new_target_that_fails() {
    let mut machine = used(&check());
    assert_eq!(machine.reason(), Some(HealthReason::RegistrationInProgress));
    assert_eq!(answer(&mut machine, ProbeResult::Refused), None);
    assert_eq!(machine.reason(), Some(HealthReason::InitialHealthChecking));
    let transition = answer(&mut machine, ProbeResult::Refused).unwrap();
    assert_eq!((transition.from, transition.to), (HealthState::Initial, HealthState::Unhealthy));
    assert_eq!(transition.reason, Some(HealthReason::FailedHealthChecks));
    // The reason follows what is found last; the state and its beginning stay.
    let again = answer(&mut machine, ProbeResult::Timeout).unwrap();
    assert_eq!((again.from, again.to), (HealthState::Unhealthy, HealthState::Unhealthy));
    assert_eq!(again.reason, Some(HealthReason::Timeout));
    assert_eq!(machine.since(), at(10));
    assert_eq!(answer(&mut machine, ProbeResult::Timeout), None);
}

#[test]
fn results() {
    let http = HealthCheck {
        matcher: StatusMatcher(vec![(200, 299), (404, 404)]),
        ..HealthCheck::default()
    };
    let tcp = HealthCheck { protocol: HealthCheckProtocol::Tcp, ..HealthCheck::default() };
    let rows = [
        (&http, ProbeResult::Status(204), None),
        (&http, ProbeResult::Status(404), None),
        (&http, ProbeResult::Status(300), Some("Target.ResponseCodeMismatch")),
        (&http, ProbeResult::TcpConnected, Some("Target.FailedHealthChecks")),
        (&tcp, ProbeResult::TcpConnected, None),
        (&tcp, ProbeResult::Refused, Some("Target.FailedHealthChecks")),
        (&http, ProbeResult::Reset, Some("Target.FailedHealthChecks")),
        (&http, ProbeResult::Malformed, Some("Target.FailedHealthChecks")),
        (&http, ProbeResult::TlsFailed, Some("Target.FailedHealthChecks")),
        (
            &http,
            ProbeResult::TlsUntrusted(model::Obstacle::TlsExpired),
            Some("Target.FailedHealthChecks"),
        ),
        (&http, ProbeResult::Timeout, Some("Target.Timeout")),
        (&http, ProbeResult::Unresolved, Some("Target.Unresolved")),
        (&http, ProbeResult::Internal, Some("Elb.InternalError")),
    ];
    for (check, result, expected) in rows {
        let reason = result.judge(check).err().map(HealthReason::code);
        assert_eq!(reason, expected, "{result:?} of {:?}", check.protocol);
    }
}

#[test]
fn the_interval_does_not_wait_for_answers() {
    let mut machine = used(&check());
    assert_eq!(machine.poll_timeout(), Some((at(0), Why::FirstProbe)));
    let first = machine.handle_timeout(at(0)).unwrap();
    assert_eq!(machine.poll_timeout(), Some((at(10), Why::NextProbe)));
    assert_eq!(machine.handle_timeout(at(9)), None);
    let _second = machine.handle_timeout(at(10)).unwrap();
    assert!(machine.handle_result(at(11), first, OK).is_some());
    // Late: the beat stays, and what was missed is not made up for.
    let _third = machine.handle_timeout(at(47)).unwrap();
    assert_eq!(machine.poll_timeout(), Some((at(50), Why::NextProbe)));
    let _fourth = machine.handle_timeout(at(50)).unwrap();
    assert_eq!(machine.poll_timeout(), Some((at(60), Why::NextProbe)));
}

#[test]
fn first_probes_are_spread() {
    for (draw, expected) in [(0, 0), (1 << 63, 500), (u64::MAX, 999)] {
        let machine = HealthMachine::new(&check(), GroupUse::InUse, at(5), draw);
        let (due, _) = machine.poll_timeout().unwrap();
        assert_eq!((due - at(5)).as_millis(), expected, "{draw}");
    }
}

#[test]
fn unused_and_unavailable_are_not_checked() {
    let disabled = HealthCheck { enabled: false, ..check() };
    let unused = (HealthState::Unused, Some(HealthReason::NotInUse));
    let unavailable = (HealthState::Unavailable, Some(HealthReason::HealthCheckDisabled));
    let rows = [
        (check(), GroupUse::NotInUse, unused),
        (disabled.clone(), GroupUse::NotInUse, unused),
        (disabled.clone(), GroupUse::InUse, unavailable),
    ];
    for (check, group_use, expected) in rows {
        let machine = HealthMachine::new(&check, group_use, at(0), 0);
        assert_eq!((machine.state(), machine.reason()), expected);
        assert_eq!(machine.poll_timeout(), None);
    }
}

#[test]
fn reloads() {
    let mut machine = used(&check());
    answer(&mut machine, OK).unwrap();
    let probe = machine.handle_timeout(at(10)).unwrap();

    // Nothing new but the place: undisturbed.
    let moved = HealthCheck { place: model::Place::described("elsewhere"), ..check() };
    assert_eq!(machine.handle_reload(&moved, GroupUse::InUse, at(11), 0), None);
    assert_eq!(machine.poll_timeout(), Some((at(20), Why::NextProbe)));

    // Another check: still healthy, asked anew, and the old question is void.
    let other = HealthCheck { path: "/other".to_owned(), unhealthy_threshold: 1, ..check() };
    assert_eq!(machine.handle_reload(&other, GroupUse::InUse, at(12), 0), None);
    assert_eq!(machine.handle_result(at(13), probe, BAD), None);
    assert_eq!(machine.state(), HealthState::Healthy);
    assert_eq!(machine.poll_timeout(), Some((at(12), Why::FirstProbe)));

    // Out of use and back.
    let out = machine.handle_reload(&other, GroupUse::NotInUse, at(14), 0).unwrap();
    assert_eq!((out.from, out.to), (HealthState::Healthy, HealthState::Unused));
    assert_eq!(machine.poll_timeout(), None);
    let back = machine.handle_reload(&other, GroupUse::InUse, at(15), 0).unwrap();
    assert_eq!((back.from, back.to), (HealthState::Unused, HealthState::Initial));

    // Disabled and enabled.
    let disabled = HealthCheck { enabled: false, ..other.clone() };
    let off = machine.handle_reload(&disabled, GroupUse::InUse, at(16), 0).unwrap();
    assert_eq!(off.to, HealthState::Unavailable);
    let on = machine.handle_reload(&other, GroupUse::InUse, at(17), 0).unwrap();
    assert_eq!((on.to, on.at), (HealthState::Initial, at(17)));
}

#[test]
fn draining_and_back() {
    let mut machine = used(&check());
    answer(&mut machine, OK).unwrap();
    let probe = machine.handle_timeout(at(10)).unwrap();
    let out = machine.handle_deregistered(at(11)).unwrap();
    assert_eq!((out.from, out.to), (HealthState::Healthy, HealthState::Draining));
    assert_eq!(out.reason, Some(HealthReason::DeregistrationInProgress));
    assert_eq!(machine.poll_timeout(), None);
    assert_eq!(machine.handle_result(at(12), probe, BAD), None);
    assert_eq!(machine.handle_deregistered(at(13)), None);
    let other = HealthCheck { interval: Seconds(5), ..check() };
    assert_eq!(machine.handle_reload(&other, GroupUse::NotInUse, at(14), 0), None);
    assert_eq!((machine.state(), machine.since()), (HealthState::Draining, at(11)));

    machine.handle_reload(&other, GroupUse::InUse, at(15), 0);
    let back = machine.handle_registered(at(16), 0).unwrap();
    assert_eq!((back.from, back.to), (HealthState::Draining, HealthState::Initial));
    assert_eq!(machine.handle_registered(at(17), 0), None);
    let healthy = answer(&mut machine, OK).unwrap();
    assert_eq!(healthy.to, HealthState::Healthy, "new again: one success is enough");
}

fn any_result() -> impl Strategy<Value = ProbeResult> {
    prop_oneof![Just(OK), Just(BAD), Just(ProbeResult::Timeout), Just(ProbeResult::Refused)]
}

proptest! {
    /// Between two changes of state lie at least as many results as the threshold says, all of the
    /// new kind, and so at least as much time.
    #[test]
    fn never_flaps_faster_than_configured(
        results in proptest::collection::vec(any_result(), 0..200),
        healthy_threshold in 2..=10_u32,
        unhealthy_threshold in 2..=10_u32,
        draw: u64,
    ) {
        let check = HealthCheck { healthy_threshold, unhealthy_threshold, ..check() };
        let mut machine = HealthMachine::new(&check, GroupUse::InUse, at(0), draw);
        let mut run = 0;
        let mut last_ok = None;
        let mut changed_at = None;
        for result in results {
            let ok = result == OK;
            run = if last_ok == Some(ok) { run + 1 } else { 1 };
            last_ok = Some(ok);
            let Some(transition) = answer(&mut machine, result) else { continue };
            if transition.from == transition.to {
                continue;
            }
            let threshold = match (transition.from, transition.to) {
                (HealthState::Initial, HealthState::Healthy) => 1,
                (HealthState::Unhealthy, HealthState::Healthy) => healthy_threshold,
                (_, HealthState::Unhealthy) => unhealthy_threshold,
                (from, to) => return Err(TestCaseError::fail(format!("{from:?} to {to:?}"))),
            };
            prop_assert_eq!(ok, transition.to == HealthState::Healthy);
            prop_assert!(run >= threshold);
            if let Some(before) = changed_at {
                let least = check.interval.duration() * threshold;
                prop_assert!(transition.at - before >= least);
            }
            changed_at = Some(transition.at);
        }
    }

    /// Whatever happens to it, a machine keeps its laws.
    #[test]
    fn any_life(events in proptest::collection::vec((0..8_u8, any_result(), 0..40_u64), 0..100)) {
        let mut machine = used(&check());
        let mut now = at(0);
        let mut probes = Vec::new();
        for (event, result, passes) in events {
            now += at(passes);
            let before = (machine.state(), machine.reason());
            let transition = match event {
                0..=2 => {
                    probes.extend(machine.handle_timeout(now));
                    None
                }
                3 | 4 => probes.pop().and_then(|probe| machine.handle_result(now, probe, result)),
                5 => {
                    let group_use = if passes > 20 { GroupUse::InUse } else { GroupUse::NotInUse };
                    let check = HealthCheck { enabled: result == OK, ..check() };
                    machine.handle_reload(&check, group_use, now, passes)
                }
                6 => machine.handle_deregistered(now),
                _ => machine.handle_registered(now, passes),
            };
            if let Some(transition) = transition {
                prop_assert_eq!(transition.from, before.0);
                prop_assert_eq!((transition.to, transition.reason), (machine.state(), machine.reason()));
                prop_assert_ne!((transition.to, transition.reason), before);
            } else {
                prop_assert_eq!(machine.state(), before.0);
            }
            prop_assert_eq!(machine.reason().is_none(), machine.state() == HealthState::Healthy);
            let checked = matches!(
                machine.state(),
                HealthState::Initial | HealthState::Healthy | HealthState::Unhealthy
            );
            prop_assert_eq!(machine.poll_timeout().is_some(), checked);
        }
    }
}
