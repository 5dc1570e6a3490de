//! Rules that never fire, because an earlier one takes everything they would (USERS.md §4, row 25).

use model::{Condition, Finding, Listener, Matcher, Model, QueryPattern, Rule, Wildcard};

pub fn lint(model: &Model, findings: &mut Vec<Finding>) {
    model.listeners.iter().for_each(|listener| lint_listener(listener, findings));
}

/// Comparing every pair is quadratic: tables that a program wrote are left alone.
const RULES_MAX: usize = 1000;

fn lint_listener(listener: &Listener, findings: &mut Vec<Finding>) {
    if listener.rules.len() > RULES_MAX {
        return;
    }
    for (at, rule) in listener.rules.iter().enumerate() {
        let Some(earlier) = listener.rules[..at].iter().find(|earlier| covers(earlier, rule))
        else {
            continue;
        };
        let text = format!("the rule `{}` never fires", rule.name);
        let reason =
            format!("`{}` is asked before it and takes every request it would", earlier.name);
        findings.push(
            Finding::warning("lint/shadowed-rule", &rule.place, text)
                .length("rule".len() as u32)
                .related(&earlier.place, reason)
                .hint(match earlier.priority {
                    // The least there is.
                    1 => format!("give `{}` a greater priority, or remove this one", earlier.name),
                    priority => format!("give it a free priority below {priority}, or remove it"),
                }),
        );
    }
}

/// Whether every request that meets `later` meets `earlier`: each condition of the earlier rule
/// follows from one of the later.
fn covers(earlier: &Rule, later: &Rule) -> bool {
    earlier
        .conditions
        .iter()
        .all(|wide| later.conditions.iter().any(|narrow| implies(narrow, wide)))
}

fn implies(narrow: &Condition, wide: &Condition) -> bool {
    match (narrow, wide) {
        (Condition::Host(narrow), Condition::Host(wide))
        | (Condition::ServerName(narrow), Condition::ServerName(wide))
        | (Condition::Path(narrow), Condition::Path(wide)) => all_within(narrow, wide),
        (Condition::Header { name, values }, Condition::Header { name: other, values: wide }) => {
            name.eq_ignore_ascii_case(other) && all_within(values, wide)
        }
        (Condition::Method(narrow), Condition::Method(wide)) => {
            narrow.iter().all(|m| wide.contains(m))
        }
        (Condition::SourceIp(narrow), Condition::SourceIp(wide)) => {
            narrow.iter().all(|net| wide.iter().any(|other| other.contains(net)))
        }
        (Condition::Query(narrow), Condition::Query(wide)) => {
            narrow.iter().all(|n| wide.iter().any(|w| query_within(n, w)))
        }
        _ => false,
    }
}

fn all_within(narrow: &[Matcher], wide: &[Matcher]) -> bool {
    narrow.iter().all(|n| wide.iter().any(|w| within(n, w)))
}

fn within(narrow: &Matcher, wide: &Matcher) -> bool {
    match (narrow, wide) {
        (Matcher::Regex(narrow), Matcher::Regex(wide)) => narrow.as_str() == wide.as_str(),
        (_, Matcher::Wildcard(wide)) if wide.source() == "*" => true,
        (Matcher::Wildcard(narrow), Matcher::Wildcard(wide)) => wildcard_within(narrow, wide),
        // A literal may stand for several spellings, of which the expression takes one.
        (Matcher::Wildcard(_), Matcher::Regex(_)) | (Matcher::Regex(_), Matcher::Wildcard(_)) => {
            false
        }
    }
}

/// Sure cases only: the same pattern, a literal, and `beginning*` or `*end`.
fn wildcard_within(narrow: &Wildcard, wide: &Wildcard) -> bool {
    if narrow == wide || (narrow.is_literal() && wide.matches(&narrow.literal_prefix())) {
        return true;
    }
    let (prefix, suffix) = (wide.literal_prefix(), wide.literal_suffix());
    let one_star = wide.source().bytes().filter(|b| *b == b'*').count() == 1
        && !wide.source().contains(['?', '\\']);
    if !one_star {
        return false;
    }
    match (prefix.is_empty(), suffix.is_empty()) {
        (false, true) => narrow.literal_prefix().starts_with(&prefix),
        (true, false) => narrow.literal_suffix().ends_with(&suffix),
        _ => false,
    }
}

fn query_within(narrow: &QueryPattern, wide: &QueryPattern) -> bool {
    let key = match (&narrow.key, &wide.key) {
        (_, None) => true,
        (Some(narrow), Some(wide)) => wildcard_within(narrow, wide),
        (None, Some(_)) => false,
    };
    key && (wide.value.source() == "*" || wildcard_within(&narrow.value, &wide.value))
}
