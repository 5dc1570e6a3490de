//! What to do where no change of the configuration helps.

use std::collections::BTreeSet;

use model::{Cause, Obstacle, Refusal};
use world::World;

use crate::fix::Fix;
use crate::outcome::{Outcome, Sees, Speaker, Stage};
use crate::report::PartReport;
use crate::who::Part;

/// Instructions, each once.
pub fn advice(world: &World, reports: &[PartReport], parts: &[Part], fixes: &[Fix]) -> Vec<String> {
    let mut advice: BTreeSet<String> = BTreeSet::new();
    let fixed = |outcome: &&Outcome| {
        fixes.iter().any(|fix| (fix.stage, fix.cause) == (outcome.stage, outcome.cause))
    };
    // What no change of the configuration mends, now or behind all of them.
    let then = fixes.last().map(|fix| &fix.then).into_iter().flatten();
    let now = parts.iter().flat_map(|part| &part.outcomes);
    let outcomes: BTreeSet<&Outcome> = now.chain(then).filter(|outcome| !fixed(outcome)).collect();
    let mended = fixes.iter().any(|fix| fix.stage == Stage::Target);
    let later = !mended
        && reports.iter().flat_map(|p| &p.legs).flat_map(|l| &l.hops).any(|hop| {
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
                        "register a target: `targets = [\"10.0.1.5:3000\"]` in target_group.{name}"
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
            Cause::Obstacle(Obstacle::NameNoData) => {
                advice.insert("give the name `alias` or `addresses` in its zone".into());
            }
            Cause::Obstacle(Obstacle::NamePrivateZone) => {
                advice.insert(
                    "write the record into the private zone, too: its clients never get the public one"
                        .into(),
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
    let refused = outcome.cause == Some(Refusal::TargetRefused.into());
    let mut words = Vec::new();
    for target in &group.targets {
        let Some(machine) = world::instance_of(model, target).map(|id| &model[id]) else {
            continue;
        };
        // Who refuses is the application itself; who answers 502 misses what is behind it.
        let concerned = machine
            .applications
            .iter()
            .filter(|application| (application.port == Some(target.port)) == refused);
        for unit in concerned.filter_map(|application| application.unit.as_ref()) {
            let start = if unit.enabled == Some(true) { "start" } else { "enable --now" };
            words.push(format!("on instance.{}: systemctl {start} {}", machine.name, unit.name));
        }
    }
    let served = |target: &model::Target| {
        let machine = world::instance_of(model, target).map(|id| &model[id]);
        let serves = machine.and_then(|machine| machine.serves.as_ref());
        serves.is_none_or(|serves| serves.contains(&target.port))
    };
    if words.is_empty() && refused && group.targets.iter().all(served) {
        let targets: Vec<String> = group.targets.iter().map(ToString::to_string).collect();
        words.push(format!(
            "start what should listen on {}: `ss -ltnp` on its machine shows what does",
            targets.join(", ")
        ));
    }
    words
}
