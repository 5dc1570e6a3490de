//! Listeners.

use hcl_edit::expr::Expression;
use hcl_edit::structure::Block;
use model::{
    Action, FixedResponse, HeaderOverrides, Listener, ListenerAttributes, ListenerProtocol,
    LoadBalancerId, Place,
};

use crate::blocks::certificates;
use crate::section::Section;
use crate::{passing, policy, rule, trust};

/// ALB.md §2b.
const HEADER_BYTES_MAX: usize = 1024;

pub fn read<'s>(
    outer: &Section<'s>,
    block: &'s Block,
    load_balancer: LoadBalancerId,
) -> Option<Listener> {
    let section = Section::new(outer.context, outer.origin, "listener", block);
    let name = section.label(block, true).unwrap_or_default().to_owned();
    let protocols = [
        ("HTTP", ListenerProtocol::Http),
        ("HTTPS", ListenerProtocol::Https),
        ("TLS_PASSTHROUGH", ListenerProtocol::TlsPassthrough),
    ];
    let protocol = section.choice("protocol", &protocols).unwrap_or(ListenerProtocol::Http);
    let port = section
        .required("port", "80")
        .and_then(|value| section.number_in("port", value, 1..=65535));
    let certificates = certificates(&section, "certificates");
    check_certificates(&section, protocol, certificates.is_empty());
    let tls_policy = policy::read(&section);
    let client_certificates = trust::client_certificates(&section, protocol);
    if protocol == ListenerProtocol::TlsPassthrough {
        passing::refuse_attributes(&section);
    }
    let rules = rule::read_all(&section, protocol, 1);
    let default = default_action(&section, protocol);
    let attributes = attributes(&section);
    let place = section.place();
    section.finish();
    let (default_action, default_place) = default?;
    Some(Listener {
        name,
        load_balancer,
        port: port? as u16,
        protocol,
        certificates,
        tls_policy,
        client_certificates,
        rules: rules.into(),
        default_action,
        default_place,
        attributes,
        place,
    })
}

fn check_certificates(section: &Section<'_>, protocol: ListenerProtocol, none: bool) {
    let value = section.value("certificates");
    match (protocol, value, none) {
        (ListenerProtocol::Https, None, _) => section.push(
            section
                .error("config/no-certificate", format!("{} is HTTPS and has no certificate", section.title))
                .hint("add `certificates = [certificate.name]`; `certificate \"name\" { development = true }` makes one"),
        ),
        (ListenerProtocol::Http, Some(value), _) => section.push(
            section
                .error_at(value, "config/certificate-on-http", "an HTTP listener has no certificates")
                .hint("write `protocol = \"HTTPS\"`, or remove `certificates`"),
        ),
        (ListenerProtocol::Https, Some(Expression::Array(array)), _) if array.is_empty() => section.push(
            section
                .error_at(array, "config/no-certificate", format!("{} is HTTPS and has no certificate", section.title))
                .hint("the first of the list is the default certificate"),
        ),
        (ListenerProtocol::TlsPassthrough, Some(value), _) => section.push(
            section
                .error_at(value, "config/conflict", format!("{} passes TLS through, and shows no certificate", section.title))
                .hint("remove `certificates`: the target shows its own; or end TLS here with `protocol = \"HTTPS\"`"),
        ),
        (ListenerProtocol::Http | ListenerProtocol::TlsPassthrough, None, _)
        | (ListenerProtocol::Https, Some(_), _) => {}
    }
}

fn default_action<'s>(outer: &Section<'s>, protocol: ListenerProtocol) -> Option<(Action, Place)> {
    let Some(block) = outer.block("default") else {
        outer.push(
            outer
                .error("config/missing-default", format!("{} has no default action", outer.title))
                .hint(
                    "add `default { forward = target_group.… }`: what happens when no rule matches",
                ),
        );
        return None;
    };
    read_default(outer, block, protocol)
}

pub fn read_default<'s>(
    outer: &Section<'s>,
    block: &'s Block,
    protocol: ListenerProtocol,
) -> Option<(Action, Place)> {
    let section = Section::new(outer.context, outer.origin, "default", block);
    section.label(block, false);
    let action = rule::action(&section, protocol);
    let place = section.place();
    section.finish();
    Some((action?, place))
}

/// What a shared listener answers to hosts that no site has.
pub fn not_found() -> Action {
    Action::FixedResponse(FixedResponse {
        status: 404,
        content_type: "text/plain".to_owned(),
        body: "no such site".to_owned(),
    })
}

fn attributes(section: &Section<'_>) -> ListenerAttributes {
    let mut overrides = Vec::new();
    match section.value("response_headers") {
        None => {}
        Some(Expression::Object(object)) => {
            for (key, value) in object.iter() {
                let name = match key {
                    hcl_edit::expr::ObjectKey::Ident(ident) => Some(ident.as_str().to_owned()),
                    hcl_edit::expr::ObjectKey::Expression(expression) => {
                        section.text("response_headers", expression)
                    }
                };
                let text = section.text("response_headers", value.expr());
                if let Some((name, text)) = name.zip(text) {
                    check_header(section, value.expr(), &name, &text);
                    overrides.push((name, text));
                }
            }
        }
        Some(other) => section.invalid(
            other,
            "`response_headers` is an object",
            "write `response_headers = { \"X-Frame-Options\" = \"DENY\" }`",
        ),
    }
    ListenerAttributes {
        server_header: section.flag("server_header").unwrap_or(true),
        response_headers: HeaderOverrides(overrides),
        allow_ambiguous_paths: section.flag("allow_ambiguous_paths").unwrap_or(false),
    }
}

/// Headers that frame a message or manage its connection are not the operator's to set.
fn check_header(section: &Section<'_>, value: &Expression, name: &str, text: &str) {
    const OURS: [&str; 8] = [
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        section.invalid(
            value,
            format!("`{name}` is no header name"),
            "use letters, digits and `-`",
        );
    } else if OURS.iter().any(|ours| ours.eq_ignore_ascii_case(name)) {
        section.invalid(
            value,
            format!("`{name}` cannot be set"),
            "it frames the message or manages the connection",
        );
    } else if text.len() > HEADER_BYTES_MAX
        || !text.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
    {
        section.invalid(
            value,
            format!("the value of `{name}` cannot be sent"),
            "use visible ASCII, at most 1024 characters",
        );
    }
}
