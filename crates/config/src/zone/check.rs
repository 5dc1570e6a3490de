//! What records of one zone may not say together.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    Finding, Host, Model, NetworkId, Policy, Record, RecordData, RecordType, Role, Zone, ZoneId,
};

use crate::section::Context;

/// Aliases that follow one another: as many as the decision follows.
const ALIAS_MAX: usize = 4;

/// The records of a name, in one zone.
type Named<'m> = BTreeMap<(Option<ZoneId>, &'m str), Vec<&'m Record>>;

pub fn check(model: &Model, context: &Context<'_>) {
    duplicate_zones(model, context);
    if model.zones.is_empty() && model.records.iter().all(is_plain) {
        return;
    }
    let mut named: Named<'_> = BTreeMap::new();
    for record in &model.records {
        named.entry((record.zone, &record.name.0)).or_default().push(record);
    }
    for records in named.values() {
        // Different views are never seen together.
        let mut views: BTreeMap<&[NetworkId], Vec<&Record>> = BTreeMap::new();
        match &records[..] {
            [only] => one_view(model, &[*only], context),
            several => {
                several.iter().for_each(|r| views.entry(&r.visible_to).or_default().push(r));
                views.values().for_each(|view| one_view(model, view, context));
            }
        }
    }
    for record in &model.records {
        match (&record.data, record.zone) {
            (RecordData::NameServers(hosts), Some(zone)) => {
                glue(model, &named, zone, record, hosts, context);
            }
            (RecordData::AliasName(target), Some(zone)) => {
                alias_of_name(&named, zone, record, target, context);
            }
            _ => {}
        }
    }
    for (at, zone) in model.zones.iter().enumerate() {
        name_servers(&named, ZoneId(at as u32), zone, context);
    }
}

/// Facts as they were before there were zones.
fn is_plain(record: &Record) -> bool {
    record.routing.is_none()
}

fn duplicate_zones(model: &Model, context: &Context<'_>) {
    let mut by_name: BTreeMap<&str, Vec<&Zone>> = BTreeMap::new();
    for zone in &model.zones {
        let same = by_name.entry(&zone.name.0).or_default();
        let shares = |other: &&&Zone| {
            (zone.visible_to.is_empty() && other.visible_to.is_empty())
                || zone.visible_to.iter().any(|network| other.visible_to.contains(network))
        };
        if let Some(first) = same.iter().find(shares) {
            let text = match zone.visible_to.iter().find(|n| first.visible_to.contains(n)) {
                Some(id) => format!(
                    "clients of `network.{}` have two zones `{}`",
                    model[*id].name, zone.name.0
                ),
                None => format!("there are two public zones `{}`", zone.name.0),
            };
            context.push(
                Finding::error("config/duplicate-name", &zone.place, text)
                    .related(&first.place, "the first is here")
                    .hint("put the records into one of them, or give each its own `visible_to`"),
            );
        }
        same.push(zone);
    }
}

// === records of one name and view ===

fn one_view(model: &Model, records: &[&Record], context: &Context<'_>) {
    canonical(model, records, context);
    if records.len() > 1 {
        sets(records, context);
    }
}

/// RFC 1034 §3.6.2: nothing stands beside a CNAME.
fn canonical(model: &Model, records: &[&Record], context: &Context<'_>) {
    let is_canonical = |record: &&&Record| matches!(record.data, RecordData::Canonical(_));
    let Some(record) = records.iter().find(is_canonical) else { return };
    let name = &record.name.0;
    let zone = record.zone.map(|id| &model[id]);
    if let Some(zone) = zone.filter(|zone| zone.name == record.name) {
        let text = format!("`{name}` is the zone's own name, and cannot be a CNAME");
        context.push(
            Finding::error("config/conflict", &record.place, text)
                .related(&zone.place, "the zone has an SOA and name servers")
                .hint("write `alias = load_balancer.name`, or `alias` with a name of this zone"),
        );
        return;
    }
    if let Some(other) = records.iter().find(|record| !is_canonical(record)) {
        let text = format!("`{name}` is a CNAME, and has other records");
        context.push(
            Finding::error("config/conflict", &record.place, text)
                .related(&other.place, "another record")
                .hint("write `alias` instead of `cname`, or remove the others"),
        );
    }
    let simple = |record: &&&Record| is_canonical(record) && *record.policy() == Policy::Simple;
    let mut simple = records.iter().filter(simple);
    if let (Some(first), Some(second)) = (simple.next(), simple.next()) {
        let text = format!("`{name}` is a CNAME of two names");
        context.push(
            Finding::error("config/conflict", &second.place, text)
                .related(&first.place, "the first is here")
                .hint("keep one, or give them a routing policy such as `weight`"),
        );
    }
}

