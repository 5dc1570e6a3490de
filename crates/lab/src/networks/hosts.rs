//! Names as each place sees them, in the form of `/etc/hosts` (hosts(5)).

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;

use explain::{Ask, CertificateView, Enforcement, FactSource, Facts, TargetView, Trust, addresses};
use model::{CertificateId, Condition, RecordType, TargetAddress, Url};
use verdict::answer::{Asker, Drawn, End, Of, Question, answer};
use verdict::certificate::{CertificateFacts, KeyKind};
use world::World;

use super::node::Node;
use super::plan::{EDGE, Plan};

/// For programs that would ask somebody else.
const NO_RESOLVER: &str = "# The lab has no resolver: names are in /etc/hosts.\n";
/// What resolv.conf(5) reads.
const RESOLVERS_MAX: usize = 3;
/// Where a resolver is asked (RFC 1035 §4.2): resolv.conf(5) knows no other port.
const PORT: u16 = 53;
pub const SWITCH: &str = "hosts: files dns\npasswd: files\ngroup: files\nservices: files\n";

/// More names are left out.
const NAMES_MAX: usize = 4096;

/// What every place calls everything that the configuration names.
pub fn fill(plan: &mut Plan, world: &World) {
    let mut names: Vec<String> = names(world).into_iter().collect();
    if names.len() > NAMES_MAX {
        plan.notes.push(format!(
            "{} names are declared: only {NAMES_MAX} of them are known in the lab",
            names.len()
        ));
        names.truncate(NAMES_MAX);
    }
    let edge = plan.nodes[EDGE].addresses.clone();
    let resolvers = resolvers(world, &edge);
    with_facts(world, |facts| {
        for node in &mut plan.nodes {
            node.resolvers = resolvers.clone();
            let own: Vec<String> = match resolvers.is_empty() {
                true => names.clone(),
                // The program itself answers for its zones, with real packets.
                false => {
                    let elsewhere = names.iter().filter(|name| !is_served(world, node, name));
                    elsewhere.cloned().collect()
                }
            };
            node.hosts = of_node(world, facts, node, &own, &edge);
        }
    });
}

/// Where the program serves its zones.
fn resolvers(world: &World, edge: &[IpAddr]) -> Vec<IpAddr> {
    let Some(server) = world.model.dns_server.as_ref().filter(|server| server.port == PORT) else {
        return Vec::new();
    };
    let addresses = if server.addresses.is_empty() { edge } else { &server.addresses };
    addresses.iter().copied().take(RESOLVERS_MAX).collect()
}

/// Whether a zone that the place sees has the name.
fn is_served(world: &World, node: &Node, name: &str) -> bool {
    let networks = node.addresses.first().map_or(&[][..], |client| world.membership().of(*client));
    let asker = Asker {
        networks,
        of: Of::Zones,
        here: None,
        load_balancer_healthy: &|_| true,
        group_healthy: &|_| true,
        challenges: &model::Challenges::default(),
    };
    let question = Question { name, kind: RecordType::A };
    let answer = answer(&world.model, world.names(), question, &asker, &mut Drawn(0));
    !matches!(answer.end, End::Refused)
}

/// `/etc/resolv.conf` of a place.
pub fn resolver_text(node: &Node) -> String {
    let mut text = String::new();
    for resolver in &node.resolvers {
        let _ = writeln!(text, "nameserver {resolver}");
    }
    match text.is_empty() {
        true => NO_RESOLVER.to_owned(),
        // What does not answer in time here never will.
        false => text + "options timeout:1 attempts:2\n",
    }
}

