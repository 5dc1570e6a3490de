//! From the forward action to a target: the group, the health of its targets, the security groups
//! between, and what the targets do.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    Forward, GroupId, HealthState, ListenerId, LoadBalancerId, Place, Refusal, Target, TargetGroup,
    TargetProtocol,
};
use verdict::journey::{
    ATTEMPTS_MAX, Aim, Attempt, Hypothetical, Retry, Routed, is_idempotent, retry,
};
use verdict::target::{FULL, Note as TargetNote, TargetFacts, fails_open};
use verdict::{Note, Witness};
use world::MayConnect;

use super::Walk;
use super::between::{Admits, Doors};
use super::pass::verb;
use super::told::unhealthy;
use crate::facts::{Behaviour, FactSource, TargetView};
use crate::hop::{Aimed, Evidence, Hop, Trace};
use crate::outcome::{Outcome, Sees, Speaker, Stage};

/// What trying a target leads to: targets that behave alike are one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trial {
    Answers(u16),
    /// What it answers depends on the application.
    Application,
    /// Whether it may be connected to depends on where its name leads.
    NotKnown,
    Fails(FailedAttempt, Refusal),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailedAttempt {
    Connect,
    FreshClosed,
    Answer,
}

/// Which targets may get the request.
#[derive(Default)]
struct Fit(Vec<usize>);

impl Witness for Fit {
    fn note(&mut self, note: Note<'_>) {
        if let Note::Target(TargetNote::Fit { index }) = note {
            self.0.push(index);
        }
    }
}

