//! The configuration language: HCL syntax, our schema, every problem in one run.
//!
//! Text is split at its top-level blocks, so that one that cannot be parsed does not hide the
//! others (DECISIONS 28); each is parsed by `hcl-edit`, which keeps spans; the schema is read from
//! that tree into [`model::Model`]. It must not touch a socket, and reads the environment and files
//! only through [`Environment`].
//!
//! Start at [`parse`].

mod application;
mod authority;
mod blocks;
mod certificate;
pub mod edit;
mod environment;
mod expand;
mod format;
mod group;
mod intent;
mod listener;
mod load_balancer;
mod names;
mod nginx;
mod on_demand;
mod passing;
mod policy;
mod record;
mod render;
mod rule;
mod section;
mod security_group;
mod silence;
mod site;
mod sources;
mod split;
mod suggest;
mod syntax;
mod trust;
mod value;
mod wire;
mod zone;

pub use environment::{Environment, RealEnvironment};
pub use expand::expand;
pub use format::format;
pub use render::{Style, render};
pub use sources::{Source, Sources};
pub use wire::presentation;

use model::{Finding, Model};

/// The model, and everything that is wrong or doubtful. The model is only to be used if no finding
/// is an error.
pub fn parse(sources: &Sources, environment: &dyn Environment) -> (Model, Vec<Finding>) {
    let mut findings = Vec::new();
    let files = syntax::parse(sources, &mut findings);
    let model = blocks::read(&files, environment, &mut findings);
    findings.sort_by(|a, b| a.place.cmp(&b.place).then(b.severity.cmp(&a.severity)));
    findings.dedup();
    (model, findings)
}
