//! Who was turned away, by the name of the network (DECISIONS 13, 25): what the cores refused after
//! accept, and a second look at the SYNs that the kernel dropped.

mod recent;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use model::{AddressSet, ListenerId, Refusal, canonical};
use net::attempts::{Attempt, Attempts};
use net::filter::Program;
use signal::{Handover, Journal, Tally};
use world::World;

use self::recent::Recent;
use crate::filters::Enforcement;

/// A line of the log for each network at most so often.
const LINE_EVERY_SECONDS: u64 = 60;
/// Addresses of this machine that clients were seen to use.
const ADDRESSES_MAX: usize = 1024;

/// The count, and what it rests on.
pub struct RefusedClients {
    tally: Tally,
    /// Attempts that were not looked at, since they came too fast.
    unseen: u64,
    watch: Watch,
    /// Some listener's outsiders are seen by nobody but [`Watch`]: socket filters count no names.
    uncounted: bool,
    recent: Recent,
    /// Whether packets to an address are for this machine: only a listener on every address asks.
    ours: BTreeMap<IpAddr, bool>,
    lines: BTreeMap<String, Line>,
}

/// The second look.
enum Watch {
    /// The kernel drops nobody.
    NotNeeded,
    Open(Attempts),
    Unavailable(String),
}

/// What the log has been told of a network.
#[derive(Clone, Copy, Default)]
struct Line {
    told: u64,
    at: i64,
}

impl RefusedClients {
    pub fn new() -> RefusedClients {
        RefusedClients {
            tally: Tally::default(),
            unseen: 0,
            watch: Watch::NotNeeded,
            uncounted: false,
            recent: Recent::default(),
            ours: BTreeMap::new(),
            lines: BTreeMap::new(),
        }
    }

