//! What to do where no change of the configuration helps.

use std::collections::BTreeSet;

use model::{Cause, Obstacle, Refusal};
use world::World;

use crate::facts::Facts;
use crate::outcome::{Outcome, Sees, Speaker, Stage};
use crate::report::PartReport;
use crate::who::Part;

/// Instructions, each once.
pub fn advice(world: &World, _: &Facts<'_>, reports: &[PartReport], parts: &[Part]) -> Vec<String> {
    let mut advice: BTreeSet<String> = BTreeSet::new();
    let outcomes: BTreeSet<&Outcome> = parts.iter().flat_map(|part| &part.outcomes).collect();
    let later = reports.iter().flat_map(|p| &p.legs).flat_map(|l| &l.hops).any(|hop| {
        hop.stage == Stage::Target && hop.code.as_deref() == Some(Refusal::TargetRefused.code())
    });
    for outcome in outcomes {
        let Some(cause) = outcome.cause else { continue };
        match cause {
            Cause::Refusal(
                Refusal::TargetRefused
                | Refusal::TargetAnswered502
                | Refusal::TargetAnswered503
                | Refusal::TargetAnswered504,
            ) => advice.extend(start_words(world, outcome)),
            Cause::Refusal(Refusal::TargetNoneRegistered) => {
                if let Some(group) = outcome.group {
                    let name = &world.model[group].name;
                    advice.insert(format!(
                        "register a target: `targets = [\"10.0.1.5:3000\"]` in target_group.{name} ({})",
                        world.model[group].place
                    ));
                }
            }
            Cause::Obstacle(Obstacle::RedirectLoop) if by_application(outcome) => {
                advice.insert(
                    "take the redirect out of the application, or let it look at X-Forwarded-Proto: the load balancer speaks plain HTTP with it, so it sees no https"
                        .into(),
                );
            }
            Cause::Obstacle(Obstacle::TlsExpired) => {
                advice.insert("renew the certificate: no change of the configuration helps".into());
            }
            Cause::Obstacle(Obstacle::NameNoRecord) => {
                advice.insert(
                    "declare a `record` for the name, if this program is to know it".into(),
                );
            }
            Cause::Refusal(_) | Cause::Obstacle(_) => {}
        }
    }
    if later && advice.is_empty() {
        advice.insert(
            "start what should listen on the target's port: `ss -ltnp` there shows what does"
                .into(),
        );
    }
    advice.into_iter().collect()
}

fn by_application(outcome: &Outcome) -> bool {
    matches!(outcome.sees, Sees::Answer { speaker: Speaker::Application, .. })
}

/// What to start: the services that are declared to run on the targets' machines, else whatever
/// should listen.
fn start_words(world: &World, outcome: &Outcome) -> Vec<String> {
    let Some(group) = outcome.group else { return Vec::new() };
    let model = &world.model;
    let group = &model[group];
    let machines: BTreeSet<_> =
        group.targets.iter().filter_map(|target| world::instance_of(model, target)).collect();
    let mut words = Vec::new();
    for machine in machines.into_iter().map(|id| &model[id]) {
        let units = machine.applications.iter().filter_map(|one| one.unit.as_ref());
        words.extend(units.map(|unit| {
            let start = if unit.enabled == Some(true) { "start" } else { "enable --now" };
            format!("on instance.{}: systemctl {start} {}", machine.name, unit.name)
        }));
    }
    if words.is_empty() && outcome.cause == Some(Refusal::TargetRefused.into()) {
        let targets: Vec<String> = group.targets.iter().map(ToString::to_string).collect();
        words.push(format!(
            "start what should listen on {}: `ss -ltnp` on its machine shows what does",
            targets.join(", ")
        ));
    }
    words
}
