//! Load balancers: their attributes, listeners and sites.

use std::net::IpAddr;

use hcl_edit::structure::Block;
use model::{
    Deny, DesyncMode, Enforce, Finding, ForwardedForMode, InvalidHeaders, Listener, ListenerId,
    LoadBalancer, LoadBalancerAttributes, LoadBalancerId, Model, Scheme,
};

use crate::blocks::{addresses_of, security_groups};
use crate::section::{Context, Section};
use crate::{listener, site};

pub fn read<'s>(section: Section<'s>, block: &'s Block, model: &mut Model) {
    let name = section.label(block, true).unwrap_or_default().to_owned();
    if name.len() > 32 || name.starts_with("internal-") {
        section.push(
            section
                .error_at(
                    &block.labels[0],
                    "config/invalid-name",
                    format!("`{name}` cannot be a load balancer's name"),
                )
                .hint("at most 32 characters, and not beginning with `internal-`"),
        );
    }
    let id = LoadBalancerId(model.load_balancers.len() as u32);
    let schemes = [("internet-facing", Scheme::InternetFacing), ("internal", Scheme::Internal)];
    let denies = [("drop", Deny::Drop), ("reset", Deny::Reset), ("page", Deny::Page)];
    let deny = section.choice("deny", &denies).unwrap_or_default();
    let enforces = [("socket", Enforce::Socket), ("nftables", Enforce::Nftables)];
    let enforce = section.choice("enforce", &enforces).unwrap_or_default();
    if enforce == Enforce::Nftables && deny != Deny::Drop {
        let text = "nftables drops outsiders: there is nobody to send a reset or a page";
        section.push(
            section.error("config/conflict", text).hint("remove `deny`, or remove `enforce`"),
        );
    }
    let load_balancer = LoadBalancer {
        name,
        scheme: section.choice("scheme", &schemes).unwrap_or_default(),
        addresses: addresses_of(&section, "addresses"),
        public_addresses: addresses_of(&section, "public_addresses"),
        security_groups: security_groups(&section),
        deny,
        enforce,
        attributes: attributes(&section),
        listeners: Vec::new(),
        place: section.place(),
    };
    let open =
        load_balancer.security_groups.is_empty() && section.value("security_groups").is_none();
    if open {
        let text = format!("{} has no security group, so it admits everybody", section.title);
        let finding = Finding::warning("lint/open-to-everyone", &section.place(), text);
        section.push(
            finding.hint(
                "add `security_groups = [security_group.…]`, or one with `from = [anywhere]`",
            ),
        );
    }
    model.load_balancers.push(load_balancer);
    let mut listeners: Vec<Listener> = Vec::new();
    for block in section.blocks("listener") {
        if let Some(listener) = listener::read(&section, block, id) {
            add(&section, &mut listeners, listener);
        }
    }
    site::read(&section, id, &mut listeners, model);
    // Those that are written and wrong have been named already.
    let written = !section.blocks("listener").is_empty() || !section.blocks("site").is_empty();
    if listeners.is_empty() && !written {
        section.push(
            section.error("config/no-listener", format!("{} listens nowhere", section.title)).hint(
                "add a `listener \"http\" { port = 80 … }`, or a `site \"example.com\" { … }`",
            ),
        );
    }
    for listener in listeners {
        let listener_id = ListenerId(model.listeners.len() as u32);
        model.load_balancers[id.0 as usize].listeners.push(listener_id);
        model.listeners.push(listener);
    }
    section.finish();
}

fn add(section: &Section<'_>, listeners: &mut Vec<Listener>, listener: Listener) {
    let same_name = listeners.iter().find(|other| other.name == listener.name);
    if let Some(first) = same_name {
        let text = format!("two listeners are called `{}`", listener.name);
        let finding = Finding::error("config/duplicate-name", &listener.place, text);
        section.push(
            finding.related(&first.place, "the first is defined here").hint("rename one of them"),
        );
    }
    listeners.push(listener);
}

fn attributes(section: &Section<'_>) -> LoadBalancerAttributes {
    let default = LoadBalancerAttributes::default();
    let modes = [
        ("monitor", DesyncMode::Monitor),
        ("defensive", DesyncMode::Defensive),
        ("strictest", DesyncMode::Strictest),
    ];
    let forwarded = [
        ("append", ForwardedForMode::Append),
        ("preserve", ForwardedForMode::Preserve),
        ("remove", ForwardedForMode::Remove),
    ];
    LoadBalancerAttributes {
        idle_timeout: section.seconds("idle_timeout", 1..=4000).unwrap_or(default.idle_timeout),
        client_keep_alive: section
            .seconds("client_keep_alive", 60..=604_800)
            .unwrap_or(default.client_keep_alive),
        desync_mitigation_mode: section
            .choice("desync_mitigation_mode", &modes)
            .unwrap_or_default(),
        invalid_headers: match section.flag("drop_invalid_header_fields") {
            Some(true) => InvalidHeaders::Drop,
            Some(false) | None => InvalidHeaders::Forward,
        },
        preserve_host_header: section.flag("preserve_host_header").unwrap_or(false),
        tls_version_and_cipher_headers: section
            .flag("tls_version_and_cipher_headers")
            .unwrap_or(false),
        forwarded_for_client_port: section.flag("forwarded_for_client_port").unwrap_or(false),
        forwarded_for: section.choice("forwarded_for", &forwarded).unwrap_or_default(),
        handshake_timeout: section
            .seconds("handshake_timeout", 1..=60)
            .unwrap_or(default.handshake_timeout),
        head_timeout: section.seconds("head_timeout", 1..=60).unwrap_or(default.head_timeout),
        connect_timeout: section
            .seconds("connect_timeout", 1..=60)
            .unwrap_or(default.connect_timeout),
        max_connections: section.number("max_connections", 1..=10_000_000).map(|n| n as u32),
        access_log: log(section, "access_log"),
        connection_log: log(section, "connection_log"),
    }
}

/// Relative to the file that names it.
fn log(section: &Section<'_>, name: &'static str) -> Option<String> {
    let path = section.optional_text(name)?;
    if path == "-" {
        return Some(path);
    }
    Some(section.origin.folder.join(path).display().to_string())
}

/// Two listeners may share a port only on different addresses.
pub fn check_overlaps(model: &Model, context: &Context<'_>) {
    for (at, listener) in model.listeners.iter().enumerate() {
        for earlier in &model.listeners[..at] {
            if earlier.port != listener.port || !overlap(model, earlier, listener) {
                continue;
            }
            let text = if earlier.load_balancer == listener.load_balancer {
                format!("two listeners listen on port {}", listener.port)
            } else {
                let other = &model[earlier.load_balancer].name;
                format!(
                    "port {} is already listened on by the load balancer `{other}`",
                    listener.port
                )
            };
            context.push(
                Finding::error("config/overlapping-listener", &listener.place, text)
                    .related(&earlier.place, "the first is here")
                    .hint("choose another port, or give the load balancers different `addresses`"),
            );
        }
    }
}

fn overlap(model: &Model, a: &Listener, b: &Listener) -> bool {
    let (a, b) = (&model[a.load_balancer].addresses, &model[b.load_balancer].addresses);
    let any = |list: &[IpAddr], other: &[IpAddr]| {
        list.is_empty()
            || list.iter().any(|address| {
                other.contains(address)
                    || (address.is_unspecified()
                        && other.iter().any(|o| o.is_ipv4() == address.is_ipv4()))
            })
    };
    any(a, b) || any(b, a)
}
