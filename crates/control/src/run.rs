//! The life of an instance: start, reload, drain.

mod answers;
mod certificates;
mod cores;
mod demand;
mod explainers;
mod guard;
mod issuance;
mod names;
mod reload;
mod signals;
mod trust_stores;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use acme::Keeper;
use config::Style;
use machine::board::Board;
use model::Model;
use proxy::{Command, Snapshot, StatsRegistry};
use signal::Journal;
use tls::TrustStores;
use tokio::sync::mpsc;

use self::answers::Told;
use self::cores::{CoreHandle, spawn_cores};
use self::explainers::Explainers;
use self::signals::{Event, Signals};
use crate::admin::{self, Asked};
use crate::certificates::Followed;
use crate::filters::{self, Enforcement};
use crate::generation::Kept;
use crate::health::Health;
use crate::keep::Keep;
use crate::load::{Source, load};
use crate::name_server::NameServer;
use crate::packet_filter::{Pace, PacketFilter};
use crate::reach::{confine, reach};
use crate::refused::RefusedClients;
use crate::sockets::Sockets;
use crate::state::StateDirectory;

/// After SIGTERM, requests may finish for so long.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);
/// How often housekeeping is done: old generations, watched files, the live line.
const TICK: Duration = Duration::from_secs(1);
/// How often the keys of session tickets are replaced (DECISIONS 21).
const TICKET_ROTATION: Duration = Duration::from_secs(6 * 3600);

/// Of all cores: clients that came for a name without a certificate, and are not answered yet.
const VISITS_MAX: usize = 256;

pub struct Settings {
    pub source: Source,
    /// `None`: all that the process may use.
    pub cores: Option<usize>,
    pub state: StateDirectory,
    /// The file with the key of the store, if not the state directory's own.
    pub store_key: Option<PathBuf>,
    /// Reload when a configuration file changes.
    pub watch: bool,
    pub journal: Journal,
    /// Keep from the file system all but what the configuration names (landlock).
    pub confine: bool,
    /// Of diagnostics.
    pub style: Style,
    /// Show the targets' state in one line that is rewritten.
    pub live_line: bool,
}

/// What is told once everything is listened on.
pub struct Ready {
    /// The certificate of the local authority, if it was used.
    pub authority: Option<PathBuf>,
}

/// Why an instance did not start.
#[derive(Debug)]
pub enum Failed {
    Configuration(String),
    /// Addresses, logs or folders that could not be had.
    Environment(String),
}

impl Failed {
    pub fn is_configuration(&self) -> bool {
        matches!(self, Failed::Configuration(_))
    }
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failed::Configuration(text) => f.write_str(text.trim_end()),
            Failed::Environment(text) => write!(f, "error: {text}"),
        }
    }
}

impl std::error::Error for Failed {}

/// Serves until a signal ends it. Returns an error only if it could not start.
pub fn run(settings: Settings, ready: impl FnOnce(&Ready)) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failed::Environment(format!("cannot start: {e}")))?;
    tokio::task::LocalSet::new().block_on(&runtime, async move {
        let mut instance = Instance::start(settings)?;
        instance.announce(ready);
        instance.live().await;
        Ok(())
    })
}

struct Instance {
    settings: Settings,
    kept: Kept,
    keep: Keep,
    certificates: Followed,
    trust_stores: TrustStores,
    keeper: Keeper,
    orders: mpsc::Receiver<acme::Event>,
    visits: mpsc::Receiver<proxy::Visit>,
    waiting: demand::Waiting,
    name_server: NameServer,
    sockets: Sockets,
    enforcement: BTreeMap<SocketAddr, Enforcement>,
    packet_filter: PacketFilter,
    refused: RefusedClients,
    /// What an explanation needs beyond the World.
    told: Arc<Told>,
    explainers: Explainers,
    snapshot: Arc<Snapshot>,
    /// Replaced snapshots: freed here, off the data cores, when no core holds them (DECISIONS 29).
    old: Vec<Arc<Snapshot>>,
    health: Health,
    cores: Vec<CoreHandle>,
    questions: mpsc::Receiver<Asked>,
    started: i64,
    configured: i64,
    refused_reload: Option<String>,
    /// Of the watched files.
    stamp: Option<Vec<(PathBuf, std::time::SystemTime)>>,
    draining: bool,
}

