//! From text to a compiled World and its TLS, or to everything that is wrong with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use config::{RealEnvironment, Sources, Style};
use model::{CertificateId, CertificateSource, Finding, Model, Severity};
use tls::CertificateStore;
use world::World;

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
    pub world: Arc<World>,
    pub certificates: CertificateStore,
    /// Warnings, rendered; empty if there are none.
    pub warnings: String,
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
    let mut certificates = CertificateStore::default();
    if !has_errors(&findings) {
        let (store, problems) =
            CertificateStore::load(&model.certificates, state, net::clock::unix_seconds());
        findings.extend(problems);
        findings.extend(lint(&model, &store));
        certificates = store;
    }
    let rendered = match findings.is_empty() {
        true => String::new(),
        false => config::render(&sources, &findings, style),
    };
    if has_errors(&findings) {
        return Err(Rejected { rendered });
    }
    let world = Arc::new(world::compile(model, generation));
    Ok(Loaded { world, certificates, warnings: rendered })
}

/// What `check` says beyond [`config::parse`]: certificates and lints, without touching a socket or
/// making anything.
pub fn examine(model: &Model) -> Vec<Finding> {
    let (store, mut findings) =
        CertificateStore::check(&model.certificates, net::clock::unix_seconds());
    findings.extend(lint(model, &store));
    findings
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
