//! Rules: conditions, transforms and actions (ALB.md §4).

use hcl_edit::expr::Expression;
use hcl_edit::structure::Block;
use ipnet::IpNet;
use model::{
    Action, Condition, FixedResponse, Forward, GroupId, GroupStickiness, ListenerProtocol, Matcher,
    NetworkId, QueryPattern, Redirect, RedirectStatus, Rule, Seconds, Template, TemplatePart,
    Transform, WeightedGroup, Wildcard,
};

use crate::names::Kind;
use crate::section::Section;

/// ALB.md §4b.
const VALUE_MAX: usize = 128;
const NAME_MAX: usize = 40;
/// ALB.md §4c.
const REWRITE_MAX: usize = 1024;
const BODY_MAX: usize = 1024;
const GROUPS_MAX: usize = 5;
const PRIORITY_MAX: u64 = 50_000;
const CONTENT_TYPES: [&str; 5] =
    ["text/plain", "text/css", "text/html", "application/javascript", "application/json"];

/// The rules of a listener or site in ascending priority. Those that write none get the next in the
/// order of writing; `first` is the least.
pub fn read_all<'s>(outer: &Section<'s>, protocol: ListenerProtocol, first: u32) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut next = first;
    for block in outer.blocks("rule") {
        let Some(rule) = read(outer, block, protocol, next) else { continue };
        next = next.max(rule.priority + 1);
        if let Some(other) = rules.iter().find(|other| other.priority == rule.priority) {
            let text = format!("two rules have priority {}", rule.priority);
            let finding = model::Finding::error("config/duplicate-priority", &rule.place, text)
                .related(&other.place, "the first is here")
                .hint(format!("give one of them another; {} is free", free(&rules, rule.priority)));
            outer.push(finding);
        } else if let Some(other) = rules.iter().find(|other| other.name == rule.name) {
            let text = format!("two rules are called `{}`", rule.name);
            let finding = model::Finding::error("config/duplicate-name", &rule.place, text);
            outer.push(
                finding.related(&other.place, "the first is here").hint("rename one of them"),
            );
        }
        rules.push(rule);
    }
    rules.sort_by_key(|rule| rule.priority);
    rules
}

fn free(rules: &[Rule], from: u32) -> u32 {
    (from..).find(|candidate| rules.iter().all(|rule| rule.priority != *candidate)).unwrap_or(from)
}

fn read<'s>(
    outer: &Section<'s>,
    block: &'s Block,
    protocol: ListenerProtocol,
    next: u32,
) -> Option<Rule> {
    let section = Section::new(outer.context, outer.origin, "rule", block);
    let name = section.label(block, true).unwrap_or_default().to_owned();
    let priority = match section.value("priority") {
        Some(value) => section.number_in("priority", value, 1..=PRIORITY_MAX).map(|n| n as u32),
        None => Some(next),
    };
    let conditions = conditions(&section);
    let transforms = transforms(&section);
    let action = action(&section, protocol);
    if !transforms.is_empty()
        && let Some(Action::Redirect(_) | Action::FixedResponse(_)) = action
        && let Some(block) = section.block("rewrite")
    {
        section.push(
            section
                .error_at(&block.ident, "config/conflict", "a rewrite goes with `forward` only")
                .hint(
                    "say where to with the redirect's own `host` and `path`, or remove `rewrite`",
                ),
        );
    }
    let place = section.place();
    section.finish();
    Some(Rule { name, priority: priority?, conditions, transforms, action: action?, place })
}

// === conditions ===

fn conditions(section: &Section<'_>) -> Vec<Condition> {
    let mut conditions = Vec::new();
    let host = matchers(section, "host", "host_regex", true, check_host);
    if !host.is_empty() {
        conditions.push(Condition::Host(host));
    }
    let path = matchers(section, "path", "path_regex", false, check_path);
    if !path.is_empty() {
        conditions.push(Condition::Path(path));
    }
    if let Some(value) = section.value("method") {
        conditions.push(Condition::Method(methods(section, value)));
    }
    if let Some(value) = section.value("source_ip") {
        conditions.push(Condition::SourceIp(sources(section, value)));
    }
    for block in section.blocks("header") {
        conditions.extend(header(section, block));
    }
    for block in section.blocks("query") {
        conditions.extend(query(section, block));
    }
    conditions
}

