//! What came of expectations that were asked with real packets, for a person and for programs.

use std::collections::BTreeMap;
use std::fmt::Write;

use lab::{Finding, FindingResult};

const FINDINGS_VERSION: u32 = 1;

pub fn any_broken(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| matches!(finding.result, FindingResult::Broken { .. }))
}

pub fn text(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "no `expect` is declared: there is nothing to ask\n".to_owned();
    }
    let mut by_name: BTreeMap<(&model::Place, &str), Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        by_name.entry((&finding.place, &finding.expectation)).or_default().push(finding);
    }
    let longest = |of: fn(&Finding) -> String| {
        findings.iter().map(|finding| of(finding).chars().count()).max().unwrap_or_default()
    };
    let (wide_url, wide_who) = (longest(|finding| finding.url.clone()), longest(who));
    let mut text = String::new();
    for ((place, name), findings) in by_name {
        let _ = writeln!(text, "{name} ({place})");
        for finding in findings {
            let (state, told) = match &finding.result {
                FindingResult::Holds { seen, .. } => ("ok", seen.clone()),
                FindingResult::Broken { seen, .. } => {
                    ("broken", format!("{seen}; expected is {}", finding.expected))
                }
                FindingResult::NotAsked(why) => ("not asked", why.clone()),
            };
            let who = who(finding);
            let _ = writeln!(
                text,
                "  {state:<9}  {:<wide_url$}  {who:<wide_who$}  {told}",
                finding.url
            );
        }
    }
    let _ = writeln!(text, "{}", sum(findings));
    text
}

fn who(finding: &Finding) -> String {
    match &finding.result {
        FindingResult::Holds { client, .. } | FindingResult::Broken { client, .. } => {
            format!("{} from {client}", finding.asker)
        }
        FindingResult::NotAsked(_) => finding.asker.clone(),
    }
}

fn sum(findings: &[Finding]) -> String {
    let (mut ok, mut broken, mut not_asked) = (0, 0, 0);
    for finding in findings {
        match finding.result {
            FindingResult::Holds { .. } => ok += 1,
            FindingResult::Broken { .. } => broken += 1,
            FindingResult::NotAsked(_) => not_asked += 1,
        }
    }
    match not_asked {
        0 => format!("{ok} ok, {broken} broken"),
        _ => format!("{ok} ok, {broken} broken, {not_asked} not asked"),
    }
}

pub fn json(findings: &[Finding]) -> String {
    let rows: Vec<serde_json::Value> = findings.iter().map(row).collect();
    serde_json::json!({ "version": FINDINGS_VERSION, "requests": rows }).to_string()
}

fn row(finding: &Finding) -> serde_json::Value {
    let (client, seen, holds, not_asked) = match &finding.result {
        FindingResult::Holds { client, seen } => (Some(client), Some(seen), Some(true), None),
        FindingResult::Broken { client, seen } => (Some(client), Some(seen), Some(false), None),
        FindingResult::NotAsked(why) => (None, None, None, Some(why)),
    };
    serde_json::json!({
        "expectation": finding.expectation,
        "place": finding.place.to_string(),
        "url": finding.url,
        "from": finding.asker,
        "client": client.map(ToString::to_string),
        "expected": finding.expected,
        "seen": seen,
        "holds": holds,
        "not_asked": not_asked,
    })
}