fn sets(records: &[&Record], context: &Context<'_>) {
    let mut kinds: BTreeMap<RecordType, Vec<&Record>> = BTreeMap::new();
    for record in records {
        for kind in kinds_of(record) {
            kinds.entry(kind).or_default().push(record);
        }
    }
    let mut told: BTreeSet<&model::Place> = BTreeSet::new();
    for (kind, set) in &kinds {
        let [first, rest @ ..] = &set[..] else { continue };
        let name = &first.name.0;
        let word = first.policy().word();
        let other = rest.iter().find(|record| record.policy().word() != word);
        if let Some(other) = other.filter(|other| told.insert(&other.place)) {
            let text = format!(
                "the {kind} records of `{name}` have two routing policies: {word} and {}",
                other.policy().word()
            );
            context.push(
                Finding::error("config/conflict", &other.place, text)
                    .related(&first.place, format!("{word} here"))
                    .hint("give all records of a name and type the same policy"),
            );
            continue;
        }
        let differs = rest.iter().find(|record| record.ttl != first.ttl);
        if let Some(other) = differs.filter(|other| told.insert(&other.place)) {
            let text = format!(
                "the {kind} records of `{name}` are kept for different times: {} and {}",
                first.ttl, other.ttl
            );
            context.push(
                Finding::warning("config/ttl-differs", &other.place, text)
                    .related(&first.place, "the other is here")
                    .hint("they are one set with one `ttl` (RFC 2181 §5.2): the lowest is served"),
            );
        }
        if let Some((place, text, hint)) = policy(set).filter(|(place, _, _)| told.insert(place)) {
            context.push(
                Finding::error("config/conflict", place, text)
                    .related(&first.place, "the first is here")
                    .hint(hint),
            );
        }
    }
}

/// As far as the configuration alone says it.
fn kinds_of(record: &Record) -> Vec<RecordType> {
    match &record.data {
        RecordData::Alias(_) => vec![RecordType::A, RecordType::AAAA],
        // For whatever the name has not itself.
        RecordData::AliasName(_) => vec![RecordType(0)],
        RecordData::Addresses(_)
        | RecordData::Canonical(_)
        | RecordData::NameServers(_)
        | RecordData::Authority => {
            [RecordType::A, RecordType::AAAA, RecordType::CNAME, RecordType::NS, RecordType::SOA]
                .into_iter()
                .filter(|kind| record.data.is_of(*kind))
                .collect()
        }
        RecordData::Data { kind, .. } => vec![*kind],
    }
}

type Wrong<'m> = (&'m model::Place, String, &'static str);

/// What a policy demands of its records (ALB.md §10).
fn policy<'m>(set: &[&'m Record]) -> Option<Wrong<'m>> {
    let second = |policy: Policy| {
        let mut same = set.iter().filter(|record| *record.policy() == policy);
        same.next();
        same.next().copied()
    };
    let name = &set.first()?.name.0;
    match set.first()?.policy() {
        Policy::Failover(_) => {
            let (twice, word) = second(Policy::Failover(Role::Primary))
                .map(|record| (record, "primary"))
                .or_else(|| Some((second(Policy::Failover(Role::Secondary))?, "secondary")))?;
            let text = format!("`{name}` has two {word} records");
            Some((
                &twice.place,
                text,
                "there is one of each: list several `addresses` in one record",
            ))
        }
        Policy::Geolocation(_) => {
            let mut seen: BTreeSet<NetworkId> = BTreeSet::new();
            let mut defaults = 0;
            set.iter().find_map(|record| {
                let Policy::Geolocation(networks) = record.policy() else { return None };
                defaults += usize::from(networks.is_empty());
                let again = networks.iter().any(|network| !seen.insert(*network)) || defaults > 1;
                let text = format!("two records of `{name}` are for the same clients");
                again.then_some((&record.place, text, "list several `addresses` in one record"))
            })
        }
        // Two simple aliases would be two sets of addresses, of which neither can be left out.
        Policy::Simple => {
            let alias = |record: &&&Record| {
                matches!(record.data, RecordData::Alias(_) | RecordData::AliasName(_))
            };
            let alias = set.iter().find(alias).filter(|_| set.len() > 1)?;
            let in_zone = alias.zone.is_some();
            let text = format!("`{name}` has an alias, and other addresses");
            let hint = "keep one, or give them a routing policy such as `weight`";
            in_zone.then_some((&alias.place, text, hint))
        }
        Policy::Weighted(_) | Policy::Multivalue | Policy::Latency(_) => None,
    }
}

