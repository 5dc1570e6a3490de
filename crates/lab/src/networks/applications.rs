//! What listens on the instances of the lab: as declared, else wherever a target group expects it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use model::application::Written;
use model::{Application, GroupId, InstanceId, Model, Target, TargetProtocol};
use world::World;

/// A demo application that is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    pub address: SocketAddr,
    pub name: String,
    pub protocol: TargetProtocol,
    pub declared: Declared,
}

/// Where it is said what it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declared {
    Nowhere,
    /// The application of an instance, by its place in the list.
    Instance(InstanceId, usize),
    Group(GroupId),
}

impl Declared {
    pub fn application(self, model: &Model) -> Option<&Application> {
        match self {
            Declared::Nowhere => None,
            Declared::Instance(id, at) => model.instances.get(id.0 as usize)?.applications.get(at),
            Declared::Group(id) => model.target_groups.get(id.0 as usize)?.application.as_ref(),
        }
    }
}

/// Everything on an instance: on every address of each family, or on exactly the declared ones where
/// others live in the same place.
pub fn of_instance(world: &World, id: InstanceId, shared: bool) -> Vec<Listening> {
    let instance = &world.model[id];
    let mut addresses: Vec<IpAddr> = instance
        .addresses
        .iter()
        .map(|address| match (shared, address) {
            (true, address) => *address,
            (false, IpAddr::V4(_)) => Ipv4Addr::UNSPECIFIED.into(),
            (false, IpAddr::V6(_)) => Ipv6Addr::UNSPECIFIED.into(),
        })
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    let mut all = Vec::new();
    for (port, protocol, declared) in on_ports(world, id) {
        all.extend(addresses.iter().map(|address| Listening {
            address: SocketAddr::new(*address, port),
            name: instance.name.clone(),
            protocol,
            declared,
        }));
    }
    all
}

/// A target that no instance is.
pub fn of_target(world: &World, group: GroupId, target: &Target, address: IpAddr) -> Listening {
    let group_of = &world.model[group];
    Listening {
        address: SocketAddr::new(address, target.port),
        name: target.to_string(),
        protocol: group_of.protocol,
        declared: of_group(world, group),
    }
}

fn of_group(world: &World, id: GroupId) -> Declared {
    if world.model[id].application.is_some() { Declared::Group(id) } else { Declared::Nowhere }
}

/// The first word on a port counts: the application, then the port, then what a group expects.
fn on_ports(world: &World, id: InstanceId) -> Vec<(u16, TargetProtocol, Declared)> {
    let instance = &world.model[id];
    let applications = instance.applications.iter().enumerate();
    let mut ports: Vec<(u16, TargetProtocol, Declared)> = applications
        .filter_map(|(at, one)| Some((one.port?, one.protocol, Declared::Instance(id, at))))
        .collect();
    let is_it = |target: &&Target| world::instance_of(&world.model, target) == Some(id);
    let groups = (0..world.model.target_groups.len() as u32).map(GroupId);
    let expected: Vec<(u16, TargetProtocol, Declared)> = groups
        .flat_map(|id| {
            let group = &world.model[id];
            let ports = group.targets.iter().filter(is_it).map(|target| target.port);
            ports.map(move |port| (port, group.protocol, of_group(world, id)))
        })
        .collect();
    match &instance.serves {
        Some(serves) => ports.extend(serves.iter().map(|port| {
            let known = expected.iter().find(|one| one.0 == *port);
            known.copied().unwrap_or((*port, TargetProtocol::Http, Declared::Nowhere))
        })),
        // Nothing was said about what listens.
        None if instance.applications.is_empty() => ports.extend(expected),
        None => {}
    }
    let mut first: Vec<(u16, TargetProtocol, Declared)> = Vec::new();
    for one in ports {
        if !first.iter().any(|known| known.0 == one.0) {
            first.push(one);
        }
    }
    first
}

/// What the person should know of it.
pub fn note(model: &Model, listening: &Listening) -> Option<String> {
    match &listening.declared.application(model)?.written {
        Written::Nginx(path) => Some(format!(
            "{} on {} answers as `{}` says, as far as that is understood: no nginx is started",
            listening.name,
            listening.address.port(),
            path.display()
        )),
        Written::Facts(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::tests::world;

    #[test]
    fn what_listens() {
        let site = |instance: &str| {
            format!(
                r#"
load_balancer "lb" {{
  addresses = ["10.0.0.1"]
  listener "http" {{
    port = 80
    default {{ forward = target_group.plain }}
  }}
}}
target_group "plain" {{
  port    = 80
  targets = [instance.web]
}}
target_group "tls" {{
  port     = 443
  protocol = "HTTPS"
  targets  = [instance.web]
}}
instance "web" {{
  addresses = ["10.0.1.5"]
  {instance}
}}
"#
            )
        };
        let http = TargetProtocol::Http;
        let https = TargetProtocol::Https;
        type Port = (u16, TargetProtocol, bool);
        let rows: [(&str, &[Port]); 5] = [
            ("", &[(80, http, false), (443, https, false)]),
            ("serves = []", &[]),
            ("serves = [443, 9000]", &[(443, https, false), (9000, http, false)]),
            ("application \"a\" {\n port = 80\n redirects = \"https\"\n }", &[(80, http, true)]),
            (
                "serves = [80, 81]\napplication \"a\" {\n port = 80\n redirects = \"https\"\n }",
                &[(80, http, true), (81, http, false)],
            ),
        ];
        for (instance, expected) in rows {
            let world = world(&site(instance));
            let all = of_instance(&world, InstanceId(0), false);
            let got: Vec<Port> = all
                .iter()
                .map(|one| (one.address.port(), one.protocol, one.declared != Declared::Nowhere))
                .collect();
            assert_eq!(got, expected, "{instance}");
        }
    }
}
