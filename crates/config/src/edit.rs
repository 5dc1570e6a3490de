//! A change of what is declared as the smallest change of the text it was read from: what an
//! explanation shows as a diff, and what may be written back.
//!
//! The block is found by its place, and single bytes in it are replaced; nothing is written anew. A
//! file in the canonical layout stays in it; of any other, no line is touched but those that change.

mod lines;
mod part;
mod tree;
mod write;

use hcl_edit::expr::Expression;
use hcl_edit::structure::Block;
use model::{
    Change, Finding, GroupId, HealthCheck, Listener, ListenerId, ListenerProtocol, Model, Peer,
    Place, PortRange, StatusMatcher, TargetProtocol,
};

pub use self::lines::{Edit, apply, diff};
use self::tree::Tree;
use self::write::{Splice, append, append_statuses, replace, set, target_port};
use crate::expand::quoted;
use crate::section::Section;
use crate::sources::{Source, Sources};

/// ALB.md §4c.
const WEIGHT_MAX: u16 = 999;
const REDIRECT: [&str; 6] = ["status", "protocol", "host", "port", "path", "query"];
const RECORD: [&str; 5] = ["addresses", "alias", "cname", "visible_to", "ttl"];
const HEALTH_CHECK: [&str; 10] = [
    "enabled",
    "protocol",
    "port",
    "path",
    "host",
    "interval",
    "timeout",
    "healthy_threshold",
    "unhealthy_threshold",
    "expect",
];

/// The lines that change. `None` where the text cannot say it: a value that is computed, what a
/// site brings along, or a change that the language refuses.
pub fn edits(sources: &Sources, model: &Model, change: &Change) -> Option<Vec<Edit>> {
    let place = place(model, change)?;
    let source = sources.0.iter().find(|source| source.name == place.file)?;
    // Files may be large, and a change is made in one place of them.
    let part = part::around(source, &place);
    part.and_then(|part| edits_in(&part.source, part.pad, model, change, &place))
        .or_else(|| edits_in(source, 0, model, change, &place))
}

/// Of a text of which the first `pad` bytes only count lines.
fn edits_in(
    source: &Source,
    pad: usize,
    model: &Model,
    change: &Change,
    place: &Place,
) -> Option<Vec<Edit>> {
    let tree = Tree::parse(source)?;
    let (block, at) = tree.block(place)?;
    let splices = splices(&tree, at, block, model, change)?;
    let mut text = write::spliced(&source.text, splices);
    if crate::format(&source.text[pad..]).is_ok_and(|text| text == source.text[pad..]) {
        text.replace_range(pad.., &crate::format(&text[pad..]).ok()?);
    }
    readable(source, &text).then(|| lines::between(source, &text).into_iter().collect())
}

/// A heredoc or a comment in an odd place may swallow what was added.
fn readable(source: &Source, text: &str) -> bool {
    let source = Source { text: text.to_owned(), ..source.clone() };
    let mut findings: Vec<Finding> = Vec::new();
    crate::syntax::parse(&Sources(vec![source]), &mut findings);
    findings.is_empty()
}

/// Where the block begins that a change is made in.
fn place(model: &Model, change: &Change) -> Option<Place> {
    let rule_or_default = |listener: &ListenerId, rule: &Option<usize>| {
        let listener = model.listeners.get(listener.0 as usize)?;
        match rule {
            None => Some(listener.default_place.clone()),
            Some(at) => listener.rules.get(*at).map(|rule| rule.place.clone()),
        }
    };
    Some(match change {
        Change::AdmitPeer { group, rule, .. } | Change::AdmitPort { group, rule, .. } => {
            model.security_groups.get(group.0 as usize)?.ingress.get(*rule)?.place.clone()
        }
        Change::AddIngress { group, .. } | Change::AddEgress { group, .. } => {
            model.security_groups.get(group.0 as usize)?.place.clone()
        }
        Change::AddCertificate { listener, .. } => {
            model.listeners.get(listener.0 as usize)?.place.clone()
        }
        Change::CertificateName { certificate, .. } => {
            model.certificates.get(certificate.0 as usize)?.place.clone()
        }
        Change::RedirectPort { listener, rule, .. }
        | Change::RedirectProtocol { listener, rule, .. }
        | Change::Weight { listener, rule, .. } => rule_or_default(listener, rule)?,
        Change::AddPath { listener, rule, .. } | Change::AddHost { listener, rule, .. } => {
            rule_or_default(listener, &Some(*rule))?
        }
        Change::TargetPort { group, .. } | Change::GroupProtocol { group, .. } => {
            model.target_groups.get(group.0 as usize)?.place.clone()
        }
        Change::RecordVisible { record, .. } => model.records.get(record.0 as usize)?.place.clone(),
        Change::HealthStatus { group, .. } => {
            model.target_groups.get(group.0 as usize)?.health_check.place.clone()
        }
    })
}

