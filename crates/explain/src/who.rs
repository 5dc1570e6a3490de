//! For which clients does an address work: the exact partition of the address space by outcome.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::rc::Rc;

use model::{AddressSet, Asker, Condition, LoadBalancerId, NetworkId};
use verdict::admit::admitted_set;
use verdict::name::{Scope, scope};
use world::World;

use crate::facts::Facts;
use crate::outcome::Outcome;
use crate::question::{Client, Request, clients};
use crate::space::{Cuts, of_asker};

/// More pieces are not asked, and the report says so.
pub const PIECES_MAX: usize = 1 << 20;

/// Clients that have the same outcomes.
#[derive(Clone, Debug)]
pub struct Part {
    pub clients: AddressSet,
    pub outcomes: BTreeSet<Outcome>,
    /// One of them.
    pub example: Client,
}

/// A whole set of clients, in parts.
#[derive(Clone, Debug)]
pub struct Partition {
    /// In the order of their first address.
    pub parts: Vec<Part>,
    pub pieces: usize,
    /// Clients that come by the other IP family, if they can: nothing is decided about them, and they
    /// stand beside those of whom something is.
    pub aside: Option<Part>,
    /// What was not asked, because there are more than [`PIECES_MAX`] pieces.
    pub left_out: AddressSet,
}

/// Clients that no decision of this World can tell apart, whatever they ask.
#[derive(Clone, Debug)]
pub struct Alike {
    pub clients: AddressSet,
    pub example: Client,
}

/// A set of clients by likeness.
#[derive(Clone, Debug, Default)]
pub struct Classes {
    pub classes: Vec<Alike>,
    pub pieces: usize,
    pub left_out: AddressSet,
}

/// What is the same for every question of one World.
#[derive(Debug)]
pub struct Atlas<'w> {
    pub world: &'w World,
    cuts: Cuts,
    /// Every set of addresses that a decision asks for membership.
    sets: Vec<AddressSet>,
    /// Networks that see names of their own.
    views: BTreeSet<NetworkId>,
    known: RefCell<HashMap<Asker, Rc<Classes>>>,
}

/// Everything about a client that a decision can look at. Clients that agree in it are asked once: the
/// decisions are functions of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Likeness {
    v4: bool,
    scope: Scope,
    seen_scope: Option<Scope>,
    networks: Vec<NetworkId>,
    /// One bit a set, of the client itself, then of the address it is seen under.
    bits: Vec<u64>,
}

