//! One immutable snapshot of everything that was declared, with its compiled tables and a
//! generation number; and the lints.
//!
//! This crate must not know sockets, clocks or the configuration language. Start at [`compile`].

mod admission;
mod applications;
mod lint;
mod membership;
mod silence;
mod table;
mod whereabouts;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use model::{Action, AddressSet, GroupId, InstanceId, ListenerId, LoadBalancerId, Model};
use verdict::admit::{Admission, admitted_set};

pub use applications::{
    Behind, DeclaredFailure, End, Heard, application_at, application_of, behind, declared_failure,
    hear,
};
pub use lint::lint;
pub use membership::Membership;
pub use silence::unsilenced;
pub use table::ListenerTable;
pub use whereabouts::{
    At, admits_group_of, alias_addresses, everywhere, has_address, instance_of, load_balancers_at,
};

/// Who is in no declared network (DECISIONS 5).
pub const INTERNET: &str = "internet";

/// A generation of the configuration, as the cores serve from it.
#[derive(Debug)]
pub struct World {
    pub generation: u64,
    pub model: Arc<Model>,
    tables: Vec<ListenerTable>,
    ingress: Vec<Admission>,
    egress: Vec<Admission>,
    addresses: Vec<(SocketAddr, ListenerId)>,
    membership: Membership,
    used_groups: BTreeSet<GroupId>,
    /// By [`ListenerId`].
    admits_everyone: Vec<bool>,
}

/// Compiles a model that has no error findings.
pub fn compile(model: Model, generation: u64) -> World {
    let model = Arc::new(model);
    let ids = (0..model.listeners.len()).map(|at| ListenerId(at as u32));
    let tables = ids.clone().map(|id| ListenerTable::new(Arc::clone(&model), id)).collect();
    let mut addresses: Vec<(SocketAddr, ListenerId)> = ids
        .flat_map(|id| listener_addresses(&model, id).into_iter().map(move |a| (a, id)))
        .collect();
    addresses.sort_unstable();
    let ingress: Vec<Admission> =
        model.load_balancers.iter().map(|lb| admission::ingress(&model, lb)).collect();
    let admits_everyone = |listener: &model::Listener| {
        let admission = &ingress[listener.load_balancer.0 as usize];
        admitted_set(admission, listener.port) == AddressSet::everything()
    };
    World {
        generation,
        admits_everyone: model.listeners.iter().map(admits_everyone).collect(),
        tables,
        ingress,
        egress: model.load_balancers.iter().map(|lb| admission::egress(&model, lb)).collect(),
        addresses,
        membership: Membership::of_model(&model),
        used_groups: used_groups(&model),
        model,
    }
}

impl World {
    pub fn table(&self, listener: ListenerId) -> &ListenerTable {
        &self.tables[listener.0 as usize]
    }

    /// Who may connect to the load balancer.
    pub fn ingress(&self, load_balancer: LoadBalancerId) -> &Admission {
        &self.ingress[load_balancer.0 as usize]
    }

    /// Whether nobody is ever turned away at the listener, so that nothing need be enforced.
    pub fn admits_everyone(&self, listener: ListenerId) -> bool {
        self.admits_everyone[listener.0 as usize]
    }

    /// Whom the load balancer may connect to.
    pub fn egress(&self, load_balancer: LoadBalancerId) -> &Admission {
        &self.egress[load_balancer.0 as usize]
    }

    /// What the groups of an instance let in; open without groups.
    pub fn ingress_of_instance(&self, instance: InstanceId) -> Admission {
        admission::ingress_of(&self.model, &self.model[instance].security_groups)
    }

    /// Where the listener listens; every address of both families if none is declared
    /// (DECISIONS 24).
    pub fn addresses(&self, listener: ListenerId) -> Vec<SocketAddr> {
        listener_addresses(&self.model, listener)
    }

    /// Which declared networks an address belongs to.
    pub fn membership(&self) -> &Membership {
        &self.membership
    }

    /// What a client's network is called: the most specific one that contains the address, else
    /// [`INTERNET`].
    pub fn network_name(&self, address: IpAddr) -> &str {
        match self.membership.narrowest(address) {
            Some(id) => &self.model[id].name,
            None => INTERNET,
        }
    }

    /// The listener with exactly this address.
    pub fn listener_at(&self, address: SocketAddr) -> Option<ListenerId> {
        let at = self.addresses.binary_search_by_key(&address, |(address, _)| *address).ok()?;
        Some(self.addresses[at].1)
    }

    /// Whether some rule or default action forwards to the group.
    pub fn group_in_use(&self, group: GroupId) -> bool {
        self.used_groups.contains(&group)
    }
}

fn listener_addresses(model: &Model, id: ListenerId) -> Vec<SocketAddr> {
    let listener = &model[id];
    let declared = &model[listener.load_balancer].addresses;
    let every: [IpAddr; 2] = [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()];
    let addresses = if declared.is_empty() { &every[..] } else { declared };
    addresses.iter().map(|address| SocketAddr::new(*address, listener.port)).collect()
}

/// The actions of a listener, the default last.
fn actions(listener: &model::Listener) -> impl Iterator<Item = &Action> {
    listener.rules.iter().map(|rule| &rule.action).chain([&listener.default_action])
}

fn used_groups(model: &Model) -> BTreeSet<GroupId> {
    let mut used = BTreeSet::new();
    for action in model.listeners.iter().flat_map(actions) {
        match action {
            Action::Forward(forward) => used.extend(forward.groups.iter().map(|group| group.group)),
            Action::Redirect(_) | Action::FixedResponse(_) => {}
        }
    }
    used
}
