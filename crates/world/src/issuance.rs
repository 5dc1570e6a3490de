//! What a certificate authority would find: facts of the World, put before `verdict::issuance`.

mod words;

use std::net::IpAddr;

use ipnet::IpNet;
use model::{
    AddressSet, Authority, CertificateId, CertificateSource, ChallengeKind, Challenges, Finding,
    ListenerId, Model, Ordered, RecordType, ValidationPorts,
};
use verdict::admit::admitted_set;
use verdict::answer::{Answer, Asker, Drawn, End, Names, Of, Question, Value, answer, enclosers};
use verdict::issuance::{Arrival, Caa, Doubt, Leads, NameFacts, Reason, Way, choose, doubts};
use verdict::name::SCOPE_PREFIXES;

pub use self::words::findings;
use crate::{At, World};

/// Let's Encrypt's name for itself in CAA records; others say theirs when they are asked.
const LETS_ENCRYPT: (&str, &str) = ("letsencrypt.org", ".letsencrypt.org/directory");

/// How a certificate is to be proved, and what speaks against asking.
#[derive(Clone, Debug)]
pub struct Prospect {
    pub challenge: ChallengeKind,
    pub reason: Reason,
    pub doubts: Vec<Doubt>,
}

/// `identities`: how the authority calls itself in CAA records, if it is known.
pub fn prospect(
    world: &World,
    id: CertificateId,
    authority: &Authority,
    identities: &[String],
) -> Option<Prospect> {
    prospect_for(world, id, &world.model[id].names, authority, identities)
}

/// As [`prospect`], for names that are not declared one by one.
pub fn prospect_for(
    world: &World,
    id: CertificateId,
    names: &[String],
    authority: &Authority,
    identities: &[String],
) -> Option<Prospect> {
    let CertificateSource::Authority(ordered) = &world.model[id].source else { return None };
    Some(of(world, id, names, ordered, authority, identities))
}

fn of(
    world: &World,
    id: CertificateId,
    names: &[String],
    ordered: &Ordered,
    authority: &Authority,
    identities: &[String],
) -> Prospect {
    let known = LETS_ENCRYPT;
    let own = authority.directory.contains(known.1).then(|| known.0.to_owned());
    let identities: Vec<String> = identities.iter().cloned().chain(own).collect();
    let facts: Vec<NameFacts> = names.iter().map(|name| facts(world, name, &identities)).collect();
    let ValidationPorts { http, tls } = authority.ports;
    let all: Vec<Way> = facts.iter().flat_map(|one| ways(world, id, one, http)).collect();
    let (challenge, reason) = choose(ordered.challenge, &facts, &all);
    let port = match challenge {
        ChallengeKind::Http01 => http,
        ChallengeKind::TlsAlpn01 => tls,
        ChallengeKind::Dns01 => 53,
    };
    let doubted = |one: &NameFacts| doubts(challenge, one, &ways(world, id, one, port), port);
    Prospect { challenge, reason, doubts: facts.iter().flat_map(doubted).collect() }
}

// === facts ===

fn facts(world: &World, name: &str, identities: &[String]) -> NameFacts {
    let host = name.strip_prefix("*.").unwrap_or(name);
    NameFacts {
        name: name.to_owned(),
        served: world.model.dns_server.is_some() && is_in_public_zone(world, host),
        leads: leads(world, name),
        caa: caa(world, name, identities),
    }
}

fn is_in_public_zone(world: &World, host: &str) -> bool {
    let zones = enclosers(host).flat_map(|name| world.names().zones(name));
    zones.into_iter().any(|zone| world.model[*zone].visible_to.is_empty())
}

/// What somebody on the internet is answered.
fn ask<'w>(
    world: &'w World,
    name: &'w str,
    kind: RecordType,
    challenges: &'w Challenges,
) -> Answer<'w> {
    let asker = Asker {
        networks: &[],
        of: Of::World,
        here: None,
        load_balancer_healthy: &|_| true,
        group_healthy: &|_| true,
        challenges,
    };
    answer(&world.model, world.names(), Question { name, kind }, &asker, &mut Drawn(0))
}

