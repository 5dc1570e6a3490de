//! The top level: what there is, in which order it is read, and the small blocks.

use std::cell::RefCell;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use hcl_edit::structure::{Block, Structure};
use model::{CertificateId, Finding, Guarded, Instance, Model, Network, SecurityGroupId};

use crate::environment::Environment;
use crate::names::{Kind, Names};
use crate::section::{Context, Section};
use crate::suggest::{list, nearest};
use crate::syntax::{File, Origin};
use crate::{
    authority, certificate, group, intent, load_balancer, passing, record, security_group, silence,
    trust, zone,
};

/// A top-level block.
pub struct TopLevel {
    pub name: &'static str,
    kind: Kind,
}

pub const TOP_LEVEL: [TopLevel; 14] = [
    TopLevel { name: "network", kind: Kind::Network },
    TopLevel { name: "security_group", kind: Kind::SecurityGroup },
    TopLevel { name: "instance", kind: Kind::Instance },
    TopLevel { name: "authority", kind: Kind::Authority },
    TopLevel { name: "certificate", kind: Kind::Certificate },
    TopLevel { name: "load_balancer", kind: Kind::LoadBalancer },
    TopLevel { name: "target_group", kind: Kind::TargetGroup },
    TopLevel { name: "trust_store", kind: Kind::TrustStore },
    TopLevel { name: "zone", kind: Kind::Zone },
    TopLevel { name: "record", kind: Kind::Record },
    TopLevel { name: "dns_server", kind: Kind::DnsServer },
    TopLevel { name: "page", kind: Kind::Page },
    TopLevel { name: "expect", kind: Kind::Expect },
    TopLevel { name: "silence", kind: Kind::Silence },
];

/// Where a block or attribute belongs that was written elsewhere.
pub fn home_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "ingress" | "egress" => "inside `security_group`",
        "listener" | "site" | "scheme" | "access_log" | "deny" => "inside `load_balancer`",
        "rule" | "default" | "certificates" | "tls_policy" | "client_certificates" => {
            "inside `listener`"
        }
        "server_name" => "inside `rule` of a listener that passes TLS through",
        "priority" | "redirect" | "fixed_response" | "forward" | "close" | "rewrite" => {
            "inside `rule` or `default`"
        }
        "health_check"
        | "stickiness"
        | "targets"
        | "slow_start"
        | "deregistration_delay"
        | "verify" => "inside `target_group`",
        "cidrs" | "seen_as" => "inside `network`",
        "works" | "denied" | "redirects_to" => "inside `expect`",
        "visible_to" => "inside `record` or `zone`",
        "alias"
        | "cname"
        | "mx"
        | "txt"
        | "ns"
        | "srv"
        | "caa"
        | "ptr"
        | "https"
        | "svcb"
        | "weight"
        | "failover"
        | "multivalue"
        | "geolocation"
        | "latency"
        | "healthy_while"
        | "evaluate_target_health" => "inside `record`",
        "name_servers" | "negative_ttl" | "signed" | "transfer_to" | "notify" => "inside `zone`",
        "exempt" | "rate_limit" => "inside `dns_server`",
        "calls" | "server_calls" | "rendered_by" => "inside `page`",
        "serves" => "inside `instance`",
        "enforce" => "inside `load_balancer` or `instance`",
        "application" => "inside `instance` or `target_group`",
        "nginx" | "trusts_forwarded_proto" | "keep_alive" => "inside `application`",
        "contact" => "inside `zone` or `authority`",
        "directory" | "agree_to_terms" | "eab" => "inside `authority`",
        "challenge" | "on_demand" | "ocsp_response" => "inside `certificate`",
        "ask" | "orders_per_hour" | "max_names" => "inside `on_demand`",
        "acme" => "in an `authority` block, which a `certificate` names",
        "silence" => silence::HOME,
        "network" | "security_group" | "instance" | "authority" | "certificate"
        | "load_balancer" | "target_group" | "trust_store" | "zone" | "dns_server" | "page"
        | "expect" => "at the top level of the file",
        "record" => "at the top level of the file, or inside `zone`",
        _ => return None,
    })
}

