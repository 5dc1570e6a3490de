//! What a name leads to for a client: the decision of [`crate::answer`], asked for both families as a
//! resolver does, and in every way that chance can go.

use std::net::IpAddr;

use model::{LoadBalancerId, Model, Obstacle, Record, RecordData, RecordType, ZoneId};

use crate::answer::{Answer, Asker, End, Names, Of, Question, answer, enclosers, every};

/// Where a name leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved<'m> {
    /// The records that said so, in the order they were followed.
    pub records: Vec<&'m Record>,
    /// Every one that is possible.
    pub destinations: Vec<Destination>,
    /// Where others answer: a canonical name that is not declared here, or a delegation.
    pub elsewhere: Option<String>,
    /// `None`: by declared facts about somebody else's zone.
    pub zone: Option<ZoneId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Destination {
    Address(IpAddr),
    /// Wherever the load balancer is: an alias follows it.
    LoadBalancer(LoadBalancerId),
}

/// What an answer without addresses means to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved<'m> {
    pub obstacle: Obstacle,
    /// The zone of ours that says so, and not only that nothing is declared.
    pub zone: Option<ZoneId>,
    /// What led to the name without addresses, or is at it for others.
    pub records: Vec<&'m Record>,
}

/// Asks as a client whose resolver finds declared facts about others too.
pub fn resolve<'m, N: Names>(
    model: &'m Model,
    names: &'m N,
    name: &'m str,
    asker: &Asker<'m>,
) -> Result<Resolved<'m>, Unresolved<'m>> {
    let asker = Asker { of: Of::World, ..*asker };
    let mut found =
        Resolved { records: Vec::new(), destinations: Vec::new(), elsewhere: None, zone: None };
    let mut missing = None;
    for kind in [RecordType::A, RecordType::AAAA] {
        let question = Question { name, kind };
        for answer in every(|draw| answer(model, names, question, &asker, draw)) {
            let first = answer.chain.first().map(|link| link.at.zone);
            let links = answer.chain.iter().map(|link| link.record);
            links.for_each(|record| push(&mut found.records, record));
            match &answer.end {
                End::Found { at, set, .. } => {
                    found.zone = first.unwrap_or(at.zone);
                    set.by.into_iter().for_each(|record| push(&mut found.records, record));
                    for record in set.records() {
                        push(&mut found.records, record);
                        let to = destinations(record, kind);
                        to.for_each(|to| push(&mut found.destinations, to));
                    }
                }
                End::Elsewhere(name) => {
                    found.zone = first.unwrap_or(None);
                    found.elsewhere = Some((*name).to_owned());
                }
                End::Referral { at, view } => {
                    found.zone = first.unwrap_or(at.zone);
                    found.elsewhere = Some(at.name.to_owned());
                    view.iter().for_each(|record| push(&mut found.records, record));
                }
                End::Refused | End::NameError { .. } | End::NoData { .. } | End::Loop => {
                    missing.get_or_insert(answer);
                }
            }
        }
    }
    match missing {
        Some(answer) if found.destinations.is_empty() && found.elsewhere.is_none() => {
            Err(unresolved(model, names, name, &asker, answer))
        }
        Some(_) | None => Ok(found),
    }
}

fn push<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

fn destinations(record: &Record, kind: RecordType) -> impl Iterator<Item = Destination> + '_ {
    let (addresses, alias) = match &record.data {
        RecordData::Addresses(addresses) => (&addresses[..], None),
        RecordData::Alias(id) => (&[][..], Some(Destination::LoadBalancer(*id))),
        RecordData::AliasName(_)
        | RecordData::Canonical(_)
        | RecordData::NameServers(_)
        | RecordData::Authority
        | RecordData::Data { .. } => (&[][..], None),
    };
    let family = addresses.iter().filter(move |to| to.is_ipv4() == (kind == RecordType::A));
    family.map(|to| Destination::Address(*to)).chain(alias)
}

