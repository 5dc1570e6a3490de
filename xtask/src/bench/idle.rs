//! What clients cost that made one request and stay.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use super::clients::READY;
use super::entrants::Peer;
use super::peers::{Arena, Running};
use super::sample::Sample;
use crate::failed::Failed;
use crate::{CLIENTS, tree};

const CONNECTIONS: u32 = 10_000;
const WARM_UP: u32 = 20;
/// For the allocator to come to rest.
const SETTLE: Duration = Duration::from_millis(1500);

pub fn measure(
    arena: &Arena,
    peer: &Peer,
    running: &Running,
    scheme: &str,
) -> Result<Sample, Failed> {
    drop(Clients::open(arena, peer, scheme, WARM_UP)?);
    std::thread::sleep(SETTLE);
    let before = running.resident_kilobytes()?;
    let clients = Clients::open(arena, peer, scheme, CONNECTIONS)?;
    std::thread::sleep(SETTLE);
    let after = running.resident_kilobytes()?;
    drop(clients);
    let grown = after.saturating_sub(before);
    let cost = grown as f64 / f64::from(CONNECTIONS);
    Ok(Sample { cost, resident_megabytes: Some(after as f64 / 1024.0), ..Sample::default() })
}

/// A process that holds connections.
struct Clients(Child);

impl Clients {
    fn open(arena: &Arena, peer: &Peer, scheme: &str, count: u32) -> Result<Clients, Failed> {
        let port = if scheme == "https" { peer.https_port } else { peer.http_port };
        let program = tree::program("xtask");
        let mut command = arena.beside(&program.to_string_lossy());
        command.arg(CLIENTS).args([scheme, &port.to_string(), &count.to_string()]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut clients = Clients(child.map_err(Failed::file(&program))?);
        let mut line = String::new();
        if let Some(output) = clients.0.stdout.take() {
            BufReader::new(output).read_line(&mut line).map_err(Failed::file(&program))?;
        }
        match line.trim() == READY {
            true => Ok(clients),
            false => Err(Failed::Unexpected(format!("clients of {} failed", peer.name))),
        }
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
