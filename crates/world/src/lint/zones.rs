//! Names that one network or one IP family finds elsewhere than the others (USERS.md §4, rows 16 and 18).

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::{Finding, LoadBalancerId, Model, Obstacle, Place, ZoneId};
use verdict::answer::Asker;
use verdict::name::{Destination, resolve};

use crate::{NameIndex, load_balancers_at};

/// Names that are told of.
const NAMES_MAX: usize = 3;

pub fn lint(model: &Model, index: &NameIndex, findings: &mut Vec<Finding>) {
    let names: BTreeSet<&str> = model
        .records
        .iter()
        .map(|record| &*record.name.0)
        .filter(|name| !name.starts_with('*'))
        .collect();
    for id in (0..model.zones.len() as u32).map(ZoneId) {
        hidden(model, index, &names, id, findings);
    }
    for name in names {
        other_family(model, index, name, findings);
    }
}

// === hidden-by-private-zone ===

/// A private zone takes all names of the public one from its clients (ALB.md §10, split horizon).
fn hidden(
    model: &Model,
    index: &NameIndex,
    names: &BTreeSet<&str>,
    id: ZoneId,
    findings: &mut Vec<Finding>,
) {
    let zone = &model[id];
    let Some(network) = zone.visible_to.first() else { return };
    let inside = Asker::within(std::slice::from_ref(network));
    let mut missing: Vec<(&str, &Place)> = Vec::new();
    for name in names.iter().copied() {
        let below = name.strip_suffix(zone.name.0.as_str());
        if !below.is_some_and(|rest| rest.is_empty() || rest.ends_with('.')) {
            continue;
        }
        let Err(unresolved) = resolve(model, index, name, &inside) else { continue };
        let is_hidden = unresolved.obstacle == Obstacle::NamePrivateZone;
        if !is_hidden || unresolved.zone != Some(id) {
            continue;
        }
        let Ok(public) = resolve(model, index, name, &Asker::within(&[])) else { continue };
        let leads_here = |to: &Destination| !load_balancers_at(model, *to).is_empty();
        if let Some(record) = public.records.last()
            && public.destinations.iter().any(leads_here)
        {
            missing.push((name, &record.place));
        }
    }
    let Some((_, place)) = missing.first() else { return };
    let shown: Vec<String> =
        missing.iter().take(NAMES_MAX).map(|(name, _)| format!("`{name}`")).collect();
    let more = match missing.len().saturating_sub(NAMES_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let text = format!(
        "clients of `network.{}` do not find {}{more}: they get this private zone, which does not have it",
        model[*network].name,
        shown.join(", ")
    );
    findings.push(
        Finding::warning("lint/hidden-by-private-zone", &zone.place, text)
            .related(place, "everybody else is led to a load balancer here")
            .hint("write the names into the private zone too, or give it a narrower name"),
    );
}

// === other-family-elsewhere ===

/// Of two families one leads to a load balancer and the other past all of them.
fn other_family(model: &Model, index: &NameIndex, name: &str, findings: &mut Vec<Finding>) {
    let Ok(resolved) = resolve(model, index, name, &Asker::within(&[])) else { return };
    let addresses: Vec<IpAddr> = resolved
        .destinations
        .iter()
        .filter_map(|to| match to {
            Destination::Address(address) => Some(*address),
            Destination::LoadBalancer(_) => None,
        })
        .collect();
    let led = |address: &IpAddr| load_balancers_at(model, Destination::Address(*address));
    let of = |v4: bool| addresses.iter().filter(move |address| address.is_ipv4() == v4);
    for v4 in [true, false] {
        let balancers: BTreeSet<LoadBalancerId> = of(v4).flat_map(led).collect();
        let (Some(id), Some(stray)) = (balancers.first(), of(!v4).next()) else { continue };
        // One that listens on every address of its host may have any.
        let anywhere = model.load_balancers.iter().any(|lb| {
            lb.public_addresses.is_empty()
                && (lb.addresses.is_empty() || lb.addresses.iter().any(IpAddr::is_unspecified))
        });
        if anywhere || of(!v4).any(|address| !led(address).is_empty()) {
            continue;
        }
        let says = |record: &&model::Record| match &record.data {
            model::RecordData::Addresses(all) => all.contains(stray),
            model::RecordData::Alias(_)
            | model::RecordData::AliasName(_)
            | model::RecordData::Canonical(_)
            | model::RecordData::NameServers(_)
            | model::RecordData::Authority
            | model::RecordData::Data { .. } => false,
        };
        let Some(record) = resolved.records.iter().copied().find(says) else { continue };
        // That nothing has the address is said already.
        if findings
            .iter()
            .any(|one| one.code == "lint/no-such-address" && one.place == record.place)
        {
            continue;
        }
        let (own, other) = if v4 { ("IPv4", "IPv6") } else { ("IPv6", "IPv4") };
        let text = format!(
            "`{name}` leads to the load balancer `{}` over {own}, and past every load balancer over {other}: {stray}",
            model[*id].name
        );
        findings.push(
            Finding::warning("lint/other-family-elsewhere", &record.place, text)
                .related(&model[*id].place, format!("it has no {other} address"))
                .hint(format!(
                    "write `alias = load_balancer.{}`, or give the load balancer the address",
                    model[*id].name
                )),
        );
    }
}
