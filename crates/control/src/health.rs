//! Every target's health: drives `machine::health` with probes, names and time, and publishes boards.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use machine::anomaly::{Detector, Sample};
use machine::board::{Board, GroupBoard, TargetBoard, target_key};
use machine::drain::Registry;
use machine::health::{GroupUse, HealthMachine, ProbeResult, StartProbe, Transition};
use machine::slow_start::SlowStart;
use model::{GroupId, HealthState, Model, Target, TargetAddress, TargetGroup};
use net::random::Random;
use proxy::StatsRegistry;
use signal::Journal;
use tls::TargetTls;
use tokio::sync::mpsc;
use world::World;

use crate::probe::Probe;

/// A name is asked for again so often; getaddrinfo hides how long its answer is good for.
const RESOLVE_EVERY: Duration = Duration::from_secs(30);
const RESOLVE_AGAIN: Duration = Duration::from_secs(5);
/// With nothing else to do, control looks again so often.
const NEXT_LOOK: Duration = Duration::from_secs(60);

/// The targets of all groups.
pub struct Health {
    generation: u64,
    groups: Vec<Group>,
    target_tls: TargetTls,
    journal: Journal,
    random: Random,
    origin: Instant,
    events: mpsc::UnboundedReceiver<Event>,
    sender: mpsc::UnboundedSender<Event>,
    changed: bool,
}

struct Group {
    declared: TargetGroup,
    in_use: GroupUse,
    targets: BTreeMap<u64, Tracked>,
    registry: Registry,
    slow_start: SlowStart,
    anomaly: Detector,
}

/// One target.
struct Tracked {
    target: Target,
    name: Arc<str>,
    server_name: Option<Arc<str>>,
    machine: HealthMachine,
    addresses: Vec<SocketAddr>,
    /// When the name is asked for next; `None` for addresses.
    resolve_due: Option<Duration>,
    /// The name has been asked for at least once, or is an address.
    looked_up: bool,
    since_unix: i64,
    /// What the cores had counted when they were last asked.
    counted: Counted,
}

#[derive(Clone, Copy, Default)]
struct Counted {
    requests: u64,
    errors_5xx: u64,
    errors_connection: u64,
}

enum Event {
    Probed { key: u64, probe: StartProbe, result: ProbeResult },
    Resolved { key: u64, addresses: std::io::Result<Vec<SocketAddr>> },
}

