//! What applications answer to what the load balancer sends them (USERS.md §4, rows 4, 8, 9 and 11).

use std::net::IpAddr;

use model::application::Written;
use model::{
    Action, Application, CertificateId, Finding, HealthCheckPort, HealthCheckProtocol,
    ListenerProtocol, LoadBalancerId, Model, Place, Target, TargetAddress, TargetGroup, Template,
    TemplatePart,
};
use verdict::application::{Answer, Asked, FoundBy, found_by};

use super::names::Led;
use super::sent::{HostIs, Sent, sent};
use super::{application_words, in_configuration};
use crate::{Heard, application_at, hear, instance_of, used_groups};

pub fn lint(
    model: &Model,
    led: Option<&Led<'_>>,
    certificate_names: &dyn Fn(CertificateId) -> Option<Vec<String>>,
    findings: &mut Vec<Finding>,
) {
    let declared = model.target_groups.iter().any(|group| group.application.is_some())
        || model.instances.iter().any(|instance| !instance.applications.is_empty());
    if !declared {
        return;
    }
    let mut loops: Vec<&Place> = Vec::new();
    let mut unknown: Vec<(&Place, String)> = Vec::new();
    for sent in &sent(model, led, certificate_names) {
        for target in &sent.group.targets {
            let Some(application) = application_at(model, sent.group, target, target.port) else {
                continue;
            };
            let asked = sent.asked(target.port);
            let (heard, _) = hear(model, instance_of(model, target), application, &asked);
            if let Some(last) = heard.last()
                && let Some(place) = leads_back(sent, last)
                && !loops.contains(&place)
            {
                loops.push(place);
                findings.push(redirect_loop(model, sent, target, &heard, place));
            }
            let key = (&application.place, sent.url.host.clone());
            if let Some(finding) = unknown_host(model, sent, target, application, &asked)
                && !unknown.contains(&key)
            {
                unknown.push(key);
                findings.push(finding);
            }
        }
    }
    for id in used_groups(model) {
        health_check(model, &model[id], &loops, findings);
    }
}

// === redirects that lead back ===

/// The place of a redirect to the very address that was asked for over https.
fn leads_back<'m>(sent: &Sent<'_>, last: &Heard<'m>) -> Option<&'m Place> {
    let Answer::Redirect { location, place, .. } = &last.answer else { return None };
    let known = sent.host_is == HostIs::Known || of_facts(last.application);
    let back = sent.url.join(location).is_ok_and(|url| url == sent.url);
    (known && back && sent.listener.protocol == ListenerProtocol::Https).then_some(*place)
}

/// What is declared in so many words is the same for every host.
fn of_facts(application: &Application) -> bool {
    matches!(application.written, Written::Facts(_))
}

fn redirect_loop(
    model: &Model,
    sent: &Sent<'_>,
    target: &Target,
    heard: &[Heard<'_>],
    place: &Place,
) -> Finding {
    let (last, before) = match heard.split_last() {
        Some((last, before)) => (last.application, before),
        None => return Finding::warning("lint/doubled-redirect", place, "this redirects back"),
    };
    let who = application_words(model, sent.group, target, last);
    let at = in_configuration(last, place);
    let overwritten = before.iter().find_map(|one| match &one.answer {
        Answer::Forward { forwarded_proto, place, .. }
            if forwarded_proto.as_deref() != Some("https") =>
        {
            Some(*place)
        }
        _ => None,
    });
    let doubled = redirects_to_https(model, sent.load_balancer);
    let finding = match (overwritten, last.trusts_forwarded_proto, doubled) {
        (None, None | Some(true), Some(own)) => {
            let text = format!(
                "{who} redirects to https what has come over https: {} leads back to itself",
                sent.url
            );
            Finding::warning("lint/doubled-redirect", at, text)
                .related(own, "the load balancer redirects already")
                .hint(
                    "remove the redirect here; or, if it looks at X-Forwarded-Proto, say \
                     `trusts_forwarded_proto = true`",
                )
        }
        (overwritten, _, _) => {
            let text = format!(
                "{who} redirects to https and does not learn that the client came over https: {} \
                 leads back to itself",
                sent.url
            );
            let finding = Finding::warning("lint/forwarded-proto-not-trusted", at, text);
            match overwritten {
                Some(place) => finding
                    .related(place, "X-Forwarded-Proto is overwritten here")
                    .hint("pass X-Forwarded-Proto on as it came, not `$scheme`"),
                None => finding.related(sent.place, "it is forwarded here").hint(
                    "have the framework trust X-Forwarded-Proto, then say \
                     `trusts_forwarded_proto = true`",
                ),
            }
        }
    };
    match place == at {
        true => finding,
        false => finding.related(place, "the redirect"),
    }
}

/// Where the load balancer itself sends plain http to https.
fn redirects_to_https(model: &Model, id: LoadBalancerId) -> Option<&Place> {
    let plain = model[id].listeners.iter().map(|id| &model[*id]);
    let plain = plain.filter(|listener| listener.protocol == ListenerProtocol::Http);
    let mut actions = plain.flat_map(|listener| {
        let rules = listener.rules.iter().map(|rule| (&rule.action, &rule.place));
        rules.chain([(&listener.default_action, &listener.default_place)])
    });
    let https = |Template(parts): &Template| match &parts[..] {
        [TemplatePart::Text(text)] => text.eq_ignore_ascii_case("https"),
        _ => false,
    };
    actions.find_map(|(action, place)| match action {
        Action::Redirect(redirect) if https(&redirect.protocol) => Some(place),
        Action::Redirect(_) | Action::Forward(_) | Action::FixedResponse(_) | Action::Close => None,
    })
}

// === hosts ===

/// The default server's own error is the answer, and other servers there have names.
fn unknown_host(
    model: &Model,
    sent: &Sent<'_>,
    target: &Target,
    application: &Application,
    asked: &Asked<'_>,
) -> Option<Finding> {
    if sent.host_is != HostIs::Known {
        return None;
    }
    let (status, place) = default_error(application, asked)?;
    let who = application_words(model, sent.group, target, application);
    let text = format!(
        "{who} has no server called `{}`, which is sent there: its default server answers {status}",
        asked.host
    );
    Some(
        Finding::warning("lint/host-unknown-to-target", sent.place, text)
            .related(place, "the default server answers here")
            .related(&application.place, "what is sent there is for this application")
            .hint(format!(
                "add `{}` to a `server_name`, or `rewrite` the host to one that it has",
                asked.host
            )),
    )
}

fn default_error<'m>(application: &'m Application, asked: &Asked<'_>) -> Option<(u16, &'m Place)> {
    if found_by(application, asked) != Some(FoundBy::Default) {
        return None;
    }
    match verdict::application::answer(application, asked) {
        Answer::Status { status: status @ 400.., place } => Some((status, place)),
        Answer::Status { .. }
        | Answer::Redirect { .. }
        | Answer::Forward { .. }
        | Answer::Files { .. }
        | Answer::NoHandshake { .. }
        | Answer::NotKnown { .. } => None,
    }
}