    /// Looks for what this World refuses from now on. What was seen under the World before must have
    /// been [looked at](Self::look).
    pub fn follow(&mut self, world: &World, enforcement: &BTreeMap<SocketAddr, Enforcement>) {
        self.ours.clear();
        let dropping = |(address, how): (&SocketAddr, &Enforcement)| {
            how.is_in_the_kernel().then_some(*address)
        };
        self.uncounted = enforcement.values().any(|how| *how == Enforcement::Kernel);
        let doors: BTreeSet<SocketAddr> = enforcement.iter().filter_map(dropping).collect();
        if doors.is_empty() {
            self.watch = Watch::NotNeeded;
            return;
        }
        let open = match std::mem::replace(&mut self.watch, Watch::NotNeeded) {
            Watch::Open(attempts) => Ok(attempts),
            Watch::NotNeeded | Watch::Unavailable(_) => Attempts::open(),
        };
        let watched = open.and_then(|attempts| {
            let (v4, v6) = programs(world, &doors);
            attempts.watch(&v4, &v6).map(|()| attempts)
        });
        self.watch = match watched {
            Ok(attempts) => Watch::Open(attempts),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                Watch::Unavailable("needs CAP_NET_RAW".to_owned())
            }
            Err(error) => Watch::Unavailable(error.to_string()),
        };
    }

    /// Counts what came in since the last look.
    pub fn look<'h>(
        &mut self,
        world: &World,
        enforcement: &BTreeMap<SocketAddr, Enforcement>,
        cores: impl Iterator<Item = &'h Handover>,
    ) {
        cores.for_each(|core| self.tally.merge(core.take()));
        let now = net::clock::unix_seconds();
        self.recent.forget(now);
        let mut attempts = Vec::new();
        if let Watch::Open(open) = &self.watch {
            self.unseen += open.read(|attempt| attempts.push(attempt));
        }
        for attempt in attempts {
            self.judge(world, enforcement, attempt, now);
        }
    }

    /// What the packet filter counted, of which nobody was seen: packets, repetitions included.
    pub fn add_counted(&mut self, counted: Vec<(SocketAddr, String, u64)>) {
        let now = net::clock::unix_seconds();
        for (door, network, count) in counted {
            self.tally.add_many(door, &network, count, now);
        }
    }

    /// Whether SYNs to listeners are looked at, so that the packet filter need not be asked.
    pub fn sees_listeners(&self) -> bool {
        match self.watch {
            Watch::Open(_) => true,
            Watch::NotNeeded | Watch::Unavailable(_) => false,
        }
    }

    /// The filter of the packet socket only prunes (DECISIONS 1): the decision is [`admit`].
    ///
    /// [`admit`]: verdict::admit::admit
    fn judge(
        &mut self,
        world: &World,
        enforcement: &BTreeMap<SocketAddr, Enforcement>,
        attempt: Attempt,
        now: i64,
    ) {
        let Some((door, listener)) = self.door(world, attempt.to) else { return };
        // Elsewhere the core sees the client, and counts it.
        if !enforcement.get(&door).is_some_and(Enforcement::is_in_the_kernel) {
            return;
        }
        let client = canonical(attempt.from.ip());
        let admission = world.ingress(world.model[listener].load_balancer);
        let refused = verdict::admit::admit(admission, client, door.port(), &mut ()).is_err();
        if refused && self.recent.is_new(attempt) {
            self.tally.add(door, world.network_name(client), client, now);
        }
    }

    /// The listening socket that a SYN is for.
    fn door(&mut self, world: &World, to: SocketAddr) -> Option<(SocketAddr, ListenerId)> {
        if let Some(listener) = world.listener_at(to) {
            return Some((to, listener));
        }
        let every: IpAddr = match to.ip() {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let door = SocketAddr::new(every, to.port());
        let listener = world.listener_at(door)?;
        // A router sees the packets of others as well.
        self.is_ours(to.ip()).then_some((door, listener))
    }

    fn is_ours(&mut self, address: IpAddr) -> bool {
        if let Some(known) = self.ours.get(&address) {
            return *known;
        }
        if self.ours.len() >= ADDRESSES_MAX {
            self.ours.clear();
        }
        let ours = net::listen::is_of_this_machine(address);
        self.ours.insert(address, ours);
        ours
    }

    /// A line for each network that clients were refused from, at most once a minute.
    pub fn report(&mut self, world: &World, journal: &Journal) {
        let now = net::clock::unix_seconds();
        let mut networks: BTreeMap<&str, (u64, SocketAddr, signal::Refused)> = BTreeMap::new();
        for (door, network, refused) in self.tally.iter() {
            let (count, latest_door, latest) =
                networks.entry(network).or_insert((0, door, refused));
            *count += refused.count;
            if refused.last > latest.last {
                (*latest_door, *latest) = (door, refused);
            }
        }
        for (network, (count, door, latest)) in networks {
            let line = self.lines.entry(network.to_owned()).or_default();
            // Also when the clock was set back.
            let waited = now.abs_diff(line.at) >= LINE_EVERY_SECONDS;
            if count > line.told && waited {
                let refused = count - line.told;
                *line = Line { told: count, at: now };
                let name = listener_name(world, door).unwrap_or_else(|| "-".to_owned());
                let client = latest.example.map_or("-".to_owned(), |client| client.to_string());
                journal.info(
                    Refusal::AdmitNoRule.code(),
                    &[
                        ("network", &network),
                        ("refused", &refused),
                        ("listener", &name),
                        ("port", &door.port()),
                        ("client", &client),
                    ],
                );
            }
        }
    }

    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Refused or not, nobody knows: they came too fast.
    pub fn unseen(&self) -> u64 {
        self.unseen
    }

    /// Why those that the kernel drops are not counted by network, if they are not.
    pub fn unavailable(&self) -> Option<&str> {
        match &self.watch {
            Watch::Unavailable(why) if self.uncounted => Some(why),
            Watch::Unavailable(_) | Watch::NotNeeded | Watch::Open(_) => None,
        }
    }
}

/// The name of what is at an address, as `status` has it.
pub fn listener_name(world: &World, door: SocketAddr) -> Option<String> {
    if let Some(id) = world.listener_at(door) {
        let listener = &world.model[id];
        return Some(format!("{}.{}", world.model[listener.load_balancer].name, listener.name));
    }
    let instance = world.model.instances.iter().find(|one| one.addresses.contains(&door.ip()))?;
    Some(format!("instance.{}", instance.name))
}

/// Passes what any of the listeners may refuse.
fn programs(world: &World, doors: &BTreeSet<SocketAddr>) -> (Program, Program) {
    let mut ports: BTreeSet<u16> = BTreeSet::new();
    let mut refused = AddressSet::default();
    for door in doors {
        if let Some(listener) = world.listener_at(*door) {
            let admission = world.ingress(world.model[listener].load_balancer);
            let admitted = verdict::admit::admitted_set(admission, door.port());
            refused = refused.or(&AddressSet::everything().minus(&admitted));
            ports.insert(door.port());
        }
    }
    let ports: Vec<u16> = ports.into_iter().collect();
    (
        Program::attempts_v4(&ports, &refused.v4_ranges().collect::<Vec<_>>()),
        Program::attempts_v6(&ports, &refused.v6_ranges().collect::<Vec<_>>()),
    )
}
