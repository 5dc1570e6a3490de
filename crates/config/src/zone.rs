//! Zones: `zone "example.com" { … }`, and where they are served: `dns_server { … }`.

mod check;
mod file;

use std::net::{IpAddr, SocketAddr};

use hcl_edit::expr::Expression;
use hcl_edit::structure::Block;
use ipnet::IpNet;
use model::{
    DnsServer, Host, Model, NetworkId, Record, RecordData, Seconds, StartOfAuthority, Zone, ZoneId,
};

pub use check::check;

use crate::names::Kind;
use crate::record::{self, Home, TTL_MAX};
use crate::section::{Context, Section};

const DNS_PORT: u16 = 53;
const TTL_DEFAULT: Seconds = Seconds(300);
/// RIPE-203's, rounded; whoever copies a zone is told of changes.
const REFRESH_DEFAULT: Seconds = Seconds(7_200);
const RETRY_DEFAULT: Seconds = Seconds(900);
const EXPIRE_DEFAULT: Seconds = Seconds(1_209_600);
/// RFC 2308 §5 recommends one to three hours at most; a name that was just added is to be found soon.
const NEGATIVE_TTL_DEFAULT: Seconds = Seconds(300);
const TIME_MAX: u32 = 31_536_000;
/// Answers a second to one network of clients.
const RATE_MAX: u64 = 1_000_000;

/// Adds the zone and its records.
pub fn read<'s>(section: Section<'s>, block: &'s Block, model: &mut Model) {
    let label = section.label(block, true).unwrap_or_default();
    let id = ZoneId(model.zones.len() as u32);
    let name = match record::host(label) {
        Ok(host) if !host.0.starts_with('*') => host,
        Ok(_) | Err(_) => {
            let text = format!("`{label}` is no name of a zone");
            let finding = section.error_at(&block.labels[0], "config/invalid-name", text);
            section.push(finding.hint("write a name such as `example.com`"));
            section.finish();
            return;
        }
    };
    let visible_to = record::visible_to(&section);
    let ttl = section.seconds("ttl", 0..=TTL_MAX).unwrap_or(TTL_DEFAULT);
    let home = Home::Zone { id, name: &name, ttl };
    let name_servers = section
        .value("name_servers")
        .map(|value| (value, record::names(&section, home, "name_servers", value)));
    let contact = contact(&section, &name);
    let primary =
        section.value("primary").and_then(|value| record::name(&section, home, "primary", value));
    let time = |name, default| section.seconds(name, 1..=TIME_MAX).unwrap_or(default);
    let mut soa = StartOfAuthority {
        primary: Host(String::new()),
        contact: contact.clone().unwrap_or_else(|| Host(format!("hostmaster.{}", name.0))),
        serial: None,
        refresh: time("refresh", REFRESH_DEFAULT),
        retry: time("retry", RETRY_DEFAULT),
        expire: time("expire", EXPIRE_DEFAULT),
        negative_ttl: section.seconds("negative_ttl", 0..=TTL_MAX).unwrap_or(NEGATIVE_TTL_DEFAULT),
        ttl,
    };
    soa.serial = section.number("serial", 0..=u64::from(u32::MAX)).map(|serial| serial as u32);
    let mut records = vec![of_apex(&name, id, ttl, RecordData::Authority, &section)];
    if let Some((value, hosts)) = name_servers
        && !hosts.is_empty()
    {
        let mut record = of_apex(&name, id, ttl, RecordData::NameServers(hosts), &section);
        record.place = section.place_of(value);
        records.push(record);
    }
    if let Some(value) = section.value("file")
        && let Some(path) = section.text("file", value)
    {
        let asked = ["contact", "refresh", "retry", "expire", "negative_ttl"];
        let said: Vec<&str> =
            asked.into_iter().filter(|name| section.value(name).is_some()).collect();
        match file::read(section.context.environment, &section.origin.folder, &path, home) {
            Ok(read) => {
                if let Some(in_file) = read.soa {
                    soa = in_file.beneath(soa, &said);
                }
                records.extend(read.records);
                read.findings.into_iter().for_each(|finding| section.push(finding));
            }
            Err(error) => section.invalid(
                value,
                format!("cannot read `{path}`: {error}"),
                "paths are relative to this file",
            ),
        }
    }
    for block in section.blocks("record") {
        let inner = Section::new(section.context, section.origin, "record", block);
        records.extend(record::read(inner, block, home));
    }
    if let Some(primary) = primary {
        soa.primary = primary;
    }
    if soa.primary.0.is_empty() {
        soa.primary = first_name_server(&records, &name).unwrap_or_else(|| name.clone());
    }
    let zone = Zone {
        visible_to,
        soa,
        signed: section.flag("signed").unwrap_or(false),
        transfer_to: nets(&section, "transfer_to"),
        notify: sockets(&section, "notify"),
        place: section.place(),
        name,
    };
    section.finish();
    model.zones.push(zone);
    model.records.extend(records);
}

fn of_apex(
    name: &Host,
    id: ZoneId,
    ttl: Seconds,
    data: RecordData,
    section: &Section<'_>,
) -> Record {
    Record {
        name: name.clone(),
        zone: Some(id),
        visible_to: Vec::new(),
        data,
        ttl,
        routing: None,
        place: section.place(),
    }
}

fn first_name_server(records: &[Record], apex: &Host) -> Option<Host> {
    records.iter().filter(|record| record.name == *apex).find_map(|record| match &record.data {
        RecordData::NameServers(hosts) => hosts.first().cloned(),
        RecordData::Addresses(_)
        | RecordData::Alias(_)
        | RecordData::AliasName(_)
        | RecordData::Canonical(_)
        | RecordData::Authority
        | RecordData::Data { .. } => None,
    })
}