/// What `explain` is told where only names and routes are asked.
pub fn with_facts<T>(world: &World, ask: impl FnOnce(&Facts<'_>) -> T) -> T {
    let certificates = |id| CertificateView {
        facts: Some(declared_certificate(world, id)),
        trust: Trust::Authority,
        why_pending: None,
        on_demand: Default::default(),
    };
    ask(&Facts {
        now_unix: 0,
        certificates: &certificates,
        targets: &|_, _| TargetView::ASSUMED,
        enforcement: &|_, _| Enforcement::NotKnown,
        refused: &|_, _| None,
        source: FactSource::Proof,
    })
}

pub fn text(node: &Node) -> String {
    let mut text = String::from("127.0.0.1 localhost\n::1 localhost\n");
    for (address, name) in &node.hosts {
        let _ = writeln!(text, "{address} {name}");
    }
    text
}

fn of_node(
    world: &World,
    facts: &Facts<'_>,
    node: &Node,
    names: &[String],
    edge: &[IpAddr],
) -> Vec<(IpAddr, String)> {
    let mut hosts = Vec::new();
    for ipv4 in [true, false] {
        let Some(client) = node.addresses.iter().find(|one| one.is_ipv4() == ipv4) else {
            continue;
        };
        let of_edge = edge.iter().copied().find(|one| one.is_ipv4() == ipv4);
        for name in names {
            // The port only tells apart load balancers that no record names.
            let found = ["https", "http"].into_iter().find_map(|scheme| {
                let url = Url::parse(&format!("{scheme}://{name}/")).ok()?;
                let ask = Ask {
                    client: *client,
                    seen_as: None,
                    networks: world.membership().of(*client),
                    url: &url,
                    method: "GET",
                    headers: &[],
                    to: None,
                };
                Some(addresses(world, facts, &ask)).filter(|found| !found.is_empty())
            });
            let found = found.into_iter().flatten();
            // A load balancer without an address of its own has those of the place where it runs.
            let found = found.filter_map(|address| address.or(of_edge));
            hosts.extend(found.map(|address| (address, name.clone())));
        }
    }
    hosts
}

/// As far as names go, which is all that is asked here.
fn declared_certificate(world: &World, id: CertificateId) -> Arc<CertificateFacts> {
    Arc::new(CertificateFacts {
        names: world.model[id].names.clone(),
        key: KeyKind::Ecdsa,
        key_bits: 256,
        not_before: i64::MIN,
        not_after: i64::MAX,
        signature_hash_rank: 2,
    })
}

/// Every full name in the configuration.
fn names(world: &World) -> BTreeSet<String> {
    let model = &world.model;
    let mut names: BTreeSet<String> = BTreeSet::new();
    names.extend(model.records.iter().map(|record| record.name.0.clone()));
    for record in &model.records {
        if let model::RecordData::Canonical(host) = &record.data {
            names.insert(host.0.clone());
        }
    }
    let pages = model.pages.iter();
    let calls = pages.flat_map(|page| page.calls.iter().chain(&page.server_calls)).map(|c| &c.url);
    let urls = model.expectations.iter().flat_map(|one| &one.urls);
    let urls = urls.chain(model.expectations.iter().filter_map(|one| one.redirects_to.as_ref()));
    let urls = urls.chain(calls).chain(model.pages.iter().map(|page| &page.url));
    names.extend(urls.filter(|url| url.address().is_none()).map(|url| url.host.clone()));
    names.extend(model.certificates.iter().flat_map(|one| one.names.iter().cloned()));
    for target in model.target_groups.iter().flat_map(|group| &group.targets) {
        if let TargetAddress::Name(host) = &target.address {
            names.insert(host.0.clone());
        }
    }
    let rules = model.listeners.iter().flat_map(|listener| &listener.rules);
    for condition in rules.flat_map(|rule| &rule.conditions) {
        if let Condition::Host(values) | Condition::ServerName(values) = condition {
            names.extend(values.iter().map(|value| value.source().to_ascii_lowercase()));
        }
    }
    names.retain(|name| name != "localhost" && is_name(name));
    names
}

/// Neither a wildcard nor an address.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !name.is_empty() && name.chars().all(plain) && name.parse::<IpAddr>().is_err()
}