// === what leads elsewhere ===

/// A name server within what it serves is found by the addresses that stand beside it (RFC 9471).
fn glue(
    model: &Model,
    named: &Named<'_>,
    zone: ZoneId,
    record: &Record,
    hosts: &[Host],
    context: &Context<'_>,
) {
    let apex = &model[zone].name;
    for host in hosts {
        let is_below = |parent: &Host| {
            let rest = host.0.strip_suffix(parent.0.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        // Elsewhere in the zone it is found like any name.
        if !is_below(&record.name) || has_addresses(named, zone, &host.0) {
            continue;
        }
        let what = if *apex == record.name { "the zone" } else { "the delegation" };
        let text = format!("the name server `{}` of {what} has no address here", host.0);
        let label =
            host.0.strip_suffix(apex.0.as_str()).map_or("", |rest| rest.trim_end_matches('.'));
        let hint =
            format!("add `record \"{label}\" {{ addresses = [\"192.0.2.53\"] }}` to the zone");
        context.push(Finding::error("config/no-glue", &record.place, text).hint(hint));
    }
}

fn has_addresses(named: &Named<'_>, zone: ZoneId, name: &str) -> bool {
    named
        .get(&(Some(zone), name))
        .into_iter()
        .flatten()
        .any(|record| record.data.is_of(RecordType::A) || record.data.is_of(RecordType::AAAA))
}

fn alias_of_name(
    named: &Named<'_>,
    zone: ZoneId,
    record: &Record,
    target: &Host,
    context: &Context<'_>,
) {
    let mut name = target;
    for _ in 0..ALIAS_MAX {
        let Some(records) = named.get(&(Some(zone), &*name.0)) else {
            let text =
                format!("`{}` is an alias of `{}`, which has no records", record.name.0, name.0);
            context.push(
                Finding::error("config/alias", &record.place, text)
                    .hint("an alias follows a name of the same zone; write `cname` for others"),
            );
            return;
        };
        if let Some(other) = records.iter().find(|r| matches!(r.data, RecordData::Canonical(_))) {
            let text = format!("`{}` is an alias of `{}`, which is a CNAME", record.name.0, name.0);
            context.push(
                Finding::error("config/alias", &record.place, text)
                    .related(&other.place, "the CNAME")
                    .hint("have the alias follow the name that the CNAME leads to"),
            );
            return;
        }
        let next = records.iter().find_map(|record| match &record.data {
            RecordData::AliasName(next) => Some(next),
            RecordData::Addresses(_)
            | RecordData::Alias(_)
            | RecordData::Canonical(_)
            | RecordData::NameServers(_)
            | RecordData::Authority
            | RecordData::Data { .. } => None,
        });
        match next {
            Some(next) => name = next,
            None => return,
        }
    }
    let text = format!("`{}` is an alias of aliases that come to no end", record.name.0);
    let hint = format!("at most {ALIAS_MAX} may follow one another");
    context.push(Finding::error("config/alias", &record.place, text).hint(hint));
}

/// RFC 1035 §5.2: a zone has name servers; one that only our own networks ask needs none.
fn name_servers(named: &Named<'_>, id: ZoneId, zone: &Zone, context: &Context<'_>) {
    let apex = named.get(&(Some(id), &*zone.name.0)).into_iter().flatten();
    let has = apex.clone().any(|record| {
        record.data.is_of(RecordType::NS) && !matches!(record.data, RecordData::AliasName(_))
    });
    if has || !zone.visible_to.is_empty() {
        return;
    }
    let text = format!("zone \"{}\" has no name servers", zone.name.0);
    context.push(Finding::error("config/missing-attribute", &zone.place, text).hint(
        "add `name_servers = [\"ns1\"]` and a `record \"ns1\"` with the address of this server",
    ));
}
