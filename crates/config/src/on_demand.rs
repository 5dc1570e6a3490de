//! Certificates that are ordered when a client comes.

use hcl_edit::structure::Block;
use model::{ChallengeKind, OnDemand, Url};

use crate::section::Section;

/// Let's Encrypt: 300 orders of an account in three hours, and 50 certificates of a domain in a week.
const ORDERS_PER_HOUR: u32 = 20;
const ORDERS_PER_HOUR_MAX: u64 = 10_000;
/// Each is a key and a chain in memory.
const NAMES: u32 = 1000;
const NAMES_MAX: u64 = 100_000;
const PATTERNS_MAX: usize = 100;

pub fn read<'s>(
    outer: &Section<'s>,
    block: &'s Block,
    challenge: Option<ChallengeKind>,
) -> Option<OnDemand> {
    let section = Section::new(outer.context, outer.origin, "on_demand", block);
    section.label(block, false);
    let names = section
        .required("names", "[\"*.customers.example\"]")
        .map_or(Vec::new(), |value| patterns(&section, value));
    let ask = ask(&section);
    let number = |name, most, default| {
        let number = section.number(name, 1..=most);
        number.and_then(|number| u32::try_from(number).ok()).unwrap_or(default)
    };
    let orders_per_hour = number("orders_per_hour", ORDERS_PER_HOUR_MAX, ORDERS_PER_HOUR);
    let max_names = number("max_names", NAMES_MAX, NAMES);
    if let (Some(ChallengeKind::Dns01), true) = (challenge, names.iter().any(|name| name == "*")) {
        let text = "`*` is every name, and `dns-01` proves those of our own zones";
        let finding = section.error("config/conflict", text);
        section.push(finding.hint("leave `challenge` out, or name the zones: `*.example.com`"));
    }
    let place = section.place();
    section.finish();
    Some(OnDemand { names, ask: ask?, orders_per_hour, max_names, place })
}

fn patterns(section: &Section<'_>, value: &hcl_edit::expr::Expression) -> Vec<String> {
    let texts = section.texts("names", value);
    if texts.is_empty() || texts.len() > PATTERNS_MAX {
        let text = format!("`names` has {} patterns", texts.len());
        section.invalid(value, text, format!("write 1 to {PATTERNS_MAX}, or `[\"*\"]`"));
    }
    let mut names = Vec::new();
    for (text, item) in texts {
        let name = text.to_ascii_lowercase();
        let host = name.strip_prefix("*.").unwrap_or(&name);
        let is_name =
            host.contains('.') && !host.contains('*') && crate::record::host(host).is_ok();
        if name == "*" || (is_name && host.parse::<std::net::IpAddr>().is_err()) {
            names.push(name);
        } else {
            section.invalid(
                item,
                format!("`{text}` is no pattern of names"),
                "write `*.customers.example`, a whole name, or `*`",
            );
        }
    }
    names
}

fn ask(section: &Section<'_>) -> Option<Url> {
    let Some(value) = section.value("ask") else {
        let finding = section.error(
            "config/missing-attribute",
            format!(
                "{} has no `ask`: whoever connects could use up the authority's limits",
                section.title
            ),
        );
        section.push(finding.hint(
            "add `ask = \"http://127.0.0.1:9000/allowed\"`: it is asked with `?domain=NAME` before each order, \
             and only 200 allows it",
        ));
        return None;
    };
    let text = section.text("ask", value)?;
    match Url::parse(&text) {
        Ok(url) => Some(url),
        Err(error) => {
            section.invalid(value, error.message, error.hint);
            None
        }
    }
}
