//! Which target a request goes to (ALB.md §5b, §5c, §5f).

use model::{Algorithm, HealthState, Refusal};

use crate::Witness;

/// Weights and ramps are per mille of this.
pub const FULL: u16 = 1000;

/// Draws that [`Algorithm::WeightedRandom`] tries before it walks through all targets.
const DRAWS_MAX: u64 = 8;

/// What a choice knows of one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetFacts {
    pub state: HealthState,
    /// It has an address: a name may have none.
    pub resolved: bool,
    /// Requests in flight.
    pub outstanding: u32,
    /// Per mille, lowered by anomaly mitigation.
    pub weight: u16,
    /// Per mille, below [`FULL`] during slow start.
    pub ramp: u16,
    /// This request has already tried it in vain.
    pub tried: bool,
}

/// The targets of a group, in a fixed order.
pub trait Targets {
    fn len(&self) -> usize;

    /// Asked only for `index < len()`.
    fn facts(&self, index: usize) -> TargetFacts;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Targets for [TargetFacts] {
    fn len(&self) -> usize {
        self.len()
    }

    fn facts(&self, index: usize) -> TargetFacts {
        self[index]
    }
}

/// Where the request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    pub index: usize,
    /// Too few targets are in service, so all registered ones get traffic (ALB.md §5f).
    pub fail_open: bool,
    /// It is the target that the stickiness cookie named.
    pub sticky_kept: bool,
}

/// Why a target did not get the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// `initial` or `unhealthy`, and enough others are in service.
    NotInService(HealthState),
    /// `draining` or `unused`: never, not even when the group fails open.
    OutOfUse(HealthState),
    Unresolved,
    Tried,
}

/// What [`choose`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// Fewer targets than the minimum are in service (ALB.md §5f).
    FailOpen { in_service: usize, minimum: u32 },
    /// This target may not get the request.
    Unfit { index: usize, why: Unfit },
    /// This target may get the request.
    Fit { index: usize },
    /// The cookie's target may not get the request: a new one is chosen.
    StickyLost { index: usize, why: Unfit },
    /// Stickiness does not apply to weighted random (ALB.md §5c).
    StickyIgnored { index: usize },
}

/// Chooses a target.
///
/// In service are targets that are `healthy`, or `unavailable` because checks are disabled. If
/// fewer than `minimum_healthy` are, every registered target may get the request. `cursor` is the
/// caller's, for this group, and starts anywhere; `draw` is uniform.
pub fn choose<T: Targets + ?Sized, W: Witness>(
    algorithm: Algorithm,
    minimum_healthy: u32,
    targets: &T,
    sticky: Option<usize>,
    cursor: &mut u32,
    draw: u64,
    witness: &mut W,
) -> Result<Chosen, Refusal> {
    if targets.is_empty() {
        return Err(Refusal::TargetNoneRegistered);
    }
    let gate = Gate::of(minimum_healthy, targets, witness);
    tell_all(gate, targets, witness);
    let fail_open = gate == Gate::FailOpen;
    if let Some(index) = keep_sticky(algorithm, gate, targets, sticky, witness) {
        return Ok(Chosen { index, fail_open, sticky_kept: true });
    }
    let start = *cursor as usize % targets.len();
    let index = match algorithm {
        Algorithm::RoundRobin => next_in_turn(gate, targets, start, draw),
        Algorithm::LeastOutstandingRequests => least_outstanding(gate, targets, start),
        Algorithm::WeightedRandom { anomaly_mitigation } => {
            let by = if anomaly_mitigation { Weighing::Mitigated } else { Weighing::Equal };
            weighted_random(gate, by, targets, draw)
        }
    };
    let index = index.ok_or_else(|| why_none(gate, targets))?;
    *cursor = (index + 1) as u32;
    Ok(Chosen { index, fail_open, sticky_kept: false })
}

