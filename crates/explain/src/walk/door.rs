//! The security group and the listener.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::{AddressSet, Deny, ListenerId, ListenerProtocol, PortRange, Refusal};
use verdict::admit::{self, AdmissionRule};
use verdict::journey::{Admitted, Hypothetical, Knocked};
use verdict::{Note, Witness};

use super::{Walk, answered};
use crate::cells::Door;
use crate::facts::Enforcement;
use crate::hop::{Hop, Near, Trace};
use crate::outcome::{Outcome, Sees, Stage};

/// DECISIONS 1.
pub const NEAR_MAX: usize = 5;
/// Security groups that are named.
const GROUPS_MAX: usize = 3;
/// Prefixes that are spelt out before "and … more".
const PREFIXES_MAX: usize = 4;

/// What the rules said.
#[derive(Default)]
pub struct Doorbook<'w> {
    pub open: bool,
    pub admits: Vec<&'w AdmissionRule>,
    pub other_peer: Vec<&'w AdmissionRule>,
    pub other_port: Vec<&'w AdmissionRule>,
}

/// The notes borrow for one call only; the rules they speak of live in the World. So positions are
/// kept and looked up afterwards.
struct Positions<'w> {
    rules: &'w [AdmissionRule],
    book: Doorbook<'w>,
    at: usize,
}

impl Witness for Positions<'_> {
    fn note(&mut self, note: Note<'_>) {
        let Note::Admit(note) = note else { return };
        // A thorough witness hears of every rule, in order.
        let rule = self.rules.get(self.at);
        match (note, rule) {
            (admit::Note::NoGroups, _) => self.book.open = true,
            (admit::Note::Admits(_), Some(rule)) => self.book.admits.push(rule),
            (admit::Note::OtherPeer(_), Some(rule)) => self.book.other_peer.push(rule),
            (admit::Note::OtherPort(_), Some(rule)) => self.book.other_port.push(rule),
            (_, None) => {}
        }
        self.at += 1;
    }
}

/// Asks the decision and keeps what each rule said.
pub fn ask_door(
    admission: &admit::Admission,
    peer: IpAddr,
    port: u16,
) -> (Result<(), Refusal>, Doorbook<'_>) {
    let mut witness = Positions { rules: &admission.rules, book: Doorbook::default(), at: 0 };
    let answer = admit::admit(admission, peer, port, &mut witness);
    (answer, witness.book)
}