fn unresolved<'m, N: Names>(
    model: &'m Model,
    names: &'m N,
    name: &'m str,
    asker: &Asker<'m>,
    answer: Answer<'m>,
) -> Unresolved<'m> {
    let mut records: Vec<&Record> = answer.chain.iter().map(|link| link.record).collect();
    let (obstacle, zone) = match answer.end {
        End::Loop => (Obstacle::NameLoop, answer.chain.first().and_then(|link| link.at.zone)),
        End::NoData { at, view } => {
            let is_hidden = view.iter().next().is_none() && view.hidden().next().is_some();
            if is_hidden {
                records.extend(view.hidden());
                (Obstacle::NameNotVisible, at.zone)
            } else if at.zone.is_some() {
                records.extend(view.iter());
                (Obstacle::NameNoData, at.zone)
            } else {
                (Obstacle::NameNoRecord, None)
            }
        }
        End::NameError { at } => (Obstacle::NameNoRecord, at.zone),
        End::Refused | End::Elsewhere(_) | End::Found { .. } | End::Referral { .. } => {
            (Obstacle::NameNoRecord, None)
        }
    };
    if !answer.chain.is_empty() {
        return Unresolved { obstacle, zone, records };
    }
    let seen = |networks| {
        let asker = Asker { networks, ..*asker };
        let answer = crate::answer::answer(
            model,
            names,
            Question { name, kind: RecordType::A },
            &asker,
            &mut crate::answer::Drawn(0),
        );
        match answer.end {
            End::Found { at, set, .. } => at.zone.and(set.first()),
            End::Elsewhere(_) => answer.chain.first().map(|link| link.record),
            End::Refused | End::NameError { .. } | End::NoData { .. } => None,
            End::Referral { .. } | End::Loop => None,
        }
    };
    match zone {
        // ALB.md §10: there is no way back to the public zone.
        Some(id) if !model[id].visible_to.is_empty() => match seen(&[]) {
            Some(public) => {
                Unresolved { obstacle: Obstacle::NamePrivateZone, zone, records: vec![public] }
            }
            None => Unresolved { obstacle, zone, records },
        },
        Some(_) => Unresolved { obstacle, zone, records },
        None => {
            let zones = enclosers(name).flat_map(|name| names.zones(name));
            let mut theirs = zones.filter_map(|zone| seen(model[*zone].visible_to.get(..1)?));
            match theirs.next() {
                Some(hidden) => {
                    Unresolved { obstacle: Obstacle::NameNotVisible, zone, records: vec![hidden] }
                }
                None => Unresolved { obstacle, zone, records },
            }
        }
    }
}

/// Whether packets from one address find the way to another: a private address is not reached from
/// outside (RFC 1918 §3, RFC 4193 §4.1), and loopback only from loopback (RFC 1122 §3.2.1.3).
pub fn routed(source: IpAddr, destination: IpAddr) -> Result<(), Obstacle> {
    let reachable = match (scope(source), scope(destination)) {
        (_, Scope::Global) | (Scope::Private, Scope::Private) => true,
        (Scope::Loopback, Scope::Loopback) => true,
        (Scope::Global, Scope::Private) | (Scope::Global | Scope::Private, Scope::Loopback) => {
            false
        }
        // A machine of ours that asks itself.
        (Scope::Loopback, Scope::Private) => true,
    };
    if reachable { Ok(()) } else { Err(Obstacle::NameUnroutable) }
}

/// How far an address is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    Loopback,
    Private,
    Global,
}

pub fn scope(address: IpAddr) -> Scope {
    match model::canonical(address) {
        IpAddr::V4(v4) if v4.is_loopback() => Scope::Loopback,
        // 100.64.0.0/10: shared by carriers (RFC 6598 §7).
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            match v4.is_private() || v4.is_link_local() || shared {
                true => Scope::Private,
                false => Scope::Global,
            }
        }
        IpAddr::V6(v6) if v6.is_loopback() => Scope::Loopback,
        IpAddr::V6(v6) => {
            match v6.segments()[0] & 0xfe00 == 0xfc00 || v6.segments()[0] & 0xffc0 == 0xfe80 {
                true => Scope::Private,
                false => Scope::Global,
            }
        }
    }
}