impl Walk<'_> {
    pub fn onward_forward<T: Trace>(
        &self,
        id: ListenerId,
        routed: &Routed<'_, Hypothetical>,
        forward: &Forward,
        place: &Place,
        trace: &mut T,
    ) -> BTreeSet<Outcome> {
        let model = &self.world.model;
        let groups: Vec<GroupId> =
            forward.groups.iter().filter(|g| g.weight > 0).map(|g| g.group).collect();
        let rewritten = match self.rewritten(id, routed) {
            Ok(rewritten) => rewritten,
            Err(refusal) => {
                return BTreeSet::from([self.refused_action(id, refusal, place, trace)]);
            }
        };
        // Asked for its "no"; which group is drawn is chance, so every one with weight is followed.
        if let Err(refusal) = routed.group(forward, None, 0) {
            return BTreeSet::from([self.refused_action(id, refusal, place, trace)]);
        }
        trace.hop(|| {
            let total: u32 = forward.groups.iter().map(|g| u32::from(g.weight)).sum();
            let names: Vec<String> = forward
                .groups
                .iter()
                .filter(|g| g.weight > 0)
                .map(|g| match groups.len() {
                    1 => format!("target_group.{}", model[g.group].name),
                    _ => format!(
                        "target_group.{} ({} %)",
                        model[g.group].name,
                        u32::from(g.weight) * 100 / total.max(1)
                    ),
                })
                .collect();
            Hop::passed(Stage::Action, format!("{} {}", verb(model[id].protocol), names.join(", ")))
                .at(place)
        });
        let mut outcomes = BTreeSet::new();
        for group in groups {
            let ends = self.onward_group(id, routed, group, &rewritten, trace);
            outcomes
                .extend(ends.into_iter().map(|outcome| Outcome { group: Some(group), ..outcome }));
        }
        outcomes
    }

    fn onward_group<T: Trace>(
        &self,
        id: ListenerId,
        routed: &Routed<'_, Hypothetical>,
        group_id: GroupId,
        rewritten: &super::application::Rewritten,
        trace: &mut T,
    ) -> BTreeSet<Outcome> {
        let group = &self.world.model[group_id];
        let load_balancer = self.world.model[id].load_balancer;
        let view =
            |at| (self.facts.targets)(group_id, at).for_path(&group.health_check, &rewritten.url);
        let views: Vec<TargetView> = (0..group.targets.len()).map(view).collect();
        let target_facts: Vec<TargetFacts> = views.iter().map(facts_of).collect();
        let mut fit = Fit::default();
        let aim = Aim {
            algorithm: group.algorithm,
            minimum_healthy: group.minimum_healthy_targets,
            targets: &target_facts[..],
            sticky: None,
            draw: 0,
        };
        if let Err(refusal) = routed.aim(aim, &mut 0, &mut fit) {
            trace.hop(|| {
                let text = format!("target_group.{}: {}", group.name, refusal.text());
                Hop::stopped(Stage::TargetGroup, refusal, text)
                    .at(&group.place)
                    .near(unhealthy(group, &views))
            });
            let sees = self.refused_sees(id, refusal);
            return BTreeSet::from([self.outcome(sees, Some(refusal.into()), Stage::TargetGroup)]);
        }
        trace.hop(|| self.group_hop(group_id, &views, &target_facts));
        let mut kinds: BTreeMap<Trial, u32> = BTreeMap::new();
        let mut doors = Doors::default();
        for index in &fit.0 {
            let target = &group.targets[*index];
            let trial = self.trial(load_balancer, group, target, &views[*index], &mut doors);
            *kinds.entry(trial).or_default() += 1;
            // What would be asked there is not known, and so nothing is probed.
            if self.passes_through(id) {
                continue;
            }
            trace.aim(|| Aimed {
                listener: id,
                group: group_id,
                target: *index,
                host: rewritten.host.clone(),
                url: rewritten.url.clone(),
            });
        }
        if T::LISTENS {
            self.tell_doors(load_balancer, group_id, &doors, trace);
            self.tell_targets(group_id, &fit.0, &views, &doors, trace);
        }
        let idempotent = is_idempotent(self.ask.method.as_bytes());
        let mut ends = BTreeSet::new();
        try_all(&mut kinds, idempotent, 0, 0, None, &mut ends);
        let mut outcomes = BTreeSet::new();
        for end in ends {
            match end {
                Trial::Answers(status) => {
                    let cause = Refusal::of_target_status(status);
                    trace.hop(|| self.answer_hop(status, cause, &views));
                    let cause = cause.map(Into::into);
                    let speaker = Speaker::Application;
                    let sees = Sees::Answer { status, speaker, location: None };
                    outcomes.insert(self.outcome(sees, cause, Stage::Response));
                }
                Trial::Application if self.passes_through(id) => {
                    outcomes.insert(self.passed_on(trace));
                }
                Trial::Application => {
                    outcomes
                        .extend(self.onward_application(id, group_id, &fit.0, rewritten, trace));
                }
                Trial::NotKnown => {
                    outcomes.insert(self.outcome(Sees::NotKnown, None, Stage::TargetSecurityGroup));
                }
                Trial::Fails(_, refusal) => {
                    let sees = self.refused_sees(id, refusal);
                    let door = match refusal {
                        Refusal::TargetEgressDenied => true,
                        Refusal::TargetConnectTimeout => !doors.not_admitted.is_empty(),
                        _ => false,
                    };
                    let stage = if door { Stage::TargetSecurityGroup } else { Stage::Target };
                    outcomes.insert(self.outcome(sees, Some(refusal.into()), stage));
                }
            }
        }
        outcomes
    }

    pub fn trial(
        &self,
        load_balancer: LoadBalancerId,
        group: &TargetGroup,
        target: &Target,
        view: &TargetView,
        doors: &mut Doors,
    ) -> Trial {
        let model = &self.world.model;
        match world::may_connect(model, self.world.egress(load_balancer), target, target.port) {
            MayConnect::Yes => {}
            MayConnect::No => {
                doors.egress.push(target.clone());
                return Trial::Fails(FailedAttempt::Connect, Refusal::TargetEgressDenied);
            }
            // An answer was seen through the same door.
            MayConnect::NotKnown if view.behaviour != Behaviour::NotKnown => {}
            MayConnect::NotKnown => {
                doors.egress_not_known.push(target.clone());
                return Trial::NotKnown;
            }
        }
        // What was seen outweighs what is declared; silence is what a closed door is seen as.
        if matches!(view.behaviour, Behaviour::NotKnown | Behaviour::Silent)
            && let Some(instance) = self.instance_of(target)
        {
            match self.admitted_by(load_balancer, instance, target.port) {
                Admits::Yes => {}
                Admits::NotKnown => doors.not_known.push((target.clone(), instance)),
                Admits::No => {
                    doors.not_admitted.push((target.clone(), instance));
                    return Trial::Fails(FailedAttempt::Connect, Refusal::TargetConnectTimeout);
                }
            }
        }
        self.trial_behind(group, target, view)
    }

    /// As if every security group let the load balancer through.
    pub fn trial_behind(&self, group: &TargetGroup, target: &Target, view: &TargetView) -> Trial {
        match view.behaviour {
            // What is said after the connection is between the client and the target.
            Behaviour::Answers(_)
            | Behaviour::TlsFails
            | Behaviour::Closes
            | Behaviour::Hangs
            | Behaviour::Nonsense
                if group.protocol == TargetProtocol::Tcp =>
            {
                return Trial::Application;
            }
            Behaviour::Answers(status) => return Trial::Answers(status),
            Behaviour::NotKnown => {}
            Behaviour::Refuses => {
                return Trial::Fails(FailedAttempt::Connect, Refusal::TargetRefused);
            }
            Behaviour::Silent => {
                return Trial::Fails(FailedAttempt::Connect, Refusal::TargetConnectTimeout);
            }
            Behaviour::Unreachable => {
                return Trial::Fails(FailedAttempt::Connect, Refusal::TargetUnreachable);
            }
            Behaviour::TlsFails => {
                return Trial::Fails(FailedAttempt::Connect, Refusal::TargetTlsFailed);
            }
            Behaviour::TlsUntrusted(_) => {
                return Trial::Fails(FailedAttempt::Connect, Refusal::TargetTlsUntrusted);
            }
            Behaviour::Closes => {
                return Trial::Fails(FailedAttempt::FreshClosed, Refusal::TargetClosed);
            }
            Behaviour::Hangs => {
                return Trial::Fails(FailedAttempt::Answer, Refusal::TargetResponseTimeout);
            }
            Behaviour::Nonsense => {
                return Trial::Fails(FailedAttempt::Answer, Refusal::TargetMalformed);
            }
        }
        match self.declared_failure(group, target) {
            Some(failure) => Trial::Fails(FailedAttempt::Connect, failure.refusal),
            None => Trial::Application,
        }
    }

    fn group_hop(&self, id: GroupId, views: &[TargetView], facts: &[TargetFacts]) -> Hop {
        let group = &self.world.model[id];
        let healthy = views.iter().filter(|view| in_service(view)).count();
        let total = views.len();
        let open = fails_open(group.minimum_healthy_targets, facts);
        let targets = if total == 1 { "target" } else { "targets" };
        let text = match (self.facts.source, open) {
            (FactSource::Running, true) => format!(
                "target_group.{}: {healthy} of {total} {targets} healthy: fail-open, so all get traffic",
                group.name
            ),
            (FactSource::Running, false) => {
                format!("target_group.{}: {healthy} of {total} {targets} healthy", group.name)
            }
            (FactSource::Proof | FactSource::Configuration, _) => {
                format!("target_group.{}: {total} {targets}, taken as healthy", group.name)
            }
        };
        let evidence = match self.facts.source {
            FactSource::Running => {
                let latest = views.iter().filter_map(|view| view.observed_unix).max();
                self.observed(latest.unwrap_or(self.facts.now_unix))
            }
            FactSource::Proof | FactSource::Configuration => Evidence::Assumed,
        };
        Hop::passed(Stage::TargetGroup, text)
            .at(&group.place)
            .because(evidence)
            .near(unhealthy(group, views))
    }
}

