//! The smallest changes that mend: proposed from the first "no", applied to a copy of the model, and
//! kept only if the same question then gets further.

mod mended;
mod rules;
mod targets;

use std::collections::BTreeSet;

use model::{
    Asker, Cause, CertificateId, CertificateSource, Change, GroupId, ListenerId, Model, Obstacle,
    Peer, Refusal, Scheme,
};
use world::World;

use crate::facts::Facts;
use crate::outcome::{Grade, Outcome, Stage};
use crate::question::{Client, Request};
use crate::walk::door::ask_door;

use self::mended::Mended;

/// Changes that are tried for one stop.
const TRIED_MAX: usize = 16;
/// Stops that are mended one after the other.
const FIXES_MAX: usize = 6;

/// A change that was tried, and what the question then says.
#[derive(Clone, Debug)]
pub struct Fix {
    /// The stop that it mends.
    pub stage: Stage,
    pub cause: Option<Cause>,
    pub change: Change,
    /// In words, as an instruction.
    pub words: String,
    /// What the client gets with this and every earlier fix.
    pub then: BTreeSet<Outcome>,
    /// It takes a new certificate as well, which no change of the configuration brings.
    pub takes_certificate: bool,
    /// Another change that mends the same.
    pub instead: Option<(Change, String)>,
}

/// A change that gets further.
struct Candidate {
    change: Change,
    words: String,
    then: BTreeSet<Outcome>,
}

/// Fixes in the order in which they are needed.
pub fn fixes(
    world: &World,
    facts: &Facts<'_>,
    request: &Request,
    client: &Client,
    asker: Asker,
) -> Vec<Fix> {
    let mut fixes: Vec<Fix> = Vec::new();
    let mut changed_world: Option<World> = None;
    let mut mended = Mended::default();
    let seen = facts;
    while fixes.len() < FIXES_MAX {
        let now = changed_world.as_ref().unwrap_or(world);
        let targets = |id: GroupId, at: usize| mended.target(seen, id, at);
        let certificates = |id: CertificateId| mended.certificate(seen, id);
        let facts = &Facts { targets: &targets, certificates: &certificates, ..*seen };
        let ends = request.ends(now, facts, client);
        let Some(outcome) =
            ends.iter().find(|o| !matches!(o.grade(), Grade::Reaches | Grade::NotKnown))
        else {
            break;
        };
        let url = where_it_stops(now, facts, request, client, outcome);
        let at_stop = Request { url, ..request.clone() };
        let mut best: Option<(Candidate, World)> = None;
        let mut instead: Vec<Candidate> = Vec::new();
        for (change, words) in
            propose(now, &at_stop, client, asker, outcome).into_iter().take(TRIED_MAX)
        {
            let mut mended = mended.clone();
            mended.change(&change, outcome);
            let targets = |id: GroupId, at: usize| mended.target(seen, id, at);
            let certificates = |id: CertificateId| mended.certificate(seen, id);
            let facts = &Facts { targets: &targets, certificates: &certificates, ..*seen };
            let Some((changed, then)) = try_change(now, facts, request, client, &change, &ends)
            else {
                continue;
            };
            let candidate = Candidate { change, words, then };
            // Of two that come equally far, the first is the smaller.
            match &best {
                Some((first, _)) if further(&first.then) >= further(&candidate.then) => {
                    instead.push(candidate);
                }
                _ => {
                    let before = best.replace((candidate, changed));
                    instead.extend(before.map(|(candidate, _)| candidate));
                }
            }
        }
        let found = best.map(|(Candidate { change, words, then }, changed)| {
            let (stage, cause) = (outcome.stage, outcome.cause);
            // One alternative is worth showing, if it mends as much.
            let equal = instead.into_iter().find(|other| further(&other.then) >= further(&then));
            let instead = equal.map(|other| (other.change, other.words));
            let takes_certificate = mended.takes_certificate();
            (Fix { stage, cause, change, words, then, takes_certificate, instead }, changed)
        });
        match found {
            Some((fix, changed)) => {
                mended.change(&fix.change, outcome);
                fixes.push(fix);
                changed_world = Some(changed);
            }
            // What a new certificate mends keeps nothing behind it from being mended here.
            None if outcome.stage == Stage::Tls && !mended.takes_certificate() => {
                mended.suppose_certificate(&at_stop.url.host);
            }
            None => break,
        }
    }
    fixes
}

/// The World with the change, if the request then gets further.
fn try_change(
    world: &World,
    facts: &Facts<'_>,
    request: &Request,
    client: &Client,
    change: &Change,
    before: &BTreeSet<Outcome>,
) -> Option<(World, BTreeSet<Outcome>)> {
    let changed = world.changed(change);
    // The change may move the client into a network's view or an admitted set: ask anew.
    let then = request.ends(&changed, facts, client);
    (further(&then) > further(before)).then_some((changed, then))
}

