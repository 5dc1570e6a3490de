//! What a rule does (ALB.md §4c).

use hcl_edit::expr::Expression;
use hcl_edit::structure::Block;
use model::{
    Action, FixedResponse, Forward, GroupId, GroupStickiness, ListenerProtocol, Redirect,
    RedirectStatus, Seconds, Template, TemplatePart, WeightedGroup,
};

use super::VALUE_MAX;
use crate::names::Kind;
use crate::passing;
use crate::section::Section;

const BODY_MAX: usize = 1024;
const GROUPS_MAX: usize = 5;
const CONTENT_TYPES: [&str; 5] =
    ["text/plain", "text/css", "text/html", "application/javascript", "application/json"];

/// Exactly one of forward, redirect, fixed response and close.
pub fn action(section: &Section<'_>, protocol: ListenerProtocol) -> Option<Action> {
    let forward = section.value("forward");
    let forward_block = section.block("forward");
    let redirect_block = section.block("redirect");
    let fixed_block = section.block("fixed_response");
    let close = section.attribute("close");
    let written = [
        forward.is_some(),
        forward_block.is_some(),
        redirect_block.is_some(),
        fixed_block.is_some(),
        close.is_some(),
    ];
    match written.iter().filter(|written| **written).count() {
        0 => {
            let hint = match protocol {
                ListenerProtocol::Http | ListenerProtocol::Https => {
                    "add `forward = target_group.…`, a `redirect { … }` or a `fixed_response { … }`"
                }
                ListenerProtocol::TlsPassthrough => {
                    "add `forward = target_group.…`, or `close = true`"
                }
            };
            let text = format!("{} says not what to do", section.title);
            section.push(section.error("config/missing-action", text).hint(hint));
            return None;
        }
        1 => {}
        _ => {
            section.push(
                section
                    .error("config/conflict", format!("{} has more than one action", section.title))
                    .hint("keep one of `forward`, `redirect`, `fixed_response` and `close`"),
            );
            return None;
        }
    }
    if let Some(value) = forward {
        let id = section.reference("forward", value, Kind::TargetGroup)?;
        let groups = vec![WeightedGroup { group: GroupId(id), weight: 1 }];
        return Some(Action::Forward(Forward { groups, stickiness: None }));
    }
    if let Some(block) = forward_block {
        return weighted(section, block).map(Action::Forward);
    }
    if close.is_some() {
        return passing::close(section, protocol);
    }
    if protocol == ListenerProtocol::TlsPassthrough
        && let Some(block) = redirect_block.or(fixed_block)
    {
        passing::refuse_answer(section, &block.ident, block.ident.as_str());
        return None;
    }
    if let Some(block) = redirect_block {
        return redirect(section, block, protocol).map(Action::Redirect);
    }
    fixed_block.and_then(|block| fixed(section, block)).map(Action::FixedResponse)
}

fn weighted<'s>(outer: &Section<'s>, block: &'s Block) -> Option<Forward> {
    let section = Section::new(outer.context, outer.origin, "forward", block);
    section.label(block, false);
    let stickiness = section
        .seconds("stickiness", 1..=604_800)
        .map(|duration: Seconds| GroupStickiness { duration });
    let blocks = section.blocks("group");
    if blocks.is_empty() || blocks.len() > GROUPS_MAX {
        section.push(
            section
                .error("config/groups", format!("this forwards to {} groups", blocks.len()))
                .hint("write 1 to 5 blocks `group { target = target_group.…  weight = 1 }`"),
        );
    }
    let mut groups = Vec::new();
    for block in blocks {
        let inner = Section::new(section.context, section.origin, "group", block);
        inner.label(block, false);
        let target = inner
            .required("target", "target_group.app")
            .and_then(|value| inner.reference("target", value, Kind::TargetGroup));
        let weight = inner.number("weight", 0..=999).unwrap_or(1) as u16;
        inner.finish();
        groups.extend(target.map(|id| WeightedGroup { group: GroupId(id), weight }));
    }
    section.finish();
    (!groups.is_empty()).then_some(Forward { groups, stickiness })
}

fn redirect<'s>(
    outer: &Section<'s>,
    block: &'s Block,
    listener: ListenerProtocol,
) -> Option<Redirect> {
    let section = Section::new(outer.context, outer.origin, "redirect", block);
    section.label(block, false);
    let status = match section.value("status") {
        None => RedirectStatus::MovedPermanently,
        Some(value) => match section.number_in("status", value, 300..=399)? {
            301 => RedirectStatus::MovedPermanently,
            302 => RedirectStatus::Found,
            other => {
                section.invalid(
                    value,
                    format!("a redirect cannot be {other}"),
                    "write 301 (for good) or 302 (for now)",
                );
                return None;
            }
        },
    };
    let part = |name: &'static str, default: &str, allowed: &[TemplatePart]| {
        template(&section, name, default, allowed)
    };
    use TemplatePart::{Host, Path, Port, Protocol, Query};
    let protocol = part("protocol", "#{protocol}", &[Protocol]);
    let host = part("host", "#{host}", &[Host]);
    let port = part("port", "#{port}", &[Port]);
    let path = part("path", "/#{path}", &[Host, Port, Path]);
    let query = part("query", "#{query}", &[Protocol, Host, Port, Path, Query]);
    let redirect = Redirect {
        status,
        protocol: protocol?,
        host: host?,
        port: port?,
        path: path?,
        query: query?,
    };
    check_redirect(&section, &redirect, listener);
    section.finish();
    Some(redirect)
}

