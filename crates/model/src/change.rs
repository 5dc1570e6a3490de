//! A change of what is declared, as small as can be: what an explanation proposes. It can be applied
//! to a model, to prove that it mends, and (by `config`) to the text it was read from.

use crate::{
    Action, CertificateId, Condition, GroupId, ListenerId, Matcher, Model, NetworkId, Peer, Place,
    PortRange, Ports, RecordId, SecurityGroupId, SecurityRule, TargetProtocol, Template,
    TemplatePart, Wildcard,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Adds a peer to the `from` of an ingress rule.
    AdmitPeer { group: SecurityGroupId, rule: usize, peer: Peer },
    /// Adds a port to the `ports` of an ingress rule.
    AdmitPort { group: SecurityGroupId, rule: usize, port: u16 },
    /// Adds an ingress rule at the end of a security group.
    AddIngress { group: SecurityGroupId, port: u16, peer: Peer },
    /// Adds an egress rule at the end of a security group.
    AddEgress { group: SecurityGroupId, port: u16, peer: Peer },
    /// Adds a certificate at the end of a listener's.
    AddCertificate { listener: ListenerId, certificate: CertificateId },
    /// Has a certificate of the local authority cover one more name.
    CertificateName { certificate: CertificateId, name: String },
    /// Has a redirect lead to another port; `None`: that of the default action.
    RedirectPort { listener: ListenerId, rule: Option<usize>, port: u16 },
    /// Has a redirect lead to another protocol: `HTTP` or `HTTPS`.
    RedirectProtocol { listener: ListenerId, rule: Option<usize>, protocol: String },
    /// Adds a value to the path condition of a rule.
    AddPath { listener: ListenerId, rule: usize, value: String },
    /// Adds a value to the host condition of a rule.
    AddHost { listener: ListenerId, rule: usize, value: String },
    /// Registers a target on another port.
    TargetPort { group: GroupId, target: usize, port: u16 },
    /// Has a group speak another protocol with its targets.
    GroupProtocol { group: GroupId, protocol: TargetProtocol },
    /// Makes a record visible to one more network.
    RecordVisible { record: RecordId, network: NetworkId },
    /// Gives a target group of a forward action a weight; `None`: the default action.
    Weight { listener: ListenerId, rule: Option<usize>, group: GroupId, weight: u16 },
    /// Has the health check take more statuses.
    HealthStatus { group: GroupId, first: u16, last: u16 },
}

impl Change {
    /// Changes nothing where what it speaks of is not there.
    pub fn apply(&self, model: &mut Model) {
        match self {
            Change::AdmitPeer { group, rule, peer } => {
                let rules = &mut model.security_groups[group.0 as usize].ingress;
                if let Some(rule) = rules.get_mut(*rule) {
                    rule.peers.push(peer.clone());
                }
            }
            Change::AdmitPort { group, rule, port } => {
                let rules = &mut model.security_groups[group.0 as usize].ingress;
                if let Some(rule) = rules.get_mut(*rule) {
                    rule.ports.0.push(PortRange { first: *port, last: *port });
                }
            }
            Change::AddIngress { group, port, peer } => {
                let group = &mut model.security_groups[group.0 as usize];
                group.ingress.push(rule(*port, peer, &group.place));
            }
            Change::AddEgress { group, port, peer } => {
                let group = &mut model.security_groups[group.0 as usize];
                let rule = rule(*port, peer, &group.place);
                group.egress.get_or_insert_default().push(rule);
            }
            Change::AddCertificate { listener, certificate } => {
                model.listeners[listener.0 as usize].certificates.push(*certificate);
            }
            Change::CertificateName { certificate, name } => {
                model.certificates[certificate.0 as usize].names.push(name.clone());
            }
            Change::RedirectPort { listener, rule, port } => {
                if let Some(Action::Redirect(redirect)) = action(model, *listener, *rule) {
                    redirect.port = text(&port.to_string());
                }
            }
            Change::RedirectProtocol { listener, rule, protocol } => {
                if let Some(Action::Redirect(redirect)) = action(model, *listener, *rule) {
                    redirect.protocol = text(protocol);
                }
            }
            Change::AddPath { listener, rule, value } => {
                let rules = &mut model.listeners[listener.0 as usize].rules;
                let conditions = rules.get_mut(*rule).map(|rule| &mut rule.conditions);
                for condition in conditions.into_iter().flatten() {
                    if let Condition::Path(values) = condition {
                        values.push(Matcher::Wildcard(Wildcard::sensitive(value)));
                    }
                }
            }
            Change::AddHost { listener, rule, value } => {
                let rules = &mut model.listeners[listener.0 as usize].rules;
                let conditions = rules.get_mut(*rule).map(|rule| &mut rule.conditions);
                for condition in conditions.into_iter().flatten() {
                    if let Condition::Host(values) = condition {
                        values.push(Matcher::Wildcard(Wildcard::insensitive(value)));
                    }
                }
            }
            Change::TargetPort { group, target, port } => {
                let targets = &mut model.target_groups[group.0 as usize].targets;
                if let Some(target) = targets.get_mut(*target) {
                    target.port = *port;
                }
            }
            Change::GroupProtocol { group, protocol } => {
                model.target_groups[group.0 as usize].protocol = *protocol;
            }
            Change::RecordVisible { record, network } => {
                // A block can hold several kinds of records.
                let place = model[*record].place.clone();
                let of_block = model.records.iter_mut().filter(|record| record.place == place);
                of_block.for_each(|record| record.visible_to.push(*network));
            }
            Change::Weight { listener, rule, group, weight } => {
                if let Some(Action::Forward(forward)) = action(model, *listener, *rule) {
                    let groups = forward.groups.iter_mut().filter(|g| g.group == *group);
                    groups.for_each(|group| group.weight = *weight);
                }
            }
            Change::HealthStatus { group, first, last } => {
                let check = &mut model.target_groups[group.0 as usize].health_check;
                check.matcher.0.push((*first, *last));
            }
        }
    }
}

fn rule(port: u16, peer: &Peer, place: &Place) -> SecurityRule {
    SecurityRule {
        ports: Ports(vec![PortRange { first: port, last: port }]),
        peers: vec![peer.clone()],
        place: place.clone(),
    }
}

fn text(text: &str) -> Template {
    Template(vec![TemplatePart::Text(text.to_owned())])
}

fn action(model: &mut Model, listener: ListenerId, rule: Option<usize>) -> Option<&mut Action> {
    let listener = &mut model.listeners[listener.0 as usize];
    match rule {
        None => Some(&mut listener.default_action),
        Some(at) => listener.rules.get_mut(at).map(|rule| &mut rule.action),
    }
}
