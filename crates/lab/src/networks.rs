//! The lab (`pointsman lab`): the networks, instances and load balancers of a configuration as Linux
//! network namespaces, with the program serving in one of them. No packet leaves them.
//!
//! A *plan* is a value that says who has which addresses; *build* makes it of namespaces; *hold* keeps
//! it; *up*, *exec* and *probe* are what a person does. Nothing is decided here: names, routes and
//! admission are asked of `explain`, `verdict` and `world`.

mod applications;
mod ask;
mod build;
mod exec;
mod failed;
mod guard;
mod hold;
mod hosts;
mod node;
mod plan;
mod probe;
mod router;
mod serve;
mod state;
mod up;

#[cfg(test)]
mod tests;

pub use ask::answer;
pub use exec::exec;
pub use failed::LabFailed;
pub use hold::{Hold, hold};
pub use probe::{Finding, probe};
pub use serve::{Serve, serve};
pub use state::{Folder, PlaceState, Running};
pub use up::{Up, down, running, up};
