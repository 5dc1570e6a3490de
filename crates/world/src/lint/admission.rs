//! Ports nobody is admitted to, and targets that do not admit the load balancer (USERS.md §4,
//! rows 1 and 10).

use model::{
    Finding, HealthCheckPort, Listener, LoadBalancer, LoadBalancerId, Model, TargetAddress,
    TargetGroup,
};
use verdict::admit::{Admission, admit, admitted_set};

use super::forwarded_groups;
use crate::admission::{MayConnect, egress, ingress, ingress_of, may_connect};

pub fn lint(model: &Model, findings: &mut Vec<Finding>) {
    for listener in &model.listeners {
        let load_balancer = &model[listener.load_balancer];
        unreachable(model, load_balancer, listener, findings);
    }
    for (at, load_balancer) in model.load_balancers.iter().enumerate() {
        let egress = egress(model, load_balancer);
        for group in forwarded_groups(model, LoadBalancerId(at as u32)) {
            targets(model, load_balancer, &egress, &model[group], findings);
        }
    }
}

fn unreachable(
    model: &Model,
    load_balancer: &LoadBalancer,
    listener: &Listener,
    findings: &mut Vec<Finding>,
) {
    if admitted_set(&ingress(model, load_balancer), listener.port).is_empty() {
        let text = format!("nobody is admitted to port {}", listener.port);
        let mut finding =
            Finding::warning("lint/nobody-admitted", &listener.place, text).hint(format!(
                "add {} to the ports of an `ingress` of the load balancer's security groups",
                listener.port
            ));
        if let Some(group) = load_balancer.security_groups.first() {
            finding = finding.related(&model[*group].place, "the security group");
        }
        findings.push(finding);
    }
}

fn targets(
    model: &Model,
    load_balancer: &LoadBalancer,
    egress: &Admission,
    group: &TargetGroup,
    findings: &mut Vec<Finding>,
) {
    let check_port = |port: u16| match group.health_check.port {
        HealthCheckPort::Port(check) if group.health_check.enabled && check != port => {
            vec![port, check]
        }
        HealthCheckPort::Port(_) | HealthCheckPort::Traffic => vec![port],
    };
    for target in &group.targets {
        for port in check_port(target.port) {
            if may_connect(model, egress, target, port) == MayConnect::No {
                let text = format!(
                    "the load balancer `{}` may not connect to `{target}`",
                    load_balancer.name
                );
                findings.push(
                    Finding::warning("lint/egress-denied", &target.place, text)
                        .related(&load_balancer.place, "its security groups have no such `egress`")
                        .hint(format!("add an `egress` for port {port} to the target")),
                );
            }
        }
        if let TargetAddress::Instance { id, .. } = &target.address {
            let instance = &model[*id];
            // Without addresses of its own the load balancer's source is not known.
            if instance.security_groups.is_empty() || load_balancer.addresses.is_empty() {
                continue;
            }
            let admission = ingress_of(model, &instance.security_groups);
            for port in check_port(target.port) {
                // Whoever may not come to where nothing listens has one mistake, and not two.
                if instance.serves.as_ref().is_some_and(|serves| !serves.contains(&port)) {
                    continue;
                }
                if load_balancer
                    .addresses
                    .iter()
                    .all(|source| admit(&admission, *source, port, &mut ()).is_err())
                {
                    let text = format!(
                        "`instance.{}` does not admit the load balancer `{}` on port {port}",
                        instance.name, load_balancer.name
                    );
                    findings.push(
                        Finding::warning("lint/target-does-not-admit", &target.place, text)
                            .related(&instance.place, "its security groups")
                            .hint("add an `ingress` with the load balancer's security group in `from`"),
                    );
                }
            }
        }
    }
}
