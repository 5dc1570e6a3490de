//! Which places a configuration needs, and where each of them lives: a value, before anything is made.

use std::net::{IpAddr, Ipv4Addr};

use explain::Atlas;
use ipnet::IpNet;
use model::{Action, AddressSet, Asker, GroupId, InstanceId, NetworkId, Target, TargetAddress};
use verdict::name::Destination;
use world::World;

use super::applications::{self, Listening, note};
use super::hosts;
use super::node::{Kind, Node, client_in, owner, set_of};

/// More places are not built.
pub const NODES_MAX: usize = 256;

pub const EDGE: usize = 0;

/// What is built.
#[derive(Clone, Debug)]
pub struct Plan {
    pub nodes: Vec<Node>,
    /// What is otherwise than in the configuration, for the person.
    pub notes: Vec<String>,
}

/// Somebody who asks, in the name of everybody who is like them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    pub node: usize,
    pub address: IpAddr,
    pub seen_as: Option<IpAddr>,
}

/// Every place that is declared. An error says what cannot be built.
pub fn plan(world: &World) -> Result<Plan, String> {
    let mut plan = Plan { nodes: Vec::new(), notes: Vec::new() };
    plan.edge(world);
    for at in 0..world.model.instances.len() {
        plan.instance(world, InstanceId(at as u32));
    }
    for (at, group) in world.model.target_groups.iter().enumerate() {
        let id = GroupId(at as u32);
        group.targets.iter().for_each(|target| plan.target(world, id, target));
    }
    for at in 0..world.model.networks.len() {
        plan.network(world, NetworkId(at as u32));
    }
    plan.internet(world);
    plan.nodes[EDGE].sources = sources(world);
    if plan.nodes.len() > NODES_MAX {
        return Err(format!(
            "{} networks and instances are declared, and the lab builds at most {NODES_MAX}",
            plan.nodes.len()
        ));
    }
    hosts::fill(&mut plan, world);
    Ok(plan)
}

/// Who is asked on behalf of an asker: one of each kind of clients that the configuration tells apart.
pub fn clients(plan: &Plan, atlas: &Atlas<'_>, asker: Asker) -> Vec<Client> {
    let busy = plan.servers();
    let mut clients = Vec::new();
    for class in &atlas.classes_of(asker).classes {
        let example = class.example.piece.first;
        let own = plan.nodes.iter().flat_map(|node| &node.addresses);
        // Somebody who is there anyway, where there is one.
        let servers =
            if matches!(asker, Asker::Instance(_)) { AddressSet::default() } else { busy.clone() };
        let there =
            own.copied().find(|own| class.clients.contains(*own) && !servers.contains(*own));
        let address = there.or_else(|| client_in(&class.clients, example.is_ipv4(), &busy));
        let Some(address) = address else { continue };
        let node = owner(&plan.nodes, address).or_else(|| plan.position(Kind::Internet));
        let Some(node) = node else { continue };
        clients.push(Client { node, address, seen_as: class.example.seen_as });
    }
    clients
}

impl Plan {
    pub fn position(&self, kind: Kind) -> Option<usize> {
        self.nodes.iter().position(|node| node.kind == kind)
    }

    /// The addresses of load balancers and targets.
    fn servers(&self) -> AddressSet {
        let serves = |node: &&Node| match node.kind {
            Kind::Edge | Kind::Instance(_) | Kind::Target => true,
            Kind::Network(_) | Kind::Internet => false,
        };
        set_of(self.nodes.iter().filter(serves).flat_map(|node| &node.addresses).copied())
    }

    fn taken(&self) -> AddressSet {
        let all = self.nodes.iter().flat_map(|node| node.addresses.iter().chain(&node.seen_as));
        set_of(all.copied())
    }

    fn edge(&mut self, world: &World) {
        let mut addresses: Vec<IpAddr> = Vec::new();
        let balancers = world.model.load_balancers.iter();
        let balancers = balancers.flat_map(|lb| lb.addresses.iter().chain(&lb.public_addresses));
        let servers = world.model.dns_server.iter().flat_map(|server| &server.addresses);
        for address in balancers.chain(servers) {
            if !address.is_unspecified() && !address.is_loopback() && !addresses.contains(address) {
                addresses.push(*address);
            }
        }
        if addresses.is_empty() {
            let free = AddressSet::everything().minus(&declared(world));
            addresses.extend(
                [true, false]
                    .into_iter()
                    .filter_map(|ipv4| client_in(&free, ipv4, &AddressSet::default())),
            );
            let words: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
            self.notes.push(format!(
                "no load balancer has an address that others can reach: in the lab it is {}",
                words.join(" and ")
            ));
        }
        self.nodes.push(Node::new("edge".to_owned(), Kind::Edge, EDGE, addresses));
    }

