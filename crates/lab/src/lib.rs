//! The lab: declared networks as real ones, in namespaces of one process tree; real packets from this
//! machine, to hold an explanation against; and the demos, stories with real parts.
//!
//! In a demo every part is a process of its own that speaks over real sockets: an app, front servers, load
//! balancers, and clients in different networks. Nothing is scripted but who is started and killed,
//! and which questions are asked.
//!
//! This crate must not decide anything about a request. Start at [`networks`], [`live`] and
//! [`play`].

mod app;
mod client;
mod expectations;
mod observe;
mod stories;
mod theatre;

pub mod live;
pub mod networks;

use std::path::PathBuf;
use std::{fmt, io};

use theatre::Theatre;

pub use app::serve_app;
pub use expectations::{Finding, FindingResult};
pub use observe::{Call, Trusts, observe};
pub use stories::DEMOS;

/// A demo that can be played.
#[derive(Clone, Copy, Debug)]
pub struct Demo {
    pub name: &'static str,
    pub summary: &'static str,
    pub(crate) shop: fn() -> String,
    pub(crate) play: fn(&mut Theatre) -> Result<(), Failed>,
}

/// Who turns the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Nobody: play to the end.
    Unattended,
    /// The person at the keyboard.
    Keyboard,
}

/// What a demo needs to know of the program it belongs to.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The `pointsman` executable, which plays every part.
    pub program: PathBuf,
    pub pace: Pace,
}

/// Why a demo did not play to its end.
#[derive(Debug)]
pub enum Failed {
    Io(&'static str, io::Error),
    NotReady {
        part: String,
        output: String,
    },
    /// The story went otherwise than it should.
    Unexpected {
        asked: String,
        expected: String,
        seen: String,
    },
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failed::Io(what, error) => write!(f, "cannot {what}: {error}"),
            Failed::NotReady { part, output } => {
                write!(f, "waited in vain for {part}\n{output}")
            }
            Failed::Unexpected { asked, expected, seen } => {
                write!(f, "{asked}: expected {expected}, saw {seen}")
            }
        }
    }
}

impl std::error::Error for Failed {}

/// Plays a demo to its end and cleans up, also when it fails.
pub fn play(demo: &Demo, setting: &Setting) -> Result<(), Failed> {
    println!("{}", demo.summary);
    let mut theatre = Theatre::open(setting, &(demo.shop)())?;
    if !theatre.is_lab() {
        theatre.tell("(This machine allows no network namespaces: every network is an address of 127/8 here, and");
        theatre.tell(
            "who is refused connects and hears nothing, where in the cloud the attempt times out.)",
        );
    }
    (demo.play)(&mut theatre)
}
