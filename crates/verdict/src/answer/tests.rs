//! Tables of answers. `Listed` finds names by a map; world has the index that is used.

use std::collections::BTreeSet;

use model::{Host, Place, Policy, Role, Routing, StartOfAuthority, Zone};

use super::*;

/// Every name that exists, and those above it.
#[derive(Default)]
pub struct Listed {
    zones: BTreeMap<String, Vec<ZoneId>>,
    names: BTreeMap<(Option<ZoneId>, String), Vec<RecordId>>,
}

impl Listed {
    pub fn of(model: &Model) -> Listed {
        let mut listed = Listed::default();
        for (at, zone) in model.zones.iter().enumerate() {
            listed.zones.entry(zone.name.0.clone()).or_default().push(ZoneId(at as u32));
        }
        for (at, record) in model.records.iter().enumerate() {
            let apex = record.zone.map_or("", |zone| &*model[zone].name.0);
            for name in enclosers(&record.name.0).take_while(|name| name.len() >= apex.len()) {
                listed.names.entry((record.zone, name.to_owned())).or_default();
            }
            let own = listed.names.entry((record.zone, record.name.0.clone())).or_default();
            own.push(RecordId(at as u32));
        }
        listed
    }
}

impl Names for Listed {
    fn zones(&self, name: &str) -> &[ZoneId] {
        self.zones.get(name).map_or(&[], Vec::as_slice)
    }

    fn at(&self, zone: Option<ZoneId>, name: &str) -> Option<&[RecordId]> {
        self.names.get(&(zone, name.to_owned())).map(Vec::as_slice)
    }

    fn wildcard(&self, zone: Option<ZoneId>, name: &str) -> Option<&[RecordId]> {
        self.at(zone, &format!("*.{name}"))
    }
}

/// `visible_to` of each zone, by name.
pub fn zones(all: &[(&str, &[u32])]) -> Vec<Zone> {
    let zone = |(name, visible_to): &(&str, &[u32])| Zone {
        name: Host((*name).to_owned()),
        visible_to: visible_to.iter().map(|id| NetworkId(*id)).collect(),
        soa: StartOfAuthority {
            primary: Host(format!("ns.{name}")),
            contact: Host(format!("hostmaster.{name}")),
            serial: None,
            refresh: Seconds(1),
            retry: Seconds(1),
            expire: Seconds(1),
            negative_ttl: Seconds(1),
            ttl: Seconds(60),
        },
        signed: false,
        transfer_to: Vec::new(),
        notify: Vec::new(),
        place: Place::described("test"),
    };
    all.iter().map(zone).collect()
}

pub fn record(zone: Option<u32>, name: &str, data: RecordData) -> Record {
    Record {
        name: Host(name.to_owned()),
        zone: zone.map(ZoneId),
        visible_to: Vec::new(),
        data,
        ttl: Seconds(60),
        routing: None,
        place: Place::described("test"),
    }
}

pub fn routed(record: Record, policy: Policy, healthy_while: Option<u32>) -> Record {
    let routing = Routing {
        policy,
        evaluate_target_health: false,
        healthy_while: healthy_while.map(GroupId),
    };
    Record { routing: Some(Box::new(routing)), ..record }
}

pub fn a(text: &str) -> RecordData {
    RecordData::Addresses(text.split(' ').map(|one| one.parse().unwrap()).collect())
}

fn cname(text: &str) -> RecordData {
    RecordData::Canonical(Host(text.to_owned()))
}

fn ns(text: &str) -> RecordData {
    RecordData::NameServers(text.split(' ').map(|one| Host(one.to_owned())).collect())
}

fn data(kind: RecordType) -> RecordData {
    RecordData::Data { kind, values: vec![Box::new([1])] }
}

/// An answer in a few words.
fn shown(model: &Model, answer: &Answer<'_>) -> String {
    let mut out = String::new();
    for link in &answer.chain {
        let wild = link.at.encloser.map_or(String::new(), |above| format!("*{above} "));
        out.push_str(&format!("{wild}→ "));
    }
    let zone = |at: &At<'_>| at.zone.map_or("-".to_owned(), |zone| zone.0.to_string());
    out.push_str(&match &answer.end {
        End::Refused => "refused".to_owned(),
        End::Elsewhere(name) => format!("elsewhere {name}"),
        End::NameError { at } => {
            format!("no name in {}, below {}", zone(at), at.encloser.unwrap_or("-"))
        }
        End::NoData { at, .. } => format!("no data in {}", zone(at)),
        End::Referral { at, .. } => format!("see {}", at.name),
        End::Loop => "loop".to_owned(),
        End::Found { at, set, .. } => {
            let values = set.values(model, Some(&[])).into_iter().map(|value| match value {
                Value::V4(address) => address.to_string(),
                Value::V6(address) => address.to_string(),
                Value::Name(host) => host.0.clone(),
                Value::Authority => "soa".to_owned(),
                Value::Text(text) => text.to_owned(),
                Value::Wire(wire) => format!("{wire:?}"),
            });
            let values: Vec<String> = values.collect();
            let wild = at.encloser.map_or(String::new(), |above| format!("*{above} "));
            format!("{wild}{}", values.join(" "))
        }
    });
    out
}

