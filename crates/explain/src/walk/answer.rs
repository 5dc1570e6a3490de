//! Hop 1: what the name leads to for this client, by the decision of our own name server.

use std::collections::BTreeSet;

use model::{
    GroupId, LoadBalancerId, Model, NetworkId, Obstacle, Policy, Record, RecordData, Role, ZoneId,
};
use verdict::answer::{Asker, Names, load_balancer_healthy};
use verdict::name::{Destination, Resolved, Unresolved, resolve};

use super::Walk;
use crate::hop::{Evidence, Hop, Near, Trace};
use crate::outcome::{Outcome, Sees, Stage};

/// Records that are told of besides those that decided.
const NEAR_MAX: usize = 5;

/// Where a name leads.
pub struct Led {
    pub destinations: Vec<Destination>,
    /// The ways that end with the name.
    pub outcomes: BTreeSet<Outcome>,
}

impl Led {
    fn to(destinations: Vec<Destination>) -> Led {
        Led { destinations, outcomes: BTreeSet::new() }
    }

    fn ends(outcome: Outcome) -> Led {
        Led { destinations: Vec::new(), outcomes: BTreeSet::from([outcome]) }
    }
}

impl Walk<'_> {
    pub fn led<T: Trace>(&self, trace: &mut T) -> Led {
        let model = &self.world.model;
        let host = &self.ask.url.host;
        if let Some(address) = self.ask.url.address() {
            let text = format!("{address} is an address: no name is asked");
            trace.hop(|| Hop::passed(Stage::Name, text));
            return Led::to(vec![Destination::Address(model::canonical(address))]);
        }
        if let Some(to) = self.ask.to {
            let text =
                format!("{host} is taken to be load_balancer.{}, as you say", model[to].name);
            trace.hop(|| Hop::passed(Stage::Name, text).because(Evidence::Assumed));
            return Led::to(vec![Destination::LoadBalancer(to)]);
        }
        let group_healthy = |group| self.group_healthy(group);
        let balancer_healthy = |id| load_balancer_healthy(model, id, &group_healthy);
        let asker = Asker {
            load_balancer_healthy: &balancer_healthy,
            group_healthy: &group_healthy,
            ..Asker::within(self.ask.networks)
        };
        let name = host.to_ascii_lowercase();
        let name = name.strip_suffix('.').unwrap_or(&name);
        match resolve(model, self.world.names(), name, &asker) {
            Ok(resolved) => {
                let mut led = Led::to(resolved.destinations.clone());
                if let Some(name) = &resolved.elsewhere {
                    trace.hop(|| {
                        let text = format!("{host} leads to {name}, which is kept elsewhere");
                        at_last(Hop::not_known(Stage::Name, text), &resolved.records)
                    });
                    led.outcomes.insert(self.outcome(Sees::NotKnown, None, Stage::Name));
                }
                if !led.destinations.is_empty() {
                    trace.hop(|| self.resolved_hop(&resolved));
                }
                led
            }
            // Nothing is declared: somebody else's server may know.
            Err(Unresolved { obstacle: Obstacle::NameNoRecord, zone: None, .. }) => {
                match self.assumed_destination(trace) {
                    Ok(destinations) => Led::to(destinations),
                    Err(outcome) => Led::ends(outcome),
                }
            }
            Err(missing) => {
                trace.hop(|| self.unresolved_hop(&missing));
                let cause = Some(missing.obstacle.into());
                Led::ends(self.outcome(Sees::NameNotFound, cause, Stage::Name))
            }
        }
    }

    fn group_healthy(&self, group: GroupId) -> bool {
        self.facts.group_healthy(&self.world.model, group)
    }

    fn resolved_hop(&self, resolved: &Resolved<'_>) -> Hop {
        let model = &self.world.model;
        let ends: Vec<String> =
            resolved.destinations.iter().map(|d| self.destination_words(*d)).collect();
        let view = resolved.records.iter().find(|r| !r.visible_to.is_empty());
        let view = match (view, resolved.zone.map(|id| &model[id])) {
            (Some(record), _) => format!("the view of {}", networks(model, &record.visible_to)),
            (None, Some(zone)) if !zone.visible_to.is_empty() => {
                format!("the private zone {} of {}", zone.name.0, networks(model, &zone.visible_to))
            }
            (None, Some(zone)) => format!("the zone {}", zone.name.0),
            (None, None) => "the public view".to_owned(),
        };
        let chosen = self.chosen_words(&resolved.records);
        let text = format!("{} → {} ({view}{chosen})", self.ask.url.host, ends.join(", "));
        let hop = Hop::passed(Stage::Name, text).near(self.others(resolved));
        at_last(hop, &resolved.records)
    }

    /// By which policy.
    fn chosen_words(&self, records: &[&Record]) -> String {
        let routed = records.iter().find(|record| *record.policy() != Policy::Simple);
        let Some(record) = routed else { return String::new() };
        let model = &self.world.model;
        let why = match record.policy() {
            Policy::Simple => return String::new(),
            Policy::Weighted(_) => "by weight".to_owned(),
            Policy::Failover(Role::Primary) => "failover: the primary".to_owned(),
            Policy::Failover(Role::Secondary) => "failover: the secondary".to_owned(),
            Policy::Multivalue => "up to eight healthy ones".to_owned(),
            Policy::Geolocation(ids) if ids.is_empty() => "geolocation: the default".to_owned(),
            Policy::Geolocation(ids) => format!("geolocation: {}", networks(model, ids)),
            Policy::Latency(from) => match self.measured(from) {
                Some(time) => format!("the lowest latency: {time} ms"),
                None => "by latency, and nothing was measured from here".to_owned(),
            },
        };
        format!("; {why}")
    }

    fn measured(&self, from: &[(NetworkId, u32)]) -> Option<u32> {
        let of = |network: &NetworkId| from.iter().find(|(id, _)| id == network);
        self.ask.networks.iter().find_map(of).map(|(_, time)| *time)
    }

    /// The other records of the names that were followed, and why they were not answered.
    fn others(&self, resolved: &Resolved<'_>) -> Vec<Near> {
        let model = &self.world.model;
        let mut names: Vec<(Option<ZoneId>, &str)> = Vec::new();
        for record in &resolved.records {
            if !names.contains(&(record.zone, &record.name.0)) {
                names.push((record.zone, &record.name.0));
            }
        }
        let ids = names.into_iter().flat_map(|(zone, name)| {
            self.world.names().at(zone, name).unwrap_or(&[]).iter().copied()
        });
        let others = ids.map(|id| &model[id]).filter(|record| {
            leads(record) && !resolved.records.iter().any(|chosen| std::ptr::eq(*chosen, *record))
        });
        others.take(NEAR_MAX).map(|record| Near::new(self.why_not(record), &record.place)).collect()
    }

    fn why_not(&self, record: &Record) -> String {
        let model = &self.world.model;
        let visible = |network: &NetworkId| self.ask.networks.contains(network);
        if !record.visible_to.is_empty() && !record.visible_to.iter().any(visible) {
            return format!("another is for {}", networks(model, &record.visible_to));
        }
        if let Some(unhealthy) = self.unhealthy_words(record) {
            return format!("another is out: {unhealthy}");
        }
        match record.policy() {
            Policy::Simple if record.visible_to.is_empty() => {
                "another is for everybody else".to_owned()
            }
            Policy::Simple | Policy::Multivalue => "another was not chosen".to_owned(),
            Policy::Weighted(weight) => format!("another has the weight {weight}"),
            Policy::Failover(Role::Primary) => "the primary is another".to_owned(),
            Policy::Failover(Role::Secondary) => "the secondary is not needed".to_owned(),
            Policy::Geolocation(ids) if ids.is_empty() => "another is the default".to_owned(),
            Policy::Geolocation(ids) => format!("another is for {}", networks(model, ids)),
            Policy::Latency(from) => match self.measured(from) {
                Some(time) => format!("another is {time} ms away"),
                None => "of another nothing was measured from here".to_owned(),
            },
        }
    }

    fn unhealthy_words(&self, record: &Record) -> Option<String> {
        let model = &self.world.model;
        let routing = record.routing.as_ref()?;
        if let Some(group) = routing.healthy_while.filter(|group| !self.group_healthy(*group)) {
            return Some(format!("target_group.{} has no healthy target", model[group].name));
        }
        let RecordData::Alias(id) = &record.data else { return None };
        let healthy = |id: LoadBalancerId| {
            load_balancer_healthy(model, id, &|group| self.group_healthy(group))
        };
        (routing.evaluate_target_health && !healthy(*id))
            .then(|| format!("load_balancer.{} is unhealthy", model[*id].name))
    }

    fn unresolved_hop(&self, missing: &Unresolved<'_>) -> Hop {
        let model = &self.world.model;
        let host = &self.ask.url.host;
        let zone = missing.zone.map(|id| &model[id]);
        let text = match (missing.obstacle, zone) {
            (Obstacle::NameNoRecord, Some(zone)) => {
                format!("{host}: the zone {} has no such name", zone.name.0)
            }
            (Obstacle::NameNoData, Some(zone)) => {
                format!("{host}: the zone {} has the name, and no address for it", zone.name.0)
            }
            (Obstacle::NamePrivateZone, Some(zone)) => format!(
                "{host}: {} gets the private zone {}, which does not have it, and never the public one",
                networks(model, &zone.visible_to),
                zone.name.0
            ),
            (obstacle, _) => format!("{host}: {}", obstacle.text()),
        };
        let near = missing.records.iter().take(NEAR_MAX).map(|record| {
            let text = match (missing.obstacle, &record.visible_to[..], record.zone) {
                (Obstacle::NamePrivateZone, _, _) => "everybody else gets this one".to_owned(),
                (Obstacle::NameNoData | Obstacle::NameLoop, _, _) => "there is this".to_owned(),
                (_, [], Some(zone)) => {
                    format!("there is one for {}", networks(model, &model[zone].visible_to))
                }
                (_, ids, _) => format!("there is one for {}", networks(model, ids)),
            };
            Near::new(text, &record.place)
        });
        let hop = Hop::stopped(Stage::Name, missing.obstacle, text).near(near.collect());
        match zone {
            Some(zone) => hop.at(&zone.place),
            None => hop,
        }
    }
}

/// Whether a record has to do with where a name leads.
fn leads(record: &Record) -> bool {
    match &record.data {
        RecordData::Addresses(_)
        | RecordData::Alias(_)
        | RecordData::AliasName(_)
        | RecordData::Canonical(_) => true,
        RecordData::NameServers(_) | RecordData::Authority | RecordData::Data { .. } => false,
    }
}

fn at_last(hop: Hop, records: &[&Record]) -> Hop {
    match records.last() {
        Some(record) => hop.at(&record.place),
        None => hop,
    }
}

fn networks(model: &Model, ids: &[NetworkId]) -> String {
    let names: Vec<&str> = ids.iter().map(|id| &*model[*id].name).collect();
    names.join(", ")
}
