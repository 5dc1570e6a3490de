//! The data plane: one core with its listeners, connections, target pools, buffers and counters.
//!
//! A core is one thread with one single-threaded runtime. It takes no lock and shares no cache line
//! on the request path: whole [`Snapshot`]s come in, whole counters go out (HOUSE.md). It decides
//! nothing itself: it feeds facts from sockets to `verdict::journey`.
//!
//! This crate must not know the configuration language or where a [`Snapshot`] comes from.
//! Start at [`Core`], then `accept`, `connection`, `exchange`, `forward`.

mod accept;
mod answer;
mod buffers;
mod connection;
mod core;
mod exchange;
mod facts;
mod forward;
mod live;
mod pass;
mod pump;
mod record;
mod relay;
mod stream;
mod target;
mod timer;
mod tunnel;
mod visit;

pub use crate::core::{Applied, Command, Core, Opened, Start, StatsRegistry, Visit};
pub use live::{ListenerTls, Snapshot};
