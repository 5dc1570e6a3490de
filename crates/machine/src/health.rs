//! One target's health (ALB.md §5d, §5e).

use std::time::Duration;

use model::{HealthCheck, HealthCheckProtocol, HealthReason, HealthState, Obstacle};

/// First probes are spread over so long, so that many new targets are not probed at one instant.
pub const START_SPREAD: Duration = Duration::from_secs(1);

/// Whatever the configuration says; ALB's own least is 5 s.
const INTERVAL_MIN: Duration = Duration::from_millis(100);

/// What a probe found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProbeResult {
    /// The status of an HTTP answer.
    Status(u16),
    TcpConnected,
    Refused,
    Reset,
    /// The connection attempt was not answered.
    ConnectTimeout,
    /// Connected, and no answer in time.
    Timeout,
    /// There is no way to the address.
    Unreachable,
    /// The answer is not HTTP.
    Malformed,
    /// The target's name has no address.
    Unresolved,
    TlsFailed,
    /// The group verifies its targets, and takes no such certificate.
    TlsUntrusted(Obstacle),
    /// Our own fault, such as no free descriptor.
    Internal,
}

impl ProbeResult {
    /// Why the check fails, if it does.
    pub fn judge(self, check: &HealthCheck) -> Result<(), HealthReason> {
        match self {
            ProbeResult::Status(status) if check.matcher.contains(status) => Ok(()),
            ProbeResult::Status(status) => Err(HealthReason::ResponseCodeMismatch(status)),
            ProbeResult::TcpConnected => match check.protocol {
                HealthCheckProtocol::Tcp => Ok(()),
                HealthCheckProtocol::Http | HealthCheckProtocol::Https => {
                    Err(HealthReason::FailedHealthChecks)
                }
            },
            ProbeResult::Timeout | ProbeResult::ConnectTimeout => Err(HealthReason::Timeout),
            ProbeResult::Refused
            | ProbeResult::Unreachable
            | ProbeResult::Reset
            | ProbeResult::Malformed
            | ProbeResult::TlsFailed
            | ProbeResult::TlsUntrusted(_) => Err(HealthReason::FailedHealthChecks),
            ProbeResult::Unresolved => Err(HealthReason::Unresolved),
            ProbeResult::Internal => Err(HealthReason::InternalError),
        }
    }
}

/// Why [`HealthMachine::handle_timeout`] is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    FirstProbe,
    NextProbe,
}

/// A probe is to be started now. Its result comes back with it, so that the answer to a question
/// that is not asked any more is known as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct StartProbe {
    episode: u32,
}

/// A change of state, or of the reason for it (`from` equals `to`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    pub from: HealthState,
    pub to: HealthState,
    pub reason: Option<HealthReason>,
    pub at: Duration,
}

/// Whether a listener sends traffic to the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupUse {
    InUse,
    /// "A TG not used by a listener is not checked" (ALB.md §5e).
    NotInUse,
}

/// ```text
///  registered ──▶ initial ──────────one success──────────▶ healthy
///                    │                                      │   ▲
///       unhealthy_threshold failures         unhealthy_threshold │ healthy_threshold
///                    │                         failures in a row │ successes in a row
///                    └────────────▶ unhealthy ◀─────────────┘   │
///                                       └───────────────────────┘
///
///  from any of them     checks disabled ──▶ unavailable
///                       no listener uses the group ──▶ unused
///                       deregistered ──▶ draining, for the whole delay
///  and back again ──▶ initial
/// ```
///
/// A *new* target, which is an `initial` one, is healthy after one success whatever the threshold
/// (ALB.md §5e).
#[derive(Clone, Debug)]
pub struct HealthMachine {
    check: HealthCheck,
    group_use: GroupUse,
    state: HealthState,
    reason: Option<HealthReason>,
    since: Duration,
    /// Results in a row that contradict `state`.
    contrary: u32,
    /// `None` while it is not checked.
    next_probe: Option<(Duration, Why)>,
    /// Results of probes of an earlier episode do not count.
    episode: u32,
}

// === impl HealthMachine ===

impl HealthMachine {
    /// A newly registered target. `draw` spreads the first probes over [`START_SPREAD`]; 0 probes
    /// at once.
    pub fn new(check: &HealthCheck, group_use: GroupUse, now: Duration, draw: u64) -> Self {
        let mut machine = HealthMachine {
            check: check.clone(),
            group_use,
            state: HealthState::Initial,
            reason: Some(HealthReason::RegistrationInProgress),
            since: now,
            contrary: 0,
            next_probe: None,
            episode: 0,
        };
        machine.begin(now, draw);
        machine
    }

    pub fn state(&self) -> HealthState {
        self.state
    }

    pub fn reason(&self) -> Option<HealthReason> {
        self.reason
    }

    /// When it came into its state.
    pub fn since(&self) -> Duration {
        self.since
    }

    pub fn poll_timeout(&self) -> Option<(Duration, Why)> {
        self.next_probe
    }

    /// Starts a probe if one is due. The next is due an interval later whether or not this one has
    /// been answered ("Interval runs independently of reply time", ALB.md §5e).
    pub fn handle_timeout(&mut self, now: Duration) -> Option<StartProbe> {
        let (due, _) = self.next_probe.filter(|(due, _)| *due <= now)?;
        self.next_probe = Some((after(due, self.interval(), now), Why::NextProbe));
        if self.state == HealthState::Initial {
            self.reason = Some(HealthReason::InitialHealthChecking);
        }
        Some(StartProbe { episode: self.episode })
    }

