//! Doors that are closed to the public, or open beside the load balancer (USERS.md §4, row 1).

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::{
    Action, AddressSet, Finding, InstanceId, Listener, ListenerProtocol, LoadBalancerId, Model,
    Record, Scheme,
};
use verdict::admit::{Admission, admitted_set};
use verdict::answer::Asker;
use verdict::name::{Destination, Scope, resolve, scope};

use world::World;

use crate::atlas::Atlas;
use crate::space::{internet, words};

/// Prefixes of those who are admitted that are spelt out.
const PREFIXES_MAX: usize = 3;
/// Zones that a program wrote are left alone.
const RECORDS_MAX: usize = 10_000;

/// `said`: of these something else says that they are closed.
pub fn public_but_not_open(
    atlas: &Atlas<'_>,
    said: &BTreeSet<LoadBalancerId>,
    findings: &mut Vec<Finding>,
) {
    let (world, model) = (atlas.world, &atlas.world.model);
    if model.records.len() > RECORDS_MAX {
        return;
    }
    let outside = Outside::of(model);
    let public = public_records(world);
    let expected = expected(world);
    for id in (0..model.load_balancers.len() as u32).map(LoadBalancerId) {
        let lb = &model[id];
        if lb.scheme == Scheme::Internal || said.contains(&id) || expected.contains(&id) {
            continue;
        }
        let Some((record, addresses)) = public.get(&id) else { continue };
        let admitted = |listener: &&Listener| admitted_set(world.ingress(id), listener.port);
        let listeners = || lb.listeners.iter().map(|id| &model[*id]);
        let mut doors: Vec<&Listener> =
            listeners().filter(|one| one.protocol == ListenerProtocol::Https).collect();
        if doors.is_empty() {
            doors = listeners().collect();
        }
        let is_open = |listener: &&Listener| outside.is_admitted(&admitted(listener), addresses);
        // That nobody is admitted at all is another finding.
        let closed = doors.iter().find(|door| !admitted(door).is_empty());
        let Some(closed) = closed.filter(|_| !doors.iter().any(is_open)) else { continue };
        let who = words(model, &admitted(closed), PREFIXES_MAX);
        let text = format!(
            "`{}` is public, and the load balancer `{}` admits only {who} on port {}",
            record.name.0, lb.name, closed.port
        );
        let mut finding = Finding::warning("lint/public-but-not-open", &lb.place, text)
            .related(&record.place, "everybody is led here");
        let mut rules = world.ingress(id).rules.iter();
        if let Some(rule) = rules.find(|rule| rule.ports.contains(closed.port)) {
            finding = finding.related(&rule.place, "only they are admitted");
        }
        findings.push(finding.hint(
            "for the public, `from = [anywhere]`; if it is meant, an `expect` with \
             `denied = [internet]` says so, or `scheme = \"internal\"`",
        ));
    }
}

/// Clients on the internet, of each family.
struct Outside {
    v4: AddressSet,
    v6: AddressSet,
}

impl Outside {
    fn of(model: &Model) -> Outside {
        let all = internet(model);
        let v4 = (IpAddr::from(Ipv4Addr::UNSPECIFIED), IpAddr::from(Ipv4Addr::BROADCAST));
        let v4: AddressSet = [v4].into_iter().collect();
        let v6 = (IpAddr::from(Ipv6Addr::UNSPECIFIED), IpAddr::from(Ipv6Addr::from(u128::MAX)));
        let v6: AddressSet = [v6].into_iter().collect();
        Outside { v4: all.and(&v4), v6: all.and(&v6) }
    }

    /// Whether all who come to these addresses are admitted; a client of both families comes by the
    /// other where one is closed.
    fn is_admitted(&self, admitted: &AddressSet, addresses: &[IpAddr]) -> bool {
        admitted.contains_all(self.comers(addresses))
    }

    fn comers(&self, addresses: &[IpAddr]) -> &AddressSet {
        if addresses.iter().all(IpAddr::is_ipv6) { &self.v6 } else { &self.v4 }
    }
}

