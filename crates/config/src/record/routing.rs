//! Which of several records of a name is answered (ALB.md §10).

use hcl_edit::expr::Expression;
use model::{GroupId, NetworkId, Policy, RecordData, Role, Routing};

use crate::names::Kind;
use crate::section::Section;

/// Longer, and the measurement is one of something else.
const MILLISECONDS_MAX: u64 = 60_000;

pub fn read(section: &Section<'_>, data: &[RecordData]) -> Routing {
    let weight = section.number("weight", 0..=255).map(|weight| Policy::Weighted(weight as u8));
    let roles = [("primary", Role::Primary), ("secondary", Role::Secondary)];
    let failover = section.choice("failover", &roles).map(Policy::Failover);
    let multivalue =
        section.flag("multivalue").and_then(|is_on| is_on.then_some(Policy::Multivalue));
    let geolocation = section.value("geolocation").and_then(|value| geolocation(section, value));
    let latency = latency(section);
    let policies: Vec<Policy> =
        [weight, failover, multivalue, geolocation, latency].into_iter().flatten().collect();
    if let [first, second, ..] = &policies[..] {
        let text = format!("{} has several routing policies", section.title);
        let hint = format!(
            "a name has one: `{}` or `{}`, for all its records",
            first.word(),
            second.word()
        );
        section.push(section.error("config/conflict", text).hint(hint));
    }
    let evaluate = section.flag("evaluate_target_health").unwrap_or(false);
    let healthy_while = section.value("healthy_while").and_then(|value| {
        section.reference("healthy_while", value, Kind::TargetGroup).map(GroupId)
    });
    let is_alias =
        |data: &RecordData| matches!(data, RecordData::Alias(_) | RecordData::AliasName(_));
    if evaluate && !data.is_empty() && !data.iter().any(is_alias) {
        let text =
            format!("`evaluate_target_health` is for aliases, and {} is none", section.title);
        let hint = "write `healthy_while = target_group.name`";
        section.push(section.error("config/conflict", text).hint(hint));
    }
    let policy = policies.into_iter().next().unwrap_or(Policy::Simple);
    if policy == Policy::Simple && healthy_while.is_some() {
        let text = format!("{} is answered whether it is healthy or not", section.title);
        section.push(section.error("config/conflict", text).hint(
            "`healthy_while` is for records with a routing policy: add `failover`, `weight` or `multivalue = true`",
        ));
    }
    if policy == Policy::Multivalue && data.iter().any(is_alias) {
        let text = format!("{} is an alias, which cannot be multivalue", section.title);
        section.push(section.error("config/conflict", text).hint("write `weight` instead"));
    }
    Routing { policy, evaluate_target_health: evaluate, healthy_while }
}

/// What of it concerns one of the kinds of data that stand in the block.
pub fn of(routing: &Routing, data: &RecordData) -> Option<Routing> {
    let evaluate_target_health = routing.evaluate_target_health && is_alias(data);
    let routing = Routing { evaluate_target_health, ..routing.clone() };
    let is_default = routing.policy == Policy::Simple
        && !evaluate_target_health
        && routing.healthy_while.is_none();
    (!is_default).then_some(routing)
}

fn is_alias(data: &RecordData) -> bool {
    matches!(data, RecordData::Alias(_) | RecordData::AliasName(_))
}

/// Networks, or `"default"`.
fn geolocation<'s>(section: &Section<'s>, value: &'s Expression) -> Option<Policy> {
    if let Expression::String(text) = value {
        if text.value() == "default" {
            return Some(Policy::Geolocation(Vec::new()));
        }
        let hint = "write `[network.name]`, or `\"default\"` for everybody else";
        section.invalid(value, format!("`{}` is no network", text.value()), hint);
        return None;
    }
    let find = |item| section.reference("geolocation", item, Kind::Network).map(NetworkId);
    let networks: Vec<NetworkId> = Section::items(value).into_iter().filter_map(find).collect();
    (!networks.is_empty()).then_some(Policy::Geolocation(networks))
}

/// `latency { from = network.office  milliseconds = 12 }`, once for each network.
fn latency(section: &Section<'_>) -> Option<Policy> {
    let blocks = section.blocks("latency");
    if blocks.is_empty() {
        return None;
    }
    let mut measured = Vec::new();
    for block in blocks {
        let section = Section::new(section.context, section.origin, "latency", block);
        section.label(block, false);
        let from = section.required("from", "network.name").map(|value| {
            let find = |item| section.reference("from", item, Kind::Network).map(NetworkId);
            Section::items(value).into_iter().filter_map(find).collect::<Vec<_>>()
        });
        let time = section
            .required("milliseconds", "12")
            .and_then(|value| section.number_in("milliseconds", value, 0..=MILLISECONDS_MAX));
        if let (Some(from), Some(time)) = (from, time) {
            measured.extend(from.into_iter().map(|network| (network, time as u32)));
        }
        section.finish();
    }
    Some(Policy::Latency(measured))
}
