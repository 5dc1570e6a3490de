//! Answers about many clients at once: `who` and `reach`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::ops::Range;

use model::{Action, Asker, Condition, ListenerProtocol, Matcher, Model, Rule, Url, UrlScheme};
use serde::{Deserialize, Serialize};

use crate::atlas::Atlas;
use crate::chain;
use crate::facts::Facts;
use crate::hop::{Hop, State};
use crate::outcome::Grade;
use crate::question::{Request, asker_words};
use crate::report::{OtherReport, OutcomeReport, askers, grade, other_report, outcome_report};
use crate::text::{Layout, grade_mark, labelled};
use crate::who::{Inquiry, Partition, partition_of};

/// Rows of `reach` that are made at most.
pub const ROWS_MAX: usize = 1000;

/// The answer to `who`: every client address, by outcome.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WhoReport {
    pub version: u32,
    pub url: String,
    pub parts: Vec<WhoPart>,
    /// Into how many pieces the address space is cut, at whatever a decision asks.
    pub pieces: usize,
    /// What was not asked, because there are more pieces than that.
    pub left_out: Vec<String>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub left_out_words: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WhoPart {
    pub grade: Grade,
    /// Prefixes, the fewest.
    pub prefixes: Vec<String>,
    pub words: String,
    pub ipv4_addresses: u64,
    /// As text: it does not fit a number of JSON.
    pub ipv6_addresses: String,
    pub outcomes: Vec<OutcomeReport>,
    /// The hop that decides, and where it is declared.
    pub because: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub place: Option<String>,
}

pub fn who(atlas: &Atlas<'_>, facts: &Facts<'_>, request: &Request) -> WhoReport {
    let model = &atlas.world.model;
    let Partition { parts, pieces, aside, left_out } =
        partition_of(atlas, facts, request, Asker::Anywhere);
    let parts = parts
        .into_iter()
        .chain(aside)
        .map(|part| {
            let (legs, _) = chain::record(atlas.world, facts, &request.ask(&part.example));
            let decisive = decisive(legs.iter().flat_map(|leg| &leg.hops));
            let prefixes = crate::space::prefixes(&part.clients);
            let v4 = part.clients.v4_ranges();
            let v6 = part.clients.v6_ranges();
            WhoPart {
                grade: grade(&part.outcomes),
                prefixes: prefixes.iter().map(ToString::to_string).collect(),
                words: crate::space::words(model, &part.clients, 4),
                ipv4_addresses: v4.map(|(a, b)| u64::from(u32::from(b) - u32::from(a)) + 1).sum(),
                ipv6_addresses: count_v6(v6.map(|(a, b)| (u128::from(a), u128::from(b)))),
                outcomes: part.outcomes.iter().map(outcome_report).collect(),
                because: decisive.map_or(String::new(), |hop| hop.text.clone()),
                place: decisive.and_then(|hop| hop.place.clone()),
            }
        })
        .collect();
    WhoReport {
        version: crate::report::REPORT_VERSION,
        url: request.url.to_string(),
        parts,
        pieces,
        left_out_words: atlas.left_out_words(&left_out),
        left_out: crate::space::prefixes(&left_out).iter().map(ToString::to_string).collect(),
    }
}

/// All addresses together are one more than the largest number.
fn count_v6(ranges: impl Iterator<Item = (u128, u128)>) -> String {
    let mut less_one: Option<u128> = None;
    for (first, last) in ranges {
        let own = last - first;
        less_one = Some(match less_one {
            None => own,
            Some(sum) => sum.saturating_add(own).saturating_add(1),
        });
    }
    match less_one {
        None => "0".to_owned(),
        Some(u128::MAX) => "340282366920938463463374607431768211456".to_owned(),
        Some(count) => (count + 1).to_string(),
    }
}

/// The first "no"; without one, the security group's "yes".
fn decisive<'h>(hops: impl Iterator<Item = &'h Hop>) -> Option<&'h Hop> {
    let mut door = None;
    for hop in hops {
        if hop.state == State::Stopped {
            return Some(hop);
        }
        if hop.stage == crate::outcome::Stage::SecurityGroup && door.is_none() {
            door = Some(hop);
        }
    }
    door
}

