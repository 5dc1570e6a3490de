//! The address space, cut where a decision may begin to answer differently (HOUSE.md, a network is a
//! set). What no decision can tell apart is one cell, wherever it lies, and is asked once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use model::{AddressSet, Condition, InstanceId, ListenerId, LoadBalancerId, Model, NetworkId};
use verdict::admit::admitted_set;
use verdict::name::{SCOPE_PREFIXES, scope};
use world::World;

use crate::space::Piece;

/// What decisions look at in an address. Addresses that agree in it are decided alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// How far it is known, and which of the sets that a decision asks it is in.
    pub place: u32,
    /// The networks with names of their own that it belongs to.
    pub views: u32,
    /// The networks that translate it.
    pub gateways: u32,
}

/// A decision that asks which sets an address is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Door {
    /// The security groups of a load balancer.
    LoadBalancer(LoadBalancerId),
    /// Those of a machine.
    Instance(InstanceId),
    /// The `source_ip` of a listener's rules.
    Rules(ListenerId),
}

/// Every address by its cell.
#[derive(Debug, Default)]
pub struct Cells {
    /// From this address on, up to the next one.
    v4: Vec<(u32, Cell)>,
    v6: Vec<(u128, Cell)>,
    /// By [`Cell::place`]: the scope, then one bit a set.
    places: Vec<Vec<u64>>,
    /// By [`Cell::gateways`].
    gateways: Vec<Vec<NetworkId>>,
    /// What of a place each decision looks at.
    looks: BTreeMap<Door, Vec<u64>>,
}

impl Cells {
    pub fn of(world: &World) -> Cells {
        let model = &world.model;
        let views = world.names().views().iter().copied();
        let gateways = (0..model.networks.len() as u32)
            .map(NetworkId)
            .filter(|id| !model[*id].seen_as.is_empty());
        let mut marks = Marks::default();
        let mut asked: BTreeMap<Door, Vec<u32>> = BTreeMap::new();
        for (set, doors) in sets(world) {
            let mark = marks.next(Kind::Place);
            marks.at_set(mark, &set);
            doors.into_iter().for_each(|door| asked.entry(door).or_default().push(mark));
        }
        for id in views {
            let network = &model[id];
            let mark = marks.next(Kind::View(id));
            marks.at_set(mark, &network.cidrs.iter().chain(&network.seen_as).copied().collect());
        }
        for id in gateways {
            let mark = marks.next(Kind::Gateway(id));
            marks.at_set(mark, &model[id].cidrs.iter().copied().collect());
        }
        let looks = asked.iter().map(|(door, sets)| (*door, marks.looks(sets))).collect();
        Cells { looks, ..marks.swept() }
    }

    /// As much of a place as some decisions look at: places that agree in it are decided alike by them.
    pub fn seen_by(&self, doors: &BTreeSet<Door>, place: u32) -> Vec<u64> {
        let Some(place) = self.places.get(place as usize) else { return Vec::new() };
        let mut seen = vec![0; place.len()];
        seen[..1].copy_from_slice(&place[..1]);
        for look in doors.iter().filter_map(|door| self.looks.get(door)) {
            for (seen, (place, look)) in seen.iter_mut().zip(place.iter().zip(look)) {
                *seen |= place & look;
            }
        }
        seen
    }

    /// The set in pieces, each with its cell, in ascending order.
    pub fn pieces<'c>(&'c self, set: &'c AddressSet) -> impl Iterator<Item = (Piece, Cell)> + 'c {
        let v4 = set.v4_ranges().flat_map(|(first, last)| {
            runs(&self.v4, u32::from(first), u32::from(last), |next| next - 1)
        });
        let v6 = set.v6_ranges().flat_map(|(first, last)| {
            runs(&self.v6, u128::from(first), u128::from(last), |next| next - 1)
        });
        let v4 = v4.map(|(first, last, cell)| {
            (Piece { first: Ipv4Addr::from(first).into(), last: Ipv4Addr::from(last).into() }, cell)
        });
        let v6 = v6.map(|(first, last, cell)| {
            (Piece { first: Ipv6Addr::from(first).into(), last: Ipv6Addr::from(last).into() }, cell)
        });
        v4.chain(v6)
    }

