//! Processes that end with us, and what the kernel says of them.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};

use crate::failed::Failed;

/// Whatever is awaited for longer has gone wrong.
pub const PATIENCE: Duration = Duration::from_secs(15);
/// Between two looks at what announces itself in no other way.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A child that is killed when dropped. Where we are killed ourselves, the children see to it:
/// ours by [`end_with_parent`], others by `setpriv --pdeathsig`.
pub struct Guarded(Child);

// === impl Guarded ===

impl Guarded {
    pub fn start(command: &mut Command) -> Result<Guarded, Failed> {
        command.stdin(Stdio::null());
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn();
        child
            .map(Guarded)
            .map_err(|error| Failed::Missing { what: name, remedy: error.to_string() })
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    pub fn signal(&self, signal: Signal) -> Result<(), Failed> {
        let sent = match Pid::from_raw(self.0.id().cast_signed()) {
            Some(pid) => kill_process(pid, signal).map_err(io::Error::from),
            None => Err(io::ErrorKind::InvalidInput.into()),
        };
        sent.map_err(|error| Failed::Unexpected(format!("signal to {}: {error}", self.0.id())))
    }

    /// `Some` once it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().ok().flatten()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// For a child of ours, at its beginning.
pub fn end_with_parent() -> Result<(), Failed> {
    let asked = set_parent_process_death_signal(Some(Signal::KILL));
    asked.map_err(|error| Failed::Unexpected(format!("cannot end with the parent: {error}")))
}

/// Asks again until there is an answer.
pub fn until<T>(what: &str, ask: impl FnMut() -> Option<T>) -> Result<T, Failed> {
    until_within(PATIENCE, ask)
        .ok_or_else(|| Failed::Unexpected(format!("waited in vain for {what}")))
}

/// `None` if there was no answer in time.
pub fn until_within<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

pub fn await_listener(address: SocketAddr) -> Result<(), Failed> {
    until(&format!("{address} to be listened on"), || TcpStream::connect(address).ok()).map(drop)
}

/// Memory and descriptors of a process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    pub resident_kilobytes: u64,
    /// `None` where we may not look: an instance that has hardened itself shows them to root only.
    pub descriptors: Option<usize>,
}

impl Usage {
    pub fn of(pid: u32) -> Usage {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok().map(Iterator::count);
        Usage { resident_kilobytes: resident.unwrap_or(0), descriptors }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_child_is_gone() {
        let child = Guarded::start(Command::new("sleep").arg("600")).unwrap();
        let pid = child.id();
        assert!(Usage::of(pid).resident_kilobytes > 0);
        drop(child);
        assert!(fs::metadata(format!("/proc/{pid}")).is_err());
    }

    #[test]
    fn what_never_comes_is_not_awaited_for_ever() {
        assert_eq!(until_within(Duration::ZERO, || None::<()>), None);
        assert_eq!(until_within(Duration::ZERO, || Some(1)), Some(1));
    }
}