/// Of a mark and what is seen.
const WHO_HEAD: usize = 19;

pub fn who_text(report: &WhoReport, layout: Layout) -> String {
    let mut out = format!("{}\n", report.url);
    for part in &report.parts {
        let (mark, tone) = grade_mark(part.grade);
        let shorts: Vec<&str> = part.outcomes.iter().map(|o| o.short.as_str()).collect();
        let code = part.outcomes.iter().find_map(|o| o.code.as_ref());
        let code = code.map_or(String::new(), |code| format!(" [{code}]"));
        let place = part.place.as_ref().map_or(String::new(), |place| format!("  {place}"));
        let shorts = match part.grade {
            Grade::NotKnown => "not known".to_owned(),
            Grade::Reaches | Grade::Fails | Grade::Blocked => shorts.join(" or "),
        };
        let label = format!("  {} {shorts:<14} ", layout.paint.of(tone, mark));
        labelled(&mut out, &label, WHO_HEAD, &format!("{}{code}", part.words), layout);
        labelled(&mut out, "", WHO_HEAD, &format!("{}{place}", part.because), layout);
    }
    if let Some(left_out) = &report.left_out_words {
        let _ = writeln!(out, "  ? not asked      {left_out}");
    }
    out
}

/// The answer to `reach`: what rules mention × networks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReachReport {
    pub version: u32,
    pub networks: Vec<String>,
    pub rows: Vec<ReachRow>,
    /// More rows than [`ROWS_MAX`] were possible.
    pub cut: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReachRow {
    pub url: String,
    pub cells: Vec<OtherReport>,
}

pub fn reach(atlas: &Atlas<'_>, facts: &Facts<'_>) -> ReachReport {
    let model = &atlas.world.model;
    let askers = askers(model);
    let mut requests = requests(model);
    let cut = requests.len() > ROWS_MAX;
    requests.truncate(ROWS_MAX);
    let rows = requests
        .iter()
        .map(|request| {
            let inquiry = Inquiry::new(atlas, facts, request);
            let cells = askers.iter().map(|asker| other_report(&inquiry, *asker)).collect();
            ReachRow { url: request.url.to_string(), cells }
        })
        .collect();
    ReachReport {
        version: crate::report::REPORT_VERSION,
        networks: askers.iter().map(|asker| asker_words(model, *asker)).collect(),
        rows,
        cut,
    }
}

/// One request for every host and path that a rule mentions, and one for what no rule takes.
fn requests(model: &Model) -> Vec<Request> {
    let mut seen: BTreeSet<(Url, Option<model::LoadBalancerId>)> = BTreeSet::new();
    let mut requests = Vec::new();
    for listener in &model.listeners {
        let scheme = match listener.protocol {
            ListenerProtocol::Http => UrlScheme::Http,
            ListenerProtocol::Https => UrlScheme::Https,
        };
        let named = model.records.iter().filter(|record| !record.name.0.starts_with('*'));
        let mut default_hosts: Vec<String> = named
            .filter(|record| record.data == model::RecordData::Alias(listener.load_balancer))
            .map(|record| record.name.0.clone())
            .collect();
        let mentioned: BTreeSet<String> = listener.rules.iter().flat_map(literal_hosts).collect();
        if default_hosts.is_empty() {
            default_hosts = match mentioned.is_empty() {
                true => vec!["any.host".to_owned()],
                false => mentioned.iter().cloned().collect(),
            };
        }
        let mut push = |host: &str, path: String| {
            let url = Url {
                scheme,
                host: host.to_owned(),
                port: listener.port,
                path,
                query: String::new(),
            };
            if seen.insert((url.clone(), Some(listener.load_balancer))) {
                // The question is about this listener, whatever the name leads to.
                requests.push(Request { to: Some(listener.load_balancer), ..Request::get(url) });
            }
        };
        for rule in &listener.rules {
            let hosts = literal_hosts(rule);
            let hosts = if hosts.is_empty() { default_hosts.clone() } else { hosts };
            for host in &hosts {
                paths(rule).into_iter().for_each(|path| push(host, path));
            }
        }
        if !matches!(listener.default_action, Action::FixedResponse(_)) || listener.rules.is_empty()
        {
            default_hosts.iter().for_each(|host| push(host, "/".to_owned()));
        }
    }
    requests
}

