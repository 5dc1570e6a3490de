//! What a core serves from: a snapshot of the configuration, the latest health, and the core's own
//! state for each target.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use machine::board::{Board, GroupBoard};
use model::{GroupId, Listener, ListenerId, LoadBalancer, LoadBalancerId, TargetGroup};
use signal::{AccessLog, ConnectionLog, CoreConnectionLog, CoreLog};
use world::World;

use crate::target::TargetState;

/// Everything a core needs of one generation of the configuration. Made by `control`, shared by all
/// cores, never changed.
pub struct Snapshot {
    pub world: Arc<World>,
    /// By [`ListenerId`]; `None` for HTTP listeners.
    pub tls: Vec<Option<ListenerTls>>,
    /// By [`LoadBalancerId`].
    pub access_logs: Vec<Option<AccessLog>>,
    /// By [`LoadBalancerId`].
    pub connection_logs: Vec<Option<ConnectionLog>>,
    pub target_tls: tls::TlsOfGroups,
    /// What authorities are answered that ask over plain HTTP (RFC 8555 §8.3).
    pub challenges: Arc<model::Challenges>,
    /// What authorities are shown that ask in a handshake (RFC 8737).
    pub alpn_challenges: Arc<tls::AlpnChallenges>,
    pub stickiness_keys: machine::stickiness::KeyRing,
    /// The `Server` header of generated answers.
    pub server: String,
    /// Connections of one core (DECISIONS 14, 18).
    pub core_connections_max: u32,
}

/// What a handshake on a listener uses.
pub struct ListenerTls {
    pub settings: Arc<tls::ServerSettings>,
}

/// One generation on one core. Replaced as a whole; requests hold on to the one they were heard in.
pub struct Live {
    pub snapshot: Arc<Snapshot>,
    pub board: Arc<Board>,
    groups: Vec<GroupLive>,
    logs: Vec<Option<Rc<RefCell<CoreLog>>>>,
    connection_logs: Vec<Option<Rc<RefCell<CoreConnectionLog>>>>,
}

/// A core's own balancing state of one target group (DECISIONS 14).
pub struct GroupLive {
    pub cursor: Cell<u32>,
    /// In the order of [`GroupBoard::targets`].
    pub targets: Vec<Rc<TargetState>>,
}

/// What outlives a generation: the state of targets and the buffers of logs that are still named.
#[derive(Default)]
pub struct Carried {
    targets: HashMap<u64, Rc<TargetState>>,
    logs: Vec<(AccessLog, Rc<RefCell<CoreLog>>)>,
    connection_logs: Vec<(ConnectionLog, Rc<RefCell<CoreConnectionLog>>)>,
}

impl Live {
    pub fn build(
        snapshot: Arc<Snapshot>,
        board: Arc<Board>,
        carried: &mut Carried,
        stats: &crate::core::StatsRegistry,
    ) -> Rc<Live> {
        let mut targets = HashMap::new();
        let mut groups = Vec::with_capacity(board.groups.len());
        for group in &board.groups {
            let states = group.targets.iter().map(|target| {
                let state = targets.entry(target.key).or_insert_with(|| {
                    carried
                        .targets
                        .remove(&target.key)
                        .unwrap_or_else(|| Rc::new(TargetState::new(stats.counters(target.key))))
                });
                Rc::clone(state)
            });
            groups.push(GroupLive { cursor: Cell::new(0), targets: states.collect() });
        }
        // Whatever was not taken over is no longer registered, nor draining.
        for (key, gone) in carried.targets.drain() {
            gone.expire();
            stats.forget(key);
        }
        carried.targets = targets;
        let logs =
            carry(&snapshot.access_logs, &mut carried.logs, AccessLog::same, |log| log.core());
        let connection_logs = carry(
            &snapshot.connection_logs,
            &mut carried.connection_logs,
            ConnectionLog::same,
            |log| log.core(),
        );
        Rc::new(Live { snapshot, board, groups, logs, connection_logs })
    }

    pub fn world(&self) -> &World {
        &self.snapshot.world
    }

    pub fn listener(&self, id: ListenerId) -> &Listener {
        &self.snapshot.world.model[id]
    }

    pub fn load_balancer(&self, id: LoadBalancerId) -> &LoadBalancer {
        &self.snapshot.world.model[id]
    }

    pub fn target_group(&self, id: GroupId) -> &TargetGroup {
        &self.snapshot.world.model[id]
    }

    pub fn groups(&self) -> &[GroupLive] {
        &self.groups
    }

    /// `None` only if the board is of another generation.
    pub fn group(&self, id: GroupId) -> Option<(&GroupBoard, &GroupLive)> {
        let at = id.0 as usize;
        Some((self.board.groups.get(at)?, self.groups.get(at)?))
    }

    pub fn log(&self, id: LoadBalancerId) -> Option<&RefCell<CoreLog>> {
        self.logs.get(id.0 as usize)?.as_deref()
    }

    pub fn connection_log(&self, id: LoadBalancerId) -> Option<&RefCell<CoreConnectionLog>> {
        self.connection_logs.get(id.0 as usize)?.as_deref()
    }
}

impl Carried {
    pub fn targets(&self) -> impl Iterator<Item = &Rc<TargetState>> {
        self.targets.values()
    }

    pub fn flush_logs(&self) {
        for (_, log) in &self.logs {
            log.borrow_mut().flush();
        }
        for (_, log) in &self.connection_logs {
            log.borrow_mut().flush();
        }
    }
}

type Kept<L, C> = Vec<(L, Rc<RefCell<C>>)>;

/// A core log for each log, the old one where it is the same log; forgets those not named any more.
fn carry<L: Clone, C>(
    named: &[Option<L>],
    carried: &mut Kept<L, C>,
    same: impl Fn(&L, &L) -> bool,
    make: impl Fn(&L) -> C,
) -> Vec<Option<Rc<RefCell<C>>>> {
    let mut kept: Kept<L, C> = Vec::new();
    let mut out = Vec::with_capacity(named.len());
    for log in named {
        out.push(log.as_ref().map(|log| {
            let old = kept.iter().chain(carried.iter()).find(|(l, _)| same(l, log));
            let core = old.map_or_else(|| Rc::new(RefCell::new(make(log))), |(_, c)| Rc::clone(c));
            if !kept.iter().any(|(l, _)| same(l, log)) {
                kept.push((log.clone(), Rc::clone(&core)));
            }
            core
        }));
    }
    *carried = kept;
    out
}
