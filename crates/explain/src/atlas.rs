//! What the questions of one World share: its address space in cells, and what was asked of them.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use model::{AddressSet, Asker, NetworkId};
use world::World;

use crate::cells::{Cell, Cells, Door};
use crate::question::Client;
use crate::space::{Piece, of_asker, prefixes};

/// More pieces are not asked, and every report says so.
pub const PIECES_MAX: usize = 1 << 20;
/// Askers that are remembered beside those that are declared.
const REMEMBERED_MAX: usize = 1024;

/// Clients that no decision of this World can tell apart, whatever they ask.
#[derive(Clone, Debug)]
pub struct Alike {
    pub clients: AddressSet,
    pub example: Client,
    pub(crate) likeness: Likeness,
}

/// Everything about a client that a decision can look at. Clients that agree in it are asked once: the
/// decisions are functions of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Likeness {
    v4: bool,
    place: u32,
    views: u32,
    /// Of the address it is seen under.
    seen: Option<u32>,
}

/// As much of a likeness as some decisions look at.
pub(crate) type Look = (bool, u32, Vec<u64>, Option<Vec<u64>>);

/// First and last addresses.
type Ranges = Vec<(IpAddr, IpAddr)>;

/// A set of clients by likeness.
#[derive(Clone, Debug, Default)]
pub struct Classes {
    pub classes: Vec<Alike>,
    pub pieces: usize,
    /// What is not asked, because there are more than [`PIECES_MAX`] pieces.
    pub left_out: AddressSet,
}

/// What is the same for every question of one World.
#[derive(Clone, Debug)]
pub struct Atlas<'w> {
    pub world: &'w World,
    survey: Arc<Survey>,
}

/// A World that is asked again and again: what its questions share is found out once.
#[derive(Debug)]
pub struct Surveyed {
    world: Arc<World>,
    survey: OnceLock<Arc<Survey>>,
}

#[derive(Debug)]
struct Survey {
    cells: Cells,

    pieces_max: usize,
    known: Mutex<HashMap<Asker, Arc<Classes>>>,
}

impl Surveyed {
    pub fn new(world: Arc<World>) -> Surveyed {
        Surveyed { world, survey: OnceLock::new() }
    }

    pub fn world(&self) -> &World {
        &self.world
    }

    pub fn atlas(&self) -> Atlas<'_> {
        let survey = self.survey.get_or_init(|| Arc::new(Survey::of(&self.world, PIECES_MAX)));
        Atlas { world: &self.world, survey: Arc::clone(survey) }
    }
}

impl Survey {
    fn of(world: &World, pieces_max: usize) -> Survey {
        Survey { cells: Cells::of(world), pieces_max, known: Mutex::default() }
    }
}

/// Prefixes that are spelt out.
const PREFIXES_TOLD_MAX: usize = 4;

fn prefix_words(set: &AddressSet) -> String {
    let all = prefixes(set);
    let mut words: Vec<String> =
        all.iter().take(PREFIXES_TOLD_MAX).map(ToString::to_string).collect();
    if all.len() > PREFIXES_TOLD_MAX {
        words.push(format!("{} more prefixes", all.len() - PREFIXES_TOLD_MAX));
    }
    words.join(", ")
}