/// Whether too few targets are in service, so that all registered ones get traffic (ALB.md §5f).
pub fn fails_open<T: Targets + ?Sized>(minimum_healthy: u32, targets: &T) -> bool {
    Gate::of(minimum_healthy, targets, &mut ()) == Gate::FailOpen
}

/// Which states may get the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    InService,
    FailOpen,
}

impl Gate {
    fn of<T: Targets + ?Sized, W: Witness>(minimum: u32, targets: &T, witness: &mut W) -> Gate {
        // No target at all in service fails open whatever the minimum says.
        let minimum = minimum.max(1);
        let in_service = (0..targets.len())
            .filter(|index| in_service(&targets.facts(*index)))
            .take(minimum as usize)
            .count();
        if in_service >= minimum as usize {
            return Gate::InService;
        }
        witness.note(crate::Note::Target(Note::FailOpen { in_service, minimum }));
        Gate::FailOpen
    }

    #[inline]
    fn admit(self, facts: &TargetFacts) -> Result<(), Unfit> {
        match (self, facts.state) {
            (_, HealthState::Healthy | HealthState::Unavailable) => {}
            (Gate::FailOpen, HealthState::Initial | HealthState::Unhealthy) => {}
            (Gate::InService, HealthState::Initial | HealthState::Unhealthy) => {
                return Err(Unfit::NotInService(facts.state));
            }
            (_, HealthState::Draining | HealthState::Unused) => {
                return Err(Unfit::OutOfUse(facts.state));
            }
        }
        if !facts.resolved {
            return Err(Unfit::Unresolved);
        }
        if facts.tried {
            return Err(Unfit::Tried);
        }
        Ok(())
    }

    #[inline]
    fn admits(self, facts: &TargetFacts) -> bool {
        self.admit(facts).is_ok()
    }
}

/// A target that was tried in vain still counts: one request's bad luck does not open the group.
fn in_service(facts: &TargetFacts) -> bool {
    match facts.state {
        HealthState::Healthy | HealthState::Unavailable => facts.resolved,
        HealthState::Initial
        | HealthState::Unhealthy
        | HealthState::Unused
        | HealthState::Draining => false,
    }
}

fn tell_all<T: Targets + ?Sized, W: Witness>(gate: Gate, targets: &T, witness: &mut W) {
    if !W::THOROUGH {
        return;
    }
    for index in 0..targets.len() {
        let note = match gate.admit(&targets.facts(index)) {
            Ok(()) => Note::Fit { index },
            Err(why) => Note::Unfit { index, why },
        };
        witness.note(crate::Note::Target(note));
    }
}

/// "Unhealthy/draining sticky target → new target and new cookie" (ALB.md §5c).
fn keep_sticky<T: Targets + ?Sized, W: Witness>(
    algorithm: Algorithm,
    gate: Gate,
    targets: &T,
    sticky: Option<usize>,
    witness: &mut W,
) -> Option<usize> {
    let index = sticky.filter(|index| *index < targets.len())?;
    let note = match algorithm {
        Algorithm::WeightedRandom { .. } => Note::StickyIgnored { index },
        Algorithm::RoundRobin | Algorithm::LeastOutstandingRequests => {
            match gate.admit(&targets.facts(index)) {
                Ok(()) => return Some(index),
                Err(why) => Note::StickyLost { index, why },
            }
        }
    };
    witness.note(crate::Note::Target(note));
    None
}

/// The first target from `start` on that may get the request. The cursor then moves behind the one
/// that was chosen, so the neighbour of an unfit target does not get its share as well.
fn next_in_turn<T: Targets + ?Sized>(
    gate: Gate,
    targets: &T,
    start: usize,
    draw: u64,
) -> Option<usize> {
    let mut passed_over = None;
    for (step, index) in around(start, targets.len()).enumerate() {
        let facts = targets.facts(index);
        if !gate.admits(&facts) {
            continue;
        }
        // Slow start: it takes its turn only as often as its ramp says.
        if facts.ramp >= FULL || per_mille(draw, step as u64) < facts.ramp {
            return Some(index);
        }
        passed_over.get_or_insert(index);
    }
    passed_over
}