/// How far the worst of the outcomes comes.
fn further(outcomes: &BTreeSet<Outcome>) -> (bool, Stage) {
    let worst = outcomes
        .iter()
        .map(|outcome| (matches!(outcome.grade(), Grade::Reaches), outcome.stage))
        .min();
    worst.unwrap_or((false, Stage::Name))
}

/// The address of the chain at which the outcome is met.
fn where_it_stops(
    world: &World,
    facts: &Facts<'_>,
    request: &Request,
    client: &Client,
    outcome: &Outcome,
) -> model::Url {
    let (legs, _) = crate::chain::record(world, facts, &request.ask(client));
    let at = legs.iter().rev().find(|leg| leg.outcomes.contains(outcome)).or(legs.last());
    at.map_or_else(|| request.url.clone(), |leg| leg.url.clone())
}

/// Changes that might mend the outcome, the smallest first.
fn propose(
    world: &World,
    request: &Request,
    client: &Client,
    asker: Asker,
    outcome: &Outcome,
) -> Vec<(Change, String)> {
    match (outcome.cause, outcome.listener) {
        (Some(Cause::Refusal(Refusal::AdmitNoRule)), Some(listener)) => {
            admit(world, client, asker, listener)
        }
        (Some(Cause::Obstacle(Obstacle::NameNotVisible)), _) => visible(world, request, asker),
        (Some(Cause::Obstacle(Obstacle::TlsNameMismatch)), Some(listener)) => {
            certificates(&world.model, request, listener)
        }
        (Some(Cause::Obstacle(Obstacle::NameNoListener | Obstacle::RedirectLoop)), _) => {
            rules::redirects(&world.model)
        }
        (Some(Cause::Obstacle(Obstacle::RouteDefault)), Some(listener)) => {
            let mut changes = rules::paths(&world.model, request, listener);
            changes.extend(rules::hosts(&world.model, request, listener));
            changes
        }
        (Some(Cause::Refusal(Refusal::RouteNoWeight)), Some(listener)) => {
            rules::weights(&world.model, listener)
        }
        (Some(Cause::Refusal(refusal)), Some(listener))
            if matches!(outcome.stage, Stage::Target | Stage::TargetSecurityGroup) =>
        {
            targets::propose(world, listener, outcome, refusal)
        }
        _ => Vec::new(),
    }
}

/// Who asks, as a security rule may name it. From where the load balancer sees a client depends on
/// where it stands: those names of it that mend nothing are dropped when they are tried.
fn peers(model: &Model, client: &Client, asker: Asker) -> Vec<Peer> {
    let own = match asker {
        Asker::Network(id) => Peer::Network(id),
        Asker::Prefix(net) => Peer::Cidr(net),
        Asker::Instance(id) => Peer::Instance(id),
        Asker::Internet | Asker::Anywhere => return vec![Peer::Anywhere],
    };
    // All the addresses of the gateway: which one is used is not the client's choice.
    let gateway = |seen: std::net::IpAddr| {
        let own = match asker {
            Asker::Network(id) => &model[id].seen_as[..],
            Asker::Prefix(_) | Asker::Instance(_) | Asker::Internet | Asker::Anywhere => &[],
        };
        let net = own.iter().find(|net| net.contains(&seen));
        Peer::Cidr(net.copied().unwrap_or_else(|| seen.into()))
    };
    let seen = client.seen_as.map(gateway);
    let network = match asker {
        Asker::Prefix(_) => client.networks.first().map(|id| Peer::Network(*id)),
        Asker::Network(_) | Asker::Instance(_) | Asker::Internet | Asker::Anywhere => None,
    };
    seen.into_iter().chain([own]).chain(network).collect()
}

