//! Rules that name clients by addresses which the load balancer never sees (USERS.md §4, row 19).

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use model::{AddressSet, Finding, LoadBalancerId, Model, NetworkId, Peer, SecurityRule};
use verdict::admit::admitted_set;
use verdict::answer::Asker;
use verdict::name::{Destination, Scope, resolve, scope};

use super::names::RECORDS_MAX;
use crate::admission::ingress;
use crate::{NameIndex, alias_addresses, has_address};

pub fn lint(model: &Model, index: &NameIndex, findings: &mut Vec<Finding>) {
    let translated = |id: &NetworkId| !model[*id].seen_as.is_empty();
    let networks: Vec<NetworkId> =
        (0..model.networks.len() as u32).map(NetworkId).filter(translated).collect();
    if networks.is_empty() || model.records.len() > RECORDS_MAX {
        return;
    }
    let led: Vec<(NetworkId, BTreeSet<Destination>)> =
        networks.into_iter().map(|network| (network, led(model, index, network))).collect();
    for id in (0..model.load_balancers.len() as u32).map(LoadBalancerId) {
        let groups = &model[id].security_groups;
        for rule in groups.iter().flat_map(|group| &model[*group].ingress) {
            for (network, led) in &led {
                if names(model, rule, *network) && !findings.iter().any(|f| f.place == rule.place) {
                    findings.extend(hidden(model, id, rule, *network, led));
                }
            }
        }
    }
}

/// Whether the rule is about the inner addresses of the network.
fn names(model: &Model, rule: &SecurityRule, network: NetworkId) -> bool {
    rule.peers.iter().any(|peer| match peer {
        Peer::Network(id) => *id == network,
        Peer::Cidr(net) => model[network].cidrs.iter().any(|own| own.contains(net)),
        Peer::SecurityGroup(_) | Peer::Instance(_) | Peer::Anywhere => false,
    })
}

fn hidden(
    model: &Model,
    id: LoadBalancerId,
    rule: &SecurityRule,
    network: NetworkId,
    led: &BTreeSet<Destination>,
) -> Option<Finding> {
    let addresses = addresses_of(model, id, led);
    // By a private address they may come as they are.
    if addresses.is_empty() || addresses.iter().any(|address| scope(*address) != Scope::Global) {
        return None;
    }
    let admission = ingress(model, &model[id]);
    let listeners = model[id].listeners.iter().map(|listener| &model[*listener]);
    let outer: AddressSet = model[network].seen_as.iter().copied().collect();
    let refused = |port: u16| admitted_set(&admission, port).and(&outer).is_empty();
    let port = listeners.map(|listener| listener.port).find(|port| rule.ports.contains(*port))?;
    if !refused(port) {
        return None;
    }
    let name = &model[network].name;
    let seen: Vec<String> = model[network].seen_as.iter().map(IpNet::to_string).collect();
    let quoted: Vec<String> = seen.iter().map(|net| format!("\"{net}\"")).collect();
    let text = format!(
        "this names `network.{name}` by its inner addresses, and the load balancer `{}` sees its \
         clients as {}",
        model[id].name,
        seen.join(", ")
    );
    Some(
        Finding::warning("lint/source-hidden", &rule.place, text)
            .related(&model[network].place, "a gateway translates its addresses: `seen_as`")
            .hint(format!("add {} to `from`", quoted.join(", "))),
    )
}

/// Everywhere that names lead clients of the network.
fn led(model: &Model, index: &NameIndex, network: NetworkId) -> BTreeSet<Destination> {
    let names: BTreeSet<&str> = model.records.iter().map(|record| &*record.name.0).collect();
    let asker = Asker::within(std::slice::from_ref(&network));
    let all = names.into_iter().filter_map(|name| resolve(model, index, name, &asker).ok());
    all.flat_map(|resolved| resolved.destinations).collect()
}

/// Where they find the load balancer; without a name, all that it has.
fn addresses_of(
    model: &Model,
    id: LoadBalancerId,
    led: &BTreeSet<Destination>,
) -> BTreeSet<IpAddr> {
    let lb = &model[id];
    let mut found = BTreeSet::new();
    for to in led {
        match to {
            Destination::Address(address) if has_address(lb, *address) => {
                found.insert(*address);
            }
            Destination::LoadBalancer(alias) if *alias == id => found.extend(alias_addresses(lb)),
            Destination::Address(_) | Destination::LoadBalancer(_) => {}
        }
    }
    if found.is_empty() {
        found.extend(lb.addresses.iter().chain(&lb.public_addresses));
    }
    found
}
