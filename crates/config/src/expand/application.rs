//! Applications as text.

use model::application::{Facts, Written};
use model::{Application, Model, TargetProtocol};

use super::template_text;
use super::writer::{Writer, quoted};

pub fn application(out: &mut Writer, model: &Model, application: &Application) {
    let head = match application.port {
        Some(_) => format!("application {}", quoted(&application.name)),
        None => "application".to_owned(),
    };
    out.block(&head, |out| {
        if let Some(port) = application.port {
            out.set("port", port);
        }
        out.text(
            "protocol",
            match application.protocol {
                TargetProtocol::Http => "HTTP",
                TargetProtocol::Https => "HTTPS",
                TargetProtocol::Tcp => "TCP",
            },
        );
        match &application.written {
            Written::Facts(written) => facts(out, written),
            Written::Nginx(path) => out.text("nginx", &path.display().to_string()),
        }
        if let Some(keep_alive) = application.keep_alive {
            out.text("keep_alive", &keep_alive.to_string());
        }
        if let Some(trusts) = application.trusts_forwarded_proto {
            out.set("trusts_forwarded_proto", trusts);
        }
        if let Some(origins) = &application.cors {
            out.list("cors", origins.iter().map(|origin| quoted(origin)));
        }
        if let Some(unit) = &application.unit {
            out.text("unit", &unit.name);
            if let Some(enabled) = unit.enabled {
                out.set("starts_at_boot", enabled);
            }
        }
        super::silence::of_block(out, model, &application.place);
    });
}

fn facts(out: &mut Writer, facts: &Facts) {
    match facts.redirects_to_https {
        None => {}
        Some(443) => out.text("redirects", "https"),
        Some(port) => out.text("redirects", &format!("https:{port}")),
    }
    if let Some(to) = &facts.forward {
        out.text("forward", to);
    }
    if let Some(status) = facts.answers {
        out.set("answers", status);
    }
    for redirect in &facts.redirects {
        out.block("redirect", |out| {
            out.text("from", redirect.from.source());
            out.text("to", &template_text(&redirect.to));
            out.set("status", redirect.status);
        });
    }
}
