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
                    changes.extend(admit_load_balancer(model, load_balancer, id, target.port));
                }
            }
            Refusal::TargetRefused | Refusal::TargetTlsFailed => {
                let served = instance.map(|id| served_ports(model, id, group.protocol));
                for port in served.into_iter().flatten().filter(|port| *port != target.port) {
                    let words =
                        format!("register the target on port {port}, where something listens");
                    changes.push((Change::TargetPort { group: group_id, target: at, port }, words));
                }
            }
            _ => {}
        }
    }
    changes
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
    let change = match with_port {
        Some(rule) => Change::AdmitPeer { group: SecurityGroupId(group.0), rule, peer },
        None => Change::AddIngress { group, port, peer },
    };
    vec![(change, words)]
}

/// Ports on which something is declared to speak the protocol.
fn served_ports(_: &Model, _: model::InstanceId, _: TargetProtocol) -> Vec<u16> {
    Vec::new()
}
