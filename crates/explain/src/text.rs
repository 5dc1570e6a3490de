//! Reports as text: a pleasure at 80 and at 160 columns, with colour only where it is wanted.

mod paint;
mod probe;
mod wrap;

use std::fmt::Write;

pub use self::paint::Paint;

pub(crate) use self::paint::Tone;
use self::wrap::{columns, wrapped};
use crate::clock;
use crate::hop::{Evidence, Hop, State};
use crate::outcome::{Grade, Stage};
use crate::report::{CallReport, FixReport, PartReport, Report, evidence};

/// How a report is written.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Columns of the terminal.
    pub width: usize,
    pub paint: Paint,
}

/// Narrower terminals get lines of this width.
const WIDTH_MIN: usize = 60;
/// Longer lines are hard to read.
const WIDTH_MAX: usize = 160;
/// Networks with the same answer that are named.
const TOLD_MAX: usize = 5;
/// Of the longest stage, with its number and mark.
const HEAD: usize = 23;

impl Layout {
    pub(crate) fn width(self) -> usize {
        self.width.clamp(WIDTH_MIN, WIDTH_MAX)
    }
}

/// The whole answer.
pub fn text(report: &Report, layout: Layout) -> String {
    let mut out = String::new();
    for part in &report.parts {
        headline(&mut out, report, part, layout);
        let many = part.legs.len() > 1;
        let mut number = 0;
        for (at, leg) in part.legs.iter().enumerate() {
            if many {
                let _ = writeln!(
                    out,
                    "  {} {}",
                    layout.paint.of(Tone::Faint, &format!("({})", at + 1)),
                    leg.url
                );
            }
            for hop in &leg.hops {
                number += 1;
                hop_lines(&mut out, number, hop, layout);
            }
        }
        let sees: Vec<&str> = part.outcomes.iter().map(|outcome| outcome.sees.as_str()).collect();
        block(&mut out, "  The person sees: ", &sees.join(", or "), layout);
        out.push('\n');
    }
    if let Some(probe) = &report.probe {
        probe::probe_lines(&mut out, probe, layout);
    }
    calls(&mut out, report, layout);
    others(&mut out, report, layout);
    report.fixes.iter().enumerate().for_each(|(at, fix)| fix_lines(&mut out, at + 1, fix, layout));
    for advice in &report.advice {
        block(&mut out, "  To do  ", advice, layout);
    }
    if let Some(left_out) = &report.left_out {
        block(&mut out, "  Left out: ", left_out, layout);
    }
    evidence_line(&mut out, report, layout);
    out
}

fn headline(out: &mut String, report: &Report, part: &PartReport, layout: Layout) {
    let paint = layout.paint;
    let hops: Vec<&Hop> = part.legs.iter().flat_map(|leg| &leg.hops).collect();
    let stop = hops.iter().position(|hop| hop.state == State::Stopped);
    let code = part.outcomes.iter().find_map(|outcome| outcome.code.clone());
    let verdict = match (part.grade, stop) {
        (Grade::Reaches, _) => paint.of(Tone::Good, "✓"),
        (Grade::NotKnown, _) => paint.of(Tone::Doubt, "?"),
        (Grade::Fails | Grade::Blocked, _) => paint.of(Tone::Bad, "✗"),
    };
    let words = match (part.grade, stop) {
        (Grade::Reaches, _) => "gets through".to_owned(),
        (Grade::NotKnown, _) => "is not known".to_owned(),
        (Grade::Blocked, Some(at)) => {
            format!("stops at hop {} of {}: {}", at + 1, hops.len(), hops[at].stage.words())
        }
        (Grade::Fails, Some(at)) => {
            format!(
                "comes to hop {} of {} and fails: {}",
                at + 1,
                hops.len(),
                hops[at].stage.words()
            )
        }
        (Grade::Blocked, None) => "stops".to_owned(),
        (Grade::Fails, None) => "fails".to_owned(),
    };
    let line = format!("{} {words}", part.clients);
    let code = code.map_or(String::new(), |code| format!("[{code}]"));
    let request = format!("{} {}", report.method, report.url);
    let free = |line: &str| layout.width().saturating_sub(columns(line) + columns(&code) + 2);
    let end = |gap: usize| match code.is_empty() {
        true => String::new(),
        false => format!("{}{}", " ".repeat(gap), paint.of(Tone::Bad, &code)),
    };
    // At the end of the line, or else of the next.
    let lines = wrapped(&line, layout.width() - 2);
    let (first, second) = match free(&line) {
        gap @ 2.. => (end(gap), String::new()),
        _ => (String::new(), end(free(&request).max(2))),
    };
    for (at, line) in lines.iter().enumerate() {
        let lead = if at == 0 { &verdict } else { " " };
        let _ = writeln!(out, "{lead} {}{first}", paint.of(Tone::Strong, line));
    }
    let _ = writeln!(out, "  {}{second}", paint.of(Tone::Faint, &request));
}