// === health checks ===

/// One finding a group: its targets are asked alike.
fn health_check(model: &Model, group: &TargetGroup, loops: &[&Place], findings: &mut Vec<Finding>) {
    let check = &group.health_check;
    let scheme = match check.protocol {
        HealthCheckProtocol::Http => "http",
        HealthCheckProtocol::Https => "https",
        HealthCheckProtocol::Tcp => return,
    };
    if !check.enabled {
        return;
    }
    let place = if check.place.line > 0 { &check.place } else { &group.place };
    for target in &group.targets {
        let port = match check.port {
            HealthCheckPort::Traffic => target.port,
            HealthCheckPort::Port(port) => port,
        };
        let Some(application) = application_at(model, group, target, port) else { continue };
        let host = check.host.clone().unwrap_or_else(|| own_host(model, target, scheme, port));
        let (path, query) = check.path.split_once('?').unwrap_or((&check.path, ""));
        let asked =
            Asked { method: "GET", scheme, port, host: &host, path, query, forwarded_proto: None };
        let who = application_words(model, group, target, application);
        if let Some((status, default)) = default_error(application, &asked)
            && !check.matcher.contains(status)
        {
            let text = format!(
                "{who} has no server called `{host}`, as which the health check asks: its default \
                 server answers {status}"
            );
            findings.push(
                Finding::warning("lint/host-unknown-to-target", place, text)
                    .related(default, "the default server answers here")
                    .hint("set `host` of the `health_check` to a name that it has"),
            );
            return;
        }
        let (heard, _) = hear(model, instance_of(model, target), application, &asked);
        let Some(Heard { application, answer: Answer::Redirect { status, location, place: at } }) =
            heard.last()
        else {
            continue;
        };
        // The redirect that leads back is named already; without it there is none here either.
        if check.matcher.contains(*status) || loops.contains(at) {
            continue;
        }
        let who = application_words(model, group, target, application);
        let text = format!(
            "the health check asks for `{}`, and {who} redirects it to {location} ({status})",
            check.path
        );
        findings.push(
            Finding::warning("lint/health-check-redirects", place, text)
                .related(at, "the redirect")
                .hint(
                    "ask for a path that answers 200, or exempt this one from the redirect; \
                     `expect = \"200-399\"` works too, and sees less",
                ),
        );
        return;
    }
}

/// As the probe names a target: by its address, with a port that is not the protocol's own
/// (ALB.md §5e).
fn own_host(model: &Model, target: &Target, scheme: &str, port: u16) -> String {
    let address: Option<IpAddr> = match &target.address {
        TargetAddress::Ip(address) => Some(*address),
        TargetAddress::Instance { id, .. } => model[*id].addresses.first().copied(),
        TargetAddress::Name(_) => None,
    };
    let host = match address {
        Some(IpAddr::V6(v6)) => format!("[{v6}]"),
        Some(IpAddr::V4(v4)) => v4.to_string(),
        // Whatever it resolves to is an address too.
        None => "0.0.0.0".to_owned(),
    };
    match (scheme, port) {
        ("http", 80) | ("https", 443) => host,
        _ => format!("{host}:{port}"),
    }
}