    fn instance(&mut self, world: &World, id: InstanceId) {
        let instance = &world.model[id];
        let all = instance.addresses.iter().chain(&instance.public_addresses);
        let shared = all.clone().find_map(|address| self.at(*address));
        let taken = self.taken();
        let own =
            all.copied().filter(|address| !address.is_loopback() && !taken.contains(*address));
        let home = shared.unwrap_or(self.nodes.len());
        let name = format!("instance.{}", instance.name);
        if let Some(home) = shared {
            let home = &self.nodes[home].name;
            self.notes.push(format!("{name} has an address of `{home}`: both are in one place, and its security groups are not enforced"));
        }
        let mut node = Node::new(name, Kind::Instance(id), home, own.collect());
        node.applications = applications::of_instance(world, id, shared.is_some());
        self.notes.extend(node.applications.iter().filter_map(|one| note(&world.model, one)));
        self.nodes.push(node);
    }

    fn target(&mut self, world: &World, group: GroupId, target: &Target) {
        let addresses = match &target.address {
            TargetAddress::Instance { .. } => return,
            TargetAddress::Ip(address) => vec![*address],
            TargetAddress::Name(host) if host.0 == "localhost" => vec![Ipv4Addr::LOCALHOST.into()],
            TargetAddress::Name(host) => self.named(world, &host.0),
        };
        if world::instance_of(&world.model, target).is_some() {
            return;
        }
        for address in addresses {
            let at = self.at(address).unwrap_or_else(|| {
                let home = self.nodes.len();
                let name = format!("target.{address}");
                self.nodes.push(Node::new(name, Kind::Target, home, vec![address]));
                home
            });
            let declares = |instance: &model::Instance| instance.addresses.contains(&address);
            if world.model.instances.iter().any(declares) {
                // What listens there is the instance's to say.
                continue;
            }
            let listening = applications::of_target(world, group, target, address);
            let there = |one: &Listening| one.address == listening.address;
            if !self.nodes[at].applications.iter().any(there) {
                self.notes.extend(note(&world.model, &listening));
                self.nodes[at].applications.push(listening);
            }
        }
    }

    /// Where a name leads for the program, which is in no network.
    fn named(&mut self, world: &World, host: &str) -> Vec<IpAddr> {
        let asker = verdict::answer::Asker::within(&[]);
        let resolved = verdict::name::resolve(&world.model, world.names(), host, &asker);
        let destinations = resolved.map(|resolved| resolved.destinations).unwrap_or_default();
        let addresses: Vec<IpAddr> = destinations
            .into_iter()
            .filter_map(|destination| match destination {
                Destination::Address(address) => Some(address),
                Destination::LoadBalancer(_) => None,
            })
            .collect();
        if addresses.is_empty() {
            self.notes
                .push(format!("no record says where the target `{host}` is: it is not in the lab"));
        }
        addresses
    }

    fn network(&mut self, world: &World, id: NetworkId) {
        let network = &world.model[id];
        let mut node =
            Node::new(network.name.clone(), Kind::Network(id), self.nodes.len(), Vec::new());
        // Clients of a network inside this one, or under the address of a server, are others.
        let narrower = world.model.networks.iter().flat_map(|other| &other.cidrs);
        let others: AddressSet = narrower
            .filter(|other| network.cidrs.iter().any(|own| own.contains(*other) && own != *other))
            .copied()
            .collect();
        let taken = self.taken().or(&others);
        for cidr in &network.cidrs {
            if cidr.addr().is_loopback() {
                node.home = EDGE;
                node.addresses.push(cidr.addr());
                node.prefixes.push(*cidr);
                continue;
            }
            let set: AddressSet = [*cidr].into_iter().collect();
            let address = client_in(
                &set,
                cidr.addr().is_ipv4(),
                &taken.or(&set_of(node.addresses.iter().copied())),
            );
            match address {
                Some(address) => node.addresses.push(address),
                None => self
                    .notes
                    .push(format!("{cidr} of {} has no address left for a client", node.name)),
            }
            self.lead(*cidr, &mut node);
        }
        for net in &network.seen_as {
            let set: AddressSet = [*net].into_iter().collect();
            match client_in(&set, net.addr().is_ipv4(), &self.taken()) {
                Some(address) => {
                    node.seen_as.push(address);
                    self.lead(*net, &mut node);
                }
                None => match self.at(net.addr()) {
                    // Behind one gateway: answers to its address can only go to one place.
                    Some(other) => {
                        node.home = self.nodes[other].home;
                        node.seen_as.push(net.addr());
                        let other = &self.nodes[other].name;
                        self.notes.push(format!(
                            "{} is seen as {net} as is {other}: both are in one place",
                            node.name
                        ));
                    }
                    None => self.notes.push(format!("nobody can be seen as {net}")),
                },
            }
        }
        self.nodes.push(node);
    }