/// A mailbox as a name (RFC 1035 §8); dots before the `@` are escaped.
fn contact(section: &Section<'_>, zone: &Host) -> Option<Host> {
    let value = section.value("contact")?;
    let text = section.text("contact", value)?;
    let named = match text.split_once('@') {
        Some((local, domain)) => {
            let domain = if domain.is_empty() { Ok(zone.clone()) } else { record::host(domain) };
            domain.ok().filter(|_| !local.is_empty() && is_local_part(local)).map(|domain| {
                Host(format!("{}.{}", local.replace('.', "\\.").to_ascii_lowercase(), domain.0))
            })
        }
        None => Some(text.strip_suffix('.').unwrap_or(&text).to_ascii_lowercase())
            .filter(|text| record::host(&text.replace("\\.", "-")).is_ok())
            .map(Host),
    };
    if named.is_none() {
        section.invalid(
            value,
            format!("`{text}` is no address of mail"),
            "write it as `hostmaster@example.com`",
        );
    }
    named
}

fn is_local_part(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte))
}

/// Networks of ours, prefixes and addresses.
fn nets<'s>(section: &Section<'s>, name: &'static str) -> Vec<IpNet> {
    let Some(value) = section.value(name) else { return Vec::new() };
    let mut nets = Vec::new();
    for item in Section::items(value) {
        if let Expression::Traversal(_) = item {
            let Some(id) = section.reference(name, item, Kind::Network).map(NetworkId) else {
                continue;
            };
            let networks = section.context.networks.borrow();
            nets.extend(networks.get(id.0 as usize).into_iter().flatten());
        } else if let Some(text) = section.text(name, item) {
            nets.extend(section.cidr_or_address(item, &text));
        }
    }
    nets
}

/// Addresses, with a port where it is another than that of DNS.
fn sockets<'s>(section: &Section<'s>, name: &'static str) -> Vec<SocketAddr> {
    let Some(value) = section.value(name) else { return Vec::new() };
    let mut sockets = Vec::new();
    for (text, item) in section.texts(name, value) {
        match (text.parse::<SocketAddr>(), text.parse::<IpAddr>()) {
            (Ok(socket), _) => sockets.push(socket),
            (Err(_), Ok(address)) => sockets.push(SocketAddr::new(address, DNS_PORT)),
            (Err(_), Err(_)) => section.invalid(
                item,
                format!("`{text}` is no address"),
                "write `192.0.2.53`, or `192.0.2.53:5353` with a port",
            ),
        }
    }
    sockets
}

/// The one place where zones are served.
pub fn server<'s>(section: Section<'s>, block: &'s Block, model: &mut Model) {
    section.label(block, false);
    let addresses = crate::blocks::addresses_of(&section, "addresses");
    let port = section.number("port", 1..=65_535).map_or(DNS_PORT, |port| port as u16);
    let rate_limit = section.number("rate_limit", 1..=RATE_MAX).map(|rate| rate as u32);
    let exempt = nets(&section, "exempt");
    let server = DnsServer { addresses, port, rate_limit, exempt, place: section.place() };
    if let Some(first) = &model.dns_server {
        let finding = section
            .error("config/duplicate-block", "there are two `dns_server` blocks")
            .related(&first.place, "the first is here")
            .hint("keep one of the two: it can have several `addresses`");
        section.push(finding);
    } else {
        model.dns_server = Some(server);
    }
    section.finish();
}

/// Gives top-level records to the zones that cover them, and each zone's records one place.
pub fn adopt(model: &mut Model, context: &Context<'_>) {
    let zones = model.zones.clone();
    if zones.is_empty() {
        return;
    }
    let mut by_name: std::collections::BTreeMap<&str, Vec<ZoneId>> = Default::default();
    for (at, zone) in zones.iter().enumerate() {
        by_name.entry(&zone.name.0).or_default().push(ZoneId(at as u32));
    }
    for record in model.records.iter_mut().filter(|record| record.zone.is_none()) {
        let mut above = enclosers(&record.name.0);
        let Some(ids) = above.find_map(|name| by_name.get(name)) else { continue };
        let zone = |id: &&ZoneId| &zones[id.0 as usize];
        let public = ids.iter().find(|id| zone(id).visible_to.is_empty());
        let own = ids.iter().find(|id| {
            let seen_by = &zone(id).visible_to;
            !record.visible_to.is_empty() && record.visible_to.iter().all(|n| seen_by.contains(n))
        });
        record.zone = own.or(public).copied();
        if record.zone.is_none() {
            let private = ids.first().map(|id| &zones[id.0 as usize]);
            let text = format!(
                "`{}` lies in a private zone, whose networks would not see this record",
                record.name.0
            );
            let finding = model::Finding::error("config/outside-zone", &record.place, text);
            let finding = match private {
                Some(zone) => finding.related(&zone.place, "the zone"),
                None => finding,
            };
            context
                .push(finding.hint("write it inside the zone, or give it the zone's `visible_to`"));
        }
    }
    let last = ZoneId(u32::MAX);
    if !model.records.is_sorted_by_key(|record| record.zone.unwrap_or(last)) {
        model.records.sort_by_key(|record| record.zone.unwrap_or(last));
    }
}

/// The name and its parents; names of the configuration have no escaped dots.
fn enclosers(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| Some(name.split_once('.')?.1))
}
