//! The name server of an instance: its sockets, its cores, what they answer from, and who is told of
//! changes.

pub mod sockets;
pub mod zones;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;

use dns::cookie::Secret;
use dns::core::{Command, Opened, Start};
use dns::sign::PERIOD_SECONDS;
use dns::snapshot::{Health, Limits, Served, Snapshot};
use machine::board::Board;
use model::{Challenges, HealthState};
use signal::{DnsCounters, DnsCounts, Journal};
use tokio::sync::mpsc;
use world::{GroupHealth, World};

use self::sockets::{Plan, Sockets};
use self::zones::ZoneBook;

struct Core {
    commands: mpsc::UnboundedSender<Command>,
    // Ends when the sender is dropped.
    _thread: JoinHandle<()>,
    counters: Arc<DnsCounters>,
}

pub struct NameServer {
    sockets: Sockets,
    cores: Vec<Core>,
    core_count: usize,
    secret: Secret,
    here: Arc<[IpAddr]>,
    challenges: Arc<Challenges>,
    snapshot: Option<Arc<Snapshot>>,
    /// Replaced ones: freed here, when no core holds them.
    old: Vec<Arc<Snapshot>>,
    /// By zone and secondary: who is being told.
    notifying: BTreeMap<(String, SocketAddr), tokio::task::JoinHandle<()>>,
    journal: Journal,
    /// Of the signatures that secondaries have.
    period: u64,
}

/// What a World needs, all of it had before anything is published.
pub struct Ready {
    plan: Plan,
    zones: Arc<[Served]>,
    here: Arc<[IpAddr]>,
}

impl NameServer {
    pub fn new(core_count: usize, journal: Journal) -> NameServer {
        NameServer {
            sockets: Sockets::default(),
            cores: Vec::new(),
            core_count,
            secret: Secret::new(net::random::os_bytes()),
            here: Arc::from([]),
            challenges: Arc::default(),
            snapshot: None,
            old: Vec::new(),
            notifying: BTreeMap::new(),
            journal,
            period: now() / PERIOD_SECONDS,
        }
    }

    /// Opens sockets, finds keys and serials. Without a `dns_server`, nothing is answered and nothing
    /// is kept.
    pub fn prepare(&self, world: &World, book: &ZoneBook<'_>) -> Result<Ready, Vec<String>> {
        let server = world.model.dns_server.as_ref();
        let here: Arc<[IpAddr]> = here().into();
        let zones = match server {
            Some(_) => book.serve(world, &here, now()).map_err(|error| vec![error])?,
            None => Vec::new(),
        };
        let plan = self.sockets.plan(server, self.core_count)?;
        Ok(Ready { plan, zones: zones.into(), here })
    }

    /// From now on questions are answered from this World.
    pub fn publish(
        &mut self,
        mut ready: Ready,
        world: &Arc<World>,
        board: &Board,
    ) -> std::io::Result<()> {
        let opened = std::mem::take(&mut ready.plan.opened);
        let closed = ready.plan.closed.clone();
        self.sockets.commit(&mut ready.plan);
        self.here = ready.here;
        let Some(server) = &world.model.dns_server else {
            // The cores end.
            self.cores.clear();
            self.replace(None);
            return Ok(());
        };
        let cores = u32::try_from(self.core_count).unwrap_or(1).max(1);
        let snapshot = Arc::new(Snapshot {
            world: Arc::clone(world),
            zones: ready.zones,
            health: Arc::new(health(world, board)),
            challenges: Arc::clone(&self.challenges),
            here: Arc::clone(&self.here),
            limits: Limits {
                // The kernel spreads questions among the cores.
                per_second: server.rate_limit.map(|limit| limit.div_ceil(cores)),
                exempt: Arc::new(server.exempt.iter().copied().collect()),
            },
        });
        for address in opened.first().into_iter().flatten().map(|opened| opened.address) {
            self.journal.info("dns/opened", &[("address", &address)]);
        }
        let changed = self.changed(&snapshot);
        match self.cores.is_empty() {
            true => self.start(&snapshot, opened)?,
            false => self.send(&snapshot, opened, &closed),
        }
        self.replace(Some(snapshot));
        self.notify(world, changed);
        Ok(())
    }

    /// Health has changed.
    pub fn publish_health(&mut self, board: &Board) {
        let Some(snapshot) = &self.snapshot else { return };
        if board.generation != snapshot.world.generation {
            return;
        }
        let health = health(&snapshot.world, board);
        if health != *snapshot.health {
            let health = Arc::new(health);
            self.publish_changed(Snapshot { health, ..Snapshot::clone(snapshot) });
        }
    }

    /// What authorities look for has changed.
    pub fn publish_challenges(&mut self, challenges: Arc<Challenges>) {
        self.challenges = Arc::clone(&challenges);
        if let Some(snapshot) = &self.snapshot {
            self.publish_changed(Snapshot { challenges, ..Snapshot::clone(snapshot) });
        }
    }

    /// Frees what no core holds any more. Says whether zones have to be published again, because
    /// secondaries need new signatures.
    pub fn housekeeping(&mut self) -> bool {
        self.old.retain(|snapshot| Arc::strong_count(snapshot) > 1);
        self.notifying.retain(|_, task| !task.is_finished());
        let period = now() / PERIOD_SECONDS;
        let is_new = std::mem::replace(&mut self.period, period) != period;
        is_new && self.snapshot.as_ref().is_some_and(|s| s.zones.iter().any(|z| z.key.is_some()))
    }

