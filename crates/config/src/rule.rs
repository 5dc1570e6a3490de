//! Rules: conditions, transforms and actions (ALB.md §4).

mod action;
mod conditions;

use hcl_edit::structure::Block;
use model::{Action, ListenerProtocol, Matcher, Rule, Transform};

pub use self::action::{action, placeholder_hint};
use self::conditions::conditions;
pub use self::conditions::{check_host, check_path, sources};
use crate::passing;
use crate::section::Section;

/// ALB.md §4b.
const VALUE_MAX: usize = 128;
const NAME_MAX: usize = 40;
/// ALB.md §4c.
const REWRITE_MAX: usize = 1024;
const PRIORITY_MAX: u64 = 50_000;

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
    let (conditions, transforms) = match protocol {
        ListenerProtocol::Http | ListenerProtocol::Https => {
            passing::refuse_name(&section);
            (conditions(&section), transforms(&section))
        }
        ListenerProtocol::TlsPassthrough => (passing::conditions(&section), Vec::new()),
    };
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

/// The last line of what the expression's parser says names the fault; the others draw it.
fn regex_hint(error: &dyn std::error::Error) -> String {
    let text = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    let last = text.lines().last().unwrap_or("").trim();
    let last = last.strip_prefix("error: ").unwrap_or(last);
    format!("{last}; look-around and back-references are not supported")
}
