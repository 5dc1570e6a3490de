//! What happened: one struct per event, and the sinks it goes to.
//!
//! A core appends lines to its own buffer and counts in its own counters; a thread of each log does
//! the writing. When a disk is full or slow, requests go on, and lost lines are counted.
//!
//! This crate must not know why something happened, nor HTTP beyond the words it logs.
//! Start at [`RequestEvent`] and [`AccessLog`].

mod connection;
mod counters;
mod journal;
mod line;
mod log;
mod names;
mod refused;
mod request;

pub use connection::{ClientCertificateFields, ConnectionEvent, Passed, VerifyStatus};
pub use counters::{CoreCounters, TargetCounters};
pub use journal::{Fields, Format, Journal, Level};
pub use log::{AccessLog, ConnectionLog, CoreConnectionLog, CoreLog};
pub use names::{DnsCounters, DnsCounts};
pub use refused::{Handover, Refused, Tally};
pub use request::{Actions, Kind, RequestEvent, TransformStatus};
