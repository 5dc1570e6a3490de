//! Authorities.

use model::{Authority, Model, Ordered, SecretSource, ValidationPorts};

use super::writer::{Writer, quoted};

pub fn authority(out: &mut Writer, authority: &Authority) {
    out.block(&format!("authority {}", quoted(&authority.name)), |out| {
        out.text("directory", &authority.directory);
        out.set("agree_to_terms", true);
        if !authority.contact.is_empty() {
            out.list("contact", authority.contact.iter().map(|contact| quoted(contact)));
        }
        if let Some(profile) = &authority.profile {
            out.text("profile", profile);
        }
        if let Some(roots) = &authority.roots {
            out.text("roots", &roots.display().to_string());
        }
        let ValidationPorts { http, tls } = authority.ports;
        out.set("http_port", http);
        out.set("tls_port", tls);
        if let Some(account) = &authority.external_account {
            out.block("eab", |out| {
                out.text("key_id", &account.key_id);
                out.set(
                    "key",
                    match &account.key {
                        SecretSource::File(path) => {
                            format!("file({})", quoted(&path.display().to_string()))
                        }
                        SecretSource::Variable(name) => format!("env({})", quoted(name)),
                    },
                );
            });
        }
    });
}

/// What a certificate says of the authorities it comes from.
pub fn ordered(out: &mut Writer, model: &Model, ordered: &Ordered) {
    let authorities = ordered.authorities.iter().map(|id| format!("authority.{}", model[*id].name));
    out.list("authority", authorities);
    if let Some(challenge) = ordered.challenge {
        out.text("challenge", challenge.name());
    }
    out.text("key_kind", ordered.key.name());
    if let Some(on_demand) = &ordered.on_demand {
        out.block("on_demand", |out| {
            out.list("names", on_demand.names.iter().map(|name| quoted(name)));
            out.text("ask", &on_demand.ask.to_string());
            out.set("orders_per_hour", on_demand.orders_per_hour);
            out.set("max_names", on_demand.max_names);
        });
    }
}
