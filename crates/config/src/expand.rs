//! A model as configuration text, with its sugar spelt out. Reading it gives the same model.

mod application;
mod authority;
mod group;
mod intent;
mod names;
mod silence;
mod trust;
mod writer;

use std::fmt::Write;

use model::{
    Action, Certificate, CertificateSource, Condition, Deny, DesyncMode, Enforce, Forward,
    ForwardedForMode, Guarded, InvalidHeaders, Listener, ListenerProtocol, LoadBalancer,
    LoadBalancerAttributes, Matcher, Model, Peer, PortRange, Ports, Redirect, Rule, Scheme,
    SecurityGroup, SecurityRule, Template, TemplatePart, Transform,
};

use self::group::target_group;
use self::writer::Writer;
pub use self::writer::quoted;

/// The whole model, in the canonical layout.
pub fn expand(model: &Model) -> String {
    let mut out = Writer::default();
    for network in &model.networks {
        out.block(&format!("network {}", quoted(&network.name)), |out| {
            out.list("cidrs", network.cidrs.iter().map(|cidr| quoted(&cidr.to_string())));
            if !network.seen_as.is_empty() {
                out.list("seen_as", network.seen_as.iter().map(|net| quoted(&net.to_string())));
            }
            silence::of_block(out, model, &network.place);
        });
    }
    model.security_groups.iter().for_each(|group| security_group(&mut out, model, group));
    for instance in &model.instances {
        out.block(&format!("instance {}", quoted(&instance.name)), |out| {
            out.list("addresses", instance.addresses.iter().map(|a| quoted(&a.to_string())));
            addresses(out, "public_addresses", &instance.public_addresses);
            groups(out, model, &instance.security_groups);
            if let Some(ports) = &instance.serves {
                out.list("serves", ports.iter().map(u16::to_string));
            }
            match instance.guarded {
                Guarded::Here => out.text("enforce", "nftables"),
                Guarded::Elsewhere => {}
            }
            instance.applications.iter().for_each(|one| application::application(out, model, one));
            silence::of_block(out, model, &instance.place);
        });
    }
    model.authorities.iter().for_each(|one| authority::authority(&mut out, one));
    model.certificates.iter().for_each(|c| certificate(&mut out, model, c));
    model.trust_stores.iter().for_each(|store| trust::store(&mut out, store));
    model.load_balancers.iter().for_each(|lb| load_balancer(&mut out, model, lb));
    model.target_groups.iter().for_each(|group| target_group(&mut out, model, group));
    names::names(&mut out, model);
    model.pages.iter().for_each(|page| intent::page(&mut out, model, page));
    model.expectations.iter().for_each(|e| intent::expectation(&mut out, model, e));
    silence::at_top(&mut out, model);
    // Our own text parses, so that it can be laid out.
    crate::format(&out.text).unwrap_or(out.text)
}

fn addresses(out: &mut Writer, name: &str, addresses: &[std::net::IpAddr]) {
    if !addresses.is_empty() {
        out.list(name, addresses.iter().map(|address| quoted(&address.to_string())));
    }
}

fn ports(ports: &Ports) -> String {
    if ports.0 == [PortRange::ALL] {
        return "\"all\"".to_owned();
    }
    let one = |range: &PortRange| match range.first == range.last {
        true => range.first.to_string(),
        false => format!("\"{}-{}\"", range.first, range.last),
    };
    format!("[{}]", ports.0.iter().map(one).collect::<Vec<_>>().join(", "))
}

fn security_group(out: &mut Writer, model: &Model, group: &SecurityGroup) {
    let peer = |peer: &Peer| match peer {
        Peer::Cidr(net) => quoted(&net.to_string()),
        Peer::Network(id) => format!("network.{}", model[*id].name),
        Peer::SecurityGroup(id) => format!("security_group.{}", model[*id].name),
        Peer::Instance(id) => format!("instance.{}", model[*id].name),
        Peer::Anywhere => "anywhere".to_owned(),
    };
    let rule = |out: &mut Writer, kind: &str, peers: &str, rule: &SecurityRule| {
        out.block(kind, |out| {
            out.set("ports", ports(&rule.ports));
            out.list(peers, rule.peers.iter().map(peer));
        });
    };
    out.block(&format!("security_group {}", quoted(&group.name)), |out| {
        group.ingress.iter().for_each(|r| rule(out, "ingress", "from", r));
        group.egress.iter().flatten().for_each(|r| rule(out, "egress", "to", r));
        silence::of_block(out, model, &group.place);
    });
}

fn groups(out: &mut Writer, model: &Model, ids: &[model::SecurityGroupId]) {
    if !ids.is_empty() {
        out.list(
            "security_groups",
            ids.iter().map(|id| format!("security_group.{}", model[*id].name)),
        );
    }
}

