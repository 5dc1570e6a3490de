//! Names by their text: a hashed index that finds what is declared of a name, and decides nothing.

use std::collections::BTreeMap;

use model::{Host, Model, Record, RecordId, Shared, ZoneId};
use verdict::answer::{Names, parent};

/// Every name that exists, with its records: those that have some, and those that have names below
/// them only. A name costs its node and its slots, and no copy of its text.
#[derive(Clone, Debug, Default)]
pub struct NameIndex {
    /// Whose names the nodes point into.
    records: Shared<Record>,
    zones: BTreeMap<Host, Vec<ZoneId>>,
    nodes: Vec<Node>,
    /// By the hash of a name; [`FREE`] where there is none. A power of two, at most half full.
    slots: Vec<u32>,
    /// Grouped by node, in the order of their declaration.
    order: Vec<RecordId>,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    zone: Option<ZoneId>,
    /// A record whose name ends with this one, and where in it this one begins.
    record: RecordId,
    from: u16,
    first: u32,
    count: u32,
}

const FREE: u32 = u32::MAX;

impl NameIndex {
    pub fn of(model: &Model) -> NameIndex {
        let mut index = NameIndex { records: model.records.clone(), ..NameIndex::default() };
        for (at, zone) in model.zones.iter().enumerate() {
            index.zones.entry(zone.name.clone()).or_default().push(ZoneId(at as u32));
        }
        index.grow(model.records.len().max(8));
        let of_record: Vec<u32> =
            (0..model.records.len() as u32).map(|at| index.add(model, RecordId(at))).collect();
        let mut first = 0;
        for node in &mut index.nodes {
            node.first = first;
            first += node.count;
            node.count = 0;
        }
        index.order = vec![RecordId(0); of_record.len()];
        for (at, node) in of_record.into_iter().enumerate() {
            let node = &mut index.nodes[node as usize];
            index.order[(node.first + node.count) as usize] = RecordId(at as u32);
            node.count += 1;
        }
        index.nodes.shrink_to_fit();
        index
    }

    /// All records of a name, in whatever zone and view.
    pub fn everywhere<'i>(&'i self, name: &'i str) -> impl Iterator<Item = RecordId> + 'i {
        let zones = verdict::answer::enclosers(name).flat_map(|name| self.zones(name));
        let realms = zones.map(|zone| Some(*zone)).chain([None]);
        realms.flat_map(|zone| self.at(zone, name).unwrap_or(&[])).copied()
    }

    /// The node of the record's name, and those of the names above it.
    fn add(&mut self, model: &Model, id: RecordId) -> u32 {
        let record = &model[id];
        let apex = record.zone.map_or(0, |zone| model[zone].name.0.len());
        let whole = &*record.name.0;
        let own = self.node(record.zone, whole, id, 0);
        self.nodes[own as usize].count += 1;
        let mut name = whole;
        while let Some(above) = parent(name).filter(|above| above.len() >= apex.max(1)) {
            let known = self.nodes.len();
            self.node(record.zone, above, id, whole.len() - above.len());
            if self.nodes.len() == known {
                // Those above it are known too.
                break;
            }
            name = above;
        }
        own
    }

    fn node(&mut self, zone: Option<ZoneId>, name: &str, record: RecordId, from: usize) -> u32 {
        if self.nodes.len() * 2 >= self.slots.len() {
            self.grow(self.nodes.len() * 2);
        }
        let same = |text: &str| text == name;
        let slot = self.slot(zone, hash(zone, name.bytes()), &same);
        if self.slots[slot] == FREE {
            self.slots[slot] = self.nodes.len() as u32;
            // A name has at most 253 characters, and four times as many if all are escaped.
            let from = u16::try_from(from).unwrap_or(u16::MAX);
            self.nodes.push(Node { zone, record, from, first: 0, count: 0 });
        }
        self.slots[slot]
    }

    fn grow(&mut self, names: usize) {
        self.slots = vec![FREE; (names * 2).next_power_of_two()];
        for at in 0..self.nodes.len() {
            let (zone, name) = (self.nodes[at].zone, self.name(self.nodes[at]));
            let mut slot = hash(zone, name.bytes()) as usize & (self.slots.len() - 1);
            while self.slots[slot] != FREE {
                slot = (slot + 1) & (self.slots.len() - 1);
            }
            self.slots[slot] = at as u32;
        }
    }

    fn name(&self, node: Node) -> &str {
        let record = self.records.get(node.record.0 as usize);
        record.and_then(|record| record.name.0.get(usize::from(node.from)..)).unwrap_or("")
    }

    /// Where the name is, or would be: there is always a free slot.
    fn slot(&self, zone: Option<ZoneId>, hash: u64, same: &dyn Fn(&str) -> bool) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            match self.nodes.get(self.slots[slot] as usize) {
                Some(node) if node.zone != zone || !same(self.name(*node)) => {
                    slot = (slot + 1) & mask;
                }
                Some(_) | None => return slot,
            }
        }
    }

    fn found(
        &self,
        zone: Option<ZoneId>,
        hash: u64,
        same: &dyn Fn(&str) -> bool,
    ) -> Option<&[RecordId]> {
        if self.slots.is_empty() {
            return None;
        }
        let node = self.nodes.get(self.slots[self.slot(zone, hash, same)] as usize)?;
        self.order.get(node.first as usize..(node.first + node.count) as usize)
    }
}

impl Names for NameIndex {
    fn zones(&self, name: &str) -> &[ZoneId] {
        self.zones.get(name).map_or(&[], Vec::as_slice)
    }

    fn at(&self, zone: Option<ZoneId>, name: &str) -> Option<&[RecordId]> {
        self.found(zone, hash(zone, name.bytes()), &|text| text == name)
    }

    fn wildcard(&self, zone: Option<ZoneId>, name: &str) -> Option<&[RecordId]> {
        let bytes = b"*.".iter().copied().chain(name.bytes());
        self.found(zone, hash(zone, bytes), &|text| text.strip_prefix("*.") == Some(name))
    }
}

/// FNV-1a, with its upper half folded in: names come from configuration, so nobody can choose ones
/// that collide.
fn hash(zone: Option<ZoneId>, name: impl Iterator<Item = u8>) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let seed = zone.map_or(0, |zone| u64::from(zone.0) + 1);
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    let hash = name.fold((BASIS ^ seed).wrapping_mul(PRIME), step);
    hash ^ (hash >> 32)
}
