//! `site "example.com" { … }`: what most load balancers are, in a few lines.
//!
//! A site is an HTTP listener that redirects, an HTTPS listener, a certificate, and rules for its
//! hosts. Sites with the same ports share listeners. A lone site's default is the listener's
//! default; with several, each default is the last rule of its hosts, and the listener answers 404
//! to hosts that no site has.

use hcl_edit::structure::Block;
use model::{
    Action, Certificate, CertificateId, CertificateSource, Condition, Finding, Listener,
    ListenerAttributes, ListenerProtocol, LoadBalancerId, Matcher, Model, Place, Redirect,
    RedirectStatus, Rule, Shared, Template, TlsPolicy, Wildcard,
};

use crate::blocks::certificates;
use crate::listener::{not_found, read_default};
use crate::section::Section;
use crate::{rule, silence};

struct Site {
    hosts: Vec<String>,
    certificate: Option<CertificateId>,
    http_port: u16,
    https_port: u16,
    rules: Vec<Rule>,
    default: Option<(Action, Place)>,
    place: Place,
}

pub fn read(
    section: &Section<'_>,
    id: LoadBalancerId,
    listeners: &mut Vec<Listener>,
    model: &mut Model,
) {
    let blocks = section.blocks("site");
    let sites: Vec<Site> =
        blocks.into_iter().filter_map(|block| read_site(section, block)).collect();
    check_hosts(section, &sites);
    let mut ports: Vec<(u16, u16)> =
        sites.iter().map(|site| (site.http_port, site.https_port)).collect();
    ports.sort_unstable();
    ports.dedup();
    for (http, https) in ports {
        let here: Vec<&Site> =
            sites.iter().filter(|s| (s.http_port, s.https_port) == (http, https)).collect();
        let certificates = here.iter().map(|site| certificate(site, model)).collect();
        let suffix =
            |port: u16, usual: u16| if port == usual { String::new() } else { format!("-{port}") };
        let place = here[0].place.clone();
        listeners.push(redirecting(id, format!("http{}", suffix(http, 80)), http, https, place));
        listeners.push(serving(
            id,
            format!("https{}", suffix(https, 443)),
            https,
            certificates,
            &here,
        ));
    }
}

fn read_site<'s>(outer: &Section<'s>, block: &'s Block) -> Option<Site> {
    let section = Section::new(outer.context, outer.origin, "site", block);
    let host = section.label(block, true)?.to_ascii_lowercase();
    if !is_host(&host) {
        section.push(
            section
                .error_at(
                    &block.labels[0],
                    "config/invalid-name",
                    format!("`{host}` is no host name"),
                )
                .hint("a site is called by its host: `site \"example.com\"`"),
        );
    }
    let mut hosts = vec![host];
    if let Some(value) = section.value("aliases") {
        for (text, item) in section.texts("aliases", value) {
            let text = text.to_ascii_lowercase();
            if is_host(text.strip_prefix("*.").unwrap_or(&text)) {
                hosts.push(text);
            } else {
                section.invalid(
                    item,
                    format!("`{text}` is no host name"),
                    "write a name such as `www.example.com`",
                );
            }
        }
    }
    let certificate = certificates(&section, "certificate").first().copied();
    let http_port = section.number("http_port", 1..=65535).unwrap_or(80) as u16;
    let https_port = section.number("https_port", 1..=65535).unwrap_or(443) as u16;
    if http_port == https_port {
        section.push(
            section
                .error("config/conflict", "`http_port` and `https_port` are the same")
                .hint("give them different ports"),
        );
    }
    let rules = rule::read_all(&section, ListenerProtocol::Https, 1);
    let default = match section.block("default") {
        Some(block) => read_default(&section, block, ListenerProtocol::Https),
        None => {
            section.push(
                section
                    .error(
                        "config/missing-default",
                        format!("{} has no default action", section.title),
                    )
                    .hint("add `default { forward = target_group.… }`"),
            );
            None
        }
    };
    let place = section.place();
    silence::within(&section, &outer.place());
    section.finish();
    Some(Site { hosts, certificate, http_port, https_port, rules, default, place })
}

