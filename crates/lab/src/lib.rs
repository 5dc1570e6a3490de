//! The lab: declared networks as real ones, in namespaces of one process tree; and the demos, the two
//! stories with real parts.
//!
//! In a demo every part is a process of its own that speaks over real sockets: an app, front servers, load
//! balancers, and clients in different networks. Nothing is scripted but who is started and killed,
//! and which questions are asked.
//!
//! This crate must not decide anything about a request. Start at [`play`] and [`networks`].

mod app;
mod client;
mod gateway_502;
mod observe;
mod stage;
mod works_on_my_machine;

pub mod networks;

use std::path::PathBuf;

pub use app::serve_app;
pub use observe::{Call, Observed, observe};
pub use stage::{Failed, Pace};

/// A demo that can be played.
#[derive(Clone, Copy, Debug)]
pub struct Demo {
    pub name: &'static str,
    pub summary: &'static str,
    play: fn(&mut stage::Stage) -> Result<(), Failed>,
}

pub const DEMOS: &[Demo] = &[
    Demo {
        name: "gateway-502",
        summary: "502 Bad Gateway: whose is it? The app's front server's, or the load balancer's own",
        play: gateway_502::play,
    },
    Demo {
        name: "works-on-my-machine",
        summary: "the page works on every PC in the office and on no phone: a security group",
        play: works_on_my_machine::play,
    },
];

/// What a demo needs to know of the program it belongs to.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The `pointsman` executable, which plays every part.
    pub program: PathBuf,
    pub pace: Pace,
    /// Whether this process lives in a network namespace of its own, where the kernel can drop.
    pub private_network: bool,
}

/// Plays a demo to its end and cleans up, also when it fails.
pub fn play(demo: &Demo, setting: Setting) -> Result<(), Failed> {
    let mut stage = stage::Stage::open(setting)?;
    (demo.play)(&mut stage)
}