fn literal_hosts(rule: &Rule) -> Vec<String> {
    let mut hosts = Vec::new();
    for condition in &rule.conditions {
        if let Condition::Host(values) = condition {
            hosts.extend(values.iter().filter_map(|value| {
                match value {
                    Matcher::Wildcard(wildcard) if wildcard.is_literal() => {
                        Some(wildcard.source().to_ascii_lowercase())
                    }
                    Matcher::Wildcard(wildcard) => wildcard
                        .source()
                        .strip_prefix("*.")
                        .filter(|rest| !rest.contains(['*', '?']))
                        .map(|rest| format!("any.{rest}")),
                    Matcher::Regex(_) => None,
                }
            }));
        }
    }
    hosts
}

/// An example of each path that the rule names.
fn paths(rule: &Rule) -> Vec<String> {
    let mut paths = Vec::new();
    for condition in &rule.conditions {
        if let Condition::Path(values) = condition {
            paths.extend(values.iter().filter_map(|value| match value {
                Matcher::Wildcard(wildcard) => Some(wildcard.source().replace(['*', '?'], "x")),
                Matcher::Regex(_) => None,
            }));
        }
    }
    paths.retain(|path| path.starts_with('/'));
    if paths.is_empty() { vec!["/".to_owned()] } else { paths }
}

pub fn reach_text(report: &ReachReport, layout: Layout) -> String {
    let mut out = String::new();
    let names: Vec<&str> =
        report.networks.iter().map(|name| name.split(' ').next().unwrap_or(name)).collect();
    let widest = report.rows.iter().map(|row| row.url.chars().count()).max().unwrap_or(0).min(60);
    let cell = |report: &OtherReport| match (&report.code, report.grade) {
        (_, Grade::Reaches) if report.left_out.is_some() => format!("? {}", report.short),
        (_, Grade::Reaches) => format!("✓ {}", report.short),
        (Some(code), _) => format!("✗ {code}"),
        (None, Grade::NotKnown) => "?".to_owned(),
        (None, _) => format!("✗ {}", report.short),
    };
    let widths: Vec<usize> = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let cells = report.rows.iter().filter_map(|row| row.cells.get(at));
            cells.map(|c| cell(c).chars().count()).chain([name.chars().count()]).max().unwrap_or(0)
        })
        .collect();
    for (number, block) in blocks(&widths, layout.width().saturating_sub(widest)).iter().enumerate()
    {
        if number > 0 {
            out.push('\n');
        }
        let _ = write!(out, "{:<widest$}", "");
        for at in block.clone() {
            let width = widths[at];
            let _ = write!(out, "  {:<width$}", names[at]);
        }
        out.push('\n');
        for row in &report.rows {
            let _ = write!(out, "{:<widest$}", row.url);
            for (report, width) in row.cells.iter().zip(&widths).take(block.end).skip(block.start) {
                let text = format!("{:<width$}", cell(report));
                let _ = write!(out, "  {}", layout.paint.of(grade_mark(report.grade).1, &text));
            }
            out.push('\n');
        }
    }
    if report.cut {
        let _ = writeln!(out, "… only the first {ROWS_MAX} rows are shown");
    }
    let trimmed: Vec<&str> = out.lines().map(str::trim_end).collect();
    trimmed.join("\n") + "\n"
}

/// Columns that stand beside each other, as many as fit; at least one.
fn blocks(widths: &[usize], room: usize) -> Vec<Range<usize>> {
    let mut blocks: Vec<Range<usize>> = Vec::new();
    let mut used = 0;
    for (at, width) in widths.iter().enumerate() {
        match blocks.last_mut() {
            Some(block) if used + 2 + width <= room => block.end = at + 1,
            _ => {
                blocks.push(at..at + 1);
                used = 0;
            }
        }
        used += 2 + width;
    }
    blocks
}
