//! What runs behind the targets, and does not fit what the load balancer does with them (USERS.md
//! §4, rows 3, 6 and 7).

use model::{
    Application, Finding, HealthCheckPort, HealthCheckProtocol, LoadBalancerId, Model, Target,
    TargetGroup, TargetProtocol,
};

use super::{application_words, forwarded_groups};
use crate::used_groups;
use crate::{Behind, DeclaredFailure, application_at, behind, declared_failure, instance_of};

pub fn lint(model: &Model, findings: &mut Vec<Finding>) {
    let mut seen: Vec<*const Application> = Vec::new();
    for id in used_groups(model) {
        let group = &model[id];
        let first = findings.len();
        for target in &group.targets {
            connections(model, group, target, findings);
            for application in all_behind(model, group, target) {
                if !seen.contains(&std::ptr::from_ref(application)) {
                    seen.push(application);
                    not_started(model, group, target, application, findings);
                }
            }
        }
        once_a_place(first, findings);
    }
    for id in (0..model.load_balancers.len() as u32).map(LoadBalancerId) {
        let first = findings.len();
        for group in forwarded_groups(model, id) {
            short_keep_alive(model, id, &model[group], findings);
        }
        once_a_place(first, findings);
    }
}

/// What several targets have in common is said once.
fn once_a_place(first: usize, findings: &mut Vec<Finding>) {
    let mut at = first;
    while at < findings.len() {
        let same =
            |other: &Finding| other.code == findings[at].code && other.place == findings[at].place;
        if findings[first..at].iter().any(same) {
            findings.remove(at);
        } else {
            at += 1;
        }
    }
}

/// Ports on which nothing listens, or something that speaks the other protocol.
fn connections(model: &Model, group: &TargetGroup, target: &Target, findings: &mut Vec<Finding>) {
    let protocol = match group.protocol {
        TargetProtocol::Http | TargetProtocol::Https => Some(group.protocol),
        TargetProtocol::Tcp => None,
    };
    port(model, group, target, (target.port, protocol), Whose::Traffic, findings);
    let check = &group.health_check;
    if let HealthCheckPort::Port(own) = check.port
        && check.enabled
        && own != target.port
    {
        let protocol = match check.protocol {
            HealthCheckProtocol::Http => Some(TargetProtocol::Http),
            HealthCheckProtocol::Https => Some(TargetProtocol::Https),
            HealthCheckProtocol::Tcp => None,
        };
        port(model, group, target, (own, protocol), Whose::HealthCheck, findings);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Traffic,
    HealthCheck,
}

/// `protocol`: what is spoken there; `None`: the connection is all.
fn port(
    model: &Model,
    group: &TargetGroup,
    target: &Target,
    (port, protocol): (u16, Option<TargetProtocol>),
    whose: Whose,
    findings: &mut Vec<Finding>,
) {
    let place = match whose {
        Whose::HealthCheck => &group.health_check.place,
        Whose::Traffic => &target.place,
    };
    let asked = protocol.unwrap_or(TargetProtocol::Http);
    if let Some(DeclaredFailure::NotServed { instance, serves }) =
        declared_failure(model, group, target, port, asked)
    {
        let ports: Vec<String> = serves.iter().map(u16::to_string).collect();
        let who = match whose {
            Whose::HealthCheck => "the health check asks, and nothing",
            Whose::Traffic => "nothing",
        };
        let text =
            format!("{who} is declared to listen on port {port} of `instance.{}`", instance.name);
        let tls_ends = match (port, asked, whose) {
            (443, TargetProtocol::Http, Whose::Traffic) => "TLS ends at the load balancer: ",
            _ => "",
        };
        findings.push(
            Finding::warning("lint/target-not-served", place, text)
                .related(&instance.place, format!("it serves {}", ports.join(", ")))
                .hint(format!(
                    "{tls_ends}use one of these ports, or add {port} to `serves` if something \
                     listens there"
                )),
        );
        return;
    }
    let (Some(protocol), Some(application)) =
        (protocol, application_at(model, group, target, port))
    else {
        return;
    };
    let no_tls = matches!(
        declared_failure(model, group, target, port, protocol),
        Some(DeclaredFailure::NoTls { .. })
    );
    let plain_to_tls =
        protocol == TargetProtocol::Http && application.speaks_on(port) == TargetProtocol::Https;
    if no_tls || plain_to_tls {
        let (asked, spoken) = if no_tls { ("https", "plain http") } else { ("http", "TLS") };
        let who = application_words(model, group, target, application);
        let text =
            format!("`{}:{port}` is asked over {asked}, and {who} speaks {spoken}", target.address);
        findings.push(
            Finding::warning("lint/target-protocol", place, text)
                .related(&application.place, format!("it is declared to speak {spoken}"))
                .hint(format!(
                    "write `protocol = \"{}\"` where it is asked, or mend what is declared here",
                    if no_tls { "HTTP" } else { "HTTPS" }
                )),
        );
    }
}

/// The application of a target, and everything that it may pass a request on to.
fn all_behind<'m>(
    model: &'m Model,
    group: &'m TargetGroup,
    target: &Target,
) -> Vec<&'m Application> {
    let instance = instance_of(model, target);
    let mut found: Vec<&Application> =
        application_at(model, group, target, target.port).into_iter().collect();
    let mut at = 0;
    while let Some(application) = found.get(at).copied() {
        for to in application.proxies().into_iter().flat_map(|proxy| proxy.addresses()) {
            if let Some(Behind::Application(next, _)) = behind(model, instance, to)
                && !found.iter().any(|known| std::ptr::eq(*known, next))
            {
                found.push(next);
            }
        }
        at += 1;
    }
    found
}

fn not_started(
    model: &Model,
    group: &TargetGroup,
    target: &Target,
    application: &Application,
    findings: &mut Vec<Finding>,
) {
    let Some(unit) = application.unit.as_ref().filter(|unit| unit.enabled == Some(false)) else {
        return;
    };
    let who = application_words(model, group, target, application);
    let text = format!("`{}`, which runs {who}, is not started at boot", unit.name);
    findings.push(
        Finding::warning("lint/not-started-at-boot", &unit.place, text)
            .length(unit.name.chars().count() as u32 + 2)
            .related(&target.place, "this target gets 502 after the next reboot")
            .hint(format!("`systemctl enable {}`, then say `starts_at_boot = true`", unit.name)),
    );
}

/// Whoever hangs up first may do so while a request is on its way.
fn short_keep_alive(
    model: &Model,
    id: LoadBalancerId,
    group: &TargetGroup,
    findings: &mut Vec<Finding>,
) {
    let load_balancer = &model[id];
    let idle = load_balancer.attributes.idle_timeout;
    for target in &group.targets {
        let Some(application) = application_at(model, group, target, target.port) else { continue };
        // With 0 each answer says that it is the last.
        let short = |keep: &model::Seconds| (1..=idle.0).contains(&keep.0);
        let Some(keep) = application.keep_alive.filter(short) else { continue };
        let who = application_words(model, group, target, application);
        let text = format!(
            "{who} keeps idle connections for {keep}, and the load balancer `{}` for {idle}",
            load_balancer.name
        );
        findings.push(
            Finding::warning(
                "lint/keep-alive-too-short",
                &application.place,
                text,
            )
            .related(&load_balancer.place, format!("its `idle_timeout` is {idle}"))
            .hint(format!(
                "make it longer than {idle} in the application, or `idle_timeout` shorter than {keep}"
            )),
        );
    }
}
