//! A status in words, for one screen.

mod certificates;

use std::fmt::Write;
use std::io::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::status::{DnsStatus, FirewallStatus, Status, TargetGroupStatus};

pub use certificates::{certificate_json, certificate_text, certificates_json, certificates_text};

pub fn status_json(status: &Status) -> String {
    serde_json::to_string_pretty(status).unwrap_or_default()
}

/// Local time with its offset (DECISIONS 25).
pub fn status_text(status: &Status) -> String {
    let mut out = String::new();
    let state = if status.draining { "draining" } else { "serving" };
    let passed = match status.passed_connections {
        0 => String::new(),
        count => format!(", {count} connections passed through"),
    };
    let _ = writeln!(
        out,
        "{state} since {}, generation {} of {}, {} cores, {} connections, {} requests{passed}",
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
    certificates::write_doubtful(&status.certificates, net::clock::unix_seconds(), &mut out);
    write_refused(status, &mut out);
    if let Some(firewall) = &status.firewall {
        let state = match &firewall.problem {
            Some(problem) => problem.clone(),
            None => format!("guards {} addresses and ports", firewall.doors.len()),
        };
        let _ = writeln!(out, "\nfirewall\n  table inet {}: {state}", firewall.table);
    }
    if let Some(dns) = &status.dns {
        write_dns(dns, &mut out);
    }
    for log in status.logs.iter().filter(|log| log.lost_lines > 0) {
        let _ = writeln!(out, "\nlog `{}` has lost {} lines", log.path, log.lost_lines);
    }
    out
}

fn write_dns(dns: &DnsStatus, out: &mut String) {
    let _ = writeln!(out, "\nname server\n  at {}", dns.addresses.join(", "));
    for zone in &dns.zones {
        let view = match &zone.visible_to[..] {
            [] => String::new(),
            networks => format!(", for {}", networks.join(", ")),
        };
        let key = match zone.key_tag {
            Some(tag) => format!("signed with key {tag}"),
            None => "not signed".to_owned(),
        };
        let _ = writeln!(out, "  {:<24} serial {}, {key}{view}", zone.name, zone.serial);
    }
    let answers: Vec<String> =
        dns.answers.iter().map(|(code, count)| format!("{count} {code}")).collect();
    let _ = writeln!(
        out,
        "  {} questions over UDP, {} over TCP; answered: {}",
        dns.udp_queries,
        dns.tcp_queries,
        if answers.is_empty() { "none".to_owned() } else { answers.join(", ") }
    );
    let others = [
        (dns.truncated, "too large for UDP"),
        (dns.limited, "limited"),
        (dns.dropped, "that were no questions dropped"),
        (dns.transfers, "transfers"),
        (dns.refused_connections, "connections beyond the limit"),
    ];
    for (count, what) in others.iter().filter(|(count, _)| *count > 0) {
        let _ = writeln!(out, "  {count} {what}");
    }
}

/// The table of the packet filter with its counters.
pub fn firewall_text(firewall: &FirewallStatus) -> String {
    let mut out = format!("table inet {}\n", firewall.table);
    if let Some(problem) = &firewall.problem {
        let _ = writeln!(out, "  {problem}");
    }
    for door in &firewall.doors {
        let _ = writeln!(out, "  {} ({})", door.name, door.address);
        for rule in &door.rules {
            let group = format!("security_group.{}", rule.group);
            let _ = writeln!(out, "    admitted {:<8} {group}  {}", rule.admitted, rule.place);
        }
        if door.rules.is_empty() {
            let _ = writeln!(out, "    no rule: nobody is admitted");
        }
        for (network, packets) in &door.dropped {
            let _ = writeln!(out, "    dropped  {packets:<8} {network}");
        }
    }
    out
}

/// Nothing, where nobody was turned away and everybody would be seen.
fn write_refused(status: &Status, out: &mut String) {
    let refused = &status.refused;
    let dropped: u64 = status.listeners.iter().filter_map(|listener| listener.dropped).sum();
    if refused.networks.is_empty() && refused.unseen == 0 && refused.unavailable.is_none() {
        return;
    }
    let _ = writeln!(out, "\nrefused by network");
    for row in &refused.networks {
        let _ = writeln!(
            out,
            "  {:<24} {:<8} to {} ({}), last {}{}",
            row.network,
            row.count,
            if row.listener.is_empty() { "a listener that is gone" } else { &row.listener },
            row.address,
            local(row.last),
            if row.example.is_empty() { String::new() } else { format!(" from {}", row.example) }
        );
    }
    if let Some(why) = &refused.unavailable {
        let _ = writeln!(
            out,
            "  of those that the kernel drops: not available ({why}); {dropped} packets dropped"
        );
    }
    if refused.unseen > 0 {
        let _ = writeln!(out, "  and {} that came too fast to be told apart", refused.unseen);
    }
}

fn write_group(group: &TargetGroupStatus, out: &mut String) {
    let note = match (group.fail_open, group.in_use) {
        (true, true) => "  FAIL-OPEN: too few targets are healthy, so all of them get traffic",
        (false, true) => "",
        (_, false) => "  no listener uses it",
    };
    let _ = writeln!(out, "  {}{note}", group.name);
    if group.targets.is_empty() {
        let _ = writeln!(out, "    no registered target: nothing can be forwarded to it");
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

pub(crate) fn local(unix_seconds: i64) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{ListenerStatus, RefusedNetwork, RefusedStatus};

    #[test]
    fn who_was_refused() {
        let guests = RefusedNetwork {
            network: "guest-wifi".into(),
            listener: "api.https".into(),
            address: "203.0.113.20:443".into(),
            count: 41,
            first: 0,
            last: 0,
            example: "198.51.100.20".into(),
        };
        let gone = RefusedNetwork { listener: String::new(), ..guests.clone() };
        let rows: [(&str, RefusedStatus, &[&str]); 4] = [
            ("nobody", refused(None, &[], 0), &[]),
            (
                "by name",
                refused(None, &[guests, gone], 0),
                &[
                    "  guest-wifi               41       to api.https (203.0.113.20:443), last 1970",
                    " from 198.51.100.20",
                    "to a listener that is gone (203",
                ],
            ),
            (
                "not available",
                refused(Some("needs CAP_NET_RAW"), &[], 0),
                &["of those that the kernel drops: not available (needs CAP_NET_RAW); 7 packets"],
            ),
            ("a flood", refused(None, &[], 9), &["  and 9 that came too fast to be told apart"]),
        ];
        for (name, refused, parts) in rows {
            let mut out = String::new();
            write_refused(&status(refused), &mut out);
            assert_eq!(out.is_empty(), parts.is_empty(), "{name}: {out}");
            for part in parts {
                assert!(out.contains(part), "{name}: `{part}` in {out}");
            }
        }
    }

    fn refused(why: Option<&str>, networks: &[RefusedNetwork], unseen: u64) -> RefusedStatus {
        RefusedStatus { unavailable: why.map(str::to_owned), networks: networks.to_vec(), unseen }
    }

    fn status(refused: RefusedStatus) -> Status {
        let listener = ListenerStatus {
            load_balancer: "api".into(),
            name: "https".into(),
            protocol: "https".into(),
            address: "203.0.113.20:443".into(),
            admission: String::new(),
            dropped: Some(7),
            place: String::new(),
        };
        Status {
            version: crate::status::STATUS_VERSION,
            pid: 1,
            generation: 1,
            started: 0,
            configured: 0,
            refused_reload: None,
            cores: 1,
            draining: false,
            listeners: vec![listener],
            target_groups: Vec::new(),
            logs: Vec::new(),
            connections: 0,
            requests: 0,
            passed_connections: 0,
            refusals: Default::default(),
            refused,
            certificates: Vec::new(),
            firewall: None,
            dns: None,
        }
    }
}
