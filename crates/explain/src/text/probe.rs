//! What was seen by a probe, under what is foretold.

use std::fmt::Write;

use super::wrap::wrapped;
use super::{Layout, Tone, block};
use crate::probe::{Agreement, ProbeReport, Works};

/// Of a mark and what is before it.
const INDENT: usize = 6;

pub fn probe_lines(out: &mut String, probe: &ProbeReport, layout: Layout) {
    let whence = match (&probe.from, &probe.to) {
        (Some(from), Some(to)) => format!(" from {from}, of {to}"),
        (Some(from), None) => format!(" from {from}"),
        (None, _) => String::new(),
    };
    let _ = writeln!(out, "{}", layout.paint.of(Tone::Strong, &format!("  Asked now{whence}:")));
    if let Some(name) = &probe.name {
        let seen = match name.seen.is_empty() {
            true => "not known to the resolver of this machine".to_owned(),
            false => name.seen.join(", "),
        };
        let words = match name.agreement {
            Agreement::Agrees => ", as foretold",
            Agreement::Differs | Agreement::NotKnown => "",
        };
        line(out, agreement(name.agreement), &format!("{} → {seen}{words}", name.name), layout);
    }
    match (&probe.seen, &probe.not_asked) {
        (Some(seen), _) => {
            let words = match probe.agreement {
                Agreement::Agrees => ", as foretold",
                Agreement::Differs => ", otherwise than foretold",
                Agreement::NotKnown => ", of which nothing certain is foretold",
            };
            line(out, agreement(probe.agreement), &format!("{seen}{words}"), layout);
        }
        (None, Some(why)) => line(out, ("?", Tone::Doubt), &format!("not asked: {why}"), layout),
        (None, None) => {}
    }
    for target in &probe.targets {
        let mark = match target.works {
            Works::Yes => ("✓", Tone::Good),
            Works::No => ("✗", Tone::Bad),
            Works::NotKnown => ("?", Tone::Doubt),
        };
        let to = match &target.to {
            Some(to) if *to != target.target => format!(" at {to}"),
            Some(_) | None => String::new(),
        };
        let text = format!(
            "{}{to} of target_group.{}, from this machine: {}",
            target.target, target.group, target.seen
        );
        line(out, mark, &text, layout);
    }
    out.push('\n');
    for finding in &probe.findings {
        block(out, "  Otherwise  ", finding, layout);
    }
    if !probe.findings.is_empty() {
        out.push('\n');
    }
}

fn agreement(agreement: Agreement) -> (&'static str, Tone) {
    match agreement {
        Agreement::Agrees => ("✓", Tone::Good),
        Agreement::Differs => ("✗", Tone::Bad),
        Agreement::NotKnown => ("?", Tone::Doubt),
    }
}

fn line(out: &mut String, (mark, tone): (&str, Tone), text: &str, layout: Layout) {
    let lines = wrapped(text, layout.width().saturating_sub(INDENT));
    for (at, line) in lines.iter().enumerate() {
        let _ = match at {
            0 => writeln!(out, "    {} {line}", layout.paint.of(tone, mark)),
            _ => writeln!(out, "{}{line}", " ".repeat(INDENT)),
        };
    }
}
