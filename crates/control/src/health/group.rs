//! The targets of one group.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use machine::anomaly::{Detector, Sample};
use machine::board::{GroupBoard, TargetBoard, target_key};
use machine::drain::Registry;
use machine::health::{GroupUse, HealthMachine, ProbeResult};
use machine::slow_start::SlowStart;
use model::{HealthCheck, Model, Target, TargetAddress, TargetGroup};
use net::random::Random;
use proxy::StatsRegistry;

const LOCALHOST: &str = "localhost";

/// One group, declared and as it is.
pub struct Group {
    pub declared: TargetGroup,
    pub in_use: GroupUse,
    pub targets: BTreeMap<u64, Tracked>,
    pub registry: Registry,
    /// As it was last told: too few targets are healthy.
    pub fails_open: bool,
    pub slow_start: SlowStart,
    pub anomaly: Detector,
}

/// One target.
pub struct Tracked {
    pub target: Target,
    pub name: Arc<str>,
    pub server_name: Option<Arc<str>>,
    pub machine: HealthMachine,
    pub addresses: Vec<SocketAddr>,
    /// When the name is asked for next; `None` for addresses.
    pub resolve_due: Option<Duration>,
    /// The name has been asked for at least once, or is an address.
    pub looked_up: bool,
    pub since_unix: i64,
    /// What the last check saw, and when; of the check as it is declared.
    pub probed: Option<(ProbeResult, i64)>,
    /// What the cores had counted when they were last asked.
    pub counted: Counted,
}

#[derive(Clone, Copy, Default)]
pub struct Counted {
    pub requests: u64,
    pub errors_5xx: u64,
    pub errors_connection: u64,
}

// === impl Group ===

impl Group {
    pub fn new(declared: &TargetGroup, in_use: GroupUse, now: Duration) -> Self {
        Group {
            declared: declared.clone(),
            in_use,
            targets: BTreeMap::new(),
            registry: Registry::default(),
            fails_open: false,
            slow_start: SlowStart::new(declared.slow_start, declared.algorithm),
            anomaly: Detector::new(declared.algorithm, now),
        }
    }

    pub fn handle_declaration(
        &mut self,
        declared: &TargetGroup,
        in_use: GroupUse,
        model: &Model,
        now: Duration,
        random: &mut Random,
    ) {
        let check = &declared.health_check;
        let goes_on = check.enabled
            && in_use == GroupUse::InUse
            && asks_the_same(&self.declared.health_check, check)
            && self.declared.verification == declared.verification;
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
                    if !goes_on {
                        tracked.probed = None;
                    }
                    tracked.machine.handle_registered(now, random.next_u64());
                    tracked.machine.handle_reload(check, in_use, now, random.next_u64());
                }
                None => {
                    let machine = HealthMachine::new(check, in_use, now, random.next_u64());
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
                tracked.probed = None;
                tracked.since_unix = net::clock::unix_seconds();
            }
        }
        for key in &changes.crowded_out {
            self.targets.remove(key);
        }
    }

    pub fn next_due(&self) -> Option<Duration> {
        let targets = self.targets.values().flat_map(|tracked| {
            let probe = tracked.machine.poll_timeout().map(|(due, _)| due);
            [probe.filter(|_| tracked.looked_up), tracked.resolve_due]
        });
        let drain = self.registry.poll_timeout().map(|(due, _)| due);
        let ramp = self.slow_start.poll_timeout().map(|(due, _)| due);
        targets.chain([drain, ramp]).flatten().min()
    }

    /// Drains that end, and ramps that grow; answers whether there is something to publish.
    pub fn handle_time(&mut self, now: Duration) -> bool {
        let over = self.registry.handle_timeout(now);
        over.iter().for_each(|key| drop(self.targets.remove(key)));
        let grows = self.slow_start.poll_timeout().is_some_and(|(due, _)| due <= now);
        self.slow_start.handle_timeout(now);
        grows || !over.is_empty()
    }

    pub fn board(&self, now: Duration) -> GroupBoard {
        let draining = self.registry.draining().iter().map(|draining| &draining.key);
        let keys = self.registry.registered().iter().chain(draining);
        let targets =
            keys.filter_map(|key| Some(self.target_board(*key, self.targets.get(key)?, now)));
        GroupBoard { targets: targets.collect() }
    }

    pub fn target_board(&self, key: u64, tracked: &Tracked, now: Duration) -> TargetBoard {
        TargetBoard {
            key,
            addresses: tracked.addresses.clone(),
            state: tracked.machine.state(),
            reason: tracked.machine.reason(),
            since_unix: tracked.since_unix,
            probed: tracked.probed,
            ramp: self.slow_start.ramp(now, key),
            weight: self.anomaly.weight(key),
            name: Arc::clone(&tracked.name),
            server_name: tracked.server_name.clone(),
        }
    }

    pub fn weights(&self) -> Vec<u16> {
        self.targets.keys().map(|key| self.anomaly.weight(*key)).collect()
    }

    /// What was counted since the last time.
    pub fn samples(&mut self, cores: &[&StatsRegistry]) -> Vec<Sample> {
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
    pub fn new(target: &Target, machine: HealthMachine, model: &Model) -> Self {
        let mut tracked = Tracked {
            name: target.to_string().into(),
            target: target.clone(),
            server_name: None,
            machine,
            addresses: Vec::new(),
            resolve_due: None,
            looked_up: true,
            since_unix: net::clock::unix_seconds(),
            probed: None,
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
    pub fn place(&mut self, target: &Target, model: &Model) {
        let addresses = match &target.address {
            TargetAddress::Ip(address) => vec![*address],
            TargetAddress::Instance { id, .. } => model[*id].addresses.clone(),
            // Both families (DECISIONS 24).
            TargetAddress::Name(host) if host.0 == LOCALHOST => {
                vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
            }
            TargetAddress::Name(_) => return,
        };
        let addresses: Vec<SocketAddr> =
            addresses.into_iter().map(|ip| SocketAddr::new(ip, target.port)).collect();
        // What was seen was seen elsewhere.
        if self.addresses != addresses {
            self.probed = None;
        }
        self.addresses = addresses;
    }
}

/// What one check saw, the other would see as well; how often they ask does not matter.
fn asks_the_same(a: &HealthCheck, b: &HealthCheck) -> bool {
    let question = |check: &HealthCheck| HealthCheck {
        interval: b.interval,
        timeout: b.timeout,
        healthy_threshold: b.healthy_threshold,
        unhealthy_threshold: b.unhealthy_threshold,
        place: b.place.clone(),
        ..check.clone()
    };
    question(a) == *b
}

#[cfg(test)]
mod tests;
