//! One core: its state, and the loop that takes commands.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http1::Fields;
use machine::board::Board;
use net::clock::Clock;
use net::random::Random;
use net::splice::PipePool;
use signal::{CoreCounters, Handover, Tally, TargetCounters};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;
use verdict::route::RouteScratch;

use crate::accept::accept_loop;
use crate::buffers::Buffers;
use crate::live::{Carried, Live, Snapshot};
use crate::timer::{Deadline, Deadlines};

/// How often a core sweeps its pools and hands over its log lines.
const TICK: Duration = Duration::from_secs(1);
/// Connections to targets are kept idle a little shorter than ALB's default idle timeout.
const TARGET_IDLE: Duration = Duration::from_secs(55);

/// What control tells a core.
pub enum Command {
    /// A new generation: serve from it from now on. `opened` are new listening sockets of this core,
    /// `closed` the addresses whose sockets are not listened on any more.
    Publish {
        snapshot: Arc<Snapshot>,
        board: Arc<Board>,
        opened: Vec<Opened>,
        closed: Vec<SocketAddr>,
    },
    /// The same World with other certificates or challenges. `applied` is dropped when this core serves
    /// from it.
    Refresh { snapshot: Arc<Snapshot>, applied: Applied },
    /// Health has changed; ignored if it is of another generation.
    Health(Arc<Board>),
    /// Accept nothing more, let requests finish, close what is idle; the core ends when all is done.
    Drain,
}

/// A client came for a name that has no certificate yet.
#[derive(Debug)]
pub struct Visit {
    /// Of the declaration that the name fits.
    pub certificate: Arc<str>,
    pub name: Box<str>,
    /// When every core serves it, or why it does not come.
    pub answer: tokio::sync::oneshot::Sender<Result<(), model::Refusal>>,
}

/// Held by every core that has not taken a command yet.
pub type Applied = tokio::sync::mpsc::Sender<std::convert::Infallible>;

/// A listening socket of one core.
pub struct Opened {
    pub address: SocketAddr,
    pub socket: std::net::TcpListener,
    /// Other cores accept from the same socket (socket activation, DECISIONS 22).
    pub shared: bool,
}

/// The target counters of one core, read by control. Locked only when the set of targets changes.
#[derive(Clone, Default)]
pub struct StatsRegistry(Arc<Mutex<HashMap<u64, Arc<TargetCounters>>>>);

impl StatsRegistry {
    pub fn counters(&self, key: u64) -> Arc<TargetCounters> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(key).or_default())
    }

    pub fn get(&self, key: u64) -> Option<Arc<TargetCounters>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    pub fn forget(&self, key: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }
}

/// The state of one core. Everything in it belongs to its thread.
pub struct Core {
    pub(crate) live: RefCell<Rc<Live>>,
    pub(crate) buffers: Buffers,
    pub(crate) fields: RefCell<Fields>,
    pub(crate) route_scratch: RefCell<RouteScratch>,
    pub(crate) random: RefCell<Random>,
    pub(crate) clock: Clock,
    pub(crate) deadlines: Rc<Deadlines>,
    pub(crate) pipes: PipePool,
    pub(crate) counters: Arc<CoreCounters>,
    pub(crate) draining: Cell<bool>,
    pub(crate) active: Cell<u32>,
    /// Refused connections that are held in silence (DECISIONS 10).
    pub(crate) held: Cell<u32>,
    /// Clients that were turned away since the last tick.
    pub(crate) refused: RefCell<Tally>,
    pub(crate) visits: tokio::sync::mpsc::Sender<Visit>,
    /// Handshakes that wait for a certificate.
    pub(crate) waiting: Cell<u32>,
    pub(crate) date: RefCell<(u64, [u8; 29])>,
    carried: RefCell<Carried>,
    stats: StatsRegistry,
    handover: Handover,
    index: usize,
}

/// What a core is started with.
pub struct Start {
    /// Names that clients came for, and that have no certificate yet.
    pub visits: tokio::sync::mpsc::Sender<Visit>,
    pub index: usize,
    pub snapshot: Arc<Snapshot>,
    pub board: Arc<Board>,
    pub opened: Vec<Opened>,
    pub counters: Arc<CoreCounters>,
    pub stats: StatsRegistry,
    /// Where clients that were turned away are told, by network.
    pub refused: Handover,
    pub commands: UnboundedReceiver<Command>,
}