#[test]
fn zones_names_cuts_and_wildcards() {
    let model = Model {
        zones: zones(&[
            ("example.com", &[]),
            ("example.com", &[1]),
            ("sub.example.com", &[]),
            ("corp", &[1]),
        ])
        .into(),
        records: vec![
            record(Some(0), "example.com", RecordData::Authority),
            record(Some(0), "example.com", ns("ns.example.com")),
            record(Some(0), "example.com", a("192.0.2.1 2001:db8::1")),
            record(Some(0), "www.example.com", cname("example.com")),
            record(Some(0), "out.example.com", cname("www.example.net")),
            record(Some(0), "gone.example.com", cname("none.example.com")),
            record(Some(0), "deep.ent.example.com", a("192.0.2.2")),
            record(Some(0), "*.wild.example.com", a("192.0.2.3")),
            record(Some(0), "x.y.wild.example.com", data(RecordType::TXT)),
            record(Some(0), "*.alias.example.com", cname("example.com")),
            record(Some(0), "child.example.com", ns("ns.child.example.com")),
            record(Some(0), "child.example.com", data(RecordType::DS)),
            record(Some(0), "ns.child.example.com", a("192.0.2.53")),
            record(Some(0), "sub.example.com", ns("ns.sub.example.com")),
            record(Some(0), "sub.example.com", data(RecordType::DS)),
            record(Some(1), "example.com", RecordData::Authority),
            record(Some(1), "inside.example.com", a("10.0.0.1")),
            record(Some(2), "sub.example.com", RecordData::Authority),
            record(Some(2), "www.sub.example.com", a("192.0.2.4")),
            record(Some(3), "db.corp", a("10.0.0.2")),
            record(Some(0), "a.loop.example.com", cname("b.loop.example.com")),
            record(Some(0), "b.loop.example.com", cname("a.loop.example.com")),
            record(Some(0), "same.example.com", RecordData::AliasName(Host("example.com".into()))),
            record(Some(0), "same.example.com", data(RecordType::MX)),
            record(Some(0), "escaped\\.dot.example.com", a("192.0.2.5")),
        ]
        .into(),
        ..Model::default()
    };
    use RecordType as T;
    let rows: &[(&str, RecordType, &[u32], &str)] = &[
        ("example.com", T::A, &[], "192.0.2.1"),
        ("example.com", T::AAAA, &[], "2001:db8::1"),
        ("example.com", T::SOA, &[], "soa"),
        ("example.com", T::NS, &[], "ns.example.com"),
        ("example.com", T::MX, &[], "no data in 0"),
        ("example.com", T::ANY, &[], "192.0.2.1"),
        ("www.example.com", T::A, &[], "→ 192.0.2.1"),
        ("www.example.com", T::CNAME, &[], "example.com"),
        ("www.example.com", T::MX, &[], "→ no data in 0"),
        ("www.example.com", T::ANY, &[], "example.com"),
        ("out.example.com", T::A, &[], "→ elsewhere www.example.net"),
        ("gone.example.com", T::A, &[], "→ no name in 0, below example.com"),
        ("none.example.com", T::A, &[], "no name in 0, below example.com"),
        ("ent.example.com", T::A, &[], "no data in 0"),
        ("x.ent.example.com", T::A, &[], "no name in 0, below ent.example.com"),
        ("any.wild.example.com", T::A, &[], "*wild.example.com 192.0.2.3"),
        ("a.b.wild.example.com", T::A, &[], "*wild.example.com 192.0.2.3"),
        ("any.wild.example.com", T::TXT, &[], "no data in 0"),
        ("y.wild.example.com", T::A, &[], "no data in 0"),
        ("z.y.wild.example.com", T::A, &[], "no name in 0, below y.wild.example.com"),
        ("*.wild.example.com", T::A, &[], "192.0.2.3"),
        ("q.alias.example.com", T::A, &[], "*alias.example.com → 192.0.2.1"),
        ("child.example.com", T::A, &[], "see child.example.com"),
        ("child.example.com", T::NS, &[], "see child.example.com"),
        ("child.example.com", T::DS, &[], "[1]"),
        ("ns.child.example.com", T::A, &[], "see child.example.com"),
        ("x.y.child.example.com", T::DS, &[], "see child.example.com"),
        ("www.sub.example.com", T::A, &[], "192.0.2.4"),
        ("sub.example.com", T::DS, &[], "[1]"),
        ("sub.example.com", T::SOA, &[], "soa"),
        ("inside.example.com", T::A, &[], "no name in 0, below example.com"),
        ("inside.example.com", T::A, &[1], "10.0.0.1"),
        ("www.example.com", T::A, &[1], "no name in 1, below example.com"),
        ("example.com", T::A, &[1], "no data in 1"),
        ("www.sub.example.com", T::A, &[1], "192.0.2.4"),
        ("db.corp", T::A, &[2, 1], "10.0.0.2"),
        ("db.corp", T::A, &[2], "refused"),
        ("example.net", T::A, &[], "refused"),
        ("com", T::A, &[], "refused"),
        ("a.loop.example.com", T::A, &[], "→ → → → → → → → → loop"),
        ("same.example.com", T::AAAA, &[], "2001:db8::1"),
        ("same.example.com", T::MX, &[], "[1]"),
        ("same.example.com", T::NS, &[], "no data in 0"),
        ("escaped\\.dot.example.com", T::A, &[], "192.0.2.5"),
        ("dot.example.com", T::A, &[], "no name in 0, below example.com"),
    ];
    let names = Listed::of(&model);
    for (name, kind, networks, expected) in rows {
        let networks: Vec<NetworkId> = networks.iter().map(|id| NetworkId(*id)).collect();
        let asker = Asker { of: Of::Zones, ..Asker::within(&networks) };
        let answer = answer(&model, &names, Question { name, kind: *kind }, &asker, &mut Drawn(0));
        assert_eq!(shown(&model, &answer), *expected, "{name} {kind} {networks:?}");
    }
}

