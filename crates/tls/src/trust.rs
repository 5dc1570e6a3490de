//! Having a machine and its browsers trust the development authority, and taking that back.
//!
//! Every change is told, with how it is undone; what is as it should be is left alone; what a user may
//! not do is told with the command that does it.

mod browsers;
mod system;

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::authority::AUTHORITY_NAME;
use crate::facts;

/// Trust stores are administered by root, in folders that others cannot write.
const PRIVILEGES: [io::ErrorKind; 2] =
    [io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem];

/// Where the trust stores of a machine are.
#[derive(Clone, Debug)]
pub struct Machine {
    /// `/`; tests have one of their own, which nothing outside of is changed.
    pub root: PathBuf,
    /// Of the person whose browsers are meant.
    pub home: Option<PathBuf>,
    /// Folders with programs, as in `$PATH`.
    pub programs: Vec<PathBuf>,
}

/// The certificate that is to be trusted.
#[derive(Clone, Debug)]
pub struct Anchor {
    /// PEM.
    pub path: PathBuf,
    pem: String,
    /// `Pointsman development authority 1a2b3c4d`.
    name: String,
}

/// Whether something is done, or only told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Carry,
    Rehearse,
}

/// What is taken away.
#[derive(Clone, Debug)]
pub enum Removal<'a> {
    One(&'a Anchor),
    /// Every authority of this kind, whichever instance made it.
    All,
}

/// What became of one trust store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// `system`, or a browser's folder.
    pub store: String,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Changed {
        what: Vec<String>,
        /// `None`: it was a removal.
        undo: Option<String>,
    },
    /// Nothing was to be done.
    AsItShouldBe(String),
    /// Only root may.
    NeedsRoot(String),
    /// A person has to.
    Cannot { what: String, hint: String },
}

impl Outcome {
    pub fn is_done(&self) -> bool {
        match self {
            Outcome::Changed { .. } | Outcome::AsItShouldBe(_) => true,
            Outcome::NeedsRoot(_) | Outcome::Cannot { .. } => false,
        }
    }
}

/// Why the certificate of an authority cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    #[error("cannot read `{path}`", path = .path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("`{path}` is no certificate of a development authority", path = .path.display())]
    Foreign { path: PathBuf },
}

/// Adds an authority to every trust store of the machine.
pub fn trust(anchor: &Anchor, machine: &Machine, mode: Mode) -> Vec<Step> {
    let mut steps =
        vec![Step { store: "system".into(), outcome: system::add(anchor, machine, mode) }];
    steps.extend(browsers::add(anchor, machine, mode));
    steps
}

/// Takes it out again.
pub fn untrust(removal: &Removal<'_>, machine: &Machine, mode: Mode) -> Vec<Step> {
    let outcome = system::remove(removal, machine, mode);
    let mut steps = vec![Step { store: "system".into(), outcome }];
    steps.extend(browsers::remove(removal, machine, mode));
    steps
}

// === impl Anchor ===

impl Anchor {
    pub fn read(path: &Path) -> Result<Anchor, AnchorError> {
        let unreadable = |source| AnchorError::Unreadable { path: path.to_owned(), source };
        let pem = std::fs::read_to_string(path).map_err(unreadable)?;
        let foreign = || AnchorError::Foreign { path: path.to_owned() };
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| foreign())?;
        let name = facts::common_name(&der).filter(|name| is_ours(name)).ok_or_else(foreign)?;
        Ok(Anchor { path: path.to_owned(), pem, name })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// What tells it from other authorities of its kind.
    fn id(&self) -> &str {
        self.name.rsplit(' ').next().unwrap_or_default()
    }
}

/// A name that a development authority gives itself: it becomes a file's name, and an argument.
fn is_ours(name: &str) -> bool {
    let id = name.strip_prefix(AUTHORITY_NAME).and_then(|rest| rest.strip_prefix(' '));
    id.is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

// === impl Machine ===

impl Machine {
    /// This one, for the person who runs the program.
    pub fn this(variable: impl Fn(&str) -> Option<String>) -> Machine {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let mut programs: Vec<PathBuf> =
            set("PATH").map_or_else(Vec::new, |path| std::env::split_paths(&path).collect());
        // Administration's programs are not always on a user's path.
        programs.extend(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from));
        Machine { root: PathBuf::from("/"), home: set("HOME").map(PathBuf::from), programs }
    }

    fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }

    fn program(&self, name: &str) -> Option<PathBuf> {
        self.programs.iter().map(|folder| folder.join(name)).find(|program| program.is_file())
    }
}

/// Runs a program to its end; what it said is told if it failed.
fn run(program: &Path, arguments: &[&OsStr]) -> Result<String, String> {
    let failed = |text: &dyn fmt::Display| format!("`{}` failed: {text}", program.display());
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(&error))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(failed(&said.trim().lines().last().unwrap_or("it said nothing")))
        }
    }
}

/// What an error at a file of a store means for the person.
fn refused(error: &io::Error, what: &str) -> Outcome {
    match PRIVILEGES.contains(&error.kind()) {
        true => Outcome::NeedsRoot(what.to_owned()),
        false => Outcome::Cannot {
            what: format!("{what}: {error}"),
            hint: "see whether its folder is in order".into(),
        },
    }
}

#[cfg(test)]
mod tests;