/// Load balancers that a record leads everybody to, at an address which the world can reach.
fn public_records(world: &World) -> BTreeMap<LoadBalancerId, (&Record, Vec<IpAddr>)> {
    let model = &world.model;
    let mut public: BTreeMap<LoadBalancerId, (&Record, Vec<IpAddr>)> = BTreeMap::new();
    for record in model.records.iter().filter(|record| record.visible_to.is_empty()) {
        let asker = Asker::within(&[]);
        let Ok(resolved) = resolve(model, world.names(), &record.name.0, &asker) else { continue };
        for to in resolved.destinations {
            for id in world::load_balancers_at(model, to) {
                let addresses = match to {
                    Destination::Address(address) => vec![address],
                    Destination::LoadBalancer(_) => world::alias_addresses(&model[id]).to_vec(),
                };
                let reached = addresses.into_iter().filter(|address| {
                    !address.is_unspecified() && scope(*address) == Scope::Global
                });
                let reached: Vec<IpAddr> = reached.collect();
                if !reached.is_empty() {
                    public.entry(id).or_insert((record, Vec::new())).1.extend(reached);
                }
            }
        }
    }
    public
}

/// Load balancers of whose addresses an expectation speaks: whoever wrote it has said who is to get
/// in.
fn expected(world: &World) -> BTreeSet<LoadBalancerId> {
    let model = &world.model;
    let urls = model.expectations.iter().flat_map(|expectation| &expectation.urls);
    let destinations = urls.flat_map(|url| match url.address() {
        Some(address) => BTreeSet::from([Destination::Address(address)]),
        None => world::everywhere(model, world.names(), &url.host),
    });
    destinations.flat_map(|to| world::load_balancers_at(model, to)).collect()
}

// === goes-round-load-balancer ===

/// Targets that everybody on the internet may connect to.
pub fn goes_round(atlas: &Atlas<'_>, findings: &mut Vec<Finding>) {
    let (world, model) = (atlas.world, &atlas.world.model);
    let outside = Outside::of(model);
    let mut told: BTreeSet<(InstanceId, u16)> = BTreeSet::new();
    for listener in &model.listeners {
        let rules = listener.rules.iter().map(|rule| &rule.action);
        for action in rules.chain([&listener.default_action]) {
            let Action::Forward(forward) = action else { continue };
            let groups = forward.groups.iter().map(|weighted| &model[weighted.group]);
            for target in groups.flat_map(|group| &group.targets) {
                let Some(id) = world::instance_of(model, target) else { continue };
                let instance = &model[id];
                let addresses: Vec<IpAddr> = instance
                    .public_addresses
                    .iter()
                    .chain(&instance.addresses)
                    .copied()
                    .filter(|address| scope(*address) == Scope::Global)
                    .collect();
                // Without groups it is not known what stands before it.
                if addresses.is_empty()
                    || instance.security_groups.is_empty()
                    || told.contains(&(id, target.port))
                {
                    continue;
                }
                let admission = world.ingress_of_instance(id);
                // Where everybody is declared as some network, nobody is left to be surprised by.
                if outside.comers(&addresses).is_empty() {
                    continue;
                }
                if !outside.is_admitted(&admitted_set(&admission, target.port), &addresses) {
                    continue;
                }
                told.insert((id, target.port));
                let lb = &model[listener.load_balancer];
                let text = format!(
                    "everybody may connect to port {} of `instance.{}`, round the load balancer `{}`",
                    target.port, instance.name, lb.name
                );
                let place = opening(&admission, target.port).unwrap_or(&instance.place);
                findings.push(
                    Finding::warning("lint/goes-round-load-balancer", place, text)
                        .related(&target.place, "it is a target here")
                        .hint(
                            "let `from` name the load balancer's security group, and nobody else",
                        ),
                );
            }
        }
    }
}

/// The rule that admits most.
fn opening(admission: &Admission, port: u16) -> Option<&model::Place> {
    let rules = admission.rules.iter().filter(|rule| rule.ports.contains(port));
    let wide = |rule: &&verdict::admit::AdmissionRule| rule.peers == AddressSet::everything();
    rules.clone().find(wide).or(rules.clone().next()).map(|rule| &rule.place)
}
