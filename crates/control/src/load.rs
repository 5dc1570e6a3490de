//! From text to a compiled World and its TLS, or to everything that is wrong with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use config::{RealEnvironment, Sources, Style};
use explain::Surveyed;
use model::{CertificateId, CertificateSource, Finding, Model, Severity};
use tls::CertificateStore;
use world::World;

use crate::expectations::{self, Broken};
use crate::explaining::Certificates;

/// Where the configuration comes from; read again at each reload.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file, a directory, or `-`.
    Path(PathBuf),
    /// Made from a command line.
    Text { name: String, text: String },
}

/// A configuration that is not served, and why.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// For the terminal.
    pub rendered: String,
}

/// Everything that can be made of a configuration without touching sockets.
pub struct Loaded {
    pub sources: Sources,
    pub world: Arc<World>,
    pub certificates: CertificateStore,
    /// What was found out while it was examined.
    pub examined: Examined,
    /// Warnings, rendered; empty if there are none.
    pub warnings: String,
}

/// A model that was compiled and looked at from every side.
pub struct Examined {
    pub world: Arc<World>,
    /// The same, for questions.
    pub surveyed: Surveyed,
    pub certificates: Certificates,
    /// Without those of `broken`.
    pub findings: Vec<Finding>,
    pub broken: Vec<Broken>,
}

/// Reads, parses, loads certificates, lints and compiles. All problems are reported together.
pub fn load(
    source: &Source,
    state: &Path,
    generation: u64,
    style: Style,
) -> Result<Loaded, Rejected> {
    let sources = match source {
        Source::Path(path) => Sources::load(path).map_err(|findings| Rejected {
            rendered: config::render(&Sources::default(), &findings, style),
        })?,
        Source::Text { name, text } => Sources::single(name, text),
    };
    let (model, mut findings) = config::parse(&sources, &RealEnvironment);
    let rejected =
        |findings: &[Finding]| Rejected { rendered: config::render(&sources, findings, style) };
    if has_errors(&findings) {
        return Err(rejected(&findings));
    }
    let now = net::clock::unix_seconds();
    let (certificates, problems) = CertificateStore::load(&model.certificates, state, now);
    findings.extend(problems);
    let mut examined = judge(model, &certificates, generation, now);
    findings.append(&mut examined.findings);
    if has_errors(&findings) {
        return Err(rejected(&findings));
    }
    findings.extend(examined.broken.iter().map(|broken| broken.finding.clone()));
    let warnings = match findings.is_empty() {
        true => String::new(),
        false => config::render(&sources, &findings, style),
    };
    let world = Arc::clone(&examined.world);
    Ok(Loaded { sources, world, certificates, examined, warnings })
}

/// What `check` says beyond [`config::parse`]: certificates, lints and expectations, without touching
/// a socket or making anything.
pub fn examine(model: Model) -> Examined {
    let now = net::clock::unix_seconds();
    let (store, mut findings) = CertificateStore::check(&model.certificates, now);
    let mut examined = judge(model, &store, 1, now);
    findings.append(&mut examined.findings);
    Examined { findings, ..examined }
}

fn judge(model: Model, store: &CertificateStore, generation: u64, now: i64) -> Examined {
    let mut findings = lint(&model, store);
    let certificates = Certificates::of(&model, store, now);
    let world = Arc::new(world::compile(model, generation));
    let surveyed = Surveyed::new(Arc::clone(&world));
    let (broken, not_proved) = expectations::proved(&surveyed, &certificates, now);
    findings.extend(not_proved);
    Examined { world, surveyed, certificates, findings, broken }
}

fn lint(model: &Model, certificates: &CertificateStore) -> Vec<Finding> {
    let names = |id: CertificateId| match (&model[id].source, certificates.get(id)) {
        (_, Some(identity)) => Some(identity.facts.names.clone()),
        (CertificateSource::Development, None) if model[id].names.is_empty() => {
            Some(tls::DEVELOPMENT_NAMES.map(str::to_owned).to_vec())
        }
        (CertificateSource::Development, None) => Some(model[id].names.clone()),
        (CertificateSource::Files { .. }, None) => None,
    };
    world::lint(model, &names)
}

fn has_errors(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}
