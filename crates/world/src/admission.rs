//! Security groups resolved to addresses (ALB.md §9).

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use model::{
    AddressSet, LoadBalancer, Model, Peer, SecurityGroupId, SecurityRule, Target, TargetAddress,
};
use verdict::admit::{Admission, AdmissionRule, admit, admitted_set};

/// What the load balancer's groups let in. Without groups: everybody.
pub fn ingress(model: &Model, load_balancer: &LoadBalancer) -> Admission {
    of_groups(model, &load_balancer.security_groups, Direction::In)
}

/// What they let out. A group that declares no egress lets everything out.
pub fn egress(model: &Model, load_balancer: &LoadBalancer) -> Admission {
    of_groups(model, &load_balancer.security_groups, Direction::Out)
}

/// What the groups of an instance let in.
pub fn ingress_of(model: &Model, groups: &[SecurityGroupId]) -> Admission {
    of_groups(model, groups, Direction::In)
}

/// Whether a load balancer may connect to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MayConnect {
    Yes,
    No,
    /// Its name may lead to an address that is allowed, or to one that is not.
    NotKnown,
}

/// Asks `egress` about the port of every address of the target; one that is allowed is enough.
pub fn may_connect(model: &Model, egress: &Admission, target: &Target, port: u16) -> MayConnect {
    let addresses: Cow<'_, [IpAddr]> = match &target.address {
        TargetAddress::Ip(address) => Cow::Owned(vec![*address]),
        TargetAddress::Instance { id, .. } => Cow::Borrowed(&model[*id].addresses),
        // RFC 6761 §6.3: it is nothing else anywhere.
        TargetAddress::Name(name) if name.0 == "localhost" => {
            Cow::Owned(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
        }
        TargetAddress::Name(_) => Cow::Borrowed(&[]),
    };
    let allowed = |address: &IpAddr| admit(egress, *address, port, &mut ()).is_ok();
    if addresses.is_empty() {
        let everywhere = admitted_set(egress, port);
        return match everywhere.is_empty() {
            true => MayConnect::No,
            false if everywhere == AddressSet::everything() => MayConnect::Yes,
            false => MayConnect::NotKnown,
        };
    }
    match addresses.iter().any(allowed) {
        true => MayConnect::Yes,
        false => MayConnect::No,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    In,
    Out,
}

fn of_groups(model: &Model, groups: &[SecurityGroupId], direction: Direction) -> Admission {
    let mut admission = Admission { open: groups.is_empty(), rules: Vec::new() };
    for id in groups {
        let group = &model[*id];
        let rules = match (direction, &group.egress) {
            (Direction::In, _) => &group.ingress,
            (Direction::Out, Some(egress)) => egress,
            (Direction::Out, None) => {
                admission.open = true;
                continue;
            }
        };
        admission.rules.extend(rules.iter().map(|rule| compiled(model, &group.name, rule)));
    }
    admission
}

fn compiled(model: &Model, group: &str, rule: &SecurityRule) -> AdmissionRule {
    AdmissionRule {
        group: group.to_owned(),
        ports: rule.ports.clone(),
        peers: rule.peers.iter().flat_map(|peer| nets(model, peer)).collect::<AddressSet>(),
        place: rule.place.clone(),
    }
}

fn nets(model: &Model, peer: &Peer) -> Vec<IpNet> {
    match peer {
        Peer::Cidr(net) => vec![*net],
        Peer::Network(id) => model[*id].cidrs.clone(),
        Peer::Instance(id) => {
            model[*id].addresses.iter().map(|address| IpNet::from(*address)).collect()
        }
        Peer::SecurityGroup(id) => carriers(model, *id),
        Peer::Anywhere => vec![IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())],
    }
}

/// The addresses of everything that carries the group.
fn carriers(model: &Model, group: SecurityGroupId) -> Vec<IpNet> {
    let instances =
        model.instances.iter().filter(|instance| instance.security_groups.contains(&group));
    let load_balancers =
        model.load_balancers.iter().filter(|lb| lb.security_groups.contains(&group));
    let addresses =
        instances.flat_map(|i| &i.addresses).chain(load_balancers.flat_map(|lb| &lb.addresses));
    addresses
        .filter(|address| !address.is_unspecified())
        .map(|address| IpNet::from(*address))
        .collect()
}