impl Health {
    pub fn new(world: &World, target_tls: TargetTls, journal: Journal) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let mut health = Health {
            generation: 0,
            groups: Vec::new(),
            target_tls,
            journal,
            random: Random::seeded_from_os(),
            origin: net::clock::now(),
            events,
            sender,
            changed: false,
        };
        health.replace(world);
        health
    }

    fn now(&self) -> Duration {
        net::clock::now().saturating_duration_since(self.origin)
    }

    /// A new generation: known targets keep their state, new ones begin, others drain.
    pub fn replace(&mut self, world: &World) {
        let now = self.now();
        self.generation = world.generation;
        let mut old: BTreeMap<String, Group> =
            self.groups.drain(..).map(|group| (group.declared.name.clone(), group)).collect();
        let model = &world.model;
        for (at, declared) in model.target_groups.iter().enumerate() {
            let in_use = match world.group_in_use(GroupId(at as u32)) {
                true => GroupUse::InUse,
                false => GroupUse::NotInUse,
            };
            let mut group =
                old.remove(&declared.name).unwrap_or_else(|| Group::new(declared, in_use, now));
            group.handle_declaration(declared, in_use, model, now, &mut self.random);
            self.groups.push(group);
        }
        self.changed = true;
    }

    pub fn board(&self) -> Arc<Board> {
        let now = self.now();
        let groups = self.groups.iter().map(|group| group.board(now)).collect();
        Arc::new(Board { generation: self.generation, groups })
    }

    /// Probes, resolves and waits until there is something to publish. May be dropped at any await.
    pub async fn changed(&mut self) -> Arc<Board> {
        loop {
            let now = self.now();
            self.start_due(now);
            if std::mem::take(&mut self.changed) {
                return self.board();
            }
            let due = self.groups.iter().filter_map(Group::next_due).min();
            let wait = due.unwrap_or(now + NEXT_LOOK).saturating_sub(now);
            tokio::select! {
                Some(event) = self.events.recv() => self.take(event),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn start_due(&mut self, now: Duration) {
        for group in &mut self.groups {
            self.changed |= group.handle_time(now);
            let check = &group.declared.health_check;
            for (key, tracked) in &mut group.targets {
                if tracked.resolve_due.is_some_and(|due| due <= now) {
                    tracked.resolve_due = Some(now + RESOLVE_EVERY);
                    resolve(*key, &tracked.target, self.sender.clone());
                }
                // A name that has not been looked up yet is looked up first.
                if tracked.looked_up
                    && let Some(probe) = tracked.machine.handle_timeout(now)
                {
                    let question = Probe {
                        check: check.clone(),
                        addresses: tracked.addresses.clone(),
                        server_name: tracked.server_name.as_deref().map(str::to_owned),
                    };
                    ask(*key, probe, question, self.target_tls.clone(), self.sender.clone());
                }
            }
        }
    }

    fn take(&mut self, event: Event) {
        let now = self.now();
        let journal = self.journal.clone();
        match event {
            Event::Probed { key, probe, result } => {
                let Some((group, tracked)) = find(&mut self.groups, key) else { return };
                let Some(transition) = tracked.machine.handle_result(now, probe, result) else {
                    return;
                };
                tell(&journal, &group.name, &tracked.name, &transition);
                self.entered(now, key, &transition);
            }
            Event::Resolved { key, addresses } => {
                let Some((group, tracked)) = find(&mut self.groups, key) else { return };
                tracked.looked_up = true;
                match addresses {
                    Ok(addresses) => {
                        self.changed |= tracked.addresses != addresses;
                        tracked.addresses = addresses;
                    }
                    Err(error) => {
                        // The addresses of before stay good until there are others.
                        tracked.resolve_due = Some(now + RESOLVE_AGAIN);
                        let fields: [(&str, &dyn std::fmt::Display); 3] =
                            [("group", &group.name), ("target", &tracked.name), ("error", &error)];
                        journal.warn("target/unresolved", &fields);
                    }
                }
            }
        }
    }

    fn entered(&mut self, now: Duration, key: u64, transition: &Transition) {
        self.changed = true;
        let Some(group) = self.groups.iter_mut().find(|group| group.targets.contains_key(&key))
        else {
            return;
        };
        if transition.from == transition.to {
            return;
        }
        match transition.to {
            HealthState::Healthy => group.slow_start.handle_healthy(now, key),
            HealthState::Unhealthy => group.slow_start.handle_unhealthy(key),
            HealthState::Initial
            | HealthState::Unused
            | HealthState::Draining
            | HealthState::Unavailable => {}
        }
        if let Some(tracked) = group.targets.get_mut(&key) {
            tracked.since_unix = net::clock::unix_seconds();
        }
    }

    /// Looks at what the cores count of each target (ALB.md §5b, anomaly detection).
    pub fn observe(&mut self, cores: &[&StatsRegistry]) {
        let now = self.now();
        for group in &mut self.groups {
            if group.anomaly.poll_timeout().is_some_and(|(due, _)| due <= now) {
                let before = group.weights();
                let samples = group.samples(cores);
                group.anomaly.handle_window(now, &samples);
                self.changed |= group.weights() != before;
            }
        }
    }
}

// === impl Group ===

impl Group {
    fn new(declared: &TargetGroup, in_use: GroupUse, now: Duration) -> Self {
        Group {
            declared: declared.clone(),
            in_use,
            targets: BTreeMap::new(),
            registry: Registry::default(),
            slow_start: SlowStart::new(declared.slow_start, declared.algorithm),
            anomaly: Detector::new(declared.algorithm, now),
        }
    }

    fn handle_declaration(
        &mut self,
        declared: &TargetGroup,
        in_use: GroupUse,
        model: &Model,
        now: Duration,
        random: &mut Random,
    ) {
        self.declared = declared.clone();
        self.in_use = in_use;
        self.slow_start.handle_reload(declared.slow_start, declared.algorithm);
        self.anomaly.handle_reload(declared.algorithm);
        let keys: Vec<u64> =
            declared.targets.iter().map(|target| target_key(&declared.name, target)).collect();
        let changes =
            self.registry.handle_targets(now, &keys, declared.deregistration_delay.duration());
        for (key, target) in keys.iter().zip(&declared.targets) {
            match self.targets.get_mut(key) {
                Some(tracked) => {
                    tracked.place(target, model);
                    tracked.machine.handle_registered(now, random.next_u64());
                    let check = &declared.health_check;
                    tracked.machine.handle_reload(check, in_use, now, random.next_u64());
                }
                None => {
                    let machine =
                        HealthMachine::new(&declared.health_check, in_use, now, random.next_u64());
                    self.targets.insert(*key, Tracked::new(target, machine, model));
                }
            }
        }
        let fresh: Vec<u64> = changes.added.iter().chain(&changes.returned).copied().collect();
        self.slow_start.handle_registered(&fresh);
        for key in &changes.deregistered {
            self.slow_start.handle_deregistered(*key);
            if let Some(tracked) = self.targets.get_mut(key) {
                tracked.machine.handle_deregistered(now);
                tracked.since_unix = net::clock::unix_seconds();
            }
        }
        for key in &changes.crowded_out {
            self.targets.remove(key);
        }
    }

    fn next_due(&self) -> Option<Duration> {
        let targets = self.targets.values().flat_map(|tracked| {
            let probe = tracked.machine.poll_timeout().map(|(due, _)| due);
            [probe.filter(|_| tracked.looked_up), tracked.resolve_due]
        });
        let drain = self.registry.poll_timeout().map(|(due, _)| due);
        let ramp = self.slow_start.poll_timeout().map(|(due, _)| due);
        targets.chain([drain, ramp]).flatten().min()
    }

    /// Drains that end, and ramps that grow; answers whether there is something to publish.
    fn handle_time(&mut self, now: Duration) -> bool {
        let over = self.registry.handle_timeout(now);
        over.iter().for_each(|key| drop(self.targets.remove(key)));
        let grows = self.slow_start.poll_timeout().is_some_and(|(due, _)| due <= now);
        self.slow_start.handle_timeout(now);
        grows || !over.is_empty()
    }

    fn board(&self, now: Duration) -> GroupBoard {
        let draining = self.registry.draining().iter().map(|draining| &draining.key);
        let keys = self.registry.registered().iter().chain(draining);
        let targets =
            keys.filter_map(|key| Some(self.target_board(*key, self.targets.get(key)?, now)));
        GroupBoard { targets: targets.collect() }
    }

    fn target_board(&self, key: u64, tracked: &Tracked, now: Duration) -> TargetBoard {
        TargetBoard {
            key,
            addresses: tracked.addresses.clone(),
            state: tracked.machine.state(),
            reason: tracked.machine.reason(),
            since_unix: tracked.since_unix,
            ramp: self.slow_start.ramp(now, key),
            weight: self.anomaly.weight(key),
            name: Arc::clone(&tracked.name),
            server_name: tracked.server_name.clone(),
        }
    }

    fn weights(&self) -> Vec<u16> {
        self.targets.keys().map(|key| self.anomaly.weight(*key)).collect()
    }

    /// What was counted since the last time.
    fn samples(&mut self, cores: &[&StatsRegistry]) -> Vec<Sample> {
        let mut samples = Vec::with_capacity(self.targets.len());
        for key in self.registry.registered() {
            let Some(tracked) = self.targets.get_mut(key) else { continue };
            let mut all = Counted::default();
            for counters in cores.iter().filter_map(|core| core.get(*key)) {
                all.requests += counters.requests();
                all.errors_5xx += counters.errors_5xx();
                all.errors_connection += counters.errors_connection();
            }
            let before = std::mem::replace(&mut tracked.counted, all);
            samples.push(Sample {
                key: *key,
                state: tracked.machine.state(),
                // A core forgets a target that is gone, so that its counts may begin anew.
                requests: all.requests.saturating_sub(before.requests),
                errors_5xx: all.errors_5xx.saturating_sub(before.errors_5xx),
                errors_connection: all.errors_connection.saturating_sub(before.errors_connection),
            });
        }
        samples
    }
}

// === impl Tracked ===

impl Tracked {
    fn new(target: &Target, machine: HealthMachine, model: &Model) -> Self {
        let mut tracked = Tracked {
            name: target.to_string().into(),
            target: target.clone(),
            server_name: None,
            machine,
            addresses: Vec::new(),
            resolve_due: None,
            looked_up: true,
            since_unix: net::clock::unix_seconds(),
            counted: Counted::default(),
        };
        if let TargetAddress::Name(host) = &target.address {
            tracked.server_name = Some(host.0.as_str().into());
            if host.0 != LOCALHOST {
                tracked.resolve_due = Some(Duration::ZERO);
                tracked.looked_up = false;
            }
        }
        tracked.place(target, model);
        tracked
    }

    /// Takes the addresses that the declaration gives; those of a name come from the resolver.
    fn place(&mut self, target: &Target, model: &Model) {
        let addresses = match &target.address {
            TargetAddress::Ip(address) => vec![*address],
            TargetAddress::Instance { id, .. } => model[*id].addresses.clone(),
            // Both families (DECISIONS 24).
            TargetAddress::Name(host) if host.0 == LOCALHOST => {
                vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
            }
            TargetAddress::Name(_) => return,
        };
        self.addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, target.port)).collect();
    }
}

