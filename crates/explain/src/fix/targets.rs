//! Changes between the load balancer and its targets.

use model::{Change, ListenerId, Model, Peer, Refusal, SecurityGroupId, TargetProtocol};
use world::World;

use crate::outcome::Outcome;

pub fn propose(
    world: &World,
    listener: ListenerId,
    outcome: &Outcome,
    refusal: Refusal,
) -> Vec<(Change, String)> {
    let model = &world.model;
    let Some(group_id) = outcome.group else { return Vec::new() };
    let load_balancer = model[listener].load_balancer;
    let lb = &model[load_balancer];
    let group = &model[group_id];
    let mut changes = Vec::new();
    for (at, target) in group.targets.iter().enumerate() {
        let instance = world::instance_of(model, target);
        match refusal {
            Refusal::TargetEgressDenied => {
                if let Some(own) = lb.security_groups.first() {
                    let peer = match (instance, &target.address) {
                        (Some(id), _) => Peer::Instance(id),
                        (None, model::TargetAddress::Ip(address)) => Peer::Cidr((*address).into()),
                        (None, _) => Peer::Anywhere,
                    };
                    let words = format!("let load_balancer.{} connect to {target}", lb.name);
                    changes
                        .push((Change::AddEgress { group: *own, port: target.port, peer }, words));
                }
            }
            Refusal::TargetConnectTimeout => {
                if let Some(id) = instance {
                    let serves = model[id].serves.as_ref();
                    // Where nothing listens there is nothing to admit to.
                    if serves.is_none_or(|serves| serves.contains(&target.port)) {
                        changes.extend(admit_load_balancer(model, load_balancer, id, target.port));
                    }
                    changes.extend(other_ports(model, group_id, at, id));
                }
            }
            Refusal::TargetRefused | Refusal::TargetTlsFailed => {
                if refusal == Refusal::TargetTlsFailed {
                    let protocol = TargetProtocol::Http;
                    let words = "speak plain HTTP with the targets, as they do".to_owned();
                    changes.push((Change::GroupProtocol { group: group_id, protocol }, words));
                }
                changes.extend(
                    instance.into_iter().flat_map(|id| other_ports(model, group_id, at, id)),
                );
            }
            _ => {}
        }
    }
    changes
}

fn other_ports(
    model: &Model,
    group_id: model::GroupId,
    at: usize,
    instance: model::InstanceId,
) -> Vec<(Change, String)> {
    let group = &model[group_id];
    let ports = served_ports(model, instance, group.protocol).into_iter();
    ports
        .filter(|port| *port != group.targets[at].port)
        .map(|port| {
            let words = format!("register the target on port {port}, where something listens");
            (Change::TargetPort { group: group_id, target: at, port }, words)
        })
        .collect()
}

fn admit_load_balancer(
    model: &Model,
    load_balancer: model::LoadBalancerId,
    instance: model::InstanceId,
    port: u16,
) -> Vec<(Change, String)> {
    let lb = &model[load_balancer];
    let Some(group) = model[instance].security_groups.first().copied() else { return Vec::new() };
    let peer = match (lb.security_groups.first(), lb.addresses.first()) {
        (Some(own), _) => Peer::SecurityGroup(*own),
        (None, Some(address)) => Peer::Cidr((*address).into()),
        (None, None) => Peer::Anywhere,
    };
    let words = format!(
        "let security_group.{} of instance.{} admit load_balancer.{}",
        model[group].name, model[instance].name, lb.name
    );
    let rules = &model[group].ingress;
    let with_port = rules.iter().position(|rule| rule.ports.contains(port));
    if with_port.is_some_and(|at| rules[at].peers.contains(&peer)) {
        return Vec::new();
    }
    let change = match with_port {
        Some(rule) => Change::AdmitPeer { group: SecurityGroupId(group.0), rule, peer },
        None => Change::AddIngress { group, port, peer },
    };
    vec![(change, words)]
}

/// Ssh listens nearly everywhere, and is never what was meant.
const SSH: u16 = 22;

/// Ports on which something listens, the likeliest first: applications that speak the protocol,
/// other applications, whatever else is served.
fn served_ports(model: &Model, id: model::InstanceId, protocol: TargetProtocol) -> Vec<u16> {
    let instance = &model[id];
    let usual = if protocol == TargetProtocol::Https { 443 } else { 80 };
    let mut ports: Vec<(usize, bool, u16)> = Vec::new();
    for application in &instance.applications {
        let other = usize::from(application.protocol != protocol);
        ports.extend(application.port.map(|port| (other, port != usual, port)));
    }
    for port in instance.serves.iter().flatten().filter(|port| **port != SSH) {
        if !ports.iter().any(|(_, _, known)| known == port) {
            ports.push((2, *port != usual, *port));
        }
    }
    ports.sort_unstable();
    ports.into_iter().map(|(_, _, port)| port).collect()
}