fn leads(world: &World, name: &str) -> Leads {
    // Of a wildcard nobody knows which name is used, and none is asked for.
    if name.starts_with("*.") {
        return Leads::NotKnown;
    }
    let none = Challenges::default();
    let (mut to, mut nowhere) = (Vec::new(), true);
    for kind in [RecordType::A, RecordType::AAAA] {
        match ask(world, name, kind, &none).end {
            End::Found { set, .. } => {
                nowhere = false;
                let values = set.values(&world.model, None);
                to.extend(values.iter().filter_map(|value| match value {
                    Value::V4(v4) => Some(Some(IpAddr::from(*v4))),
                    Value::V6(v6) => Some(Some(IpAddr::from(*v6))),
                    Value::Name(_) | Value::Authority | Value::Text(_) | Value::Wire(_) => None,
                }));
                // An alias of a load balancer that is wherever its host is.
                if values.is_empty() {
                    to.push(None);
                }
            }
            End::NameError { at } | End::NoData { at, .. } if at.zone.is_some() => {}
            End::Refused
            | End::Elsewhere(_)
            | End::NameError { .. }
            | End::NoData { .. }
            | End::Referral { .. } => nowhere = false,
            End::Loop => {}
        }
    }
    match (to.is_empty(), nowhere) {
        (false, _) => Leads::To(to),
        (true, true) => Leads::Nowhere,
        (true, false) => Leads::NotKnown,
    }
}

/// RFC 8659 §3: the records of the name, else those of the nearest above it that has some.
fn caa(world: &World, name: &str, identities: &[String]) -> Caa {
    let (host, wild) = match name.strip_prefix("*.") {
        Some(host) => (host, true),
        None => (name, false),
    };
    let none = Challenges::default();
    for at in enclosers(host) {
        let End::Found { set, .. } = ask(world, at, RecordType::CAA, &none).end else { continue };
        let values = set.values(&world.model, None);
        let properties: Vec<(&str, String)> = values
            .iter()
            .filter_map(|value| match value {
                Value::Wire(wire) => property(wire),
                Value::V4(_)
                | Value::V6(_)
                | Value::Name(_)
                | Value::Authority
                | Value::Text(_) => None,
            })
            .collect();
        let of = |tag: &str| -> Vec<String> {
            let own = properties.iter().filter(|(found, _)| found.eq_ignore_ascii_case(tag));
            own.map(|(_, issuer)| issuer.clone()).collect()
        };
        let (issue, issue_wild) = (of("issue"), of("issuewild"));
        // §4.3: for a wildcard `issuewild` counts alone, where there is one.
        let allowed = if wild && !issue_wild.is_empty() { issue_wild } else { issue };
        // §4.2: without an `issue` nobody is kept out; an empty one keeps everybody out.
        let named: Vec<String> = allowed.iter().filter(|one| !one.is_empty()).cloned().collect();
        if allowed.is_empty() {
            return Caa::Allows;
        }
        let ours =
            named.iter().any(|one| identities.iter().any(|own| own.eq_ignore_ascii_case(one)));
        return match (ours, identities.is_empty(), named.is_empty()) {
            (true, _, _) => Caa::Allows,
            (false, true, false) => Caa::NotKnown,
            (false, _, _) => Caa::Forbids { at: at.to_owned(), allowed: named },
        };
    }
    Caa::NotKnown
}

/// Tag, and the domain of the issuer without parameters (RFC 8659 §4.1, §4.2).
fn property(wire: &[u8]) -> Option<(&str, String)> {
    let (_, rest) = wire.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (tag, value) = rest.split_at_checked(usize::from(*length))?;
    let issuer = std::str::from_utf8(value).ok()?.split(';').next().unwrap_or_default();
    Some((std::str::from_utf8(tag).ok()?, issuer.trim().trim_end_matches('.').to_owned()))
}

/// What is met at the port, by each address of the name; where those are not known, at the load balancers
/// that serve the certificate.
fn ways(world: &World, id: CertificateId, facts: &NameFacts, port: u16) -> Vec<Way> {
    let serving = || -> Vec<Way> {
        let model = &world.model;
        let serves = |listener: &&model::Listener| listener.certificates.contains(&id);
        let mut load_balancers: Vec<_> =
            model.listeners.iter().filter(serves).map(|one| one.load_balancer).collect();
        load_balancers.dedup();
        let at = |lb| match world.listener_on(lb, port) {
            Some(listener) => admitted(world, listener, None),
            None => Arrival::NotListening,
        };
        load_balancers.into_iter().map(|lb| Way { address: None, arrival: at(lb) }).collect()
    };
    match &facts.leads {
        Leads::NotKnown => serving(),
        Leads::Nowhere => Vec::new(),
        Leads::To(addresses) => addresses
            .iter()
            .flat_map(|address| match address {
                None => serving(),
                Some(address) => {
                    vec![Way { address: Some(*address), arrival: arrival(world, *address, port) }]
                }
            })
            .collect(),
    }
}