    pub fn snapshot(&self) -> Option<&Arc<Snapshot>> {
        self.snapshot.as_ref()
    }

    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.sockets.addresses()
    }

    pub fn counts(&self) -> DnsCounts {
        let mut counts = DnsCounts::default();
        self.cores.iter().for_each(|core| counts.add(&core.counters));
        counts
    }

    /// Nothing is answered any more.
    pub fn stop(&mut self) {
        self.sockets = Sockets::default();
        self.cores.clear();
        self.notifying.values().for_each(tokio::task::JoinHandle::abort);
    }

    fn start(&mut self, snapshot: &Arc<Snapshot>, opened: Vec<Vec<Opened>>) -> std::io::Result<()> {
        let spawn = |(index, opened): (usize, Vec<Opened>)| {
            let (commands, receiver) = mpsc::unbounded_channel();
            let counters = Arc::new(DnsCounters::default());
            let start = Start {
                snapshot: Arc::clone(snapshot),
                opened,
                secret: self.secret.clone(),
                counters: Arc::clone(&counters),
                commands: receiver,
            };
            let name = format!("dns-{index}");
            let thread = net::core::spawn_core(None, &name, move || dns::core::run(start))?;
            Ok(Core { commands, _thread: thread, counters })
        };
        self.cores = opened.into_iter().enumerate().map(spawn).collect::<std::io::Result<_>>()?;
        Ok(())
    }

    fn publish_changed(&mut self, snapshot: Snapshot) {
        let snapshot = Arc::new(snapshot);
        self.send(&snapshot, Vec::new(), &[]);
        self.replace(Some(snapshot));
    }

    fn send(&self, snapshot: &Arc<Snapshot>, opened: Vec<Vec<Opened>>, closed: &[SocketAddr]) {
        let mut opened = opened.into_iter();
        for core in &self.cores {
            let _ = core.commands.send(Command::Publish {
                snapshot: Arc::clone(snapshot),
                opened: opened.next().unwrap_or_default(),
                closed: closed.to_vec(),
            });
        }
    }

    fn replace(&mut self, snapshot: Option<Arc<Snapshot>>) {
        self.old.extend(std::mem::replace(&mut self.snapshot, snapshot));
    }

    /// Zones whose serial has moved.
    fn changed(&self, new: &Snapshot) -> Vec<usize> {
        let before = self.snapshot.as_ref();
        let serial = |zone: &Served, at: usize| {
            let old = before?.zones.get(at)?;
            (old.name == zone.name).then_some(old.serial)
        };
        let zones = new.zones.iter().enumerate();
        zones
            .filter(|(at, zone)| serial(zone, *at) != Some(zone.serial))
            .map(|(at, _)| at)
            .collect()
    }

    /// RFC 1996 §3.1: secondaries are told, also at start, when they may have missed something.
    fn notify(&mut self, world: &World, changed: Vec<usize>) {
        let mut random = net::random::Random::seeded_from_os();
        for at in changed {
            let Some(zone) = world.model.zones.get(at) else { continue };
            for server in &zone.notify {
                let (name, server) = (zone.name.0.clone(), *server);
                let mut wire = Vec::new();
                dns::name::append_wire(&name, &mut wire);
                let (journal, number) = (self.journal.clone(), random.next_u64() as u16);
                let told = name.clone();
                let task = tokio::task::spawn_local(async move {
                    match dns::notify::notify(&wire, server, number).await {
                        Ok(()) => {
                            journal.info("dns/notified", &[("zone", &told), ("secondary", &server)])
                        }
                        Err(error) => journal.warn(
                            "dns/not-notified",
                            &[("zone", &told), ("secondary", &server), ("error", &error)],
                        ),
                    }
                });
                // A newer serial makes the older news superfluous.
                if let Some(before) = self.notifying.insert((name, server), task) {
                    before.abort();
                }
            }
        }
    }
}

fn now() -> u64 {
    u64::try_from(net::clock::unix_seconds()).unwrap_or(0)
}

fn is_one_address((address, length): &(IpAddr, u8)) -> bool {
    *length == if address.is_ipv4() { 32 } else { 128 }
}

/// The addresses that others find this host at; on a machine without any, its own.
fn here() -> Vec<IpAddr> {
    let own = net::netlink::Netlink::open().and_then(|mut netlink| netlink.own());
    let all: Vec<IpAddr> =
        own.unwrap_or_default().into_iter().filter(is_one_address).map(|own| own.0).collect();
    let is_global = |address: &&IpAddr| match address {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local(),
    };
    let mut global: Vec<IpAddr> = all.iter().filter(is_global).copied().collect();
    if global.is_empty() {
        global = all.into_iter().filter(IpAddr::is_loopback).collect();
    }
    global.sort_unstable();
    global.dedup();
    global
}

fn health(world: &World, board: &Board) -> Health {
    let of_group = |id: model::GroupId| match board.groups.get(id.0 as usize) {
        None => GroupHealth::Empty,
        Some(group) if group.targets.is_empty() => GroupHealth::Empty,
        // A target that was not asked yet is given the benefit of the doubt (ALB.md §5d).
        Some(group)
            if group.targets.iter().any(|target| {
                matches!(
                    target.state,
                    HealthState::Healthy | HealthState::Initial | HealthState::Unused
                )
            }) =>
        {
            GroupHealth::Healthy
        }
        Some(_) => GroupHealth::Unhealthy,
    };
    let load_balancers = 0..world.model.load_balancers.len();
    let groups = 0..world.model.target_groups.len();
    Health {
        load_balancers: load_balancers
            .map(|at| world.load_balancer_healthy(model::LoadBalancerId(at as u32), &of_group))
            .collect(),
        groups: groups
            .map(|at| of_group(model::GroupId(at as u32)) == GroupHealth::Healthy)
            .collect(),
    }
}
