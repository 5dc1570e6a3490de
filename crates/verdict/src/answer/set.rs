//! The records of a name, as one asker sees them, and the values that are answered.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::{
    Host, LoadBalancer, Model, NetworkId, Record, RecordData, RecordId, RecordType, Scheme, Seconds,
};

/// The records of one name that an asker sees: those for its own networks, else those for everybody.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    model: &'a Model,
    ids: &'a [RecordId],
    networks: &'a [NetworkId],
    is_own: bool,
}

impl<'a> View<'a> {
    pub fn of(model: &'a Model, ids: &'a [RecordId], networks: &'a [NetworkId]) -> View<'a> {
        let view = View { model, ids, networks, is_own: true };
        View { is_own: !networks.is_empty() && view.iter().next().is_some(), ..view }
    }

    pub fn iter(self) -> impl Iterator<Item = &'a Record> + Clone {
        let records = self.ids.iter().map(move |id| &self.model[*id]);
        records.filter(move |record| match self.is_own {
            true => record.visible_to.iter().any(|network| self.networks.contains(network)),
            false => record.visible_to.is_empty(),
        })
    }

    /// What the same asker sees of another name.
    pub(super) fn of_name<'b>(self, ids: &'b [RecordId]) -> View<'b>
    where
        'a: 'b,
    {
        View::of(self.model, ids, self.networks)
    }

    /// Records of the name that others see.
    pub fn hidden(self) -> impl Iterator<Item = &'a Record> {
        let records = self.ids.iter().map(move |id| &self.model[*id]);
        records.filter(move |record| {
            let visible = record.visible_to.iter().any(|network| self.networks.contains(network));
            !record.visible_to.is_empty() && !visible
        })
    }
}

/// One set of records of a name and a type, as the policy chose it.
#[derive(Clone, Debug)]
pub struct Set<'a> {
    pub kind: RecordType,
    pub ttl: Seconds,
    /// The alias that led here, if the records are another name's.
    pub by: Option<&'a Record>,
    from: From<'a>,
    /// Where the values begin of which everybody gets all, and how many.
    turn: usize,
    values_max: usize,
}

