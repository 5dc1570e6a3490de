//! Why a verb of the lab did not do what it should.

use std::fmt;
use std::io;

use super::build::BuildError;

#[derive(Debug)]
pub enum LabFailed {
    /// The configuration; rendered.
    Configuration(String),
    /// The kernel refused namespaces.
    NotAllowed {
        error: io::Error,
        hints: Vec<String>,
    },
    /// A lab is up already.
    Running {
        holder: u32,
        file: String,
    },
    /// No lab is up.
    NotRunning,
    /// What was asked for is not there.
    Unknown {
        what: String,
        hint: String,
    },
    Build(BuildError),
    /// The holder said why it gave up.
    Holder(String),
    Io(&'static str, io::Error),
}

impl LabFailed {
    /// Whether the person can mend it by asking otherwise, or by another machine's settings.
    pub fn is_usage(&self) -> bool {
        match self {
            LabFailed::Configuration(_)
            | LabFailed::NotAllowed { .. }
            | LabFailed::Running { .. }
            | LabFailed::NotRunning
            | LabFailed::Unknown { .. } => true,
            LabFailed::Build(_) | LabFailed::Holder(_) | LabFailed::Io(..) => false,
        }
    }

    pub fn hints(&self) -> Vec<String> {
        match self {
            LabFailed::NotAllowed { hints, .. } => hints.clone(),
            LabFailed::Running { .. } => {
                vec!["end it with `pointsman lab down`, or give another `--state DIR`".to_owned()]
            }
            LabFailed::NotRunning => {
                vec!["start one with `pointsman lab up FILE`; give the same `--state`".to_owned()]
            }
            LabFailed::Unknown { hint, .. } => vec![hint.clone()],
            LabFailed::Configuration(_)
            | LabFailed::Build(_)
            | LabFailed::Holder(_)
            | LabFailed::Io(..) => Vec::new(),
        }
    }
}

impl fmt::Display for LabFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LabFailed::Configuration(rendered) => f.write_str(rendered.trim_end()),
            LabFailed::NotAllowed { error, .. } => {
                write!(f, "this user may not make networks on this machine: {error}")
            }
            LabFailed::Running { holder, file } => {
                write!(f, "a lab of `{file}` is up already, held by process {holder}")
            }
            LabFailed::NotRunning => f.write_str("no lab is up"),
            LabFailed::Unknown { what, .. } => f.write_str(what),
            LabFailed::Build(error) => write!(f, "cannot {}: {}", error.what, error.error),
            LabFailed::Holder(text) => f.write_str(text),
            LabFailed::Io(what, error) => write!(f, "cannot {what}: {error}"),
        }
    }
}

impl std::error::Error for LabFailed {}

pub fn io(what: &'static str) -> impl FnOnce(io::Error) -> LabFailed {
    move |error| LabFailed::Io(what, error)
}