fn splices(
    tree: &Tree,
    at: usize,
    block: &Block,
    model: &Model,
    change: &Change,
) -> Option<Vec<Splice>> {
    let text = tree.text;
    let word = block.ident.as_str();
    match change {
        Change::AdmitPeer { peer, .. } => {
            let value = (word == "ingress").then(|| tree::value(block, "from"))??;
            append(text, at, value, &peer_text(model, peer)?)
        }
        Change::AdmitPort { group, rule, port } => {
            let value = (word == "ingress").then(|| tree::value(block, "ports"))??;
            // Whatever stands beside `all` is not read.
            let all = model[*group].ingress[*rule].ports.0.contains(&PortRange::ALL);
            (!all).then(|| append(text, at, value, &port.to_string()))?
        }
        Change::AddIngress { port, peer, .. } => {
            add_rule(text, at, block, "ingress", ("from", *port, &peer_text(model, peer)?))
        }
        Change::AddEgress { port, peer, .. } => {
            add_rule(text, at, block, "egress", ("to", *port, &peer_text(model, peer)?))
        }
        Change::AddCertificate { certificate, .. } => {
            let certificate = model.certificates.get(certificate.0 as usize)?;
            let value = (word == "listener").then(|| tree::value(block, "certificates"))??;
            // A site's own certificate is written nowhere.
            tree::is_declared(tree, &certificate.place, "certificate")
                .then(|| append(text, at, value, &format!("certificate.{}", certificate.name)))?
        }
        Change::CertificateName { name, .. } => {
            let names = (word == "certificate").then(|| tree::value(block, "names"))??;
            append(text, at, names, &quoted(name))
        }
        Change::RedirectPort { port, .. } => {
            let redirect = inner(block, &["rule", "default"], "redirect")?;
            match tree::value(redirect, "port") {
                _ if *port == 0 => None,
                Some(value @ Expression::Number(_)) => replace(at, value, &port.to_string()),
                _ => set(text, at, redirect, &REDIRECT, "port", &quoted(&port.to_string())),
            }
        }
        Change::RedirectProtocol { listener, protocol, .. } => {
            let redirect = inner(block, &["rule", "default"], "redirect")?;
            redirects_to(&model[*listener], protocol)
                .then(|| set(text, at, redirect, &REDIRECT, "protocol", &quoted(protocol)))?
        }
        Change::AddPath { value, .. } => {
            let paths = (word == "rule").then(|| tree::value(block, "path"))??;
            crate::rule::check_path(value).ok()?;
            append(text, at, paths, &quoted(value))
        }
        Change::AddHost { value, .. } => {
            let hosts = (word == "rule").then(|| tree::value(block, "host"))??;
            append(text, at, hosts, &quoted(value))
        }
        Change::TargetPort { group, target, port } => {
            change_target_port(tree, at, block, model, (*group, *target, *port))
        }
        Change::GroupProtocol { protocol, .. } => {
            let name = match protocol {
                TargetProtocol::Http => "\"HTTP\"",
                TargetProtocol::Https => "\"HTTPS\"",
                TargetProtocol::Tcp => "\"TCP\"",
            };
            (word == "target_group").then(|| set(text, at, block, &[], "protocol", name))?
        }
        Change::RecordVisible { network, .. } => {
            let network = format!("network.{}", model.networks.get(network.0 as usize)?.name);
            match tree::value(block, "visible_to") {
                // What a zone says itself has no block of its own.
                _ if word != "record" => None,
                Some(value) => append(text, at, value, &network),
                None => set(text, at, block, &RECORD, "visible_to", &format!("[{network}]")),
            }
        }
        Change::Weight { group, weight, .. } => {
            let forward = inner(block, &["rule", "default"], "forward")?;
            let name = &model.target_groups.get(group.0 as usize)?.name;
            let is_group = |block: &&Block| {
                let target = tree::value(block, "target").and_then(Section::written_reference);
                block.ident.as_str() == "group" && target == Some(("target_group", name))
            };
            let weight = (*weight <= WEIGHT_MAX).then(|| weight.to_string())?;
            let one = |block| set(text, at, block, &["target", "weight"], "weight", &weight);
            let all: Vec<Splice> = forward
                .body
                .blocks()
                .filter(is_group)
                .map(one)
                .collect::<Option<Vec<_>>>()?
                .concat();
            (!all.is_empty()).then_some(all)
        }
        Change::HealthStatus { group, first, last } => {
            let check = &model[*group].health_check;
            add_status(text, at, block, check, (*first, *last))
        }
    }
}

