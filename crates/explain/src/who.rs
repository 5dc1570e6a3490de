//! For which clients does an address work: the exact partition of the address space by outcome.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use model::{AddressSet, Asker};

use crate::atlas::{Alike, Atlas, Classes, Look};
use crate::cells::Door;
use crate::chain;
use crate::facts::Facts;
use crate::hop::{Hop, Trace};
use crate::outcome::Outcome;
use crate::question::{Client, Request};

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
    /// What was not asked, because there are more than [`crate::PIECES_MAX`] pieces.
    pub left_out: AddressSet,
}

/// One request on behalf of many clients. What one client is told holds for every other that agrees
/// with it in all that was looked at on the way.
#[derive(Debug)]
pub struct Inquiry<'q> {
    pub atlas: &'q Atlas<'q>,
    pub facts: &'q Facts<'q>,
    pub request: &'q Request,
    known: RefCell<Vec<Known>>,
    walks: Cell<usize>,
}

pub type Ends = Rc<BTreeSet<Outcome>>;
/// By the doors that a walk met, and by what was looked at there.
type Known = (BTreeSet<Door>, HashMap<Look, Ends>);

impl<'q> Inquiry<'q> {
    pub fn new(atlas: &'q Atlas<'q>, facts: &'q Facts<'q>, request: &'q Request) -> Inquiry<'q> {
        Inquiry { atlas, facts, request, known: RefCell::default(), walks: Cell::new(0) }
    }

    /// How often the request was followed to its end.
    pub fn walks(&self) -> usize {
        self.walks.get()
    }

    pub fn partition_of(&self, asker: Asker) -> Partition {
        self.parts(&self.atlas.classes_of(asker))
    }

    pub fn partition(&self, set: &AddressSet) -> Partition {
        self.parts(&self.atlas.classes(set))
    }

    fn parts(&self, classes: &Classes) -> Partition {
        let mut by_outcomes: BTreeMap<Ends, Vec<&Alike>> = BTreeMap::new();
        for alike in &classes.classes {
            by_outcomes.entry(self.ends(alike)).or_default().push(alike);
        }
        let mut parts: Vec<Part> = by_outcomes
            .into_iter()
            .map(|(outcomes, alike)| Part {
                example: alike[0].example.clone(),
                clients: alike.into_iter().map(|alike| &alike.clients).collect(),
                outcomes: BTreeSet::clone(&outcomes),
            })
            .collect();
        parts.sort_by_key(|part| part.example.piece);
        let beside = |part: &Part| part.outcomes.iter().all(Outcome::is_other_family);
        let at = parts.iter().position(beside).filter(|_| parts.len() > 1);
        let aside = at.map(|at| parts.remove(at));
        Partition { parts, pieces: classes.pieces, aside, left_out: classes.left_out.clone() }
    }

    /// What becomes of the request of clients that are alike.
    pub fn ends(&self, alike: &Alike) -> Ends {
        let mut known = self.known.borrow_mut();
        let told = known.iter().find_map(|(doors, told)| {
            told.get(&self.atlas.look(doors, alike.likeness)).map(Rc::clone)
        });
        if let Some(ends) = told {
            return ends;
        }
        self.walks.set(self.walks.get() + 1);
        let mut met = Met::default();
        let ask = self.request.ask(&alike.example);
        let ends = Rc::new(chain::ends(self.atlas.world, self.facts, &ask, &mut met));
        let look = self.atlas.look(&met.0, alike.likeness);
        let at = known.iter().position(|(doors, _)| *doors == met.0).unwrap_or_else(|| {
            known.push((met.0, HashMap::new()));
            known.len() - 1
        });
        known[at].1.insert(look, Rc::clone(&ends));
        ends
    }
}

/// The decisions that a walk asked about the client's address.
#[derive(Debug, Default)]
struct Met(BTreeSet<Door>);

impl Trace for Met {
    const LISTENS: bool = false;

    fn hop(&mut self, _: impl FnOnce() -> Hop) {}

    fn door(&mut self, door: Door) {
        self.0.insert(door);
    }
}

/// The partition of `set` for one request.
pub fn partition(
    atlas: &Atlas<'_>,
    facts: &Facts<'_>,
    request: &Request,
    set: &AddressSet,
) -> Partition {
    Inquiry::new(atlas, facts, request).partition(set)
}

pub fn partition_of(
    atlas: &Atlas<'_>,
    facts: &Facts<'_>,
    request: &Request,
    asker: Asker,
) -> Partition {
    Inquiry::new(atlas, facts, request).partition_of(asker)
}

#[cfg(test)]
mod tests;
