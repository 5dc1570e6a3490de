//! `dns query`: what our name server answers to one question, and why.

use std::fmt::Write;

use model::{Asker, GroupId, Model, NetworkId, Policy, Record, RecordType, Role, ZoneId};
use serde::{Deserialize, Serialize};
use verdict::answer::{self, Answer, At, End, Of, Question, Value, load_balancer_healthy};
use world::World;

use crate::facts::Facts;
use crate::question::asker_words;

/// The answer to `dns query`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameReport {
    pub version: u32,
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub from: String,
    /// Every answer that is possible: several where weights leave several.
    pub answers: Vec<NameAnswer>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameAnswer {
    /// `NOERROR`, `NXDOMAIN`, `REFUSED` or `SERVFAIL`.
    pub status: String,
    /// The records, in the order of the answer.
    pub answer: Vec<Line>,
    /// The SOA of a "no", or the name servers of a delegation.
    pub authority: Vec<Line>,
    pub because: Vec<Because>,
}

/// A record as in a zone file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub owner: String,
    pub ttl: u32,
    #[serde(rename = "type")]
    pub kind: String,
    /// Of types that are not looked into, as octets (RFC 3597 §5), which `config::presentation` reads.
    pub value: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Because {
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub place: Option<String>,
}

impl NameReport {
    /// 0 there is an answer, 3 there is none.
    pub fn exit_code(&self) -> u8 {
        if self.answers.iter().any(|one| !one.answer.is_empty()) { 0 } else { 3 }
    }
}

/// One question, in every way that chance can go.
pub fn asked(
    world: &World,
    facts: &Facts<'_>,
    name: &str,
    kind: RecordType,
    asker: Asker,
) -> NameReport {
    let model = &world.model;
    let networks = networks_of(world, asker);
    let group_healthy = |group| facts.group_healthy(model, group);
    let balancer_healthy = |id| load_balancer_healthy(model, id, &group_healthy);
    let client = answer::Asker {
        of: Of::Zones,
        load_balancer_healthy: &balancer_healthy,
        group_healthy: &group_healthy,
        ..answer::Asker::within(&networks)
    };
    let question = Question { name, kind };
    let teller = Teller { model, group_healthy: &group_healthy };
    let mut answers: Vec<NameAnswer> = Vec::new();
    for one in answer::every(|draw| answer::answer(model, world.names(), question, &client, draw)) {
        let told = teller.tell(&one);
        if !answers.contains(&told) {
            answers.push(told);
        }
    }
    NameReport {
        version: crate::report::REPORT_VERSION,
        name: absolute(name),
        kind: kind.to_string(),
        from: asker_words(model, asker),
        answers,
    }
}

/// The networks of somebody of a kind, the smallest first.
fn networks_of(world: &World, asker: Asker) -> Vec<NetworkId> {
    let model = &world.model;
    let address = match asker {
        Asker::Network(id) => {
            // Part of a network can be a smaller one.
            let own = world.membership().territories();
            let v4 = |set: &model::AddressSet| Some(set.v4_ranges().next()?.0.into());
            let v6 = |set: &model::AddressSet| Some(set.v6_ranges().next()?.0.into());
            let first = own.get(&id).and_then(|set| v4(set).or_else(|| v6(set)));
            first.or_else(|| model[id].cidrs.first().map(|net| net.network()))
        }
        Asker::Instance(id) => model[id].addresses.first().copied(),
        Asker::Prefix(net) => Some(net.network()),
        Asker::Internet | Asker::Anywhere => None,
    };
    address.map_or(Vec::new(), |address| world.membership().of(address).to_vec())
}

struct Teller<'w> {
    model: &'w Model,
    group_healthy: &'w dyn Fn(GroupId) -> bool,
}

