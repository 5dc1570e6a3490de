//! Target groups.

mod verify;

use std::net::IpAddr;

use hcl_edit::expr::Expression;
use hcl_edit::structure::Block;
use model::{
    Algorithm, HealthCheck, HealthCheckPort, HealthCheckProtocol, Host, InstanceId, Seconds,
    StatusMatcher, Stickiness, Target, TargetAddress, TargetGroup, TargetProtocol,
};

use crate::names::Kind;
use crate::section::Section;

/// ALB.md §2c, reserved names of application cookies.
const RESERVED_COOKIE: &str = "AWSALB";
const DAY: Seconds = Seconds(86_400);

pub fn read<'s>(section: Section<'s>, block: &'s Block) -> TargetGroup {
    let name = section.label(block, true).unwrap_or_default().to_owned();
    let protocols = [
        ("HTTP", TargetProtocol::Http),
        ("HTTPS", TargetProtocol::Https),
        ("TCP", TargetProtocol::Tcp),
    ];
    let protocol = section.choice("protocol", &protocols).unwrap_or(TargetProtocol::Http);
    let verification = verify::read(&section, protocol);
    let port = section.number("port", 1..=65535).map(|port| port as u16);
    let mut targets: Vec<Target> = Vec::new();
    if let Some(value) = section.value("targets") {
        for item in Section::items(value) {
            if let Some(target) = target(&section, item, port) {
                if let Some(first) =
                    targets.iter().find(|t| t.address == target.address && t.port == target.port)
                {
                    let text = format!("the target `{target}` is registered twice");
                    let finding = section.error_at(item, "config/duplicate-target", text);
                    section.push(
                        finding
                            .related(&first.place, "first registered here")
                            .hint("remove one of the two"),
                    );
                } else {
                    targets.push(target);
                }
            }
        }
    }
    let health_check = health_check(&section, protocol);
    let algorithm = algorithm(&section);
    let stickiness = stickiness(&section);
    let slow_start = slow_start(&section, algorithm);
    if protocol == TargetProtocol::Tcp {
        for name in ["stickiness", "application"] {
            if let Some(block) = section.block(name) {
                section.push(
                    section
                        .error_at(
                            &block.ident,
                            "config/conflict",
                            format!("a TCP group sees no requests, and has no `{name}`"),
                        )
                        .hint(format!(
                            "remove `{name}`, or write `protocol = \"HTTP\"` or `\"HTTPS\"`"
                        )),
                );
            }
        }
    }
    if stickiness != Stickiness::Off
        && matches!(algorithm, Algorithm::WeightedRandom { .. })
        && let Some(block) = section.block("stickiness")
    {
        section.push(
            section
                .error_at(&block.ident, "config/conflict", "weighted random has no stickiness")
                .hint("remove `stickiness`, or choose `algorithm = \"round_robin\"`"),
        );
    }
    let deregistration_delay =
        section.seconds("deregistration_delay", 0..=3600).unwrap_or(Seconds(300));
    let minimum = section.number("minimum_healthy_targets", 1..=1000).unwrap_or(1);
    let group = TargetGroup {
        name,
        protocol,
        verification,
        targets,
        health_check,
        algorithm,
        stickiness,
        slow_start,
        deregistration_delay,
        minimum_healthy_targets: minimum as u32,
        application: crate::application::of_group(&section, protocol),
        place: section.place(),
    };
    section.finish();
    group
}

fn target<'s>(section: &Section<'s>, value: &'s Expression, port: Option<u16>) -> Option<Target> {
    let place = section.place_of(value);
    if let Some((written, name)) = Section::written_reference(value) {
        let (_, id) = section.resolve("targets", value, written, name, &[Kind::Instance])?;
        let Some(port) = port else {
            section.invalid(
                value,
                format!("`{written}.{name}` says no port"),
                "add `port = …` to the target group",
            );
            return None;
        };
        let address = TargetAddress::Instance { id: InstanceId(id), name: name.to_owned() };
        return Some(Target { address, port, place });
    }
    let text = section.text("targets", value)?;
    // In quotes, where it has a port of its own.
    let instance = text.strip_prefix("instance.").filter(|rest| !rest.contains('.'));
    let name = instance.map(|rest| rest.split_once(':').map_or(rest, |(name, _)| name));
    let id = match name {
        Some(name) => {
            let found = section.resolve("targets", value, "instance", name, &[Kind::Instance])?;
            Some((InstanceId(found.1), name.to_owned()))
        }
        None => None,
    };
    match parse_target(&text, port) {
        Ok((_, port)) if let Some((id, name)) = id => {
            Some(Target { address: TargetAddress::Instance { id, name }, port, place })
        }
        Ok((address, port)) => Some(Target { address, port, place }),
        Err((message, hint)) => {
            section.invalid(value, message, hint);
            None
        }
    }
}