pub fn read(files: &[File], environment: &dyn Environment, findings: &mut Vec<Finding>) -> Model {
    let origins: Vec<Vec<Origin>> = files.iter().map(origins).collect();
    let mut names = Names::default();
    let mut blocks: Vec<(Kind, &Origin, &Block)> = Vec::new();
    for (file, origins) in files.iter().zip(&origins) {
        for (kind, name) in &file.broken {
            names.declare_broken(*kind, name);
        }
        for ((_, body), origin) in file.bodies.iter().zip(origins) {
            for structure in body.iter() {
                match top_level(structure, origin, &mut names) {
                    Ok((kind, block)) => blocks.push((kind, origin, block)),
                    Err(finding) => findings.push(*finding),
                }
            }
        }
    }
    let context = Context {
        environment,
        names: &names,
        findings: RefCell::default(),
        silences: RefCell::default(),
        networks: RefCell::default(),
    };
    let mut model = Model::default();
    let mut records = Vec::new();
    let mut zones: Vec<(Kind, &Origin, &Block)> = Vec::new();
    for (kind, origin, block) in &blocks {
        let section = |name| Section::new(&context, origin, name, block);
        match kind {
            Kind::Network => model.networks.push(network(section("network"), block)),
            Kind::SecurityGroup => {
                model.security_groups.push(security_group::read(section("security_group"), block))
            }
            Kind::Instance => model.instances.push(instance(section("instance"), block)),
            Kind::Authority => model.authorities.push(authority::read(section("authority"), block)),
            Kind::Certificate => {
                model.certificates.push(certificate::read(section("certificate"), block))
            }
            Kind::TargetGroup => {
                model.target_groups.push(group::read(section("target_group"), block))
            }
            Kind::TrustStore => {
                model.trust_stores.push(trust::store(section("trust_store"), block))
            }
            Kind::Record => {
                records.extend(record::read(section("record"), block, record::Home::Top))
            }
            Kind::Zone | Kind::DnsServer => zones.push((*kind, *origin, *block)),
            Kind::Page => model.pages.extend(intent::page(section("page"), block)),
            Kind::Expect => model.expectations.push(intent::expectation(section("expect"), block)),
            Kind::Silence => silence::at_top(section("silence"), block),
            Kind::LoadBalancer => {}
        }
    }
    *context.networks.borrow_mut() =
        model.networks.iter().map(|network| network.cidrs.clone()).collect();
    // They copy networks too.
    for (kind, origin, block) in zones {
        let section = |name| Section::new(&context, origin, name, block);
        match kind {
            Kind::Zone => zone::read(section("zone"), block, &mut model),
            _ => zone::server(section("dns_server"), block, &mut model),
        }
    }
    model.records.extend(records);
    model.records.shrink_to_fit();
    zone::adopt(&mut model, &context);
    zone::check(&model, &context);
    // Last, since sites add certificates and rules copy networks.
    for (kind, origin, block) in &blocks {
        if *kind == Kind::LoadBalancer {
            let section = Section::new(&context, origin, "load_balancer", block);
            load_balancer::read(section, block, &mut model);
        }
    }
    load_balancer::check_overlaps(&model, &context);
    passing::check(&model, &context);
    model.silences = context.silences.take().into();
    findings.append(&mut context.findings.into_inner());
    model
}

fn origins(file: &File) -> Vec<Origin> {
    let folder: Arc<Path> = file.folder.as_path().into();
    let origin = |(offset, _): &(usize, _)| Origin {
        lines: file.lines.clone(),
        folder: Arc::clone(&folder),
        offset: *offset,
    };
    file.bodies.iter().map(origin).collect()
}

