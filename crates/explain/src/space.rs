//! Networks as sets of addresses (HOUSE.md), and their words.

use std::net::IpAddr;

use ipnet::IpNet;
use model::{AddressSet, Asker, Model, NetworkId};
use verdict::name::SCOPE_PREFIXES;

/// An inclusive range of one family within which every decision is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Piece {
    pub first: IpAddr,
    pub last: IpAddr,
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
