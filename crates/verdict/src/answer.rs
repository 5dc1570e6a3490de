//! The answer to one question for a name (RFC 1034 §4.3.2), as a server of our zones gives it, and as
//! an explanation foretells it: which zone, which records, and which of them the policy chooses.

mod draw;
mod policy;
mod set;

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::{
    Challenges, GroupId, Host, LoadBalancerId, Model, NetworkId, Record, RecordData, RecordId,
    RecordType, Seconds, ZoneId,
};

pub use draw::{Draw, Drawn, every};
pub use set::{Set, Value, View, alias_addresses};

/// Canonical names that are followed; a resolver gives up at about as many.
pub const CANONICAL_MAX: usize = 8;
/// Names of a zone that follow one another by `alias`.
pub const ALIAS_MAX: usize = 4;
/// A text that an authority looks for is gone soon.
const TEXT_TTL: Seconds = Seconds(1);

/// Finds what is declared of a name, and decides nothing.
pub trait Names {
    /// The zones of exactly this name, in the order of their declaration.
    fn zones(&self, name: &str) -> &[ZoneId];

    /// The records of a name in a zone, or among those of no zone. None at all, and still `Some`, where
    /// there are names below it only (RFC 4592 §2.2.2).
    fn at(&self, zone: Option<ZoneId>, name: &str) -> Option<&[RecordId]>;

    /// [`Names::at`] of `*.` and the name.
    fn wildcard(&self, zone: Option<ZoneId>, name: &str) -> Option<&[RecordId]>;
}

#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// As a [`Host`] is written.
    pub name: &'a str,
    pub kind: RecordType,
}

/// Who asks, and what is the case while it is answered.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    /// The networks it is in, the smallest first.
    pub networks: &'a [NetworkId],
    pub of: Of,
    /// Addresses that lead to this host, for load balancers that declare none; `None`: not known, and
    /// such a load balancer has addresses of either family that nobody can name.
    pub here: Option<&'a [IpAddr]>,
    pub load_balancer_healthy: &'a dyn Fn(LoadBalancerId) -> bool,
    /// Whether a target group has a healthy target.
    pub group_healthy: &'a dyn Fn(GroupId) -> bool,
    pub challenges: &'a Challenges,
}

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Our server, which has our zones.
    Zones,
    /// A resolver, which finds somebody else's records too, as far as they are declared here.
    World,
}

#[derive(Clone, Debug)]
pub struct Answer<'a> {
    /// The canonical names that were followed, in order.
    pub chain: Vec<Link<'a>>,
    pub end: End<'a>,
}

/// A record that leads to another name.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    pub at: At<'a>,
    pub record: &'a Record,
}

/// A name in a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At<'a> {
    /// `None`: among the declared facts about zones of others.
    pub zone: Option<ZoneId>,
    /// As it was asked for, or as a record leads to it.
    pub name: &'a str,
    /// Where a wildcard answers: the closest encloser, of which it is the `*` (RFC 4592 §3.3.1).
    pub encloser: Option<&'a str>,
}

#[derive(Clone, Debug)]
pub enum End<'a> {
    /// No zone that the asker can see covers the name that was asked for.
    Refused,
    /// A canonical name led out of what is known here.
    Elsewhere(&'a str),
    /// The name does not exist (RFC 8020); `at.encloser` is the nearest that does.
    NameError {
        at: At<'a>,
    },
    /// The name exists, and has nothing of the type for this asker (RFC 2308 §2.2).
    NoData {
        at: At<'a>,
        view: View<'a>,
    },
    Found {
        at: At<'a>,
        set: Set<'a>,
        view: View<'a>,
    },
    /// Others answer for the name (RFC 1034 §4.3.2, 3b). `at.name` is the name of the cut, `view` has
    /// its name servers and DS.
    Referral {
        at: At<'a>,
        view: View<'a>,
    },
    /// More canonical names than are followed.
    Loop,
}

/// Decides the answer. Every choice by chance is left to `draw`.
pub fn answer<'a, N: Names>(
    model: &'a Model,
    names: &'a N,
    question: Question<'a>,
    asker: &Asker<'a>,
    draw: &mut dyn Draw,
) -> Answer<'a> {
    let step = Step { model, names, kind: question.kind, asker: *asker };
    let mut chain: Vec<Link<'a>> = Vec::new();
    let mut name = question.name;
    loop {
        let Some(realm) = step.realm(name) else {
            let end = if chain.is_empty() { End::Refused } else { End::Elsewhere(name) };
            return Answer { chain, end };
        };
        match step.at(realm, name, draw) {
            Found::Link(link) if chain.len() == CANONICAL_MAX => {
                chain.push(link);
                return Answer { chain, end: End::Loop };
            }
            Found::Link(link) => {
                chain.push(link);
                let RecordData::Canonical(next) = &link.record.data else {
                    unreachable!("a link is a canonical name");
                };
                name = &next.0;
            }
            // Whoever sends to a name elsewhere knows that somebody answers for it.
            Found::End(End::NameError { at }) if at.zone.is_none() && !chain.is_empty() => {
                return Answer { chain, end: End::Elsewhere(name) };
            }
            Found::End(end) => return Answer { chain, end },
        }
    }
}