/// A declaration with a name of its own, or what is wrong with it.
fn top_level<'f>(
    structure: &'f Structure,
    origin: &Origin,
    names: &mut Names,
) -> Result<(Kind, &'f Block), Box<Finding>> {
    let block = match structure {
        Structure::Block(block) => block,
        Structure::Attribute(attribute) => {
            let name = attribute.key.as_str();
            let (place, length) = origin.locate(&attribute.key);
            let finding = Finding::error(
                "config/misplaced",
                &place,
                format!("`{name}` cannot stand at the top level"),
            );
            let hint = match home_of(name) {
                Some(home) => format!("it belongs {home}"),
                None => "it belongs inside a block; is a brace closed too early above?".to_owned(),
            };
            return Err(Box::new(finding.length(length).hint(hint)));
        }
    };
    let word = block.ident.as_str();
    let (place, length) = origin.locate(&block.ident);
    let error = |code, text: String| Finding::error(code, &place, text).length(length);
    let Some(kind) = TOP_LEVEL.iter().find(|top| top.name == word) else {
        let known = TOP_LEVEL.iter().map(|top| top.name);
        if let Some(home) = home_of(word) {
            let text = format!("`{word}` cannot stand at the top level");
            return Err(Box::new(
                error("config/misplaced", text).hint(format!("it belongs {home}")),
            ));
        }
        let finding = error("config/unknown-block", format!("there is no block called `{word}`"));
        return Err(Box::new(match nearest(word, known.clone()) {
            Some(near) => finding.hint(format!("did you mean `{near}`?")),
            None => finding.hint(format!("at the top level there are {}", list(known))),
        }));
    };
    // There is one, so that it needs no name.
    if kind.kind == Kind::DnsServer {
        return Ok((kind.kind, block));
    }
    let Some(name) = crate::syntax::label_text(block, 0) else {
        return Err(Box::new(
            error("config/missing-name", format!("a `{word}` needs a name"))
                .hint(format!("write `{word} \"name\" {{`")),
        ));
    };
    let (name_place, name_length) = origin.locate(&block.labels[0]);
    // A name may have several records, a zone several views, and a doubt several silences.
    if matches!(kind.kind, Kind::Record | Kind::Zone | Kind::Silence) {
        return Ok((kind.kind, block));
    }
    // An expectation is called by a sentence.
    if kind.kind != Kind::Expect && !valid_name(name) {
        let text = format!("`{name}` is no name");
        let finding = Finding::error("config/invalid-name", &name_place, text).length(name_length);
        return Err(Box::new(
            finding.hint("use letters, digits, `-` and `_`, beginning with a letter"),
        ));
    }
    match names.declare(kind.kind, name, name_place.clone()) {
        Ok(_) => Ok((kind.kind, block)),
        Err(first) => Err(Box::new(
            Finding::error(
                "config/duplicate-name",
                &name_place,
                format!("there are two {}s called `{name}`", kind.kind.words()),
            )
            .length(name_length)
            .related(&first, "the first is defined here")
            .hint("rename one of them"),
        )),
    }
}

/// So that `kind.name` can be written.
pub fn valid_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.len() <= 64
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// What these words mean is settled: wherever a network is named they stand beside it.
const WORDS: [&str; 2] = ["internet", "anywhere"];

fn network<'s>(section: Section<'s>, block: &'s Block) -> Network {
    let name = section.label(block, true).unwrap_or_default().to_owned();
    if WORDS.contains(&&*name) {
        let text = format!("`{name}` is a word of the language, and no name of a network");
        let finding = section.error_at(&block.labels[0], "config/invalid-name", text);
        section.push(finding.hint("choose another name, such as `visitors`"));
    }
    let mut cidrs = Vec::new();
    if let Some(value) = section.required("cidrs", "[\"192.0.2.0/24\"]") {
        for (text, item) in section.texts("cidrs", value) {
            cidrs.extend(section.cidr(item, &text));
        }
    }
    let mut seen_as = Vec::new();
    if let Some(value) = section.value("seen_as") {
        for (text, item) in section.texts("seen_as", value) {
            seen_as.extend(section.cidr_or_address(item, &text));
        }
    }
    let network = Network { name, cidrs, seen_as, place: section.place() };
    section.finish();
    network
}

fn instance<'s>(section: Section<'s>, block: &'s Block) -> Instance {
    let name = section.label(block, true).unwrap_or_default().to_owned();
    let mut addresses = Vec::new();
    if let Some(value) = section.required("addresses", "[\"10.0.1.5\"]") {
        for (text, item) in section.texts("addresses", value) {
            addresses.extend(section.address(item, &text));
        }
    }
    let public_addresses = addresses_of(&section, "public_addresses");
    let security_groups = security_groups(&section);
    let serves = crate::application::serves(&section);
    let applications = crate::application::of_instance(&section, serves.as_deref());
    let guarded = section.choice("enforce", &[("nftables", Guarded::Here)]).unwrap_or_default();
    let instance = Instance {
        name,
        addresses,
        public_addresses,
        security_groups,
        serves,
        applications,
        guarded,
        place: section.place(),
    };
    section.finish();
    instance
}

pub fn addresses_of(section: &Section<'_>, name: &'static str) -> Vec<IpAddr> {
    let Some(value) = section.value(name) else { return Vec::new() };
    let texts = section.texts(name, value);
    texts.into_iter().filter_map(|(text, item)| section.address(item, &text)).collect()
}

pub fn security_groups(section: &Section<'_>) -> Vec<SecurityGroupId> {
    let Some(value) = section.value("security_groups") else { return Vec::new() };
    let items = Section::items(value);
    let find =
        |item| section.reference("security_groups", item, Kind::SecurityGroup).map(SecurityGroupId);
    items.into_iter().filter_map(find).collect()
}

pub fn certificates(section: &Section<'_>, name: &'static str) -> Vec<CertificateId> {
    let Some(value) = section.value(name) else { return Vec::new() };
    let items = Section::items(value);
    let find = |item| section.reference(name, item, Kind::Certificate).map(CertificateId);
    items.into_iter().filter_map(find).collect()
}
