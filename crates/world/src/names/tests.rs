//! The decision over the index agrees with a reference that looks through all records, again and
//! again, as RFC 1034 §4.3.2 and RFC 4592 are told.

use model::{
    GroupId, Host, Model, NetworkId, Place, Policy, Record, RecordData, RecordId, RecordType, Role,
    Routing, Seconds, StartOfAuthority, Zone, ZoneId,
};
use proptest::prelude::*;
use verdict::answer::{Answer, Asker, Drawn, End, Names, Of, Question, answer, every};

use super::NameIndex;

// === the reference ===

/// What is answered, by the numbers of the records.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    Refused,
    Elsewhere,
    NoName(u32),
    NoData(u32),
    Delegated(String),
    Loop,
    /// The canonical names that led there, and the set.
    Records(Vec<usize>, Vec<usize>),
}

struct Reference<'m> {
    model: &'m Model,
    networks: &'m [NetworkId],
    unhealthy: &'m [u32],
}

fn below(name: &str, parent: &str) -> bool {
    name == parent || name.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.'))
}

impl Reference<'_> {
    fn said(&self, name: &str, kind: RecordType) -> Vec<Said> {
        let mut all = Vec::new();
        self.follow(name, kind, &mut Vec::new(), &mut all);
        all.sort();
        all.dedup();
        all
    }

    fn follow(&self, name: &str, kind: RecordType, led: &mut Vec<usize>, all: &mut Vec<Said>) {
        let Some(zone) = self.zone(name, kind) else {
            all.push(if led.is_empty() { Said::Refused } else { Said::Elsewhere });
            return;
        };
        let apex = &*self.model[ZoneId(zone)].name.0;
        let of_zone = |at: &usize| self.model.records[*at].zone == Some(ZoneId(zone));
        let records: Vec<usize> = (0..self.model.records.len()).filter(of_zone).collect();
        let called = |wanted: &str| -> Vec<usize> {
            let same = |at: &&usize| self.model.records[**at].name.0 == wanted;
            self.seen(records.iter().filter(same).copied().collect())
        };
        let exists = |wanted: &str| {
            wanted == apex
                || records.iter().any(|at| below(&self.model.records[*at].name.0, wanted))
        };
        // The topmost cut.
        let labels: Vec<&str> = name.split('.').collect();
        for from in (0..labels.len()).rev() {
            let above = labels[from..].join(".");
            let is_own = above == name && kind == RecordType::DS;
            if above.len() <= apex.len() || is_own {
                continue;
            }
            let cuts =
                |at: &usize| matches!(self.model.records[*at].data, RecordData::NameServers(_));
            if called(&above).iter().any(cuts) {
                all.push(Said::Delegated(above));
                return;
            }
        }
        let own = if exists(name) {
            called(name)
        } else {
            let parents = (1..labels.len()).map(|from| labels[from..].join("."));
            let encloser = parents.into_iter().find(|parent| exists(parent)).unwrap();
            let wildcard = format!("*.{encloser}");
            if !exists(&wildcard) {
                all.push(Said::NoName(zone));
                return;
            }
            called(&wildcard)
        };
        let of = |kind: RecordType| -> Vec<usize> {
            let is = |at: &usize| self.model.records[*at].data.is_of(kind);
            own.iter().copied().filter(is).collect()
        };
        let canonical = of(RecordType::CNAME);
        if kind != RecordType::CNAME && !canonical.is_empty() {
            let ways = self.chosen(&canonical);
            if ways.is_empty() {
                all.push(Said::NoData(zone));
            }
            for one in ways.into_iter().map(|way| way[0]) {
                if led.len() == 8 {
                    all.push(Said::Loop);
                    continue;
                }
                let RecordData::Canonical(next) = &self.model.records[one].data else { continue };
                led.push(one);
                self.follow(&next.0, kind, led, all);
                led.pop();
            }
            return;
        }
        let candidates = of(kind);
        if candidates.is_empty() {
            all.push(Said::NoData(zone));
            return;
        }
        let sets = self.chosen(&candidates);
        if sets.is_empty() {
            all.push(Said::NoData(zone));
        }
        all.extend(sets.into_iter().map(|set| Said::Records(led.clone(), set)));
    }

    /// The longest name of a zone that is seen; of its views the smallest network's.
    fn zone(&self, name: &str, kind: RecordType) -> Option<u32> {
        let zones = &self.model.zones;
        let covers = |at: &usize| below(name, &zones[*at].name.0);
        let seen = |at: &usize| {
            let by = &zones[*at].visible_to;
            by.is_empty() || by.iter().any(|id| self.networks.contains(id))
        };
        let all: Vec<usize> = (0..zones.len()).filter(|at| covers(at) && seen(at)).collect();
        let better = |at: &usize| {
            let rank = self.networks.iter().position(|id| zones[*at].visible_to.contains(id));
            // The parent knows the DS, if it is ours.
            let is_child = kind == RecordType::DS && zones[*at].name.0 == name;
            (is_child, std::cmp::Reverse(zones[*at].name.0.len()), rank.unwrap_or(usize::MAX), *at)
        };
        all.into_iter().min_by_key(better).map(|at| at as u32)
    }

    /// Those for the own networks, else those for everybody.
    fn seen(&self, all: Vec<usize>) -> Vec<usize> {
        let visible = |at: &usize| &self.model.records[*at].visible_to;
        let is_own = |at: &usize| visible(at).iter().any(|id| self.networks.contains(id));
        let own: Vec<usize> = all.iter().copied().filter(is_own).collect();
        let public = all.into_iter().filter(|at| visible(at).is_empty());
        if own.is_empty() { public.collect() } else { own }
    }

    /// ALB.md §10, policy by policy.
    fn chosen(&self, all: &[usize]) -> Vec<Vec<usize>> {
        let record = |at: &usize| &self.model.records[*at];
        let well = |at: &usize| match record(at).routing.as_ref().and_then(|one| one.healthy_while)
        {
            Some(group) => !self.unhealthy.contains(&group.0),
            None => true,
        };
        let healthy: Vec<usize> = all.iter().copied().filter(well).collect();
        let able: Vec<usize> = if healthy.is_empty() { all.to_vec() } else { healthy };
        let each = |list: Vec<usize>| list.into_iter().map(|at| vec![at]).collect();
        match record(&all[0]).policy() {
            Policy::Simple => vec![all.to_vec()],
            Policy::Multivalue => vec![able],
            Policy::Weighted(_) => {
                let used: Vec<usize> = able
                    .iter()
                    .copied()
                    .filter(|at| *record(at).policy() != Policy::Weighted(0))
                    .collect();
                each(if used.is_empty() { able } else { used })
            }
            Policy::Failover(_) => {
                let primary = Policy::Failover(Role::Primary);
                let first = able.iter().find(|at| *record(at).policy() == primary);
                vec![vec![*first.unwrap_or(&able[0])]]
            }
            Policy::Geolocation(_) => {
                let of = |wanted: Option<NetworkId>| {
                    able.iter().copied().find(|at| match (record(at).policy(), wanted) {
                        (Policy::Geolocation(ids), Some(id)) => ids.contains(&id),
                        (Policy::Geolocation(ids), None) => ids.is_empty(),
                        _ => false,
                    })
                };
                let mine = self.networks.iter().find_map(|id| of(Some(*id)));
                mine.or_else(|| of(None)).into_iter().map(|at| vec![at]).collect()
            }
            Policy::Latency(_) => {
                let time = |at: &usize, id: &NetworkId| match record(at).policy() {
                    Policy::Latency(from) => from.iter().find(|(of, _)| of == id).map(|(_, t)| *t),
                    _ => None,
                };
                for id in self.networks {
                    let measured = able.iter().filter_map(|at| Some((time(at, id)?, *at)));
                    if let Some((_, at)) = measured.min_by_key(|(time, _)| *time) {
                        return vec![vec![at]];
                    }
                }
                each(able)
            }
        }
    }
}