/// The fewest in flight; the first of equals from `start` on, so that equals take turns.
fn least_outstanding<T: Targets + ?Sized>(gate: Gate, targets: &T, start: usize) -> Option<usize> {
    let mut least: Option<(u32, usize)> = None;
    for index in around(start, targets.len()) {
        let facts = targets.facts(index);
        if gate.admits(&facts) && least.is_none_or(|(fewest, _)| facts.outstanding < fewest) {
            least = Some((facts.outstanding, index));
            if facts.outstanding == 0 {
                break;
            }
        }
    }
    least.map(|(_, index)| index)
}

#[derive(Clone, Copy)]
enum Weighing {
    Equal,
    Mitigated,
}

impl Weighing {
    fn weight(self, facts: &TargetFacts) -> u16 {
        match self {
            Weighing::Equal => FULL,
            Weighing::Mitigated => facts.weight.min(FULL),
        }
    }
}

/// Draws until an accepted one: exact, and one look at a target as a rule. After [`DRAWS_MAX`]
/// rejections it walks through all, which has the same distribution.
fn weighted_random<T: Targets + ?Sized>(
    gate: Gate,
    by: Weighing,
    targets: &T,
    draw: u64,
) -> Option<usize> {
    for attempt in 0..DRAWS_MAX {
        let index = below(mix(draw, 2 * attempt), targets.len());
        let facts = targets.facts(index);
        if gate.admits(&facts) && per_mille(draw, 2 * attempt + 1) < by.weight(&facts) {
            return Some(index);
        }
    }
    let draw = mix(draw, 2 * DRAWS_MAX);
    walk(gate, targets, draw, |facts| by.weight(facts))
        // Weights that are all zero weigh alike.
        .or_else(|| walk(gate, targets, draw, |_| FULL))
}

fn walk<T: Targets + ?Sized>(
    gate: Gate,
    targets: &T,
    draw: u64,
    weight: impl Fn(&TargetFacts) -> u16,
) -> Option<usize> {
    let weights = || {
        (0..targets.len())
            .map(|index| (index, targets.facts(index)))
            .filter(|(_, facts)| gate.admits(facts))
            .map(|(index, facts)| (index, usize::from(weight(&facts))))
    };
    let total: usize = weights().map(|(_, weight)| weight).sum();
    let mut at = below(draw, total);
    for (index, weight) in weights() {
        match at.checked_sub(weight) {
            Some(rest) => at = rest,
            None => return Some(index),
        }
    }
    None
}

/// What to say when no target may get the request.
#[cold]
fn why_none<T: Targets + ?Sized>(gate: Gate, targets: &T) -> Refusal {
    let all = || (0..targets.len()).map(|index| gate.admit(&targets.facts(index)));
    if all().any(|fit| fit == Err(Unfit::Unresolved)) && !all().any(|fit| fit == Err(Unfit::Tried))
    {
        return Refusal::TargetUnresolved;
    }
    Refusal::TargetNoneInService
}

/// Every index once, from `start` on.
fn around(start: usize, len: usize) -> impl Iterator<Item = usize> {
    (start..len).chain(0..start)
}

/// Uniform in `0..FULL`, independent for every `salt`.
fn per_mille(draw: u64, salt: u64) -> u16 {
    below(mix(draw, salt), usize::from(FULL)) as u16
}

/// Uniform in `0..limit`; 0 if the limit is 0.
fn below(draw: u64, limit: usize) -> usize {
    ((u128::from(draw) * limit as u128) >> 64) as usize
}

/// One draw into many (the finalizer of splitmix64).
fn mix(draw: u64, salt: u64) -> u64 {
    let mut z = draw.wrapping_add(salt.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