impl Instance {
    fn start(settings: Settings) -> Result<Self, Failed> {
        if let Err(error) = net::limits::harden() {
            settings.journal.warn("instance/not-hardened", &[("error", &error)]);
        }
        let environment =
            |what: &str, e: std::io::Error| Failed::Environment(format!("{what}: {e}"));
        let descriptors = net::limits::raise_descriptors()
            .map_err(|e| environment("cannot read the descriptor limit", e))?;
        settings.state.create().map_err(|e| {
            environment(
                &format!("cannot make the state directory `{}`", settings.state.path().display()),
                e,
            )
        })?;
        let keep =
            Keep::open(&settings.state, settings.store_key.as_deref(), Some(&settings.journal))
                .map_err(|e| Failed::Environment(e.to_string()))?;
        let loaded = load(&settings.source, settings.state.path(), &keep, 1, settings.style)
            .map_err(|rejected| Failed::Configuration(rejected.rendered))?;
        eprint!("{}", loaded.warnings);
        // Before there are other threads, which would stay free.
        if settings.confine {
            let reach = reach(&settings.source, &loaded.world.model, settings.state.path());
            confine(&reach, &settings.journal);
        }
        let key = settings
            .state
            .stickiness_key()
            .map_err(|e| environment("cannot keep the key of stickiness cookies", e))?;
        let core_count =
            settings.cores.unwrap_or_else(|| net::core::available_cores().len()).max(1);
        let mut kept =
            Kept::new(settings.journal.clone(), descriptors, key).map_err(Failed::Environment)?;
        let snapshot = Arc::new(
            kept.snapshot(
                &loaded.world,
                &loaded.certificates,
                &loaded.trust_stores,
                &loaded.target_tls,
                core_count,
            )
            .map_err(Failed::Environment)?,
        );
        let mut sockets = Sockets::with_inherited(net::systemd::inherited_listeners());
        let mut plan = sockets.plan(&loaded.world, core_count).map_err(|failures| {
            let lines: Vec<String> = failures.iter().map(ToString::to_string).collect();
            Failed::Environment(lines.join("\nerror: "))
        })?;
        let mut name_server = NameServer::new(core_count, settings.journal.clone());
        let names = name_server
            .prepare(&loaded.world, &keep.zone_book())
            .map_err(|failures| Failed::Environment(failures.join("\nerror: ")))?;
        let socket = settings.state.control_socket();
        let questions = admin::listen(&socket).map_err(|e| {
            environment(&format!("cannot listen on the control socket `{}`", socket.display()), e)
        })?;
        let fresh = plan.fresh().map(|(address, bound)| (address, &bound.duplicates[..]));
        let mut packet_filter = PacketFilter::of_state(settings.state.path());
        packet_filter.follow(&loaded.world, &settings.journal);
        let enforcement = filters::enforce(&loaded.world, packet_filter.firewall(), fresh);
        sockets.commit(&mut plan);
        let mut refused = RefusedClients::new();
        refused.follow(&loaded.world, &enforcement);
        let health = Health::new(&loaded.world, &snapshot.target_tls, settings.journal.clone());
        let board = health.board();
        let (visit, visits) = mpsc::channel(VISITS_MAX);
        let cores = spawn_cores(plan.opened, &snapshot, &board, &visit)
            .map_err(|e| environment("cannot start a core", e))?;
        name_server
            .publish(names, &loaded.world, &board)
            .map_err(|e| environment("cannot start a core of the name server", e))?;
        let now = net::clock::unix_seconds();
        let stamp = settings.watch.then(|| settings.source.stamp());
        let (store, stamps) = (loaded.certificates.clone(), loaded.stamps.clone());
        let certificates = Followed::new(store, stamps, Arc::clone(&keep.store));
        let records = keep.records();
        let (mut keeper, orders) = Keeper::new(records, settings.journal.clone(), &loaded.world);
        keeper.follow(&loaded.world);
        let mut instance = Instance {
            kept,
            keep,
            certificates,
            trust_stores: loaded.trust_stores.clone(),
            keeper,
            orders,
            visits,
            waiting: demand::Waiting::new(),
            name_server,
            sockets,
            enforcement,
            packet_filter,
            refused,
            told: Arc::new(Told::of(loaded)),
            explainers: Explainers::default(),
            snapshot,
            old: Vec::new(),
            health,
            cores,
            questions,
            started: now,
            configured: now,
            refused_reload: None,
            stamp,
            draining: false,
            settings,
        };
        instance.follow_on_demand();
        Ok(instance)
    }

