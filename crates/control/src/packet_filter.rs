//! The packet filter beside the sockets: follows the World, says how it goes, and gives its counts.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use firewall::{Counts, Door, Failed, Firewall, NotApplied, Owner, Ruleset};
use signal::Journal;
use world::World;

use crate::refused::listener_name;
use crate::status::{FirewallDoor, FirewallRule, FirewallStatus};

/// Reading counters takes a process.
const COUNTS_EVERY: Duration = Duration::from_secs(10);
/// Of the time, at most one part in so many is spent on reading: `nft` reads large sets as well.
const COUNTS_SHARE: u32 = 100;

/// An old table that cannot be replaced is tried again so often.
const AGAIN: Duration = Duration::from_secs(10);
/// Of the time, at most one part in so many is spent on it.
const SHARE: u32 = 10;

/// How fresh counts are to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Somebody asks.
    Now,
    /// Now and then.
    Leisurely,
}

/// And how long it took.
type Read = (Result<Counts, Failed>, Duration);

pub struct PacketFilter {
    firewall: Firewall,
    failed: Option<NotApplied>,
    /// When it was applied last, and how long that took.
    tried: (Instant, Duration),
    /// When the counters were read last, and how long that took.
    counted: (Instant, Duration),
    /// What they said.
    counts: Result<Counts, Failed>,
    /// A thread reads them.
    reading: Option<Receiver<Read>>,
}

impl PacketFilter {
    pub fn of_state(state: &Path) -> PacketFilter {
        PacketFilter {
            firewall: Firewall::of_state(state),
            failed: None,
            tried: (net::clock::now(), Duration::ZERO),
            counted: (net::clock::now(), Duration::ZERO),
            counts: Ok(Counts::default()),
            reading: None,
        }
    }

    /// Enforces what this World wants. Where it cannot, somebody else enforces it for the listeners;
    /// nobody does for instances.
    pub fn follow(&mut self, world: &World, journal: &Journal) {
        let begin = net::clock::now();
        let failed = self.firewall.apply(world).err();
        // Those of another table.
        self.reading = None;
        self.counts = Ok(Counts::default());
        match &failed {
            Some(failed) => {
                let hint = failed.failed().hint();
                journal.warn("firewall/not-applied", &[("error", failed), ("hint", &hint)]);
            }
            None if !self.firewall.applied().is_empty() => journal.info(
                "firewall/applied",
                &[
                    ("table", self.firewall.table()),
                    ("doors", &self.firewall.applied().doors.len()),
                ],
            ),
            None => {}
        }
        self.failed = failed;
        let end = net::clock::now();
        self.tried = (end, end.saturating_duration_since(begin));
    }

    /// Whether to follow once more: a table of a World before turns away whom this one admits.
    pub fn is_to_try_again(&self) -> bool {
        let (last, took) = self.tried;
        let due = || net::clock::now().saturating_duration_since(last) >= AGAIN.max(took * SHARE);
        matches!(self.failed, Some(NotApplied::Before(_))) && due()
    }

    pub fn firewall(&self) -> &Firewall {
        &self.firewall
    }

    /// Packets that were dropped since the last call, by address and network; without those to
    /// listeners if they are `seen` otherwise.
    pub fn newly_dropped(&mut self, pace: Pace, seen: bool) -> Vec<(SocketAddr, String, u64)> {
        let wanted = |door: &Door| match door.owner {
            Owner::Listener(_) => !seen,
            Owner::Instance(_) => true,
        };
        let read = match pace {
            Pace::Now => {
                self.reading = None;
                Some(timed(self.firewall.reading()))
            }
            Pace::Leisurely => self.read_apart(wanted),
        };
        let Some((counts, took)) = read else { return Vec::new() };
        self.counts = counts;
        self.counted = (net::clock::now(), took);
        // `status` says what goes wrong with it.
        let Ok(counts) = &self.counts else { return Vec::new() };
        let dropped = self.firewall.newly_dropped(counts);
        let wanted = dropped.into_iter().filter(|(door, _, _)| wanted(door));
        wanted.map(|(door, network, count)| (door.address, network.to_owned(), count)).collect()
    }

    /// What a thread that may wait has read by now; begins to read when that is due.
    fn read_apart(&mut self, wanted: impl Fn(&Door) -> bool) -> Option<Read> {
        if let Some(reading) = &self.reading {
            let read = reading.try_recv();
            if read != Err(TryRecvError::Empty) {
                self.reading = None;
            }
            return read.ok();
        }
        let (last, took) = self.counted;
        let due = net::clock::now().saturating_duration_since(last)
            >= COUNTS_EVERY.max(took * COUNTS_SHARE);
        if due && self.firewall.applied().doors.iter().any(wanted) {
            let (said, reading) = channel();
            let read = self.firewall.reading();
            // Without a thread it is tried again next time.
            let _ = net::core::yielding_alone("counts", move || drop(said.send(timed(read))));
            self.reading = Some(reading);
        }
        None
    }

    /// With the counts that were read last; `None` where the configuration does not ask for it.
    pub fn status(&self, world: &World) -> Option<FirewallStatus> {
        let ruleset = self.firewall.applied();
        if ruleset.is_empty() && self.failed.is_none() {
            return None;
        }
        let problem = match (&self.failed, &self.counts) {
            (Some(failed), _) => Some(format!("{failed}: {}", failed.failed().hint())),
            (None, Err(failed)) => Some(format!("{failed}: {}", failed.hint())),
            (None, Ok(_)) => None,
        };
        let unread = Counts::default();
        let counts = self.counts.as_ref().unwrap_or(&unread);
        let doors = ruleset.doors.iter().enumerate();
        Some(FirewallStatus {
            table: self.firewall.table().to_string(),
            problem,
            doors: doors.map(|(at, door)| described(world, ruleset, counts, at, door)).collect(),
        })
    }

    /// At the end; the value's own end would do it without a word.
    pub fn clear(&mut self, journal: &Journal) {
        if let Err(failed) = self.firewall.clear() {
            let table = self.firewall.table();
            journal.warn("firewall/not-removed", &[("table", table), ("error", &failed)]);
        }
    }
}

fn timed(read: impl FnOnce() -> Result<Counts, Failed>) -> Read {
    let begin = net::clock::now();
    let counts = read();
    (counts, net::clock::now().saturating_duration_since(begin))
}

fn described(
    world: &World,
    ruleset: &Ruleset,
    counts: &Counts,
    at: usize,
    door: &Door,
) -> FirewallDoor {
    let rules = door.admits.iter().enumerate().map(|(number, rule)| FirewallRule {
        group: rule.group.clone(),
        place: rule.place.to_string(),
        admitted: counts.admitted(at, number),
    });
    let dropped: BTreeMap<String, u64> = ruleset
        .names()
        .map(|(network, name)| (name.to_owned(), counts.dropped(at, network)))
        .filter(|(_, packets)| *packets > 0)
        .collect();
    FirewallDoor {
        name: listener_name(world, door.address).unwrap_or_default(),
        address: door.address.to_string(),
        rules: rules.collect(),
        dropped,
    }
}