fn facts_of(view: &TargetView) -> TargetFacts {
    TargetFacts {
        state: view.state,
        resolved: view.resolved,
        outstanding: 0,
        weight: view.weight,
        ramp: FULL,
        tried: false,
    }
}

pub fn in_service(view: &TargetView) -> bool {
    matches!(view.state, HealthState::Healthy | HealthState::Unavailable)
}

/// Every end that the order of trying can lead to; kinds of targets with how many are left.
fn try_all(
    kinds: &mut BTreeMap<Trial, u32>,
    idempotent: bool,
    sent: u32,
    attempts: u32,
    last: Option<Trial>,
    ends: &mut BTreeSet<Trial>,
) {
    let left: Vec<Trial> =
        kinds.iter().filter(|(_, count)| **count > 0).map(|(kind, _)| *kind).collect();
    if left.is_empty() || attempts == ATTEMPTS_MAX {
        ends.extend(last);
        return;
    }
    for kind in left {
        let Trial::Fails(failed, _) = kind else {
            ends.insert(kind);
            continue;
        };
        let attempt = match failed {
            FailedAttempt::Connect => Attempt::ConnectFailed,
            FailedAttempt::FreshClosed => Attempt::FreshClosed { idempotent, body_consumed: false },
            FailedAttempt::Answer => Attempt::Failed,
        };
        match retry(attempt, sent) {
            Retry::Never => {
                ends.insert(kind);
            }
            Retry::NextTarget | Retry::FreshConnection => {
                *kinds.entry(kind).or_default() -= 1;
                let sent = sent + u32::from(attempt != Attempt::ConnectFailed);
                try_all(kinds, idempotent, sent, attempts + 1, Some(kind), ends);
                *kinds.entry(kind).or_default() += 1;
            }
        }
    }
}
