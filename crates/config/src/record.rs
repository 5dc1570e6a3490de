//! Names: `record "shop.example" { … }`.

use std::net::IpAddr;

use hcl_edit::structure::Block;
use model::{Host, LoadBalancerId, NetworkId, Record, RecordData, Seconds};

use crate::names::Kind;
use crate::section::Section;

const TTL_DEFAULT: Seconds = Seconds(60);

/// `None` where there is nothing the name could lead to: a finding says so.
pub fn read<'s>(section: Section<'s>, block: &'s Block) -> Option<Record> {
    let name = section.label(block, true).unwrap_or_default();
    let host = host(name);
    if host.is_none() {
        section.push(
            section
                .error_at(
                    &block.labels[0],
                    "config/invalid-name",
                    format!("`{name}` is no host name"),
                )
                .hint("write a name such as `shop.example` or `*.shop.example`"),
        );
    }
    let addresses = section.value("addresses").map(|value| {
        let texts = section.texts("addresses", value);
        texts
            .into_iter()
            .filter_map(|(text, item)| section.address(item, &text))
            .collect::<Vec<IpAddr>>()
    });
    let alias = section
        .value("alias")
        .map(|value| section.reference("alias", value, Kind::LoadBalancer).map(LoadBalancerId));
    let canonical = section.value("cname").map(|value| {
        let text = section.text("cname", value)?;
        let host = self::host(&text).filter(|_| !text.starts_with('*'));
        if host.is_none() {
            section.invalid(
                value,
                format!("`{text}` is no host name"),
                "write a name such as `shop.example`",
            );
        }
        host
    });
    let visible_to = visible_to(&section);
    let ttl = section.seconds("ttl", 0..=604_800).unwrap_or(TTL_DEFAULT);
    let data = match (addresses, alias, canonical) {
        (Some(addresses), None, None) => Some(RecordData::Addresses(addresses)),
        (None, Some(alias), None) => alias.map(RecordData::Alias),
        (None, None, Some(host)) => host.map(RecordData::Canonical),
        (None, None, None) => {
            section.push(
                section
                    .error("config/missing-attribute", format!("{} leads nowhere", section.title))
                    .hint("add `alias = load_balancer.name`, `addresses = [\"192.0.2.1\"]` or `cname = \"other.example\"`"),
            );
            None
        }
        _ => {
            section.push(
                section
                    .error(
                        "config/conflict",
                        format!("{} leads to several kinds of things", section.title),
                    )
                    .hint("keep one of `alias`, `addresses` and `cname`"),
            );
            None
        }
    };
    let place = section.place();
    section.finish();
    Some(Record { name: host?, zone: None, visible_to, data: data?, ttl, routing: None, place })
}

fn visible_to(section: &Section<'_>) -> Vec<NetworkId> {
    let Some(value) = section.value("visible_to") else { return Vec::new() };
    let items = Section::items(value);
    let find = |item| section.reference("visible_to", item, Kind::Network).map(NetworkId);
    items.into_iter().filter_map(find).collect()
}

/// Lower case and without its final dot; `None` if it is no host name.
pub fn host(text: &str) -> Option<Host> {
    let host = text.trim_end_matches('.').to_ascii_lowercase();
    let labels = host.strip_prefix("*.").unwrap_or(&host);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    (host.len() <= 253 && labels.split('.').all(label)).then_some(Host(host))
}