fn is_host(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
}

fn check_hosts(section: &Section<'_>, sites: &[Site]) {
    for (at, site) in sites.iter().enumerate() {
        for host in &site.hosts {
            if let Some(other) = sites[..at].iter().find(|other| other.hosts.contains(host)) {
                section.push(
                    Finding::error(
                        "config/duplicate-host",
                        &site.place,
                        format!("two sites serve `{host}`"),
                    )
                    .related(&other.place, "the first is here")
                    .hint("put their rules into one site"),
                );
            }
        }
    }
}

/// The declared certificate, or a development one for the site's hosts.
fn certificate(site: &Site, model: &mut Model) -> CertificateId {
    if let Some(id) = site.certificate {
        return id;
    }
    let name: String =
        site.hosts[0].chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    model.certificates.push(Certificate {
        name: format!("site-{name}"),
        names: site.hosts.clone(),
        source: CertificateSource::Development,
        place: site.place.clone(),
    });
    CertificateId(model.certificates.len() as u32 - 1)
}

fn redirecting(id: LoadBalancerId, name: String, port: u16, https: u16, place: Place) -> Listener {
    let template = |text: &str| Template::parse(text).unwrap_or_default();
    let redirect = Redirect {
        status: RedirectStatus::MovedPermanently,
        protocol: template("HTTPS"),
        host: template("#{host}"),
        port: template(&https.to_string()),
        path: template("/#{path}"),
        query: template("#{query}"),
    };
    Listener {
        name,
        load_balancer: id,
        port,
        protocol: ListenerProtocol::Http,
        certificates: Vec::new(),
        tls_policy: TlsPolicy::default(),
        client_certificates: None,
        rules: Shared::default(),
        default_action: Action::Redirect(redirect),
        default_place: place.clone(),
        attributes: ListenerAttributes::default(),
        place,
    }
}

fn serving(
    id: LoadBalancerId,
    name: String,
    port: u16,
    mut certificates: Vec<CertificateId>,
    sites: &[&Site],
) -> Listener {
    certificates.dedup();
    let lone = sites.len() == 1;
    let mut rules = Vec::new();
    for site in sites {
        let last = site.default.as_ref().filter(|_| !lone).map(|(action, place)| Rule {
            name: format!("{}-default", site.hosts[0]),
            priority: 0,
            conditions: Vec::new(),
            transforms: Vec::new(),
            action: action.clone(),
            place: place.clone(),
        });
        for rule in site.rules.iter().cloned().chain(last) {
            rules.push(for_hosts(rule, site, rules.len() as u32 + 1, lone));
        }
    }
    let default = sites[0].default.clone().filter(|_| lone);
    let (default_action, default_place) = default.unwrap_or((not_found(), sites[0].place.clone()));
    Listener {
        name,
        load_balancer: id,
        port,
        protocol: ListenerProtocol::Https,
        certificates,
        tls_policy: TlsPolicy::default(),
        client_certificates: None,
        rules: rules.into(),
        default_action,
        default_place,
        attributes: ListenerAttributes::default(),
        place: sites[0].place.clone(),
    }
}

/// A rule of a site that shares its listener holds for the site's hosts only.
fn for_hosts(mut rule: Rule, site: &Site, priority: u32, lone: bool) -> Rule {
    rule.priority = priority;
    let has_host = rule.conditions.iter().any(|condition| matches!(condition, Condition::Host(_)));
    if !lone && !has_host {
        let hosts = site.hosts.iter().map(|host| Matcher::Wildcard(Wildcard::insensitive(host)));
        rule.conditions.insert(0, Condition::Host(hosts.collect()));
    }
    if !lone && !rule.name.starts_with(&site.hosts[0]) {
        rule.name = format!("{}-{}", site.hosts[0], rule.name);
    }
    rule
}
