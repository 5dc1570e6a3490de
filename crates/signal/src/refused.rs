//! Clients that were turned away before a request, by where they came from.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

/// Pairs of a listener's address and a network that are told apart. Names come from configurations:
/// many reloads bring many.
pub const PAIRS_MAX: usize = 4096;

/// Counts of refused connection attempts, by the address they were made to and the name of the
/// client's network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    doors: BTreeMap<SocketAddr, BTreeMap<String, Refused>>,
    pairs: usize,
    beyond: u64,
}

/// What is known of the refused clients of one network at one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    pub count: u64,
    /// Unix seconds of the first and the last one.
    pub first: i64,
    pub last: i64,
    /// The last one, where it was seen and not only counted.
    pub example: Option<IpAddr>,
}

/// Where a core leaves what it has counted, whole: locked once a tick, never for a client.
#[derive(Clone, Debug, Default)]
pub struct Handover(Arc<Mutex<Tally>>);

impl Tally {
    pub fn add(&mut self, door: SocketAddr, network: &str, client: IpAddr, now: i64) {
        let example = Some(client);
        self.join(door, network, Refused { count: 1, first: now, last: now, example });
    }

    /// Counted by somebody who does not say who they were.
    pub fn add_many(&mut self, door: SocketAddr, network: &str, count: u64, now: i64) {
        self.join(door, network, Refused { count, first: now, last: now, example: None });
    }

    pub fn merge(&mut self, other: Tally) {
        for (door, networks) in other.doors {
            for (network, refused) in networks {
                self.join(door, &network, refused);
            }
        }
        self.beyond += other.beyond;
    }

    fn join(&mut self, door: SocketAddr, network: &str, new: Refused) {
        let known = self.doors.get_mut(&door).and_then(|networks| networks.get_mut(network));
        if let Some(known) = known {
            known.count += new.count;
            known.first = known.first.min(new.first);
            if new.last >= known.last {
                known.last = new.last;
                known.example = new.example.or(known.example);
            }
        } else if self.pairs < PAIRS_MAX {
            self.pairs += 1;
            self.doors.entry(door).or_default().insert(network.to_owned(), new);
        } else {
            self.beyond += new.count;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.pairs == 0 && self.beyond == 0
    }

    pub fn iter(&self) -> impl Iterator<Item = (SocketAddr, &str, Refused)> {
        self.doors.iter().flat_map(|(door, networks)| {
            networks.iter().map(|(network, refused)| (*door, &**network, *refused))
        })
    }

    pub fn get(&self, door: SocketAddr, network: &str) -> Option<Refused> {
        self.doors.get(&door)?.get(network).copied()
    }

    /// Refused beyond [`PAIRS_MAX`].
    pub fn beyond(&self) -> u64 {
        self.beyond
    }
}

impl Handover {
    pub fn give(&self, tally: &mut Tally) {
        if !tally.is_empty() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).merge(std::mem::take(tally));
        }
    }

    pub fn take(&self) -> Tally {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cores_hand_over_adds_up() {
        let door: SocketAddr = "203.0.113.20:443".parse().unwrap();
        let client = |text: &str| text.parse::<IpAddr>().unwrap();
        let handover = Handover::default();
        let mut core = Tally::default();
        core.add(door, "guest-wifi", client("198.51.100.20"), 7);
        core.add(door, "guest-wifi", client("198.51.100.21"), 9);
        handover.give(&mut core);
        assert!(core.is_empty());
        core.add(door, "guest-wifi", client("198.51.100.22"), 8);
        core.add(door, "lte", client("2001:db8:17e::1"), 8);
        handover.give(&mut core);
        let all = handover.take();
        assert!(handover.take().is_empty());
        let example = Some(client("198.51.100.21"));
        let guests = Refused { count: 3, first: 7, last: 9, example };
        assert_eq!(all.get(door, "guest-wifi"), Some(guests));
        let mut counted = all.clone();
        counted.add_many(door, "guest-wifi", 5, 11);
        let guests = Refused { count: 8, first: 7, last: 11, example };
        assert_eq!(counted.get(door, "guest-wifi"), Some(guests));
        let names: Vec<&str> = all.iter().map(|(_, network, _)| network).collect();
        assert_eq!(names, ["guest-wifi", "lte"]);
    }

    #[test]
    fn names_without_end_are_counted_together() {
        let mut tally = Tally::default();
        let door = SocketAddr::from(([127, 0, 0, 1], 80));
        for at in 0..PAIRS_MAX + 3 {
            tally.add(door, &at.to_string(), [127, 0, 0, 1].into(), 0);
        }
        tally.add(door, "0", [127, 0, 0, 1].into(), 0);
        assert_eq!((tally.iter().count(), tally.beyond()), (PAIRS_MAX, 3));
        assert_eq!(tally.get(door, "0").unwrap().count, 2);
    }
}