/// The name and its parents, up to the topmost label; a dot within a label is escaped.
pub fn enclosers(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| parent(name)).filter(|name| !name.is_empty())
}

pub fn parent(name: &str) -> Option<&str> {
    let mut escaped = false;
    let dot = name.bytes().position(|byte| {
        let ends = byte == b'.' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    name.get(dot + 1..)
}

/// What a name has to say.
enum Found<'a> {
    Link(Link<'a>),
    End(End<'a>),
}

struct Step<'a, N> {
    model: &'a Model,
    names: &'a N,
    kind: RecordType,
    asker: Asker<'a>,
}

impl<'a, N: Names> Step<'a, N> {
    /// The most specific zone that the asker sees, and of two views of one its own (ALB.md §10);
    /// `Some(None)`: no zone, but a resolver may know of others.
    fn realm(&self, name: &'a str) -> Option<Option<ZoneId>> {
        let mut child = None;
        for encloser in enclosers(name) {
            let Some(zone) = self.view_of(self.names.zones(encloser)) else { continue };
            // RFC 4035 §3.1.4.1: the parent knows the DS.
            if self.kind == RecordType::DS && encloser == name && child.is_none() {
                child = Some(zone);
                continue;
            }
            return Some(Some(zone));
        }
        match self.asker.of {
            Of::Zones => child.map(Some),
            Of::World => Some(child),
        }
    }

    fn view_of(&self, zones: &[ZoneId]) -> Option<ZoneId> {
        let sees = |network: &NetworkId| {
            zones.iter().copied().find(|zone| self.model[*zone].visible_to.contains(network))
        };
        let public = || zones.iter().copied().find(|zone| self.model[*zone].visible_to.is_empty());
        self.asker.networks.iter().find_map(sees).or_else(public)
    }

    fn at(&self, zone: Option<ZoneId>, name: &'a str, draw: &mut dyn Draw) -> Found<'a> {
        let apex = zone.map_or("", |zone| &*self.model[zone].name.0);
        let mut encloser = None;
        let mut cut = None;
        for parent in enclosers(name).take_while(|parent| parent.len() > apex.len()) {
            let Some(ids) = self.names.at(zone, parent) else { continue };
            encloser = encloser.or(Some((parent, ids)));
            let is_asked = self.kind == RecordType::DS && parent == name;
            if zone.is_some() && !is_asked {
                let view = self.view(ids);
                let delegates = |record: &Record| record.data.is_of(RecordType::NS);
                if view.iter().any(|record| delegates(record) && !is_alias(record)) {
                    cut = Some((parent, view));
                }
            }
        }
        if let Some((name, view)) = cut {
            return Found::End(End::Referral { at: At { zone, name, encloser: None }, view });
        }
        if let Some(texts) = self.texts(name) {
            let at = At { zone, name, encloser: None };
            let view = self.view(self.names.at(zone, name).unwrap_or(&[]));
            let set = Set::texts(texts, TEXT_TTL);
            return Found::End(End::Found { at, set, view });
        }
        let encloser = match encloser {
            Some(found) => Some(found),
            None if zone.is_some() => Some((apex, self.names.at(zone, apex).unwrap_or(&[]))),
            None => None,
        };
        match encloser {
            Some((found, ids)) if found == name => {
                self.among(At { zone, name, encloser: None }, ids, draw)
            }
            Some((parent, _)) => {
                let at = At { zone, name, encloser: Some(parent) };
                match self.names.wildcard(zone, parent) {
                    Some(ids) if !self.has_texts_below(name) => self.among(at, ids, draw),
                    Some(_) | None => Found::End(self.nothing(at)),
                }
            }
            None => Found::End(self.nothing(At { zone, name, encloser: None })),
        }
    }

    /// The records of a name that exists, or of the wildcard that stands for it.
    fn among(&self, at: At<'a>, ids: &'a [RecordId], draw: &mut dyn Draw) -> Found<'a> {
        let view = self.view(ids);
        let kind = match self.kind {
            // RFC 8482 §4.1: one of the sets is enough.
            RecordType::ANY => {
                match types(self.model, self.names, at.zone, view, self.asker.here).first() {
                    Some(kind) => *kind,
                    None => return Found::End(End::NoData { at, view }),
                }
            }
            kind => kind,
        };
        let canonical = |record: &Record| matches!(record.data, RecordData::Canonical(_));
        if kind != RecordType::CNAME && view.iter().any(canonical) {
            let set = self.choose(view, RecordType::CNAME, draw);
            return match set.and_then(|set| set.first()) {
                Some(record) => Found::Link(Link { at, record }),
                None => Found::End(End::NoData { at, view }),
            };
        }
        match self.set(at.zone, view, kind, ALIAS_MAX, draw) {
            Some(set) => Found::End(End::Found { at, set, view }),
            None => Found::End(End::NoData { at, view }),
        }
    }

    /// What of a view answers the type; an alias to another name what that name answers.
    fn set(
        &self,
        zone: Option<ZoneId>,
        view: View<'a>,
        kind: RecordType,
        aliases: usize,
        draw: &mut dyn Draw,
    ) -> Option<Set<'a>> {
        let set = self.choose(view, kind, draw)?;
        let Some(RecordData::AliasName(target)) = set.first().map(|record| &record.data) else {
            return Some(set);
        };
        let aliases = aliases.checked_sub(1)?;
        let ids = self.names.at(zone, &target.0)?;
        let by = set.first()?;
        Some(self.set(zone, self.view(ids), kind, aliases, draw)?.through(by))
    }

    fn nothing(&self, at: At<'a>) -> End<'a> {
        if self.has_texts_below(at.name) {
            let at = At { encloser: None, ..at };
            return End::NoData { at, view: self.view(&[]) };
        }
        End::NameError { at }
    }

    fn texts(&self, name: &str) -> Option<&'a [String]> {
        if self.kind != RecordType::TXT || self.asker.challenges.texts.is_empty() {
            return None;
        }
        let texts = &self.asker.challenges.texts;
        texts.get(name).filter(|texts| !texts.is_empty()).map(Vec::as_slice)
    }

    /// Then the name exists (RFC 4592 §2.2.2).
    fn has_texts_below(&self, name: &str) -> bool {
        let names = self.asker.challenges.texts.keys();
        names.into_iter().any(|text| {
            text.0.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }

    fn view(&self, ids: &'a [RecordId]) -> View<'a> {
        View::of(self.model, ids, self.asker.networks)
    }
}

fn is_alias(record: &Record) -> bool {
    matches!(record.data, RecordData::AliasName(_))
}

/// The types that the asker finds at the name, in order (RFC 4034 §4.1.2).
pub fn types<N: Names>(
    model: &Model,
    names: &N,
    zone: Option<ZoneId>,
    view: View<'_>,
    here: Option<&[IpAddr]>,
) -> Vec<RecordType> {
    let mut all = BTreeSet::new();
    add_types(model, names, zone, view, here, ALIAS_MAX, &mut all);
    all.into_iter().collect()
}

fn add_types<N: Names>(
    model: &Model,
    names: &N,
    zone: Option<ZoneId>,
    view: View<'_>,
    here: Option<&[IpAddr]>,
    aliases: usize,
    all: &mut BTreeSet<RecordType>,
) {
    const ADDRESSES: [RecordType; 2] = [RecordType::A, RecordType::AAAA];
    for record in view.iter() {
        match &record.data {
            RecordData::Addresses(_) => {
                all.extend(ADDRESSES.iter().filter(|kind| record.data.is_of(**kind)));
            }
            RecordData::Alias(id) => {
                let has = |kind: &&RecordType| set::alias_has(&model[*id], **kind, here);
                all.extend(ADDRESSES.iter().filter(has));
            }
            RecordData::AliasName(target) => {
                let Some(aliases) = aliases.checked_sub(1) else { continue };
                let mut more = BTreeSet::new();
                let view = view.of_name(names.at(zone, &target.0).unwrap_or(&[]));
                add_types(model, names, zone, view, here, aliases, &mut more);
                all.extend(more.into_iter().filter(|kind| record.data.is_of(*kind)));
            }
            RecordData::Canonical(_) => all.extend([RecordType::CNAME]),
            RecordData::NameServers(_) => all.extend([RecordType::NS]),
            RecordData::Authority => all.extend([RecordType::SOA]),
            RecordData::Data { kind, .. } => all.extend([*kind]),
        }
    }
}

/// The addresses of the name servers of a cut, without which they are not found if they are below it
/// (RFC 9471): each name server and the records of its addresses.
pub fn glue<'a, N: Names>(
    model: &'a Model,
    names: &'a N,
    zone: ZoneId,
    view: View<'a>,
) -> Vec<(&'a Host, &'a Record)> {
    let mut glue = Vec::new();
    for record in view.iter() {
        let RecordData::NameServers(hosts) = &record.data else { continue };
        for host in hosts {
            let ids = names.at(Some(zone), &host.0).unwrap_or(&[]);
            let records = ids.iter().map(|id| &model[*id]);
            let addresses = |record: &&Record| matches!(record.data, RecordData::Addresses(_));
            glue.extend(records.filter(addresses).map(|record| (host, record)));
        }
    }
    glue
}