#[derive(Clone, Debug)]
enum From<'a> {
    /// All of the view that are of the type.
    View(View<'a>),
    One(&'a Record),
    Several(Vec<&'a Record>),
    Texts(&'a [String]),
}

/// One value, as it goes over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    V4(Ipv4Addr),
    V6(Ipv6Addr),
    /// CNAME and NS.
    Name(&'a Host),
    /// The SOA of the zone.
    Authority,
    /// A TXT of one string.
    Text(&'a str),
    Wire(&'a [u8]),
}

impl<'a> Set<'a> {
    pub(super) fn all(kind: RecordType, view: View<'a>, turn: usize) -> Set<'a> {
        Set::from(kind, From::View(view), turn, usize::MAX)
    }

    pub(super) fn one(kind: RecordType, record: &'a Record, turn: usize) -> Set<'a> {
        Set::from(kind, From::One(record), turn, usize::MAX)
    }

    pub(super) fn several(
        kind: RecordType,
        records: Vec<&'a Record>,
        turn: usize,
        values_max: usize,
    ) -> Set<'a> {
        Set::from(kind, From::Several(records), turn, values_max)
    }

    pub(super) fn texts(texts: &'a [String], ttl: Seconds) -> Set<'a> {
        Set { ttl, ..Set::from(RecordType::TXT, From::Texts(texts), 0, usize::MAX) }
    }

    fn from(kind: RecordType, from: From<'a>, turn: usize, values_max: usize) -> Set<'a> {
        let mut set = Set { kind, ttl: Seconds(0), by: None, from, turn, values_max };
        // Disagreement within a set is refused before; RFC 2181 §5.2 takes the lowest.
        set.ttl = set.records().map(|record| record.ttl).min().unwrap_or(Seconds(0));
        set
    }

    /// Answered for the name of an alias.
    pub(super) fn through(mut self, alias: &'a Record) -> Set<'a> {
        self.by = Some(alias);
        self
    }

    pub fn first(&self) -> Option<&'a Record> {
        self.records().next()
    }

    pub fn records(&self) -> impl Iterator<Item = &'a Record> + Clone + '_ {
        let (view, one, several) = match &self.from {
            From::View(view) => (Some(*view), None, &[][..]),
            From::One(record) => (None, Some(*record), &[][..]),
            From::Several(records) => (None, None, &records[..]),
            From::Texts(_) => (None, None, &[][..]),
        };
        let kind = self.kind;
        let view = view.into_iter().flat_map(View::iter);
        let view = view.filter(move |record| of_itself(record, kind));
        view.chain(one).chain(several.iter().copied())
    }

    /// In the order to send them in. `here` as the asker has it.
    pub fn values(&self, model: &'a Model, here: Option<&'a [IpAddr]>) -> Vec<Value<'a>> {
        let mut values: Vec<Value<'a>> = Vec::new();
        if let From::Texts(texts) = self.from {
            values.extend(texts.iter().map(|text| Value::Text(text)));
        }
        for record in self.records() {
            push(&mut values, model, record, self.kind, here);
        }
        if !values.is_empty() {
            let turn = self.turn % values.len();
            values.rotate_left(turn);
        }
        values.truncate(self.values_max);
        values
    }
}

fn push<'a>(
    values: &mut Vec<Value<'a>>,
    model: &'a Model,
    record: &'a Record,
    kind: RecordType,
    here: Option<&'a [IpAddr]>,
) {
    let value = |address: &IpAddr| match (address, kind) {
        (IpAddr::V4(v4), RecordType::A) => Some(Value::V4(*v4)),
        (IpAddr::V6(v6), RecordType::AAAA) => Some(Value::V6(*v6)),
        (IpAddr::V4(_) | IpAddr::V6(_), _) => None,
    };
    match &record.data {
        RecordData::Addresses(addresses) => values.extend(addresses.iter().filter_map(value)),
        RecordData::Alias(id) => {
            let addresses = match alias_addresses(&model[*id]) {
                [] => here.unwrap_or(&[]),
                declared => declared,
            };
            let named = addresses.iter().filter(|address| !address.is_unspecified());
            let everywhere = addresses.iter().any(IpAddr::is_unspecified);
            let here = here.unwrap_or(&[]).iter().filter(|_| everywhere);
            values.extend(named.chain(here).filter_map(value));
        }
        RecordData::AliasName(_) => {}
        RecordData::Canonical(host) => values.push(Value::Name(host)),
        RecordData::NameServers(hosts) => values.extend(hosts.iter().map(Value::Name)),
        RecordData::Authority => values.push(Value::Authority),
        RecordData::Data { values: wires, .. } => {
            values.extend(wires.iter().map(|wire| Value::Wire(wire)));
        }
    }
}

/// Of the type by its own data.
pub(super) fn of_itself(record: &Record, kind: RecordType) -> bool {
    !matches!(record.data, RecordData::AliasName(_)) && record.data.is_of(kind)
}

/// What an alias of the load balancer answers: from the internet, what the world can reach.
pub fn alias_addresses(load_balancer: &LoadBalancer) -> &[IpAddr] {
    let public = load_balancer.scheme == Scheme::InternetFacing
        && !load_balancer.public_addresses.is_empty();
    if public { &load_balancer.public_addresses } else { &load_balancer.addresses }
}

/// Whether an alias of the load balancer has addresses of the type, or may have: one without addresses
/// of its own, or on every address of a family, is wherever its host is (DECISIONS 24).
pub(super) fn alias_has(
    load_balancer: &LoadBalancer,
    kind: RecordType,
    here: Option<&[IpAddr]>,
) -> bool {
    let family = |address: &IpAddr| match kind {
        RecordType::A => address.is_ipv4(),
        RecordType::AAAA => address.is_ipv6(),
        _ => false,
    };
    let known = |address: &IpAddr| {
        family(address)
            && (!address.is_unspecified() || here.is_none_or(|here| here.iter().any(family)))
    };
    match alias_addresses(load_balancer) {
        [] => here.is_none_or(|here| here.iter().any(family)),
        addresses => addresses.iter().any(known),
    }
}
