//! Records and hosts that do not fit each other (USERS.md §4, rows 12, 18 and 30).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use model::{
    Action, CertificateId, Finding, ListenerId, ListenerProtocol, LoadBalancerId, Model, Place,
    Record, RecordData, Scheme, TargetAddress, Url,
};
use verdict::answer::{Asker, Names, enclosers, parent};
use verdict::name::{Destination, Scope, resolve, scope};

use super::{forwarded_groups, literal_hosts, names_host};
use crate::{NameIndex, alias_addresses, everywhere, has_address, load_balancers_at};

/// Zones that a program wrote are left alone.
pub const RECORDS_MAX: usize = 10_000;

/// Everywhere that the names with records of their own lead.
pub struct Led<'m>(BTreeMap<&'m str, BTreeSet<Destination>>);

impl<'m> Led<'m> {
    /// `None` where there are no records, or too many.
    pub fn of(model: &'m Model, index: &NameIndex) -> Option<Led<'m>> {
        if model.records.is_empty() || model.records.len() > RECORDS_MAX {
            return None;
        }
        let names: BTreeSet<&str> = model.records.iter().map(|record| &*record.name.0).collect();
        let led = names.into_iter().map(|name| (name, everywhere(model, index, name)));
        Some(Led(led.collect()))
    }

    fn to<'l>(
        &'l self,
        model: &'l Model,
        id: LoadBalancerId,
    ) -> impl Iterator<Item = &'m str> + use<'l, 'm> {
        let here = move |to: &Destination| load_balancers_at(model, *to).contains(&id);
        let led = self.0.iter().filter(move |(_, destinations)| destinations.iter().any(here));
        led.map(|(name, _)| *name)
    }
}

pub fn lint(
    model: &Model,
    index: &NameIndex,
    led: &Led<'_>,
    certificate_names: &dyn Fn(CertificateId) -> Option<Vec<String>>,
    findings: &mut Vec<Finding>,
) {
    for id in (0..model.load_balancers.len() as u32).map(LoadBalancerId) {
        not_led_here(model, index, id, findings);
        default_certificate(model, index, led, id, certificate_names, findings);
    }
    stale_addresses(model, findings);
    private_in_public(model, index, findings);
}

/// Hosts that come to a listener, as far as something declared says so.
pub fn hosts_of(
    model: &Model,
    led: Option<&Led<'_>>,
    id: ListenerId,
    certificate_names: &dyn Fn(CertificateId) -> Option<Vec<String>>,
) -> Vec<String> {
    let listener = &model[id];
    let of_certificates: Option<Vec<Vec<String>>> =
        listener.certificates.iter().map(|id| certificate_names(*id)).collect();
    let Some(covered) = of_certificates.map(|names| names.concat()) else { return Vec::new() };
    let Some(led) = led else {
        let names = covered.into_iter().map(|name| name.to_ascii_lowercase());
        return names.filter(|name| is_plain(name) && name.parse::<IpAddr>().is_err()).collect();
    };
    let hosts = led.to(model, listener.load_balancer).filter(|name| is_plain(name));
    // Names lead to an address, and not to a port: one that is not covered is not for this listener.
    let is_for = |host: &&str| match listener.protocol {
        ListenerProtocol::Https => is_covered(&covered, host),
        // Which names its targets serve is theirs.
        ListenerProtocol::TlsPassthrough => false,
        ListenerProtocol::Http => {
            listener.port == 80 || model[listener.load_balancer].listeners.len() == 1
        }
    };
    hosts.filter(is_for).map(str::to_owned).collect()
}

fn is_plain(name: &str) -> bool {
    !name.contains('*')
}

// === host-not-served ===

fn not_led_here(model: &Model, index: &NameIndex, id: LoadBalancerId, findings: &mut Vec<Finding>) {
    let mut told: BTreeSet<String> = BTreeSet::new();
    let rules = model[id].listeners.iter().flat_map(|listener| &model[*listener].rules);
    for rule in rules {
        for host in literal_hosts(rule) {
            let host = host.to_ascii_lowercase();
            if !told.insert(host.clone()) {
                continue;
            }
            if let Some(finding) = not_led(model, index, id, &host, &rule.place) {
                findings.push(finding);
            }
        }
    }
}

fn not_led(
    model: &Model,
    index: &NameIndex,
    id: LoadBalancerId,
    host: &str,
    place: &Place,
) -> Option<Finding> {
    let name = &model[id].name;
    let finding = |text: String| Finding::warning("lint/host-not-served", place, text);
    let hint = format!(
        "add `record \"{host}\" {{ alias = load_balancer.{name} }}`, or take the host out of the rule"
    );
    match said(model, index, host)[..] {
        [] => {
            let kept = kept_here(model, index, host)?;
            let text = format!("no record leads `{host}` to the load balancer `{name}`");
            Some(finding(text).related(&kept.place, "names around it are declared here").hint(hint))
        }
        [record, ..] => {
            let destinations = everywhere(model, index, host);
            let others: Vec<LoadBalancerId> =
                destinations.iter().flat_map(|to| load_balancers_at(model, *to)).collect();
            let elsewhere = !destinations.is_empty()
                && destinations.iter().all(|to| !load_balancers_at(model, *to).is_empty())
                && !others.contains(&id)
                && !others.iter().any(|other| may_pass_on(model, *other, id));
            let other = others.first().filter(|_| elsewhere)?;
            let text = format!(
                "`{host}` leads to the load balancer `{}`, and never to this rule of `{name}`",
                model[*other].name
            );
            Some(finding(text).related(&record.place, "the record").hint(hint))
        }
    }
}

