//! Laws that hold of any bytes from the network or an operator: each target is a function that
//! panics if its law is broken. `cargo test` runs them over the committed corpus; `cargo xtask fuzz`
//! searches for counterexamples (docs/fuzzing.md).

pub mod reader;

mod chunks;
mod configuration;
mod cookies;
mod hellos;
mod paths;
mod questions;
mod requests;
mod responses;
mod stream;

/// A law and its name, which is also the name of its corpus folder.
#[derive(Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    /// Longer inputs find nothing more.
    pub bytes_max: usize,
    pub check: fn(&[u8]),
}

pub const TARGETS: &[Target] = &[
    target("request", 2048, requests::check),
    target("response", 2048, responses::check),
    target("chunks", 1024, chunks::check),
    target("stream", 2048, stream::check),
    target("paths", 256, paths::check),
    target("cookies", 512, cookies::check),
    target("configuration", 2048, configuration::check),
    target("questions", 512, questions::check),
    target("hellos", 2048, hellos::check),
];

const fn target(name: &'static str, bytes_max: usize, check: fn(&[u8])) -> Target {
    Target { name, bytes_max, check }
}

pub fn target_named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