    fn announce(&self, ready: impl FnOnce(&Ready)) {
        let journal = &self.settings.journal;
        for (address, enforcement) in &self.enforcement {
            if let Some(listener) = self.snapshot.world.listener_at(*address) {
                let listener = &self.model()[listener];
                let deny = self.model()[listener.load_balancer].deny;
                let load_balancer = &self.model()[listener.load_balancer].name;
                journal.info(
                    "listener/opened",
                    &[
                        ("address", &address),
                        ("listener", &format_args!("{load_balancer}.{}", listener.name)),
                        ("admission", &enforcement.describe(deny)),
                    ],
                );
            }
        }
        let development = self
            .model()
            .certificates
            .iter()
            .any(|c| c.source == model::CertificateSource::Development);
        let authority = tls::LocalAuthority::certificate_below(self.settings.state.path());
        ready(&Ready { authority: development.then_some(authority) });
        net::systemd::notify("READY=1");
    }

    fn model(&self) -> &Model {
        &self.snapshot.world.model
    }

    async fn live(&mut self) {
        let mut signals = Signals::new();
        let mut tick = tokio::time::interval(TICK);
        let mut rotation = tokio::time::interval(TICKET_ROTATION);
        rotation.tick().await;
        loop {
            tokio::select! {
                board = self.health.changed() => self.publish_health(board),
                Some(asked) = self.questions.recv() => self.answer(asked),
                Some(event) = self.orders.recv() => self.carry_out(event),
                Some(visit) = self.visits.recv() => self.visit(visit),
                event = signals.next() => match event {
                    Event::Reload => drop(self.reload(false)),
                    Event::ReopenLogs => self.kept.reopen_logs(),
                    Event::Stop => break,
                },
                _ = tick.tick() => self.housekeeping(),
                _ = rotation.tick() => self.kept.rotate_tickets(),
            }
        }
        self.drain(&mut signals).await;
    }

    fn publish_health(&mut self, board: Arc<Board>) {
        for core in &self.cores {
            let _ = core.commands.send(Command::Health(Arc::clone(&board)));
        }
        self.name_server.publish_health(&board);
    }

    fn housekeeping(&mut self) {
        self.old.retain(|snapshot| Arc::strong_count(snapshot) > 1);
        let stats: Vec<&StatsRegistry> = self.cores.iter().map(|core| &core.stats).collect();
        self.health.observe(&stats);
        self.look_at_refused(Pace::Leisurely);
        self.refused.report(&self.snapshot.world, &self.settings.journal);
        self.guard_again();
        self.follow_certificates();
        self.follow_trust_stores();
        self.keep_names();
        if self.stamp.is_some() {
            let now = self.settings.source.stamp();
            if self.stamp.as_ref() != Some(&now) {
                self.stamp = Some(now);
                drop(self.reload(false));
            }
        }
        if self.settings.live_line {
            crate::words::print_live_line(&self.status());
        }
    }

    /// Nothing new is accepted; requests may finish; a second signal ends it at once.
    async fn drain(&mut self, signals: &mut Signals) {
        self.draining = true;
        net::systemd::notify("STOPPING=1");
        self.settings.journal.info("instance/draining", &[]);
        for core in &self.cores {
            let _ = core.commands.send(Command::Drain);
        }
        // Our duplicates would keep the sockets open: clients would wait in a queue that nobody serves.
        self.sockets = Sockets::default();
        self.name_server.stop();
        let end = Instant::now() + DRAIN_LIMIT;
        while self.cores.iter().any(|core| !core.thread.is_finished()) && Instant::now() < end {
            tokio::select! {
                board = self.health.changed() => self.publish_health(board),
                Some(asked) = self.questions.recv() => self.answer(asked),
                Event::Stop = signals.next() => break,
                () = tokio::time::sleep(Duration::from_millis(20)) => {}
            }
        }
        self.kept.settle_logs();
        self.packet_filter.clear(&self.settings.journal);
        let _ = std::fs::remove_file(self.settings.state.control_socket());
        self.settings.journal.info("instance/stopped", &[]);
    }
}
