//! What a room may not name, by the words of its source. Clippy's lists (`clippy.toml` of the pure
//! rooms) say the same with types; this also sees code that is not compiled here.

use super::is_pure;
use crate::rust_source::{Token, blank, find, tokens};
use crate::tree::TextFile;

/// The room that opens sockets, reads clocks and holds `unsafe`.
const LEAF: &str = "net";

/// Named by no pure room: the words, and what they stand for.
const IMPURE: &[(&[&str], &str)] = &[
    (&["TcpStream"], "a socket"),
    (&["TcpListener"], "a socket"),
    (&["UdpSocket"], "a socket"),
    (&["UnixStream"], "a socket"),
    (&["UnixListener"], "a socket"),
    (&["UnixDatagram"], "a socket"),
    (&["SystemTime", ":", ":", "now"], "a clock"),
    (&["Instant", ":", ":", "now"], "a clock"),
    (&["thread", ":", ":", "sleep"], "a clock"),
    (&["tokio"], "async"),
    (&["async"], "async"),
    (&["await"], "async"),
    (&["log", ":", ":"], "logging"),
    (&["tracing"], "logging"),
    (&["println"], "logging"),
    (&["eprintln"], "logging"),
    (&["rand", ":", ":"], "random numbers"),
    (&["getrandom"], "random numbers"),
    (&["fastrand"], "random numbers"),
];

/// Named by no source of the data plane.
const NOT_IN_PROXY: &[(&[&str], &str)] = &[
    (&["control", ":", ":"], "control publishes to cores, never the other way"),
    (&["config", ":", ":"], "a core serves from the World it has"),
];

pub fn judge(files: &[TextFile]) -> Vec<String> {
    files.iter().filter(|file| file.is_rust()).flat_map(judge_file).collect()
}

fn judge_file(file: &TextFile) -> Vec<String> {
    let blanked = blank(&file.text);
    let tokens = tokens(&blanked);
    let mut problems = Vec::new();
    let mut forbid = |pattern: &[&str], why: &str, tokens: &[Token<'_>]| {
        for line in find(tokens, pattern) {
            problems.push(format!("{}:{line}: names `{}`: {why}", file.path, pattern.concat()));
        }
    };
    if file.room() != LEAF {
        forbid(&["unsafe"], "only `net` holds `unsafe`", &tokens);
    }
    // What tests print, nobody logs.
    if is_pure(file.room()) && !file.is_test() {
        for (pattern, what) in IMPURE {
            forbid(
                pattern,
                &format!("a pure room has no {}", what.trim_start_matches("a ")),
                &tokens,
            );
        }
    }
    if file.room() == "proxy" {
        for (pattern, why) in NOT_IN_PROXY {
            forbid(pattern, why, &tokens);
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (path, text, expected) in [
            ("crates/model/src/a.rs", "use std::net::IpAddr;", None),
            ("crates/model/src/a.rs", "use std::net::TcpStream;", Some("no socket")),
            ("crates/verdict/src/a.rs", "let t = Instant::now();", Some("no clock")),
            ("crates/verdict/src/a.rs", "// Instant::now() is net's\nfn f(t: Instant) {}", None),
            ("crates/world/src/a.rs", "use tokio::net;", Some("no async")),
            ("crates/world/src/a.rs", "async fn f() {}", Some("no async")),
            ("crates/http1/src/a.rs", "log::info!(\"x\");", Some("no logging")),
            ("crates/http1/src/a.rs", "let access_log = log;", None),
            ("crates/config/src/a.rs", "rand::random()", Some("no random numbers")),
            ("crates/config/tests/broken.rs", "println!(\"table\");", None),
            ("crates/signal/src/a.rs", "let t = Instant::now();", None),
            ("crates/proxy/src/a.rs", "unsafe { f() }", Some("only `net`")),
            ("pointsman/src/main.rs", "unsafe { f() }", Some("only `net`")),
            ("crates/net/src/a.rs", "unsafe { f() }", None),
            ("crates/tls/src/a.rs", "#![deny(unsafe_code)] // unsafe", None),
            ("crates/proxy/src/a.rs", "use control::run;", Some("never the other way")),
            ("crates/proxy/src/a.rs", "let control = config;", None),
            ("crates/proxy/src/a.rs", "config::parse(text)", Some("World it has")),
        ] {
            let problems = judge(&[TextFile { path: path.to_owned(), text: text.to_owned() }]);
            match expected {
                None => assert!(problems.is_empty(), "{path}: {text}: {problems:?}"),
                Some(part) => {
                    assert_eq!(problems.len(), 1, "{path}: {text}");
                    assert!(problems[0].contains(part), "{path}: {text}: {}", problems[0]);
                    assert!(problems[0].starts_with(&format!("{path}:1:")), "{}", problems[0]);
                }
            }
        }
    }
}
