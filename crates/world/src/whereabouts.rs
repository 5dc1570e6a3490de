//! Who has an address: where a packet to it arrives.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::{
    InstanceId, ListenerId, LoadBalancer, LoadBalancerId, Model, NetworkId, Peer, Target,
    TargetAddress,
};
use verdict::name::{Destination, resolve};

use crate::World;

/// What is at an address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    Listener(ListenerId),
    /// The load balancer has the address and does not listen on the port.
    LoadBalancer(LoadBalancerId),
    /// A machine of ours: a request to it goes round every load balancer.
    Instance(InstanceId),
    Nobody,
}

impl World {
    /// Declared addresses come first; a load balancer without any listens on all of its host's.
    pub fn at(&self, address: IpAddr, port: u16) -> At {
        let model = &self.model;
        let load_balancers = || (0..model.load_balancers.len() as u32).map(LoadBalancerId);
        let has = |id: &LoadBalancerId| has_address(&model[*id], address);
        // Several may share an address on different ports.
        if let Some(listener) =
            load_balancers().filter(has).find_map(|id| self.listener_on(id, port))
        {
            return At::Listener(listener);
        }
        let instance = model.instances.iter().position(|instance| {
            instance.addresses.contains(&address) || instance.public_addresses.contains(&address)
        });
        let load_balancer = load_balancers().find(has);
        // On the machine of a load balancer something else may listen on the other ports.
        let serves = |at: &usize| {
            let serves = model.instances[*at].serves.as_ref();
            load_balancer.is_none() || serves.is_none_or(|serves| serves.contains(&port))
        };
        if let Some(at) = instance.filter(serves) {
            return At::Instance(InstanceId(at as u32));
        }
        if let Some(id) = load_balancer {
            return At::LoadBalancer(id);
        }
        load_balancers()
            .filter(|id| is_on_every(&model[*id], address))
            .find_map(|id| self.listener_on(id, port))
            .map_or(At::Nobody, At::Listener)
    }

    /// The listener of a load balancer on a port.
    pub fn listener_on(&self, load_balancer: LoadBalancerId, port: u16) -> Option<ListenerId> {
        let listeners = &self.model[load_balancer].listeners;
        listeners.iter().copied().find(|id| self.model[*id].port == port)
    }
}

/// Everywhere that a name leads, in any view.
pub fn everywhere(model: &Model, host: &str) -> BTreeSet<Destination> {
    let views: BTreeSet<NetworkId> =
        model.records.iter().flat_map(|record| record.visible_to.iter().copied()).collect();
    let views = views.into_iter().map(Some).chain([None]);
    let seen = views.filter_map(|view| resolve(&model.records, host, &|id| Some(id) == view).ok());
    seen.flat_map(|resolved| resolved.destinations).collect()
}

/// The load balancers that are there; several may share an address on different ports.
pub fn load_balancers_at(model: &Model, destination: Destination) -> Vec<LoadBalancerId> {
    match destination {
        Destination::LoadBalancer(id) => vec![id],
        Destination::Address(address) => (0..model.load_balancers.len() as u32)
            .map(LoadBalancerId)
            .filter(|id| has_address(&model[*id], address))
            .collect(),
    }
}

/// Whether a load balancer is declared to have an address, or to be behind it.
pub fn has_address(load_balancer: &LoadBalancer, address: IpAddr) -> bool {
    load_balancer.addresses.contains(&address) || load_balancer.public_addresses.contains(&address)
}

/// Whether a load balancer listens on every address of its host, of the family of this one
/// (an unspecified IPv6 address takes no IPv4: RFC 3493 §5.3).
fn is_on_every(load_balancer: &LoadBalancer, address: IpAddr) -> bool {
    let addresses = &load_balancer.addresses;
    let every = |own: &IpAddr| own.is_unspecified() && own.is_ipv4() == address.is_ipv4();
    load_balancer.public_addresses.is_empty()
        && (addresses.is_empty() || addresses.iter().any(every))
}

/// The declared machine that a target is, by reference or by its address.
pub fn instance_of(model: &Model, target: &Target) -> Option<InstanceId> {
    match &target.address {
        TargetAddress::Instance { id, .. } => Some(*id),
        TargetAddress::Ip(address) => {
            let at = model.instances.iter().position(|i| i.addresses.contains(address))?;
            Some(InstanceId(at as u32))
        }
        TargetAddress::Name(_) => None,
    }
}

/// Whether a rule of the instance's groups for the port names a group of the load balancer, or
/// everybody: then the load balancer's address need not be known.
pub fn admits_group_of(
    model: &Model,
    instance: InstanceId,
    load_balancer: LoadBalancerId,
    port: u16,
) -> bool {
    let groups = &model[load_balancer].security_groups;
    let rules = model[instance].security_groups.iter().flat_map(|id| &model[*id].ingress);
    rules.filter(|rule| rule.ports.contains(port)).flat_map(|rule| &rule.peers).any(|peer| {
        match peer {
            Peer::SecurityGroup(id) => groups.contains(id),
            Peer::Anywhere => true,
            Peer::Cidr(_) | Peer::Network(_) | Peer::Instance(_) => false,
        }
    })
}
