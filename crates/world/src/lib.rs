//! One immutable snapshot of everything that was declared, with its compiled tables and a
//! generation number; and the lints.
//!
//! This crate must not know sockets, clocks or the configuration language. Start at [`compile`].

mod admission;
mod applications;
mod every_rule;
pub mod issuance;
mod lint;
mod membership;
mod names;
mod silence;
mod table;
mod whereabouts;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use model::{
    Action, AddressSet, Change, GroupId, InstanceId, ListenerId, LoadBalancer, LoadBalancerId,
    Model,
};
use verdict::admit::{Admission, admitted_set};
pub use verdict::answer::alias_addresses;

pub use admission::{MayConnect, may_connect};
pub use applications::{
    Behind, DeclaredFailure, End, Heard, application_at, application_of, behind, declared_failure,
    hear,
};
pub use every_rule::EveryRule;
pub use lint::lint;
pub use membership::Membership;
pub use names::NameIndex;
pub use silence::unsilenced;
pub use table::ListenerTable;
pub use whereabouts::{
    At, admits_group_of, everywhere, has_address, instance_of, is_declared, load_balancers_at,
};

/// Who is in no declared network (DECISIONS 5).
pub const INTERNET: &str = "internet";

/// A generation of the configuration, as the cores serve from it.
#[derive(Debug)]
pub struct World {
    pub generation: u64,
    pub model: Arc<Model>,
    tables: Vec<ListenerTable>,
    ingress: Vec<Arc<Admission>>,
    egress: Vec<Arc<Admission>>,
    addresses: Vec<(SocketAddr, ListenerId)>,
    membership: Arc<Membership>,
    names: Arc<NameIndex>,
    used_groups: Arc<BTreeSet<GroupId>>,
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
    let ingress: Vec<Arc<Admission>> =
        model.load_balancers.iter().map(|lb| Arc::new(admission::ingress(&model, lb))).collect();
    World {
        generation,
        admits_everyone: model.listeners.iter().map(|l| admits_everyone(&ingress, l)).collect(),
        tables,
        ingress,
        egress: model
            .load_balancers
            .iter()
            .map(|lb| Arc::new(admission::egress(&model, lb)))
            .collect(),
        addresses,
        membership: Arc::new(Membership::of_model(&model)),
        names: Arc::new(NameIndex::of(&model)),
        used_groups: Arc::new(used_groups(&model)),
        model,
    }
}

fn admits_everyone(ingress: &[Arc<Admission>], listener: &model::Listener) -> bool {
    let admission = &ingress[listener.load_balancer.0 as usize];
    admitted_set(admission, listener.port) == AddressSet::everything()
}

impl World {
    /// What [`compile`] makes of the changed model, with everything kept that the change does not
    /// concern: a change that is only tried costs what it changes.
    pub fn changed(&self, change: &Change) -> World {
        let mut model = Model::clone(&self.model);
        change.apply(&mut model);
        let model = Arc::new(model);
        let group = match change {
            Change::AdmitPeer { group, .. }
            | Change::AdmitPort { group, .. }
            | Change::AddIngress { group, .. }
            | Change::AddEgress { group, .. } => Some(*group),
            Change::AddCertificate { .. }
            | Change::CertificateName { .. }
            | Change::RedirectPort { .. }
            | Change::RedirectProtocol { .. }
            | Change::AddPath { .. }
            | Change::AddHost { .. }
            | Change::TargetPort { .. }
            | Change::GroupProtocol { .. }
            | Change::RecordVisible { .. }
            | Change::Weight { .. }
            | Change::HealthStatus { .. } => None,
        };
        let carries = |at: usize| {
            group.is_some_and(|group| model.load_balancers[at].security_groups.contains(&group))
        };
        let admissions =
            |kept: &[Arc<Admission>], compiled: fn(&Model, &LoadBalancer) -> Admission| {
                kept.iter()
                    .enumerate()
                    .map(|(at, kept)| match carries(at) {
                        true => Arc::new(compiled(&model, &model.load_balancers[at])),
                        false => Arc::clone(kept),
                    })
                    .collect::<Vec<_>>()
            };
        let ingress = admissions(&self.ingress, admission::ingress);
        let everyone = model.listeners.iter().zip(&self.admits_everyone);
        World {
            generation: self.generation,
            tables: self.tables.iter().map(|table| table.changed(Arc::clone(&model))).collect(),
            admits_everyone: everyone
                .map(|(listener, kept)| match carries(listener.load_balancer.0 as usize) {
                    true => admits_everyone(&ingress, listener),
                    false => *kept,
                })
                .collect(),
            egress: admissions(&self.egress, admission::egress),
            ingress,
            // No change moves a listener, or has an action forward to another group.
            addresses: self.addresses.clone(),
            // Nor which addresses a network has.
            membership: Arc::clone(&self.membership),
            // Nor what a name is.
            names: Arc::clone(&self.names),
            used_groups: Arc::clone(&self.used_groups),
            model,
        }
    }

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

    /// What is declared of which name.
    pub fn names(&self) -> &NameIndex {
        &self.names
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
            Action::Redirect(_) | Action::FixedResponse(_) | Action::Close => {}
        }
    }
    used
}

#[cfg(test)]
mod tests;
