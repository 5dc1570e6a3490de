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

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::Path;

use explain::{Atlas, Request, addresses};
use model::Url;
use world::World;

pub(crate) use hosts::with_facts;
pub(crate) use node::first_in;

pub use applications::Listening;
pub use ask::{Asking, Job, Redirects, answer, ask_all};
pub use exec::exec;
pub use failed::LabFailed;
pub use hold::{Hold, hold};
pub use probe::probe;
pub use serve::{Serve, serve};
pub use state::{Folder, PlaceState, Running};
pub use up::{Up, down, read, running, up};

/// The place and the address of every application that a lab of this World would start.
pub fn applications(world: &World) -> Result<Vec<(String, Listening)>, String> {
    let nodes = plan::plan(world)?.nodes.into_iter();
    let of_node = |node: node::Node| {
        let name = node.name.clone();
        node.applications.into_iter().map(move |one| (name.clone(), one))
    };
    Ok(nodes.flat_map(of_node).collect())
}

/// With which arguments the program is such an application.
pub fn application_arguments(listening: &Listening, file: &Path, state: &Path) -> Vec<OsString> {
    serve::arguments(listening, file, state)
}

/// Where the name of an address leads this client, of its own family.
pub fn address_of(world: &World, url: &Url, client: IpAddr) -> Option<IpAddr> {
    let atlas = Atlas::of(world);
    let request = Request::get(url.clone());
    let clients = atlas.clients(client);
    let of = |client| hosts::with_facts(world, |f| addresses(world, f, &request.ask(client)));
    clients.iter().flat_map(of).flatten().next()
}
