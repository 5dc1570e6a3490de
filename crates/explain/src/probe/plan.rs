//! What a probe is to ask.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::{Asker, ForwardedForMode, TargetAddress, TargetAuthorities};
use world::World;

use super::{Plan, Proof, Sends, TARGETS_MAX, TargetCall};
use crate::atlas::Atlas;
use crate::facts::{FactSource, Facts};
use crate::hop::{Aimed, Hop, Trace};
use crate::question::{Client, Request};
use crate::space::of_asker;
use crate::walk::{addresses, walk};

/// Headers that the load balancer writes itself, and those of one connection.
const NOT_PASSED_ON: &[&str] =
    &["host", "connection", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-port"];

/// Asks the walk of everybody whom the question is about: packets may come to go as any of them.
pub fn plan(atlas: &Atlas<'_>, facts: &Facts<'_>, request: &Request, asker: Asker) -> Plan {
    let world = atlas.world;
    let set = of_asker(&world.model, asker);
    let v4 = set.v4_ranges().map(|(first, last)| (IpAddr::from(first), IpAddr::from(last)));
    let v6 = set.v6_ranges().map(|(first, last)| (IpAddr::from(first), IpAddr::from(last)));
    let mut plan = Plan {
        clients: v4.chain(v6).collect(),
        addresses: Vec::new(),
        sends: Sends::of_method(&request.method),
        targets: Vec::new(),
    };
    for class in &atlas.classes_of(asker).classes {
        let ask = request.ask(&class.example);
        for address in addresses(world, facts, &ask) {
            let known = address.or_else(|| on_this_host(facts, &class.example));
            plan.addresses.extend(known.filter(|known| !plan.addresses.contains(known)));
        }
        let mut aims = Aims::default();
        walk(world, facts, &ask, &mut aims);
        for aimed in aims.0 {
            let call = call(world, request, &aimed, &class.example);
            let known = plan.targets.iter().any(|other| {
                (&other.group, &other.target, &other.url) == (&call.group, &call.target, &call.url)
            });
            if !known && plan.targets.len() < TARGETS_MAX {
                plan.targets.push(call);
            }
        }
    }
    plan
}

/// A load balancer without addresses has every one of its host, and who runs answers from there.
fn on_this_host(facts: &Facts<'_>, client: &Client) -> Option<IpAddr> {
    match (facts.source, client.piece.first) {
        (FactSource::Running, IpAddr::V4(_)) => Some(Ipv4Addr::LOCALHOST.into()),
        (FactSource::Running, IpAddr::V6(_)) => Some(Ipv6Addr::LOCALHOST.into()),
        (FactSource::Proof | FactSource::Configuration, _) => None,
    }
}

/// Keeps the targets that a request may go to.
#[derive(Default)]
struct Aims(BTreeSet<Aimed>);

impl Trace for Aims {
    const LISTENS: bool = false;

    fn hop(&mut self, _: impl FnOnce() -> Hop) {}

    fn aim(&mut self, aimed: impl FnOnce() -> Aimed) {
        self.0.insert(aimed());
    }
}

/// The request as the target gets it (ALB.md §6a), as far as an application may look at it.
fn call(world: &World, request: &Request, aimed: &Aimed, client: &Client) -> TargetCall {
    let model = &world.model;
    let group = &model[aimed.group];
    let target = &group.targets[aimed.target];
    let listener = &model[aimed.listener];
    let (addresses, name) = match &target.address {
        TargetAddress::Ip(address) => (vec![*address], None),
        TargetAddress::Instance { id, .. } => (model[*id].addresses.clone(), None),
        TargetAddress::Name(host) => (Vec::new(), Some(host.0.clone())),
    };
    let mut headers = vec![("Host".to_owned(), aimed.host.clone())];
    let passed = |name: &str| !NOT_PASSED_ON.iter().any(|other| name.eq_ignore_ascii_case(other));
    headers.extend(request.headers.iter().filter(|(name, _)| passed(name)).cloned());
    let named = request.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case("x-forwarded-for"));
    let received: Vec<String> = named.map(|(_, value)| value.clone()).collect();
    let seen = client.seen_as.unwrap_or(client.piece.first).to_string();
    let forwarded = match model[listener.load_balancer].attributes.forwarded_for {
        ForwardedForMode::Append => [received, vec![seen]].concat(),
        ForwardedForMode::Preserve => received,
        ForwardedForMode::Remove => Vec::new(),
    };
    if !forwarded.is_empty() {
        headers.push(("X-Forwarded-For".to_owned(), forwarded.join(", ")));
    }
    headers.push(("X-Forwarded-Proto".to_owned(), listener.protocol.scheme().to_owned()));
    headers.push(("X-Forwarded-Port".to_owned(), listener.port.to_string()));
    let proof = group.verification.as_ref().map(|verification| Proof {
        authorities: match &verification.authorities {
            TargetAuthorities::System => None,
            TargetAuthorities::File(path) => Some(path.clone()),
        },
        name: verification.name.as_ref().map(|host| host.0.clone()),
    });
    TargetCall {
        group: group.name.clone(),
        target: target.to_string(),
        addresses,
        name,
        proof,
        port: target.port,
        url: format!("{}://{target}{}", group.protocol.scheme(), aimed.url),
        headers,
    }
}
