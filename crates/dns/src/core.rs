//! One core: a thread with its sockets and its engine, and nothing that it shares.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use net::clock::Clock;
use net::datagram::Batch;
use net::random::Random;
use signal::DnsCounters;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use crate::cookie::Secret;
use crate::engine::{Asked, Engine, Now, Outcome, Transport};
use crate::snapshot::Snapshot;
use crate::stream;

/// After so many full batches, connections and commands have their turn.
const BATCHES_AT_ONCE: u32 = 16;
/// What fails is tried again after so long.
const PAUSE: Duration = Duration::from_millis(50);
/// How often the wall clock is followed.
const TICK: Duration = Duration::from_secs(1);

/// What control tells a core.
pub enum Command {
    /// `opened` are new sockets of this core, `closed` addresses that are not answered any more.
    Publish { snapshot: Arc<Snapshot>, opened: Vec<Opened>, closed: Vec<SocketAddr> },
}

/// The sockets of one address.
pub struct Opened {
    pub address: SocketAddr,
    pub udp: std::net::UdpSocket,
    pub tcp: std::net::TcpListener,
}

/// What a core is started with.
pub struct Start {
    pub snapshot: Arc<Snapshot>,
    pub opened: Vec<Opened>,
    pub secret: Secret,
    pub counters: Arc<DnsCounters>,
    pub commands: UnboundedReceiver<Command>,
}

pub(crate) struct Core {
    pub engine: RefCell<Engine>,
    pub connections: Cell<usize>,
    /// Of those, by the network of the client.
    pub of_networks: RefCell<HashMap<[u8; 8], u16>>,
    pub transfers: Cell<usize>,
    pub counters: Arc<DnsCounters>,
    clock: Clock,
    random: RefCell<Random>,
}

/// Answers until the sender of commands is gone. Runs in a single-threaded runtime with local tasks.
pub async fn run(mut start: Start) {
    let engine = Engine::new(start.snapshot, start.secret, Arc::clone(&start.counters));
    let core = Rc::new(Core {
        engine: RefCell::new(engine),
        connections: Cell::new(0),
        of_networks: RefCell::default(),
        transfers: Cell::new(0),
        counters: start.counters,
        clock: Clock::new(),
        random: RefCell::new(Random::seeded_from_os()),
    });
    let mut loops: HashMap<SocketAddr, [JoinHandle<()>; 2]> = HashMap::new();
    core.open(start.opened, &mut loops);
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            _ = tick.tick() => core.clock.synchronize(),
            command = start.commands.recv() => match command {
                Some(Command::Publish { snapshot, opened, closed }) => {
                    core.engine.borrow_mut().publish(snapshot);
                    for address in closed {
                        loops.remove(&address).into_iter().flatten().for_each(|task| task.abort());
                    }
                    core.open(opened, &mut loops);
                }
                // Control is gone; whoever is not answered asks another server.
                None => return,
            },
        }
    }
}

impl Core {
    fn open(
        self: &Rc<Self>,
        opened: Vec<Opened>,
        loops: &mut HashMap<SocketAddr, [JoinHandle<()>; 2]>,
    ) {
        for Opened { address, udp, tcp } in opened {
            let datagrams = tokio::task::spawn_local(Rc::clone(self).datagrams(udp));
            let streams = tokio::task::spawn_local(stream::accept(Rc::clone(self), tcp));
            loops.insert(address, [datagrams, streams]);
        }
    }

    async fn datagrams(self: Rc<Self>, socket: std::net::UdpSocket) {
        // It is open and not blocking: only without a runtime this fails.
        let Ok(socket) = net::datagram::into_tokio(socket) else { return };
        let mut batch = Batch::default();
        let mut turns = 0;
        loop {
            if batch.receive(&socket).await.is_err() {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            let now = self.now();
            batch.answer(|received, answer| {
                let from = received.from.ip().to_canonical();
                let draw = self.random.borrow_mut().next_u64();
                let transport = Transport::Udp;
                let asked = Asked { bytes: received.bytes, from, transport, now, draw };
                if self.engine.borrow_mut().answer(&asked, answer) != Outcome::Answered {
                    answer.clear();
                }
            });
            batch.send(&socket);
            turns += 1;
            if turns == BATCHES_AT_ONCE {
                turns = 0;
                tokio::task::yield_now().await;
            }
        }
    }

    /// One message over TCP.
    pub fn answer(&self, bytes: &[u8], from: std::net::IpAddr, out: &mut Vec<u8>) -> Outcome {
        let draw = self.random.borrow_mut().next_u64();
        let asked = Asked { bytes, from, transport: Transport::Tcp, now: self.now(), draw };
        self.engine.borrow_mut().answer(&asked, out)
    }

    pub fn now(&self) -> Now {
        self.clock.now();
        let (seconds, _) = self.clock.wall();
        Now { seconds, microseconds: self.clock.recent_micros() }
    }
}
