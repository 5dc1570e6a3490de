//! The threads that serve.

use std::sync::Arc;
use std::thread::JoinHandle;

use machine::board::Board;
use proxy::{Command, Core, Snapshot, Start, StatsRegistry};
use signal::{CoreCounters, Handover};
use tokio::sync::mpsc;

/// Control's end of a core.
pub struct CoreHandle {
    pub commands: mpsc::UnboundedSender<Command>,
    pub thread: JoinHandle<()>,
    pub counters: Arc<CoreCounters>,
    pub stats: StatsRegistry,
    pub refused: Handover,
}

/// Starts a core for each list of sockets.
pub fn spawn_cores(
    opened: Vec<Vec<proxy::Opened>>,
    snapshot: &Arc<Snapshot>,
    board: &Arc<Board>,
    visits: &mpsc::Sender<proxy::Visit>,
) -> std::io::Result<Vec<CoreHandle>> {
    let spawn = |(index, opened)| {
        let (commands, receiver) = mpsc::unbounded_channel();
        let counters = Arc::new(CoreCounters::default());
        let stats = StatsRegistry::default();
        let refused = Handover::default();
        let start = Start {
            index,
            visits: visits.clone(),
            snapshot: Arc::clone(snapshot),
            board: Arc::clone(board),
            opened,
            counters: Arc::clone(&counters),
            stats: stats.clone(),
            refused: refused.clone(),
            commands: receiver,
        };
        let name = format!("core-{index}");
        let thread = net::core::spawn_core(None, &name, move || Core::run(start))?;
        Ok(CoreHandle { commands, thread, counters, stats, refused })
    };
    opened.into_iter().enumerate().map(spawn).collect()
}