    /// The networks that translate the addresses of a cell.
    pub fn gateways(&self, cell: Cell) -> &[NetworkId] {
        self.gateways.get(cell.gateways as usize).map_or(&[], Vec::as_slice)
    }
}

/// The parts of one range; `before` is the address before another.
fn runs<T: Ord + Copy>(
    sorted: &[(T, Cell)],
    first: T,
    last: T,
    before: impl Fn(T) -> T + Copy,
) -> impl Iterator<Item = (T, T, Cell)> {
    let from = sorted.partition_point(|(start, _)| *start <= first).saturating_sub(1);
    let within =
        sorted[from..].iter().enumerate().take_while(move |(_, (start, _))| *start <= last);
    within.map(move |(at, (start, cell))| {
        let end = sorted.get(from + at + 1).map_or(last, |(next, _)| before(*next).min(last));
        ((*start).max(first), end, *cell)
    })
}

/// Every set of addresses that a decision asks for membership, and who asks.
fn sets(world: &World) -> BTreeMap<AddressSet, BTreeSet<Door>> {
    let model: &Model = &world.model;
    let mut sets: BTreeMap<AddressSet, BTreeSet<Door>> = BTreeMap::new();
    let mut ask = |set: AddressSet, door: Door| {
        if !set.is_empty() && set != AddressSet::everything() {
            sets.entry(set).or_default().insert(door);
        }
    };
    for id in (0..model.load_balancers.len() as u32).map(LoadBalancerId) {
        let ports: BTreeSet<u16> = model[id].listeners.iter().map(|id| model[*id].port).collect();
        for port in ports {
            ask(admitted_set(world.ingress(id), port), Door::LoadBalancer(id));
        }
    }
    for id in (0..model.instances.len() as u32).map(InstanceId) {
        let admission = world.ingress_of_instance(id);
        admission.rules.into_iter().for_each(|rule| ask(rule.peers, Door::Instance(id)));
        // It asks itself past its groups.
        let own = model[id].addresses.iter().map(|address| IpNet::from(*address));
        ask(own.collect(), Door::Instance(id));
    }
    for (at, listener) in model.listeners.iter().enumerate() {
        for condition in listener.rules.iter().flat_map(|rule| &rule.conditions) {
            if let Condition::SourceIp(nets) = condition {
                ask(nets.iter().copied().collect(), Door::Rules(ListenerId(at as u32)));
            }
        }
    }
    sets
}

// === the sweep ===

/// What it means to be in a set.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Place,
    View(NetworkId),
    Gateway(NetworkId),
}

/// Where sets begin and end.
#[derive(Default)]
struct Marks {
    kinds: Vec<Kind>,
    /// An address, and the set of which it is the first or comes after the last.
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u32)>,
}

impl Marks {
    fn next(&mut self, kind: Kind) -> u32 {
        self.kinds.push(kind);
        self.kinds.len() as u32 - 1
    }

    fn at_set(&mut self, mark: u32, set: &AddressSet) {
        for (first, last) in set.v4_ranges() {
            self.v4.push((first.into(), mark));
            self.v4.extend(u32::from(last).checked_add(1).map(|after| (after, mark)));
        }
        for (first, last) in set.v6_ranges() {
            self.v6.push((first.into(), mark));
            self.v6.extend(u128::from(last).checked_add(1).map(|after| (after, mark)));
        }
    }

    /// The bits of some sets.
    fn looks(&self, sets: &[u32]) -> Vec<u64> {
        let mut looks = vec![0; Now::words(&self.kinds)];
        sets.iter().for_each(|mark| looks[Now::word(*mark)] |= Now::bit(*mark));
        looks
    }

    fn swept(mut self) -> Cells {
        let (v4_scopes, v6_scopes) = scope_cuts();
        self.v4.sort_unstable();
        self.v6.sort_unstable();
        let mut names = Names::default();
        let v4 =
            swept(&self.kinds, &self.v4, &v4_scopes, &mut names, |at| Ipv4Addr::from(at).into());
        let v6 =
            swept(&self.kinds, &self.v6, &v6_scopes, &mut names, |at| Ipv6Addr::from(at).into());
        let Names { places, gateways, .. } = names;
        let looks = BTreeMap::new();
        Cells { v4, v6, places: places.into_list(), gateways: gateways.into_list(), looks }
    }
}