/// The records that say where a host leads, or that it leads nowhere, in whatever zone and view; its
/// wildcard's where it does not exist.
fn said<'m>(model: &'m Model, index: &NameIndex, host: &str) -> Vec<&'m Record> {
    let zones = enclosers(host).flat_map(|name| index.zones(name)).map(|zone| Some(*zone));
    let mut all = Vec::new();
    for zone in zones.chain([None]) {
        let exists = |name: &&str| index.at(zone, name).is_some();
        let found = match enclosers(host).find(exists) {
            Some(name) if name == host => index.at(zone, name),
            Some(encloser) => index.wildcard(zone, encloser),
            None => None,
        };
        all.extend(found.unwrap_or(&[]).iter().map(|id| &model[*id]));
    }
    all
}

/// A record that shows that the names around a host are kept in this configuration: of its parent,
/// or of one below it. Whoever is beside it may be anybody's.
fn kept_here<'m>(model: &'m Model, index: &NameIndex, host: &str) -> Option<&'m Record> {
    let parent = parent(host).and_then(|parent| index.records(parent).next());
    parent.or_else(|| index.below(host)).map(|id| &model[id])
}

/// Whether what one load balancer forwards could come to the other.
fn may_pass_on(model: &Model, from: LoadBalancerId, to: LoadBalancerId) -> bool {
    let targets = forwarded_groups(model, from).into_iter().flat_map(|id| &model[id].targets);
    targets.into_iter().any(|target| match &target.address {
        TargetAddress::Ip(address) => has_address(&model[to], *address),
        TargetAddress::Name(_) => true,
        TargetAddress::Instance { id, .. } => {
            let instance = &model[*id];
            instance.addresses.iter().any(|address| has_address(&model[to], *address))
                || !instance.applications.iter().all(|one| one.proxies().is_empty())
        }
    })
}

// === default-certificate ===

fn default_certificate(
    model: &Model,
    index: &NameIndex,
    led: &Led<'_>,
    id: LoadBalancerId,
    certificate_names: &dyn Fn(CertificateId) -> Option<Vec<String>>,
    findings: &mut Vec<Finding>,
) {
    let of = |protocol| {
        let all = model[id].listeners.iter().copied();
        all.filter(move |listener| model[*listener].protocol == protocol)
    };
    let doors: Vec<ListenerId> = of(ListenerProtocol::Https).collect();
    let Some(first) = doors.first().map(|listener| &model[*listener]) else { return };
    let certificates = doors.iter().flat_map(|listener| &model[*listener].certificates);
    let names: Option<Vec<Vec<String>>> =
        certificates.map(|certificate| certificate_names(*certificate)).collect();
    // What is not known is not guessed.
    let Some(names) = names.map(|names| names.concat()) else { return };
    // What is served over plain http too may be meant for that alone.
    let serves = |listener: ListenerId| match &model[listener].default_action {
        Action::Forward(_) => true,
        Action::FixedResponse(fixed) => fixed.status < 400,
        Action::Redirect(_) | Action::Close => false,
    };
    let elsewhere = || of(ListenerProtocol::Http).chain(of(ListenerProtocol::TlsPassthrough));
    if elsewhere().any(serves) {
        return;
    }
    for host in led.to(model, id) {
        // A rule that names it is another finding; one of another listener says that it is for that.
        let mut named = elsewhere().chain(of(ListenerProtocol::Https));
        if is_covered(&names, host) || named.any(|listener| names_host(model, listener, host)) {
            continue;
        }
        let Some(record) = index.records(host).next().map(|id| &model[id]) else { continue };
        let list: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let text = format!(
            "`{host}` leads to the load balancer `{}`, and none of its certificates covers it",
            model[id].name
        );
        findings.push(
            Finding::warning("lint/default-certificate", &record.place, text)
                .related(&first.place, format!("its certificates cover {}", list.join(", ")))
                .hint(format!(
                    "add a certificate for `{host}` to `certificates` of the listener, or lead the name elsewhere"
                )),
        );
    }
}

/// Of a wildcard nobody knows which names are used: it is enough that some name below it is covered.
fn is_covered(names: &[String], host: &str) -> bool {
    match host.strip_prefix('*') {
        Some(end) => names.iter().any(|name| name.ends_with(end)),
        None => names.iter().any(|name| verdict::certificate::covers(name, host)),
    }
}

