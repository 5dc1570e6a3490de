//! What is declared and used by nothing.

use model::{Finding, GroupId, Model, Peer, SecurityGroupId, TargetProtocol};

use crate::used_groups;

pub fn lint(model: &Model, findings: &mut Vec<Finding>) {
    let used = used_groups(model);
    for (at, group) in model.target_groups.iter().enumerate() {
        if !used.contains(&GroupId(at as u32)) {
            findings.push(
                Finding::warning(
                    "lint/unused-target-group",
                    &group.place,
                    format!("nothing forwards to the target group `{}`", group.name),
                )
                .hint("it is not even health-checked: forward to it, or remove it"),
            );
        } else if group.targets.is_empty() {
            findings.push(
                Finding::warning(
                    "lint/no-targets",
                    &group.place,
                    format!("the target group `{}` has no targets", group.name),
                )
                .hint(match group.protocol {
                    TargetProtocol::Http | TargetProtocol::Https => {
                        "its requests get 503: add `targets = [\"…\"]`"
                    }
                    TargetProtocol::Tcp => "its connections are closed: add `targets = [\"…\"]`",
                }),
            );
        }
    }
    for (at, group) in model.security_groups.iter().enumerate() {
        if !carried(model, SecurityGroupId(at as u32)) {
            findings.push(
                Finding::warning(
                    "lint/unused-security-group",
                    &group.place,
                    format!("nothing carries the security group `{}`", group.name),
                )
                .hint("name it in `security_groups`, or remove it"),
            );
        }
    }
}

fn carried(model: &Model, id: SecurityGroupId) -> bool {
    let rules = model
        .security_groups
        .iter()
        .flat_map(|g| g.ingress.iter().chain(g.egress.iter().flatten()));
    model.load_balancers.iter().any(|lb| lb.security_groups.contains(&id))
        || model.instances.iter().any(|instance| instance.security_groups.contains(&id))
        || rules.flat_map(|rule| &rule.peers).any(|peer| *peer == Peer::SecurityGroup(id))
}
