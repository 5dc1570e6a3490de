//! What a request has to be for a rule (ALB.md §4b).

use hcl_edit::expr::Expression;
use hcl_edit::structure::Block;
use ipnet::IpNet;
use model::{Condition, Matcher, NetworkId, QueryPattern, Wildcard};

use super::{NAME_MAX, VALUE_MAX, regex_hint};
use crate::names::Kind;
use crate::section::Section;

pub fn conditions(section: &Section<'_>) -> Vec<Condition> {
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

/// ALB.md §4b, host-header.
pub fn check_host(text: &str) -> Result<(), (String, String)> {
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
pub fn check_path(text: &str) -> Result<(), (String, String)> {
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

pub fn sources<'s>(section: &Section<'s>, value: &'s Expression) -> Vec<IpNet> {
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