impl Teller<'_> {
    fn tell(&self, answer: &Answer<'_>) -> NameAnswer {
        let mut told = NameAnswer {
            status: "NOERROR".to_owned(),
            answer: Vec::new(),
            authority: Vec::new(),
            because: Vec::new(),
        };
        let mut zone = None;
        for link in &answer.chain {
            self.zone(&mut told, &mut zone, &link.at);
            let target = match &link.record.data {
                model::RecordData::Canonical(host) => absolute(&host.0),
                _ => String::new(),
            };
            told.answer.push(line(link.at.name, link.record, RecordType::CNAME, target));
            told.because.push(self.because(link.record, &link.at));
        }
        match &answer.end {
            End::Refused => {
                told.status = "REFUSED".to_owned();
                told.because.push(Because {
                    text: "no zone of this configuration that the client sees has the name".into(),
                    place: None,
                });
            }
            End::Elsewhere(name) => told.because.push(Because {
                text: format!(
                    "{} is kept elsewhere: the client's resolver asks there",
                    absolute(name)
                ),
                place: None,
            }),
            End::Loop => {
                told.status = "SERVFAIL".to_owned();
                told.because.push(Because {
                    text: "the names lead to one another without an end".into(),
                    place: None,
                });
            }
            End::NameError { at } => {
                self.zone(&mut told, &mut zone, at);
                told.status = "NXDOMAIN".to_owned();
                let nearest = at.encloser.map(absolute).unwrap_or_default();
                self.no(&mut told, at, format!("it has no such name; the nearest is {nearest}"));
            }
            End::NoData { at, view } => {
                self.zone(&mut told, &mut zone, at);
                let text = match view.hidden().next() {
                    Some(_) if view.iter().next().is_none() => "the name is there for others",
                    _ => "the name exists, and has nothing of the type for this client",
                };
                self.no(&mut told, at, text.to_owned());
                told.because.extend(view.hidden().map(|record| self.because(record, at)));
            }
            End::Referral { at, view } => {
                self.zone(&mut told, &mut zone, at);
                for record in view.iter() {
                    let model::RecordData::NameServers(hosts) = &record.data else { continue };
                    let lines = hosts
                        .iter()
                        .map(|host| line(at.name, record, RecordType::NS, absolute(&host.0)));
                    told.authority.extend(lines);
                    told.because.push(Because {
                        text: format!("{} is delegated: others answer", absolute(at.name)),
                        place: Some(record.place.to_string()),
                    });
                }
            }
            End::Found { at, set, .. } => {
                self.zone(&mut told, &mut zone, at);
                let soa = at.zone.map(|id| self.soa(id)).unwrap_or_default();
                let values = set.values(self.model, None);
                for value in &values {
                    let value = value_text(value, &soa);
                    told.answer.push(Line {
                        owner: absolute(at.name),
                        ttl: set.ttl.0,
                        kind: set.kind.to_string(),
                        value,
                    });
                }
                let records = set.by.into_iter().chain(set.records());
                told.because.extend(records.map(|record| self.because(record, at)));
                if values.is_empty() {
                    told.because.push(Because {
                        text: "the load balancer has no declared address: the server answers with those of its host".into(),
                        place: None,
                    });
                }
            }
        }
        told
    }

    /// Said once for each zone on the way.
    fn zone(&self, told: &mut NameAnswer, said: &mut Option<ZoneId>, at: &At<'_>) {
        let Some(id) = at.zone.filter(|id| *said != Some(*id)) else { return };
        *said = Some(id);
        let zone = &self.model[id];
        let view = match &zone.visible_to[..] {
            [] => "public".to_owned(),
            ids => format!("private, for {}", self.networks(ids)),
        };
        told.because.push(Because {
            text: format!("zone {} ({view})", absolute(&zone.name.0)),
            place: Some(zone.place.to_string()),
        });
    }

    /// A "no" carries the SOA (RFC 2308 §3).
    fn no(&self, told: &mut NameAnswer, at: &At<'_>, text: String) {
        if let Some(id) = at.zone {
            let zone = &self.model[id];
            told.authority.push(Line {
                owner: absolute(&zone.name.0),
                ttl: zone.soa.negative_ttl.0.min(zone.soa.ttl.0),
                kind: RecordType::SOA.to_string(),
                value: self.soa(id),
            });
        }
        told.because.push(Because { text, place: None });
    }

    fn soa(&self, id: ZoneId) -> String {
        let soa = &self.model[id].soa;
        // It moves by itself, and is known where the zone is served.
        let serial = soa.serial.map_or("SERIAL".to_owned(), |serial| serial.to_string());
        format!(
            "{} {} {serial} {} {} {} {}",
            absolute(&soa.primary.0),
            absolute(&soa.contact.0),
            soa.refresh.0,
            soa.retry.0,
            soa.expire.0,
            soa.negative_ttl.0
        )
    }

    fn because(&self, record: &Record, at: &At<'_>) -> Because {
        let mut text = format!("record {}", absolute(&record.name.0));
        if let Some(encloser) = at.encloser {
            let _ = write!(text, ", for names below {} that do not exist", absolute(encloser));
        }
        if !record.visible_to.is_empty() {
            let _ = write!(text, ", for {}", self.networks(&record.visible_to));
        }
        let policy = match record.policy() {
            Policy::Simple => String::new(),
            Policy::Weighted(weight) => format!(", by weight: {weight}"),
            Policy::Failover(Role::Primary) => ", failover: the primary".to_owned(),
            Policy::Failover(Role::Secondary) => ", failover: the secondary".to_owned(),
            Policy::Multivalue => ", one of several values".to_owned(),
            Policy::Geolocation(ids) if ids.is_empty() => ", geolocation: the default".to_owned(),
            Policy::Geolocation(ids) => format!(", geolocation: {}", self.networks(ids)),
            Policy::Latency(from) => {
                let all =
                    from.iter().map(|(id, time)| format!("{} {time} ms", self.model[*id].name));
                format!(", by latency: {}", all.collect::<Vec<_>>().join(", "))
            }
        };
        text.push_str(&policy);
        if let Some(group) = record.routing.as_ref().and_then(|routing| routing.healthy_while) {
            let state = if (self.group_healthy)(group) { "healthy" } else { "unhealthy" };
            let _ = write!(text, ", while target_group.{}: {state}", self.model[group].name);
        }
        if let model::RecordData::Alias(id) = &record.data {
            let evaluates = record.routing.as_ref().is_some_and(|one| one.evaluate_target_health);
            let healthy = load_balancer_healthy(self.model, *id, self.group_healthy);
            let state = match (evaluates, healthy) {
                (false, _) => "",
                (true, true) => ": healthy",
                (true, false) => ": unhealthy",
            };
            let _ = write!(text, ", alias of load_balancer.{}{state}", self.model[*id].name);
        }
        Because { text, place: Some(record.place.to_string()) }
    }

    fn networks(&self, ids: &[NetworkId]) -> String {
        let names: Vec<String> =
            ids.iter().map(|id| format!("network.{}", self.model[*id].name)).collect();
        names.join(", ")
    }
}

