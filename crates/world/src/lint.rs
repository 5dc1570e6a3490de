//! What is declared without error and is probably not what was meant. Nothing is reported that
//! cannot be proved from the model.

mod admission;
mod answers;
mod behind;
mod names;
mod routing;
mod sent;
mod shadow;
mod translated;
mod unused;
mod zones;

use std::collections::BTreeSet;

use model::{
    Action, Application, CertificateId, Condition, Finding, GroupId, ListenerId, LoadBalancerId,
    Matcher, Model, Place, Rule, Target, TargetGroup,
};

use crate::{NameIndex, actions, instance_of};

/// All lints. `certificate_names` answers the names a certificate covers, if they are known.
pub fn lint(
    model: &Model,
    certificate_names: &dyn Fn(CertificateId) -> Option<Vec<String>>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    shadow::lint(model, &mut findings);
    routing::lint(model, certificate_names, &mut findings);
    admission::lint(model, &mut findings);
    unused::lint(model, &mut findings);
    behind::lint(model, &mut findings);
    let index = NameIndex::of(model);
    let led = names::Led::of(model, &index);
    answers::lint(model, led.as_ref(), certificate_names, &mut findings);
    if let Some(led) = &led {
        names::lint(model, &index, led, certificate_names, &mut findings);
        zones::lint(model, &index, &mut findings);
    }
    translated::lint(model, &index, &mut findings);
    findings
}

/// What the load balancer forwards to.
fn forwarded_groups(model: &Model, id: LoadBalancerId) -> BTreeSet<GroupId> {
    let mut groups = BTreeSet::new();
    for action in model[id].listeners.iter().flat_map(|id| actions(&model[*id])) {
        if let Action::Forward(forward) = action {
            groups.extend(forward.groups.iter().map(|weighted| weighted.group));
        }
    }
    groups
}

/// The hosts that a rule names without a pattern.
fn literal_hosts(rule: &Rule) -> Vec<&str> {
    let mut hosts = Vec::new();
    for condition in &rule.conditions {
        if let Condition::Host(values) | Condition::ServerName(values) = condition {
            hosts.extend(values.iter().filter_map(|value| match value {
                Matcher::Wildcard(wildcard) if wildcard.is_literal() => Some(wildcard.source()),
                Matcher::Wildcard(_) | Matcher::Regex(_) => None,
            }));
        }
    }
    hosts
}

fn names_host(model: &Model, id: ListenerId, host: &str) -> bool {
    let rules = model[id].rules.iter();
    rules.flat_map(literal_hosts).any(|named| named.eq_ignore_ascii_case(host))
}

/// An application by the words of an operator.
fn application_words(
    model: &Model,
    group: &TargetGroup,
    target: &Target,
    application: &Application,
) -> String {
    match instance_of(model, target) {
        Some(id) if !application.name.is_empty() => {
            format!("application \"{}\" of `instance.{}`", application.name, model[id].name)
        }
        Some(_) | None => format!("the application of `target_group.{}`", group.name),
    }
}

/// Where an application says something, unless it says so in a file of its own.
fn in_configuration<'m>(application: &'m Application, place: &'m Place) -> &'m Place {
    if place.file == application.place.file { place } else { &application.place }
}

#[cfg(test)]
pub mod tests;