type Check = fn(&str) -> Result<(), (String, String)>;

/// The wildcards of one attribute, or the expressions of the other; not both.
fn matchers<'s>(
    section: &Section<'s>,
    plain: &'static str,
    regex: &'static str,
    fold_case: bool,
    check: Check,
) -> Vec<Matcher> {
    let (wildcards, expressions) = (section.value(plain), section.value(regex));
    if let (Some(_), Some(value)) = (wildcards, expressions) {
        section.invalid(
            value,
            format!("`{plain}` and `{regex}` in one rule"),
            "keep one of the two, or write two rules",
        );
    }
    let mut out = Vec::new();
    for (text, item) in wildcards.map_or(Vec::new(), |value| section.texts(plain, value)) {
        match check(&text) {
            Ok(()) if fold_case => out.push(Matcher::Wildcard(Wildcard::insensitive(&text))),
            Ok(()) => out.push(Matcher::Wildcard(Wildcard::sensitive(&text))),
            Err((message, hint)) => section.invalid(item, message, hint),
        }
    }
    for (text, item) in expressions.map_or(Vec::new(), |value| section.texts(regex, value)) {
        out.extend(regex_matcher(section, item, &text, fold_case));
    }
    out
}

fn regex_matcher(
    section: &Section<'_>,
    item: &Expression,
    text: &str,
    fold_case: bool,
) -> Option<Matcher> {
    if text.len() > VALUE_MAX {
        section.invalid(
            item,
            "this expression is too long",
            format!("at most {VALUE_MAX} characters"),
        );
        return None;
    }
    match Matcher::regex(text, fold_case) {
        Ok(matcher) => Some(matcher),
        Err(error) => {
            section.invalid(item, format!("`{text}` is no regular expression"), regex_hint(&error));
            None
        }
    }
}

/// The last line of what the expression's parser says names the fault; the others draw it.
fn regex_hint(error: &dyn std::error::Error) -> String {
    let text = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    let last = text.lines().last().unwrap_or("").trim();
    let last = last.strip_prefix("error: ").unwrap_or(last);
    format!("{last}; look-around and back-references are not supported")
}

/// ALB.md §4b, host-header.
fn check_host(text: &str) -> Result<(), (String, String)> {
    let error = |message: String, hint: &str| Err((message, hint.to_owned()));
    if text.is_empty() || text.len() > VALUE_MAX {
        return error("a host pattern has 1 to 128 characters".into(), "shorten it");
    }
    if let Some(bare) = text.split("://").nth(1) {
        return Err((
            format!("`{text}` is a URL, not a host"),
            format!("write `\"{}\"`", bare.split('/').next().unwrap_or("")),
        ));
    }
    if let Some((host, path)) = text.split_once('/') {
        return Err((
            format!("`{text}` has a path in it"),
            format!("write `host = \"{host}\"` and `path = \"/{path}\"`"),
        ));
    }
    if let Some(bad) = text.chars().find(|c| !c.is_ascii_alphanumeric() && !"-.*?_".contains(*c)) {
        return error(
            format!("`{bad}` cannot be in a host"),
            "a host has letters, digits, `-`, `.`, and the wildcards `*` and `?`; the port is the listener's",
        );
    }
    Ok(())
}