fn certificate(out: &mut Writer, model: &Model, certificate: &Certificate) {
    out.block(&format!("certificate {}", quoted(&certificate.name)), |out| {
        match &certificate.source {
            CertificateSource::Files { chain, key, ocsp_response } => {
                out.text("chain", &chain.display().to_string());
                out.text("key", &key.display().to_string());
                if let Some(path) = ocsp_response {
                    out.text("ocsp_response", &path.display().to_string());
                }
            }
            CertificateSource::Development => out.set("development", true),
            CertificateSource::Authority(ordered) => authority::ordered(out, model, ordered),
            CertificateSource::Imported => out.set("imported", true),
        }
        if !certificate.names.is_empty() {
            out.list("names", certificate.names.iter().map(|name| quoted(name)));
        }
        silence::of_block(out, model, &certificate.place);
    });
}

fn load_balancer(out: &mut Writer, model: &Model, load_balancer: &LoadBalancer) {
    out.block(&format!("load_balancer {}", quoted(&load_balancer.name)), |out| {
        out.text(
            "scheme",
            match load_balancer.scheme {
                Scheme::InternetFacing => "internet-facing",
                Scheme::Internal => "internal",
            },
        );
        addresses(out, "addresses", &load_balancer.addresses);
        addresses(out, "public_addresses", &load_balancer.public_addresses);
        groups(out, model, &load_balancer.security_groups);
        out.text(
            "deny",
            match load_balancer.deny {
                Deny::Drop => "drop",
                Deny::Reset => "reset",
                Deny::Page => "page",
            },
        );
        out.text(
            "enforce",
            match load_balancer.enforce {
                Enforce::Socket => "socket",
                Enforce::Nftables => "nftables",
            },
        );
        attributes(out, &load_balancer.attributes);
        out.text.push('\n');
        for id in &load_balancer.listeners {
            listener(out, model, &model[*id]);
        }
        silence::of_block(out, model, &load_balancer.place);
    });
}

fn attributes(out: &mut Writer, attributes: &LoadBalancerAttributes) {
    for (name, value) in [
        ("idle_timeout", attributes.idle_timeout),
        ("client_keep_alive", attributes.client_keep_alive),
        ("handshake_timeout", attributes.handshake_timeout),
        ("head_timeout", attributes.head_timeout),
        ("connect_timeout", attributes.connect_timeout),
    ] {
        out.text(name, &value.to_string());
    }
    out.text(
        "desync_mitigation_mode",
        match attributes.desync_mitigation_mode {
            DesyncMode::Monitor => "monitor",
            DesyncMode::Defensive => "defensive",
            DesyncMode::Strictest => "strictest",
        },
    );
    out.text(
        "forwarded_for",
        match attributes.forwarded_for {
            ForwardedForMode::Append => "append",
            ForwardedForMode::Preserve => "preserve",
            ForwardedForMode::Remove => "remove",
        },
    );
    out.set("forwarded_for_client_port", attributes.forwarded_for_client_port);
    out.set("drop_invalid_header_fields", attributes.invalid_headers == InvalidHeaders::Drop);
    out.set("preserve_host_header", attributes.preserve_host_header);
    out.set("tls_version_and_cipher_headers", attributes.tls_version_and_cipher_headers);
    if let Some(most) = attributes.max_connections {
        out.set("max_connections", most);
    }
    for (name, path) in
        [("access_log", &attributes.access_log), ("connection_log", &attributes.connection_log)]
    {
        if let Some(path) = path {
            out.text(name, path);
        }
    }
}

fn listener(out: &mut Writer, model: &Model, listener: &Listener) {
    out.block(&format!("listener {}", quoted(&listener.name)), |out| {
        out.set("port", listener.port);
        match listener.protocol {
            ListenerProtocol::Http => out.text("protocol", "HTTP"),
            ListenerProtocol::Https => {
                out.text("protocol", "HTTPS");
                out.list(
                    "certificates",
                    listener
                        .certificates
                        .iter()
                        .map(|id| format!("certificate.{}", model[*id].name)),
                );
                out.text("tls_policy", listener.tls_policy.name());
            }
            ListenerProtocol::TlsPassthrough => out.text("protocol", "TLS_PASSTHROUGH"),
        }
        if listener.protocol != ListenerProtocol::TlsPassthrough {
            out.set("server_header", listener.attributes.server_header);
            out.set("allow_ambiguous_paths", listener.attributes.allow_ambiguous_paths);
        }
        if !listener.attributes.response_headers.0.is_empty() {
            out.text.push_str("response_headers = {\n");
            for (name, value) in &listener.attributes.response_headers.0 {
                let _ = writeln!(out.text, "{} = {}", quoted(name), quoted(value));
            }
            out.text.push_str("}\n");
        }
        out.text.push('\n');
        if let Some(clients) = &listener.client_certificates {
            trust::client_certificates(out, model, clients);
        }
        listener.rules.iter().for_each(|r| rule(out, model, r));
        out.block("default", |out| action(out, model, &listener.default_action));
        silence::of_block(out, model, &listener.place);
    });
}

