//! Networks as sets (HOUSE.md): the address space is cut at every prefix that is mentioned, and each
//! piece is asked once.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use model::{AddressSet, Asker, Condition, Model, NetworkId};
use verdict::name::SCOPE_PREFIXES;
use world::World;

/// Where the answer may change: the first address of every piece.
#[derive(Clone, Debug, Default)]
pub struct Cuts {
    v4: BTreeSet<u32>,
    v6: BTreeSet<u128>,
}

/// An inclusive range of one family within which every decision is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Piece {
    pub first: IpAddr,
    pub last: IpAddr,
}

impl Cuts {
    /// At everything the World mentions.
    pub fn of(world: &World) -> Cuts {
        let model = &world.model;
        let mut cuts = Cuts::default();
        for text in SCOPE_PREFIXES {
            if let Ok(net) = text.parse() {
                cuts.at_net(net);
            }
        }
        for network in &model.networks {
            network.cidrs.iter().chain(&network.seen_as).for_each(|net| cuts.at_net(*net));
        }
        for id in 0..model.load_balancers.len() as u32 {
            for rule in &world.ingress(model::LoadBalancerId(id)).rules {
                cuts.at_set(&rule.peers);
            }
        }
        for instance in (0..model.instances.len() as u32).map(model::InstanceId) {
            for rule in &world.ingress_of_instance(instance).rules {
                cuts.at_set(&rule.peers);
            }
        }
        let conditions =
            model.listeners.iter().flat_map(|l| &l.rules).flat_map(|rule| &rule.conditions);
        for condition in conditions {
            if let Condition::SourceIp(nets) = condition {
                nets.iter().for_each(|net| cuts.at_net(*net));
            }
        }
        cuts
    }

    fn at_net(&mut self, net: IpNet) {
        match net {
            IpNet::V4(net) => self.at_v4(net.network().into(), net.broadcast().into()),
            IpNet::V6(net) => self.at_v6(net.network().into(), net.broadcast().into()),
        }
    }

    fn at_set(&mut self, set: &AddressSet) {
        set.v4_ranges().for_each(|(a, b)| self.at_v4(a.into(), b.into()));
        set.v6_ranges().for_each(|(a, b)| self.at_v6(a.into(), b.into()));
    }

    fn at_v4(&mut self, first: u32, last: u32) {
        self.v4.insert(first);
        self.v4.extend(last.checked_add(1));
    }

    fn at_v6(&mut self, first: u128, last: u128) {
        self.v6.insert(first);
        self.v6.extend(last.checked_add(1));
    }

    /// How many pieces everything has.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len() + 2
    }

    pub fn is_empty(&self) -> bool {
        false
    }

    /// The set in pieces, in ascending order.
    pub fn pieces(&self, set: &AddressSet) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for (first, last) in set.v4_ranges() {
            let (mut at, last) = (u32::from(first), u32::from(last));
            for cut in self.v4.range(at.saturating_add(1)..=last.max(at.saturating_add(1))) {
                if *cut > last {
                    break;
                }
                pieces.push(v4(at, cut - 1));
                at = *cut;
            }
            pieces.push(v4(at, last));
        }
        for (first, last) in set.v6_ranges() {
            let (mut at, last) = (u128::from(first), u128::from(last));
            for cut in self.v6.range(at.saturating_add(1)..=last.max(at.saturating_add(1))) {
                if *cut > last {
                    break;
                }
                pieces.push(v6(at, cut - 1));
                at = *cut;
            }
            pieces.push(v6(at, last));
        }
        pieces
    }
}

fn v4(first: u32, last: u32) -> Piece {
    Piece { first: Ipv4Addr::from(first).into(), last: Ipv4Addr::from(last).into() }
}

fn v6(first: u128, last: u128) -> Piece {
    Piece { first: Ipv6Addr::from(first).into(), last: Ipv6Addr::from(last).into() }
}

// === sets ===

pub fn prefixes(set: &AddressSet) -> Vec<IpNet> {
    let v4 = set.v4_prefixes().into_iter().map(IpNet::V4);
    v4.chain(set.v6_prefixes().into_iter().map(IpNet::V6)).collect()
}

