//! The only crate whose source opens sockets, reads clocks, draws random numbers and holds `unsafe`.
//!
//! It must not know HTTP, the configuration, or what a decision means: it is told addresses and
//! ranges. Start at [`listen`], [`stream`] and [`datagram`], then [`filter`] for admission in the kernel and
//! [`attempts`] for who was turned away there.

pub mod datagram;
pub mod listen;
pub mod stream;

pub mod attempts;
pub mod exchange;
pub mod filter;
pub mod splice;

pub mod clock;
pub mod confine;
pub mod core;
pub mod limits;
mod options;

pub mod namespace;
pub mod netlink;
pub mod random;
pub mod resolve;
pub mod systemd;
pub mod terminal;
pub mod unix;