impl<'w> Atlas<'w> {
    pub fn of(world: &'w World) -> Atlas<'w> {
        let views = world.model.records.iter().flat_map(|record| record.visible_to.iter().copied());
        Atlas {
            world,
            cuts: Cuts::of(world),
            sets: sets(world),
            views: views.collect(),
            known: RefCell::default(),
        }
    }

    /// The classes of an asker's clients; asked again, they are remembered.
    pub fn classes_of(&self, asker: Asker) -> Rc<Classes> {
        if let Some(known) = self.known.borrow().get(&asker) {
            return Rc::clone(known);
        }
        let classes = Rc::new(self.classes(&of_asker(&self.world.model, asker)));
        self.known.borrow_mut().insert(asker, Rc::clone(&classes));
        classes
    }

    /// Any set of clients by likeness, in the order of their first addresses.
    pub fn classes(&self, set: &AddressSet) -> Classes {
        let mut all = clients(&self.world.model, &self.cuts, self.world.membership(), set);
        let pieces = all.len();
        let left_out: AddressSet = all
            .drain(pieces.min(PIECES_MAX)..)
            .map(|client| (client.piece.first, client.piece.last))
            .collect();
        let mut found: HashMap<Likeness, usize> = HashMap::new();
        let mut classes: Vec<(Vec<(IpAddr, IpAddr)>, Client)> = Vec::new();
        for client in all {
            let range = (client.piece.first, client.piece.last);
            let at = *found.entry(self.likeness(&client)).or_insert_with(|| {
                classes.push((Vec::new(), client));
                classes.len() - 1
            });
            classes[at].0.push(range);
        }
        let classes = classes
            .into_iter()
            .map(|(ranges, example)| Alike { clients: ranges.into_iter().collect(), example })
            .collect();
        Classes { classes, pieces, left_out }
    }

    /// One client as this World sees it.
    pub fn client(&self, address: IpAddr) -> Option<Client> {
        let set: AddressSet = [(address, address)].into_iter().collect();
        clients(&self.world.model, &self.cuts, self.world.membership(), &set).into_iter().next()
    }

    fn likeness(&self, client: &Client) -> Likeness {
        let sets = &self.sets;
        let mut bits = vec![0u64; (2 * sets.len()).div_ceil(64)];
        for (which, address) in [Some(client.piece.first), client.seen_as].into_iter().enumerate() {
            let Some(address) = address else { continue };
            for (at, set) in sets.iter().enumerate() {
                let bit = which * sets.len() + at;
                bits[bit / 64] |= u64::from(set.contains(address)) << (bit % 64);
            }
        }
        let networks = client.networks.iter().copied();
        Likeness {
            v4: client.piece.first.is_ipv4(),
            scope: scope(client.piece.first),
            seen_scope: client.seen_as.map(scope),
            networks: networks.filter(|id| self.views.contains(id)).collect(),
            bits,
        }
    }
}

/// The partition of `set` for one request.
pub fn partition(
    atlas: &Atlas<'_>,
    facts: &Facts<'_>,
    request: &Request,
    set: &AddressSet,
) -> Partition {
    parts(atlas, facts, request, &atlas.classes(set))
}

pub fn partition_of(
    atlas: &Atlas<'_>,
    facts: &Facts<'_>,
    request: &Request,
    asker: Asker,
) -> Partition {
    parts(atlas, facts, request, &atlas.classes_of(asker))
}

fn parts(atlas: &Atlas<'_>, facts: &Facts<'_>, request: &Request, classes: &Classes) -> Partition {
    let mut by_outcomes: BTreeMap<BTreeSet<Outcome>, (Vec<&AddressSet>, &Client)> = BTreeMap::new();
    for alike in &classes.classes {
        let outcomes = request.ends(atlas.world, facts, &alike.example);
        by_outcomes.entry(outcomes).or_insert((Vec::new(), &alike.example)).0.push(&alike.clients);
    }
    let mut parts: Vec<Part> = by_outcomes
        .into_iter()
        .map(|(outcomes, (sets, example))| Part {
            clients: sets.into_iter().fold(AddressSet::default(), |all, set| all.or(set)),
            outcomes,
            example: example.clone(),
        })
        .collect();
    parts.sort_by_key(|part| part.example.piece);
    let beside = |part: &Part| part.outcomes.iter().all(Outcome::is_other_family);
    let at = parts.iter().position(beside).filter(|_| parts.len() > 1);
    let aside = at.map(|at| parts.remove(at));
    Partition { parts, pieces: classes.pieces, aside, left_out: classes.left_out.clone() }
}

fn sets(world: &World) -> Vec<AddressSet> {
    let mut sets = Vec::new();
    for id in (0..world.model.load_balancers.len() as u32).map(LoadBalancerId) {
        let mut ports: Vec<u16> =
            world.model[id].listeners.iter().map(|id| world.model[*id].port).collect();
        ports.sort_unstable();
        ports.dedup();
        sets.extend(ports.iter().map(|port| admitted_set(world.ingress(id), *port)));
    }
    for id in (0..world.model.instances.len() as u32).map(model::InstanceId) {
        let admission = world.ingress_of_instance(id);
        sets.extend(admission.rules.into_iter().map(|rule| rule.peers));
    }
    let conditions =
        world.model.listeners.iter().flat_map(|l| &l.rules).flat_map(|rule| &rule.conditions);
    for condition in conditions {
        if let Condition::SourceIp(nets) = condition {
            sets.push(nets.iter().copied().collect());
        }
    }
    sets.retain(|set| !set.is_empty() && *set != AddressSet::everything());
    sets.sort_unstable();
    sets.dedup();
    sets
}