    /// Whether a result of `probe` says something of the check as it is declared now.
    pub fn counts(&self, probe: StartProbe) -> bool {
        probe.episode == self.episode
    }

    /// The result of `probe`.
    pub fn handle_result(
        &mut self,
        now: Duration,
        probe: StartProbe,
        result: ProbeResult,
    ) -> Option<Transition> {
        if !self.counts(probe) {
            return None;
        }
        match (self.state, result.judge(&self.check)) {
            (HealthState::Healthy, Ok(())) => {
                self.contrary = 0;
                None
            }
            (HealthState::Initial, Ok(())) => self.enter(now, HealthState::Healthy, None),
            (HealthState::Unhealthy, Ok(())) => {
                self.contrary += 1;
                if self.contrary < self.check.healthy_threshold {
                    return None;
                }
                self.enter(now, HealthState::Healthy, None)
            }
            (HealthState::Unhealthy, Err(reason)) => {
                self.contrary = 0;
                self.enter(now, HealthState::Unhealthy, Some(reason))
            }
            (HealthState::Initial | HealthState::Healthy, Err(reason)) => {
                self.contrary += 1;
                if self.contrary < self.check.unhealthy_threshold {
                    return None;
                }
                self.enter(now, HealthState::Unhealthy, Some(reason))
            }
            (HealthState::Unused | HealthState::Draining | HealthState::Unavailable, _) => None,
        }
    }

    /// A reload: the group's check, and whether a listener uses it. What is the same goes on
    /// undisturbed; a changed check keeps the state and begins counting anew.
    pub fn handle_reload(
        &mut self,
        check: &HealthCheck,
        group_use: GroupUse,
        now: Duration,
        draw: u64,
    ) -> Option<Transition> {
        let same = same_check(&self.check, check) && self.group_use == group_use;
        self.check = check.clone();
        self.group_use = group_use;
        if same || self.state == HealthState::Draining {
            return None;
        }
        self.begin(now, draw)
    }

    /// It is not in the group any more: `draining` until the caller drops it. When that is, knows
    /// [`crate::drain::Registry`].
    pub fn handle_deregistered(&mut self, now: Duration) -> Option<Transition> {
        self.next_probe = None;
        self.episode = self.episode.wrapping_add(1);
        self.enter(now, HealthState::Draining, Some(HealthReason::DeregistrationInProgress))
    }

    /// It is back before its deregistration delay was over: new again.
    pub fn handle_registered(&mut self, now: Duration, draw: u64) -> Option<Transition> {
        match self.state {
            HealthState::Draining => self.begin(now, draw),
            HealthState::Initial
            | HealthState::Healthy
            | HealthState::Unhealthy
            | HealthState::Unused
            | HealthState::Unavailable => None,
        }
    }

    /// A new episode: what was asked before does not count.
    fn begin(&mut self, now: Duration, draw: u64) -> Option<Transition> {
        self.episode = self.episode.wrapping_add(1);
        self.contrary = 0;
        self.next_probe = None;
        if self.group_use == GroupUse::NotInUse {
            return self.enter(now, HealthState::Unused, Some(HealthReason::NotInUse));
        }
        if !self.check.enabled {
            let reason = HealthReason::HealthCheckDisabled;
            return self.enter(now, HealthState::Unavailable, Some(reason));
        }
        self.next_probe = Some((now + spread(draw, self.interval()), Why::FirstProbe));
        match self.state {
            HealthState::Initial | HealthState::Healthy | HealthState::Unhealthy => None,
            HealthState::Unused | HealthState::Draining | HealthState::Unavailable => {
                self.enter(now, HealthState::Initial, Some(HealthReason::RegistrationInProgress))
            }
        }
    }

    fn enter(
        &mut self,
        now: Duration,
        to: HealthState,
        reason: Option<HealthReason>,
    ) -> Option<Transition> {
        let from = self.state;
        if from == to && self.reason == reason {
            return None;
        }
        if from != to {
            self.since = now;
            self.contrary = 0;
        }
        self.state = to;
        self.reason = reason;
        Some(Transition { from, to, reason, at: now })
    }

    fn interval(&self) -> Duration {
        self.check.interval.duration().max(INTERVAL_MIN)
    }
}

/// The first time after `now` that is a whole number of intervals after `due`: what was missed is
/// not made up for.
fn after(due: Duration, interval: Duration, now: Duration) -> Duration {
    let missed = now.saturating_sub(due).as_nanos() / interval.as_nanos();
    due + interval * u32::try_from(missed).unwrap_or(u32::MAX).saturating_add(1)
}

fn spread(draw: u64, interval: Duration) -> Duration {
    let most = START_SPREAD.min(interval).as_nanos();
    Duration::from_nanos(((u128::from(draw) * most) >> 64) as u64)
}

/// A check that only moved within the file is the same.
fn same_check(a: &HealthCheck, b: &HealthCheck) -> bool {
    HealthCheck { place: b.place.clone(), ..a.clone() } == *b
}

#[cfg(test)]
mod tests;
