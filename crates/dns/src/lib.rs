//! The authoritative server: messages in and out, UDP and TCP a core, signatures, transfers.
//!
//! Every answer is a decision of `verdict`; this crate must not choose one.

pub mod client;
