//! Where the proxies run: the origin, the machine's cores, their processes.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::entrants::{ENTRANTS, Peer, Placement, enter};
use super::process::{Tree, ticks_per_second};
use crate::failed::Failed;
use crate::{ORIGIN, shell, tree};

const START_LIMIT: Duration = Duration::from_secs(20);
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// The log of the last run is closed and health checks have run once.
const SETTLE: Duration = Duration::from_millis(500);

/// Where the proxies meet: the working folder, the origin, and who runs on which core.
pub struct Arena {
    peers: Vec<Peer>,
    ticks_per_second: u64,
    cores: Cores,
    origin: Child,
}

impl Arena {
    pub fn open(folder: &Path) -> Result<Arena, Failed> {
        fs::create_dir_all(folder).map_err(Failed::file(folder))?;
        make_certificate(folder)?;
        let cores = Cores::of_this_machine();
        let ports = free_ports(1 + 2 * ENTRANTS.len()).map_err(Failed::file(folder))?;
        let (origin_port, ports) =
            ports.split_first().ok_or_else(|| Failed::Unexpected("no port".into()))?;
        let pairs = ENTRANTS.iter().zip(ports.chunks_exact(2));
        let peers = pairs
            .map(|(entrant, ports)| enter(entrant, folder, *origin_port, ports))
            .collect::<Result<_, _>>()?;
        let mut origin = cores.others(&tree::program("xtask"));
        let started = origin.args([ORIGIN, &origin_port.to_string()]).stdin(Stdio::null()).spawn();
        let mut origin = started.map_err(Failed::file("the origin"))?;
        await_port(*origin_port, &mut origin).map_err(Failed::file("the origin"))?;
        Ok(Arena { peers, ticks_per_second: ticks_per_second(), cores, origin })
    }

    pub fn peer(&self, name: &str) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.name == name)
    }

    /// Starts a proxy and waits until it listens.
    pub fn start(&self, peer: &Peer) -> Result<Running, Failed> {
        let _ = fs::remove_file(&peer.access_log);
        let output = File::create(&peer.output).map_err(Failed::file(&peer.output))?;
        let errors = output.try_clone().map_err(Failed::file(&peer.output))?;
        let mut command = match peer.placement {
            Placement::OwnCore => self.cores.proxy(&peer.program),
            Placement::AnyCore => Command::new(&peer.program),
        };
        command.args(&peer.arguments).stdin(Stdio::null()).stdout(output).stderr(errors);
        let child = command.spawn().map_err(Failed::file(&peer.program))?;
        let mut running = Running { child, ticks_per_second: self.ticks_per_second };
        for port in [peer.http_port, peer.https_port] {
            await_port(port, &mut running.child).map_err(|error| {
                let said = fs::read_to_string(&peer.output).unwrap_or_default();
                Failed::Unexpected(format!(
                    "{} does not listen on {port}: {error}\n{said}",
                    peer.name
                ))
            })?;
        }
        std::thread::sleep(SETTLE);
        Ok(running)
    }

    /// A program on the core that the proxy does not have.
    pub fn beside(&self, program: &str) -> Command {
        self.cores.others(Path::new(program))
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        let _ = self.origin.kill();
        let _ = self.origin.wait();
    }
}

/// A proxy at work; ended when dropped.
pub struct Running {
    child: Child,
    ticks_per_second: u64,
}

impl Running {
    pub fn cpu_time(&self) -> Result<Duration, Failed> {
        Tree::of(self.child.id()).cpu_time(self.ticks_per_second)
    }

    pub fn resident_kilobytes(&self) -> Result<u64, Failed> {
        Tree::of(self.child.id()).resident_kilobytes()
    }

    pub fn stop(self) {}
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let end = Instant::now() + STOP_LIMIT;
        while Instant::now() < end {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Who runs where.
#[derive(Clone, Copy, Debug)]
struct Cores {
    proxy: usize,
    others: usize,
    /// The proxy runs at real-time priority, where that is allowed: a busy machine does not
    /// interrupt it. Round robin, so that its own threads take turns.
    real_time: bool,
}

impl Cores {
    fn of_this_machine() -> Cores {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        let allowed =
            Command::new("chrt").args(["-r", "10", "true"]).stderr(Stdio::null()).status();
        let real_time = allowed.is_ok_and(|status| status.success());
        Cores { proxy: 0, others: usize::from(count > 1), real_time }
    }

    fn proxy(&self, program: &Path) -> Command {
        let mut command = on(self.proxy);
        if self.real_time {
            command.args(["chrt", "-r", "10"]);
        }
        command.arg(program);
        command
    }

    /// At ordinary priority: origin and load generator share a core, and turns at real-time priority
    /// are so long that they would be all that a latency shows.
    fn others(&self, program: &Path) -> Command {
        let mut command = on(self.others);
        command.arg(program);
        command
    }
}

fn on(core: usize) -> Command {
    let mut command = Command::new("taskset");
    command.arg("-c").arg(core.to_string()).env("PATH", shell::path_with_sbin());
    command
}

fn make_certificate(folder: &Path) -> Result<(), Failed> {
    let (chain, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let both = folder.join("both.pem");
    if both.exists() {
        return Ok(());
    }
    let mut command = Command::new("openssl");
    command.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ]);
    command.args([
        "-days",
        "3650",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
    ]);
    command.arg("-keyout").arg(&key).arg("-out").arg(&chain).stderr(Stdio::null());
    shell::run(&mut command)?;
    let mut text = fs::read_to_string(&chain).map_err(Failed::file(&chain))?;
    text += &fs::read_to_string(&key).map_err(Failed::file(&key))?;
    fs::write(&both, text).map_err(Failed::file(&both))
}

/// Ports that are free now, all different: held until all are known.
pub fn free_ports(count: usize) -> std::io::Result<Vec<u16>> {
    let held = (0..count)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<Result<Vec<_>, _>>()?;
    held.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}

/// Waits until the port is listened on, unless the process ends before.
pub fn await_port(port: u16, process: &mut Child) -> std::io::Result<()> {
    let end = Instant::now() + START_LIMIT;
    loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > end => return Err(error),
            Err(error) if process.try_wait()?.is_some() => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_different() {
        let mut ports = free_ports(7).unwrap();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 7);
    }
}
