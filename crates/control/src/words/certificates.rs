//! Certificates in words.

use std::fmt::Write;

use super::local;
use crate::issued::CertificateStatus;

const DAY: i64 = 86_400;

/// Of the JSON that `cert list` and `cert show` give.
const VERSION: u32 = 1;

pub fn certificates_json(all: &[CertificateStatus]) -> String {
    let all = serde_json::json!({ "version": VERSION, "certificates": all });
    format!("{all:#}")
}

pub fn certificate_json(one: &CertificateStatus) -> String {
    let mut one = serde_json::json!(one);
    if let Some(fields) = one.as_object_mut() {
        fields.insert("version".to_owned(), VERSION.into());
    }
    format!("{one:#}")
}

/// `cert list`: a line for each, and what is wrong below it.
pub fn certificates_text(all: &[CertificateStatus], now_unix: i64) -> String {
    let mut out = String::new();
    for one in all {
        let state = &one.state;
        let until = state.not_after.map_or(String::new(), |until| {
            format!("until {} ({})", local(until), left(until, now_unix))
        });
        let _ = writeln!(out, "{:<20} {:<9} {:<22} {until}", state.name, state.state, source(one));
        let _ = writeln!(out, "  {}", state.names.join(", "));
        write_next(one, now_unix, &mut out);
        write_error(one, &mut out);
    }
    if all.is_empty() {
        out.push_str("no certificate is declared\n");
    }
    out
}

/// `cert show`: everything of one.
pub fn certificate_text(one: &CertificateStatus, now_unix: i64) -> String {
    let state = &one.state;
    let mut out = format!("certificate {}\n", state.name);
    let mut row = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(out, "  {name:<10} {value}");
        }
    };
    row("state", state.state.clone());
    row("names", state.names.join(", "));
    row("source", source(one));
    row(
        "proved by",
        match state.challenge.is_empty() {
            true => String::new(),
            false => format!("{}: {}", state.challenge, state.challenge_reason),
        },
    );
    row("from", state.not_before.map_or(String::new(), local));
    row(
        "until",
        state
            .not_after
            .map_or(String::new(), |until| format!("{} ({})", local(until), left(until, now_unix))),
    );
    row("declared", state.place.clone());
    write_next(one, now_unix, &mut out);
    write_error(one, &mut out);
    out
}

/// For `status`: those that a person has to know about.
pub fn write_doubtful(all: &[CertificateStatus], now_unix: i64, out: &mut String) {
    let doubtful: Vec<CertificateStatus> = all
        .iter()
        .filter(|one| {
            !matches!(one.state.state.as_str(), "valid" | "on demand") || one.state.error.is_some()
        })
        .cloned()
        .collect();
    if !doubtful.is_empty() {
        let _ = writeln!(out, "\ncertificates");
        for line in certificates_text(&doubtful, now_unix).lines() {
            let _ = writeln!(out, "  {line}");
        }
    }
}

fn source(one: &CertificateStatus) -> String {
    match one.state.authority.is_empty() {
        true => one.source.clone(),
        false => format!("authority {}", one.state.authority),
    }
}

fn write_next(one: &CertificateStatus, now_unix: i64, out: &mut String) {
    if let Some(next) = &one.state.next {
        let when = match next.at <= now_unix {
            true => "now".to_owned(),
            false => local(next.at),
        };
        let _ = writeln!(out, "  next: {}, {when}", next.action);
    }
}

fn write_error(one: &CertificateStatus, out: &mut String) {
    let Some(error) = &one.state.error else { return };
    let times = match error.failures {
        0 | 1 => String::new(),
        times => format!(" ({times} times)"),
    };
    let _ = writeln!(out, "  last error{times}: {}", error.words);
    if let Some(hint) = &error.hint {
        let _ = writeln!(out, "  hint: {hint}");
    }
}

fn left(until: i64, now_unix: i64) -> String {
    match until - now_unix {
        ..=0 => "expired".to_owned(),
        seconds if seconds < DAY => format!("{} hours left", seconds / 3600),
        seconds => format!("{} days left", seconds / DAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_has_to_know() {
        let good = CertificateStatus {
            source: "authority".into(),
            state: acme::State {
                name: "site".into(),
                names: vec!["a.test".into()],
                state: "valid".into(),
                authority: "letsencrypt".into(),
                not_after: Some(10 * DAY),
                next: Some(acme::Next { action: "renew".into(), at: 0 }),
                ..acme::State::default()
            },
        };
        let error = acme::LastError {
            words: "`letsencrypt` says: no".into(),
            hint: Some("open the port".into()),
            failures: 3,
        };
        let mut late = good.clone();
        late.state.error = Some(error);
        let rows: [(&str, &CertificateStatus, &[&str]); 2] = [
            (
                "good",
                &good,
                &["site", "valid", "authority letsencrypt", "(9 days left)", "next: renew, now"],
            ),
            (
                "late",
                &late,
                &["last error (3 times): `letsencrypt` says: no", "hint: open the port"],
            ),
        ];
        for (name, one, words) in rows {
            let list = certificates_text(std::slice::from_ref(one), DAY);
            let show = certificate_text(one, DAY);
            for word in words {
                assert!(list.contains(word), "{name}: {word} in {list}");
            }
            assert!(show.contains("certificate site") && show.contains("9 days left"), "{show}");
            let mut status = String::new();
            write_doubtful(std::slice::from_ref(one), DAY, &mut status);
            assert_eq!(status.is_empty(), one.state.error.is_none(), "{name}");
        }
        assert_eq!(left(0, DAY), "expired");
    }
}