/// A block inside one of these.
fn inner<'b>(block: &'b Block, outer: &[&str], name: &str) -> Option<&'b Block> {
    let mut blocks = block.body.blocks().filter(|_| outer.contains(&block.ident.as_str()));
    blocks.find(|block| block.ident.as_str() == name)
}

fn peer_text(model: &Model, peer: &Peer) -> Option<String> {
    Some(match peer {
        Peer::Cidr(net) => quoted(&net.to_string()),
        Peer::Network(id) => format!("network.{}", model.networks.get(id.0 as usize)?.name),
        Peer::SecurityGroup(id) => {
            format!("security_group.{}", model.security_groups.get(id.0 as usize)?.name)
        }
        Peer::Instance(id) => format!("instance.{}", model.instances.get(id.0 as usize)?.name),
        Peer::Anywhere => "anywhere".to_owned(),
    })
}

fn add_rule(
    text: &str,
    at: usize,
    group: &Block,
    kind: &str,
    (peers, port, peer): (&str, u16, &str),
) -> Option<Vec<Splice>> {
    let attributes = [("ports", format!("[{port}]")), (peers, format!("[{peer}]"))];
    write::add_block(text, at, group, kind, &attributes)
}

/// Whether the language takes such a redirect (ALB.md §4c).
fn redirects_to(listener: &Listener, protocol: &str) -> bool {
    match protocol {
        "HTTPS" => true,
        "HTTP" => listener.protocol == ListenerProtocol::Http,
        _ => false,
    }
}

/// The port stands with the target, or in the group if this target alone takes it from there.
fn change_target_port(
    tree: &Tree,
    at: usize,
    block: &Block,
    model: &Model,
    (group, target, port): (GroupId, usize, u16),
) -> Option<Vec<Splice>> {
    let targets = &model[group].targets;
    let changed = targets.get(target)?;
    let taken = targets
        .iter()
        .enumerate()
        .any(|(other, t)| other != target && t.address == changed.address && t.port == port);
    if taken || port == 0 {
        return None;
    }
    let items = Section::items(tree::value(block, "targets")?);
    let item = items.iter().find(|item| tree.place(at, **item) == Some(changed.place.clone()))?;
    let own = |item: &Expression| match item {
        Expression::String(text) => write::has_port(text.value()),
        // A port that is computed may come from either.
        _ => false,
    };
    if own(item) {
        return target_port(tree.text, at, item, port);
    }
    let takers = items.iter().filter(|item| !own(item)).count();
    match (tree::value(block, "port"), item) {
        (Some(value), Expression::Traversal(_) | Expression::String(_)) if takers == 1 => {
            write::replace_plain(at, value, &port.to_string())
        }
        (_, Expression::String(_)) => target_port(tree.text, at, item, port),
        _ => None,
    }
}

fn add_status(
    text: &str,
    at: usize,
    block: &Block,
    check: &HealthCheck,
    (first, last): (u16, u16),
) -> Option<Vec<Splice>> {
    let range = |(first, last): &(u16, u16)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    let added = range(&(first, last));
    StatusMatcher::parse(&added)?;
    let all: Vec<String> = check.matcher.0.iter().map(range).chain([added.clone()]).collect();
    let all = quoted(&all.join(","));
    if block.ident.as_str() == "target_group" {
        return write::add_block(text, at, block, "health_check", &[("expect", all)]);
    }
    match tree::value(block, "expect") {
        Some(value @ Expression::String(_)) => append_statuses(text, at, value, &added),
        Some(value) => replace(at, value, &all).filter(|_| matches!(value, Expression::Number(_))),
        None => set(text, at, block, &HEALTH_CHECK, "expect", &all),
    }
}