const LOCALHOST: &str = "localhost";

fn find(groups: &mut [Group], key: u64) -> Option<(&TargetGroup, &mut Tracked)> {
    groups.iter_mut().find_map(|group| Some((&group.declared, group.targets.get_mut(&key)?)))
}

fn tell(journal: &Journal, group: &str, target: &str, transition: &Transition) {
    let reason =
        transition.reason.map_or(String::new(), |reason| format!("{}: {reason}", reason.code()));
    let fields: [(&str, &dyn std::fmt::Display); 5] = [
        ("group", &group),
        ("target", &target),
        ("from", &transition.from.name()),
        ("to", &transition.to.name()),
        ("reason", &reason),
    ];
    journal.info("target/health", &fields);
}

fn ask(
    key: u64,
    probe: StartProbe,
    question: Probe,
    tls: TargetTls,
    events: mpsc::UnboundedSender<Event>,
) {
    tokio::task::spawn_local(async move {
        let result = question.run(tls).await;
        let _ = events.send(Event::Probed { key, probe, result });
    });
}

fn resolve(key: u64, target: &Target, events: mpsc::UnboundedSender<Event>) {
    let (host, port) = (target.address.to_string(), target.port);
    tokio::task::spawn_local(async move {
        let addresses = net::resolve::lookup(&host, port).await;
        let _ = events.send(Event::Resolved { key, addresses });
    });
}
