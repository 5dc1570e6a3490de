//! Into the kernel, and back: by `nft`, the one program that every system with nftables has.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;
use world::World;

use crate::nft::{self, Batch};
use crate::ruleset::{Door, Ruleset};
use crate::table::TableName;

/// Where it is if it is not on the search path of a service.
const PROGRAMS: [&str; 2] = ["nft", "/usr/sbin/nft"];
/// In the state directory, while there is a table.
const MARK: &str = "firewall";
/// Of nft's words, so many lines are told.
const LINES_MAX: usize = 3;

/// Why a ruleset is not in the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// There is no `nft`.
    Missing,
    NotPermitted,
    /// It could not be run, or did not like what it was told.
    Other(String),
}

impl Failed {
    /// The remedy.
    pub fn hint(&self) -> &'static str {
        match self {
            Failed::Missing => "install the package `nftables`",
            Failed::NotPermitted => {
                "give the process CAP_NET_ADMIN as an ambient capability, as the packaged unit does"
            }
            Failed::Other(_) => "`nft list ruleset` as root shows whether nftables works here",
        }
    }
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failed::Missing => f.write_str("`nft` is not installed"),
            Failed::NotPermitted => f.write_str("nftables needs CAP_NET_ADMIN"),
            Failed::Other(text) => write!(f, "nft: {text}"),
        }
    }
}

impl std::error::Error for Failed {}

/// The table of this instance. It goes when this value goes.
#[derive(Debug)]
pub struct Firewall {
    table: TableName,
    mark: PathBuf,
    applied: Ruleset,
    /// What the counters said when they were read last.
    told: BTreeMap<String, u64>,
}

impl Firewall {
    /// Nothing is enforced yet. What an instance that crashed left behind stays until the first
    /// [`Firewall::apply`].
    pub fn of_state(state: &Path) -> Firewall {
        Firewall {
            table: TableName::of_state(state),
            mark: state.join(MARK),
            applied: Ruleset::default(),
            told: BTreeMap::new(),
        }
    }

    /// From now on enforces what this World wants, and only that. After a failure nothing is enforced.
    pub fn apply(&mut self, world: &World) -> Result<(), Failed> {
        let ruleset = Ruleset::of(world);
        if ruleset.is_empty() {
            return self.clear();
        }
        self.told.clear();
        let fresh = !self.mark.exists();
        // Before there is a table: one that nobody knows of would stay.
        let marked = std::fs::write(&self.mark, self.table.as_str());
        let applied = marked
            .map_err(|error| Failed::Other(error.to_string()))
            .and_then(|()| run(&nft::replacement(self.table.as_str(), &ruleset)));
        match applied {
            Ok(()) => {
                self.applied = ruleset;
                Ok(())
            }
            Err(failed) => {
                // The transaction failed as a whole: a table that was there before is there still.
                let _ =
                    if fresh { std::fs::remove_file(&self.mark).ok() } else { self.clear().ok() };
                self.applied = Ruleset::default();
                Err(failed)
            }
        }
    }

    /// Takes the table away, if there is one, whoever made it.
    pub fn clear(&mut self) -> Result<(), Failed> {
        self.applied = Ruleset::default();
        self.told.clear();
        if !self.mark.exists() {
            return Ok(());
        }
        run(&nft::removal(self.table.as_str()))?;
        let _ = std::fs::remove_file(&self.mark);
        Ok(())
    }

    pub fn table(&self) -> &TableName {
        &self.table
    }

    /// What is in the kernel.
    pub fn applied(&self) -> &Ruleset {
        &self.applied
    }

    /// Whether it turns outsiders away at exactly this address.
    pub fn guards(&self, address: SocketAddr) -> bool {
        self.applied.doors.iter().any(|door| door.address == address)
    }

    /// What was counted since the table was made.
    pub fn counts(&self) -> Result<Counts, Failed> {
        if self.applied.is_empty() {
            return Ok(Counts::default());
        }
        let list = ["-j", "list", "counters", "table", "inet", self.table.as_str()];
        counters(&nft(&list, b"")?)
    }

