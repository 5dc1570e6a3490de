//! Certificates that do not cover what is served, redirects that lead nowhere, and targets that
//! cannot be what was meant (USERS.md §4, rows 5, 6 and 13).

use model::{
    Action, CertificateId, Finding, GroupId, Listener, ListenerId, ListenerProtocol, Model, Place,
    Redirect, Target, TargetAddress, TargetProtocol, Template, TemplatePart,
};

use super::{forwarded_groups, literal_hosts};
use crate::{application_at, declared_failure, listener_addresses};

pub fn lint(
    model: &Model,
    certificate_names: &dyn Fn(CertificateId) -> Option<Vec<String>>,
    findings: &mut Vec<Finding>,
) {
    for listener in &model.listeners {
        uncovered_hosts(listener, certificate_names, findings);
        let rules = listener.rules.iter().map(|rule| (&rule.action, &rule.place));
        for (action, place) in rules.chain([(&listener.default_action, &listener.default_place)]) {
            match action {
                Action::Redirect(redirect) => {
                    dead_redirect(model, listener, redirect, place, findings);
                }
                Action::Forward(forward)
                    if forward.groups.iter().all(|group| group.weight == 0) =>
                {
                    findings.push(
                        Finding::warning(
                            "lint/no-weight",
                            place,
                            "this gives every target group the weight 0",
                        )
                        .hint("its requests get 503: give one of them a weight"),
                    );
                }
                Action::Forward(_) | Action::FixedResponse(_) | Action::Close => {}
            }
        }
    }
    for (at, group) in model.target_groups.iter().enumerate() {
        for target in &group.targets {
            let known = application_at(model, group, target, target.port).is_some()
                || declared_failure(model, group, target, target.port, group.protocol).is_some();
            if group.protocol == TargetProtocol::Http && target.port == 443 && !known {
                findings.push(
                    Finding::warning("lint/plain-to-443", &target.place, format!("`{target}` is asked over plain HTTP on port 443"))
                        .hint("TLS ends at the load balancer: use the port of plain HTTP, or `protocol = \"HTTPS\"`"),
                );
            }
            own_listener(model, GroupId(at as u32), target, findings);
        }
    }
}

/// Hosts of rules on HTTPS listeners that no certificate of the listener covers.
fn uncovered_hosts(
    listener: &Listener,
    certificate_names: &dyn Fn(CertificateId) -> Option<Vec<String>>,
    findings: &mut Vec<Finding>,
) {
    if listener.protocol != ListenerProtocol::Https {
        return;
    }
    let names: Option<Vec<Vec<String>>> =
        listener.certificates.iter().map(|id| certificate_names(*id)).collect();
    // What is not known is not guessed.
    let Some(names) = names.map(|names| names.concat()) else { return };
    let mut reported: Vec<&str> = Vec::new();
    for rule in &listener.rules {
        for host in literal_hosts(rule) {
            let covered = names
                .iter()
                .any(|name| verdict::certificate::covers(name, &host.to_ascii_lowercase()));
            if covered || reported.contains(&host) {
                continue;
            }
            reported.push(host);
            let list: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            findings.push(
                Finding::warning(
                    "lint/certificate-does-not-cover",
                    &rule.place,
                    format!("no certificate of this listener covers `{host}`"),
                )
                .related(&listener.place, format!("they cover {}", list.join(", ")))
                .hint(format!("browsers will refuse it: add a certificate for `{host}`")),
            );
        }
    }
}

/// A redirect to a port of the same host where the load balancer does not listen.
fn dead_redirect(
    model: &Model,
    listener: &Listener,
    redirect: &Redirect,
    place: &Place,
    findings: &mut Vec<Finding>,
) {
    let literal = |template: &Template| match &template.0[..] {
        [TemplatePart::Text(text)] => Some(text.to_owned()),
        _ => None,
    };
    if redirect.host.0 != [TemplatePart::Host] {
        return;
    }
    let port = match literal(&redirect.port) {
        Some(port) => port.parse().unwrap_or(0),
        None => listener.port,
    };
    let own = |template: &Template, part: TemplatePart, text: &str| {
        template.0 == [part] || literal(template).is_some_and(|t| t.eq_ignore_ascii_case(text))
    };
    let scheme = listener.protocol.scheme();
    if own(&redirect.protocol, TemplatePart::Protocol, scheme)
        && port == listener.port
        && redirect.path.0 == [TemplatePart::Text("/".to_owned()), TemplatePart::Path]
    {
        let text = "this redirects to where the request already is";
        findings.push(
            Finding::warning("lint/redirect-loop", place, text)
                .related(&listener.place, format!("this listener: {scheme} on port {port}"))
                .hint("browsers say \"too many redirects\": change protocol, host, port or path"),
        );
        return;
    }
    let same_lb =
        |other: &&Listener| other.load_balancer == listener.load_balancer && other.port == port;
    let wanted = literal(&redirect.protocol).map(|p| p.to_ascii_lowercase());
    match (model.listeners.iter().find(same_lb), wanted.as_deref()) {
        (None, _) => findings.push(
            Finding::warning(
                "lint/redirect-to-nowhere",
                place,
                format!("this redirects to port {port}, where the load balancer does not listen"),
            )
            .related(&listener.place, "the listener that redirects")
            .hint(format!("add a listener on port {port}, or redirect to one there is")),
        ),
        (Some(other), Some(wanted)) if wanted != other.protocol.scheme() => findings.push(
            Finding::warning(
                "lint/redirect-protocol",
                place,
                format!(
                    "this redirects to {wanted} on port {port}, which speaks {}",
                    other.protocol.scheme()
                ),
            )
            .related(&other.place, "the listener on that port")
            .hint("redirect to the port that speaks it"),
        ),
        (Some(_), _) => {}
    }
}

/// A target that is a listener of the load balancer itself sends requests round and round.
fn own_listener(model: &Model, group: GroupId, target: &Target, findings: &mut Vec<Finding>) {
    let TargetAddress::Ip(address) = target.address else { return };
    for at in 0..model.listeners.len() {
        let id = ListenerId(at as u32);
        let is_here = listener_addresses(model, id).iter().any(|own| {
            own.port() == target.port
                && (own.ip() == address || (own.ip().is_unspecified() && address.is_loopback()))
        });
        // One load balancer may stand behind another.
        if is_here && forwarded_groups(model, model[id].load_balancer).contains(&group) {
            findings.push(
                Finding::warning(
                    "lint/target-is-listener",
                    &target.place,
                    format!("`{target}` is a listener of this configuration"),
                )
                .related(&model[id].place, "this one")
                .hint("requests may go in a circle: name the application's own address"),
            );
        }
    }
}