impl Facts<'_> {
    /// Whether it has a target that is well, as the name server sees it.
    pub fn group_healthy(&self, model: &Model, group: GroupId) -> bool {
        let mut targets = 0..model[group].targets.len();
        targets.any(|at| answer::is_well((self.targets)(group, at).state))
    }
}

fn line(owner: &str, record: &Record, kind: RecordType, value: String) -> Line {
    Line { owner: absolute(owner), ttl: record.ttl.0, kind: kind.to_string(), value }
}

fn absolute(name: &str) -> String {
    format!("{name}.")
}

fn value_text(value: &Value<'_>, soa: &str) -> String {
    match value {
        Value::V4(address) => address.to_string(),
        Value::V6(address) => address.to_string(),
        Value::Name(host) => absolute(&host.0),
        Value::Authority => soa.to_owned(),
        Value::Text(text) => format!("\"{}\"", text.escape_default()),
        Value::Wire(wire) => {
            let hex: String = wire.iter().map(|octet| format!("{octet:02x}")).collect();
            format!("\\# {} {hex}", wire.len())
        }
    }
}

/// In lines like those of dig, and why.
pub fn names_text(report: &NameReport) -> String {
    let mut out = format!(";; {} {}, asked from {}\n", report.name, report.kind, report.from);
    let several = report.answers.len();
    for (at, one) in report.answers.iter().enumerate() {
        let number =
            if several > 1 { format!(", one of {several}: {}", at + 1) } else { String::new() };
        let _ = writeln!(out, ";; status: {}{number}", one.status);
        let width = |lines: &[Line]| lines.iter().map(|line| line.owner.len()).max().unwrap_or(0);
        let width = width(&one.answer).max(width(&one.authority));
        let mut section = |name: &str, lines: &[Line]| {
            if lines.is_empty() {
                return;
            }
            let _ = writeln!(out, ";; {name}");
            for Line { owner, ttl, kind, value } in lines {
                let _ = writeln!(out, "{owner:<width$} {ttl:>6} IN {kind:<5} {value}");
            }
        };
        section("answer", &one.answer);
        section("authority", &one.authority);
        let _ = writeln!(out, ";; because");
        for because in &one.because {
            let place =
                because.place.as_ref().map_or(String::new(), |place| format!("  [{place}]"));
            let _ = writeln!(out, ";   {}{place}", because.text);
        }
        out.push('\n');
    }
    out
}
