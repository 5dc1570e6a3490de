//! Importing an nginx configuration: `server`, `listen`, `server_name`, `location`, `return`,
//! `rewrite`, `if`, `set`, `proxy_pass`, `try_files` and `error_page` become
//! [`model::application`]; what cannot change an answer is passed over; everything else is kept as
//! not understood, so that no answer is claimed that it could change.

mod http;
mod known;
mod listen;
mod location;
mod proxy;
mod rewrite;
mod tokens;
mod tree;
mod value;

use std::path::Path;

use model::application::{NotUnderstood, VirtualServer};
use model::{Place, Seconds};

use crate::environment::Environment;

/// What was read.
pub struct Imported {
    pub servers: Vec<VirtualServer>,
    /// The shortest `keepalive_timeout` of its servers.
    pub keep_alive: Option<Seconds>,
    /// Every directive that was not understood, in order.
    pub not_understood: Vec<NotUnderstood>,
}

/// Why it cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub place: Place,
    /// Lower case, user input in backticks.
    pub message: String,
}

impl Problem {
    fn new(place: &Place, message: impl Into<String>) -> Self {
        Problem { place: place.clone(), message: message.into() }
    }
}

/// Reads `name` and what it includes, relative to `folder`.
pub fn import(
    environment: &dyn Environment,
    folder: &Path,
    name: &str,
) -> Result<Imported, Problem> {
    http::read(&tree::load(environment, folder, name)?)
}