/// `10.0.1.5:3000`, `[::1]:3000`, `app.internal:3000`, or any of them without a port.
pub fn parse_target(
    text: &str,
    default: Option<u16>,
) -> Result<(TargetAddress, u16), (String, String)> {
    if text.contains("://") {
        let bare = text.split("://").nth(1).unwrap_or("").trim_end_matches('/');
        return Err((
            format!("`{text}` is a URL, not a target"),
            format!("write `\"{bare}\"`, and say HTTPS with `protocol` of the group"),
        ));
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        let port = default.ok_or_else(|| no_port(text))?;
        return Ok((TargetAddress::Ip(model::canonical(address)), port));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => {
            let parsed = port.parse::<u16>().ok().filter(|port| *port > 0);
            (
                host,
                parsed.ok_or_else(|| {
                    (format!("`{port}` is no port"), "a port is from 1 to 65535".to_owned())
                })?,
            )
        }
        None => (text, default.ok_or_else(|| no_port(text))?),
    };
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok((TargetAddress::Ip(model::canonical(address)), port));
    }
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let numeric = host.split('.').all(|label| label.bytes().all(|b| b.is_ascii_digit()));
    if host.is_empty() || host.len() > 253 || numeric || !host.split('.').all(label) {
        return Err((format!("`{text}` is no target"), "write `\"10.0.1.5:3000\"`, `\"[2001:db8::5]:3000\"`, `\"app.internal:3000\"`, or `instance.name`".to_owned()));
    }
    Ok((TargetAddress::Name(Host(host)), port))
}

fn no_port(text: &str) -> (String, String) {
    (
        format!("the target `{text}` says no port"),
        format!("write `\"{text}:80\"`, or add `port = …` to the target group"),
    )
}

fn health_check(outer: &Section<'_>, group: TargetProtocol) -> HealthCheck {
    let defaults = HealthCheck {
        protocol: match group {
            TargetProtocol::Http => HealthCheckProtocol::Http,
            TargetProtocol::Https => HealthCheckProtocol::Https,
            TargetProtocol::Tcp => HealthCheckProtocol::Tcp,
        },
        place: outer.place(),
        ..HealthCheck::default()
    };
    let Some(block) = outer.block("health_check") else { return defaults };
    let section = Section::new(outer.context, outer.origin, "health_check", block);
    section.label(block, false);
    let protocols = [
        ("HTTP", HealthCheckProtocol::Http),
        ("HTTPS", HealthCheckProtocol::Https),
        ("TCP", HealthCheckProtocol::Tcp),
    ];
    let mut check = HealthCheck { place: section.place(), ..defaults };
    check.enabled = section.flag("enabled").unwrap_or(true);
    check.protocol = section.choice("protocol", &protocols).unwrap_or(check.protocol);
    check.port = match section.value("port") {
        None => HealthCheckPort::Traffic,
        Some(Expression::String(text))
            if ["traffic", "traffic-port"].contains(&text.value().as_str()) =>
        {
            HealthCheckPort::Traffic
        }
        Some(value) => match section.number_in("port", value, 1..=65535) {
            Some(port) => HealthCheckPort::Port(port as u16),
            None => HealthCheckPort::Traffic,
        },
    };
    if let Some(value) = section.value("path")
        && let Some(path) = section.text("path", value)
    {
        if !path.starts_with('/')
            || path.len() > 1024
            || !path.bytes().all(|b| b.is_ascii_graphic())
        {
            section.invalid(
                value,
                format!("`{path}` is no path"),
                "a path begins with `/`, has no spaces and at most 1024 characters",
            );
        } else {
            check.path = path;
        }
    }
    if let Some(value) = section.value("host")
        && let Some(host) = section.text("host", value)
    {
        if host.is_empty()
            || !host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b))
        {
            section.invalid(
                value,
                format!("`{host}` is no host"),
                "write a name such as `example.com`",
            );
        } else {
            check.host = Some(host);
        }
    }
    check.interval = section.seconds("interval", 1..=300).unwrap_or(check.interval);
    check.timeout = section.seconds("timeout", 1..=120).unwrap_or(check.timeout);
    check.healthy_threshold =
        section.number("healthy_threshold", 2..=10).map_or(check.healthy_threshold, |n| n as u32);
    check.unhealthy_threshold = section
        .number("unhealthy_threshold", 2..=10)
        .map_or(check.unhealthy_threshold, |n| n as u32);
    if let Some(value) = section.value("expect") {
        let text = match value {
            Expression::Number(number) => Some(number.value().to_string()),
            other => section.text("expect", other),
        };
        match text.as_deref().map(StatusMatcher::parse) {
            Some(Some(matcher)) => check.matcher = matcher,
            Some(None) => section.invalid(
                value,
                "this is no list of statuses",
                "write `\"200\"`, `\"200,202\"` or `\"200-299\"`, from 200 to 599",
            ),
            None => {}
        }
    }
    if check.timeout > check.interval {
        section.push(
            model::Finding::warning(
                "lint/health-check-timeout",
                &section.place(),
                format!(
                    "the timeout of {} is longer than the interval of {}",
                    check.timeout, check.interval
                ),
            )
            .hint("probes overlap: make the timeout shorter"),
        );
    }
    section.finish();
    check
}