fn mark(state: State) -> (&'static str, Tone, &'static str) {
    match state {
        State::Passed => ("✓", Tone::Good, ""),
        State::Stopped => ("✗", Tone::Bad, ""),
        State::WouldPass => ("·", Tone::Faint, "would pass: "),
        State::WouldFailToo => ("✗", Tone::Bad, "would fail too: "),
        State::NotKnown => ("?", Tone::Doubt, "not known: "),
    }
}

fn hop_lines(out: &mut String, number: usize, hop: &Hop, layout: Layout) {
    let (mark, tone, prefix) = mark(hop.state);
    let head = format!("  {number:>2} {:<15}", hop.stage.words());
    let age = match hop.evidence {
        Evidence::Observed { seconds_ago: ..=1 } => " (observed now)".to_owned(),
        Evidence::Observed { seconds_ago } => format!(" (seen {} ago)", clock::ago(seconds_ago)),
        Evidence::Proved | Evidence::Assumed => String::new(),
    };
    let code = match (&hop.code, hop.state) {
        (Some(code), State::WouldFailToo) => format!(" [{code}]"),
        _ => String::new(),
    };
    let text = format!("{prefix}{}{age}{code}", hop.text);
    let place = hop.place.clone().unwrap_or_default();
    let room = layout.width() - HEAD;
    let lines = wrapped(&text, room);
    for (at, line) in lines.iter().enumerate() {
        let last = at + 1 == lines.len();
        let _ = match at {
            0 => write!(out, "{head} {} {line}", layout.paint.of(tone, mark)),
            _ => write!(out, "{}{line}", " ".repeat(HEAD)),
        };
        if last && !place.is_empty() {
            place_at_end(out, columns(line), &place, room, layout);
        }
        out.push('\n');
    }
    for near in &hop.near {
        let place = near.place.clone().unwrap_or_default();
        let lines = wrapped(&near.text, room - 2);
        for (at, line) in lines.iter().enumerate() {
            let lead = if at == 0 { "– " } else { "  " };
            let _ = write!(out, "{}{lead}{}", " ".repeat(HEAD), layout.paint.of(Tone::Faint, line));
            if at + 1 == lines.len() && !place.is_empty() {
                place_at_end(out, columns(line) + 2, &place, room, layout);
            }
            out.push('\n');
        }
    }
}

/// Right-aligned where it fits, else on a line of its own.
fn place_at_end(out: &mut String, used: usize, place: &str, room: usize, layout: Layout) {
    let faint = layout.paint.of(Tone::Faint, place);
    match room.checked_sub(used + columns(place)) {
        Some(gap) if gap >= 2 => {
            let _ = write!(out, "{}{faint}", " ".repeat(gap));
        }
        _ => {
            let indent = (HEAD + room).saturating_sub(columns(place));
            let _ = write!(out, "\n{}{faint}", " ".repeat(indent));
        }
    }
}

/// A label and a text that is wrapped under itself.
pub(crate) fn block(out: &mut String, label: &str, text: &str, layout: Layout) {
    let indent = columns(label);
    let lines = wrapped(text, layout.width().saturating_sub(indent));
    for (at, line) in lines.iter().enumerate() {
        let _ = match at {
            0 => writeln!(out, "{}{line}", layout.paint.of(Tone::Strong, label)),
            _ => writeln!(out, "{}{line}", " ".repeat(indent)),
        };
    }
}

