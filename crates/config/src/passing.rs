//! Listeners that pass TLS through: what they can be told, and what needs a request that they never see.

use hcl_edit::Span;
use model::{
    Action, Condition, Finding, Forward, Listener, ListenerProtocol, Matcher, Model, Place,
    TargetProtocol, Wildcard,
};

use crate::rule;
use crate::section::{Context, Section};

/// Of the listener itself.
const ANSWERS: [&str; 3] = ["server_header", "response_headers", "allow_ambiguous_paths"];
/// Of a request.
const REQUEST_ATTRIBUTES: [&str; 4] = ["path", "path_regex", "method", "host_regex"];
const REQUEST_BLOCKS: [&str; 3] = ["header", "query", "rewrite"];

/// Instead of `rule::conditions`: there is a name and a peer, and no request.
pub fn conditions(section: &Section<'_>) -> Vec<Condition> {
    let mut conditions = Vec::new();
    if let Some(value) = section.value("server_name") {
        let mut names = Vec::new();
        for (text, item) in section.texts("server_name", value) {
            match check_name(&text) {
                Ok(()) => names.push(Matcher::Wildcard(Wildcard::insensitive(&text))),
                Err((message, hint)) => section.invalid(item, message, hint),
            }
        }
        conditions.push(Condition::ServerName(names));
    }
    if let Some(value) = section.value("source_ip") {
        conditions.push(Condition::SourceIp(rule::sources(section, value)));
    }
    if let Some(value) = section.value("host") {
        let text = "a listener that passes TLS through reads no `host`";
        let hint = "write `server_name = […]`: the name in the ClientHello";
        section.push(section.error_at(value, "config/conflict", text).hint(hint));
    }
    for name in REQUEST_ATTRIBUTES {
        if let Some(value) = section.value(name) {
            refuse(section, value, name);
        }
    }
    for name in REQUEST_BLOCKS {
        for block in section.blocks(name) {
            refuse(section, &block.ident, name);
        }
    }
    conditions
}

fn refuse(section: &Section<'_>, item: &impl Span, name: &str) {
    let text = format!("a listener that passes TLS through sees no request, and so no `{name}`");
    section.push(section.error_at(item, "config/conflict", text).hint(
        "rules have `server_name` and `source_ip` there; to read requests, end TLS with \
         `protocol = \"HTTPS\"` and a certificate",
    ));
}

/// RFC 6066 §3: a name, and never an address.
fn check_name(text: &str) -> Result<(), (String, String)> {
    rule::check_host(text)?;
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err((
            format!("`{text}` is an address, and clients send none as a server name"),
            "write the name that they use; who asks for an address has no name, and gets `default`"
                .to_owned(),
        ));
    }
    Ok(())
}

/// In the rules of listeners that end TLS, or have none.
pub fn refuse_name(section: &Section<'_>) {
    if let Some(value) = section.value("server_name") {
        let text = "`server_name` is a condition of listeners that pass TLS through";
        let hint = "write `host = […]`, or `protocol = \"TLS_PASSTHROUGH\"` in the listener";
        section.push(section.error_at(value, "config/conflict", text).hint(hint));
    }
}

/// `close = true`.
pub fn close(section: &Section<'_>, protocol: ListenerProtocol) -> Option<Action> {
    let value = section.value("close")?;
    match protocol {
        ListenerProtocol::TlsPassthrough => {
            if !section.flag("close")? {
                let text = "`close` is true, or it is not written";
                section.invalid(value, text, "remove it, and say where to `forward`");
                return None;
            }
            Some(Action::Close)
        }
        ListenerProtocol::Http | ListenerProtocol::Https => {
            let text = "only a listener that passes TLS through can `close`";
            let hint = "answer with `fixed_response { status = 403 }`";
            section.push(section.error_at(value, "config/conflict", text).hint(hint));
            None
        }
    }
}

/// Answers are HTTP, which such a listener does not speak.
pub fn refuse_answer(section: &Section<'_>, item: &impl Span, name: &str) {
    let text = format!("a listener that passes TLS through cannot answer, and so not `{name}`");
    section.push(
        section
            .error_at(item, "config/conflict", text)
            .hint("write `forward = target_group.…`, or `close = true`"),
    );
}

/// What a listener says of answers and handshakes that are not its own.
pub fn refuse_attributes(section: &Section<'_>) {
    for name in ANSWERS {
        if let Some(value) = section.value(name) {
            let text = format!("{} passes TLS through, and `{name}` is of answers", section.title);
            let hint = "remove it: what is answered is the target's";
            section.push(section.error_at(value, "config/conflict", text).hint(hint));
        }
    }
    if let Some(value) = section.value("tls_policy") {
        let text = format!("{} passes TLS through, and has no policy of its own", section.title);
        let hint = "remove `tls_policy`: the target's TLS decides";
        section.push(section.error_at(value, "config/conflict", text).hint(hint));
    }
}

/// Whether listeners and target groups are of one kind: bytes go to TCP groups, and requests to the others.
pub fn check(model: &Model, context: &Context<'_>) {
    for listener in &model.listeners {
        let rules = listener.rules.iter().map(|rule| (&rule.action, &rule.place));
        for (action, place) in rules.chain([(&listener.default_action, &listener.default_place)]) {
            if let Action::Forward(forward) = action {
                check_forward(model, listener, forward, place, context);
            }
        }
    }
}

fn check_forward(
    model: &Model,
    listener: &Listener,
    forward: &Forward,
    place: &Place,
    context: &Context<'_>,
) {
    let passes = listener.protocol == ListenerProtocol::TlsPassthrough;
    if passes && forward.stickiness.is_some() {
        let text = "stickiness is a cookie, and a listener that passes TLS through sees none";
        context.push(
            Finding::error("config/conflict", place, text)
                .hint("remove `stickiness` from this `forward`"),
        );
    }
    for group in forward.groups.iter().map(|weighted| &model[weighted.group]) {
        let (text, hint) = match (passes, group.protocol) {
            (true, TargetProtocol::Tcp) => continue,
            (false, TargetProtocol::Http | TargetProtocol::Https) => continue,
            (true, TargetProtocol::Http | TargetProtocol::Https) => (
                format!(
                    "`{}` passes TLS through, and target_group.{} is asked over {}",
                    listener.name,
                    group.name,
                    group.protocol.scheme()
                ),
                "write `protocol = \"TCP\"` in the group: its targets end TLS themselves",
            ),
            (false, TargetProtocol::Tcp) => (
                format!(
                    "`{}` forwards requests, and target_group.{} is TCP",
                    listener.name, group.name
                ),
                "write `protocol = \"HTTP\"` or `\"HTTPS\"` in the group, or \
                 `protocol = \"TLS_PASSTHROUGH\"` in the listener",
            ),
        };
        context.push(
            Finding::error("config/conflict", place, text)
                .related(&group.place, "the target group")
                .hint(hint),
        );
    }
}
