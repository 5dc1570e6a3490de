//! Threads that are cores.

use std::thread::JoinHandle;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::runtime::{LocalOptions, LocalRuntime};

/// The processors that this process may use: the inherited mask (DECISIONS 25).
pub fn available_cores() -> Vec<usize> {
    match sched_getaffinity(None) {
        Ok(set) => (0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect(),
        Err(_) => (0..std::thread::available_parallelism().map_or(1, usize::from)).collect(),
    }
}

/// Runs a future and its local tasks on a thread and single-threaded runtime of its own, on the
/// processor `cpu` if given. The thread ends with the future.
pub fn spawn_core<F: Future<Output = ()>>(
    cpu: Option<usize>,
    name: &str,
    make: impl FnOnce() -> F + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        if let Some(cpu) = cpu {
            let mut set = CpuSet::new();
            set.set(cpu);
            // Another processor serves as well.
            let _ = sched_setaffinity(None, &set);
        }
        // A local runtime belongs to the thread that makes it.
        let runtime = match local_runtime() {
            Ok(runtime) => runtime,
            Err(error) => return drop(tell.send(Err(error))),
        };
        if tell.send(Ok(())).is_ok() {
            runtime.block_on(async move { make().await });
        }
    })?;
    told.recv().unwrap_or_else(|_| Err(std::io::ErrorKind::BrokenPipe.into()))?;
    Ok(thread)
}

/// Does something long on a thread that yields to the cores, and waits for it.
pub fn yielding<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            yield_to_cores();
            work()
        });
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// As [`yielding`], and nobody waits for it.
pub fn yielding_alone(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let work = move || {
        yield_to_cores();
        work();
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

fn yield_to_cores() {
    /// Of `nice`: a tenth of the share of a thread that serves.
    const NICE: i32 = 10;
    // On Linux it is the thread's; where it may not be lowered, the work is done as it is.
    let _ = rustix::process::setpriority_process(None, NICE);
}

fn local_runtime() -> std::io::Result<LocalRuntime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Many small reads a turn, before the kernel is asked for more.
        .event_interval(61)
        .build_local(LocalOptions::default())
}
