//! What is enforced, as a value.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use model::{AddressSet, Enforce, Guarded, InstanceId, ListenerId, Place, TargetGroup};
use verdict::admit::Admission;
use world::World;

/// Networks whose dropped clients are counted apart: their sets are looked at one after the other.
pub const NAMES_MAX: usize = 256;

/// The name under which clients are counted where there are more.
const ANY_NETWORK: &str = "any network";

/// Everything that the packet filter is to enforce of one World.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ruleset {
    pub doors: Vec<Door>,
    /// The addresses of each network, as far as no more specific one has them; empty if there are more
    /// than [`NAMES_MAX`].
    pub networks: Vec<(String, AddressSet)>,
    /// What everybody else is called.
    pub rest: &'static str,
}

/// An address and port to which not everybody may connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    pub owner: Owner,
    /// An unspecified one is every address of its family.
    pub address: SocketAddr,
    /// United, in the order in which they were written.
    pub admits: Vec<Admits>,
}

/// A rule of a security group, as far as it speaks of the door's port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admits {
    pub group: String,
    pub place: Place,
    pub peers: AddressSet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Listener(ListenerId),
    Instance(InstanceId),
}

impl Ruleset {
    /// Only ports of listeners, and those that targets use on instances that are this machine: what
    /// nobody declared is not filtered (DECISIONS 12).
    pub fn of(world: &World) -> Ruleset {
        let mut doors: Vec<Door> = listeners(world).chain(instances(world)).collect();
        let mut seen = BTreeSet::new();
        doors.retain(|door| seen.insert(door.address));
        if doors.is_empty() {
            return Ruleset::default();
        }
        match world.model.networks.len() {
            0..=NAMES_MAX => Ruleset { doors, networks: networks(world), rest: world::INTERNET },
            _ => Ruleset { doors, networks: Vec::new(), rest: ANY_NETWORK },
        }
    }

    pub fn is_empty(&self) -> bool {
        self.doors.is_empty()
    }
}

fn listeners(world: &World) -> impl Iterator<Item = Door> {
    let ids = (0..world.model.listeners.len() as u32).map(ListenerId);
    let ours = |id: &ListenerId| {
        let load_balancer = world.model[*id].load_balancer;
        world.model[load_balancer].enforce == Enforce::Nftables && !world.admits_everyone(*id)
    };
    ids.filter(ours).flat_map(|id| {
        let admission = world.ingress(world.model[id].load_balancer);
        let addresses = world.addresses(id).into_iter();
        addresses.map(move |address| door(Owner::Listener(id), address, admission))
    })
}

fn instances(world: &World) -> impl Iterator<Item = Door> {
    let ids = (0..world.model.instances.len() as u32).map(InstanceId);
    ids.filter(|id| world.model[*id].guarded == Guarded::Here).flat_map(|id| {
        let admission = world.ingress_of_instance(id);
        let ports = if admission.open { BTreeSet::new() } else { ports(world, id) };
        let addresses = world.model[id].addresses.iter();
        let doors = addresses.flat_map(|address| {
            let to = |port: &u16| SocketAddr::new(*address, *port);
            ports.iter().map(to).collect::<Vec<_>>()
        });
        doors.map(|address| door(Owner::Instance(id), address, &admission)).collect::<Vec<_>>()
    })
}

/// Those that targets use on it.
fn ports(world: &World, id: InstanceId) -> BTreeSet<u16> {
    let targets = world.model.target_groups.iter().flat_map(|group: &TargetGroup| &group.targets);
    let its = targets.filter(|target| world::instance_of(&world.model, target) == Some(id));
    its.map(|target| target.port).collect()
}

fn door(owner: Owner, address: SocketAddr, admission: &Admission) -> Door {
    let rules = admission.rules.iter().filter(|rule| rule.ports.contains(address.port()));
    let admits = rules.map(|rule| Admits {
        group: rule.group.clone(),
        place: rule.place.clone(),
        peers: rule.peers.clone(),
    });
    Door { owner, address, admits: admits.collect() }
}

fn networks(world: &World) -> Vec<(String, AddressSet)> {
    let territories = world.membership().territories().into_iter();
    territories.map(|(id, set)| (world.model[id].name.clone(), set)).collect()
}

impl Door {
    pub fn is_ipv4(&self) -> bool {
        self.address.is_ipv4()
    }

    /// Who passes without a rule. What a machine sends to an address of its own goes from that address
    /// over its loopback interface: so do a load balancer's connections to a target on its own machine,
    /// and no security group is about those.
    pub fn itself(&self) -> Option<IpAddr> {
        match self.owner {
            Owner::Listener(_) => None,
            Owner::Instance(_) => Some(self.address.ip()),
        }
    }
}
