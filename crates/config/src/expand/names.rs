//! Zones, records, and where they are served.

use ipnet::IpNet;
use model::{
    DnsServer, Host, Model, NetworkId, Place, Policy, Record, RecordData, Role, Zone, ZoneId,
};

use super::writer::{Writer, quoted};

/// Zones with their records, then the records that are in none.
pub fn names(out: &mut Writer, model: &Model) {
    let mut records = model.records.iter().peekable();
    for (at, one) in model.zones.iter().enumerate() {
        let id = ZoneId(at as u32);
        zone(out, model, one, |out| {
            let mut shown = None;
            while let Some(record) = records.next_if(|record| record.zone == Some(id)) {
                self::record(out, model, record, &mut shown);
            }
        });
    }
    let mut shown = None;
    records.for_each(|record| self::record(out, model, record, &mut shown));
    if let Some(server) = &model.dns_server {
        dns_server(out, server);
    }
}

fn zone(out: &mut Writer, model: &Model, zone: &Zone, records: impl FnOnce(&mut Writer)) {
    out.block(&format!("zone {}", quoted(&zone.name.0)), |out| {
        if !zone.visible_to.is_empty() {
            networks(out, model, "visible_to", &zone.visible_to);
        }
        let soa = &zone.soa;
        out.text("primary", &absolute(&soa.primary));
        out.text("contact", &soa.contact.0);
        if let Some(serial) = soa.serial {
            out.set("serial", serial);
        }
        out.text("refresh", &soa.refresh.to_string());
        out.text("retry", &soa.retry.to_string());
        out.text("expire", &soa.expire.to_string());
        out.text("negative_ttl", &soa.negative_ttl.to_string());
        out.text("ttl", &soa.ttl.to_string());
        out.set("signed", zone.signed);
        nets(out, "transfer_to", &zone.transfer_to);
        if !zone.notify.is_empty() {
            out.list("notify", zone.notify.iter().map(|socket| quoted(&socket.to_string())));
        }
        records(out);
        super::silence::of_block(out, model, &zone.place);
    });
}

/// A block of several records has several here; what it is silent about is shown at the first.
fn record<'m>(
    out: &mut Writer,
    model: &'m Model,
    record: &'m Record,
    shown: &mut Option<&'m Place>,
) {
    // The zone has it.
    if record.data == RecordData::Authority {
        return;
    }
    out.block(&format!("record {}", quoted(&record.name.0)), |out| {
        match &record.data {
            RecordData::Addresses(addresses) => {
                out.list("addresses", addresses.iter().map(|a| quoted(&a.to_string())));
            }
            RecordData::Alias(id) => {
                out.set("alias", format!("load_balancer.{}", model[*id].name));
            }
            RecordData::AliasName(host) => out.text("alias", &absolute(host)),
            RecordData::Canonical(host) => out.text("cname", &absolute(host)),
            RecordData::NameServers(hosts) => {
                out.list("ns", hosts.iter().map(|host| quoted(&absolute(host))));
            }
            RecordData::Authority => {}
            RecordData::Data { kind, values } => {
                out.text("type", &kind.to_string());
                let values = values.iter().map(|wire| crate::wire::presentation(*kind, wire));
                out.list("values", values.map(|text| quoted(&text)));
            }
        }
        if !record.visible_to.is_empty() {
            networks(out, model, "visible_to", &record.visible_to);
        }
        routing(out, model, record);
        out.text("ttl", &record.ttl.to_string());
        if *shown != Some(&record.place) {
            super::silence::of_block(out, model, &record.place);
            *shown = Some(&record.place);
        }
    });
}

fn routing(out: &mut Writer, model: &Model, record: &Record) {
    let Some(routing) = &record.routing else { return };
    match &routing.policy {
        Policy::Simple => {}
        Policy::Weighted(weight) => out.set("weight", weight),
        Policy::Failover(Role::Primary) => out.text("failover", "primary"),
        Policy::Failover(Role::Secondary) => out.text("failover", "secondary"),
        Policy::Multivalue => out.set("multivalue", true),
        Policy::Geolocation(ids) if ids.is_empty() => out.text("geolocation", "default"),
        Policy::Geolocation(ids) => networks(out, model, "geolocation", ids),
        Policy::Latency(measured) => {
            for (network, milliseconds) in measured {
                out.block("latency", |out| {
                    out.set("from", format!("network.{}", model[*network].name));
                    out.set("milliseconds", milliseconds);
                });
            }
        }
    }
    if routing.evaluate_target_health {
        out.set("evaluate_target_health", true);
    }
    if let Some(id) = routing.healthy_while {
        out.set("healthy_while", format!("target_group.{}", model[id].name));
    }
}

fn dns_server(out: &mut Writer, server: &DnsServer) {
    out.block("dns_server", |out| {
        super::addresses(out, "addresses", &server.addresses);
        out.set("port", server.port);
        if let Some(rate) = server.rate_limit {
            out.set("rate_limit", rate);
        }
        nets(out, "exempt", &server.exempt);
    });
}

fn networks(out: &mut Writer, model: &Model, name: &str, ids: &[NetworkId]) {
    out.list(name, ids.iter().map(|id| format!("network.{}", model[*id].name)));
}

fn nets(out: &mut Writer, name: &str, nets: &[IpNet]) {
    if !nets.is_empty() {
        out.list(name, nets.iter().map(|net| quoted(&net.to_string())));
    }
}

/// A name without a dot would be one of the zone.
fn absolute(host: &Host) -> String {
    if host.0.contains('.') { host.0.clone() } else { format!("{}.", host.0) }
}
