//! From text to a compiled World and its TLS, or to everything that is wrong with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use config::{RealEnvironment, Sources, Style};
use explain::Surveyed;
use model::{CertificateId, CertificateSource, Finding, Model, Severity};
use tls::{CertificateStore, Shelf, TlsOfGroups, TrustStores};
use world::World;

use crate::certificates::Stamps;
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

impl Source {
    /// Names and times of change of its files.
    pub fn stamp(&self) -> Vec<(PathBuf, std::time::SystemTime)> {
        let Source::Path(path) = self else { return Vec::new() };
        let mut files = vec![path.clone()];
        if let Ok(entries) = std::fs::read_dir(path) {
            files.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
        }
        files.sort();
        let changed =
            |file: PathBuf| Some((file.clone(), std::fs::metadata(&file).ok()?.modified().ok()?));
        files.into_iter().filter_map(changed).collect()
    }
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
    /// From before they were read.
    pub stamps: Stamps,
    pub trust_stores: TrustStores,
    pub target_tls: TlsOfGroups,
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
    /// All that is not silenced, without those of `broken`.
    pub findings: Vec<Finding>,
    pub broken: Vec<Broken>,
}

/// Reads, parses, loads certificates, lints and compiles. All problems are reported together.
pub fn load(
    source: &Source,
    state: &Path,
    shelf: &dyn Shelf,
    generation: u64,
    style: Style,
) -> Result<Loaded, Rejected> {
    let sources = match source {
        Source::Path(path) => Sources::load(path).map_err(|findings| Rejected {
            rendered: config::render(&Sources::default(), &findings, style),
        })?,
        Source::Text { name, text } => Sources::single(name, text),
    };
    let (model, findings) = config::parse(&sources, &RealEnvironment);
    let rejected =
        |findings: &[Finding]| Rejected { rendered: config::render(&sources, findings, style) };
    if has_errors(&findings) {
        return Err(rejected(&findings));
    }
    let now = net::clock::unix_seconds();
    let stamps = Stamps::of(&model);
    let (certificates, problems) = CertificateStore::load(&model.certificates, state, shelf, now);
    let (trust_stores, distrusted) = TrustStores::load(&model.trust_stores, now);
    let (target_tls, unproved) = TlsOfGroups::load(&model.target_groups)
        .map_err(|error| Rejected { rendered: format!("error: {error}\n") })?;
    let found = [findings, problems, distrusted, unproved].concat();
    let examined = judge(model, found, &certificates, generation, now);
    if has_errors(&examined.findings) {
        return Err(rejected(&examined.findings));
    }
    let broken = examined.broken.iter().map(|broken| broken.finding.clone());
    let findings: Vec<Finding> = examined.findings.iter().cloned().chain(broken).collect();
    let warnings = match findings.is_empty() {
        true => String::new(),
        false => config::render(&sources, &findings, style),
    };
    let world = Arc::clone(&examined.world);
    Ok(Loaded {
        sources,
        world,
        certificates,
        trust_stores,
        target_tls,
        stamps,
        examined,
        warnings,
    })
}

/// What `check` says: to what [`config::parse`] found come certificates, lints and expectations,
/// without touching a socket or making anything.
pub fn examine(model: Model, findings: Vec<Finding>) -> Examined {
    let now = net::clock::unix_seconds();
    let (store, problems) = CertificateStore::check(&model.certificates, now);
    let (_, distrusted) = TrustStores::load(&model.trust_stores, now);
    let unproved = TlsOfGroups::load(&model.target_groups).map_or(Vec::new(), |(_, found)| found);
    judge(model, [findings, problems, distrusted, unproved].concat(), &store, 1, now)
}

/// The one place that findings of every kind pass, so that a silence holds for all of them.
fn judge(
    model: Model,
    mut findings: Vec<Finding>,
    store: &CertificateStore,
    generation: u64,
    now: i64,
) -> Examined {
    findings.extend(lint(&model, store));
    let certificates = Certificates::of(&model, store, now);
    let world = Arc::new(world::compile(model, generation));
    findings.extend(world::issuance::lint(&world));
    let surveyed = Surveyed::new(Arc::clone(&world));
    let (doubts, broken) = expectations::proved(&surveyed.atlas(), &certificates, now);
    findings.extend(doubts);
    let findings = world::unsilenced(&world.model.silences, findings);
    Examined { world, surveyed, certificates, findings, broken }
}

fn lint(model: &Model, certificates: &CertificateStore) -> Vec<Finding> {
    let on_demand = |id: CertificateId| match &model[id].source {
        CertificateSource::Authority(ordered) => ordered.on_demand.as_ref(),
        CertificateSource::Files { .. }
        | CertificateSource::Development
        | CertificateSource::Imported => None,
    };
    let names = |id: CertificateId| match (&model[id].source, certificates.get(id)) {
        // What stands in for those that are ordered when a client comes covers none.
        _ if on_demand(id).is_some() => on_demand(id).map(|declared| declared.names.clone()),
        (_, Some(identity)) => Some(identity.facts.names.clone()),
        (CertificateSource::Development, None) if model[id].names.is_empty() => {
            Some(tls::DEVELOPMENT_NAMES.map(str::to_owned).to_vec())
        }
        (CertificateSource::Development | CertificateSource::Authority(_), None) => {
            Some(model[id].names.clone())
        }
        (CertificateSource::Imported, None) if !model[id].names.is_empty() => {
            Some(model[id].names.clone())
        }
        (CertificateSource::Files { .. } | CertificateSource::Imported, None) => None,
    };
    world::lint(model, &names)
}

fn has_errors(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}