fn algorithm(section: &Section<'_>) -> Algorithm {
    let choices = [
        ("round_robin", Algorithm::RoundRobin),
        ("least_outstanding_requests", Algorithm::LeastOutstandingRequests),
        ("weighted_random", Algorithm::WeightedRandom { anomaly_mitigation: false }),
    ];
    let algorithm = section.choice("algorithm", &choices).unwrap_or(Algorithm::RoundRobin);
    match (section.flag("anomaly_mitigation"), algorithm) {
        (Some(anomaly_mitigation), Algorithm::WeightedRandom { .. }) => {
            Algorithm::WeightedRandom { anomaly_mitigation }
        }
        (Some(true), _) => {
            if let Some(value) = section.value("anomaly_mitigation") {
                section.invalid(
                    value,
                    "anomaly mitigation goes with weighted random only",
                    "add `algorithm = \"weighted_random\"`",
                );
            }
            algorithm
        }
        (Some(false) | None, algorithm) => algorithm,
    }
}

fn stickiness(outer: &Section<'_>) -> Stickiness {
    let Some(block) = outer.block("stickiness") else { return Stickiness::Off };
    let section = Section::new(outer.context, outer.origin, "stickiness", block);
    section.label(block, false);
    let duration = section.seconds("duration", 1..=604_800).unwrap_or(DAY);
    let app =
        section.choice("type", &[("lb_cookie", false), ("app_cookie", true)]).unwrap_or(false);
    let cookie =
        section.value("cookie").and_then(|value| Some((section.text("cookie", value)?, value)));
    let stickiness = match (app, cookie) {
        (false, None) => Stickiness::LoadBalancerCookie { duration },
        (false, Some((_, value))) => {
            section.invalid(
                value,
                "the load balancer's own cookie has a fixed name",
                "remove `cookie`, or write `type = \"app_cookie\"`",
            );
            Stickiness::LoadBalancerCookie { duration }
        }
        (true, None) => {
            section.push(
                section
                    .error("config/missing-attribute", "an application cookie needs its name")
                    .hint("add `cookie = \"JSESSIONID\"`"),
            );
            Stickiness::Off
        }
        (true, Some((name, value))) => {
            if name.is_empty()
                || name.starts_with(RESERVED_COOKIE)
                || !name.bytes().all(|b| b.is_ascii_graphic() && !b"=;,\"".contains(&b))
            {
                section.invalid(
                    value,
                    format!("`{name}` cannot be an application's cookie"),
                    "name the cookie that your application sets; `AWSALB…` is ours",
                );
            }
            Stickiness::AppCookie { name, duration }
        }
    };
    section.finish();
    stickiness
}

fn slow_start(section: &Section<'_>, algorithm: Algorithm) -> Seconds {
    let Some(value) = section.value("slow_start") else { return Seconds(0) };
    let Some(seconds) = section.seconds("slow_start", 0..=900) else { return Seconds(0) };
    if (1..30).contains(&seconds.0) {
        section.invalid(value, "`slow_start` is out of range", "it is 0s, or from 30s to 900s");
    }
    if seconds.0 > 0 && algorithm != Algorithm::RoundRobin {
        section.invalid(
            value,
            "slow start goes with round robin only",
            "remove `slow_start`, or `algorithm`",
        );
    }
    seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        let rows: &[(&str, Option<u16>, Option<&str>)] = &[
            ("10.0.1.5:3000", None, Some("10.0.1.5:3000")),
            ("10.0.1.5", Some(80), Some("10.0.1.5:80")),
            ("[::1]:80", None, Some("[::1]:80")),
            ("::1", Some(80), Some("[::1]:80")),
            ("App.internal.:80", None, Some("app.internal:80")),
            ("localhost:3000", None, Some("localhost:3000")),
            ("10.0.1.5", None, None),
            ("http://a:80", None, None),
            ("a:0", None, None),
            ("300.1.1.1:80", None, None),
            ("", Some(80), None),
        ];
        for (text, port, expected) in rows {
            let got = parse_target(text, *port).ok().map(|(a, p)| format!("{a}:{p}"));
            assert_eq!(got.as_deref(), *expected, "{text}");
        }
    }
}
