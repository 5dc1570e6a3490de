//! Threads that are cores.

use std::thread::JoinHandle;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Many small reads a turn, before the kernel is asked for more.
        .event_interval(61)
        .build()?;
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        if let Some(cpu) = cpu {
            let mut set = CpuSet::new();
            set.set(cpu);
            // Another processor serves as well.
            let _ = sched_setaffinity(None, &set);
        }
        tokio::task::LocalSet::new().block_on(&runtime, async move { make().await });
    })
}