fn template(
    section: &Section<'_>,
    name: &'static str,
    default: &str,
    allowed: &[TemplatePart],
) -> Option<Template> {
    let value = section.value(name);
    let text = match value {
        None => default.to_owned(),
        Some(Expression::Number(number)) => number.value().to_string(),
        Some(value) => section.text(name, value)?,
    };
    let template = match Template::parse(&text) {
        Ok(template) => template,
        Err(unknown) => {
            if let Some(value) = value {
                let hint = placeholder_hint(&unknown);
                section.invalid(value, format!("there is no placeholder `{unknown}`"), hint);
            }
            return None;
        }
    };
    let misplaced = template
        .0
        .iter()
        .find(|part| !matches!(part, TemplatePart::Text(_)) && !allowed.contains(part));
    if let (Some(part), Some(value)) = (misplaced, value) {
        section.invalid(
            value,
            format!("`{name}` cannot hold this placeholder ({part:?})"),
            "each stands in its own place; `query` may hold any",
        );
    }
    if text.len() > VALUE_MAX
        && let Some(value) = value
    {
        section.invalid(value, format!("`{name}` is too long"), "at most 128 characters");
    }
    Some(template)
}

/// For `#{wrong}`.
pub fn placeholder_hint(unknown: &str) -> String {
    let bare = unknown.trim_start_matches("#{").trim_end_matches('}');
    let known = ["protocol", "host", "port", "path", "query"];
    match crate::suggest::nearest(bare, known) {
        Some(near) => format!("did you mean `#{{{near}}}`?"),
        None => {
            "there are `#{protocol}`, `#{host}`, `#{port}`, `#{path}` and `#{query}`".to_owned()
        }
    }
}

/// ALB.md §4c, limits of redirect.
fn check_redirect(section: &Section<'_>, redirect: &Redirect, listener: ListenerProtocol) {
    let text = |template: &Template| match &template.0[..] {
        [TemplatePart::Text(text)] => Some(text.clone()),
        _ => None,
    };
    if let (Some(protocol), Some(value)) = (text(&redirect.protocol), section.value("protocol")) {
        match protocol.to_ascii_uppercase().as_str() {
            "HTTPS" => {}
            "HTTP" if listener == ListenerProtocol::Http => {}
            "HTTP" => section.invalid(
                value,
                "a redirect from HTTPS to HTTP is not allowed",
                "write `protocol = \"HTTPS\"`, or leave it out",
            ),
            _ => section.invalid(
                value,
                format!("`{protocol}` is no protocol"),
                "write `\"HTTP\"`, `\"HTTPS\"` or `\"#{protocol}\"`",
            ),
        }
    }
    if let (Some(port), Some(value)) = (text(&redirect.port), section.value("port"))
        && !port.parse::<u16>().is_ok_and(|port| port > 0)
    {
        section.invalid(
            value,
            format!("`{port}` is no port"),
            "write a port from 1 to 65535, or `\"#{port}\"`",
        );
    }
    if let Some(value) = section.value("path")
        && !matches!(redirect.path.0.first(), Some(TemplatePart::Text(text)) if text.starts_with('/'))
    {
        section.invalid(value, "the path of a redirect begins with `/`", "write `\"/#{path}\"`");
    }
    if let Some(value) = section.value("query")
        && matches!(redirect.query.0.first(), Some(TemplatePart::Text(text)) if text.starts_with('?'))
    {
        section.invalid(value, "the query has no leading `?`", "remove the `?`");
    }
    if let (Some(host), Some(value)) = (text(&redirect.host), section.value("host"))
        && !host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b))
    {
        section.invalid(
            value,
            format!("`{host}` is no host"),
            "write a name such as `example.com`",
        );
    }
    let same =
        |template: &Template, default: &str| Template::parse(default).is_ok_and(|d| d == *template);
    if same(&redirect.protocol, "#{protocol}")
        && same(&redirect.host, "#{host}")
        && same(&redirect.port, "#{port}")
        && same(&redirect.path, "/#{path}")
    {
        section.push(
            section
                .error("config/redirect-loop", "this redirects to where the request already is")
                .hint("change `protocol`, `host`, `port` or `path`"),
        );
    }
}

fn fixed<'s>(outer: &Section<'s>, block: &'s Block) -> Option<FixedResponse> {
    let section = Section::new(outer.context, outer.origin, "fixed_response", block);
    section.label(block, false);
    let status = section.required("status", "404").and_then(|value| {
        let status = section.number_in("status", value, 200..=599)?;
        if (300..400).contains(&status) {
            section.invalid(
                value,
                format!("a fixed response cannot be {status}"),
                "use `redirect { … }`",
            );
        }
        Some(status as u16)
    });
    let content_type = match section.value("content_type") {
        None => "text/plain".to_owned(),
        Some(value) => {
            let text = section.text("content_type", value)?;
            if !CONTENT_TYPES.contains(&text.as_str()) {
                let hint = match crate::suggest::nearest(&text, CONTENT_TYPES) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("it is one of {}", crate::suggest::list(CONTENT_TYPES)),
                };
                section.invalid(
                    value,
                    format!("`{text}` is no content type of a fixed response"),
                    hint,
                );
            }
            text
        }
    };
    let body = match section.value("body") {
        None => String::new(),
        Some(value) => {
            let text = section.text("body", value)?;
            if text.len() > BODY_MAX {
                section.invalid(
                    value,
                    format!("the body has {} bytes", text.len()),
                    "at most 1024; forward to a target for more",
                );
            }
            text
        }
    };
    section.finish();
    Some(FixedResponse { status: status?, content_type, body })
}