/// ALB.md §4b, path-pattern.
fn check_path(text: &str) -> Result<(), (String, String)> {
    if text.is_empty() || text.len() > VALUE_MAX {
        return Err(("a path pattern has 1 to 128 characters".into(), "shorten it".into()));
    }
    if !text.starts_with(['/', '*', '?']) {
        return Err((
            format!("`{text}` matches no path, since paths begin with `/`"),
            format!("did you mean `/{text}`?"),
        ));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.$/~\"'@:+&*?%!(),;=[]".contains(c);
    match text.chars().find(|c| !allowed(*c)) {
        Some(bad) => Err((
            format!("`{bad}` cannot be in a path pattern"),
            "write it percent-encoded; the query is matched with `query { … }`".into(),
        )),
        None => Ok(()),
    }
}

fn methods<'s>(section: &Section<'s>, value: &'s Expression) -> Vec<String> {
    let mut methods = Vec::new();
    for (text, item) in section.texts("method", value) {
        let allowed = |b: u8| b.is_ascii_uppercase() || b == b'-' || b == b'_';
        if text.is_empty() || text.len() > NAME_MAX || !text.bytes().all(allowed) {
            section.invalid(
                item,
                format!("`{text}` is no method"),
                format!("methods are upper case: `\"{}\"`", text.to_ascii_uppercase()),
            );
        } else {
            methods.push(text);
        }
    }
    methods
}

fn sources<'s>(section: &Section<'s>, value: &'s Expression) -> Vec<IpNet> {
    let mut nets = Vec::new();
    for item in Section::items(value) {
        if let Some((written, name)) = Section::written_reference(item) {
            if let Some((_, id)) =
                section.resolve("source_ip", item, written, name, &[Kind::Network])
            {
                nets.extend(
                    section
                        .context
                        .networks
                        .borrow()
                        .get(NetworkId(id).0 as usize)
                        .cloned()
                        .unwrap_or_default(),
                );
            }
        } else if let Some(text) = section.text("source_ip", item) {
            nets.extend(section.cidr(item, &text));
        }
    }
    nets
}

fn header<'s>(outer: &Section<'s>, block: &'s Block) -> Option<Condition> {
    let section = Section::new(outer.context, outer.origin, "header", block);
    section.label(block, false);
    let name = section.required("name", "\"X-Debug\"").and_then(|value| {
        let name = section.text("name", value)?;
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.eq_ignore_ascii_case("host") {
            section.invalid(value, "`Host` is not matched as a header", "write `host = \"…\"`");
            None
        } else if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(token) {
            section.invalid(
                value,
                format!("`{name}` is no header name"),
                "at most 40 letters, digits and `-`, without wildcards",
            );
            None
        } else {
            Some(name)
        }
    });
    let mut values = Vec::new();
    for (text, item) in
        section.value("values").map_or(Vec::new(), |value| section.texts("values", value))
    {
        match Wildcard::escaped_insensitive(&text) {
            Ok(_) if text.len() > VALUE_MAX => {
                section.invalid(item, "this value is too long", "at most 128 characters")
            }
            Ok(wildcard) => values.push(Matcher::Wildcard(wildcard)),
            Err(error) => section.invalid(item, error.to_string(), "write `\\\\` for a backslash"),
        }
    }
    for (text, item) in
        section.value("regex").map_or(Vec::new(), |value| section.texts("regex", value))
    {
        values.extend(regex_matcher(&section, item, &text, true));
    }
    if section.value("values").is_none() && section.value("regex").is_none() {
        section.push(
            section
                .error("config/missing-attribute", "a header condition has no value")
                .hint("add `values = [\"…\"]`, or `regex = [\"…\"]`"),
        );
    }
    section.finish();
    Some(Condition::Header { name: name?, values })
}

fn query<'s>(outer: &Section<'s>, block: &'s Block) -> Option<Condition> {
    let section = Section::new(outer.context, outer.origin, "query", block);
    section.label(block, false);
    let wildcard = |text: &str, item: &Expression| match Wildcard::escaped_insensitive(text) {
        Ok(_) if text.len() > VALUE_MAX => {
            section.invalid(item, "this is too long", "at most 128 characters");
            None
        }
        Ok(wildcard) => Some(wildcard),
        Err(error) => {
            section.invalid(item, error.to_string(), "write `\\\\` for a backslash");
            None
        }
    };
    let key = section.value("key").and_then(|value| wildcard(&section.text("key", value)?, value));
    let values = section
        .required("value", "\"…\"")
        .map_or(Vec::new(), |value| section.texts("value", value));
    let patterns: Vec<QueryPattern> = values
        .into_iter()
        .filter_map(|(text, item)| {
            Some(QueryPattern { key: key.clone(), value: wildcard(&text, item)? })
        })
        .collect();
    section.finish();
    Some(Condition::Query(patterns))
}