/// The first addresses of what has a scope, and of what comes after it.
fn scope_cuts() -> (BTreeSet<u32>, BTreeSet<u128>) {
    let (mut v4, mut v6) = (BTreeSet::from([0]), BTreeSet::from([0]));
    for text in SCOPE_PREFIXES {
        match text.parse() {
            Ok(IpNet::V4(net)) => {
                v4.insert(net.network().into());
                v4.extend(u32::from(net.broadcast()).checked_add(1));
            }
            Ok(IpNet::V6(net)) => {
                v6.insert(net.network().into());
                v6.extend(u128::from(net.broadcast()).checked_add(1));
            }
            Err(_) => {}
        }
    }
    (v4, v6)
}

/// From the lowest address to the highest: the sets that an address is in are those that began more
/// often than they ended.
fn swept<T: Ord + Copy>(
    kinds: &[Kind],
    marks: &[(T, u32)],
    scopes: &BTreeSet<T>,
    names: &mut Names,
    address: impl Fn(T) -> IpAddr,
) -> Vec<(T, Cell)> {
    let mut now = Now::new(kinds);
    let mut runs: Vec<(T, Cell)> = Vec::new();
    let mut scopes = scopes.iter().copied().peekable();
    let mut marks = marks.iter().copied().peekable();
    loop {
        let next = [scopes.peek().copied(), marks.peek().map(|(at, _)| *at)];
        let Some(at) = next.into_iter().flatten().min() else { break };
        scopes.next_if_eq(&at);
        while let Some((_, mark)) = marks.next_if(|(other, _)| *other == at) {
            now.turn(kinds, mark);
        }
        now.places[0] = scope(address(at)) as u64;
        let cell = names.cell(&now);
        if runs.last().is_none_or(|(_, before)| *before != cell) {
            runs.push((at, cell));
        }
    }
    runs
}

/// The sets that the address at hand is in.
struct Now {
    /// The scope, then one bit a set.
    places: Vec<u64>,
    views: BTreeSet<NetworkId>,
    gateways: BTreeSet<NetworkId>,
}

impl Now {
    fn new(kinds: &[Kind]) -> Now {
        let places = vec![0; Now::words(kinds)];
        Now { places, views: BTreeSet::new(), gateways: BTreeSet::new() }
    }

    fn words(kinds: &[Kind]) -> usize {
        1 + kinds.len().div_ceil(64)
    }

    fn word(mark: u32) -> usize {
        1 + mark as usize / 64
    }

    fn bit(mark: u32) -> u64 {
        1 << (mark % 64)
    }

    fn turn(&mut self, kinds: &[Kind], mark: u32) {
        let turn = |networks: &mut BTreeSet<NetworkId>, id| {
            if !networks.remove(&id) {
                networks.insert(id);
            }
        };
        match kinds[mark as usize] {
            Kind::Place => self.places[Now::word(mark)] ^= Now::bit(mark),
            Kind::View(id) => turn(&mut self.views, id),
            Kind::Gateway(id) => turn(&mut self.gateways, id),
        }
    }
}

/// Small numbers for what was met.
#[derive(Default)]
struct Names {
    places: Numbered<u64>,
    views: Numbered<NetworkId>,
    gateways: Numbered<NetworkId>,
}

impl Names {
    fn cell(&mut self, now: &Now) -> Cell {
        let list = |networks: &BTreeSet<NetworkId>| networks.iter().copied().collect::<Vec<_>>();
        Cell {
            place: self.places.number(&now.places),
            views: self.views.number(&list(&now.views)),
            gateways: self.gateways.number(&list(&now.gateways)),
        }
    }
}

struct Numbered<T>(HashMap<Box<[T]>, u32>);

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Numbered(HashMap::new())
    }
}

impl<T: Copy + Eq + std::hash::Hash> Numbered<T> {
    fn number(&mut self, list: &[T]) -> u32 {
        if let Some(known) = self.0.get(list) {
            return *known;
        }
        let number = self.0.len() as u32;
        self.0.insert(list.into(), number);
        number
    }

    fn into_list(self) -> Vec<Vec<T>> {
        let mut all: Vec<(u32, Box<[T]>)> =
            self.0.into_iter().map(|(list, at)| (at, list)).collect();
        all.sort_unstable_by_key(|(at, _)| *at);
        all.into_iter().map(|(_, list)| list.into_vec()).collect()
    }
}