/// The prefixes at which [`scope`] changes: where a set of clients has to be cut.
pub const SCOPE_PREFIXES: [&str; 9] = [
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::tests::{Listed, a, record, zones};
    use model::{Host, NetworkId};

    #[test]
    fn views_wildcards_and_chains() {
        let fact = |name: &str, data| record(None, name, data);
        let alias = |id| RecordData::Alias(LoadBalancerId(id));
        let seen_by = |id, record: Record| Record { visible_to: vec![NetworkId(id)], ..record };
        let records = vec![
            fact("shop.example", a("203.0.113.1")),
            seen_by(0, fact("shop.example", alias(1))),
            fact("*.shop.example", a("203.0.113.2")),
            fact("a.shop.example", a("203.0.113.3")),
            fact("c.b.shop.example", a("203.0.113.4")),
            fact("www.example", RecordData::Canonical(Host("shop.example".into()))),
            fact("cdn.example", RecordData::Canonical(Host("shop.cdn.test".into()))),
            seen_by(0, fact("inside.example", a("10.0.0.1"))),
            fact("a.example", RecordData::Canonical(Host("b.example".into()))),
            fact("b.example", RecordData::Canonical(Host("a.example".into()))),
        ];
        let load_balancer = model::LoadBalancer {
            name: "edge".into(),
            scheme: model::Scheme::InternetFacing,
            addresses: Vec::new(),
            public_addresses: Vec::new(),
            security_groups: Vec::new(),
            deny: model::Deny::Drop,
            enforce: Default::default(),
            attributes: Default::default(),
            listeners: Vec::new(),
            place: model::Place::described("test"),
        };
        let model = Model {
            records: records.into(),
            load_balancers: vec![load_balancer.clone(), load_balancer].into(),
            ..Model::default()
        };
        let names = Listed::of(&model);
        let v4 = |text: &str| Ok(vec![Destination::Address(text.parse().unwrap())]);
        let rows = [
            ("shop.example", false, v4("203.0.113.1")),
            ("shop.example", true, Ok(vec![Destination::LoadBalancer(LoadBalancerId(1))])),
            ("x.y.shop.example", false, v4("203.0.113.2")),
            ("a.shop.example", false, v4("203.0.113.3")),
            ("x.a.shop.example", false, Err(Obstacle::NameNoRecord)),
            ("b.shop.example", false, Err(Obstacle::NameNoRecord)),
            ("x.b.shop.example", false, Err(Obstacle::NameNoRecord)),
            ("xa.shop.example", false, v4("203.0.113.2")),
            ("www.example", false, v4("203.0.113.1")),
            ("cdn.example", false, Ok(vec![])),
            ("inside.example", true, v4("10.0.0.1")),
            ("inside.example", false, Err(Obstacle::NameNotVisible)),
            ("other.example", false, Err(Obstacle::NameNoRecord)),
            ("a.example", false, Err(Obstacle::NameLoop)),
        ];
        for (name, inside, expected) in rows {
            let asker = Asker::within(if inside { &[NetworkId(0)] } else { &[] });
            let got = resolve(&model, &names, name, &asker);
            let got = got.map(|found| found.destinations).map_err(|missing| missing.obstacle);
            assert_eq!(got, expected, "{name} {inside}");
        }
        let cdn = resolve(&model, &names, "cdn.example", &Asker::within(&[])).unwrap();
        assert_eq!(cdn.elsewhere.as_deref(), Some("shop.cdn.test"));
    }

    #[test]
    fn zones_say_what_is_missing() {
        let model = Model {
            zones: zones(&[("example.com", &[]), ("example.com", &[1]), ("corp", &[1])]).into(),
            records: vec![
                record(Some(0), "www.example.com", a("192.0.2.1")),
                record(Some(0), "below.ent.example.com", a("192.0.2.2")),
                record(Some(0), "cdn.example.com", RecordData::Canonical(Host("cdn.test".into()))),
                record(Some(0), "cut.example.com", RecordData::NameServers(Vec::new())),
                record(Some(1), "inside.example.com", a("10.0.0.1")),
                record(Some(2), "db.corp", a("10.0.0.2")),
            ]
            .into(),
            ..Model::default()
        };
        let names = Listed::of(&model);
        let rows = [
            ("www.example.com", false, Ok(1)),
            ("missing.example.com", false, Err((Obstacle::NameNoRecord, Some(0)))),
            ("ent.example.com", false, Err((Obstacle::NameNoData, Some(0)))),
            ("cdn.example.com", false, Ok(0)),
            ("x.cut.example.com", false, Ok(0)),
            ("inside.example.com", true, Ok(1)),
            ("www.example.com", true, Err((Obstacle::NamePrivateZone, Some(1)))),
            ("cdn.example.com", true, Err((Obstacle::NamePrivateZone, Some(1)))),
            ("missing.example.com", true, Err((Obstacle::NameNoRecord, Some(1)))),
            ("db.corp", true, Ok(1)),
            ("db.corp", false, Err((Obstacle::NameNotVisible, None))),
            ("other.corp", false, Err((Obstacle::NameNoRecord, None))),
        ];
        for (name, inside, expected) in rows {
            let asker = Asker::within(if inside { &[NetworkId(1)] } else { &[] });
            let got = resolve(&model, &names, name, &asker);
            let got = got.map(|found| found.destinations.len());
            let got = got.map_err(|missing| (missing.obstacle, missing.zone.map(|zone| zone.0)));
            assert_eq!(got, expected, "{name} {inside}");
        }
    }

    #[test]
    fn private_addresses_are_not_reached_from_outside() {
        let rows = [
            ("192.0.2.1", "203.0.113.1", true),
            ("192.0.2.1", "10.0.0.1", false),
            ("10.9.0.1", "10.0.0.1", true),
            ("10.9.0.1", "192.168.0.1", true),
            ("127.10.0.1", "127.0.0.1", true),
            ("192.0.2.1", "127.0.0.1", false),
            ("2001:db8::1", "fd00::1", false),
            ("100.64.0.1", "10.0.0.1", true),
        ];
        for (source, destination, expected) in rows {
            let got = routed(source.parse().unwrap(), destination.parse().unwrap());
            assert_eq!(got.is_ok(), expected, "{source} {destination}");
        }
    }

    #[test]
    fn scopes_change_only_at_the_listed_prefixes() {
        use ipnet::IpNet;
        for text in SCOPE_PREFIXES {
            let net: IpNet = text.parse().unwrap();
            assert_eq!(scope(net.network()), scope(net.broadcast()), "{text}");
            assert_ne!(scope(net.network()), Scope::Global, "{text}");
        }
    }
}