/// Everything that chance allows, in order.
fn ways(records: Vec<Record>, networks: &[u32], unhealthy: &[u32]) -> Vec<String> {
    let model = Model {
        zones: zones(&[("example.com", &[])]).into(),
        records: records.into(),
        ..Model::default()
    };
    let names = Listed::of(&model);
    let networks: Vec<NetworkId> = networks.iter().map(|id| NetworkId(*id)).collect();
    let healthy = |group: GroupId| !unhealthy.contains(&group.0);
    let asker = Asker { group_healthy: &healthy, ..Asker::within(&networks) };
    let question = Question { name: "w.example.com", kind: RecordType::A };
    let all = every(|draw| shown(&model, &answer(&model, &names, question, &asker, draw)));
    let all: BTreeSet<String> = all.into_iter().collect();
    all.into_iter().collect()
}

#[test]
fn routing_policies() {
    type Row = (&'static str, &'static [u32], &'static [u32], &'static [&'static str]);
    let one = |at: u32, policy: Policy| {
        let record = record(Some(0), "w.example.com", a(&format!("192.0.2.{at}")));
        routed(record, policy, Some(at))
    };
    let check = |records: &[Record], rows: &[Row]| {
        for (row, networks, unhealthy, expected) in rows {
            assert_eq!(ways(records.to_vec(), networks, unhealthy), *expected, "{row}");
        }
    };
    let weighted =
        [one(1, Policy::Weighted(10)), one(2, Policy::Weighted(1)), one(3, Policy::Weighted(0))];
    check(
        &weighted,
        &[
            ("weights", &[], &[], &["192.0.2.1", "192.0.2.2"]),
            ("one is out", &[], &[1], &["192.0.2.2"]),
            ("all but 0 are out", &[], &[1, 2], &["192.0.2.3"]),
            ("0 is out, too", &[], &[1, 2, 3], &["192.0.2.1", "192.0.2.2"]),
        ],
    );
    let zeros = [one(1, Policy::Weighted(0)), one(2, Policy::Weighted(0))];
    check(&zeros, &[("all are 0: equal", &[], &[], &["192.0.2.1", "192.0.2.2"])]);
    let failover =
        [one(2, Policy::Failover(Role::Secondary)), one(1, Policy::Failover(Role::Primary))];
    check(
        &failover,
        &[
            ("the primary", &[], &[], &["192.0.2.1"]),
            ("the secondary", &[], &[1], &["192.0.2.2"]),
            ("the secondary is out", &[], &[2], &["192.0.2.1"]),
            ("both are out", &[], &[1, 2], &["192.0.2.1"]),
        ],
    );
    let near = [
        one(1, Policy::Geolocation(vec![NetworkId(1)])),
        one(2, Policy::Geolocation(vec![NetworkId(2)])),
        one(3, Policy::Geolocation(Vec::new())),
    ];
    check(
        &near,
        &[
            ("the smallest first", &[2, 1], &[], &["192.0.2.2"]),
            ("the smallest is out", &[2, 1], &[2], &["192.0.2.1"]),
            ("none is for it", &[7], &[], &["192.0.2.3"]),
            ("all are out", &[2, 1], &[1, 2, 3], &["192.0.2.2"]),
        ],
    );
    check(&near[..2], &[("no default", &[7], &[], &["no data in 0"])]);
    let fast = [
        one(1, Policy::Latency(vec![(NetworkId(1), 10), (NetworkId(2), 90)])),
        one(2, Policy::Latency(vec![(NetworkId(2), 20)])),
    ];
    check(
        &fast,
        &[
            ("the fastest", &[2], &[], &["192.0.2.2"]),
            ("the fastest is out", &[2], &[2], &["192.0.2.1"]),
            ("only one was measured", &[1, 2], &[], &["192.0.2.1"]),
            ("nothing was measured", &[7], &[], &["192.0.2.1", "192.0.2.2"]),
        ],
    );
}

#[test]
fn multivalue_gives_up_to_eight_healthy_ones() {
    let one = |at: u32| {
        let record = record(Some(0), "w.example.com", a(&format!("192.0.2.{at}")));
        routed(record, Policy::Multivalue, Some(at))
    };
    let rows: &[(&str, u32, &[u32], usize, usize)] = &[
        ("three", 3, &[], 1, 3),
        ("one is out", 3, &[2], 1, 2),
        ("all are out", 3, &[1, 2, 3], 1, 3),
        ("ten", 10, &[], 10, 8),
        ("ten, of which four are out", 10, &[1, 2, 3, 4], 1, 6),
    ];
    for (row, count, unhealthy, ways, values) in rows {
        let all = self::ways((1..=*count).map(one).collect(), &[], unhealthy);
        assert_eq!(all.len(), *ways, "{row}");
        assert!(all.iter().all(|way| way.split(' ').count() == *values), "{row}: {all:?}");
        let out =
            |at: &u32| all.iter().any(|way| way.split(' ').any(|v| *v == format!("192.0.2.{at}")));
        assert!(unhealthy.len() == *count as usize || !unhealthy.iter().any(out), "{row}");
    }
}

#[test]
fn weights_are_shares_and_lists_are_turned() {
    let mut counts = [0; 3];
    for seed in 0..10_000 {
        counts[Drawn(seed).choose(&[7, 2, 1])] += 1;
    }
    let near = |count: i32, expected: i32| (count - expected).abs() < 300;
    assert!(
        near(counts[0], 7_000) && near(counts[1], 2_000) && near(counts[2], 1_000),
        "{counts:?}"
    );
    let model = Model {
        zones: zones(&[("example.com", &[])]).into(),
        records: vec![record(Some(0), "example.com", a("192.0.2.1 192.0.2.2 192.0.2.3"))].into(),
        ..Model::default()
    };
    let names = Listed::of(&model);
    let question = Question { name: "example.com", kind: RecordType::A };
    let asker = Asker::within(&[]);
    let orders: BTreeSet<String> = (0..50)
        .map(|seed| shown(&model, &answer(&model, &names, question, &asker, &mut Drawn(seed))))
        .collect();
    assert_eq!(orders.len(), 3, "{orders:?}");
}

#[test]
fn texts_for_authorities_come_before_what_is_declared() {
    let model = Model {
        zones: zones(&[("example.com", &[])]).into(),
        records: vec![
            record(Some(0), "example.com", RecordData::Authority),
            record(Some(0), "*.example.com", cname("example.com")),
        ]
        .into(),
        ..Model::default()
    };
    let host = |text: &str| Host(text.to_owned());
    let challenges = Challenges {
        texts: BTreeMap::from([(
            host("_acme-challenge.www.example.com"),
            vec!["one".into(), "two".into()],
        )]),
        ..Challenges::default()
    };
    let names = Listed::of(&model);
    let rows = [
        ("_acme-challenge.www.example.com", RecordType::TXT, "one two"),
        ("_acme-challenge.www.example.com", RecordType::A, "no data in 0"),
        ("www.example.com", RecordType::A, "no data in 0"),
        ("other.example.com", RecordType::TXT, "*example.com → no data in 0"),
    ];
    for (name, kind, expected) in rows {
        let asker = Asker { challenges: &challenges, ..Asker::within(&[]) };
        let answer = answer(&model, &names, Question { name, kind }, &asker, &mut Drawn(0));
        assert_eq!(shown(&model, &answer), expected, "{name} {kind}");
    }
}
