//! Keep-alive requests by wrk.

use std::process::Command;

use super::entrants::Peer;
use super::peers::{Arena, Running};
use super::sample::Sample;
use crate::failed::Failed;
use crate::shell;

/// Connections open and the pools fill before anything is counted.
const WARM_UP_SECONDS: u32 = 1;

/// What a browser would send, near enough: five fields.
const HEADERS: &[&str] = &[
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) bench/1.0",
    "Accept: text/html,application/json;q=0.9,*/*;q=0.8",
    "Accept-Encoding: gzip, deflate",
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark",
];

#[derive(Clone, Copy, Debug)]
pub struct Load {
    connections: u32,
    path: &'static str,
    scheme: &'static str,
}

impl Load {
    pub const fn http(connections: u32, path: &'static str) -> Load {
        Load { connections, path, scheme: "http" }
    }

    pub const fn https(connections: u32, path: &'static str) -> Load {
        Load { connections, path, scheme: "https" }
    }

    pub fn measure(
        &self,
        arena: &Arena,
        peer: &Peer,
        running: &Running,
        seconds: u32,
    ) -> Result<Sample, Failed> {
        let warm_up = self.run(arena, peer, WARM_UP_SECONDS)?;
        let before = running.cpu_time()?;
        let counted = self.run(arena, peer, seconds)?;
        let used = running.cpu_time()?.saturating_sub(before);
        if counted.requests == 0 {
            return Err(Failed::Unexpected(format!("{} answered no request", peer.name)));
        }
        Ok(Sample {
            cost: used.as_secs_f64() * 1e6 / counted.requests as f64,
            per_second: Some(counted.requests as f64 / counted.seconds),
            p99_milliseconds: Some(counted.p99_milliseconds),
            errors: counted.errors,
            requests_logged_at_least: Some(warm_up.requests + counted.requests),
            ..Sample::default()
        })
    }

    pub fn run(&self, arena: &Arena, peer: &Peer, seconds: u32) -> Result<Counted, Failed> {
        let port = if self.scheme == "https" { peer.https_port } else { peer.http_port };
        let mut command: Command = arena.beside("wrk");
        command.args(["-t1", "--latency"]);
        command.arg(format!("-c{}", self.connections)).arg(format!("-d{seconds}s"));
        for header in HEADERS {
            command.args(["-H", header]);
        }
        command.arg(format!("{}://127.0.0.1:{port}{}", self.scheme, self.path));
        let said = shell::output(&mut command)?;
        parse(&said).ok_or_else(|| Failed::Unexpected(format!("wrk said:\n{said}")))
    }
}

/// What wrk counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    pub requests: u64,
    pub seconds: f64,
    pub p99_milliseconds: f64,
    pub errors: u64,
}

fn parse(said: &str) -> Option<Counted> {
    let mut counted = Counted { requests: 0, seconds: 0.0, p99_milliseconds: 0.0, errors: 0 };
    for line in said.lines().map(str::trim) {
        if let Some((requests, rest)) = line.split_once(" requests in ") {
            counted.requests = requests.parse().ok()?;
            counted.seconds = milliseconds(rest.split(',').next()?)? / 1000.0;
        } else if let Some(latency) = line.strip_prefix("99%") {
            counted.p99_milliseconds = milliseconds(latency.trim())?;
        } else if let Some(bad) = line.strip_prefix("Non-2xx or 3xx responses:") {
            counted.errors += bad.trim().parse::<u64>().ok()?;
        } else if let Some(errors) = line.strip_prefix("Socket errors:") {
            let numbers = errors.split([' ', ',']).filter_map(|word| word.parse::<u64>().ok());
            counted.errors += numbers.sum::<u64>();
        }
    }
    (counted.seconds > 0.0).then_some(counted)
}

/// `1.50ms`, `812.00us`, `2.03s`, `1.00m`.
fn milliseconds(text: &str) -> Option<f64> {
    let at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(at);
    let factor = match unit {
        "us" => 0.001,
        "ms" => 1.0,
        "s" => 1000.0,
        "m" => 60_000.0,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "Running 1s test @ http://127.0.0.1:1/\n  1 threads and 64 connections\n  Latency Distribution\n     50%  812.00us\n     99%    1.50ms\n  52345 requests in 1.10s, 16.00MB read\n  Socket errors: connect 0, read 2, write 0, timeout 1\n  Non-2xx or 3xx responses: 7\nRequests/sec:  47586.36\n";

    #[test]
    fn what_wrk_says() {
        let counted = parse(SAID).unwrap();
        assert_eq!((counted.requests, counted.errors), (52_345, 10));
        assert!(
            (counted.seconds - 1.1).abs() < 1e-9 && (counted.p99_milliseconds - 1.5).abs() < 1e-9
        );
        assert_eq!(parse("unable to connect to 127.0.0.1:1 Connection refused\n"), None);
    }

    #[test]
    fn times() {
        for (text, expected) in
            [("1.5ms", Some(1.5)), ("500us", Some(0.5)), ("2s", Some(2000.0)), ("2x", None)]
        {
            assert_eq!(milliseconds(text), expected, "{text}");
        }
    }
}