    /// Packets dropped since the last call, by door and network. SYNs that are repeated count each
    /// time.
    pub fn newly_dropped(&mut self) -> Result<Vec<(&Door, &str, u64)>, Failed> {
        let counts = self.counts()?;
        let mut dropped = Vec::new();
        for (at, door) in self.applied.doors.iter().enumerate() {
            for (network, name) in self.applied.names() {
                let counter = nft::dropped(at, network);
                let now = counts.of(&counter);
                let before = self.told.insert(counter, now).unwrap_or(0);
                if now > before {
                    dropped.push((door, name, now - before));
                }
            }
        }
        Ok(dropped)
    }
}

impl Drop for Firewall {
    fn drop(&mut self) {
        // Nobody is left to be told; the unit's ExecStopPost tries again.
        let _ = self.clear();
    }
}

impl Ruleset {
    /// The number of each network, and its name; then everybody else.
    pub fn names(&self) -> impl Iterator<Item = (Option<usize>, &str)> {
        let named = self.networks.iter().enumerate().map(|(at, (name, _))| (Some(at), &**name));
        named.chain([(None, self.rest)])
    }
}

/// Packets by counter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<String, u64>);

impl Counts {
    /// Connection attempts that a rule of a door admitted, which no rule before it did.
    pub fn admitted(&self, door: usize, rule: usize) -> u64 {
        self.of(&nft::admitted(door, rule))
    }

    /// Packets that a door dropped of a network, by its number in [`Ruleset::networks`].
    pub fn dropped(&self, door: usize, network: Option<usize>) -> u64 {
        self.of(&nft::dropped(door, network))
    }

    fn of(&self, counter: &str) -> u64 {
        self.0.get(counter).copied().unwrap_or(0)
    }
}

/// Of an answer of nft's, what we look at; a later version may say more.
#[derive(Deserialize)]
struct Answer {
    nftables: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    counter: Option<Counter>,
}

#[derive(Deserialize)]
struct Counter {
    name: String,
    packets: u64,
}

fn counters(answer: &[u8]) -> Result<Counts, Failed> {
    let answer: Answer =
        serde_json::from_slice(answer).map_err(|error| Failed::Other(error.to_string()))?;
    let listed = answer.nftables.into_iter().filter_map(|listed| listed.counter);
    Ok(Counts(listed.map(|counter| (counter.name, counter.packets)).collect()))
}

fn run(batch: &Batch) -> Result<(), Failed> {
    let text = serde_json::to_vec(batch).map_err(|error| Failed::Other(error.to_string()))?;
    nft(&["-j", "-f", "-"], &text).map(drop)
}

/// Runs it, tells it `input`, and gives back what it says.
fn nft(arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, Failed> {
    let spawn = |program: &&str| {
        let mut command = Command::new(program);
        command.args(arguments).env("LC_ALL", "C");
        let child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        match child {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            other => Some(other),
        }
    };
    let other = |error: std::io::Error| Failed::Other(error.to_string());
    let child = PROGRAMS.iter().find_map(spawn).ok_or(Failed::Missing)?;
    let mut child = child.map_err(other)?;
    // It reads everything before it says anything, so neither waits for the other. If it ends early,
    // its own words say why.
    let told = child.stdin.take().map(|mut stdin| stdin.write_all(input));
    let output = child.wait_with_output().map_err(other)?;
    let words = String::from_utf8_lossy(&output.stderr);
    match output.status.success() {
        true => told.unwrap_or(Ok(())).map(|()| output.stdout).map_err(other),
        false if words.contains("Operation not permitted") => Err(Failed::NotPermitted),
        false => {
            let lines: Vec<&str> = words.lines().map(str::trim).take(LINES_MAX).collect();
            Err(Failed::Other(lines.join("; ")))
        }
    }
}
