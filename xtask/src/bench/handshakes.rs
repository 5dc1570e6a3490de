//! Full TLS handshakes by `openssl s_time -new`: the client never resumes.

use super::entrants::Peer;
use super::peers::{Arena, Running};
use super::sample::Sample;
use crate::failed::Failed;
use crate::shell;

pub fn measure(
    arena: &Arena,
    peer: &Peer,
    running: &Running,
    seconds: u32,
) -> Result<Sample, Failed> {
    let mut command = arena.beside("openssl");
    command.args(["s_time", "-new", "-connect"]).arg(format!("127.0.0.1:{}", peer.https_port));
    command.arg("-time").arg(seconds.to_string());
    let before = running.cpu_time()?;
    let said = shell::output(&mut command)?;
    let used = running.cpu_time()?.saturating_sub(before);
    let made = parse(&said).filter(|made| *made > 0);
    let made = made.ok_or_else(|| Failed::Unexpected(format!("openssl s_time said:\n{said}")))?;
    Ok(Sample {
        cost: used.as_secs_f64() * 1e6 / made as f64,
        per_second: Some(made as f64 / f64::from(seconds)),
        ..Sample::default()
    })
}

/// Of `N connections in S real seconds`.
fn parse(said: &str) -> Option<u64> {
    let line = said
        .lines()
        .find(|line| line.contains(" connections in ") && line.contains(" real seconds"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_openssl_says() {
        let said = "2034 connections in 1.01s; 2013.86 connections/user sec, bytes read 0\n2034 connections in 4 real seconds, 0 bytes read per connection\n";
        assert_eq!(parse(said), Some(2034));
        assert_eq!(parse("connect:errno=111"), None);
    }
}