    /// The whole prefix leads to the node, unless it leads to another already.
    fn lead(&mut self, prefix: IpNet, node: &mut Node) {
        match self.nodes.iter().find(|other| other.prefixes.contains(&prefix)) {
            Some(other) => self.notes.push(format!(
                "{prefix} is of {} and of {}: in the lab it leads to the first",
                other.name, node.name
            )),
            None => node.prefixes.push(prefix),
        }
    }

    /// With a client for each kind of asker that an expectation speaks of.
    fn internet(&mut self, world: &World) {
        let at = self.nodes.len();
        let free = AddressSet::everything().minus(&declared(world));
        let taken = self.taken();
        let addresses: Vec<IpAddr> =
            [true, false].into_iter().filter_map(|ipv4| client_in(&free, ipv4, &taken)).collect();
        self.nodes.push(Node::new("internet".to_owned(), Kind::Internet, at, addresses));
        let atlas = Atlas::of(world);
        let expectations = world.model.expectations.iter();
        for asker in expectations.flat_map(|one| one.works.iter().chain(&one.denied)) {
            for client in clients(self, &atlas, *asker) {
                let node = &mut self.nodes[client.node];
                if !node.has(client.address) && !client.address.is_loopback() {
                    node.addresses.push(client.address);
                }
            }
        }
    }

    /// Who has an address; the edge has loopback.
    fn at(&self, address: IpAddr) -> Option<usize> {
        if address.is_loopback() {
            return Some(EDGE);
        }
        self.nodes
            .iter()
            .position(|node| node.addresses.contains(&address) || node.seen_as.contains(&address))
    }
}

/// Every address that is somebody's.
fn declared(world: &World) -> AddressSet {
    let model = &world.model;
    let networks =
        model.networks.iter().flat_map(|one| one.cidrs.iter().chain(&one.seen_as)).copied();
    let instances =
        model.instances.iter().flat_map(|one| one.addresses.iter().chain(&one.public_addresses));
    let edges = model
        .load_balancers
        .iter()
        .flat_map(|one| one.addresses.iter().chain(&one.public_addresses));
    let targets = model.target_groups.iter().flat_map(|group| &group.targets);
    let targets = targets.filter_map(|target| match &target.address {
        TargetAddress::Ip(address) => Some(address),
        TargetAddress::Name(_) | TargetAddress::Instance { .. } => None,
    });
    let servers = model.dns_server.iter().flat_map(|server| &server.addresses);
    let singles = instances.chain(edges).chain(servers).chain(targets).copied().map(IpNet::from);
    let special = verdict::name::SCOPE_PREFIXES.iter().filter_map(|text| text.parse().ok());
    networks.chain(singles).chain(special).collect()
}

/// To its targets a load balancer speaks from its own address, by which their security groups know it.
/// Where several share a target, the first does.
fn sources(world: &World) -> Vec<(IpAddr, IpAddr)> {
    let model = &world.model;
    let mut sources: Vec<(IpAddr, IpAddr)> = Vec::new();
    for listener in &model.listeners {
        let own = &model[listener.load_balancer].addresses;
        let actions = listener.rules.iter().map(|rule| &rule.action);
        let forwards =
            actions.chain([&listener.default_action]).filter_map(|action| match action {
                Action::Forward(forward) => Some(forward),
                Action::Redirect(_) | Action::FixedResponse(_) | Action::Close => None,
            });
        let groups = forwards.flat_map(|forward| &forward.groups).map(|one| &model[one.group]);
        for target in groups.flat_map(|group| &group.targets) {
            let addresses = match &target.address {
                TargetAddress::Instance { id, .. } => &model[*id].addresses[..],
                TargetAddress::Ip(address) => std::slice::from_ref(address),
                TargetAddress::Name(_) => &[],
            };
            for to in addresses.iter().filter(|to| !to.is_loopback()) {
                let fits = |from: &&IpAddr| {
                    from.is_ipv4() == to.is_ipv4() && !from.is_loopback() && !from.is_unspecified()
                };
                let known = sources.iter().any(|(known, _)| known == to);
                if let Some(from) = own.iter().find(fits).filter(|_| !known) {
                    sources.push((*to, *from));
                }
            }
        }
    }
    sources
}