// === no-such-address ===

fn stale_addresses(model: &Model, findings: &mut Vec<Finding>) {
    // One that listens on whatever its host has may have any address.
    let known = |lb: &model::LoadBalancer| {
        !lb.public_addresses.is_empty() || lb.addresses.iter().any(|a| !a.is_unspecified())
    };
    if model.load_balancers.is_empty() || !model.load_balancers.iter().all(known) {
        return;
    }
    let ours = |address: &IpAddr| {
        let load_balancers = 0..model.load_balancers.len() as u32;
        load_balancers.map(LoadBalancerId).any(|id| has_address(&model[id], *address))
            || model.instances.iter().any(|instance| {
                instance.addresses.contains(address) || instance.public_addresses.contains(address)
            })
            // Whoever stands before us may be declared as a network.
            || model.networks.iter().any(|network| {
                let mut nets = network.cidrs.iter().chain(&network.seen_as);
                nets.any(|net| net.contains(address))
            })
    };
    for record in &model.records {
        let RecordData::Addresses(addresses) = &record.data else { continue };
        let Some(stale) = addresses.iter().find(|address| !ours(address)) else { continue };
        let meant = match addresses.iter().find(|address| ours(address)) {
            Some(own) => Some((&record.place, format!("{own}, of the same record, is declared"))),
            None => meant_here(model, &record.name.0)
                .map(|place| (place, "the name is to be served here".to_owned())),
        };
        let Some((place, why)) = meant else { continue };
        let text = format!("`{}` leads to {stale}, which nothing declared has", record.name.0);
        findings.push(
            Finding::warning("lint/no-such-address", &record.place, text).related(place, why).hint(
                "write `alias = load_balancer.…`, which cannot go stale; behind a NAT, add the \
                 address to `public_addresses`",
            ),
        );
    }
}

/// What says that a name is served by this configuration.
fn meant_here<'m>(model: &'m Model, host: &str) -> Option<&'m Place> {
    let rules = model.listeners.iter().flat_map(|listener| &listener.rules);
    let mut rules = rules
        .filter(|rule| literal_hosts(rule).iter().any(|named| named.eq_ignore_ascii_case(host)));
    let is = |url: &Url| url.host == host;
    let page = || model.pages.iter().find(|page| is(&page.url)).map(|page| &page.place);
    let expected = || {
        let mut all = model.expectations.iter();
        all.find(|one| !one.works.is_empty() && one.urls.iter().any(is)).map(|one| &one.place)
    };
    rules.next().map(|rule| &rule.place).or_else(page).or_else(expected)
}

// === private-address-in-public ===

fn private_in_public(model: &Model, index: &NameIndex, findings: &mut Vec<Finding>) {
    if !has_outside(model) {
        return;
    }
    let mut told: BTreeSet<&Place> = BTreeSet::new();
    for record in model.records.iter().filter(|record| record.visible_to.is_empty()) {
        let host = &*record.name.0;
        let Ok(resolved) = resolve(model, index, host, &Asker::within(&[])) else { continue };
        let Some(last) = resolved.records.last() else { continue };
        for destination in resolved.destinations {
            let (addresses, alias) = match destination {
                Destination::Address(address) => (vec![address], None),
                Destination::LoadBalancer(id) => {
                    (alias_addresses(&model[id]).to_vec(), Some(&model[id]))
                }
            };
            let private =
                |address: &&IpAddr| !address.is_unspecified() && scope(**address) == Scope::Private;
            let Some(private) = addresses.iter().find(private) else { continue };
            if !told.insert(&last.place) {
                continue;
            }
            let text = format!("`{host}` leads everybody to {private}, a private address");
            let finding = Finding::warning("lint/private-address-in-public", &last.place, text);
            findings.push(match alias {
                Some(lb) if lb.scheme == Scheme::InternetFacing => finding
                    .related(&lb.place, "this load balancer has no other address")
                    .hint("add the address that leads here from outside to `public_addresses`"),
                Some(lb) => finding
                    .related(&lb.place, "this load balancer is internal")
                    .hint("add `visible_to = [network.…]` to the record"),
                None => finding.hint(
                    "add `visible_to = [network.…]`, and a second record with the public address",
                ),
            });
        }
    }
}

/// Where every address is private, nobody is outside.
fn has_outside(model: &Model) -> bool {
    let load_balancers =
        model.load_balancers.iter().flat_map(|lb| lb.addresses.iter().chain(&lb.public_addresses));
    let instances = model.instances.iter().flat_map(|instance| &instance.public_addresses);
    let networks =
        model.networks.iter().flat_map(|network| network.cidrs.iter().chain(&network.seen_as));
    load_balancers
        .chain(instances)
        .copied()
        .chain(networks.map(|net| net.network()))
        .any(|address| !address.is_unspecified() && scope(address) == Scope::Global)
}