fn admit(
    world: &World,
    client: &Client,
    asker: Asker,
    listener: ListenerId,
) -> Vec<(Change, String)> {
    let model = &world.model;
    let listener = &model[listener];
    let groups = &model[listener.load_balancer].security_groups;
    let sources = [Some(client.piece.first), client.seen_as];
    let seen = |set: &model::AddressSet| sources.iter().flatten().any(|ip| set.contains(*ip));
    // Of both addresses: each rule for the port that admits one of them does not admit the other.
    let books = sources.iter().flatten().map(|source| {
        let (_, book) = ask_door(world.ingress(listener.load_balancer), *source, listener.port);
        book
    });
    let books: Vec<_> = books.collect();
    let position = |rule: &verdict::admit::AdmissionRule| {
        groups.iter().find_map(|id| {
            let at = model[*id].ingress.iter().position(|own| own.place == rule.place)?;
            (model[*id].name == rule.group).then_some((*id, at))
        })
    };
    let mut changes = Vec::new();
    let peers = peers(model, client, asker);
    // What is internal is not opened to the world in passing.
    let public = model[listener.load_balancer].scheme == Scheme::InternetFacing;
    let mut told = BTreeSet::new();
    for rule in books.iter().flat_map(|book| &book.other_peer) {
        let Some((group, rule)) = position(rule).filter(|at| told.insert(*at)) else { continue };
        for (at, peer) in peers.iter().enumerate() {
            let words = match peer {
                Peer::Network(id) if at > 0 && matches!(asker, Asker::Prefix(_)) => {
                    format!("or all of network.{}", model[*id].name)
                }
                peer => format!(
                    "admit {} in security_group.{}",
                    peer_words(model, peer),
                    model[group].name
                ),
            };
            changes.push((Change::AdmitPeer { group, rule, peer: peer.clone() }, words));
        }
        if public && peers != [Peer::Anywhere] {
            let words = "or `anywhere`, if everybody may come in".to_owned();
            changes.push((Change::AdmitPeer { group, rule, peer: Peer::Anywhere }, words));
        }
    }
    for rule in books.iter().flat_map(|book| &book.other_port).filter(|rule| seen(&rule.peers)) {
        if let Some((group, rule)) = position(rule) {
            let port = listener.port;
            let words = format!("admit tcp/{port} as well in security_group.{}", model[group].name);
            changes.push((Change::AdmitPort { group, rule, port }, words));
        }
    }
    if let Some(group) = groups.first().filter(|_| changes.is_empty()) {
        let words = format!(
            "add a rule for tcp/{} to security_group.{}",
            listener.port, model[*group].name
        );
        let port = listener.port;
        changes.extend(
            peers
                .into_iter()
                .map(|peer| (Change::AddIngress { group: *group, port, peer }, words.clone())),
        );
    }
    changes
}

pub fn peer_words(model: &Model, peer: &Peer) -> String {
    match peer {
        Peer::Cidr(net) => net.to_string(),
        Peer::Network(id) => format!("network.{}", model[*id].name),
        Peer::SecurityGroup(id) => format!("security_group.{}", model[*id].name),
        Peer::Instance(id) => format!("instance.{}", model[*id].name),
        Peer::Anywhere => "anywhere".to_owned(),
    }
}

fn visible(world: &World, request: &Request, asker: Asker) -> Vec<(Change, String)> {
    let model = &world.model;
    let Asker::Network(network) = asker else { return Vec::new() };
    let named = world.names().records(&request.url.host);
    // One that everybody sees would be taken from everybody.
    let private = named.filter(|id| !model[*id].visible_to.is_empty());
    private
        .map(|id| {
            let record = &model[id];
            let words =
                format!("let network.{} see the record {}", model[network].name, record.name.0);
            (Change::RecordVisible { record: id, network }, words)
        })
        .collect()
}

fn certificates(model: &Model, request: &Request, id: ListenerId) -> Vec<(Change, String)> {
    let host = &request.url.host;
    let own = model[id].certificates.iter().filter(|id| {
        // Without names it has those of this machine, whatever they are.
        let certificate = &model[**id];
        // What a site brings along is written nowhere, and a certificate is for names.
        let written = !model.listeners.iter().any(|one| one.place == certificate.place);
        written
            && request.url.address().is_none()
            && certificate.source == CertificateSource::Development
            && !certificate.names.is_empty()
    });
    let names = own.map(|id| {
        let words = format!("have certificate.{} cover {host} as well", model[*id].name);
        (Change::CertificateName { certificate: *id, name: host.clone() }, words)
    });
    others(model, request, id).into_iter().chain(names).collect()
}

/// Certificates of other listeners that cover the name.
fn others(model: &Model, request: &Request, id: ListenerId) -> Vec<(Change, String)> {
    let has = |at: usize| model[id].certificates.iter().any(|c| c.0 as usize == at);
    let covers = |certificate: &model::Certificate| {
        certificate.names.iter().any(|name| verdict::certificate::covers(name, &request.url.host))
    };
    let others = model.certificates.iter().enumerate();
    others
        .filter(|(at, certificate)| !has(*at) && covers(certificate))
        .map(|(at, certificate)| {
            let words = format!("serve certificate.{} here as well", certificate.name);
            (
                Change::AddCertificate {
                    listener: id,
                    certificate: model::CertificateId(at as u32),
                },
                words,
            )
        })
        .collect()
}
