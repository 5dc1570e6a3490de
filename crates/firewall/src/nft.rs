//! The part of nft's JSON that a table of ours needs (libnftables-json(5)).

use std::net::IpAddr;

use model::AddressSet;
use serde::Serialize;

use crate::ruleset::{Door, Ruleset};

/// Both families in one table.
const FAMILY: &str = "inet";

/// One transaction.
#[derive(Debug, Serialize)]
pub struct Batch {
    nftables: Vec<Command>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Command {
    Add(Object),
    Delete(Object),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Object {
    Table {
        family: &'static str,
        name: String,
    },
    Set {
        family: &'static str,
        table: String,
        name: String,
        #[serde(rename = "type")]
        kind: &'static str,
        flags: [&'static str; 1],
        elem: Vec<Element>,
    },
    Counter {
        family: &'static str,
        table: String,
        name: String,
    },
    Chain {
        family: &'static str,
        table: String,
        name: String,
        #[serde(flatten)]
        hook: Option<Hook>,
    },
    Rule {
        family: &'static str,
        table: String,
        chain: String,
        expr: Vec<Statement>,
    },
}

#[derive(Debug, Serialize)]
struct Hook {
    #[serde(rename = "type")]
    kind: &'static str,
    hook: &'static str,
    prio: i32,
    policy: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Element {
    One(IpAddr),
    Range { range: [IpAddr; 2] },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Statement {
    Match { op: &'static str, left: Expression, right: Value },
    Counter(String),
    Accept(()),
    Drop(()),
    Goto { target: String },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Expression {
    Meta {
        key: &'static str,
    },
    Payload {
        protocol: &'static str,
        field: &'static str,
    },
    #[serde(rename = "&")]
    And(Box<Expression>, [&'static str; 2]),
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Number(u16),
    Address(IpAddr),
}

/// The counter of what a door's rule admitted.
pub fn admitted(door: usize, rule: usize) -> String {
    format!("door{door}_admitted{rule}")
}

/// The counter of what a door dropped of a network; of everybody else without one.
pub fn dropped(door: usize, network: Option<usize>) -> String {
    match network {
        Some(network) => format!("door{door}_dropped{network}"),
        None => format!("door{door}_dropped"),
    }
}

/// Takes the table away; no error if it is not there, which must be made so.
pub fn removal(table: &str) -> Batch {
    Batch { nftables: vec![Command::Add(the(table)), Command::Delete(the(table))] }
}

/// Puts the ruleset in place of the table that is there, if any, in one transaction.
pub fn replacement(table: &str, ruleset: &Ruleset) -> Batch {
    let mut writer = Writer { table, batch: removal(table), sets: Vec::new() };
    writer.add(the(table));
    writer.chain("input", Some(INPUT));
    // What is no attempt to connect belongs to a connection that was admitted (DECISIONS 11).
    let flags = Expression::Payload { protocol: "tcp", field: "flags" };
    let attempt = Expression::And(Box::new(flags), ["syn", "ack"]);
    let tcp = equals(Expression::Meta { key: "l4proto" }, Value::Text("tcp".into()));
    let other = Statement::Match { op: "!=", left: attempt, right: Value::Text("syn".into()) };
    writer.rule("input", vec![tcp, other, Statement::Accept(())]);
    for (at, door) in ruleset.doors.iter().enumerate() {
        writer.door(at, door, &ruleset.networks);
    }
    writer.batch
}

const INPUT: Hook = Hook { kind: "filter", hook: "input", prio: 0, policy: "accept" };

struct Writer<'r> {
    table: &'r str,
    batch: Batch,
    /// By their number, each with its family: many doors have the same.
    sets: Vec<(bool, &'r AddressSet)>,
}

impl<'r> Writer<'r> {
    fn door(&mut self, at: usize, door: &'r Door, networks: &'r [(String, AddressSet)]) {
        let chain = format!("door{at}");
        self.chain(&chain, None);
        let ipv4 = door.is_ipv4();
        let ip = if ipv4 { "ip" } else { "ip6" };
        let to = match door.address.ip() {
            address if address.is_unspecified() => {
                let family = if ipv4 { "ipv4" } else { "ipv6" };
                equals(Expression::Meta { key: "nfproto" }, Value::Text(family.into()))
            }
            address => equals(
                Expression::Payload { protocol: ip, field: "daddr" },
                Value::Address(address),
            ),
        };
        let port = Expression::Payload { protocol: "tcp", field: "dport" };
        let port = equals(port, Value::Number(door.address.port()));
        self.rule("input", vec![to, port, Statement::Goto { target: chain.clone() }]);
        if let Some(itself) = door.itself() {
            let loopback = equals(Expression::Meta { key: "iifname" }, Value::Text("lo".into()));
            let from = Expression::Payload { protocol: ip, field: "saddr" };
            let from = equals(from, Value::Address(itself));
            self.rule(&chain, vec![loopback, from, Statement::Accept(())]);
        }
        for (number, admits) in door.admits.iter().enumerate() {
            let then = Statement::Accept(());
            self.of_set(&chain, ipv4, &admits.peers, admitted(at, number), then);
        }
        for (number, (_, addresses)) in networks.iter().enumerate() {
            let then = Statement::Drop(());
            self.of_set(&chain, ipv4, addresses, dropped(at, Some(number)), then);
        }
        self.counted(&chain, Vec::new(), dropped(at, None), Statement::Drop(()));
    }

    /// A rule for packets from a set, with a counter of its own; none for nobody.
    fn of_set(
        &mut self,
        chain: &str,
        ipv4: bool,
        set: &'r AddressSet,
        counter: String,
        then: Statement,
    ) {
        let elements: Vec<Element> = match ipv4 {
            true => set.v4_ranges().map(|(a, b)| element(a.into(), b.into())).collect(),
            false => set.v6_ranges().map(|(a, b)| element(a.into(), b.into())).collect(),
        };
        if elements.is_empty() {
            return;
        }
        // A set of everything is none that nft accepts.
        let everybody = AddressSet::everything();
        let all = match ipv4 {
            true => set.v4_ranges().eq(everybody.v4_ranges()),
            false => set.v6_ranges().eq(everybody.v6_ranges()),
        };
        if all {
            return self.counted(chain, Vec::new(), counter, then);
        }
        let name = self.set(ipv4, set, elements);
        let protocol = if ipv4 { "ip" } else { "ip6" };
        let source = Expression::Payload { protocol, field: "saddr" };
        self.counted(chain, vec![equals(source, Value::Text(format!("@{name}")))], counter, then);
    }

    /// The ranges are disjoint and do not touch: there is nothing for nft to merge.
    fn set(&mut self, ipv4: bool, set: &'r AddressSet, elem: Vec<Element>) -> String {
        let known = self.sets.iter().position(|(family, known)| *family == ipv4 && *known == set);
        if let Some(at) = known {
            return format!("set{at}");
        }
        let name = format!("set{}", self.sets.len());
        self.sets.push((ipv4, set));
        self.add(Object::Set {
            family: FAMILY,
            table: self.table.to_owned(),
            name: name.clone(),
            kind: if ipv4 { "ipv4_addr" } else { "ipv6_addr" },
            flags: ["interval"],
            elem,
        });
        name
    }

    fn counted(&mut self, chain: &str, when: Vec<Statement>, name: String, then: Statement) {
        let table = self.table.to_owned();
        self.add(Object::Counter { family: FAMILY, table, name: name.clone() });
        let rest = [Statement::Counter(name), then];
        self.rule(chain, when.into_iter().chain(rest).collect());
    }

    fn chain(&mut self, name: &str, hook: Option<Hook>) {
        let table = self.table.to_owned();
        self.add(Object::Chain { family: FAMILY, table, name: name.to_owned(), hook });
    }

    fn rule(&mut self, chain: &str, expr: Vec<Statement>) {
        let table = self.table.to_owned();
        self.add(Object::Rule { family: FAMILY, table, chain: chain.to_owned(), expr });
    }

    fn add(&mut self, object: Object) {
        self.batch.nftables.push(Command::Add(object));
    }
}

fn the(table: &str) -> Object {
    Object::Table { family: FAMILY, name: table.to_owned() }
}

fn equals(left: Expression, right: Value) -> Statement {
    Statement::Match { op: "==", left, right }
}

fn element(first: IpAddr, last: IpAddr) -> Element {
    if first == last { Element::One(first) } else { Element::Range { range: [first, last] } }
}
