//! Into the kernel, and back: by `nft`, the one program that every system with nftables has.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use world::World;

use crate::nft::{self, Batch};
use crate::program::{Failed, Program};
use crate::ruleset::{Door, Ruleset};
use crate::table::TableName;

/// In the state directory, while there is a table.
const MARK: &str = "firewall";
/// Why a World is not enforced, and what is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotApplied {
    Nothing(Failed),
    /// The table of the generation before, which could not be taken away either.
    Before(Failed),
}

impl NotApplied {
    pub fn failed(&self) -> &Failed {
        match self {
            NotApplied::Nothing(failed) | NotApplied::Before(failed) => failed,
        }
    }
}

impl std::fmt::Display for NotApplied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NotApplied::Nothing(failed) => failed.fmt(f),
            NotApplied::Before(failed) => {
                write!(f, "{failed}; the table of the generation before is still in force")
            }
        }
    }
}

impl std::error::Error for NotApplied {}

/// Which World the table in the kernel is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    /// The one that was applied last; no table if it wants none.
    Wanted,
    /// One before it, or that of a process that crashed.
    Before,
}

/// The table of this instance. It goes when this value goes.
#[derive(Debug)]
pub struct Firewall {
    table: TableName,
    mark: PathBuf,
    program: Program,
    applied: Ruleset,
    holds: Holds,
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
            program: Program::default(),
            applied: Ruleset::default(),
            holds: Holds::Wanted,
            told: BTreeMap::new(),
        }
    }

    /// From now on enforces what this World wants, and only that.
    pub fn apply(&mut self, world: &World) -> Result<(), NotApplied> {
        let ruleset = Ruleset::of(world);
        if ruleset.is_empty() {
            return self.clear().map_err(NotApplied::Before);
        }
        let fresh = !self.mark.exists();
        // Before there is a table: one that nobody knows of would stay.
        let marked = std::fs::write(&self.mark, self.table.as_str());
        let applied = marked
            .map_err(Failed::from)
            .and_then(|()| self.tell(&nft::replacement(self.table.as_str(), &ruleset)));
        let failed = match applied {
            Ok(()) => {
                self.applied = ruleset;
                self.told.clear();
                self.holds = Holds::Wanted;
                return Ok(());
            }
            Err(failed) => failed,
        };
        // The transaction failed as a whole: a table that was there before is there still.
        match failed {
            Failed::Missing | Failed::NotPermitted | Failed::Other(_) if fresh => {
                let _ = std::fs::remove_file(&self.mark);
                self.forget();
                Err(NotApplied::Nothing(failed))
            }
            failed => match self.clear() {
                Ok(()) => Err(NotApplied::Nothing(failed)),
                Err(_) => Err(NotApplied::Before(failed)),
            },
        }
    }

    /// Takes the table away, if there is one, whoever made it. What cannot be taken away is in force.
    pub fn clear(&mut self) -> Result<(), Failed> {
        if self.mark.exists() {
            self.holds = Holds::Before;
            self.tell(&nft::removal(self.table.as_str()))?;
            let _ = std::fs::remove_file(&self.mark);
        }
        self.forget();
        Ok(())
    }

    /// There is no table.
    fn forget(&mut self) {
        self.applied = Ruleset::default();
        self.told.clear();
        self.holds = Holds::Wanted;
    }

    pub fn table(&self) -> &TableName {
        &self.table
    }

    /// What is in the kernel, as far as this value put it there.
    pub fn applied(&self) -> &Ruleset {
        &self.applied
    }

    /// Whether it turns outsiders away at exactly this address: those of today.
    pub fn guards(&self, address: SocketAddr) -> bool {
        self.holds == Holds::Wanted && self.applied.doors.iter().any(|door| door.address == address)
    }

    /// What was counted since the table was made.
    pub fn counts(&self) -> Result<Counts, Failed> {
        self.reading()()
    }

    /// As [`Firewall::counts`], for a thread that may wait: of the table that there is now.
    pub fn reading(&self) -> impl FnOnce() -> Result<Counts, Failed> + Send + 'static {
        let (table, program) = (self.table.clone(), self.program.clone());
        let nothing = self.applied.is_empty();
        move || match nothing {
            true => Ok(Counts::default()),
            false => {
                let list = ["-j", "list", "counters", "table", "inet", table.as_str()];
                counters(&program.run(&list, b"")?)
            }
        }
    }

    /// Packets dropped since the counts of the last call, by door and network. SYNs that are repeated
    /// count each time.
    pub fn newly_dropped(&mut self, counts: &Counts) -> Vec<(&Door, &str, u64)> {
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
        dropped
    }

    fn tell(&self, batch: &Batch) -> Result<(), Failed> {
        let text = serde_json::to_vec(batch).map_err(|error| Failed::Other(error.to_string()))?;
        self.program.run(&["-j", "-f", "-"], &text).map(drop)
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

#[cfg(test)]
mod tests;