fn rule(out: &mut Writer, model: &Model, rule: &Rule) {
    out.block(&format!("rule {}", quoted(&rule.name)), |out| {
        out.set("priority", rule.priority);
        rule.conditions.iter().for_each(|c| condition(out, c));
        if !rule.transforms.is_empty() {
            out.block("rewrite", |out| {
                for transform in &rule.transforms {
                    let (names, pattern, replacement) = match transform {
                        Transform::HostHeader { pattern, replacement } => {
                            (("host_regex", "host"), pattern, replacement)
                        }
                        Transform::Url { pattern, replacement } => {
                            (("path_regex", "path"), pattern, replacement)
                        }
                    };
                    out.text(names.0, pattern.as_str());
                    out.text(names.1, replacement);
                }
            });
        }
        action(out, model, &rule.action);
        silence::of_block(out, model, &rule.place);
    });
}

fn condition(out: &mut Writer, condition: &Condition) {
    match condition {
        Condition::Host(matchers_) => matchers(out, "host", "host_regex", matchers_),
        Condition::ServerName(names) => matchers(out, "server_name", "server_name", names),
        Condition::Path(matchers_) => matchers(out, "path", "path_regex", matchers_),
        Condition::Method(methods) => out.list("method", methods.iter().map(|m| quoted(m))),
        Condition::SourceIp(nets) => {
            out.list("source_ip", nets.iter().map(|n| quoted(&n.to_string())))
        }
        Condition::Header { name, values } => out.block("header", |out| {
            out.text("name", name);
            matchers(out, "values", "regex", values);
        }),
        Condition::Query(patterns) => out.block("query", |out| {
            if let Some(key) = patterns.first().and_then(|pattern| pattern.key.as_ref()) {
                out.text("key", key.source());
            }
            out.list("value", patterns.iter().map(|pattern| quoted(pattern.value.source())));
        }),
    }
}

fn matchers(out: &mut Writer, plain: &str, regex: &str, matchers: &[Matcher]) {
    for (name, wildcards) in [(plain, true), (regex, false)] {
        let of_kind: Vec<String> = matchers
            .iter()
            .filter(|matcher| matches!(matcher, Matcher::Wildcard(_)) == wildcards)
            .map(|matcher| quoted(matcher.source()))
            .collect();
        if !of_kind.is_empty() {
            out.list(name, of_kind.into_iter());
        }
    }
}

fn action(out: &mut Writer, model: &Model, action: &Action) {
    match action {
        Action::Forward(Forward { groups, stickiness: None })
            if groups.len() == 1 && groups[0].weight == 1 =>
        {
            out.set("forward", format!("target_group.{}", model[groups[0].group].name));
        }
        Action::Forward(forward) => out.block("forward", |out| {
            for weighted in &forward.groups {
                out.block("group", |out| {
                    out.set("target", format!("target_group.{}", model[weighted.group].name));
                    out.set("weight", weighted.weight);
                });
            }
            if let Some(stickiness) = forward.stickiness {
                out.text("stickiness", &stickiness.duration.to_string());
            }
        }),
        Action::Redirect(redirect) => out.block("redirect", |out| redirect_parts(out, redirect)),
        Action::Close => out.set("close", true),
        Action::FixedResponse(fixed) => out.block("fixed_response", |out| {
            out.set("status", fixed.status);
            out.text("content_type", &fixed.content_type);
            out.text("body", &fixed.body);
        }),
    }
}

fn redirect_parts(out: &mut Writer, redirect: &Redirect) {
    out.set("status", redirect.status.code());
    for (name, template) in [
        ("protocol", &redirect.protocol),
        ("host", &redirect.host),
        ("port", &redirect.port),
        ("path", &redirect.path),
        ("query", &redirect.query),
    ] {
        out.text(name, &template_text(template));
    }
}

fn template_text(template: &Template) -> String {
    let part = |part: &TemplatePart| match part {
        TemplatePart::Text(text) => text.clone(),
        TemplatePart::Protocol => "#{protocol}".to_owned(),
        TemplatePart::Host => "#{host}".to_owned(),
        TemplatePart::Port => "#{port}".to_owned(),
        TemplatePart::Path => "#{path}".to_owned(),
        TemplatePart::Query => "#{query}".to_owned(),
    };
    template.0.iter().map(part).collect()
}
