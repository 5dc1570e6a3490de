//! Times in words; the zone is UTC, since a report may be read anywhere.

/// `2026-11-23 03:12 UTC`.
pub fn words(unix: i64) -> String {
    jiff::Timestamp::from_second(unix)
        .map_or_else(|_| unix.to_string(), |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

/// `12 s`, `5 min`, `3 h`, `2 days`.
pub fn ago(seconds: i64) -> String {
    match seconds {
        ..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