// === what the decision says ===

fn said(model: &Model, answer: &Answer<'_>) -> Said {
    let number = |record: &Record| {
        model.records.iter().position(|other| std::ptr::eq(other, record)).unwrap()
    };
    match &answer.end {
        End::Refused => Said::Refused,
        End::Elsewhere(_) => Said::Elsewhere,
        End::Loop => Said::Loop,
        End::NameError { at } => Said::NoName(at.zone.unwrap().0),
        End::NoData { at, .. } => Said::NoData(at.zone.unwrap().0),
        End::Referral { at, .. } => Said::Delegated(at.name.to_owned()),
        End::Found { set, .. } => {
            let led = answer.chain.iter().map(|link| number(link.record)).collect();
            Said::Records(led, set.records().map(number).collect())
        }
    }
}

// === random zones ===

const LABELS: [&str; 4] = ["a", "b", "*", "c"];
const APEXES: [&str; 4] = ["z", "a.z", "y", "b.a.z"];

/// Few labels, so that names meet.
fn name() -> impl Strategy<Value = String> {
    let labels = prop::collection::vec(prop::sample::select(&LABELS[..]), 0..4);
    (labels, prop::sample::select(&APEXES[..3]))
        .prop_map(|(labels, apex)| labels.into_iter().chain([apex]).collect::<Vec<_>>().join("."))
}

