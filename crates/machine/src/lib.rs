//! State machines without I/O: what `control` and the cores must remember between events.
//!
//! Inputs are `handle_*`, outputs `poll_*`. Time is a [`std::time::Duration`] since an origin of
//! the caller's choice, always the same one; draws and nonces are arguments.
//!
//! This crate must not know sockets, clocks, random numbers, tasks or logs. Start at [`health`],
//! which decides the states that [`board`] carries to the cores.

pub mod board;
pub mod health;

pub mod order;
pub mod renewal;

pub mod anomaly;
pub mod drain;
pub mod slow_start;

pub mod stickiness;

pub mod hash;