impl<'w> Atlas<'w> {
    pub fn of(world: &'w World) -> Atlas<'w> {
        Atlas::of_pieces(world, PIECES_MAX)
    }

    /// With a limit of its own instead of [`PIECES_MAX`].
    pub fn of_pieces(world: &'w World, pieces_max: usize) -> Atlas<'w> {
        Atlas { world, survey: Arc::new(Survey::of(world, pieces_max)) }
    }

    /// Why some clients were not asked, if there are any.
    pub fn left_out_words(&self, left_out: &AddressSet) -> Option<String> {
        if left_out.is_empty() {
            return None;
        }
        let (max, clients) = (self.survey.pieces_max, prefix_words(left_out));
        Some(format!("of more than {max} pieces the rest is not asked: {clients}"))
    }

    /// The classes of an asker's clients; asked again, they are remembered.
    pub fn classes_of(&self, asker: Asker) -> Arc<Classes> {
        let known = || self.survey.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known().get(&asker) {
            return Arc::clone(known);
        }
        let classes = Arc::new(self.classes(&of_asker(&self.world.model, asker)));
        let mut known = known();
        if !matches!(asker, Asker::Prefix(_)) || known.len() < REMEMBERED_MAX {
            known.insert(asker, Arc::clone(&classes));
        }
        classes
    }

    /// Any set of clients by likeness, in the order of their first addresses.
    pub fn classes(&self, set: &AddressSet) -> Classes {
        let mut found: HashMap<Likeness, usize> = HashMap::new();
        let mut classes: Vec<(Likeness, Client, Ranges)> = Vec::new();
        let mut seen_by_gateways: HashMap<(bool, u32), Vec<(IpAddr, u32)>> = HashMap::new();
        let (mut pieces, mut left_out) = (0, Vec::new());
        for (piece, cell) in self.survey.cells.pieces(set) {
            let v4 = piece.first.is_ipv4();
            let seen = seen_by_gateways
                .entry((v4, cell.gateways))
                .or_insert_with(|| self.seen_as(cell, v4));
            // A piece is asked once for each of the addresses it is seen under.
            pieces += seen.len().max(1);
            if pieces > self.survey.pieces_max {
                left_out.push((piece.first, piece.last));
                continue;
            }
            let direct = seen.is_empty().then_some(None);
            for seen in seen.iter().copied().map(Some).chain(direct) {
                let (place, views) = (cell.place, cell.views);
                let likeness = Likeness { v4, place, views, seen: seen.map(|(_, place)| place) };
                let at = *found.entry(likeness).or_insert_with(|| {
                    let example = self.client_in(piece, seen.map(|(address, _)| address));
                    classes.push((likeness, example, Ranges::new()));
                    classes.len() - 1
                });
                classes[at].2.push((piece.first, piece.last));
            }
        }
        let classes = classes
            .into_iter()
            .map(|(likeness, example, ranges)| Alike {
                clients: ranges.into_iter().collect(),
                example,
                likeness,
            })
            .collect();
        Classes { classes, pieces, left_out: left_out.into_iter().collect() }
    }

    /// One address as this World sees it: as many clients as a gateway has places to see it at.
    pub fn clients(&self, address: IpAddr) -> Vec<Client> {
        let set: AddressSet = [(address, address)].into_iter().collect();
        let Some((piece, cell)) = self.survey.cells.pieces(&set).next() else {
            return Vec::new();
        };
        let seen = self.seen_as(cell, address.is_ipv4());
        let direct = seen.is_empty().then_some(None);
        let seen = seen.into_iter().map(|(address, _)| Some(address)).chain(direct);
        seen.map(|seen| self.client_in(piece, seen)).collect()
    }

    /// As much of a likeness as the decisions behind some doors look at.
    pub(crate) fn look(&self, doors: &BTreeSet<Door>, likeness: Likeness) -> Look {
        let Likeness { v4, place, views, seen } = likeness;
        let cells = &self.survey.cells;
        (v4, views, cells.seen_by(doors, place), seen.map(|seen| cells.seen_by(doors, seen)))
    }

    fn client_in(&self, piece: Piece, seen_as: Option<IpAddr>) -> Client {
        let networks: Vec<NetworkId> = self.world.membership().of(piece.first).to_vec();
        Client { piece, seen_as, networks }
    }

    /// The addresses under which clients of a cell are seen, one of each place.
    fn seen_as(&self, cell: Cell, v4: bool) -> Vec<(IpAddr, u32)> {
        let model = &self.world.model;
        let networks = self.survey.cells.gateways(cell).iter().map(|id| &model[*id]);
        let seen: AddressSet = networks.flat_map(|network| &network.seen_as).copied().collect();
        let pieces = self.survey.cells.pieces(&seen);
        let mut found = BTreeSet::new();
        pieces
            .filter(|(piece, cell)| piece.first.is_ipv4() == v4 && found.insert(cell.place))
            .map(|(piece, cell)| (piece.first, cell.place))
            .collect()
    }
}