fn networks() -> impl Strategy<Value = Vec<NetworkId>> {
    prop::collection::vec(0u32..3, 0..3).prop_map(|ids| ids.into_iter().map(NetworkId).collect())
}

fn data() -> impl Strategy<Value = RecordData> {
    prop_oneof![
        4 => Just(RecordData::Addresses(vec![[192, 0, 2, 1].into()])),
        1 => Just(RecordData::Addresses(vec![[0u16; 8].into()])),
        2 => name().prop_map(|name| RecordData::Canonical(Host(name))),
        1 => Just(RecordData::Canonical(Host("other.test".into()))),
        1 => Just(RecordData::NameServers(vec![Host("ns.test".into())])),
        1 => prop::sample::select(&[RecordType::MX, RecordType::DS][..])
            .prop_map(|kind| RecordData::Data { kind, values: vec![Box::new([1])] }),
    ]
}

/// Of the policies of one set the first counts: so that all have it, it follows from the name.
fn policy(kind: usize, number: u8, ids: Vec<NetworkId>) -> Policy {
    match kind % 6 {
        0 => Policy::Simple,
        1 => Policy::Weighted(number % 3),
        2 => Policy::Failover(if number % 2 == 0 { Role::Primary } else { Role::Secondary }),
        3 => Policy::Multivalue,
        4 => Policy::Geolocation(ids),
        _ => Policy::Latency(ids.into_iter().map(|id| (id, u32::from(number % 4))).collect()),
    }
}

prop_compose! {
    fn zone()(apex in prop::sample::select(&APEXES[..]), visible_to in networks()) -> Zone {
        Zone {
            name: Host(apex.to_owned()),
            visible_to,
            soa: StartOfAuthority {
                primary: Host("ns.test".into()),
                contact: Host("hostmaster.test".into()),
                serial: None,
                refresh: Seconds(1),
                retry: Seconds(1),
                expire: Seconds(1),
                negative_ttl: Seconds(1),
                ttl: Seconds(1),
            },
            signed: false,
            transfer_to: Vec::new(),
            notify: Vec::new(),
            place: Place::described("test"),
        }
    }
}

type Written = (prop::sample::Index, String, RecordData, Vec<NetworkId>, u8, Option<u32>);

/// `routed` moves which name has which policy.
fn record(zones: &[Zone], written: Written, routed: Option<usize>) -> Record {
    let (zone, name, data, visible_to, number, group) = written;
    let at = zone.index(zones.len());
    let apex = &*zones[at].name.0;
    let labels = name.split('.').filter(|label| LABELS.contains(label)).take(2);
    let name = labels.chain([apex]).collect::<Vec<_>>().join(".");
    // A policy needs sets of several records.
    let (name, data) = match routed {
        Some(_) if number % 8 > 0 => {
            let label = if number % 3 > 0 { "a." } else { "" };
            (format!("{label}{apex}"), RecordData::Addresses(vec![[192, 0, 2, 1].into()]))
        }
        Some(_) | None => (name, data),
    };
    let kind = routed.map_or(0, |by| name.len() + by);
    let routing = Routing {
        // Other bits than those that chose the name.
        policy: policy(kind, number / 24, visible_to.clone()),
        evaluate_target_health: false,
        healthy_while: group.map(GroupId),
    };
    let is_routed = routing.policy != Policy::Simple;
    Record {
        name: Host(name),
        zone: Some(ZoneId(at as u32)),
        visible_to: if is_routed { Vec::new() } else { visible_to },
        data,
        ttl: Seconds(60),
        routing: is_routed.then(|| Box::new(routing)),
        place: Place::described("test"),
    }
}