// === transforms ===

fn transforms(outer: &Section<'_>) -> Vec<Transform> {
    let Some(block) = outer.block("rewrite") else { return Vec::new() };
    let section = Section::new(outer.context, outer.origin, "rewrite", block);
    section.label(block, false);
    let mut transforms = Vec::new();
    if let Some((pattern, replacement)) = rewrite_pair(&section, "host_regex", "host") {
        transforms.push(Transform::HostHeader { pattern, replacement });
    }
    if let Some((pattern, replacement)) = rewrite_pair(&section, "path_regex", "path") {
        transforms.push(Transform::Url { pattern, replacement });
    }
    if transforms.is_empty() && section.value("host").is_none() && section.value("path").is_none() {
        section.push(
            section
                .error("config/missing-attribute", "this rewrites nothing")
                .hint("add `path_regex = \"^/old/(.*)\"` and `path = \"/$1\"`"),
        );
    }
    section.finish();
    transforms
}

fn rewrite_pair(
    section: &Section<'_>,
    pattern_name: &'static str,
    replacement_name: &'static str,
) -> Option<(regex::bytes::Regex, String)> {
    let (pattern, replacement) = (section.value(pattern_name), section.value(replacement_name));
    match (pattern, replacement) {
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            let text = format!("`{pattern_name}` and `{replacement_name}` go together");
            section.push(
                section.error("config/missing-attribute", text).hint("add the one that is missing"),
            );
            None
        }
        (Some(pattern), Some(replacement)) => {
            let text = section.text(pattern_name, pattern)?;
            let replacement_text = section.text(replacement_name, replacement)?;
            for (text, item) in [(&text, pattern), (&replacement_text, replacement)] {
                if text.len() > REWRITE_MAX {
                    section.invalid(item, "this is too long", "at most 1024 characters");
                }
            }
            match Matcher::regex(&text, false) {
                Ok(Matcher::Regex(regex)) => Some((regex, replacement_text)),
                Ok(Matcher::Wildcard(_)) => None,
                Err(error) => {
                    section.invalid(
                        pattern,
                        format!("`{text}` is no regular expression"),
                        regex_hint(&error),
                    );
                    None
                }
            }
        }
    }
}

// === actions ===

/// Exactly one of forward, redirect and fixed response.
pub fn action(section: &Section<'_>, protocol: ListenerProtocol) -> Option<Action> {
    let forward = section.value("forward");
    let forward_block = section.block("forward");
    let redirect_block = section.block("redirect");
    let fixed_block = section.block("fixed_response");
    let written = [
        forward.is_some(),
        forward_block.is_some(),
        redirect_block.is_some(),
        fixed_block.is_some(),
    ];
    match written.iter().filter(|written| **written).count() {
        0 => {
            section.push(
                section
                    .error("config/missing-action", format!("{} says not what to do", section.title))
                    .hint("add `forward = target_group.…`, a `redirect { … }` or a `fixed_response { … }`"),
            );
            return None;
        }
        1 => {}
        _ => {
            section.push(
                section
                    .error("config/conflict", format!("{} has more than one action", section.title))
                    .hint("keep one of `forward`, `redirect` and `fixed_response`"),
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
                let bare = unknown.trim_start_matches("#{").trim_end_matches('}').to_owned();
                let known = ["protocol", "host", "port", "path", "query"];
                let hint = match crate::suggest::nearest(&bare, known) {
                    Some(near) => format!("did you mean `#{{{near}}}`?"),
                    None => {
                        "there are `#{protocol}`, `#{host}`, `#{port}`, `#{path}` and `#{query}`"
                            .to_owned()
                    }
                };
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
