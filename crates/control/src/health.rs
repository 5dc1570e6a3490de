//! Every target's health: drives `machine::health` with probes, names and time, and publishes boards.

mod group;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use machine::board::Board;
use machine::health::{GroupUse, ProbeResult, StartProbe, Transition};
use model::{GroupId, HealthState, Target, TargetGroup};
use net::random::Random;
use proxy::StatsRegistry;
use signal::Journal;
use tls::{TargetTls, TlsOfGroups};
use tokio::sync::mpsc;
use world::World;

use self::group::{Group, Tracked};
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
    target_tls: TlsOfGroups,
    journal: Journal,
    random: Random,
    origin: Instant,
    events: mpsc::UnboundedReceiver<Event>,
    sender: mpsc::UnboundedSender<Event>,
    changed: bool,
}

enum Event {
    Probed { key: u64, probe: StartProbe, result: ProbeResult },
    Resolved { key: u64, addresses: std::io::Result<Vec<SocketAddr>> },
}

impl Health {
    pub fn new(world: &World, target_tls: &TlsOfGroups, journal: Journal) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let mut health = Health {
            generation: 0,
            groups: Vec::new(),
            target_tls: target_tls.clone(),
            journal,
            random: Random::seeded_from_os(),
            origin: net::clock::now(),
            events,
            sender,
            changed: false,
        };
        health.replace(world, target_tls);
        health
    }

    fn now(&self) -> Duration {
        net::clock::now().saturating_duration_since(self.origin)
    }

    /// A new generation: known targets keep their state, new ones begin, others drain.
    pub fn replace(&mut self, world: &World, target_tls: &TlsOfGroups) {
        let now = self.now();
        self.target_tls = target_tls.clone();
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
                let board = self.board();
                self.tell_of_fail_open(&board);
                return board;
            }
            let due = self.groups.iter().filter_map(Group::next_due).min();
            let wait = due.unwrap_or(now + NEXT_LOOK).saturating_sub(now);
            tokio::select! {
                Some(event) = self.events.recv() => self.take(event),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// All-unhealthy is easy to overlook, since traffic goes on (USERS.md §4, row 28).
    fn tell_of_fail_open(&mut self, board: &Board) {
        for (group, view) in self.groups.iter_mut().zip(&board.groups) {
            let settled = view.targets.iter().all(|target| target.state != HealthState::Initial);
            let in_use = group.in_use == GroupUse::InUse && !view.targets.is_empty();
            let now = in_use && settled && view.fails_open(group.declared.minimum_healthy_targets);
            if std::mem::replace(&mut group.fails_open, now) == now {
                continue;
            }
            let fields: [(&str, &dyn std::fmt::Display); 1] = [("group", &group.declared.name)];
            match now {
                true => self.journal.warn("target-group/fail-open", &fields),
                false => self.journal.info("target-group/fail-open-ended", &fields),
            }
        }
    }

    fn start_due(&mut self, now: Duration) {
        for (id, group) in (0..).map(GroupId).zip(&mut self.groups) {
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
                    ask(*key, probe, question, self.target_tls.of(id).clone(), self.sender.clone());
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
                if tracked.machine.counts(probe) {
                    tracked.probed = Some((result, net::clock::unix_seconds()));
                }
                let Some(transition) = tracked.machine.handle_result(now, probe, result) else {
                    return;
                };
                tell(&journal, &group.name, &tracked.name, &transition, result);
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

fn find(groups: &mut [Group], key: u64) -> Option<(&TargetGroup, &mut Tracked)> {
    groups.iter_mut().find_map(|group| Some((&group.declared, group.targets.get_mut(&key)?)))
}

fn tell(
    journal: &Journal,
    group: &str,
    target: &str,
    transition: &Transition,
    result: ProbeResult,
) {
    let seen = match result {
        ProbeResult::TlsUntrusted(why) => format!(": {}", why.text()),
        _ => String::new(),
    };
    let reason = transition
        .reason
        .map_or(String::new(), |reason| format!("{}: {reason}{seen}", reason.code()));
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
