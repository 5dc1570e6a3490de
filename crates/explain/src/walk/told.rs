//! What is told of targets and of the security groups before them.

use model::{GroupId, HealthState, LoadBalancerId, Obstacle, Refusal};

use super::Walk;
use super::between::Doors;
use super::forward::{Trial, in_service};
use crate::facts::{Behaviour, ObservedBy, TargetView};
use crate::hop::{Evidence, Hop, Near, Trace};
use crate::outcome::Stage;

/// Targets that are spelt out before "and … more".
const TARGETS_MAX: usize = 4;

impl Walk<'_> {
    /// The security groups between the load balancer and its targets.
    pub fn tell_doors<T: Trace>(
        &self,
        load_balancer: LoadBalancerId,
        group_id: GroupId,
        doors: &Doors,
        trace: &mut T,
    ) {
        let model = &self.world.model;
        let lb = &model[load_balancer];
        let group = &model[group_id];
        for target in doors.egress.iter().take(1) {
            let text = format!(
                "load_balancer.{} may not connect to {target}: no egress rule allows it",
                lb.name
            );
            trace.hop(|| {
                Hop::stopped(Stage::TargetSecurityGroup, Refusal::TargetEgressDenied, text)
                    .at(&lb.place)
            });
        }
        for target in doors.egress_not_known.iter().take(1) {
            let text = format!(
                "whether load_balancer.{} may connect to {target} is not known: its egress does not allow everywhere, and where the name leads is not declared",
                lb.name
            );
            trace.hop(|| Hop::not_known(Stage::TargetSecurityGroup, text).at(&lb.place));
        }
        for (target, instance) in doors.not_admitted.iter().take(1) {
            let instance = &model[*instance];
            let more = match doors.not_admitted.len() {
                1 => String::new(),
                count => format!(" (and {} more)", count - 1),
            };
            let text = format!(
                "instance.{} does not admit load_balancer.{} on tcp/{}{more}",
                instance.name, lb.name, target.port
            );
            let place =
                instance.security_groups.first().map_or(&instance.place, |id| &model[*id].place);
            trace.hop(|| {
                Hop::stopped(Stage::TargetSecurityGroup, Obstacle::TargetNotAdmitted, text)
                    .at(place)
            });
        }
        if let Some((target, instance)) = doors.not_known.first() {
            let text = format!(
                "whether instance.{} admits load_balancer.{} on tcp/{} is not known: the load balancer has no `addresses`",
                model[*instance].name, lb.name, target.port
            );
            trace.hop(|| Hop::not_known(Stage::TargetSecurityGroup, text).at(&lb.place));
        }
        if doors.egress.is_empty() && doors.not_admitted.is_empty() && doors.not_known.is_empty() {
            let declared = group.targets.iter().filter_map(|target| self.instance_of(target));
            let named: Vec<&str> = declared
                .filter(|id| !model[*id].security_groups.is_empty())
                .map(|id| &*model[id].name)
                .collect();
            if let Some(first) = named.first() {
                let text = format!("instance.{first} admits load_balancer.{}", lb.name);
                trace.hop(|| Hop::passed(Stage::TargetSecurityGroup, text));
            }
        }
    }

    pub fn tell_targets<T: Trace>(
        &self,
        group_id: GroupId,
        fit: &[usize],
        views: &[TargetView],
        doors: &Doors,
        trace: &mut T,
    ) {
        let group = &self.world.model[group_id];
        let closed: Vec<&model::Target> =
            doors.not_admitted.iter().map(|(target, _)| target).collect();
        // Silence is explained by the closed door before it.
        let shut = |index: usize| {
            views[index].behaviour == Behaviour::Silent && closed.contains(&&group.targets[index])
        };
        let mut failing: Vec<(usize, Refusal, String)> = Vec::new();
        let mut reason = None;
        for index in fit {
            let target = &group.targets[*index];
            let view = if shut(*index) { TargetView::ASSUMED } else { views[*index] };
            // The doors were told of before: here is what would happen behind them.
            let trial = self.trial_behind(group, target, &view);
            if let Trial::Fails(_, refusal) = trial {
                let since = views[*index]
                    .since_unix
                    .filter(|_| views[*index].state == HealthState::Unhealthy)
                    .map_or(String::new(), |since| {
                        format!(" since {}", crate::clock::words(since))
                    });
                let declared = self.declared_failure(group, target);
                let text = match declared.filter(|_| views[*index].observed_unix.is_none()) {
                    Some(failure) if failure.refusal == refusal => {
                        reason = Some((failure.obstacle, failure.place));
                        failure.text
                    }
                    _ => match view.behaviour {
                        Behaviour::TlsUntrusted(obstacle) => {
                            format!("{target}: {}: {}{since}", refusal.text(), obstacle.text())
                        }
                        _ => format!("{target}: {}{since}", refusal.text()),
                    },
                };
                failing.push((*index, refusal, text));
            }
        }
        let open = fit.iter().filter(|index| !shut(**index));
        let observed = open.filter_map(|index| views[*index].observed_unix).max();
        let evidence = match observed {
            Some(at) => self.observed(at),
            None if failing.is_empty() => Evidence::Assumed,
            None => Evidence::Proved,
        };
        let near = || -> Vec<Near> {
            let told = failing.iter().take(TARGETS_MAX);
            told.map(|(index, _, text)| Near::new(text.clone(), &group.targets[*index].place))
                .collect()
        };
        match failing.first() {
            Some((_, refusal, text)) if failing.len() == fit.len() => {
                let text = match fit.len() {
                    1 => text.clone(),
                    count => format!("{count} of {count} targets fail: {}", refusal.text()),
                };
                let near = if fit.len() == 1 { Vec::new() } else { near() };
                trace.hop(|| {
                    let hop = match reason {
                        Some((obstacle, place)) => {
                            Hop::stopped(Stage::Target, obstacle, text).at(place)
                        }
                        None => Hop::stopped(Stage::Target, *refusal, text)
                            .at(&group.targets[failing[0].0].place),
                    };
                    hop.because(evidence).near(near)
                });
            }
            Some(_) => {
                let text = format!(
                    "{} of {} targets fail; another is tried then",
                    failing.len(),
                    fit.len()
                );
                trace.hop(|| Hop::passed(Stage::Target, text).because(evidence).near(near()));
            }
            None => {
                let names: Vec<String> = fit
                    .iter()
                    .take(TARGETS_MAX)
                    .map(|index| group.targets[*index].to_string())
                    .collect();
                let more = if fit.len() > TARGETS_MAX { ", …" } else { "" };
                let text = match observed {
                    Some(_) => format!("{}{more} takes connections", names.join(", ")),
                    None => format!("{}{more} is taken to be there", names.join(", ")),
                };
                trace.hop(|| Hop::passed(Stage::Target, text).because(evidence));
            }
        }
    }

    /// What a target was seen to answer.
    pub fn answer_hop(&self, status: u16, cause: Option<Refusal>, views: &[TargetView]) -> Hop {
        let seen = views.iter().filter(|view| view.behaviour == Behaviour::Answers(status));
        let latest = seen
            .filter_map(|view| Some((view.observed_unix?, view.observed_by)))
            .max_by_key(|seen| seen.0);
        let text = match latest {
            Some((_, ObservedBy::HealthCheck)) => {
                format!("the target answers {status}, also to its health check")
            }
            Some((_, ObservedBy::Probe)) | None => format!("the target answers {status}"),
        };
        let hop = match cause {
            Some(refusal) => Hop::stopped(Stage::Response, refusal, text),
            None => Hop::passed(Stage::Response, text),
        };
        match latest {
            Some((at, _)) => hop.because(self.observed(at)),
            None => hop,
        }
    }

    pub fn observed(&self, at_unix: i64) -> Evidence {
        Evidence::Observed { seconds_ago: (self.facts.now_unix - at_unix).max(0) }
    }
}

pub fn unhealthy(group: &model::TargetGroup, views: &[TargetView]) -> Vec<Near> {
    let ill = group.targets.iter().zip(views).filter(|(_, view)| !in_service(view));
    ill.take(TARGETS_MAX)
        .map(|(target, view)| {
            let reason = view
                .reason
                .map_or(String::new(), |reason| format!(": {} ({reason})", reason.code()));
            let since = view
                .since_unix
                .map_or(String::new(), |at| format!(", since {}", crate::clock::words(at)));
            Near::new(format!("{target} is {}{reason}{since}", view.state.name()), &target.place)
        })
        .collect()
}