impl Core {
    /// Serves until [`Command::Drain`] has been carried out or the sender of commands is gone. Runs
    /// in a single-threaded runtime with local tasks.
    pub async fn run(start: Start) {
        let mut carried = Carried::default();
        let live = Live::build(start.snapshot, start.board, &mut carried, &start.stats);
        let core = Rc::new(Core {
            live: RefCell::new(live),
            buffers: Buffers::default(),
            fields: RefCell::new(Fields::default()),
            route_scratch: RefCell::default(),
            random: RefCell::new(Random::seeded_from_os()),
            clock: Clock::new(),
            deadlines: Rc::default(),
            pipes: PipePool::default(),
            counters: start.counters,
            draining: Cell::new(false),
            active: Cell::new(0),
            held: Cell::new(0),
            visits: start.visits,
            waiting: Cell::new(0),
            refused: RefCell::default(),
            date: RefCell::new((u64::MAX, [0; 29])),
            carried: RefCell::new(carried),
            stats: start.stats,
            handover: start.refused,
            index: start.index,
        });
        let keeper = Rc::clone(&core);
        tokio::task::spawn_local(async move { keeper.deadlines.keep(&keeper.clock).await });
        core.serve(start.opened, start.commands).await;
    }

    async fn serve(self: &Rc<Self>, opened: Vec<Opened>, mut commands: UnboundedReceiver<Command>) {
        let mut loops: HashMap<SocketAddr, JoinHandle<()>> = HashMap::new();
        self.open(opened, &mut loops);
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => self.tick(),
                command = commands.recv() => match command {
                    Some(Command::Publish { snapshot, board, opened, closed }) => {
                        self.publish(snapshot, board);
                        for address in closed {
                            if let Some(task) = loops.remove(&address) {
                                task.abort();
                            }
                        }
                        self.open(opened, &mut loops);
                    }
                    Some(Command::Refresh { snapshot, applied }) => {
                        self.refresh(snapshot);
                        drop(applied);
                    }
                    Some(Command::Health(board)) => self.health(board),
                    Some(Command::Drain) => self.drain(&mut loops),
                    None => {
                        // Control is gone: nobody can publish, or ask for a drain, any more.
                        self.drain(&mut loops);
                        tick.tick().await;
                    }
                },
            }
            if self.draining.get() && self.active.get() == 0 {
                self.carried.borrow().flush_logs();
                return;
            }
        }
    }

    fn drain(&self, loops: &mut HashMap<SocketAddr, JoinHandle<()>>) {
        if !self.draining.replace(true) {
            loops.drain().for_each(|(_, task)| task.abort());
            self.deadlines.wake_all();
        }
    }

    fn open(self: &Rc<Self>, opened: Vec<Opened>, loops: &mut HashMap<SocketAddr, JoinHandle<()>>) {
        for Opened { address, socket, shared } in opened {
            let task =
                tokio::task::spawn_local(accept_loop(Rc::clone(self), address, socket, shared));
            if let Some(old) = loops.insert(address, task) {
                old.abort();
            }
        }
    }

    fn publish(&self, snapshot: Arc<Snapshot>, board: Arc<Board>) {
        let live = Live::build(snapshot, board, &mut self.carried.borrow_mut(), &self.stats);
        *self.live.borrow_mut() = live;
        // Requests to targets that are gone for good, and connections of listeners that are gone.
        self.deadlines.wake_all();
    }

    /// Connections that are open keep what they have; nothing is cut.
    fn refresh(&self, snapshot: Arc<Snapshot>) {
        let old = self.live();
        if old.snapshot.world.generation == snapshot.world.generation {
            self.replace(&old, snapshot, Arc::clone(&old.board));
        }
    }

    fn health(&self, board: Arc<Board>) {
        let old = self.live();
        if old.snapshot.world.generation != board.generation {
            return;
        }
        let targets = |b: &Board| b.groups.iter().map(|g| g.targets.len()).sum::<usize>();
        let fewer = targets(&board) < targets(&old.board);
        self.replace(&old, Arc::clone(&old.snapshot), board);
        if fewer {
            self.deadlines.wake_all();
        }
    }

    /// Within a generation.
    fn replace(&self, old: &Live, snapshot: Arc<Snapshot>, board: Arc<Board>) {
        let live = Live::build(snapshot, board, &mut self.carried.borrow_mut(), &self.stats);
        for (before, after) in old.groups().iter().zip(live.groups()) {
            after.cursor.set(before.cursor.get());
        }
        *self.live.borrow_mut() = live;
    }

    fn tick(&self) {
        self.clock.synchronize();
        let now = self.clock.recent();
        let carried = self.carried.borrow();
        for target in carried.targets() {
            target.sweep(now, TARGET_IDLE);
        }
        carried.flush_logs();
        self.handover.give(&mut self.refused.borrow_mut());
    }

    pub(crate) fn live(&self) -> Rc<Live> {
        Rc::clone(&self.live.borrow())
    }

    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// Reads the clock; see [`Clock`] for when not to.
    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// `Date` of now, formatted once a second.
    pub(crate) fn date(&self) -> [u8; 29] {
        let (seconds, _) = self.clock.wall();
        let mut date = self.date.borrow_mut();
        if date.0 != seconds {
            date.0 = seconds;
            http1::write_date(&mut date.1, seconds);
        }
        date.1
    }

    /// So many milliseconds after the last reading of the clock.
    pub(crate) fn deadline(&self, millis: u32) -> Deadline {
        self.clock.recent_millis() + Deadline::from(millis)
    }
}