impl Walk<'_> {
    pub fn onward_door<T: Trace>(
        &self,
        id: ListenerId,
        source: IpAddr,
        trace: &mut T,
    ) -> BTreeSet<Outcome> {
        let listener = &self.world.model[id];
        let admission = self.world.ingress(listener.load_balancer);
        let knocked = Knocked::hypothetical(source, listener.port);
        trace.door(Door::LoadBalancer(listener.load_balancer));
        let mut denied: Option<Outcome> = None;
        let admitted: Admitted<Hypothetical> = match knocked.admit(admission, &mut ()) {
            Ok(admitted) => {
                trace.hop(|| self.admitted_hop(id, source));
                admitted
            }
            Err(refused) => {
                trace.hop(|| self.denied_hop(id, source, refused.refusal));
                let mut outcome = self.outcome(
                    self.denied_sees(id, source),
                    Some(refused.refusal.into()),
                    Stage::SecurityGroup,
                );
                outcome.listener = Some(id);
                denied = Some(outcome);
                refused.suppose()
            }
        };
        trace.hop(|| {
            let lb = &self.world.model[listener.load_balancer];
            let speaks = match listener.protocol {
                ListenerProtocol::Http => "speaks http",
                ListenerProtocol::Https => "speaks https",
                ListenerProtocol::TlsPassthrough => "passes TLS through",
            };
            let text = format!("{}.{} {speaks} on port {}", lb.name, listener.name, listener.port);
            Hop::passed(Stage::Listener, text).at(&listener.place)
        });
        let mut rest = self.onward_tls(id, source, admitted, trace);
        rest = rest
            .into_iter()
            .map(|outcome| Outcome { listener: outcome.listener.or(Some(id)), ..outcome })
            .collect();
        match denied {
            None => rest,
            // A page is an answer: to read it, the client has to get through the handshake.
            Some(outcome) if matches!(outcome.sees, Sees::Answer { .. }) => {
                let handshake = |rest: Outcome| match rest.stage {
                    Stage::Tls => rest,
                    _ => outcome.clone(),
                };
                rest.into_iter().map(handshake).collect()
            }
            Some(outcome) => BTreeSet::from([outcome]),
        }
    }

    fn denied_sees(&self, id: ListenerId, source: IpAddr) -> Sees {
        let load_balancer = self.world.model[id].load_balancer;
        match self.world.model[load_balancer].deny {
            Deny::Drop => match (self.facts.enforcement)(id, source) {
                Enforcement::Kernel | Enforcement::NotKnown => Sees::TimesOut,
                Enforcement::AfterAccept => Sees::Silence,
            },
            Deny::Reset => Sees::Reset,
            // No page can be shown to who does not speak TLS with us.
            Deny::Page if self.passes_through(id) => Sees::Reset,
            Deny::Page => answered(load_balancer, 403),
        }
    }

    fn admitted_hop(&self, id: ListenerId, source: IpAddr) -> Hop {
        let listener = &self.world.model[id];
        let lb = &self.world.model[listener.load_balancer];
        let (_, book) = ask_door(self.world.ingress(listener.load_balancer), source, listener.port);
        match book.admits.first() {
            Some(rule) => {
                let text = format!(
                    "security_group.{} admits {} on tcp/{}",
                    rule.group,
                    self.admitted_words(rule, source),
                    listener.port
                );
                Hop::passed(Stage::SecurityGroup, text).at(&rule.place)
            }
            None => {
                let text = format!(
                    "load_balancer.{} has no security group: everybody is admitted",
                    lb.name
                );
                Hop::passed(Stage::SecurityGroup, text).at(&lb.place)
            }
        }
    }

    /// Whom a rule admits that admits this client: everybody, or the part of it that the client is in.
    pub fn admitted_words(&self, rule: &AdmissionRule, source: IpAddr) -> String {
        if rule.peers == AddressSet::everything() {
            return "everybody".to_owned();
        }
        let model = &self.world.model;
        let named = self.ask.networks.iter().map(|id| &model[*id]).find(|network| {
            let own: AddressSet = network.cidrs.iter().copied().collect();
            own.contains(source) && rule.peers.contains_all(&own)
        });
        let prefix = || {
            let prefixes = crate::space::prefixes(&rule.peers);
            prefixes.into_iter().find(|net| net.contains(&source)).map(|net| net.to_string())
        };
        match named {
            Some(network) => network.name.clone(),
            None => prefix().unwrap_or_else(|| source.to_string()),
        }
    }

    fn denied_hop(&self, id: ListenerId, source: IpAddr, refusal: Refusal) -> Hop {
        let listener = &self.world.model[id];
        let lb = &self.world.model[listener.load_balancer];
        let admission = self.world.ingress(listener.load_balancer);
        let (_, book) = ask_door(admission, source, listener.port);
        let near: Vec<Near> = near_rules(&book).take(NEAR_MAX).collect();
        let port = listener.port;
        let text = match &book.other_peer[..] {
            [] => format!(
                "no security group of load_balancer.{} admits anybody on tcp/{port}",
                lb.name
            ),
            rules => {
                let peers: AddressSet = rules.iter().map(|rule| &rule.peers).collect();
                let groups: BTreeSet<&str> = rules.iter().map(|rule| &*rule.group).collect();
                let more = match groups.len().saturating_sub(GROUPS_MAX) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                let groups: Vec<String> = groups
                    .into_iter()
                    .take(GROUPS_MAX)
                    .map(|group| format!("security_group.{group}"))
                    .collect();
                format!(
                    "{}{more} admits tcp/{port} only from {}",
                    groups.join(" and "),
                    self.set_words(&peers)
                )
            }
        };
        let counted = (self.facts.refused)(id, source).map_or(String::new(), |counted| {
            let since = crate::clock::words(counted.since_unix);
            format!("; counted: {} refused from {} since {since}", counted.count, counted.network)
        });
        let text = text + &counted;
        let place = book.other_peer.first().or(book.other_port.first()).map(|rule| &rule.place);
        Hop::stopped(Stage::SecurityGroup, refusal, text).at(place.unwrap_or(&lb.place)).near(near)
    }

    /// A set of addresses by the names of its networks, where it is made of them.
    pub fn set_words(&self, set: &AddressSet) -> String {
        crate::space::words(&self.world.model, set, PREFIXES_MAX)
    }
}

fn near_rules<'b>(book: &'b Doorbook<'_>) -> impl Iterator<Item = Near> + 'b {
    book.other_port.iter().map(|rule| {
        let ports: Vec<String> = rule.ports.0.iter().map(|range| port_words(*range)).collect();
        Near::new(
            format!("security_group.{} has a rule for tcp/{} only", rule.group, ports.join(", ")),
            &rule.place,
        )
    })
}

fn port_words(range: PortRange) -> String {
    match range.first == range.last {
        true => range.first.to_string(),
        false => format!("{}-{}", range.first, range.last),
    }
}