/// A label of so many columns at the least, which may be coloured, and a text wrapped beside it.
pub(crate) fn labelled(out: &mut String, label: &str, indent: usize, text: &str, layout: Layout) {
    let lines = wrapped(text, layout.width().saturating_sub(indent));
    for (at, line) in lines.iter().enumerate() {
        let _ = match (at, label) {
            (0, label) if !label.is_empty() => writeln!(out, "{label}{line}"),
            _ => writeln!(out, "{}{line}", " ".repeat(indent)),
        };
    }
}

fn calls(out: &mut String, report: &Report, layout: Layout) {
    if report.calls.is_empty() {
        return;
    }
    let failing = |call: &CallReport| matches!(call.grade, Grade::Fails | Grade::Blocked);
    let title = match report.calls.iter().any(failing) {
        true => "  The page then asks for more, and does not get it all:",
        false => "  The page then asks for more:",
    };
    let _ = writeln!(out, "{}", layout.paint.of(Tone::Strong, title));
    for call in &report.calls {
        let (mark, tone) = grade_mark(call.grade);
        let line = format!("{} ({}, from {})", call.url, call.by, call.from);
        labelled(out, &format!("    {} ", layout.paint.of(tone, mark)), 6, &line, layout);
        let code = call.code.as_ref().map_or(String::new(), |code| format!(" [{code}]"));
        block(out, "        ", &format!("{}{code}", call.sees), layout);
        if let Some(left_out) = &call.left_out {
            block(out, "        Left out: ", left_out, layout);
        }
    }
    out.push('\n');
}

pub fn grade_mark(grade: Grade) -> (&'static str, Tone) {
    match grade {
        Grade::Reaches => ("✓", Tone::Good),
        Grade::Fails | Grade::Blocked => ("✗", Tone::Bad),
        Grade::NotKnown => ("?", Tone::Doubt),
    }
}

fn others(out: &mut String, report: &Report, layout: Layout) {
    if report.others.is_empty() {
        return;
    }
    // Networks that get the same are told together.
    let mut alike: Vec<(String, Vec<&str>)> = Vec::new();
    for other in &report.others {
        let code = other.code.as_ref().map_or(String::new(), |code| format!(" [{code}]"));
        let rest = if other.left_out.is_some() { ", and some were not asked" } else { "" };
        let what = format!("{}{code}{rest}", other.short);
        match alike.iter_mut().find(|(known, _)| *known == what) {
            Some((_, names)) => names.push(&other.from),
            None => alike.push((what, vec![&other.from])),
        }
    }
    let words: Vec<String> = alike
        .iter()
        .map(|(what, names)| {
            let told = names.iter().take(TOLD_MAX).copied().collect::<Vec<_>>().join(", ");
            let more = match names.len().saturating_sub(TOLD_MAX) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("{told}{more} → {what}")
        })
        .collect();
    block(out, "  The same address: ", &words.join(" · "), layout);
    out.push('\n');
}

fn fix_lines(out: &mut String, number: usize, fix: &FixReport, layout: Layout) {
    let label = format!("  Fix {number} ({})  ", fix.stage.words());
    let words = match &fix.instead {
        Some(instead) => format!("{} ({instead})", fix.words),
        None => fix.words.clone(),
    };
    block(out, &label, &words, layout);
    for line in &fix.diff {
        let tone = match line.as_bytes().first() {
            Some(b'+') => Tone::Good,
            Some(b'-') => Tone::Bad,
            _ => Tone::Faint,
        };
        let _ = writeln!(out, "      {}", layout.paint.of(tone, line));
    }
    block(out, "      then: ", &fix.then, layout);
}

fn evidence_line(out: &mut String, report: &Report, layout: Layout) {
    let [proved, observed, assumed] = evidence(&report.parts);
    let list = |stages: &std::collections::BTreeSet<Stage>| {
        stages.iter().map(|stage| stage.words()).collect::<Vec<_>>().join(", ")
    };
    let mut words = Vec::new();
    if !proved.is_empty() {
        words.push(format!("proved from the configuration: {}", list(&proved)));
    }
    if !observed.is_empty() {
        words.push(format!("observed: {}", list(&observed)));
    }
    if !assumed.is_empty() {
        words.push(format!("assumed: {}", list(&assumed)));
    }
    if !words.is_empty() {
        for line in wrapped(&words.join("; "), layout.width() - 2) {
            let _ = writeln!(out, "  {}", layout.paint.of(Tone::Faint, &line));
        }
    }
}
