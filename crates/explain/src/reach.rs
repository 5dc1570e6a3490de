//! `reach`: what rules mention, for every network.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::ops::Range;

use model::{
    Action, Condition, Listener, ListenerProtocol, LoadBalancerId, Matcher, Model, Rule, Url,
    UrlScheme,
};
use serde::{Deserialize, Serialize};
use world::World;

use crate::atlas::Atlas;
use crate::facts::Facts;
use crate::outcome::Grade;
use crate::question::{Request, asker_words};
use crate::report::{OtherReport, askers, other_report};
use crate::text::{Layout, grade_mark};
use crate::who::Inquiry;

/// Rows that are made at most.
pub const ROWS_MAX: usize = 1000;

/// Names with records that are looked at; more are those of a zone that a program wrote.
const NAMES_MAX: usize = 10_000;

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
    let mut requests = requests(atlas.world);
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
fn requests(world: &World) -> Vec<Request> {
    let model = &world.model;
    let led = led(world);
    let mut seen: BTreeSet<(Url, Option<LoadBalancerId>)> = BTreeSet::new();
    let mut requests = Vec::new();
    for listener in &model.listeners {
        let scheme = match listener.protocol {
            ListenerProtocol::Http => UrlScheme::Http,
            ListenerProtocol::Https | ListenerProtocol::TlsPassthrough => UrlScheme::Https,
        };
        let default_hosts = default_hosts(model, &led, listener);
        let mut push = |host: &str, path: String| {
            let url = Url {
                scheme,
                host: host.to_owned(),
                port: listener.port,
                path,
                query: String::new(),
            };
            // A name that nothing declares leads here: the question is about this listener.
            let declared =
                url.address().is_some() || world::is_declared(model, world.names(), host);
            let to = (!declared).then_some(listener.load_balancer);
            if seen.insert((url.clone(), to)) {
                requests.push(Request { to, ..Request::get(url) });
            }
        };
        for rule in &listener.rules {
            let hosts: BTreeSet<String> = literal_hosts(rule).into_iter().collect();
            let hosts = if hosts.is_empty() { default_hosts.clone() } else { hosts };
            for host in &hosts {
                paths(rule).into_iter().for_each(|path| push(host, path));
            }
        }
        let declines = matches!(listener.default_action, Action::FixedResponse(_) | Action::Close);
        if !declines || listener.rules.is_empty() {
            default_hosts.iter().for_each(|host| push(host, "/".to_owned()));
        }
    }
    requests
}

/// The names by which people come where a rule names none: those that lead to the load balancer; else
/// those that its rules or its certificates name; else its address.
fn default_hosts(
    model: &Model,
    led: &BTreeMap<LoadBalancerId, BTreeSet<String>>,
    listener: &Listener,
) -> BTreeSet<String> {
    let lb = &model[listener.load_balancer];
    let own: Vec<&Listener> = lb.listeners.iter().map(|id| &model[*id]).collect();
    let recorded = led.get(&listener.load_balancer).cloned().unwrap_or_default();
    let mentioned = || own.iter().flat_map(|one| &one.rules).flat_map(literal_hosts).collect();
    let certified = || {
        let ids = own.iter().flat_map(|one| &one.certificates);
        ids.flat_map(|id| &model[*id].names).map(|name| example(name)).collect()
    };
    let addressed = || {
        let known = lb.addresses.iter().filter(|address| !address.is_unspecified());
        let host = known.map(|address| match address.is_ipv6() {
            true => format!("[{address}]"),
            false => address.to_string(),
        });
        BTreeSet::from([host.into_iter().next().unwrap_or_else(|| "any.host".to_owned())])
    };
    let or = |found: BTreeSet<String>, other: &dyn Fn() -> BTreeSet<String>| match found.is_empty()
    {
        true => other(),
        false => found,
    };
    or(or(or(recorded, &mentioned), &certified), &addressed)
}

/// The names that lead to each load balancer, in any view.
fn led(world: &World) -> BTreeMap<LoadBalancerId, BTreeSet<String>> {
    let model = &world.model;
    let mut led: BTreeMap<LoadBalancerId, BTreeSet<String>> = BTreeMap::new();
    let names: BTreeSet<&str> = model.records.iter().map(|record| &*record.name.0).collect();
    for name in names.into_iter().filter(|name| !name.starts_with('*')).take(NAMES_MAX) {
        for to in world::everywhere(model, world.names(), name) {
            for id in world::load_balancers_at(model, to) {
                led.entry(id).or_default().insert(name.to_owned());
            }
        }
    }
    led
}

/// A name that a wildcard stands for.
fn example(name: &str) -> String {
    name.strip_prefix("*.").map_or_else(|| name.to_owned(), |rest| format!("any.{rest}"))
}

fn literal_hosts(rule: &Rule) -> Vec<String> {
    let mut hosts = Vec::new();
    for condition in &rule.conditions {
        if let Condition::Host(values) | Condition::ServerName(values) = condition {
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