fn model() -> impl Strategy<Value = Model> {
    let written = (
        any::<prop::sample::Index>(),
        name(),
        data(),
        networks(),
        any::<u8>(),
        prop::option::of(0u32..3),
    );
    let written = prop::collection::vec(written, 0..24);
    (prop::collection::vec(zone(), 1..5), written, prop::option::of(0usize..6)).prop_map(
        |(zones, written, routed)| {
            let mut apexes: Vec<Record> = Vec::new();
            for (at, zone) in zones.iter().enumerate() {
                apexes.push(Record {
                    name: zone.name.clone(),
                    zone: Some(ZoneId(at as u32)),
                    visible_to: Vec::new(),
                    data: RecordData::Authority,
                    ttl: Seconds(60),
                    routing: None,
                    place: Place::described("test"),
                });
            }
            let mut records = apexes;
            for written in written {
                let record = record(&zones, written, routed);
                // A set of canonical names is chosen from by its policy; several simple ones are refused.
                let is_canonical = matches!(record.data, RecordData::Canonical(_));
                let beside =
                    |other: &Record| other.name == record.name && other.zone == record.zone;
                if !is_canonical || !records.iter().any(beside) {
                    records.push(record);
                }
            }
            Model { zones: zones.into(), records: records.into(), ..Model::default() }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_index_and_the_decision_agree_with_a_reference(
        model in model(),
        asked in prop::collection::vec((name(), 0usize..7), 1..8),
        networks in Just(vec![0u32, 1, 2]).prop_shuffle(),
        count in 0usize..4,
        unhealthy in prop::collection::vec(0u32..3, 0..3),
    ) {
        const KINDS: [RecordType; 7] = [
            RecordType::A, RecordType::AAAA, RecordType::CNAME, RecordType::NS, RecordType::SOA,
            RecordType::MX, RecordType::DS,
        ];
        let index = NameIndex::of(&model);
        let networks: Vec<NetworkId> = networks.into_iter().take(count).map(NetworkId).collect();
        let group_healthy = |group: GroupId| !unhealthy.contains(&group.0);
        let asker =
            Asker { of: Of::Zones, group_healthy: &group_healthy, ..Asker::within(&networks) };
        let reference =
            Reference { model: &model, networks: &networks, unhealthy: &unhealthy };
        for (name, kind) in &asked {
            let question = Question { name, kind: KINDS[*kind] };
            let mut got: Vec<Said> =
                every(|draw| said(&model, &answer(&model, &index, question, &asker, draw)));
            got.sort();
            got.dedup();
            prop_assert_eq!(got, reference.said(name, KINDS[*kind]), "{} {:?}", name, KINDS[*kind]);
            // What is drawn is one of them.
            let drawn = said(&model, &answer(&model, &index, question, &asker, &mut Drawn(7)));
            prop_assert!(reference.said(name, KINDS[*kind]).contains(&drawn));
        }
    }

    #[test]
    fn the_index_finds_exactly_what_is_there(model in model(), asked in prop::collection::vec(name(), 1..20)) {
        let index = NameIndex::of(&model);
        let names = model.records.iter().map(|record| record.name.0.clone()).chain(asked);
        for name in names {
            for zone in (0..model.zones.len() as u32).map(ZoneId) {
                let of_zone = |record: &&Record| record.zone == Some(zone);
                let exists = model.records.iter().filter(of_zone).any(|one| below(&one.name.0, &name))
                    && below(&name, &model[zone].name.0);
                let ids: Vec<RecordId> = (0..model.records.len() as u32)
                    .map(RecordId)
                    .filter(|id| model[*id].zone == Some(zone) && model[*id].name.0 == name)
                    .collect();
                prop_assert_eq!(index.at(Some(zone), &name), exists.then_some(&ids[..]), "{}", name);
                let wildcard = index.wildcard(Some(zone), &name);
                prop_assert_eq!(wildcard, index.at(Some(zone), &format!("*.{name}")), "{}", name);
            }
        }
    }
}
