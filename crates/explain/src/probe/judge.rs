//! What was seen, held against what is foretold.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::HealthState;
use world::World;

use super::{
    Agreement, AtTarget, Attempt, ProbeReport, Probed, ProbedName, ProbedTarget, TargetProbed,
    Works,
};
use crate::atlas::Atlas;
use crate::facts::{FactSource, Facts};
use crate::observed::Observed;
use crate::outcome::{Outcome, Sees, Speaker};
use crate::question::Request;
use crate::report::outcome_report;
use crate::walk::{addresses, walk};

/// `before` is what was known without the probe, `now` with it.
pub fn report(
    atlas: &Atlas<'_>,
    before: &Facts<'_>,
    now: &Facts<'_>,
    request: &Request,
    probed: &Probed,
) -> ProbeReport {
    let world = atlas.world;
    // By whichever of its gateways' addresses the client was seen, one of these is foretold.
    let clients = probed.from.map_or(Vec::new(), |from| atlas.clients(from));
    let name = probed.resolved.as_ref().map(|resolved| {
        let each = clients.iter().flat_map(|client| addresses(world, now, &request.ask(client)));
        let foretold: BTreeSet<Option<IpAddr>> = each.collect();
        let foretold: Vec<Option<IpAddr>> = foretold.into_iter().collect();
        let known = (!clients.is_empty()).then_some(&foretold[..]);
        name(&request.url.host, probed.from, known, resolved)
    });
    let each = clients.iter().flat_map(|client| walk(world, now, &request.ask(client), &mut ()));
    let foretold: BTreeSet<Outcome> = each.collect();
    let (seen, not_asked) = match &probed.seen {
        Attempt::Made(observed) => (Some(observed), None),
        Attempt::NotMade(why) => (None, Some(why.clone())),
    };
    let agreement = seen.map_or(Agreement::NotKnown, |seen| agreement(seen, &foretold));
    let mut findings: Vec<String> = Vec::new();
    if let Some(name) = name.as_ref().filter(|name| name.agreement == Agreement::Differs) {
        findings.push(format!(
            "{}: foretold: {}; seen: {}",
            name.name,
            list(&name.foretold, "no address"),
            list(&name.seen, "not known to the resolver of this machine")
        ));
    }
    if let Some(seen) = seen.filter(|_| agreement == Agreement::Differs) {
        let words: Vec<String> =
            foretold.iter().map(|outcome| foretold_words(world, outcome)).collect();
        findings.push(format!("foretold: {}; seen: {seen}", words.join(", or ")));
    }
    findings
        .extend(probed.targets.iter().filter_map(|target| health_differs(world, before, target)));
    ProbeReport {
        at_unix: probed.at_unix,
        from: probed.from.map(|from| from.to_string()),
        to: probed.to.map(|to| to.to_string()),
        name,
        foretold: foretold.iter().map(outcome_report).collect(),
        seen: seen.map(Observed::to_string),
        status: seen.and_then(Observed::status),
        not_asked,
        agreement,
        targets: probed.targets.iter().map(target).collect(),
        findings,
    }
}

fn agreement(seen: &Observed, foretold: &BTreeSet<Outcome>) -> Agreement {
    let not_known = |outcome: &Outcome| outcome.sees == Sees::NotKnown;
    if foretold.is_empty() || foretold.iter().any(not_known) {
        return Agreement::NotKnown;
    }
    if foretold.iter().any(|outcome| seen.fits(outcome)) {
        return Agreement::Agrees;
    }
    // An application may take longer than a probe waits.
    let slow = |outcome: &Outcome| {
        let by = Speaker::Application;
        matches!(outcome.sees, Sees::Application | Sees::PassedThrough)
            || matches!(outcome.sees, Sees::Answer { speaker, .. } if speaker == by)
    };
    match seen {
        Observed::Failed(_) => Agreement::NotKnown,
        Observed::Silence if foretold.iter().any(slow) => Agreement::NotKnown,
        _ => Agreement::Differs,
    }
}

/// `200 OK, from the application (target_group.app)`.
fn foretold_words(world: &World, outcome: &Outcome) -> String {
    let group = outcome
        .group
        .map_or(String::new(), |group| format!(" (target_group.{})", world.model[group].name));
    let code = outcome.code().map_or(String::new(), |code| format!(" [{code}]"));
    format!("{}{group}{code}", outcome.words())
}

fn name(
    host: &str,
    from: Option<IpAddr>,
    foretold: Option<&[Option<IpAddr>]>,
    resolved: &[IpAddr],
) -> ProbedName {
    // A client is asked about in its own family only.
    let family = |address: &&IpAddr| from.is_none_or(|from| from.is_ipv4() == address.is_ipv4());
    let seen: BTreeSet<IpAddr> = resolved.iter().filter(family).copied().collect();
    let declared: BTreeSet<IpAddr> =
        foretold.unwrap_or_default().iter().copied().flatten().collect();
    // A load balancer without declared addresses may be anywhere.
    let whole = foretold.filter(|all| all.iter().all(Option::is_some));
    let agreement = match (foretold, whole) {
        (None, _) => Agreement::NotKnown,
        (Some(_), None) if seen.is_empty() => Agreement::Differs,
        (Some(_), None) => Agreement::NotKnown,
        // A resolver may give some of many.
        (Some(_), Some(_))
            if seen.is_subset(&declared) && seen.is_empty() == declared.is_empty() =>
        {
            Agreement::Agrees
        }
        (Some(_), Some(_)) => Agreement::Differs,
    };
    let mut foretold: Vec<String> = declared.iter().map(IpAddr::to_string).collect();
    if whole.is_none() {
        foretold.push("an address that the configuration does not say".to_owned());
    }
    ProbedName {
        name: host.to_owned(),
        foretold,
        seen: seen.iter().map(IpAddr::to_string).collect(),
        agreement,
    }
}

/// A running load balancer that takes a target for healthy, and is wrong.
fn health_differs(world: &World, before: &Facts<'_>, probed: &TargetProbed) -> Option<String> {
    if before.source != FactSource::Running || probed.seen.works() != Works::No {
        return None;
    }
    // What an application answers elsewhere its health check does not tell.
    if matches!(probed.seen, AtTarget::Asked(Observed::Answer { .. })) {
        return None;
    }
    let at = world.model.target_groups.iter().position(|group| group.name == probed.group)?;
    let group = model::GroupId(at as u32);
    let mut targets = world.model[group].targets.iter();
    let at = targets.position(|target| target.to_string() == probed.target)?;
    let known = (before.targets)(group, at);
    (known.state == HealthState::Healthy && known.observed_unix.is_some()).then(|| {
        format!(
            "{} of target_group.{}: foretold: healthy, to its health check; seen: {}",
            probed.target,
            probed.group,
            probed.seen.words()
        )
    })
}

fn target(probed: &TargetProbed) -> ProbedTarget {
    ProbedTarget {
        group: probed.group.clone(),
        target: probed.target.clone(),
        to: probed.to.map(|to| to.to_string()),
        seen: probed.seen.words(),
        works: probed.seen.works(),
    }
}

fn list(all: &[String], nothing: &str) -> String {
    match all {
        [] => nothing.to_owned(),
        all => all.join(", "),
    }
}