/// The addresses of a declared network.
pub fn network(model: &Model, id: NetworkId) -> AddressSet {
    model[id].cidrs.iter().copied().collect()
}

/// Every address that no declared network covers, and that is a client's on the internet
/// (DECISIONS 5).
pub fn internet(model: &Model) -> AddressSet {
    let declared: AddressSet = model
        .networks
        .iter()
        .flat_map(|network| network.cidrs.iter().chain(&network.seen_as))
        .copied()
        .collect();
    AddressSet::everything().minus(&declared).minus(&special())
}

/// What is nobody's address on the internet.
fn special() -> AddressSet {
    SCOPE_PREFIXES.iter().filter_map(|text| text.parse::<IpNet>().ok()).collect()
}

/// Whom an asker stands for.
pub fn of_asker(model: &Model, asker: Asker) -> AddressSet {
    match asker {
        Asker::Network(id) => network(model, id),
        Asker::Prefix(net) => [net].into_iter().collect(),
        Asker::Instance(id) => model[id].addresses.iter().map(|a| IpNet::from(*a)).collect(),
        Asker::Internet => internet(model),
        Asker::Anywhere => AddressSet::everything(),
    }
}

/// Networks of a set that are named.
const NAMES_MAX: usize = 8;

/// A set by the names of the networks it is made of, then by its prefixes.
pub fn words(model: &Model, set: &AddressSet, prefixes_max: usize) -> String {
    if *set == AddressSet::everything() {
        return "anywhere".to_owned();
    }
    if set.is_empty() {
        return "nobody".to_owned();
    }
    let mut rest = set.clone();
    let (mut names, mut named) = (Vec::new(), 0);
    for network in &model.networks {
        let own: AddressSet = network.cidrs.iter().copied().collect();
        if !own.is_empty() && rest.contains_all(&own) {
            named += 1;
            let cidrs: Vec<String> =
                network.cidrs.iter().take(2).map(ToString::to_string).collect();
            let more = if network.cidrs.len() > 2 { ", …" } else { "" };
            if named <= NAMES_MAX {
                names.push(format!("{} ({}{more})", network.name, cidrs.join(", ")));
            }
            rest = rest.minus(&own);
            // The gateway is the network, as the world sees it.
            let seen: AddressSet = network.seen_as.iter().copied().collect();
            if rest.contains_all(&seen) {
                rest = rest.minus(&seen);
            }
        }
    }
    if named > NAMES_MAX {
        names.push(format!("{} more networks", named - NAMES_MAX));
    }
    let outside = internet(model);
    let families = [("0.0.0.0/0", "IPv4"), ("::/0", "IPv6")].map(|(net, family)| {
        let net: Option<IpNet> = net.parse().ok();
        (net.into_iter().collect::<AddressSet>().and(&outside), family)
    });
    let whole = |(own, _): &&(AddressSet, &str)| !own.is_empty() && rest.contains_all(own);
    let found: Vec<&str> = families.iter().filter(whole).map(|(_, family)| *family).collect();
    match found[..] {
        [] => {}
        [only] => names.push(format!("internet ({only})")),
        _ => names.push("internet".to_owned()),
    }
    if !found.is_empty() {
        // What remains is not routed on the internet, and nobody declared it.
        let undeclared = rest.minus(&outside).and(&special());
        rest = rest.minus(&outside);
        if !undeclared.is_empty() && undeclared == rest {
            names.push("undeclared private addresses".to_owned());
            rest = AddressSet::default();
        }
    }
    let left = prefixes(&rest);
    names.extend(left.iter().take(prefixes_max).map(ToString::to_string));
    if left.len() > prefixes_max {
        names.push(format!("{} more prefixes", left.len() - prefixes_max));
    }
    names.join(", ")
}

impl Piece {
    /// The prefixes it is made of.
    pub fn words(&self) -> String {
        let set: AddressSet = [(self.first, self.last)].into_iter().collect();
        let prefixes: Vec<String> = prefixes(&set).iter().map(ToString::to_string).collect();
        match &prefixes[..] {
            [only] => only.clone(),
            _ => format!("{}–{}", self.first, self.last),
        }
    }
}
