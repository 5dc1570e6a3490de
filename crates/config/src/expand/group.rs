//! Target groups as text.

use model::{
    Algorithm, HealthCheck, HealthCheckPort, HealthCheckProtocol, Model, Stickiness,
    TargetAuthorities, TargetGroup, TargetProtocol,
};

use super::writer::{Writer, quoted};

pub fn target_group(out: &mut Writer, model: &Model, group: &TargetGroup) {
    out.block(&format!("target_group {}", quoted(&group.name)), |out| {
        out.text(
            "protocol",
            match group.protocol {
                TargetProtocol::Http => "HTTP",
                TargetProtocol::Https => "HTTPS",
                TargetProtocol::Tcp => "TCP",
            },
        );
        out.list("targets", group.targets.iter().map(|target| quoted(&target.to_string())));
        let (algorithm, mitigation) = match group.algorithm {
            Algorithm::RoundRobin => ("round_robin", false),
            Algorithm::LeastOutstandingRequests => ("least_outstanding_requests", false),
            Algorithm::WeightedRandom { anomaly_mitigation } => {
                ("weighted_random", anomaly_mitigation)
            }
        };
        out.text("algorithm", algorithm);
        if mitigation {
            out.set("anomaly_mitigation", true);
        }
        if group.slow_start.0 > 0 {
            out.text("slow_start", &group.slow_start.to_string());
        }
        out.text("deregistration_delay", &group.deregistration_delay.to_string());
        out.set("minimum_healthy_targets", group.minimum_healthy_targets);
        out.text.push('\n');
        if let Some(verification) = &group.verification {
            out.block("verify", |out| {
                match &verification.authorities {
                    TargetAuthorities::System => out.text("authorities", "system"),
                    TargetAuthorities::File(path) => {
                        out.text("authorities", &path.display().to_string());
                    }
                }
                if let Some(name) = &verification.name {
                    out.text("name", &name.0);
                }
            });
        }
        health_check(out, &group.health_check);
        if let Some(application) = &group.application {
            super::application::application(out, model, application);
        }
        match &group.stickiness {
            Stickiness::Off => {}
            Stickiness::LoadBalancerCookie { duration } => out.block("stickiness", |out| {
                out.text("type", "lb_cookie");
                out.text("duration", &duration.to_string());
            }),
            Stickiness::AppCookie { name, duration } => out.block("stickiness", |out| {
                out.text("type", "app_cookie");
                out.text("cookie", name);
                out.text("duration", &duration.to_string());
            }),
        }
        super::silence::of_block(out, model, &group.place);
    });
}

fn health_check(out: &mut Writer, check: &HealthCheck) {
    out.block("health_check", |out| {
        out.set("enabled", check.enabled);
        out.text(
            "protocol",
            match check.protocol {
                HealthCheckProtocol::Http => "HTTP",
                HealthCheckProtocol::Https => "HTTPS",
                HealthCheckProtocol::Tcp => "TCP",
            },
        );
        match check.port {
            HealthCheckPort::Traffic => out.text("port", "traffic"),
            HealthCheckPort::Port(port) => out.set("port", port),
        }
        out.text("path", &check.path);
        if let Some(host) = &check.host {
            out.text("host", host);
        }
        out.text("interval", &check.interval.to_string());
        out.text("timeout", &check.timeout.to_string());
        out.set("healthy_threshold", check.healthy_threshold);
        out.set("unhealthy_threshold", check.unhealthy_threshold);
        let range = |(first, last): &(u16, u16)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        };
        out.text("expect", &check.matcher.0.iter().map(range).collect::<Vec<_>>().join(","));
    });
}
