//! A status in words, for one screen.

use std::fmt::Write;
use std::io::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::status::{Status, TargetGroupStatus};

pub fn status_json(status: &Status) -> String {
    serde_json::to_string_pretty(status).unwrap_or_default()
}

/// Local time with its offset (DECISIONS 25).
pub fn status_text(status: &Status) -> String {
    let mut out = String::new();
    let state = if status.draining { "draining" } else { "serving" };
    let _ = writeln!(
        out,
        "{state} since {}, generation {} of {}, {} cores, {} connections, {} requests",
        local(status.started),
        status.generation,
        local(status.configured),
        status.cores,
        status.connections,
        status.requests
    );
    if let Some(findings) = &status.refused_reload {
        let _ = writeln!(
            out,
            "\nthe last reload was refused, and the generation before it is served:\n{findings}"
        );
    }
    let _ = writeln!(out, "\nlisteners");
    for listener in &status.listeners {
        let name = format!("{}.{}", listener.load_balancer, listener.name);
        let _ = writeln!(
            out,
            "  {name:<24} {:<5} {:<24} outsiders turned away by {}",
            listener.protocol, listener.address, listener.admission
        );
    }
    let _ = writeln!(out, "\ntarget groups");
    for group in &status.target_groups {
        write_group(group, &mut out);
    }
    if !status.refusals.is_empty() {
        let _ = writeln!(out, "\nrefusals");
        for (code, count) in &status.refusals {
            let _ = writeln!(out, "  {code:<28} {count}");
        }
    }
    for log in status.logs.iter().filter(|log| log.lost_lines > 0) {
        let _ = writeln!(out, "\nlog `{}` has lost {} lines", log.path, log.lost_lines);
    }
    out
}

fn write_group(group: &TargetGroupStatus, out: &mut String) {
    let note = match (group.fail_open, group.in_use) {
        (true, true) => "  FAIL-OPEN: too few targets are healthy, so all of them get traffic",
        (false, true) => "",
        (_, false) => "  no listener uses it",
    };
    let _ = writeln!(out, "  {}{note}", group.name);
    if group.targets.is_empty() {
        let _ = writeln!(out, "    no registered target: requests get 503");
    }
    for target in &group.targets {
        let _ = write!(
            out,
            "    {:<24} {:<11} since {}",
            target.target,
            target.state,
            local(target.since)
        );
        if !target.reason.is_empty() {
            let _ = write!(out, "  {}: {}", target.reason, target.description);
        }
        if target.anomaly != "normal" {
            let _ = write!(out, "  {}", target.anomaly);
        }
        out.push('\n');
    }
}

fn local(unix_seconds: i64) -> String {
    match Timestamp::from_second(unix_seconds) {
        Ok(time) => time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S%:z").to_string(),
        Err(_) => "-".to_owned(),
    }
}

/// One line on the terminal, rewritten in place.
pub fn print_live_line(status: &Status) {
    let mut line =
        format!("\r\x1b[K{} requests, {} connections", status.requests, status.connections);
    for target in status.target_groups.iter().flat_map(|group| &group.targets) {
        let _ = write!(line, " │ {} {}", target.target, target.state);
        if !target.reason.is_empty() {
            let _ = write!(line, " ({})", target.description);
        }
    }
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(line.as_bytes());
    let _ = out.flush();
}