fn arrival(world: &World, address: IpAddr, port: u16) -> Arrival {
    match world.at(address, port) {
        At::Listener(listener) => admitted(world, listener, Some(address)),
        At::LoadBalancer(_) | At::Instance(_) => Arrival::NotListening,
        At::Nobody if is_declared(&world.model, address) => Arrival::NotListening,
        // Whoever declares no address of its own may have this one.
        At::Nobody if has_any_address(&world.model, address) => Arrival::NotListening,
        At::Nobody => Arrival::Elsewhere,
    }
}

/// In a network that is declared stands somebody who may pass it on.
fn is_declared(model: &Model, address: IpAddr) -> bool {
    let nets = model.networks.iter().flat_map(|one| one.cidrs.iter().chain(&one.seen_as));
    nets.into_iter().any(|net| net.contains(&address))
}

fn has_any_address(model: &Model, address: IpAddr) -> bool {
    let any = |lb: &model::LoadBalancer| {
        let every = |own: &IpAddr| own.is_unspecified() && own.is_ipv4() == address.is_ipv4();
        lb.public_addresses.is_empty()
            && (lb.addresses.is_empty() || lb.addresses.iter().any(every))
    };
    model.load_balancers.iter().any(any)
}

/// How much of the internet may connect, over the family of the address.
fn admitted(world: &World, listener: ListenerId, address: Option<IpAddr>) -> Arrival {
    let model = &world.model;
    let load_balancer = model[listener].load_balancer;
    let open = admitted_set(world.ingress(load_balancer), model[listener].port);
    let family: &[&str] = match address {
        Some(IpAddr::V4(_)) => &["0.0.0.0/0"],
        Some(IpAddr::V6(_)) => &["::/0"],
        None => &["0.0.0.0/0", "::/0"],
    };
    let family: AddressSet = nets(family);
    let world = family.minus(&nets(&SCOPE_PREFIXES)).minus(&declared(model));
    // Of networks that are all there is, somebody else is asked of nobody.
    match (open.contains_all(&world), open.and(&world).is_empty()) {
        (true, _) => Arrival::Open(listener),
        (false, true) => Arrival::Shut(listener),
        (false, false) if address.is_none() && one_family(&open, &world) => Arrival::Open(listener),
        (false, false) => Arrival::Partly(listener),
    }
}

/// Open to one family as a whole, which is enough where the name's addresses are not known.
fn one_family(open: &AddressSet, world: &AddressSet) -> bool {
    [&["0.0.0.0/0"], &["::/0"]].iter().any(|family| open.contains_all(&nets(*family).and(world)))
}

fn declared(model: &Model) -> AddressSet {
    let nets = model.networks.iter().flat_map(|one| one.cidrs.iter().chain(&one.seen_as));
    nets.copied().collect()
}

fn nets(texts: &[&str]) -> AddressSet {
    texts.iter().filter_map(|text| text.parse::<IpNet>().ok()).collect()
}

/// What `check` doubts (USERS.md §4, rows 15 and 16): the same decision that an order asks before it asks
/// an authority, of the first one that is to be asked.
pub fn lint(world: &World) -> Vec<Finding> {
    let ids = (0..world.model.certificates.len() as u32).map(CertificateId);
    let mut all = Vec::new();
    for id in ids {
        let CertificateSource::Authority(ordered) = &world.model[id].source else { continue };
        let Some(authority) = ordered.authorities.first() else { continue };
        let names = &world.model[id].names;
        let prospect = of(world, id, names, ordered, &world.model[*authority], &[]);
        // An address that nothing has is a finding of its own, whether or not anybody asks there.
        let own = prospect.doubts.into_iter().filter(|d| !matches!(d, Doubt::Elsewhere { .. }));
        let mut told: Vec<(Finding, usize)> = Vec::new();
        for finding in findings(&world.model, id, &own.collect::<Vec<_>>()) {
            // Of many names one is enough to see what is wrong.
            match told.iter_mut().find(|(first, _)| first.code == finding.code) {
                Some((_, more)) => *more += 1,
                None => told.push((finding, 0)),
            }
        }
        all.extend(told.into_iter().map(|(mut finding, more)| {
            if more > 0 {
                finding.message.push_str(&format!("; the same of {more} more"));
            }
            finding
        }));
    }
    all
}
